/*
 * Nodes and signature in protobuf's JSON mapping, as TF.js' converter writes them: int64 as text,
 * bytes in base64, types by name. Constants say type and shape alone, their values are weights.
 */
#include <math.h>
#include <string.h>

#include "formats/base64.h"
#include "formats/json_text.h"
#include "models/tfjs_write.h"

typedef Tensorflow__AttrValue attr_value;
typedef Tensorflow__TensorShapeProto shape_proto;

static const char *type_name(int32_t dtype) {
    switch (dtype) {
    case GRAFT_F32:
        return "DT_FLOAT";
    case GRAFT_F64:
        return "DT_DOUBLE";
    case GRAFT_S32:
        return "DT_INT32";
    case GRAFT_U8:
        return "DT_UINT8";
    case GRAFT_S16:
        return "DT_INT16";
    case GRAFT_S8:
        return "DT_INT8";
    case GRAFT_STRING:
        return "DT_STRING";
    case GRAFT_S64:
        return "DT_INT64";
    case GRAFT_BOOL:
        return "DT_BOOL";
    case GRAFT_BF16:
        return "DT_BFLOAT16";
    case GRAFT_F16:
        return "DT_HALF";
    case GRAFT_RESOURCE:
        return "DT_RESOURCE";
    default:
        return "DT_INVALID";
    }
}

/* `,` before all but the first of a list. */
static graft_status comma(gft_buffer *out, size_t index, graft_error *err) {
    return index > 0 ? gft_buffer_append(out, ",", 1, err) : GRAFT_OK;
}

static graft_status write_bytes(gft_buffer *out, const ProtobufCBinaryData *s, graft_error *err) {
    GFT_TRY(gft_buffer_append_str(out, "\"", err));
    GFT_TRY(gft_base64_append(out, s->data, s->len, err));
    return gft_buffer_append_str(out, "\"", err);
}

static graft_status write_float(gft_buffer *out, float f, graft_error *err) {
    if (isnan(f))
        return gft_buffer_append_str(out, "\"NaN\"", err);
    if (isinf(f))
        return gft_buffer_append_str(out, f > 0 ? "\"Infinity\"" : "\"-Infinity\"", err);
    const size_t from = out->bytes;
    GFT_TRY(gft_buffer_format(out, err, "%.9g", (double)f));
    for (size_t i = from; i < out->bytes; i++) { /* a locale may have another point */
        if (out->data[i] == ',')
            out->data[i] = '.';
    }
    return GRAFT_OK;
}

static graft_status write_dims(gft_buffer *out, const shape_proto *shape, graft_error *err) {
    if (shape && shape->unknown_rank)
        return gft_buffer_append_str(out, "{\"unknownRank\":true}", err);
    GFT_TRY(gft_buffer_append_str(out, "{", err));
    for (size_t i = 0; shape && i < shape->n_dim; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s{\"size\":\"%lld\"}", i == 0 ? "\"dim\":[" : ",",
                                  (long long)shape->dim[i]->size));
    return gft_buffer_append_str(out, shape && shape->n_dim > 0 ? "]}" : "}", err);
}

static graft_status write_list(gft_buffer *out, const Tensorflow__AttrValue__ListValue *list,
                               graft_error *err) {
    GFT_TRY(gft_buffer_append_str(out, "{", err));
    for (size_t i = 0; i < list->n_s; i++) {
        GFT_TRY(gft_buffer_append_str(out, i == 0 ? "\"s\":[" : ",", err));
        GFT_TRY(write_bytes(out, &list->s[i], err));
    }
    for (size_t i = 0; i < list->n_i; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s\"%lld\"", i == 0 ? "\"i\":[" : ",",
                                  (long long)list->i[i]));
    for (size_t i = 0; i < list->n_f; i++) {
        GFT_TRY(gft_buffer_append_str(out, i == 0 ? "\"f\":[" : ",", err));
        GFT_TRY(write_float(out, list->f[i], err));
    }
    for (size_t i = 0; i < list->n_b; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s%s", i == 0 ? "\"b\":[" : ",",
                                  list->b[i] ? "true" : "false"));
    for (size_t i = 0; i < list->n_type; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s\"%s\"", i == 0 ? "\"type\":[" : ",",
                                  type_name(list->type[i])));
    for (size_t i = 0; i < list->n_shape; i++) {
        GFT_TRY(gft_buffer_append_str(out, i == 0 ? "\"shape\":[" : ",", err));
        GFT_TRY(write_dims(out, list->shape[i], err));
    }
    /* An attribute holds one kind of list. */
    const size_t count =
        list->n_s + list->n_i + list->n_f + list->n_b + list->n_type + list->n_shape;
    return gft_buffer_append_str(out, count > 0 ? "]}" : "}", err);
}

static graft_status write_attr(gft_buffer *out, const attr_value *a, graft_error *err) {
    switch (a->value_case) {
    case TENSORFLOW__ATTR_VALUE__VALUE_S:
        GFT_TRY(gft_buffer_append_str(out, "{\"s\":", err));
        GFT_TRY(write_bytes(out, &a->s, err));
        break;
    case TENSORFLOW__ATTR_VALUE__VALUE_I:
        return gft_buffer_format(out, err, "{\"i\":\"%lld\"}", (long long)a->i);
    case TENSORFLOW__ATTR_VALUE__VALUE_F:
        GFT_TRY(gft_buffer_append_str(out, "{\"f\":", err));
        GFT_TRY(write_float(out, a->f, err));
        break;
    case TENSORFLOW__ATTR_VALUE__VALUE_B:
        return gft_buffer_format(out, err, "{\"b\":%s}", a->b ? "true" : "false");
    case TENSORFLOW__ATTR_VALUE__VALUE_TYPE:
        return gft_buffer_format(out, err, "{\"type\":\"%s\"}", type_name(a->type));
    case TENSORFLOW__ATTR_VALUE__VALUE_SHAPE:
        GFT_TRY(gft_buffer_append_str(out, "{\"shape\":", err));
        GFT_TRY(write_dims(out, a->shape, err));
        break;
    case TENSORFLOW__ATTR_VALUE__VALUE_LIST:
        GFT_TRY(gft_buffer_append_str(out, "{\"list\":", err));
        GFT_TRY(write_list(out, a->list, err));
        break;
    default:
        return gft_fail(err, GRAFT_INTERNAL, "tfjs: an attribute of kind %d", (int)a->value_case);
    }
    return gft_buffer_append_str(out, "}", err);
}

static graft_status write_const(gft_buffer *out, const gft_tfjs_weight *weight, graft_error *err) {
    const char *type = type_name((int32_t)weight->desc.dtype);
    GFT_TRY(gft_buffer_format(out, err,
                              "\"dtype\":{\"type\":\"%s\"},\"value\":{\"tensor\":{\"dtype\":\"%s\"",
                              type, type));
    GFT_TRY(gft_buffer_append_str(out, ",\"tensorShape\":{", err));
    for (int32_t i = 0; i < weight->desc.shape.rank; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s{\"size\":\"%lld\"}", i == 0 ? "\"dim\":[" : ",",
                                  (long long)weight->desc.shape.dims[i]));
    return gft_buffer_append_str(out, weight->desc.shape.rank > 0 ? "]}}}" : "}}}", err);
}

static graft_status write_node(gft_buffer *out, const gft_tf_node *node,
                               const gft_tfjs_weight *weight, graft_error *err) {
    GFT_TRY(gft_buffer_append_str(out, "{\"name\":", err));
    GFT_TRY(gft_json_quote(out, node->name, err));
    GFT_TRY(gft_buffer_append_str(out, ",\"op\":", err));
    GFT_TRY(gft_json_quote(out, node->op, err));
    for (size_t i = 0; i < node->n_input; i++) {
        GFT_TRY(gft_buffer_append_str(out, i == 0 ? ",\"input\":[" : ",", err));
        GFT_TRY(gft_json_quote(out, node->input[i], err));
    }
    GFT_TRY(gft_buffer_append_str(out, node->n_input > 0 ? "],\"attr\":{" : ",\"attr\":{", err));
    size_t count = 0;
    for (size_t i = 0; i < node->n_attr; i++) {
        const char *key = node->attr[i]->key;
        if (weight && (strcmp(key, "dtype") == 0 || strcmp(key, "value") == 0))
            continue;
        GFT_TRY(comma(out, count++, err));
        GFT_TRY(gft_json_quote(out, key, err));
        GFT_TRY(gft_buffer_append_str(out, ":", err));
        GFT_TRY(write_attr(out, node->attr[i]->value, err));
    }
    if (weight) {
        GFT_TRY(comma(out, count, err));
        GFT_TRY(write_const(out, weight, err));
    }
    return gft_buffer_append_str(out, "}}", err);
}

graft_status gft_tfjs_write_topology(const gft_tfjs_writer *w, gft_buffer *out, graft_error *err) {
    size_t next = 0; /* weights come in the order of their nodes */
    GFT_TRY(gft_buffer_append_str(out, "{\"node\":[", err));
    for (size_t i = 0; i < w->nodes.count; i++) {
        const gft_tf_node *node = w->nodes.items[i];
        const bool constant = next < w->weight_count && w->weights[next].node == node;
        GFT_TRY(gft_buffer_append_str(out, i == 0 ? "\n" : ",\n", err));
        GFT_TRY(write_node(out, node, constant ? &w->weights[next++] : NULL, err));
    }
    return gft_buffer_append_str(
        out, "\n],\"library\":{},\"versions\":{\"producer\":2474,\"minConsumer\":12}}", err);
}

/* ---- signature ---- */

static graft_status write_end(gft_buffer *out, const char *key, const char *node,
                              const graft_tensor_desc *desc, graft_error *err) {
    GFT_TRY(gft_json_quote(out, key, err));
    GFT_TRY(gft_buffer_append_str(out, ":{\"name\":", err));
    GFT_TRY(gft_json_quote(out, node, err));
    out->bytes--; /* ":0" goes inside of the quotes */
    GFT_TRY(gft_buffer_format(out, err, ":0\",\"dtype\":\"%s\",\"tensorShape\":{",
                              type_name((int32_t)desc->dtype)));
    for (int32_t i = 0; i < desc->shape.rank; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s{\"size\":\"%lld\"}", i == 0 ? "\"dim\":[" : ",",
                                  (long long)desc->shape.dims[i]));
    return gft_buffer_append_str(out, desc->shape.rank > 0 ? "]}}" : "}}", err);
}

graft_status gft_tfjs_write_signature(const gft_tfjs_writer *w, gft_buffer *out, graft_error *err) {
    const gft_graph *graph = w->graph;
    GFT_TRY(gft_buffer_append_str(out, "{\"inputs\":{", err));
    for (int32_t i = 0; i < graph->input_count; i++) {
        GFT_TRY(comma(out, (size_t)i, err));
        GFT_TRY(write_end(out, graph->inputs[i].name, w->inputs[i],
                          &graph->values[graph->inputs[i].value].desc, err));
    }
    GFT_TRY(gft_buffer_append_str(out, "},\"outputs\":{", err));
    for (int32_t i = 0; i < graph->output_count; i++) {
        GFT_TRY(comma(out, (size_t)i, err));
        GFT_TRY(write_end(out, graph->outputs[i].name, w->outputs[i],
                          &graph->values[graph->outputs[i].value].desc, err));
    }
    return gft_buffer_append_str(out, "}}", err);
}
