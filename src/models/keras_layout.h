/*
 * The layers of a Keras model and their variables, as its weight files number or name them: made by
 * the reader of Keras' files (keras_read_config.c) or derived from any graph
 * (keras_layout_derive.c). keras_weights_*.c finds the variables of a layout in a file.
 */
#ifndef GFT_MODELS_KERAS_LAYOUT_H
#define GFT_MODELS_KERAS_LAYOUT_H

#include "formats/hdf5_file.h"
#include "graph/graph.h"

#define GFT_KERAS_MAX_VARIABLES 6

typedef struct gft_keras_variable {
    const char *name; /* "kernel" */
    bool trainable;
    gft_param_id param;  /* -1: the graph has none for it */
    graft_tensor tensor; /* found in a file; dtype NONE: not found */
} gft_keras_variable;

/* A layer, or a model within a model. */
typedef struct gft_keras_layer {
    const char *class_name;  /* without package: "Conv2D" */
    const char *name, *path; /* "Conv1", "mobilenetv2/Conv1" */
    int32_t level;           /* of a model: its own layers; -1 */
    bool trainable;          /* and so are all models around it */
    bool operation;          /* no layer in Keras' sense: weight files do not count it */
    gft_keras_variable variables[GFT_KERAS_MAX_VARIABLES];
    int32_t variable_count;
} gft_keras_layer;

/* One model's layers, in the order of its configuration. */
typedef struct gft_keras_level {
    gft_keras_layer *layers;
    int32_t count;
} gft_keras_level;

/* Levels: 0 is the whole model, others lie behind the level that holds them. */
typedef struct gft_keras_layout {
    gft_keras_level *levels;
    int32_t count;
    bool derived; /* from a graph: one level, whose order is a guess */
} gft_keras_layout;

/** Forgets tensors of an earlier file. */
void gft_keras_layout_clear(gft_keras_layout *layout);

/** A layout for the graph of a model that did not come from Keras' files, in the arena. */
GRAFT_MUST_CHECK graft_status gft_keras_layout_derive(const gft_graph *graph, gft_arena *arena,
                                                      gft_keras_layout *out, graft_error *err);

/* ---- keras_weights_*.c: the variables of a layout in a file; tensors may borrow from it ---- */

/** Keras 3: layers/<class>_<n>/vars/<i>. */
GRAFT_MUST_CHECK graft_status gft_keras_find_by_class(const gft_hdf5 *file,
                                                      gft_keras_layout *layout, gft_arena *arena,
                                                      graft_error *err);
/**
 * Keras 2 and whole .h5 models: `group` has the attribute layer_names, each layer weight_names.
 * @param by_name layers are matched by name and may be missing; else in order, all of them
 */
GRAFT_MUST_CHECK graft_status gft_keras_find_legacy(const gft_hdf5 *file, gft_hdf5_object group,
                                                    bool by_name, gft_keras_layout *layout,
                                                    gft_arena *arena, const char *where,
                                                    graft_error *err);
/** Any of these, by what lies in the file. */
GRAFT_MUST_CHECK graft_status gft_keras_find_weights(const gft_hdf5 *file, bool by_name,
                                                     gft_keras_layout *layout, gft_arena *arena,
                                                     const char *where, graft_error *err);
/** Into a derived layout: by the names of layers that the file holds, else by class and order. */
GRAFT_MUST_CHECK graft_status gft_keras_find_derived(const gft_hdf5 *file, bool by_name,
                                                     gft_keras_layout *layout, gft_arena *arena,
                                                     const char *where, graft_error *err);
/**
 * A variable's tensor as float32: itself, or converted into the arena. UNIMPLEMENTED for strings.
 */
GRAFT_MUST_CHECK graft_status gft_keras_as_float(graft_tensor *tensor, gft_arena *arena,
                                                 graft_error *err);

#endif
