/*
 * Small .tflite files for tests of their reader: tensors, operators and signatures as lists,
 * written with the FlatBuffers builder alone, so that reader and writer of models do not judge each
 * other.
 */
#ifndef GFT_TEST_TFLITE_MAKER_H
#define GFT_TEST_TFLITE_MAKER_H

#include <string.h>

#include "flat/flatbuffer_builder.h"
#include "flat/tflite_schema.h"

#define TFL_MAX 32
#define TFL_ANY (-1) /* dimension that shape_signature leaves open; 1 in shape */

typedef struct tfl_tensor {
    const char *name;
    gft_tflite_type type;
    int32_t rank, dims[6];
    const void *data; /* constants */
    size_t bytes;
    int32_t scale_count; /* 0: not quantised */
    const float *scales;
    int64_t zero_point; /* of all scales */
    int32_t axis;
} tfl_tensor;

typedef struct tfl_option {
    int32_t field, bytes; /* 0 bytes: a float */
    int64_t value;
    float real;
} tfl_option;

typedef struct tfl_op {
    int32_t op, version;
    const char *custom;
    int32_t input_count, inputs[6];
    int32_t output_count, outputs[4];
    gft_tflite_options options;
    int32_t option_count;
    tfl_option option[8];
} tfl_op;

typedef struct tfl_signature {
    const char *key, *input, *output;
    int32_t in, out;
} tfl_signature;

typedef struct tfl_model {
    tfl_tensor tensors[TFL_MAX];
    tfl_op ops[TFL_MAX];
    int32_t tensor_count, op_count;
    int32_t inputs[4], outputs[4], input_count, output_count;
    tfl_signature signatures[4];
    int32_t signature_count;
    struct {
        const char *name;
        const void *data;
        size_t bytes;
    } metadata[2];
    int32_t metadata_count;
    uint64_t outside; /* > 0: constants lie at this place in the file, not in their buffers */
} tfl_model;

static inline int32_t tfl_add(tfl_model *m, tfl_tensor t) {
    m->tensors[m->tensor_count] = t;
    return m->tensor_count++;
}

static inline void tfl_op_add(tfl_model *m, tfl_op op) {
    m->ops[m->op_count++] = op;
}

static inline gft_flat_ref tfl_quantization(gft_flat_builder *b, const tfl_tensor *t) {
    int64_t zeros[64];
    if (t->scale_count == 0)
        return 0;
    for (int32_t i = 0; i < t->scale_count; i++)
        zeros[i] = t->zero_point;
    const gft_flat_ref scales = gft_flat_put_f32s(b, t->scales, (size_t)t->scale_count);
    const gft_flat_ref zero = gft_flat_put_i64s(b, zeros, (size_t)t->scale_count);
    gft_flat_table(b);
    gft_flat_field_ref(b, GFT_TFLITE_QUANTIZATION_SCALE, scales);
    gft_flat_field_ref(b, GFT_TFLITE_QUANTIZATION_ZERO_POINT, zero);
    gft_flat_scalar(b, GFT_TFLITE_QUANTIZATION_QUANTIZED_DIMENSION, 4, t->axis, 0);
    return gft_flat_table_end(b);
}

static inline gft_flat_ref tfl_put_tensor(gft_flat_builder *b, const tfl_tensor *t,
                                          int32_t buffer) {
    int32_t shape[6];
    bool open = false;
    for (int32_t i = 0; i < t->rank; i++) {
        shape[i] = t->dims[i] == TFL_ANY ? 1 : t->dims[i];
        open = open || t->dims[i] == TFL_ANY;
    }
    const gft_flat_ref dims = gft_flat_put_i32s(b, shape, (size_t)t->rank);
    const gft_flat_ref signature =
        open ? gft_flat_put_i32s(b, t->dims, (size_t)t->rank) : (gft_flat_ref)0;
    const gft_flat_ref name = gft_flat_put_string(b, t->name);
    const gft_flat_ref quantization = tfl_quantization(b, t);
    gft_flat_table(b);
    gft_flat_field_ref(b, GFT_TFLITE_TENSOR_SHAPE, dims);
    gft_flat_scalar(b, GFT_TFLITE_TENSOR_TYPE, 1, t->type, 0);
    gft_flat_scalar(b, GFT_TFLITE_TENSOR_BUFFER, 4, buffer, 0);
    gft_flat_field_ref(b, GFT_TFLITE_TENSOR_NAME, name);
    gft_flat_field_ref(b, GFT_TFLITE_TENSOR_QUANTIZATION, quantization);
    gft_flat_field_ref(b, GFT_TFLITE_TENSOR_SHAPE_SIGNATURE, signature);
    return gft_flat_table_end(b);
}

static inline gft_flat_ref tfl_put_op(gft_flat_builder *b, const tfl_op *op, int32_t code) {
    gft_flat_ref options = 0;
    const gft_flat_ref inputs = gft_flat_put_i32s(b, op->inputs, (size_t)op->input_count);
    const gft_flat_ref outputs = gft_flat_put_i32s(b, op->outputs, (size_t)op->output_count);
    if (op->options != GFT_TFLITE_OPTIONS_NONE) {
        gft_flat_table(b);
        for (int32_t i = 0; i < op->option_count; i++) {
            if (op->option[i].bytes == 0)
                gft_flat_f32(b, op->option[i].field, op->option[i].real);
            else
                gft_flat_scalar(b, op->option[i].field, (size_t)op->option[i].bytes,
                                op->option[i].value, -77);
        }
        options = gft_flat_table_end(b);
    }
    gft_flat_table(b);
    gft_flat_scalar(b, GFT_TFLITE_OPERATOR_OPCODE_INDEX, 4, code, 0);
    gft_flat_field_ref(b, GFT_TFLITE_OPERATOR_INPUTS, inputs);
    gft_flat_field_ref(b, GFT_TFLITE_OPERATOR_OUTPUTS, outputs);
    gft_flat_scalar(b, GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS_TYPE, 1, op->options, 0);
    gft_flat_field_ref(b, GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS, options);
    return gft_flat_table_end(b);
}

static inline gft_flat_ref tfl_put_code(gft_flat_builder *b, const tfl_op *op) {
    const gft_flat_ref custom = op->custom ? gft_flat_put_string(b, op->custom) : (gft_flat_ref)0;
    gft_flat_table(b);
    gft_flat_scalar(b, GFT_TFLITE_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE, 1,
                    op->op < GFT_TFLITE_OP_PLACEHOLDER ? op->op : GFT_TFLITE_OP_PLACEHOLDER, 0);
    gft_flat_field_ref(b, GFT_TFLITE_OPERATOR_CODE_CUSTOM_CODE, custom);
    gft_flat_scalar(b, GFT_TFLITE_OPERATOR_CODE_VERSION, 4, op->version ? op->version : 1, 1);
    gft_flat_scalar(b, GFT_TFLITE_OPERATOR_CODE_BUILTIN_CODE, 4, op->op, 0);
    return gft_flat_table_end(b);
}

static inline gft_flat_ref tfl_put_binding(gft_flat_builder *b, const char *name, int32_t tensor) {
    const gft_flat_ref text = gft_flat_put_string(b, name);
    gft_flat_table(b);
    gft_flat_field_ref(b, GFT_TFLITE_TENSOR_MAP_NAME, text);
    gft_flat_scalar(b, GFT_TFLITE_TENSOR_MAP_TENSOR_INDEX, 4, tensor, 0);
    const gft_flat_ref map = gft_flat_table_end(b);
    return gft_flat_put_refs(b, &map, 1);
}

static inline gft_flat_ref tfl_put_signature(gft_flat_builder *b, const tfl_signature *s) {
    const gft_flat_ref inputs = tfl_put_binding(b, s->input, s->in);
    const gft_flat_ref outputs = tfl_put_binding(b, s->output, s->out);
    const gft_flat_ref key = gft_flat_put_string(b, s->key);
    gft_flat_table(b);
    gft_flat_field_ref(b, GFT_TFLITE_SIGNATURE_DEF_INPUTS, inputs);
    gft_flat_field_ref(b, GFT_TFLITE_SIGNATURE_DEF_OUTPUTS, outputs);
    gft_flat_field_ref(b, GFT_TFLITE_SIGNATURE_DEF_SIGNATURE_KEY, key);
    return gft_flat_table_end(b);
}

static inline gft_flat_ref tfl_put_buffer(gft_flat_builder *b, const void *data, size_t bytes,
                                          uint64_t outside) {
    const gft_flat_ref ref =
        data && outside == 0 ? gft_flat_put_bytes(b, data, bytes, 16) : (gft_flat_ref)0;
    gft_flat_table(b);
    gft_flat_field_ref(b, GFT_TFLITE_BUFFER_DATA, ref);
    gft_flat_scalar(b, GFT_TFLITE_BUFFER_OFFSET, 8, data ? (int64_t)outside : 0, 0);
    gft_flat_scalar(b, GFT_TFLITE_BUFFER_SIZE, 8, data && outside > 0 ? (int64_t)bytes : 0, 0);
    return gft_flat_table_end(b);
}

static inline gft_flat_ref tfl_put_subgraph(gft_flat_builder *b, const tfl_model *m) {
    gft_flat_ref refs[TFL_MAX];
    int32_t buffer = 1;
    for (int32_t i = 0; i < m->tensor_count; i++)
        refs[i] = tfl_put_tensor(b, &m->tensors[i], m->tensors[i].data ? buffer++ : 0);
    const gft_flat_ref tensors = gft_flat_put_refs(b, refs, (size_t)m->tensor_count);
    for (int32_t i = 0; i < m->op_count; i++)
        refs[i] = tfl_put_op(b, &m->ops[i], i);
    const gft_flat_ref ops = gft_flat_put_refs(b, refs, (size_t)m->op_count);
    const gft_flat_ref inputs = gft_flat_put_i32s(b, m->inputs, (size_t)m->input_count);
    const gft_flat_ref outputs = gft_flat_put_i32s(b, m->outputs, (size_t)m->output_count);
    gft_flat_table(b);
    gft_flat_field_ref(b, GFT_TFLITE_SUBGRAPH_TENSORS, tensors);
    gft_flat_field_ref(b, GFT_TFLITE_SUBGRAPH_INPUTS, inputs);
    gft_flat_field_ref(b, GFT_TFLITE_SUBGRAPH_OUTPUTS, outputs);
    gft_flat_field_ref(b, GFT_TFLITE_SUBGRAPH_OPERATORS, ops);
    const gft_flat_ref subgraph = gft_flat_table_end(b);
    return gft_flat_put_refs(b, &subgraph, 1);
}

static inline gft_flat_ref tfl_put_metadata(gft_flat_builder *b, const tfl_model *m,
                                            int32_t buffer) {
    gft_flat_ref refs[2];
    if (m->metadata_count == 0)
        return 0;
    for (int32_t i = 0; i < m->metadata_count; i++) {
        const gft_flat_ref name = gft_flat_put_string(b, m->metadata[i].name);
        gft_flat_table(b);
        gft_flat_field_ref(b, GFT_TFLITE_METADATA_NAME, name);
        gft_flat_scalar(b, GFT_TFLITE_METADATA_BUFFER, 4, buffer + i, 0);
        refs[i] = gft_flat_table_end(b);
    }
    return gft_flat_put_refs(b, refs, (size_t)m->metadata_count);
}

/* Fills a builder with the file; gft_flat_builder_data and _bytes give it. */
static inline graft_status tfl_make(gft_flat_builder *b, const tfl_model *m, graft_error *err) {
    gft_flat_ref refs[TFL_MAX];
    int32_t buffers = 0;
    gft_flat_builder_init(b, GFT_FLAT_MAX_BYTES, err);
    refs[buffers++] = tfl_put_buffer(b, NULL, 0, 0);
    for (int32_t i = 0; i < m->tensor_count; i++) {
        if (m->tensors[i].data)
            refs[buffers++] =
                tfl_put_buffer(b, m->tensors[i].data, m->tensors[i].bytes, m->outside);
    }
    const int32_t first_metadata = buffers;
    for (int32_t i = 0; i < m->metadata_count; i++)
        refs[buffers++] = tfl_put_buffer(b, m->metadata[i].data, m->metadata[i].bytes, 0);
    const gft_flat_ref buffer_list = gft_flat_put_refs(b, refs, (size_t)buffers);
    for (int32_t i = 0; i < m->op_count; i++)
        refs[i] = tfl_put_code(b, &m->ops[i]);
    const gft_flat_ref codes = gft_flat_put_refs(b, refs, (size_t)m->op_count);
    const gft_flat_ref subgraphs = tfl_put_subgraph(b, m);
    for (int32_t i = 0; i < m->signature_count; i++)
        refs[i] = tfl_put_signature(b, &m->signatures[i]);
    const gft_flat_ref signatures = m->signature_count > 0
                                        ? gft_flat_put_refs(b, refs, (size_t)m->signature_count)
                                        : (gft_flat_ref)0;
    const gft_flat_ref metadata = tfl_put_metadata(b, m, first_metadata);
    gft_flat_table(b);
    gft_flat_scalar(b, GFT_TFLITE_MODEL_VERSION, 4, GFT_TFLITE_VERSION, 0);
    gft_flat_field_ref(b, GFT_TFLITE_MODEL_OPERATOR_CODES, codes);
    gft_flat_field_ref(b, GFT_TFLITE_MODEL_SUBGRAPHS, subgraphs);
    gft_flat_field_ref(b, GFT_TFLITE_MODEL_BUFFERS, buffer_list);
    gft_flat_field_ref(b, GFT_TFLITE_MODEL_METADATA, metadata);
    gft_flat_field_ref(b, GFT_TFLITE_MODEL_SIGNATURE_DEFS, signatures);
    return gft_flat_builder_finish(b, gft_flat_table_end(b), GFT_TFLITE_IDENTIFIER);
}

#endif
