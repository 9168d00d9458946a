/*
 * Attributes and values of nodes being read: where a value lies (graph, constant, integers,
 * variable) and how an op takes it.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "formats/tensor_proto.h"
#include "models/tensorflow_ops_import.h"

#define MAX_SPREAD_BYTES ((size_t)256 << 20) /* of a constant written as a short list */
#define MAX_DEPTH 100                        /* of nodes read again for the graph */
#define MAX_ALL_BYTES ((size_t)2 << 30)      /* of all that is made while reading */

/* ---- attributes ---- */

const Tensorflow__AttrValue *gft_tf_find_attr(const Tensorflow__NodeDef *node, const char *key) {
    for (size_t i = 0; i < node->n_attr; i++) {
        if (strcmp(node->attr[i]->key, key) == 0)
            return node->attr[i]->value;
    }
    return NULL;
}

int64_t gft_tf_get_int(const Tensorflow__NodeDef *node, const char *key, int64_t otherwise) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    return a && a->value_case == TENSORFLOW__ATTR_VALUE__VALUE_I ? a->i : otherwise;
}

float gft_tf_get_float(const Tensorflow__NodeDef *node, const char *key, float otherwise) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    return a && a->value_case == TENSORFLOW__ATTR_VALUE__VALUE_F ? a->f : otherwise;
}

bool gft_tf_get_bool(const Tensorflow__NodeDef *node, const char *key, bool otherwise) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    return a && a->value_case == TENSORFLOW__ATTR_VALUE__VALUE_B ? a->b != 0 : otherwise;
}

graft_dtype gft_tf_get_type(const Tensorflow__NodeDef *node, const char *key,
                            graft_dtype otherwise) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    return a && a->value_case == TENSORFLOW__ATTR_VALUE__VALUE_TYPE ? (graft_dtype)a->type
                                                                    : otherwise;
}

bool gft_tf_text_is(const Tensorflow__NodeDef *node, const char *key, const char *otherwise,
                    const char *value) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    if (!a || a->value_case != TENSORFLOW__ATTR_VALUE__VALUE_S)
        return strcmp(otherwise, value) == 0;
    return a->s.len == strlen(value) && (a->s.len == 0 || memcmp(a->s.data, value, a->s.len) == 0);
}

const int64_t *gft_tf_get_ints(const Tensorflow__NodeDef *node, const char *key, size_t *count) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    const bool list = a && a->value_case == TENSORFLOW__ATTR_VALUE__VALUE_LIST;
    *count = list ? a->list->n_i : 0;
    return list ? a->list->i : NULL;
}

bool gft_tf_text_at(const Tensorflow__NodeDef *node, const char *key, size_t index,
                    const char **text, size_t *length) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    if (!a || a->value_case != TENSORFLOW__ATTR_VALUE__VALUE_LIST || index >= a->list->n_s)
        return false;
    *text = (const char *)a->list->s[index].data;
    *length = a->list->s[index].len;
    return true;
}

/* ---- values ---- */

graft_status gft_tf_refuse(const char *why, graft_error *err) {
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s", why);
}

static graft_status no_input(const gft_tf_import *m, int32_t input, graft_error *err) {
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "has %d inputs, expected at least %d",
                    m->input_count, input + 1);
}

/* Integers that depend on a run: their node is read again, now into the graph. */
static graft_status compute(gft_tf_import *m, gft_tf_value *value, graft_error *err) {
    const gft_tf_recipe *r = value->recipe;
    if (!r || m->depth >= MAX_DEPTH)
        return gft_tf_refuse("computes with a dimension that is not known before the model runs",
                             err);
    gft_tf_import again = {.graph = m->graph,
                           .arena = m->arena,
                           .map = m->map,
                           .node = r->node,
                           .name = r->name,
                           .inputs = r->inputs,
                           .input_count = r->input_count,
                           .output_count = r->output_count,
                           .in_graph = true,
                           .depth = m->depth + 1};
    again.outputs = gft_arena_array(m->arena, (size_t)r->output_count, sizeof *again.outputs);
    if (!again.outputs)
        return gft_fail_memory(err, (size_t)r->output_count * sizeof *again.outputs, "a node");
    for (int32_t i = 0; i < r->output_count; i++)
        again.outputs[i].id = -1;
    GFT_TRY(gft_tf_import_node(&again, err));
    if (again.outputs[r->output].kind != GFT_TF_GRAPH)
        return gft_tf_refuse("computes with a dimension that is not known before the model runs",
                             err);
    value->id = again.outputs[r->output].id;
    return GRAFT_OK;
}

/* Integers as a constant of the graph, or computed there where some are not known. */
static graft_status ints_in_graph(gft_tf_import *m, gft_tf_value *value, gft_value_id *out,
                                  graft_error *err) {
    const gft_tf_ints *ints = value->ints;
    const graft_tensor_desc desc = {ints->dtype, gft_tf_ints_shape(ints), NULL};
    int32_t narrow[GFT_TF_MAX_INTS];
    uint8_t truth[GFT_TF_MAX_INTS];
    for (int32_t i = 0; i < ints->count && value->id < 0; i++) {
        if (ints->values[i] == GFT_TF_UNKNOWN)
            GFT_TRY(compute(m, value, err));
        narrow[i] = (int32_t)ints->values[i];
        truth[i] = ints->values[i] != 0;
    }
    *out = value->id;
    if (value->id >= 0)
        return GRAFT_OK;
    const void *data = ints->dtype == GRAFT_S64    ? (const void *)ints->values
                       : ints->dtype == GRAFT_BOOL ? (const void *)truth
                                                   : (const void *)narrow;
    return gft_graph_const(m->graph, m->name, &desc, data, true, out, err);
}

graft_status gft_tf_value_in_graph(gft_tf_import *m, gft_tf_value *value, gft_value_id *out,
                                   graft_error *err) {
    switch (value->kind) {
    case GFT_TF_GRAPH:
        *out = value->id;
        return GRAFT_OK;
    case GFT_TF_CONST:
        if (value->id < 0)
            GFT_TRY(gft_graph_const(m->graph, value->tensor->name, &value->tensor->desc,
                                    value->tensor->data, false, &value->id, err));
        *out = value->id;
        return GRAFT_OK;
    case GFT_TF_INTS:
        return ints_in_graph(m, value, out, err);
    default:
        return gft_tf_refuse("takes a value that is no tensor of numbers", err);
    }
}

graft_status gft_tf_take(gft_tf_import *m, int32_t input, gft_value_id *out, graft_error *err) {
    if (input >= m->input_count)
        return no_input(m, input, err);
    return gft_tf_value_in_graph(m, m->inputs[input], out, err);
}

graft_status gft_tf_desc_of(const gft_tf_import *m, int32_t input, graft_tensor_desc *out,
                            graft_error *err) {
    if (input >= m->input_count)
        return no_input(m, input, err);
    const gft_tf_value *value = m->inputs[input];
    switch (value->kind) {
    case GFT_TF_GRAPH:
        *out = m->graph->values[value->id].desc;
        return GRAFT_OK;
    case GFT_TF_CONST:
        *out = value->tensor->desc;
        return GRAFT_OK;
    case GFT_TF_INTS:
        *out = (graft_tensor_desc){value->ints->dtype, gft_tf_ints_shape(value->ints), NULL};
        return GRAFT_OK;
    default:
        return gft_tf_refuse("takes a value that is no tensor of numbers", err);
    }
}

bool gft_tf_ints_of(const gft_tf_import *m, int32_t input, gft_tf_ints *out) {
    if (input >= m->input_count)
        return false;
    const gft_tf_value *value = m->inputs[input];
    if (value->kind == GFT_TF_INTS) {
        *out = *value->ints;
        return true;
    }
    if (value->kind != GFT_TF_CONST)
        return false;
    const graft_tensor_desc *desc = &value->tensor->desc;
    const int64_t count = gft_shape_elems(&desc->shape);
    if ((desc->dtype != GRAFT_S32 && desc->dtype != GRAFT_S64 && desc->dtype != GRAFT_BOOL) ||
        count < 0 || count > GFT_TF_MAX_INTS)
        return false;
    const int32_t rank = desc->shape.rank;
    *out = (gft_tf_ints){.rank = rank,
                         .count = (int32_t)count,
                         .cols = rank == 2 ? (int32_t)desc->shape.dims[1] : 0,
                         .dtype = desc->dtype};
    for (int64_t i = 0; i < count; i++)
        out->values[i] = desc->dtype == GRAFT_S32   ? ((const int32_t *)value->tensor->data)[i]
                         : desc->dtype == GRAFT_S64 ? ((const int64_t *)value->tensor->data)[i]
                                                    : ((const uint8_t *)value->tensor->data)[i];
    return true;
}

graft_shape gft_tf_ints_shape(const gft_tf_ints *ints) {
    if (ints->rank == 2)
        return gft_shape_2(ints->cols > 0 ? ints->count / ints->cols : 0, ints->cols);
    return (graft_shape){ints->rank, {ints->count}};
}

bool gft_tf_operand_of(const gft_tf_import *m, int32_t input, gft_tf_ints *out) {
    return !m->in_graph && gft_tf_ints_of(m, input, out) && out->rank <= 2;
}

bool gft_tf_ints_push(gft_tf_ints *to, const gft_tf_ints *list, int32_t from) {
    if (to->count >= GFT_TF_MAX_INTS)
        return false;
    to->dims[to->count] = list->dims[from];
    to->values[to->count++] = list->values[from];
    return true;
}

graft_status gft_tf_need_ints(const gft_tf_import *m, int32_t input, const char *what,
                              gft_tf_ints *out, graft_error *err) {
    if (input >= m->input_count)
        return no_input(m, input, err);
    if (!gft_tf_ints_of(m, input, out))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its %s are not constant", what);
    return GRAFT_OK;
}

graft_status gft_tf_need_known(const gft_tf_import *m, int32_t input, const char *what,
                               gft_tf_ints *out, graft_error *err) {
    GFT_TRY(gft_tf_need_ints(m, input, what, out, err));
    for (int32_t i = 0; i < out->count; i++) {
        if (out->values[i] == GFT_TF_UNKNOWN)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "its %s depend on a dimension that is not known", what);
    }
    return GRAFT_OK;
}

bool gft_tf_scalar_of(const gft_tf_import *m, int32_t input, float *out) {
    if (input >= m->input_count || m->inputs[input]->kind != GFT_TF_CONST)
        return false;
    const graft_tensor *tensor = m->inputs[input]->tensor;
    if (tensor->desc.dtype != GRAFT_F32 || gft_shape_elems(&tensor->desc.shape) != 1)
        return false;
    memcpy(out, tensor->data, sizeof *out);
    return true;
}

graft_status gft_tf_set_ints(gft_tf_import *m, const gft_tf_ints *ints, graft_error *err) {
    m->outputs[0].ints = gft_arena_memdup(m->arena, ints, sizeof *ints);
    if (!m->outputs[0].ints)
        return gft_fail_memory(err, sizeof *ints, "a shape");
    m->outputs[0].kind = GFT_TF_INTS;
    m->outputs[0].id = -1;
    return GRAFT_OK;
}

graft_status gft_tf_set_const(gft_tf_import *m, const graft_tensor_desc *desc, void *data,
                              graft_error *err) {
    graft_tensor *tensor = gft_arena_alloc(m->arena, sizeof *tensor);
    size_t bytes = 0;
    if (!tensor || !data)
        return gft_fail_memory(err, sizeof *tensor, "a constant");
    if (!gft_desc_bytes(desc, &bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a constant without a size");
    *tensor = (graft_tensor){m->name, *desc, data, bytes};
    m->outputs[0].kind = GFT_TF_CONST;
    m->outputs[0].tensor = tensor;
    m->outputs[0].id = -1;
    return GRAFT_OK;
}

graft_status gft_tf_number(gft_tf_import *m, graft_dtype dtype, double number, gft_value_id *out,
                           graft_error *err) {
    const graft_tensor_desc desc = {dtype, gft_shape_0(), NULL};
    const float f32 = (float)number;
    const int32_t s32 = (int32_t)number;
    const int64_t s64 = (int64_t)number;
    const uint8_t truth = number != 0.0;
    const void *data = dtype == GRAFT_F32   ? (const void *)&f32
                       : dtype == GRAFT_S32 ? (const void *)&s32
                       : dtype == GRAFT_S64 ? (const void *)&s64
                                            : (const void *)&truth;
    if (dtype != GRAFT_F32 && dtype != GRAFT_S32 && dtype != GRAFT_S64 && dtype != GRAFT_BOOL)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it computes in %s", graft_dtype_name(dtype));
    return gft_graph_const(m->graph, m->name, &desc, data, true, out, err);
}

graft_status gft_tf_apply(gft_tf_import *m, const gft_op *op, gft_value_id a, gft_value_id b,
                          gft_value_id *out, graft_error *err) {
    const gft_value_id inputs[2] = {a, b};
    return gft_tf_append(m, op, NULL, inputs, b < 0 ? 1 : 2, out, err);
}

void gft_tf_set_graph(gft_tf_import *m, int32_t output, gft_value_id id) {
    m->outputs[output].kind = GFT_TF_GRAPH;
    m->outputs[output].id = id;
}

graft_status gft_tf_append(gft_tf_import *m, const gft_op *op, const void *attrs,
                           const gft_value_id *inputs, int32_t count, gft_value_id *out,
                           graft_error *err) {
    return gft_graph_add(m->graph, op, m->name, attrs, inputs, count, out, err);
}

graft_status gft_tf_append_same(gft_tf_import *m, const gft_op *op, const void *attrs,
                                int32_t count, graft_error *err) {
    gft_value_id inputs[8];
    gft_value_id out;
    for (int32_t i = 0; i < count && i < 8; i++)
        GFT_TRY(gft_tf_take(m, i, &inputs[i], err));
    GFT_TRY(gft_tf_append(m, op, attrs, inputs, count, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

/* ---- sources of values ---- */

/* A few bytes of a list can stand for any number of elements. */
static graft_status check_size(const gft_tf_import *m, const Tensorflow__TensorProto *proto,
                               graft_error *err) {
    graft_tensor_desc desc = {.dtype = (graft_dtype)proto->dtype};
    size_t bytes = 0;
    if (proto->mapped_bytes > 0 || proto->tensor_content.len > 0)
        return GRAFT_OK;
    GFT_TRY(gft_tensor_proto_shape(proto->tensor_shape, m->name, &desc.shape, err));
    if (gft_desc_bytes(&desc, &bytes) &&
        (bytes > MAX_SPREAD_BYTES ||
         bytes > MAX_ALL_BYTES - gft_size_min(m->arena->used_bytes, MAX_ALL_BYTES)))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "a constant of %zu bytes from a list of few",
                        bytes);
    return GRAFT_OK;
}

graft_status gft_tf_import_const(gft_tf_import *m, graft_error *err) {
    const Tensorflow__AttrValue *value = gft_tf_find_attr(m->node, "value");
    if (!value || value->value_case != TENSORFLOW__ATTR_VALUE__VALUE_TENSOR)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a constant without a value");
    GFT_TRY(check_size(m, value->tensor, err));
    if (value->tensor->dtype == GRAFT_STRING)
        return gft_tf_read_strings(m, value->tensor, err);
    graft_tensor *tensor = gft_arena_alloc(m->arena, sizeof *tensor);
    if (!tensor)
        return gft_fail_memory(err, sizeof *tensor, "a constant");
    GFT_TRY(gft_tensor_proto_read(value->tensor, m->map, m->name, m->arena, tensor, err));
    m->outputs[0].kind = GFT_TF_CONST;
    m->outputs[0].tensor = tensor;
    return GRAFT_OK;
}

graft_status gft_tf_import_read_variable(gft_tf_import *m, graft_error *err) {
    gft_value_id id;
    if (m->input_count < 1 || m->inputs[0]->kind != GFT_TF_VARIABLE)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "reads what is no variable");
    GFT_TRY(gft_graph_param(m->graph, m->inputs[0]->param, &id, err));
    gft_tf_set_graph(m, 0, id);
    return GRAFT_OK;
}
