/*
 * Strides that move to earlier layers: random graphs give the same numbers before and after,
 * patterns are thinned or left alone where they should be, and ResNet-50 of Keras (whose stages
 * begin with strided 1x1 convolutions) costs what the version with strides in its 3x3 convolutions
 * would.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "cmocka_all.h"
#include "graph/plan.h"
#include "graph/rewrite.h"
#include "ops/ops.h"

#define OK(call)                                                                                   \
    do {                                                                                           \
        graft_error err_ = {0};                                                                    \
        graft_error *err = &err_;                                                                  \
        if ((call) != GRAFT_OK)                                                                    \
            fail_msg("%s: %s", #call, err_.message);                                               \
    } while (0)

static const gft_rewrite_options inference = {.fuse = true};

typedef struct net {
    gft_params params;
    gft_graph *graph;
    gft_rng rng;
    float *borrowed; /* data of all parameters; NULL: each has random numbers of its own */
    int number;
} net;

static void net_init(net *n, uint64_t seed) {
    *n = (net){.rng = gft_rng_make(seed, GFT_RNG_TEST, 12)};
    gft_params_init(&n->params);
    OK(gft_graph_new(&n->params, &n->graph, err));
}

static void net_deinit(net *n) {
    gft_graph_free(n->graph);
    gft_params_deinit(&n->params);
}

static int64_t below(net *n, uint32_t count) {
    return (int64_t)gft_rng_below(&n->rng, count);
}

static gft_value_id input(net *n, graft_shape shape) {
    graft_tensor_desc desc = gft_desc_f32(shape);
    gft_value_id id = -1;
    OK(gft_graph_input(n->graph, "x", &desc, &id, err));
    return id;
}

static gft_value_id param(net *n, graft_shape shape, float bound) {
    char name[32];
    graft_tensor_desc desc = gft_desc_f32(shape);
    gft_param_id p = -1;
    gft_value_id id = -1;
    snprintf(name, sizeof name, "p%d", n->number++);
    OK(gft_params_add(&n->params, name, &desc, GFT_PARAM_WEIGHT, false, n->borrowed, &p, err));
    float *data = n->params.items[p].data;
    for (int64_t i = 0; !n->borrowed && i < gft_shape_elems(&shape); i++)
        data[i] = bound * (2 * gft_rng_uniform(&n->rng) - 1);
    OK(gft_graph_param(n->graph, p, &id, err));
    return id;
}

static gft_value_id add(net *n, const gft_op *op, const void *attrs, const gft_value_id *in,
                        int32_t count) {
    gft_value_id out = -1;
    OK(gft_graph_add(n->graph, op, NULL, attrs, in, count, &out, err));
    return out;
}

static graft_shape shape_of(const net *n, gft_value_id v) {
    return n->graph->values[v].desc.shape;
}

static gft_value_id conv(net *n, gft_value_id x, int64_t k, int64_t oc, int64_t stride,
                         gft_padding padding) {
    int64_t c = shape_of(n, x).dims[3];
    gft_conv2d_attrs attrs = {.stride_h = stride, .stride_w = stride, .padding = padding};
    if (padding == GFT_PAD_EXPLICIT)
        attrs.pads = (gft_pads){k / 2, k / 2, k / 3, k / 2};
    gft_value_id in[2] = {x, param(n, gft_shape_4(k, k, c, oc), 1.7f / sqrtf((float)(k * k * c)))};
    return add(n, &gft_op_conv2d, &attrs, in, 2);
}

static gft_value_id depthwise(net *n, gft_value_id x, int64_t k, int64_t stride) {
    gft_conv2d_attrs attrs = {.stride_h = stride, .stride_w = stride, .padding = GFT_PAD_SAME};
    gft_value_id in[2] = {x,
                          param(n, gft_shape_4(k, k, shape_of(n, x).dims[3], 1), 1.7f / (float)k)};
    return add(n, &gft_op_depthwise_conv2d, &attrs, in, 2);
}

static gft_value_id pool(net *n, gft_value_id x, int64_t k, int64_t stride, bool max) {
    gft_pool_attrs attrs = {k, k, stride, stride, GFT_PAD_SAME, {0, 0, 0, 0}};
    return add(n, max ? &gft_op_max_pool : &gft_op_avg_pool, &attrs, &x, 1);
}

static gft_value_id relu(net *n, gft_value_id x) {
    return add(n, &gft_op_relu, NULL, &x, 1);
}

static gft_value_id pair(net *n, const gft_op *op, gft_value_id a, gft_value_id b) {
    gft_value_id in[2] = {a, b};
    return add(n, op, NULL, in, 2);
}

static gft_value_id biased(net *n, gft_value_id x) {
    return pair(n, &gft_op_bias_add, x, param(n, gft_shape_1(shape_of(n, x).dims[3]), 1));
}

static void output(net *n, gft_value_id v) {
    char name[32];
    snprintf(name, sizeof name, "y%d", (int)n->graph->output_count);
    OK(gft_graph_output(n->graph, name, v, err));
}

static gft_run *prepare(const gft_graph *graph, gft_plan_options options) {
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    OK(gft_plan_new(graph, NULL, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    gft_plan_unref(plan);
    return run;
}

static gft_graph *thinned(const net *n) {
    gft_graph *copy = NULL;
    OK(gft_graph_clone(n->graph, &copy, err));
    OK(gft_rewrite_strides(copy, &inference, err));
    return copy;
}

/* The same outputs from the graph as it is, thinned alone, and as a plan rewrites it. */
static void compare(const net *n) {
    const gft_plan_options exact = {.no_rewrite = true, .no_winograd = true};
    gft_graph *copy = thinned(n);
    gft_run *runs[] = {prepare(n->graph, exact), prepare(copy, exact),
                       prepare(n->graph, (gft_plan_options){.no_winograd = true})};
    int64_t elems = gft_shape_elems(&n->graph->values[n->graph->inputs[0].value].desc.shape);
    float *x = gft_malloc((size_t)elems * sizeof *x);
    assert_non_null(x);
    gft_rng rng = gft_rng_make(5, GFT_RNG_TEST, 0);
    for (int64_t i = 0; i < elems; i++)
        x[i] = 2 * gft_rng_uniform(&rng) - 1;
    const void *inputs[] = {x};
    for (int r = 0; r < 3; r++)
        OK(gft_run_execute(runs[r], inputs, NULL, err));
    for (int32_t o = 0; o < n->graph->output_count; o++) {
        const graft_shape *shape = &n->graph->values[n->graph->outputs[o].value].desc.shape;
        assert_true(gft_shape_equal(shape, &copy->values[copy->outputs[o].value].desc.shape));
        const float *want = gft_run_output(runs[0], o);
        for (int r = 1; r < 3; r++) {
            const float *got = gft_run_output(runs[r], o);
            for (int64_t i = 0; i < gft_shape_elems(shape); i++) {
                if (fabsf(got[i] - want[i]) > 2e-5f * (1 + fabsf(want[i])))
                    fail_msg("output %d, element %d, way %d: %g, expected %g", (int)o, (int)i, r,
                             (double)got[i], (double)want[i]);
            }
        }
    }
    for (int r = 0; r < 3; r++)
        gft_run_free(runs[r]);
    gft_graph_free(copy);
    gft_free(x);
}

static int count_of(const gft_graph *graph, const char *op) {
    int count = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i].op && strcmp(graph->nodes[i].op->name, op) == 0;
    return count;
}

/* How many multiply-adds are left of 1000, and how many slices were put in. */
static int left_of(const net *n, int *slices) {
    gft_graph *copy = thinned(n);
    int64_t before = gft_graph_cost(n->graph).macs;
    int64_t after = gft_graph_cost(copy).macs;
    *slices = count_of(copy, "strided_slice");
    gft_graph_free(copy);
    return (int)(after * 1000 / before);
}

static const gft_padding paddings[] = {GFT_PAD_SAME, GFT_PAD_VALID, GFT_PAD_EXPLICIT};

static gft_value_id random_layer(net *n, gft_value_id x, const gft_value_id *seen, int count) {
    graft_shape shape = shape_of(n, x);
    int64_t size = shape.dims[1] < shape.dims[2] ? shape.dims[1] : shape.dims[2];
    switch (below(n, 10)) {
    case 0:
        return conv(n, x, 1, 2 + below(n, 4), 1 + below(n, 3), paddings[below(n, 2)]);
    case 1:
        return conv(n, x, 1, 3, 2, GFT_PAD_SAME);
    case 2:
        return size < 4 ? relu(n, x) : conv(n, x, 3, 3, 1 + below(n, 2), paddings[below(n, 3)]);
    case 3:
        return depthwise(n, x, 1 + below(n, 3), 1 + below(n, 2));
    case 4:
        return pool(n, x, 1 + below(n, 3), 1 + below(n, 2), below(n, 2));
    case 5:
        return biased(n, x);
    case 6: { /* with the mean of each channel */
        gft_reduce_attrs attrs = {.axes = 2 | 4, .keep_dims = true};
        return pair(n, &gft_op_mul, x, add(n, &gft_op_reduce_mean, &attrs, &x, 1));
    }
    case 7:
    case 8:
        for (int i = count - 1; i >= 0; i--) {
            graft_shape other = shape_of(n, seen[i]);
            if (seen[i] != x && gft_shape_equal(&other, &shape))
                return pair(n, below(n, 3) ? &gft_op_add : &gft_op_sub, seen[i], x);
        }
        return relu(n, x);
    default:
        return relu(n, x);
    }
}

static void random_graphs(void **state) {
    (void)state;
    int changed = 0;
    int sliced = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        net n;
        int slices;
        net_init(&n, seed);
        gft_value_id seen[16];
        int count = 1;
        seen[0] = input(&n, gft_shape_4(1 + below(&n, 2), 7 + below(&n, 12), 6 + below(&n, 12), 3));
        while (count < 12) {
            gft_value_id from = seen[below(&n, 4) ? count - 1 : below(&n, (uint32_t)count)];
            gft_value_id y = random_layer(&n, from, seen, count);
            seen[count++] = y;
        }
        output(&n, conv(&n, seen[count - 1], 1, 4, 1 + below(&n, 3), GFT_PAD_SAME));
        if (below(&n, 4) == 0)
            output(&n, seen[below(&n, (uint32_t)count)]);
        changed += left_of(&n, &slices) < 1000;
        sliced += slices > 0;
        compare(&n);
        net_deinit(&n);
    }
    assert_true(changed > 60 && sliced > 5);
}

static void patterns(void **state) {
    (void)state;
    net n;
    int slices = -1;
    for (int used = 0; used < 2;
         used++) { /* 3x3, relu, strided 1x1; the 3x3's result may be an output as well */
        net_init(&n, 1);
        gft_value_id y = conv(&n, input(&n, gft_shape_4(1, 12, 8, 4)), 3, 4, 1, GFT_PAD_SAME);
        gft_value_id z = conv(&n, relu(&n, y), 1, 4, 2, GFT_PAD_VALID);
        output(&n, z);
        if (used)
            output(&n, y);
        int left = left_of(&n, &slices);
        assert_int_equal(left, used ? 1000 : (9 + 1) * 1000 / (4 * 9 + 1));
        assert_int_equal(slices, 0);
        compare(&n);
        net_deinit(&n);
    }
    /* a residual that is needed whole is sliced, the other operand is computed thin */
    net_init(&n, 2);
    gft_value_id x = relu(&n, conv(&n, input(&n, gft_shape_4(2, 9, 9, 4)), 1, 4, 1, GFT_PAD_SAME));
    gft_value_id y = conv(&n, conv(&n, x, 3, 4, 1, GFT_PAD_SAME), 1, 4, 1, GFT_PAD_SAME);
    y = relu(&n, pair(&n, &gft_op_add, y, x));
    output(&n, conv(&n, y, 1, 2, 2, GFT_PAD_SAME));
    output(&n, conv(&n, y, 1, 3, 4, GFT_PAD_SAME));
    assert_true(left_of(&n, &slices) < 500);
    assert_int_equal(slices, 1);
    compare(&n);
    net_deinit(&n);
    /* nothing would be saved: no slices where both operands come from elsewhere */
    net_init(&n, 3);
    x = input(&n, gft_shape_4(1, 8, 8, 4));
    gft_value_id w = param(&n, gft_shape_4(1, 8, 8, 4), 1);
    output(&n, conv(&n, pair(&n, &gft_op_mul, x, w), 1, 4, 2, GFT_PAD_SAME));
    assert_int_equal(left_of(&n, &slices), 1000);
    assert_int_equal(slices, 0);
    compare(&n);
    net_deinit(&n);
}

/* Options under which nothing may change. */
static void left_alone(void **state) {
    (void)state;
    const gft_rewrite_options options[] = {
        {.training = true, .fuse = true}, {.fuse = false}, {.fuse = true, .keep_shapes = true}};
    net n;
    net_init(&n, 4);
    gft_value_id y = conv(&n, input(&n, gft_shape_4(1, 8, 8, 4)), 3, 4, 1, GFT_PAD_SAME);
    output(&n, conv(&n, y, 1, 4, 2, GFT_PAD_SAME));
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        gft_graph *copy = NULL;
        OK(gft_graph_clone(n.graph, &copy, err));
        OK(gft_rewrite_strides(copy, &options[i], err));
        assert_int_equal(gft_graph_cost(copy).macs, gft_graph_cost(n.graph).macs);
        gft_graph_free(copy);
    }
    net_deinit(&n);
}

static gft_value_id bottleneck(net *n, gft_value_id x, int64_t width, int64_t stride, bool first) {
    gft_value_id shortcut = x;
    if (first)
        shortcut = biased(n, conv(n, x, 1, 4 * width, stride, GFT_PAD_VALID));
    gft_value_id y = relu(n, biased(n, conv(n, x, 1, width, stride, GFT_PAD_VALID)));
    y = relu(n, biased(n, conv(n, y, 3, width, 1, GFT_PAD_SAME)));
    y = biased(n, conv(n, y, 1, 4 * width, 1, GFT_PAD_VALID));
    return relu(n, pair(n, &gft_op_add, shortcut, y));
}

static void resnet_50(void **state) {
    (void)state;
    const int blocks[] = {3, 4, 6, 3};
    net n;
    net_init(&n, 5);
    n.borrowed =
        gft_calloc((size_t)9 * 512 * 512, sizeof(float)); /* as large as the largest; never read */
    assert_non_null(n.borrowed);
    gft_value_id y = conv(&n, input(&n, gft_shape_4(1, 224, 224, 3)), 7, 64, 2, GFT_PAD_SAME);
    y = pool(&n, relu(&n, biased(&n, y)), 3, 2, true);
    for (int stage = 0; stage < 4; stage++)
        for (int block = 0; block < blocks[stage]; block++)
            y = bottleneck(&n, y, (int64_t)64 << stage, stage > 0 && block == 0 ? 2 : 1,
                           block == 0);
    output(&n, y);
    gft_graph *copy = thinned(&n); /* the pooling's 1.8 million count as well */
    assert_int_equal(gft_graph_cost(n.graph).macs, 3857731584);
    /* the last 3x3 and 1x1 of each of the first three stages at a quarter of their pixels */
    const int64_t saved = 3 * ((int64_t)115605504 + 51380224) * 3 / 4;
    assert_int_equal(gft_graph_cost(copy).macs, 3857731584 - saved);
    assert_int_equal(count_of(copy, "strided_slice"), 3);
    gft_graph_free(copy);
    gft_free(n.borrowed);
    net_deinit(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs),
        cmocka_unit_test(patterns),
        cmocka_unit_test(left_alone),
        cmocka_unit_test(resnet_50),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
