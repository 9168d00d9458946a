/*
 * batch_norm, batch_norm_train, layer_norm, l2_normalise and ema_update against plain loops, with gradients.
 */
#include "unit/ops/op_check.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

static int64_t channels_of(const op_check *c) {
    return c->inputs[0].shape.dims[c->inputs[0].shape.rank - 1];
}

static int64_t rows_of(const op_check *c) {
    return channels_of(c) > 0 ? check_elems(&c->inputs[0]) / channels_of(c) : 0;
}

static const gft_batch_norm_attrs bn = {.epsilon = 1e-3f, .momentum = 0.99f, .train = true};
static const gft_norm_attrs norm = {.epsilon = 1e-3f};

static void bn_reference(const op_check *c, const double *const *x, double *y) {
    int64_t k = channels_of(c);
    for (int64_t i = 0; i < check_elems(&c->inputs[0]); i++)
        y[i] = (x[0][i] - x[3][i % k]) * x[1][i % k] / sqrt(x[4][i % k] + (double)bn.epsilon) +
               x[2][i % k];
}

static void moments(const op_check *c, const double *x, int64_t channel, double *mean,
                    double *variance) {
    int64_t k = channels_of(c);
    int64_t rows = rows_of(c);
    *mean = *variance = 0.0;
    for (int64_t r = 0; r < rows; r++)
        *mean += x[r * k + channel] / (double)rows;
    for (int64_t r = 0; r < rows; r++)
        *variance += (x[r * k + channel] - *mean) * (x[r * k + channel] - *mean) / (double)rows;
}

static void bn_train_reference(const op_check *c, const double *const *x, double *y) {
    int64_t k = channels_of(c);
    for (int64_t ch = 0; ch < k; ch++) {
        double mean;
        double variance;
        moments(c, x[0], ch, &mean, &variance);
        for (int64_t r = 0; r < rows_of(c); r++)
            y[r * k + ch] =
                (x[0][r * k + ch] - mean) / sqrt(variance + (double)bn.epsilon) * x[1][ch] +
                x[2][ch];
    }
}

static void run_bn(graft_shape shape, bool train, bool gradient, double low, double high) {
    int64_t k = shape.dims[shape.rank - 1];
    op_check c = {.op = train ? &gft_op_batch_norm_train : &gft_op_batch_norm,
                  .attrs = &bn,
                  .symbolic = shape.rank > 1,
                  .reference = train ? bn_train_reference : bn_reference,
                  .differentiable = gradient ? 7u : 0u,
                  .tolerance = 5e-6,
                  .gradient_tolerance = 1e-4};
    check_input(&c, GRAFT_F32, shape, low, high);
    check_input(&c, GRAFT_F32, gft_shape_1(k), 0.5, 1.5);
    check_input(&c, GRAFT_F32, gft_shape_1(k), -1.0, 1.0);
    if (!train) {
        check_input(&c, GRAFT_F32, gft_shape_1(k), -1.0, 1.0);
        check_input(&c, GRAFT_F32, gft_shape_1(k), 0.5, 2.0);
    }
    check_op(&c);
}

static void test_batch_norm(void **state) {
    (void)state;
    run_bn(S(2, 3, 4, 5), false, true, -2.0, 2.0);
    run_bn(S(7, 3), false, true, -2.0, 2.0);
    run_bn(S(1, 9), false, true, -2.0, 2.0);
    run_bn(S(0, 4), false, true, -2.0, 2.0);
    run_bn(S(5, 23, 29, 17), false, false, -2.0, 2.0);
    run_bn(S(3, 40000), false, false, -2.0, 2.0);
}

static void test_batch_norm_train(void **state) {
    (void)state;
    run_bn(S(2, 3, 4, 5), true, true, -2.0, 2.0);
    run_bn(S(7, 3), true, true, -2.0, 2.0);
    run_bn(S(6, 33), true, true, -2.0, 2.0);
    run_bn(S(5, 23, 29, 17), true, false, -2.0, 2.0);
    run_bn(S(50001, 2), true, false, -2.0, 2.0);
    run_bn(S(3, 40000), true, false, -2.0, 2.0);
}

/* A mean far from 0: E[x^2] - E[x]^2 in f32 would have no digit left. */
static void test_batch_norm_train_offset(void **state) {
    (void)state;
    op_check c = {.op = &gft_op_batch_norm_train,
                  .attrs = &bn,
                  .reference = bn_train_reference,
                  .tolerance = 2e-4};
    check_input(&c, GRAFT_F32, S(30011, 3), 999.0, 1001.0);
    check_input(&c, GRAFT_F32, S(3), 0.5, 1.5);
    check_input(&c, GRAFT_F32, S(3), -1.0, 1.0);
    check_forward(&c, false);
    double *x = check_as_double(&c, 0);
    for (int64_t ch = 0; ch < 3; ch++) {
        double mean;
        double variance;
        moments(&c, x, ch, &mean, &variance);
        assert_true(fabs((double)((float *)c.results[1])[ch] - mean) < 1e-4);
        assert_true(fabs((double)((float *)c.results[2])[ch] - variance) < 1e-5);
    }
    gft_free(x);
    check_free(&c);
}

static void test_batch_norm_train_empty(void **state) {
    (void)state;
    op_check c = {.op = &gft_op_batch_norm_train, .attrs = &bn};
    check_input(&c, GRAFT_F32, S(0, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(3), 0.5, 1.5);
    check_input(&c, GRAFT_F32, S(3), -1.0, 1.0);
    check_forward(&c, false);
    for (int i = 0; i < 3; i++)
        assert_true(((float *)c.results[1])[i] == 0.0f && ((float *)c.results[2])[i] == 0.0f);
    check_free(&c);
}

static void ln_reference(const op_check *c, const double *const *x, double *y) {
    int64_t k = channels_of(c);
    for (int64_t r = 0; r < rows_of(c); r++) {
        double mean = 0.0;
        double variance = 0.0;
        for (int64_t i = 0; i < k; i++)
            mean += x[0][r * k + i] / (double)k;
        for (int64_t i = 0; i < k; i++)
            variance += (x[0][r * k + i] - mean) * (x[0][r * k + i] - mean) / (double)k;
        for (int64_t i = 0; i < k; i++)
            y[r * k + i] =
                (x[0][r * k + i] - mean) / sqrt(variance + (double)norm.epsilon) * x[1][i] +
                x[2][i];
    }
}

static void run_ln(graft_shape shape, bool gradient) {
    int64_t k = shape.dims[shape.rank - 1];
    op_check c = {.op = &gft_op_layer_norm,
                  .attrs = &norm,
                  .symbolic = 1,
                  .reference = ln_reference,
                  .differentiable = gradient ? 7u : 0u,
                  .tolerance = 5e-6,
                  .gradient_tolerance = 1e-4};
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_input(&c, GRAFT_F32, gft_shape_1(k), 0.5, 1.5);
    check_input(&c, GRAFT_F32, gft_shape_1(k), -1.0, 1.0);
    check_op(&c);
}

static void test_layer_norm(void **state) {
    (void)state;
    run_ln(S(2, 3, 17), true);
    run_ln(S(5, 8), true);
    run_ln(S(1, 9), true);
    run_ln(S(0, 9), true);
    run_ln(S(700, 131), false);
}

static void l2_reference(const op_check *c, const double *const *x, double *y) {
    int64_t k = channels_of(c);
    for (int64_t r = 0; r < rows_of(c); r++) {
        double sum = 0.0;
        for (int64_t i = 0; i < k; i++)
            sum += x[0][r * k + i] * x[0][r * k + i];
        for (int64_t i = 0; i < k; i++)
            y[r * k + i] = x[0][r * k + i] / sqrt(fmax(sum, (double)norm.epsilon));
    }
}

static void test_l2_normalise(void **state) {
    (void)state;
    const graft_shape shapes[] = {S(2, 3, 17), S(5, 8), S(0, 3), S(700, 131), S(4, 1)};
    for (int i = 0; i < 5; i++) {
        op_check c = {.op = &gft_op_l2_normalise,
                      .attrs = &norm,
                      .symbolic = 1,
                      .reference = l2_reference,
                      .differentiable = i < 3};
        check_input(&c, GRAFT_F32, shapes[i], -2.0, 2.0);
        check_op(&c);
    }
    op_check c = {
        .op = &gft_op_l2_normalise, .attrs = &norm, .reference = l2_reference, .differentiable = 1};
    check_input(&c, GRAFT_F32, S(3, 4), -1e-3, 1e-3); /* epsilon decides */
    check_op(&c);
}

static void test_ema_update(void **state) {
    (void)state;
    graft_error err = {0};
    const gft_ema_attrs attrs = {.momentum = 0.75f};
    float running[] = {1.0f, 2.0f, -4.0f};
    const float value[] = {3.0f, -2.0f, 4.0f};
    const graft_tensor_desc desc = gft_desc_f32(S(3));
    gft_params params;
    gft_params_init(&params);
    gft_param_id id;
    gft_graph *graph;
    gft_plan *plan;
    gft_run *run;
    gft_value_id in[2];
    ASSERT_OK(
        gft_params_add(&params, "running", &desc, GFT_PARAM_STATISTIC, false, running, &id, &err));
    ASSERT_OK(gft_graph_new(&params, &graph, &err));
    ASSERT_OK(gft_graph_param(graph, id, &in[0], &err));
    ASSERT_OK(gft_graph_input(graph, "value", &desc, &in[1], &err));
    ASSERT_OK(gft_graph_add(graph, &gft_op_ema_update, "update", &attrs, in, 2, NULL, &err));
    ASSERT_OK(gft_graph_output(graph, "value", in[1], &err));
    const gft_plan_options options = {.training = true};
    ASSERT_OK(gft_plan_new(graph, &desc.shape, &options, &plan, &err));
    ASSERT_OK(gft_run_new(plan, NULL, &run, &err));
    const void *data[] = {value};
    ASSERT_OK(gft_run_execute(run, data, NULL, &err));
    assert_true(running[0] == 1.5f && running[1] == 1.0f && running[2] == -2.0f);
    gft_run_free(run);
    gft_plan_unref(plan);
    gft_graph_free(graph);
    gft_params_deinit(&params);
}

static void test_errors(void **state) {
    (void)state;
    op_check c = {.op = &gft_op_batch_norm_train, .attrs = &bn};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(4), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(3), 0.0, 1.0);
    check_refused(&c, "input 1 has shape [4]");
    c = (op_check){.op = &gft_op_layer_norm, .attrs = &norm};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(3, 1), 0.0, 1.0);
    check_refused(&c, "input 2 has shape [3,1]");
    c = (op_check){.op = &gft_op_l2_normalise, .attrs = &norm};
    check_input(&c, GRAFT_F32, gft_shape_0(), 0.0, 1.0);
    check_refused(&c, "at least 1");
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_batch_norm_train),
        cmocka_unit_test(test_batch_norm_train_offset),
        cmocka_unit_test(test_batch_norm_train_empty),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_l2_normalise),
        cmocka_unit_test(test_ema_update),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
