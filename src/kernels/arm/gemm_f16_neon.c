/*
 * IEEE half products for NEON: both operands are widened where they are used, sums are float32. 8 x
 * 8 tile.
 */
#include "kernels/arm/half_lanes_neon.h"
#include "kernels/half.h"
#include "kernels/kernel_table.h"

#define half_load f16_load
#define half_load_n f16_load_n
#define half_store f16_store
#define half_store_n f16_store_n

HALF_INLINE lanes single_a(const uint16_t *p) {
    return f16_widen(vdup_n_u16(*p));
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

#define TILE_ROWS 8
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#include "kernels/tmpl/gemm_half_tmpl.h"

extern const struct gft_gemm_half_kernels HALF_NAME(gft_gemm_f16);
const struct gft_gemm_half_kernels HALF_NAME(gft_gemm_f16) = {TILE_ROWS, NR, LANES, run_gemm};
