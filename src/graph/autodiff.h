/*
 * Reverse-mode differentiation on the graph: appends nodes that compute d(loss)/d(value), out of the same set of ops.
 */
#ifndef GFT_GRAPH_AUTODIFF_H
#define GFT_GRAPH_AUTODIFF_H

#include "graph/graph.h"

/* What a gradient function sees of one node. */
typedef struct gft_grad {
    gft_graph *graph;
    gft_node_id node;
    const gft_value_id *output_grads; /* per output: gradient, or -1 if nothing flows into it */
    const bool *wanted;               /* per input */
    gft_value_id *input_grads;        /* filled in: -1 = zero / none; must have the input's shape */
    const struct gft_gradients *table;
} gft_grad;

typedef graft_status (*gft_grad_fn)(gft_grad *grad, graft_error *err);

typedef struct gft_gradient_entry {
    const gft_op *op;
    gft_grad_fn fn;
} gft_gradient_entry;

/* Given by ops/gradients.h (gft_ops_gradients()). `add` sums gradients of values used more than once. */
typedef struct gft_gradients {
    const gft_gradient_entry *entries;
    int32_t count;
    const gft_op *add;
    const gft_op
        *fill_like; /* one input: a tensor of ones in its shape, the seed of the loss's gradient */
} gft_gradients;

/**
 * Appends the gradients of a scalar (or of the sum of a tensor) with respect to `wrt`.
 *
 * @param loss  a float32 value of the graph
 * @param wrt   values (parameters, inputs or intermediates)
 * @param grads [out] one value per wrt; -1 if the loss does not depend on it
 * Errors: UNIMPLEMENTED naming node and op if an op on the way has no gradient.
 */
GRAFT_MUST_CHECK graft_status gft_autodiff(gft_graph *graph, gft_value_id loss,
                                           const gft_value_id *wrt, int32_t count,
                                           const gft_gradients *table, gft_value_id *grads,
                                           graft_error *err);

#endif
