/*
 * 3x3 convolutions of stride 1 by Winograd's algorithm (kernels/winograd.h): tiles of x are
 * transformed, one matrix product per point sums over channels, tiles of the result are transformed
 * back. A constant filter is transformed and packed once per plan, another one in each run.
 *
 * An infinity or NaN in x reaches every result of the tiles that read it.
 */
#ifndef GFT_OPS_CONV2D_WINOGRAD_H
#define GFT_OPS_CONV2D_WINOGRAD_H

#include "ops/conv_geometry.h"
#include "ops/epilogue.h"
#include "ops/gemm_grid.h"

/*
 * How the work is cut. The tiles of the batch are counted through and lie in `tile_tasks` blocks;
 * columns (filters) lie in `col_tasks` slices. A task transforms the tiles of its block and makes
 * its slice of columns, one block of columns after the other.
 */
typedef struct gft_winograd_grid {
    int32_t m; /* results per side of a tile, 2 or 4; 0: Winograd is not used */
    int64_t tile_tasks, col_tasks;
} gft_winograd_grid;

typedef struct gft_winograd gft_winograd;

/**
 * The cost model: which tile, or none. Depends on shapes alone.
 * @param constant the filter is transformed once per plan, not in each run
 */
gft_winograd_grid gft_winograd_choose(const gft_conv_geometry *geo, bool constant);

/** A convolution of exec's inputs 0 (x) and 1 (the filter) to output 0. */
typedef struct gft_winograd_setup {
    gft_winograd_grid grid;
    gft_conv_geometry geo;
    gft_epilogue epilogue;
    const float *filter; /* constant: transformed and packed now; NULL: read in each run */
    bool flip;           /* the filter lies as (3, 3, oc, c) and is turned */
} gft_winograd_setup;

/** Fills in p's phases, tasks and scratch. */
GRAFT_MUST_CHECK graft_status gft_winograd_prepare(const gft_winograd_setup *setup, gft_prepare *p,
                                                   const gft_winograd **out, graft_error *err);
/**
 * The setup of dx = dy convolved with the turned filter, for the convolution `geo` describes; grid
 * says whether that pays. inputs of the run: dy, the filter.
 * @param filter NULL: read in each run
 */
gft_winograd_setup gft_winograd_gradient(const gft_conv_geometry *geo, const float *filter);
void gft_winograd_run(const gft_winograd *w, const gft_exec *exec);

#endif
