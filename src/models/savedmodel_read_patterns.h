/*
 * Private to the patterns that become one op: what a joiner knows, and the questions that patterns
 * ask of a graph. Patterns look from their last node backwards; nodes are visited in their order,
 * so that what was joined before can be part of a larger pattern.
 */
#ifndef GFT_MODELS_SAVEDMODEL_READ_PATTERNS_H
#define GFT_MODELS_SAVEDMODEL_READ_PATTERNS_H

#include "graph/graph.h"
#include "ops/ops.h"

typedef struct gft_sm_joiner {
    gft_graph *graph;
    int32_t *uses; /* per value */
    bool joined;   /* the present node is no more */
} gft_sm_joiner;

/* c * a * b * ...: constants, signs and divisions by constants gathered in c. */
#define GFT_SM_MAX_FACTORS 4
typedef struct gft_sm_product {
    double c;
    gft_value_id factors[GFT_SM_MAX_FACTORS];
    int32_t count;
} gft_sm_product;

/** The node of this op that makes a value; NULL if there is none. */
const gft_node *gft_sm_made_by(const gft_sm_joiner *j, gft_value_id id, const gft_op *op);
/** The value of a constant of one float. */
bool gft_sm_scalar(const gft_sm_joiner *j, gft_value_id id, float *out);
bool gft_sm_is_scalar(const gft_sm_joiner *j, gft_value_id id, double wanted);
/** The input of a commutative node that is made by `op`, and the other one. */
const gft_node *gft_sm_part(const gft_sm_joiner *j, const gft_node *node, const gft_op *op,
                            gft_value_id *other);
/** True if only one node takes what this one makes. */
bool gft_sm_single(const gft_sm_joiner *j, const gft_node *node);
/** A value as product; false if it has too many factors. A value that is none has itself. */
bool gft_sm_factors(const gft_sm_joiner *j, gft_value_id id, gft_sm_product *out);
/** Of x + c or c + x: x. */
bool gft_sm_plus(const gft_sm_joiner *j, gft_value_id sum, double c, gft_value_id *x);
/** True if both have the same shape (dimensions that are not known lie at the same places). */
bool gft_sm_same_shape(const gft_sm_joiner *j, gft_value_id a, gft_value_id b);
/**
 * A number per channel of x that is there before the graph runs; Keras reshapes it to (1,1,1,C),
 * which is undone in *id.
 */
bool gft_sm_per_channel(const gft_sm_joiner *j, gft_value_id *id, gft_value_id x);

/** Puts op(inputs) in the place of `last` and what only it used. */
GRAFT_MUST_CHECK graft_status gft_sm_join(gft_sm_joiner *j, gft_node_id last, const gft_op *op,
                                          const void *attrs, const gft_value_id *inputs,
                                          int32_t count, graft_error *err);

/* Each looks at a node as the last of its patterns. */
GRAFT_MUST_CHECK graft_status gft_sm_join_activation(gft_sm_joiner *j, gft_node_id id,
                                                     graft_error *err);
GRAFT_MUST_CHECK graft_status gft_sm_join_batch_norm(gft_sm_joiner *j, gft_node_id id,
                                                     graft_error *err);
GRAFT_MUST_CHECK graft_status gft_sm_join_layer_norm(gft_sm_joiner *j, gft_node_id id,
                                                     graft_error *err);

#endif
