/*
 * conv2d against a direct loop in double: random shapes, paddings, groups and epilogues; shape errors; empty tensors;
 * threads; every CPU level.
 */
#include "ops/conv_geometry.h"
#include "ops/ops.h"
#include "unit/ops/conv_reference.h"

static void silu(const float *x, float *y, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + expf(-alpha * x[i]));
}
static gft_unary_f32_fn silu_kernel(void) { return silu; }

static const gft_op op_relu = {.name = "relu", .kind = GFT_KIND_UNARY, .unary = silu_kernel};
static const gft_op op_relu6 = {.name = "relu6", .kind = GFT_KIND_UNARY, .unary = silu_kernel};
static const gft_op op_silu = {.name = "soft", .kind = GFT_KIND_UNARY, .unary = silu_kernel};

static double activate(const gft_epilogue_attrs *e, double v) {
    if (e->activation == &op_relu)
        return fmax(v, 0.0);
    if (e->activation == &op_relu6)
        return fmin(fmax(v, 0.0), 6.0);
    return e->activation ? v / (1.0 + exp(-(double)e->alpha * v)) : v;
}

static void check_case(gft_rng *rng, conv_setup s) {
    gft_epilogue_attrs *e = &s.attrs.epilogue;
    const gft_op *const activations[] = {NULL, &op_relu, &op_relu6, &op_silu};
    e->has_bias = gft_rng_below(rng, 2);
    e->has_residual = gft_rng_below(rng, 3) == 0;
    e->has_input_scale = !s.depthwise && s.kh == 1 && s.kw == 1 && s.groups == 1 && gft_rng_below(rng, 2);
    e->activation = activations[gft_rng_below(rng, 4)];
    e->alpha = 1.5f;
    float *x = random_floats(rng, conv_x_elems(&s));
    float *f = random_floats(rng, conv_filter_elems(&s));
    float *bias = random_floats(rng, s.oc);
    float *residual = random_floats(rng, conv_y_elems(&s));
    float *scale = random_floats(rng, s.n * s.c);
    float *scaled = random_floats(rng, conv_x_elems(&s));
    op_case c = {.op = s.depthwise ? &gft_op_depthwise_conv2d : &gft_op_conv2d, .attrs = &s.attrs, .input_count = 2};
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
    if (e->has_input_scale) {
        c.inputs[c.input_count] = gft_desc_f32(gft_shape_4(s.n, 1, 1, s.c));
        c.data[c.input_count++] = scale;
    }
    c.constants = gft_rng_below(rng, 2) ? 2u : 0u;
    for (int64_t i = 0; i < conv_x_elems(&s); i++)
        scaled[i] = e->has_input_scale ? x[i] * scale[i / (s.h * s.w * s.c) * s.c + i % s.c] : x[i];

    op_case_run_both(&c);
    assert_int_equal(c.outputs[0].shape.dims[1], s.oh);
    assert_int_equal(c.outputs[0].shape.dims[2], s.ow);
    int64_t count = conv_y_elems(&s);
    double *want = gft_calloc((size_t)count, sizeof(double));
    double *magnitude = gft_calloc((size_t)count, sizeof(double));
    conv_reference(&s, CONV_FORWARD, scaled, f, NULL, want, magnitude);
    for (int64_t i = 0; i < count; i++) {
        if (e->has_bias)
            want[i] += (double)bias[i % s.oc];
        if (e->has_residual)
            want[i] += (double)residual[i];
        want[i] = activate(e, want[i]);
        magnitude[i] = 1.5 * (magnitude[i] + 2.0);
    }
    assert_sums_close(c.results[0], want, magnitude, count, (double)(s.kh * s.kw * s.c / s.groups) + 4.0);
    op_case_free(&c);
    void *const all[] = {x, f, bias, residual, scale, scaled, want, magnitude};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        gft_free(all[i]);
}

static void test_random(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(11, GFT_RNG_TEST, 0);
    for (int i = 0; i < 150; i++)
        check_case(&rng, conv_setup_random(&rng, false));
}

static void test_points(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(12, GFT_RNG_TEST, 0);
    for (int i = 0; i < 40; i++) {
        conv_setup s = conv_setup_random(&rng, false);
        s.kh = s.kw = 1;
        s.groups = s.attrs.groups = 1;
        s.attrs.padding = i % 2 ? GFT_PAD_SAME : GFT_PAD_EXPLICIT;
        s.attrs.pads = (gft_pads){0, i % 3, 0, i % 3};
        conv_setup_finish(&s);
        check_case(&rng, s);
    }
}

/* Sizes large enough for several blocks of rows, columns and depth. */
static void test_large(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(13, GFT_RNG_TEST, 0);
    static const int64_t shapes[][7] = {{1, 23, 21, 3, 3, 70, 2}, {2, 7, 7, 130, 3, 40, 1}, {1, 7, 7, 600, 1, 200, 1},
                                        {2, 30, 30, 16, 1, 96, 1}, {1, 9, 9, 64, 5, 33, 2}, {1, 40, 41, 3, 7, 64, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int64_t *d = shapes[i];
        conv_setup s = {.n = d[0], .h = d[1], .w = d[2], .c = d[3], .kh = d[4], .kw = d[4], .oc = d[5], .groups = 1};
        s.attrs = (gft_conv2d_attrs){.stride_h = d[6], .stride_w = d[6], .dilation_h = 1, .dilation_w = 1,
                                     .padding = GFT_PAD_SAME};
        conv_setup_finish(&s);
        check_case(&rng, s);
    }
}

/* Values from TensorFlow's documentation of SAME: ceil(in / stride), the odd row below. */
static void test_same_padding(void **state) {
    (void)state;
    static const int64_t table[][5] = {/* in, k, s -> out, before */ {224, 3, 2, 112, 0}, {225, 3, 2, 113, 1},
                                       {7, 3, 1, 7, 1}, {5, 4, 1, 5, 1}, {6, 5, 2, 3, 1}, {10, 1, 3, 4, 0}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        gft_conv2d_attrs a = {.stride_h = table[i][2], .stride_w = table[i][2], .padding = GFT_PAD_SAME};
        graft_shape x = gft_shape_4(-1, table[i][0], table[i][0], 1);
        graft_shape f = gft_shape_4(table[i][1], table[i][1], 1, 1);
        gft_conv_geometry g;
        assert_int_equal(gft_conv_geometry_of("n", &a, &x, &f, false, &g, NULL), GRAFT_OK);
        assert_int_equal(g.oh, table[i][3]);
        assert_int_equal(g.pad_top, table[i][4]);
    }
}

static void expect_error(gft_conv2d_attrs a, graft_shape x, graft_shape f, const char *part) {
    op_case c = {.op = &gft_op_conv2d, .attrs = &a, .input_count = 2};
    graft_error err = {0};
    c.inputs[0] = gft_desc_f32(x);
    c.inputs[1] = gft_desc_f32(f);
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "node"));
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void test_shape_errors(void **state) {
    (void)state;
    gft_conv2d_attrs a = {.stride_h = 1, .stride_w = 1};
    graft_shape x = gft_shape_4(-1, 8, 8, 6);
    expect_error(a, x, gft_shape_4(3, 3, 5, 4), "6 channels");
    expect_error(a, x, gft_shape_4(11, 3, 6, 4), "does not fit into 8 rows");
    expect_error(a, x, gft_shape_4(0, 3, 6, 4), "at least 1 x 1");
    expect_error(a, gft_shape_2(8, 6), gft_shape_4(3, 3, 6, 4), "rank 4");
    expect_error(a, x, gft_shape_2(3, 3), "rank 4");
    a.groups = 4;
    expect_error(a, x, gft_shape_4(3, 3, 1, 4), "4 groups");
    a.groups = 2;
    expect_error(a, x, gft_shape_4(3, 3, 3, 5), "do not divide");
    a.groups = -1;
    expect_error(a, x, gft_shape_4(3, 3, 6, 4), "groups");
    a.groups = 0;
    a.stride_w = 0;
    expect_error(a, x, gft_shape_4(3, 3, 6, 4), "strides");
    a.stride_w = 1;
    a.dilation_h = -3;
    expect_error(a, x, gft_shape_4(3, 3, 6, 4), "dilations");
    a.dilation_h = 1;
    a.padding = GFT_PAD_EXPLICIT;
    a.pads.left = -1;
    expect_error(a, x, gft_shape_4(3, 3, 6, 4), "padding");
    a.pads.left = 0;
    a.epilogue.has_bias = true;
    expect_error(a, x, gft_shape_4(3, 3, 6, 4), "2 inputs, its attributes ask for 3");
}

static void test_unknown_sizes(void **state) {
    (void)state;
    gft_conv2d_attrs a = {.stride_h = 2, .stride_w = 2, .padding = GFT_PAD_SAME};
    op_case c = {.op = &gft_op_conv2d, .attrs = &a, .input_count = 2};
    c.inputs[0] = gft_desc_f32(gft_shape_4(-1, -1, 9, 6));
    c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 6, 4));
    assert_int_equal(op_case_infer(&c, NULL), GRAFT_OK);
    graft_shape want = gft_shape_4(-1, -1, 5, 4);
    assert_true(gft_shape_equal(&c.outputs[0].shape, &want));
}

static void test_empty(void **state) {
    (void)state;
    gft_conv2d_attrs a = {.stride_h = 1, .stride_w = 1};
    static const float some[4096];
    static const int64_t shapes[][4] = {{0, 8, 8, 4}, {2, 2, 8, 4}, {2, 2, 2, 4}, {1, 8, 8, 4}};
    static const int64_t filters[] = {4, 4, 4, 0};
    for (int i = 0; i < 4; i++) {
        for (uint32_t constant = 0; constant < 2; constant++) {
            op_case c = {.op = &gft_op_conv2d, .attrs = &a, .input_count = 2, .constants = constant * 2};
            c.inputs[0] = gft_desc_f32(gft_shape_of(4, shapes[i]));
            c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 4, filters[i]));
            c.data[0] = c.data[1] = some;
            op_case_run_both(&c);
            assert_int_equal(gft_shape_elems(&c.outputs[0].shape), 0);
            op_case_free(&c);
        }
    }
    /* no channels: the sum over nothing is the bias */
    static const float bias[3] = {1.0f, 2.0f, 3.0f};
    a.epilogue.has_bias = true;
    op_case c = {.op = &gft_op_conv2d, .attrs = &a, .input_count = 3};
    c.inputs[0] = gft_desc_f32(gft_shape_4(1, 4, 4, 0));
    c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 0, 3));
    c.inputs[2] = gft_desc_f32(gft_shape_1(3));
    c.data[0] = c.data[1] = some;
    c.data[2] = bias;
    op_case_run_both(&c);
    for (int i = 0; i < 12; i++)
        assert_true(((float *)c.results[0])[i] == bias[i % 3]);
    op_case_free(&c);
}

static int all(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),       cmocka_unit_test(test_points),        cmocka_unit_test(test_large),
        cmocka_unit_test(test_same_padding), cmocka_unit_test(test_shape_errors), cmocka_unit_test(test_unknown_sizes),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void) { return run_on_each_level(all); }
