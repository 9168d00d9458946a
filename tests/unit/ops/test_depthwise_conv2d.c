/*
 * depthwise_conv2d against a direct loop in double: random shapes, paddings, multipliers and
 * epilogues, the shapes of mobile nets, shape errors, empty tensors, threads, every CPU level.
 */
#include "ops/conv_geometry.h"
#include "ops/ops.h"
#include "unit/ops/conv_reference.h"

static void halve(const float *x, float *y, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        y[i] = alpha * x[i];
}
static gft_unary_f32_fn halve_kernel(void) {
    return halve;
}
static const gft_op op_relu6 = {.name = "relu6", .kind = GFT_KIND_UNARY, .unary = halve_kernel};
static const gft_op op_halve = {.name = "halve", .kind = GFT_KIND_UNARY, .unary = halve_kernel};

static void check_case(gft_rng *rng, conv_setup s) {
    gft_epilogue_attrs *e = &s.attrs.epilogue;
    e->has_bias = gft_rng_below(rng, 2);
    e->has_residual = gft_rng_below(rng, 4) == 0;
    uint32_t kind = gft_rng_below(rng, 3);
    e->activation = kind == 0 ? NULL : kind == 1 ? &op_relu6 : &op_halve;
    e->alpha = 0.5f;
    float *x = random_floats(rng, conv_x_elems(&s));
    float *f = random_floats(rng, conv_filter_elems(&s));
    float *bias = random_floats(rng, s.oc);
    float *residual = random_floats(rng, conv_y_elems(&s));
    op_case c = {.op = &gft_op_depthwise_conv2d, .attrs = &s.attrs, .input_count = 2};
    c.inputs[0] = gft_desc_f32(gft_shape_4(s.n, s.h, s.w, s.c));
    c.inputs[1] = gft_desc_f32(conv_filter_shape(&s));
    c.data[0] = x;
    c.data[1] = f;
    if (e->has_bias) {
        c.inputs[c.input_count] = gft_desc_f32(gft_shape_1(s.oc));
        c.data[c.input_count++] = bias;
    }
    if (e->has_residual) {
        c.inputs[c.input_count] = gft_desc_f32(gft_shape_4(s.n, s.oh, s.ow, s.oc));
        c.data[c.input_count++] = residual;
    }
    c.constants = gft_rng_below(rng, 2) ? 2u : 0u;
    op_case_run_both(&c);
    int64_t count = conv_y_elems(&s);
    double *want = gft_calloc((size_t)count, sizeof(double));
    double *magnitude = gft_calloc((size_t)count, sizeof(double));
    conv_reference(&s, CONV_FORWARD, x, f, NULL, want, magnitude);
    for (int64_t i = 0; i < count; i++) {
        want[i] += (e->has_bias ? (double)bias[i % s.oc] : 0.0) +
                   (e->has_residual ? (double)residual[i] : 0.0);
        if (e->activation == &op_relu6)
            want[i] = fmin(fmax(want[i], 0.0), 6.0);
        else if (e->activation)
            want[i] *= 0.5;
        magnitude[i] += 2.0;
    }
    assert_sums_close(c.results[0], want, magnitude, count, (double)(s.kh * s.kw) + 4.0);
    op_case_free(&c);
    void *const all[] = {x, f, bias, residual, want, magnitude};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        gft_free(all[i]);
}

static void test_random(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(21, GFT_RNG_TEST, 0);
    for (int i = 0; i < 300; i++)
        check_case(&rng, conv_setup_random(&rng, true));
}

static void test_mobile_shapes(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(22, GFT_RNG_TEST, 0);
    static const int64_t shapes[][4] = {
        {28, 96, 3, 1}, {29, 64, 3, 2}, {14, 240, 5, 1}, {28, 100, 5, 2}, {7, 672, 5, 1},
        {14, 72, 7, 1}, {15, 40, 7, 2}, {7, 1152, 3, 1}, {1, 32, 3, 1},   {2, 8, 5, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int64_t *d = shapes[i];
        conv_setup s = {.depthwise = true,
                        .n = 2,
                        .h = d[0],
                        .w = d[0],
                        .c = d[1],
                        .kh = d[2],
                        .kw = d[2],
                        .oc = d[1],
                        .groups = d[1]};
        s.attrs = (gft_conv2d_attrs){.stride_h = d[3],
                                     .stride_w = d[3],
                                     .dilation_h = 1,
                                     .dilation_w = 1,
                                     .padding = GFT_PAD_SAME};
        conv_setup_finish(&s);
        check_case(&rng, s);
    }
}

static void test_errors(void **state) {
    (void)state;
    gft_conv2d_attrs a = {.stride_h = 1, .stride_w = 1};
    graft_error err = {0};
    op_case c = {.op = &gft_op_depthwise_conv2d, .attrs = &a, .input_count = 2};
    c.inputs[0] = gft_desc_f32(gft_shape_4(-1, 8, 8, 6));
    c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 5, 1));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "6 channels, the depthwise filter 5"));
    c.inputs[1] = gft_desc_f32(gft_shape_4(65, 1, 6, 1));
    c.inputs[0].shape.dims[1] = 100;
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "64 rows"));
    a.epilogue.has_input_scale = true;
    c.input_count = 3;
    c.inputs[1] = gft_desc_f32(gft_shape_4(1, 1, 6, 1));
    c.inputs[2] = gft_desc_f32(gft_shape_4(-1, 1, 1, 6));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
}

static void test_empty(void **state) {
    (void)state;
    gft_conv2d_attrs a = {.stride_h = 1, .stride_w = 1};
    static const float some[2048];
    static const int64_t shapes[][4] = {{0, 8, 8, 4}, {2, 2, 8, 4}, {1, 8, 8, 0}};
    for (int i = 0; i < 3; i++)
        for (int64_t m = 0; m < 3; m++) {
            op_case c = {.op = &gft_op_depthwise_conv2d, .attrs = &a, .input_count = 2};
            c.inputs[0] = gft_desc_f32(gft_shape_of(4, shapes[i]));
            c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, shapes[i][3], m));
            c.data[0] = c.data[1] = some;
            op_case_run_both(&c);
            assert_int_equal(gft_shape_elems(&c.outputs[0].shape), 0);
            op_case_free(&c);
        }
}

static int all(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_mobile_shapes),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void) {
    return run_on_each_level(all);
}
