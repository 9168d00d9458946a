/*
 * bfloat16 products for AVX2: a pair of numbers is one 32-bit lane, the even one is widened by a
 * shift, the odd one by clearing the lower half. 6 x 16 tile as in float32: the integer work fits
 * beside the multiply-adds.
 */
#include "kernels/half.h"
#include "kernels/kernel_table.h"
#include "kernels/x86/half_lanes_avx2.h"

#define half_load bf16_load
#define half_load_n bf16_load_n
#define half_store bf16_store
#define half_store_n bf16_store_n

HALF_INLINE __m256i pair_of(const uint16_t *p) {
    int32_t both;
    memcpy(&both, p, sizeof both);
    return _mm256_set1_epi32(both);
}
HALF_INLINE lanes even_of(__m256i pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}
HALF_INLINE lanes odd_of(__m256i pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int32_t)0xffff0000u)));
}
HALF_INLINE __m256i pairs_of(const uint16_t *b) {
    return _mm256_loadu_si256((const __m256i *)(const void *)b);
}
HALF_INLINE lanes even_a(const uint16_t *p) {
    return even_of(pair_of(p));
}
HALF_INLINE lanes odd_a(const uint16_t *p) {
    return odd_of(pair_of(p));
}
HALF_INLINE lanes single_a(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)((uint32_t)*p << 16)));
}
HALF_INLINE lanes even_b(const uint16_t *b) {
    return even_of(pairs_of(b));
}
HALF_INLINE lanes odd_b(const uint16_t *b) {
    return odd_of(pairs_of(b));
}

#define TILE_ROWS 6
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6)
#include "kernels/tmpl/gemm_half_tmpl.h"

const struct gft_gemm_half_kernels gft_gemm_bf16_avx2 = {TILE_ROWS, NR, 1, run_gemm};
