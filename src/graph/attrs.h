/*
 * Attribute structs of the ops: plain values, copied with the node. Readers, builders, rewrites and
 * writers all speak these; an op without attributes needs nothing here. Zero is a sensible default
 * wherever that is possible.
 */
#ifndef GFT_GRAPH_ATTRS_H
#define GFT_GRAPH_ATTRS_H

#include <stdbool.h>
#include <stdint.h>

#include "graft/tensor.h"

struct gft_op;

typedef enum gft_padding { GFT_PAD_VALID, GFT_PAD_SAME, GFT_PAD_EXPLICIT } gft_padding;

/* Rows and columns of zeros (or -inf for max pooling) around the picture. */
typedef struct gft_pads {
    int64_t top, bottom, left, right;
} gft_pads;

/*
 * What happens to a matrix product before it is stored: y = activation(acc + bias + residual).
 * Rewrites fill it in. bias and residual are extra inputs of the node, in that order, behind x and
 * filter; input_scale is the last: float32 (N,1,1,C), multiplied into x per picture and channel
 * while it is loaded (squeeze-excite).
 */
typedef struct gft_epilogue_attrs {
    bool has_bias;
    bool has_residual;
    bool has_input_scale;
    const struct gft_op *activation; /* a unary op, or NULL */
    float alpha;                     /* the activation's parameter (leaky slope) */
} gft_epilogue_attrs;

/* conv2d: x (N,H,W,C), filter (KH,KW,C/groups,OC) -> (N,OH,OW,OC).
 * depthwise_conv2d: filter (KH,KW,C,M) -> (N,OH,OW,C*M); groups is ignored. TensorFlow's
 * Conv2D/DepthwiseConv2dNative. */
typedef struct gft_conv2d_attrs {
    int64_t stride_h, stride_w;     /* >= 1 */
    int64_t dilation_h, dilation_w; /* >= 1; 0 is read as 1 */
    gft_padding padding;
    gft_pads pads;  /* for GFT_PAD_EXPLICIT */
    int64_t groups; /* 0 is read as 1 */
    bool
        relu_input; /* depthwise_conv2d: x counts as max(x, 0); made by the last rewrite of a plan alone */
    gft_epilogue_attrs epilogue;
} gft_conv2d_attrs;

/* conv2d_grad_input: dy, filter -> dx; conv2d_grad_filter: x, dy -> dfilter (likewise depthwise_conv2d_grad_*). The
 * forward attributes, and the shape that the other operand had (batch may be -1). */
typedef struct gft_conv2d_grad_attrs {
    gft_conv2d_attrs conv;
    graft_shape shape; /* of dx, or of dfilter */
} gft_conv2d_grad_attrs;

/* dense: x (...,K), kernel (K,N), [bias (N)], [residual (...,N)] -> (...,N) */
typedef struct gft_dense_attrs {
    gft_epilogue_attrs epilogue;
} gft_dense_attrs;

/*
 * matmul: a (...,M,K), b (...,K,N) -> (...,M,N), leading dimensions broadcast; transposes apply to
 * the last two.
 */
typedef struct gft_matmul_attrs {
    bool transpose_a, transpose_b;
} gft_matmul_attrs;

/* batch_norm: x (...,C), gamma, beta, mean, variance (C) -> y; always with the running statistics, unless the graph is
 * prepared for training and `train` is set there: then a rewrite turns it into batch_norm_train
 * plus updates. batch_norm_train: x, gamma, beta -> y, batch mean, batch variance (biased). */
typedef struct gft_batch_norm_attrs {
    float epsilon;  /* Keras 1e-3 */
    float momentum; /* Keras 0.99: moving = moving * momentum + batch * (1 - momentum) */
    bool
        train; /* layer is in training mode when the step is (Keras: trainable and training=True) */
} gft_batch_norm_attrs;

/*
 * ema_update: running, value; running = running * momentum + value * (1 - momentum), in place; no
 * outputs.
 */
typedef struct gft_ema_attrs {
    float momentum;
} gft_ema_attrs;

/* layer_norm: x, gamma, beta over the last axis; l2_normalise: x over the last axis, x *
 * rsqrt(max(sum x^2, epsilon)). */
typedef struct gft_norm_attrs {
    float epsilon;
} gft_norm_attrs;

/* Unary ops with a parameter: leaky_relu (slope), elu (alpha, 1 in most nets). */
typedef struct gft_unary_attrs {
    float alpha;
} gft_unary_attrs;

/* softmax, log_softmax, gather, concat: one axis, may be negative. */
typedef struct gft_axis_attrs {
    int32_t axis;
} gft_axis_attrs;

/*
 * max_pool, avg_pool: x (N,H,W,C). avg_pool divides by the count of real cells (TensorFlow's
 * AvgPool).
 */
typedef struct gft_pool_attrs {
    int64_t kernel_h, kernel_w, stride_h, stride_w;
    gft_padding padding;
    gft_pads pads;
} gft_pool_attrs;

typedef struct gft_pool_grad_attrs {
    gft_pool_attrs pool;
    graft_shape shape; /* of x */
} gft_pool_grad_attrs;

/*
 * reduce_mean, reduce_sum, reduce_max: bit i of axes = dimension i. (Global pooling is reduce over
 * H and W.)
 */
typedef struct gft_reduce_attrs {
    uint32_t axes;
    bool keep_dims;
} gft_reduce_attrs;

/* pad: constant value; slice (crop): begin, size (-1: to the end); strided_slice: begin, end, stride per dimension
 * (masks already resolved; INT64_MAX/MIN as end for "to the end"). */
typedef struct gft_pad_attrs {
    int64_t before[GRAFT_MAX_RANK], after[GRAFT_MAX_RANK];
    float value;
} gft_pad_attrs;

typedef struct gft_slice_attrs {
    int64_t begin[GRAFT_MAX_RANK], size[GRAFT_MAX_RANK];
} gft_slice_attrs;

typedef struct gft_strided_slice_attrs {
    int64_t begin[GRAFT_MAX_RANK], end[GRAFT_MAX_RANK], stride[GRAFT_MAX_RANK];
    uint32_t shrink_mask; /* dimensions dropped after slicing */
} gft_strided_slice_attrs;

/* Gradients of pad, slice, strided_slice, broadcast, reshape, reduce: the shape to go back to.
 * reshape, broadcast_to and
 * reduce_to take a second input instead, whose shape is the target (its values are not read), where
 * the shape is not known before the graph is run. */
typedef struct gft_shape_attrs {
    graft_shape
        shape; /* reshape: one -1 is inferred, two unknowns keep the batch; else -1 keeps x's dimension */
    bool
        mean; /* broadcast_to: divided by the number of copies of each element (gradient of a mean) */
} gft_shape_attrs;

typedef struct gft_strided_slice_grad_attrs {
    gft_strided_slice_attrs slice;
    graft_shape shape;
} gft_strided_slice_grad_attrs;

typedef struct gft_transpose_attrs {
    int32_t perm[GRAFT_MAX_RANK];
} gft_transpose_attrs;

typedef enum gft_resize_mode {
    GFT_RESIZE_BILINEAR,
    GFT_RESIZE_NEAREST,
    GFT_RESIZE_BICUBIC,
    GFT_RESIZE_AREA
} gft_resize_mode;
/*
 * resize: x (N,H,W,C) -> (N,height,width,C). TensorFlow's ResizeBilinear,
 * ResizeNearestNeighbor, ResizeBicubic, ResizeArea (which has no half_pixel_centers).
 */
typedef struct gft_resize_attrs {
    int64_t height, width;
    gft_resize_mode mode;
    bool align_corners, half_pixel_centers;
    int64_t scale_h, scale_w; /* where not 0: height (width) is that many times x's */
} gft_resize_attrs;

typedef struct gft_resize_grad_attrs {
    gft_resize_attrs resize;
    graft_shape shape;
} gft_resize_grad_attrs;

/* dropout: identity in inference (a rewrite drops it); in training y = x * keep / (1 - rate), keep drawn from
 * (run seed, run step, key, element). dropout_grad draws the same. */
typedef struct gft_dropout_attrs {
    float rate;
    uint64_t key;
} gft_dropout_attrs;

typedef struct gft_cast_attrs {
    graft_dtype dtype;
} gft_cast_attrs;

/* softmax_cross_entropy: logits (N,K), target (N,K) -> loss per row (N); target smoothed y*(1-s)+s/K.
 * sigmoid_cross_entropy (N,K) -> (N) mean over K, smoothed y*(1-s)+s/2; squared_error (N,K) -> (N)
 * mean over K. */
typedef struct gft_loss_attrs {
    float label_smoothing;
} gft_loss_attrs;

/*
 * quantize: (x float32, scale float32 (1) or (dims[axis]), zero_point int32, same count) -> dtype,
 * q = clamp(rint(x * (1 / scale)) + zero_point), rint to nearest even. dequantize: (q, scale,
 * zero_point) -> float32, scale * (q - zero_point); q may also be float16 (scale and zero_point
 * absent). Quantised models are graphs of float ops between such pairs (as QDQ in ONNX); the INT8
 * planner joins them, the TFLite writer turns them into quantised tensors.
 */
typedef struct gft_quantize_attrs {
    graft_dtype dtype; /* of the integers: U8, S8, S16 or S32; for dequantize: of its input */
    int32_t axis;      /* of per-channel scales */
} gft_quantize_attrs;

/* clip: x kept inside low..high (float32, int32, int64); NaN stays. */
typedef struct gft_clip_attrs {
    float low, high;
} gft_clip_attrs;

/* tile: x repeated along each dimension; tile_grad (dy, [x for its shape]) sums the copies. */
typedef struct gft_tile_attrs {
    int64_t multiples[GRAFT_MAX_RANK];
} gft_tile_attrs;

typedef struct gft_tile_grad_attrs {
    gft_tile_attrs tile;
    graft_shape shape; /* of x; only looked at without a second input */
} gft_tile_grad_attrs;

/*
 * depth_to_space (N,H,W,B*B*C) -> (N,H*B,W*B,C) and space_to_depth, its inverse; any element type.
 */
typedef struct gft_block_attrs {
    int64_t block;
} gft_block_attrs;

/* space_to_batch (N,H,W,C) -> (N*BH*BW,(H+pads)/BH,(W+pads)/BW,C), zeros as padding (bottom or
 * right -1: up to whole blocks); batch_to_space undoes it, pads being what is cropped. */
typedef struct gft_space_batch_attrs {
    int64_t block_h, block_w;
    gft_pads pads;
} gft_space_batch_attrs;

/* mirror_pad: REFLECT leaves the edge out of the mirrored part, SYMMETRIC repeats it. */
typedef struct gft_mirror_pad_attrs {
    int64_t before[GRAFT_MAX_RANK], after[GRAFT_MAX_RANK];
    bool symmetric;
} gft_mirror_pad_attrs;

typedef struct gft_mirror_pad_grad_attrs {
    gft_mirror_pad_attrs pad;
    graft_shape shape; /* of x; only looked at without a second input */
} gft_mirror_pad_grad_attrs;

/*
 * argmax, argmin: the first largest (smallest) along an axis, which is dropped; dtype int32 or
 * int64.
 */
typedef struct gft_arg_attrs {
    int32_t axis;
    graft_dtype dtype;
} gft_arg_attrs;

/*
 * top_k: x -> the k largest of the last axis, largest first, and where they were (int32); equal
 * ones in index order.
 */
typedef struct gft_top_k_attrs {
    int64_t k;
} gft_top_k_attrs;

/*
 * one_hot: indices (int32, int64, uint8) -> `on` at the index and `off` elsewhere along a new axis
 * of size depth.
 */
typedef struct gft_one_hot_attrs {
    int64_t depth;
    int32_t axis;      /* in the result; -1: last */
    graft_dtype dtype; /* float32, int32, int64 or bool */
    double on, off;
} gft_one_hot_attrs;

/*
 * cumsum along an axis (float32, int32, int64); exclusive: of the elements before; reverse: from
 * the end.
 */
typedef struct gft_cumsum_attrs {
    int32_t axis;
    bool exclusive, reverse;
} gft_cumsum_attrs;

/* gather_nd: x (B...,D1..Dk,S...), indices (B...,I...,k) -> (B...,I...,S...); the first batch_dims dimensions are
 * walked together. TensorFlow's GatherNd, and GatherV2 with batch_dims when k is 1. */
typedef struct gft_gather_nd_attrs {
    int32_t batch_dims;
} gft_gather_nd_attrs;

/*
 * lrn: x / (bias + alpha * sum of squares of 2 * radius + 1 channels around)^beta. TensorFlow's
 * LRN.
 */
typedef struct gft_lrn_attrs {
    int64_t radius;
    float bias, alpha, beta;
} gft_lrn_attrs;

/*
 * conv2d_transpose: x (N,H,W,C), filter (KH,KW,OC,C) -> (N,OH,OW,OC), the transpose of the
 * convolution `conv` that takes (OH,OW) to (H,W). out_h or out_w 0: H * stride for SAME, (H - 1) *
 * stride + the filter's extent otherwise (less the explicit pads). TensorFlow's
 * Conv2DBackpropInput; conv.epilogue and conv.groups are not used.
 */
typedef struct gft_conv2d_transpose_attrs {
    gft_conv2d_attrs conv;
    int64_t out_h, out_w;
} gft_conv2d_transpose_attrs;

#endif
