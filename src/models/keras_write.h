/*
 * Private to the Keras writer. A graph becomes a list of Keras layers, each with one output
 * (keras_write_layers.c and its families), these are put into the order Keras keeps them in
 * (keras_write_order.c), and the list becomes a configuration (keras_write_config.c) and weights
 * (keras_write_weights.c).
 *
 * Two dialects: Keras 3 as it is, and the legacy one of `.h5`, which tf_keras (Keras 2) reads too:
 * it knows fewer activations and none of Keras' operations, so that some ops become several layers
 * there.
 */
#ifndef GFT_MODELS_KERAS_WRITE_H
#define GFT_MODELS_KERAS_WRITE_H

#include <jansson.h>
#include <stdbool.h>

#include "formats/hdf5_writer.h"
#include "models/model.h"
#include "ops/ops.h"

#define GFT_KW_MAX_WEIGHTS 5
#define GFT_KW_LAYERS "keras.layers"
#define GFT_KW_NUMPY "keras.src.ops.numpy"
#define GFT_KW_MATH "keras.src.ops.math"

/* A layer's place in the list; -1: none. */
typedef int32_t gft_kw_id;

typedef struct gft_kw_weight {
    const char *name; /* "kernel" */
    graft_tensor_desc desc;
    const void *data;
    bool trainable;
    gft_param_id param; /* that it is; -1: a constant */
} gft_kw_weight;

/* An argument: another layer's output, or (input -1) a constant in Keras' form. */
typedef struct gft_kw_arg {
    gft_kw_id input;
    json_t *constant;
} gft_kw_arg;

typedef struct gft_kw_layer {
    const char *name;
    const char *module, *class_name;
    json_t *config; /* without name and trainable; NULL after a failure */
    gft_kw_arg *args;
    int32_t arg_count;
    bool list; /* arguments come as one list (merge layers) */
    bool model_input;
    graft_tensor_desc output;
    gft_kw_weight weights[GFT_KW_MAX_WEIGHTS];
    int32_t weight_count;
    const char *group;  /* the graph's layer it comes from */
    gft_value_id value; /* the graph's value that it gives, -1: none */
    bool takes_activation;
    bool scales, shifts; /* a Rescaling, which may take the one behind it in */
    float scale, offset; /* of one with scalars */
    const char *place;   /* in a weights file: "conv2d_1" */
    gft_kw_id same;      /* the layer that this is a further call of, -1 */
    gft_kw_id next_call;
    int32_t call;
} gft_kw_layer;

/* sub, div of a Normalization: (x - mean) / max(sqrt(variance), epsilon). */
typedef struct gft_kw_normal {
    gft_node_id sub, div;
    gft_value_id x, mean, variance; /* variance -1: only its root is there */
    const char *stored;             /* "norm/mean", the parameter that holds the same; NULL: none */
} gft_kw_normal;

typedef struct gft_kw {
    const graft_model *model;
    gft_graph *graph; /* a copy: patterns joined, what is constant computed */
    bool legacy;
    bool has_params; /* else every weight is a constant of the graph, and all are trainable */
    gft_arena arena;
    gft_kw_layer *layers;
    int32_t count, capacity;
    gft_kw_id *layer_of; /* per value */
    int32_t *uses;       /* per value */
    gft_param_id
        *param_of; /* per value: the parameter that it is, under another shape perhaps; -1 */
    gft_kw_normal *normals;
    int32_t normal_count;
    json_t *names;      /* taken ones, as keys */
    json_t *mains;      /* layers of the graph that a node is named after, as keys */
    const char *prefix; /* what all layers of the graph are below, "" if nothing */
    bool
        numbered; /* their names end in a "_1" that the exported functions have and layers have not */
    gft_kw_id *order; /* Keras' own order of its layers */
    int32_t order_count;
    const gft_node *node; /* being written */
    graft_error *err;
    graft_status status; /* the first failure sticks */
} gft_kw;

/* ---- keras_write_graph.c ---- */

/** Makes the list of layers of a signature's graph, in Keras' order. Deinit after a failure too. */
GRAFT_MUST_CHECK graft_status gft_kw_init(gft_kw *w, const graft_model *model,
                                          const gft_signature *signature, bool legacy,
                                          graft_error *err);
void gft_kw_deinit(gft_kw *w);
/** The signature that is written: serving_default, else the first that runs. */
GRAFT_MUST_CHECK graft_status gft_kw_signature(const graft_model *model, const gft_signature **out,
                                               graft_error *err);

/* ---- keras_write_layers.c: for the families ---- */

/** UNIMPLEMENTED, "node 'n': op 'o' cannot be written as a Keras layer: why". Sticks. */
gft_kw_id gft_kw_cannot(gft_kw *w, const char *why);
/** Out of memory. Sticks. */
gft_kw_id gft_kw_no_memory(gft_kw *w);
/** The layer that gives input i of the node; -1 (a failure) if it is a constant. */
gft_kw_id gft_kw_in(gft_kw *w, int32_t i);
const graft_tensor_desc *gft_kw_in_desc(const gft_kw *w, int32_t i);
const graft_tensor_desc *gft_kw_out_desc(const gft_kw *w);
/** Data of an input that is known before the graph runs, NULL if it is not. */
const void *gft_kw_fixed(const gft_kw *w, int32_t i);
/** The parameter that an input is; -1: a constant or computed. */
gft_param_id gft_kw_param(const gft_kw *w, int32_t i);
/** Nothing but the one who takes it uses the value. */
bool gft_kw_single(const gft_kw *w, gft_value_id value);

typedef struct gft_kw_spec {
    const char *module; /* NULL: keras.layers */
    const char *class_name;
    const char *suffix;      /* behind the node's name; NULL: the node's own */
    const char *name;        /* instead of the node's */
    json_t *config;          /* taken; NULL: none of its own */
    const gft_kw_id *inputs; /* layers */
    int32_t input_count;
    bool list;
    graft_tensor_desc output; /* dtype 0: the node's */
} gft_kw_spec;

/** Appends a layer; -1 after a failure. */
gft_kw_id gft_kw_add(gft_kw *w, const gft_kw_spec *spec);
/** A layer of one input, most often. */
gft_kw_id gft_kw_add1(gft_kw *w, const char *class_name, const char *suffix, json_t *config,
                      gft_kw_id input);
/** An operation of Keras over the node's inputs, constants among them; config taken. */
gft_kw_id gft_kw_add_op(gft_kw *w, const char *module, const char *class_name, json_t *config);
/** Appends an argument that is a constant to a layer; taken. */
void gft_kw_add_constant(gft_kw *w, gft_kw_id layer, json_t *constant);
/** Input i of the node as variable of a layer; its shape may be given another form. */
void gft_kw_add_weight(gft_kw *w, gft_kw_id layer, const char *name, int32_t i,
                       const graft_shape *shape);
void gft_kw_add_weight_data(gft_kw *w, gft_kw_id layer, const gft_kw_weight *weight);
/** The layer gives the node's output. */
void gft_kw_done(gft_kw *w, gft_kw_id layer);

/** Puts a value into an object; takes it. NULL on either side is out of memory. */
void gft_kw_set(gft_kw *w, json_t *object, const char *key, json_t *value);
json_t *gft_kw_ints(const int64_t *values, int32_t count);
json_t *gft_kw_pair(int64_t a, int64_t b);
/** A float as the shortest text that is read as the same float. */
json_t *gft_kw_float(float value);
/** Numbers of a constant: a number for a scalar, nested lists else; NULL out of memory. */
json_t *gft_kw_numbers(const graft_tensor_desc *desc, const void *data);
/** {"class_name": "__numpy__", ...}, or a plain number. */
json_t *gft_kw_constant(const graft_tensor_desc *desc, const void *data);

/* ---- the families ---- */

#define GFT_KW_DECLARE(name) void gft_kw_emit_##name(gft_kw *w)
GFT_KW_DECLARE(conv2d); /* keras_write_conv.c */
GFT_KW_DECLARE(depthwise_conv2d);
GFT_KW_DECLARE(conv2d_transpose);
GFT_KW_DECLARE(dense);
GFT_KW_DECLARE(matmul);
GFT_KW_DECLARE(batch_norm);
GFT_KW_DECLARE(layer_norm);
GFT_KW_DECLARE(gather);
GFT_KW_DECLARE(prelu);
GFT_KW_DECLARE(activation); /* keras_write_math.c */
GFT_KW_DECLARE(unary);
GFT_KW_DECLARE(clip);
GFT_KW_DECLARE(compare);
GFT_KW_DECLARE(select);
GFT_KW_DECLARE(cast);
GFT_KW_DECLARE(identity);
GFT_KW_DECLARE(dropout);
GFT_KW_DECLARE(fill_like);
GFT_KW_DECLARE(softmax);
GFT_KW_DECLARE(l2_normalise);
GFT_KW_DECLARE(binary); /* keras_write_scale.c */
GFT_KW_DECLARE(bias_add);
GFT_KW_DECLARE(pool); /* keras_write_pool.c */
GFT_KW_DECLARE(reduce);
GFT_KW_DECLARE(arg);
GFT_KW_DECLARE(resize);
GFT_KW_DECLARE(pad); /* keras_write_shape.c */
GFT_KW_DECLARE(mirror_pad);
GFT_KW_DECLARE(tile);
GFT_KW_DECLARE(block);
GFT_KW_DECLARE(slice);
GFT_KW_DECLARE(strided_slice);
GFT_KW_DECLARE(concat);
GFT_KW_DECLARE(reshape);
GFT_KW_DECLARE(broadcast_to);
GFT_KW_DECLARE(transpose);

/**
 * An activation behind a layer, within it where it takes one; returns the layer that gives the
 * result.
 */
gft_kw_id gft_kw_activate(gft_kw *w, gft_kw_id layer, const gft_op *op, float alpha,
                          const char *suffix);
/** Lets the layer in front take the bias of the node in; false if it does not. */
bool gft_kw_take_bias(gft_kw *w);
/** Merges two layers: "Add", "Multiply", ...; broadcasting included. */
gft_kw_id gft_kw_merge(gft_kw *w, const char *class_name, const char *suffix, gft_kw_id a,
                       gft_kw_id b, const graft_tensor_desc *output);
/** Rescaling by scalars. */
gft_kw_id gft_kw_rescale(gft_kw *w, gft_kw_id x, float scale, float offset, const char *suffix,
                         const graft_tensor_desc *output);
/** Zeros around height and width; the layer itself if there are none to add. */
gft_kw_id gft_kw_zero_padding(gft_kw *w, gft_kw_id x, const gft_pads *pads, const char *suffix);
/** Keras' operation: any dimension, any value; mode NULL: constant. */
gft_kw_id gft_kw_pad(gft_kw *w, gft_kw_id x, const gft_pad_attrs *attrs, int32_t rank, float value,
                     const char *mode, const char *suffix, const graft_tensor_desc *output);
/* ---- keras_write_normal.c ---- */
/** Finds the Normalization layers of the graph, before constants are computed. */
GRAFT_MUST_CHECK graft_status gft_kw_find_normals(gft_kw *w, graft_error *err);
/** True if the node belongs to a Normalization; writes it at the last of its nodes. */
bool gft_kw_emit_normal(gft_kw *w, gft_node_id node);

/* ---- keras_write_order.c ---- */
GRAFT_MUST_CHECK graft_status gft_kw_order(gft_kw *w, graft_error *err);

/* ---- keras_write_config.c, keras_write_weights.c ---- */
/** The configuration of the whole model; NULL when out of memory. */
json_t *gft_kw_config(const gft_kw *w);
/** layers/<place>/vars/<n> of the flat model that is written. */
GRAFT_MUST_CHECK graft_status gft_kw_weights(const gft_kw *w, gft_hdf5_writer *out,
                                             graft_error *err);
/**
 * The same of the model as it was in Keras' files, if it came from there and still is that model.
 */
GRAFT_MUST_CHECK graft_status gft_kw_own_weights(const gft_kw *w, gft_hdf5_writer *out,
                                                 graft_error *err);
/** model_weights/<layer>/<layer>/<variable>:0, with Keras' lists of names. */
GRAFT_MUST_CHECK graft_status gft_kw_legacy_weights(const gft_kw *w, gft_hdf5_writer *out,
                                                    graft_error *err);

#endif
