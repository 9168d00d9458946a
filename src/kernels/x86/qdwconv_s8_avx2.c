/*
 * 8-bit depthwise convolution for AVX2: 16 channels, two taps at a time. Bytes of the two taps are
 * interleaved, widened and multiplied by pairs of weights (vpmaddwd), which is exact.
 */
#include <string.h>

#include "kernels/kernel_table.h"
#include "kernels/x86/qrequant_avx2.h"

#define BLOCK 16
#define PIXELS 2 /* that share a load of the weights */
#define MAX_OFFSETS GFT_QDWCONV_MAX_TAPS

static inline __m128i load_bytes(const uint8_t *x, int64_t n) {
    if (n >= BLOCK)
        return _mm_loadu_si128((const __m128i *)(const void *)x);
    uint8_t lane[BLOCK] = {0};
    memcpy(lane, x, (size_t)n);
    return _mm_loadu_si128((const __m128i *)(const void *)lane);
}

typedef struct block {
    int64_t taps, n; /* n: channels, at most 16 */
    const int16_t *w;
    __m256i offset0, offset1;
    __m256 m0, m1;
    __m128i flip;
} block;

static inline void step(__m128i xa, __m128i xb, const int16_t *w, __m256i *s0, __m256i *s1) {
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)w);
    const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(w + 16));
    __m256i p0 = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(xa, xb));
    __m256i p1 = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(xa, xb));
    *s0 = _mm256_add_epi32(*s0, _mm256_madd_epi16(p0, w0));
    *s1 = _mm256_add_epi32(*s1, _mm256_madd_epi16(p1, w1));
}

/* One pixel whose taps lie at x[t]. */
static inline __m128i pixel(const requant_avx2 *r, const block *b, const uint8_t *const *x,
                            int64_t at) {
    __m256i s0 = b->offset0;
    __m256i s1 = b->offset1;
    const int16_t *w = b->w;
    int64_t t = 0;
    for (; t + 1 < b->taps; t += 2, w += 32)
        step(_mm_xor_si128(load_bytes(x[t] + at, b->n), b->flip),
             _mm_xor_si128(load_bytes(x[t + 1] + at, b->n), b->flip), w, &s0, &s1);
    if (t < b->taps)
        step(_mm_xor_si128(load_bytes(x[t] + at, b->n), b->flip), _mm_setzero_si128(), w, &s0, &s1);
    return requantise_16(r, s0, s1, b->m0, b->m1);
}

static inline __m128i full(const uint8_t *x, __m128i flip) {
    return _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)x), flip);
}

/* Two pixels, `stride` bytes apart: weights are loaded once. */
static inline void pixels_2(const requant_avx2 *r, const block *b, const uint8_t *const *x,
                            int64_t at, int64_t stride, __m128i *q) {
    __m256i s00 = b->offset0;
    __m256i s01 = b->offset1;
    __m256i s10 = b->offset0;
    __m256i s11 = b->offset1;
    const int16_t *w = b->w;
    int64_t t = 0;
    for (; t + 1 < b->taps; t += 2, w += 32) {
        const uint8_t *xa = x[t] + at;
        const uint8_t *xb = x[t + 1] + at;
        step(full(xa, b->flip), full(xb, b->flip), w, &s00, &s01);
        step(full(xa + stride, b->flip), full(xb + stride, b->flip), w, &s10, &s11);
    }
    if (t < b->taps) {
        const uint8_t *xa = x[t] + at;
        step(full(xa, b->flip), _mm_setzero_si128(), w, &s00, &s01);
        step(full(xa + stride, b->flip), _mm_setzero_si128(), w, &s10, &s11);
    }
    q[0] = requantise_16(r, s00, s01, b->m0, b->m1);
    q[1] = requantise_16(r, s10, s11, b->m0, b->m1);
}

static void run(const gft_qdwconv_args *d) {
    const requant_avx2 r = requant_avx2_of(&d->out);
    const uint8_t *x[MAX_OFFSETS];
    block b = {.taps = d->taps_h * d->taps_w, .flip = _mm_set1_epi8((char)d->out.flip)};
    b.n = d->channels < BLOCK ? d->channels : BLOCK;
    for (int64_t t = 0; t < b.taps; t++)
        x[t] = d->x_rows[t / d->taps_w] + t % d->taps_w * d->x_step;
    const int64_t block_elems = (b.taps + 1) / 2 * 2 * BLOCK;
    for (int64_t i = 0; i * BLOCK < d->channels; i++) {
        const int64_t c = gft_qdwconv_block_at(&gft_qdwconv_s8_avx2, d->channels, i);
        __m256i m0;
        __m256i m1;
        b.w = (const int16_t *)d->w + i * block_elems;
        load_some(d->out.offset + c, b.n, &b.offset0, &b.offset1);
        load_some(d->out.multiplier + c, b.n, &m0, &m1);
        b.m0 = _mm256_castsi256_ps(m0);
        b.m1 = _mm256_castsi256_ps(m1);
        uint8_t *y = d->y + c;
        int64_t p = 0;
        for (; b.n == BLOCK && p + PIXELS <= d->width; p += PIXELS) {
            __m128i q[PIXELS];
            pixels_2(&r, &b, x, p * d->x_stride + c, d->x_stride, q);
            _mm_storeu_si128((__m128i *)(void *)(y + p * d->y_stride), q[0]);
            _mm_storeu_si128((__m128i *)(void *)(y + (p + 1) * d->y_stride), q[1]);
        }
        for (; p < d->width; p++)
            store_some(y + p * d->y_stride, pixel(&r, &b, x, p * d->x_stride + c), b.n);
    }
}

const struct gft_qdwconv_kernels gft_qdwconv_s8_avx2 = {BLOCK, 2, 2, 0, run};
