/*
 * bfloat16 products for AVX-512 without BF16 instructions: pairs are widened by a shift and by
 * clearing the lower half. 14 x 32 tile as in float32.
 */
#include "kernels/half.h"
#include "kernels/kernel_table.h"
#include "kernels/x86/half_lanes_avx512.h"

#define half_load bf16_load
#define half_load_n bf16_load_n
#define half_store bf16_store
#define half_store_n bf16_store_n

HALF_INLINE __m512i pair_of(const uint16_t *p) {
    int32_t both;
    memcpy(&both, p, sizeof both);
    return _mm512_set1_epi32(both);
}
HALF_INLINE lanes even_of(__m512i pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}
HALF_INLINE lanes odd_of(__m512i pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int32_t)0xffff0000u)));
}
HALF_INLINE __m512i pairs_of(const uint16_t *b) {
    return _mm512_loadu_si512((const void *)b);
}
HALF_INLINE lanes even_a(const uint16_t *p) {
    return even_of(pair_of(p));
}
HALF_INLINE lanes odd_a(const uint16_t *p) {
    return odd_of(pair_of(p));
}
HALF_INLINE lanes single_a(const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_set1_epi32((int32_t)((uint32_t)*p << 16)));
}
HALF_INLINE lanes even_b(const uint16_t *b) {
    return even_of(pairs_of(b));
}
HALF_INLINE lanes odd_b(const uint16_t *b) {
    return odd_of(pairs_of(b));
}

#define TILE_ROWS 14
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#include "kernels/tmpl/gemm_half_tmpl.h"

extern const struct gft_gemm_half_kernels GFT_SIMD_NAME(gft_gemm_bf16, avx512);
const struct gft_gemm_half_kernels GFT_SIMD_NAME(gft_gemm_bf16, avx512) = {TILE_ROWS, NR, 1,
                                                                           run_gemm};
