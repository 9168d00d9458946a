/*
 * The list of kernels on 16-bit floats; format in kernels/kernel_table.h, contracts in
 * kernels/half.h.
 */
#ifndef GFT_KERNELS_LIST_HALF_H
#define GFT_KERNELS_LIST_HALF_H

#include "kernels/half.h"

#define GFT_KERNELS_HALF(X)                                                                        \
    X(bf16_from_f32, gft_to_half_fn, GFT_TOL_EXACT)                                                \
    X(f16_from_f32, gft_to_half_fn, GFT_TOL_EXACT)                                                 \
    X(f32_from_bf16, gft_from_half_fn, GFT_TOL_EXACT)                                              \
    X(f32_from_f16, gft_from_half_fn, GFT_TOL_EXACT)                                               \
    X(gemm_bf16, gft_gemm_half_kernels, GFT_TOL_SUM)                                               \
    X(gemm_f16, gft_gemm_half_kernels, GFT_TOL_SUM)

#define GFT_KERNELS_HALF_EACH_(X, cpu, flags)                                                      \
    X(bf16_from_f32, gft_to_half_fn, cpu, flags)                                                   \
    X(f16_from_f32, gft_to_half_fn, cpu, flags)                                                    \
    X(f32_from_bf16, gft_from_half_fn, cpu, flags)                                                 \
    X(f32_from_f16, gft_from_half_fn, cpu, flags)                                                  \
    X(gemm_bf16, gft_gemm_half_kernels, cpu, flags)                                                \
    X(gemm_f16, gft_gemm_half_kernels, cpu, flags)

#define GFT_KERNELS_HALF_X86(X)                                                                    \
    GFT_KERNELS_HALF_EACH_(X, avx2, GFT_CPU_AVX2)                                                  \
    GFT_KERNELS_HALF_EACH_(X, avx512, GFT_CPU_AVX512)                                              \
    X(gemm_bf16, gft_gemm_half_kernels, avx512bf16, GFT_CPU_AVX512BF16)

#define GFT_KERNELS_HALF_ARM(X) GFT_KERNELS_HALF_EACH_(X, neon, GFT_CPU_NEON)

#endif
