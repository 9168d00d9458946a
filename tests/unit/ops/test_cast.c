/*
 * cast between every pair of types: values in range, wrapping integers, floats beyond an integer's
 * range, NaN; gradients.
 */
#include "base/float16.h"
#include "unit/ops/op_check.h"

static const graft_dtype dtypes[] = {GRAFT_F32, GRAFT_F64, GRAFT_F16, GRAFT_BF16, GRAFT_S64,
                                     GRAFT_S32, GRAFT_S16, GRAFT_S8,  GRAFT_U8,   GRAFT_BOOL};
#define TYPES (sizeof dtypes / sizeof dtypes[0])

static void put(void *p, graft_dtype dtype, int64_t i, double v) {
    switch (dtype) {
    case GRAFT_F32:
        ((float *)p)[i] = (float)v;
        break;
    case GRAFT_F64:
        ((double *)p)[i] = v;
        break;
    case GRAFT_F16:
        ((uint16_t *)p)[i] = gft_f16_from_f32((float)v);
        break;
    case GRAFT_BF16:
        ((uint16_t *)p)[i] = gft_bf16_from_f32((float)v);
        break;
    case GRAFT_S64:
        ((int64_t *)p)[i] = (int64_t)v;
        break;
    case GRAFT_S32:
        ((int32_t *)p)[i] = (int32_t)v;
        break;
    case GRAFT_S16:
        ((int16_t *)p)[i] = (int16_t)v;
        break;
    case GRAFT_S8:
        ((int8_t *)p)[i] = (int8_t)v;
        break;
    case GRAFT_U8:
        ((uint8_t *)p)[i] = (uint8_t)v;
        break;
    default:
        ((uint8_t *)p)[i] = v != 0.0;
        break;
    }
}

static double get(const void *p, graft_dtype dtype, int64_t i) {
    switch (dtype) {
    case GRAFT_F32:
        return (double)((const float *)p)[i];
    case GRAFT_F64:
        return ((const double *)p)[i];
    case GRAFT_F16:
        return (double)gft_f32_from_f16(((const uint16_t *)p)[i]);
    case GRAFT_BF16:
        return (double)gft_f32_from_bf16(((const uint16_t *)p)[i]);
    case GRAFT_S64:
        return (double)((const int64_t *)p)[i];
    case GRAFT_S32:
        return ((const int32_t *)p)[i];
    case GRAFT_S16:
        return ((const int16_t *)p)[i];
    case GRAFT_S8:
        return ((const int8_t *)p)[i];
    case GRAFT_U8:
        return ((const uint8_t *)p)[i];
    default:
        return ((const uint8_t *)p)[i];
    }
}

static void convert(graft_dtype from, graft_dtype to, int64_t n, const double *values,
                    double *results) {
    const gft_cast_attrs attrs = {.dtype = to};
    op_check c = {.op = &gft_op_cast, .attrs = &attrs};
    check_input(&c, from, gft_shape_1(n), 0.0, 1.0);
    for (int64_t i = 0; i < n; i++)
        put(c.data[0], from, i, values[i]);
    check_forward(&c, false);
    assert_int_equal(c.outputs[0].dtype, to);
    for (int64_t i = 0; i < n; i++)
        results[i] = get(c.results[0], to, i);
    check_free(&c);
}

/* Values that every type but bool can hold. */
static void test_every_pair(void **state) {
    (void)state;
    double values[300];
    double results[300];
    for (int i = 0; i < 300; i++)
        values[i] = i % 101;
    for (size_t a = 0; a < TYPES; a++) {
        for (size_t b = 0; b < TYPES; b++) {
            convert(dtypes[a], dtypes[b], 300, values, results);
            for (int i = 0; i < 300; i++) {
                bool truth = dtypes[a] == GRAFT_BOOL || dtypes[b] == GRAFT_BOOL;
                double want = truth ? values[i] != 0.0 : values[i];
                if (results[i] != want)
                    fail_msg("%s to %s: %g, expected %g", graft_dtype_name(dtypes[a]),
                             graft_dtype_name(dtypes[b]), results[i], want);
            }
        }
    }
}

static void test_edges(void **state) {
    (void)state;
    double got[6];
    convert(GRAFT_F32, GRAFT_S32, 6, (double[]){NAN, 1e20, -1e20, -1.9, 1.9, INFINITY}, got);
    assert_true(got[0] == 0.0 && got[1] == 2147483647.0 && got[2] == -2147483648.0 &&
                got[3] == -1.0 && got[4] == 1.0 && got[5] == 2147483647.0);
    convert(GRAFT_F32, GRAFT_U8, 4, (double[]){-3.0, 300.0, 254.7, NAN}, got);
    assert_true(got[0] == 0.0 && got[1] == 255.0 && got[2] == 254.0 && got[3] == 0.0);
    convert(GRAFT_F64, GRAFT_S64, 3, (double[]){0x1p63, -0x1p63, 0x1p62}, got);
    assert_true(got[0] == 0x1p63 && got[1] == -0x1p63 && got[2] == 0x1p62);
    convert(GRAFT_S32, GRAFT_S8, 3, (double[]){200.0, -129.0, 256.0}, got);
    assert_true(got[0] == -56.0 && got[1] == 127.0 && got[2] == 0.0);
    convert(GRAFT_S32, GRAFT_U8, 2, (double[]){-1.0, 257.0}, got);
    assert_true(got[0] == 255.0 && got[1] == 1.0);
    convert(GRAFT_F32, GRAFT_BOOL, 3, (double[]){0.0, -0.25, NAN}, got);
    assert_true(got[0] == 0.0 && got[1] == 1.0 && got[2] == 1.0);
    convert(GRAFT_F32, GRAFT_F16, 3, (double[]){1e6, NAN, 1.0009765625}, got);
    assert_true(isinf(got[0]) && isnan(got[1]) && got[2] == 1.0009765625);
    convert(GRAFT_S64, GRAFT_F32, 1, (double[]){16777217.0}, got);
    assert_true(got[0] == 16777216.0);
}

static void reference(const op_check *c, const double *const *x, double *y) {
    memcpy(y, x[0], (size_t)check_elems(&c->outputs[0]) * sizeof *y);
}

/* float32 to itself is the identity, in values and gradient; several tasks. */
static void test_gradient(void **state) {
    (void)state;
    const gft_cast_attrs attrs = {.dtype = GRAFT_F32};
    op_check c = {.op = &gft_op_cast,
                  .attrs = &attrs,
                  .symbolic = 1,
                  .reference = reference,
                  .differentiable = 1};
    check_input(&c, GRAFT_F32, gft_shape_2(3, 5), -1.0, 1.0);
    check_op(&c);
    c = (op_check){.op = &gft_op_cast, .attrs = &attrs, .symbolic = 1, .reference = reference};
    check_input(&c, GRAFT_S32, gft_shape_2(3, 7001), -1000.0, 1000.0);
    check_op(&c);
    check_input(&c, GRAFT_S32, gft_shape_2(0, 5), -1.0, 1.0);
    check_op(&c);
}

static void test_refuses_strings(void **state) {
    (void)state;
    const gft_cast_attrs attrs = {.dtype = GRAFT_STRING};
    op_check c = {.op = &gft_op_cast, .attrs = &attrs};
    check_input(&c, GRAFT_F32, gft_shape_1(2), 0.0, 1.0);
    check_refused(&c, "float32 to string");
}

int main(void) {
    const struct CMUnitTest list[] = {cmocka_unit_test(test_every_pair),
                                      cmocka_unit_test(test_edges), cmocka_unit_test(test_gradient),
                                      cmocka_unit_test(test_refuses_strings)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
