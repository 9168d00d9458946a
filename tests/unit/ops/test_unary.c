/*
 * Element-wise ops of one input: values and gradients against the C library in double, over all of
 * them.
 */
#include "unit/ops/op_check.h"

static double slope = 0.2;

static double f_relu(double x) {
    return x > 0.0 ? x : 0.0;
}
static double f_relu6(double x) {
    return fmin(fmax(x, 0.0), 6.0);
}
static double f_leaky(double x) {
    return x > 0.0 ? x : slope * x;
}
static double f_sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}
static double f_silu(double x) {
    return x * f_sigmoid(x);
}
static double f_hard_sigmoid(double x) {
    return f_relu6(x + 3.0) / 6.0;
}
static double f_hard_swish(double x) {
    return x * f_hard_sigmoid(x);
}
static double f_neg(double x) {
    return -x;
}
static double f_rsqrt(double x) {
    return 1.0 / sqrt(x);
}
static double f_square(double x) {
    return x * x;
}

static double f_elu(double x) {
    return x > 0.0 ? x : 0.2 * expm1(x);
}
static double f_selu(double x) {
    return 1.0507009873554804934 * (x > 0.0 ? x : 1.6732632423543772848 * expm1(x));
}
static double f_softplus(double x) {
    return log1p(exp(x));
}
static double f_softsign(double x) {
    return x / (1.0 + fabs(x));
}
static double f_gelu(double x) {
    return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
}
static double f_gelu_tanh(double x) {
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}
static double f_sign(double x) {
    return (x > 0.0) - (x < 0.0);
}

static const gft_unary_attrs leaky = {.alpha = 0.2f};

static const struct unary_case {
    const gft_op *op;
    double (*f)(double);
    double low, high;
    const void *attrs;
} cases[] = {
    {&gft_op_relu, f_relu, -2.0, 2.0, NULL},
    {&gft_op_relu6, f_relu6, -4.0, 10.0, NULL},
    {&gft_op_leaky_relu, f_leaky, -2.0, 2.0, &leaky},
    {&gft_op_sigmoid, f_sigmoid, -8.0, 8.0, NULL},
    {&gft_op_silu, f_silu, -8.0, 8.0, NULL},
    {&gft_op_hard_sigmoid, f_hard_sigmoid, -5.0, 5.0, NULL},
    {&gft_op_hard_swish, f_hard_swish, -5.0, 5.0, NULL},
    {&gft_op_tanh, tanh, -4.0, 4.0, NULL},
    {&gft_op_exp, exp, -3.0, 3.0, NULL},
    {&gft_op_log, log, 0.1, 9.0, NULL},
    {&gft_op_neg, f_neg, -2.0, 2.0, NULL},
    {&gft_op_sqrt, sqrt, 0.5, 9.0, NULL},
    {&gft_op_rsqrt, f_rsqrt, 0.5, 9.0, NULL},
    {&gft_op_square, f_square, -2.0, 2.0, NULL},
    {&gft_op_elu, f_elu, -4.0, 4.0, &leaky},
    {&gft_op_selu, f_selu, -4.0, 4.0, NULL},
    {&gft_op_softplus, f_softplus, -8.0, 8.0, NULL},
    {&gft_op_softsign, f_softsign, -4.0, 4.0, NULL},
    {&gft_op_gelu, f_gelu, -4.0, 4.0, NULL},
    {&gft_op_gelu_tanh, f_gelu_tanh, -4.0, 4.0, NULL},
    {&gft_op_erf, erf, -3.0, 3.0, NULL},
    {&gft_op_abs, fabs, -2.0, 2.0, NULL},
    {&gft_op_sin, sin, -4.0, 4.0, NULL},
    {&gft_op_cos, cos, -4.0, 4.0, NULL},
    {&gft_op_log1p, log1p, -0.5, 4.0, NULL},
    {&gft_op_expm1, expm1, -2.0, 2.0, NULL},
};
#define CASES (sizeof cases / sizeof cases[0])

static double (*current)(double);

static void reference(const op_check *c, const double *const *x, double *y) {
    for (int64_t i = 0; i < check_elems(&c->inputs[0]); i++)
        y[i] = current(x[0][i]);
}

static void run_shape(graft_shape shape, bool gradient) {
    for (size_t i = 0; i < CASES; i++) {
        op_check c = {.op = cases[i].op,
                      .attrs = cases[i].attrs,
                      .symbolic = 1,
                      .reference = reference,
                      .differentiable = gradient ? 1u : 0u};
        current = cases[i].f;
        check_input(&c, GRAFT_F32, shape, cases[i].low, cases[i].high);
        check_op(&c);
    }
}

static void test_small_with_gradient(void **state) {
    (void)state;
    run_shape(gft_shape_2(3, 13), true);
    run_shape(gft_shape_0(), true);
    run_shape(gft_shape_1(1), true);
}

static void test_empty(void **state) {
    (void)state;
    run_shape(gft_shape_2(0, 5), true);
}

static void test_several_tasks(void **state) {
    (void)state;
    run_shape(gft_shape_4(3, 31, 37, 11), false);
}

/* Steps have no gradient to compare, and halves round to the even neighbour. */
static void test_steps(void **state) {
    (void)state;
    const struct {
        const gft_op *op;
        double (*f)(double);
    } steps[] = {{&gft_op_sign, f_sign},
                 {&gft_op_floor, floor},
                 {&gft_op_ceil, ceil},
                 {&gft_op_round, rint}};
    for (size_t i = 0; i < 4; i++) {
        op_check c = {.op = steps[i].op, .symbolic = 1, .reference = reference};
        const float halves[] = {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 0.0f};
        current = steps[i].f;
        check_input(&c, GRAFT_F32, gft_shape_1(4007), -9.0, 9.0);
        memcpy(c.data[0], halves, sizeof halves);
        check_op(&c);
    }
}

static bool takes_integers(const gft_op *op) {
    return op == &gft_op_neg || op == &gft_op_square || op == &gft_op_abs;
}

static void test_integers(void **state) {
    (void)state;
    const gft_op *const ops[] = {&gft_op_neg, &gft_op_square, &gft_op_abs, &gft_op_sign,
                                 &gft_op_floor};
    const int64_t x[] = {-3, 0, 5, INT32_MIN};
    const int64_t want[5][4] = {{3, 0, -5, INT32_MIN},
                                {9, 0, 25, 0},
                                {3, 0, 5, INT32_MIN},
                                {-1, 0, 1, -1},
                                {-3, 0, 5, INT32_MIN}};
    for (int wide = 0; wide < 2; wide++) {
        for (size_t i = 0; i < 5; i++) {
            op_check c = {.op = ops[i]};
            check_input(&c, wide ? GRAFT_S64 : GRAFT_S32, gft_shape_1(4), 0.0, 1.0);
            for (int k = 0; k < 4; k++) {
                if (wide)
                    ((int64_t *)c.data[0])[k] = k == 3 ? INT64_MIN : x[k];
                else
                    ((int32_t *)c.data[0])[k] = (int32_t)x[k];
            }
            check_forward(&c, false);
            for (int k = 0; k < 4; k++) {
                const int64_t w =
                    wide && k == 3 && want[i][k] == INT32_MIN ? INT64_MIN : want[i][k];
                assert_true((wide ? ((int64_t *)c.results[0])[k] : ((int32_t *)c.results[0])[k]) ==
                            w);
            }
            check_free(&c);
        }
    }
}

static void clip_reference(const op_check *c, const double *const *x, double *y) {
    for (int64_t i = 0; i < check_elems(&c->inputs[0]); i++)
        y[i] = fmin(fmax(x[0][i], -1.0), 1.5);
}

static void test_clip(void **state) {
    (void)state;
    gft_clip_attrs attrs = {-1.0f, 1.5f};
    op_check c = {.op = &gft_op_clip,
                  .attrs = &attrs,
                  .symbolic = 1,
                  .reference = clip_reference,
                  .differentiable = 1};
    check_input(&c, GRAFT_F32, gft_shape_2(3, 13), -3.0, 3.0);
    check_op(&c);
    c.differentiable = 0;
    check_input(&c, GRAFT_F32, gft_shape_1(40001), -3.0, 3.0);
    check_op(&c);
    attrs = (gft_clip_attrs){-1.5f, INFINITY};
    op_check whole = {.op = &gft_op_clip, .attrs = &attrs};
    check_input(&whole, GRAFT_S32, gft_shape_1(5), -9.0, 9.0);
    check_forward(&whole, false);
    for (int k = 0; k < 5; k++)
        assert_true(((int32_t *)whole.results[0])[k] ==
                    (int32_t)fmax(((int32_t *)whole.data[0])[k], -1.0));
    check_free(&whole);
    attrs = (gft_clip_attrs){1.0f, -1.0f};
    op_check bad = {.op = &gft_op_clip, .attrs = &attrs};
    check_input(&bad, GRAFT_F32, gft_shape_1(2), 0.0, 1.0);
    check_refused(&bad, "clips to 1..-1");
}

static void test_refuses_integers(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        if (takes_integers(cases[i].op))
            continue;
        op_check c = {.op = cases[i].op, .attrs = cases[i].attrs};
        check_input(&c, GRAFT_S32, gft_shape_1(3), 0.0, 5.0);
        check_refused(&c, "int32");
    }
}

/* Activations can be epilogues: each gives a kernel, which agrees with the op. */
static void test_epilogue_kernel(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        float x[19];
        float y[19];
        assert_int_equal(cases[i].op->kind, GFT_KIND_UNARY);
        assert_non_null(cases[i].op->unary);
        for (int k = 0; k < 19; k++)
            x[k] = (float)(cases[i].low + (cases[i].high - cases[i].low) * k / 18.0);
        cases[i].op->unary()(x, y, 19, 0.2f);
        for (int k = 0; k < 19; k++)
            assert_true(fabs((double)y[k] - cases[i].f((double)x[k])) <=
                        1e-5 * (1.0 + fabs(cases[i].f((double)x[k]))));
    }
}

/*
 * The derivative at the corner of relu and relu6 is 0, of leaky_relu the slope; NaN goes through.
 */
static void test_corners(void **state) {
    (void)state;
    const float special[] = {0.0f, 6.0f, NAN, INFINITY, -INFINITY};
    float y[5];
    gft_op_relu.unary()(special, y, 5, 0.0f);
    assert_true(y[0] == 0.0f && y[1] == 6.0f && isnan(y[2]) && isinf(y[3]) && y[4] == 0.0f);
    gft_op_relu6.unary()(special, y, 5, 0.0f);
    assert_true(y[0] == 0.0f && y[1] == 6.0f && isnan(y[2]) && y[3] == 6.0f && y[4] == 0.0f);
    gft_op_hard_swish.unary()(special, y, 5, 0.0f);
    assert_true(y[0] == 0.0f && isnan(y[2]) && isinf(y[3]));
    gft_op_tanh.unary()(special, y, 5, 0.0f);
    assert_true(y[0] == 0.0f && isnan(y[2]) && y[3] == 1.0f && y[4] == -1.0f);
    gft_op_sigmoid.unary()(special, y, 5, 0.0f);
    assert_true(y[0] == 0.5f && isnan(y[2]) && y[3] == 1.0f && y[4] == 0.0f);
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_small_with_gradient),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_several_tasks),
        cmocka_unit_test(test_refuses_integers),
        cmocka_unit_test(test_epilogue_kernel),
        cmocka_unit_test(test_corners),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_clip),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
