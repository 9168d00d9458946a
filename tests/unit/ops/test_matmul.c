/*
 * matmul and dense against direct loops in double: transposes, broadcasting of leading dimensions,
 * vectors and single rows, epilogues, packed and unpacked right-hand sides, empty matrices, shape
 * errors, threads, every CPU level.
 */
#include "ops/ops.h"
#include "unit/ops/op_runner.h"

typedef struct product {
    int64_t m, k, n;
    int32_t lead;                 /* leading dimensions of y */
    int64_t a_lead[3], b_lead[3]; /* each equal to that of y, or 1 */
    gft_matmul_attrs attrs;
} product;

static int64_t lead_index(const int64_t *dims, const int64_t *full, int32_t lead, int64_t batch) {
    int64_t at = 0;
    int64_t step = 1;
    for (int32_t d = lead - 1; d >= 0; d--) {
        int64_t pos = batch % full[d];
        batch /= full[d];
        at += dims[d] == 1 ? 0 : pos * step;
        step *= dims[d];
    }
    return at;
}

static void reference(const product *p, const float *a, const float *b, double *want,
                      double *magnitude) {
    int64_t full[3];
    int64_t batches = 1;
    for (int32_t d = 0; d < p->lead; d++)
        batches *= full[d] = gft_i64_max(p->a_lead[d], p->b_lead[d]);
    for (int64_t batch = 0; batch < batches; batch++) {
        const float *x = a + lead_index(p->a_lead, full, p->lead, batch) * p->m * p->k;
        const float *w = b + lead_index(p->b_lead, full, p->lead, batch) * p->k * p->n;
        for (int64_t i = 0; i < p->m; i++)
            for (int64_t j = 0; j < p->n; j++) {
                double *at = want + (batch * p->m + i) * p->n + j;
                for (int64_t k = 0; k < p->k; k++) {
                    double v = (double)x[p->attrs.transpose_a ? k * p->m + i : i * p->k + k] *
                               (double)w[p->attrs.transpose_b ? j * p->k + k : k * p->n + j];
                    *at += v;
                    magnitude[at - want] += fabs(v);
                }
            }
    }
}

static graft_shape operand(const int64_t *lead, int32_t count, int64_t rows, int64_t cols,
                           bool transpose) {
    graft_shape s = {.rank = count};
    for (int32_t d = 0; d < count; d++)
        s.dims[d] = lead[d];
    s.dims[s.rank++] = transpose ? cols : rows;
    s.dims[s.rank++] = transpose ? rows : cols;
    return s;
}

static void check_product(gft_rng *rng, product p) {
    graft_shape sa = operand(p.a_lead, p.lead, p.m, p.k, p.attrs.transpose_a);
    graft_shape sb = operand(p.b_lead, p.lead, p.k, p.n, p.attrs.transpose_b);
    float *a = random_floats(rng, gft_shape_elems(&sa));
    float *b = random_floats(rng, gft_shape_elems(&sb));
    op_case c = {.op = &gft_op_matmul,
                 .attrs = &p.attrs,
                 .input_count = 2,
                 .constants = gft_rng_below(rng, 2) ? 2u : 0u};
    c.inputs[0] = gft_desc_f32(sa);
    c.inputs[1] = gft_desc_f32(sb);
    /* leading ones of b may be left out */
    while (c.inputs[1].shape.rank > 2 && c.inputs[1].shape.dims[0] == 1) {
        memmove(c.inputs[1].shape.dims, c.inputs[1].shape.dims + 1, 7 * sizeof(int64_t));
        c.inputs[1].shape.rank--;
    }
    c.data[0] = a;
    c.data[1] = b;
    op_case_run_both(&c);
    int64_t count = gft_shape_elems(&c.outputs[0].shape);
    double *want = gft_calloc((size_t)count, sizeof(double));
    double *magnitude = gft_calloc((size_t)count, sizeof(double));
    reference(&p, a, b, want, magnitude);
    assert_sums_close(c.results[0], want, magnitude, count, (double)p.k);
    op_case_free(&c);
    gft_free(a);
    gft_free(b);
    gft_free(want);
    gft_free(magnitude);
}

static void test_random(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(41, GFT_RNG_TEST, 0);
    for (int i = 0; i < 200; i++) {
        product p = {
            .m = random_in(&rng, 1, 40), .k = random_in(&rng, 1, 70), .n = random_in(&rng, 1, 50)};
        p.lead = (int32_t)random_in(&rng, 0, 3);
        for (int32_t d = 0; d < p.lead; d++) {
            int64_t size = random_in(&rng, 1, 3);
            p.a_lead[d] = gft_rng_below(&rng, 3) ? size : 1;
            p.b_lead[d] = gft_rng_below(&rng, 3) ? size : 1;
        }
        p.attrs.transpose_a = gft_rng_below(&rng, 2);
        p.attrs.transpose_b = gft_rng_below(&rng, 2);
        check_product(&rng, p);
    }
}

static void test_large(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(42, GFT_RNG_TEST, 0);
    static const int64_t sizes[][3] = {
        {1, 1300, 300}, {100, 700, 130}, {1200, 20, 40}, {7, 257, 513}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int t = 0; t < 4; t++)
            check_product(&rng, (product){.m = sizes[i][0],
                                          .k = sizes[i][1],
                                          .n = sizes[i][2],
                                          .attrs = {.transpose_a = t & 1, .transpose_b = t >> 1}});
}

static void test_empty(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(43, GFT_RNG_TEST, 0);
    for (int t = 0; t < 4; t++) {
        gft_matmul_attrs attrs = {t & 1, t >> 1};
        check_product(&rng, (product){.m = 0, .k = 4, .n = 5, .attrs = attrs});
        check_product(&rng, (product){.m = 3, .k = 0, .n = 5, .attrs = attrs}); /* zeros */
        check_product(&rng, (product){.m = 3, .k = 4, .n = 0, .attrs = attrs});
        check_product(&rng, (product){.m = 3,
                                      .k = 4,
                                      .n = 5,
                                      .lead = 2,
                                      .a_lead = {2, 0},
                                      .b_lead = {2, 0},
                                      .attrs = attrs});
    }
}

static void test_matmul_errors(void **state) {
    (void)state;
    graft_error err = {0};
    gft_matmul_attrs attrs = {.transpose_b = true};
    op_case c = {.op = &gft_op_matmul, .attrs = &attrs, .input_count = 2};
    c.inputs[0] = gft_desc_f32(gft_shape_2(-1, 4));
    c.inputs[1] = gft_desc_f32(gft_shape_2(4, 5));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "[?,4] and [4,5] transposed"));
    c.inputs[1] = gft_desc_f32(gft_shape_1(4));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    c.inputs[0] = gft_desc_f32(gft_shape_4(2, 3, 4, 4));
    c.inputs[1] = gft_desc_f32(gft_shape_4(3, 3, 4, 4));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    c.inputs[1] = gft_desc_f32(gft_shape_4(-1, 1, 7, 4));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_OK);
    graft_shape want = gft_shape_4(2, 3, 4, 7);
    assert_true(gft_shape_equal(&c.outputs[0].shape, &want));
    c.inputs[1].dtype = GRAFT_S32;
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
}

static void negate(const float *x, float *y, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        y[i] = -alpha * x[i];
}
static gft_unary_f32_fn negate_kernel(void) {
    return negate;
}
static const gft_op op_negate = {.name = "negate", .kind = GFT_KIND_UNARY, .unary = negate_kernel};
static const gft_op op_relu = {.name = "relu", .kind = GFT_KIND_UNARY, .unary = negate_kernel};

static void check_dense(gft_rng *rng, graft_shape x_shape, int64_t n) {
    gft_dense_attrs attrs = {{0}};
    gft_epilogue_attrs *e = &attrs.epilogue;
    e->has_bias = gft_rng_below(rng, 2);
    e->has_residual = gft_rng_below(rng, 2);
    e->alpha = 2.0f;
    uint32_t kind = gft_rng_below(rng, 3);
    e->activation = kind == 0 ? NULL : kind == 1 ? &op_relu : &op_negate;
    int64_t k = x_shape.dims[x_shape.rank - 1];
    graft_shape y_shape = x_shape;
    y_shape.dims[y_shape.rank - 1] = n;
    float *x = random_floats(rng, gft_shape_elems(&x_shape));
    float *w = random_floats(rng, k * n);
    float *bias = random_floats(rng, n);
    float *residual = random_floats(rng, gft_shape_elems(&y_shape));
    op_case c = {.op = &gft_op_dense,
                 .attrs = &attrs,
                 .input_count = 2,
                 .constants = gft_rng_below(rng, 2) ? 2u : 0u};
    c.inputs[0] = gft_desc_f32(x_shape);
    c.inputs[1] = gft_desc_f32(gft_shape_2(k, n));
    c.data[0] = x;
    c.data[1] = w;
    if (e->has_bias) {
        c.inputs[c.input_count] = gft_desc_f32(gft_shape_1(n));
        c.data[c.input_count++] = bias;
    }
    if (e->has_residual) {
        c.inputs[c.input_count] = gft_desc_f32(y_shape);
        c.data[c.input_count++] = residual;
    }
    op_case_run_both(&c);
    int64_t count = gft_shape_elems(&y_shape);
    double *want = gft_calloc((size_t)count, sizeof(double));
    double *magnitude = gft_calloc((size_t)count, sizeof(double));
    reference(&(product){.m = k ? gft_shape_elems(&x_shape) / k : 0, .k = k, .n = n}, x, w, want,
              magnitude);
    for (int64_t i = 0; i < count; i++) {
        want[i] += (e->has_bias ? (double)bias[i % n] : 0.0) +
                   (e->has_residual ? (double)residual[i] : 0.0);
        want[i] = kind == 1 ? fmax(want[i], 0.0) : kind == 2 ? -2.0 * want[i] : want[i];
        magnitude[i] = 2.0 * (magnitude[i] + 2.0);
    }
    assert_sums_close(c.results[0], want, magnitude, count, (double)k + 4.0);
    op_case_free(&c);
    void *const all[] = {x, w, bias, residual, want, magnitude};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        gft_free(all[i]);
}

static void test_dense(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(44, GFT_RNG_TEST, 0);
    for (int i = 0; i < 60; i++) {
        graft_shape x = {.rank = (int32_t)random_in(&rng, 1, 4)};
        for (int32_t d = 0; d < x.rank; d++)
            x.dims[d] = random_in(&rng, 1, d == x.rank - 1 ? 90 : 6);
        check_dense(&rng, x, random_in(&rng, 1, 70));
    }
    check_dense(&rng, gft_shape_2(1, 1280), 1000);
    check_dense(&rng, gft_shape_2(64, 600), 33);
    check_dense(&rng, gft_shape_2(0, 20), 10);
}

static void test_dense_errors(void **state) {
    (void)state;
    graft_error err = {0};
    gft_dense_attrs attrs = {{0}};
    op_case c = {.op = &gft_op_dense, .attrs = &attrs, .input_count = 2};
    c.inputs[0] = gft_desc_f32(gft_shape_2(-1, 4));
    c.inputs[1] = gft_desc_f32(gft_shape_2(5, 6));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "4 channels, the kernel takes 5"));
    c.inputs[0] = gft_desc_f32(gft_shape_0());
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    attrs.epilogue.has_bias = true;
    c.input_count = 3;
    c.inputs[0] = gft_desc_f32(gft_shape_2(-1, 5));
    c.inputs[2] = gft_desc_f32(gft_shape_1(5));
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "bias is float32 [5], expected float32 [6]"));
}

static int all(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random), cmocka_unit_test(test_large),
        cmocka_unit_test(test_empty),  cmocka_unit_test(test_matmul_errors),
        cmocka_unit_test(test_dense),  cmocka_unit_test(test_dense_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void) {
    return run_on_each_level(all);
}
