/*
 * Checks one set of Winograd kernels against the transform matrices in double: every number of
 * channels around the vector, tiles that stick out on any side, partial results, strides,
 * residuals, clamps, NaN, guard pages and untouched gaps; and all parts together against the
 * convolution.
 */
#ifndef GFT_TEST_WINOGRAD_CHECK_H
#define GFT_TEST_WINOGRAD_CHECK_H

#include "kernels/gemm.h"
#include "kernels/guarded.h"
#include "kernels/winograd.h"

#define A GFT_WINOGRAD_A
#define B GFT_WINOGRAD_B
static const double points_matrix_2[6][6] = {
    {1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}};
static const double points_matrix_4[6][6] = {{A * A * B * B, 0, -A *A - B *B, 0, 1, 0},
                                             {0, -A *B *B, -B *B, A, 1, 0},
                                             {0, A *B *B, -B *B, -A, 1, 0},
                                             {0, -A *A *B, -A *A, B, 1, 0},
                                             {0, A *A *B, -A *A, -B, 1, 0},
                                             {0, A *A *B *B, 0, -A *A - B *B, 0, 1}};
static const double results_matrix_2[4][6] = {{1, 1, 1, 0}, {0, 1, -1, 1}};
static const double results_matrix_4[4][6] = {{1, 1, 1, 1, 1, 0},
                                              {0, A, -A, B, -B, 0},
                                              {0, A *A, A *A, B *B, B *B, 0},
                                              {0, A *A *A, -A *A *A, B *B *B, -B *B *B, 1}};
static const double filter_matrix_2[6][3] = {
    {1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
#define NA (2 * A * A * (A * A - B * B))
#define NB (2 * B * B * (B * B - A * A))
static const double filter_matrix_4[6][3] = {
    {1 / (A * A * B * B), 0, 0}, {1 / NA, A / NA, A *A / NA},  {1 / NA, -A / NA, A *A / NA},
    {1 / NB, B / NB, B *B / NB}, {1 / NB, -B / NB, B *B / NB}, {0, 0, 1}};
#undef NA
#undef NB
#undef A
#undef B

/* (M d M^T)[row][col] for side x side values d; the sum of absolute terms goes to *magnitude. */
static inline double both_sides(const double (*m)[6], int side, int row, int col, const double *d,
                                double *magnitude) {
    double sum = 0;
    *magnitude = 0;
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            const double weight = m[row][i] * m[col][j];
            if (weight == 0) /* not a term: infinity times nothing */
                continue;
            sum += weight * d[i * side + j];
            *magnitude += fabs(weight * d[i * side + j]);
        }
    return sum;
}

/*
 * The tile is a window of exactly the valid pixels' memory: reading any other one ends at a guard
 * page or is NaN.
 */
static inline void check_input_case(const gft_winograd_f32_kernels *k, gft_rng *rng, int m,
                                    int64_t channels, const int64_t edge[4], bool odd_values) {
    const int side = m + 2;
    const int64_t rows = edge[1] - edge[0];
    const int64_t cols = edge[3] - edge[2];
    const int64_t pixel = channels + (int64_t)gft_rng_below(rng, 3);
    const int64_t row = cols * pixel + (int64_t)gft_rng_below(rng, 3);
    const int64_t floats =
        rows > 0 && cols > 0 ? (rows - 1) * row + (cols - 1) * pixel + channels : 0;
    guarded x = guarded_random(rng, floats);
    if (odd_values && floats > 0)
        x.p[gft_rng_below(rng, (uint32_t)floats)] = NAN;
    const int64_t point = channels + 1 + (int64_t)gft_rng_below(rng, 3);
    guarded v = guarded_new((side * side - 1) * point + channels);
    mark_untouched(v.p, (side * side - 1) * point + channels);
    gft_winograd_f32_input_args args = {.x = x.p,
                                        .origin = -edge[0] * row - edge[2] * pixel,
                                        .row_stride = row,
                                        .pixel_stride = pixel,
                                        .h_first = edge[0],
                                        .h_end = edge[1],
                                        .w_first = edge[2],
                                        .w_end = edge[3],
                                        .channels = channels,
                                        .v = v.p,
                                        .point_stride = point};
    (m == 4 ? k->input_4 : k->input_2)(&args);
    for (int64_t c = 0; c < channels; c++) {
        double d[36] = {0};
        for (int64_t i = edge[0]; i < edge[1]; i++)
            for (int64_t j = edge[2]; j < edge[3]; j++)
                d[i * side + j] = (double)x.p[(i - edge[0]) * row + (j - edge[2]) * pixel + c];
        for (int p = 0; p < side * side; p++) {
            double magnitude;
            double want = both_sides(m == 4 ? points_matrix_4 : points_matrix_2, side, p / side,
                                     p % side, d, &magnitude);
            assert_sum_close(v.p[p * point + c], want, magnitude, 12.0);
        }
    }
    for (int p = 0; p + 1 < side * side; p++)
        for (int64_t c = channels; c < point; c++)
            assert_true(is_untouched(v.p + p * point + c));
    guarded_free(&x);
    guarded_free(&v);
}

static inline void check_winograd_input(const gft_winograd_f32_kernels *k) {
    gft_rng rng = gft_rng_make(31, GFT_RNG_TEST, 0);
    for (int m = 2; m <= 4; m += 2) {
        for (int64_t channels = 1; channels <= 35; channels++) {
            const int64_t whole[4] = {0, m + 2, 0, m + 2};
            check_input_case(k, &rng, m, channels, whole, channels % 4 == 0);
            for (int i = 0; i < 6; i++) {
                int64_t edge[4];
                for (int axis = 0; axis < 4; axis += 2) {
                    edge[axis] = (int64_t)gft_rng_below(&rng, (uint32_t)m + 2);
                    edge[axis + 1] =
                        edge[axis] + (int64_t)gft_rng_below(&rng, (uint32_t)(m + 3 - edge[axis]));
                }
                check_input_case(k, &rng, m, channels, edge, false);
            }
        }
    }
}

static inline void check_output_case(const gft_winograd_f32_kernels *k, gft_rng *rng, int m,
                                     int64_t channels, int64_t rows, int64_t cols) {
    const int side = m + 2;
    const int64_t point = channels + (int64_t)gft_rng_below(rng, 3);
    const int64_t pixel = channels + 1 + (int64_t)gft_rng_below(rng, 3);
    const int64_t row = cols * pixel + (int64_t)gft_rng_below(rng, 3);
    const int64_t floats = (rows - 1) * row + (cols - 1) * pixel + channels;
    const bool alias = gft_rng_below(rng, 3) == 0;
    const bool clamp = gft_rng_below(rng, 2);
    guarded s = guarded_random(rng, (side * side - 1) * point + channels);
    guarded bias = guarded_random(rng, channels);
    guarded residual = guarded_random(rng, floats);
    guarded y = guarded_new(floats);
    mark_untouched(y.p, floats);
    if (gft_rng_below(rng, 4) == 0)
        s.p[0] = NAN;
    for (int64_t i = 0; alias && i < rows * cols; i++)
        memcpy(y.p + i / cols * row + i % cols * pixel,
               residual.p + i / cols * row + i % cols * pixel, (size_t)channels * sizeof(float));
    gft_winograd_f32_output_args args = {.s = s.p,
                                         .point_stride = point,
                                         .channels = channels,
                                         .y = y.p,
                                         .row_stride = row,
                                         .pixel_stride = pixel,
                                         .rows = rows,
                                         .cols = cols,
                                         .bias = gft_rng_below(rng, 2) ? bias.p : NULL,
                                         .residual = alias                   ? y.p
                                                     : gft_rng_below(rng, 2) ? residual.p
                                                                             : NULL,
                                         .lo = clamp ? 0.0f : -INFINITY,
                                         .hi = clamp ? 1.0f : INFINITY};
    (m == 4 ? k->output_4 : k->output_2)(&args);
    for (int64_t i = 0; i < rows * cols; i++) {
        const int64_t at = i / cols * row + i % cols * pixel;
        for (int64_t c = 0; c < channels; c++) {
            double d[36];
            double magnitude;
            for (int p = 0; p < side * side; p++)
                d[p] = (double)s.p[p * point + c];
            double want = both_sides(m == 4 ? results_matrix_4 : results_matrix_2, side,
                                     (int)(i / cols), (int)(i % cols), d, &magnitude);
            want += (args.bias ? (double)bias.p[c] : 0.0) +
                    (args.residual ? (double)residual.p[at + c] : 0.0);
            want = isnan(want) ? want : clamp_double(want, args.lo, args.hi);
            assert_sum_close(y.p[at + c], want, magnitude + 2.0, 14.0);
        }
        for (int64_t c = channels; c < pixel && at + c < floats; c++)
            assert_true(is_untouched(y.p + at + c));
    }
    guarded *const all[] = {&s, &bias, &residual, &y};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_free(all[i]);
}

static inline void check_winograd_output(const gft_winograd_f32_kernels *k) {
    gft_rng rng = gft_rng_make(32, GFT_RNG_TEST, 0);
    for (int m = 2; m <= 4; m += 2)
        for (int64_t channels = 1; channels <= 35; channels++)
            for (int64_t rows = 1; rows <= m; rows++)
                for (int64_t cols = 1; cols <= m; cols++)
                    check_output_case(k, &rng, m, channels, rows, cols);
}

static inline void check_product_case(const gft_winograd_f32_kernels *k, gft_rng *rng, int64_t rows,
                                      int64_t panels, int64_t depth) {
    const int64_t nr = k->product_nr;
    const int64_t v_row = depth + (int64_t)gft_rng_below(rng, 3);
    const int64_t s_row = panels * nr + 1 + (int64_t)gft_rng_below(rng, 3);
    guarded v = guarded_random(rng, (rows - 1) * v_row + depth);
    guarded u = guarded_random(rng, panels * depth * nr);
    guarded next = guarded_random(rng, depth * nr);
    guarded s = guarded_new((rows - 1) * s_row + panels * nr);
    mark_untouched(s.p, (rows - 1) * s_row + panels * nr);
    gft_winograd_f32_product_args args = {.rows = rows,
                                          .panels = panels,
                                          .depth = depth,
                                          .v = v.p,
                                          .v_row = v_row,
                                          .u = u.p,
                                          .next = gft_rng_below(rng, 2) ? next.p : NULL,
                                          .s = s.p,
                                          .s_row = s_row};
    k->product(&args);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < panels * nr; j++) {
            double want = 0;
            double magnitude = 0;
            for (int64_t d = 0; d < depth; d++) {
                double term =
                    (double)v.p[i * v_row + d] * (double)u.p[(j / nr * depth + d) * nr + j % nr];
                want += term;
                magnitude += fabs(term);
            }
            assert_sum_close(s.p[i * s_row + j], want, magnitude, (double)depth);
        }
        for (int64_t j = panels * nr; j < s_row && i + 1 < rows; j++)
            assert_true(is_untouched(s.p + i * s_row + j));
    }
    guarded *const all[] = {&v, &u, &next, &s};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_free(all[i]);
}

static inline void check_winograd_product(const gft_winograd_f32_kernels *k) {
    gft_rng rng = gft_rng_make(33, GFT_RNG_TEST, 0);
    static const int64_t depths[] = {1, 2, 3, 8, 17, 64, 131};
    for (int64_t rows = 1; rows <= 27; rows++)
        for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++)
            check_product_case(k, &rng, rows, 1 + (int64_t)gft_rng_below(&rng, 3), depths[d]);
}

static inline void check_filter_case(const gft_winograd_f32_kernels *k, gft_rng *rng, int m,
                                     int64_t c, int64_t oc, bool flip) {
    const int side = m + 2;
    const int64_t nr = k->product_nr;
    const int64_t panels = gft_gemm_panels(oc, nr);
    const double(*g)[3] = m == 4 ? filter_matrix_4 : filter_matrix_2;
    guarded filter = guarded_random(rng, 9 * c * oc);
    guarded u = guarded_new(side * side * panels * c * nr);
    for (int64_t panel = 0; panel < panels; panel++) {
        const gft_winograd_f32_filter_args args = {
            .filter = filter.p, .c = c, .oc = oc, .flip = flip, .panel = panel, .u = u.p};
        (m == 4 ? k->filter_4 : k->filter_2)(&args);
    }
    for (int64_t i = 0; i < side * side * panels * c * nr; i++) {
        const int64_t p = i / (panels * c * nr);
        const int64_t channel = i / nr % c;
        const int64_t col = i / (c * nr) % panels * nr + i % nr;
        double want = 0;
        double magnitude = 0;
        for (int tap = 0; tap < 9 && col < oc; tap++) {
            const double weight = (double)filter.p[flip ? (8 - tap) * c * oc + col * c + channel
                                                        : tap * c * oc + channel * oc + col];
            const double term = g[p / side][tap / 3] * g[p % side][tap % 3] * weight;
            want += term;
            magnitude += fabs(term);
        }
        assert_sum_close(u.p[i], want, magnitude, 0.0);
    }
    guarded_free(&filter);
    guarded_free(&u);
}

static inline void check_winograd_filter(const gft_winograd_f32_kernels *k) {
    gft_rng rng = gft_rng_make(34, GFT_RNG_TEST, 0);
    for (int m = 2; m <= 4; m += 2)
        for (int64_t oc = 1; oc <= 70; oc++)
            check_filter_case(k, &rng, m, 1 + (int64_t)gft_rng_below(&rng, 9), oc, oc % 2);
}

#endif
