/*
 * Building TensorFlow's protobuf messages in an arena: nodes with inputs and attributes, one list
 * of nodes per graph or function body. Running out of memory is remembered (gft_pb.failed) and
 * asked for once, at the end; until then every function here takes and gives NULL.
 */
#ifndef GFT_MODELS_SAVEDMODEL_PROTO_H
#define GFT_MODELS_SAVEDMODEL_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "graft/tensor.h"
#include "tensorflow.pb-c.h"

/* Attributes of Graft's own, on nodes it writes; TensorFlow ignores names that begin with '_'. */
#define GFT_TF_ATTR_LAYER "_graft_layer"
#define GFT_TF_ATTR_MOMENTUM "_graft_momentum"
#define GFT_TF_ATTR_TRAIN "_graft_train"
#define GFT_TF_ATTR_RATE "_graft_dropout_rate"
#define GFT_TF_ATTR_KEY "_graft_dropout_key"

typedef struct gft_pb {
    gft_arena *arena;
    bool failed;
} gft_pb;

/** Memory with the contents of `initial`; NULL when out of memory. */
void *gft_pb_new(gft_pb *pb, size_t bytes, const void *initial);
#define GFT_PB_NEW(pb, type, init) ((type *)gft_pb_new(pb, sizeof(type), &(const type)init))
char *gft_pb_string(gft_pb *pb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Appends to a repeated field of pointers: items is the address of the field. */
void gft_pb_push(gft_pb *pb, void *items, size_t *count, const void *item);
#define GFT_PB_PUSH(pb, message, field, item)                                                      \
    gft_pb_push(pb, &(message)->field, &(message)->n_##field, item)

Tensorflow__TensorShapeProto *gft_pb_shape(gft_pb *pb, const graft_shape *shape);

/* ---- nodes ---- */

typedef Tensorflow__NodeDef gft_tf_node;

/* The nodes of one graph or function body. Zeroed but for pb and function is empty. */
typedef struct gft_tf_nodes {
    gft_pb *pb;
    bool function; /* tensors are "node:output:0"; in a graph "node" and "node:1" */
    gft_tf_node **items;
    size_t count;
    const char **names; /* open-addressing set of the names that are taken */
    size_t name_count, name_slots;
    const char *scope; /* names of new nodes begin with it; NULL: none */
    const char *layer; /* GFT_TF_ATTR_LAYER of new nodes; NULL: none */
} gft_tf_nodes;

/** A name TensorFlow accepts that is not taken, made from `name`; it is taken from now on. */
const char *gft_tf_take_name(gft_tf_nodes *nodes, const char *name);
/** Appends a node named after scope and op. */
gft_tf_node *gft_tf_add(gft_tf_nodes *nodes, const char *op);
/** Appends a node of this name (made unique), outside of the scope. */
gft_tf_node *gft_tf_add_named(gft_tf_nodes *nodes, const char *op, const char *name);
/** Appends an input: a tensor as gft_tf_output gives it, a function's argument, or "^node". */
void gft_tf_input(gft_tf_nodes *nodes, gft_tf_node *node, const char *tensor);
void gft_tf_control_input(gft_tf_nodes *nodes, gft_tf_node *node, const gft_tf_node *before);
/**
 * The tensor that is output `index` of a node whose op has one output argument (or a list of them).
 */
const char *gft_tf_output(gft_tf_nodes *nodes, const gft_tf_node *node, int index);
/**
 * An output by its argument's name, for ops with several; `flat` is its number among all outputs.
 */
const char *gft_tf_output_named(gft_tf_nodes *nodes, const gft_tf_node *node, const char *argument,
                                int flat);

/* ---- attributes ---- */

void gft_tf_attr_type(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, graft_dtype dtype);
void gft_tf_attr_int(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, int64_t value);
void gft_tf_attr_float(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, float value);
void gft_tf_attr_bool(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, bool value);
void gft_tf_attr_text(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, const char *value);
void gft_tf_attr_shape(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                       const graft_shape *value);
void gft_tf_attr_function(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                          const char *name);
void gft_tf_attr_ints(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                      const int64_t *values, size_t count);
void gft_tf_attr_types(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                       const graft_dtype *values, size_t count);
void gft_tf_attr_shape_list(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                            const graft_shape *values, size_t count);
/** A list of shapes as value of an attribute. */
Tensorflow__AttrValue *gft_tf_attr_shapes(gft_pb *pb, const graft_shape *values, size_t count);
/** Sorts the attributes of every node by name, so that the same graph gives the same bytes. */
void gft_tf_sort_attrs(gft_tf_nodes *nodes);

/* ---- small nodes that many ops need ---- */

const char *gft_tf_const(gft_tf_nodes *nodes, const char *name, const graft_tensor_desc *desc,
                         const void *data);
const char *gft_tf_const_f32(gft_tf_nodes *nodes, const char *name, float value); /* scalar */
const char *gft_tf_const_s32(gft_tf_nodes *nodes, const char *name, int32_t value);
/** A vector of int32 (values that do not fit are an error of the caller: see gft_tf_fits_s32). */
const char *gft_tf_const_ints(gft_tf_nodes *nodes, const char *name, const int64_t *values,
                              size_t count);
const char *gft_tf_const_strings(gft_tf_nodes *nodes, const char *name, const char *const *values,
                                 size_t count);
bool gft_tf_fits_s32(const int64_t *values, size_t count);
const char *gft_tf_unary(gft_tf_nodes *nodes, const char *op, const char *x, graft_dtype dtype);
const char *gft_tf_binary(gft_tf_nodes *nodes, const char *op, const char *a, const char *b,
                          graft_dtype dtype);
const char *gft_tf_cast(gft_tf_nodes *nodes, const char *x, graft_dtype from, graft_dtype to);
const char *gft_tf_reshape(gft_tf_nodes *nodes, const char *x, const char *shape,
                           graft_dtype dtype);
/** Mean, Sum or Max over these axes. */
const char *gft_tf_reduce(gft_tf_nodes *nodes, const char *op, const char *x, const int64_t *axes,
                          size_t count, bool keep_dims);
const char *gft_tf_shape_of(gft_tf_nodes *nodes, const char *x,
                            graft_dtype dtype); /* int32 vector */

/* ---- functions ---- */

typedef struct gft_tf_function {
    gft_tf_nodes nodes;
    Tensorflow__FunctionDef *def;
    Tensorflow__AttrValue *input_shapes;
} gft_tf_function;

void gft_tf_function_begin(gft_tf_function *function, gft_pb *pb, const char *name);
/** Adds an argument and gives its tensor. shape NULL: unknown rank. */
const char *gft_tf_function_arg(gft_tf_function *function, const char *name, graft_dtype dtype,
                                const graft_shape *shape);
/** Adds a variable's handle as argument. */
const char *gft_tf_function_handle(gft_tf_function *function, const char *name,
                                   const graft_tensor_desc *variable);
/** Adds a result: a name for the argument, and the tensor. */
void gft_tf_function_result(gft_tf_function *function, const char *name, graft_dtype dtype,
                            const char *tensor);
/** A node that has to run although no result needs it. */
void gft_tf_function_control(gft_tf_function *function, const gft_tf_node *node);
void gft_tf_function_end(gft_tf_function *function, Tensorflow__FunctionDefLibrary *library);

#endif
