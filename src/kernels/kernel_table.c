/*
 * Fills the kernel table from the lists: scalar entries first, then each CPU level over them.
 */
#include "kernels/kernel_table.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static gft_kernel_table shared;

void gft_kernels_fill(gft_kernel_table *table, uint32_t flags) {
    table->flags = flags;
#define SCALAR(kernel, type, tolerance) table->kernel = &gft_##kernel##_scalar;
#define VARIANT(kernel, type, cpu, needed)                                                         \
    if ((flags & (needed)) == (needed))                                                            \
        table->kernel = &gft_##kernel##_##cpu;
    GFT_KERNEL_LIST(SCALAR)
    GFT_KERNEL_VARIANTS(VARIANT)
#undef SCALAR
#undef VARIANT
}

static void fill_shared(void) { gft_kernels_fill(&shared, gft_cpu_flags()); }

const gft_kernel_table *gft_kernels(void) {
    pthread_once(&once, fill_shared);
    return &shared;
}
