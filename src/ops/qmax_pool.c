/*
 * qmax_pool: max_pool of int8 or uint8 x (N,H,W,C), attributes as max_pool's; the scale stays what
 * it is. Padding never counts. A task makes some output rows; a window's cells are runs of
 * channels.
 */
#include <string.h>

#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/pool_window.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_pool_attrs *attrs = in->attrs;
    const graft_dtype dtype = in->inputs[0].dtype;
    graft_shape y;
    if (dtype != GRAFT_S8 && dtype != GRAFT_U8)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input is %s, expected int8 or uint8",
                        graft_dtype_name(dtype));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    GFT_TRY(gft_pool_shape(attrs, &in->inputs[0].shape, &y, err));
    in->outputs[0] = (graft_tensor_desc){dtype, y, NULL};
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    gft_pool_window *w;
    GFT_TRY(gft_grid_state(p, sizeof *w, &w, err));
    gft_pool_window_init(w, p->attrs, &p->inputs[0].shape, &p->outputs[0].shape);
    w->rows_per_task = gft_grid_rows(w->ow * w->c);
    p->tasks[0] = gft_grid_count(w->n * w->oh, w->rows_per_task);
    return GRAFT_OK;
}

/* y = max(y, x); the compiler makes vectors of these. */
#define KEEP_LARGER(name, type)                                                                    \
    static void name(const type *restrict x, type *restrict y, int64_t n) {                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = x[i] > y[i] ? x[i] : y[i];                                                      \
    }

KEEP_LARGER(keep_larger_s8, int8_t)
KEEP_LARGER(keep_larger_u8, uint8_t)

static void pool_row(const gft_pool_window *w, bool is_signed, const uint8_t *x, uint8_t *y,
                     int64_t oy) {
    const gft_range rows = gft_pool_cells(oy, w->stride_h, w->kernel_h, w->top, w->h);
    for (int64_t ox = 0; ox < w->ow; ox++, y += w->c) {
        const gft_range cols = gft_pool_cells(ox, w->stride_w, w->kernel_w, w->left, w->w);
        bool first = true;
        for (int64_t i = rows.begin; i < rows.end; i++) {
            for (int64_t j = cols.begin; j < cols.end; j++) {
                const uint8_t *cell = x + (i * w->w + j) * w->c;
                if (first)
                    memcpy(y, cell, (size_t)w->c);
                else if (is_signed)
                    keep_larger_s8((const int8_t *)cell, (int8_t *)y, w->c);
                else
                    keep_larger_u8(cell, y, w->c);
                first = false;
            }
        }
        if (first) /* a window without a real cell */
            memset(y, is_signed ? 0x80 : 0, (size_t)w->c);
    }
}

static void run(const gft_exec *exec) {
    const gft_pool_window *w = exec->state;
    const uint8_t *x = exec->inputs[0];
    uint8_t *y = exec->outputs[0];
    const gft_range r = gft_grid_range(w->n * w->oh, w->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++)
        pool_row(w, exec->inputs_desc[0].dtype == GRAFT_S8, x + row / w->oh * w->h * w->w * w->c,
                 y + row * w->ow * w->c, row % w->oh);
}

const gft_op gft_op_qmax_pool = {.name = "qmax_pool",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .outputs = 1,
                                 .attrs_bytes = sizeof(gft_pool_attrs),
                                 .infer = infer,
                                 .prepare = prepare,
                                 .run = run};
