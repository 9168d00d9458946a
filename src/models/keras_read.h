/*
 * Private to the Keras reader. A configuration is parsed into levels of layers and of calls
 * (keras_read_config.c, keras_read_nodes.c), the weights are found (keras_weights_*.c), then the
 * calls are carried out in an order in which their inputs are there, each by the function of its
 * layer's class (keras_layers_*.c), which appends nodes to the graph. Nothing recurses: models
 * within models are frames of a stack.
 */
#ifndef GFT_MODELS_KERAS_READ_H
#define GFT_MODELS_KERAS_READ_H

#include <jansson.h>

#include "models/keras_layout.h"
#include "models/model.h"

#define GFT_KERAS_MAX_LEVELS 10000
#define GFT_KERAS_MAX_DEPTH 100    /* models within models */
#define GFT_KERAS_MAX_CALLS 100000 /* of all levels, each counted as often as it is carried out */

struct gft_keras_kind;

/* The output of a call: "keras_history". */
typedef struct gft_keras_ref {
    int32_t layer, node, tensor;
} gft_keras_ref;

/* An argument of a call as written: a tensor, several of them (a list), or a constant. */
typedef struct gft_keras_arg_text {
    const char *keyword;  /* NULL: by position */
    int32_t first, count; /* of the call's refs; count 0: a constant */
    bool list;            /* a list of tensors, even if there is one */
    const json_t *constant;
} gft_keras_arg_text;

/* A call of a layer ("inbound node"). */
typedef struct gft_keras_node {
    int32_t layer;
    int32_t index; /* among the layer's calls */
    gft_keras_ref *refs;
    int32_t ref_count;
    gft_keras_arg_text *args;
    int32_t arg_count;
} gft_keras_node;

/* What the reader knows of a layer beyond the layout's. */
typedef struct gft_keras_source_layer {
    const json_t *config;
    const char *module;
    const struct gft_keras_kind *kind; /* NULL: a model, or a class that is not read */
    int32_t first_node, node_count;
    int32_t shift; /* of node indices: Keras 2 counts calls of a model from 1 */
} gft_keras_source_layer;

typedef struct gft_keras_source_level {
    gft_keras_source_layer *layers; /* beside the layout's */
    gft_keras_node *nodes;
    int32_t node_count;
    gft_keras_ref *inputs, *outputs;
    int32_t input_count, output_count;
    const json_t *config;
    bool sequential;
    int32_t parent, parent_layer; /* -1: the whole model */
    int32_t depth;
} gft_keras_source_level;

typedef struct gft_keras_reader {
    const char *where;
    graft_model *model;
    gft_graph *graph;
    gft_arena *arena;         /* lives while the file is read */
    gft_keras_layout *layout; /* in the model's arena */
    gft_keras_source_level *levels;
    int32_t level_capacity;
    bool keras2;              /* the file says it was written by Keras 2 */
    const json_t *root_build; /* build_config beside the whole model's config; may be NULL */
    uint64_t dropouts;        /* seen so far: each draws its own numbers */
} gft_keras_reader;

/* ---- keras_read_config.c, keras_read_nodes.c ---- */
/** Parses {"class_name", "config"} into levels and the layout. */
GRAFT_MUST_CHECK graft_status gft_keras_parse(gft_keras_reader *r, const json_t *root,
                                              graft_error *err);
/** The calls of a level's layers. */
GRAFT_MUST_CHECK graft_status gft_keras_parse_nodes(gft_keras_reader *r, int32_t level,
                                                    const json_t *entries, graft_error *err);

/* ---- keras_read_build.c ---- */
/** Makes the graph; UNIMPLEMENTED names the layer and its class. */
GRAFT_MUST_CHECK graft_status gft_keras_build_graph(gft_keras_reader *r, graft_error *err);

/* ---- keras_read.c ---- */
/**
 * A model from a configuration's JSON text and a file with its weights; for formats that carry
 * Keras configurations.
 * @param find finds the layout's variables (gft_keras_find_*); tensors must live as long as the
 * model
 */
typedef graft_status (*gft_keras_find_fn)(void *context, gft_keras_layout *layout, gft_arena *arena,
                                          graft_error *err);
GRAFT_MUST_CHECK graft_status gft_keras_read_config(graft_model *model, const json_t *root,
                                                    bool keras2, gft_keras_find_fn find,
                                                    void *context, const char *where,
                                                    graft_error *err);

#endif
