/*
 * Shapes of convolution gradients and the joining of partial sums.
 */
#include "ops/conv_grad_common.h"

#include "base/size.h"

static graft_status check_dy(const char *node, const graft_tensor_desc *dy,
                             const gft_conv_geometry *geo, graft_error *err) {
    char found[GFT_DESC_TEXT_BYTES];
    char wanted[GFT_DESC_TEXT_BYTES];
    graft_shape y = gft_conv_geometry_shape(geo);
    for (int i = 0; i < 4; i++)
        if (dy->shape.dims[i] >= 0 && y.dims[i] >= 0 && dy->shape.dims[i] != y.dims[i])
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: dy has shape %s, the convolution gives %s", node,
                            gft_shape_text(&dy->shape, found), gft_shape_text(&y, wanted));
    return GRAFT_OK;
}

graft_status gft_conv_grad_input_shape(const char *node, const gft_conv2d_grad_attrs *attrs,
                                       const graft_tensor_desc *dy, const graft_shape *filter,
                                       bool depthwise, gft_conv_geometry *geo, graft_shape *dx,
                                       graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    GFT_TRY(gft_check_operand(node, "dy", dy, 4, err));
    *dx = attrs->shape;
    if (dx->rank != 4 || dx->dims[1] < 0 || dx->dims[2] < 0 || dx->dims[3] < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: dx is to have shape %s, expected (N,H,W,C) with a known size", node,
                        gft_shape_text(dx, text));
    if (dx->dims[0] < 0)
        dx->dims[0] = dy->shape.dims[0];
    GFT_TRY(gft_conv_geometry_of(node, &attrs->conv, dx, filter, depthwise, geo, err));
    return check_dy(node, dy, geo, err);
}

graft_status gft_conv_grad_filter_geometry(const char *node, const gft_conv2d_grad_attrs *attrs,
                                           const graft_tensor_desc *x, const graft_tensor_desc *dy,
                                           bool depthwise, gft_conv_geometry *geo,
                                           graft_error *err) {
    GFT_TRY(gft_check_operand(node, "x", x, 4, err));
    GFT_TRY(gft_check_operand(node, "dy", dy, 4, err));
    GFT_TRY(
        gft_conv_geometry_of(node, &attrs->conv, &x->shape, &attrs->shape, depthwise, geo, err));
    return check_dy(node, dy, geo, err);
}

void gft_conv_grad_join(const float *parts, int64_t count, int64_t elems, int64_t task,
                        float *out) {
    int64_t first = task * GFT_GRAD_SLICE;
    int64_t end = gft_i64_min(first + GFT_GRAD_SLICE, elems);
    for (int64_t i = first; i < end; i++)
        out[i] = parts[i];
    for (int64_t part = 1; part < count; part++) {
        const float *from = parts + part * elems;
        for (int64_t i = first; i < end; i++)
            out[i] += from[i];
    }
}
