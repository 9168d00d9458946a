/*
 * The table of 16-bit counterparts for graph/rewrite_precision.h, registered apart as gradients
 * are.
 */
#ifndef GFT_OPS_PRECISION_H
#define GFT_OPS_PRECISION_H

#include "graph/rewrite_precision.h"

const gft_precision_table *gft_ops_precision(void);

/** Which nodes rows_half and mean_half can stand for. */
bool gft_rows_half_fits(const gft_infer *in);
bool gft_mean_half_fits(const gft_infer *in);

#endif
