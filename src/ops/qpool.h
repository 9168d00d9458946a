/*
 * Pooling of bytes: what max_pool runs for int8 and uint8 tensors, and what qavg_pool runs.
 */
#ifndef GFT_OPS_QPOOL_H
#define GFT_OPS_QPOOL_H

#include "graph/op.h"
#include "ops/pool_window.h"

/* Largest windows, so that the list of pointers fits and sums of bytes stay far from overflow. */
#define GFT_POOL_MAX_CELLS (1 << 20)

/** max_pool of int8 or uint8; state and scratch are those of the float32 op (ops/pool.c). */
void gft_qpool_max_run(const gft_exec *exec);

#endif
