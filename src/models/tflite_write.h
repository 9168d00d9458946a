/*
 * Inside of the TFLite writer: the file as plain structs, the walk over a graph that fills them,
 * and what the families of ops (tflite_write_*.c) use. The first failure sticks in the walk:
 * helpers give -1 or do nothing from then on.
 */
#ifndef GFT_MODELS_TFLITE_WRITE_H
#define GFT_MODELS_TFLITE_WRITE_H

#include "base/buffer.h"
#include "base/shape.h"
#include "flat/tflite_schema.h"
#include "models/model.h"

/* ---- the file ---- */

typedef enum gft_tflw_form { GFT_TFLW_AS_IS, GFT_TFLW_F16, GFT_TFLW_S8 } gft_tflw_form;

/*
 * Where a buffer's bytes come from. They are made while the file is written, one buffer at a time.
 */
typedef struct gft_tflw_buffer {
    const void *data; /* borrowed until the file is written */
    size_t elems;     /* of data, element_bytes each */
    size_t element_bytes;
    int64_t rows, cols; /* cols > 0: data is (rows, cols, run), written as (cols, rows, run) */
    int64_t run;
    gft_tflw_form form;  /* F16, S8: data is float32 */
    const float *scales; /* S8: of written element i, scales[i / inner % channels] */
    int64_t channels, inner;
    uint32_t crc; /* of data */
} gft_tflw_buffer;

typedef struct gft_tflw_quant {
    const float *scales; /* NULL: not quantised */
    const int64_t *zero_points;
    int64_t count;
    int32_t axis;
} gft_tflw_quant;

typedef struct gft_tflw_tensor {
    const char *name;
    gft_tflite_type type;
    graft_shape shape; /* -1: not known */
    int32_t buffer;    /* 0: no constant */
    gft_tflw_quant quant;
} gft_tflw_tensor;

/* A field of an operator's options. */
typedef struct gft_tflw_option {
    int32_t field;
    int32_t bytes; /* 0: `real` */
    int64_t value, default_value;
    float real;
} gft_tflw_option;

#define GFT_TFLW_MAX_OPTIONS 8

typedef struct gft_tflw_op {
    gft_tflite_op op;
    int32_t *inputs; /* -1: left out */
    int32_t *outputs;
    int32_t input_count, output_count;
    gft_tflite_options options_type;
    gft_tflw_option options[GFT_TFLW_MAX_OPTIONS];
    int32_t option_count;
} gft_tflw_op;

typedef struct gft_tflw_binding {
    const char *name;
    int32_t tensor;
} gft_tflw_binding;

typedef struct gft_tflw_subgraph {
    gft_graph *graph; /* owned: constants lie in it */
    gft_tflw_tensor *tensors;
    gft_tflw_op *ops;
    int32_t tensor_count, tensor_capacity, op_count, op_capacity;
    gft_tflw_binding *inputs;
    gft_tflw_binding *outputs;
    int32_t input_count, output_count;
} gft_tflw_subgraph;

/* Signatures over equal graphs share one. */
typedef struct gft_tflw_signature {
    const char *key;
    int32_t subgraph;
    const gft_tflw_binding *inputs;
    const gft_tflw_binding *outputs;
} gft_tflw_signature;

typedef struct gft_tflw_metadata {
    const char *name;
    int32_t buffer;
} gft_tflw_metadata;

#define GFT_TFLW_MAX_METADATA 4
#define GFT_TFLW_MAX_TAIL_BYTES ((size_t)256 << 20)

/* A file in the archive behind the model ("labels.txt"). */
typedef struct gft_tflw_attachment {
    const char *name; /* NULL: none */
    const void *data;
    size_t bytes;
} gft_tflw_attachment;

typedef struct gft_tflw_file {
    gft_arena arena;
    gft_tflw_buffer *buffers; /* 0 is empty */
    int32_t buffer_count, buffer_capacity;
    gft_tflw_subgraph subgraphs[GFT_MODEL_MAX_SIGNATURES];
    gft_tflw_signature signatures[GFT_MODEL_MAX_SIGNATURES];
    gft_tflw_subgraph spare[GFT_MODEL_MAX_SIGNATURES]; /* equal to others: not written */
    int32_t subgraph_count, signature_count, spare_count;
    int32_t versions[256]; /* of each operator used, 0: not used */
    gft_tflw_metadata metadata[GFT_TFLW_MAX_METADATA];
    int32_t metadata_count;
    gft_tflw_attachment labels;
} gft_tflw_file;

/** The buffer with these bytes, an equal one if there is one; -1 without memory. */
int32_t gft_tflw_add_buffer(gft_tflw_file *file, const gft_tflw_buffer *buffer, graft_error *err);
/** A metadata entry over bytes that are borrowed until the file is written. */
GRAFT_MUST_CHECK graft_status gft_tflw_add_metadata(gft_tflw_file *file, const char *name,
                                                    const void *data, size_t bytes,
                                                    graft_error *err);
size_t gft_tflw_buffer_bytes(const gft_tflw_buffer *buffer); /* as written */
/** What is written of the buffer. */
GRAFT_MUST_CHECK graft_status gft_tflw_fill(const gft_tflw_buffer *buffer, uint8_t *out,
                                            graft_error *err);
/** Scales of int8 weights, symmetric in [-127,127]: one per channel, element i being of channel
 * i / inner % channels where i is the place it is written at. */
void gft_tflw_scales(const gft_tflw_buffer *buffer, float *scales);
/** The file as bytes, with the attachments behind them. */
GRAFT_MUST_CHECK graft_status gft_tflw_write_file(const gft_tflw_file *file, const char *path,
                                                  graft_error *err);

/* ---- merging (tflite_write_merge.c) ---- */

/** Nodes without attributes over the same values become one. */
GRAFT_MUST_CHECK graft_status gft_tflw_merge_nodes(gft_graph *graph, graft_error *err);
/** Equal operators become one; tensors that nothing uses go. */
GRAFT_MUST_CHECK graft_status gft_tflw_merge_ops(gft_tflw_subgraph *g, graft_error *err);
bool gft_tflw_same_ops(const gft_tflw_op *a, const gft_tflw_op *b);
bool gft_tflw_same_tensors(const gft_tflw_tensor *a, const gft_tflw_tensor *b); /* but for names */

/* ---- versions (tflite_write_versions.c) ---- */

/** The version of an operator that its tensors and options ask for. */
int32_t gft_tflw_version(const gft_tflw_subgraph *g, const gft_tflw_op *op);
/** The release of the runtime that has all the versions used: "2.9.0". */
const char *gft_tflw_runtime(const gft_tflw_file *file);

/* ---- metadata (tflite_metadata.c) ---- */

/** TFLITE_METADATA and graft_card as entries, labels as an attachment. */
GRAFT_MUST_CHECK graft_status gft_tflite_metadata(const graft_model *model, gft_tflw_file *file,
                                                  graft_error *err);
/** The attachments as a zip archive (stored) that begins at this place of a file. */
GRAFT_MUST_CHECK graft_status gft_tflw_zip(const gft_tflw_file *file, uint64_t at, gft_buffer *out,
                                           graft_error *err);

/* ---- the walk ---- */

/* What becomes of a node, found before anything is emitted. */
typedef struct gft_tflw_role {
    bool done;            /* it went into another node's operator */
    bool integer;         /* its operator takes and gives integers */
    gft_node_id fused;    /* the relu or relu6 that its operator does too; -1: none */
    gft_node_id quantize; /* integer: the quantize node behind it; -1: none (a view of integers) */
} gft_tflw_role;

typedef struct gft_tflw_walk {
    gft_tflw_file *file;
    gft_tflw_subgraph *g;
    const gft_graph *graph;
    const gft_node *node; /* being emitted */
    gft_tflw_role *roles;
    int32_t *values;   /* tensor of every value, -1: not there yet */
    int32_t *uses;     /* of every value */
    gft_node_id *user; /* one of them, -1: the graph's output */
    gft_tflite_weights weights;
    graft_status status;
    graft_error *err;
} gft_tflw_walk;

/** Finds the roles of all nodes (tflite_write_roles.c). */
GRAFT_MUST_CHECK graft_status gft_tflw_find_roles(gft_tflw_walk *w, graft_error *err);
/** Whether a value is integers behind a dequantize node (reshapes between); the node's id or -1. */
gft_node_id gft_tflw_dequantize_of(const gft_graph *graph, gft_value_id value);
/** The dequantize node of constant integers behind a weight, a reshape between or not; -1: none. */
gft_node_id gft_tflw_weights_of(const gft_graph *graph, gft_value_id value);
/** A constant float32 of one element. */
bool gft_tflw_is_number(const gft_graph *graph, gft_value_id value);
/**
 * The quantisation of integers that are input 0 of a dequantize or the result of a quantize node.
 */
GRAFT_MUST_CHECK graft_status gft_tflw_quant_of(gft_tflw_walk *w, const gft_node *node,
                                                gft_tflw_quant *out);

static inline const gft_tflw_role *gft_tflw_role_of(const gft_tflw_walk *w) {
    return &w->roles[w->node - w->graph->nodes];
}
static inline bool gft_tflw_ok(const gft_tflw_walk *w) {
    return w->status == GRAFT_OK;
}
/** UNIMPLEMENTED, "node 'x': op 'y' cannot be written as TFLite's: why". Sticks. */
void gft_tflw_cannot(gft_tflw_walk *w, const char *why);
void *gft_tflw_memory(gft_tflw_walk *w, size_t count, size_t bytes);
gft_tflite_type gft_tflw_type(graft_dtype dtype); /* -1: TFLite has none */

/** Tensor of the node's input i: integers where the node's role says so. */
int32_t gft_tflw_in(gft_tflw_walk *w, int32_t i);
/**
 * Tensor of any float or integer value of the graph, as it is; a constant without a name is named
 * "part".
 */
int32_t gft_tflw_value(gft_tflw_walk *w, gft_value_id value, const char *part);
/** Tensor of the node's result (of what was fused, of the integers behind it). */
int32_t gft_tflw_out(gft_tflw_walk *w, int32_t i);
/**
 * A tensor between operators of one node, named after it. like: whose quantisation it shares, -1:
 * none.
 */
int32_t gft_tflw_between(gft_tflw_walk *w, const char *part, const graft_tensor_desc *desc,
                         int32_t like);
static inline const graft_tensor_desc *gft_tflw_in_desc(const gft_tflw_walk *w, int32_t i) {
    return &w->graph->values[w->node->inputs[i]].desc;
}
static inline const graft_tensor_desc *gft_tflw_out_desc(const gft_tflw_walk *w) {
    return &w->graph->values[w->node->outputs[0]].desc;
}

/* Constants. Equal ones become one tensor. Names are given by the node and `part`. */
int32_t gft_tflw_const_i32(gft_tflw_walk *w, const char *part, const int32_t *items, int64_t count);
int32_t gft_tflw_const_i64s(gft_tflw_walk *w, const char *part, const int64_t *items,
                            int64_t count); /* as int32; fails where one does not fit */
/** (rank, 2) numbers: what is put before and behind each dimension. */
int32_t gft_tflw_pairs(gft_tflw_walk *w, const char *part, const int32_t *items, int64_t rank);
int32_t gft_tflw_const_s32(gft_tflw_walk *w, const char *part, int32_t value); /* a scalar */
int32_t gft_tflw_const_f32(gft_tflw_walk *w, const char *part, float value);   /* a scalar */
/** float32 data: copied, or borrowed until the file is written. */
int32_t gft_tflw_const_f32s(gft_tflw_walk *w, const char *part, const graft_shape *shape,
                            const float *data, bool copy);
/**
 * Any constant over a buffer; float32 becomes float16 behind a DEQUANTIZE where the mode asks for
 * it.
 */
int32_t gft_tflw_constant(gft_tflw_walk *w, const char *name, gft_tflite_type type,
                          const graft_shape *shape, const gft_tflw_buffer *buffer,
                          const gft_tflw_quant *quant);

/** How weights lie in Graft and in TFLite. */
typedef enum gft_tflw_layout {
    GFT_TFLW_CONV,             /* (KH,KW,C,OC) to (OC,KH,KW,C) */
    GFT_TFLW_DEPTHWISE,        /* (KH,KW,C,M) to (1,KH,KW,C*M) */
    GFT_TFLW_DENSE,            /* (in,out) to (out,in) */
    GFT_TFLW_DENSE_TRANSPOSED, /* (out,in) as it is */
    GFT_TFLW_TRANSPOSED        /* transposed convolution: (KH,KW,OC,C) to (OC,KH,KW,C) */
} gft_tflw_layout;
/** Weights of the node's input i, which must be constant. */
int32_t gft_tflw_weights(gft_tflw_walk *w, int32_t i, gft_tflw_layout layout);
/** Bias from input i (-1: zeros where TFLite's converter gives them). */
int32_t gft_tflw_bias(gft_tflw_walk *w, int32_t i, int64_t channels);

/* Operators. */
gft_tflw_op *gft_tflw_add(gft_tflw_walk *w, gft_tflite_op op, const int32_t *inputs, int32_t count,
                          int32_t output);
gft_tflw_op *gft_tflw_add_many(gft_tflw_walk *w, gft_tflite_op op, const int32_t *inputs,
                               int32_t count, const int32_t *outputs, int32_t output_count);
/** Options; op may be NULL (after a failure). A table without fields: gft_tflw_options alone. */
void gft_tflw_options(gft_tflw_op *op, gft_tflite_options type);
void gft_tflw_option_i(gft_tflw_op *op, int32_t field, int32_t bytes, int64_t value,
                       int64_t default_value);
void gft_tflw_option_f(gft_tflw_op *op, int32_t field, float value);

/* Small compositions: each gives the tensor of its result, `out` or a new one when out is -1. */
int32_t gft_tflw_binary(gft_tflw_walk *w, gft_tflite_op op, int32_t a, int32_t b,
                        gft_tflite_activation fused, int32_t out, const char *part);
int32_t gft_tflw_unary(gft_tflw_walk *w, gft_tflite_op op, int32_t x, int32_t out,
                       const char *part);
int32_t gft_tflw_reduce(gft_tflw_walk *w, gft_tflite_op op, int32_t x, uint32_t axes, bool keep,
                        int32_t out, const char *part);
int32_t gft_tflw_transpose(gft_tflw_walk *w, int32_t x, const int32_t *perm, int32_t out,
                           const char *part);
/** Zeros (or `value`) around x; pads may not be negative. */
int32_t gft_tflw_pad(gft_tflw_walk *w, int32_t x, const int64_t *before, const int64_t *after,
                     const float *value, int32_t out, const char *part);
/** Dimension i of a tensor as it is at run time, an int32 vector of one. */
int32_t gft_tflw_dim_of(gft_tflw_walk *w, int32_t x, int32_t i);
/** Vectors of int32 one behind the other, `total` numbers in all. */
int32_t gft_tflw_join(gft_tflw_walk *w, const int32_t *parts, int32_t count, int64_t total);
/** An activation's operators; false if the op is none that is known. */
bool gft_tflw_activation(gft_tflw_walk *w, const gft_op *op, float alpha, int32_t x, int32_t out);
/** The activation that goes into the node's own operator. */
gft_tflite_activation gft_tflw_fused(const gft_tflw_walk *w);
gft_tflite_activation gft_tflw_fusable(const gft_node *node); /* NONE if it is none */
/** TFLite's SAME or VALID for a window; false: x has to be padded first. */
bool gft_tflw_padding(gft_padding padding, const gft_pads *pads, const graft_shape *x,
                      const int64_t window[2], const int64_t stride[2], gft_tflite_padding *out);

/** Appends the operators of w->node; the failure is in w. */
void gft_tflw_emit_node(gft_tflw_walk *w);
/** Whether the op's operator also takes integers, and may do a relu; NULL: it is not written. */
typedef struct gft_tflw_entry {
    const char *op; /* Graft's name */
    void (*emit)(gft_tflw_walk *w);
    gft_tflite_op tflite;       /* of simple ones */
    gft_tflite_options options; /* the same: their options table */
    uint32_t flags;             /* GFT_TFLW_... */
} gft_tflw_entry;
enum {
    GFT_TFLW_INTEGER = 1u << 0, /* there is a kernel for integers */
    GFT_TFLW_FUSES = 1u << 1,   /* relu and relu6 go into the operator */
    GFT_TFLW_SAME = 1u << 2,    /* integers keep scale and zero point: those of input 0 */
    GFT_TFLW_NUMBERS = 1u << 3  /* integers with a single number as the other operand */
};
const gft_tflw_entry *gft_tflw_find(const gft_op *op);

/* ---- families ---- */

void gft_tflw_emit_conv2d(gft_tflw_walk *w);
void gft_tflw_emit_depthwise(gft_tflw_walk *w);
void gft_tflw_emit_dense(gft_tflw_walk *w);
void gft_tflw_emit_matmul(gft_tflw_walk *w);
void gft_tflw_emit_transposed(gft_tflw_walk *w);
void gft_tflw_emit_simple(gft_tflw_walk *w); /* same inputs, one output, no options but a table */
void gft_tflw_emit_binary(gft_tflw_walk *w);
void gft_tflw_emit_activation(gft_tflw_walk *w);
void gft_tflw_emit_clip(gft_tflw_walk *w);
void gft_tflw_emit_cast(gft_tflw_walk *w);
void gft_tflw_emit_identity(gft_tflw_walk *w);
void gft_tflw_emit_softmax(gft_tflw_walk *w);
void gft_tflw_emit_batch_norm(gft_tflw_walk *w);
void gft_tflw_emit_layer_norm(gft_tflw_walk *w);
void gft_tflw_emit_l2_normalise(gft_tflw_walk *w);
void gft_tflw_emit_pool(gft_tflw_walk *w);
void gft_tflw_emit_reduce(gft_tflw_walk *w);
void gft_tflw_emit_pad(gft_tflw_walk *w);
void gft_tflw_emit_slice(gft_tflw_walk *w);
void gft_tflw_emit_strided_slice(gft_tflw_walk *w);
void gft_tflw_emit_concat(gft_tflw_walk *w);
void gft_tflw_emit_reshape(gft_tflw_walk *w);
void gft_tflw_emit_broadcast_to(gft_tflw_walk *w);
void gft_tflw_emit_transpose(gft_tflw_walk *w);
void gft_tflw_emit_gather(gft_tflw_walk *w);
void gft_tflw_emit_resize(gft_tflw_walk *w);
void gft_tflw_emit_lrn(gft_tflw_walk *w);
void gft_tflw_emit_mirror_pad(gft_tflw_walk *w);
void gft_tflw_emit_tile(gft_tflw_walk *w);
void gft_tflw_emit_block(gft_tflw_walk *w);
void gft_tflw_emit_space_batch(gft_tflw_walk *w);
void gft_tflw_emit_arg(gft_tflw_walk *w);
void gft_tflw_emit_top_k(gft_tflw_walk *w);
void gft_tflw_emit_cumsum(gft_tflw_walk *w);
void gft_tflw_emit_one_hot(gft_tflw_walk *w);
void gft_tflw_emit_gather_nd(gft_tflw_walk *w);
void gft_tflw_emit_fill_like(gft_tflw_walk *w);
void gft_tflw_emit_quantize(gft_tflw_walk *w);
void gft_tflw_emit_dequantize(gft_tflw_walk *w);

#endif
