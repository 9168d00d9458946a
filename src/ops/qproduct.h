/*
 * A quantised matrix product as ops run it: weights packed once, cut into blocks of rows and
 * columns from shapes alone. qdense and qconv2d differ only in where the rows come from.
 */
#ifndef GFT_OPS_QPRODUCT_H
#define GFT_OPS_QPRODUCT_H

#include "ops/qcommon.h"

typedef struct gft_qproduct {
    const gft_qgemm_kernels *kernels;
    int64_t groups, rows, cols, taps, depth; /* cols: of one group */
    int64_t panels, panel_bytes, c_stride;
    int64_t m_tasks, n_tasks, max_rows;
    const char *packed;
    gft_requant out;
    size_t copy_at; /* the kernel's scratch in the worker scratch, behind the caller's */
} gft_qproduct;

typedef struct gft_qblock {
    int64_t group, row, rows, col, cols; /* col: of the group */
} gft_qblock;

/**
 * Sizes are set in `product` (groups, rows, cols, taps, depth). Weights are the node's input 1,
 * (taps * depth) rows of groups * cols; reserved: bytes of worker scratch that the caller uses.
 * Sets tasks and the worker scratch.
 */
GRAFT_MUST_CHECK graft_status gft_qproduct_prepare(gft_prepare *prepare, gft_qproduct *product,
                                                   gft_q_columns *columns, int64_t reserved_per_row,
                                                   graft_error *err);
/** Block number `task`; rows or cols 0 where there is nothing to do. */
gft_qblock gft_qproduct_block(const gft_qproduct *product, int64_t task);
/** Runs a block whose rows begin at a[t * a_stride + i]. */
void gft_qproduct_run(const gft_qproduct *product, const gft_exec *exec, const gft_qblock *block,
                      const uint8_t *const *a, int64_t a_stride);

#endif
