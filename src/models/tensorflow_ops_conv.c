/*
 * Convolutions and matrix products as TensorFlow's Conv2D, DepthwiseConv2dNative, MatMul and BatchMatMulV2, with what
 * their epilogues hold behind them.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

const char *gft_tf_scaled_input(gft_tf_emit *e, const gft_epilogue_attrs *epilogue) {
    if (!epilogue->has_input_scale)
        return gft_tf_in(e, 0);
    return gft_tf_binary(e->nodes, "Mul", gft_tf_in(e, 0), gft_tf_in(e, e->node->input_count - 1), GRAFT_F32);
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

graft_status gft_tf_epilogue(gft_tf_emit *e, const gft_epilogue_attrs *epilogue, int32_t first, const char *acc,
                             graft_error *err) {
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

static void padding_attrs(gft_tf_nodes *nodes, gft_tf_node *node, gft_padding padding, const gft_pads *pads) {
    static const char *const names[] = {"VALID", "SAME", "EXPLICIT"};
    gft_tf_attr_text(nodes, node, "padding", names[padding]);
    const int64_t explicit_pads[8] = {0, 0, pads->top, pads->bottom, pads->left, pads->right, 0, 0};
    gft_tf_attr_ints(nodes, node, "explicit_paddings", explicit_pads, padding == GFT_PAD_EXPLICIT ? 8 : 0);
}

static const char *convolution(gft_tf_emit *e, const char *op, const gft_conv2d_attrs *attrs) {
    gft_tf_nodes *nodes = e->nodes;
    const char *x = gft_tf_scaled_input(e, &attrs->epilogue);
    gft_tf_node *node = gft_tf_add(nodes, op);
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, gft_tf_in(e, 1));
    const int64_t strides[4] = {1, attrs->stride_h, attrs->stride_w, 1};
    const int64_t dilations[4] = {1, attrs->dilation_h ? attrs->dilation_h : 1, attrs->dilation_w ? attrs->dilation_w : 1,
                                  1};
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_ints(nodes, node, "strides", strides, 4);
    gft_tf_attr_ints(nodes, node, "dilations", dilations, 4);
    gft_tf_attr_text(nodes, node, "data_format", "NHWC");
    padding_attrs(nodes, node, attrs->padding, &attrs->pads);
    return gft_tf_output(nodes, node, 0);
}

/* TensorFlow's optimiser would fuse a grouped convolution with the bias or batch norm behind it, which its CPU kernel then
 * refuses; a node among the function's control outputs is left alone. */
static const char *grouped(gft_tf_emit *e, const gft_conv2d_attrs *attrs) {
    const char *y = convolution(e, "Conv2D", attrs);
    if (!e->nodes->pb->failed)
        gft_pb_push(e->nodes->pb, &e->effects, &e->effect_count, e->nodes->items[e->nodes->count - 1]);
    return y;
}

graft_status gft_tf_emit_conv2d(gft_tf_emit *e, graft_error *err) {
    const gft_conv2d_attrs *attrs = e->node->attrs;
    const char *acc = attrs->groups > 1 ? grouped(e, attrs) : convolution(e, "Conv2D", attrs);
    return gft_tf_epilogue(e, &attrs->epilogue, 2, acc, err);
}

/* DepthwiseConv2dNative takes equal strides and no dilation on a CPU: what has those is written as a grouped Conv2D, whose
 * filter is the same numbers as (KH,KW,1,C*M). */
graft_status gft_tf_emit_depthwise_conv2d(gft_tf_emit *e, graft_error *err) {
    const gft_conv2d_attrs *attrs = e->node->attrs;
    const char *acc;
    if (attrs->stride_h == attrs->stride_w && attrs->dilation_h <= 1 && attrs->dilation_w <= 1) {
        acc = convolution(e, "DepthwiseConv2dNative", attrs);
    } else {
        const graft_shape *filter = &gft_tf_in_desc(e, 1)->shape;
        const int64_t dims[4] = {filter->dims[0], filter->dims[1], 1, filter->dims[2] * filter->dims[3]};
        if (!gft_tf_fits_s32(dims, 4))
            return gft_tf_cannot(e, "its filter is too large", err);
        const char *shape = gft_tf_const_ints(e->nodes, "filter_shape", dims, 4);
        const char *original = e->values[e->node->inputs[1]];
        e->values[e->node->inputs[1]] = gft_tf_reshape(e->nodes, original, shape, GRAFT_F32);
        acc = grouped(e, attrs);
        e->values[e->node->inputs[1]] = original;
    }
    return gft_tf_epilogue(e, &attrs->epilogue, 2, acc, err);
}

static const char *matrix_product(gft_tf_emit *e, const char *a, const char *b, bool transpose_a, bool transpose_b,
                                  bool plain) {
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
    const char *acc =
        matrix_product(e, gft_tf_scaled_input(e, &attrs->epilogue), gft_tf_in(e, 1), false, false, rank == 2);
    return gft_tf_epilogue(e, &attrs->epilogue, 2, acc, err);
}

graft_status gft_tf_emit_matmul(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_matmul_attrs *attrs = e->node->attrs;
    const bool plain = gft_tf_in_desc(e, 0)->shape.rank == 2 && gft_tf_in_desc(e, 1)->shape.rank == 2;
    gft_tf_set_out(e, matrix_product(e, gft_tf_in(e, 0), gft_tf_in(e, 1), attrs->transpose_a, attrs->transpose_b, plain));
    return GRAFT_OK;
}

graft_status gft_tf_emit_bias_add(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_set_out(e, add_bias(e->nodes, gft_tf_in(e, 0), gft_tf_in_desc(e, 0)->shape.rank, gft_tf_in(e, 1)));
    return GRAFT_OK;
}
