/*
 * Resizing with more than two source positions per output: bicubic and area. Each output row
 * (column) has a list of source rows and their weights; rows are combined first, then columns. The
 * gradient walks the same lists backwards.
 */
#ifndef GFT_OPS_RESIZE_FILTER_H
#define GFT_OPS_RESIZE_FILTER_H

#include "graph/op.h"

/* Of output o: sources index[o * count ..], weights alike; unused ones weigh 0. */
typedef struct gft_resize_filter {
    int64_t count;
    const int64_t *index;
    const float *weight;
} gft_resize_filter;

/** The lists for one axis, in the plan's arena. */
GRAFT_MUST_CHECK graft_status gft_resize_filter_make(gft_prepare *prepare,
                                                     const gft_resize_attrs *attrs, int64_t size,
                                                     int64_t outputs, gft_resize_filter *out,
                                                     graft_error *err);
/** to[i] = the weighted sum of rows of `elems` values at x. */
void gft_resize_filter_rows(const gft_resize_filter *rows, int64_t output, const float *x,
                            int64_t elems, float *to);
/** y (outputs pixels of c) from one row of pixels. */
void gft_resize_filter_cols(const gft_resize_filter *cols, int64_t outputs, const float *row,
                            int64_t c, float *y);
/** The two backwards: what they read is added to. */
void gft_resize_filter_rows_back(const gft_resize_filter *rows, int64_t output, const float *dto,
                                 int64_t elems, float *dx);
void gft_resize_filter_cols_back(const gft_resize_filter *cols, int64_t outputs, const float *dy,
                                 int64_t c, float *drow);

#endif
