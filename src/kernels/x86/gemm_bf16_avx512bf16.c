/*
 * bfloat16 products for AVX-512 BF16: vdpbf16ps multiplies pairs and adds both products to a
 * float32 sum, twice the rate of float32. 14 x 32 tile: 28 sums, 2 vectors of B, 1 pair of A.
 * Subnormal operands and sums count as zero.
 */
#include "kernels/half.h"
#include "kernels/kernel_table.h"
#include "kernels/x86/half_lanes_avx512.h"

#define half_load bf16_load
#define half_load_n bf16_load_n
#define half_store bf16_store
#define half_store_n bf16_store_n
#define HALF_DOT 1

typedef __m512i pairs;
HALF_INLINE pairs pair_a(const uint16_t *p) {
    int32_t both;
    memcpy(&both, p, sizeof both);
    return _mm512_set1_epi32(both);
}
HALF_INLINE pairs single_a(const uint16_t *p) {
    return _mm512_set1_epi32((int32_t)*p);
}
HALF_INLINE pairs pair_b(const uint16_t *b) {
    return _mm512_loadu_si512((const void *)b);
}
HALF_INLINE lanes lanes_dot(lanes sum, pairs a, pairs b) {
    __m512bh left;
    __m512bh right;
    memcpy(&left, &a, sizeof left);
    memcpy(&right, &b, sizeof right);
    return _mm512_dpbf16_ps(sum, left, right);
}

#define TILE_ROWS 14
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#include "kernels/tmpl/gemm_half_tmpl.h"

extern const struct gft_gemm_half_kernels GFT_SIMD_NAME(gft_gemm_bf16, avx512bf16);
const struct gft_gemm_half_kernels GFT_SIMD_NAME(gft_gemm_bf16, avx512bf16) = {TILE_ROWS, NR, 1,
                                                                               run_gemm};
