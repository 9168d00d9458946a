/*
 * Subgraphs of a .tflite file: tensors with their quantisation and data, operators with their
 * options.
 */
#include <string.h>

#include "flat/tflite_file_priv.h"

/* ---- tensors ---- */

/* False if the rank is too high. A dimension is -1 or more; anything less is damage. */
static graft_status read_shape(gft_tflite_parse *p, const gft_fb_table *table, int field,
                               graft_shape *out, bool *fits, graft_error *err) {
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(table, field, 4, &v, err));
    *fits = v.count <= GRAFT_MAX_RANK;
    *out = (graft_shape){.rank = *fits ? (int32_t)v.count : 0};
    for (int32_t i = 0; i < out->rank; i++) {
        out->dims[i] = gft_fb_vector_i32(&v, (uint32_t)i);
        if (out->dims[i] < -1)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: a tensor with a dimension of %lld",
                            p->file->fb.where, (long long)out->dims[i]);
    }
    return GRAFT_OK;
}

static graft_status read_quantization(const gft_fb_table *table, gft_tflite_tensor *t,
                                      graft_error *err) {
    gft_fb_table q;
    GFT_TRY(gft_fb_table_in(table, GFT_TFLITE_TENSOR_QUANTIZATION, &q, err));
    GFT_TRY(gft_fb_vector_in(&q, GFT_TFLITE_QUANTIZATION_SCALE, 4, &t->scales, err));
    GFT_TRY(gft_fb_vector_in(&q, GFT_TFLITE_QUANTIZATION_ZERO_POINT, 8, &t->zero_points, err));
    t->axis = gft_fb_i32(&q, GFT_TFLITE_QUANTIZATION_QUANTIZED_DIMENSION, 0);
    if (gft_fb_u8(&q, GFT_TFLITE_QUANTIZATION_DETAILS_TYPE, 0) != GFT_TFLITE_DETAILS_NONE)
        t->problem = "it is quantised by blocks or by a rule of its own";
    if (t->zero_points.count != t->scales.count && t->zero_points.count > 1)
        t->problem = "it has not as many zero points as scales";
    if (t->scales.count > 1 &&
        (t->axis < 0 || t->axis >= t->shape.rank || t->shape.dims[t->axis] != t->scales.count))
        t->problem = "its scales are not one per index of a dimension";
    return GRAFT_OK;
}

/* Bytes that its shape asks for; false if not known. */
static bool bytes_of(const gft_tflite_tensor *t, size_t *out) {
    size_t bits = (size_t)gft_tflite_type_bits(t->type);
    for (int32_t i = 0; i < t->example.rank; i++) {
        if (t->example.dims[i] < 0 ||
            __builtin_mul_overflow(bits, (size_t)t->example.dims[i], &bits))
            return false;
    }
    *out = bits / 8 + (bits % 8 != 0);
    return gft_tflite_type_bits(t->type) > 0;
}

static graft_status read_data(gft_tflite_parse *p, const gft_fb_table *table, gft_tflite_tensor *t,
                              graft_error *err) {
    size_t needed = 0;
    if (t->buffer >= (uint32_t)p->file->buffer_count && t->buffer != 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%s' is in buffer %u of %d",
                        p->file->fb.where, t->name, (unsigned)t->buffer, p->file->buffer_count);
    if (gft_fb_u32(table, GFT_TFLITE_TENSOR_EXTERNAL_BUFFER, 0) != 0)
        t->problem = "its data is in another file";
    if (t->buffer == 0)
        return GRAFT_OK;
    const gft_tflite_buffer *buffer = &p->file->buffers[t->buffer];
    t->data = buffer->data;
    t->bytes = buffer->bytes;
    if (buffer->missing)
        t->problem = "its data lies outside the file";
    else if (t->data && t->type != GFT_TFLITE_TYPE_STRING && !t->problem &&
             (!bytes_of(t, &needed) || needed != t->bytes))
        t->problem = "its data is not as long as its shape asks for";
    return GRAFT_OK;
}

static graft_status read_tensor(gft_tflite_parse *p, const gft_fb_table *table,
                                gft_tflite_tensor *t, graft_error *err) {
    gft_fb_table sparsity;
    graft_shape signature;
    bool fits;
    bool signature_fits;
    GFT_TRY(gft_fb_string_in(table, GFT_TFLITE_TENSOR_NAME, &t->name, err));
    t->name = t->name ? t->name : "";
    t->type = (gft_tflite_type)gft_fb_i8(table, GFT_TFLITE_TENSOR_TYPE, 0);
    t->buffer = gft_fb_u32(table, GFT_TFLITE_TENSOR_BUFFER, 0);
    t->is_variable = gft_fb_bool(table, GFT_TFLITE_TENSOR_IS_VARIABLE, false);
    GFT_TRY(read_shape(p, table, GFT_TFLITE_TENSOR_SHAPE, &t->example, &fits, err));
    GFT_TRY(
        read_shape(p, table, GFT_TFLITE_TENSOR_SHAPE_SIGNATURE, &signature, &signature_fits, err));
    t->shape = signature.rank > 0 && signature.rank == t->example.rank ? signature : t->example;
    if (!fits || !signature_fits)
        t->problem = "it has too many dimensions";
    GFT_TRY(gft_fb_table_in(table, GFT_TFLITE_TENSOR_SPARSITY, &sparsity, err));
    if (sparsity.fb)
        t->problem = "it is stored as a sparse tensor";
    GFT_TRY(read_quantization(table, t, err));
    return read_data(p, table, t, err);
}

static graft_status read_tensors(gft_tflite_parse *p, const gft_fb_table *table,
                                 gft_tflite_subgraph *g, graft_error *err) {
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(table, GFT_TFLITE_SUBGRAPH_TENSORS, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof *g->tensors, "tensors", &g->tensors, err));
    g->tensor_count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table tensor;
        GFT_TRY(gft_fb_vector_table(&p->file->fb, &v, i, &tensor, err));
        GFT_TRY(read_tensor(p, &tensor, &g->tensors[i], err));
    }
    return GRAFT_OK;
}

/* ---- operators ---- */

static graft_status read_operator(gft_tflite_parse *p, const gft_fb_table *table, int32_t tensors,
                                  gft_tflite_operator *o, graft_error *err) {
    const uint32_t code = gft_fb_u32(table, GFT_TFLITE_OPERATOR_OPCODE_INDEX, 0);
    if (code >= (uint32_t)p->code_count)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: an operator of code %u of %d", p->file->fb.where,
                        (unsigned)code, p->code_count);
    o->op = p->codes[code].op;
    o->version = p->codes[code].version;
    o->custom = p->codes[code].custom;
    GFT_TRY(gft_tflite_indices(p, table, GFT_TFLITE_OPERATOR_INPUTS, "an operator's inputs", -1,
                               tensors, &o->inputs, &o->input_count, err));
    GFT_TRY(gft_tflite_indices(p, table, GFT_TFLITE_OPERATOR_OUTPUTS, "an operator's outputs", 0,
                               tensors, &o->outputs, &o->output_count, err));
    o->options_type =
        (gft_tflite_options)gft_fb_u8(table, GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS_TYPE, 0);
    return gft_fb_table_in(table, GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS, &o->options, err);
}

static graft_status read_operators(gft_tflite_parse *p, const gft_fb_table *table,
                                   gft_tflite_subgraph *g, graft_error *err) {
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(table, GFT_TFLITE_SUBGRAPH_OPERATORS, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof *g->operators, "operators", &g->operators, err));
    g->operator_count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table op;
        GFT_TRY(gft_fb_vector_table(&p->file->fb, &v, i, &op, err));
        GFT_TRY(read_operator(p, &op, g->tensor_count, &g->operators[i], err));
    }
    return GRAFT_OK;
}

graft_status gft_tflite_parse_subgraph(gft_tflite_parse *p, const gft_fb_table *table,
                                       gft_tflite_subgraph *out, graft_error *err) {
    GFT_TRY(gft_fb_string_in(table, GFT_TFLITE_SUBGRAPH_NAME, &out->name, err));
    out->name = out->name ? out->name : "";
    GFT_TRY(read_tensors(p, table, out, err));
    GFT_TRY(gft_tflite_indices(p, table, GFT_TFLITE_SUBGRAPH_INPUTS, "a subgraph's inputs", 0,
                               out->tensor_count, &out->inputs, &out->input_count, err));
    GFT_TRY(gft_tflite_indices(p, table, GFT_TFLITE_SUBGRAPH_OUTPUTS, "a subgraph's outputs", 0,
                               out->tensor_count, &out->outputs, &out->output_count, err));
    return read_operators(p, table, out, err);
}
