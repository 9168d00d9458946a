/*
 * dropout: how many elements go, the scale of the rest, the same draws in its gradient, other draws
 * for another step, seed or key; independence of threads.
 */
#include "unit/ops/op_check.h"

#define N 40003

/* The mask (0 or 1) of a run; also checks that kept values are x / (1 - rate). */
static void draw(float rate, uint64_t key, uint64_t seed, uint64_t step, int threads,
                 unsigned char *mask) {
    graft_error err = {0};
    const gft_dropout_attrs attrs = {.rate = rate, .key = key};
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(N));
    const gft_plan_options options = {.training = true};
    gft_graph *graph;
    gft_plan *plan;
    gft_run *run;
    gft_pool *pool;
    gft_value_id x;
    gft_value_id y;
    ASSERT_OK(gft_graph_new(NULL, &graph, &err));
    ASSERT_OK(gft_graph_input(graph, "x", &desc, &x, &err));
    ASSERT_OK(gft_graph_add(graph, &gft_op_dropout, "drop", &attrs, &x, 1, &y, &err));
    ASSERT_OK(gft_graph_output(graph, "y", y, &err));
    ASSERT_OK(gft_plan_new(graph, &desc.shape, &options, &plan, &err));
    ASSERT_OK(gft_pool_new(threads, &pool, &err));
    ASSERT_OK(gft_run_new(plan, pool, &run, &err));
    float *in = gft_malloc(N * sizeof *in);
    for (int i = 0; i < N; i++)
        in[i] = (float)(i + 1);
    const void *data[] = {in};
    gft_run_set_random(run, seed, step);
    ASSERT_OK(gft_run_execute(run, data, NULL, &err));
    const float *out = gft_run_output(run, 0);
    for (int i = 0; i < N; i++) {
        mask[i] = out[i] != 0.0f;
        if (mask[i])
            assert_true(fabsf(out[i] * (1.0f - rate) - in[i]) <= 1e-6f * in[i]);
    }
    gft_free(in);
    gft_run_free(run);
    gft_pool_free(pool);
    gft_plan_unref(plan);
    gft_graph_free(graph);
}

static int kept(const unsigned char *mask) {
    int count = 0;
    for (int i = 0; i < N; i++)
        count += mask[i];
    return count;
}

static int differing(const unsigned char *a, const unsigned char *b) {
    int count = 0;
    for (int i = 0; i < N; i++)
        count += a[i] != b[i];
    return count;
}

static unsigned char first[N];
static unsigned char second[N];

static void test_rate(void **state) {
    (void)state;
    const float rates[] = {0.1f, 0.5f, 0.9f};
    for (int i = 0; i < 3; i++) {
        draw(rates[i], 1, 2, 3, 1, first);
        double expected = N * (1.0 - (double)rates[i]);
        double deviation = sqrt(expected * (double)rates[i]);
        assert_true(fabs(kept(first) - expected) < 5.0 * deviation);
    }
    draw(0.0f, 1, 2, 3, 1, first);
    assert_int_equal(kept(first), N);
}

static void test_depends_on_seed_step_key_only(void **state) {
    (void)state;
    draw(0.5f, 1, 2, 3, 1, first);
    draw(0.5f, 1, 2, 3, 7, second);
    assert_int_equal(differing(first, second), 0);
    draw(0.5f, 9, 2, 3, 1, second);
    assert_true(abs(differing(first, second) - N / 2) < 1000);
    draw(0.5f, 1, 9, 3, 1, second);
    assert_true(abs(differing(first, second) - N / 2) < 1000);
    draw(0.5f, 1, 2, 9, 1, second);
    assert_true(abs(differing(first, second) - N / 2) < 1000);
}

/* No correlation between neighbours or between the two halves. */
static void test_no_pattern(void **state) {
    (void)state;
    int alike = 0;
    draw(0.5f, 1, 2, 3, 1, first);
    for (int i = 0; i + 1 < N; i++)
        alike += first[i] == first[i + 1];
    assert_true(abs(alike - N / 2) < 600);
    alike = 0;
    for (int i = 0; i < N / 2; i++)
        alike += first[i] == first[i + N / 2];
    assert_true(abs(alike - N / 4) < 500);
}

/* dx / dy is the very factor of the forward pass. */
static void test_gradient(void **state) {
    (void)state;
    const gft_dropout_attrs attrs = {.rate = 0.3f, .key = 5};
    op_check c = {.op = &gft_op_dropout, .attrs = &attrs};
    op_check g = {.op = &gft_op_dropout_grad, .attrs = &attrs};
    check_input(&c, GRAFT_F32, gft_shape_2(7, 3001), 1.0, 2.0);
    check_input(&g, GRAFT_F32, gft_shape_2(7, 3001), 1.0, 2.0);
    check_forward(&c, false);
    check_forward(&g, false);
    assert_memory_equal(c.results[0], g.results[0], 7 * 3001 * sizeof(float));
    check_free(&c);
    check_free(&g);
    graft_error err = {0};
    gft_graph *graph;
    gft_value_id in[CHECK_INPUTS];
    gft_value_id out[CHECK_OUTPUTS];
    gft_value_id grad;
    check_input(&c, GRAFT_F32, gft_shape_2(3, 5), 1.0, 2.0);
    ASSERT_OK(check_graph(&c, false, &graph, in, out, &err));
    ASSERT_OK(gft_autodiff(graph, out[0], in, 1, gft_ops_gradients(), &grad, &err));
    assert_non_null(gft_graph_value(graph, grad));
    const gft_node *node = gft_graph_node(graph, gft_graph_value(graph, grad)->node);
    assert_ptr_equal(node->op, &gft_op_dropout_grad);
    assert_true(((const gft_dropout_attrs *)node->attrs)->key == 5);
    gft_graph_free(graph);
    check_free(&c);
}

static void test_errors(void **state) {
    (void)state;
    const float bad[] = {1.0f, -0.1f, NAN};
    for (int i = 0; i < 3; i++) {
        const gft_dropout_attrs attrs = {.rate = bad[i]};
        op_check c = {.op = &gft_op_dropout, .attrs = &attrs};
        check_input(&c, GRAFT_F32, gft_shape_1(2), 0.0, 1.0);
        check_refused(&c, "rate");
    }
}

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_rate), cmocka_unit_test(test_depends_on_seed_step_key_only),
        cmocka_unit_test(test_no_pattern), cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
