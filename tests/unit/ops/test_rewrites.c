/*
 * Rewrites on graphs of the real ops: random nets of convolutions, batch norm, sums, activations
 * and squeeze-excite give
 * the same numbers before and after; and each pattern is fused, or left alone, where it should be.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "cmocka_all.h"
#include "graph/autodiff.h"
#include "graph/plan.h"
#include "graph/rewrite.h"
#include "ops/gradients.h"
#include "ops/ops.h"

#define OK(call)                                                                                   \
    do {                                                                                           \
        graft_error err_ = {0};                                                                    \
        graft_error *err = &err_;                                                                  \
        if ((call) != GRAFT_OK)                                                                    \
            fail_msg("%s: %s", #call, err_.message);                                               \
    } while (0)

typedef struct net {
    gft_params params;
    gft_graph *graph;
    gft_rng rng;
    bool trainable; /* of parameters added from now on */
    int number;
} net;

static void net_init(net *n, uint64_t seed) {
    *n = (net){.rng = gft_rng_make(seed, GFT_RNG_TEST, 11)};
    gft_params_init(&n->params);
    OK(gft_graph_new(&n->params, &n->graph, err));
}

static void net_deinit(net *n) {
    gft_graph_free(n->graph);
    gft_params_deinit(&n->params);
}

static float between(net *n, float lo, float hi) {
    return lo + (hi - lo) * gft_rng_uniform(&n->rng);
}

static gft_value_id input(net *n, graft_shape shape) {
    graft_tensor_desc desc = gft_desc_f32(shape);
    gft_value_id id = -1;
    OK(gft_graph_input(n->graph, "x", &desc, &id, err));
    return id;
}

static gft_value_id param(net *n, graft_shape shape, float lo, float hi) {
    char name[32];
    graft_tensor_desc desc = gft_desc_f32(shape);
    gft_param_id p = -1;
    gft_value_id id = -1;
    snprintf(name, sizeof name, "p%d", n->number++);
    OK(gft_params_add(&n->params, name, &desc, GFT_PARAM_WEIGHT, n->trainable, NULL, &p, err));
    float *data = n->params.items[p].data;
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++)
        data[i] = between(n, lo, hi);
    OK(gft_graph_param(n->graph, p, &id, err));
    return id;
}

static gft_value_id add(net *n, const gft_op *op, const void *attrs, const gft_value_id *in,
                        int32_t count) {
    gft_value_id out[4] = {-1, -1, -1, -1};
    OK(gft_graph_add(n->graph, op, NULL, attrs, in, count, out, err));
    return out[0];
}

static gft_value_id add1(net *n, const gft_op *op, gft_value_id a) {
    gft_unary_attrs attrs = {0.3f};
    return add(n, op, op->attrs_bytes ? &attrs : NULL, &a, 1);
}

static gft_value_id add2(net *n, const gft_op *op, gft_value_id a, gft_value_id b) {
    gft_value_id in[2] = {a, b};
    return add(n, op, NULL, in, 2);
}

static graft_shape shape_of(const net *n, gft_value_id v) {
    return n->graph->values[v].desc.shape;
}

static gft_value_id conv(net *n, gft_value_id x, int64_t k, int64_t oc, int64_t stride,
                         gft_padding padding) {
    int64_t c = shape_of(n, x).dims[3];
    float bound = 1.7f / sqrtf((float)(k * k * c));
    gft_conv2d_attrs attrs = {.stride_h = stride, .stride_w = stride, .padding = padding};
    gft_value_id in[2] = {x, param(n, gft_shape_4(k, k, c, oc), -bound, bound)};
    return add(n, &gft_op_conv2d, &attrs, in, 2);
}

static gft_value_id depthwise(net *n, gft_value_id x, int64_t k, int64_t m, int64_t stride,
                              gft_padding padding) {
    int64_t c = shape_of(n, x).dims[3];
    float bound = 1.7f / (float)k;
    gft_conv2d_attrs attrs = {.stride_h = stride, .stride_w = stride, .padding = padding};
    gft_value_id in[2] = {x, param(n, gft_shape_4(k, k, c, m), -bound, bound)};
    return add(n, &gft_op_depthwise_conv2d, &attrs, in, 2);
}

static gft_value_id batch_norm(net *n, gft_value_id x, bool train) {
    graft_shape shape = shape_of(n, x);
    graft_shape c = gft_shape_1(shape.dims[shape.rank - 1]);
    gft_batch_norm_attrs attrs = {1e-3f, 0.9f, train};
    gft_value_id in[5] = {x, param(n, c, 0.5f, 1.5f), param(n, c, -0.5f, 0.5f), -1, -1};
    bool trainable = n->trainable;
    n->trainable = false;
    in[3] = param(n, c, -0.5f, 0.5f);
    in[4] = param(n, c, 0.3f, 2.0f);
    n->trainable = trainable;
    return add(n, &gft_op_batch_norm, &attrs, in, 5);
}

static gft_value_id vector(net *n, gft_value_id x) {
    graft_shape shape = shape_of(n, x);
    int64_t c = shape.dims[shape.rank - 1];
    if (gft_rng_below(&n->rng, 3) == 0) {
        gft_value_id scalar = -1;
        OK(gft_graph_const_f32(n->graph, between(n, -1, 1), &scalar, err));
        return scalar;
    }
    if (shape.rank == 4 && gft_rng_below(&n->rng, 2))
        return param(n, gft_shape_4(1, 1, 1, c), -1, 1);
    return param(n, gft_shape_1(c), -1, 1);
}

static gft_value_id bias_add(net *n, gft_value_id x) {
    graft_shape shape = shape_of(n, x);
    return add2(n, &gft_op_bias_add, x, param(n, gft_shape_1(shape.dims[shape.rank - 1]), -1, 1));
}

static gft_value_id activation(net *n, gft_value_id x) {
    const gft_op *const ops[] = {&gft_op_relu,         &gft_op_relu6,     &gft_op_silu,
                                 &gft_op_leaky_relu,   &gft_op_sigmoid,   &gft_op_tanh,
                                 &gft_op_hard_sigmoid, &gft_op_hard_swish};
    return add1(n, ops[gft_rng_below(&n->rng, 8)], x);
}

static gft_value_id pad(net *n, gft_value_id x, int64_t by, float value) {
    gft_pad_attrs attrs = {.value = value};
    attrs.before[1] = attrs.before[2] = by;
    attrs.after[1] = by - (by > 0);
    attrs.after[2] = by;
    return add(n, &gft_op_pad, &attrs, &x, 1);
}

static gft_value_id squeeze_excite(net *n, gft_value_id x) {
    gft_reduce_attrs attrs = {.axes = 2 | 4, .keep_dims = true};
    gft_value_id s = add(n, &gft_op_reduce_mean, &attrs, &x, 1);
    s = add1(n, &gft_op_relu, bias_add(n, conv(n, s, 1, 3, 1, GFT_PAD_SAME)));
    s = conv(n, s, 1, shape_of(n, x).dims[3], 1, GFT_PAD_SAME);
    s = add1(n, &gft_op_sigmoid, bias_add(n, s));
    return gft_rng_below(&n->rng, 2) ? add2(n, &gft_op_mul, x, s) : add2(n, &gft_op_mul, s, x);
}

static void output(net *n, gft_value_id v) {
    char name[32];
    snprintf(name, sizeof name, "y%d", (int)n->graph->output_count);
    OK(gft_graph_output(n->graph, name, v, err));
}

/* ---- before and after ---- */

static gft_run *prepare(const net *n, gft_plan_options options) {
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    OK(gft_plan_new(n->graph, NULL, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    gft_plan_unref(plan);
    return run;
}

static void compare(const net *n, gft_plan_options before, gft_plan_options after) {
    gft_run *a = prepare(n, before);
    gft_run *b = prepare(n, after);
    int64_t elems = gft_shape_elems(&n->graph->values[n->graph->inputs[0].value].desc.shape);
    float *x = gft_malloc((size_t)elems * sizeof *x);
    assert_non_null(x);
    gft_rng rng = gft_rng_make(5, GFT_RNG_TEST, 0);
    for (int64_t i = 0; i < elems; i++)
        x[i] = 2 * gft_rng_uniform(&rng) - 1;
    const void *inputs[] = {x};
    OK(gft_run_execute(a, inputs, NULL, err));
    OK(gft_run_execute(b, inputs, NULL, err));
    for (int32_t o = 0; o < n->graph->output_count; o++) {
        const float *p = gft_run_output(a, o);
        const float *q = gft_run_output(b, o);
        int64_t count = gft_shape_elems(&n->graph->values[n->graph->outputs[o].value].desc.shape);
        double range = 1;
        for (int64_t i = 0; i < count; i++)
            range = fmax(range, fabs((double)p[i]));
        for (int64_t i = 0; i < count; i++) {
            if (!(fabs((double)p[i] - (double)q[i]) <= 1e-5 * range))
                fail_msg("output %d element %d: %g, expected %g", (int)o, (int)i, (double)q[i],
                         (double)p[i]);
        }
    }
    gft_free(x);
    gft_run_free(a);
    gft_run_free(b);
}

static const gft_plan_options exact = {.no_rewrite = true};
static const gft_plan_options unfused = {.no_fuse = true};
static const gft_plan_options fused = {.no_fuse = false};

static gft_value_id random_linear(net *n, gft_value_id x) {
    const gft_padding paddings[] = {GFT_PAD_SAME, GFT_PAD_VALID};
    graft_shape shape = shape_of(n, x);
    gft_padding padding = paddings[gft_rng_below(&n->rng, 2)];
    int64_t k = shape.dims[1] >= 3 && shape.dims[2] >= 3 && gft_rng_below(&n->rng, 2) ? 3 : 1;
    int64_t stride = shape.dims[1] > 6 ? 1 + gft_rng_below(&n->rng, 2) : 1;
    if (k == 3 && gft_rng_below(&n->rng, 4) == 0)
        x = pad(n, x, 1, gft_rng_below(&n->rng, 4) ? 0.0f : 0.5f);
    switch (gft_rng_below(&n->rng, 4)) {
    case 0:
        return depthwise(n, x, k, 1, stride, padding);
    case 1:
        return depthwise(n, x, k, shape.dims[3] < 8 ? 2 : 1, stride, padding);
    default:
        return conv(n, x, k, 2 + gft_rng_below(&n->rng, 9), stride, padding);
    }
}

static gft_value_id random_step(net *n, gft_value_id x) {
    gft_value_id v;
    switch (gft_rng_below(&n->rng, 8)) {
    case 0:
        return bias_add(n, x);
    case 1:
        return batch_norm(n, x, false);
    case 2:
        return add2(n, &gft_op_mul, x, vector(n, x));
    case 3:
        v = vector(n, x);
        return gft_rng_below(&n->rng, 2) ? add2(n, &gft_op_sub, v, x) : add2(n, &gft_op_sub, x, v);
    case 4:
        return add2(n, &gft_op_add, vector(n, x), x);
    default:
        return batch_norm(n, x, false);
    }
}

/* Any earlier value of this shape, or -1. */
static gft_value_id same_shape(net *n, gft_value_id x, const gft_value_id *made, int32_t count) {
    graft_shape shape = shape_of(n, x);
    for (int32_t i = count - 1; i >= 0; i--) {
        graft_shape other = shape_of(n, made[i]);
        if (made[i] != x && gft_shape_equal(&shape, &other))
            return made[i];
    }
    return -1;
}

static void random_net(uint64_t seed) {
    net n;
    net_init(&n, seed);
    gft_value_id made[64];
    int32_t count = 0;
    gft_value_id x = input(&n, gft_shape_4(1 + gft_rng_below(&n.rng, 3), 9, 8, 4));
    made[count++] = x;
    int32_t blocks = 1 + (int32_t)gft_rng_below(&n.rng, 6);
    for (int32_t i = 0; i < blocks; i++) {
        x = random_linear(&n, x);
        for (uint32_t s = gft_rng_below(&n.rng, 4); s > 0; s--)
            x = random_step(&n, x);
        if (gft_rng_below(&n.rng, 8) == 0)
            output(&n, x); /* a tap in the middle of what could be fused */
        if (gft_rng_below(&n.rng, 6) == 0)
            x = add1(&n, &gft_op_identity, x);
        bool first = gft_rng_below(&n.rng, 2) == 0;
        if (first && gft_rng_below(&n.rng, 2))
            x = activation(&n, x);
        gft_value_id other = same_shape(&n, x, made, count);
        if (other >= 0)
            x = gft_rng_below(&n.rng, 2) ? add2(&n, &gft_op_add, x, other)
                                         : add2(&n, &gft_op_add, other, x);
        if (!first && gft_rng_below(&n.rng, 2))
            x = activation(&n, x);
        made[count++] = x;
        if (gft_rng_below(&n.rng, 4) == 0) {
            x = squeeze_excite(&n, x);
            x = conv(&n, x, 1, 5, 1, GFT_PAD_VALID);
            made[count++] = x;
        }
    }
    gft_reduce_attrs reduce = {.axes = 2 | 4};
    x = add(&n, &gft_op_reduce_mean, &reduce, &x, 1);
    gft_value_id in[2] = {x, param(&n, gft_shape_2(shape_of(&n, x).dims[1], 7), -0.7f, 0.7f)};
    x = add(&n, &gft_op_dense, NULL, in, 2);
    x = gft_rng_below(&n.rng, 2) ? bias_add(&n, x) : batch_norm(&n, x, false);
    output(&n, activation(&n, x));
    compare(&n, exact, unfused);
    compare(&n, unfused, fused);
    gft_plan_options training = {.training = true};
    compare(&n, exact, training); /* nothing is trainable: everything may be folded */
    net_deinit(&n);
}

static void random_nets(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++)
        random_net(seed);
}

/* ---- what is fused, and what is not ---- */

static int32_t live(const gft_graph *g, const char *op) {
    int32_t count = 0;
    for (int32_t i = 0; i < g->node_count; i++)
        count += g->nodes[i].op && (!op || strcmp(g->nodes[i].op->name, op) == 0);
    return count;
}

static int32_t steps(const net *n, gft_plan_options options) {
    gft_plan *plan = NULL;
    OK(gft_plan_new(n->graph, NULL, &options, &plan, err));
    int32_t count = gft_plan_step_count(plan);
    gft_plan_unref(plan);
    return count;
}

static void one_step(void **state) {
    (void)state;
    for (int residual = 0; residual < 2; residual++) {
        net n;
        net_init(&n, 1);
        gft_value_id x = input(&n, gft_shape_4(2, 6, 5, 4));
        gft_value_id y = conv(&n, pad(&n, x, 1, 0.0f), 3, 4, 1, GFT_PAD_VALID);
        y = bias_add(&n, y);
        y = batch_norm(&n, y, false);
        if (residual) {
            x = pad(&n, x, 0, 0.0f); /* nothing: keeps the shapes, is not folded into the sum */
            graft_shape shape = shape_of(&n, y);
            gft_slice_attrs cut = {.size = {-1, shape.dims[1], shape.dims[2], -1}};
            gft_value_id side = add(&n, &gft_op_slice, &cut, &x, 1);
            y = add2(&n, &gft_op_add, side, y);
        }
        y = add1(&n, &gft_op_leaky_relu, y);
        output(&n, y);
        /* pad(0), slice and conv */
        assert_int_equal(steps(&n, fused), residual ? 3 : 1);
        compare(&n, exact, fused);
        net_deinit(&n);
    }
}

static void not_fused(void **state) {
    (void)state;
    net n;
    net_init(&n, 2);
    gft_value_id x = input(&n, gft_shape_4(1, 5, 5, 4));
    /* a sum behind an activation */
    gft_value_id a = add1(&n, &gft_op_relu, conv(&n, x, 1, 4, 1, GFT_PAD_SAME));
    output(&n, add2(&n, &gft_op_add, a, x));
    assert_int_equal(steps(&n, fused), 2);
    /* a result that leaves the graph */
    gft_value_id b = conv(&n, x, 1, 4, 1, GFT_PAD_SAME);
    output(&n, b);
    output(&n, add1(&n, &gft_op_relu, b));
    assert_int_equal(steps(&n, fused), 4);
    /* a result used twice */
    gft_value_id c = conv(&n, x, 1, 4, 1, GFT_PAD_SAME);
    output(&n, add2(&n, &gft_op_add, c, c));
    assert_int_equal(steps(&n, fused), 6);
    gft_value_id d = batch_norm(&n, conv(&n, x, 1, 4, 1, GFT_PAD_SAME), false);
    output(&n, add2(&n, &gft_op_mul, d, d));
    assert_int_equal(steps(&n, fused), 8);
    /* a sum that changes the shape */
    gft_value_id e = conv(&n, x, 5, 4, 1, GFT_PAD_VALID);
    output(&n, add2(&n, &gft_op_add, e, x));
    assert_int_equal(steps(&n, fused), 10);
    /* a pad of something else than zero, or with another user */
    output(&n, conv(&n, pad(&n, x, 1, 2.0f), 3, 4, 1, GFT_PAD_VALID));
    gft_value_id p = pad(&n, x, 1, 0.0f);
    output(&n, conv(&n, p, 3, 4, 1, GFT_PAD_VALID));
    output(&n, p);
    assert_int_equal(steps(&n, fused), 14);
    compare(&n, exact, fused);
    net_deinit(&n);
}

static void two_convolutions_meet(void **state) {
    (void)state;
    net n;
    net_init(&n, 3);
    gft_value_id x = input(&n, gft_shape_4(1, 5, 5, 4));
    gft_value_id a = batch_norm(&n, conv(&n, x, 3, 6, 1, GFT_PAD_SAME), false);
    gft_value_id b = batch_norm(&n, conv(&n, x, 1, 6, 1, GFT_PAD_SAME), false);
    output(&n, add1(&n, &gft_op_relu, add2(&n, &gft_op_add, a, b)));
    assert_int_equal(steps(&n, fused), 2);
    compare(&n, exact, fused);
    net_deinit(&n);
}

/* What brings pictures to a net's range: one addition is left ahead of the convolution. */
static void ranges_of_pictures(void **state) {
    (void)state;
    net n;
    net_init(&n, 21);
    gft_value_id x = input(&n, gft_shape_4(2, 7, 6, 3));
    gft_value_id v = param(&n, gft_shape_4(1, 1, 1, 3), 0.5f, 2.0f);
    gft_value_id y = add2(&n, &gft_op_mul, x, param(&n, gft_shape_0(), 0.5f, 2.0f));
    y = add2(&n, &gft_op_sub, y, param(&n, gft_shape_1(3), -1.0f, 1.0f));
    y = add2(&n, &gft_op_add, param(&n, gft_shape_0(), -1.0f, 1.0f), y);
    output(&n, conv(&n, add2(&n, &gft_op_mul, v, y), 3, 5, 2, GFT_PAD_SAME));
    assert_int_equal(steps(&n, fused), 2);
    compare(&n, exact, fused);
    /* products alone leave nothing; a channel times zero stays, and so does what others use */
    output(&n, conv(&n, add2(&n, &gft_op_mul, x, v), 3, 5, 1, GFT_PAD_SAME));
    assert_int_equal(steps(&n, fused), 3);
    gft_value_id zero = -1;
    OK(gft_graph_const_f32(n.graph, 0.0f, &zero, err));
    output(&n, conv(&n, add2(&n, &gft_op_mul, x, zero), 3, 5, 1, GFT_PAD_SAME));
    assert_int_equal(steps(&n, fused), 5);
    gft_value_id shared = add2(&n, &gft_op_mul, x, v);
    output(&n, conv(&n, shared, 3, 5, 1, GFT_PAD_SAME));
    output(&n, shared);
    assert_int_equal(steps(&n, fused), 7);
    /* c - x turns the sign: left alone; a single addition too */
    output(&n, conv(&n, add2(&n, &gft_op_sub, v, x), 3, 5, 1, GFT_PAD_SAME));
    output(&n, conv(&n, add2(&n, &gft_op_add, v, x), 3, 5, 1, GFT_PAD_SAME));
    assert_int_equal(steps(&n, fused), 11);
    compare(&n, exact, fused);
    net_deinit(&n);
}

/* Zeros around what is never negative do not change a maximum. */
static void padded_maximum(void **state) {
    (void)state;
    const gft_pool_attrs attrs = {3, 3, 2, 2, GFT_PAD_VALID, {0, 0, 0, 0}};
    for (int rectified = 0; rectified < 2; rectified++) {
        net n;
        net_init(&n, 22);
        gft_value_id y = conv(&n, input(&n, gft_shape_4(2, 8, 9, 4)), 1, 5, 1, GFT_PAD_SAME);
        y = pad(&n, rectified ? add1(&n, &gft_op_relu, y) : y, 1, 0.0f);
        output(&n, add(&n, &gft_op_max_pool, &attrs, &y, 1));
        assert_int_equal(steps(&n, fused), rectified ? 2 : 3);
        compare(&n, exact, fused);
        net_deinit(&n);
    }
}

static void squeeze_excite_is_loaded(void **state) {
    (void)state;
    net n;
    net_init(&n, 4);
    gft_value_id x = input(&n, gft_shape_4(3, 5, 4, 6));
    gft_value_id y = conv(&n, squeeze_excite(&n, x), 1, 6, 1, GFT_PAD_SAME);
    output(&n, add2(&n, &gft_op_add, x, batch_norm(&n, y, false)));
    assert_int_equal(steps(&n, fused), 4); /* mean and three convolutions */
    compare(&n, exact, fused);
    /* not in front of a 3x3, and not where the product is used elsewhere */
    gft_value_id s = squeeze_excite(&n, x);
    output(&n, conv(&n, s, 3, 6, 1, GFT_PAD_SAME));
    output(&n, conv(&n, s, 1, 6, 1, GFT_PAD_SAME));
    assert_int_equal(steps(&n, fused), 4 + 3 + 1 + 2);
    /* nor in front of a 3x1 or a 1x3 */
    for (int tall = 0; tall < 2; tall++) {
        gft_conv2d_attrs attrs = {.stride_h = 1, .stride_w = 1, .padding = GFT_PAD_VALID};
        gft_value_id in[2] = {
            squeeze_excite(&n, x),
            param(&n, gft_shape_4(tall ? 3 : 1, tall ? 1 : 3, 6, 2), -0.3f, 0.3f)};
        output(&n, add(&n, &gft_op_conv2d, &attrs, in, 2));
        assert_int_equal(steps(&n, fused), 10 + 5 * (tall + 1));
    }
    compare(&n, exact, fused);
    net_deinit(&n);
}

/*
 * A relu in front of depthwise convolutions alone is loaded by them; not where anything else takes
 * it.
 */
static void relu_is_loaded(void **state) {
    (void)state;
    for (int64_t c = 3; c < 40; c += 9) {
        net n;
        net_init(&n, 40 + (uint64_t)c);
        gft_value_id x = input(&n, gft_shape_4(2, 9, 7, c));
        gft_value_id r = add1(&n, &gft_op_relu, x);
        output(&n, depthwise(&n, r, 3, 1, 1, GFT_PAD_SAME));
        output(&n, depthwise(&n, r, 5, 1, 2, GFT_PAD_SAME));
        output(&n, depthwise(&n, r, 7, 1, 1, GFT_PAD_SAME));
        output(&n, depthwise(&n, r, 2, 1, 1, GFT_PAD_VALID));
        output(&n, depthwise(&n, r, 3, 2, 1, GFT_PAD_SAME));
        assert_int_equal(steps(&n, fused), 5);
        compare(&n, exact, fused);
        gft_value_id s = add1(&n, &gft_op_relu, x);
        output(&n, depthwise(&n, s, 3, 1, 1, GFT_PAD_SAME));
        output(&n, add2(&n, &gft_op_add, s, x));
        gft_value_id t = add1(&n, &gft_op_relu6, x);
        output(&n, depthwise(&n, t, 3, 1, 1, GFT_PAD_SAME));
        assert_int_equal(steps(&n, fused), 5 + 3 + 2);
        compare(&n, exact, fused);
        net_deinit(&n);
    }
}

static void training_folds_what_is_frozen(void **state) {
    (void)state;
    const gft_plan_options training = {.training = true};
    for (int trainable = 0; trainable < 3; trainable++) {
        net n;
        net_init(&n, 5);
        gft_value_id x = input(&n, gft_shape_4(2, 5, 4, 6));
        n.trainable = trainable == 1;
        gft_value_id y = conv(&n, x, 3, 6, 1, GFT_PAD_SAME);
        n.trainable = trainable == 2; /* gamma and beta, used with running statistics */
        y = batch_norm(&n, y, false);
        output(&n, add1(&n, &gft_op_relu, y));
        assert_int_equal(steps(&n, training), trainable ? 3 : 1);
        assert_int_equal(steps(&n, fused), 1);
        compare(&n, exact, training);
        net_deinit(&n);
    }
}

static void constants_and_dropout(void **state) {
    (void)state;
    net n;
    net_init(&n, 6);
    gft_value_id x = input(&n, gft_shape_2(3, 4));
    gft_transpose_attrs swap = {{1, 0}};
    gft_value_id w = param(&n, gft_shape_2(5, 4), -1, 1);
    w = add(&n, &gft_op_transpose, &swap, &w, 1);
    w = add1(&n, &gft_op_square, w);
    gft_value_id y = add2(&n, &gft_op_dense, x, w);
    gft_dropout_attrs half = {0.5f, 7};
    y = add(&n, &gft_op_dropout, &half, &y, 1);
    output(&n, y);
    gft_value_id lone = add1(&n, &gft_op_exp, param(&n, gft_shape_1(3), -1, 1));
    output(&n, lone); /* an output that is constant */
    assert_int_equal(steps(&n, exact), 5);
    assert_int_equal(steps(&n, unfused), 1);
    assert_int_equal(steps(&n, fused), 1);
    assert_int_equal(steps(&n, (gft_plan_options){.training = true}), 2);
    gft_rewrite_options options = {.training = false, .fuse = false};
    gft_graph *copy = NULL;
    OK(gft_graph_clone(n.graph, &copy, err));
    OK(gft_rewrite_all(copy, &options, err));
    assert_int_equal(live(copy, NULL), 1);
    assert_int_equal(live(copy, "dense"), 1);
    gft_graph_free(copy);
    compare(&n, unfused, fused);
    net_deinit(&n);
}

static void train_batch_norm(void **state) {
    (void)state;
    net n;
    net_init(&n, 7);
    n.trainable = true;
    gft_value_id x = input(&n, gft_shape_2(6, 3));
    gft_value_id kept = batch_norm(&n, x, false);
    gft_value_id y = batch_norm(&n, kept, true);
    output(&n, y);
    OK(gft_rewrite_train_batch_norm(n.graph, &gft_op_batch_norm_train, &gft_op_ema_update, err));
    OK(gft_graph_sweep(n.graph, err));
    assert_int_equal(live(n.graph, "batch_norm"), 1);
    assert_int_equal(live(n.graph, "batch_norm_train"), 1);
    assert_int_equal(live(n.graph, "ema_update"), 2);
    const gft_value *out = gft_graph_value(n.graph, n.graph->outputs[0].value);
    assert_string_equal(n.graph->nodes[out->node].name, "batch_norm_1"); /* keeps its name */

    /* the running statistics move towards those of the batch, the result has mean beta */
    const gft_plan_options training = {.training = true, .keep_all = true};
    gft_run *run = prepare(&n, training);
    float data[18];
    for (int i = 0; i < 18; i++)
        data[i] = between(&n, -1, 1);
    const void *inputs[] = {data};
    float *mean = n.params.items[6].data;
    float *variance = n.params.items[7].data;
    const float *beta = n.params.items[5].data;
    float old_mean = mean[1];
    float old_variance = variance[1];
    OK(gft_run_execute(run, inputs, NULL, err));
    const float *h = gft_run_value(run, "batch_norm", 0);
    const float *result = gft_run_output(run, 0);
    double m = 0;
    double v = 0;
    double r = 0;
    for (int i = 0; i < 6; i++) {
        m += (double)h[i * 3 + 1] / 6;
        r += (double)result[i * 3 + 1] / 6;
    }
    for (int i = 0; i < 6; i++)
        v += ((double)h[i * 3 + 1] - m) * ((double)h[i * 3 + 1] - m) / 6;
    assert_true(fabs((double)mean[1] - (0.9 * (double)old_mean + 0.1 * m)) < 1e-5);
    assert_true(fabs((double)variance[1] - (0.9 * (double)old_variance + 0.1 * v)) < 1e-5);
    assert_true(fabs(r - (double)beta[1]) < 1e-5);
    gft_run_free(run);

    /* statistics that are not parameters cannot be trained */
    net_deinit(&n);
    net_init(&n, 8);
    x = input(&n, gft_shape_2(6, 3));
    gft_batch_norm_attrs attrs = {1e-3f, 0.9f, true};
    gft_value_id c = param(&n, gft_shape_1(3), 1, 2);
    gft_value_id in[5] = {x, c, c, add1(&n, &gft_op_exp, c), c};
    output(&n, add(&n, &gft_op_batch_norm, &attrs, in, 5));
    graft_error error = {0};
    assert_int_equal(
        gft_rewrite_train_batch_norm(n.graph, &gft_op_batch_norm_train, &gft_op_ema_update, &error),
        GRAFT_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "batch_norm 'batch_norm'"));
    net_deinit(&n);
}

/*
 * Every allocation of a plan fails once: the right status, nothing lost, the next plan is as good
 * as any.
 */
static void failing_allocations(void **state) {
    (void)state;
    net n;
    net_init(&n, 9);
    gft_value_id x = input(&n, gft_shape_4(1, 6, 5, 4));
    gft_value_id y = conv(&n, pad(&n, x, 1, 0.0f), 3, 4, 1, GFT_PAD_VALID);
    y = add1(&n, &gft_op_silu, batch_norm(&n, y, false));
    y = conv(&n, squeeze_excite(&n, y), 1, 4, 1, GFT_PAD_SAME);
    y = add2(
        &n, &gft_op_add, batch_norm(&n, y, false),
        add1(&n, &gft_op_identity, depthwise(&n, pad(&n, x, 1, 0.0f), 3, 1, 1, GFT_PAD_VALID)));
    y = bias_add(&n, add1(&n, &gft_op_square, y));
    output(&n, y);
    int failed = 0;
    for (;; failed++) {
        gft_plan *plan = NULL;
        graft_error error = {0};
        gft_alloc_fail_after(failed + 1);
        graft_status status = gft_plan_new(n.graph, NULL, &fused, &plan, &error);
        gft_alloc_fail_after(0);
        gft_plan_unref(plan);
        if (status == GRAFT_OK)
            break;
        assert_null(plan);
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        assert_int_equal(error.code, GRAFT_RESOURCE_EXHAUSTED);
    }
    assert_true(failed > 50);
    compare(&n, exact, fused);
    /* differentiation: the graph may hold more nodes afterwards, but stays a graph */
    gft_value_id grad = -1;
    for (int i = 1;; i++) {
        gft_graph *copy = NULL;
        OK(gft_graph_clone(n.graph, &copy, err));
        gft_value_id wrt = copy->inputs[0].value;
        graft_error error = {0};
        gft_alloc_fail_after(i);
        graft_status status =
            gft_autodiff(copy, copy->outputs[0].value, &wrt, 1, gft_ops_gradients(), &grad, &error);
        gft_alloc_fail_after(0);
        OK(gft_graph_sweep(copy, err));
        gft_graph_free(copy);
        if (status == GRAFT_OK)
            break;
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
    }
    net_deinit(&n);
}

/* A training step with everything rewritten gives the gradients that the plain graph gives. */
static void gradients_survive(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        net n;
        net_init(&n, seed);
        gft_value_id x = input(&n, gft_shape_4(2, 7, 6, 3));
        gft_value_id wrt[16];
        int32_t count = 0;
        gft_value_id y =
            add1(&n, &gft_op_relu6, batch_norm(&n, conv(&n, x, 3, 4, 1, GFT_PAD_SAME), false));
        n.trainable = true;
        int32_t first = n.params.count;
        gft_value_id side = y;
        y = conv(&n, pad(&n, y, 1, 0.0f), 3, 4, 1, GFT_PAD_VALID);
        y = activation(&n, batch_norm(&n, y, seed % 2));
        y = depthwise(&n, y, 3, 1, 1, GFT_PAD_SAME);
        n.trainable = false;
        y = batch_norm(&n, y, false);
        n.trainable = true;
        y = conv(&n, squeeze_excite(&n, y), 1, 4, 1, GFT_PAD_SAME);
        (void)side;
        y = activation(&n, bias_add(&n, y));
        gft_reduce_attrs reduce = {.axes = 2 | 4};
        y = add(&n, &gft_op_reduce_mean, &reduce, &y, 1);
        y = add2(&n, &gft_op_dense, y, param(&n, gft_shape_2(4, 5), -1, 1));
        y = add1(&n, &gft_op_square, bias_add(&n, y));
        gft_reduce_attrs all = {.axes = 3};
        y = add(&n, &gft_op_reduce_sum, &all, &y, 1);
        OK(gft_rewrite_train_batch_norm(n.graph, &gft_op_batch_norm_train, &gft_op_ema_update,
                                        err));
        for (int32_t p = first; p < n.params.count && count < 16; p++) {
            if (n.params.items[p].trainable)
                OK(gft_graph_param(n.graph, p, &wrt[count++], err));
        }
        gft_value_id grads[16];
        OK(gft_autodiff(n.graph, y, wrt, count, gft_ops_gradients(), grads, err));
        output(&n, y);
        for (int32_t i = 0; i < count; i++) {
            assert_true(grads[i] >= 0);
            output(&n, grads[i]);
        }
        const gft_plan_options plain = {.training = true, .no_rewrite = true};
        const gft_plan_options training = {.training = true};
        compare(&n, plain, training);
        assert_true(steps(&n, training) < steps(&n, plain));
        net_deinit(&n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_nets),
        cmocka_unit_test(one_step),
        cmocka_unit_test(not_fused),
        cmocka_unit_test(two_convolutions_meet),
        cmocka_unit_test(ranges_of_pictures),
        cmocka_unit_test(padded_maximum),
        cmocka_unit_test(squeeze_excite_is_loaded),
        cmocka_unit_test(relu_is_loaded),
        cmocka_unit_test(training_folds_what_is_frozen),
        cmocka_unit_test(constants_and_dropout),
        cmocka_unit_test(train_batch_norm),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(gradients_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
