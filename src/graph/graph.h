/*
 * The graph: nodes and values in arrays addressed by index, parameters in a set beside it. Mutable
 * while it is built or rewritten; plans copy it. One thread at a time.
 */
#ifndef GFT_GRAPH_GRAPH_H
#define GFT_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "graph/op.h"

typedef int32_t gft_value_id; /* -1: none */
typedef int32_t gft_node_id;
typedef int32_t gft_param_id;

/* ---- parameters ---- */

typedef enum gft_param_kind {
    GFT_PARAM_WEIGHT,
    GFT_PARAM_BIAS,
    GFT_PARAM_STATISTIC,
    GFT_PARAM_SLOT
} gft_param_kind;

typedef struct gft_param {
    const char *name; /* "block1a/conv/kernel": unique in its set, the checkpoint key */
    graft_tensor_desc desc;
    void *
        data; /* row-major; in the set's arena, in a mapped file, or in the trainer's master buffer */
    gft_param_kind kind;
    bool trainable; /* BN statistics are not */
} gft_param;

/* Owned by a model; graphs borrow it and refer to entries by index. */
typedef struct gft_params {
    gft_arena arena; /* names and owned data */
    gft_param *items;
    int32_t count, capacity;
    int32_t *slots; /* hash table from name to entry + 1; 0 is free */
    size_t slot_count;
} gft_params;

void gft_params_init(gft_params *params);
void gft_params_deinit(gft_params *params);
/**
 * Adds an entry. data NULL: zeroed storage is made in the arena; else borrowed (the caller keeps it
 * alive).
 */
GRAFT_MUST_CHECK graft_status gft_params_add(gft_params *params, const char *name,
                                             const graft_tensor_desc *desc, gft_param_kind kind,
                                             bool trainable, void *data, gft_param_id *out,
                                             graft_error *err);
gft_param_id gft_params_find(const gft_params *params, const char *name); /* -1 if absent */

/* ---- graph ---- */

typedef enum gft_value_kind {
    GFT_VALUE_INPUT,
    GFT_VALUE_PARAM,
    GFT_VALUE_CONST,
    GFT_VALUE_NODE
} gft_value_kind;

typedef struct gft_value {
    const char *name; /* of an input or constant; NULL otherwise */
    graft_tensor_desc desc;
    gft_value_kind kind;
    gft_node_id node; /* producer, and which of its outputs */
    int32_t output;
    gft_param_id param;
    const void *data; /* constants: owned, in the arena or borrowed */
    void *
        owned; /* constants: heap memory behind data that is freed with the graph; NULL otherwise */
    bool foreign; /* constants: data belongs to somebody else, see gft_graph_own_constants */
    const float *
        scaled; /* constants that are not made yet (graph_scaled.c): float32 data still to be multiplied by */
    const double *scales; /* these, one per index of the last axis; NULL for all others */
    bool
        written; /* parameters: an op with a side effect takes it (running statistics): never a constant */
} gft_value;

typedef struct gft_node {
    const gft_op *op; /* NULL: removed */
    const char *name; /* layer name, "block1a/conv"; unique among live nodes */
    const char *
        layer; /* the layer (or block) it belongs to, for freezing by layer and for summaries; never NULL */
    void *attrs; /* op->attrs_bytes bytes in the arena */
    gft_value_id *inputs;
    gft_value_id *outputs;
    int32_t input_count, output_count;
} gft_node;

typedef struct gft_binding {
    const char *name; /* "inputs", "probabilities" */
    gft_value_id value;
} gft_binding;

typedef struct gft_graph {
    gft_arena arena;
    gft_params *params; /* borrowed, may be NULL */
    gft_node *nodes;
    int32_t node_count, node_capacity;
    gft_value *values;
    int32_t value_count, value_capacity;
    gft_binding *inputs;
    int32_t input_count;
    gft_binding *outputs;
    int32_t output_count;
    const char *layer;             /* gft_graph_set_layer */
    struct gft_graph_names *names; /* which node names are taken */
    gft_value_id *param_values;    /* per parameter: its value + 1, or 0 */
    int32_t param_capacity;
} gft_graph;

GRAFT_MUST_CHECK graft_status gft_graph_new(gft_params *params, gft_graph **out, graft_error *err);
void gft_graph_free(gft_graph *graph);
/** Deep copy of live nodes (indices are compacted, topologically ordered); shares params, op and
 * constant data borrowed. */
GRAFT_MUST_CHECK graft_status gft_graph_clone(const gft_graph *graph, gft_graph **out,
                                              graft_error *err);

GRAFT_MUST_CHECK graft_status gft_graph_input(gft_graph *graph, const char *name,
                                              const graft_tensor_desc *desc, gft_value_id *out,
                                              graft_error *err);
GRAFT_MUST_CHECK graft_status gft_graph_param(gft_graph *graph, gft_param_id param,
                                              gft_value_id *out, graft_error *err);
/** copy: data is copied into the arena, else borrowed for the graph's life. */
GRAFT_MUST_CHECK graft_status gft_graph_const(gft_graph *graph, const char *name,
                                              const graft_tensor_desc *desc, const void *data,
                                              bool copy, gft_value_id *out, graft_error *err);
/**
 * Constants whose data belongs to somebody else (the graph that was cloned, the caller) get a copy
 * of their own.
 */
GRAFT_MUST_CHECK graft_status gft_graph_own_constants(gft_graph *graph, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_graph_const_f32(gft_graph *graph, float value, gft_value_id *out,
                                                  graft_error *err); /* scalar */

/**
 * Appends a node: checks the input count, copies attrs, runs op->infer, makes the output values. A
 * name that is taken gets "_1", "_2", ...; NULL takes the op's name. outputs (op->outputs ids) may
 * be NULL when there are none.
 */
GRAFT_MUST_CHECK graft_status gft_graph_add(gft_graph *graph, const gft_op *op, const char *name,
                                            const void *attrs, const gft_value_id *inputs,
                                            int32_t input_count, gft_value_id *outputs,
                                            graft_error *err);
/** The layer name given to nodes added from now on; NULL: each node's own name. */
void gft_graph_set_layer(gft_graph *graph, const char *layer);
/**
 * Other names for the live nodes: names[node], NULL keeps the node's own; made unique in node
 * order.
 */
GRAFT_MUST_CHECK graft_status gft_graph_rename(gft_graph *graph, const char *const *names,
                                               graft_error *err);
GRAFT_MUST_CHECK graft_status gft_graph_output(gft_graph *graph, const char *name,
                                               gft_value_id value, graft_error *err);

/* ---- looking and rewriting ---- */

static inline gft_value *gft_graph_value(const gft_graph *g, gft_value_id id) {
    return &g->values[id];
}
static inline gft_node *gft_graph_node(const gft_graph *g, gft_node_id id) {
    return &g->nodes[id];
}
/** The node that makes this value if it is of this kind, else NULL. */
gft_node *gft_graph_producer(const gft_graph *graph, gft_value_id value, gft_op_kind kind);
/** How many node inputs and graph outputs use the value. */
int32_t gft_graph_uses(const gft_graph *graph, gft_value_id value);
/** Data of a constant or of a parameter (its present data), else NULL. */
const void *gft_graph_value_data(const gft_graph *graph, gft_value_id value);
/** Data of a value that stays the same while a plan lives: constants, and parameters that nothing writes and, in
 * training, that are not trainable. NULL otherwise. */
const void *gft_graph_fixed_data(const gft_graph *graph, gft_value_id value, bool training);
/**
 * A constant that is another value's data times one number per index of the last axis. Nothing is
 * computed before the data is asked for: a plan packs most filters and needs the product for a
 * moment only.
 *
 * @param source float32; a parameter, or a constant that is not this graph's own, that stays while
 * the graph is used
 * @param scales copied
 */
GRAFT_MUST_CHECK graft_status gft_graph_const_scaled(gft_graph *graph, gft_value_id source,
                                                     const double *scales, int64_t count,
                                                     gft_value_id *out, graft_error *err);
/** Computes such a constant into memory of the value's size. */
void gft_graph_scale(const gft_value *value, float *to);
/** Gives it data of its own, if it has none yet. Nothing to do for other values. */
GRAFT_MUST_CHECK graft_status gft_graph_settle(gft_graph *graph, gft_value_id value,
                                               graft_error *err);
/** Every use of old (inputs and outputs) becomes a use of new. */
void gft_graph_replace(gft_graph *graph, gft_value_id old_value, gft_value_id new_value);
void gft_graph_remove(gft_graph *graph, gft_node_id node); /* outputs must be unused */
/**
 * Other inputs for a node that stays (fusing); attributes are changed in place. Descriptors are not
 * inferred again.
 */
GRAFT_MUST_CHECK graft_status gft_graph_set_inputs(gft_graph *graph, gft_node_id node,
                                                   const gft_value_id *inputs, int32_t input_count,
                                                   graft_error *err);
/** Removes nodes that reach no output and have no side effect. */
GRAFT_MUST_CHECK graft_status gft_graph_sweep(gft_graph *graph, graft_error *err);
/**
 * Live nodes in an order in which producers come first, stable by index. order: node_count entries.
 */
GRAFT_MUST_CHECK graft_status gft_graph_order(const gft_graph *graph, gft_node_id *order,
                                              int32_t *count, graft_error *err);
/**
 * Runs infer over the whole graph with these input shapes (NULL: as declared) and updates every
 * descriptor.
 */
GRAFT_MUST_CHECK graft_status gft_graph_reinfer(gft_graph *graph, const graft_shape *input_shapes,
                                                graft_error *err);
/**
 * Multiply-adds and bytes of the whole graph with descriptors as they are (unknown dims count as
 * 1).
 */
gft_cost gft_graph_cost(const gft_graph *graph);
gft_cost gft_graph_node_cost(const gft_graph *graph, gft_node_id node);
gft_value_id gft_graph_find_output(const gft_graph *graph, const char *name); /* -1 if absent */

#endif
