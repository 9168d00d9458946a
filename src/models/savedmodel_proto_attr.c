/*
 * Attributes of nodes (framework/attr_value.proto).
 */
#include "models/savedmodel_proto.h"

#include <string.h>

/* An attribute without a value yet; NULL when out of memory. */
static Tensorflow__AttrValue *attr_new(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                                       Tensorflow__AttrValue__ValueCase kind) {
    if (!node)
        return NULL;
    Tensorflow__NodeDef__AttrEntry *entry = GFT_PB_NEW(nodes->pb, Tensorflow__NodeDef__AttrEntry,
                                                       TENSORFLOW__NODE_DEF__ATTR_ENTRY__INIT);
    Tensorflow__AttrValue *value =
        GFT_PB_NEW(nodes->pb, Tensorflow__AttrValue, TENSORFLOW__ATTR_VALUE__INIT);
    if (!entry || !value)
        return NULL;
    value->value_case = kind;
    entry->key = (char *)(uintptr_t)key;
    entry->value = value;
    GFT_PB_PUSH(nodes->pb, node, attr, entry);
    return nodes->pb->failed ? NULL : value;
}

void gft_tf_attr_type(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, graft_dtype dtype) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_TYPE);
    if (value)
        value->type = (int32_t)dtype;
}

void gft_tf_attr_int(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, int64_t i) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_I);
    if (value)
        value->i = i;
}

void gft_tf_attr_float(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, float f) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_F);
    if (value)
        value->f = f;
}

void gft_tf_attr_bool(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, bool b) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_B);
    if (value)
        value->b = b;
}

void gft_tf_attr_text(gft_tf_nodes *nodes, gft_tf_node *node, const char *key, const char *text) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_S);
    if (!value)
        return;
    value->s.len = strlen(text);
    value->s.data = (uint8_t *)gft_pb_string(nodes->pb, "%s", text);
}

void gft_tf_attr_shape(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                       const graft_shape *shape) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_SHAPE);
    if (value)
        value->shape = gft_pb_shape(nodes->pb, shape);
}

void gft_tf_attr_function(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                          const char *name) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_FUNC);
    if (!value)
        return;
    value->func = GFT_PB_NEW(nodes->pb, Tensorflow__NameAttrList, TENSORFLOW__NAME_ATTR_LIST__INIT);
    if (value->func)
        value->func->name = gft_pb_string(nodes->pb, "%s", name);
}

static Tensorflow__AttrValue__ListValue *list_new(gft_tf_nodes *nodes, gft_tf_node *node,
                                                  const char *key) {
    Tensorflow__AttrValue *value = attr_new(nodes, node, key, TENSORFLOW__ATTR_VALUE__VALUE_LIST);
    if (!value)
        return NULL;
    value->list = GFT_PB_NEW(nodes->pb, Tensorflow__AttrValue__ListValue,
                             TENSORFLOW__ATTR_VALUE__LIST_VALUE__INIT);
    return value->list;
}

void gft_tf_attr_ints(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                      const int64_t *values, size_t count) {
    Tensorflow__AttrValue__ListValue *list = list_new(nodes, node, key);
    if (!list)
        return;
    list->i = gft_pb_new(nodes->pb, count * sizeof *values, values);
    list->n_i = list->i ? count : 0;
}

void gft_tf_attr_types(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                       const graft_dtype *values, size_t count) {
    Tensorflow__AttrValue__ListValue *list = list_new(nodes, node, key);
    if (!list)
        return;
    list->type = gft_arena_array(nodes->pb->arena, count, sizeof *list->type);
    if (!list->type) {
        nodes->pb->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        list->type[i] = (int32_t)values[i];
    list->n_type = count;
}

void gft_tf_attr_shape_list(gft_tf_nodes *nodes, gft_tf_node *node, const char *key,
                            const graft_shape *values, size_t count) {
    Tensorflow__AttrValue__ListValue *list = list_new(nodes, node, key);
    for (size_t i = 0; list && i < count; i++)
        GFT_PB_PUSH(nodes->pb, list, shape, gft_pb_shape(nodes->pb, &values[i]));
}

Tensorflow__AttrValue *gft_tf_attr_shapes(gft_pb *pb, const graft_shape *values, size_t count) {
    Tensorflow__AttrValue *value =
        GFT_PB_NEW(pb, Tensorflow__AttrValue, TENSORFLOW__ATTR_VALUE__INIT);
    if (!value)
        return NULL;
    value->value_case = TENSORFLOW__ATTR_VALUE__VALUE_LIST;
    value->list =
        GFT_PB_NEW(pb, Tensorflow__AttrValue__ListValue, TENSORFLOW__ATTR_VALUE__LIST_VALUE__INIT);
    for (size_t i = 0; value->list && i < count; i++)
        GFT_PB_PUSH(pb, value->list, shape, gft_pb_shape(pb, &values[i]));
    return value->list ? value : NULL;
}
