/*
 * Small models for tests of the SavedModel writer and reader: a picture classifier with most of
 * what families use, one with several inputs and outputs, a text encoder, and one model per op with
 * its odd attributes. Weights are drawn from a seed, so that every program that makes a model makes
 * the same one.
 */
#ifndef GFT_TEST_SAVEDMODEL_MAKER_H
#define GFT_TEST_SAVEDMODEL_MAKER_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/shape.h"
#include "models/model.h"
#include "ops/ops.h"

/* A graph being built; the first failure sticks. */
typedef struct maker {
    graft_model *model;
    gft_graph *graph;
    gft_rng rng;
    graft_status status;
    graft_error *err;
} maker;

#define MAKER_DO(m, expr)                                                                          \
    do {                                                                                           \
        if ((m)->status == GRAFT_OK)                                                               \
            (m)->status = (expr);                                                                  \
    } while (0)

static inline gft_value_id make_input(maker *m, const char *name, graft_dtype dtype,
                                      graft_shape shape) {
    const graft_tensor_desc desc = {dtype, shape, NULL};
    gft_value_id id = -1;
    MAKER_DO(m, gft_graph_input(m->graph, name, &desc, &id, m->err));
    return id;
}

/* A parameter "layer/part": values around `centre`, `spread` wide to either side. */
static inline gft_value_id make_param(maker *m, const char *name, graft_shape shape,
                                      gft_param_kind kind, float centre, float spread) {
    const graft_tensor_desc desc = gft_desc_f32(shape);
    gft_param_id param = -1;
    gft_value_id id = -1;
    MAKER_DO(m, gft_params_add(&m->model->params, name, &desc, kind, kind != GFT_PARAM_STATISTIC,
                               NULL, &param, m->err));
    if (m->status != GRAFT_OK)
        return -1;
    float *data = m->model->params.items[param].data;
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++)
        data[i] = centre + spread * (2.0f * gft_rng_uniform(&m->rng) - 1.0f);
    MAKER_DO(m, gft_graph_param(m->graph, param, &id, m->err));
    return id;
}

static inline gft_value_id make_node(maker *m, const gft_op *op, const char *name,
                                     const void *attrs, int32_t count, const gft_value_id *inputs) {
    gft_value_id out = -1;
    MAKER_DO(m, gft_graph_add(m->graph, op, name, attrs, inputs, count, &out, m->err));
    return out;
}
#define MAKE_NODE(m, op, name, attrs, ...)                                                         \
    make_node(m, &gft_op_##op, name, attrs,                                                        \
              (int32_t)(sizeof((const gft_value_id[]){__VA_ARGS__}) / sizeof(gft_value_id)),       \
              (const gft_value_id[]){__VA_ARGS__})

static inline void make_output(maker *m, const char *name, gft_value_id value) {
    MAKER_DO(m, gft_graph_output(m->graph, name, value, m->err));
}

static inline gft_value_id make_const(maker *m, float value) {
    gft_value_id id = -1;
    MAKER_DO(m, gft_graph_const_f32(m->graph, value, &id, m->err));
    return id;
}

static inline const char *make_name(char out[96], const char *layer, const char *part) {
    (void)snprintf(out, 96, "%s/%s", layer, part);
    return out;
}

static inline gft_value_id make_batch_norm(maker *m, gft_value_id x, const char *layer,
                                           int64_t channels, bool train) {
    char name[96];
    const graft_shape c = gft_shape_1(channels);
    const gft_batch_norm_attrs attrs = {.epsilon = 1e-3f, .momentum = 0.9f, .train = train};
    gft_graph_set_layer(m->graph, layer);
    gft_value_id gamma =
        make_param(m, make_name(name, layer, "gamma"), c, GFT_PARAM_WEIGHT, 1.0f, 0.3f);
    gft_value_id beta =
        make_param(m, make_name(name, layer, "beta"), c, GFT_PARAM_BIAS, 0.1f, 0.3f);
    gft_value_id mean =
        make_param(m, make_name(name, layer, "moving_mean"), c, GFT_PARAM_STATISTIC, 0.0f, 0.2f);
    gft_value_id var = make_param(m, make_name(name, layer, "moving_variance"), c,
                                  GFT_PARAM_STATISTIC, 1.0f, 0.5f);
    return MAKE_NODE(m, batch_norm, layer, &attrs, x, gamma, beta, mean, var);
}

static inline gft_value_id make_conv(maker *m, gft_value_id x, const char *layer, const gft_op *op,
                                     graft_shape filter, gft_conv2d_attrs attrs, int64_t bias) {
    char name[96];
    gft_graph_set_layer(m->graph, layer);
    gft_value_id inputs[3] = {x, -1, -1};
    const float spread = 1.5f / sqrtf((float)(filter.dims[0] * filter.dims[1] * filter.dims[2]));
    inputs[1] =
        make_param(m, make_name(name, layer, "kernel"), filter, GFT_PARAM_WEIGHT, 0.0f, spread);
    if (bias > 0) {
        inputs[2] = make_param(m, make_name(name, layer, "bias"), gft_shape_1(bias), GFT_PARAM_BIAS,
                               0.0f, 0.2f);
        attrs.epilogue.has_bias = true;
    }
    return make_node(m, op, layer, &attrs, bias > 0 ? 3 : 2, inputs);
}

static inline gft_value_id make_dense(maker *m, gft_value_id x, const char *layer, int64_t in,
                                      int64_t out) {
    char name[96];
    gft_graph_set_layer(m->graph, layer);
    const gft_dense_attrs attrs = {.epilogue = {.has_bias = true}};
    gft_value_id kernel = make_param(m, make_name(name, layer, "kernel"), gft_shape_2(in, out),
                                     GFT_PARAM_WEIGHT, 0.0f, 2.0f / sqrtf((float)in));
    gft_value_id bias =
        make_param(m, make_name(name, layer, "bias"), gft_shape_1(out), GFT_PARAM_BIAS, 0.0f, 0.2f);
    return MAKE_NODE(m, dense, layer, &attrs, x, kernel, bias);
}

/* ---- the models ---- */

#define MAKER_CONV(stride, pad)                                                                    \
    ((gft_conv2d_attrs){.stride_h = (stride), .stride_w = (stride), .padding = (pad)})

/* Squeeze-excite on x (N,H,W,c). */
static inline gft_value_id make_squeeze_excite(maker *m, gft_value_id x, int64_t c) {
    const gft_reduce_attrs spatial = {.axes = 0x6, .keep_dims = true};
    gft_graph_set_layer(m->graph, "se");
    gft_value_id s = MAKE_NODE(m, reduce_mean, "se/squeeze", &spatial, x);
    s = make_conv(m, s, "se/reduce", &gft_op_conv2d, gft_shape_4(1, 1, c, 4),
                  MAKER_CONV(1, GFT_PAD_SAME), 4);
    s = MAKE_NODE(m, relu, "se/relu", NULL, s);
    s = make_conv(m, s, "se/expand", &gft_op_conv2d, gft_shape_4(1, 1, 4, c),
                  MAKER_CONV(1, GFT_PAD_SAME), c);
    s = MAKE_NODE(m, hard_sigmoid, "se/gate", NULL, s);
    return MAKE_NODE(m, mul, "se/scale", NULL, x, s);
}

static inline void make_cnn(maker *m) {
    gft_value_id x = make_input(m, "inputs", GRAFT_F32, gft_shape_4(-1, 32, 32, 3));
    gft_graph_set_layer(m->graph, "normalization");
    x = MAKE_NODE(m, sub, "normalization/sub", NULL, x, make_const(m, 127.0f));
    x = MAKE_NODE(m, mul, "normalization/mul", NULL, x, make_const(m, 1.0f / 128.0f));
    x = make_conv(m, x, "stem/conv", &gft_op_conv2d, gft_shape_4(3, 3, 3, 8),
                  MAKER_CONV(2, GFT_PAD_SAME), 0);
    x = make_batch_norm(m, x, "stem/bn", 8, true);
    x = MAKE_NODE(m, relu6, "stem/activation", NULL, x);
    gft_conv2d_attrs padded = MAKER_CONV(2, GFT_PAD_EXPLICIT);
    padded.pads = (gft_pads){1, 1, 1, 1};
    gft_value_id y = make_conv(m, x, "block/depthwise", &gft_op_depthwise_conv2d,
                               gft_shape_4(3, 3, 8, 1), padded, 0);
    y = make_batch_norm(m, y, "block/bn", 8, true);
    gft_graph_set_layer(m->graph, "block/activation");
    y = MAKE_NODE(m, silu, "block/activation", NULL, y);
    y = make_squeeze_excite(m, y, 8);
    y = make_conv(m, y, "block/project", &gft_op_conv2d, gft_shape_4(1, 1, 8, 8),
                  MAKER_CONV(1, GFT_PAD_VALID), 8);
    const gft_pool_attrs pool = {2, 2, 2, 2, GFT_PAD_VALID, {0, 0, 0, 0}};
    gft_graph_set_layer(m->graph, "block/add");
    y = MAKE_NODE(m, add, "block/add", NULL, y, MAKE_NODE(m, max_pool, "block/pool", &pool, x));
    gft_graph_set_layer(m->graph, "head");
    y = MAKE_NODE(m, hard_swish, "head/activation", NULL, y);
    const gft_reduce_attrs spatial = {.axes = 0x6};
    y = MAKE_NODE(m, reduce_mean, "head/pool", &spatial, y);
    const gft_dropout_attrs dropout = {.rate = 0.25f, .key = 7};
    gft_graph_set_layer(m->graph, NULL);
    y = MAKE_NODE(m, dropout, "head/dropout", &dropout, y);
    y = make_dense(m, y, "head/predictions", 8, 4);
    const gft_axis_attrs last = {.axis = -1};
    gft_graph_set_layer(m->graph, NULL);
    make_output(m, "probabilities", MAKE_NODE(m, softmax, "head/softmax", &last, y));
}

/* Names that are not in sorted order, so that a swap shows. */
static inline void make_pair(maker *m) {
    gft_value_id y = make_input(m, "y", GRAFT_F32, gft_shape_2(-1, 3));
    gft_value_id x = make_input(m, "a_x", GRAFT_F32, gft_shape_2(-1, 3));
    gft_value_id sum = MAKE_NODE(m, sub, "difference", NULL, y,
                                 MAKE_NODE(m, mul, "twice", NULL, x, make_const(m, 2.0f)));
    gft_value_id p = make_dense(m, sum, "layer", 3, 3);
    make_output(m, "zeta", p);
    make_output(m, "alpha", MAKE_NODE(m, tanh, "squash", NULL, p));
}

static inline void make_text(maker *m) {
    gft_value_id ids = make_input(m, "ids", GRAFT_S32, gft_shape_2(-1, -1));
    gft_graph_set_layer(m->graph, "embedding");
    gft_value_id table =
        make_param(m, "embedding/table", gft_shape_2(50, 12), GFT_PARAM_WEIGHT, 0.0f, 1.0f);
    const gft_axis_attrs first = {.axis = 0};
    gft_value_id x = MAKE_NODE(m, gather, "embedding/gather", &first, table, ids);
    gft_graph_set_layer(m->graph, "norm");
    const gft_norm_attrs norm = {.epsilon = 1e-6f};
    gft_value_id gamma = make_param(m, "norm/gamma", gft_shape_1(12), GFT_PARAM_WEIGHT, 1.0f, 0.2f);
    gft_value_id beta = make_param(m, "norm/beta", gft_shape_1(12), GFT_PARAM_BIAS, 0.0f, 0.2f);
    x = MAKE_NODE(m, layer_norm, "norm", &norm, x, gamma, beta);
    gft_value_id q = make_dense(m, x, "query", 12, 12);
    gft_value_id k = make_dense(m, x, "key", 12, 12);
    gft_graph_set_layer(m->graph, "attention");
    const gft_matmul_attrs turn = {.transpose_b = true};
    const gft_matmul_attrs plain = {0};
    const gft_axis_attrs last = {.axis = -1};
    gft_value_id scores = MAKE_NODE(m, softmax, "attention/softmax", &last,
                                    MAKE_NODE(m, matmul, "attention/scores", &turn, q, k));
    x = MAKE_NODE(m, matmul, "attention/mix", &plain, scores, x);
    const gft_reduce_attrs sum = {.axes = 0x2};
    const gft_norm_attrs unit = {.epsilon = 1e-12f};
    gft_graph_set_layer(m->graph, "pool");
    x = MAKE_NODE(m, reduce_sum, "pool/sum", &sum, x);
    make_output(m, "embedding", MAKE_NODE(m, l2_normalise, "pool/unit", &unit, x));
}

/* ---- one op each ---- */

static inline gft_value_id make_picture(maker *m) {
    return make_input(m, "inputs", GRAFT_F32, gft_shape_4(-1, 9, 7, 4));
}
static inline gft_value_id make_rows(maker *m) {
    return make_input(m, "inputs", GRAFT_F32, gft_shape_2(-1, 6));
}
static inline gft_value_id make_positive(maker *m, gft_value_id x) {
    return MAKE_NODE(m, add, "positive", NULL, MAKE_NODE(m, square, "squared", NULL, x),
                     make_const(m, 0.5f));
}

static inline void make_op_conv_dilated(maker *m) {
    gft_conv2d_attrs attrs = MAKER_CONV(1, GFT_PAD_SAME);
    attrs.dilation_h = 2;
    attrs.dilation_w = 3;
    make_output(
        m, "y",
        make_conv(m, make_picture(m), "conv", &gft_op_conv2d, gft_shape_4(3, 2, 4, 5), attrs, 5));
}
static inline void make_op_conv_grouped(maker *m) {
    gft_conv2d_attrs attrs = MAKER_CONV(1, GFT_PAD_VALID);
    attrs.groups = 2;
    gft_value_id x = make_picture(m);
    gft_value_id y = make_conv(m, x, "conv", &gft_op_conv2d, gft_shape_4(3, 3, 2, 6), attrs, 0);
    y = make_batch_norm(m, y, "bn", 6, true);
    make_output(m, "y", MAKE_NODE(m, relu, "relu", NULL, y));
    make_output(m, "z",
                make_conv(m, x, "biased", &gft_op_conv2d, gft_shape_4(3, 3, 2, 6), attrs, 6));
}
static inline void make_op_conv_uneven(maker *m) {
    gft_conv2d_attrs attrs = MAKER_CONV(2, GFT_PAD_EXPLICIT);
    attrs.stride_w = 1;
    attrs.pads = (gft_pads){0, 2, 1, 3};
    make_output(
        m, "y",
        make_conv(m, make_picture(m), "conv", &gft_op_conv2d, gft_shape_4(3, 3, 4, 5), attrs, 5));
}
static inline void make_op_depthwise(maker *m) {
    gft_conv2d_attrs attrs = MAKER_CONV(1, GFT_PAD_EXPLICIT);
    attrs.pads = (gft_pads){0, 1, 2, 0};
    attrs.dilation_h = attrs.dilation_w = 2;
    gft_value_id x = make_conv(m, make_picture(m), "dw", &gft_op_depthwise_conv2d,
                               gft_shape_4(3, 3, 4, 2), attrs, 8);
    make_output(m, "y", x);
}
static inline void make_op_depthwise_uneven(maker *m) {
    gft_conv2d_attrs attrs = MAKER_CONV(2, GFT_PAD_SAME);
    attrs.stride_w = 1;
    make_output(m, "y",
                make_conv(m, make_picture(m), "dw", &gft_op_depthwise_conv2d,
                          gft_shape_4(3, 3, 4, 2), attrs, 0));
}
static inline void make_op_conv_epilogue(maker *m) {
    gft_value_id x = make_picture(m);
    gft_conv2d_attrs attrs = MAKER_CONV(1, GFT_PAD_SAME);
    attrs.epilogue = (gft_epilogue_attrs){true, true, true, &gft_op_leaky_relu, 0.2f};
    gft_value_id inputs[5] = {x};
    const gft_reduce_attrs spatial = {.axes = 0x6, .keep_dims = true};
    inputs[1] = make_param(m, "conv/kernel", gft_shape_4(1, 1, 4, 4), GFT_PARAM_WEIGHT, 0.0f, 1.0f);
    inputs[2] = make_param(m, "conv/bias", gft_shape_1(4), GFT_PARAM_BIAS, 0.0f, 1.0f);
    inputs[3] = x;
    inputs[4] = MAKE_NODE(m, reduce_max, "scale", &spatial, x);
    make_output(m, "y", make_node(m, &gft_op_conv2d, "conv", &attrs, 5, inputs));
}
static inline void make_op_dense_rank3(maker *m) {
    gft_value_id x =
        make_input(m, "inputs", GRAFT_F32, gft_shape_of(3, (const int64_t[]){-1, -1, 6}));
    make_output(m, "y", make_dense(m, x, "dense", 6, 5));
}
static inline void make_op_batch_norm_rows(maker *m) {
    make_output(m, "y", make_batch_norm(m, make_rows(m), "bn", 6, true));
}
#define MAKER_UNARY_OPS(X)                                                                         \
    X(relu)                                                                                        \
    X(relu6) X(silu) X(sigmoid) X(hard_sigmoid) X(hard_swish) X(tanh) X(exp) X(neg) X(square)
static inline void make_op_unary(maker *m) {
    gft_value_id x = make_rows(m);
    const gft_unary_attrs leaky = {.alpha = 0.3f};
#define MAKER_UNARY(name) make_output(m, "out_" #name, MAKE_NODE(m, name, #name, NULL, x));
    MAKER_UNARY_OPS(MAKER_UNARY)
#undef MAKER_UNARY
    make_output(m, "out_leaky", MAKE_NODE(m, leaky_relu, "leaky", &leaky, x));
    gft_value_id p = make_positive(m, x);
    make_output(m, "out_log", MAKE_NODE(m, log, "log", NULL, p));
    make_output(m, "out_sqrt", MAKE_NODE(m, sqrt, "sqrt", NULL, p));
    make_output(m, "out_rsqrt", MAKE_NODE(m, rsqrt, "rsqrt", NULL, p));
}
static inline void make_op_binary(maker *m) {
    gft_value_id x = make_rows(m);
    gft_value_id v = make_param(m, "v", gft_shape_1(6), GFT_PARAM_WEIGHT, 2.0f, 1.0f);
    make_output(m, "out_add", MAKE_NODE(m, add, "add", NULL, x, v));
    make_output(m, "out_sub", MAKE_NODE(m, sub, "sub", NULL, x, v));
    make_output(m, "out_mul", MAKE_NODE(m, mul, "mul", NULL, x, v));
    make_output(m, "out_div", MAKE_NODE(m, div, "div", NULL, x, v));
    make_output(m, "out_max", MAKE_NODE(m, maximum, "maximum", NULL, x, v));
    make_output(m, "out_min", MAKE_NODE(m, minimum, "minimum", NULL, x, v));
    make_output(m, "out_bias", MAKE_NODE(m, bias_add, "bias_add", NULL, x, v));
}
static inline void make_op_cast(maker *m) {
    const gft_cast_attrs to_int = {.dtype = GRAFT_S32};
    const gft_cast_attrs to_float = {.dtype = GRAFT_F32};
    gft_value_id x = MAKE_NODE(m, cast, "down", &to_int, make_rows(m));
    x = MAKE_NODE(m, identity, "same", NULL, MAKE_NODE(m, cast, "up", &to_float, x));
    make_output(m, "y", x);
}
static inline void make_op_softmax_axis(maker *m) {
    const gft_axis_attrs axis = {.axis = 1};
    const gft_axis_attrs last = {.axis = -1};
    gft_value_id x = make_picture(m);
    make_output(m, "y", MAKE_NODE(m, softmax, "softmax", &axis, x));
    make_output(m, "z", MAKE_NODE(m, log_softmax, "log_softmax", &last, x));
}
static inline void make_op_pools(maker *m) {
    gft_value_id x = make_picture(m);
    const gft_pool_attrs same = {3, 3, 2, 2, GFT_PAD_SAME, {0, 0, 0, 0}};
    const gft_pool_attrs padded = {3, 2, 2, 1, GFT_PAD_EXPLICIT, {1, 1, 1, 0}};
    make_output(m, "max_same", MAKE_NODE(m, max_pool, "max_same", &same, x));
    make_output(m, "avg_same", MAKE_NODE(m, avg_pool, "avg_same", &same, x));
    make_output(m, "max_padded", MAKE_NODE(m, max_pool, "max_padded", &padded, x));
    make_output(m, "avg_padded", MAKE_NODE(m, avg_pool, "avg_padded", &padded, x));
}
static inline void make_op_reduce(maker *m) {
    gft_value_id x = make_picture(m);
    const gft_reduce_attrs some = {.axes = 0xA, .keep_dims = true};
    const gft_reduce_attrs rest = {.axes = 0x6};
    make_output(m, "mean", MAKE_NODE(m, reduce_mean, "mean", &some, x));
    make_output(m, "sum", MAKE_NODE(m, reduce_sum, "sum", &rest, x));
    make_output(m, "max", MAKE_NODE(m, reduce_max, "max", &some, x));
}
static inline void make_op_resize(maker *m) {
    gft_value_id x = make_picture(m);
    const gft_resize_attrs half = {13, 5, GFT_RESIZE_BILINEAR, false, true, 0, 0};
    const gft_resize_attrs corners = {4, 11, GFT_RESIZE_BILINEAR, true, false, 0, 0};
    const gft_resize_attrs nearest = {18, 14, GFT_RESIZE_NEAREST, false, true, 0, 0};
    make_output(m, "half", MAKE_NODE(m, resize, "half", &half, x));
    make_output(m, "corners", MAKE_NODE(m, resize, "corners", &corners, x));
    make_output(m, "nearest", MAKE_NODE(m, resize, "nearest", &nearest, x));
}
static inline void make_op_moves(maker *m) {
    gft_value_id x = make_picture(m);
    const gft_pad_attrs zeros = {.before = {0, 1, 0, 0}, .after = {0, 2, 1, 0}};
    const gft_pad_attrs ones = {.before = {0, 0, 3, 1}, .after = {0, 0, 0, 0}, .value = 1.5f};
    const gft_slice_attrs box = {.begin = {0, 2, 1, 0}, .size = {-1, 3, -1, 2}};
    const gft_strided_slice_attrs steps = {.begin = {0, INT64_MAX, 1, 2},
                                           .end = {INT64_MAX, INT64_MIN, -1, 3},
                                           .stride = {1, -2, 2, 1},
                                           .shrink_mask = 8};
    const gft_transpose_attrs perm = {.perm = {0, 3, 1, 2}};
    const gft_shape_attrs flat = {.shape = {2, {-1, 63 * 4}}};
    const gft_axis_attrs channel = {.axis = 3};
    const gft_axis_attrs row = {.axis = -1};
    make_output(m, "padded", MAKE_NODE(m, pad, "padded", &zeros, x));
    make_output(m, "padded_value", MAKE_NODE(m, pad, "padded_value", &ones, x));
    make_output(m, "box", MAKE_NODE(m, slice, "box", &box, x));
    make_output(m, "steps", MAKE_NODE(m, strided_slice, "steps", &steps, x));
    make_output(m, "turned", MAKE_NODE(m, transpose, "turned", &perm, x));
    make_output(m, "flat", MAKE_NODE(m, reshape, "flat", &flat, x));
    make_output(
        m, "joined",
        MAKE_NODE(m, concat, "joined", &channel, x, MAKE_NODE(m, neg, "minus", NULL, x), x));
    static const int32_t picks[3] = {2, 0, 3};
    const graft_tensor_desc desc = {GRAFT_S32, {1, {3}}, NULL};
    gft_value_id indices = -1;
    MAKER_DO(m, gft_graph_const(m->graph, "picks", &desc, picks, true, &indices, m->err));
    make_output(m, "picked", MAKE_NODE(m, gather, "picked", &row, x, indices));
}
static inline void make_op_two_unknowns(maker *m) {
    gft_value_id x =
        make_input(m, "inputs", GRAFT_F32, gft_shape_of(3, (const int64_t[]){-1, -1, 6}));
    const gft_shape_attrs split = {.shape = {4, {-1, -1, 2, 3}}};
    gft_value_id y = MAKE_NODE(m, reshape, "split", &split, x);
    const gft_shape_attrs wide = {.shape = {4, {-1, -1, 2, 3}}};
    gft_value_id v = make_param(m, "v", gft_shape_of(4, (const int64_t[]){1, 1, 2, 3}),
                                GFT_PARAM_WEIGHT, 0.0f, 1.0f);
    make_output(m, "split", y);
    make_output(m, "back",
                MAKE_NODE(m, reshape, "back", &wide, MAKE_NODE(m, mul, "mul", NULL, y, v), y));
}
/*
 * Odd names: characters TensorFlow does not allow in nodes, and names that collide when they are
 * replaced.
 */
static inline void make_names(maker *m) {
    gft_value_id x = make_input(m, "Input Tensor:0", GRAFT_F32, gft_shape_2(-1, 3));
    gft_value_id a = make_param(m, "a b/kernel", gft_shape_2(3, 3), GFT_PARAM_WEIGHT, 0.0f, 1.0f);
    gft_value_id b = make_param(m, "a_b/kernel", gft_shape_2(3, 3), GFT_PARAM_WEIGHT, 0.0f, 1.0f);
    const gft_dense_attrs attrs = {{0}};
    x = MAKE_NODE(m, dense, "a b", &attrs, x, a);
    x = MAKE_NODE(m, dense, "a_b", &attrs, x, b);
    make_output(m, "Scores/0", x);
}

typedef struct maker_kind {
    const char *name;
    void (*make)(maker *m);
} maker_kind;

static const maker_kind maker_kinds[] = {
    {"cnn", make_cnn},
    {"pair", make_pair},
    {"text", make_text},
    {"conv_dilated", make_op_conv_dilated},
    {"conv_grouped", make_op_conv_grouped},
    {"conv_uneven", make_op_conv_uneven},
    {"conv_epilogue", make_op_conv_epilogue},
    {"depthwise", make_op_depthwise},
    {"depthwise_uneven", make_op_depthwise_uneven},
    {"dense_rank3", make_op_dense_rank3},
    {"batch_norm_rows", make_op_batch_norm_rows},
    {"unary", make_op_unary},
    {"binary", make_op_binary},
    {"cast", make_op_cast},
    {"softmax_axis", make_op_softmax_axis},
    {"pools", make_op_pools},
    {"reduce", make_op_reduce},
    {"resize", make_op_resize},
    {"moves", make_op_moves},
    {"two_unknowns", make_op_two_unknowns},
    {"names", make_names},
};
#define MAKER_KINDS (sizeof maker_kinds / sizeof maker_kinds[0])

/*
 * Makes a model of a kind with the signature serving_default; "cnn" has preprocessing and labels
 * too.
 */
static inline graft_status make_model(const char *kind, graft_model **out, graft_error *err) {
    static const char *const labels[] = {"cat", "dog", "fish", "bird of prey"};
    graft_model *model = NULL;
    maker m = {.rng = gft_rng_make(11, GFT_RNG_TEST, 0), .err = err};
    size_t k = 0;
    while (k < MAKER_KINDS && strcmp(maker_kinds[k].name, kind) != 0)
        k++;
    if (k == MAKER_KINDS)
        return gft_fail(err, GRAFT_NOT_FOUND, "no kind of model '%s'", kind);
    GFT_TRY(gft_model_new(&model, err));
    m.model = model;
    MAKER_DO(&m, gft_graph_new(&model->params, &m.graph, err));
    if (m.status == GRAFT_OK)
        maker_kinds[k].make(&m);
    if (m.status == GRAFT_OK) {
        m.status = gft_model_add_signature(model, "serving_default", m.graph, err);
        m.graph = NULL;
    }
    if (m.status == GRAFT_OK && strcmp(kind, "cnn") == 0) {
        model->has_preprocess = true;
        model->preprocess = graft_preprocess_default(32, 32);
        m.status = gft_model_set_labels(model, labels, 4, err);
    }
    gft_graph_free(m.graph);
    if (m.status == GRAFT_OK)
        *out = model;
    else
        graft_model_free(model);
    return m.status;
}

#endif
