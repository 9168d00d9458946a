/*
 * Ops on 16-bit floats: each stands for a float32 op and carries that op and its attributes.
 * Readers never make these; graph/rewrite_precision.c does, and tests do.
 *
 * Activations are bfloat16 or IEEE half; filters, biases, statistics and scales stay float32 in the
 * graph (a filter is rounded while it is packed); sums are float32.
 */
#ifndef GFT_GRAPH_ATTRS_HALF_H
#define GFT_GRAPH_ATTRS_HALF_H

#include "graph/attrs.h"

#define GFT_HALF_ATTRS_BYTES 512

typedef struct gft_half_attrs {
    const struct gft_op *inner; /* the float32 op */
    graft_dtype dtype;          /* BF16 or F16: what inputs of 16 bits are */
    graft_dtype output;         /* that, or F32 */
    _Alignas(16) unsigned char attrs[GFT_HALF_ATTRS_BYTES]; /* of the inner op */
} gft_half_attrs;

#endif
