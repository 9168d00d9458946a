/*
 * Sizes of a convolution: what attributes and shapes come to, with TensorFlow's padding rule.
 * Shared by conv2d, the depthwise op and their gradients.
 */
#ifndef GFT_OPS_CONV_GEOMETRY_H
#define GFT_OPS_CONV_GEOMETRY_H

#include "base/error.h"
#include "base/shape.h"
#include "graph/op.h"

/* Batch and picture sizes may be -1 until the plan is made; then pads of unknown axes are 0. */
typedef struct gft_conv_geometry {
    int64_t n, h, w, c; /* x */
    int64_t kh, kw;     /* filter */
    int64_t oh, ow, oc; /* y */
    int64_t group_c,
        group_oc;   /* channels of x and y in one group (depthwise: 1 and the multiplier) */
    int64_t groups; /* depthwise: c */
    int64_t stride_h, stride_w, dilation_h, dilation_w;
    int64_t pad_top, pad_left;
} gft_conv_geometry;

/**
 * Works out sizes; every disagreement is one sentence naming the node.
 * SAME: out = ceil(in / stride), the odd row or column of padding goes to the bottom or right.
 */
GRAFT_MUST_CHECK graft_status gft_conv_geometry_of(const char *node, const gft_conv2d_attrs *attrs,
                                                   const graft_shape *x, const graft_shape *filter,
                                                   bool depthwise, gft_conv_geometry *out,
                                                   graft_error *err);
/** Shape of y. */
graft_shape gft_conv_geometry_shape(const gft_conv_geometry *geo);
/** Multiply-adds; unknown sizes count as 1, too many as INT64_MAX. */
int64_t gft_conv_geometry_macs(const gft_conv_geometry *geo);

/**
 * Range of output positions along one axis whose input position out * stride - pad + tap * dilation
 * is in 0..size-1.
 */
void gft_conv_valid_range(int64_t size, int64_t out, int64_t stride, int64_t pad, int64_t offset,
                          int64_t *first, int64_t *end);
/** Range of taps of one output position that fall inside 0..size-1; start = out * stride - pad. */
void gft_conv_valid_taps(int64_t size, int64_t taps, int64_t dilation, int64_t start,
                         int64_t *first, int64_t *end);

/** Fails unless the input is float32 and has this rank; `what` names it ("x", "filter"). */
GRAFT_MUST_CHECK graft_status gft_check_operand(const char *node, const char *what,
                                                const graft_tensor_desc *desc, int32_t rank,
                                                graft_error *err);

#endif
