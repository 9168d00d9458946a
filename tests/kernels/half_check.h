/*
 * Checks the kernels on 16-bit floats: conversions bit for bit against base/float16.c on every half
 * and on awkward floats, products against sums in double; all remainders of the tile, guard pages,
 * untouched gaps, NaN and infinity.
 */
#ifndef GFT_TEST_HALF_CHECK_H
#define GFT_TEST_HALF_CHECK_H

#include "base/float16.h"
#include "kernels/guarded.h"
#include "kernels/half.h"

/* n halves that end right before a guard page; g.p is the base of their memory seen as floats. */
static inline uint16_t *guarded_halves(guarded *g, int64_t n) {
    *g = guarded_new((n + 1) / 2);
    return (uint16_t *)(void *)g->p + (n & 1);
}

static inline float float_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

typedef struct half_format {
    const char *name;
    float (*widen)(uint16_t);
    uint16_t (*narrow)(float);
    float ulp; /* half a unit in the last place of 1 */
    gft_to_half_fn *to;
    gft_from_half_fn *from;
    gft_gemm_half_kernels *gemm;
} half_format;

static inline void check_widening(const half_format *f) {
    for (int64_t n = 0; n <= 70; n++) {
        guarded x;
        uint16_t *from = guarded_halves(&x, n);
        guarded y = guarded_new(n);
        for (uint32_t base = 0; base < 0x10000u; base += n < 64 ? 9973 : 64) {
            for (int64_t i = 0; i < n; i++)
                from[i] = (uint16_t)(base + (uint32_t)i);
            f->from(from, y.p, n);
            for (int64_t i = 0; i < n; i++) {
                float want = f->widen(from[i]);
                if (isnan(want) ? !isnan(y.p[i]) : memcmp(&want, &y.p[i], sizeof want) != 0)
                    fail_msg("%s: %04x gives %g, expected %g", f->name, from[i], (double)y.p[i],
                             (double)want);
            }
        }
        guarded_free(&x);
        guarded_free(&y);
    }
}

/*
 * Any float, with a liking for ties, subnormals of either type, the largest numbers, infinities and
 * NaN.
 */
static inline float awkward_float(gft_rng *rng) {
    uint32_t bits = gft_rng_u32(rng);
    switch (gft_rng_below(rng, 6)) {
    case 0:
        return float_from_bits((bits & 0xffff0000u) | 0x8000u); /* a tie of bfloat16 */
    case 1:
        return float_from_bits((bits & 0xffffe000u) | 0x1000u); /* of half */
    case 2:
        return float_from_bits((bits & 0x807fffffu) | (100u + bits % 16u)
                                                          << 23); /* half's subnormals */
    case 3:
        return float_from_bits((bits & 0x807fffffu) | (bits % 3u ? 0u : 0x7f800000u));
    case 4:
        return (bits & 1u ? 65519.0f : 65520.0f) * (bits & 2u ? 1.0f : -1.0f);
    default:
        return float_from_bits(bits);
    }
}

static inline void check_narrowing(const half_format *f) {
    gft_rng rng = gft_rng_make(61, GFT_RNG_TEST, 0);
    for (int64_t n = 0; n <= 70; n++) {
        guarded x = guarded_new(n);
        guarded y;
        uint16_t *to = guarded_halves(&y, n);
        for (int round = 0; round < 60; round++) {
            for (int64_t i = 0; i < n; i++)
                x.p[i] = awkward_float(&rng);
            f->to(x.p, to, n);
            for (int64_t i = 0; i < n; i++) {
                if (to[i] != f->narrow(x.p[i]))
                    fail_msg("%s: %.9g gives %04x, expected %04x", f->name, (double)x.p[i], to[i],
                             f->narrow(x.p[i]));
            }
        }
        guarded_free(&x);
        guarded_free(&y);
    }
}

typedef struct half_case {
    int64_t rows, cols, taps, depth;
    bool bias, residual, clamp, scatter, odd_values, to_f32, accumulate, unary, transposed,
        packed_half;
} half_case;

static inline void double_and_alpha(const float *x, float *y, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        y[i] = 2.0f * x[i] + alpha;
}

static inline uint16_t random_half(const half_format *f, gft_rng *rng) {
    return f->narrow(2.0f * gft_rng_uniform(rng) - 1.0f);
}

/*
 * A matrix in float32 (rounded while it is packed) or in 16 bits, row-major or transposed: packed,
 * and in `plain`.
 */
static inline guarded pack_half_matrix(const half_format *f, gft_rng *rng, const half_case *g,
                                       float *plain) {
    int64_t count = g->taps * g->depth * g->cols;
    guarded src = guarded_random(rng, count);
    guarded narrow;
    uint16_t *half = guarded_halves(&narrow, count);
    for (int64_t i = 0; i < count; i++)
        half[i] = f->narrow(src.p[i]);
    gft_gemm_half_source s = {.f32 = g->packed_half ? NULL : src.p,
                              .half = g->packed_half ? half : NULL,
                              .convert = f->to,
                              .taps = g->taps,
                              .depth = g->depth,
                              .cols = g->cols,
                              .tap_stride = g->depth * g->cols,
                              .row_stride = g->transposed ? 1 : g->cols,
                              .col_stride = g->transposed ? g->depth : 1,
                              .nr = f->gemm->nr,
                              .group = f->gemm->group};
    for (int64_t t = 0; t < g->taps; t++)
        for (int64_t k = 0; k < g->depth; k++)
            for (int64_t j = 0; j < g->cols; j++)
                plain[(t * g->depth + k) * g->cols + j] =
                    f->widen(half[t * s.tap_stride + k * s.row_stride + j * s.col_stride]);
    int64_t panels = (g->cols + s.nr - 1) / s.nr;
    guarded packed;
    uint16_t *to = guarded_halves(&packed, panels * gft_gemm_half_panel(g->taps, g->depth, s.nr));
    gft_gemm_pack_half(&s, 0, panels, to);
    guarded_free(&src);
    guarded_free(&narrow);
    return packed;
}

static inline double half_case_value(const half_format *f, const half_case *g, double sum) {
    sum = clamp_double(sum, g->clamp ? -0.5f : -INFINITY, g->clamp ? 0.5f : INFINITY);
    (void)f;
    return g->unary ? 2.0 * sum + 0.25 : sum;
}

static inline void assert_half_close(const half_format *f, float got, double want, double magnitude,
                                     double terms, bool rounded) {
    if (isnan(want) || isinf(want)) {
        assert_sum_close(got, want, magnitude, terms);
        return;
    }
    double bound =
        (terms + 4.0) * 1.2e-7 * magnitude + (rounded ? 1.01 * (double)f->ulp * fabs(want) : 0.0);
    bound += rounded ? 6e-8 : 1e-33; /* half's smallest step */
    if (!(fabs((double)got - want) <= bound))
        fail_msg("%s: %.9g, expected %.9g within %g", f->name, (double)got, want, bound);
}

/* What one product reads and writes. */
typedef struct half_buffers {
    int64_t stride, count; /* of c */
    guarded packed, bias, c, c_half, more;
    guarded *a; /* rows of A, each in front of its own guard page */
    const uint16_t **pointers;
    uint16_t *c16, *residual;
    int64_t *offsets;
    float *plain, *before;
} half_buffers;

static inline void fill_half_rows(const half_format *f, gft_rng *rng, const half_case *g,
                                  half_buffers *m) {
    for (int64_t i = 0; i < g->taps * g->rows; i++) {
        uint16_t *row = guarded_halves(&m->a[i], g->depth);
        m->pointers[i / g->rows * (g->rows + 1) + i % g->rows] = row;
        for (int64_t k = 0; k < g->depth; k++)
            row[k] = random_half(f, rng);
        if (g->odd_values && gft_rng_below(rng, 4) == 0 && g->depth > 0)
            row[gft_rng_below(rng, (uint32_t)g->depth)] =
                f->narrow(gft_rng_below(rng, 2) ? NAN : INFINITY);
    }
}

static inline half_buffers half_buffers_new(const half_format *f, gft_rng *rng,
                                            const half_case *g) {
    half_buffers m = {.stride = g->cols + 1 + (int64_t)gft_rng_below(rng, 5)};
    m.count = g->rows * m.stride;
    m.plain = calloc((size_t)(g->taps * g->depth * g->cols) + 1, sizeof *m.plain);
    m.packed = pack_half_matrix(f, rng, g, m.plain);
    m.bias = guarded_random(rng, g->cols);
    m.c = guarded_new(m.count);
    m.c16 = guarded_halves(&m.c_half, m.count);
    m.residual = guarded_halves(&m.more, m.count);
    m.before = calloc((size_t)m.count + 1, sizeof *m.before);
    m.a = calloc((size_t)(g->taps * g->rows + 1), sizeof *m.a);
    m.pointers = calloc((size_t)(g->taps * (g->rows + 1) + 1), sizeof *m.pointers);
    m.offsets = calloc((size_t)g->rows + 1, sizeof *m.offsets);
    fill_half_rows(f, rng, g, &m);
    for (int64_t i = 0; i < g->rows; i++)
        m.offsets[i] = g->scatter ? (g->rows - 1 - i) * m.stride : i * m.stride;
    for (int64_t i = 0; i < m.count; i++) {
        m.residual[i] = random_half(f, rng);
        m.c16[i] = 0x5a5a;
        m.before[i] = m.c.p[i] = 2.0f * gft_rng_uniform(rng) - 1.0f;
    }
    return m;
}

static inline void half_buffers_free(const half_case *g, half_buffers *m) {
    for (int64_t i = 0; i < g->taps * g->rows; i++)
        guarded_free(&m->a[i]);
    guarded *const all[] = {&m->packed, &m->bias, &m->c, &m->c_half, &m->more};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_free(all[i]);
    free(m->plain);
    free(m->before);
    free(m->a);
    free(m->pointers);
    free(m->offsets);
}

static inline void run_half_case(const half_format *f, const half_case *g, const half_buffers *m) {
    gft_gemm_half_args args = {.rows = g->rows,
                               .cols = g->cols,
                               .taps = g->taps,
                               .depth = g->depth,
                               .a = m->pointers,
                               .a_stride = g->rows + 1,
                               .b = (const uint16_t *)(const void *)m->packed.p,
                               .b_panel_stride =
                                   gft_gemm_half_panel(g->taps, g->depth, f->gemm->nr),
                               .c = g->to_f32 ? NULL : m->c16,
                               .c_f32 = g->to_f32 ? m->c.p : NULL,
                               .c_stride = m->stride,
                               .c_rows = g->scatter ? m->offsets : NULL,
                               .bias = g->bias ? m->bias.p : NULL,
                               .residual = g->residual ? m->residual : NULL,
                               .accumulate = g->accumulate,
                               .lo = g->clamp ? -0.5f : -INFINITY,
                               .hi = g->clamp ? 0.5f : INFINITY,
                               .unary = g->unary ? double_and_alpha : NULL,
                               .alpha = 0.25f};
    f->gemm->run(&args);
}

/* Element (i, j) against its sum in double. */
static inline void check_half_element(const half_format *f, const half_case *g,
                                      const half_buffers *m, int64_t i, int64_t j) {
    int64_t at = m->offsets[i] + j;
    double sum = g->bias ? (double)m->bias.p[j] : 0.0;
    double magnitude = 3.0;
    sum += g->residual ? (double)f->widen(m->residual[at]) : 0.0;
    sum += g->accumulate && g->to_f32 ? (double)m->before[at] : 0.0;
    for (int64_t t = 0; t < g->taps * g->depth; t++) {
        const uint16_t *row = m->pointers[t / g->depth * (g->rows + 1) + i];
        double v = (double)f->widen(row[t % g->depth]) * (double)m->plain[t * g->cols + j];
        sum += v;
        magnitude += fabs(v);
    }
    assert_half_close(f, g->to_f32 ? m->c.p[at] : f->widen(m->c16[at]), half_case_value(f, g, sum),
                      magnitude, (double)(g->taps * g->depth), !g->to_f32);
}

static inline void check_half_case(const half_format *f, gft_rng *rng, half_case g) {
    half_buffers m = half_buffers_new(f, rng, &g);
    run_half_case(f, &g, &m);
    for (int64_t i = 0; i < g.rows; i++) {
        for (int64_t j = 0; j < g.cols; j++)
            check_half_element(f, &g, &m, i, j);
        for (int64_t j = g.cols; j < m.stride; j++) {
            assert_int_equal(m.c16[i * m.stride + j], 0x5a5a);
            assert_true(m.c.p[i * m.stride + j] == m.before[i * m.stride + j]);
        }
    }
    half_buffers_free(&g, &m);
}

static inline void check_half_gemm(const half_format *f) {
    gft_rng rng = gft_rng_make(62, GFT_RNG_TEST, 0);
    static const int64_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 27, 33};
    gft_gemm_half_kernels *k = f->gemm;
    for (int64_t rows = 0; rows <= 2 * k->mr + 1; rows++)
        for (int64_t cols = 0; cols <= 2 * k->nr + 1;
             cols += 1 + (int64_t)gft_rng_below(&rng, (uint32_t)k->nr / 3)) {
            uint32_t bits = gft_rng_u32(&rng);
            half_case g = {.rows = rows,
                           .cols = cols,
                           .taps = 1 + (int64_t)gft_rng_below(&rng, 4),
                           .depth = depths[gft_rng_below(&rng, 12)],
                           .bias = bits & 1u,
                           .residual = bits & 2u,
                           .clamp = bits & 4u,
                           .scatter = bits & 8u,
                           .odd_values = (bits & 0x30u) == 0x30u,
                           .to_f32 = bits & 0x40u,
                           .accumulate = bits & 0x80u,
                           .unary = (bits & 0x300u) == 0x300u,
                           .transposed = bits & 0x400u,
                           .packed_half = bits & 0x800u};
            check_half_case(f, &rng, g);
        }
    static const int64_t deep[][2] = {{1, 511}, {1, 1030}, {3, 200}, {9, 65}, {600, 1}};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        for (int64_t rows = 1; rows < 3 * k->mr; rows += k->mr)
            check_half_case(f, &rng,
                            (half_case){.rows = rows,
                                        .cols = k->nr + 3,
                                        .taps = deep[i][0],
                                        .depth = deep[i][1],
                                        .bias = true,
                                        .residual = rows > 1,
                                        .clamp = i == 2,
                                        .to_f32 = i % 2});
}

#endif
