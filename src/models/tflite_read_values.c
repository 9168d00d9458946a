/*
 * Tensors as values: constants borrowed from the file (or converted within a budget), and the
 * quantize -> dequantize pairs of quantised ones.
 */
#include <math.h>
#include <string.h>

#include "base/float16.h"
#include "base/shape.h"
#include "base/size.h"
#include "models/tflite_read.h"

const gft_tflite_tensor *gft_tfl_tensor(const gft_tfl_graph *g, int32_t tensor) {
    return &g->subgraph->tensors[tensor];
}

bool gft_tfl_quantised(const gft_tflite_tensor *t) {
    return t->scales.count > 0 &&
           (t->type == GFT_TFLITE_TYPE_INT8 || t->type == GFT_TFLITE_TYPE_UINT8 ||
            t->type == GFT_TFLITE_TYPE_INT16 || t->type == GFT_TFLITE_TYPE_INT4);
}

graft_status gft_tfl_room(gft_tfl_reader *r, size_t bytes, void *out, graft_error *err) {
    if (bytes > r->budget_bytes)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "its constants take more memory than a file of its size is given");
    r->budget_bytes -= bytes;
    void *p = gft_arena_alloc(r->arena, bytes);
    if (!p)
        return gft_fail_memory(err, bytes, "a constant");
    memcpy(out, &p, sizeof p);
    return GRAFT_OK;
}

graft_status gft_tfl_begin_values(gft_tfl_graph *g, graft_error *err) {
    const size_t count = (size_t)g->subgraph->tensor_count;
    gft_arena *arena = g->reader->arena;
    g->values = gft_arena_array(arena, count, sizeof *g->values);
    g->integers = gft_arena_array(arena, count, sizeof *g->integers);
    g->origin = gft_arena_array(arena, count, sizeof *g->origin);
    if (!g->values || !g->integers || !g->origin)
        return gft_fail_memory(err, count * sizeof *g->values, "tensors");
    for (size_t i = 0; i < count; i++) {
        g->values[i].id = -1;
        g->integers[i] = g->origin[i] = -1;
    }
    return GRAFT_OK;
}

/* ---- scales ---- */

static graft_status bad_scale(const gft_tflite_tensor *t, graft_error *err) {
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "tensor '%s': a scale or zero point that is none for its type", t->name);
}

static int64_t zero_point(const gft_tflite_tensor *t, uint32_t i) {
    if (t->zero_points.count == 0)
        return 0;
    return gft_fb_vector_i64(&t->zero_points, t->zero_points.count == 1 ? 0 : i);
}

/* Scales and zero points as constants of the graph. */
static graft_status scale_values(gft_tfl_graph *g, const gft_tflite_tensor *t, gft_value_id *scale,
                                 gft_value_id *zero, graft_error *err) {
    const uint32_t count = t->scales.count;
    const graft_shape shape = gft_shape_1(count);
    const graft_tensor_desc scale_desc = gft_desc_f32(shape);
    const graft_tensor_desc zero_desc = {GRAFT_S32, shape, NULL};
    float *scales = NULL;
    int32_t *zeros = NULL;
    GFT_TRY(gft_tfl_room(g->reader, count * sizeof *scales, &scales, err));
    GFT_TRY(gft_tfl_room(g->reader, count * sizeof *zeros, &zeros, err));
    for (uint32_t i = 0; i < count; i++) {
        const int64_t z = zero_point(t, i);
        scales[i] = gft_fb_vector_f32(&t->scales, i);
        if (!(scales[i] >= 0.0f) || isinf(scales[i]) || z < INT32_MIN || z > INT32_MAX)
            return bad_scale(t, err);
        zeros[i] = (int32_t)z;
    }
    GFT_TRY(gft_graph_const(g->graph, NULL, &scale_desc, scales, false, scale, err));
    return gft_graph_const(g->graph, NULL, &zero_desc, zeros, false, zero, err);
}

static graft_status node_named(gft_tfl_graph *g, const gft_op *op, const void *attrs,
                               const char *name, const char *part, const gft_value_id *inputs,
                               gft_value_id *out, graft_error *err) {
    const char *full = gft_arena_format(g->reader->arena, "%s/%s", name, part);
    if (!full)
        return gft_fail_memory(err, strlen(name), "a node's name");
    return gft_graph_add(g->graph, op, full, attrs, inputs, 3, out, err);
}

graft_status gft_tfl_dequantize(gft_tfl_graph *g, const gft_tflite_tensor *t, const char *name,
                                gft_value_id integers, int32_t axis, gft_value_id *out,
                                graft_error *err) {
    const gft_quantize_attrs attrs = {g->graph->values[integers].desc.dtype, axis};
    gft_value_id inputs[3] = {integers, -1, -1};
    GFT_TRY(scale_values(g, t, &inputs[1], &inputs[2], err));
    return node_named(g, &gft_op_dequantize, &attrs, name, "dequantize", inputs, out, err);
}

/* A float value goes through the tensor's integers. */
static graft_status add_pair(gft_tfl_graph *g, int32_t tensor, const char *name, gft_value_id x,
                             graft_error *err) {
    const gft_tflite_tensor *t = gft_tfl_tensor(g, tensor);
    const gft_quantize_attrs attrs = {gft_tflite_dtype(t->type), 0};
    gft_value_id inputs[3] = {x, -1, -1};
    if (t->scales.count != 1 || attrs.dtype == GRAFT_DTYPE_NONE)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "tensor '%s': activations of type %s with %u scales", t->name,
                        gft_tflite_type_name(t->type), (unsigned)t->scales.count);
    if (!(gft_fb_vector_f32(&t->scales, 0) > 0.0f))
        return bad_scale(t, err);
    GFT_TRY(scale_values(g, t, &inputs[1], &inputs[2], err));
    GFT_TRY(node_named(g, &gft_op_quantize, &attrs, name, "quantize", inputs, &g->integers[tensor],
                       err));
    inputs[0] = g->integers[tensor];
    g->values[tensor].kind = GFT_TF_GRAPH;
    return node_named(g, &gft_op_dequantize, &attrs, name, "dequantize", inputs,
                      &g->values[tensor].id, err);
}

/* ---- constants ---- */

/* The bytes of a constant at an address that its type may be read from. */
static graft_status aligned(gft_tfl_reader *r, const gft_tflite_tensor *t, size_t unit,
                            const void **out, graft_error *err) {
    void *copy = NULL;
    if ((uintptr_t)t->data % unit == 0) {
        *out = t->data;
        return GRAFT_OK;
    }
    GFT_TRY(gft_tfl_room(r, t->bytes, &copy, err));
    memcpy(copy, t->data, t->bytes);
    *out = copy;
    return GRAFT_OK;
}

static graft_status set_const(gft_tf_value *value, gft_tfl_graph *g, const gft_tflite_tensor *t,
                              graft_dtype dtype, const void *data, graft_error *err) {
    graft_tensor *tensor = gft_arena_alloc(g->reader->arena, sizeof *tensor);
    if (!tensor)
        return gft_fail_memory(err, sizeof *tensor, "a constant");
    tensor->name = t->name;
    tensor->desc = (graft_tensor_desc){dtype, t->example, NULL};
    tensor->data = (void *)(uintptr_t)data; /* never written */
    if (!gft_desc_bytes(&tensor->desc, &tensor->bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "tensor '%s': a constant of unknown size",
                        t->name);
    value->kind = GFT_TF_CONST;
    value->tensor = tensor;
    return GRAFT_OK;
}

static graft_status half_const(gft_tf_value *value, gft_tfl_graph *g, const gft_tflite_tensor *t,
                               graft_error *err) {
    const size_t count = t->bytes / 2;
    float *floats = NULL;
    GFT_TRY(gft_tfl_room(g->reader, count * sizeof *floats, &floats, err));
    for (size_t i = 0; i < count; i++)
        floats[i] = gft_f32_from_f16((uint16_t)(t->data[2 * i] | t->data[2 * i + 1] << 8));
    return set_const(value, g, t, GRAFT_F32, floats, err);
}

/* An int8, uint8 or int16 constant as integers behind a dequantize node. */
static graft_status integer_const(gft_tf_value *value, gft_tfl_graph *g, const gft_tflite_tensor *t,
                                  const char *name, graft_error *err) {
    const graft_dtype dtype = gft_tflite_dtype(t->type);
    const graft_tensor_desc desc = {dtype, t->example, NULL};
    const void *data;
    gft_value_id id;
    GFT_TRY(aligned(g->reader, t, graft_dtype_bytes(dtype), &data, err));
    GFT_TRY(gft_graph_const(g->graph, t->name, &desc, data, false, &id, err));
    value->kind = GFT_TF_GRAPH;
    return gft_tfl_dequantize(g, t, name, id, t->axis, &value->id, err);
}

/*
 * A quantised constant: one number becomes a float at once (it may be an attribute), the rest stay
 * integers.
 */
static graft_status quantised_const(gft_tf_value *value, gft_tfl_graph *g,
                                    const gft_tflite_tensor *t, const char *name,
                                    graft_error *err) {
    const graft_dtype dtype = gft_tflite_dtype(t->type);
    const void *data;
    float *number = NULL;
    if (dtype != GRAFT_S8 && dtype != GRAFT_U8 && dtype != GRAFT_S16)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "tensor '%s': a constant of type %s", t->name,
                        gft_tflite_type_name(t->type));
    if (gft_shape_elems(&t->example) != 1)
        return integer_const(value, g, t, name, err);
    GFT_TRY(aligned(g->reader, t, graft_dtype_bytes(dtype), &data, err));
    const int32_t q = dtype == GRAFT_S8   ? *(const int8_t *)data
                      : dtype == GRAFT_U8 ? *(const uint8_t *)data
                                          : *(const int16_t *)data;
    GFT_TRY(gft_tfl_room(g->reader, sizeof *number, &number, err));
    *number = gft_fb_vector_f32(&t->scales, 0) * (float)((double)q - (double)zero_point(t, 0));
    return set_const(value, g, t, GRAFT_F32, number, err);
}

static graft_status string_const(gft_tf_value *value, gft_tfl_graph *g, const gft_tflite_tensor *t,
                                 graft_error *err) {
    graft_tensor *tensor = gft_arena_alloc(g->reader->arena, sizeof *tensor);
    if (!tensor)
        return gft_fail_memory(err, sizeof *tensor, "a constant");
    GFT_TRY(gft_tfl_strings(g->reader, t, tensor, err));
    value->kind = GFT_TF_CONST;
    value->tensor = tensor;
    return GRAFT_OK;
}

static graft_status make_const(gft_tf_value *value, gft_tfl_graph *g, const gft_tflite_tensor *t,
                               bool dequantise, const char *name, graft_error *err) {
    const graft_dtype dtype = gft_tflite_dtype(t->type);
    const void *data;
    if (dequantise && t->type == GFT_TFLITE_TYPE_FLOAT16)
        return half_const(value, g, t, err);
    if (gft_tfl_quantised(t))
        return quantised_const(value, g, t, name, err);
    if (t->type == GFT_TFLITE_TYPE_STRING)
        return string_const(value, g, t, err);
    if (graft_dtype_bytes(dtype) == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "tensor '%s': a constant of type %s", t->name,
                        gft_tflite_type_name(t->type));
    GFT_TRY(aligned(g->reader, t, graft_dtype_bytes(dtype), &data, err));
    return set_const(value, g, t, dtype, data, err);
}

graft_status gft_tfl_value(gft_tfl_graph *g, int32_t tensor, const char *name, gft_tf_value **out,
                           graft_error *err) {
    gft_tf_value *value = &g->values[tensor];
    *out = value;
    if (value->kind != GFT_TF_NONE)
        return GRAFT_OK;
    const bool alias = g->origin[tensor] >= 0;
    const gft_tflite_tensor *t = gft_tfl_tensor(g, alias ? g->origin[tensor] : tensor);
    if (t->problem)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "tensor '%s': %s", t->name, t->problem);
    if (t->data)
        return make_const(value, g, t, alias, name, err);
    if (gft_shape_elems(&t->example) == 0 && t->shape.rank > 0 &&
        graft_dtype_bytes(gft_tflite_dtype(t->type)) > 0)
        return set_const(value, g, t, gft_tflite_dtype(t->type), "", err);
    if (t->is_variable)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "tensor '%s': a variable, it keeps its state",
                        t->name);
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "tensor '%s' is read but nothing gives it",
                    t->name);
}

/* ---- of an operator ---- */

/*
 * A number that an operator computes with stays an integer with its scale, so that integer ops find
 * it so. (What may be an attribute is made float by gft_tfl_value.)
 */
graft_status gft_tfl_keep_integers(gft_tfl_op *m, int32_t input, graft_error *err) {
    if (!gft_tfl_has(m, input))
        return GRAFT_OK;
    const int32_t tensor = m->o->inputs[input];
    const gft_tflite_tensor *t = gft_tfl_tensor(m->g, tensor);
    gft_tf_value *value = &m->g->values[tensor];
    if (value->kind != GFT_TF_NONE || !t->data || t->problem || m->g->origin[tensor] >= 0 ||
        !gft_tfl_quantised(t) ||
        (t->type != GFT_TFLITE_TYPE_INT8 && t->type != GFT_TFLITE_TYPE_UINT8))
        return GRAFT_OK;
    return integer_const(value, m->g, t, m->name, err);
}

bool gft_tfl_has(const gft_tfl_op *m, int32_t input) {
    return input < m->o->input_count && m->o->inputs[input] >= 0;
}

graft_status gft_tfl_input(gft_tfl_op *m, int32_t input, gft_tf_value **out, graft_error *err) {
    if (!gft_tfl_has(m, input))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its input %d is missing", input);
    return gft_tfl_value(m->g, m->o->inputs[input], m->name, out, err);
}

graft_status gft_tfl_take(gft_tfl_op *m, int32_t input, gft_value_id *out, graft_error *err) {
    gft_tf_value *value = NULL;
    gft_tf_import as = {.graph = m->g->graph, .arena = m->g->reader->arena, .name = m->name};
    GFT_TRY(gft_tfl_input(m, input, &value, err));
    return gft_tf_value_in_graph(&as, value, out, err);
}

graft_status gft_tfl_set(gft_tfl_op *m, int32_t output, const gft_tf_value *value,
                         graft_error *err) {
    gft_tfl_graph *g = m->g;
    if (output >= m->o->output_count)
        return GRAFT_OK;
    const int32_t tensor = m->o->outputs[output];
    if (value->kind == GFT_TF_GRAPH && gft_tfl_quantised(gft_tfl_tensor(g, tensor)) &&
        g->graph->values[value->id].desc.dtype == GRAFT_F32)
        return add_pair(g, tensor, m->name, value->id, err);
    g->values[tensor] = *value;
    return GRAFT_OK;
}

graft_status gft_tfl_set_id(gft_tfl_op *m, int32_t output, gft_value_id id, graft_error *err) {
    const gft_tf_value value = {.kind = GFT_TF_GRAPH, .id = id};
    return gft_tfl_set(m, output, &value, err);
}

graft_status gft_tfl_append(gft_tfl_op *m, const gft_op *op, const void *attrs,
                            const gft_value_id *inputs, int32_t count, gft_value_id *out,
                            graft_error *err) {
    return gft_graph_add(m->g->graph, op, m->name, attrs, inputs, count, out, err);
}

graft_status gft_tfl_activate(gft_tfl_op *m, int8_t activation, gft_value_id x, gft_value_id *out,
                              graft_error *err) {
    const gft_clip_attrs clip = {.low = -1.0f, .high = 1.0f};
    *out = x;
    switch (activation) {
    case GFT_TFLITE_ACT_NONE:
        return GRAFT_OK;
    case GFT_TFLITE_ACT_RELU:
        return gft_tfl_append(m, &gft_op_relu, NULL, &x, 1, out, err);
    case GFT_TFLITE_ACT_RELU6:
        return gft_tfl_append(m, &gft_op_relu6, NULL, &x, 1, out, err);
    case GFT_TFLITE_ACT_TANH:
        return gft_tfl_append(m, &gft_op_tanh, NULL, &x, 1, out, err);
    case GFT_TFLITE_ACT_RELU_N1_TO_1:
        return gft_tfl_append(m, &gft_op_clip, &clip, &x, 1, out, err);
    default:
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its fused activation is number %d", activation);
    }
}
