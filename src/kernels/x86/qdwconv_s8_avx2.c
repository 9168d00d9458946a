/*
 * 8-bit depthwise convolution for AVX2: 16 channels, two taps at a time. Bytes of the two taps are
 * interleaved, widened and multiplied by pairs of weights (vpmaddwd), which is exact. Windows of
 * 3x3 and 5x5 at strides 1 and 2 take four pixels together, so that a column interleaved once
 * serves all taps that meet it.
 */
#include <stdbool.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "kernels/x86/qrequant_avx2.h"

#define BLOCK 16
#define PIXELS 4
/* GCC would compute products of several columns ahead and spill them. */
#define IN_ORDER(a, b) __asm__ volatile("" : "+x"(a), "+x"(b))
#define INLINE static inline __attribute__((always_inline))

typedef struct block {
    int64_t pairs, n; /* n: channels, at most 16 */
    const int16_t *w;
    __m256i offset0, offset1;
    __m256 m0, m1;
    __m128i flip;
} block;

INLINE __m128i load_bytes(const uint8_t *x, int64_t n) {
    if (n >= BLOCK)
        return _mm_loadu_si128((const __m128i *)(const void *)x);
    uint8_t lane[BLOCK] = {0};
    memcpy(lane, x, (size_t)n);
    return _mm_loadu_si128((const __m128i *)(const void *)lane);
}

INLINE __m256i weights(const int16_t *w) {
    return _mm256_loadu_si256((const __m256i *)(const void *)w);
}

/* Any window: x[2i] and x[2i + 1] are the taps of pair i. */
static __m128i pixel(const requant_avx2 *r, const block *b, const uint8_t *const *x, int64_t at) {
    __m256i s0 = b->offset0;
    __m256i s1 = b->offset1;
    const int16_t *w = b->w;
    for (int64_t i = 0; i < b->pairs; i++, w += 2 * BLOCK) {
        const __m128i xa = _mm_xor_si128(load_bytes(x[2 * i] + at, b->n), b->flip);
        const __m128i xb = _mm_xor_si128(load_bytes(x[2 * i + 1] + at, b->n), b->flip);
        const __m256i p0 = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(xa, xb));
        const __m256i p1 = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(xa, xb));
        s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(p0, weights(w)));
        s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(p1, weights(w + 16)));
    }
    return requantise_16(r, s0, s1, b->m0, b->m1);
}

/*
 * Adds pairs of column `column` (interleaved already) to the pixels that meet it, for taps that
 * step by `step`: the first pair's weights are at w.
 */
INLINE void add_column(__m256i p0, __m256i p1, const int16_t *w, int column, int taps, int step,
                       int stride, __m256i *s0, __m256i *s1) {
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++) {
        const int tap = column - i * stride;
        if (tap >= 0 && tap < taps && tap % step == 0) {
            const int16_t *at = w + tap / step * 2 * BLOCK;
            s0[i] = _mm256_add_epi32(s0[i], _mm256_madd_epi16(p0, weights(at)));
            s1[i] = _mm256_add_epi32(s1[i], _mm256_madd_epi16(p1, weights(at + 16)));
            IN_ORDER(s0[i], s1[i]);
        }
    }
}

INLINE void interleave(const uint8_t *xa, const uint8_t *xb, __m128i flip, bool unsigned_bytes,
                       __m256i *p0, __m256i *p1) {
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)xa);
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)xb);
    if (unsigned_bytes) {
        a = _mm_xor_si128(a, flip);
        b = _mm_xor_si128(b, flip);
    }
    *p0 = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b));
    *p1 = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b));
}

/*
 * Four pixels of a window of `size` x `size` (odd), columns x_step bytes apart, `stride` columns
 * from pixel to pixel.
 */
INLINE void pixels_4(const requant_avx2 *r, const block *b, const uint8_t *const *rows, int64_t at,
                     int64_t x_step, int size, int stride, bool unsigned_bytes, uint8_t *y,
                     int64_t y_stride) {
    const int columns = (PIXELS - 1) * stride + size;
    __m256i s0[PIXELS];
    __m256i s1[PIXELS];
    __m256i p0;
    __m256i p1;
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++) {
        s0[i] = b->offset0;
        s1[i] = b->offset1;
    }
#pragma GCC unroll 2
    for (int pair = 0; pair < size / 2; pair++) {
        const uint8_t *xa = rows[2 * pair] + at;
        const uint8_t *xb = rows[2 * pair + 1] + at;
#pragma GCC unroll 16
        for (int c = 0; c < columns; c++) {
            interleave(xa + c * x_step, xb + c * x_step, b->flip, unsigned_bytes, &p0, &p1);
            add_column(p0, p1, b->w + pair * size * 2 * BLOCK, c, size, 1, stride, s0, s1);
        }
    }
    const uint8_t *last = rows[size - 1] + at;
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) { /* the last column's partner has weight 0 */
        const uint8_t *next = c + 1 < columns ? last + (c + 1) * x_step : last;
        interleave(last + c * x_step, next, b->flip, unsigned_bytes, &p0, &p1);
        add_column(p0, p1, b->w + size / 2 * size * 2 * BLOCK, c, size, 2, stride, s0, s1);
    }
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++)
        _mm_storeu_si128((__m128i *)(void *)(y + i * y_stride),
                         requantise_16(r, s0[i], s1[i], b->m0, b->m1));
}

/* Pixels 0..returned-1 of the run, for 16 channels from c. */
#define DEFINE_RUN(name, size, stride, unsigned_bytes)                                             \
    static int64_t name(const requant_avx2 *r, const block *b, const gft_qdwconv_args *d,          \
                        int64_t c) {                                                               \
        int64_t p = 0;                                                                             \
        for (; p + PIXELS <= d->width; p += PIXELS)                                                \
            pixels_4(r, b, d->x_rows, p * d->x_stride + c, d->x_step, size, stride,                \
                     unsigned_bytes, d->y + p * d->y_stride + c, d->y_stride);                     \
        return p;                                                                                  \
    }
DEFINE_RUN(run_3_1, 3, 1, false)
DEFINE_RUN(run_3_2, 3, 2, false)
DEFINE_RUN(run_5_1, 5, 1, false)
DEFINE_RUN(run_5_2, 5, 2, false)
DEFINE_RUN(run_3_1_u8, 3, 1, true)
DEFINE_RUN(run_3_2_u8, 3, 2, true)
DEFINE_RUN(run_5_1_u8, 5, 1, true)
DEFINE_RUN(run_5_2_u8, 5, 2, true)

typedef int64_t run_fn(const requant_avx2 *, const block *, const gft_qdwconv_args *, int64_t);

static run_fn *choose(const gft_qdwconv_args *d) {
    static run_fn *const runs[2][2][2] = {{{run_3_1, run_3_1_u8}, {run_3_2, run_3_2_u8}},
                                          {{run_5_1, run_5_1_u8}, {run_5_2, run_5_2_u8}}};
    if (d->taps_h != d->taps_w || (d->taps_h != 3 && d->taps_h != 5) || d->channels < BLOCK ||
        (d->x_stride != d->x_step && d->x_stride != 2 * d->x_step))
        return NULL;
    return runs[d->taps_h == 5][d->x_stride != d->x_step][d->out.flip != 0];
}

static void run(const gft_qdwconv_args *d) {
    const requant_avx2 r = requant_avx2_of(&d->out);
    const uint8_t *x[2 * GFT_QDWCONV_MAX_TAPS];
    block b = {.pairs = gft_qdwconv_slots(2, d->taps_h, d->taps_w) / 2,
               .flip = _mm_set1_epi8((char)d->out.flip)};
    b.n = d->channels < BLOCK ? d->channels : BLOCK;
    run_fn *fast = choose(d);
    for (int64_t i = 0; i < 2 * b.pairs; i++) {
        int64_t row;
        int64_t column;
        const bool there = gft_qdwconv_pair(d->taps_h, d->taps_w, i / 2, i % 2, &row, &column);
        x[i] = there ? d->x_rows[row] + column * d->x_step : x[i - 1];
    }
    for (int64_t i = 0; i * BLOCK < d->channels; i++) {
        const int64_t c = gft_qdwconv_block_at(BLOCK, d->channels, i);
        __m256i m0;
        __m256i m1;
        b.w = (const int16_t *)d->w + i * b.pairs * 2 * BLOCK;
        load_some(d->out.offset + c, b.n, &b.offset0, &b.offset1);
        load_some(d->out.multiplier + c, b.n, &m0, &m1);
        b.m0 = _mm256_castsi256_ps(m0);
        b.m1 = _mm256_castsi256_ps(m1);
        for (int64_t p = fast ? fast(&r, &b, d, c) : 0; p < d->width; p++)
            store_some(d->y + p * d->y_stride + c, pixel(&r, &b, x, p * d->x_stride + c), b.n);
    }
}

const struct gft_qdwconv_kernels gft_qdwconv_s8_avx2 = {BLOCK, 2, 2, 0, run};
