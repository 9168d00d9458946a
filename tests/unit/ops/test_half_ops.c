/*
 * Ops on bfloat16 and IEEE half against their float32 ops on the same numbers, rounded once: any
 * convolution and epilogue, constant and changing filters, results of 16 and 32 bits; 1 and 7
 * threads; every CPU level.
 */
#include "base/float16.h"
#include "graph/attrs_half.h"
#include "ops/ops.h"
#include "unit/ops/conv_reference.h"

static graft_dtype format = GRAFT_BF16;

static uint16_t narrow(float x) {
    return format == GRAFT_BF16 ? gft_bf16_from_f32(x) : gft_f16_from_f32(x);
}

static float widen(uint16_t x) {
    return format == GRAFT_BF16 ? gft_f32_from_bf16(x) : gft_f32_from_f16(x);
}

/* An operand of the float32 op, its numbers rounded where the half op reads or packs 16 bits. */
static void add_input(op_case *c, gft_rng *rng, graft_shape shape, bool round) {
    int64_t n = gft_shape_elems(&shape);
    float *x = random_floats(rng, n + 1);
    for (int64_t i = 0; i < n && round; i++)
        x[i] = widen(narrow(x[i]));
    c->inputs[c->input_count] = gft_desc_f32(shape);
    c->data[c->input_count++] = x;
}

static void free_case(op_case *c) {
    for (int i = 0; i < RUNNER_MAX; i++)
        gft_free((void *)(uintptr_t)c->data[i]);
    op_case_free(c);
}

/* The same case for the half op: inputs in `halves` become 16 bits, the others are shared. */
static op_case half_case_of(const op_case *c, const gft_op *op, uint32_t halves,
                            gft_half_attrs *attrs) {
    op_case h = *c;
    memset(h.results, 0, sizeof h.results);
    memset(attrs, 0, sizeof *attrs);
    attrs->inner = c->op;
    attrs->dtype = attrs->output = format;
    assert_true(c->op->attrs_bytes <= sizeof attrs->attrs);
    if (c->op->attrs_bytes > 0)
        memcpy(attrs->attrs, c->attrs, c->op->attrs_bytes);
    h.op = op;
    h.attrs = attrs;
    for (int32_t i = 0; i < c->input_count; i++) {
        if (!(halves >> i & 1u))
            continue;
        int64_t n = gft_shape_elems(&c->inputs[i].shape);
        uint16_t *x = gft_malloc((size_t)n * sizeof *x + 1);
        assert_non_null(x);
        for (int64_t k = 0; k < n; k++)
            x[k] = narrow(((const float *)c->data[i])[k]);
        h.inputs[i].dtype = format;
        h.data[i] = x;
    }
    return h;
}

/* slack: what sums in another order may differ, of the largest result. */
static void compare(const op_case *want, const op_case *got, double slack) {
    const float *w = want->results[0];
    int64_t n = gft_shape_elems(&want->outputs[0].shape);
    bool half = got->outputs[0].dtype != GRAFT_F32;
    double ulp = !half ? 0.0 : format == GRAFT_BF16 ? 0x1p-8 : 0x1p-11;
    double largest = 1.0;
    assert_true(gft_shape_equal(&want->outputs[0].shape, &got->outputs[0].shape));
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)w[i]));
    for (int64_t i = 0; i < n; i++) {
        double y = half ? (double)widen(((const uint16_t *)got->results[0])[i])
                        : (double)((const float *)got->results[0])[i];
        double bound = slack * largest + 1.01 * ulp * fabs((double)w[i]) + (half ? 6e-8 : 0.0);
        if (!(fabs(y - (double)w[i]) <= bound))
            fail_msg("%s, element %lld of %lld: %.9g, expected %.9g within %g", got->op->name,
                     (long long)i, (long long)n, y, (double)w[i], bound);
    }
}

static void check(op_case *c, const gft_op *op, uint32_t halves, double slack) {
    gft_half_attrs attrs;
    op_case h = half_case_of(c, op, halves, &attrs);
    op_case_run(c, 1);
    for (int f32_result = 0; f32_result < 2; f32_result++) {
        attrs.output = f32_result ? GRAFT_F32 : format;
        op_case_run_both(&h);
        assert_int_equal(h.outputs[0].dtype, attrs.output);
        compare(c, &h, slack);
    }
    for (int32_t i = 0; i < c->input_count; i++)
        if (halves >> i & 1u)
            gft_free((void *)(uintptr_t)h.data[i]);
    op_case_free(&h);
}

static void check_conv(gft_rng *rng, conv_setup s) {
    gft_epilogue_attrs *e = &s.attrs.epilogue;
    const gft_op *const activations[] = {NULL, &gft_op_relu, &gft_op_relu6, &gft_op_silu};
    uint32_t halves = 1u;
    e->has_bias = gft_rng_below(rng, 2);
    e->has_residual = gft_rng_below(rng, 3) == 0;
    e->activation = activations[gft_rng_below(rng, 4)];
    s.attrs.relu_input = s.depthwise && gft_rng_below(rng, 2);
    op_case c = {.op = s.depthwise ? &gft_op_depthwise_conv2d : &gft_op_conv2d, .attrs = &s.attrs};
    add_input(&c, rng, gft_shape_4(s.n, s.h, s.w, s.c), true);
    add_input(&c, rng, conv_filter_shape(&s), true);
    if (e->has_bias)
        add_input(&c, rng, gft_shape_1(s.oc), false);
    if (e->has_residual) {
        halves |= 1u << c.input_count;
        add_input(&c, rng, gft_shape_4(s.n, s.oh, s.ow, s.oc), true);
    }
    c.constants = gft_rng_below(rng, 2) ? 2u : 0u;
    check(&c, s.depthwise ? &gft_op_depthwise_half : &gft_op_conv2d_half, halves, 3e-5);
    free_case(&c);
}

static void test_conv2d(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(81, GFT_RNG_TEST, 0);
    for (int i = 0; i < 60; i++)
        check_conv(&rng, conv_setup_random(&rng, false));
}

static void test_depthwise(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(82, GFT_RNG_TEST, 0);
    for (int i = 0; i < 80; i++) {
        conv_setup s = conv_setup_random(&rng, true);
        s.oc = s.groups = s.c;
        check_conv(&rng, s);
    }
}

/* x * scale is rounded again: the float32 op gets that product. */
static void test_input_scale(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(83, GFT_RNG_TEST, 0);
    for (int i = 0; i < 12; i++) {
        gft_half_attrs attrs;
        int64_t n = 1 + i % 2;
        int64_t pixels = 1 + 3 * i;
        int64_t channels = i == 3 ? 300 : random_in(&rng, 1, 70);
        gft_conv2d_attrs conv = {.stride_h = 1, .stride_w = 1, .padding = GFT_PAD_SAME};
        op_case c = {.op = &gft_op_conv2d, .attrs = &conv};
        add_input(&c, &rng, gft_shape_4(n, pixels, 3, channels), true);
        add_input(&c, &rng, gft_shape_4(1, 1, channels, random_in(&rng, 1, 40)), true);
        add_input(&c, &rng, gft_shape_4(n, 1, 1, channels), false);
        op_case h = half_case_of(&c, &gft_op_conv2d_half, 1u, &attrs);
        ((gft_conv2d_attrs *)(void *)attrs.attrs)->epilogue.has_input_scale = true;
        float *x = (float *)(uintptr_t)c.data[0];
        const float *scale = c.data[2];
        for (int64_t k = 0; k < n * pixels * 3 * channels; k++)
            x[k] =
                widen(narrow(x[k] * scale[k / (pixels * 3 * channels) * channels + k % channels]));
        c.input_count = 2;
        op_case_run(&c, 1);
        op_case_run_both(&h);
        compare(&c, &h, 3e-5);
        gft_free((void *)(uintptr_t)h.data[0]);
        op_case_free(&h);
        free_case(&c);
    }
}

static void test_dense(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(84, GFT_RNG_TEST, 0);
    for (int i = 0; i < 40; i++) {
        int64_t rows = random_in(&rng, 0, 40);
        int64_t depth = random_in(&rng, 1, 200);
        int64_t cols = random_in(&rng, 1, 130);
        uint32_t halves = 1u;
        gft_dense_attrs attrs = {.epilogue = {.has_bias = i % 2,
                                              .has_residual = i % 3 == 0,
                                              .activation = i % 5 ? NULL : &gft_op_sigmoid}};
        op_case c = {.op = &gft_op_dense, .attrs = &attrs, .constants = i % 4 < 2 ? 2u : 0u};
        add_input(&c, &rng, i % 7 ? gft_shape_2(rows, depth) : gft_shape_4(2, rows, 1, depth),
                  true);
        add_input(&c, &rng, gft_shape_2(depth, cols), true);
        if (attrs.epilogue.has_bias)
            add_input(&c, &rng, gft_shape_1(cols), false);
        if (attrs.epilogue.has_residual) {
            halves |= 1u << c.input_count;
            add_input(&c, &rng, i % 7 ? gft_shape_2(rows, cols) : gft_shape_4(2, rows, 1, cols),
                      true);
        }
        check(&c, &gft_op_dense_half, halves, 3e-5);
        free_case(&c);
    }
}

static void test_mean(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(85, GFT_RNG_TEST, 0);
    static const int64_t channels[] = {1, 7, 33, 511, 512, 513, 1100};
    for (int i = 0; i < 14; i++) {
        gft_reduce_attrs attrs = {.axes = 6u, .keep_dims = i % 2};
        op_case c = {.op = &gft_op_reduce_mean, .attrs = &attrs};
        add_input(&c, &rng,
                  gft_shape_4(random_in(&rng, 1, 3), random_in(&rng, 1, 9), random_in(&rng, 1, 9),
                              channels[i / 2]),
                  true);
        check(&c, &gft_op_mean_half, 1u, 1e-6);
        free_case(&c);
    }
}

/* Operands of the result's shape, of one value per channel, per picture and channel, and one. */
static void test_rows(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(86, GFT_RNG_TEST, 0);
    static const gft_op *const unaries[] = {&gft_op_relu,  &gft_op_relu6, &gft_op_silu,
                                            &gft_op_tanh,  &gft_op_gelu,  &gft_op_hard_swish,
                                            &gft_op_square};
    static const gft_op *const binaries[] = {&gft_op_add, &gft_op_sub, &gft_op_mul,
                                             &gft_op_maximum};
    for (int i = 0; i < 84; i++) {
        const graft_shape full = gft_shape_4(random_in(&rng, 1, 3), random_in(&rng, 1, 25),
                                             random_in(&rng, 1, 25), random_in(&rng, 1, 70));
        int64_t n = full.dims[0];
        int64_t channels = full.dims[3];
        op_case c = {0};
        gft_batch_norm_attrs norm = {.epsilon = 1.5f};
        uint32_t halves = 1u;
        add_input(&c, &rng, full, true);
        if (i % 3 == 0) {
            c.op = unaries[i / 3 % 7];
        } else if (i % 12 == 1) {
            c.op = &gft_op_batch_norm;
            c.attrs = &norm;
            for (int k = 0; k < 4; k++)
                add_input(&c, &rng, gft_shape_1(channels), false);
        } else {
            const graft_shape others[] = {full, gft_shape_1(channels),
                                          gft_shape_4(n, 1, 1, channels), gft_shape_1(1)};
            c.op = binaries[i % 4];
            add_input(&c, &rng, others[i / 3 % 4], true);
            halves |= gft_rng_below(&rng, 2) << 1;
        }
        check(&c, &gft_op_rows_half, halves, 1e-6);
        free_case(&c);
    }
}

static void test_refusals(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(87, GFT_RNG_TEST, 0);
    graft_error err = {0};
    gft_half_attrs attrs;
    op_case c = {.op = &gft_op_relu};
    add_input(&c, &rng, gft_shape_2(3, 5), true);
    op_case h = half_case_of(&c, &gft_op_rows_half, 1u, &attrs);
    attrs.dtype = GRAFT_S8;
    assert_int_equal(op_case_infer(&h, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "node"));
    attrs.dtype = format;
    attrs.inner = NULL;
    assert_int_equal(op_case_infer(&h, &err), GRAFT_INVALID_ARGUMENT);
    gft_free((void *)(uintptr_t)h.data[0]);
    free_case(&c);
}

static int tests(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_conv2d),      cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_input_scale), cmocka_unit_test(test_dense),
        cmocka_unit_test(test_mean),        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refusals)};
    int failed = 0;
    format = GRAFT_BF16;
    failed |= cmocka_run_group_tests_name("bf16", all, NULL, NULL);
    format = GRAFT_F16;
    return failed | cmocka_run_group_tests_name("f16", all, NULL, NULL);
}

int main(void) {
    return run_on_each_level(tests);
}
