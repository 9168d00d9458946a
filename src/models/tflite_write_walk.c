/*
 * Tensors, constants and operators of a subgraph while a graph is walked.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "models/tflite_write.h"

#define F16_MAX 65504.0f
#define MAX_ITEMS (1 << 20)
/* The converter leaves smaller weights as they are in dynamic range quantisation. */
#define DYNAMIC_MIN_ELEMS 1024

/* ---- failures and memory ---- */

void gft_tflw_cannot(gft_tflw_walk *w, const char *why) {
    if (w->status == GRAFT_OK && !w->node)
        w->status = gft_fail(w->err, GRAFT_UNIMPLEMENTED,
                             "an input cannot be written as TFLite's: %s", why);
    else if (w->status == GRAFT_OK)
        w->status = gft_fail(w->err, GRAFT_UNIMPLEMENTED,
                             "node '%s': op '%s' cannot be written with TFLite's operators: %s",
                             w->node->name, w->node->op->name, why);
}

void *gft_tflw_memory(gft_tflw_walk *w, size_t count, size_t bytes) {
    void *p = gft_tflw_ok(w) ? gft_arena_array(&w->file->arena, count, bytes) : NULL;
    if (!p && gft_tflw_ok(w))
        w->status = gft_fail_memory(w->err, count * bytes, "a TFLite file");
    return p;
}

static bool grow(gft_tflw_walk *w, void **items, int32_t count, int32_t *capacity, size_t bytes) {
    if (!gft_tflw_ok(w))
        return false;
    if (count < *capacity)
        return true;
    const int32_t wanted = *capacity ? *capacity * 2 : 64;
    void *more = wanted <= MAX_ITEMS ? gft_realloc(*items, (size_t)wanted * bytes) : NULL;
    if (!more) {
        w->status = gft_fail_memory(w->err, (size_t)wanted * bytes, "a TFLite file");
        return false;
    }
    *items = more;
    *capacity = wanted;
    return true;
}

/* ---- tensors ---- */

gft_tflite_type gft_tflw_type(graft_dtype dtype) {
    switch (dtype) {
    case GRAFT_F32:
        return GFT_TFLITE_TYPE_FLOAT32;
    case GRAFT_F64:
        return GFT_TFLITE_TYPE_FLOAT64;
    case GRAFT_F16:
        return GFT_TFLITE_TYPE_FLOAT16;
    case GRAFT_BF16:
        return GFT_TFLITE_TYPE_BFLOAT16;
    case GRAFT_S32:
        return GFT_TFLITE_TYPE_INT32;
    case GRAFT_S64:
        return GFT_TFLITE_TYPE_INT64;
    case GRAFT_U8:
        return GFT_TFLITE_TYPE_UINT8;
    case GRAFT_S8:
        return GFT_TFLITE_TYPE_INT8;
    case GRAFT_S16:
        return GFT_TFLITE_TYPE_INT16;
    case GRAFT_BOOL:
        return GFT_TFLITE_TYPE_BOOL;
    default:
        return (gft_tflite_type)-1;
    }
}

static int32_t add_tensor(gft_tflw_walk *w, const char *name, gft_tflite_type type,
                          const graft_shape *shape, int32_t buffer, const gft_tflw_quant *quant) {
    gft_tflw_subgraph *g = w->g;
    if ((int)type == -1) {
        gft_tflw_cannot(w, "it has values of a type that TFLite has not");
        return -1;
    }
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] > INT32_MAX)
            gft_tflw_cannot(w, "a dimension is larger than int32 holds");
    }
    char *kept = gft_tflw_ok(w) && name ? gft_arena_strdup(&w->file->arena, name) : NULL;
    if (!kept || !grow(w, (void **)(void *)&g->tensors, g->tensor_count, &g->tensor_capacity,
                       sizeof *g->tensors)) {
        if (gft_tflw_ok(w))
            w->status = gft_fail_memory(w->err, sizeof *g->tensors, "a TFLite file");
        return -1;
    }
    g->tensors[g->tensor_count] = (gft_tflw_tensor){.name = kept,
                                                    .type = type,
                                                    .shape = *shape,
                                                    .buffer = buffer,
                                                    .quant = quant ? *quant : (gft_tflw_quant){0}};
    return g->tensor_count++;
}

/* "node/part" in the file's arena; `part` alone for inputs. */
static const char *name_of(gft_tflw_walk *w, const char *part) {
    if (!w->node)
        return part;
    const char *name = gft_arena_format(&w->file->arena, "%s/%s", w->node->name, part);
    if (!name && gft_tflw_ok(w))
        w->status = gft_fail_memory(w->err, strlen(part), "a name");
    return name ? name : part;
}

int32_t gft_tflw_between(gft_tflw_walk *w, const char *part, const graft_tensor_desc *desc,
                         int32_t like) {
    if (!gft_tflw_ok(w))
        return -1;
    const gft_tflw_quant quant = like >= 0 ? w->g->tensors[like].quant : (gft_tflw_quant){0};
    const gft_tflite_type type =
        quant.scales ? w->g->tensors[like].type : gft_tflw_type(desc->dtype);
    return add_tensor(w, name_of(w, part), type, &desc->shape, 0, &quant);
}

int32_t gft_tflw_out(gft_tflw_walk *w, int32_t i) {
    const gft_tflw_role *role = gft_tflw_role_of(w);
    gft_value_id value = w->node->outputs[i];
    const char *name = w->node->name;
    gft_tflw_quant quant = {0};
    graft_dtype dtype = w->graph->values[value].desc.dtype;
    if (!gft_tflw_ok(w))
        return -1;
    if (i == 0 && role->fused >= 0) {
        const gft_node *fused = &w->graph->nodes[role->fused];
        value = fused->outputs[0];
        name = gft_arena_format(&w->file->arena, "%s;%s", name, fused->name);
    }
    if (i == 0 && role->integer && role->quantize >= 0) {
        const gft_node *q = &w->graph->nodes[role->quantize];
        value = q->outputs[0];
        dtype = w->graph->values[value].desc.dtype;
        w->status = gft_tflw_quant_of(w, q, &quant);
    } else if (i == 0 && role->integer && dtype == GRAFT_F32) { /* a view of integers */
        const int32_t x = gft_tflw_in(w, 0);
        if (x < 0)
            return -1;
        w->values[value] =
            add_tensor(w, name, w->g->tensors[x].type, &w->graph->values[value].desc.shape, 0,
                       &w->g->tensors[x].quant);
        return w->values[value];
    }
    if (i > 0) {
        name = gft_arena_format(&w->file->arena, "%s:%d", name, i);
    }
    if (w->values[value] < 0)
        w->values[value] = add_tensor(w, name, gft_tflw_type(dtype),
                                      &w->graph->values[value].desc.shape, 0, &quant);
    return w->values[value];
}

/* ---- constants ---- */

static bool same_quant(const gft_tflw_quant *a, const gft_tflw_quant *b) {
    if (!a->scales || !b->scales)
        return !a->scales && !b->scales;
    return a->count == b->count && a->axis == b->axis &&
           memcmp(a->scales, b->scales, (size_t)a->count * sizeof *a->scales) == 0 &&
           memcmp(a->zero_points, b->zero_points, (size_t)a->count * sizeof *a->zero_points) == 0;
}

static bool fits_f16(const gft_tflw_buffer *buffer) {
    const float *x = buffer->data;
    for (size_t i = 0; i < buffer->elems; i++) {
        if (isfinite(x[i]) && fabsf(x[i]) > F16_MAX)
            return false;
    }
    return true;
}

static int32_t constant(gft_tflw_walk *w, const char *name, gft_tflite_type type,
                        const graft_shape *shape, const gft_tflw_buffer *buffer,
                        const gft_tflw_quant *quant) {
    static const gft_tflw_quant none = {0};
    if (!gft_tflw_ok(w))
        return -1;
    const int32_t index = gft_tflw_add_buffer(w->file, buffer, w->err);
    if (index < 0) {
        w->status = GRAFT_RESOURCE_EXHAUSTED;
        return -1;
    }
    for (int32_t i = 0; i < w->g->tensor_count; i++) {
        const gft_tflw_tensor *t = &w->g->tensors[i];
        if (t->buffer == index && t->type == type && gft_shape_equal(&t->shape, shape) &&
            same_quant(&t->quant, quant ? quant : &none))
            return i;
    }
    return add_tensor(w, name, type, shape, index, quant);
}

/* The float32 behind a float16 constant: one DEQUANTIZE for each. */
static int32_t widened(gft_tflw_walk *w, const char *name, int32_t half) {
    if (half < 0)
        return -1;
    for (int32_t i = 0; i < w->g->op_count; i++) {
        const gft_tflw_op *op = &w->g->ops[i];
        if (op->op == GFT_TFLITE_OP_DEQUANTIZE && op->inputs[0] == half)
            return op->outputs[0];
    }
    const graft_shape shape = w->g->tensors[half].shape;
    const int32_t out = add_tensor(w, name, GFT_TFLITE_TYPE_FLOAT32, &shape, 0, NULL);
    (void)gft_tflw_add(w, GFT_TFLITE_OP_DEQUANTIZE, &half, 1, out);
    return out;
}

static const char *half_name(gft_tflw_walk *w, const char *name) {
    const char *half = gft_arena_format(&w->file->arena, "%s/float16", name);
    return half ? half : name;
}

int32_t gft_tflw_constant(gft_tflw_walk *w, const char *name, gft_tflite_type type,
                          const graft_shape *shape, const gft_tflw_buffer *buffer,
                          const gft_tflw_quant *quant) {
    /* A single number would grow by the operator that widens it. */
    if (w->weights == GFT_TFLITE_FLOAT16 && type == GFT_TFLITE_TYPE_FLOAT32 && buffer->elems > 1 &&
        gft_tflw_ok(w) && fits_f16(buffer)) {
        gft_tflw_buffer half = *buffer;
        half.form = GFT_TFLW_F16;

        return widened(
            w, name, constant(w, half_name(w, name), GFT_TFLITE_TYPE_FLOAT16, shape, &half, NULL));
    }
    return constant(w, name, type, shape, buffer, quant);
}

static int32_t kept(gft_tflw_walk *w, const char *part, gft_tflite_type type,
                    const graft_shape *shape, const void *data, size_t elems, size_t bytes) {
    void *copy = gft_tflw_memory(w, elems, bytes);
    if (!copy)
        return -1;
    if (elems)
        memcpy(copy, data, elems * bytes);
    const gft_tflw_buffer buffer = {.data = copy, .elems = elems, .element_bytes = bytes};
    return constant(w, name_of(w, part), type, shape, &buffer, NULL);
}

int32_t gft_tflw_const_i32(gft_tflw_walk *w, const char *part, const int32_t *items,
                           int64_t count) {
    const graft_shape shape = gft_shape_1(count);
    return kept(w, part, GFT_TFLITE_TYPE_INT32, &shape, items, (size_t)count, sizeof *items);
}

int32_t gft_tflw_pairs(gft_tflw_walk *w, const char *part, const int32_t *items, int64_t rank) {
    const graft_shape shape = gft_shape_2(rank, 2);
    return kept(w, part, GFT_TFLITE_TYPE_INT32, &shape, items, 2 * (size_t)rank, sizeof *items);
}

int32_t gft_tflw_const_i64s(gft_tflw_walk *w, const char *part, const int64_t *items,
                            int64_t count) {
    int32_t *narrow = gft_tflw_memory(w, (size_t)count, sizeof *narrow);
    for (int64_t i = 0; i < count && narrow; i++) {
        if (items[i] < INT32_MIN || items[i] > INT32_MAX)
            gft_tflw_cannot(w, "a number is larger than int32 holds");
        narrow[i] = (int32_t)items[i];
    }
    return narrow ? gft_tflw_const_i32(w, part, narrow, count) : -1;
}

int32_t gft_tflw_const_s32(gft_tflw_walk *w, const char *part, int32_t value) {
    const graft_shape scalar = gft_shape_0();
    return kept(w, part, GFT_TFLITE_TYPE_INT32, &scalar, &value, 1, sizeof value);
}

int32_t gft_tflw_const_f32(gft_tflw_walk *w, const char *part, float value) {
    const graft_shape scalar = gft_shape_0();
    return kept(w, part, GFT_TFLITE_TYPE_FLOAT32, &scalar, &value, 1, sizeof value);
}

int32_t gft_tflw_const_f32s(gft_tflw_walk *w, const char *part, const graft_shape *shape,
                            const float *data, bool copy) {
    const size_t elems = (size_t)gft_shape_elems(shape);
    const void *from = data;
    if (copy) {
        float *own = gft_tflw_memory(w, elems, sizeof *own);
        if (!own)
            return -1;
        memcpy(own, data, elems * sizeof *own);
        from = own;
    }
    const gft_tflw_buffer buffer = {.data = from, .elems = elems, .element_bytes = sizeof *data};
    return gft_tflw_constant(w, name_of(w, part), GFT_TFLITE_TYPE_FLOAT32, shape, &buffer, NULL);
}

/* ---- values of the graph ---- */

static const char *constant_name(gft_tflw_walk *w, const gft_value *value, const char *part) {
    if (value->kind == GFT_VALUE_PARAM && w->graph->params)
        return w->graph->params->items[value->param].name;
    return value->name ? value->name : name_of(w, part);
}

int32_t gft_tflw_value(gft_tflw_walk *w, gft_value_id id, const char *part) {
    const gft_value *value = &w->graph->values[id];
    if (!gft_tflw_ok(w) || w->values[id] >= 0)
        return gft_tflw_ok(w) ? w->values[id] : -1;
    const void *data = gft_graph_value_data(w->graph, id);
    size_t bytes;
    const size_t width = graft_dtype_bytes(value->desc.dtype);
    if (!data || width == 0 || !gft_desc_bytes(&value->desc, &bytes)) {
        gft_tflw_cannot(w, "it needs a value that no operator makes");
        return -1;
    }
    const gft_tflw_buffer buffer = {.data = data, .elems = bytes / width, .element_bytes = width};
    w->values[id] =
        gft_tflw_constant(w, constant_name(w, value, part), gft_tflw_type(value->desc.dtype),
                          &value->desc.shape, &buffer, NULL);
    return w->values[id];
}

/* Integers of a dequantize node's input, with its scales on them. */
static int32_t integers(gft_tflw_walk *w, const gft_node *dequantize) {
    const int32_t t = gft_tflw_value(w, dequantize->inputs[0], "integers");
    if (t < 0 || w->g->tensors[t].quant.scales)
        return t;
    gft_tflw_quant quant;
    w->status = gft_tflw_quant_of(w, dequantize, &quant);
    if (gft_tflw_ok(w))
        w->g->tensors[t].quant = quant;
    return t;
}

/*
 * A float number beside integers, as the converter quantises it: the end of a range that begins at
 * zero.
 */
static int32_t number(gft_tflw_walk *w, gft_value_id id, gft_value_id beside) {
    const float value = *(const float *)gft_graph_value_data(w->graph, id);
    const gft_node_id dq = gft_tflw_dequantize_of(w->graph, beside);
    const graft_dtype dtype =
        dq >= 0 ? w->graph->values[w->graph->nodes[dq].inputs[0]].desc.dtype : GRAFT_S8;
    float *scale = gft_tflw_memory(w, 1, sizeof *scale);
    int64_t *zero = gft_tflw_memory(w, 1, sizeof *zero);
    int16_t *q = gft_tflw_memory(w, 1, sizeof *q);
    if (!scale || !zero || !q)
        return -1;
    const bool wide = dtype == GRAFT_S16;
    const int64_t low = dtype == GRAFT_U8 ? 0 : wide ? -INT16_MAX : -128;
    const int64_t high = dtype == GRAFT_U8 ? 255 : wide ? INT16_MAX : 127;
    *zero = wide ? 0 : value < 0.0f ? high : low;
    *scale = value != 0.0f ? fabsf(value) / (float)(wide ? high : high - low) : 1.0f;
    const int64_t stored = value < 0.0f ? low : value > 0.0f ? high : *zero;
    *q = (int16_t)stored; /* little-endian: the first byte is the 8-bit number */
    const gft_tflw_quant quant = {scale, zero, 1, 0};
    const gft_tflw_buffer buffer = {.data = q, .elems = 1, .element_bytes = wide ? 2 : 1};
    return constant(w, constant_name(w, &w->graph->values[id], "constant"), gft_tflw_type(dtype),
                    &w->graph->values[id].desc.shape, &buffer, &quant);
}

int32_t gft_tflw_in(gft_tflw_walk *w, int32_t i) {
    if (!gft_tflw_ok(w) || i >= w->node->input_count)
        return -1;
    const gft_value_id id = w->node->inputs[i];
    const gft_value *value = &w->graph->values[id];
    if (gft_tflw_role_of(w)->integer && value->kind == GFT_VALUE_NODE) {
        const gft_node *producer = &w->graph->nodes[value->node];
        if (strcmp(producer->op->name, "dequantize") == 0)
            return integers(w, producer);
    }
    if (gft_tflw_role_of(w)->integer && gft_tflw_is_number(w->graph, id) &&
        w->node->input_count == 2)
        return number(w, id, w->node->inputs[1 - i]);
    return gft_tflw_value(w, id, "constant");
}

/* ---- weights ---- */

/* Shape and order of weights in the file, and what shares a channel. */
static void lay_out(gft_tflw_layout layout, const graft_shape *from, graft_shape *shape,
                    gft_tflw_buffer *buffer) {
    const int64_t *d = from->dims;
    buffer->run = 1;
    if (layout == GFT_TFLW_DEPTHWISE) {
        *shape = gft_shape_4(1, d[0], d[1], d[2] * d[3]);
        buffer->channels = d[2] * d[3];
        buffer->inner = 1;
        return;
    }
    if (layout == GFT_TFLW_DENSE_TRANSPOSED) {
        *shape = *from;
        buffer->channels = d[0];
        buffer->inner = gft_i64_max(d[1], 1);
        return;
    }
    if (layout == GFT_TFLW_CONV) {
        *shape = gft_shape_4(d[3], d[0], d[1], d[2]);
    } else if (layout == GFT_TFLW_TRANSPOSED) {
        *shape = gft_shape_4(d[2], d[0], d[1], d[3]);
        buffer->run = d[3];
    } else {
        *shape = gft_shape_2(d[1], d[0]);
    }
    const int64_t all = shape->dims[0] * buffer->run;
    buffer->channels = shape->dims[0];
    buffer->cols = buffer->channels;
    buffer->rows = all > 0 ? gft_shape_elems(from) / all : 0;
    buffer->inner = gft_i64_max(buffer->rows * buffer->run, 1);
    if (buffer->cols <= 1 || buffer->rows <= 1)
        buffer->cols = 0; /* a row or a column: the order is the same */
}

static void set_symmetric(gft_tflw_walk *w, gft_tflw_layout layout, gft_tflw_buffer *buffer,
                          gft_tflw_quant *quant) {
    float *scales = gft_tflw_memory(w, (size_t)buffer->channels, sizeof *scales);
    int64_t *zeros = gft_tflw_memory(w, (size_t)buffer->channels, sizeof *zeros);
    if (!scales || !zeros)
        return;
    gft_tflw_scales(buffer, scales);
    buffer->form = GFT_TFLW_S8;
    buffer->scales = scales;
    *quant =
        (gft_tflw_quant){scales, zeros, buffer->channels, layout == GFT_TFLW_DEPTHWISE ? 3 : 0};
}

/* Where the outputs lie in Graft's order. */
static int32_t channel_axis(gft_tflw_layout layout) {
    switch (layout) {
    case GFT_TFLW_CONV:
        return 3;
    case GFT_TFLW_DENSE:
        return 1;
    case GFT_TFLW_DENSE_TRANSPOSED:
        return 0;
    default:
        return 2;
    }
}

/* Integer weights: their own scales, per tensor or along the axis that became the channels'. */
static void set_integers(gft_tflw_walk *w, const gft_node *dequantize, gft_tflw_layout layout,
                         gft_tflw_quant *quant) {
    w->status = gft_tflw_quant_of(w, dequantize, quant);
    if (!gft_tflw_ok(w) || quant->count == 1) {
        quant->axis = 0;
        return;
    }
    const int64_t *d = w->graph->values[dequantize->inputs[0]].desc.shape.dims;
    const int32_t axis = quant->axis;
    bool known = true;
    if (layout == GFT_TFLW_DEPTHWISE)
        known = (axis == 2 && d[3] == 1) || (axis == 3 && d[2] == 1);
    else
        known = axis == channel_axis(layout);
    if (!known)
        gft_tflw_cannot(w, "the scales of its weights lie along another axis than the outputs");
    quant->axis = layout == GFT_TFLW_DEPTHWISE ? 3 : 0;
}

int32_t gft_tflw_weights(gft_tflw_walk *w, int32_t i, gft_tflw_layout layout) {
    if (!gft_tflw_ok(w))
        return -1;
    gft_value_id id = w->node->inputs[i];
    const graft_shape *from = &w->graph->values[id].desc.shape;
    const gft_node_id dq = gft_tflw_weights_of(w->graph, id);
    if (dq >= 0)
        id = w->graph->nodes[dq].inputs[0];
    const gft_value *value = &w->graph->values[id];
    const void *data = gft_graph_value_data(w->graph, id);
    const int64_t elems = gft_shape_elems(from);
    if (!data || elems < 0) {
        gft_tflw_cannot(w, "its weights are not constant");
        return -1;
    }
    gft_tflw_buffer buffer = {.data = data,
                              .elems = (size_t)elems,
                              .element_bytes = graft_dtype_bytes(value->desc.dtype)};
    gft_tflw_quant quant = {0};
    graft_shape shape;
    gft_tflite_type type = gft_tflw_type(value->desc.dtype);
    lay_out(layout, from, &shape, &buffer);
    if (dq >= 0) {
        set_integers(w, &w->graph->nodes[dq], layout, &quant);
    } else if (w->weights == GFT_TFLITE_DYNAMIC && value->desc.dtype == GRAFT_F32 &&
               elems >= DYNAMIC_MIN_ELEMS && !gft_tflw_role_of(w)->integer) {
        set_symmetric(w, layout, &buffer, &quant);
        type = GFT_TFLITE_TYPE_INT8;
    }
    return gft_tflw_constant(w, constant_name(w, value, "kernel"), type, &shape, &buffer, &quant);
}

int32_t gft_tflw_bias(gft_tflw_walk *w, int32_t i, int64_t channels) {
    if (i >= 0)
        return gft_tflw_role_of(w)->integer ? gft_tflw_in(w, i)
                                            : gft_tflw_value(w, w->node->inputs[i], "bias");
    if (gft_tflw_role_of(w)->integer)
        return -1;
    const graft_shape shape = gft_shape_1(channels);
    float *zeros = gft_tflw_memory(w, (size_t)channels, sizeof *zeros);
    return zeros ? gft_tflw_const_f32s(w, "bias", &shape, zeros, false) : -1;
}

/* ---- operators ---- */

gft_tflw_op *gft_tflw_add_many(gft_tflw_walk *w, gft_tflite_op op, const int32_t *inputs,
                               int32_t count, const int32_t *outputs, int32_t output_count) {
    gft_tflw_subgraph *g = w->g;
    int32_t *in = gft_tflw_memory(w, (size_t)count, sizeof *in);
    int32_t *out = gft_tflw_memory(w, (size_t)output_count, sizeof *out);
    if (!in || !out ||
        !grow(w, (void **)(void *)&g->ops, g->op_count, &g->op_capacity, sizeof *g->ops))
        return NULL;
    for (int32_t i = 0; i < count; i++)
        in[i] = inputs[i];
    for (int32_t i = 0; i < output_count; i++)
        out[i] = outputs[i];
    gft_tflw_op *added = &g->ops[g->op_count++];
    *added = (gft_tflw_op){
        .op = op, .inputs = in, .outputs = out, .input_count = count, .output_count = output_count};
    return added;
}

gft_tflw_op *gft_tflw_add(gft_tflw_walk *w, gft_tflite_op op, const int32_t *inputs, int32_t count,
                          int32_t output) {
    return gft_tflw_add_many(w, op, inputs, count, &output, 1);
}

void gft_tflw_options(gft_tflw_op *op, gft_tflite_options type) {
    if (op)
        op->options_type = type;
}

static gft_tflw_option *next_option(gft_tflw_op *op) {
    GFT_ASSERT(op->option_count < GFT_TFLW_MAX_OPTIONS);
    return &op->options[op->option_count++];
}

void gft_tflw_option_i(gft_tflw_op *op, int32_t field, int32_t bytes, int64_t value,
                       int64_t default_value) {
    if (op)
        *next_option(op) = (gft_tflw_option){
            .field = field, .bytes = bytes, .value = value, .default_value = default_value};
}

void gft_tflw_option_f(gft_tflw_op *op, int32_t field, float value) {
    if (op)
        *next_option(op) = (gft_tflw_option){.field = field, .real = value};
}
