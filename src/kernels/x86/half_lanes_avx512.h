/*
 * Vectors of 16-bit floats for AVX-512: sixteen numbers widened to a register of floats, and
 * narrowed.
 */
#ifndef GFT_KERNELS_HALF_LANES_AVX512_H
#define GFT_KERNELS_HALF_LANES_AVX512_H

#include <string.h>

#include "kernels/x86/lanes_avx512.h"

#define HALF_INLINE static inline __attribute__((always_inline))

HALF_INLINE __m256i half_bits(const uint16_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
HALF_INLINE __m256i half_bits_n(const uint16_t *p, int64_t n) {
    uint16_t all[LANES] = {0};
    memcpy(all, p, (size_t)n * sizeof *p);
    return half_bits(all);
}
HALF_INLINE void half_put(uint16_t *p, __m256i x) {
    _mm256_storeu_si256((__m256i *)(void *)p, x);
}
HALF_INLINE void half_put_n(uint16_t *p, int64_t n, __m256i x) {
    uint16_t all[LANES];
    half_put(all, x);
    memcpy(p, all, (size_t)n * sizeof *p);
}

HALF_INLINE lanes bf16_widen(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
/*
 * To nearest even by adding half a unit, less one where the kept part is even; NaN keeps its upper
 * bits. Not vcvtneps2bf16, which flushes subnormals.
 */
HALF_INLINE __m256i bf16_narrow(lanes x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_add_epi32(bits, _mm512_add_epi32(lsb, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(
        _mm512_srli_epi32(_mm512_mask_blend_epi32(nan, rounded, quiet), 16));
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
    return _mm512_cvtph_ps(half_bits(p));
}
HALF_INLINE lanes f16_load_n(const uint16_t *p, int64_t n) {
    return _mm512_cvtph_ps(half_bits_n(p, n));
}
HALF_INLINE void f16_store(uint16_t *p, lanes x) {
    half_put(p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
HALF_INLINE void f16_store_n(uint16_t *p, int64_t n, lanes x) {
    half_put_n(p, n, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

#endif
