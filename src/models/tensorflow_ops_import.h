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

/* Where a number that is not known yet comes from: `times` a dimension of a value of the graph. */
typedef struct gft_tf_dim {
    gft_value_id value; /* + 1; 0: nowhere that is known */
    int32_t dim;
    int64_t times;
} gft_tf_dim;

typedef struct gft_tf_ints {
    int32_t rank; /* 0, 1, or 2: rows of `cols` numbers (paddings); of a constant, any */
    int32_t count;
    int32_t cols;
    graft_dtype dtype; /* int32, int64 or bool */
    int64_t values[GFT_TF_MAX_INTS];
    gft_tf_dim dims[GFT_TF_MAX_INTS]; /* of values that are GFT_TF_UNKNOWN */
} gft_tf_ints;

struct gft_tf_value;

/* The node that integers which are not known came from: it is read again, into the graph, where an
 * op wants them at run time. */
typedef struct gft_tf_recipe {
    const Tensorflow__NodeDef *node;
    const char *name;
    struct gft_tf_value **inputs;
    int32_t input_count, output_count, output;
} gft_tf_recipe;

typedef struct gft_tf_value {
    gft_tf_kind kind;
    gft_value_id id; /* GRAPH; CONST, INTS: -1, or the value it became; TABLE: the keys likewise */
    gft_param_id param;          /* VARIABLE */
    const graft_tensor *tensor;  /* CONST */
    const gft_tf_ints *ints;     /* INTS */
    const gft_tf_recipe *recipe; /* INTS, where some are not known; may be NULL */
    const gft_tf_table *table;   /* TABLE */
    const char *why;             /* NONE: why it cannot be used; may be NULL */
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
    bool
        in_graph; /* integers are wanted as values of the graph: nothing is computed while reading */
    int32_t depth; /* of nodes read again */
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

/**
 * Shape of a dense feature among the outputs of such a node, its batch not known; false if it is
 * none.
 */
bool gft_tf_example_shape(const Tensorflow__NodeDef *node, int32_t output, graft_shape *out);

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
/** The same for an operand to compute with now; false where results are wanted in the graph. */
bool gft_tf_operand_of(const gft_tf_import *m, int32_t input, gft_tf_ints *out);
/** A shape of these dimensions, -1 where they are not known. */
GRAFT_MUST_CHECK graft_status gft_tf_shape_of_ints(const gft_tf_ints *ints, graft_shape *out,
                                                   graft_error *err);
/** op on two numbers by TensorFlow's name; GFT_TF_UNKNOWN where it cannot be said. */
int64_t gft_tf_int_result(const char *op, int64_t a, int64_t b);
/** Two lists of integers combined by the node's op; false if they are not known or do not fit. */
bool gft_tf_fold_binary(const gft_tf_import *m, gft_tf_ints *y);
bool gft_tf_fold_unary(const gft_tf_import *m, gft_tf_ints *y);
/** Sum, Prod, Max, ... of a list. */
bool gft_tf_fold_reduce(const gft_tf_import *m, gft_tf_ints *y);
graft_shape gft_tf_ints_shape(const gft_tf_ints *ints);
/** Number `from` of another list behind those of `to`; false if that is full. */
bool gft_tf_ints_push(gft_tf_ints *to, const gft_tf_ints *list, int32_t from);
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
/** Output 0 becomes a constant whose `bytes` of data are to be filled in. */
GRAFT_MUST_CHECK graft_status gft_tf_set_const(gft_tf_import *m, const graft_tensor_desc *desc,
                                               void *data, graft_error *err);
/** A scalar constant of this type in the graph. */
GRAFT_MUST_CHECK graft_status gft_tf_number(gft_tf_import *m, graft_dtype dtype, double number,
                                            gft_value_id *out, graft_error *err);
/** op(a, b) or, with b -1, op(a): no attributes. */
GRAFT_MUST_CHECK graft_status gft_tf_apply(gft_tf_import *m, const gft_op *op, gft_value_id a,
                                           gft_value_id b, gft_value_id *out, graft_error *err);
/**
 * x (of the rank of `target`, dimensions 1 where it is to be repeated) repeated along the
 * dimensions that are not known and come from another value; *shape gets what is left, -1 where x
 * keeps its own.
 */
GRAFT_MUST_CHECK graft_status gft_tf_spread(gft_tf_import *m, const gft_tf_ints *target,
                                            gft_value_id *x, graft_shape *shape, graft_error *err);
/** Attribute list of texts; false if there is no text of this index. */
bool gft_tf_text_at(const Tensorflow__NodeDef *node, const char *key, size_t index,
                    const char **text, size_t *length);
/** Conv2D and its like in any data format: an input as NHWC; a result of node outputs back. */
bool gft_tf_is_nchw(const gft_tf_import *m);
GRAFT_MUST_CHECK graft_status gft_tf_to_nhwc(gft_tf_import *m, gft_value_id x, gft_value_id *out,
                                             graft_error *err);
GRAFT_MUST_CHECK graft_status gft_tf_from_nhwc(gft_tf_import *m, gft_value_id x, gft_value_id *out,
                                               graft_error *err);
/** How Grappler's fused nodes end: bias, normalisation, activations, by the attribute fused_ops. */
GRAFT_MUST_CHECK graft_status gft_tf_fused_tail(gft_tf_import *m, int32_t first_arg,
                                                gft_value_id *x, graft_error *err);
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
GFT_TF_IMPORT_DECLARE(erfc);
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
GFT_TF_IMPORT_DECLARE(zeros_like);
GFT_TF_IMPORT_DECLARE(mod);
GFT_TF_IMPORT_DECLARE(div_no_nan);
GFT_TF_IMPORT_DECLARE(select);
GFT_TF_IMPORT_DECLARE(clip);
GFT_TF_IMPORT_DECLARE(is_number);
GFT_TF_IMPORT_DECLARE(reciprocal);
GFT_TF_IMPORT_DECLARE(l2_loss);
GFT_TF_IMPORT_DECLARE(lrn);
GFT_TF_IMPORT_DECLARE(size);
GFT_TF_IMPORT_DECLARE(rank);
GFT_TF_IMPORT_DECLARE(lin_space);
GFT_TF_IMPORT_DECLARE(broadcast_args);
GFT_TF_IMPORT_DECLARE(tile);
GFT_TF_IMPORT_DECLARE(reverse);
GFT_TF_IMPORT_DECLARE(mirror_pad);
GFT_TF_IMPORT_DECLARE(depth_to_space);
GFT_TF_IMPORT_DECLARE(space_to_batch);
GFT_TF_IMPORT_DECLARE(batch_to_space);
GFT_TF_IMPORT_DECLARE(gather_nd);
GFT_TF_IMPORT_DECLARE(arg);
GFT_TF_IMPORT_DECLARE(top_k);
GFT_TF_IMPORT_DECLARE(one_hot);
GFT_TF_IMPORT_DECLARE(cumsum);
GFT_TF_IMPORT_DECLARE(conv2d_transpose);
GFT_TF_IMPORT_DECLARE(fake_quant);
GFT_TF_IMPORT_DECLARE(einsum);
GFT_TF_IMPORT_DECLARE(fused_matmul);
GFT_TF_IMPORT_DECLARE(table_find);
GFT_TF_IMPORT_DECLARE(table_size);
GFT_TF_IMPORT_DECLARE(parse_example);

#endif
