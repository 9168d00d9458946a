/*
 * Compares every light kernel of a table (list_elementwise.h) with the scalar one: lengths around
 * the vector width, unaligned pointers, memory that ends at a guard page, in place, NaN, infinities
 * and denormals.
 */
#ifndef GFT_TEST_ELEMENTWISE_CHECK_H
#define GFT_TEST_ELEMENTWISE_CHECK_H

#include "kernels/guarded.h"
#include "kernels/kernel_table.h"

#define MARGIN 16 /* floats before every output that must stay as they are */

static const int64_t lengths[] = {0,  1,  2,  3,  4,  5,   7,   8,   9,   15, 16,
                                  17, 31, 32, 33, 47, 48,  49,  63,  64,  65, 79,
                                  80, 81, 95, 96, 97, 127, 128, 129, 1003};
#define LENGTHS (sizeof lengths / sizeof lengths[0])

static const float specials[] = {0.0f,   -0.0f, 1.0f,   -1.0f,  0x1p-140f, -0x1p-149f, 0x1p-126f,
                                 3.0f,   -3.0f, 6.0f,   88.5f,  -88.5f,    -103.5f,    1e30f,
                                 -1e30f, 3e38f, -3e38f, 0.625f, NAN,       INFINITY,   -INFINITY};
#define SPECIALS (sizeof specials / sizeof specials[0])

/* n floats up to a guard page, at an odd place; every third one special if asked for. */
static guarded input_of(gft_rng *rng, int64_t n, bool special) {
    guarded g = guarded_new(n);
    for (int64_t i = 0; i < n; i++)
        g.p[i] = special && i % 3 == 0 ? specials[gft_rng_below(rng, (uint32_t)SPECIALS)]
                                       : 16.0f * gft_rng_uniform(rng) - 8.0f;
    return g;
}

/* Room for n results behind a margin. */
static guarded output_of(int64_t n) {
    guarded g = guarded_new(n + MARGIN);
    mark_untouched(g.p, n + MARGIN);
    g.p += MARGIN;
    return g;
}

static void output_free(guarded *g) {
    for (int i = 1; i <= MARGIN; i++)
        assert_true(is_untouched(g->p - i));
    guarded_free(g);
}

static double ulp_of(double v) {
    int exponent;
    frexp(v, &exponent);
    return ldexp(1.0, exponent < -125 ? -149 : exponent - 24);
}

/* magnitude: for SUM, the sum of absolute terms. */
static void compare(const char *name, gft_tolerance tolerance, int64_t n, int64_t i, float got,
                    float want, double magnitude, double terms) {
    bool same = isnan(want) ? isnan(got) : got == want;
    if (!same && tolerance == GFT_TOL_ULP && isfinite(want) && isfinite(got))
        same = fabs((double)got - (double)want) <= 6.0 * ulp_of((double)want) + 1e-6 * magnitude;
    if (!same && tolerance == GFT_TOL_SUM && isfinite(want) && isfinite(got))
        same = fabs((double)got - (double)want) <= (terms + 6.0) * 6e-8 * magnitude + 1e-37;
    /* a sum that overflows in one order need not in another */
    if (!same && tolerance == GFT_TOL_SUM && magnitude > 1e38)
        same = true;
    if (!same)
        fail_msg("%s: element %lld of %lld is %.9g, the scalar kernel gives %.9g", name,
                 (long long)i, (long long)n, (double)got, (double)want);
}

static void compare_all(const char *name, gft_tolerance tolerance, int64_t n, const float *got,
                        const float *want) {
    for (int64_t i = 0; i < n; i++)
        compare(name, tolerance, n, i, got[i], want[i], 0.0, 1.0);
}

static double magnitude_of(const float *x, int64_t n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += isfinite(x[i]) ? fabs((double)x[i]) : 0.0;
    return sum;
}

/* ---- one checker per function type ---- */

static void check_gft_unary_f32_kernel(const char *name, gft_unary_f32_kernel *fn,
                                       gft_unary_f32_kernel *scalar, gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 1);
    for (size_t k = 0; k < 2 * LENGTHS; k++) {
        int64_t n = lengths[k % LENGTHS];
        guarded x = input_of(&rng, n, k >= LENGTHS);
        guarded y = output_of(n);
        guarded want = guarded_new(n);
        scalar(x.p, want.p, n, 0.3f);
        fn(x.p, y.p, n, 0.3f);
        compare_all(name, tolerance, n, y.p, want.p);
        /* an element's value does not depend on where it stands */
        for (int64_t i = 0; i < n && i < 40; i++) {
            float alone;
            fn(x.p + i, &alone, 1, 0.3f);
            assert_true(isnan(alone) ? isnan(y.p[i]) : alone == y.p[i]);
        }
        fn(x.p, x.p, n, 0.3f);
        for (int64_t i = 0; i < n; i++)
            assert_true(isnan(x.p[i]) ? isnan(y.p[i]) : x.p[i] == y.p[i]);
        guarded_free(&x);
        output_free(&y);
        guarded_free(&want);
    }
}

static void check_gft_unary_grad_f32_kernel(const char *name, gft_unary_grad_f32_kernel *fn,
                                            gft_unary_grad_f32_kernel *scalar,
                                            gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 2);
    for (size_t k = 0; k < 2 * LENGTHS; k++) {
        int64_t n = lengths[k % LENGTHS];
        guarded dy = input_of(&rng, n, false);
        guarded r = input_of(&rng, n, k >= LENGTHS);
        guarded dx = output_of(n);
        guarded want = guarded_new(n);
        scalar(dy.p, r.p, want.p, n, 0.3f);
        fn(dy.p, r.p, dx.p, n, 0.3f);
        for (int64_t i = 0; i < n; i++)
            compare(name, tolerance, n, i, dx.p[i], want.p[i], fabs((double)dy.p[i]), 1.0);
        fn(dy.p, r.p, r.p, n, 0.3f); /* over r; dy is over dx in the plan, as unary */
        for (int64_t i = 0; i < n; i++)
            assert_true(isnan(r.p[i]) ? isnan(dx.p[i]) : r.p[i] == dx.p[i]);
        guarded_free(&dy);
        guarded_free(&r);
        output_free(&dx);
        guarded_free(&want);
    }
}

static void check_gft_binary_f32_kernel(const char *name, gft_binary_f32_kernel *fn,
                                        gft_binary_f32_kernel *scalar, gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 3);
    for (size_t k = 0; k < 8 * LENGTHS; k++) {
        int64_t n = lengths[k % LENGTHS];
        int64_t a_step = k / LENGTHS & 1u ? 1 : 0;
        int64_t b_step = k / LENGTHS & 2u ? 1 : 0;
        guarded a = input_of(&rng, a_step || n == 0 ? n : 1, k / LENGTHS & 4u);
        guarded b = input_of(&rng, b_step || n == 0 ? n : 1, k / LENGTHS & 4u);
        guarded y = output_of(n);
        guarded want = guarded_new(n);
        scalar(a.p, a_step, b.p, b_step, want.p, n);
        fn(a.p, a_step, b.p, b_step, y.p, n);
        compare_all(name, tolerance, n, y.p, want.p);
        if (a_step) {
            fn(a.p, a_step, b.p, b_step, a.p, n);
            compare_all(name, tolerance, n, a.p, want.p);
        } else if (b_step) {
            fn(a.p, a_step, b.p, b_step, b.p, n);
            compare_all(name, tolerance, n, b.p, want.p);
        }
        guarded_free(&a);
        guarded_free(&b);
        output_free(&y);
        guarded_free(&want);
    }
}

static void check_gft_fold_f32_kernel(const char *name, gft_fold_f32_kernel *fn,
                                      gft_fold_f32_kernel *scalar, gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 4);
    for (size_t k = 0; k < 2 * LENGTHS; k++) {
        int64_t n = lengths[k % LENGTHS];
        guarded x = input_of(&rng, n, k >= LENGTHS);
        compare(name, tolerance, n, 0, fn(x.p, n), scalar(x.p, n), magnitude_of(x.p, n), (double)n);
        guarded_free(&x);
    }
}

static void check_gft_dot_f32_kernel(const char *name, gft_dot_f32_kernel *fn,
                                     gft_dot_f32_kernel *scalar, gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 5);
    for (size_t k = 0; k < LENGTHS; k++) {
        int64_t n = lengths[k];
        guarded a = input_of(&rng, n, false);
        guarded b = input_of(&rng, n, false);
        compare(name, tolerance, n, 0, fn(a.p, b.p, n), scalar(a.p, b.p, n),
                8.0 * magnitude_of(b.p, n), (double)n);
        if (n > 0) {
            a.p[n - 1] = NAN;
            assert_true(isnan(fn(a.p, b.p, n)));
        }
        guarded_free(&a);
        guarded_free(&b);
    }
}

/* Two functions of (x, n, centre). */
static void check_centred(const char *name, gft_spread_f32_kernel *fn,
                          gft_spread_f32_kernel *scalar, gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 6);
    for (size_t k = 0; k < LENGTHS; k++) {
        int64_t n = lengths[k];
        guarded x = input_of(&rng, n, false);
        float want = scalar(x.p, n, 2.5f);
        compare(name, tolerance, n, 0, fn(x.p, n, 2.5f), want, fabs((double)want), (double)n);
        if (n > 0) {
            x.p[0] = NAN;
            assert_true(isnan(fn(x.p, n, 2.5f)));
        }
        guarded_free(&x);
    }
}
static void check_gft_spread_f32_kernel(const char *name, gft_spread_f32_kernel *fn,
                                        gft_spread_f32_kernel *scalar, gft_tolerance tolerance) {
    check_centred(name, fn, scalar, tolerance);
}
static void check_gft_sum_exp_f32_kernel(const char *name, gft_sum_exp_f32_kernel *fn,
                                         gft_sum_exp_f32_kernel *scalar, gft_tolerance tolerance) {
    check_centred(name, fn, scalar, tolerance);
}

static const int64_t row_counts[] = {0, 1, 2, 5, 33};

static void check_gft_fold_rows_f32_kernel(const char *name, gft_fold_rows_f32_kernel *fn,
                                           gft_fold_rows_f32_kernel *scalar,
                                           gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 7);
    for (size_t k = 0; k < LENGTHS * 5; k++) {
        int64_t cols = lengths[k % LENGTHS];
        int64_t rows = row_counts[k / LENGTHS];
        int64_t stride = cols + (int64_t)(k % 2) * 3;
        guarded x = input_of(&rng, rows > 0 ? (rows - 1) * stride + cols : 0, k % 4 == 3);
        guarded acc = output_of(cols);
        guarded want = guarded_new(cols);
        for (int64_t c = 0; c < cols; c++)
            acc.p[c] = want.p[c] = (float)c;
        scalar(x.p, rows, stride, cols, want.p);
        fn(x.p, rows, stride, cols, acc.p);
        compare_all(name, tolerance, cols, acc.p, want.p);
        guarded_free(&x);
        output_free(&acc);
        guarded_free(&want);
    }
}

static void check_gft_pool_f32_kernel(const char *name, gft_pool_f32_kernel *fn,
                                      gft_pool_f32_kernel *scalar, gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 8);
    for (size_t k = 0; k < LENGTHS * 3; k++) {
        int64_t n = lengths[k % LENGTHS];
        int64_t count = 1 + (int64_t)(k / LENGTHS) * 4;
        guarded cells[9];
        const float *list[9];
        for (int64_t i = 0; i < count; i++) {
            cells[i] = input_of(&rng, n, k % 3 == 2);
            list[i] = cells[i].p;
        }
        guarded y = output_of(n);
        guarded want = guarded_new(n);
        scalar(list, count, n, 0.25f, want.p);
        fn(list, count, n, 0.25f, y.p);
        compare_all(name, tolerance, n, y.p, want.p);
        for (int64_t i = 0; i < count; i++)
            guarded_free(&cells[i]);
        output_free(&y);
        guarded_free(&want);
    }
}

static void check_gft_spread_rows_f32_kernel(const char *name, gft_spread_rows_f32_kernel *fn,
                                             gft_spread_rows_f32_kernel *scalar,
                                             gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 9);
    for (size_t k = 0; k < LENGTHS * 5; k++) {
        int64_t cols = lengths[k % LENGTHS];
        int64_t rows = row_counts[k / LENGTHS];
        guarded x = input_of(&rng, rows * cols, false);
        guarded centre = input_of(&rng, cols, false);
        guarded acc[2] = {output_of(cols), output_of(cols)};
        guarded want[2] = {guarded_new(cols), guarded_new(cols)};
        for (int64_t c = 0; c < cols; c++)
            acc[0].p[c] = acc[1].p[c] = want[0].p[c] = want[1].p[c] = 1.0f;
        scalar(x.p, centre.p, rows, cols, want[0].p, want[1].p);
        fn(x.p, centre.p, rows, cols, acc[0].p, acc[1].p);
        for (int64_t c = 0; c < cols; c++) {
            compare(name, tolerance, cols, c, acc[0].p[c], want[0].p[c], 16.0 * (double)(rows + 1),
                    (double)rows);
            compare(name, tolerance, cols, c, acc[1].p[c], want[1].p[c], fabs((double)want[1].p[c]),
                    (double)rows);
        }
        guarded_free(&x);
        guarded_free(&centre);
        for (int i = 0; i < 2; i++) {
            output_free(&acc[i]);
            guarded_free(&want[i]);
        }
    }
}

static void check_gft_norm_sums_f32_kernel(const char *name, gft_norm_sums_f32_kernel *fn,
                                           gft_norm_sums_f32_kernel *scalar,
                                           gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 10);
    for (size_t k = 0; k < LENGTHS * 5; k++) {
        int64_t cols = lengths[k % LENGTHS];
        int64_t rows = row_counts[k / LENGTHS];
        guarded dy = input_of(&rng, rows * cols, false);
        guarded x = input_of(&rng, rows * cols, false);
        guarded centre = input_of(&rng, cols, false);
        guarded acc[2] = {output_of(cols), output_of(cols)};
        guarded want[2] = {guarded_new(cols), guarded_new(cols)};
        for (int64_t c = 0; c < cols; c++)
            acc[0].p[c] = acc[1].p[c] = want[0].p[c] = want[1].p[c] = 1.0f;
        scalar(dy.p, x.p, centre.p, rows, cols, want[0].p, want[1].p);
        fn(dy.p, x.p, centre.p, rows, cols, acc[0].p, acc[1].p);
        for (int64_t c = 0; c < cols; c++) {
            compare(name, tolerance, cols, c, acc[0].p[c], want[0].p[c], 8.0 * (double)(rows + 1),
                    (double)rows);
            compare(name, tolerance, cols, c, acc[1].p[c], want[1].p[c], 128.0 * (double)(rows + 1),
                    (double)rows);
        }
        guarded_free(&dy);
        guarded_free(&x);
        guarded_free(&centre);
        for (int i = 0; i < 2; i++) {
            output_free(&acc[i]);
            guarded_free(&want[i]);
        }
    }
}

static void check_gft_norm_rows_f32_kernel(const char *name, gft_norm_rows_f32_kernel *fn,
                                           gft_norm_rows_f32_kernel *scalar,
                                           gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 11);
    for (size_t k = 0; k < LENGTHS * 5; k++) {
        int64_t cols = lengths[k % LENGTHS];
        int64_t rows = row_counts[k / LENGTHS];
        guarded x = input_of(&rng, rows * cols, k % 4 == 3);
        guarded v[3] = {input_of(&rng, cols, false), input_of(&rng, cols, false),
                        input_of(&rng, cols, false)};
        guarded y = output_of(rows * cols);
        guarded want = guarded_new(rows * cols);
        scalar(x.p, v[0].p, v[1].p, v[2].p, want.p, rows, cols);
        fn(x.p, v[0].p, v[1].p, v[2].p, y.p, rows, cols);
        for (int64_t i = 0; i < rows * cols; i++)
            compare(name, tolerance, rows * cols, i, y.p[i], want.p[i], 8.0, 3.0);
        fn(x.p, v[0].p, v[1].p, v[2].p, x.p, rows, cols);
        for (int64_t i = 0; i < rows * cols; i++)
            assert_true(isnan(x.p[i]) ? isnan(y.p[i]) : x.p[i] == y.p[i]);
        guarded_free(&x);
        for (int i = 0; i < 3; i++)
            guarded_free(&v[i]);
        output_free(&y);
        guarded_free(&want);
    }
}

static void check_gft_norm_grad_rows_f32_kernel(const char *name, gft_norm_grad_rows_f32_kernel *fn,
                                                gft_norm_grad_rows_f32_kernel *scalar,
                                                gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 12);
    for (size_t k = 0; k < LENGTHS * 5; k++) {
        int64_t cols = lengths[k % LENGTHS];
        int64_t rows = row_counts[k / LENGTHS];
        guarded dy = input_of(&rng, rows * cols, false);
        guarded x = input_of(&rng, rows * cols, k % 4 == 3);
        guarded v[4];
        for (int i = 0; i < 4; i++)
            v[i] = input_of(&rng, cols, false);
        guarded dx = output_of(rows * cols);
        guarded want = guarded_new(rows * cols);
        scalar(dy.p, x.p, v[0].p, v[1].p, v[2].p, v[3].p, want.p, rows, cols);
        fn(dy.p, x.p, v[0].p, v[1].p, v[2].p, v[3].p, dx.p, rows, cols);
        for (int64_t i = 0; i < rows * cols; i++)
            compare(name, tolerance, rows * cols, i, dx.p[i], want.p[i], 128.0, 5.0);
        fn(dy.p, x.p, v[0].p, v[1].p, v[2].p, v[3].p, dy.p, rows, cols);
        for (int64_t i = 0; i < rows * cols; i++)
            assert_true(isnan(dx.p[i]) ? isnan(dy.p[i]) : dx.p[i] == dy.p[i]);
        guarded_free(&dy);
        guarded_free(&x);
        for (int i = 0; i < 4; i++)
            guarded_free(&v[i]);
        output_free(&dx);
        guarded_free(&want);
    }
}

static void check_gft_softmax_f32_kernel(const char *name, gft_softmax_f32_kernel *fn,
                                         gft_softmax_f32_kernel *scalar, gft_tolerance tolerance) {
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 13);
    /* log_softmax is a difference of numbers of this size */
    const double slack = strncmp(name, "log", 3) == 0 ? 2.0 : 1e-3;
    for (size_t k = 0; k < 2 * LENGTHS; k++) {
        int64_t n = lengths[k % LENGTHS];
        if (n == 0)
            continue;
        guarded x = input_of(&rng, n, false);
        if (k >= LENGTHS)
            x.p[n / 2] = specials[gft_rng_below(&rng, (uint32_t)SPECIALS)];
        guarded y = output_of(n);
        guarded want = guarded_new(n);
        scalar(x.p, want.p, n);
        fn(x.p, y.p, n);
        for (int64_t i = 0; i < n; i++)
            compare(name, tolerance, n, i, y.p[i], want.p[i], fabs((double)want.p[i]) + slack,
                    30.0);
        fn(x.p, x.p, n);
        for (int64_t i = 0; i < n; i++)
            assert_true(isnan(x.p[i]) ? isnan(y.p[i]) : x.p[i] == y.p[i]);
        guarded_free(&x);
        output_free(&y);
        guarded_free(&want);
    }
}

/* Every kernel of the list in `table` against the scalar table. */
static void check_elementwise(const gft_kernel_table *table) {
    gft_kernel_table scalar;
    gft_kernels_fill(&scalar, 0);
#define CHECK(kernel, type, tolerance)                                                             \
    check_##type(#kernel, table->kernel, scalar.kernel, tolerance);
    GFT_KERNELS_ELEMENTWISE(CHECK)
#undef CHECK
}

#endif
