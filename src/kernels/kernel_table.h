/*
 * The kernel table: one pointer per kernel, filled upward from scalar by CPU flags. Ops call through it and never ask
 * which CPU this is. The lists (kernels/list_*.h) are expanded here, by the table, by the checker and by the benches.
 *
 * A list has two macros:
 *   GFT_KERNELS_<AREA>(X)       X(kernel, type, tolerance): a field of the table, and the scalar symbol
 *                               gft_<kernel>_scalar (kernels/ref/) that defines what is correct
 *   GFT_KERNELS_<AREA>_X86(X)   X(kernel, type, cpu, flags): the symbol gft_<kernel>_<cpu>, used when the CPU has all
 *   GFT_KERNELS_<AREA>_ARM(X)   of `flags`; later lines overwrite earlier ones, so the best CPU comes last
 * `type` is a function type (not a pointer), or a const struct that bundles functions with their tile sizes.
 * `tolerance` is a gft_tolerance: how far a variant may be from the scalar kernel.
 */
#ifndef GFT_KERNELS_KERNEL_TABLE_H
#define GFT_KERNELS_KERNEL_TABLE_H

#include <stdint.h>

#include "base/cpu.h"
#include "kernels/list_elementwise.h"
#include "kernels/list_half.h"
#include "kernels/list_matmul.h"
#include "kernels/list_quant.h"

/* EXACT: bit for bit. ULP: a few units in the last place of each result. SUM: grows with the reduction's length. */
typedef enum gft_tolerance { GFT_TOL_EXACT, GFT_TOL_ULP, GFT_TOL_SUM } gft_tolerance;

#define GFT_KERNEL_LIST(X)                                                                         \
    GFT_KERNELS_MATMUL(X)                                                                          \
    GFT_KERNELS_ELEMENTWISE(X)                                                                     \
    GFT_KERNELS_HALF(X)                                                                            \
    GFT_KERNELS_QUANT(X)

#if defined(GFT_HAVE_AVX2)
#define GFT_KERNEL_VARIANTS(X)                                                                     \
    GFT_KERNELS_MATMUL_X86(X)                                                                      \
    GFT_KERNELS_ELEMENTWISE_X86(X)                                                                 \
    GFT_KERNELS_HALF_X86(X)                                                                        \
    GFT_KERNELS_QUANT_X86(X)
#elif defined(GFT_HAVE_NEON)
#define GFT_KERNEL_VARIANTS(X)                                                                     \
    GFT_KERNELS_MATMUL_ARM(X)                                                                      \
    GFT_KERNELS_ELEMENTWISE_ARM(X)                                                                 \
    GFT_KERNELS_HALF_ARM(X)                                                                        \
    GFT_KERNELS_QUANT_ARM(X)
#else
#define GFT_KERNEL_VARIANTS(X)
#endif

#define GFT_KERNEL_DECLARE_(kernel, type, tolerance) extern type gft_##kernel##_scalar;
#define GFT_KERNEL_DECLARE_VARIANT_(kernel, type, cpu, flags) extern type gft_##kernel##_##cpu;
GFT_KERNEL_LIST(GFT_KERNEL_DECLARE_)
GFT_KERNEL_VARIANTS(GFT_KERNEL_DECLARE_VARIANT_)
#undef GFT_KERNEL_DECLARE_
#undef GFT_KERNEL_DECLARE_VARIANT_

#define GFT_KERNEL_FIELD_(kernel, type, tolerance) type *kernel;
typedef struct gft_kernel_table {
    uint32_t flags; /* the CPU flags it was filled for */
    GFT_KERNEL_LIST(GFT_KERNEL_FIELD_)
} gft_kernel_table;
#undef GFT_KERNEL_FIELD_

/** Fills a table for these CPU flags. Pure: the same flags give the same table. */
void gft_kernels_fill(gft_kernel_table *table, uint32_t flags);

/** The process's table, filled once from gft_cpu_flags(). Safe from any thread. */
const gft_kernel_table *gft_kernels(void);

#endif
