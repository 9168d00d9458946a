/*
 * conv2d_transpose: the gradient of a convolution by its input, run forwards, to make pictures
 * larger. The work is conv2d_grad_input's; here are the sizes that follow when none are given.
 * TensorFlow's Conv2DBackpropInput.
 */
#include <inttypes.h>

#include "base/size.h"
#include "ops/conv_grad_common.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

/*
 * Rows (columns) of the result: as asked for, or the fewest that a convolution takes to `in` rows.
 */
static graft_status out_size(int64_t asked, int64_t in, int64_t kernel, int64_t stride,
                             int64_t dilation, gft_padding padding, int64_t pads, int64_t *out,
                             graft_error *err) {
    int64_t size;
    *out = asked > 0 ? asked : -1;
    if (asked > 0 || in < 0 || kernel < 0)
        return GRAFT_OK;
    const int64_t extent = (kernel - 1) * (dilation > 0 ? dilation : 1) + 1;
    if (!gft_i64_mul(padding == GFT_PAD_SAME ? in : in - 1, stride, &size) || in > INT32_MAX ||
        kernel > INT32_MAX)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a size beyond what can be counted");
    if (padding != GFT_PAD_SAME)
        size += extent - pads;
    if (padding == GFT_PAD_VALID && stride > extent)
        size = size - extent + stride; /* TensorFlow's rule: whole strides */
    *out = in == 0 || size < 0 ? 0 : size;
    return GRAFT_OK;
}

static graft_status as_gradient(const gft_conv2d_transpose_attrs *a, const graft_shape *x,
                                const graft_shape *filter, gft_conv2d_grad_attrs *out,
                                graft_error *err) {
    const gft_conv2d_attrs *c = &a->conv;
    *out = (gft_conv2d_grad_attrs){.conv = *c,
                                   .shape = gft_shape_4(x->dims[0], -1, -1, filter->dims[2])};
    out->conv.groups = 0;
    out->conv.epilogue = (gft_epilogue_attrs){0};
    if (c->stride_h < 1 || c->stride_w < 1 || c->dilation_h < 0 || c->dilation_w < 0 ||
        c->stride_h > INT32_MAX || c->stride_w > INT32_MAX || c->dilation_h > INT32_MAX ||
        c->dilation_w > INT32_MAX || a->out_h < 0 || a->out_w < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "strides %" PRId64 "x%" PRId64 " or sizes that are none", c->stride_h,
                        c->stride_w);
    GFT_TRY(out_size(a->out_h, x->dims[1], filter->dims[0], c->stride_h, c->dilation_h, c->padding,
                     c->pads.top + c->pads.bottom, &out->shape.dims[1], err));
    return out_size(a->out_w, x->dims[2], filter->dims[1], c->stride_w, c->dilation_w, c->padding,
                    c->pads.left + c->pads.right, &out->shape.dims[2], err);
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    gft_conv2d_grad_attrs attrs;
    gft_conv_geometry geo;
    graft_shape y;
    for (int32_t i = 0; i < 2; i++) {
        GFT_TRY(gft_check_dtype(in, i, GRAFT_F32, err));
        GFT_TRY(gft_check_rank(in, i, 4, err));
    }
    const graft_shape *x = &in->inputs[0].shape;
    const graft_shape *filter = &in->inputs[1].shape;
    if (x->dims[3] >= 0 && filter->dims[3] >= 0 && x->dims[3] != filter->dims[3])
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "a filter for %" PRId64 " channels, input 0 has %" PRId64, filter->dims[3],
                        x->dims[3]);
    GFT_TRY(as_gradient(in->attrs, x, filter, &attrs, err));
    y = attrs.shape;
    if (y.dims[1] >= 0 && y.dims[2] >= 0 && y.dims[3] >= 0)
        GFT_TRY(gft_conv_grad_input_shape(in->node, &attrs, &in->inputs[0], filter, false, &geo, &y,
                                          err));
    in->outputs[0] = gft_desc_f32(y);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    gft_conv2d_grad_attrs attrs;
    gft_conv_geometry geo;
    graft_shape y;
    if (as_gradient(in->attrs, &in->inputs[0].shape, &in->inputs[1].shape, &attrs, NULL) ==
            GRAFT_OK &&
        attrs.shape.dims[1] >= 0 && attrs.shape.dims[2] >= 0 &&
        gft_conv_grad_input_shape(in->node, &attrs, &in->inputs[0], &in->inputs[1].shape, false,
                                  &geo, &y, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const void *own = p->attrs;
    gft_conv2d_grad_attrs *attrs = gft_arena_alloc(p->arena, sizeof *attrs);
    if (!attrs)
        return gft_fail_memory(err, sizeof *attrs, p->node);
    GFT_TRY(as_gradient(own, &p->inputs[0].shape, &p->inputs[1].shape, attrs, err));
    p->attrs = attrs;
    const graft_status status = gft_op_conv2d_grad_input.prepare(p, err);
    p->attrs = own;
    return status;
}

static void run(const gft_exec *exec) {
    gft_op_conv2d_grad_input.run(exec); /* by its state alone */
}

const gft_op gft_op_conv2d_transpose = {.name = "conv2d_transpose",
                                        .min_inputs = 2,
                                        .max_inputs = 2,
                                        .outputs = 1,
                                        .attrs_bytes = sizeof(gft_conv2d_transpose_attrs),
                                        .infer = infer,
                                        .cost = cost,
                                        .prepare = prepare,
                                        .run = run};

/*
 * dx is the convolution of dy; the filter's gradient is that of this convolution, dy and x having
 * changed places.
 */
graft_status gft_grad_conv2d_transpose(gft_grad *grad, graft_error *err) {
    const gft_conv2d_transpose_attrs *attrs = gft_grad_attrs(grad);
    const gft_value_id filter = gft_grad_input(grad, 1);
    gft_conv2d_attrs conv = attrs->conv;
    conv.groups = 0;
    conv.epilogue = (gft_epilogue_attrs){0};
    if (grad->wanted[0]) {
        const gft_value_id inputs[] = {grad->output_grads[0], filter};
        GFT_TRY(gft_grad_node(grad, &gft_op_conv2d, &conv, inputs, 2, &grad->input_grads[0], err));
    }
    if (!grad->wanted[1])
        return GRAFT_OK;
    const gft_conv2d_grad_attrs back = {.conv = conv, .shape = gft_grad_shape(grad, filter)};
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    return gft_grad_node(grad, &gft_op_conv2d_grad_filter, &back, inputs, 2, &grad->input_grads[1],
                         err);
}
