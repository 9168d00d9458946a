/*
 * Element-wise ops of two inputs: every way of broadcasting, float and integer values, gradients,
 * shape errors.
 */
#include "unit/ops/op_check.h"

static double f_add(double a, double b) {
    return a + b;
}
static double f_sub(double a, double b) {
    return a - b;
}
static double f_mul(double a, double b) {
    return a * b;
}
static double f_div(double a, double b) {
    return a / b;
}

static const struct binary_case {
    const gft_op *op;
    double (*f)(double, double);
} cases[] = {
    {&gft_op_add, f_add}, {&gft_op_sub, f_sub},    {&gft_op_mul, f_mul},
    {&gft_op_div, f_div}, {&gft_op_maximum, fmax}, {&gft_op_minimum, fmin},
};
#define CASES (sizeof cases / sizeof cases[0])

static double (*current)(double, double);

/* Offset of output element `i` in an operand. */
static int64_t operand_at(const graft_shape *operand, const graft_shape *result, int64_t i) {
    int64_t strides[GRAFT_MAX_RANK];
    int64_t at = 0;
    gft_shape_strides(operand, strides);
    for (int32_t d = result->rank - 1; d >= 0; d--) {
        int64_t index = i % result->dims[d];
        int32_t k = d - (result->rank - operand->rank);
        i /= result->dims[d];
        if (k >= 0 && operand->dims[k] != 1)
            at += index * strides[k];
    }
    return at;
}

static void reference(const op_check *c, const double *const *x, double *y) {
    const graft_shape *result = &c->outputs[0].shape;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++)
        y[i] = current(x[0][operand_at(&c->inputs[0].shape, result, i)],
                       x[1][operand_at(&c->inputs[1].shape, result, i)]);
}

static void run_pair(graft_shape a, graft_shape b, uint32_t symbolic, bool gradient) {
    for (size_t i = 0; i < CASES; i++) {
        op_check c = {.op = cases[i].op,
                      .symbolic = symbolic,
                      .reference = reference,
                      .differentiable = gradient ? 3u : 0u};
        current = cases[i].f;
        check_input(&c, GRAFT_F32, a, -2.0, 2.0);
        check_input(&c, GRAFT_F32, b, 0.5, 2.0);
        check_op(&c);
    }
}

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

static void test_broadcasting(void **state) {
    (void)state;
    run_pair(S(3, 5), S(3, 5), 1, true);
    run_pair(S(3, 5), gft_shape_0(), 0, true);
    run_pair(gft_shape_0(), S(3, 5), 0, true);
    run_pair(S(3, 5), S(5), 0, true);
    run_pair(S(5), S(3, 5), 0, true);
    run_pair(S(2, 1, 1, 3), S(2, 4, 5, 3), 1, true); /* squeeze-excite */
    run_pair(S(2, 4, 5, 3), S(2, 1, 1, 3), 1, true);
    run_pair(S(2, 4, 5, 1), S(2, 4, 5, 3), 1, true);
    run_pair(S(4, 1), S(1, 5), 0, true);
    run_pair(S(2, 1, 3, 1, 2, 1), S(1, 4, 1, 2, 1, 3), 0, true);
    run_pair(S(1, 2, 1, 2, 1, 2, 1, 2), S(2, 1, 2, 1, 2, 1, 2, 1), 0, true);
    run_pair(S(1, 1, 1), S(1), 0, true);
}

/* Rows of a few channels: more than a block of them, and more than go side by side. */
static void test_short_rows(void **state) {
    (void)state;
    run_pair(S(2, 97, 61, 3), S(3), 0, false);
    run_pair(S(3), S(700, 3), 0, false);
    run_pair(S(1, 1, 1, 4), S(1, 21, 13, 4), 0, false);
    run_pair(S(17, 64), S(64), 0, false);
    run_pair(S(2, 65), S(65), 0, false);
    run_pair(S(0, 3), S(3), 0, false);
}

static void test_unknown_dimensions(void **state) {
    (void)state;
    run_pair(S(3, 4, 5), S(3, 4, 5), 7, true);
    run_pair(S(2, 3, 4), S(2, 3, 4), 3, true);
}

static void test_empty(void **state) {
    (void)state;
    run_pair(S(0, 5), S(0, 5), 1, true);
    run_pair(S(0, 5), S(5), 0, true);
    run_pair(S(3, 0), S(3, 1), 0, true);
}

static void test_several_tasks(void **state) {
    (void)state;
    run_pair(S(70001), S(70001), 1, false);
    run_pair(S(40000), gft_shape_0(), 0, false);
    run_pair(S(1311, 37), S(37), 0, false);
    run_pair(S(3, 1, 1, 33), S(3, 27, 29, 33), 1, false);
    run_pair(S(3, 20000), S(3, 1), 0, false);
}

/* Sums over the broadcast dimensions that need several tasks. */
static void test_large_bias_gradient(void **state) {
    (void)state;
    current = f_add;
    op_check c = {
        .op = &gft_op_bias_add, .symbolic = 1, .reference = reference, .differentiable = 2};
    check_input(&c, GRAFT_F32, S(40, 9, 11, 5), -2.0, 2.0);
    check_input(&c, GRAFT_F32, S(5), 0.5, 2.0);
    check_op(&c);
}

static void test_bias_add(void **state) {
    (void)state;
    current = f_add;
    op_check c = {
        .op = &gft_op_bias_add, .symbolic = 1, .reference = reference, .differentiable = 3};
    check_input(&c, GRAFT_F32, S(2, 3, 7), -2.0, 2.0);
    check_input(&c, GRAFT_F32, S(7), 0.5, 2.0);
    check_op(&c);
    c = (op_check){.op = &gft_op_bias_add};
    check_input(&c, GRAFT_F32, S(2, 3, 7), -2.0, 2.0);
    check_input(&c, GRAFT_F32, S(3), 0.5, 2.0);
    check_refused(&c, "[2,3,7]");
}

#define INTEGER_TEST(name, number, type)                                                           \
    static void name(void **state) {                                                               \
        (void)state;                                                                               \
        const type a[] = {7, -7, 5, (type)((uint64_t)1 << (8 * sizeof(type) - 1)), 3, 0};          \
        const type b[] = {2, 2, -3, -1, 0, 4};                                                     \
        const type quotient[] = {3, -3, -1, a[3], 0, 0};                                           \
        for (size_t i = 0; i < CASES; i++) {                                                       \
            op_check c = {.op = cases[i].op};                                                      \
            check_input(&c, number, S(6), 0.0, 1.0);                                               \
            check_input(&c, number, S(6), 0.0, 1.0);                                               \
            memcpy(c.data[0], a, sizeof a);                                                        \
            memcpy(c.data[1], b, sizeof b);                                                        \
            check_forward(&c, false);                                                              \
            assert_int_equal(c.outputs[0].dtype, number);                                          \
            for (int k = 0; k < 6; k++) {                                                          \
                type got = ((const type *)c.results[0])[k];                                        \
                if (cases[i].op == &gft_op_div)                                                    \
                    assert_true(got == quotient[k]);                                               \
                else if (k != 3)                                                                   \
                    assert_true((double)got == cases[i].f((double)a[k], (double)b[k]));            \
            }                                                                                      \
            check_free(&c);                                                                        \
        }                                                                                          \
    }

INTEGER_TEST(test_int32, GRAFT_S32, int32_t)
INTEGER_TEST(test_int64, GRAFT_S64, int64_t)

static void test_errors(void **state) {
    (void)state;
    op_check c = {.op = &gft_op_add};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(4), 0.0, 1.0);
    check_refused(&c, "[2,3] and [4]");
    c = (op_check){.op = &gft_op_mul};
    check_input(&c, GRAFT_F32, S(2), 0.0, 1.0);
    check_input(&c, GRAFT_S32, S(2), 0.0, 1.0);
    check_refused(&c, "int32");
    c = (op_check){.op = &gft_op_sub};
    check_input(&c, GRAFT_U8, S(2), 0.0, 1.0);
    check_input(&c, GRAFT_U8, S(2), 0.0, 1.0);
    check_refused(&c, "uint8");
}

static void test_nan(void **state) {
    (void)state;
    const float a[] = {NAN, 1.0f, NAN, 2.0f};
    const float b[] = {1.0f, NAN, NAN, 1.0f};
    for (size_t i = 0; i < CASES; i++) {
        op_check c = {.op = cases[i].op};
        check_input(&c, GRAFT_F32, S(4), 0.0, 1.0);
        check_input(&c, GRAFT_F32, S(4), 0.0, 1.0);
        memcpy(c.data[0], a, sizeof a);
        memcpy(c.data[1], b, sizeof b);
        check_forward(&c, false);
        const float *y = c.results[0];
        assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]) && !isnan(y[3]));
        check_free(&c);
    }
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_broadcasting),
        cmocka_unit_test(test_short_rows),
        cmocka_unit_test(test_unknown_dimensions),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_several_tasks),
        cmocka_unit_test(test_large_bias_gradient),
        cmocka_unit_test(test_bias_add),
        cmocka_unit_test(test_int32),
        cmocka_unit_test(test_int64),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
