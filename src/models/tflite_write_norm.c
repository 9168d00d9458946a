/*
 * Normalisation, softmax, pooling and reductions as TFLite's operators.
 */
#include <float.h>
#include <math.h>

#include "base/size.h"
#include "models/tflite_write.h"
#include "ops/ops.h"

/* ---- batch norm: x * k + (beta - mean * k), k = gamma / sqrt(variance + epsilon) ---- */

static const float *statistic(const gft_tflw_walk *w, int32_t i) {
    return gft_tflw_in_desc(w, i)->dtype == GRAFT_F32
               ? gft_graph_value_data(w->graph, w->node->inputs[i])
               : NULL;
}

void gft_tflw_emit_batch_norm(gft_tflw_walk *w) {
    const gft_batch_norm_attrs *attrs = w->node->attrs;
    const float *data[5] = {NULL};
    for (int32_t i = 1; i < 5; i++) {
        data[i] = statistic(w, i);
        if (!data[i]) {
            gft_tflw_cannot(w, "its statistics are not constant");
            return;
        }
    }
    const int64_t channels = gft_shape_elems(&gft_tflw_in_desc(w, 1)->shape);
    const graft_shape shape = gft_shape_1(channels);
    float *factor = gft_tflw_memory(w, (size_t)channels, sizeof *factor);
    float *offset = gft_tflw_memory(w, (size_t)channels, sizeof *offset);
    if (!factor || !offset)
        return;
    for (int64_t c = 0; c < channels; c++) {
        const double k = (double)data[1][c] / sqrt((double)data[4][c] + (double)attrs->epsilon);
        factor[c] = (float)k;
        offset[c] = (float)((double)data[2][c] - (double)data[3][c] * k);
    }
    const int32_t product = gft_tflw_binary(w, GFT_TFLITE_OP_MUL, gft_tflw_in(w, 0),
                                            gft_tflw_const_f32s(w, "scale", &shape, factor, false),
                                            GFT_TFLITE_ACT_NONE, -1, "product");
    (void)gft_tflw_binary(w, GFT_TFLITE_OP_ADD, product,
                          gft_tflw_const_f32s(w, "offset", &shape, offset, false),
                          gft_tflw_fused(w), gft_tflw_out(w, 0), "sum");
}

void gft_tflw_emit_layer_norm(gft_tflw_walk *w) {
    const gft_norm_attrs *attrs = w->node->attrs;
    const int32_t x = gft_tflw_in(w, 0);
    const uint32_t last = 1u << (gft_tflw_in_desc(w, 0)->shape.rank - 1);
    const int32_t mean = gft_tflw_reduce(w, GFT_TFLITE_OP_MEAN, x, last, true, -1, "mean");
    const int32_t square = gft_tflw_binary(w, GFT_TFLITE_OP_SQUARED_DIFFERENCE, x, mean,
                                           GFT_TFLITE_ACT_NONE, -1, "squared_difference");
    const int32_t variance =
        gft_tflw_reduce(w, GFT_TFLITE_OP_MEAN, square, last, true, -1, "variance");
    const int32_t epsilon = gft_tflw_const_f32(w, "epsilon", attrs->epsilon);
    const int32_t sum =
        gft_tflw_binary(w, GFT_TFLITE_OP_ADD, variance, epsilon, GFT_TFLITE_ACT_NONE, -1, "sum");
    const int32_t root = gft_tflw_unary(w, GFT_TFLITE_OP_RSQRT, sum, -1, "rsqrt");
    const int32_t centred =
        gft_tflw_binary(w, GFT_TFLITE_OP_SUB, x, mean, GFT_TFLITE_ACT_NONE, -1, "centred");
    const int32_t scaled =
        gft_tflw_binary(w, GFT_TFLITE_OP_MUL, centred, root, GFT_TFLITE_ACT_NONE, -1, "scaled");
    const int32_t product = gft_tflw_binary(w, GFT_TFLITE_OP_MUL, scaled, gft_tflw_in(w, 1),
                                            GFT_TFLITE_ACT_NONE, -1, "product");
    (void)gft_tflw_binary(w, GFT_TFLITE_OP_ADD, product, gft_tflw_in(w, 2), gft_tflw_fused(w),
                          gft_tflw_out(w, 0), "result");
}

/* L2_NORMALIZATION bounds the norm by 1e-6; another epsilon is written out. */
void gft_tflw_emit_l2_normalise(gft_tflw_walk *w) {
    const gft_norm_attrs *attrs = w->node->attrs;
    const int32_t x = gft_tflw_in(w, 0);
    const int32_t out = gft_tflw_out(w, 0);
    if (attrs->epsilon == 1e-12f || gft_tflw_role_of(w)->integer) {
        gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_L2_NORMALIZATION, &x, 1, out);
        gft_tflw_options(op, GFT_TFLITE_OPTIONS_L2_NORM);
        return;
    }
    const uint32_t last = 1u << (gft_tflw_in_desc(w, 0)->shape.rank - 1);
    const int32_t square = gft_tflw_unary(w, GFT_TFLITE_OP_SQUARE, x, -1, "square");
    const int32_t sum = gft_tflw_reduce(w, GFT_TFLITE_OP_SUM, square, last, true, -1, "sum");
    const int32_t epsilon = gft_tflw_const_f32(w, "epsilon", attrs->epsilon);
    const int32_t bound =
        gft_tflw_binary(w, GFT_TFLITE_OP_MAXIMUM, sum, epsilon, GFT_TFLITE_ACT_NONE, -1, "maximum");
    const int32_t root = gft_tflw_unary(w, GFT_TFLITE_OP_RSQRT, bound, -1, "rsqrt");
    (void)gft_tflw_binary(w, GFT_TFLITE_OP_MUL, x, root, GFT_TFLITE_ACT_NONE, out, "product");
}

/* Along the last axis: another one is brought there and back. */
void gft_tflw_emit_softmax(gft_tflw_walk *w) {
    const gft_axis_attrs *attrs = w->node->attrs;
    const int32_t rank = gft_tflw_in_desc(w, 0)->shape.rank;
    const bool log = w->node->op == &gft_op_log_softmax;
    int32_t axis = 0;
    if (!gft_axis_normalise(attrs->axis, rank, &axis) || rank > 4) {
        gft_tflw_cannot(w, "it has more than four dimensions");
        return;
    }
    int32_t perm[GRAFT_MAX_RANK];
    for (int32_t i = 0; i < rank; i++)
        perm[i] = i;
    perm[axis] = rank - 1;
    perm[rank - 1] = axis;
    const bool turned = axis != rank - 1;
    int32_t x = gft_tflw_in(w, 0);
    const int32_t out = gft_tflw_out(w, 0);
    int32_t y = out;
    if (turned) {
        x = gft_tflw_transpose(w, x, perm, -1, "turned");
        graft_tensor_desc desc = *gft_tflw_in_desc(w, 0);
        desc.shape.dims[axis] = gft_tflw_in_desc(w, 0)->shape.dims[rank - 1];
        desc.shape.dims[rank - 1] = gft_tflw_in_desc(w, 0)->shape.dims[axis];
        y = gft_tflw_between(w, "softmax", &desc, out);
    }
    gft_tflw_op *op =
        gft_tflw_add(w, log ? GFT_TFLITE_OP_LOG_SOFTMAX : GFT_TFLITE_OP_SOFTMAX, &x, 1, y);
    gft_tflw_options(op, log ? GFT_TFLITE_OPTIONS_LOG_SOFTMAX : GFT_TFLITE_OPTIONS_SOFTMAX);
    if (!log)
        gft_tflw_option_f(op, GFT_TFLITE_SOFTMAX_BETA, 1.0f);
    if (turned)
        (void)gft_tflw_transpose(w, y, perm, out, "back");
}

void gft_tflw_emit_lrn(gft_tflw_walk *w) {
    const gft_lrn_attrs *attrs = w->node->attrs;
    const int32_t x = gft_tflw_in(w, 0);
    gft_tflw_op *op =
        gft_tflw_add(w, GFT_TFLITE_OP_LOCAL_RESPONSE_NORMALIZATION, &x, 1, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_LOCAL_RESPONSE_NORMALIZATION);
    gft_tflw_option_i(op, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_RADIUS, 4, attrs->radius, 0);
    gft_tflw_option_f(op, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_BIAS, attrs->bias);
    gft_tflw_option_f(op, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_ALPHA, attrs->alpha);
    gft_tflw_option_f(op, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_BETA, attrs->beta);
}

/* ---- pooling ---- */

static int64_t real_cells(int64_t o, int64_t stride, int64_t kernel, int64_t before, int64_t size) {
    const int64_t begin = o * stride - before;
    return gft_i64_min(size, begin + kernel) - gft_i64_max(0, begin);
}

/*
 * An average over padded rows and columns divides by too much: what it has to be multiplied by,
 * (1,OH,OW,1). -1 after a failure.
 */
static int32_t correction(gft_tflw_walk *w, const gft_pool_attrs *a) {
    const graft_shape *x = &gft_tflw_in_desc(w, 0)->shape;
    const graft_shape *y = &gft_tflw_out_desc(w)->shape;
    if (x->dims[1] < 0 || x->dims[2] < 0) {
        gft_tflw_cannot(w,
                        "it averages over padding of its own and its picture's size is not known");
        return -1;
    }
    const graft_shape shape = gft_shape_4(1, y->dims[1], y->dims[2], 1);
    float *factors = gft_tflw_memory(w, (size_t)(y->dims[1] * y->dims[2]), sizeof *factors);
    if (!factors)
        return -1;
    for (int64_t i = 0; i < y->dims[1] * y->dims[2]; i++) {
        const int64_t rows =
            real_cells(i / y->dims[2], a->stride_h, a->kernel_h, a->pads.top, x->dims[1]);
        const int64_t columns =
            real_cells(i % y->dims[2], a->stride_w, a->kernel_w, a->pads.left, x->dims[2]);
        factors[i] = (float)((double)(a->kernel_h * a->kernel_w) / (double)(rows * columns));
    }
    return gft_tflw_const_f32s(w, "cells", &shape, factors, false);
}

void gft_tflw_emit_pool(gft_tflw_walk *w) {
    const gft_pool_attrs *a = w->node->attrs;
    const bool max = w->node->op == &gft_op_max_pool;
    const float lowest = -FLT_MAX;
    const int64_t window[2] = {a->kernel_h, a->kernel_w};
    const int64_t stride[2] = {a->stride_h, a->stride_w};
    const int64_t before[4] = {0, a->pads.top, a->pads.left, 0};
    const int64_t after[4] = {0, a->pads.bottom, a->pads.right, 0};
    gft_tflite_padding padding;
    int32_t x = gft_tflw_in(w, 0);
    int32_t y = gft_tflw_out(w, 0);
    const bool fits = gft_tflw_padding(a->padding, &a->pads, &gft_tflw_in_desc(w, 0)->shape, window,
                                       stride, &padding);
    const int32_t factors = !fits && !max ? correction(w, a) : -1;
    const gft_tflite_activation fused = gft_tflw_fused(w);
    if (!fits && gft_tflw_role_of(w)->integer)
        gft_tflw_cannot(w, "it pads integers by itself");
    if (!fits) {
        x = gft_tflw_pad(w, x, before, after, max ? &lowest : NULL, -1, "pad");
        if (!max)
            y = gft_tflw_between(w, "average", gft_tflw_out_desc(w), -1);
    }
    gft_tflw_op *op =
        gft_tflw_add(w, max ? GFT_TFLITE_OP_MAX_POOL_2D : GFT_TFLITE_OP_AVERAGE_POOL_2D, &x, 1, y);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_POOL_2D);
    gft_tflw_option_i(op, GFT_TFLITE_POOL_2D_PADDING, 1, padding, 0);
    gft_tflw_option_i(op, GFT_TFLITE_POOL_2D_STRIDE_W, 4, a->stride_w, 0);
    gft_tflw_option_i(op, GFT_TFLITE_POOL_2D_STRIDE_H, 4, a->stride_h, 0);
    gft_tflw_option_i(op, GFT_TFLITE_POOL_2D_FILTER_WIDTH, 4, a->kernel_w, 0);
    gft_tflw_option_i(op, GFT_TFLITE_POOL_2D_FILTER_HEIGHT, 4, a->kernel_h, 0);
    gft_tflw_option_i(op, GFT_TFLITE_POOL_2D_ACTIVATION, 1,
                      factors < 0 ? fused : GFT_TFLITE_ACT_NONE, 0);
    if (factors >= 0)
        (void)gft_tflw_binary(w, GFT_TFLITE_OP_MUL, y, factors, fused, gft_tflw_out(w, 0), "mean");
}

void gft_tflw_emit_reduce(gft_tflw_walk *w) {
    const gft_reduce_attrs *attrs = w->node->attrs;
    const gft_tflw_entry *entry = gft_tflw_find(w->node->op);
    (void)gft_tflw_reduce(w, entry->tflite, gft_tflw_in(w, 0), attrs->axes, attrs->keep_dims,
                          gft_tflw_out(w, 0), "reduce");
}
