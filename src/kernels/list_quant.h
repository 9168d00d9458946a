/*
 * The list of 8-bit kernels; format in kernels/kernel_table.h, contracts in kernels/qgemm.h,
 * kernels/qdwconv.h and kernels/qelementwise.h. All are exact.
 */
#ifndef GFT_KERNELS_LIST_QUANT_H
#define GFT_KERNELS_LIST_QUANT_H

#include "kernels/qdwconv.h"
#include "kernels/qelementwise.h"
#include "kernels/qgemm.h"

#define GFT_KERNELS_QUANT(X)                                                                       \
    X(qgemm_s8, gft_qgemm_kernels, GFT_TOL_EXACT)                                                  \
    X(qdwconv_s8, gft_qdwconv_kernels, GFT_TOL_EXACT)                                              \
    X(qadd_s8, gft_qbinary_fn, GFT_TOL_EXACT)                                                      \
    X(qmul_s8, gft_qbinary_fn, GFT_TOL_EXACT)                                                      \
    X(qlookup_s8, gft_qlookup_fn, GFT_TOL_EXACT)                                                   \
    X(qpool_max_s8, gft_qpool_max_fn, GFT_TOL_EXACT)                                               \
    X(qsum_rows_s8, gft_qsum_rows_fn, GFT_TOL_EXACT)                                               \
    X(quantize_s8, gft_quantize_s8_fn, GFT_TOL_EXACT)                                              \
    X(dequantize_s8, gft_dequantize_s8_fn, GFT_TOL_EXACT)

#define GFT_KERNELS_QUANT_X86(X)                                                                   \
    X(qgemm_s8, gft_qgemm_kernels, avx2, GFT_CPU_AVX2)                                             \
    X(qdwconv_s8, gft_qdwconv_kernels, avx2, GFT_CPU_AVX2)                                         \
    X(qadd_s8, gft_qbinary_fn, avx2, GFT_CPU_AVX2)                                                 \
    X(qmul_s8, gft_qbinary_fn, avx2, GFT_CPU_AVX2)                                                 \
    X(qlookup_s8, gft_qlookup_fn, avx2, GFT_CPU_AVX2)                                              \
    X(qpool_max_s8, gft_qpool_max_fn, avx2, GFT_CPU_AVX2)                                          \
    X(qsum_rows_s8, gft_qsum_rows_fn, avx2, GFT_CPU_AVX2)                                          \
    X(quantize_s8, gft_quantize_s8_fn, avx2, GFT_CPU_AVX2)                                         \
    X(dequantize_s8, gft_dequantize_s8_fn, avx2, GFT_CPU_AVX2)                                     \
    X(qgemm_s8, gft_qgemm_kernels, avx512vnni, GFT_CPU_AVX512 | GFT_CPU_AVX512VNNI)                \
    X(qdwconv_s8, gft_qdwconv_kernels, avx512vnni, GFT_CPU_AVX512 | GFT_CPU_AVX512VNNI)

#define GFT_KERNELS_QUANT_ARM(X)                                                                   \
    X(qgemm_s8, gft_qgemm_kernels, neon, GFT_CPU_NEON)                                             \
    X(qdwconv_s8, gft_qdwconv_kernels, neon, GFT_CPU_NEON)                                         \
    X(qgemm_s8, gft_qgemm_kernels, neondot, GFT_CPU_NEON | GFT_CPU_NEON_DOTPROD)

#endif
