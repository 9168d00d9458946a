/*
 * float32 depthwise convolution for AVX2 with FMA: tiles of four pixels, and of two rows with up to
 * three taps.
 */
#include "kernels/kernel_table.h"
#include "kernels/x86/lanes_avx2.h"

#define DW_WIDE_PAIRS false
#include "kernels/tmpl/dwconv_f32_tmpl.h"

void gft_dwconv_f32_avx2(const gft_dwconv_f32_args *args) {
    run_dwconv(args);
}
void gft_dwconv_grad_f32_avx2(const gft_dwconv_grad_f32_args *args) {
    run_dwconv_grad(args);
}
