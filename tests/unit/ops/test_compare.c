/*
 * pow, floor_div, floor_mod, prelu, the comparisons, the logical ops and select: values with
 * broadcasting for each element type, gradients, errors.
 */
#include "unit/ops/op_check.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

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

static double (*current)(double, double);

static double f_floor_div(double a, double b) {
    return floor(a / b);
}
static double f_floor_mod(double a, double b) {
    return a - b * floor(a / b);
}
static double f_prelu(double a, double b) {
    return a > 0.0 ? a : a * b;
}
static double f_equal(double a, double b) {
    return a == b;
}
static double f_not_equal(double a, double b) {
    return a != b;
}
static double f_less(double a, double b) {
    return a < b;
}
static double f_less_equal(double a, double b) {
    return a <= b;
}
static double f_greater(double a, double b) {
    return a > b;
}
static double f_greater_equal(double a, double b) {
    return a >= b;
}

static void reference(const op_check *c, const double *const *x, double *y) {
    const graft_shape *result = &c->outputs[0].shape;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++)
        y[i] = current(x[0][operand_at(&c->inputs[0].shape, result, i)],
                       x[1][operand_at(&c->inputs[1].shape, result, i)]);
}

static void run_float(const gft_op *op, double (*f)(double, double), double low, graft_shape a,
                      graft_shape b, uint32_t differentiable) {
    op_check c = {.op = op,
                  .symbolic = gft_shape_equal(&a, &b),
                  .reference = reference,
                  .differentiable = differentiable};
    current = f;
    check_input(&c, GRAFT_F32, a, low, 4.0);
    check_input(&c, GRAFT_F32, b, 0.5, 2.5);
    check_op(&c);
}

static void test_float(void **state) {
    (void)state;
    run_float(&gft_op_pow, pow, 0.3, S(3, 5), S(3, 5), 3);
    run_float(&gft_op_pow, pow, 0.3, S(2, 3, 5), gft_shape_0(), 3);
    run_float(&gft_op_pow, pow, 0.3, S(5), S(3, 1), 3);
    run_float(&gft_op_floor_div, f_floor_div, -4.0, S(3, 5), S(5), 0);
    run_float(&gft_op_floor_mod, f_floor_mod, -4.0, S(3, 5), S(3, 5), 3);
    run_float(&gft_op_floor_mod, f_floor_mod, -4.0, S(3, 20001), S(3, 1), 0);
    run_float(&gft_op_prelu, f_prelu, -4.0, S(2, 3, 4, 5), S(5), 3);
    run_float(&gft_op_prelu, f_prelu, -4.0, S(2, 3, 4, 5), S(1, 4, 5), 3);
    run_float(&gft_op_prelu, f_prelu, -4.0, S(2, 5), S(2, 5), 3);
    op_check c = {.op = &gft_op_prelu};
    check_input(&c, GRAFT_F32, S(5), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(2, 5), 0.0, 1.0);
    check_refused(&c, "[2,5]");
}

static void test_integer_arithmetic(void **state) {
    (void)state;
    const int32_t a[] = {7, -7, 7, -7, 5, INT32_MIN, 2, -1};
    const int32_t b[] = {2, 2, -2, -2, 0, -1, 10, -3};
    const struct {
        const gft_op *op;
        int32_t want[8];
    } cases[] = {{&gft_op_floor_div, {3, -4, -4, 3, 0, INT32_MIN, 0, 0}},
                 {&gft_op_floor_mod, {1, 1, -1, -1, 5, 0, 2, -1}},
                 {&gft_op_pow, {49, 49, 0, 0, 1, 0, 1024, -1}}};
    for (size_t i = 0; i < 3; i++) {
        for (int wide = 0; wide < 2; wide++) {
            op_check c = {.op = cases[i].op};
            const graft_dtype dtype = wide ? GRAFT_S64 : GRAFT_S32;
            check_input(&c, dtype, S(8), 0.0, 1.0);
            check_input(&c, dtype, S(8), 0.0, 1.0);
            for (int k = 0; k < 8; k++) {
                if (wide) {
                    ((int64_t *)c.data[0])[k] = k == 5 ? INT64_MIN : a[k];
                    ((int64_t *)c.data[1])[k] = b[k];
                } else {
                    ((int32_t *)c.data[0])[k] = a[k];
                    ((int32_t *)c.data[1])[k] = b[k];
                }
            }
            check_forward(&c, false);
            for (int k = 0; k < 8; k++) {
                const int64_t got =
                    wide ? ((int64_t *)c.results[0])[k] : ((int32_t *)c.results[0])[k];
                const int64_t want =
                    wide && cases[i].want[k] == INT32_MIN ? INT64_MIN : cases[i].want[k];
                if (got != want)
                    fail_msg("%s, %d: %lld, expected %lld", c.op->name, k, (long long)got,
                             (long long)want);
            }
            check_free(&c);
        }
    }
}

static const struct compare_case {
    const gft_op *op;
    double (*f)(double, double);
} compares[] = {{&gft_op_equal, f_equal},     {&gft_op_not_equal, f_not_equal},
                {&gft_op_less, f_less},       {&gft_op_less_equal, f_less_equal},
                {&gft_op_greater, f_greater}, {&gft_op_greater_equal, f_greater_equal}};

static void run_compare(const struct compare_case *which, graft_dtype dtype, graft_shape a,
                        graft_shape b) {
    op_check c = {.op = which->op};
    check_input(&c, dtype, a, 0.0, 4.0);
    check_input(&c, dtype, b, 0.0, 4.0);
    const bool byte = graft_dtype_bytes(dtype) == 1;
    for (int i = 0; i < 2; i++) {
        for (int64_t k = 0; k < check_elems(&c.inputs[i]); k++) {
            if (dtype == GRAFT_F32)
                ((float *)c.data[i])[k] = floorf(((float *)c.data[i])[k]);
            else if (byte)
                ((uint8_t *)c.data[i])[k] &= dtype == GRAFT_BOOL ? 1 : 3;
        }
    }
    check_forward(&c, false);
    assert_int_equal(c.outputs[0].dtype, GRAFT_BOOL);
    double *x[2];
    for (int i = 0; i < 2; i++) {
        x[i] = check_as_double(&c, i);
        for (int64_t k = 0; byte && k < check_elems(&c.inputs[i]); k++)
            x[i][k] = ((uint8_t *)c.data[i])[k];
    }
    for (int64_t k = 0; k < check_elems(&c.outputs[0]); k++) {
        const double p = x[0][operand_at(&a, &c.outputs[0].shape, k)];
        const double q = x[1][operand_at(&b, &c.outputs[0].shape, k)];
        assert_int_equal(((uint8_t *)c.results[0])[k], which->f(p, q) != 0.0);
    }
    gft_free(x[0]);
    gft_free(x[1]);
    check_free(&c);
}

static void test_compare(void **state) {
    (void)state;
    const graft_dtype dtypes[] = {GRAFT_F32, GRAFT_S32, GRAFT_S64, GRAFT_U8, GRAFT_S8, GRAFT_BOOL};
    for (size_t i = 0; i < 6; i++) {
        for (size_t t = 0; t < 6; t++) {
            run_compare(&compares[i], dtypes[t], S(4, 7), S(4, 7));
            run_compare(&compares[i], dtypes[t], S(4, 1), S(7));
            run_compare(&compares[i], dtypes[t], S(3, 20001), gft_shape_0());
            run_compare(&compares[i], dtypes[t], S(0, 3), S(3));
        }
    }
    op_check c = {.op = &gft_op_less};
    check_input(&c, GRAFT_F16, S(3), 0.0, 1.0);
    check_input(&c, GRAFT_F16, S(3), 0.0, 1.0);
    check_refused(&c, "float16");
}

static void test_logical(void **state) {
    (void)state;
    const uint8_t a[] = {0, 0, 1, 1};
    const uint8_t b[] = {0, 1, 0, 1};
    const struct {
        const gft_op *op;
        uint8_t want[4];
    } cases[] = {{&gft_op_logical_and, {0, 0, 0, 1}},
                 {&gft_op_logical_or, {0, 1, 1, 1}},
                 {&gft_op_logical_not, {1, 1, 0, 0}}};
    for (size_t i = 0; i < 3; i++) {
        op_check c = {.op = cases[i].op};
        for (int32_t k = 0; k < cases[i].op->min_inputs; k++) {
            check_input(&c, GRAFT_BOOL, S(4), 0.0, 1.0);
            memcpy(c.data[k], k == 0 ? a : b, 4);
        }
        check_forward(&c, false);
        assert_memory_equal(c.results[0], cases[i].want, 4);
        check_free(&c);
        check_input(&c, GRAFT_F32, S(4), 0.0, 1.0);
        if (cases[i].op->min_inputs == 2)
            check_input(&c, GRAFT_F32, S(4), 0.0, 1.0);
        check_refused(&c, "expected bool");
    }
}

static uint8_t *condition;

static void select_reference(const op_check *c, const double *const *x, double *y) {
    const graft_shape *result = &c->outputs[0].shape;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        const int k = condition[operand_at(&c->inputs[0].shape, result, i)] ? 1 : 2;
        y[i] = x[k][operand_at(&c->inputs[k].shape, result, i)];
    }
}

static void run_select(graft_dtype dtype, graft_shape shape, graft_shape a, graft_shape b,
                       uint32_t symbolic) {
    op_check c = {.op = &gft_op_select,
                  .symbolic = symbolic,
                  .reference = dtype == GRAFT_F32 ? select_reference : NULL,
                  .differentiable = dtype == GRAFT_F32 && gft_shape_elems(&a) < 100 ? 6u : 0u};
    check_input(&c, GRAFT_BOOL, shape, 0.0, 2.0);
    check_input(&c, dtype, a, -9.0, 9.0);
    check_input(&c, dtype, b, -9.0, 9.0);
    condition = c.data[0];
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++)
        condition[i] = i % 3 == 1;
    if (dtype == GRAFT_F32) {
        check_op(&c);
        return;
    }
    check_forward(&c, false);
    const size_t bytes = graft_dtype_bytes(dtype);
    for (int64_t i = 0; i < check_elems(&c.outputs[0]); i++) {
        const graft_shape *y = &c.outputs[0].shape;
        const int k = condition[operand_at(&shape, y, i)] ? 1 : 2;
        const char *from =
            (const char *)c.data[k] + (size_t)operand_at(&c.inputs[k].shape, y, i) * bytes;
        assert_memory_equal((const char *)c.results[0] + (size_t)i * bytes, from, bytes);
    }
    check_free(&c);
}

static void test_select(void **state) {
    (void)state;
    run_select(GRAFT_F32, S(3, 5), S(3, 5), S(3, 5), 1);
    run_select(GRAFT_F32, S(3, 1), S(3, 5), gft_shape_0(), 0);
    run_select(GRAFT_F32, S(2, 3, 4), S(4), S(3, 1), 0);
    run_select(GRAFT_F32, S(1), S(40000), S(1), 0);
    run_select(GRAFT_F32, gft_shape_0(), gft_shape_0(), gft_shape_0(), 0);
    run_select(GRAFT_F32, S(0, 2), S(2), S(2), 0);
    run_select(GRAFT_U8, S(3, 5), S(5), S(3, 1), 0);
    run_select(GRAFT_F16, S(3, 5), S(5), S(3, 1), 0);
    run_select(GRAFT_S32, S(3, 5), S(5), S(3, 1), 0);
    run_select(GRAFT_F64, S(3, 5), S(5), S(3, 1), 0);
    op_check c = {.op = &gft_op_select};
    check_input(&c, GRAFT_BOOL, S(3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(2), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(1), 0.0, 1.0);
    check_refused(&c, "[3], [2] and [1]");
}

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_float), cmocka_unit_test(test_integer_arithmetic),
        cmocka_unit_test(test_compare), cmocka_unit_test(test_logical),
        cmocka_unit_test(test_select)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
