/*
 * argmax, argmin: where the first largest (smallest) element along one axis is, which is dropped;
 * float32, int32, int64, int8, uint8. top_k: the k largest of the last axis in falling order and
 * where they are, by a heap of k.
 */
#include <inttypes.h>

#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct arg_state {
    int64_t outer, axis, inner;
    int64_t per_task; /* results */
    bool least;
} arg_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_arg_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    const graft_dtype dtype = in->inputs[0].dtype;
    int32_t axis;
    if (dtype != GRAFT_F32 && dtype != GRAFT_S32 && dtype != GRAFT_S64 && dtype != GRAFT_S8 &&
        dtype != GRAFT_U8)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input 0 is %s, expected float32, int32, int64, int8 or uint8",
                        graft_dtype_name(dtype));
    if (attrs->dtype != GRAFT_S32 && attrs->dtype != GRAFT_S64)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "indices are to be %s, expected int32 or int64",
                        graft_dtype_name(attrs->dtype));
    if (!gft_axis_normalise(attrs->axis, x->rank, &axis) || x->dims[axis] == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "axis %" PRId32 " of %" PRId32 " dimensions is none, or empty", attrs->axis,
                        x->rank);
    graft_shape y = {.rank = x->rank - 1};
    for (int32_t i = 0; i < y.rank; i++)
        y.dims[i] = x->dims[i < axis ? i : i + 1];
    in->outputs[0] = (graft_tensor_desc){attrs->dtype, y, NULL};
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, bool least, graft_error *err) {
    const gft_arg_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    arg_state *s;
    int32_t axis = 0;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    (void)gft_axis_normalise(attrs->axis, x->rank, &axis);
    s->least = least;
    s->outer = s->inner = 1;
    for (int32_t i = 0; i < axis; i++)
        s->outer *= x->dims[i];
    for (int32_t i = axis + 1; i < x->rank; i++)
        s->inner *= x->dims[i];
    s->axis = x->dims[axis];
    s->per_task = gft_grid_rows(s->axis);
    p->tasks[0] = gft_grid_count(s->outer * s->inner, s->per_task);
    return GRAFT_OK;
}

static graft_status argmax_prepare(gft_prepare *p, graft_error *err) {
    return prepare(p, false, err);
}

static graft_status argmin_prepare(gft_prepare *p, graft_error *err) {
    return prepare(p, true, err);
}

#define SCAN(type)                                                                                 \
    do {                                                                                           \
        const type *v = (const type *)exec->inputs[0] + at;                                        \
        for (int64_t i = 1; i < s->axis; i++) {                                                    \
            if (s->least ? v[i * s->inner] < v[best * s->inner]                                    \
                         : v[i * s->inner] > v[best * s->inner])                                   \
                best = i;                                                                          \
        }                                                                                          \
    } while (0)

static void run(const gft_exec *exec) {
    const arg_state *s = exec->state;
    const gft_range r = gft_grid_range(s->outer * s->inner, s->per_task, exec->task);
    for (int64_t k = r.begin; k < r.end; k++) {
        const int64_t at = k / s->inner * s->axis * s->inner + k % s->inner;
        int64_t best = 0;
        switch (exec->inputs_desc[0].dtype) {
        case GRAFT_F32:
            SCAN(float);
            break;
        case GRAFT_S32:
            SCAN(int32_t);
            break;
        case GRAFT_S64:
            SCAN(int64_t);
            break;
        case GRAFT_S8:
            SCAN(int8_t);
            break;
        default:
            SCAN(uint8_t);
            break;
        }
        if (exec->outputs_desc[0].dtype == GRAFT_S64)
            ((int64_t *)exec->outputs[0])[k] = best;
        else
            ((int32_t *)exec->outputs[0])[k] = (int32_t)best;
    }
}

const gft_op gft_op_argmax = {.name = "argmax",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .outputs = 1,
                              .attrs_bytes = sizeof(gft_arg_attrs),
                              .infer = infer,
                              .prepare = argmax_prepare,
                              .run = run};

const gft_op gft_op_argmin = {.name = "argmin",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .outputs = 1,
                              .attrs_bytes = sizeof(gft_arg_attrs),
                              .infer = infer,
                              .prepare = argmin_prepare,
                              .run = run};

/* ---- top_k ---- */

static graft_status top_infer(const gft_infer *in, graft_error *err) {
    const gft_top_k_attrs *attrs = in->attrs;
    graft_shape y = in->inputs[0].shape;
    const graft_dtype dtype = in->inputs[0].dtype;
    if (dtype != GRAFT_F32 && dtype != GRAFT_S32)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input 0 is %s, expected float32 or int32",
                        graft_dtype_name(dtype));
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    int64_t *last = &y.dims[y.rank - 1];
    if (attrs->k < 0 || (*last >= 0 && attrs->k > *last))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "the %" PRId64 " largest of %" PRId64,
                        attrs->k, *last);
    *last = attrs->k;
    in->outputs[0] = (graft_tensor_desc){dtype, y, NULL};
    in->outputs[1] = (graft_tensor_desc){GRAFT_S32, y, NULL};
    return GRAFT_OK;
}

static bool before(const void *x, bool real, int32_t a, int32_t b) {
    if (real) {
        const float p = ((const float *)x)[a];
        const float q = ((const float *)x)[b];
        return p > q || (!(q > p) && a < b);
    }
    const int32_t p = ((const int32_t *)x)[a];
    const int32_t q = ((const int32_t *)x)[b];
    return p > q || (p == q && a < b);
}

/* A heap whose root is the last of those kept. */
static void sift(const void *x, bool real, int32_t *heap, int64_t count, int64_t at) {
    for (;;) {
        int64_t worst = at;
        for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (before(x, real, heap[worst], heap[child]))
                worst = child;
        }
        if (worst == at)
            return;
        const int32_t swap = heap[at];
        heap[at] = heap[worst];
        heap[worst] = swap;
        at = worst;
    }
}

static void top_row(const void *x, bool real, int64_t n, int64_t k, int32_t *heap) {
    for (int64_t i = 0; i < k; i++)
        heap[i] = (int32_t)i;
    for (int64_t i = k / 2; i-- > 0;)
        sift(x, real, heap, k, i);
    for (int64_t i = k; i < n && k > 0; i++) {
        if (before(x, real, (int32_t)i, heap[0])) {
            heap[0] = (int32_t)i;
            sift(x, real, heap, k, 0);
        }
    }
    for (int64_t left = k - 1; left > 0; left--) { /* the last one goes behind the others */
        const int32_t swap = heap[0];
        heap[0] = heap[left];
        heap[left] = swap;
        sift(x, real, heap, left, 0);
    }
}

static void top_run(const gft_exec *exec) {
    const gft_rows rows = gft_desc_rows(&exec->inputs_desc[0]);
    const int64_t k = ((const gft_top_k_attrs *)exec->attrs)->k;
    const bool real = exec->inputs_desc[0].dtype == GRAFT_F32;
    const gft_range r = gft_grid_range(rows.rows, gft_grid_rows(rows.cols), exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const uint32_t *x = (const uint32_t *)exec->inputs[0] + row * rows.cols;
        int32_t *where = (int32_t *)exec->outputs[1] + row * k;
        top_row(x, real, rows.cols, k, where);
        for (int64_t i = 0; i < k; i++)
            ((uint32_t *)exec->outputs[0])[row * k + i] = x[where[i]];
    }
}

const gft_op gft_op_top_k = {.name = "top_k",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .outputs = 2,
                             .attrs_bytes = sizeof(gft_top_k_attrs),
                             .infer = top_infer,
                             .prepare = gft_prepare_rows,
                             .run = top_run};
