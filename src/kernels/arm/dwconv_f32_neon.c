/*
 * float32 depthwise convolution for AArch64 NEON: tiles of four pixels, and of two rows for 3, 5
 * and 7 taps: 8 sums, 14 weights and one input fit in 32 registers.
 */
#include "kernels/arm/lanes_neon.h"
#include "kernels/kernel_table.h"

#define DW_WIDE_PAIRS true
#include "kernels/tmpl/dwconv_f32_tmpl.h"

void GFT_NEON_NAME(gft_dwconv_f32)(const gft_dwconv_f32_args *args);
void GFT_NEON_NAME(gft_dwconv_f32)(const gft_dwconv_f32_args *args) {
    run_dwconv(args);
}
void GFT_NEON_NAME(gft_dwconv_grad_f32)(const gft_dwconv_grad_f32_args *args);
void GFT_NEON_NAME(gft_dwconv_grad_f32)(const gft_dwconv_grad_f32_args *args) {
    run_dwconv_grad(args);
}
