/*
 * TensorFlow's nodes as graph ops: one small function per op family (tensorflow_ops_import_*.c),
 * one table. Shapes, axes and other small integers are computed while reading, also where a
 * dimension is not known (GFT_TF_UNKNOWN).
 */
#ifndef GFT_MODELS_TENSORFLOW_OPS_IMPORT_H
#define GFT_MODELS_TENSORFLOW_OPS_IMPORT_H

#include "base/file.h"
#include "graph/graph.h"
#include "tensorflow.pb-c.h"

#define GFT_TF_UNKNOWN INT64_MIN
#define GFT_TF_MAX_INTS 64

typedef enum gft_tf_kind {
    GFT_TF_NONE,     /* not a value (or one that cannot be used) */
    GFT_TF_GRAPH,    /* a value of the graph */
    GFT_TF_CONST,    /* a constant not in the graph yet */
    GFT_TF_INTS,     /* integers computed from shapes */
    GFT_TF_VARIABLE, /* a variable's handle */
    GFT_TF_TABLE,    /* an immutable table's handle */
} gft_tf_kind;

/* What a look-up table holds: as many keys as values, in vectors. */
typedef struct gft_tf_table {
    graft_tensor keys, values;
} gft_tf_table;

typedef struct gft_tf_ints {
    int32_t rank; /* 0 or 1 */
    int32_t count;
    graft_dtype dtype; /* int32 or int64 */
    int64_t values[GFT_TF_MAX_INTS];
} gft_tf_ints;

typedef struct gft_tf_value {
    gft_tf_kind kind;
    gft_value_id id;    /* GRAPH; CONST: -1, or the value it became; TABLE: the keys likewise */
    gft_param_id param; /* VARIABLE */
    const graft_tensor *tensor; /* CONST */
    const gft_tf_ints *ints;    /* INTS */
    const gft_tf_table *table;  /* TABLE */
    const char *why;            /* NONE: why it cannot be used; may be NULL */
} gft_tf_value;

/* A node being read. */
typedef struct gft_tf_import {
    gft_graph *graph;
    gft_arena *arena;
    const gft_map *map;
    const Tensorflow__NodeDef *node;
    const char *name;      /* for graph nodes */
    gft_tf_value **inputs; /* data inputs */
    int32_t input_count;
    gft_tf_value *outputs; /* output_count of them, zeroed: ops fill in */
    int32_t output_count;
} gft_tf_import;

/** How many outputs of a node can be used; 0: an op that is not read. */
int32_t gft_tf_import_outputs(const Tensorflow__NodeDef *node);
/** True if identities lead through the node to its input 0 (or the same number, IdentityN). */
bool gft_tf_import_passes(const Tensorflow__NodeDef *node);
/** Reads one node; UNIMPLEMENTED or INVALID_ARGUMENT says why it cannot be. */
GRAFT_MUST_CHECK graft_status gft_tf_import_node(gft_tf_import *m, graft_error *err);

/**
 * Why an op that is not in the table is not read: a sentence, "the op is not read" if there is no
 * better one.
 */
const char *gft_tf_import_why_not(const Tensorflow__NodeDef *node);
/** Outputs of the nodes that parse tf.Examples; -1: no such node. */
int32_t gft_tf_example_outputs(const Tensorflow__NodeDef *node);
/**
 * The number among all outputs of output `number` of the argument `name` (functions write
 * "node:argument:number"), for nodes that parse tf.Examples; for others `number`. -1: there is
 * none.
 */
int32_t gft_tf_example_output(const Tensorflow__NodeDef *node, const char *name, size_t length,
                              int32_t number);

/* ---- attributes ---- */

const Tensorflow__AttrValue *gft_tf_find_attr(const Tensorflow__NodeDef *node, const char *key);
int64_t gft_tf_get_int(const Tensorflow__NodeDef *node, const char *key, int64_t otherwise);
float gft_tf_get_float(const Tensorflow__NodeDef *node, const char *key, float otherwise);
bool gft_tf_get_bool(const Tensorflow__NodeDef *node, const char *key, bool otherwise);
graft_dtype gft_tf_get_type(const Tensorflow__NodeDef *node, const char *key,
                            graft_dtype otherwise);
/** True if the text attribute (or, without one, `otherwise`) is `value`. */
bool gft_tf_text_is(const Tensorflow__NodeDef *node, const char *key, const char *otherwise,
                    const char *value);
/** The list of integers; *count 0 if there is none. */
const int64_t *gft_tf_get_ints(const Tensorflow__NodeDef *node, const char *key, size_t *count);

/* ---- for the families ---- */

/** An input as value of the graph (constants are put there). */
GRAFT_MUST_CHECK graft_status gft_tf_take(gft_tf_import *m, int32_t input, gft_value_id *out,
                                          graft_error *err);
/** The same for a value that is no input. */
GRAFT_MUST_CHECK graft_status gft_tf_value_in_graph(gft_tf_import *m, gft_tf_value *value,
                                                    gft_value_id *out, graft_error *err);
/**
 * True if the input's integers are known while reading (some may be GFT_TF_UNKNOWN); any rank,
 * flattened.
 */
bool gft_tf_ints_of(const gft_tf_import *m, int32_t input, gft_tf_ints *out);
/** The same, an error naming the input (`what`) if they are not. */
GRAFT_MUST_CHECK graft_status gft_tf_need_ints(const gft_tf_import *m, int32_t input,
                                               const char *what, gft_tf_ints *out,
                                               graft_error *err);
/** All known; else an error. */
GRAFT_MUST_CHECK graft_status gft_tf_need_known(const gft_tf_import *m, int32_t input,
                                                const char *what, gft_tf_ints *out,
                                                graft_error *err);
/** Descriptor of an input. */
GRAFT_MUST_CHECK graft_status gft_tf_desc_of(const gft_tf_import *m, int32_t input,
                                             graft_tensor_desc *out, graft_error *err);
/** One scalar float constant. */
bool gft_tf_scalar_of(const gft_tf_import *m, int32_t input, float *out);
/** Strings of a constant input, borrowed; false if it is none. */
bool gft_tf_strings_of(const gft_tf_import *m, int32_t input, const graft_string_view **out,
                       size_t *count);
/** Output 0 becomes a constant of strings. */
GRAFT_MUST_CHECK graft_status gft_tf_read_strings(gft_tf_import *m,
                                                  const Tensorflow__TensorProto *proto,
                                                  graft_error *err);
/** Output 0 becomes integers. */
GRAFT_MUST_CHECK graft_status gft_tf_set_ints(gft_tf_import *m, const gft_tf_ints *ints,
                                              graft_error *err);
/** Appends an op over values; the result is its only output. */
GRAFT_MUST_CHECK graft_status gft_tf_append(gft_tf_import *m, const gft_op *op, const void *attrs,
                                            const gft_value_id *inputs, int32_t count,
                                            gft_value_id *out, graft_error *err);
/** The same with the node's first `count` inputs; the result becomes output 0. */
GRAFT_MUST_CHECK graft_status gft_tf_append_same(gft_tf_import *m, const gft_op *op,
                                                 const void *attrs, int32_t count,
                                                 graft_error *err);
void gft_tf_set_graph(gft_tf_import *m, int32_t output, gft_value_id id);
/**
 * Sets the kinds of a batch norm's parameters (x, gamma, beta, mean, variance); true if the layer
 * trains: something of it does, as Keras freezes a layer as a whole.
 */
bool gft_tf_mark_batch_norm(const gft_graph *graph, const gft_value_id *inputs);
graft_status gft_tf_refuse(const char *why, graft_error *err); /* UNIMPLEMENTED */

#define GFT_TF_IMPORT_DECLARE(name)                                                                \
    graft_status gft_tf_import_##name(gft_tf_import *m, graft_error *err)
GFT_TF_IMPORT_DECLARE(const);
GFT_TF_IMPORT_DECLARE(read_variable);
GFT_TF_IMPORT_DECLARE(dropout);
GFT_TF_IMPORT_DECLARE(conv2d);
GFT_TF_IMPORT_DECLARE(matmul);
GFT_TF_IMPORT_DECLARE(batch_matmul);
GFT_TF_IMPORT_DECLARE(bias_add);
GFT_TF_IMPORT_DECLARE(batch_norm);
GFT_TF_IMPORT_DECLARE(unary);
GFT_TF_IMPORT_DECLARE(leaky_relu);
GFT_TF_IMPORT_DECLARE(softmax);
GFT_TF_IMPORT_DECLARE(binary);
GFT_TF_IMPORT_DECLARE(squared_difference);
GFT_TF_IMPORT_DECLARE(add_n);
GFT_TF_IMPORT_DECLARE(cast);
GFT_TF_IMPORT_DECLARE(ones_like);
GFT_TF_IMPORT_DECLARE(pool);
GFT_TF_IMPORT_DECLARE(reduce);
GFT_TF_IMPORT_DECLARE(resize);
GFT_TF_IMPORT_DECLARE(pad);
GFT_TF_IMPORT_DECLARE(concat);
GFT_TF_IMPORT_DECLARE(split);
GFT_TF_IMPORT_DECLARE(unpack);
GFT_TF_IMPORT_DECLARE(pack);
GFT_TF_IMPORT_DECLARE(slice);
GFT_TF_IMPORT_DECLARE(strided_slice);
GFT_TF_IMPORT_DECLARE(reshape);
GFT_TF_IMPORT_DECLARE(expand_dims);
GFT_TF_IMPORT_DECLARE(squeeze);
GFT_TF_IMPORT_DECLARE(transpose);
GFT_TF_IMPORT_DECLARE(gather);
GFT_TF_IMPORT_DECLARE(broadcast_to);
GFT_TF_IMPORT_DECLARE(shape);
GFT_TF_IMPORT_DECLARE(fill);
GFT_TF_IMPORT_DECLARE(range);
GFT_TF_IMPORT_DECLARE(table_find);
GFT_TF_IMPORT_DECLARE(table_size);
GFT_TF_IMPORT_DECLARE(parse_example);

#endif
