/*
 * Keras' layers as graph ops: one small function per class (keras_layers_*.c), one table
 * (keras_layers.c). Each function appends the nodes of one call and sets its outputs.
 */
#ifndef GFT_MODELS_KERAS_LAYERS_H
#define GFT_MODELS_KERAS_LAYERS_H

#include "models/keras_read.h"
#include "ops/ops.h"

#define GFT_KERAS_MAX_OUTPUTS 64

/* An argument of a call: values (count 0: a constant). */
typedef struct gft_keras_arg {
    const char *keyword;
    const gft_value_id *values;
    int32_t count;
    bool list;
    const json_t *constant;
} gft_keras_arg;

/* A layer being called. */
typedef struct gft_keras_call {
    gft_keras_reader *r;
    gft_graph *graph;
    gft_keras_layer *layer;
    const struct gft_keras_kind *kind;
    const json_t *config;
    const char *module;
    bool inference;             /* it, or a model around it, is called with training=False */
    const gft_value_id *inputs; /* all tensors, in order */
    int32_t input_count;
    const gft_keras_arg *args;
    int32_t arg_count;
    gft_value_id outputs[GFT_KERAS_MAX_OUTPUTS];
    int32_t output_count;
} gft_keras_call;

typedef graft_status (*gft_keras_call_fn)(gft_keras_call *c, graft_error *err);
/* Sets names of the layer's variables, trainable ones first. */
typedef void (*gft_keras_variables_fn)(gft_keras_layer *layer, const json_t *config);

typedef struct gft_keras_kind {
    const char *class_name;
    gft_keras_call_fn call;
    gft_keras_variables_fn variables; /* NULL: has none */
    const gft_op *op;                 /* for functions that serve several classes */
    int32_t number;                   /* the same: rank, axis, ... */
    bool any_dtype;                   /* inputs that are not float32 stay what they are */
} gft_keras_kind;

/** The class of a layer, or of an operation (a module of keras.src.ops); NULL: not read. */
const gft_keras_kind *gft_keras_find_kind(const char *class_name, bool operation);
const gft_keras_kind *gft_keras_find_operation(const char *class_name);

/* ---- configuration: a key that is missing or null gives `otherwise` ---- */

int64_t gft_keras_int(const json_t *config, const char *key, int64_t otherwise);
double gft_keras_number(const json_t *config, const char *key, double otherwise);
bool gft_keras_bool(const json_t *config, const char *key, bool otherwise);
const char *gft_keras_text(const json_t *config, const char *key, const char *otherwise);
/** A number for both, or a list of two. INVALID_ARGUMENT names the layer for anything else. */
GRAFT_MUST_CHECK graft_status gft_keras_pair(const gft_keras_call *c, const char *key,
                                             int64_t otherwise, int64_t out[2], graft_error *err);
/** A number, or a list of up to `most`; *count 0 for null. */
GRAFT_MUST_CHECK graft_status gft_keras_ints(const gft_keras_call *c, const json_t *value,
                                             const char *what, int64_t *out, int32_t most,
                                             int32_t *count, graft_error *err);

/* ---- for the classes ---- */

/** UNIMPLEMENTED, "layer 'l' of class C: why". */
graft_status gft_keras_refuse(const gft_keras_call *c, graft_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** INVALID_ARGUMENT, the same way. */
graft_status gft_keras_wrong(const gft_keras_call *c, graft_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Input 0; its descriptor. */
static inline const graft_tensor_desc *gft_keras_desc(const gft_keras_call *c, gft_value_id value) {
    return &gft_graph_value(c->graph, value)->desc;
}
/** Exactly this many tensors, input 0 of this rank (-1: any). */
GRAFT_MUST_CHECK graft_status gft_keras_expect(const gft_keras_call *c, int32_t inputs,
                                               int32_t rank, graft_error *err);
/** Appends a node; part NULL: named like the layer, else "layer/part". */
GRAFT_MUST_CHECK graft_status gft_keras_add(gft_keras_call *c, const gft_op *op, const char *part,
                                            const void *attrs, const gft_value_id *inputs,
                                            int32_t count, gft_value_id *out, graft_error *err);
static inline void gft_keras_done(gft_keras_call *c, gft_value_id value) {
    c->outputs[0] = value;
    c->output_count = 1;
}
/** Appends a node whose only output is the call's. */
GRAFT_MUST_CHECK graft_status gft_keras_finish(gft_keras_call *c, const gft_op *op,
                                               const char *part, const void *attrs,
                                               const gft_value_id *inputs, int32_t count,
                                               graft_error *err);
/**
 * Variable i of the layer as parameter "layer/name"; its shape must be `shape`. An error names the
 * layer, the shape found and the one expected.
 */
GRAFT_MUST_CHECK graft_status gft_keras_variable_of(gft_keras_call *c, const char *name,
                                                    const graft_shape *shape, gft_param_kind kind,
                                                    gft_value_id *out, graft_error *err);
/** The shape that a variable has in the file; rank -1 if it is not there. */
graft_shape gft_keras_variable_shape(const gft_keras_call *c, const char *name);
/** A vector of `count` equal numbers. */
GRAFT_MUST_CHECK graft_status gft_keras_fill(gft_keras_call *c, int64_t count, float value,
                                             gft_value_id *out, graft_error *err);
/** x under another shape. */
GRAFT_MUST_CHECK graft_status gft_keras_reshape(gft_keras_call *c, gft_value_id x,
                                                const graft_shape *shape, const char *part,
                                                gft_value_id *out, graft_error *err);
/** Numbers written in the config or as an argument: a number, nested lists, an array of NumPy. */
GRAFT_MUST_CHECK graft_status gft_keras_constant(gft_keras_call *c, const json_t *json,
                                                 graft_dtype dtype, gft_value_id *out,
                                                 graft_error *err);
/** An axis of `rank` dimensions. */
GRAFT_MUST_CHECK graft_status gft_keras_axis(const gft_keras_call *c, int64_t axis, int32_t rank,
                                             int32_t *out, graft_error *err);
/** Applies an activation as configurations write it (a word, null, a function, a layer). */
GRAFT_MUST_CHECK graft_status gft_keras_activate(gft_keras_call *c, const json_t *activation,
                                                 const char *part, gft_value_id x,
                                                 gft_value_id *out, graft_error *err);
/** Binary op over two values of any rank, ranks equalised as Keras' merge layers do. */
GRAFT_MUST_CHECK graft_status gft_keras_binary(gft_keras_call *c, const gft_op *op,
                                               const char *part, gft_value_id a, gft_value_id b,
                                               gft_value_id *out, graft_error *err);
/** A constant scalar on the right. */
GRAFT_MUST_CHECK graft_status gft_keras_with_scalar(gft_keras_call *c, const gft_op *op,
                                                    const char *part, gft_value_id a, float b,
                                                    gft_value_id *out, graft_error *err);
/** Sizes of a picture (N,H,W,C); refused if they are not known. */
GRAFT_MUST_CHECK graft_status gft_keras_picture_size(const gft_keras_call *c, gft_value_id x,
                                                     int64_t size[2], graft_error *err);
/** x[:, top:top+height, left:left+width, :] */
GRAFT_MUST_CHECK graft_status gft_keras_crop(gft_keras_call *c, gft_value_id x, int64_t top,
                                             int64_t left, int64_t height, int64_t width,
                                             gft_value_id *out, graft_error *err);

/* Layers. */
#define GFT_KERAS_DECLARE(name)                                                                    \
    graft_status gft_keras_call_##name(gft_keras_call *c, graft_error *err)
#define GFT_KERAS_DECLARE_VARIABLES(name)                                                          \
    void gft_keras_variables_##name(gft_keras_layer *layer, const json_t *config)
GFT_KERAS_DECLARE(conv); /* keras_layers_conv.c */
GFT_KERAS_DECLARE(depthwise);
GFT_KERAS_DECLARE(separable);
GFT_KERAS_DECLARE(conv_transpose);
GFT_KERAS_DECLARE(dense); /* keras_layers_dense.c */
GFT_KERAS_DECLARE(embedding);
GFT_KERAS_DECLARE(dot);
GFT_KERAS_DECLARE(batch_norm); /* keras_layers_norm.c */
GFT_KERAS_DECLARE(layer_norm);
GFT_KERAS_DECLARE(group_norm);
GFT_KERAS_DECLARE(unit_norm);
GFT_KERAS_DECLARE(normalization);
GFT_KERAS_DECLARE(rescaling);
GFT_KERAS_DECLARE(pool); /* keras_layers_pool.c */
GFT_KERAS_DECLARE(global_pool);
GFT_KERAS_DECLARE(pad); /* keras_layers_shape.c */
GFT_KERAS_DECLARE(crop);
GFT_KERAS_DECLARE(reshape);
GFT_KERAS_DECLARE(flatten);
GFT_KERAS_DECLARE(permute);
GFT_KERAS_DECLARE(repeat);
GFT_KERAS_DECLARE(identity);
GFT_KERAS_DECLARE(dropout);
GFT_KERAS_DECLARE(resizing); /* keras_layers_picture.c */
GFT_KERAS_DECLARE(center_crop);
GFT_KERAS_DECLARE(random_crop);
GFT_KERAS_DECLARE(upsampling);
GFT_KERAS_DECLARE(merge); /* keras_layers_merge.c */
GFT_KERAS_DECLARE(average);
GFT_KERAS_DECLARE(concatenate);
GFT_KERAS_DECLARE(activation); /* keras_layers_activation.c */
GFT_KERAS_DECLARE(activation_layer);
GFT_KERAS_DECLARE(prelu);
GFT_KERAS_DECLARE(softmax);
GFT_KERAS_DECLARE(lambda_op); /* keras_layers_lambda.c */
GFT_KERAS_DECLARE_VARIABLES(kernel);
GFT_KERAS_DECLARE_VARIABLES(depthwise);
GFT_KERAS_DECLARE_VARIABLES(separable);
GFT_KERAS_DECLARE_VARIABLES(embedding);
GFT_KERAS_DECLARE_VARIABLES(batch_norm);
GFT_KERAS_DECLARE_VARIABLES(scale_center);
GFT_KERAS_DECLARE_VARIABLES(normalization);
GFT_KERAS_DECLARE_VARIABLES(prelu);

/** Adds a variable to a layer's list. */
void gft_keras_add_variable(gft_keras_layer *layer, const char *name, bool trainable);

#endif
