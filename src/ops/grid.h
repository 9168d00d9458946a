/*
 * How ops cut their work: blocks of about 16 K elements, counted from shapes alone, so that results
 * do not depend on the number of threads. There is always at least one task; it may be empty.
 */
#ifndef GFT_OPS_GRID_H
#define GFT_OPS_GRID_H

#include "base/shape.h"
#include "base/size.h"
#include "graph/op.h"

#define GFT_BLOCK_ELEMS 16384

/* Items begin..end-1 belong to a task. */
typedef struct gft_range {
    int64_t begin, end;
} gft_range;

static inline int64_t gft_grid_count(int64_t items, int64_t per_task) {
    return gft_i64_max(1, gft_i64_ceil_div(items, per_task));
}

static inline gft_range gft_grid_range(int64_t items, int64_t per_task, int64_t task) {
    int64_t begin = gft_i64_min(items, task * per_task);
    return (gft_range){begin, gft_i64_min(items, begin + per_task)};
}

/* Rows of `cols` elements that make a block. */
static inline int64_t gft_grid_rows(int64_t cols) {
    return gft_i64_max(1, GFT_BLOCK_ELEMS / gft_i64_max(1, cols));
}

static inline int64_t gft_desc_elems(const graft_tensor_desc *desc) {
    return gft_shape_elems(&desc->shape);
}

/* A shape (rank >= 1) seen as rows of its last dimension. */
typedef struct gft_rows {
    int64_t rows, cols;
} gft_rows;

static inline gft_rows gft_desc_rows(const graft_tensor_desc *desc) {
    int64_t cols = desc->shape.rank > 0 ? desc->shape.dims[desc->shape.rank - 1] : 1;
    return (gft_rows){cols > 0 ? gft_desc_elems(desc) / cols : 0, cols};
}

/** Zeroed state in the plan's arena, also stored in prepare->state. */
GRAFT_MUST_CHECK graft_status gft_grid_state(gft_prepare *prepare, size_t bytes, void *out,
                                             graft_error *err);
/** One task per block of output 0. */
GRAFT_MUST_CHECK graft_status gft_prepare_elems(gft_prepare *prepare, graft_error *err);
/** One task per block of rows (of the last dimension) of input 0. */
GRAFT_MUST_CHECK graft_status gft_prepare_rows(gft_prepare *prepare, graft_error *err);

#endif
