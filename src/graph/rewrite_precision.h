/*
 * What the precision rewrite knows of ops: a table from float32 ops to their 16-bit counterparts,
 * given by the ops room (ops/precision.h), as gradients are.
 */
#ifndef GFT_GRAPH_REWRITE_PRECISION_H
#define GFT_GRAPH_REWRITE_PRECISION_H

#include "graph/graph.h"

typedef enum gft_precision_role {
    GFT_PRECISION_PRODUCT, /* worth rounding for: inputs in `halves` are cast down, the rest stays float32 */
    GFT_PRECISION_FOLLOW, /* runs on 16 bits where an input has them already, whatever the others are */
    GFT_PRECISION_MOVE, /* moves numbers of any type: the op itself runs on 16 bits where an input has them. halves
                              bit 1: all inputs hold numbers, else the first alone */
    GFT_PRECISION_ROUND /* no counterpart: float32 arithmetic on inputs in `halves` that were rounded to 16 bits */
} gft_precision_role;

typedef struct gft_precision_rule {
    const gft_op *op;
    const gft_op *half; /* PRODUCT, FOLLOW */
    gft_precision_role role;
    uint32_t halves; /* bit i: input i; GFT_PRECISION_RESIDUAL: the epilogue's residual too */
    bool (*fits)(const gft_infer *in); /* NULL: always */
} gft_precision_rule;

#define GFT_PRECISION_RESIDUAL (1u << 31)

typedef struct gft_precision_table {
    const gft_precision_rule *rules;
    int32_t count;
    const gft_op *cast;
} gft_precision_table;

/**
 * Casts in front of products, 16-bit activations between them, float32 for everything else and for
 * outputs.
 *
 * @param dtype    BF16 or F16
 * @param training every float32 copy has one user, so that none lives from the forward to the
 * backward side
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_precision(gft_graph *graph, graft_dtype dtype,
                                                    const gft_precision_table *table, bool training,
                                                    graft_error *err);

#endif
