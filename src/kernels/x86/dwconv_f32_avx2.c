/*
 * float32 depthwise convolution for AVX2 with FMA: four pixels side by side, 4 sums and up to 7 weights in registers.
 */
#include "kernels/kernel_table.h"
#include "kernels/x86/lanes_avx2.h"

#define DW_PIXELS 4
#include "kernels/tmpl/dwconv_f32_tmpl.h"

void gft_dwconv_f32_avx2(const gft_dwconv_f32_args *args) { run_dwconv(args); }
void gft_dwconv_grad_f32_avx2(const gft_dwconv_grad_f32_args *args) { run_dwconv_grad(args); }
