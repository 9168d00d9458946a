/*
 * The list of element-wise, reduction and normalisation kernels; format in kernels/kernel_table.h.
 */
#ifndef GFT_KERNELS_LIST_ELEMENTWISE_H
#define GFT_KERNELS_LIST_ELEMENTWISE_H

#define GFT_KERNELS_ELEMENTWISE(X)
#define GFT_KERNELS_ELEMENTWISE_X86(X)
#define GFT_KERNELS_ELEMENTWISE_ARM(X)

#endif
