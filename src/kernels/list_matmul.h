/*
 * The list of matrix, convolution and depthwise kernels; format in kernels/kernel_table.h, contracts in kernels/gemm.h
 * and kernels/dwconv.h.
 */
#ifndef GFT_KERNELS_LIST_MATMUL_H
#define GFT_KERNELS_LIST_MATMUL_H

#define GFT_KERNELS_MATMUL(X)
#define GFT_KERNELS_MATMUL_X86(X)
#define GFT_KERNELS_MATMUL_ARM(X)

#endif
