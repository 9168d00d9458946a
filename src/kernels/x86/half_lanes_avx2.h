/*
 * Vectors of 16-bit floats for AVX2 with F16C: eight numbers widened to a register of floats, and
 * narrowed.
 */
#ifndef GFT_KERNELS_HALF_LANES_AVX2_H
#define GFT_KERNELS_HALF_LANES_AVX2_H

#include "kernels/x86/lanes_avx2.h"

#define HALF_INLINE static inline __attribute__((always_inline))

HALF_INLINE __m128i half_bits_n(const uint16_t *p, int64_t n) {
    uint16_t all[LANES] = {0};
    memcpy(all, p, (size_t)n * sizeof *p);
    return _mm_loadu_si128((const __m128i *)(const void *)all);
}
HALF_INLINE __m128i half_bits(const uint16_t *p) {
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}
HALF_INLINE void half_put(uint16_t *p, __m128i x) {
    _mm_storeu_si128((__m128i *)(void *)p, x);
}
HALF_INLINE void half_put_n(uint16_t *p, int64_t n, __m128i x) {
    uint16_t all[LANES];
    half_put(all, x);
    memcpy(p, all, (size_t)n * sizeof *p);
}

HALF_INLINE lanes bf16_widen(__m128i x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
/*
 * To nearest even by adding half a unit, less one where the kept part is even; NaN keeps its upper
 * bits.
 */
HALF_INLINE __m128i bf16_narrow(lanes x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i lsb = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_add_epi32(bits, _mm256_add_epi32(lsb, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i top = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
}

HALF_INLINE lanes bf16_load(const uint16_t *p) {
    return bf16_widen(half_bits(p));
}
HALF_INLINE lanes bf16_load_n(const uint16_t *p, int64_t n) {
    return bf16_widen(half_bits_n(p, n));
}
HALF_INLINE void bf16_store(uint16_t *p, lanes x) {
    half_put(p, bf16_narrow(x));
}
HALF_INLINE void bf16_store_n(uint16_t *p, int64_t n, lanes x) {
    half_put_n(p, n, bf16_narrow(x));
}

HALF_INLINE lanes f16_load(const uint16_t *p) {
    return _mm256_cvtph_ps(half_bits(p));
}
HALF_INLINE lanes f16_load_n(const uint16_t *p, int64_t n) {
    return _mm256_cvtph_ps(half_bits_n(p, n));
}
HALF_INLINE void f16_store(uint16_t *p, lanes x) {
    half_put(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
HALF_INLINE void f16_store_n(uint16_t *p, int64_t n, lanes x) {
    half_put_n(p, n, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

#endif
