/*
 * Shared by the four convolution gradients: shapes, and sums over parts joined in order.
 */
#ifndef GFT_OPS_CONV_GRAD_COMMON_H
#define GFT_OPS_CONV_GRAD_COMMON_H

#include "ops/conv_geometry.h"

/**
 * Geometry and shape of dx from dy, the filter's shape and the attributes; checks dy against them.
 */
GRAFT_MUST_CHECK graft_status gft_conv_grad_input_shape(const char *node,
                                                        const gft_conv2d_grad_attrs *attrs,
                                                        const graft_tensor_desc *dy,
                                                        const graft_shape *filter, bool depthwise,
                                                        gft_conv_geometry *geo, graft_shape *dx,
                                                        graft_error *err);
/** Geometry of the convolution whose filter has attrs->shape; checks dy against x. */
GRAFT_MUST_CHECK graft_status gft_conv_grad_filter_geometry(
    const char *node, const gft_conv2d_grad_attrs *attrs, const graft_tensor_desc *x,
    const graft_tensor_desc *dy, bool depthwise, gft_conv_geometry *geo, graft_error *err);

/*
 * Partial sums of a filter gradient lie one behind another; a task adds a slice of all of them in
 * order.
 */
#define GFT_GRAD_SLICE 4096
void gft_conv_grad_join(const float *parts, int64_t count, int64_t elems, int64_t task, float *out);

#endif
