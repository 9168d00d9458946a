/*
 * Nodes and attributes of TensorFlow's GraphDef and FunctionDef, built in an arena
 * (framework/node_def.proto, attr_value.proto). Lists grow by doubling; names are kept unique by an
 * open-addressing set.
 */
#include "models/savedmodel_proto.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"

void *gft_pb_new(gft_pb *pb, size_t bytes, const void *initial) {
    void *p = gft_arena_memdup(pb->arena, initial, bytes);
    if (!p)
        pb->failed = true;
    return p;
}

char *gft_pb_string(gft_pb *pb, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *s = bytes < 0 ? NULL : gft_arena_alloc(pb->arena, (size_t)bytes + 1);
    if (!s) {
        pb->failed = true;
        return NULL;
    }
    va_start(args, format);
    (void)vsnprintf(s, (size_t)bytes + 1, format, args);
    va_end(args);
    return s;
}

void gft_pb_push(gft_pb *pb, void *items, size_t *count, const void *item) {
    void **list;
    memcpy(&list, items, sizeof list);
    if (!item || pb->failed) {
        pb->failed = true;
        return;
    }
    if ((*count & (*count - 1)) == 0) { /* 0, 1, 2, 4, 8, ...: full */
        void **larger = gft_arena_array(pb->arena, *count == 0 ? 1 : *count * 2, sizeof *larger);
        if (!larger) {
            pb->failed = true;
            return;
        }
        if (*count > 0)
            memcpy(larger, list, *count * sizeof *larger);
        list = larger;
        memcpy(items, &list, sizeof list);
    }
    memcpy(&list[(*count)++], &item, sizeof item);
}

Tensorflow__TensorShapeProto *gft_pb_shape(gft_pb *pb, const graft_shape *shape) {
    Tensorflow__TensorShapeProto *out =
        GFT_PB_NEW(pb, Tensorflow__TensorShapeProto, TENSORFLOW__TENSOR_SHAPE_PROTO__INIT);
    if (out && !shape)
        out->unknown_rank = 1;
    for (int32_t i = 0; out && shape && i < shape->rank; i++) {
        Tensorflow__TensorShapeProto__Dim *dim = GFT_PB_NEW(
            pb, Tensorflow__TensorShapeProto__Dim, TENSORFLOW__TENSOR_SHAPE_PROTO__DIM__INIT);
        if (dim)
            dim->size = shape->dims[i];
        GFT_PB_PUSH(pb, out, dim, dim);
    }
    return out;
}

/* ---- names ---- */

static size_t name_hash(const char *s) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

/* The slot of a name, or the free one where it would go. */
static size_t name_slot(const gft_tf_nodes *nodes, const char *name) {
    size_t at = name_hash(name) & (nodes->name_slots - 1);
    while (nodes->names[at] && strcmp(nodes->names[at], name) != 0)
        at = (at + 1) & (nodes->name_slots - 1);
    return at;
}

static bool names_grow(gft_tf_nodes *nodes) {
    if (nodes->name_slots > 0 && nodes->name_count * 2 < nodes->name_slots)
        return true;
    gft_tf_nodes old = *nodes;
    nodes->name_slots = old.name_slots == 0 ? 64 : old.name_slots * 2;
    nodes->names = gft_arena_array(nodes->pb->arena, nodes->name_slots, sizeof *nodes->names);
    if (!nodes->names) {
        nodes->names = old.names;
        nodes->name_slots = old.name_slots;
        nodes->pb->failed = true;
        return false;
    }
    for (size_t i = 0; i < old.name_slots; i++) {
        if (old.names[i])
            nodes->names[name_slot(nodes, old.names[i])] = old.names[i];
    }
    return true;
}

static bool name_char(char c, bool first) {
    bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alnum || c == '.' || (!first && (c == '_' || c == '-' || c == '/'));
}

const char *gft_tf_take_name(gft_tf_nodes *nodes, const char *name) {
    if (!name || !names_grow(nodes))
        return NULL;
    bool first = name[0] == '\0' || (!name_char(name[0], true) && name_char(name[0], false));
    char *clean = gft_pb_string(nodes->pb, "%s%s", first ? "n" : "", name);
    if (!clean)
        return NULL;
    for (char *c = clean; *c; c++) {
        if (!name_char(*c, c == clean))
            *c = c == clean ? 'n' : '_';
    }
    const char *unique = clean;
    for (int i = 1; unique && nodes->names[name_slot(nodes, unique)]; i++)
        unique = gft_pb_string(nodes->pb, "%s_%d", clean, i);
    if (!unique)
        return NULL;
    nodes->names[name_slot(nodes, unique)] = unique;
    nodes->name_count++;
    return unique;
}

/* ---- nodes ---- */

gft_tf_node *gft_tf_add_named(gft_tf_nodes *nodes, const char *op, const char *name) {
    const char *unique = gft_tf_take_name(nodes, name);
    gft_tf_node *node = GFT_PB_NEW(nodes->pb, Tensorflow__NodeDef, TENSORFLOW__NODE_DEF__INIT);
    if (!node || !unique)
        return NULL;
    node->name = (char *)(uintptr_t)unique;
    node->op = (char *)(uintptr_t)op;
    gft_pb_push(nodes->pb, &nodes->items, &nodes->count, node);
    if (nodes->layer)
        gft_tf_attr_text(nodes, node, GFT_TF_ATTR_LAYER, nodes->layer);
    return node;
}

gft_tf_node *gft_tf_add(gft_tf_nodes *nodes, const char *op) {
    if (!nodes->scope)
        return gft_tf_add_named(nodes, op, op);
    return gft_tf_add_named(nodes, op, gft_pb_string(nodes->pb, "%s/%s", nodes->scope, op));
}

void gft_tf_input(gft_tf_nodes *nodes, gft_tf_node *node, const char *tensor) {
    if (node)
        GFT_PB_PUSH(nodes->pb, node, input, tensor);
}

void gft_tf_control_input(gft_tf_nodes *nodes, gft_tf_node *node, const gft_tf_node *before) {
    if (node && before)
        gft_tf_input(nodes, node, gft_pb_string(nodes->pb, "^%s", before->name));
}

/* What an op calls its output, where it is not "output". */
static const char *output_argument(const char *op) {
    static const struct {
        const char *op, *output;
    } table[] = {
        {"Relu", "activations"},
        {"Relu6", "activations"},
        {"LeakyRelu", "activations"},
        {"Sigmoid", "y"},
        {"Tanh", "y"},
        {"Rsqrt", "y"},
        {"Sqrt", "y"},
        {"Square", "y"},
        {"Exp", "y"},
        {"Log", "y"},
        {"Neg", "y"},
        {"Cast", "y"},
        {"Transpose", "y"},
        {"OnesLike", "y"},
        {"ZerosLike", "y"},
        {"Round", "y"},
        {"Floor", "y"},
        {"Rint", "y"},
        {"FusedBatchNormV3", "y"},
        {"Mul", "z"},
        {"AddV2", "z"},
        {"Sub", "z"},
        {"RealDiv", "z"},
        {"Maximum", "z"},
        {"Minimum", "z"},
        {"SquaredDifference", "z"},
        {"GreaterEqual", "z"},
        {"Greater", "z"},
        {"Equal", "z"},
        {"FloorDiv", "z"},
        {"MatMul", "product"},
        {"Softmax", "softmax"},
        {"LogSoftmax", "logsoftmax"},
        {"ReadVariableOp", "value"},
        {"ResizeBilinear", "resized_images"},
        {"ResizeNearestNeighbor", "resized_images"},
        {"ResizeBicubic", "resized_images"},
        {"ResizeArea", "resized_images"},
        {"ScaleAndTranslate", "resized_images"},
        {"DecodeJpeg", "image"},
        {"DecodeBmp", "image"},
        {"DecodeImage", "image"},
        {"Abs", "y"},
        {"Ceil", "y"},
        {"Cos", "y"},
        {"Cumsum", "out"},
        {"Elu", "activations"},
        {"Erf", "y"},
        {"Expm1", "y"},
        {"FloorMod", "z"},
        {"Less", "z"},
        {"LessEqual", "z"},
        {"Log1p", "y"},
        {"LogicalAnd", "z"},
        {"LogicalNot", "y"},
        {"LogicalOr", "z"},
        {"NotEqual", "z"},
        {"Pow", "z"},
        {"Selu", "activations"},
        {"Sign", "y"},
        {"Sin", "y"},
        {"Softplus", "activations"},
        {"Softsign", "activations"},
        {"TopKV2", "values"},
        {"TruncateDiv", "z"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].op, op) == 0)
            return table[i].output;
    }
    return "output";
}

const char *gft_tf_output_named(gft_tf_nodes *nodes, const gft_tf_node *node, const char *argument,
                                int flat) {
    if (!node)
        return NULL;
    if (nodes->function)
        return gft_pb_string(nodes->pb, "%s:%s:0", node->name, argument);
    return flat == 0 ? node->name : gft_pb_string(nodes->pb, "%s:%d", node->name, flat);
}

const char *gft_tf_output(gft_tf_nodes *nodes, const gft_tf_node *node, int index) {
    if (!node || index == 0)
        return node ? gft_tf_output_named(nodes, node, output_argument(node->op), 0) : NULL;
    if (nodes->function)
        return gft_pb_string(nodes->pb, "%s:%s:%d", node->name, output_argument(node->op), index);
    return gft_pb_string(nodes->pb, "%s:%d", node->name, index);
}

static int by_key(const void *a, const void *b) {
    const Tensorflow__NodeDef__AttrEntry *const *x = a;
    const Tensorflow__NodeDef__AttrEntry *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

void gft_tf_sort_attrs(gft_tf_nodes *nodes) {
    if (nodes->pb->failed)
        return;
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->items[i]->n_attr > 1)
            qsort(nodes->items[i]->attr, nodes->items[i]->n_attr, sizeof *nodes->items[i]->attr,
                  by_key);
    }
}
