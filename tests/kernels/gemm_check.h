/*
 * Checks one set of GEMM kernels against sums in double: all remainders of the tile, several taps,
 * depths around the blocking, strides, scattered rows, epilogues, NaN and infinity, guard pages and
 * untouched gaps.
 */
#ifndef GFT_TEST_GEMM_CHECK_H
#define GFT_TEST_GEMM_CHECK_H

#include "kernels/gemm.h"
#include "kernels/guarded.h"

typedef struct gemm_case {
    int64_t rows, cols, taps, depth;
    bool bias, residual, alias, clamp, scatter, odd_values;
} gemm_case;

static inline guarded packed_matrix(int64_t nr, const float *b, int64_t depth, int64_t cols) {
    int64_t panels = gft_gemm_panels(cols, nr);
    guarded packed = guarded_new(panels * depth * nr);
    gft_gemm_pack_f32(b, depth, cols, cols, 1, nr, 0, panels, packed.p);
    return packed;
}

/* Every row of every tap has a buffer of its own; some hold a NaN or an infinity. */
static inline void fill_rows(gft_rng *rng, gemm_case g, guarded *a, const float **pointers) {
    for (int64_t i = 0; i < g.taps * g.rows; i++) {
        a[i] = guarded_random(rng, g.depth);
        pointers[i / g.rows * (g.rows + 1) + i % g.rows] = a[i].p;
        if (g.odd_values && gft_rng_below(rng, 4) == 0 && g.depth > 0)
            a[i].p[gft_rng_below(rng, (uint32_t)g.depth)] = gft_rng_below(rng, 2) ? NAN : INFINITY;
    }
}

static inline void check_gemm_case(const gft_gemm_f32_kernels *k, gft_rng *rng, gemm_case g) {
    int64_t depth = g.taps * g.depth;
    int64_t stride = g.cols + 1 + (int64_t)gft_rng_below(rng, 5);
    guarded b = guarded_random(rng, depth * g.cols);
    guarded bias = guarded_random(rng, g.cols);
    guarded residual = guarded_random(rng, g.rows * stride);
    guarded c = guarded_new(g.rows * stride);
    guarded *a = calloc((size_t)(g.taps * g.rows + 1), sizeof *a);
    const float **pointers = calloc((size_t)(g.taps * (g.rows + 1) + 1), sizeof *pointers);
    int64_t *offsets = calloc((size_t)g.rows + 1, sizeof *offsets);
    fill_rows(rng, g, a, pointers);
    for (int64_t i = 0; i < g.rows; i++)
        offsets[i] = (g.rows - 1 - i) * stride;
    mark_untouched(c.p, g.rows * stride);
    if (g.alias)
        for (int64_t i = 0; i < g.rows; i++)
            memcpy(c.p + i * stride, residual.p + i * stride, (size_t)g.cols * sizeof(float));
    guarded packed = packed_matrix(k->nr, b.p, depth, g.cols);
    gft_gemm_f32_args args = {.rows = g.rows,
                              .cols = g.cols,
                              .taps = g.taps,
                              .depth = g.depth,
                              .a = pointers,
                              .a_stride = g.rows + 1,
                              .b = packed.p,
                              .b_panel_stride = depth * k->nr,
                              .c = c.p,
                              .c_stride = stride,
                              .c_rows = g.scatter ? offsets : NULL,
                              .bias = g.bias ? bias.p : NULL,
                              .residual = g.alias      ? c.p
                                          : g.residual ? residual.p
                                                       : NULL,
                              .lo = g.clamp ? 0.0f : -INFINITY,
                              .hi = g.clamp ? 0.5f : INFINITY};
    k->run(&args);
    for (int64_t i = 0; i < g.rows; i++) {
        int64_t at = g.scatter ? offsets[i] : i * stride;
        for (int64_t j = 0; j < g.cols; j++) {
            double sum = (g.bias ? (double)bias.p[j] : 0.0) +
                         (g.residual || g.alias ? (double)residual.p[at + j] : 0.0);
            double magnitude = 2.0;
            for (int64_t t = 0; t < depth; t++) {
                double v = (double)a[t / g.depth * g.rows + i].p[t % g.depth] *
                           (double)b.p[t * g.cols + j];
                sum += v;
                magnitude += fabs(v);
            }
            assert_sum_close(c.p[at + j], clamp_double(sum, args.lo, args.hi), magnitude,
                             (double)depth);
        }
        for (int64_t j = g.cols; j < stride; j++)
            assert_true(is_untouched(c.p + i * stride + j));
    }
    for (int64_t i = 0; i < g.taps * g.rows; i++)
        guarded_free(&a[i]);
    guarded *const all[] = {&b, &bias, &residual, &c, &packed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_free(all[i]);
    free(a);
    free(pointers);
    free(offsets);
}

static inline void check_gemm(const gft_gemm_f32_kernels *k) {
    gft_rng rng = gft_rng_make(51, GFT_RNG_TEST, 0);
    static const int64_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 27, 33};
    for (int64_t rows = 0; rows <= 2 * k->mr + 1; rows++)
        for (int64_t cols = 0; cols <= 2 * k->nr + 1;
             cols += 1 + (int64_t)gft_rng_below(&rng, (uint32_t)k->nr / 3)) {
            gemm_case g = {.rows = rows,
                           .cols = cols,
                           .taps = 1 + (int64_t)gft_rng_below(&rng, 4),
                           .depth = depths[gft_rng_below(&rng, 12)]};
            uint32_t bits = gft_rng_u32(&rng);
            g.bias = bits & 1u;
            g.residual = bits & 2u;
            g.alias = (bits & 12u) == 12u;
            g.clamp = bits & 16u;
            g.scatter = bits & 32u;
            g.odd_values = (bits & 0xc0u) == 0xc0u;
            check_gemm_case(k, &rng, g);
        }
    static const int64_t deep[][2] = {{1, 511}, {1, 512}, {1, 513}, {1, 1030},
                                      {3, 200}, {9, 64},  {2, 700}, {600, 1}};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        for (int64_t rows = 1; rows < 3 * k->mr; rows += k->mr)
            check_gemm_case(k, &rng,
                            (gemm_case){.rows = rows,
                                        .cols = k->nr + 3,
                                        .taps = deep[i][0],
                                        .depth = deep[i][1],
                                        .bias = true,
                                        .residual = rows > 1,
                                        .alias = rows > 1 && i % 2,
                                        .clamp = true});
}

static inline void check_gemm_tn_case(const gft_gemm_f32_kernels *k, gft_rng *rng, int64_t rows,
                                      int64_t cols, int64_t depth, bool accumulate) {
    int64_t stride = cols + 3;
    int64_t offset = (int64_t)gft_rng_below(rng, 4);
    guarded b = guarded_random(rng, depth * cols);
    guarded c = guarded_random(rng, rows * stride);
    guarded before = guarded_random(rng, rows * stride);
    guarded *a = calloc((size_t)depth + 1, sizeof *a);
    const float **pointers = calloc((size_t)depth + 1, sizeof *pointers);
    for (int64_t p = 0; p < depth; p++) {
        a[p] = guarded_random(rng, offset + rows);
        pointers[p] = a[p].p;
    }
    memcpy(before.p, c.p, (size_t)(rows * stride) * sizeof(float));
    guarded packed = packed_matrix(k->nr, b.p, depth, cols);
    gft_gemm_tn_f32_args args = {.rows = rows,
                                 .cols = cols,
                                 .depth = depth,
                                 .a = pointers,
                                 .a_offset = offset,
                                 .b = packed.p,
                                 .b_panel_stride = depth * k->nr,
                                 .c = c.p,
                                 .c_stride = stride,
                                 .accumulate = accumulate};
    k->run_tn(&args);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < cols; j++) {
            double sum = accumulate ? (double)before.p[i * stride + j] : 0.0;
            double magnitude = 1.0;
            for (int64_t p = 0; p < depth; p++) {
                double v = (double)a[p].p[offset + i] * (double)b.p[p * cols + j];
                sum += v;
                magnitude += fabs(v);
            }
            assert_sum_close(c.p[i * stride + j], sum, magnitude, (double)depth);
        }
        assert_memory_equal(c.p + i * stride + cols, before.p + i * stride + cols,
                            3 * sizeof(float));
    }
    for (int64_t p = 0; p < depth; p++)
        guarded_free(&a[p]);
    guarded *const all[] = {&b, &c, &before, &packed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_free(all[i]);
    free(a);
    free(pointers);
}

static inline void check_gemm_tn(const gft_gemm_f32_kernels *k) {
    gft_rng rng = gft_rng_make(52, GFT_RNG_TEST, 0);
    for (int64_t rows = 0; rows <= 2 * k->mr + 1; rows++)
        for (int64_t cols = 0; cols <= 2 * k->nr + 1;
             cols += 1 + (int64_t)gft_rng_below(&rng, (uint32_t)k->nr / 3))
            check_gemm_tn_case(k, &rng, rows, cols, (int64_t)gft_rng_below(&rng, 40),
                               gft_rng_below(&rng, 2));
    check_gemm_tn_case(k, &rng, 17, 2 * k->nr, 900, true);
}

/*
 * Panels hold the matrix, then zeros; also from a transposed source and for a part of the panels.
 */
static inline void check_pack(int64_t nr) {
    gft_rng rng = gft_rng_make(53, GFT_RNG_TEST, 0);
    for (int64_t cols = 1; cols <= 3 * nr; cols += 1 + (int64_t)gft_rng_below(&rng, 6)) {
        int64_t depth = 1 + (int64_t)gft_rng_below(&rng, 20);
        bool transposed = gft_rng_below(&rng, 2);
        int64_t first = cols > nr ? 1 : 0;
        int64_t panels = gft_gemm_panels(cols, nr) - first;
        guarded src = guarded_random(&rng, depth * cols);
        guarded dst = guarded_new(panels * depth * nr);
        int64_t row_stride = transposed ? 1 : cols;
        int64_t col_stride = transposed ? depth : 1;
        gft_gemm_pack_f32(src.p, depth, cols, row_stride, col_stride, nr, first, panels, dst.p);
        for (int64_t i = 0; i < panels * depth * nr; i++) {
            int64_t col = (first + i / (depth * nr)) * nr + i % nr;
            float want = col < cols ? src.p[i / nr % depth * row_stride + col * col_stride] : 0.0f;
            assert_true(dst.p[i] == want);
        }
        guarded_free(&src);
        guarded_free(&dst);
    }
}

#endif
