/*
 * float32 GEMM for AArch64 NEON: 8 x 8 tile (16 sums, 2 vectors of B, 1 number of A in 32
 * registers), 8 x 12 for a panel and a half.
 */
#include <stdbool.h>

#include "kernels/arm/lanes_neon.h"
#include "kernels/gemm.h"
#include "kernels/kernel_table.h"

#define TILE_ROWS 8
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define WIDE_ROWS 8
#define WIDE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#include "kernels/tmpl/gemm_f32_tmpl.h"

extern const struct gft_gemm_f32_kernels GFT_NEON_NAME(gft_gemm_f32);
const struct gft_gemm_f32_kernels GFT_NEON_NAME(gft_gemm_f32) = {TILE_ROWS, NR, run_gemm,
                                                                 run_gemm_tn};
