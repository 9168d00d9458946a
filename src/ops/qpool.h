/*
 * Pooling of bytes: what qmax_pool runs.
 */
#ifndef GFT_OPS_QPOOL_H
#define GFT_OPS_QPOOL_H

#include "graph/op.h"
#include "ops/pool_window.h"

/* Largest windows, so that the list of pointers fits and sums of bytes stay far from overflow. */
#define GFT_POOL_MAX_CELLS (1 << 20)

/** qmax_pool: its state is a gft_pool_window, its worker scratch a pointer per cell. */
void gft_qpool_max_run(const gft_exec *exec);

#endif
