/*
 * bfloat16 products for NEON: pairs are widened by a shift and by clearing the lower half. 8 x 8
 * tile.
 */
#include "kernels/arm/half_lanes_neon.h"
#include "kernels/half.h"
#include "kernels/kernel_table.h"

#define half_load bf16_load
#define half_load_n bf16_load_n
#define half_store bf16_store
#define half_store_n bf16_store_n

HALF_INLINE lanes even_of(uint32x4_t pairs) {
    return vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16));
}
HALF_INLINE lanes odd_of(uint32x4_t pairs) {
    return vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff0000u)));
}
HALF_INLINE uint32x4_t pairs_of(const uint16_t *b) {
    return vreinterpretq_u32_u16(vld1q_u16(b));
}
HALF_INLINE lanes single_a(const uint16_t *p) {
    return vreinterpretq_f32_u32(vdupq_n_u32((uint32_t)*p << 16));
}
HALF_INLINE lanes even_a(const uint16_t *p) {
    return single_a(p);
}
HALF_INLINE lanes odd_a(const uint16_t *p) {
    return single_a(p + 1);
}
HALF_INLINE lanes even_b(const uint16_t *b) {
    return even_of(pairs_of(b));
}
HALF_INLINE lanes odd_b(const uint16_t *b) {
    return odd_of(pairs_of(b));
}

#define TILE_ROWS 8
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#include "kernels/tmpl/gemm_half_tmpl.h"

extern const struct gft_gemm_half_kernels HALF_NAME(gft_gemm_bf16);
const struct gft_gemm_half_kernels HALF_NAME(gft_gemm_bf16) = {TILE_ROWS, NR, 1, run_gemm};
