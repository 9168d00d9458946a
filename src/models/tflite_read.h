/*
 * Private to the TFLite reader. Each signature becomes a graph: its subgraph's operators are read
 * in their order, by one small function per family (tflite_read_conv.c, tflite_read_math.c,
 * tflite_read_move.c) from one table (tflite_read_table.c). Operators that TensorFlow has too are
 * handed on as TensorFlow's nodes (models/tensorflow_ops_import.h), which know how to compute with
 * shapes while reading.
 *
 * Quantised tensors: every quantised activation is a quantize -> dequantize pair, every quantised
 * constant a dequantize; between them the ops are float.
 */
#ifndef GFT_MODELS_TFLITE_READ_H
#define GFT_MODELS_TFLITE_READ_H

#include "flat/tflite_file.h"
#include "models/model.h"
#include "models/savedmodel_proto.h"
#include "models/savedmodel_read.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

/* How a weight's dimensions are turned. */
typedef enum gft_tfl_layout {
    GFT_TFL_AS_IS,
    GFT_TFL_CONV,      /* (O,H,W,I) -> (H,W,I,O) */
    GFT_TFL_TRANSPOSE, /* (O,H,W,I) -> (H,W,O,I), of a transposed convolution */
    GFT_TFL_DENSE,     /* (out,in) -> (in,out) */
    GFT_TFL_DEPTHWISE, /* (1,H,W,C*M) -> (H,W,C,M): the same bytes */
} gft_tfl_layout;

/* A parameter made of a buffer; in a list per buffer. */
typedef struct gft_tfl_param {
    gft_param_id param;
    gft_tfl_layout layout;
    graft_shape shape;
    gft_param_id owner; /* of a bias: the filter it belongs to; -1 */
    int32_t next;       /* in the buffer's list, -1: last */
} gft_tfl_param;

typedef struct gft_tfl_reader {
    graft_model *model;
    gft_tflite_file *file;
    gft_arena *arena;     /* lives as long as the model */
    int32_t *first_param; /* per buffer: its list, -1 */
    gft_tfl_param *params;
    int32_t param_count, param_capacity;
    size_t budget_bytes; /* left for values that are converted */
} gft_tfl_reader;

/* One signature being read. */
typedef struct gft_tfl_graph {
    gft_tfl_reader *reader;
    const gft_tflite_signature *signature;
    const gft_tflite_subgraph *subgraph;
    gft_graph *graph;
    gft_tf_value *values;   /* per tensor; floats of quantised ones */
    gft_value_id *integers; /* per tensor: the integers of a quantised one, -1 */
    int32_t *origin;        /* per tensor: the constant it is the dequantised form of, -1 */
    gft_sm_names layers;    /* met so far */
    gft_tf_nodes nodes;     /* for nodes handed on: their memory */
    gft_pb pb;
} gft_tfl_graph;

/* One operator being read. */
typedef struct gft_tfl_op {
    gft_tfl_graph *g;
    const gft_tflite_operator *o;
    int32_t index;     /* in its subgraph */
    const char *name;  /* for graph nodes */
    const char *layer; /* parameters are "<layer>/kernel" */
    const struct gft_tfl_entry *entry;
} gft_tfl_op;

typedef struct gft_tfl_entry {
    gft_tflite_op op;
    graft_status (*read)(gft_tfl_op *m, graft_error *err);
    const char *tf;         /* TensorFlow's op; NULL: none */
    const gft_op *graph_op; /* NULL: none */
} gft_tfl_entry;

/* ---- tflite_read_table.c ---- */
/** NULL: an operator that is not read. */
const gft_tfl_entry *gft_tfl_find(const gft_tflite_operator *o);
bool gft_tfl_supported(const gft_tflite_operator *o);

/* ---- tflite_read_graph.c ---- */
/** Adds a signature to the model: its graph, or the problem why there is none. */
GRAFT_MUST_CHECK graft_status gft_tfl_read_signature(gft_tfl_reader *r,
                                                     const gft_tflite_signature *signature,
                                                     graft_error *err);

/* ---- tflite_read_names.c ---- */
/** Names node and layer after the operator's tensors. */
GRAFT_MUST_CHECK graft_status gft_tfl_name_op(gft_tfl_op *m, graft_error *err);
/** Names the nodes of the finished graph after their layers. */
GRAFT_MUST_CHECK graft_status gft_tfl_name_nodes(gft_tfl_graph *g, graft_error *err);
/** "x" for "x:0", in the arena. */
char *gft_tfl_plain_name(gft_arena *arena, const char *tensor);

/* ---- tflite_read_values.c ---- */
const gft_tflite_tensor *gft_tfl_tensor(const gft_tfl_graph *g, int32_t tensor);
/** True if it is int8, uint8 or int16 with a scale. */
bool gft_tfl_quantised(const gft_tflite_tensor *t);
/** Looks at every constant once, when the graph begins. */
GRAFT_MUST_CHECK graft_status gft_tfl_begin_values(gft_tfl_graph *g, graft_error *err);
/** True if the operator has this input (its number is there and not -1). */
bool gft_tfl_has(const gft_tfl_op *m, int32_t input);
/** An int8 or uint8 constant that is input `input` is read as integers even if it is one number. */
GRAFT_MUST_CHECK graft_status gft_tfl_keep_integers(gft_tfl_op *m, int32_t input, graft_error *err);
/** An input's value. Constants are made when they are first asked for. */
GRAFT_MUST_CHECK graft_status gft_tfl_input(gft_tfl_op *m, int32_t input, gft_tf_value **out,
                                            graft_error *err);
GRAFT_MUST_CHECK graft_status gft_tfl_value(gft_tfl_graph *g, int32_t tensor, const char *name,
                                            gft_tf_value **out, graft_error *err);
/** The same as a value of the graph. */
GRAFT_MUST_CHECK graft_status gft_tfl_take(gft_tfl_op *m, int32_t input, gft_value_id *out,
                                           graft_error *err);
/** Sets an output; a quantised one gets its pair. */
GRAFT_MUST_CHECK graft_status gft_tfl_set(gft_tfl_op *m, int32_t output, const gft_tf_value *value,
                                          graft_error *err);
GRAFT_MUST_CHECK graft_status gft_tfl_set_id(gft_tfl_op *m, int32_t output, gft_value_id id,
                                             graft_error *err);
/** integers -> floats by a tensor's scales; axis: of the scales in the integers' shape. */
GRAFT_MUST_CHECK graft_status gft_tfl_dequantize(gft_tfl_graph *g, const gft_tflite_tensor *t,
                                                 const char *name, gft_value_id integers,
                                                 int32_t axis, gft_value_id *out, graft_error *err);
/** Appends an op named after the operator. */
GRAFT_MUST_CHECK graft_status gft_tfl_append(gft_tfl_op *m, const gft_op *op, const void *attrs,
                                             const gft_value_id *inputs, int32_t count,
                                             gft_value_id *out, graft_error *err);
/** A fused activation behind a value. */
GRAFT_MUST_CHECK graft_status gft_tfl_activate(gft_tfl_op *m, int8_t activation, gft_value_id x,
                                               gft_value_id *out, graft_error *err);
/** Memory for a converted value, within the file's budget. */
GRAFT_MUST_CHECK graft_status gft_tfl_room(gft_tfl_reader *r, size_t bytes, void *out,
                                           graft_error *err);

/* ---- tflite_read_weights.c ---- */
/**
 * A weight as value: a parameter "<layer>/<part>" in Graft's layout (behind a dequantize where it
 * is quantised), or, where the input is computed, that value. *param: the parameter, -1 if it is
 * none.
 * @param owner the parameter that this one belongs to (a bias to its filter), -1
 */
GRAFT_MUST_CHECK graft_status gft_tfl_weight(gft_tfl_op *m, int32_t input, gft_tfl_layout layout,
                                             const char *part, gft_param_id owner,
                                             int64_t in_channels, gft_value_id *out,
                                             gft_param_id *param, graft_error *err);

/* ---- tflite_read_node.c: operators as TensorFlow's nodes ---- */
typedef struct gft_tfl_node {
    gft_tfl_op *m;
    gft_tf_node *node;
    gft_tf_value **inputs;
    int32_t input_count, room;
} gft_tfl_node;

/** A node of this op with the operator's inputs from..to-1 (to -1: all). */
GRAFT_MUST_CHECK graft_status gft_tfl_node_begin(gft_tfl_op *m, const char *op, int32_t from,
                                                 int32_t to, gft_tfl_node *out, graft_error *err);
/** One more input: integers. rank 0 or 1. */
GRAFT_MUST_CHECK graft_status gft_tfl_node_ints(gft_tfl_node *node, int32_t rank,
                                                const int64_t *values, int32_t count,
                                                graft_error *err);
/** Reads the node and sets the operator's outputs, a fused activation behind the first. */
GRAFT_MUST_CHECK graft_status gft_tfl_node_end(gft_tfl_node *node, int8_t activation,
                                               graft_error *err);

/* ---- tflite_read_meta.c ---- */
/** Labels, normalisation and card from the file's metadata; what is damaged there is an error. */
GRAFT_MUST_CHECK graft_status gft_tfl_read_metadata(gft_tfl_reader *r, graft_error *err);

/* ---- tflite_read_patterns.c ---- */
/** Undoes what the converter folded into biases; changes parameters that this graph alone uses. */
GRAFT_MUST_CHECK graft_status gft_tfl_unfold(gft_graph *graph, graft_error *err);

/* ---- tflite_read_strings.c ---- */
/** A constant of strings as views into the file; DATA_LOSS where its offsets leave its bytes. */
GRAFT_MUST_CHECK graft_status gft_tfl_strings(gft_tfl_reader *r, const gft_tflite_tensor *t,
                                              graft_tensor *out, graft_error *err);

/* ---- families ---- */
#define GFT_TFL_DECLARE(name) graft_status gft_tfl_read_##name(gft_tfl_op *m, graft_error *err)
GFT_TFL_DECLARE(conv2d);
GFT_TFL_DECLARE(depthwise);
GFT_TFL_DECLARE(fully_connected);
GFT_TFL_DECLARE(transpose_conv);
GFT_TFL_DECLARE(pool);
GFT_TFL_DECLARE(l2_pool);
GFT_TFL_DECLARE(plain);  /* TensorFlow's node with the same inputs and no attributes */
GFT_TFL_DECLARE(binary); /* the same with a fused activation */
GFT_TFL_DECLARE(same);   /* a graph op with the same inputs and no attributes */
GFT_TFL_DECLARE(elu);
GFT_TFL_DECLARE(relu_bounds);
GFT_TFL_DECLARE(leaky_relu);
GFT_TFL_DECLARE(prelu);
GFT_TFL_DECLARE(gelu);
GFT_TFL_DECLARE(softmax);
GFT_TFL_DECLARE(l2_normalization);
GFT_TFL_DECLARE(lrn);
GFT_TFL_DECLARE(reduce);
GFT_TFL_DECLARE(batch_matmul);
GFT_TFL_DECLARE(cast);
GFT_TFL_DECLARE(arg);
GFT_TFL_DECLARE(cumsum);
GFT_TFL_DECLARE(quantize);
GFT_TFL_DECLARE(dequantize);
GFT_TFL_DECLARE(resize);
GFT_TFL_DECLARE(concatenation);
GFT_TFL_DECLARE(split);
GFT_TFL_DECLARE(pack);
GFT_TFL_DECLARE(unpack);
GFT_TFL_DECLARE(gather);
GFT_TFL_DECLARE(strided_slice);
GFT_TFL_DECLARE(reshape);
GFT_TFL_DECLARE(squeeze);
GFT_TFL_DECLARE(shape);
GFT_TFL_DECLARE(mirror_pad);
GFT_TFL_DECLARE(block); /* DEPTH_TO_SPACE, SPACE_TO_DEPTH */
GFT_TFL_DECLARE(one_hot);
GFT_TFL_DECLARE(top_k);
GFT_TFL_DECLARE(parse_example); /* custom ParseExample, ParseExampleV2 */

#endif
