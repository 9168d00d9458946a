/*
 * The plain structs of a TFLite file as a FlatBuffer (tflite/schema.fbs, version 3), written beside
 * its place and renamed. Equal files come from equal structs: everything is put in the order of
 * indices.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "flat/flatbuffer_builder.h"
#include "models/tflite_write.h"

#define BUFFER_ALIGN 16
#define DESCRIPTION "Graft converted."

typedef struct writing {
    const gft_tflw_file *file;
    gft_flat_builder b;
    int32_t code_of[256]; /* entry of each operator in operator_codes */
    gft_arena arena;
} writing;

static gft_flat_ref *refs(writing *w, size_t count) {
    gft_flat_ref *out = gft_arena_array(&w->arena, count, sizeof *out);
    if (!out && w->b.status == GRAFT_OK)
        w->b.status = gft_fail_memory(w->b.err, count * sizeof *out, "a TFLite file");
    return out;
}

static gft_flat_ref put_buffers(writing *w) {
    const int32_t count = w->file->buffer_count;
    gft_flat_ref *items = refs(w, (size_t)count);
    for (int32_t i = count - 1; i >= 0 && items; i--) {
        const size_t bytes = i > 0 ? gft_tflw_buffer_bytes(&w->file->buffers[i]) : 0;
        const gft_flat_ref data =
            i > 0 ? gft_flat_put_blob(&w->b, bytes, (size_t)i, BUFFER_ALIGN) : 0;
        gft_flat_table(&w->b);
        gft_flat_field_ref(&w->b, GFT_TFLITE_BUFFER_DATA, data);
        items[i] = gft_flat_table_end(&w->b);
    }
    return items ? gft_flat_put_refs(&w->b, items, (size_t)count) : 0;
}

static gft_flat_ref put_dims(writing *w, const graft_shape *shape, bool known) {
    int32_t dims[GRAFT_MAX_RANK];
    for (int32_t i = 0; i < shape->rank; i++)
        dims[i] = known && shape->dims[i] < 0 ? 1 : (int32_t)shape->dims[i];
    return gft_flat_put_i32s(&w->b, dims, (size_t)shape->rank);
}

static gft_flat_ref put_quant(writing *w, const gft_tflw_quant *quant) {
    if (!quant->scales)
        return 0;
    const gft_flat_ref zeros = gft_flat_put_i64s(&w->b, quant->zero_points, (size_t)quant->count);
    const gft_flat_ref scales = gft_flat_put_f32s(&w->b, quant->scales, (size_t)quant->count);
    gft_flat_table(&w->b);
    gft_flat_field_ref(&w->b, GFT_TFLITE_QUANTIZATION_SCALE, scales);
    gft_flat_field_ref(&w->b, GFT_TFLITE_QUANTIZATION_ZERO_POINT, zeros);
    gft_flat_scalar(&w->b, GFT_TFLITE_QUANTIZATION_QUANTIZED_DIMENSION, 4, quant->axis, 0);
    return gft_flat_table_end(&w->b);
}

static gft_flat_ref put_tensor(writing *w, const gft_tflw_tensor *t) {
    const bool dynamic = !gft_shape_known(&t->shape);
    const gft_flat_ref signature = dynamic ? put_dims(w, &t->shape, false) : 0;
    const gft_flat_ref quant = put_quant(w, &t->quant);
    const gft_flat_ref name = gft_flat_put_string(&w->b, t->name);
    const gft_flat_ref shape = put_dims(w, &t->shape, true);
    gft_flat_table(&w->b);
    gft_flat_field_ref(&w->b, GFT_TFLITE_TENSOR_SHAPE, shape);
    gft_flat_scalar(&w->b, GFT_TFLITE_TENSOR_TYPE, 1, t->type, 0);
    gft_flat_scalar(&w->b, GFT_TFLITE_TENSOR_BUFFER, 4, t->buffer, 0);
    gft_flat_field_ref(&w->b, GFT_TFLITE_TENSOR_NAME, name);
    gft_flat_field_ref(&w->b, GFT_TFLITE_TENSOR_QUANTIZATION, quant);
    gft_flat_field_ref(&w->b, GFT_TFLITE_TENSOR_SHAPE_SIGNATURE, signature);
    gft_flat_scalar(&w->b, GFT_TFLITE_TENSOR_HAS_RANK, 1, 1, 0);
    return gft_flat_table_end(&w->b);
}

static gft_flat_ref put_op(writing *w, const gft_tflw_op *op) {
    const gft_flat_ref outputs = gft_flat_put_i32s(&w->b, op->outputs, (size_t)op->output_count);
    const gft_flat_ref inputs = gft_flat_put_i32s(&w->b, op->inputs, (size_t)op->input_count);
    gft_flat_ref options = 0;
    if (op->options_type != GFT_TFLITE_OPTIONS_NONE) {
        gft_flat_table(&w->b);
        for (int32_t i = 0; i < op->option_count; i++) {
            const gft_tflw_option *o = &op->options[i];
            if (o->bytes == 0)
                gft_flat_f32(&w->b, o->field, o->real);
            else
                gft_flat_scalar(&w->b, o->field, (size_t)o->bytes, o->value, o->default_value);
        }
        options = gft_flat_table_end(&w->b);
    }
    gft_flat_table(&w->b);
    gft_flat_scalar(&w->b, GFT_TFLITE_OPERATOR_OPCODE_INDEX, 4, w->code_of[op->op], 0);
    gft_flat_field_ref(&w->b, GFT_TFLITE_OPERATOR_INPUTS, inputs);
    gft_flat_field_ref(&w->b, GFT_TFLITE_OPERATOR_OUTPUTS, outputs);
    gft_flat_scalar(&w->b, GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS_TYPE, 1, op->options_type, 0);
    gft_flat_field_ref(&w->b, GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS, options);
    return gft_flat_table_end(&w->b);
}

static gft_flat_ref put_ends(writing *w, const gft_tflw_binding *bindings, int32_t count) {
    int32_t *tensors = gft_arena_array(&w->arena, (size_t)count, sizeof *tensors);
    if (!tensors) {
        w->b.status = gft_fail_memory(w->b.err, (size_t)count * 4, "a TFLite file");
        return 0;
    }
    for (int32_t i = 0; i < count; i++)
        tensors[i] = bindings[i].tensor;
    return gft_flat_put_i32s(&w->b, tensors, (size_t)count);
}

static gft_flat_ref put_subgraph(writing *w, const gft_tflw_subgraph *g, const char *key) {
    gft_flat_ref *ops = refs(w, (size_t)g->op_count);
    gft_flat_ref *tensors = refs(w, (size_t)g->tensor_count);
    if (!ops || !tensors)
        return 0;
    const gft_flat_ref name = gft_flat_put_string(&w->b, key);
    for (int32_t i = g->op_count - 1; i >= 0; i--)
        ops[i] = put_op(w, &g->ops[i]);
    const gft_flat_ref op_list = gft_flat_put_refs(&w->b, ops, (size_t)g->op_count);
    const gft_flat_ref outputs = put_ends(w, g->outputs, g->output_count);
    const gft_flat_ref inputs = put_ends(w, g->inputs, g->input_count);
    for (int32_t i = g->tensor_count - 1; i >= 0; i--)
        tensors[i] = put_tensor(w, &g->tensors[i]);
    const gft_flat_ref tensor_list = gft_flat_put_refs(&w->b, tensors, (size_t)g->tensor_count);
    gft_flat_table(&w->b);
    gft_flat_field_ref(&w->b, GFT_TFLITE_SUBGRAPH_TENSORS, tensor_list);
    gft_flat_field_ref(&w->b, GFT_TFLITE_SUBGRAPH_INPUTS, inputs);
    gft_flat_field_ref(&w->b, GFT_TFLITE_SUBGRAPH_OUTPUTS, outputs);
    gft_flat_field_ref(&w->b, GFT_TFLITE_SUBGRAPH_OPERATORS, op_list);
    gft_flat_field_ref(&w->b, GFT_TFLITE_SUBGRAPH_NAME, name);
    return gft_flat_table_end(&w->b);
}

static const char *first_key(const writing *w, int32_t subgraph) {
    int32_t i = 0;
    while (w->file->signatures[i].subgraph != subgraph)
        i++;
    return w->file->signatures[i].key;
}

static gft_flat_ref put_subgraphs(writing *w) {
    gft_flat_ref items[GFT_MODEL_MAX_SIGNATURES];
    for (int32_t i = w->file->subgraph_count - 1; i >= 0; i--)
        items[i] = put_subgraph(w, &w->file->subgraphs[i], i == 0 ? "main" : first_key(w, i));
    return gft_flat_put_refs(&w->b, items, (size_t)w->file->subgraph_count);
}

static gft_flat_ref put_map(writing *w, const gft_tflw_binding *bindings, int32_t count) {
    gft_flat_ref *items = refs(w, (size_t)count);
    for (int32_t i = count - 1; i >= 0 && items; i--) {
        const gft_flat_ref name = gft_flat_put_string(&w->b, bindings[i].name);
        gft_flat_table(&w->b);
        gft_flat_field_ref(&w->b, GFT_TFLITE_TENSOR_MAP_NAME, name);
        gft_flat_scalar(&w->b, GFT_TFLITE_TENSOR_MAP_TENSOR_INDEX, 4, bindings[i].tensor, 0);
        items[i] = gft_flat_table_end(&w->b);
    }
    return items ? gft_flat_put_refs(&w->b, items, (size_t)count) : 0;
}

static gft_flat_ref put_signatures(writing *w) {
    gft_flat_ref items[GFT_MODEL_MAX_SIGNATURES];
    for (int32_t i = w->file->signature_count - 1; i >= 0; i--) {
        const gft_tflw_signature *s = &w->file->signatures[i];
        const gft_tflw_subgraph *g = &w->file->subgraphs[s->subgraph];
        const gft_flat_ref key = gft_flat_put_string(&w->b, s->key);
        const gft_flat_ref outputs = put_map(w, s->outputs, g->output_count);
        const gft_flat_ref inputs = put_map(w, s->inputs, g->input_count);
        gft_flat_table(&w->b);
        gft_flat_field_ref(&w->b, GFT_TFLITE_SIGNATURE_DEF_INPUTS, inputs);
        gft_flat_field_ref(&w->b, GFT_TFLITE_SIGNATURE_DEF_OUTPUTS, outputs);
        gft_flat_field_ref(&w->b, GFT_TFLITE_SIGNATURE_DEF_SIGNATURE_KEY, key);
        gft_flat_scalar(&w->b, GFT_TFLITE_SIGNATURE_DEF_SUBGRAPH_INDEX, 4, s->subgraph, 0);
        items[i] = gft_flat_table_end(&w->b);
    }
    return gft_flat_put_refs(&w->b, items, (size_t)w->file->signature_count);
}

static gft_flat_ref put_metadata(writing *w) {
    gft_flat_ref items[GFT_TFLW_MAX_METADATA];
    for (int32_t i = w->file->metadata_count - 1; i >= 0; i--) {
        const gft_flat_ref name = gft_flat_put_string(&w->b, w->file->metadata[i].name);
        gft_flat_table(&w->b);
        gft_flat_field_ref(&w->b, GFT_TFLITE_METADATA_NAME, name);
        gft_flat_scalar(&w->b, GFT_TFLITE_METADATA_BUFFER, 4, w->file->metadata[i].buffer, 0);
        items[i] = gft_flat_table_end(&w->b);
    }
    return gft_flat_put_refs(&w->b, items, (size_t)w->file->metadata_count);
}

/* One entry per operator, in the order of first use. */
static gft_flat_ref put_codes(writing *w) {
    gft_flat_ref items[256];
    gft_tflite_op order[256];
    int32_t count = 0;
    for (int32_t i = 0; i < 256; i++)
        w->code_of[i] = -1;
    for (int32_t s = 0; s < w->file->subgraph_count; s++) {
        for (int32_t i = 0; i < w->file->subgraphs[s].op_count; i++) {
            const gft_tflite_op op = w->file->subgraphs[s].ops[i].op;
            if (w->code_of[op] < 0) {
                order[count] = op;
                w->code_of[op] = count++;
            }
        }
    }
    for (int32_t i = count - 1; i >= 0; i--) {
        const int32_t old =
            order[i] < GFT_TFLITE_OP_PLACEHOLDER ? (int32_t)order[i] : GFT_TFLITE_OP_PLACEHOLDER;
        gft_flat_table(&w->b);
        gft_flat_scalar(&w->b, GFT_TFLITE_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE, 1, old, 0);
        gft_flat_scalar(&w->b, GFT_TFLITE_OPERATOR_CODE_VERSION, 4, w->file->versions[order[i]], 1);
        gft_flat_scalar(&w->b, GFT_TFLITE_OPERATOR_CODE_BUILTIN_CODE, 4, order[i], 0);
        items[i] = gft_flat_table_end(&w->b);
    }
    return gft_flat_put_refs(&w->b, items, (size_t)count);
}

static graft_status put_model(writing *w) {
    const gft_flat_ref codes = put_codes(w);
    const gft_flat_ref buffers = put_buffers(w);
    const gft_flat_ref metadata = put_metadata(w);
    const gft_flat_ref signatures = put_signatures(w);
    const gft_flat_ref description = gft_flat_put_string(&w->b, DESCRIPTION);
    const gft_flat_ref subgraphs = put_subgraphs(w);
    gft_flat_table(&w->b);
    gft_flat_scalar(&w->b, GFT_TFLITE_MODEL_VERSION, 4, GFT_TFLITE_VERSION, 0);
    gft_flat_field_ref(&w->b, GFT_TFLITE_MODEL_OPERATOR_CODES, codes);
    gft_flat_field_ref(&w->b, GFT_TFLITE_MODEL_SUBGRAPHS, subgraphs);
    gft_flat_field_ref(&w->b, GFT_TFLITE_MODEL_DESCRIPTION, description);
    gft_flat_field_ref(&w->b, GFT_TFLITE_MODEL_BUFFERS, buffers);
    gft_flat_field_ref(&w->b, GFT_TFLITE_MODEL_METADATA, metadata);
    gft_flat_field_ref(&w->b, GFT_TFLITE_MODEL_SIGNATURE_DEFS, signatures);
    const gft_flat_ref root = gft_flat_table_end(&w->b);
    return gft_flat_builder_finish(&w->b, root, GFT_TFLITE_IDENTIFIER);
}

static graft_status fill(void *context, size_t index, uint8_t *out, size_t bytes,
                         graft_error *err) {
    const writing *w = context;
    GFT_ASSERT(bytes == gft_tflw_buffer_bytes(&w->file->buffers[index]));
    return gft_tflw_fill(&w->file->buffers[index], out, err);
}

graft_status gft_tflw_write_file(const gft_tflw_file *file, const char *path, graft_error *err) {
    writing w = {.file = file};
    gft_writer writer = {0};
    gft_buffer tail;
    graft_error why = {0};
    gft_flat_builder_init(&w.b, GFT_FLAT_MAX_BYTES, &why);
    gft_arena_init(&w.arena);
    gft_buffer_init(&tail, GFT_TFLW_MAX_TAIL_BYTES);
    graft_status status = put_model(&w);
    if (status != GRAFT_OK) {
        status =
            w.b.total >= GFT_FLAT_MAX_BYTES / 2
                ? gft_fail(err, GRAFT_UNIMPLEMENTED,
                           "%s: the model is larger than the 2 GB that a TFLite file holds", path)
                : gft_fail(err, status, "%s: %s", path, why.message);
        goto done;
    }
    GFT_GOTO(gft_tflw_zip(file, gft_flat_builder_bytes(&w.b), &tail, err));
    GFT_GOTO(gft_writer_open(&writer, path, err));
    GFT_GOTO(gft_flat_builder_write(&w.b, &writer, fill, &w, err));
    GFT_GOTO(gft_writer_write(&writer, tail.data, tail.bytes, err));
    GFT_GOTO(gft_writer_commit(&writer, err));
done:
    gft_writer_abort(&writer);
    gft_buffer_deinit(&tail);
    gft_flat_builder_deinit(&w.b);
    gft_arena_deinit(&w.arena);
    return status;
}
