/*
 * The geometry that pooling ops share: output size and the real cells of a window, per TensorFlow's
 * SAME and VALID rules (SAME: ceil(size / stride) outputs, the odd cell of padding at the end) or
 * explicit padding.
 */
#ifndef GFT_OPS_POOL_WINDOW_H
#define GFT_OPS_POOL_WINDOW_H

#include "graph/op.h"
#include "ops/grid.h"

typedef struct gft_pool_window {
    int64_t n, h, w, c, oh, ow;
    int64_t top, left; /* padding before */
    int64_t kernel_h, kernel_w, stride_h, stride_w;
    int64_t rows_per_task; /* output rows (n, oh) of forward, input rows (n, h) of backward */
} gft_pool_window;

/** Checks attributes against x (N,H,W,C), perhaps with -1 dimensions, and gives the output's shape.
 */
GRAFT_MUST_CHECK graft_status gft_pool_shape(const gft_pool_attrs *attrs, const graft_shape *x,
                                             graft_shape *y, graft_error *err);
/** The window of concrete shapes. */
void gft_pool_window_init(gft_pool_window *window, const gft_pool_attrs *attrs,
                          const graft_shape *x, const graft_shape *y);
/** Real rows (or columns) begin..end-1 of the input that output `o` sees. */
gft_range gft_pool_cells(int64_t o, int64_t stride, int64_t kernel, int64_t before, int64_t size);
/** Outputs begin..end-1 whose windows contain input row (or column) `i`. */
gft_range gft_pool_outputs(int64_t i, int64_t stride, int64_t kernel, int64_t before,
                           int64_t outputs);

#endif
