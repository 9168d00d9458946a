/*
 * modelTopology as a GraphDef message: nodes and the function library, copied out of the JSON into
 * the file's arena.
 */
#include <stdlib.h>
#include <string.h>

#include "models/savedmodel_proto.h"
#include "models/tfjs_read.h"

typedef struct topology {
    gft_tfjs_file *file;
    gft_pb pb;
    const char **weights; /* names, sorted */
    graft_error *err;
} topology;

static graft_status no_memory(const topology *t) {
    return gft_fail_memory(t->err, sizeof(Tensorflow__NodeDef), "a graph");
}

static graft_status wrong(const topology *t, const char *what) {
    return gft_fail(t->err, GRAFT_DATA_LOSS, "%s: modelTopology: %s", t->file->where, what);
}

/* ---- which constants have a weight ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static graft_status sort_weights(topology *t) {
    const gft_tfjs_file *file = t->file;
    t->weights = gft_arena_array(&t->file->arena, file->weight_count, sizeof *t->weights);
    if (!t->weights)
        return no_memory(t);
    for (size_t i = 0; i < file->weight_count; i++)
        t->weights[i] = file->weights[i].name;
    if (file->weight_count > 1)
        qsort(t->weights, file->weight_count, sizeof *t->weights, by_text);
    return GRAFT_OK;
}

static bool has_weight(const topology *t, const char *name) {
    return t->file->weight_count > 0 &&
           bsearch(&name, t->weights, t->file->weight_count, sizeof *t->weights, by_text);
}

/* ---- nodes ---- */

static graft_status copy_text(topology *t, const json_t *json, const char *what, char **out) {
    const char *text = json_string_value(json);
    if (!text)
        return wrong(t, what);
    *out = gft_arena_strdup(&t->file->arena, text);
    return *out ? GRAFT_OK : no_memory(t);
}

static graft_status read_attrs(topology *t, const json_t *json, Tensorflow__NodeDef *node) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        if (strcmp(key, "value") == 0 && strcmp(node->op, "Const") == 0 &&
            has_weight(t, node->name))
            continue;
        Tensorflow__NodeDef__AttrEntry *entry = GFT_PB_NEW(&t->pb, Tensorflow__NodeDef__AttrEntry,
                                                           TENSORFLOW__NODE_DEF__ATTR_ENTRY__INIT);
        char where[160];
        (void)snprintf(where, sizeof where, "node '%.80s', attribute '%.40s'", node->name, key);
        if (!entry)
            return no_memory(t);
        entry->key = gft_pb_string(&t->pb, "%s", key);
        GFT_TRY(gft_tfjs_read_attr(t->file, value, where, &entry->value, t->err));
        GFT_PB_PUSH(&t->pb, node, attr, entry);
    }
    return t->pb.failed ? no_memory(t) : GRAFT_OK;
}

static graft_status read_node(topology *t, const json_t *json, Tensorflow__NodeDef **out) {
    Tensorflow__NodeDef *node = GFT_PB_NEW(&t->pb, Tensorflow__NodeDef, TENSORFLOW__NODE_DEF__INIT);
    const json_t *inputs = json_object_get(json, "input");
    if (!node)
        return no_memory(t);
    GFT_TRY(copy_text(t, json_object_get(json, "name"), "a node without a name", &node->name));
    GFT_TRY(copy_text(t, json_object_get(json, "op"), "a node without an op", &node->op));
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        char *input;
        GFT_TRY(copy_text(t, json_array_get(inputs, i), "a node's input that is no text", &input));
        GFT_PB_PUSH(&t->pb, node, input, input);
    }
    *out = node;
    return read_attrs(t, json_object_get(json, "attr"), node);
}

/* ---- functions ---- */

static graft_status read_arg(topology *t, const json_t *json, Tensorflow__OpDef__ArgDef **out) {
    Tensorflow__OpDef__ArgDef *arg =
        GFT_PB_NEW(&t->pb, Tensorflow__OpDef__ArgDef, TENSORFLOW__OP_DEF__ARG_DEF__INIT);
    const json_t *type = json_object_get(json, "type");
    if (!arg)
        return no_memory(t);
    *out = arg;
    GFT_TRY(copy_text(t, json_object_get(json, "name"), "an argument without a name", &arg->name));
    return type ? gft_tfjs_read_dtype(t->file, type, &arg->type, t->err) : GRAFT_OK;
}

static graft_status read_signature(topology *t, const json_t *json, Tensorflow__OpDef **out) {
    Tensorflow__OpDef *op = GFT_PB_NEW(&t->pb, Tensorflow__OpDef, TENSORFLOW__OP_DEF__INIT);
    const json_t *inputs = gft_tfjs_member(json, "inputArg", "input_arg");
    const json_t *outputs = gft_tfjs_member(json, "outputArg", "output_arg");
    Tensorflow__OpDef__ArgDef *arg;
    if (!op)
        return no_memory(t);
    *out = op;
    GFT_TRY(copy_text(t, json_object_get(json, "name"), "a function without a name", &op->name));
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        GFT_TRY(read_arg(t, json_array_get(inputs, i), &arg));
        GFT_PB_PUSH(&t->pb, op, input_arg, arg);
    }
    for (size_t i = 0; i < json_array_size(outputs); i++) {
        GFT_TRY(read_arg(t, json_array_get(outputs, i), &arg));
        GFT_PB_PUSH(&t->pb, op, output_arg, arg);
    }
    return GRAFT_OK;
}

static graft_status read_function(topology *t, const json_t *json, Tensorflow__FunctionDef **out) {
    Tensorflow__FunctionDef *f =
        GFT_PB_NEW(&t->pb, Tensorflow__FunctionDef, TENSORFLOW__FUNCTION_DEF__INIT);
    const json_t *nodes = gft_tfjs_member(json, "nodeDef", "node_def");
    const json_t *ret = json_object_get(json, "ret");
    const char *key;
    json_t *value;
    if (!f)
        return no_memory(t);
    *out = f;
    GFT_TRY(read_signature(t, json_object_get(json, "signature"), &f->signature));
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        Tensorflow__NodeDef *node = NULL;
        GFT_TRY(read_node(t, json_array_get(nodes, i), &node));
        GFT_PB_PUSH(&t->pb, f, node_def, node);
    }
    json_object_foreach((json_t *)(uintptr_t)ret, key, value) {
        Tensorflow__FunctionDef__RetEntry *entry = GFT_PB_NEW(
            &t->pb, Tensorflow__FunctionDef__RetEntry, TENSORFLOW__FUNCTION_DEF__RET_ENTRY__INIT);
        if (!entry)
            return no_memory(t);
        entry->key = gft_pb_string(&t->pb, "%s", key);
        GFT_TRY(copy_text(t, value, "a function's result that is no text", &entry->value));
        GFT_PB_PUSH(&t->pb, f, ret, entry);
    }
    return GRAFT_OK;
}

graft_status gft_tfjs_read_topology(gft_tfjs_file *file, const json_t *json,
                                    Tensorflow__GraphDef **out, graft_error *err) {
    topology t = {.file = file, .pb = {.arena = &file->arena}, .err = err};
    const json_t *nodes = json_object_get(json, "node");
    const json_t *functions = json_object_get(json_object_get(json, "library"), "function");
    Tensorflow__GraphDef *graph =
        GFT_PB_NEW(&t.pb, Tensorflow__GraphDef, TENSORFLOW__GRAPH_DEF__INIT);
    if (!json_is_array(nodes))
        return wrong(&t, "it has no list of nodes");
    if (!graph)
        return no_memory(&t);
    GFT_TRY(sort_weights(&t));
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        Tensorflow__NodeDef *node = NULL;
        GFT_TRY(read_node(&t, json_array_get(nodes, i), &node));
        GFT_PB_PUSH(&t.pb, graph, node, node);
    }
    if (json_array_size(functions) > 0)
        graph->library = GFT_PB_NEW(&t.pb, Tensorflow__FunctionDefLibrary,
                                    TENSORFLOW__FUNCTION_DEF_LIBRARY__INIT);
    for (size_t i = 0; graph->library && i < json_array_size(functions); i++) {
        Tensorflow__FunctionDef *function = NULL;
        GFT_TRY(read_function(&t, json_array_get(functions, i), &function));
        GFT_PB_PUSH(&t.pb, graph->library, function, function);
    }
    *out = graph;
    return t.pb.failed ? no_memory(&t) : GRAFT_OK;
}
