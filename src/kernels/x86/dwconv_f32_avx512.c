/*
 * float32 depthwise convolution for AVX-512: tiles of four pixels and two rows, 8 sums and up to 14
 * weights in registers.
 */
#include "kernels/kernel_table.h"
#include "kernels/x86/lanes_avx512.h"

#define DW_WIDE_PAIRS true
#include "kernels/tmpl/dwconv_f32_tmpl.h"

gft_dwconv_f32_fn GFT_SIMD_NAME(gft_dwconv_f32, avx512);
gft_dwconv_grad_f32_fn GFT_SIMD_NAME(gft_dwconv_grad_f32, avx512);
void GFT_SIMD_NAME(gft_dwconv_f32, avx512)(const gft_dwconv_f32_args *args) {
    run_dwconv(args);
}
void GFT_SIMD_NAME(gft_dwconv_grad_f32, avx512)(const gft_dwconv_grad_f32_args *args) {
    run_dwconv_grad(args);
}
