/*
 * Reusable SavedModels (TensorFlow Hub): no signature, but an object whose function __call__ is
 * called, traced once per value of `training`. The trace for inference becomes a signature: its
 * tensors are inputs, what it captures are the variables of the object graph.
 */
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "formats/tensor_proto.h"
#include "models/savedmodel_proto.h"
#include "models/savedmodel_read.h"

#define MAX_LEAVES 256
#define MAX_STACK 1024

typedef Tensorflow__StructuredValue structured;

/* The tensors in a structure, in the order in which functions take them. */
typedef struct leaves {
    const Tensorflow__TensorSpecProto *specs[MAX_LEAVES];
    const char *keys[MAX_LEAVES]; /* in the dictionary a tensor lies in; NULL: in none */
    size_t count;
    bool training; /* there is a `true` in it */
} leaves;

typedef struct pending {
    const structured *value;
    const char *key;
} pending;

static int by_key(const void *a, const void *b) {
    const Tensorflow__DictValue__FieldsEntry *const *x = a;
    const Tensorflow__DictValue__FieldsEntry *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* Pushes the values of a structure, last first. False if they do not fit. */
static bool spread(const structured *s, const char *key, pending *stack, size_t *depth) {
    structured *const *values = NULL;
    size_t count = 0;
    if (s->kind_case == TENSORFLOW__STRUCTURED_VALUE__KIND_LIST_VALUE) {
        values = s->list_value->values;
        count = s->list_value->n_values;
    } else if (s->kind_case == TENSORFLOW__STRUCTURED_VALUE__KIND_TUPLE_VALUE) {
        values = s->tuple_value->values;
        count = s->tuple_value->n_values;
    }
    if (count > MAX_STACK - *depth)
        return false;
    for (size_t i = count; i-- > 0;)
        stack[(*depth)++] = (pending){values[i], key};
    if (s->kind_case == TENSORFLOW__STRUCTURED_VALUE__KIND_DICT_VALUE) {
        const Tensorflow__DictValue *dict = s->dict_value;
        if (dict->n_fields > MAX_STACK - *depth)
            return false;
        if (dict->n_fields > 1)
            qsort(dict->fields, dict->n_fields, sizeof *dict->fields, by_key);
        for (size_t i = dict->n_fields; i-- > 0;)
            stack[(*depth)++] = (pending){dict->fields[i]->value, dict->fields[i]->key};
    }
    if (s->kind_case == TENSORFLOW__STRUCTURED_VALUE__KIND_NAMED_TUPLE_VALUE) {
        const Tensorflow__NamedTupleValue *tuple = s->named_tuple_value;
        if (tuple->n_values > MAX_STACK - *depth)
            return false;
        for (size_t i = tuple->n_values; i-- > 0;)
            stack[(*depth)++] = (pending){tuple->values[i]->value, tuple->values[i]->key};
    }
    return true;
}

/* False for a structure that is too large or holds what is no tensor (ragged, sparse, ...). */
static bool flatten(const structured *root, leaves *out) {
    pending stack[MAX_STACK];
    size_t depth = 0;
    *out = (leaves){.count = 0};
    if (root)
        stack[depth++] = (pending){root, NULL};
    while (depth > 0) {
        const pending top = stack[--depth];
        if (!top.value)
            continue;
        switch (top.value->kind_case) {
        case TENSORFLOW__STRUCTURED_VALUE__KIND_TENSOR_SPEC_VALUE:
            if (out->count == MAX_LEAVES)
                return false;
            out->keys[out->count] = top.key;
            out->specs[out->count++] = top.value->tensor_spec_value;
            break;
        case TENSORFLOW__STRUCTURED_VALUE__KIND_BOOL_VALUE:
            out->training = out->training || top.value->bool_value;
            break;
        default:
            if (!spread(top.value, top.key, stack, &depth))
                return false;
        }
    }
    return true;
}

/* ---- choosing ---- */

static const Tensorflow__SavedFunction *call_of(const Tensorflow__SavedObjectGraph *objects) {
    if (!objects || objects->n_nodes == 0)
        return NULL;
    const Tensorflow__SavedObject *root = objects->nodes[0];
    for (size_t i = 0; i < root->n_children; i++) {
        const int32_t id = root->children[i]->node_id;
        if (strcmp(root->children[i]->local_name, "__call__") == 0 && id >= 0 &&
            (size_t)id < objects->n_nodes &&
            objects->nodes[id]->kind_case == TENSORFLOW__SAVED_OBJECT__KIND_FUNCTION)
            return objects->nodes[id]->function;
    }
    return NULL;
}

static const Tensorflow__SavedConcreteFunction *
concrete(const Tensorflow__SavedObjectGraph *objects, const char *name) {
    for (size_t i = 0; i < objects->n_concrete_functions; i++) {
        if (strcmp(objects->concrete_functions[i]->key, name) == 0)
            return objects->concrete_functions[i]->value;
    }
    return NULL;
}

/* The trace without training=True; the one that takes most tensors, then the first. */
static const char *choose(const Tensorflow__SavedObjectGraph *objects,
                          const Tensorflow__SavedFunction *call, leaves *inputs) {
    const char *chosen = NULL;
    leaves here;
    for (size_t i = 0; i < call->n_concrete_functions; i++) {
        const Tensorflow__SavedConcreteFunction *c = concrete(objects, call->concrete_functions[i]);
        if (!c || !flatten(c->canonicalized_input_signature, &here) || here.training ||
            (chosen && here.count <= inputs->count))
            continue;
        *inputs = here;
        chosen = call->concrete_functions[i];
    }
    return chosen;
}

/* ---- the call ---- */

typedef struct caller {
    gft_sm_reader *r;
    gft_pb pb;
    gft_tf_nodes nodes;
    gft_tf_node *call;
    gft_sm_ends ends;
} caller;

static bool name_taken(const gft_sm_end *ends, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ends[i].key, name) == 0)
            return true;
    }
    return false;
}

static graft_status name_end(caller *c, gft_sm_end *ends, size_t i, const char *wanted,
                             const char *otherwise, graft_error *err) {
    const char *name = wanted && *wanted && !name_taken(ends, i, wanted)
                           ? wanted
                           : gft_arena_format(c->r->arena, "%s_%zu", otherwise, i);
    if (!name)
        return gft_fail_memory(err, 64, "a name");
    ends[i].key = name;
    return GRAFT_OK;
}

static graft_status add_input(caller *c, const Tensorflow__TensorSpecProto *spec, const char *key,
                              size_t i, graft_error *err) {
    gft_sm_end *end = &c->ends.inputs[i];
    const char *wanted = spec->name && *spec->name ? spec->name : key;
    end->dtype = (graft_dtype)spec->dtype;
    end->any_rank = !spec->shape || spec->shape->unknown_rank;
    if (!end->any_rank)
        GFT_TRY(gft_tensor_proto_shape(spec->shape, "__call__", &end->shape, err));
    GFT_TRY(name_end(c, c->ends.inputs, i, wanted, "input", err));
    gft_tf_node *node = gft_tf_add_named(&c->nodes, "Placeholder",
                                         gft_pb_string(&c->pb, "graft_call/input_%zu", i));
    gft_tf_attr_type(&c->nodes, node, "dtype", end->dtype);
    if (node) {
        gft_tf_input(&c->nodes, c->call, node->name);
        end->tensor = node->name;
    }
    return GRAFT_OK;
}

/* What is captured: a variable's handle, or a constant of the main graph. */
static graft_status add_captured(caller *c, int32_t id, const int32_t *handles, graft_error *err) {
    const gft_sm_reader *r = c->r;
    const Tensorflow__SavedObjectGraph *objects = r->meta->object_graph_def;
    const Tensorflow__SavedObject *object =
        id >= 0 && (size_t)id < objects->n_nodes ? objects->nodes[id] : NULL;
    const char *name = NULL;
    if (object && handles[id] >= 0)
        name = r->main.nodes[handles[id]]->name;
    else if (object && object->kind_case == TENSORFLOW__SAVED_OBJECT__KIND_CONSTANT)
        name = object->constant->operation;
    if (!name)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: __call__ takes object %d, which is neither a variable of the "
                        "checkpoint nor a constant; save it again with a signature",
                        r->dir, id);
    gft_tf_input(&c->nodes, c->call, name);
    return GRAFT_OK;
}

/* Object graph node -> the main graph's handle of that variable, -1. */
static graft_status find_handles(gft_sm_reader *r, int32_t **out, graft_error *err) {
    const size_t count = r->meta->object_graph_def->n_nodes;
    int32_t node;
    int32_t *handles = gft_arena_array(r->arena, count, sizeof *handles);
    if (!handles)
        return gft_fail_memory(err, count * sizeof *handles, "handles of variables");
    for (size_t i = 0; i < count; i++)
        handles[i] = -1;
    for (int32_t i = 0; i < r->source_count; i++) {
        if (r->sources[i].key && gft_sm_names_find(&r->objects, r->sources[i].key, &node))
            handles[node] = r->sources[i].node;
    }
    *out = handles;
    return GRAFT_OK;
}

static graft_status add_outputs(caller *c, const leaves *outputs, graft_error *err) {
    c->ends.output_count = outputs->count;
    c->ends.outputs = gft_arena_array(c->r->arena, outputs->count, sizeof *c->ends.outputs);
    if (!c->ends.outputs)
        return gft_fail_memory(err, outputs->count * sizeof *c->ends.outputs, "outputs");
    for (size_t i = 0; i < outputs->count; i++) {
        GFT_TRY(name_end(c, c->ends.outputs, i, outputs->keys[i], "output", err));
        c->ends.outputs[i].tensor = gft_pb_string(&c->pb, "%s:%zu", c->call->name, i);
    }
    return GRAFT_OK;
}

static graft_status make_call(caller *c, const char *name, const leaves *inputs,
                              const Tensorflow__SavedConcreteFunction *function, graft_error *err) {
    int32_t *handles = NULL;
    leaves outputs;
    gft_sm_reader *r = c->r;
    if (!flatten(function->output_signature, &outputs) || outputs.count == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: __call__ does not give tensors; save it again with a signature",
                        r->dir);
    c->call = gft_tf_add_named(&c->nodes, "StatefulPartitionedCall", "graft_call/call");
    gft_tf_attr_function(&c->nodes, c->call, "f", name);
    c->ends.input_count = inputs->count;
    c->ends.inputs = gft_arena_array(r->arena, inputs->count, sizeof *c->ends.inputs);
    if (!c->call || !c->ends.inputs)
        return gft_fail_memory(err, 256, "a call");
    for (size_t i = 0; i < inputs->count; i++)
        GFT_TRY(add_input(c, inputs->specs[i], inputs->keys[i], i, err));
    GFT_TRY(find_handles(r, &handles, err));
    for (size_t i = 0; i < function->n_bound_inputs; i++)
        GFT_TRY(add_captured(c, function->bound_inputs[i], handles, err));
    GFT_TRY(add_outputs(c, &outputs, err));
    if (c->pb.failed)
        return gft_fail_memory(err, 256, "a call");
    return gft_sm_append_nodes(r, c->nodes.items, c->nodes.count, err);
}

graft_status gft_sm_called_ends(gft_sm_reader *r, gft_sm_ends *out, bool *found, graft_error *err) {
    const Tensorflow__SavedObjectGraph *objects = r->meta->object_graph_def;
    const Tensorflow__SavedFunction *call = call_of(objects);
    leaves inputs = {.count = 0};
    const char *name = call ? choose(objects, call, &inputs) : NULL;
    *found = name != NULL;
    if (!name)
        return GRAFT_OK;
    caller c = {.r = r, .pb = {.arena = r->arena}};
    c.nodes.pb = &c.pb;
    GFT_TRY(make_call(&c, name, &inputs, concrete(objects, name), err));
    *out = c.ends;
    return GRAFT_OK;
}
