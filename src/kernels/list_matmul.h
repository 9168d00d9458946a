/*
 * The list of matrix, convolution and depthwise kernels; format in kernels/kernel_table.h,
 * contracts in kernels/gemm.h and kernels/dwconv.h.
 */
#ifndef GFT_KERNELS_LIST_MATMUL_H
#define GFT_KERNELS_LIST_MATMUL_H

#include "kernels/dwconv.h"
#include "kernels/gemm.h"
#include "kernels/winograd.h"

#define GFT_KERNELS_MATMUL(X)                                                                      \
    X(gemm_f32, gft_gemm_f32_kernels, GFT_TOL_SUM)                                                 \
    X(dwconv_f32, gft_dwconv_f32_fn, GFT_TOL_SUM)                                                  \
    X(dwconv_grad_f32, gft_dwconv_grad_f32_fn, GFT_TOL_SUM)                                        \
    X(winograd_f32, gft_winograd_f32_kernels, GFT_TOL_SUM)

#define GFT_KERNELS_MATMUL_X86(X)                                                                  \
    X(gemm_f32, gft_gemm_f32_kernels, avx2, GFT_CPU_AVX2)                                          \
    X(dwconv_f32, gft_dwconv_f32_fn, avx2, GFT_CPU_AVX2)                                           \
    X(dwconv_grad_f32, gft_dwconv_grad_f32_fn, avx2, GFT_CPU_AVX2)                                 \
    X(winograd_f32, gft_winograd_f32_kernels, avx2, GFT_CPU_AVX2)                                  \
    X(gemm_f32, gft_gemm_f32_kernels, avx512, GFT_CPU_AVX512)                                      \
    X(dwconv_f32, gft_dwconv_f32_fn, avx512, GFT_CPU_AVX512)                                       \
    X(dwconv_grad_f32, gft_dwconv_grad_f32_fn, avx512, GFT_CPU_AVX512)                             \
    X(winograd_f32, gft_winograd_f32_kernels, avx512, GFT_CPU_AVX512)

#define GFT_KERNELS_MATMUL_ARM(X)                                                                  \
    X(gemm_f32, gft_gemm_f32_kernels, neon, GFT_CPU_NEON)                                          \
    X(dwconv_f32, gft_dwconv_f32_fn, neon, GFT_CPU_NEON)                                           \
    X(dwconv_grad_f32, gft_dwconv_grad_f32_fn, neon, GFT_CPU_NEON)                                 \
    X(winograd_f32, gft_winograd_f32_kernels, neon, GFT_CPU_NEON)

#endif
