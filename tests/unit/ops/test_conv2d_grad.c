/*
 * The four convolution gradients against direct loops in double: random shapes, paddings, strides,
 * dilations, groups and multipliers; shape errors; empty tensors; threads; every CPU level.
 */
#include "ops/ops.h"
#include "unit/ops/conv_reference.h"

static void check_input(gft_rng *rng, const conv_setup *s) {
    gft_conv2d_grad_attrs attrs = {.conv = s->attrs, .shape = gft_shape_4(-1, s->h, s->w, s->c)};
    float *dy = random_floats(rng, conv_y_elems(s));
    float *f = random_floats(rng, conv_filter_elems(s));
    op_case c = {.op =
                     s->depthwise ? &gft_op_depthwise_conv2d_grad_input : &gft_op_conv2d_grad_input,
                 .attrs = &attrs,
                 .input_count = 2,
                 .constants = gft_rng_below(rng, 2) ? 2u : 0u};
    c.inputs[0] = gft_desc_f32(gft_shape_4(s->n, s->oh, s->ow, s->oc));
    c.inputs[1] = gft_desc_f32(conv_filter_shape(s));
    c.data[0] = dy;
    c.data[1] = f;
    op_case_run_both(&c);
    graft_shape shape = gft_shape_4(s->n, s->h, s->w, s->c);
    assert_true(gft_shape_equal(&c.outputs[0].shape, &shape));
    int64_t count = conv_x_elems(s);
    double *want = gft_calloc((size_t)count, sizeof(double));
    double *magnitude = gft_calloc((size_t)count, sizeof(double));
    conv_reference(s, CONV_GRAD_INPUT, NULL, f, dy, want, magnitude);
    assert_sums_close(c.results[0], want, magnitude, count,
                      (double)(s->kh * s->kw * s->oc / s->groups));
    op_case_free(&c);
    gft_free(dy);
    gft_free(f);
    gft_free(want);
    gft_free(magnitude);
}

static void check_filter(gft_rng *rng, const conv_setup *s) {
    gft_conv2d_grad_attrs attrs = {.conv = s->attrs, .shape = conv_filter_shape(s)};
    float *x = random_floats(rng, conv_x_elems(s));
    float *dy = random_floats(rng, conv_y_elems(s));
    op_case c = {.op = s->depthwise ? &gft_op_depthwise_conv2d_grad_filter
                                    : &gft_op_conv2d_grad_filter,
                 .attrs = &attrs,
                 .input_count = 2};
    c.inputs[0] = gft_desc_f32(gft_shape_4(s->n, s->h, s->w, s->c));
    c.inputs[1] = gft_desc_f32(gft_shape_4(s->n, s->oh, s->ow, s->oc));
    c.data[0] = x;
    c.data[1] = dy;
    op_case_run_both(&c);
    assert_true(gft_shape_equal(&c.outputs[0].shape, &attrs.shape));
    int64_t count = conv_filter_elems(s);
    double *want = gft_calloc((size_t)count, sizeof(double));
    double *magnitude = gft_calloc((size_t)count, sizeof(double));
    conv_reference(s, CONV_GRAD_FILTER, x, NULL, dy, want, magnitude);
    assert_sums_close(c.results[0], want, magnitude, count, (double)(s->n * s->oh * s->ow));
    op_case_free(&c);
    gft_free(x);
    gft_free(dy);
    gft_free(want);
    gft_free(magnitude);
}

static void check_random(uint64_t seed, bool depthwise, int rounds) {
    gft_rng rng = gft_rng_make(seed, GFT_RNG_TEST, 0);
    for (int i = 0; i < rounds; i++) {
        conv_setup s = conv_setup_random(&rng, depthwise);
        check_input(&rng, &s);
        check_filter(&rng, &s);
    }
}

static void test_conv2d(void **state) {
    (void)state;
    check_random(31, false, 90);
}

static void test_depthwise(void **state) {
    (void)state;
    check_random(32, true, 120);
}

static void check_large(const int64_t *d, bool depthwise) {
    gft_rng rng = gft_rng_make(33, GFT_RNG_TEST, 0);
    conv_setup s = {.depthwise = depthwise,
                    .n = d[0],
                    .h = d[1],
                    .w = d[2],
                    .c = d[3],
                    .kh = d[4],
                    .kw = d[4],
                    .oc = d[5],
                    .groups = depthwise ? d[3] : 1};
    s.attrs = (gft_conv2d_attrs){.stride_h = d[6],
                                 .stride_w = d[6],
                                 .dilation_h = 1,
                                 .dilation_w = 1,
                                 .padding = GFT_PAD_SAME};
    conv_setup_finish(&s);
    check_input(&rng, &s);
    check_filter(&rng, &s);
}

/* Sizes that are cut into several parts, blocks and tasks. */
static void test_large(void **state) {
    (void)state;
    static const int64_t shapes[][7] = {{2, 24, 24, 3, 3, 32, 2},
                                        {4, 7, 7, 300, 1, 260, 1},
                                        {2, 14, 14, 40, 3, 60, 1},
                                        {3, 15, 15, 48, 3, 96, 2},
                                        {2, 40, 40, 16, 1, 48, 1}};
    static const int64_t deep[][7] = {{2, 28, 28, 48, 3, 48, 1},
                                      {3, 14, 14, 240, 5, 240, 2},
                                      {2, 20, 20, 17, 7, 34, 1},
                                      {2, 40, 40, 16, 3, 16, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_large(shapes[i], false);
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        check_large(deep[i], true);
}

static void test_errors(void **state) {
    (void)state;
    graft_error err = {0};
    gft_conv2d_grad_attrs attrs = {.conv = {.stride_h = 1, .stride_w = 1},
                                   .shape = gft_shape_4(-1, 8, 8, 4)};
    op_case c = {.op = &gft_op_conv2d_grad_input, .attrs = &attrs, .input_count = 2};
    c.inputs[0] = gft_desc_f32(gft_shape_4(-1, 6, 7, 5));
    c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 4, 5));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "dy has shape [?,6,7,5], the convolution gives [?,6,6,5]"));
    attrs.shape.dims[2] = -1;
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    c.op = &gft_op_conv2d_grad_filter;
    attrs.shape = gft_shape_4(3, 3, 4, 5);
    c.inputs[0] = gft_desc_f32(gft_shape_4(2, 8, 8, 3));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "3 channels"));
}

static void test_empty(void **state) {
    (void)state;
    static const float some[4096];
    for (int depthwise = 0; depthwise < 2; depthwise++) {
        gft_conv2d_grad_attrs attrs = {.conv = {.stride_h = 2, .stride_w = 2},
                                       .shape = gft_shape_4(3, 3, 4, 1)};
        op_case c = {.op = depthwise ? &gft_op_depthwise_conv2d_grad_filter
                                     : &gft_op_conv2d_grad_filter,
                     .attrs = &attrs,
                     .input_count = 2};
        c.inputs[0] = gft_desc_f32(gft_shape_4(0, 8, 8, 4));
        c.inputs[1] = gft_desc_f32(gft_shape_4(0, 3, 3, depthwise ? 4 : 1));
        c.data[0] = c.data[1] = some;
        op_case_run_both(&c); /* a sum over no pictures is zero */
        for (int i = 0; i < 36; i++)
            assert_true(((float *)c.results[0])[i] == 0.0f);
        op_case_free(&c);
        attrs.shape = gft_shape_4(-1, 8, 8, 4);
        c.op = depthwise ? &gft_op_depthwise_conv2d_grad_input : &gft_op_conv2d_grad_input;
        c.inputs[0] = c.inputs[1];
        c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 4, 1));
        op_case_run_both(&c);
        assert_int_equal(gft_shape_elems(&c.outputs[0].shape), 0);
        op_case_free(&c);
        c.inputs[0] = gft_desc_f32(gft_shape_4(2, 3, 3, 0));
        c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 4, 0));
        op_case_run_both(&c); /* no filters: nothing flows back */
        for (int i = 0; i < 2 * 8 * 8 * 4; i++)
            assert_true(((float *)c.results[0])[i] == 0.0f);
        op_case_free(&c);
    }
}

static int all(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d), cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_large),  cmocka_unit_test(test_errors),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void) {
    return run_on_each_level(all);
}
