/*
 * ParseExample, ParseExampleV2 and ParseSingleExample: each dense feature becomes a node
 * parse_feature. Sparse and ragged features, and sequences of varying length, are left unread: only
 * a graph that uses one is refused.
 */
#include <string.h>

#include "base/shape.h"
#include "formats/tensor_proto.h"
#include "models/op_strings.h"
#include "models/tensorflow_ops_import.h"

#define MAX_FEATURES 4096

static size_t list_count(const Tensorflow__NodeDef *node, const char *key) {
    const Tensorflow__AttrValue *a = gft_tf_find_attr(node, key);
    return a && a->value_case == TENSORFLOW__ATTR_VALUE__VALUE_LIST ? a->list->n_type : 0;
}

/* How many outputs each argument has. */
typedef struct argument {
    const char *name;
    size_t count;
} argument;

enum { ARGUMENTS = 6, DENSE = 3 };

static bool is_parser(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "ParseExample") == 0 || strcmp(node->op, "ParseExampleV2") == 0 ||
           strcmp(node->op, "ParseSingleExample") == 0;
}

static void arguments_of(const Tensorflow__NodeDef *node, argument out[ARGUMENTS]) {
    const size_t sparse = list_count(node, "sparse_types");
    out[0] = (argument){"sparse_indices", sparse};
    out[1] = (argument){"sparse_values", sparse};
    out[2] = (argument){"sparse_shapes", sparse};
    out[DENSE] = (argument){"dense_values", list_count(node, "Tdense")};
    out[4] = (argument){"ragged_values", list_count(node, "ragged_value_types")};
    out[5] = (argument){"ragged_row_splits", list_count(node, "ragged_split_types")};
}

int32_t gft_tf_example_outputs(const Tensorflow__NodeDef *node) {
    argument arguments[ARGUMENTS];
    size_t count = 0;
    if (!is_parser(node))
        return -1;
    arguments_of(node, arguments);
    for (int i = 0; i < ARGUMENTS; i++) {
        if (arguments[i].count > MAX_FEATURES)
            return 0;
        count += arguments[i].count;
    }
    return count <= MAX_FEATURES ? (int32_t)count : 0;
}

int32_t gft_tf_example_output(const Tensorflow__NodeDef *node, const char *name, size_t length,
                              int32_t number) {
    argument arguments[ARGUMENTS];
    size_t before = 0;
    if (!is_parser(node))
        return number;
    arguments_of(node, arguments);
    for (int i = 0; i < ARGUMENTS; i++) {
        if (strlen(arguments[i].name) == length && memcmp(arguments[i].name, name, length) == 0)
            return number >= 0 && (size_t)number < arguments[i].count && before <= MAX_FEATURES
                       ? (int32_t)before + number
                       : -1;
        before += arguments[i].count;
    }
    return -1;
}

bool gft_tf_example_shape(const Tensorflow__NodeDef *node, int32_t output, graft_shape *out) {
    argument arguments[ARGUMENTS];
    const Tensorflow__AttrValue *shapes = gft_tf_find_attr(node, "dense_shapes");
    if (!is_parser(node) || !shapes || shapes->value_case != TENSORFLOW__ATTR_VALUE__VALUE_LIST)
        return false;
    arguments_of(node, arguments);
    const size_t before = arguments[0].count + arguments[1].count + arguments[2].count;
    const size_t at = (size_t)output - before;
    graft_shape shape;
    if (output < 0 || (size_t)output < before || at >= shapes->list->n_shape ||
        shapes->list->shape[at]->unknown_rank ||
        gft_tensor_proto_shape(shapes->list->shape[at], node->name, &shape, NULL) != GRAFT_OK ||
        shape.rank == GRAFT_MAX_RANK)
        return false;
    *out = shape;
    if (strcmp(node->op, "ParseSingleExample") == 0)
        return true;
    out->rank = shape.rank + 1;
    out->dims[0] = -1;
    for (int32_t i = 0; i < shape.rank; i++)
        out->dims[i + 1] = shape.dims[i];
    return true;
}

/* Where a node keeps the names and defaults of its dense features. */
typedef struct parser {
    const ProtobufCBinaryData *listed_keys; /* ParseSingleExample: an attribute */
    const graft_string_view *keys;          /* ParseExampleV2: one constant */
    int32_t first_key;                      /* ParseExample: a constant each */
    int32_t first_default;
    size_t count;
    const Tensorflow__AttrValue__ListValue *types, *shapes;
} parser;

static graft_status broken(const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its %s do not agree with its features", what);
}

static graft_status open_parser(const gft_tf_import *m, parser *p, graft_error *err) {
    const Tensorflow__NodeDef *node = m->node;
    const Tensorflow__AttrValue *types = gft_tf_find_attr(node, "Tdense");
    const Tensorflow__AttrValue *shapes = gft_tf_find_attr(node, "dense_shapes");
    const size_t sparse = list_count(node, "sparse_types");
    *p = (parser){.count = list_count(node, "Tdense")};
    if (p->count == 0)
        return GRAFT_OK;
    if (!shapes || shapes->value_case != TENSORFLOW__ATTR_VALUE__VALUE_LIST ||
        shapes->list->n_shape != p->count)
        return broken("shapes", err);
    p->types = types->list;
    p->shapes = shapes->list;
    if (strcmp(node->op, "ParseExample") == 0) {
        p->first_key = 2 + (int32_t)sparse;
        p->first_default = p->first_key + (int32_t)p->count;
    } else if (strcmp(node->op, "ParseExampleV2") == 0) {
        size_t named = 0;
        if (!gft_tf_strings_of(m, 3, &p->keys, &named))
            return gft_tf_refuse("the names of its features are not constant", err);
        if (named != p->count)
            return broken("names", err);
        p->first_default = 5;
    } else {
        const Tensorflow__AttrValue *keys = gft_tf_find_attr(node, "dense_keys");
        if (!keys || keys->value_case != TENSORFLOW__ATTR_VALUE__VALUE_LIST ||
            keys->list->n_s != p->count)
            return broken("names", err);
        p->listed_keys = keys->list->s;
        p->first_default = 1;
    }
    if ((size_t)m->input_count < (size_t)p->first_default + p->count)
        return broken("defaults", err);
    return GRAFT_OK;
}

static graft_status key_of(const gft_tf_import *m, const parser *p, size_t i,
                           graft_string_view *out, graft_error *err) {
    const graft_string_view *one = NULL;
    size_t count = 0;
    if (p->keys) {
        *out = p->keys[i];
    } else if (p->listed_keys) {
        *out = (graft_string_view){(const char *)p->listed_keys[i].data, p->listed_keys[i].len};
    } else {
        if (!gft_tf_strings_of(m, p->first_key + (int32_t)i, &one, &count) || count != 1)
            return gft_tf_refuse("the names of its features are not constant", err);
        *out = one[0];
    }
    if (!out->data)
        out->data = "";
    return GRAFT_OK;
}

static graft_status add_feature(gft_tf_import *m, const parser *p, size_t i, gft_value_id examples,
                                gft_tf_value *output, graft_error *err) {
    const Tensorflow__TensorShapeProto *shape = p->shapes->shape[i];
    const int32_t otherwise = p->first_default + (int32_t)i;
    graft_string_view key = {NULL, 0};
    graft_tensor_desc desc;
    gft_value_id inputs[2] = {examples, -1};
    gft_parse_feature_attrs attrs = {.dtype = (graft_dtype)p->types->type[i]};
    output->why = "a feature of varying length, which is not read";
    if (shape->unknown_rank)
        return GRAFT_OK;
    GFT_TRY(gft_tensor_proto_shape(shape, m->name, &attrs.shape, err));
    if (!gft_shape_known(&attrs.shape))
        return GRAFT_OK;
    GFT_TRY(key_of(m, p, i, &key, err));
    attrs.key = key.data;
    attrs.key_bytes = key.bytes;
    GFT_TRY(gft_tf_desc_of(m, otherwise, &desc, err));
    const bool given = gft_shape_elems(&desc.shape) != 0;
    if (given)
        GFT_TRY(gft_tf_take(m, otherwise, &inputs[1], err));
    GFT_TRY(
        gft_tf_append(m, &gft_op_parse_feature, &attrs, inputs, given ? 2 : 1, &output->id, err));
    output->kind = GFT_TF_GRAPH;
    return GRAFT_OK;
}

graft_status gft_tf_import_parse_example(gft_tf_import *m, graft_error *err) {
    argument arguments[ARGUMENTS];
    gft_value_id examples;
    parser p;
    GFT_TRY(open_parser(m, &p, err));
    GFT_TRY(gft_tf_take(m, 0, &examples, err));
    for (int32_t i = 0; i < m->output_count; i++)
        m->outputs[i].why = "a sparse or ragged feature (VarLenFeature), which is not read";
    arguments_of(m->node, arguments);
    const size_t first = arguments[0].count + arguments[1].count + arguments[2].count;
    for (size_t i = 0; i < p.count; i++)
        GFT_TRY(add_feature(m, &p, i, examples, &m->outputs[first + i], err));
    return GRAFT_OK;
}
