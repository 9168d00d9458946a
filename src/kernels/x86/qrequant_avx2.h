/*
 * Requantisation of int32 sums for AVX2 (the rule in kernels/qgemm.h), shared by the GEMM and the
 * depthwise kernel.
 *
 * Only the upper bound is taken before the conversion: a float that is too small becomes INT32_MIN,
 * which the packing instructions saturate to the smallest byte; the lower bound is then a maximum
 * of bytes.
 */
#ifndef GFT_KERNELS_QREQUANT_AVX2_H
#define GFT_KERNELS_QREQUANT_AVX2_H

#include <string.h>

#include "kernels/qgemm.h"
#include "kernels/x86/intrinsics.h"

typedef struct requant_avx2 {
    __m256 hi;          /* hi - zero point */
    __m256i zero_point; /* int16 */
    __m128i lo, flip;
} requant_avx2;

static inline requant_avx2 requant_avx2_of(const gft_requant *out) {
    return (requant_avx2){_mm256_set1_ps((float)(out->hi - out->zero_point)),
                          _mm256_set1_epi16((short)out->zero_point), _mm_set1_epi8((char)out->lo),
                          _mm_set1_epi8((char)out->flip)};
}

/* 16 sums, offsets included, to 16 bytes. */
static inline __m128i requantise_16(const requant_avx2 *r, __m256i acc0, __m256i acc1, __m256 m0,
                                    __m256 m1) {
    __m256 f0 = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(acc0), m0), r->hi);
    __m256 f1 = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(acc1), m1), r->hi);
    __m256i q = _mm256_packs_epi32(_mm256_cvtps_epi32(f0), _mm256_cvtps_epi32(f1));
    q = _mm256_adds_epi16(_mm256_permute4x64_epi64(q, 0xd8), r->zero_point);
    __m128i b = _mm_packs_epi16(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    return _mm_xor_si128(_mm_max_epi8(b, r->lo), r->flip);
}

/* 16 sums each of two rows to 16 bytes each: the first row's in the low half. */
static inline __m256i requantise_32(const requant_avx2 *r, __m256i a0, __m256i a1, __m256i b0, __m256i b1, __m256 m0,
                                    __m256 m1) {
    const __m256 fa0 = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(a0), m0), r->hi);
    const __m256 fa1 = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(a1), m1), r->hi);
    const __m256 fb0 = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(b0), m0), r->hi);
    const __m256 fb1 = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(b1), m1), r->hi);
    __m256i qa = _mm256_packs_epi32(_mm256_cvtps_epi32(fa0), _mm256_cvtps_epi32(fa1));
    __m256i qb = _mm256_packs_epi32(_mm256_cvtps_epi32(fb0), _mm256_cvtps_epi32(fb1));
    qa = _mm256_adds_epi16(qa, r->zero_point);
    qb = _mm256_adds_epi16(qb, r->zero_point);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i q = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(qa, qb), order);
    return _mm256_xor_si256(_mm256_max_epi8(q, _mm256_broadcastsi128_si256(r->lo)),
                            _mm256_broadcastsi128_si256(r->flip));
}

/* Up to 16 int32 or float values; the rest is zero. */
static inline void load_some(const void *from, int64_t n, __m256i *v0, __m256i *v1) {
    int32_t lane[16] = {0};
    memcpy(lane, from, (size_t)n * sizeof(int32_t));
    *v0 = _mm256_loadu_si256((const __m256i *)(const void *)lane);
    *v1 = _mm256_loadu_si256((const __m256i *)(const void *)(lane + 8));
}

static inline void store_some(uint8_t *to, __m128i v, int64_t n) {
    uint8_t lane[16];
    _mm_storeu_si128((__m128i *)(void *)lane, v);
    memcpy(to, lane, (size_t)n);
}

#endif
