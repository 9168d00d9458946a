/*
 * Folding dimensions away: the machinery of reduce_mean, reduce_sum, reduce_max and reduce_to.
 *
 * Adjacent dimensions of the same fate are merged, so that what is left alternates between kept and
 * folded. If the last one is folded its runs are contiguous; if it is kept, rows of it are folded
 * into one. Long folds are cut into pieces whose results are joined in index order (in double) by a
 * second phase.
 */
#ifndef GFT_OPS_REDUCE_H
#define GFT_OPS_REDUCE_H

#include "graph/op.h"

/** Grid, scratch and state for folding the axes (bit i = dimension i of input 0): largest value,
 * mean, or sum. */
GRAFT_MUST_CHECK graft_status gft_reduce_prepare(gft_prepare *prepare, uint32_t axes, bool max,
                                                 bool mean, graft_error *err);
void gft_reduce_run(const gft_exec *exec);

#endif
