/*
 * One GraphDef as a signature of a model: frozen graphs (.pb) and TF.js graph models, whose weights
 * lie in other files. The graph is read as a SavedModel's main graph is (savedmodel_read.h), with
 * its function library.
 */
#ifndef GFT_MODELS_GRAPHDEF_READ_H
#define GFT_MODELS_GRAPHDEF_READ_H

#include "base/file.h"
#include "models/model.h"
#include "tensorflow.pb-c.h"

/* An input or output of the signature. */
typedef struct gft_graphdef_end {
    const char *name;         /* in the signature; NULL: the tensor's text */
    const char *tensor;       /* "node" or "node:1" */
    graft_dtype dtype;        /* of an input; GRAFT_DTYPE_NONE: what the node says */
    const graft_shape *shape; /* of an input; NULL: what the node says */
} gft_graphdef_end;

typedef struct gft_graphdef_source {
    const Tensorflow__GraphDef *graph;
    const gft_map *map; /* the file that outlined tensor bytes lie in; NULL: none */
    gft_arena *arena;   /* outlives the model, as graph, map and weights do */
    const char *where;  /* file name, for messages */
    const char *name;   /* of the signature; NULL: serving_default */
    /* Values by node name, for Const nodes (and variables) without one of their own. */
    const graft_tensor *weights;
    size_t weight_count;
    const gft_graphdef_end *inputs; /* in this order; NULL: the placeholders that outputs need */
    size_t input_count;
    const gft_graphdef_end *outputs; /* in this order; NULL: what nothing takes */
    size_t output_count;
} gft_graphdef_source;

/**
 * Adds the graph as a signature. Constants that are filters, biases or statistics become parameters
 * named after their nodes. An op that is not read leaves the signature without a graph but with the
 * list of its ops and a problem.
 *
 * @return OK; NOT_FOUND for a chosen input or output that is not in the graph; DATA_LOSS for a
 * broken graph
 */
GRAFT_MUST_CHECK graft_status gft_graphdef_build(graft_model *model,
                                                 const gft_graphdef_source *source,
                                                 graft_error *err);
/** "FILE.pb#OUT1,OUT2@IN1": chosen tensors, as graft_model_open takes them. */
GRAFT_MUST_CHECK graft_status gft_graphdef_read_chosen(const char *text, graft_model **out,
                                                       graft_error *err);

#endif
