/*
 * Element-wise ops of one input: values and gradients against the C library in double, over all of them.
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

static void test_refuses_integers(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
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

/* The derivative at the corner of relu and relu6 is 0, of leaky_relu the slope; NaN goes through. */
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
        cmocka_unit_test(test_small_with_gradient), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_several_tasks),       cmocka_unit_test(test_refuses_integers),
        cmocka_unit_test(test_epilogue_kernel),     cmocka_unit_test(test_corners),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
