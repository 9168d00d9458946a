/*
 * What the rewrites share: matching one node with its only user, and changing a node that has an
 * epilogue.
 */
#ifndef GFT_GRAPH_REWRITE_PRIV_H
#define GFT_GRAPH_REWRITE_PRIV_H

#include "graph/graph_priv.h"
#include "graph/rewrite.h"

/* Who uses each value, counted once; the rewrite that changes a graph keeps it true. */
typedef struct gft_rewrite_users {
    int32_t *count;    /* node inputs and graph outputs */
    gft_node_id *node; /* one of them; -1: a graph output */
} gft_rewrite_users;

GRAFT_MUST_CHECK graft_status gft_rewrite_users_init(gft_rewrite_users *users,
                                                     const gft_graph *graph, graft_error *err);
void gft_rewrite_users_deinit(gft_rewrite_users *users);
/** The node that is the only use of the value (one input of one node, no graph output), or -1. */
static inline gft_node_id gft_rewrite_sole_user(const gft_rewrite_users *users,
                                                gft_value_id value) {
    return users->count[value] == 1 ? users->node[value] : -1;
}
/**
 * From now on the node makes the value that `user` made, and `user` is gone. Users of that value
 * are the same.
 */
void gft_rewrite_take_over(gft_graph *graph, gft_node_id node, gft_node_id user);
/** The epilogue of a conv2d, depthwise_conv2d or dense node; NULL for all others. */
gft_epilogue_attrs *gft_rewrite_epilogue(const gft_node *node);
/**
 * Per-channel numbers: one per channel on the last axis, all other dimensions 1; or a single
 * number.
 */
bool gft_rewrite_is_vector(const graft_shape *shape, int64_t channels);
/** The other operand of a node with two, or -1 if `value` is not exactly one of them. */
gft_value_id gft_rewrite_other(const gft_node *node, gft_value_id value);
/**
 * Sets the bias (input 2), put in front of the inputs behind the filter or in place of the one
 * there is.
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_set_bias(gft_graph *graph, gft_node_id node,
                                                   gft_value_id bias, graft_error *err);
/** Puts one more input at index `at`. */
GRAFT_MUST_CHECK graft_status gft_rewrite_insert_input(gft_graph *graph, gft_node_id node,
                                                       int32_t at, gft_value_id value,
                                                       graft_error *err);
/**
 * Prepares and runs an op once, on this thread; descriptors are concrete, results are memory of the
 * right size.
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_run_op(const gft_node *node,
                                                 const graft_tensor_desc *inputs_desc,
                                                 const void *const *inputs,
                                                 const graft_tensor_desc *outputs_desc,
                                                 void *const *outputs, graft_error *err);
/**
 * x * s with s (N,1,1,C) in front of a 1x1 convolution becomes its input scale
 * (rewrite_input_scale.c).
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_input_scale(gft_graph *graph, graft_error *err);
/**
 * A relu that only depthwise convolutions take is done while they load it (rewrite_relu_input.c).
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_relu_input(gft_graph *graph,
                                                     const gft_rewrite_options *options,
                                                     graft_error *err);

#endif
