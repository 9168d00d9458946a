/*
 * Convolutions and matrix products as TFLite's operators: filters OHWI, depthwise 1HWC, dense
 * weights (out,in). Padding that is neither SAME nor VALID becomes a PAD in front.
 */
#include "base/size.h"
#include "models/tflite_write.h"
#include "ops/ops.h"

/* ---- padding ---- */

static bool is_same(int64_t size, int64_t window, int64_t stride, int64_t before, int64_t after) {
    int64_t total = window - 1; /* whatever the size is */
    if (size >= 0)
        total = gft_i64_max((gft_i64_ceil_div(size, stride) - 1) * stride + window - size, 0);
    else if (stride != 1)
        return false;
    return before == total / 2 && after == total - total / 2;
}

bool gft_tflw_padding(gft_padding padding, const gft_pads *pads, const graft_shape *x,
                      const int64_t window[2], const int64_t stride[2], gft_tflite_padding *out) {
    *out = padding == GFT_PAD_SAME ? GFT_TFLITE_PADDING_SAME : GFT_TFLITE_PADDING_VALID;
    if (padding != GFT_PAD_EXPLICIT || (!pads->top && !pads->bottom && !pads->left && !pads->right))
        return true;
    if (!is_same(x->dims[1], window[0], stride[0], pads->top, pads->bottom) ||
        !is_same(x->dims[2], window[1], stride[1], pads->left, pads->right))
        return false;
    *out = GFT_TFLITE_PADDING_SAME;
    return true;
}

/* ---- epilogues ---- */

/* x, times the numbers per picture and channel that an epilogue may hold. */
static int32_t scaled_input(gft_tflw_walk *w, const gft_epilogue_attrs *epilogue) {
    const int32_t x = gft_tflw_in(w, 0);
    if (!epilogue->has_input_scale)
        return x;
    const int32_t scale = gft_tflw_in(w, w->node->input_count - 1);
    return gft_tflw_binary(w, GFT_TFLITE_OP_MUL, x, scale, GFT_TFLITE_ACT_NONE, -1, "scaled");
}

static gft_tflite_activation relu_of(const gft_op *op) {
    return op == &gft_op_relu    ? GFT_TFLITE_ACT_RELU
           : op == &gft_op_relu6 ? GFT_TFLITE_ACT_RELU6
                                 : GFT_TFLITE_ACT_NONE;
}

/* What the operator itself does, and where its result goes. */
typedef struct ending {
    const gft_epilogue_attrs *epilogue;
    gft_tflite_activation fused;
    int32_t out; /* of the operator */
} ending;

static ending begin(gft_tflw_walk *w, const gft_epilogue_attrs *epilogue) {
    ending e = {epilogue, gft_tflw_fused(w), -1};
    const gft_tflite_activation relu =
        epilogue->activation ? relu_of(epilogue->activation) : e.fused;
    const bool alone =
        !epilogue->has_residual && (!epilogue->activation || relu != GFT_TFLITE_ACT_NONE);
    e.fused = alone ? relu : GFT_TFLITE_ACT_NONE;
    e.out = alone ? gft_tflw_out(w, 0) : gft_tflw_between(w, "product", gft_tflw_out_desc(w), -1);
    return e;
}

/* The residual and the activation that did not go into the operator. */
static void finish(gft_tflw_walk *w, const ending *e) {
    const gft_epilogue_attrs *epilogue = e->epilogue;
    if (!gft_tflw_ok(w) ||
        (!epilogue->has_residual && (!epilogue->activation || e->fused != GFT_TFLITE_ACT_NONE)))
        return;
    const gft_tflite_activation relu =
        epilogue->activation ? relu_of(epilogue->activation) : gft_tflw_fused(w);
    const bool last = !epilogue->activation || relu != GFT_TFLITE_ACT_NONE;
    const int32_t out = gft_tflw_out(w, 0);
    int32_t y = e->out;
    if (epilogue->has_residual)
        y = gft_tflw_binary(w, GFT_TFLITE_OP_ADD, y, gft_tflw_in(w, epilogue->has_bias ? 3 : 2),
                            relu, last ? out : -1, "sum");
    if (!last && !gft_tflw_activation(w, epilogue->activation, epilogue->alpha, y, out))
        gft_tflw_cannot(w, "its activation is not known");
}

/* ---- convolutions ---- */

/* x padded where the operator cannot. */
static int32_t padded(gft_tflw_walk *w, const gft_conv2d_attrs *a, int32_t x,
                      const graft_shape *filter, gft_tflite_padding *padding) {
    const int64_t window[2] = {(filter->dims[0] - 1) * gft_i64_max(a->dilation_h, 1) + 1,
                               (filter->dims[1] - 1) * gft_i64_max(a->dilation_w, 1) + 1};
    const int64_t stride[2] = {a->stride_h, a->stride_w};
    if (gft_tflw_padding(a->padding, &a->pads, &gft_tflw_in_desc(w, 0)->shape, window, stride,
                         padding))
        return x;
    const int64_t before[4] = {0, a->pads.top, a->pads.left, 0};
    const int64_t after[4] = {0, a->pads.bottom, a->pads.right, 0};
    return gft_tflw_pad(w, x, before, after, NULL, -1, "pad");
}

static void window_options(gft_tflw_op *op, const gft_conv2d_attrs *a, gft_tflite_padding padding) {
    gft_tflw_option_i(op, GFT_TFLITE_CONV_2D_PADDING, 1, padding, 0);
    gft_tflw_option_i(op, GFT_TFLITE_CONV_2D_STRIDE_W, 4, a->stride_w, 0);
    gft_tflw_option_i(op, GFT_TFLITE_CONV_2D_STRIDE_H, 4, a->stride_h, 0);
}

static int64_t channels_of(const gft_tflw_walk *w) {
    const graft_shape *y = &gft_tflw_out_desc(w)->shape;
    return y->dims[y->rank - 1];
}

static gft_tflw_op *convolution(gft_tflw_walk *w, const gft_conv2d_attrs *a, gft_tflite_op kind,
                                gft_tflw_layout layout, const ending *e,
                                gft_tflite_padding *padding) {
    const graft_shape *filter = &gft_tflw_in_desc(w, 1)->shape;
    int32_t inputs[3];
    inputs[0] = padded(w, a, scaled_input(w, &a->epilogue), filter, padding);
    inputs[1] = gft_tflw_weights(w, 1, layout);
    inputs[2] = gft_tflw_bias(w, a->epilogue.has_bias ? 2 : -1, channels_of(w));
    return gft_tflw_add(w, kind, inputs, inputs[2] < 0 ? 2 : 3, e->out);
}

void gft_tflw_emit_conv2d(gft_tflw_walk *w) {
    const gft_conv2d_attrs *a = w->node->attrs;
    gft_tflite_padding padding = GFT_TFLITE_PADDING_VALID;
    const ending e = begin(w, &a->epilogue);
    gft_tflw_op *op = convolution(w, a, GFT_TFLITE_OP_CONV_2D, GFT_TFLW_CONV, &e, &padding);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_CONV_2D);
    window_options(op, a, padding);
    gft_tflw_option_i(op, GFT_TFLITE_CONV_2D_ACTIVATION, 1, e.fused, 0);
    gft_tflw_option_i(op, GFT_TFLITE_CONV_2D_DILATION_W_FACTOR, 4, gft_i64_max(a->dilation_w, 1),
                      1);
    gft_tflw_option_i(op, GFT_TFLITE_CONV_2D_DILATION_H_FACTOR, 4, gft_i64_max(a->dilation_h, 1),
                      1);
    finish(w, &e);
}

void gft_tflw_emit_depthwise(gft_tflw_walk *w) {
    const gft_conv2d_attrs *a = w->node->attrs;
    gft_tflite_padding padding = GFT_TFLITE_PADDING_VALID;
    const ending e = begin(w, &a->epilogue);
    gft_tflw_op *op =
        convolution(w, a, GFT_TFLITE_OP_DEPTHWISE_CONV_2D, GFT_TFLW_DEPTHWISE, &e, &padding);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_DEPTHWISE_CONV_2D);
    window_options(op, a, padding);
    gft_tflw_option_i(op, GFT_TFLITE_DEPTHWISE_CONV_2D_DEPTH_MULTIPLIER, 4,
                      gft_tflw_in_desc(w, 1)->shape.dims[3], 0);
    gft_tflw_option_i(op, GFT_TFLITE_DEPTHWISE_CONV_2D_ACTIVATION, 1, e.fused, 0);
    gft_tflw_option_i(op, GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_W_FACTOR, 4,
                      gft_i64_max(a->dilation_w, 1), 1);
    gft_tflw_option_i(op, GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_H_FACTOR, 4,
                      gft_i64_max(a->dilation_h, 1), 1);
    finish(w, &e);
}

/* Its output's height and width: numbers, or those of its input times the stride. */
static int32_t transposed_shape(gft_tflw_walk *w) {
    const graft_shape *y = &gft_tflw_out_desc(w)->shape;
    int64_t dims[4];
    for (int32_t i = 0; i < 4; i++)
        dims[i] = y->dims[i];
    if (dims[1] < 0 || dims[2] < 0) {
        gft_tflw_cannot(w, "its picture's size is not known");
        return -1;
    }
    if (dims[0] >= 0)
        return gft_tflw_const_i64s(w, "shape", dims, 4);
    const int32_t batch = gft_tflw_dim_of(w, gft_tflw_in(w, 0), 0);
    const int32_t rest = gft_tflw_const_i64s(w, "shape", dims + 1, 3);
    return gft_tflw_join(w, (const int32_t[]){batch, rest}, 2, 4);
}

void gft_tflw_emit_transposed(gft_tflw_walk *w) {
    const gft_conv2d_transpose_attrs *t = w->node->attrs;
    const gft_conv2d_attrs *a = &t->conv;
    if (a->padding == GFT_PAD_EXPLICIT || a->dilation_h > 1 || a->dilation_w > 1) {
        gft_tflw_cannot(w, "it has dilation or padding of its own");
        return;
    }
    const gft_tflite_padding padding =
        a->padding == GFT_PAD_SAME ? GFT_TFLITE_PADDING_SAME : GFT_TFLITE_PADDING_VALID;
    int32_t inputs[3];
    inputs[0] = transposed_shape(w);
    inputs[1] = gft_tflw_weights(w, 1, GFT_TFLW_TRANSPOSED);
    inputs[2] = gft_tflw_in(w, 0);
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_TRANSPOSE_CONV, inputs, 3, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_TRANSPOSE_CONV);
    window_options(op, a, padding); /* the same fields */
}

/* ---- matrix products ---- */

static bool is_constant(const gft_tflw_walk *w, int32_t i) {
    return gft_tflw_weights_of(w->graph, w->node->inputs[i]) >= 0 ||
           gft_graph_value_data(w->graph, w->node->inputs[i]);
}

static void fully_connected(gft_tflw_walk *w, int32_t x, const ending *e, bool has_bias,
                            gft_tflw_layout layout) {
    int32_t inputs[3] = {x, gft_tflw_weights(w, 1, layout), -1};
    if (has_bias)
        inputs[2] = gft_tflw_bias(w, 2, 0);
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_FULLY_CONNECTED, inputs, 3, e->out);
    const bool hybrid = gft_tflw_ok(w) && inputs[1] >= 0 && w->g->tensors[inputs[1]].quant.scales &&
                        !gft_tflw_role_of(w)->integer;
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_FULLY_CONNECTED);
    gft_tflw_option_i(op, GFT_TFLITE_FULLY_CONNECTED_ACTIVATION, 1, e->fused, 0);
    gft_tflw_option_i(op, GFT_TFLITE_FULLY_CONNECTED_KEEP_NUM_DIMS, 1,
                      gft_tflw_out_desc(w)->shape.rank > 2, 0);
    gft_tflw_option_i(op, GFT_TFLITE_FULLY_CONNECTED_ASYMMETRIC_QUANTIZE_INPUTS, 1, hybrid, 0);
}

static int32_t batch_matmul(gft_tflw_walk *w, int32_t a, bool adj_x, bool adj_y, int32_t out) {
    const int32_t b = gft_tflw_in(w, 1);
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_BATCH_MATMUL, (const int32_t[]){a, b}, 2, out);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_BATCH_MATMUL);
    gft_tflw_option_i(op, GFT_TFLITE_BATCH_MATMUL_ADJ_X, 1, adj_x, 0);
    gft_tflw_option_i(op, GFT_TFLITE_BATCH_MATMUL_ADJ_Y, 1, adj_y, 0);
    return out;
}

void gft_tflw_emit_dense(gft_tflw_walk *w) {
    const gft_dense_attrs *attrs = w->node->attrs;
    const gft_epilogue_attrs *epilogue = &attrs->epilogue;
    if (gft_tflw_in_desc(w, 0)->shape.rank < 2) {
        gft_tflw_cannot(w, "its input is a vector, expected a batch");
        return;
    }
    const ending e = begin(w, epilogue);
    const int32_t x = scaled_input(w, epilogue);
    if (is_constant(w, 1)) {
        fully_connected(w, x, &e, epilogue->has_bias, GFT_TFLW_DENSE);
    } else if (!epilogue->has_bias && e.fused == GFT_TFLITE_ACT_NONE) {
        (void)batch_matmul(w, x, false, false, e.out);
    } else {
        const int32_t product = batch_matmul(
            w, x, false, false, gft_tflw_between(w, "matmul", gft_tflw_out_desc(w), -1));
        const int32_t bias =
            epilogue->has_bias ? gft_tflw_in(w, 2) : gft_tflw_const_f32(w, "zero", 0.0f);
        (void)gft_tflw_binary(w, GFT_TFLITE_OP_ADD, product, bias, e.fused, e.out, "sum");
    }
    finish(w, &e);
}

void gft_tflw_emit_matmul(gft_tflw_walk *w) {
    static const gft_epilogue_attrs none;
    const gft_matmul_attrs *attrs = w->node->attrs;
    const graft_shape *b = &gft_tflw_in_desc(w, 1)->shape;
    const graft_shape *a = &gft_tflw_in_desc(w, 0)->shape;
    if (b->rank == 2 && a->rank >= 2 && !attrs->transpose_a && is_constant(w, 1)) {
        const ending e = {&none, GFT_TFLITE_ACT_NONE, gft_tflw_out(w, 0)};
        fully_connected(w, gft_tflw_in(w, 0), &e, false,
                        attrs->transpose_b ? GFT_TFLW_DENSE_TRANSPOSED : GFT_TFLW_DENSE);
        return;
    }
    if (a->rank < 2 || b->rank < 2) {
        gft_tflw_cannot(w, "an operand is a vector");
        return;
    }
    (void)batch_matmul(w, gft_tflw_in(w, 0), attrs->transpose_a, attrs->transpose_b,
                       gft_tflw_out(w, 0));
}
