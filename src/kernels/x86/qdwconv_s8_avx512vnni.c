/*
 * 8-bit depthwise convolution for AVX-512 VNNI: 16 channels, two taps at a time. Bytes of the two
 * taps are interleaved and widened; vpdpwssd multiplies pairs and adds them in one instruction.
 */
#include <stdbool.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "kernels/x86/intrinsics.h"

#define BLOCK 16
#define PIXELS 4 /* that share a load of the weights */

typedef struct block {
    int64_t pairs, n; /* n: channels, at most 16 */
    const int16_t *w;
    __m512i offset, lo, zero_point;
    __m512 m, hi;
    __m128i flip;
} block;

static inline __m128i load_bytes(const uint8_t *x, int64_t n) {
    if (n >= BLOCK)
        return _mm_loadu_si128((const __m128i *)(const void *)x);
    uint8_t lane[BLOCK] = {0};
    memcpy(lane, x, (size_t)n);
    return _mm_loadu_si128((const __m128i *)(const void *)lane);
}

static inline void store_pixel(const block *b, __m512i acc, uint8_t *y) {
    __m512 x = _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc), b->m), b->hi);
    __m512i q = _mm512_add_epi32(_mm512_max_epi32(_mm512_cvtps_epi32(x), b->lo), b->zero_point);
    uint8_t lane[BLOCK];
    _mm_storeu_si128((__m128i *)(void *)(b->n == BLOCK ? y : lane),
                     _mm_xor_si128(_mm512_cvtsepi32_epi8(q), b->flip));
    if (b->n != BLOCK)
        memcpy(y, lane, (size_t)b->n);
}

static inline __m512i taps(const block *b, const uint8_t *xa, const uint8_t *xb) {
    const __m128i a = _mm_xor_si128(load_bytes(xa, b->n), b->flip);
    const __m128i c = _mm_xor_si128(load_bytes(xb, b->n), b->flip);
    return _mm512_cvtepi8_epi16(_mm256_set_m128i(_mm_unpackhi_epi8(a, c), _mm_unpacklo_epi8(a, c)));
}

static void pixel(const block *b, const uint8_t *const *x, int64_t at, uint8_t *y) {
    __m512i s = b->offset;
    for (int64_t i = 0; i < b->pairs; i++)
        s = _mm512_dpwssd_epi32(s, taps(b, x[2 * i] + at, x[2 * i + 1] + at),
                                _mm512_loadu_si512(b->w + 2 * BLOCK * i));
    store_pixel(b, s, y);
}

static void pixels_4(const block *b, const uint8_t *const *x, int64_t at, int64_t stride,
                     uint8_t *y, int64_t y_stride) {
    __m512i s0 = b->offset;
    __m512i s1 = b->offset;
    __m512i s2 = b->offset;
    __m512i s3 = b->offset;
    for (int64_t i = 0; i < b->pairs; i++) {
        const __m512i w = _mm512_loadu_si512(b->w + 2 * BLOCK * i);
        const uint8_t *xa = x[2 * i] + at;
        const uint8_t *xb = x[2 * i + 1] + at;
        s0 = _mm512_dpwssd_epi32(s0, taps(b, xa, xb), w);
        s1 = _mm512_dpwssd_epi32(s1, taps(b, xa + stride, xb + stride), w);
        s2 = _mm512_dpwssd_epi32(s2, taps(b, xa + 2 * stride, xb + 2 * stride), w);
        s3 = _mm512_dpwssd_epi32(s3, taps(b, xa + 3 * stride, xb + 3 * stride), w);
    }
    store_pixel(b, s0, y);
    store_pixel(b, s1, y + y_stride);
    store_pixel(b, s2, y + 2 * y_stride);
    store_pixel(b, s3, y + 3 * y_stride);
}

static void run_depthwise(const gft_qdwconv_args *d) {
    const uint8_t *x[2 * GFT_QDWCONV_MAX_TAPS];
    block b = {.pairs = gft_qdwconv_slots(2, d->taps_h, d->taps_w) / 2,
               .flip = _mm_set1_epi8((char)d->out.flip)};
    b.n = d->channels < BLOCK ? d->channels : BLOCK;
    b.hi = _mm512_set1_ps((float)(d->out.hi - d->out.zero_point));
    b.lo = _mm512_set1_epi32(d->out.lo - d->out.zero_point);
    b.zero_point = _mm512_set1_epi32(d->out.zero_point);
    for (int64_t i = 0; i < 2 * b.pairs; i++) {
        int64_t row;
        int64_t column;
        const bool there = gft_qdwconv_pair(d->taps_h, d->taps_w, i / 2, i % 2, &row, &column);
        x[i] = there ? d->x_rows[row] + column * d->x_step : x[i - 1];
    }
    for (int64_t i = 0; i * BLOCK < d->channels; i++) {
        const int64_t c = gft_qdwconv_block_at(BLOCK, d->channels, i);
        int32_t offset[BLOCK] = {0};
        float m[BLOCK] = {0};
        memcpy(offset, d->out.offset + c, (size_t)b.n * sizeof *offset);
        memcpy(m, d->out.multiplier + c, (size_t)b.n * sizeof *m);
        b.w = (const int16_t *)d->w + i * b.pairs * 2 * BLOCK;
        b.offset = _mm512_loadu_si512(offset);
        b.m = _mm512_loadu_ps(m);
        int64_t p = 0;
        for (; b.n == BLOCK && p + PIXELS <= d->width; p += PIXELS)
            pixels_4(&b, x, p * d->x_stride + c, d->x_stride, d->y + p * d->y_stride + c,
                     d->y_stride);
        for (; p < d->width; p++)
            pixel(&b, x, p * d->x_stride + c, d->y + p * d->y_stride + c);
    }
}

extern const struct gft_qdwconv_kernels GFT_SIMD_NAME(gft_qdwconv_s8, avx512vnni);
const struct gft_qdwconv_kernels GFT_SIMD_NAME(gft_qdwconv_s8, avx512vnni) = {BLOCK, 2, 2, 0,
                                                                              run_depthwise};
