/*
 * reduce_mean, reduce_sum, reduce_max, reduce_min, reduce_prod (float32, int32, int64) and
 * reduce_any, reduce_all (bool) over any set of axes. Global pooling is reduce_mean over H and W.
 */
#include <inttypes.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/reduce.h"
#include "ops/reduce_plain.h"

static graft_status reduced(const gft_infer *in, graft_error *err) {
    const gft_reduce_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    if (attrs->axes >> x->rank != 0) {
        char text[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "axes 0x%" PRIx32 " go beyond the dimensions of input %s", attrs->axes,
                        gft_shape_text(x, text));
    }
    graft_shape y = {0, {0}};
    for (int32_t i = 0; i < x->rank; i++) {
        if (!(attrs->axes >> i & 1u))
            y.dims[y.rank++] = x->dims[i];
        else if (attrs->keep_dims)
            y.dims[y.rank++] = 1;
    }
    in->outputs[0] = (graft_tensor_desc){in->inputs[0].dtype, y, NULL};
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    const graft_dtype dtype = in->inputs[0].dtype;
    if (dtype != GRAFT_F32 && dtype != GRAFT_S32 && dtype != GRAFT_S64)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input 0 is %s, expected float32, int32 or int64", graft_dtype_name(dtype));
    return reduced(in, err);
}

static graft_status infer_bool(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_BOOL, err));
    return reduced(in, err);
}

/* The kernels know float32; integers are rare enough for the plain way. */
static void run(const gft_exec *exec) {
    if (exec->inputs_desc[0].dtype == GRAFT_F32)
        gft_reduce_run(exec);
    else
        gft_reduce_plain_run(exec);
}

#define REDUCE_OP(op_name, op_kind, which)                                                         \
    static graft_status op_name##_prepare(gft_prepare *p, graft_error *err) {                      \
        const uint32_t axes = ((const gft_reduce_attrs *)p->attrs)->axes;                          \
        if (p->inputs[0].dtype != GRAFT_F32)                                                       \
            return gft_reduce_plain_prepare(p, axes, which, err);                                  \
        return gft_reduce_prepare(p, axes, which == GFT_REDUCE_MAX, which == GFT_REDUCE_MEAN,      \
                                  err);                                                            \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .kind = op_kind,                                              \
                                     .min_inputs = 1,                                              \
                                     .max_inputs = 1,                                              \
                                     .outputs = 1,                                                 \
                                     .attrs_bytes = sizeof(gft_reduce_attrs),                      \
                                     .infer = infer,                                               \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = run};

#define PLAIN_OP(op_name, which, infer_fn)                                                         \
    static graft_status op_name##_prepare(gft_prepare *p, graft_error *err) {                      \
        return gft_reduce_plain_prepare(p, ((const gft_reduce_attrs *)p->attrs)->axes, which,      \
                                        err);                                                      \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .min_inputs = 1,                                              \
                                     .max_inputs = 1,                                              \
                                     .outputs = 1,                                                 \
                                     .attrs_bytes = sizeof(gft_reduce_attrs),                      \
                                     .infer = infer_fn,                                            \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = gft_reduce_plain_run};

REDUCE_OP(reduce_mean, GFT_KIND_REDUCE_MEAN, GFT_REDUCE_MEAN)
REDUCE_OP(reduce_sum, GFT_KIND_OTHER, GFT_REDUCE_SUM)
REDUCE_OP(reduce_max, GFT_KIND_OTHER, GFT_REDUCE_MAX)
PLAIN_OP(reduce_min, GFT_REDUCE_MIN, infer)
PLAIN_OP(reduce_prod, GFT_REDUCE_PROD, infer)
PLAIN_OP(reduce_any, GFT_REDUCE_ANY, infer_bool)
PLAIN_OP(reduce_all, GFT_REDUCE_ALL, infer_bool)

/* dy with the folded dimensions put back as 1. */
static graft_status with_folded_dims(gft_grad *grad, gft_value_id *out, graft_error *err) {
    const gft_reduce_attrs *attrs = gft_grad_attrs(grad);
    gft_shape_attrs target = {.shape = gft_grad_shape(grad, gft_grad_input(grad, 0))};
    const gft_value_id dy = grad->output_grads[0];
    *out = dy;
    if (attrs->keep_dims || attrs->axes == 0)
        return GRAFT_OK;
    for (int32_t i = 0; i < target.shape.rank; i++) {
        if (attrs->axes >> i & 1u)
            target.shape.dims[i] = 1;
    }
    return gft_grad_node(grad, &gft_op_reshape, &target, &dy, 1, out, err);
}

static graft_status spread(gft_grad *grad, bool mean, graft_error *err) {
    const gft_reduce_attrs *attrs = gft_grad_attrs(grad);
    const gft_value_id x = gft_grad_input(grad, 0);
    const gft_shape_attrs target = {.shape = gft_grad_shape(grad, x), .mean = mean};
    gft_value_id dy;
    GFT_TRY(with_folded_dims(grad, &dy, err));
    bool folds_unknown =
        false; /* then only x itself knows the size; else a -1 is one that dy has too */
    for (int32_t i = 0; i < target.shape.rank; i++)
        folds_unknown = folds_unknown || ((attrs->axes >> i & 1u) && target.shape.dims[i] < 0);
    const gft_value_id inputs[] = {dy, x};
    return gft_grad_node(grad, &gft_op_broadcast_to, &target, inputs, folds_unknown ? 2 : 1,
                         &grad->input_grads[0], err);
}

graft_status gft_grad_reduce_mean(gft_grad *grad, graft_error *err) {
    return spread(grad, true, err);
}

graft_status gft_grad_reduce_sum(gft_grad *grad, graft_error *err) {
    return spread(grad, false, err);
}

graft_status gft_grad_reduce_max(gft_grad *grad, graft_error *err) {
    const gft_reduce_attrs *attrs = gft_grad_attrs(grad);
    const gft_value_id inputs[] = {gft_grad_input(grad, 0), gft_grad_output(grad, 0),
                                   grad->output_grads[0]};
    return gft_grad_node(grad, &gft_op_reduce_max_grad, attrs, inputs, 3, &grad->input_grads[0],
                         err);
}

/* Who equals the result shares the gradient: the same op does for the smallest. */
graft_status gft_grad_reduce_min(gft_grad *grad, graft_error *err) {
    return gft_grad_reduce_max(grad, err);
}
