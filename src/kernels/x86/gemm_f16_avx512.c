/*
 * IEEE half products for AVX-512: both operands are widened where they are used, sums are float32
 * (AVX-512 FP16 would add in 16 bits). 14 x 32 tile.
 */
#include "kernels/half.h"
#include "kernels/kernel_table.h"
#include "kernels/x86/half_lanes_avx512.h"

#define half_load f16_load
#define half_load_n f16_load_n
#define half_store f16_store
#define half_store_n f16_store_n

HALF_INLINE lanes single_a(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)*p));
}
HALF_INLINE lanes even_a(const uint16_t *p) {
    return single_a(p);
}
HALF_INLINE lanes odd_a(const uint16_t *p) {
    return single_a(p + 1);
}
HALF_INLINE lanes even_b(const uint16_t *b) {
    return f16_load(b);
}
HALF_INLINE lanes odd_b(const uint16_t *b) {
    return f16_load(b + LANES);
}

#define TILE_ROWS 14
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#include "kernels/tmpl/gemm_half_tmpl.h"

extern const struct gft_gemm_half_kernels GFT_SIMD_NAME(gft_gemm_f16, avx512);
const struct gft_gemm_half_kernels GFT_SIMD_NAME(gft_gemm_f16, avx512) = {TILE_ROWS, NR, LANES,
                                                                          run_gemm};
