/*
 * Convolutions and matrix products as TensorFlow's Conv2D, DepthwiseConv2dNative, MatMul and
 * BatchMatMulV2, with what their epilogues hold behind them.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "base/size.h"
#include "ops/ops.h"

#define MAX_GROUPS 1024

const char *gft_tf_scaled_input(gft_tf_emit *e, const gft_epilogue_attrs *epilogue) {
    if (!epilogue->has_input_scale)
        return gft_tf_in(e, 0);
    return gft_tf_binary(e->nodes, "Mul", gft_tf_in(e, 0), gft_tf_in(e, e->node->input_count - 1),
                         GRAFT_F32);
}

static const char *bias_add(gft_tf_nodes *nodes, const char *x, const char *bias) {
    gft_tf_node *node = gft_tf_add(nodes, "BiasAdd");
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, bias);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_text(nodes, node, "data_format", "NHWC");
    return gft_tf_output(nodes, node, 0);
}

/* BiasAdd wants rank 2 or more; a vector is added. */
static const char *add_bias(gft_tf_nodes *nodes, const char *x, int32_t rank, const char *bias) {
    return rank >= 2 ? bias_add(nodes, x, bias) : gft_tf_binary(nodes, "AddV2", x, bias, GRAFT_F32);
}

graft_status gft_tf_epilogue(gft_tf_emit *e, const gft_epilogue_attrs *epilogue, int32_t first,
                             const char *acc, graft_error *err) {
    if (epilogue->has_bias)
        acc = add_bias(e->nodes, acc, gft_tf_out_desc(e)->shape.rank, gft_tf_in(e, first++));
    if (epilogue->has_residual)
        acc = gft_tf_binary(e->nodes, "AddV2", acc, gft_tf_in(e, first), GRAFT_F32);
    if (epilogue->activation) {
        acc = gft_tf_activation(e->nodes, epilogue->activation, epilogue->alpha, acc);
        if (!acc && !e->nodes->pb->failed)
            return gft_tf_cannot(e, "unknown activation", err);
    }
    gft_tf_set_out(e, acc);
    return GRAFT_OK;
}

static void padding_attrs(gft_tf_nodes *nodes, gft_tf_node *node, gft_padding padding,
                          const gft_pads *pads) {
    static const char *const names[] = {"VALID", "SAME", "EXPLICIT"};
    gft_tf_attr_text(nodes, node, "padding", names[padding]);
    const int64_t explicit_pads[8] = {0, 0, pads->top, pads->bottom, pads->left, pads->right, 0, 0};
    gft_tf_attr_ints(nodes, node, "explicit_paddings", explicit_pads,
                     padding == GFT_PAD_EXPLICIT ? 8 : 0);
}

static const char *convolution(gft_tf_emit *e, const char *op, const gft_conv2d_attrs *attrs,
                               const char *x, const char *filter) {
    gft_tf_nodes *nodes = e->nodes;
    gft_tf_node *node = gft_tf_add(nodes, op);
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, filter);
    const int64_t strides[4] = {1, attrs->stride_h, attrs->stride_w, 1};
    const int64_t dilations[4] = {1, attrs->dilation_h ? attrs->dilation_h : 1,
                                  attrs->dilation_w ? attrs->dilation_w : 1, 1};
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_ints(nodes, node, "strides", strides, 4);
    gft_tf_attr_ints(nodes, node, "dilations", dilations, 4);
    gft_tf_attr_text(nodes, node, "data_format", "NHWC");
    padding_attrs(nodes, node, attrs->padding, &attrs->pads);
    return gft_tf_output(nodes, node, 0);
}

/* Equal parts along the last axis of a rank 4 tensor. */
static const gft_tf_node *split(gft_tf_nodes *nodes, const char *x, int64_t count) {
    const char *axis = gft_tf_const_s32(nodes, "axis", 3);
    gft_tf_node *node = gft_tf_add(nodes, "Split");
    gft_tf_input(nodes, node, axis);
    gft_tf_input(nodes, node, x);
    gft_tf_attr_int(nodes, node, "num_split", count);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    return node;
}

/*
 * Groups are written as a convolution each: TensorFlow's optimiser would fuse a grouped one with
 * the bias or batch norm behind it, which its CPU kernel then refuses, and TFLite's converter does
 * not take all of them.
 */
static const char *grouped(gft_tf_emit *e, const gft_conv2d_attrs *attrs) {
    gft_tf_nodes *nodes = e->nodes;
    const int64_t groups = attrs->groups;
    const char *xs = gft_tf_scaled_input(e, &attrs->epilogue);
    const gft_tf_node *x = split(nodes, xs, groups);
    const gft_tf_node *filter = split(nodes, gft_tf_in(e, 1), groups);
    const char **parts = gft_arena_array(nodes->pb->arena, (size_t)groups, sizeof *parts);
    if (!parts) {
        nodes->pb->failed = true;
        return NULL;
    }
    for (int64_t g = 0; g < groups; g++)
        parts[g] = convolution(e, "Conv2D", attrs, gft_tf_output(nodes, x, (int)g),
                               gft_tf_output(nodes, filter, (int)g));
    return gft_tf_concat(nodes, parts, (int32_t)groups, 3, GRAFT_F32);
}

graft_status gft_tf_emit_conv2d(gft_tf_emit *e, graft_error *err) {
    const gft_conv2d_attrs *attrs = e->node->attrs;
    if (attrs->groups > MAX_GROUPS)
        return gft_tf_cannot(e, "it has too many groups", err);
    const char *acc = attrs->groups > 1
                          ? grouped(e, attrs)
                          : convolution(e, "Conv2D", attrs,
                                        gft_tf_scaled_input(e, &attrs->epilogue), gft_tf_in(e, 1));
    return gft_tf_epilogue(e, &attrs->epilogue, 2, acc, err);
}

/*
 * A filter (KH,KW,C,M) with zeros between its taps: TensorFlow's depthwise kernel knows no dilation
 * on a CPU. As (KH,1,KW,1,C*M) it is padded behind each tap, flattened and cut off behind the last
 * one.
 */
static const char *spread_filter(gft_tf_emit *e, const graft_shape *filter, int64_t dh,
                                 int64_t dw) {
    gft_tf_nodes *nodes = e->nodes;
    const int64_t kh = filter->dims[0];
    const int64_t kw = filter->dims[1];
    const int64_t channels = filter->dims[2] * filter->dims[3];
    const int64_t apart[5] = {kh, 1, kw, 1, channels};
    const int64_t joined[4] = {kh * dh, kw * dw, filter->dims[2], filter->dims[3]};
    const int64_t begin[4] = {0, 0, 0, 0};
    const int64_t size[4] = {(kh - 1) * dh + 1, (kw - 1) * dw + 1, filter->dims[2],
                             filter->dims[3]};
    const gft_pad_attrs zeros = {.after = {0, dh - 1, 0, dw - 1, 0}};
    if (!gft_tf_fits_s32(apart, 5) || !gft_tf_fits_s32(joined, 4))
        return NULL;
    const char *y = gft_tf_reshape(nodes, gft_tf_in(e, 1),
                                   gft_tf_const_ints(nodes, "apart", apart, 5), GRAFT_F32);
    y = gft_tf_pad(nodes, y, &zeros, 5, NULL, GRAFT_F32);
    y = gft_tf_reshape(nodes, y, gft_tf_const_ints(nodes, "joined", joined, 4), GRAFT_F32);
    return gft_tf_slice(nodes, y, begin, size, 4, GRAFT_F32);
}

/* The explicit padding that SAME is for a window on `size` rows (or columns). */
static void same_pads(int64_t size, int64_t window, int64_t stride, int64_t *before,
                      int64_t *after) {
    const int64_t total =
        gft_i64_max((gft_i64_ceil_div(size, stride) - 1) * stride + window - size, 0);
    *before = total / 2;
    *after = total - total / 2;
}

/*
 * Unequal strides, which TensorFlow's depthwise kernel does not take: stride 1, and the wanted rows
 * and columns are picked from the result. Padding then has to be explicit.
 */
static graft_status uneven_strides(gft_tf_emit *e, gft_conv2d_attrs attrs,
                                   const graft_shape *filter, const char *x, const char *taps,
                                   const char **out, graft_error *err) {
    const graft_shape *shape = &gft_tf_in_desc(e, 0)->shape;
    gft_strided_slice_attrs pick = {.stride = {1, attrs.stride_h, attrs.stride_w, 1}};
    for (int i = 0; i < 4; i++)
        pick.end[i] = INT64_MAX;
    if (attrs.padding == GFT_PAD_SAME) {
        const int64_t window_h = (filter->dims[0] - 1) * gft_i64_max(attrs.dilation_h, 1) + 1;
        const int64_t window_w = (filter->dims[1] - 1) * gft_i64_max(attrs.dilation_w, 1) + 1;
        if (shape->dims[1] < 0 || shape->dims[2] < 0)
            return gft_tf_cannot(e, "strides differ and the picture's size is not known", err);
        same_pads(shape->dims[1], window_h, attrs.stride_h, &attrs.pads.top, &attrs.pads.bottom);
        same_pads(shape->dims[2], window_w, attrs.stride_w, &attrs.pads.left, &attrs.pads.right);
        attrs.padding = GFT_PAD_EXPLICIT;
    }
    attrs.stride_h = attrs.stride_w = attrs.dilation_h = attrs.dilation_w = 1;
    const char *y = convolution(e, "DepthwiseConv2dNative", &attrs, x, taps);
    *out = gft_tf_strided_slice(e->nodes, y, &pick, 4, GRAFT_F32);
    return *out || e->nodes->pb->failed ? GRAFT_OK
                                        : gft_tf_cannot(e, "its strides are too large", err);
}

graft_status gft_tf_emit_depthwise_conv2d(gft_tf_emit *e, graft_error *err) {
    gft_conv2d_attrs attrs = *(const gft_conv2d_attrs *)e->node->attrs;
    const graft_shape *filter = &gft_tf_in_desc(e, 1)->shape;
    const bool dilated = attrs.dilation_h > 1 || attrs.dilation_w > 1;
    const char *taps = gft_tf_in(e, 1);
    const char *x = gft_tf_scaled_input(e, &attrs.epilogue);
    const char *acc = NULL;
    if (dilated) {
        taps = spread_filter(e, filter, gft_i64_max(attrs.dilation_h, 1),
                             gft_i64_max(attrs.dilation_w, 1));
        if (!taps && !e->nodes->pb->failed)
            return gft_tf_cannot(e, "its filter is too large", err);
    }
    if (attrs.stride_h != attrs.stride_w) {
        GFT_TRY(uneven_strides(e, attrs, filter, x, taps, &acc, err));
    } else {
        attrs.dilation_h = attrs.dilation_w = 1;
        acc = convolution(e, "DepthwiseConv2dNative", &attrs, x, taps);
    }
    return gft_tf_epilogue(e, &attrs.epilogue, 2, acc, err);
}

static const char *matrix_product(gft_tf_emit *e, const char *a, const char *b, bool transpose_a,
                                  bool transpose_b, bool plain) {
    gft_tf_nodes *nodes = e->nodes;
    gft_tf_node *node = gft_tf_add(nodes, plain ? "MatMul" : "BatchMatMulV2");
    gft_tf_input(nodes, node, a);
    gft_tf_input(nodes, node, b);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_bool(nodes, node, plain ? "transpose_a" : "adj_x", transpose_a);
    gft_tf_attr_bool(nodes, node, plain ? "transpose_b" : "adj_y", transpose_b);
    return gft_tf_output(nodes, node, 0);
}

/* Rank 3 and more: BatchMatMulV2 repeats the kernel over the leading dimensions. */
graft_status gft_tf_emit_dense(gft_tf_emit *e, graft_error *err) {
    const gft_dense_attrs *attrs = e->node->attrs;
    const int32_t rank = gft_tf_in_desc(e, 0)->shape.rank;
    if (rank < 2)
        return gft_tf_cannot(e, "its input is a vector, expected a batch", err);
    const char *acc = matrix_product(e, gft_tf_scaled_input(e, &attrs->epilogue), gft_tf_in(e, 1),
                                     false, false, rank == 2);
    return gft_tf_epilogue(e, &attrs->epilogue, 2, acc, err);
}

graft_status gft_tf_emit_matmul(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_matmul_attrs *attrs = e->node->attrs;
    const bool plain =
        gft_tf_in_desc(e, 0)->shape.rank == 2 && gft_tf_in_desc(e, 1)->shape.rank == 2;
    gft_tf_set_out(e, matrix_product(e, gft_tf_in(e, 0), gft_tf_in(e, 1), attrs->transpose_a,
                                     attrs->transpose_b, plain));
    return GRAFT_OK;
}

graft_status gft_tf_emit_bias_add(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_set_out(
        e, add_bias(e->nodes, gft_tf_in(e, 0), gft_tf_in_desc(e, 0)->shape.rank, gft_tf_in(e, 1)));
    return GRAFT_OK;
}
