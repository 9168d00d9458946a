/*
 * Private to the SavedModel writer: what its files share while one model is written.
 */
#ifndef GFT_MODELS_SAVEDMODEL_WRITE_H
#define GFT_MODELS_SAVEDMODEL_WRITE_H

#include "models/model.h"
#include "models/savedmodel_proto.h"

#define GFT_SM_SUFFIX "/.ATTRIBUTES/VARIABLE_VALUE"
#define GFT_SM_JPEG "serving_jpeg"
#define GFT_SM_JPEG_INPUT "jpeg_bytes"

/* A parameter as variable of the SavedModel. */
typedef struct gft_sm_variable {
    const gft_param *param;
    const char *key;    /* in the checkpoint */
    const char *handle; /* tensor of the main graph */
    int32_t object;     /* node of the object graph */
} gft_sm_variable;

/* An input or output of a signature. */
typedef struct gft_sm_port {
    const char *name;
    graft_tensor_desc desc;
    gft_value_id value;
} gft_sm_port;

/*
 * A signature of the model: a body (and its training form), a wrapper with inputs and outputs by
 * name.
 */
typedef struct gft_sm_signature {
    const char *key;
    const gft_graph *graph;
    gft_sm_port *inputs, *outputs; /* sorted by name: TensorFlow flattens dicts so */
    int32_t input_count, output_count;
    int32_t *captures; /* variables the graph uses */
    int32_t capture_count;
    const char *body, *training, *wrapper; /* functions; training NULL: none */
    bool jpeg; /* inputs[0] is encoded pictures; body takes them decoded */
} gft_sm_signature;

typedef struct gft_sm_writer {
    const graft_model *model;
    gft_arena arena;
    gft_pb pb;
    gft_sm_variable *variables;
    int32_t variable_count;
    int32_t *variable_of; /* param -> variable, -1 */
    gft_sm_signature signatures[GFT_MODEL_MAX_SIGNATURES + 1];
    int32_t signature_count;
    Tensorflow__MetaGraphDef *meta;
    gft_tf_nodes main;
} gft_sm_writer;

/** Fills variables and signatures from the model. */
GRAFT_MUST_CHECK graft_status gft_sm_collect(gft_sm_writer *w, graft_error *err);
/** Writes the functions of a signature into the library. */
GRAFT_MUST_CHECK graft_status gft_sm_write_functions(gft_sm_writer *w, gft_sm_signature *signature,
                                                     graft_error *err);
/** The wrapper of serving_jpeg and what it needs: decoding, cropping, resizing. */
GRAFT_MUST_CHECK graft_status gft_sm_write_jpeg(gft_sm_writer *w, gft_sm_signature *signature,
                                                graft_error *err);
/** True if the model's first signature takes pictures that its preprocessing rule makes. */
bool gft_sm_takes_pictures(const gft_sm_writer *w);
/** Main graph: variables, placeholders, calls, saving and restoring; signature_def, saver_def. */
void gft_sm_write_graph(gft_sm_writer *w);
/** object_graph_def, and the checkpoint's own object graph. */
void gft_sm_write_objects(gft_sm_writer *w);
Tensorflow__TrackableObjectGraph *gft_sm_checkpoint_objects(gft_sm_writer *w);

/** A call node: inputs are appended by the caller, then types with gft_sm_call_types. */
gft_tf_node *gft_sm_call(gft_tf_nodes *nodes, const char *name, const char *function);
void gft_sm_call_types(gft_sm_writer *w, gft_tf_nodes *nodes, gft_tf_node *call,
                       const gft_sm_signature *signature, bool jpeg);

#endif
