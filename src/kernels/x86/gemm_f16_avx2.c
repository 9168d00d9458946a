/*
 * IEEE half products for AVX2 with F16C: both operands are widened where they are used. 6 x 16
 * tile.
 */
#include "kernels/half.h"
#include "kernels/kernel_table.h"
#include "kernels/x86/half_lanes_avx2.h"

#define half_load f16_load
#define half_load_n f16_load_n
#define half_store f16_store
#define half_store_n f16_store_n

HALF_INLINE lanes single_a(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_set1_epi16((int16_t)*p));
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

#define TILE_ROWS 6
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6)
#include "kernels/tmpl/gemm_half_tmpl.h"

const struct gft_gemm_half_kernels gft_gemm_f16_avx2 = {TILE_ROWS, NR, LANES, run_gemm};
