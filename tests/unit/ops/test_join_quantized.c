/*
 * Quantised graphs joined to integer ops: against the same graph run as floats between dequantize
 * and quantize (one step apart at most, as floats round elsewhere), with other numbers of threads,
 * and with scales, zero points, weights and biases that cannot be joined.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "cmocka_all.h"
#include "graph/attrs_quant.h"
#include "graph/plan.h"
#include "ops/ops.h"

#define OK(call)                                                                                   \
    do {                                                                                           \
        graft_error err_ = {0};                                                                    \
        graft_error *err = &err_;                                                                  \
        if ((call) != GRAFT_OK)                                                                    \
            fail_msg("%s: %s", #call, err_.message);                                               \
    } while (0)

typedef struct net {
    gft_graph *graph;
    gft_rng rng;
    graft_dtype dtype; /* of activations */
} net;

static net net_new(uint64_t seed, graft_dtype dtype) {
    net n = {.rng = gft_rng_make(seed, GFT_RNG_TEST, 31), .dtype = dtype};
    OK(gft_graph_new(NULL, &n.graph, err));
    return n;
}

static int32_t below(net *n, int32_t count) {
    return (int32_t)gft_rng_below(&n->rng, (uint64_t)count);
}

static int32_t lowest(graft_dtype dtype) {
    return dtype == GRAFT_U8 ? 0 : -128;
}

static gft_qparams some_params(net *n, float low, float high) {
    return (gft_qparams){low + (high - low) * gft_rng_uniform(&n->rng),
                         lowest(n->dtype) + 64 + below(n, 128)};
}

static gft_value_id constant(net *n, graft_dtype dtype, graft_shape shape, const void *data) {
    const graft_tensor_desc desc = {dtype, shape, NULL};
    gft_value_id id = -1;
    OK(gft_graph_const(n->graph, "constant", &desc, data, true, &id, err));
    return id;
}

static gft_value_id add(net *n, const gft_op *op, const void *attrs, const gft_value_id *in,
                        int32_t count) {
    gft_value_id out[4] = {-1, -1, -1, -1};
    OK(gft_graph_add(n->graph, op, NULL, attrs, in, count, out, err));
    return out[0];
}

static gft_value_id scaled(net *n, const gft_op *op, graft_dtype dtype, gft_value_id x,
                           const float *scales, int64_t count, int32_t zero, int32_t axis) {
    int32_t zeros[512];
    assert_true(count <= 512);
    for (int64_t i = 0; i < count; i++)
        zeros[i] = zero;
    const gft_quantize_attrs attrs = {dtype, axis};
    const gft_value_id in[3] = {x, constant(n, GRAFT_F32, gft_shape_1(count), scales),
                                constant(n, GRAFT_S32, gft_shape_1(count), zeros)};
    return add(n, op, &attrs, in, 3);
}

static gft_value_id quantize(net *n, gft_value_id x, gft_qparams p) {
    return scaled(n, &gft_op_quantize, n->dtype, x, &p.scale, 1, p.zero_point, 0);
}

static gft_value_id dequantize(net *n, gft_value_id x, gft_qparams p) {
    return scaled(n, &gft_op_dequantize, n->dtype, x, &p.scale, 1, p.zero_point, 0);
}

/* x goes through integers. */
static gft_value_id pair(net *n, gft_value_id x, gft_qparams p) {
    return dequantize(n, quantize(n, x, p), p);
}

static gft_value_id input(net *n, graft_shape shape, gft_qparams p) {
    const graft_tensor_desc desc = {n->dtype, shape, NULL};
    char name[16];
    gft_value_id id = -1;
    snprintf(name, sizeof name, "x%d", (int)n->graph->input_count);
    OK(gft_graph_input(n->graph, name, &desc, &id, err));
    return dequantize(n, id, p);
}

static void output(net *n, gft_value_id v) {
    OK(gft_graph_output(n->graph, "y", v, err));
}

/* int8 weights of a shape whose last dimensions are `channels`; scales: their scales. */
static gft_value_id weights(net *n, graft_shape shape, int64_t channels, int32_t axis,
                            bool per_channel, float *scales) {
    const int64_t elems = gft_shape_elems(&shape);
    int8_t *data = gft_malloc((size_t)elems);
    for (int64_t i = 0; i < elems; i++)
        data[i] = (int8_t)(below(n, 255) - 127);
    for (int64_t c = 0; c < channels; c++)
        scales[c] = c == 0 || per_channel ? 0.001f + 0.01f * gft_rng_uniform(&n->rng) : scales[0];
    const gft_value_id w = constant(n, GRAFT_S8, shape, data);
    gft_free(data);
    return scaled(n, &gft_op_dequantize, GRAFT_S8, w, scales, per_channel ? channels : 1, 0, axis);
}

static gft_value_id bias(net *n, int64_t channels, float x_scale, const float *scales) {
    int32_t data[512];
    float products[512];
    for (int64_t c = 0; c < channels; c++) {
        data[c] = below(n, 8001) - 4000;
        products[c] = x_scale * scales[c];
    }
    const gft_value_id b = constant(n, GRAFT_S32, gft_shape_1(channels), data);
    return scaled(n, &gft_op_dequantize, GRAFT_S32, b, products, channels, 0, 0);
}

/* ---- running ---- */

static gft_run *prepare(const net *n, gft_plan_options options, gft_pool *pool) {
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    OK(gft_plan_new(n->graph, NULL, &options, &plan, err));
    OK(gft_run_new(plan, pool, &run, err));
    gft_plan_unref(plan);
    return run;
}

/* Whether a step of this op runs. */
static bool has_step(const net *n, const char *op) {
    gft_plan *plan = NULL;
    bool found = false;
    OK(gft_plan_new(n->graph, NULL, NULL, &plan, err));
    for (int32_t i = 0; i < gft_plan_step_count(plan); i++)
        found = found || strcmp(gft_plan_step_op(plan, i), op) == 0;
    gft_plan_unref(plan);
    return found;
}

static int32_t step_count(const net *n) {
    gft_plan *plan = NULL;
    OK(gft_plan_new(n->graph, NULL, NULL, &plan, err));
    const int32_t count = gft_plan_step_count(plan);
    gft_plan_unref(plan);
    return count;
}

/* Joined, joined on two threads and not joined, on random integers; both ends are 8 bits wide. */
static void compare(net *n, int32_t levels) {
    gft_pool *pool = NULL;
    const void *inputs[4];
    uint8_t *data[4];
    OK(gft_pool_new(2, &pool, err));
    gft_run *floats = prepare(n, (gft_plan_options){.no_rewrite = true}, NULL);
    gft_run *one = prepare(n, (gft_plan_options){0}, NULL);
    gft_run *two = prepare(n, (gft_plan_options){0}, pool);
    for (int32_t i = 0; i < n->graph->input_count; i++) {
        const int64_t elems =
            gft_shape_elems(&n->graph->values[n->graph->inputs[i].value].desc.shape);
        inputs[i] = data[i] = gft_malloc((size_t)elems + 1);
        for (int64_t k = 0; k < elems; k++)
            data[i][k] = (uint8_t)below(n, 256);
    }
    OK(gft_run_execute(floats, inputs, NULL, err));
    OK(gft_run_execute(one, inputs, NULL, err));
    OK(gft_run_execute(two, inputs, NULL, err));
    const graft_tensor_desc *desc = &n->graph->values[n->graph->outputs[0].value].desc;
    const int64_t count = gft_shape_elems(&desc->shape);
    const uint8_t *want = gft_run_output(floats, 0);
    const uint8_t *got = gft_run_output(one, 0);
    assert_memory_equal(got, gft_run_output(two, 0), (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        const int p = desc->dtype == GRAFT_S8 ? (int8_t)want[i] : want[i];
        const int q = desc->dtype == GRAFT_S8 ? (int8_t)got[i] : got[i];
        if (abs(p - q) > levels)
            fail_msg("element %d: %d, expected %d", (int)i, q, p);
    }
    for (int32_t i = 0; i < n->graph->input_count; i++)
        gft_free(data[i]);
    gft_run_free(floats);
    gft_run_free(one);
    gft_run_free(two);
    gft_pool_free(pool);
    gft_graph_free(n->graph);
}

/* ---- one op each ---- */

static gft_value_id activation(net *n, gft_value_id x) {
    const gft_clip_attrs clip = {-1.0f, 1.0f};
    switch (below(n, 4)) {
    case 0:
        return add(n, &gft_op_relu, NULL, &x, 1);
    case 1:
        return add(n, &gft_op_relu6, NULL, &x, 1);
    case 2:
        return add(n, &gft_op_clip, &clip, &x, 1);
    default:
        return x;
    }
}

static const graft_dtype dtypes[2] = {GRAFT_S8, GRAFT_U8};

static void test_conv2d(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        net n = net_new(seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.01f, 0.05f);
        const int64_t groups = seed % 5 == 4 ? 2 : 1;
        const int64_t c = groups * (1 + below(&n, 9));
        const int64_t o = groups * (1 + below(&n, 20));
        const int64_t k = 1 + 2 * below(&n, 3);
        float scales[512];
        gft_conv2d_attrs attrs = {
            .stride_h = 1 + below(&n, 2), .stride_w = 1 + below(&n, 2), .groups = groups};
        attrs.padding = seed % 3 ? GFT_PAD_SAME : GFT_PAD_VALID;
        attrs.epilogue.has_bias = seed % 4 != 0;
        gft_value_id in[3] = {input(&n, gft_shape_4(2, 7, 9, c), p), -1, -1};
        in[1] = weights(&n, gft_shape_4(k, k, c / groups, o), o, 3, seed % 2, scales);
        in[2] = bias(&n, o, p.scale, scales);
        const gft_value_id y = add(&n, &gft_op_conv2d, &attrs, in, attrs.epilogue.has_bias ? 3 : 2);
        output(&n, quantize(&n, activation(&n, y), some_params(&n, 0.05f, 0.3f)));
        assert_true(has_step(&n, "qconv2d"));
        assert_int_equal(step_count(&n), 1);
        compare(&n, 1);
    }
}

static void test_depthwise(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        net n = net_new(100 + seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.01f, 0.05f);
        const int64_t c = 1 + below(&n, 30);
        const int64_t m = 1 + below(&n, 3);
        const int64_t k = 1 + 2 * below(&n, 3);
        float scales[512];
        gft_conv2d_attrs attrs = {
            .stride_h = 1, .stride_w = 1, .padding = GFT_PAD_SAME, .epilogue.has_bias = true};
        const gft_shape_attrs split = {.shape = gft_shape_4(k, k, c, m)};
        gft_value_id in[3] = {input(&n, gft_shape_4(1, 8, 6, c), p), -1, -1};
        in[1] = weights(&n, gft_shape_4(k, k, c * m, 1), c * m, 2, true, scales);
        if (m > 1)
            in[1] = add(&n, &gft_op_reshape, &split, &in[1], 1);
        in[2] = bias(&n, c * m, p.scale, scales);
        const gft_value_id y = add(&n, &gft_op_depthwise_conv2d, &attrs, in, 3);
        output(&n, quantize(&n, activation(&n, y), some_params(&n, 0.05f, 0.3f)));
        assert_true(has_step(&n, "qdepthwise_conv2d"));
        assert_int_equal(step_count(&n), 1);
        compare(&n, 1);
    }
}

static void test_dense(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        net n = net_new(200 + seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.01f, 0.05f);
        const int64_t k = 1 + below(&n, 80);
        const int64_t o = 1 + below(&n, 40);
        float scales[512];
        const gft_dense_attrs attrs = {.epilogue.has_bias = true};
        gft_value_id in[3] = {input(&n, gft_shape_2(1 + below(&n, 9), k), p), -1, -1};
        in[1] = weights(&n, gft_shape_2(k, o), o, 1, seed % 3, scales);
        in[2] = bias(&n, o, p.scale, scales);
        const gft_value_id y = add(&n, &gft_op_dense, &attrs, in, 3);
        output(&n, quantize(&n, activation(&n, y), some_params(&n, 0.05f, 0.3f)));
        assert_true(has_step(&n, "qdense"));
        compare(&n, 1);
    }
}

static void test_binary(void **state) {
    (void)state;
    static const gft_op *const ops[3] = {&gft_op_add, &gft_op_sub, &gft_op_mul};
    static const char *const names[3] = {"qadd", "qsub", "qmul"};
    for (uint64_t seed = 0; seed < 24; seed++) {
        net n = net_new(300 + seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.005f, 0.1f);
        const gft_qparams q = some_params(&n, 0.005f, 0.1f);
        const graft_shape x = gft_shape_4(2, 3, 5, 7);
        const graft_shape y = seed % 4 == 0   ? gft_shape_4(2, 1, 1, 7)
                              : seed % 4 == 1 ? gft_shape_4(1, 1, 1, 1)
                              : seed % 4 == 2 ? gft_shape_1(7)
                                              : x;
        gft_value_id in[2] = {input(&n, x, p), input(&n, y, q)};
        const gft_value_id sum = add(&n, ops[seed % 3], NULL, in, 2);
        output(&n, quantize(&n, activation(&n, sum), some_params(&n, 0.02f, 0.2f)));
        assert_true(has_step(&n, names[seed % 3]));
        assert_int_equal(step_count(&n), 1);
        compare(&n, 1);
    }
}

static void test_pools_and_means(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 18; seed++) {
        net n = net_new(400 + seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.01f, 0.05f);
        const gft_qparams q = {p.scale * 0.6f, lowest(n.dtype) + 100};
        const gft_pool_attrs pool = {3, 2, 1 + below(&n, 2), 1, GFT_PAD_SAME, {0, 0, 0, 0}};
        const gft_reduce_attrs mean = {.axes = 6, .keep_dims = seed % 4 == 0};
        const gft_value_id x = input(&n, gft_shape_4(2, 9, 8, 1 + below(&n, 40)), p);
        const gft_value_id y = seed % 3 == 0   ? add(&n, &gft_op_avg_pool, &pool, &x, 1)
                               : seed % 3 == 1 ? add(&n, &gft_op_max_pool, &pool, &x, 1)
                                               : add(&n, &gft_op_reduce_mean, &mean, &x, 1);
        output(&n, quantize(&n, y, seed % 3 == 2 ? q : p));
        assert_true(has_step(&n, seed % 3 == 0   ? "qavg_pool"
                                 : seed % 3 == 1 ? "qmax_pool"
                                                 : "qmean"));
        assert_int_equal(step_count(&n), 1);
        compare(&n, seed % 3 == 1 ? 0 : 1);
    }
}

static void test_functions(void **state) {
    (void)state;
    static const gft_op *const ops[] = {&gft_op_sigmoid,  &gft_op_tanh, &gft_op_hard_swish,
                                        &gft_op_relu,     &gft_op_silu, &gft_op_hard_sigmoid,
                                        &gft_op_gelu,     &gft_op_exp,  &gft_op_relu6,
                                        &gft_op_softplus, &gft_op_neg,  &gft_op_square};
    for (uint64_t seed = 0; seed < 2 * sizeof ops / sizeof ops[0]; seed++) {
        net n = net_new(500 + seed, dtypes[seed % 2]);
        gft_value_id x = input(&n, gft_shape_2(5, 256), some_params(&n, 0.01f, 0.05f));
        x = add(&n, ops[seed / 2], NULL, &x, 1);
        output(&n, quantize(&n, x, some_params(&n, 0.01f, 0.05f)));
        assert_true(has_step(&n, "qlookup"));
        assert_int_equal(step_count(&n), 1);
        compare(&n, 1);
    }
}

/* Other parameters, the other type, the same parameters. */
static void test_requantize(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        net n = net_new(600 + seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.02f, 0.05f);
        gft_qparams q = seed < 4 ? some_params(&n, 0.02f, 0.05f) : p;
        const gft_value_id x = input(&n, gft_shape_2(2, 200), p);
        if (seed % 4 >= 2) {
            n.dtype = n.dtype == GRAFT_S8 ? GRAFT_U8 : GRAFT_S8;
            q.zero_point += n.dtype == GRAFT_U8 ? 64 : -64;
            q.zero_point = q.zero_point < lowest(n.dtype) ? lowest(n.dtype) : q.zero_point;
        }
        output(&n, quantize(&n, x, q));
        assert_int_equal(step_count(&n), seed >= 4 && seed % 4 < 2 ? 0 : 1);
        compare(&n, 1);
    }
}

/* Concat, pad, slice, transpose and reshape are done on integers, whatever comes behind them. */
static void test_moves(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = net_new(700 + seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.02f, 0.05f);
        const gft_axis_attrs last = {.axis = -1};
        const gft_pad_attrs pads = {.before = {0, 1, 2, 0}, .after = {0, 0, 1, 0}};
        const gft_slice_attrs slice = {.begin = {0, 1, 0, 1}, .size = {-1, 3, -1, 5}};
        const gft_transpose_attrs turn = {.perm = {0, 2, 1, 3}};
        const gft_shape_attrs flat = {.shape = gft_shape_2(-1, 5)};
        gft_value_id in[2] = {input(&n, gft_shape_4(1, 4, 4, 3), p),
                              input(&n, gft_shape_4(1, 4, 4, 4), p)};
        gft_value_id x = pair(&n, add(&n, &gft_op_concat, &last, in, 2), p);
        x = pair(&n, add(&n, &gft_op_pad, &pads, &x, 1), p);
        x = add(&n, &gft_op_slice, &slice, &x, 1); /* no integers in between */
        x = pair(&n, add(&n, &gft_op_transpose, &turn, &x, 1), p);
        x = add(&n, &gft_op_reshape, &flat, &x, 1);
        output(&n, quantize(&n, x, p));
        assert_false(has_step(&n, "quantize") || has_step(&n, "dequantize"));
        compare(&n, 0);
    }
}

/* ---- what lies behind one another ---- */

static void test_tables_merge(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        net n = net_new(800 + seed, dtypes[seed % 2]);
        const gft_qparams p = some_params(&n, 0.02f, 0.05f);
        const gft_qparams unit = {1.0f / 256.0f, lowest(n.dtype)};
        const gft_value_id x = input(&n, gft_shape_4(1, 4, 16, 9), p);
        gft_value_id in[2] = {x, pair(&n, add(&n, &gft_op_sigmoid, NULL, &x, 1), unit)};
        const gft_value_id swish =
            pair(&n, add(&n, &gft_op_mul, NULL, in, 2), some_params(&n, 0.02f, 0.05f));
        output(&n, quantize(&n, add(&n, &gft_op_relu6, NULL, &swish, 1),
                            some_params(&n, 0.02f, 0.05f)));
        assert_int_equal(step_count(&n), 1);
        assert_true(has_step(&n, "qlookup"));
        compare(&n, 2);
    }
}

static void test_pad_merges(void **state) {
    (void)state;
    for (int picture = 0; picture < 2; picture++) {
        net n = net_new(820, GRAFT_S8);
        const gft_qparams p = some_params(&n, 0.01f, 0.05f);
        const gft_pad_attrs pads = {.before = {0, 0, 1, picture ? 0 : 1}, .after = {0, 1, 2, 0}};
        const gft_conv2d_attrs attrs = {.stride_h = 2, .stride_w = 2, .padding = GFT_PAD_VALID};
        float scales[512];
        const gft_value_id x = input(&n, gft_shape_4(1, 9, 9, 5), p);
        gft_value_id in[2] = {pair(&n, add(&n, &gft_op_pad, &pads, &x, 1), p), -1};
        in[1] = weights(&n, gft_shape_4(3, 3, picture ? 5 : 6, 8), 8, 3, true, scales);
        output(&n,
               quantize(&n, add(&n, &gft_op_conv2d, &attrs, in, 2), some_params(&n, 0.1f, 0.3f)));
        assert_int_equal(step_count(&n), picture ? 1 : 2);
        compare(&n, 1);
    }
}

/* ---- what cannot be joined runs as floats ---- */

static void test_not_joined(void **state) {
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        net n = net_new(900 + (uint64_t)kind, GRAFT_S8);
        const gft_qparams p = {0.02f, 3};
        gft_qparams out = {0.1f, -5};
        const gft_dense_attrs attrs = {.epilogue.has_bias = true};
        float scales[512];
        int8_t w[24];
        const int32_t b[3] = {kind == 2 ? INT32_MAX : 100, -200, 5};
        for (int i = 0; i < 24; i++)
            w[i] = (int8_t)(i * 7 - 80);
        scales[0] = kind == 3 ? 1e30f : 0.01f;
        if (kind == 3)
            out.scale = 1e-3f;
        gft_value_id in[3] = {input(&n, gft_shape_2(4, 8), p), -1, -1};
        in[1] =
            scaled(&n, &gft_op_dequantize, GRAFT_S8, constant(&n, GRAFT_S8, gft_shape_2(8, 3), w),
                   scales, 1, kind == 0 ? 4 : 0, 0);
        const float product = p.scale * scales[0] * (kind == 1 ? 1.5f : 1.0f);
        in[2] = scaled(&n, &gft_op_dequantize, GRAFT_S32,
                       constant(&n, GRAFT_S32, gft_shape_1(3), b), &product, 1, 0, 0);
        gft_value_id y = add(&n, &gft_op_dense, &attrs, in, 3);
        if (kind == 4) {
            y = add(&n, &gft_op_softsign, NULL, &y, 1);
            OK(gft_graph_output(n.graph, "float", y, err));
        }
        y = quantize(&n, y, out);
        n.graph->output_count = 0;
        output(&n, y);
        assert_false(has_step(&n, "qdense"));
        compare(&n, 0);
    }
}

/* Scales that are no use, everywhere: a plan is made and run, or refused with a sentence. */
static void test_hostile_scales(void **state) {
    (void)state;
    static const float scales[] = {0.0f,  FLT_MIN, 1e-42f,   1e-30f, 1.0f,
                                   1e30f, FLT_MAX, INFINITY, NAN,    -1.0f};
    static const int32_t zeros[] = {-128, 0, 127};
    static const gft_op *const ops[] = {&gft_op_relu6,      &gft_op_sigmoid,     &gft_op_hard_swish,
                                        &gft_op_leaky_relu, &gft_op_add,         &gft_op_mul,
                                        &gft_op_sub,        &gft_op_reduce_mean, NULL};
    const int count = (int)(sizeof scales / sizeof scales[0]);
    for (int at = 0; at < count * count; at++) {
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
            net n = net_new(1000, GRAFT_S8);
            gft_plan *plan = NULL;
            gft_run *run = NULL;
            graft_error why = {0};
            int8_t data[256];
            const void *inputs[2] = {data, data};
            const gft_qparams p = {scales[at / count], zeros[at % 3]};
            const gft_qparams q = {scales[at % count], zeros[(at + 1) % 3]};
            const gft_unary_attrs slope = {1e30f};
            const gft_reduce_attrs rows = {.axes = 1};
            gft_value_id in[2] = {input(&n, gft_shape_2(2, 128), p),
                                  input(&n, gft_shape_2(2, 128), q)};
            const bool binary =
                ops[k] == &gft_op_add || ops[k] == &gft_op_mul || ops[k] == &gft_op_sub;
            const void *attrs = ops[k] == &gft_op_reduce_mean ? (const void *)&rows : &slope;
            gft_value_id y = ops[k] ? add(&n, ops[k], attrs, in, binary ? 2 : 1) : in[0];
            output(&n, quantize(&n, y, q));
            for (int i = 0; i < 256; i++)
                data[i] = (int8_t)(i - 128);
            if (gft_plan_new(n.graph, NULL, NULL, &plan, &why) == GRAFT_OK) {
                OK(gft_run_new(plan, NULL, &run, err));
                OK(gft_run_execute(run, inputs, NULL, err));
                gft_run_free(run);
                gft_plan_unref(plan);
            } else {
                assert_true(why.message[0] != '\0');
            }
            gft_graph_free(n.graph);
        }
    }
}

/* Training keeps the floats; so does a plan that is not to fuse. */
static void test_left_alone(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        net n = net_new(1100, GRAFT_S8);
        gft_plan *plan = NULL;
        const gft_plan_options options = {.training = i == 0, .no_fuse = i == 1};
        gft_value_id x = input(&n, gft_shape_2(2, 8), (gft_qparams){0.1f, 0});
        x = add(&n, &gft_op_relu, NULL, &x, 1);
        output(&n, quantize(&n, x, (gft_qparams){0.1f, 0}));
        OK(gft_plan_new(n.graph, NULL, &options, &plan, err));
        assert_int_equal(gft_plan_step_count(plan), 3);
        gft_plan_unref(plan);
        gft_graph_free(n.graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),          cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_dense),           cmocka_unit_test(test_binary),
        cmocka_unit_test(test_pools_and_means), cmocka_unit_test(test_functions),
        cmocka_unit_test(test_requantize),      cmocka_unit_test(test_moves),
        cmocka_unit_test(test_tables_merge),    cmocka_unit_test(test_pad_merges),
        cmocka_unit_test(test_not_joined),      cmocka_unit_test(test_hostile_scales),
        cmocka_unit_test(test_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
