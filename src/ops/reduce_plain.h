/*
 * Reductions without kernels of their own: products, smallest values, integers, bools. One result
 * after the other, each a walk over what folds into it.
 */
#ifndef GFT_OPS_REDUCE_PLAIN_H
#define GFT_OPS_REDUCE_PLAIN_H

#include "graph/op.h"

typedef enum gft_reduce_kind {
    GFT_REDUCE_SUM,
    GFT_REDUCE_MEAN, /* of integers: towards zero, of nothing 0 */
    GFT_REDUCE_MAX,
    GFT_REDUCE_MIN,
    GFT_REDUCE_PROD,
    GFT_REDUCE_ANY,
    GFT_REDUCE_ALL
} gft_reduce_kind;

/** For float32 (all but SUM, MEAN, ANY, ALL), int32, int64, bool (ANY, ALL). */
GRAFT_MUST_CHECK graft_status gft_reduce_plain_prepare(gft_prepare *prepare, uint32_t axes,
                                                       gft_reduce_kind kind, graft_error *err);
void gft_reduce_plain_run(const gft_exec *exec);

#endif
