/*
 * quantize and dequantize: every integer type, one scale or one per channel of any axis, rounding
 * to even, saturation, float16, errors; constants behind a dequantize are computed while a plan is
 * made.
 */
#include "base/float16.h"
#include "unit/ops/op_check.h"

static void low_high(graft_dtype dtype, double *low, double *high) {
    *low = dtype == GRAFT_U8    ? 0.0
           : dtype == GRAFT_S8  ? -128.0
           : dtype == GRAFT_S16 ? -32768.0
                                : -0x1p31;
    *high = dtype == GRAFT_U8    ? 255.0
            : dtype == GRAFT_S8  ? 127.0
            : dtype == GRAFT_S16 ? 32767.0
                                 : 0x1p31 - 1.0;
}

static double as_double(const void *p, graft_dtype dtype, int64_t i) {
    return dtype == GRAFT_U8    ? (double)((const uint8_t *)p)[i]
           : dtype == GRAFT_S8  ? (double)((const int8_t *)p)[i]
           : dtype == GRAFT_S16 ? (double)((const int16_t *)p)[i]
                                : (double)((const int32_t *)p)[i];
}

static int64_t channel_of(const graft_shape *shape, int32_t axis, int64_t count, int64_t i) {
    int64_t inner = 1;
    for (int32_t d = axis + 1; d < shape->rank; d++)
        inner *= shape->dims[d];
    return count == 1 ? 0 : i / inner % count;
}

static void run_pair(graft_dtype dtype, graft_shape shape, int32_t axis, int64_t count,
                     uint32_t symbolic) {
    const gft_quantize_attrs attrs = {.dtype = dtype, .axis = axis - shape.rank};
    op_check c = {.op = &gft_op_quantize, .attrs = &attrs, .symbolic = symbolic};
    double low;
    double high;
    low_high(dtype, &low, &high);
    check_input(&c, GRAFT_F32, shape, -40.0, 40.0);
    check_input(&c, GRAFT_F32, gft_shape_1(count), 0.01, 0.2);
    check_input(&c, GRAFT_S32, gft_shape_1(count), dtype == GRAFT_U8 ? 0.0 : -20.0, 20.0);
    check_forward(&c, symbolic != 0);
    op_check back = {.op = &gft_op_dequantize, .attrs = &attrs, .symbolic = symbolic};
    back.inputs[0] = c.outputs[0];
    back.data[0] = c.results[0];
    c.results[0] = NULL;
    for (int i = 1; i < 3; i++) {
        back.inputs[i] = c.inputs[i];
        back.data[i] = c.data[i];
        c.data[i] = NULL;
    }
    back.count = 3;
    check_forward(&back, symbolic != 0);
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++) {
        const int64_t k = channel_of(&shape, axis, count, i);
        const float scale = ((const float *)back.data[1])[k];
        const double zero = ((const int32_t *)back.data[2])[k];
        const double q = rint((double)(((const float *)c.data[0])[i] * (1.0f / scale))) + zero;
        const double want = q < low ? low : q > high ? high : q;
        const double got = as_double(back.data[0], dtype, i);
        if (got != want || ((const float *)back.results[0])[i] != scale * (float)(want - zero))
            fail_msg("%s, element %d: %g, expected %g", graft_dtype_name(dtype), (int)i, got, want);
    }
    check_free(&c);
    check_free(&back);
}

static void test_pairs(void **state) {
    (void)state;
    static const graft_dtype dtypes[] = {GRAFT_U8, GRAFT_S8, GRAFT_S16, GRAFT_S32};
    for (size_t t = 0; t < 4; t++) {
        run_pair(dtypes[t], gft_shape_4(2, 3, 5, 7), 0, 1, 1);
        run_pair(dtypes[t], gft_shape_4(2, 3, 5, 7), 3, 7, 1);
        run_pair(dtypes[t], gft_shape_4(4, 3, 5, 7), 0, 4, 2);
        run_pair(dtypes[t], gft_shape_4(2, 3, 5, 7), 2, 5, 1);
        run_pair(dtypes[t], gft_shape_2(1001, 33), 1, 33, 1);
        run_pair(dtypes[t], gft_shape_2(3, 20001), 0, 3, 0);
        run_pair(dtypes[t], gft_shape_2(0, 3), 1, 3, 1);
        run_pair(dtypes[t], gft_shape_0(), 0, 1, 0);
    }
}

static void test_edges(void **state) {
    (void)state;
    const gft_quantize_attrs attrs = {.dtype = GRAFT_S8};
    op_check c = {.op = &gft_op_quantize, .attrs = &attrs};
    const float x[] = {0.5f, 1.5f, 2.5f, -0.5f, 1e30f, -INFINITY, NAN, 126.4f};
    const int8_t want[] = {1, 3, 3, 1, 127, -128, -128, 127};
    check_input(&c, GRAFT_F32, gft_shape_1(8), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_1(1), 1.0, 1.0);
    check_input(&c, GRAFT_S32, gft_shape_1(1), 1.0, 1.0);
    memcpy(c.data[0], x, sizeof x);
    check_forward(&c, false);
    assert_memory_equal(c.results[0], want, sizeof want);
    check_free(&c);
    const gft_quantize_attrs wide = {.dtype = GRAFT_S32};
    c = (op_check){.op = &gft_op_quantize, .attrs = &wide};
    check_input(&c, GRAFT_F32, gft_shape_1(2), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_0(), 1.0, 1.0);
    check_input(&c, GRAFT_S32, gft_shape_0(), 0.0, 0.0);
    ((float *)c.data[0])[0] = 3e9f;
    ((float *)c.data[0])[1] = -3e9f;
    check_forward(&c, false);
    assert_int_equal(((int32_t *)c.results[0])[0], INT32_MAX);
    assert_int_equal(((int32_t *)c.results[0])[1], INT32_MIN);
    check_free(&c);
}

static void test_float16(void **state) {
    (void)state;
    const gft_quantize_attrs attrs = {.dtype = GRAFT_F16};
    op_check c = {.op = &gft_op_dequantize, .attrs = &attrs, .symbolic = 1};
    check_input(&c, GRAFT_F16, gft_shape_2(3, 7001), 0.0, 1.0);
    for (int i = 0; i < 3 * 7001; i++)
        ((uint16_t *)c.data[0])[i] = gft_f16_from_f32((float)i / 16.0f);
    check_forward(&c, true);
    for (int i = 0; i < 3 * 7001; i++)
        assert_true(((float *)c.results[0])[i] ==
                    gft_f32_from_f16(gft_f16_from_f32((float)i / 16.0f)));
    check_free(&c);
}

/* The plan of a constant behind dequantize has no step. */
static void test_folded(void **state) {
    (void)state;
    graft_error err = {0};
    gft_graph *graph;
    gft_plan *plan;
    gft_value_id ids[3];
    gft_value_id out;
    const int8_t q[6] = {-3, -2, -1, 0, 1, 2};
    const float scales[2] = {0.5f, 2.0f};
    const int32_t zeros[2] = {0, 1};
    const graft_tensor_desc descs[3] = {{GRAFT_S8, gft_shape_2(3, 2), NULL},
                                        {GRAFT_F32, gft_shape_1(2), NULL},
                                        {GRAFT_S32, gft_shape_1(2), NULL}};
    const void *const data[3] = {q, scales, zeros};
    const gft_quantize_attrs attrs = {.dtype = GRAFT_S8, .axis = 1};
    ASSERT_OK(gft_graph_new(NULL, &graph, &err));
    for (int i = 0; i < 3; i++)
        ASSERT_OK(gft_graph_const(graph, "constant", &descs[i], data[i], true, &ids[i], &err));
    ASSERT_OK(gft_graph_add(graph, &gft_op_dequantize, "w", &attrs, ids, 3, &out, &err));
    const graft_tensor_desc in = gft_desc_f32(gft_shape_2(-1, 2));
    const graft_shape shape = gft_shape_2(3, 2);
    gft_value_id pair[2] = {-1, out};
    ASSERT_OK(gft_graph_input(graph, "x", &in, &pair[0], &err));
    ASSERT_OK(gft_graph_add(graph, &gft_op_mul, "y", NULL, pair, 2, &out, &err));
    ASSERT_OK(gft_graph_output(graph, "y", out, &err));
    ASSERT_OK(gft_plan_new(graph, &shape, &(gft_plan_options){0}, &plan, &err));
    assert_int_equal(gft_plan_step_count(plan), 1);
    gft_plan_unref(plan);
    gft_graph_free(graph);
}

static void test_refused(void **state) {
    (void)state;
    gft_quantize_attrs attrs = {.dtype = GRAFT_S64};
    op_check c = {.op = &gft_op_quantize, .attrs = &attrs};
    check_input(&c, GRAFT_F32, gft_shape_2(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_1(1), 1.0, 1.0);
    check_input(&c, GRAFT_S32, gft_shape_1(1), 0.0, 0.0);
    check_refused(&c, "int64");
    attrs = (gft_quantize_attrs){.dtype = GRAFT_S8, .axis = 1};
    check_input(&c, GRAFT_F32, gft_shape_2(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_1(2), 1.0, 1.0);
    check_input(&c, GRAFT_S32, gft_shape_1(2), 0.0, 0.0);
    check_refused(&c, "2 scales for axis 1");
    c.op = &gft_op_dequantize;
    check_input(&c, GRAFT_F16, gft_shape_2(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_1(2), 1.0, 1.0);
    check_refused(&c, "float16 with 2 inputs");
}

int main(void) {
    const struct CMUnitTest list[] = {cmocka_unit_test(test_pairs), cmocka_unit_test(test_edges),
                                      cmocka_unit_test(test_float16), cmocka_unit_test(test_folded),
                                      cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
