/*
 * Small nodes that many ops are written with: constants, element-wise ops, casts, reductions,
 * shapes.
 */
#include "models/savedmodel_proto.h"

#include <string.h>

#include "base/shape.h"

static Tensorflow__TensorProto *tensor_new(gft_pb *pb, const graft_tensor_desc *desc) {
    Tensorflow__TensorProto *tensor =
        GFT_PB_NEW(pb, Tensorflow__TensorProto, TENSORFLOW__TENSOR_PROTO__INIT);
    if (tensor) {
        tensor->dtype = (int32_t)desc->dtype;
        tensor->tensor_shape = gft_pb_shape(pb, &desc->shape);
    }
    return tensor;
}

/* A Const node around a tensor. */
static const char *const_node(gft_tf_nodes *nodes, const char *name, graft_dtype dtype,
                              Tensorflow__TensorProto *tensor) {
    const char *full = nodes->scope ? gft_pb_string(nodes->pb, "%s/%s", nodes->scope, name) : name;
    gft_tf_node *node = gft_tf_add_named(nodes, "Const", full);
    Tensorflow__NodeDef__AttrEntry *entry = GFT_PB_NEW(nodes->pb, Tensorflow__NodeDef__AttrEntry,
                                                       TENSORFLOW__NODE_DEF__ATTR_ENTRY__INIT);
    Tensorflow__AttrValue *value =
        GFT_PB_NEW(nodes->pb, Tensorflow__AttrValue, TENSORFLOW__ATTR_VALUE__INIT);
    if (!node || !entry || !value || !tensor)
        return NULL;
    value->value_case = TENSORFLOW__ATTR_VALUE__VALUE_TENSOR;
    value->tensor = tensor;
    static char key[] = "value";
    entry->key = key;
    entry->value = value;
    GFT_PB_PUSH(nodes->pb, node, attr, entry);
    gft_tf_attr_type(nodes, node, "dtype", dtype);
    return gft_tf_output(nodes, node, 0);
}

const char *gft_tf_const(gft_tf_nodes *nodes, const char *name, const graft_tensor_desc *desc,
                         const void *data) {
    size_t bytes = 0;
    Tensorflow__TensorProto *tensor = tensor_new(nodes->pb, desc);
    if (!gft_desc_bytes(desc, &bytes) || !tensor)
        return NULL;
    if (desc->dtype == GRAFT_STRING) {
        const graft_string_view *views = data;
        const size_t count = bytes / sizeof *views;
        tensor->n_string_val = count;
        tensor->string_val = gft_arena_array(nodes->pb->arena, count, sizeof *tensor->string_val);
        if (!tensor->string_val) {
            nodes->pb->failed = true;
            return NULL;
        }
        for (size_t i = 0; i < count; i++)
            tensor->string_val[i] = (ProtobufCBinaryData){
                views[i].bytes, (uint8_t *)(uintptr_t)views[i].data};
        return const_node(nodes, name, desc->dtype, tensor);
    }
    tensor->tensor_content.data = (uint8_t *)(uintptr_t)data;
    tensor->tensor_content.len = bytes;
    return const_node(nodes, name, desc->dtype, tensor);
}

const char *gft_tf_const_f32(gft_tf_nodes *nodes, const char *name, float value) {
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_0());
    return gft_tf_const(nodes, name, &desc, gft_pb_new(nodes->pb, sizeof value, &value));
}

const char *gft_tf_const_s32(gft_tf_nodes *nodes, const char *name, int32_t value) {
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_0(), NULL};
    return gft_tf_const(nodes, name, &desc, gft_pb_new(nodes->pb, sizeof value, &value));
}

bool gft_tf_fits_s32(const int64_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (values[i] < INT32_MIN || values[i] > INT32_MAX)
            return false;
    }
    return true;
}

const char *gft_tf_const_ints(gft_tf_nodes *nodes, const char *name, const int64_t *values,
                              size_t count) {
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_1((int64_t)count), NULL};
    int32_t *data = gft_arena_array(nodes->pb->arena, count, sizeof *data);
    if (!data) {
        nodes->pb->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        data[i] = (int32_t)values[i];
    return gft_tf_const(nodes, name, &desc, data);
}

const char *gft_tf_const_strings(gft_tf_nodes *nodes, const char *name, const char *const *values,
                                 size_t count) {
    const graft_tensor_desc desc = {GRAFT_STRING, gft_shape_1((int64_t)count), NULL};
    Tensorflow__TensorProto *tensor = tensor_new(nodes->pb, &desc);
    if (!tensor)
        return NULL;
    tensor->string_val = gft_arena_array(nodes->pb->arena, count, sizeof *tensor->string_val);
    if (!tensor->string_val) {
        nodes->pb->failed = true;
        return NULL;
    }
    tensor->n_string_val = count;
    for (size_t i = 0; i < count; i++)
        tensor->string_val[i] =
            (ProtobufCBinaryData){strlen(values[i]), (uint8_t *)(uintptr_t)values[i]};
    return const_node(nodes, name, GRAFT_STRING, tensor);
}

const char *gft_tf_unary(gft_tf_nodes *nodes, const char *op, const char *x, graft_dtype dtype) {
    gft_tf_node *node = gft_tf_add(nodes, op);
    gft_tf_input(nodes, node, x);
    gft_tf_attr_type(nodes, node, "T", dtype);
    return gft_tf_output(nodes, node, 0);
}

const char *gft_tf_binary(gft_tf_nodes *nodes, const char *op, const char *a, const char *b,
                          graft_dtype dtype) {
    gft_tf_node *node = gft_tf_add(nodes, op);
    gft_tf_input(nodes, node, a);
    gft_tf_input(nodes, node, b);
    gft_tf_attr_type(nodes, node, "T", dtype);
    return gft_tf_output(nodes, node, 0);
}

const char *gft_tf_cast(gft_tf_nodes *nodes, const char *x, graft_dtype from, graft_dtype to) {
    gft_tf_node *node = gft_tf_add(nodes, "Cast");
    gft_tf_input(nodes, node, x);
    gft_tf_attr_type(nodes, node, "SrcT", from);
    gft_tf_attr_type(nodes, node, "DstT", to);
    gft_tf_attr_bool(nodes, node, "Truncate", false);
    return gft_tf_output(nodes, node, 0);
}

const char *gft_tf_reshape(gft_tf_nodes *nodes, const char *x, const char *shape,
                           graft_dtype dtype) {
    gft_tf_node *node = gft_tf_add(nodes, "Reshape");
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, shape);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_type(nodes, node, "Tshape", GRAFT_S32);
    return gft_tf_output(nodes, node, 0);
}

const char *gft_tf_reduce(gft_tf_nodes *nodes, const char *op, const char *x, const int64_t *axes,
                          size_t count, bool keep_dims) {
    const char *indices = gft_tf_const_ints(nodes, "axes", axes, count);
    gft_tf_node *node = gft_tf_add(nodes, op);
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, indices);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_type(nodes, node, "Tidx", GRAFT_S32);
    gft_tf_attr_bool(nodes, node, "keep_dims", keep_dims);
    return gft_tf_output(nodes, node, 0);
}

const char *gft_tf_shape_of(gft_tf_nodes *nodes, const char *x, graft_dtype dtype) {
    gft_tf_node *node = gft_tf_add(nodes, "Shape");
    gft_tf_input(nodes, node, x);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_type(nodes, node, "out_type", GRAFT_S32);
    return gft_tf_output(nodes, node, 0);
}
