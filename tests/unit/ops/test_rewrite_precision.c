/*
 * The precision rewrite on a small net: which ops become 16-bit, where casts are, that outputs stay
 * float32, and that plans of either precision give the float32 plan's numbers within their rounding
 * - also where a depthwise convolution loads its input through a relu.
 */
#include <math.h>
#include <string.h>

#include "graph/rewrite_precision.h"
#include "ops/precision.h"
#include "unit/ops/op_check.h"

typedef struct net {
    gft_params params;
    gft_graph *graph;
    gft_rng rng;
} net;

static gft_value_id param(net *n, const char *name, graft_shape shape) {
    graft_error err = {0};
    graft_tensor_desc desc = gft_desc_f32(shape);
    gft_param_id p = -1;
    gft_value_id id = -1;
    ASSERT_OK(gft_params_add(&n->params, name, &desc, GFT_PARAM_WEIGHT, false, NULL, &p, &err));
    float *data = n->params.items[p].data;
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++)
        data[i] = 0.8f * gft_rng_uniform(&n->rng) - 0.4f;
    ASSERT_OK(gft_graph_param(n->graph, p, &id, &err));
    return id;
}

static gft_value_id add(net *n, const gft_op *op, const void *attrs, gft_value_id a,
                        gft_value_id b) {
    graft_error err = {0};
    gft_value_id in[2] = {a, b};
    gft_value_id out = -1;
    ASSERT_OK(gft_graph_add(n->graph, op, NULL, attrs, in, b < 0 ? 1 : 2, &out, &err));
    return out;
}

/* conv -> relu -> depthwise, added to the convolution itself; mean, dense, softmax. */
static void make_net(net *n) {
    graft_error err = {0};
    graft_tensor_desc desc = gft_desc_f32(gft_shape_4(-1, 9, 11, 3));
    const gft_conv2d_attrs conv = {.stride_h = 1, .stride_w = 1, .padding = GFT_PAD_SAME};
    const gft_reduce_attrs mean = {.axes = 6u};
    const gft_dense_attrs dense = {0};
    const gft_axis_attrs last = {-1};
    gft_value_id x;
    *n = (net){.rng = gft_rng_make(92, GFT_RNG_TEST, 0)};
    gft_params_init(&n->params);
    ASSERT_OK(gft_graph_new(&n->params, &n->graph, &err));
    ASSERT_OK(gft_graph_input(n->graph, "x", &desc, &x, &err));
    x = add(n, &gft_op_conv2d, &conv, x, param(n, "filter", gft_shape_4(3, 3, 3, 13)));
    gft_value_id y = add(n, &gft_op_relu, NULL, x, -1);
    y = add(n, &gft_op_depthwise_conv2d, &conv, y, param(n, "depth", gft_shape_4(3, 3, 13, 1)));
    y = add(n, &gft_op_add, NULL, y, x);
    y = add(n, &gft_op_reduce_mean, &mean, y, -1);
    y = add(n, &gft_op_dense, &dense, y, param(n, "kernel", gft_shape_2(13, 7)));
    ASSERT_OK(gft_graph_output(n->graph, "logits", y, &err));
    y = add(n, &gft_op_softmax, &last, y, -1);
    ASSERT_OK(gft_graph_output(n->graph, "scores", y, &err));
}

static void free_net(net *n) {
    gft_graph_free(n->graph);
    gft_params_deinit(&n->params);
}

static int count_of(const gft_graph *graph, const char *op) {
    int count = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i].op && strcmp(graph->nodes[i].op->name, op) == 0;
    return count;
}

static void test_which(void **state) {
    (void)state;
    static const graft_dtype dtypes[] = {GRAFT_BF16, GRAFT_F16};
    for (int i = 0; i < 4; i++) {
        graft_error err = {0};
        net n;
        make_net(&n);
        const graft_shape shape = gft_shape_4(2, 9, 11, 3);
        ASSERT_OK(gft_graph_reinfer(n.graph, &shape, &err));
        ASSERT_OK(gft_rewrite_precision(n.graph, dtypes[i % 2], gft_ops_precision(), i >= 2, &err));
        ASSERT_OK(gft_graph_sweep(n.graph, &err));
        ASSERT_OK(gft_graph_reinfer(n.graph, NULL, &err));
        assert_int_equal(count_of(n.graph, "conv2d_half"), 1);
        assert_int_equal(count_of(n.graph, "depthwise_half"), 1);
        assert_int_equal(count_of(n.graph, "dense_half"), 1);
        assert_int_equal(count_of(n.graph, "mean_half"), 1);
        assert_int_equal(count_of(n.graph, "rows_half"), 2); /* relu and the sum */
        assert_int_equal(count_of(n.graph, "softmax"), 1);
        assert_int_equal(count_of(n.graph, "cast"), 1); /* of the picture alone */
        for (int32_t k = 0; k < n.graph->output_count; k++)
            assert_int_equal(gft_graph_value(n.graph, n.graph->outputs[k].value)->desc.dtype,
                             GRAFT_F32);
        free_net(&n);
    }
}

/* Logits, 7 for each of 3 pictures. */
static void run_plan(const net *n, graft_dtype precision, int threads, const float *x,
                     float *logits) {
    graft_error err = {0};
    const graft_shape shape = gft_shape_4(3, 9, 11, 3);
    const gft_plan_options options = {.precision = precision, .half_ops = gft_ops_precision()};
    gft_plan *plan = NULL;
    gft_pool *pool = NULL;
    gft_run *run = NULL;
    ASSERT_OK(gft_plan_new(n->graph, &shape, &options, &plan, &err));
    ASSERT_OK(gft_pool_new(threads, &pool, &err));
    ASSERT_OK(gft_run_new(plan, pool, &run, &err));
    float scores[21];
    ASSERT_OK(
        gft_run_execute(run, (const void *const[]){x}, (void *const[]){logits, scores}, &err));
    for (int i = 0; i < 3; i++) {
        float sum = 0.0f;
        for (int k = 0; k < 7; k++)
            sum += scores[7 * i + k];
        assert_true(fabsf(sum - 1.0f) < 1e-5f);
    }
    gft_run_free(run);
    gft_pool_free(pool);
    gft_plan_unref(plan);
}

static void test_numbers(void **state) {
    (void)state;
    net n;
    float x[3 * 9 * 11 * 3];
    float want[21];
    make_net(&n);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = 2.0f * gft_rng_uniform(&n.rng) - 1.0f;
    run_plan(&n, GRAFT_F32, 1, x, want);
    for (int half = 0; half < 2; half++) {
        float got[21];
        float again[21];
        float most = 0.0f;
        run_plan(&n, half ? GRAFT_F16 : GRAFT_BF16, 1, x, got);
        run_plan(&n, half ? GRAFT_F16 : GRAFT_BF16, 7, x, again);
        assert_memory_equal(got, again, sizeof got);
        for (int i = 0; i < 21; i++) {
            most = fmaxf(most, fabsf(got[i] - want[i]));
            if (!(fabsf(got[i] - want[i]) <= (half ? 0.0005f : 0.004f)))
                fail_msg("logit %d: %.9g, expected %.9g", i, (double)got[i], (double)want[i]);
        }
        assert_true(most > 0.0f); /* 16 bits were there */
    }
    free_net(&n);
}

static int tests(void) {
    const struct CMUnitTest all[] = {cmocka_unit_test(test_which), cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
