/*
 * cumsum: running sums along one axis; exclusive (without the element itself), from the end, or
 * both. float32, int32, int64. Its gradient is the same sum from the other end.
 */
#include <inttypes.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/unary.h"

typedef struct cumsum_state {
    int64_t outer, axis, inner;
    int64_t outer_per_task;
} cumsum_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_cumsum_attrs *attrs = in->attrs;
    int32_t axis;
    if (!gft_axis_normalise(attrs->axis, in->inputs[0].shape.rank, &axis))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %" PRId32 " of %" PRId32 " dimensions",
                        attrs->axis, in->inputs[0].shape.rank);
    return gft_unary_numbers_infer(in, err);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_cumsum_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    cumsum_state *s;
    int32_t axis = 0;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    (void)gft_axis_normalise(attrs->axis, x->rank, &axis);
    s->outer = s->inner = 1;
    for (int32_t i = 0; i < axis; i++)
        s->outer *= x->dims[i];
    for (int32_t i = axis + 1; i < x->rank; i++)
        s->inner *= x->dims[i];
    s->axis = x->dims[axis];
    s->outer_per_task = gft_grid_rows(s->axis * s->inner);
    p->tasks[0] = gft_grid_count(s->outer, s->outer_per_task);
    return GRAFT_OK;
}

/*
 * Slice by slice: a slice is the one before plus x's, or plus the x before. Sums are unsigned so
 * that they wrap.
 */
#define SUM(name, type, sum_type)                                                                  \
    static void name(const cumsum_state *s, const gft_cumsum_attrs *a, const type *x, type *y) {   \
        const int64_t step = a->reverse ? -s->inner : s->inner;                                    \
        const int64_t first = a->reverse ? (s->axis - 1) * s->inner : 0;                           \
        x += first;                                                                                \
        y += first;                                                                                \
        for (int64_t k = 0; k < s->axis; k++, x += step, y += step) {                              \
            for (int64_t i = 0; i < s->inner; i++) {                                               \
                const sum_type sum = k == 0 ? (sum_type)0 : (sum_type)y[i - step];                 \
                const type *term = a->exclusive ? (k == 0 ? NULL : &x[i - step]) : &x[i];          \
                y[i] = (type)(sum + (term ? (sum_type)*term : (sum_type)0));                       \
            }                                                                                      \
        }                                                                                          \
    }

SUM(sum_f32, float, float)
SUM(sum_s32, int32_t, uint32_t)
SUM(sum_s64, int64_t, uint64_t)

static void run(const gft_exec *exec) {
    const cumsum_state *s = exec->state;
    const gft_range r = gft_grid_range(s->outer, s->outer_per_task, exec->task);
    for (int64_t o = r.begin; o < r.end; o++) {
        const int64_t at = o * s->axis * s->inner;
        if (exec->outputs_desc[0].dtype == GRAFT_F32)
            sum_f32(s, exec->attrs, (const float *)exec->inputs[0] + at,
                    (float *)exec->outputs[0] + at);
        else if (exec->outputs_desc[0].dtype == GRAFT_S32)
            sum_s32(s, exec->attrs, (const int32_t *)exec->inputs[0] + at,
                    (int32_t *)exec->outputs[0] + at);
        else
            sum_s64(s, exec->attrs, (const int64_t *)exec->inputs[0] + at,
                    (int64_t *)exec->outputs[0] + at);
    }
}

const gft_op gft_op_cumsum = {.name = "cumsum",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .outputs = 1,
                              .attrs_bytes = sizeof(gft_cumsum_attrs),
                              .infer = infer,
                              .prepare = prepare,
                              .run = run};

graft_status gft_grad_cumsum(gft_grad *grad, graft_error *err) {
    gft_cumsum_attrs attrs = *(const gft_cumsum_attrs *)gft_grad_attrs(grad);
    attrs.reverse = !attrs.reverse;
    return gft_grad_node(grad, &gft_op_cumsum, &attrs, &grad->output_grads[0], 1,
                         &grad->input_grads[0], err);
}
