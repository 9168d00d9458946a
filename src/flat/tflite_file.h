/*
 * A .tflite file as plain structs: every reference and index in it is checked once, when it is
 * opened; data is borrowed from the file. Knows nothing of graphs: the model reader and the edge
 * interpreter both stand on it.
 *
 * What the file may say and nothing here can hold (a rank above GRAFT_MAX_RANK, data outside the
 * file, sparse tensors) is kept as `problem` of its tensor, so that a file can be looked at
 * although it cannot be run.
 */
#ifndef GFT_FLAT_TFLITE_FILE_H
#define GFT_FLAT_TFLITE_FILE_H

#include "base/arena.h"
#include "base/file.h"
#include "flat/flatbuffer.h"
#include "flat/tflite_schema.h"
#include "graft/tensor.h"

#define GFT_TFLITE_MAX_ITEMS                                                                       \
    ((uint32_t)1 << 18) /* tensors, operators, their inputs ... of a file */

/* Bytes of the file; NULL and 0: none. */
typedef struct gft_tflite_buffer {
    const uint8_t *data;
    size_t bytes;
    bool missing; /* they would lie outside the file */
} gft_tflite_buffer;

typedef struct gft_tflite_tensor {
    const char *name; /* "" if it has none */
    gft_tflite_type type;
    graft_shape shape;   /* of shape_signature where there is one (-1: any), else of shape */
    graft_shape example; /* of shape */
    uint32_t buffer;
    const uint8_t *data; /* of a constant, not aligned; NULL: no constant */
    size_t bytes;
    bool is_variable;
    gft_fb_vector scales;      /* float32; count 0: not quantised */
    gft_fb_vector zero_points; /* int64; count 0: all zero */
    int32_t axis;              /* of scales, when there are several */
    const char *problem;       /* static text why it cannot be used, NULL if it can */
} gft_tflite_tensor;

typedef struct gft_tflite_operator {
    int32_t op; /* gft_tflite_op, or a number beyond those known */
    int32_t version;
    const char *custom; /* of GFT_TFLITE_OP_CUSTOM: its name; else NULL */
    int32_t *inputs;    /* tensors; -1: left out */
    int32_t *outputs;
    int32_t input_count, output_count;
    gft_tflite_options options_type;
    gft_fb_table options; /* fb NULL: all defaults */
} gft_tflite_operator;

typedef struct gft_tflite_subgraph {
    const char *name;
    gft_tflite_tensor *tensors;
    gft_tflite_operator *operators; /* in execution order */
    int32_t *inputs;
    int32_t *outputs;
    int32_t tensor_count, operator_count, input_count, output_count;
} gft_tflite_subgraph;

typedef struct gft_tflite_binding {
    const char *name;
    int32_t tensor;
} gft_tflite_binding;

typedef struct gft_tflite_signature {
    const char *key;
    int32_t subgraph;
    gft_tflite_binding *inputs;
    gft_tflite_binding *outputs;
    int32_t input_count, output_count;
} gft_tflite_signature;

typedef struct gft_tflite_metadata {
    const char *name;
    uint32_t buffer;
} gft_tflite_metadata;

/* An open file. Immutable but for fb's mark, see flatbuffer.h. */
typedef struct gft_tflite_file {
    gft_map map; /* bytes 0 when opened from memory */
    gft_fb fb;
    gft_arena arena;
    const char *description;
    gft_tflite_buffer *buffers;
    gft_tflite_subgraph *subgraphs;
    gft_tflite_signature *signatures;
    gft_tflite_metadata *metadata;
    int32_t buffer_count, subgraph_count, signature_count, metadata_count;
} gft_tflite_file;

/** Opens a file; it stays mapped until closed. DATA_LOSS if it is damaged. */
GRAFT_MUST_CHECK graft_status gft_tflite_file_open(const char *path, gft_tflite_file *out,
                                                   graft_error *err);
/** The same over bytes that the caller keeps; `where` (kept too) names them in messages. */
GRAFT_MUST_CHECK graft_status gft_tflite_file_open_memory(const void *data, size_t bytes,
                                                          const char *where, gft_tflite_file *out,
                                                          graft_error *err);
/** Harmless on a zeroed value. */
void gft_tflite_file_close(gft_tflite_file *file);

/**
 * "CONV_2D", a custom op's own name, or "operator 211". Lives as long as the file; NULL: no memory.
 */
const char *gft_tflite_op_name(gft_tflite_file *file, const gft_tflite_operator *op);
/** "FLOAT32", "?" for an unknown one. */
const char *gft_tflite_type_name(gft_tflite_type type);
/** Bits per element; 0 for strings, resources and unknown types. */
int gft_tflite_type_bits(gft_tflite_type type);
/** Graft's type, GRAFT_DTYPE_NONE if it has none. */
graft_dtype gft_tflite_dtype(gft_tflite_type type);
/** Bytes of a buffer by a metadata entry's name; false if there is none. */
bool gft_tflite_find_metadata(const gft_tflite_file *file, const char *name,
                              gft_tflite_buffer *out);

#endif
