/*
 * broadcast_to repeats x along dimensions of 1 (NumPy's rule) up to a target shape; with attrs.mean
 * each copy is divided by the number of copies. reduce_to is the reverse: sums over the dimensions
 * along which the target would be repeated.
 *
 * The target is attrs.shape, where -1 keeps x's dimension in that place (counted from the right),
 * or the shape of the optional second input, whose values are not read.
 */
#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/nd_copy.h"
#include "ops/ops.h"
#include "ops/reduce.h"

/* The target shape, or a failure naming both shapes if `small` does not broadcast to `large`. */
static graft_status target_shape(const gft_infer *in, bool up, graft_shape *out, graft_error *err) {
    const gft_shape_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    graft_shape t = in->input_count > 1 ? in->inputs[1].shape : attrs->shape;
    bool fits =
        t.rank >= 0 && t.rank <= GRAFT_MAX_RANK && (up ? t.rank >= x->rank : t.rank <= x->rank);
    const int32_t shift = t.rank - x->rank;
    for (int32_t i = 0; fits && i < t.rank; i++) {
        int64_t dim = i - shift >= 0 ? x->dims[i - shift] : 1;
        if (t.dims[i] < 0 && in->input_count == 1)
            t.dims[i] = dim;
        const int64_t small = up ? dim : t.dims[i];
        const int64_t large = up ? t.dims[i] : dim;
        fits = small == large || small == 1 || small < 0 || large < 0;
    }
    if (!fits) {
        char from[GFT_DESC_TEXT_BYTES];
        char to[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "shape %s cannot be %s to %s",
                        gft_shape_text(x, from), up ? "broadcast" : "reduced",
                        gft_shape_text(&t, to));
    }
    *out = t;
    return GRAFT_OK;
}

static graft_status broadcast_infer(const gft_infer *in, graft_error *err) {
    const gft_shape_attrs *attrs = in->attrs;
    graft_shape shape;
    if (attrs->mean)
        GFT_TRY(gft_check_dtype(in, 0, GRAFT_F32, err));
    GFT_TRY(target_shape(in, true, &shape, err));
    GFT_TRY(gft_infer_like(in, err));
    in->outputs[0].shape = shape;
    in->outputs[0].quant = NULL;
    return GRAFT_OK;
}

typedef struct broadcast_state {
    gft_nd_copy copy;
    float factor;
} broadcast_state;

static graft_status broadcast_prepare(gft_prepare *p, graft_error *err) {
    const gft_shape_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    const graft_shape *y = &p->outputs[0].shape;
    broadcast_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    int64_t dense[GRAFT_MAX_RANK];
    int64_t from[GRAFT_MAX_RANK];
    int64_t to[GRAFT_MAX_RANK];
    gft_shape_strides(x, dense);
    gft_shape_strides(y, to);
    for (int32_t i = 0; i < y->rank; i++) {
        const int32_t k = i - (y->rank - x->rank);
        from[i] = k >= 0 && x->dims[k] != 1 ? dense[k] : 0;
    }
    gft_nd_copy_init(&s->copy, y, from, 0, to, 0, gft_dtype_cell_bytes(p->inputs[0].dtype));
    s->factor = 1.0f;
    const int64_t copies = gft_desc_elems(&p->outputs[0]);
    if (attrs->mean && copies > 0)
        s->factor = (float)((double)gft_shape_elems(x) / (double)copies);
    p->tasks[0] = gft_nd_copy_tasks(&s->copy);
    return GRAFT_OK;
}

/* With a factor, the rows a task has just written (they are dense in y) are multiplied while still
 * in the cache. */
static void broadcast_run(const gft_exec *exec) {
    const broadcast_state *s = exec->state;
    gft_nd_copy_run(&s->copy, exec->inputs[0], exec->outputs[0], exec->task);
    if (s->factor == 1.0f)
        return;
    const int64_t row = s->copy.dims[s->copy.rank - 1];
    gft_range r = gft_grid_range(s->copy.rows, s->copy.rows_per_task, exec->task);
    float *y = (float *)exec->outputs[0] + r.begin * row;
    gft_kernels()->mul_f32(y, 1, &s->factor, 0, y, (r.end - r.begin) * row);
}

const gft_op gft_op_broadcast_to = {.name = "broadcast_to",
                                    .min_inputs = 1,
                                    .max_inputs = 2,
                                    .outputs = 1,
                                    .shape_inputs = 1u << 1,
                                    .attrs_bytes = sizeof(gft_shape_attrs),
                                    .infer = broadcast_infer,
                                    .prepare = broadcast_prepare,
                                    .run = broadcast_run};

static graft_status reduce_to_infer(const gft_infer *in, graft_error *err) {
    graft_shape shape;
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_F32, err));
    GFT_TRY(target_shape(in, false, &shape, err));
    in->outputs[0] = gft_desc_f32(shape);
    return GRAFT_OK;
}

static graft_status reduce_to_prepare(gft_prepare *p, graft_error *err) {
    const graft_shape *x = &p->inputs[0].shape;
    const graft_shape *y = &p->outputs[0].shape;
    uint32_t axes = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        const int32_t k = i - (x->rank - y->rank);
        if (k < 0 || (y->dims[k] == 1 && x->dims[i] != 1))
            axes |= 1u << i;
    }
    return gft_reduce_prepare(p, axes, false, false, err);
}

const gft_op gft_op_reduce_to = {.name = "reduce_to",
                                 .min_inputs = 1,
                                 .max_inputs = 2,
                                 .outputs = 1,
                                 .shape_inputs = 1u << 1,
                                 .attrs_bytes = sizeof(gft_shape_attrs),
                                 .infer = reduce_to_infer,
                                 .prepare = reduce_to_prepare,
                                 .run = gft_reduce_run};

graft_status gft_grad_broadcast_to(gft_grad *grad, graft_error *err) {
    const gft_shape_attrs *attrs = gft_grad_attrs(grad);
    const gft_value_id x = gft_grad_input(grad, 0);
    gft_value_id summed;
    GFT_TRY(gft_grad_reduce_like(grad, grad->output_grads[0], x, &summed, err));
    if (!attrs->mean) {
        grad->input_grads[0] = summed;
        return GRAFT_OK;
    }
    const graft_shape small = gft_grad_shape(grad, x);
    const graft_shape large = gft_grad_shape(grad, gft_grad_output(grad, 0));
    double copies = 1.0;
    for (int32_t i = 0; i < large.rank; i++) {
        const int32_t k = i - (large.rank - small.rank);
        const int64_t from = k >= 0 ? small.dims[k] : 1;
        if (from != large.dims[i] && (from != 1 || large.dims[i] < 0))
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "gradient of a mean over a dimension that is not known yet");
        copies *= from == large.dims[i] ? 1.0 : (double)large.dims[i];
    }
    return gft_grad_scale(grad, summed, copies > 0.0 ? (float)(1.0 / copies) : 0.0f,
                          &grad->input_grads[0], err);
}

/* The second input's values are not read: no gradient flows into it. */
graft_status gft_grad_reduce_to(gft_grad *grad, graft_error *err) {
    const gft_shape_attrs attrs = {.shape = gft_grad_shape(grad, gft_grad_input(grad, 0))};
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    return gft_grad_node(grad, &gft_op_broadcast_to, &attrs, inputs,
                         gft_shape_known(&attrs.shape) ? 1 : 2, &grad->input_grads[0], err);
}
