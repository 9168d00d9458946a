/*
 * Checks 8-bit kernels of any CPU level against the scalar ones, bit for bit: all remainders of
 * tiles and vectors, extremes (-128 and 127 alone), int8 and uint8, guard pages behind every
 * buffer, bytes that must stay untouched.
 */
#ifndef GFT_TEST_QKERNELS_CHECK_H
#define GFT_TEST_QKERNELS_CHECK_H

#include "kernels/guarded.h"
#include "kernels/kernel_table.h"

typedef enum qfill { QFILL_RANDOM, QFILL_LOW, QFILL_HIGH, QFILL_ENDS } qfill;

/* n bytes right before a guard page. */
static inline guarded qbytes(gft_rng *rng, int64_t n, qfill fill, uint8_t **p) {
    guarded g = guarded_new((n + 3) / 4);
    *p = (uint8_t *)g.p + (n + 3) / 4 * 4 - n;
    for (int64_t i = 0; i < n; i++) {
        uint8_t ends = gft_rng_below(rng, 2) ? 0x80 : 0x7f;
        (*p)[i] = fill == QFILL_LOW    ? 0x80
                  : fill == QFILL_HIGH ? 0x7f
                  : fill == QFILL_ENDS ? ends
                                       : (uint8_t)gft_rng_below(rng, 256);
    }
    return g;
}

/*
 * Tables of `columns` columns; multipliers from hardly anything to far beyond the range of bytes.
 */
static inline gft_requant qrequant(gft_rng *rng, int64_t columns, guarded *offset,
                                   guarded *multiplier, double terms) {
    static const float factors[] = {1.0f, 0.01f, 40.0f, 1e-30f, 1e30f};
    *offset = guarded_new(columns);
    *multiplier = guarded_new(columns);
    int32_t *o = (int32_t *)(void *)offset->p;
    const float factor = factors[gft_rng_below(rng, 12) < 8 ? 0 : gft_rng_below(rng, 5)];
    for (int64_t i = 0; i < columns; i++) {
        o[i] = gft_rng_below(rng, 40) == 0 ? (int32_t)gft_rng_u32(rng)
                                           : (int32_t)gft_rng_below(rng, 20001) - 10000;
        multiplier->p[i] =
            factor * (0.2f + gft_rng_uniform(rng)) / (float)(60.0 * sqrt(terms + 1.0));
    }
    int32_t lo = -128;
    int32_t hi = 127;
    if (gft_rng_below(rng, 3) == 0) {
        lo = (int32_t)gft_rng_below(rng, 200) - 128;
        hi = lo + (int32_t)gft_rng_below(rng, (uint32_t)(128 - lo));
    }
    return (gft_requant){o,
                         multiplier->p,
                         (int32_t)gft_rng_below(rng, 256) - 128,
                         lo,
                         hi,
                         gft_rng_below(rng, 2) ? 0x80 : 0};
}

typedef struct qgemm_case {
    int64_t rows, cols, taps, depth;
    qfill a, w;
} qgemm_case;

static inline void qgemm_run(gft_qgemm_kernels *k, const qgemm_case *g, const uint8_t *const *a,
                             const int8_t *w, gft_requant out, uint8_t *c, int64_t stride,
                             gft_rng *rng) {
    const int64_t terms = g->taps * g->depth;
    const int64_t panels = (g->cols + k->nr - 1) / k->nr;
    int32_t *offset = calloc((size_t)g->cols + 1, sizeof *offset);
    for (int64_t j = 0; j < g->cols;
         j++) { /* kernels may add a number to every a: the offsets take it back */
        uint32_t sum = 0;
        for (int64_t t = 0; t < terms; t++)
            sum += (uint32_t)(int32_t)w[t * g->cols + j];
        offset[j] = (int32_t)((uint32_t)out.offset[j] - (uint32_t)k->a_bias * sum);
    }
    out.offset = offset;
    uint8_t *packed;
    uint8_t *scratch;
    guarded b = qbytes(rng, panels * gft_qgemm_panel_bytes(k, terms), QFILL_ENDS, &packed);
    gft_qgemm_pack(k, w, terms, g->cols, g->cols, 1, 0, panels, packed);
    const int64_t bytes = (gft_qgemm_scratch(k, g->rows, terms) + 63) / 64 * 64;
    guarded s = qbytes(rng, bytes, QFILL_ENDS, &scratch);
    const gft_qgemm_args args = {.rows = g->rows,
                                 .cols = g->cols,
                                 .taps = g->taps,
                                 .depth = g->depth,
                                 .a = a,
                                 .a_stride = g->rows + 1,
                                 .b = packed,
                                 .b_panel_stride = gft_qgemm_panel_bytes(k, terms),
                                 .c = c,
                                 .c_stride = stride,
                                 .out = out,
                                 .scratch = scratch};
    k->run(&args);
    guarded_free(&b);
    guarded_free(&s);
    free(offset);
}

static inline void check_qgemm_case(gft_qgemm_kernels *k, gft_rng *rng, qgemm_case g) {
    const int64_t stride = g.cols + (int64_t)gft_rng_below(rng, 4);
    const int64_t size = g.rows > 0 ? (g.rows - 1) * stride + g.cols : 0;
    guarded offset;
    guarded multiplier;
    uint8_t *w;
    uint8_t *c;
    const gft_requant out =
        qrequant(rng, g.cols, &offset, &multiplier, (double)(g.taps * g.depth) * 5000.0);
    guarded wg = qbytes(rng, g.taps * g.depth * g.cols, g.w, &w);
    guarded cg = qbytes(rng, size, QFILL_RANDOM, &c);
    uint8_t *want = malloc((size_t)size + 1);
    memcpy(want, c, (size_t)size);
    guarded *a = calloc((size_t)(g.taps * g.rows + 1), sizeof *a);
    const uint8_t **pointers = calloc((size_t)(g.taps * (g.rows + 1) + 1), sizeof *pointers);
    for (int64_t i = 0; i < g.taps * g.rows; i++) {
        uint8_t *p;
        a[i] = qbytes(rng, g.depth, g.a, &p);
        pointers[i / g.rows * (g.rows + 1) + i % g.rows] = p;
    }
    qgemm_run(&gft_qgemm_s8_scalar, &g, pointers, (const int8_t *)w, out, want, stride, rng);
    qgemm_run(k, &g, pointers, (const int8_t *)w, out, c, stride, rng);
    assert_memory_equal(c, want, (size_t)size);
    for (int64_t i = 0; i < g.taps * g.rows; i++)
        guarded_free(&a[i]);
    guarded *const all[] = {&offset, &multiplier, &wg, &cg};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_free(all[i]);
    free(a);
    free(pointers);
    free(want);
}

static inline void check_qgemm(gft_qgemm_kernels *k) {
    gft_rng rng = gft_rng_make(61, GFT_RNG_TEST, 0);
    static const int64_t depths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 27, 33, 64, 67};
    for (int64_t rows = 0; rows <= 2 * k->mr + 1; rows++)
        for (int64_t cols = 0; cols <= 2 * k->nr + 1;
             cols += 1 + (int64_t)gft_rng_below(&rng, (uint32_t)k->nr / 3))
            check_qgemm_case(k, &rng,
                             (qgemm_case){rows, cols, 1 + (int64_t)gft_rng_below(&rng, 4),
                                          depths[gft_rng_below(&rng, 16)], QFILL_RANDOM,
                                          QFILL_RANDOM});
    for (int a = QFILL_RANDOM; a <= QFILL_ENDS; a++)
        for (int w = QFILL_RANDOM; w <= QFILL_ENDS; w++)
            for (int64_t depth = 1; depth < 1500; depth = depth * 3 + 1)
                check_qgemm_case(
                    k, &rng,
                    (qgemm_case){k->mr + 1, k->nr + 3, 1 + depth % 2, depth, (qfill)a, (qfill)w});
}

typedef struct qdwconv_case {
    int64_t width, channels, taps_h, taps_w, stride, dilation;
    qfill x, w;
} qdwconv_case;

static inline void qdwconv_run(gft_qdwconv_kernels *k, const qdwconv_case *g,
                               const uint8_t *const *rows, const int8_t *w, gft_requant out,
                               uint8_t *y, int64_t y_stride, gft_rng *rng) {
    const int64_t taps = g->taps_h * g->taps_w;
    int32_t *offset = calloc((size_t)g->channels + 1, sizeof *offset);
    for (int64_t c = 0; c < g->channels; c++) {
        int32_t sum = 0;
        for (int64_t t = 0; t < taps; t++)
            sum += w[t * g->channels + c];
        offset[c] = (int32_t)((uint32_t)out.offset[c] - (uint32_t)(k->x_bias * sum));
    }
    out.offset = offset;
    uint8_t *packed;
    const int64_t bytes =
        gft_qdwconv_blocks(k, g->channels) * gft_qdwconv_block_bytes(k, g->taps_h, g->taps_w);
    guarded b = qbytes(rng, bytes, QFILL_ENDS, &packed);
    gft_qdwconv_pack(k, w, g->taps_h, g->taps_w, g->channels, packed);
    const gft_qdwconv_args args = {.width = g->width,
                                   .channels = g->channels,
                                   .taps_h = g->taps_h,
                                   .taps_w = g->taps_w,
                                   .x_rows = rows,
                                   .x_step = g->dilation * g->channels,
                                   .x_stride = g->stride * g->channels,
                                   .w = packed,
                                   .y = y,
                                   .y_stride = y_stride,
                                   .out = out};
    k->run(&args);
    guarded_free(&b);
    free(offset);
}

static inline void check_qdwconv_case(gft_qdwconv_kernels *k, gft_rng *rng, qdwconv_case g) {
    const int64_t columns = (g.width - 1) * g.stride + (g.taps_w - 1) * g.dilation + 1;
    const int64_t y_stride = g.channels + (int64_t)gft_rng_below(rng, 3);
    const int64_t size = (g.width - 1) * y_stride + g.channels;
    guarded offset;
    guarded multiplier;
    uint8_t *w;
    uint8_t *y;
    const uint8_t *rows[16];
    guarded x[16];
    const gft_requant out =
        qrequant(rng, g.channels, &offset, &multiplier, (double)(g.taps_h * g.taps_w) * 5000.0);
    for (int64_t r = 0; r < g.taps_h; r++) {
        uint8_t *p;
        x[r] = qbytes(rng, columns * g.channels, g.x, &p);
        rows[r] = p;
    }
    guarded wg = qbytes(rng, g.taps_h * g.taps_w * g.channels, g.w, &w);
    guarded yg = qbytes(rng, size, QFILL_RANDOM, &y);
    uint8_t *want = malloc((size_t)size + 1);
    memcpy(want, y, (size_t)size);
    qdwconv_run(&gft_qdwconv_s8_scalar, &g, rows, (const int8_t *)w, out, want, y_stride, rng);
    qdwconv_run(k, &g, rows, (const int8_t *)w, out, y, y_stride, rng);
    assert_memory_equal(y, want, (size_t)size);
    for (int64_t r = 0; r < g.taps_h; r++)
        guarded_free(&x[r]);
    guarded *const all[] = {&offset, &multiplier, &wg, &yg};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_free(all[i]);
    free(want);
}

static inline void check_qdwconv(gft_qdwconv_kernels *k) {
    gft_rng rng = gft_rng_make(62, GFT_RNG_TEST, 0);
    static const int64_t windows[][2] = {{1, 1}, {3, 3}, {5, 5}, {1, 3}, {2, 2}, {7, 4}, {3, 1}};
    for (int64_t channels = 1; channels <= 70; channels += channels < 36 ? 1 : 5)
        for (int i = 0; i < 4; i++) {
            const int64_t *window = windows[gft_rng_below(&rng, 7)];
            check_qdwconv_case(
                k, &rng,
                (qdwconv_case){1 + (int64_t)gft_rng_below(&rng, 12), channels, window[0], window[1],
                               1 + (int64_t)gft_rng_below(&rng, 2),
                               1 + (int64_t)gft_rng_below(&rng, 2), QFILL_RANDOM, QFILL_RANDOM});
        }
    for (int x = QFILL_RANDOM; x <= QFILL_ENDS; x++)
        for (int w = QFILL_RANDOM; w <= QFILL_ENDS; w++)
            for (int64_t stride = 1; stride <= 2; stride++)
                check_qdwconv_case(k, &rng,
                                   (qdwconv_case){9, 40, 3, 3, stride, 1, (qfill)x, (qfill)w});
}

static inline gft_qbinary_args qbinary_args(gft_rng *rng) {
    gft_qbinary_args g = {.shift = (int32_t)gft_rng_below(rng, 31)};
    const int32_t limit = g.shift < 20 ? 1 << 20 : 1 << 21;
    g.a_multiplier = (int32_t)gft_rng_below(rng, (uint32_t)limit);
    g.b_multiplier =
        (int32_t)gft_rng_below(rng, (uint32_t)limit) * (gft_rng_below(rng, 2) ? 1 : -1);
    g.bias = (int32_t)gft_rng_below(rng, 1u << 29) - (1 << 28);
    g.a_zero = (int32_t)gft_rng_below(rng, 256) - 128;
    g.b_zero = (int32_t)gft_rng_below(rng, 256) - 128;
    g.scale = gft_rng_uniform(rng) * (gft_rng_below(rng, 5) == 0 ? 1e6f : 0.02f);
    g.zero_point = (int32_t)gft_rng_below(rng, 256) - 128;
    g.lo = gft_rng_below(rng, 2) ? -128 : g.zero_point;
    g.hi = 127;
    g.flip = gft_rng_below(rng, 2) ? 0x80 : 0;
    return g;
}

/* aliased: y lies on a. */
static inline void check_qbinary_one(gft_qbinary_fn *fn, gft_qbinary_fn *scalar, gft_rng *rng,
                                     int64_t n, bool aliased) {
    static const int64_t steps[][2] = {{1, 1}, {1, 0}, {0, 1}, {1, 3}, {0, 0}};
    const int64_t *step = steps[aliased ? 0 : gft_rng_below(rng, 5)];
    gft_qbinary_args g = qbinary_args(rng);
    uint8_t *a;
    uint8_t *b;
    uint8_t *y;
    guarded ag = qbytes(rng, n > 0 ? (n - 1) * step[0] + 1 : 1, QFILL_RANDOM, &a);
    guarded bg = qbytes(rng, n > 0 ? (n - 1) * step[1] + 1 : 1, QFILL_RANDOM, &b);
    guarded yg = qbytes(rng, n, QFILL_RANDOM, &y);
    uint8_t *want = malloc((size_t)n + 1);
    g.a = a;
    g.b = b;
    g.a_step = step[0];
    g.b_step = step[1];
    g.n = n;
    g.y = want;
    scalar(&g);
    g.y = aliased ? a : y;
    fn(&g);
    assert_memory_equal(g.y, want, (size_t)n);
    guarded_free(&ag);
    guarded_free(&bg);
    guarded_free(&yg);
    free(want);
}

static inline void check_qbinary(gft_qbinary_fn *fn, gft_qbinary_fn *scalar) {
    gft_rng rng = gft_rng_make(63, GFT_RNG_TEST, 0);
    for (int64_t n = 0; n <= 70; n++)
        for (int i = 0; i < 6; i++)
            check_qbinary_one(fn, scalar, &rng, n, i == 5);
    for (int i = 0; i < 40; i++)
        check_qbinary_one(fn, scalar, &rng, 4000, false);
}

static inline void check_qlookup(gft_qlookup_fn *fn) {
    gft_rng rng = gft_rng_make(64, GFT_RNG_TEST, 0);
    for (int64_t n = 0; n <= 700; n += 1 + (int64_t)gft_rng_below(&rng, 9)) {
        uint8_t *x;
        uint8_t *table;
        guarded xg = qbytes(&rng, n, QFILL_RANDOM, &x);
        guarded tg = qbytes(&rng, 256, QFILL_RANDOM, &table);
        uint8_t *want = malloc((size_t)n + 1);
        const uint8_t flip = gft_rng_below(&rng, 2) ? 0x80 : 0;
        gft_qlookup_s8_scalar(x, table, flip, want, n);
        fn(x, table, flip, x, n);
        assert_memory_equal(x, want, (size_t)n);
        guarded_free(&xg);
        guarded_free(&tg);
        free(want);
    }
}

static inline void check_qpool(gft_qpool_max_fn *max, gft_qsum_rows_fn *sum) {
    gft_rng rng = gft_rng_make(65, GFT_RNG_TEST, 0);
    for (int64_t channels = 1; channels <= 70; channels++) {
        const int64_t rows = channels % 10 == 0 ? 700 : 1 + (int64_t)gft_rng_below(&rng, 30);
        const uint8_t flip = gft_rng_below(&rng, 2) ? 0x80 : 0;
        const uint8_t *cells[700];
        uint8_t *x;
        uint8_t *y;
        guarded xg =
            qbytes(&rng, rows * channels, channels % 20 == 0 ? QFILL_LOW : QFILL_RANDOM, &x);
        guarded yg = qbytes(&rng, channels, QFILL_RANDOM, &y);
        guarded sg = guarded_new(channels);
        uint8_t want[70];
        int32_t sums[70];
        int32_t *s = (int32_t *)(void *)sg.p;
        for (int64_t c = 0; c < channels; c++)
            s[c] = sums[c] = (int32_t)c * 1000;
        for (int64_t r = 0; r < rows; r++)
            cells[r] = x + r * channels;
        gft_qpool_max_s8_scalar(cells, rows, channels, flip, want);
        max(cells, rows, channels, flip, y);
        assert_memory_equal(y, want, (size_t)channels);
        gft_qsum_rows_s8_scalar(x, rows, channels, channels, flip, sums);
        sum(x, rows, channels, channels, flip, s);
        assert_memory_equal(s, sums, (size_t)channels * sizeof *sums);
        guarded_free(&xg);
        guarded_free(&yg);
        guarded_free(&sg);
    }
}

static inline void check_qconvert(gft_quantize_s8_fn *quantize, gft_dequantize_s8_fn *dequantize) {
    gft_rng rng = gft_rng_make(66, GFT_RNG_TEST, 0);
    for (int64_t n = 0; n <= 70; n++) {
        guarded xg = guarded_random(&rng, n);
        guarded fg = guarded_new(n);
        uint8_t *y;
        guarded yg = qbytes(&rng, n, QFILL_RANDOM, &y);
        uint8_t want[70];
        float floats[70];
        const uint8_t flip = gft_rng_below(&rng, 2) ? 0x80 : 0;
        const int32_t zero = (int32_t)gft_rng_below(&rng, 256) - 128;
        static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0.5f, 1.5f, -2.5f};
        for (int64_t i = 0; i < n; i++)
            xg.p[i] = gft_rng_below(&rng, 6) == 0 ? odd[gft_rng_below(&rng, 8)] : xg.p[i] * 150.0f;
        gft_quantize_s8_scalar(xg.p, 1.0f, zero, flip, want, n);
        quantize(xg.p, 1.0f, zero, flip, y, n);
        assert_memory_equal(y, want, (size_t)n);
        gft_dequantize_s8_scalar(y, 0.037f, zero, flip, floats, n);
        dequantize(y, 0.037f, zero, flip, fg.p, n);
        assert_memory_equal(fg.p, floats, (size_t)n * sizeof(float));
        guarded_free(&xg);
        guarded_free(&fg);
        guarded_free(&yg);
    }
}

#endif
