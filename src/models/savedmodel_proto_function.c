/*
 * FunctionDef (framework/function.proto): arguments, results and control outputs around a list of
 * nodes. Shapes of arguments and the variables behind handles are written for tools that read them;
 * TensorFlow itself infers them.
 */
#include "models/savedmodel_proto.h"

#include <stdlib.h>
#include <string.h>

void gft_tf_function_begin(gft_tf_function *function, gft_pb *pb, const char *name) {
    *function = (gft_tf_function){.nodes = {.pb = pb, .function = true}};
    function->def = GFT_PB_NEW(pb, Tensorflow__FunctionDef, TENSORFLOW__FUNCTION_DEF__INIT);
    if (!function->def)
        return;
    function->def->signature = GFT_PB_NEW(pb, Tensorflow__OpDef, TENSORFLOW__OP_DEF__INIT);
    function->input_shapes = gft_tf_attr_shapes(pb, NULL, 0);
    if (function->def->signature) {
        function->def->signature->name = gft_pb_string(pb, "%s", name);
        function->def->signature->is_stateful = 1;
    }
}

static Tensorflow__OpDef__ArgDef *arg_new(gft_pb *pb, const char *name, graft_dtype dtype) {
    Tensorflow__OpDef__ArgDef *arg =
        GFT_PB_NEW(pb, Tensorflow__OpDef__ArgDef, TENSORFLOW__OP_DEF__ARG_DEF__INIT);
    if (arg) {
        arg->name = (char *)(uintptr_t)name;
        arg->type = (int32_t)dtype;
    }
    return arg;
}

/* "Block/Kernel:0" as an argument's name: [a-z][a-z0-9_]* */
static char *arg_name(gft_pb *pb, const char *name) {
    char *out = gft_pb_string(pb, "%s%s", name[0] >= '0' && name[0] <= '9' ? "n" : "",
                              name[0] ? name : "x");
    for (char *c = out; c && *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
        else if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9')))
            *c = c == out ? 'n' : '_';
    }
    return out;
}

/* _output_shapes of argument `index`. */
static void push_arg_attr(gft_tf_function *function, uint32_t index, const graft_shape *shape) {
    gft_pb *pb = function->nodes.pb;
    Tensorflow__FunctionDef__ArgAttrEntry *entry = GFT_PB_NEW(
        pb, Tensorflow__FunctionDef__ArgAttrEntry, TENSORFLOW__FUNCTION_DEF__ARG_ATTR_ENTRY__INIT);
    Tensorflow__FunctionDef__ArgAttrs *attrs = GFT_PB_NEW(
        pb, Tensorflow__FunctionDef__ArgAttrs, TENSORFLOW__FUNCTION_DEF__ARG_ATTRS__INIT);
    Tensorflow__FunctionDef__ArgAttrs__AttrEntry *attr =
        GFT_PB_NEW(pb, Tensorflow__FunctionDef__ArgAttrs__AttrEntry,
                   TENSORFLOW__FUNCTION_DEF__ARG_ATTRS__ATTR_ENTRY__INIT);
    if (!entry || !attrs || !attr)
        return;
    static char key[] = "_output_shapes";
    attr->key = key;
    attr->value = gft_tf_attr_shapes(pb, shape, 1);
    entry->key = index;
    entry->value = attrs;
    GFT_PB_PUSH(pb, attrs, attr, attr);
    GFT_PB_PUSH(pb, function->def, arg_attr, entry);
}

const char *gft_tf_function_arg(gft_tf_function *function, const char *name, graft_dtype dtype,
                                const graft_shape *shape) {
    gft_pb *pb = function->nodes.pb;
    char *wanted = arg_name(pb, name);
    const char *unique = wanted ? gft_tf_take_name(&function->nodes, wanted) : NULL;
    Tensorflow__OpDef__ArgDef *arg = unique ? arg_new(pb, unique, dtype) : NULL;
    if (!arg || pb->failed)
        return NULL;
    const uint32_t index = (uint32_t)function->def->signature->n_input_arg;
    GFT_PB_PUSH(pb, function->def->signature, input_arg, arg);
    GFT_PB_PUSH(pb, function->input_shapes->list, shape, gft_pb_shape(pb, shape));
    if (shape)
        push_arg_attr(function, index, shape);
    return unique;
}

const char *gft_tf_function_handle(gft_tf_function *function, const char *name,
                                   const graft_tensor_desc *variable) {
    gft_pb *pb = function->nodes.pb;
    const graft_shape scalar = {0, {0}};
    const char *unique = gft_tf_function_arg(function, name, GRAFT_RESOURCE, &scalar);
    Tensorflow__ResourceHandleProto__DtypeAndShape *data =
        GFT_PB_NEW(pb, Tensorflow__ResourceHandleProto__DtypeAndShape,
                   TENSORFLOW__RESOURCE_HANDLE_PROTO__DTYPE_AND_SHAPE__INIT);
    if (!unique || !data)
        return NULL;
    data->dtype = (int32_t)variable->dtype;
    data->shape = gft_pb_shape(pb, &variable->shape);
    Tensorflow__OpDef *op = function->def->signature;
    GFT_PB_PUSH(pb, op->input_arg[op->n_input_arg - 1], handle_data, data);
    return unique;
}

static Tensorflow__FunctionDef__RetEntry *ret_new(gft_pb *pb, const char *key, const char *value) {
    Tensorflow__FunctionDef__RetEntry *entry = GFT_PB_NEW(
        pb, Tensorflow__FunctionDef__RetEntry, TENSORFLOW__FUNCTION_DEF__RET_ENTRY__INIT);
    if (entry) {
        entry->key = (char *)(uintptr_t)key;
        entry->value = (char *)(uintptr_t)value;
    }
    return entry;
}

void gft_tf_function_result(gft_tf_function *function, const char *name, graft_dtype dtype,
                            const char *tensor) {
    gft_pb *pb = function->nodes.pb;
    if (!tensor || pb->failed) {
        pb->failed = true;
        return;
    }
    char *wanted = arg_name(pb, name);
    char *unique = wanted;
    const Tensorflow__OpDef *op = function->def->signature;
    for (size_t i = 0, n = 1; unique && i < op->n_output_arg; i++) {
        if (strcmp(op->output_arg[i]->name, unique) == 0) {
            unique = gft_pb_string(pb, "%s_%zu", wanted, n++);
            i = (size_t)-1; /* from the beginning */
        }
    }
    if (!unique)
        return;
    GFT_PB_PUSH(pb, function->def->signature, output_arg, arg_new(pb, unique, dtype));
    GFT_PB_PUSH(pb, function->def, ret, ret_new(pb, unique, tensor));
}

void gft_tf_function_control(gft_tf_function *function, const gft_tf_node *node) {
    gft_pb *pb = function->nodes.pb;
    if (!node || pb->failed)
        return;
    Tensorflow__FunctionDef__ControlRetEntry *entry =
        GFT_PB_NEW(pb, Tensorflow__FunctionDef__ControlRetEntry,
                   TENSORFLOW__FUNCTION_DEF__CONTROL_RET_ENTRY__INIT);
    if (!entry)
        return;
    entry->key = node->name;
    entry->value = node->name;
    GFT_PB_PUSH(pb, function->def->signature, control_output, node->name);
    GFT_PB_PUSH(pb, function->def, control_ret, entry);
}

static int by_ret_key(const void *a, const void *b) {
    const Tensorflow__FunctionDef__RetEntry *const *x = a;
    const Tensorflow__FunctionDef__RetEntry *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

void gft_tf_function_end(gft_tf_function *function, Tensorflow__FunctionDefLibrary *library) {
    gft_pb *pb = function->nodes.pb;
    Tensorflow__FunctionDef__AttrEntry *entry = GFT_PB_NEW(
        pb, Tensorflow__FunctionDef__AttrEntry, TENSORFLOW__FUNCTION_DEF__ATTR_ENTRY__INIT);
    if (!entry || !library || pb->failed) {
        pb->failed = true;
        return;
    }
    static char key[] = "_input_shapes";
    entry->key = key;
    entry->value = function->input_shapes;
    Tensorflow__FunctionDef *def = function->def;
    GFT_PB_PUSH(pb, def, attr, entry);
    gft_tf_sort_attrs(&function->nodes);
    def->n_node_def = function->nodes.count;
    def->node_def = function->nodes.items;
    if (def->n_ret > 1)
        qsort(def->ret, def->n_ret, sizeof *def->ret, by_ret_key);
    GFT_PB_PUSH(pb, library, function, def);
}
