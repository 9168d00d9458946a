/*
 * float32 GEMM for AVX2 with FMA: 6 x 16 tile (12 sums, 2 vectors of B, 1 broadcast of A in 16
 * registers).
 */
#include <stdbool.h>

#include "kernels/gemm.h"
#include "kernels/kernel_table.h"
#include "kernels/x86/lanes_avx2.h"

#define TILE_ROWS 6
#define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define WIDE_ROWS 4
#define WIDE_EACH(X) X(1) X(2) X(3) X(4)
#include "kernels/tmpl/gemm_f32_tmpl.h"

const struct gft_gemm_f32_kernels gft_gemm_f32_avx2 = {TILE_ROWS, NR, run_gemm, run_gemm_tn};
