/*
 * float32 GEMM for AVX-512: 14 x 32 tile (28 sums, 2 vectors of B, A as broadcast operands in 32
 * registers).
 */
#include <stdbool.h>

#include "kernels/gemm.h"
#include "kernels/kernel_table.h"
#include "kernels/x86/lanes_avx512.h"

#define TILE_ROWS 14
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define WIDE_ROWS 9
#define WIDE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#include "kernels/tmpl/gemm_f32_tmpl.h"

extern const struct gft_gemm_f32_kernels GFT_SIMD_NAME(gft_gemm_f32, avx512);
const struct gft_gemm_f32_kernels GFT_SIMD_NAME(gft_gemm_f32, avx512) = {TILE_ROWS, NR, run_gemm,
                                                                         run_gemm_tn};
