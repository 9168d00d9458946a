/*
 * conv2d_transpose as TensorFlow's Conv2DBackpropInput: its size is a constant where it is known,
 * else computed from the shape of the input when the model runs.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

/* Rows or columns when only a run knows them: in * stride + what the filter adds. */
static const char *extent(gft_tf_emit *e, const char *shape, int32_t axis, int64_t kernel) {
    const gft_conv2d_transpose_attrs *a = e->node->attrs;
    const gft_conv2d_attrs *c = &a->conv;
    const int64_t known = gft_tf_out_desc(e)->shape.dims[axis];
    gft_tf_nodes *nodes = e->nodes;
    if (known >= 0)
        return gft_tf_const_ints(nodes, "size", &known, 1);
    const char *in = gft_tf_shape_part(nodes, shape, axis);
    if (axis == 0)
        return in;
    const int64_t stride = axis == 1 ? c->stride_h : c->stride_w;
    const int64_t dilation = axis == 1 ? c->dilation_h : c->dilation_w;
    const int64_t pads = axis == 1 ? c->pads.top + c->pads.bottom : c->pads.left + c->pads.right;
    int64_t more = (kernel - 1) * (dilation > 0 ? dilation : 1) + 1 - stride;
    if (c->padding == GFT_PAD_EXPLICIT)
        more -= pads;
    else if (c->padding == GFT_PAD_SAME || more < 0)
        more = 0;
    const char *size =
        gft_tf_binary(nodes, "Mul", in, gft_tf_const_ints(nodes, "stride", &stride, 1), GRAFT_S32);
    return more == 0 ? size
                     : gft_tf_binary(nodes, "AddV2", size,
                                     gft_tf_const_ints(nodes, "more", &more, 1), GRAFT_S32);
}

graft_status gft_tf_emit_conv2d_transpose(gft_tf_emit *e, graft_error *err) {
    static const char *const paddings[] = {"VALID", "SAME", "EXPLICIT"};
    const gft_conv2d_attrs *c = &((const gft_conv2d_transpose_attrs *)e->node->attrs)->conv;
    const graft_shape *filter = &gft_tf_in_desc(e, 1)->shape;
    const graft_shape *y = &gft_tf_out_desc(e)->shape;
    gft_tf_nodes *nodes = e->nodes;
    if (!gft_tf_fits_s32(y->dims, 4) || !gft_shape_known(filter))
        return gft_tf_cannot(e, "a size is larger than int32 holds, or its filter's is not known",
                             err);
    const char *size;
    if (gft_shape_known(y)) {
        size = gft_tf_const_ints(nodes, "size", y->dims, 4);
    } else {
        const char *shape = gft_tf_shape_of(nodes, gft_tf_in(e, 0), GRAFT_F32);
        const char *parts[4] = {extent(e, shape, 0, 0), extent(e, shape, 1, filter->dims[0]),
                                extent(e, shape, 2, filter->dims[1]),
                                gft_tf_const_ints(nodes, "channels", &filter->dims[2], 1)};
        size = gft_tf_concat(nodes, parts, 4, 0, GRAFT_S32);
    }
    gft_tf_node *node = gft_tf_add(nodes, "Conv2DBackpropInput");
    const int64_t strides[4] = {1, c->stride_h, c->stride_w, 1};
    const int64_t dilations[4] = {1, c->dilation_h ? c->dilation_h : 1,
                                  c->dilation_w ? c->dilation_w : 1, 1};
    const int64_t around[8] = {0, 0, c->pads.top, c->pads.bottom, c->pads.left, c->pads.right,
                               0, 0};
    gft_tf_input(nodes, node, size);
    gft_tf_input(nodes, node, gft_tf_in(e, 1));
    gft_tf_input(nodes, node, gft_tf_in(e, 0));
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_ints(nodes, node, "strides", strides, 4);
    gft_tf_attr_ints(nodes, node, "dilations", dilations, 4);
    gft_tf_attr_text(nodes, node, "data_format", "NHWC");
    gft_tf_attr_text(nodes, node, "padding", paddings[c->padding]);
    gft_tf_attr_ints(nodes, node, "explicit_paddings", around,
                     c->padding == GFT_PAD_EXPLICIT ? 8 : 0);
    gft_tf_set_out(e, gft_tf_output(nodes, node, 0));
    return GRAFT_OK;
}
