/*
 * What the files that join quantised graphs share (graph/rewrite_join_quantized*.c): a value's
 * integers, and the state of one pass.
 */
#ifndef GFT_GRAPH_REWRITE_JOIN_QUANTIZED_PRIV_H
#define GFT_GRAPH_REWRITE_JOIN_QUANTIZED_PRIV_H

#include <math.h>

#include "graph/quantized.h"
#include "graph/rewrite_priv.h"

#define GFT_TABLE_ENTRIES 256
#define GFT_JOIN_FUNCTIONS 8       /* functions between an op and its quantize */
#define GFT_JOIN_MULTIPLIER 256.0f /* multipliers are less, as LiteRT has it */

/* Integers (int8 or uint8) that stand for a float value, with one scale. */
typedef struct gft_join_value {
    gft_value_id integers;
    gft_node_id dequantize; /* whose scale and zero point they are; -1 for results */
    graft_dtype dtype;
    gft_qparams params;
} gft_join_value;

typedef struct gft_joiner {
    gft_graph *graph;
    const gft_quantized_ops *ops;
    gft_rewrite_users users; /* of the values there were when the pass began */
    gft_value_id *alias;     /* of the same values: what each is by now */
    int32_t value_count;     /* how many those are */
} gft_joiner;

/* A quantize node, with the functions that lie between it and what is behind `x`. */
typedef struct gft_join_end {
    gft_node_id quantize;
    gft_join_value y;                          /* integers: the quantize node's result */
    gft_node_id functions[GFT_JOIN_FUNCTIONS]; /* last first */
    int32_t function_count;
    gft_value_id x;
    bool sole;           /* nobody else wants x or what comes between */
    bool sole_functions; /* nobody else wants what comes between */
} gft_join_end;

/** The row of the table for this op, or NULL. */
const gft_join *gft_join_find(const gft_quantized_ops *ops, const gft_op *op);
/** Whether integers with one usable scale stand behind this float value. */
bool gft_join_source(const gft_joiner *joiner, gft_value_id x, gft_join_value *out);
static inline bool gft_join_alike(const gft_join_value *a, const gft_join_value *b) {
    return a->dtype == b->dtype && a->params.scale == b->params.scale &&
           a->params.zero_point == b->params.zero_point;
}
static inline int32_t gft_join_lowest(graft_dtype dtype) {
    return dtype == GRAFT_U8 ? 0 : -128;
}
static inline int32_t gft_join_highest(graft_dtype dtype) {
    return dtype == GRAFT_U8 ? 255 : 127;
}
/** The integer that stands for v, halves to even behind the zero point; NaN is the lowest. */
int32_t gft_join_quantize(float v, graft_dtype dtype, gft_qparams params);
/** What a clamp keeps; false for functions that are no clamp. */
bool gft_join_clamp(const gft_joiner *joiner, const gft_node *node, float *low, float *high);
/** lo and hi of y behind all functions of this end; false unless they are clamps. */
bool gft_join_bounds(const gft_joiner *joiner, const gft_join_end *end, int32_t *lo, int32_t *hi);
/**
 * Appends the integer node in the place of `from` (whose name and layer it takes, if nobody else
 * wants it), the functions and the quantize node of this end.
 */
GRAFT_MUST_CHECK graft_status gft_join_replace(gft_joiner *joiner, const gft_join_end *end,
                                               gft_node_id from, const gft_op *op,
                                               const void *attrs, const gft_value_id *inputs,
                                               int32_t count, graft_error *err);

/* Each of these does nothing where its rule does not hold; *done says whether it did something. */

/** conv2d, depthwise_conv2d, dense (rewrite_join_quantized_products.c). */
GRAFT_MUST_CHECK graft_status gft_join_product(gft_joiner *joiner, const gft_join_end *end,
                                               gft_node_id node, const gft_join *join, bool *done,
                                               graft_error *err);
/** add, sub, mul, avg_pool, reduce_mean (rewrite_join_quantized_elements.c). */
GRAFT_MUST_CHECK graft_status gft_join_elements(gft_joiner *joiner, const gft_join_end *end,
                                                gft_node_id node, const gft_join *join, bool *done,
                                                graft_error *err);
/** Functions of x's integers become one table (rewrite_join_quantized_tables.c). */
GRAFT_MUST_CHECK graft_status gft_join_functions(gft_joiner *joiner, const gft_join_end *end,
                                                 const gft_join_value *x, bool *done,
                                                 graft_error *err);
/** A table as a constant of the graph. */
GRAFT_MUST_CHECK graft_status gft_join_table_const(gft_graph *graph,
                                                   const int32_t table[GFT_TABLE_ENTRIES],
                                                   graft_dtype dtype, gft_value_id *out,
                                                   graft_error *err);
/**
 * Behind all that: tables of tables, sums and products of tables of one value, padding in front of
 * convolutions (rewrite_join_quantized_merge.c).
 */
GRAFT_MUST_CHECK graft_status gft_join_merge(gft_graph *graph, const gft_quantized_ops *ops,
                                             graft_error *err);

/*
 * ---- LiteRT's fixed point (rewrite_join_quantized_rules.c); entry i of a table is for the i-th
 * lowest integer ----
 */

/** q' = zero point + multiplier * (q - zero point), kept inside lo..hi. */
void gft_join_rule_requantize(const gft_join_value *x, const gft_join_value *y,
                              int32_t table[GFT_TABLE_ENTRIES]);
/** The same kept inside the integers of low..high. */
void gft_join_rule_clamp(const gft_join_value *x, const gft_join_value *y, float low, float high,
                         int32_t table[GFT_TABLE_ENTRIES]);
void gft_join_rule_leaky_relu(const gft_join_value *x, const gft_join_value *y, float alpha,
                              int32_t table[GFT_TABLE_ENTRIES]);
void gft_join_rule_abs(const gft_join_value *x, const gft_join_value *y,
                       int32_t table[GFT_TABLE_ENTRIES]);
void gft_join_rule_hard_swish(const gft_join_value *x, const gft_join_value *y,
                              int32_t table[GFT_TABLE_ENTRIES]);

#endif
