/*
 * The Winograd convolution against a direct loop in double: both tiles, both ways to cut the work,
 * pictures from 1 x 1 on, any padding, batches, epilogues, 1 and 7 threads, every CPU level; what
 * the rule picks; memory running out.
 */
#include "ops/conv2d_winograd.h"
#include "ops/ops.h"
#include "unit/ops/conv_reference.h"

static gft_winograd_grid forced; /* what the op below runs with */

static void soft(const float *x, float *y, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + expf(-alpha * x[i]));
}
static gft_unary_f32_fn soft_kernel(void) {
    return soft;
}
static const gft_op op_relu = {.name = "relu", .kind = GFT_KIND_UNARY, .unary = soft_kernel};
static const gft_op op_soft = {.name = "soft", .kind = GFT_KIND_UNARY, .unary = soft_kernel};

static graft_status infer(const gft_infer *in, graft_error *err) {
    return gft_op_conv2d.infer(in, err);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_conv2d_attrs *attrs = p->attrs;
    gft_conv_geometry geo;
    GFT_TRY(gft_conv_geometry_of(p->node, attrs, &p->inputs[0].shape, &p->inputs[1].shape, false,
                                 &geo, err));
    const gft_winograd_setup setup = {.grid = forced,
                                      .geo = geo,
                                      .epilogue = gft_epilogue_of(&attrs->epilogue, 2),
                                      .filter = p->constants[1]};
    const gft_winograd *w;
    GFT_TRY(gft_winograd_prepare(&setup, p, &w, err));
    p->state = (void *)(uintptr_t)w;
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    gft_winograd_run(exec->state, exec);
}

static const gft_op op_winograd = {.name = "winograd",
                                   .kind = GFT_KIND_CONV2D,
                                   .min_inputs = 2,
                                   .max_inputs = 4,
                                   .outputs = 1,
                                   .attrs_bytes = sizeof(gft_conv2d_attrs),
                                   .infer = infer,
                                   .prepare = prepare,
                                   .run = run};

static double activate(const gft_epilogue_attrs *e, double v) {
    if (e->activation == &op_relu)
        return fmax(v, 0.0);
    return e->activation ? v / (1.0 + exp(-(double)e->alpha * v)) : v;
}

/*
 * Errors are those of the transforms: proportional to the largest sums of absolute values around.
 */
static void compare(const float *got, const double *want, const double *magnitude, int64_t n) {
    double most = 1.0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, magnitude[i]);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= 4e-6 * most))
            fail_msg("element %lld: %.9g, expected %.9g of at most %g", (long long)i,
                     (double)got[i], want[i], most);
}

static void check_case(gft_rng *rng, const gft_op *op, conv_setup s) {
    gft_epilogue_attrs *e = &s.attrs.epilogue;
    const gft_op *const activations[] = {NULL, &op_relu, &op_soft};
    e->has_bias = gft_rng_below(rng, 2);
    e->has_residual = gft_rng_below(rng, 3) == 0;
    e->activation = activations[gft_rng_below(rng, 3)];
    e->alpha = 1.5f;
    float *x = random_floats(rng, conv_x_elems(&s));
    float *f = random_floats(rng, conv_filter_elems(&s));
    float *bias = random_floats(rng, s.oc);
    float *residual = random_floats(rng, conv_y_elems(&s));
    op_case c = {.op = op, .attrs = &s.attrs, .input_count = 2};
    c.constants = gft_rng_below(rng, 2) ? 2u : 0u;
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
    op_case_run_both(&c);
    int64_t count = conv_y_elems(&s);
    double *want = gft_calloc((size_t)count + 1, sizeof(double));
    double *magnitude = gft_calloc((size_t)count + 1, sizeof(double));
    conv_reference(&s, CONV_FORWARD, x, f, NULL, want, magnitude);
    for (int64_t i = 0; i < count; i++) {
        want[i] += e->has_bias ? (double)bias[i % s.oc] : 0.0;
        want[i] += e->has_residual ? (double)residual[i] : 0.0;
        want[i] = activate(e, want[i]);
        magnitude[i] = 1.5 * (magnitude[i] + 2.0);
    }
    compare(c.results[0], want, magnitude, count);
    op_case_free(&c);
    void *const all[] = {x, f, bias, residual, want, magnitude};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        gft_free(all[i]);
}

static conv_setup setup_of(gft_rng *rng, int64_t n, int64_t h, int64_t w, int64_t c, int64_t oc) {
    conv_setup s = {.n = n, .h = h, .w = w, .c = c, .kh = 3, .kw = 3, .oc = oc, .groups = 1};
    do {
        s.attrs = (gft_conv2d_attrs){.stride_h = 1,
                                     .stride_w = 1,
                                     .dilation_h = 1,
                                     .dilation_w = 1,
                                     .padding = (gft_padding)gft_rng_below(rng, 3)};
        s.attrs.pads = (gft_pads){random_in(rng, 0, 5), random_in(rng, 0, 5), random_in(rng, 0, 5),
                                  random_in(rng, 0, 5)};
        conv_setup_finish(&s);
    } while (s.oh < 1 || s.ow < 1);
    return s;
}

/* Any way to cut the work gives the same sums. */
static gft_winograd_grid grid_for(gft_rng *rng, const conv_setup *s) {
    const int32_t m = gft_rng_below(rng, 2) ? 4 : 2;
    const int64_t tiles = s->n * ((s->oh + m - 1) / m) * ((s->ow + m - 1) / m);
    return (gft_winograd_grid){m, random_in(rng, 1, tiles), random_in(rng, 1, 3)};
}

static void test_small(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(41, GFT_RNG_TEST, 0);
    static const int64_t channels[] = {1, 2, 3, 7, 8, 9, 16, 17, 33, 40};
    for (int i = 0; i < 120; i++) {
        conv_setup s =
            setup_of(&rng, random_in(&rng, 1, 3), random_in(&rng, 1, 13), random_in(&rng, 1, 13),
                     channels[gft_rng_below(&rng, 10)], channels[gft_rng_below(&rng, 10)]);
        forced = grid_for(&rng, &s);
        check_case(&rng, &op_winograd, s);
    }
}

static void test_columns(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(42, GFT_RNG_TEST, 0);
    for (int i = 0; i < 8; i++) {
        conv_setup s = setup_of(&rng, 1, random_in(&rng, 5, 9), 7, 20, random_in(&rng, 129, 200));
        forced = grid_for(&rng, &s);
        check_case(&rng, &op_winograd, s);
    }
}

/* Through the op, which picks: every kind of grid occurs. */
static void test_chosen(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(43, GFT_RNG_TEST, 0);
    static const int64_t shapes[][5] = {{1, 14, 14, 64, 64}, {1, 7, 7, 96, 96},
                                        {4, 7, 7, 64, 32},   {1, 61, 53, 16, 24},
                                        {2, 29, 31, 24, 16}, {1, 9, 70, 32, 40}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int64_t *d = shapes[i];
        check_case(&rng, &gft_op_conv2d, setup_of(&rng, d[0], d[1], d[2], d[3], d[4]));
    }
}

/*
 * The gradient of x: the same with the filter turned, any padding, also more than the filter
 * reaches.
 */
static void test_gradient(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(44, GFT_RNG_TEST, 0);
    static const int64_t shapes[][5] = {{1, 14, 14, 64, 64}, {1, 7, 7, 96, 96},
                                        {8, 7, 7, 64, 32},   {2, 61, 53, 16, 24},
                                        {2, 29, 31, 24, 16}, {4, 9, 70, 33, 40}};
    for (size_t i = 0; i < 18; i++) {
        const int64_t *d = shapes[i % 6];
        const conv_setup s = setup_of(&rng, d[0], d[1], d[2], d[3], d[4]);
        const gft_conv2d_grad_attrs attrs = {.conv = s.attrs,
                                             .shape = gft_shape_4(-1, s.h, s.w, s.c)};
        float *dy = random_floats(&rng, conv_y_elems(&s));
        float *f = random_floats(&rng, conv_filter_elems(&s));
        op_case c = {.op = &gft_op_conv2d_grad_input, .attrs = &attrs, .input_count = 2};
        c.constants = i % 2 ? 2u : 0u;
        c.inputs[0] = gft_desc_f32(gft_shape_4(s.n, s.oh, s.ow, s.oc));
        c.inputs[1] = gft_desc_f32(conv_filter_shape(&s));
        c.data[0] = dy;
        c.data[1] = f;
        op_case_run_both(&c);
        const int64_t count = conv_x_elems(&s);
        double *want = gft_calloc((size_t)count, sizeof(double));
        double *magnitude = gft_calloc((size_t)count, sizeof(double));
        conv_reference(&s, CONV_GRAD_INPUT, NULL, f, dy, want, magnitude);
        compare(c.results[0], want, magnitude, count);
        op_case_free(&c);
        void *const all[] = {dy, f, want, magnitude};
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
            gft_free(all[k]);
    }
}

static gft_winograd_grid chosen(int64_t n, int64_t hw, int64_t c, int64_t oc, int64_t k,
                                int64_t stride, int64_t dilation, int64_t groups) {
    gft_conv2d_attrs a = {.stride_h = stride,
                          .stride_w = stride,
                          .dilation_h = dilation,
                          .dilation_w = dilation,
                          .groups = groups,
                          .padding = GFT_PAD_SAME};
    graft_shape x = gft_shape_4(n, hw, hw, c);
    graft_shape f = gft_shape_4(k, k, c / groups, oc);
    gft_conv_geometry geo;
    assert_int_equal(gft_conv_geometry_of("n", &a, &x, &f, false, &geo, NULL), GRAFT_OK);
    return gft_winograd_choose(&geo, true);
}

static void test_rule(void **state) {
    (void)state;
    assert_int_equal(chosen(1, 56, 64, 64, 3, 1, 1, 1).m, 4);
    assert_int_equal(chosen(1, 28, 128, 128, 3, 1, 1, 1).m, 4);
    assert_int_equal(chosen(1, 7, 512, 512, 3, 1, 1, 1).m, 2); /* the filter is most of the work */
    assert_int_equal(chosen(32, 7, 512, 512, 3, 1, 1, 1).m, 4);
    assert_int_equal(chosen(1, 56, 64, 64, 3, 1, 1, 1).col_tasks, 1);
    assert_int_equal(chosen(1, 14, 256, 256, 3, 1, 1, 1).col_tasks, 4);
    assert_int_equal(chosen(1, 56, 64, 64, 3, 2, 1, 1).m, 0);
    assert_int_equal(chosen(1, 56, 64, 64, 3, 1, 2, 1).m, 0);
    assert_int_equal(chosen(1, 56, 64, 64, 3, 1, 1, 2).m, 0);
    assert_int_equal(chosen(1, 56, 64, 64, 5, 1, 1, 1).m, 0);
    assert_int_equal(chosen(1, 1, 512, 512, 3, 1, 1, 1).m, 0);
    assert_int_equal(chosen(1, 224, 3, 32, 3, 1, 1, 1).m, 0);
    assert_int_equal(chosen(0, 56, 64, 64, 3, 1, 1, 1).m, 0);
}

/* The packed filter tells: 16 points for 4 results or 36 for 16 instead of 9 taps. */
static void test_off(void **state) {
    (void)state;
    enum { HW = 16, C = 32 };
    static float f[9 * C * C];
    const graft_tensor_desc inputs[] = {gft_desc_f32(gft_shape_4(1, HW, HW, C)),
                                        gft_desc_f32(gft_shape_4(3, 3, C, C))};
    const void *constants[] = {NULL, f};
    const gft_conv2d_attrs attrs = {.stride_h = 1, .stride_w = 1, .padding = GFT_PAD_SAME};
    for (int off = 0; off < 2; off++) {
        gft_arena arena;
        gft_arena_init(&arena);
        gft_prepare p = {.node = "node",
                         .attrs = &attrs,
                         .inputs = inputs,
                         .input_count = 2,
                         .outputs = inputs,
                         .output_count = 1,
                         .constants = constants,
                         .arena = &arena,
                         .no_winograd = off,
                         .phases = 1,
                         .tasks = {1, 1, 1}};
        assert_int_equal(gft_op_conv2d.prepare(&p, NULL), GRAFT_OK);
        assert_int_equal(p.packed_inputs, 2);
        assert_int_equal(arena.used_bytes > 15 * C * C * sizeof(float), !off);
        gft_arena_deinit(&arena);
    }
}

static void test_memory(void **state) {
    (void)state;
    static float f[9 * 16 * 16];
    const graft_tensor_desc inputs[] = {gft_desc_f32(gft_shape_4(1, 56, 56, 16)),
                                        gft_desc_f32(gft_shape_4(3, 3, 16, 16))};
    const void *constants[] = {NULL, f};
    const gft_conv2d_attrs attrs = {.stride_h = 1, .stride_w = 1, .padding = GFT_PAD_SAME};
    graft_status status = GRAFT_RESOURCE_EXHAUSTED;
    int64_t failures = 0;
    for (int64_t n = 1; status != GRAFT_OK; n++) {
        gft_arena arena;
        gft_arena_init(&arena);
        gft_prepare p = {.node = "node",
                         .attrs = &attrs,
                         .inputs = inputs,
                         .input_count = 2,
                         .outputs = inputs,
                         .output_count = 1,
                         .constants = constants,
                         .arena = &arena,
                         .phases = 1,
                         .tasks = {1, 1, 1}};
        gft_alloc_fail_after(n);
        status = gft_op_conv2d.prepare(&p, NULL);
        gft_alloc_fail_after(0);
        assert_true(status == GRAFT_OK || status == GRAFT_RESOURCE_EXHAUSTED);
        failures += status != GRAFT_OK;
        gft_arena_deinit(&arena);
    }
    assert_true(failures >= 2);
}

static int all(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),  cmocka_unit_test(test_columns),
        cmocka_unit_test(test_chosen), cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_rule),   cmocka_unit_test(test_off),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void) {
    return run_on_each_level(all);
}
