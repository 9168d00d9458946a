/*
 * Copying between strided views; see nd_copy.h.
 */
#include "ops/nd_copy.h"

#include <string.h>

#include "ops/grid.h"

void gft_nd_copy_init(gft_nd_copy *c, const graft_shape *shape, const int64_t *from_step,
                      int64_t from_start, const int64_t *to_step, int64_t to_start, size_t bytes) {
    memset(c, 0, sizeof *c);
    c->bytes = bytes;
    c->from_start = from_start;
    c->to_start = to_start;
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == 1)
            continue;
        int32_t k = c->rank - 1;
        if (k >= 0 && c->from_step[k] == from_step[i] * shape->dims[i] &&
            c->to_step[k] == to_step[i] * shape->dims[i]) {
            c->dims[k] *= shape->dims[i];
        } else {
            k = c->rank++;
            c->dims[k] = shape->dims[i];
        }
        c->from_step[k] = from_step[i];
        c->to_step[k] = to_step[i];
    }
    if (c->rank == 0) {
        c->rank = 1;
        c->dims[0] = 1;
        c->from_step[0] = c->to_step[0] = 1;
    }
    c->rows = 1;
    for (int32_t i = 0; i < c->rank - 1; i++)
        c->rows *= c->dims[i];
    c->rows_per_task = gft_grid_rows(c->dims[c->rank - 1]);
}

int64_t gft_nd_copy_tasks(const gft_nd_copy *c) {
    return gft_grid_count(c->rows, c->rows_per_task);
}

#define STRIDED_LOOP(type)                                                                         \
    do {                                                                                           \
        for (int64_t i = 0; i < n; i++)                                                            \
            memcpy(to + (ptrdiff_t)(i * to_step) * (ptrdiff_t)sizeof(type),                        \
                   from + (ptrdiff_t)(i * from_step) * (ptrdiff_t)sizeof(type), sizeof(type));     \
    } while (0)

static void copy_row(const char *from, int64_t from_step, char *to, int64_t to_step, int64_t n,
                     size_t bytes) {
    if (from_step == 1 && to_step == 1) {
        memcpy(to, from, (size_t)n * bytes);
        return;
    }
    switch (bytes) { /* constant sizes, so that memcpy becomes a move */
    case 1:
        STRIDED_LOOP(uint8_t);
        break;
    case 2:
        STRIDED_LOOP(uint16_t);
        break;
    case 4:
        STRIDED_LOOP(uint32_t);
        break;
    case sizeof(graft_string_view):
        STRIDED_LOOP(graft_string_view);
        break;
    default:
        STRIDED_LOOP(uint64_t);
        break;
    }
}

void gft_nd_copy_run(const gft_nd_copy *c, const void *from, void *to, int64_t task) {
    const int32_t last = c->rank - 1;
    const ptrdiff_t bytes = (ptrdiff_t)c->bytes;
    const gft_range r = gft_grid_range(c->rows, c->rows_per_task, task);
    if (c->dims[last] == 0)
        return;
    for (int64_t row = r.begin; row < r.end; row++) {
        int64_t from_at = c->from_start;
        int64_t to_at = c->to_start;
        int64_t rest = row;
        for (int32_t i = last - 1; i >= 0; i--) {
            const int64_t at = rest % c->dims[i];
            rest /= c->dims[i];
            from_at += at * c->from_step[i];
            to_at += at * c->to_step[i];
        }
        copy_row((const char *)from + from_at * bytes, c->from_step[last],
                 (char *)to + to_at * bytes, c->to_step[last], c->dims[last], c->bytes);
    }
}
