/*
 * What the files of the graph room share: the table of names, and the arrays that infer, cost and
 * prepare look at.
 */
#ifndef GFT_GRAPH_GRAPH_PRIV_H
#define GFT_GRAPH_GRAPH_PRIV_H

#include "graph/graph.h"

/* ---- names (graph_names.c) ---- */

/** FNV-1a, 64 bits. */
uint64_t gft_name_hash(const char *name);
void gft_graph_names_free(struct gft_graph_names *names);
/** Takes `wanted`, or the first free of wanted_1, wanted_2, ... for node number `node`; the string
 * is in the arena. */
GRAFT_MUST_CHECK graft_status gft_graph_names_take(gft_graph *graph, const char *wanted,
                                                   gft_node_id node, const char **out,
                                                   graft_error *err);
/** The live node of this name, or -1. */
gft_node_id gft_graph_names_find(const gft_graph *graph, const char *name);

/* ---- one node's descriptors side by side (graph_infer.c) ---- */

enum { GFT_NODE_VIEW_FEW = 8 };

/* Filled by gft_node_view_init, emptied by gft_node_view_deinit; room for few operands is inside.
 */
typedef struct gft_node_view {
    graft_tensor_desc *inputs;
    const void **constants;
    graft_tensor_desc *outputs;
    int32_t input_count, output_count;
    graft_tensor_desc few_inputs[GFT_NODE_VIEW_FEW];
    const void *few_constants[GFT_NODE_VIEW_FEW];
    graft_tensor_desc few_outputs[GFT_NODE_VIEW_FEW];
    void *many;
} gft_node_view;

/** Descriptors of the inputs (and their data where infer may see it); outputs zeroed. */
GRAFT_MUST_CHECK graft_status gft_node_view_init(gft_node_view *view, const gft_graph *graph,
                                                 const gft_value_id *inputs, int32_t input_count,
                                                 int32_t output_count, graft_error *err);
void gft_node_view_deinit(gft_node_view *view);
/** Runs op->infer on the view; a failure names op and node. */
GRAFT_MUST_CHECK graft_status gft_node_view_infer(gft_node_view *view, const gft_op *op,
                                                  const char *node, const void *attrs,
                                                  graft_error *err);
/** Puts "op 'node': " before err's message unless the node is named there already; returns status.
 */
graft_status gft_graph_blame(graft_error *err, graft_status status, const char *op,
                             const char *node);

/** Whether the op looks at the data of its input i, not only at the shape. */
static inline bool gft_op_reads(const gft_op *op, int32_t i) {
    return i >= 32 || !(op->shape_inputs >> i & 1u);
}

/* ---- building (graph.c) ---- */

/** A constant that takes over heap memory from gft_malloc_aligned (freed here on failure). */
GRAFT_MUST_CHECK graft_status gft_graph_const_take(gft_graph *graph, const char *name,
                                                   const graft_tensor_desc *desc, void *data,
                                                   gft_value_id *out, graft_error *err);

#endif
