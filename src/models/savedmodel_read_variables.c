/*
 * Variables. Which tensor of the checkpoint a variable holds is what the restore nodes say
 * (RestoreV2 -> AssignVariableOp), in the main graph or in the restore function: this is what
 * TensorFlow's C++ loader goes by, and every SavedModel that loader takes has them. Which are
 * trainable is in the object graph, walked beside the checkpoint's own one.
 */
#include <string.h>

#include "base/alloc.h"
#include "formats/tensor_proto.h"
#include "models/savedmodel_read.h"

#define SUFFIX "/.ATTRIBUTES/VARIABLE_VALUE"

static bool is_variable(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "VarHandleOp") == 0 || strcmp(node->op, "VariableV2") == 0 ||
           strcmp(node->op, "Variable") == 0;
}

static bool is_assign(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "AssignVariableOp") == 0 || strcmp(node->op, "Assign") == 0;
}

/* ---- restore nodes ---- */

/* The key that output `output` of a RestoreV2 reads; NULL if its names are no constant. */
static graft_status restored_key(gft_sm_reader *r, gft_sm_tensor restore, const char **key,
                                 graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, restore.site);
    gft_sm_tensor names;
    ProtobufCBinaryData *strings = NULL;
    size_t count = 0;
    *key = NULL;
    if (node->n_input < 2)
        return GRAFT_OK;
    GFT_TRY(gft_sm_resolve(r, restore.site.frame, node->input[1], &names, err));
    const Tensorflow__AttrValue *value = gft_tf_find_attr(gft_sm_node(r, names.site), "value");
    if (!value || value->value_case != TENSORFLOW__ATTR_VALUE__VALUE_TENSOR)
        return GRAFT_OK;
    gft_sm_state *state = gft_sm_state_of(r, names.site);
    if (!state->outputs) { /* the list once for all outputs */
        gft_tf_value *cache = gft_arena_array(r->arena, 1, sizeof *cache);
        graft_tensor *tensor = gft_arena_array(r->arena, 1, sizeof *tensor);
        if (!cache || !tensor)
            return gft_fail_memory(err, sizeof *cache + sizeof *tensor, "names of variables");
        GFT_TRY(
            gft_tensor_proto_strings(value->tensor, node->name, r->arena, &strings, &count, err));
        *tensor = (graft_tensor){.data = strings, .bytes = count};
        cache->tensor = tensor;
        state->outputs = cache;
        state->output_count = 1;
    }
    strings = state->outputs->tensor->data;
    count = state->outputs->tensor->bytes;
    if (restore.output < 0 || (size_t)restore.output >= count)
        return GRAFT_OK;
    *key = gft_arena_strndup(r->arena, (const char *)strings[restore.output].data,
                             strings[restore.output].len);
    return *key ? GRAFT_OK : gft_fail_memory(err, strings[restore.output].len, "a variable's name");
}

/* One Assign: from a RestoreV2 to a variable of the main graph, or nothing of interest. */
static graft_status read_assign(gft_sm_reader *r, gft_sm_site site, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    gft_sm_tensor handle;
    gft_sm_tensor value;
    if (node->n_input < 2 || node->input[0][0] == '^' || node->input[1][0] == '^')
        return GRAFT_OK;
    GFT_TRY(gft_sm_resolve(r, site.frame, node->input[1], &value, err));
    if (strcmp(gft_sm_node(r, value.site)->op, "RestoreV2") != 0)
        return GRAFT_OK;
    GFT_TRY(gft_sm_resolve(r, site.frame, node->input[0], &handle, err));
    if (handle.site.frame != 0 || r->source_of[handle.site.node] < 0)
        return GRAFT_OK;
    gft_sm_source *source = &r->sources[r->source_of[handle.site.node]];
    return source->key ? GRAFT_OK : restored_key(r, value, &source->key, err);
}

static graft_status read_assigns(gft_sm_reader *r, int32_t frame, graft_error *err) {
    const int32_t count = r->frames[frame].body->node_count;
    for (int32_t i = 0; i < count; i++) {
        const gft_sm_site site = {frame, i};
        if (is_assign(gft_sm_node(r, site)))
            GFT_TRY(read_assign(r, site, err));
    }
    return GRAFT_OK;
}

/* The restore node's own function, where TensorFlow 2 keeps the assignments. */
static graft_status read_restore_function(gft_sm_reader *r, graft_error *err) {
    const char *name = r->meta->saver_def ? r->meta->saver_def->restore_op_name : "";
    int32_t node;
    int32_t frame;
    if (!gft_sm_names_find(&r->main.names, name, &node) || node < 0)
        return GRAFT_OK;
    GFT_TRY(gft_sm_callee(r, (gft_sm_site){0, node}, &frame, err));
    return frame < 0 ? GRAFT_OK : read_assigns(r, frame, err);
}

/* Without a restore node: the shared name is the key, perhaps with the suffix of objects. */
static graft_status key_by_name(gft_sm_reader *r, gft_sm_source *source, graft_error *err) {
    const Tensorflow__NodeDef *node = r->main.nodes[source->node];
    const Tensorflow__AttrValue *shared = gft_tf_find_attr(node, "shared_name");
    const char *name = node->name;
    if (shared && shared->value_case == TENSORFLOW__ATTR_VALUE__VALUE_S && shared->s.len > 0)
        name = gft_arena_strndup(r->arena, (const char *)shared->s.data, shared->s.len);
    const char *full = name ? gft_arena_format(r->arena, "%s" SUFFIX, name) : NULL;
    if (!full)
        return gft_fail_memory(err, 64, "a variable's name");
    if (gft_bundle_find(r->bundle, full))
        source->key = full;
    else if (gft_bundle_find(r->bundle, name))
        source->key = name;
    return GRAFT_OK;
}

/* ---- names and trainable flags, from the object graph ---- */

typedef Tensorflow__TrackableObjectGraph__TrackableObject trackable;

/*
 * Pairs of nodes, saved object and checkpoint object, reached by the same path; each is paired
 * once.
 */
typedef struct pairing {
    const Tensorflow__SavedObjectGraph *saved;
    const Tensorflow__TrackableObjectGraph *stored;
    gft_arena arena;
    int32_t *partner; /* saved node -> checkpoint node, -1 */
    bool *taken;      /* checkpoint nodes */
    int32_t *queue;
    size_t queued;
} pairing;

static graft_status pair_children(pairing *p, int32_t saved, graft_error *err) {
    const Tensorflow__SavedObject *object = p->saved->nodes[saved];
    const trackable *other = p->stored->nodes[p->partner[saved]];
    gft_sm_names names;
    GFT_TRY(gft_sm_names_make(&p->arena, other->n_children, &names, err));
    for (size_t i = 0; i < other->n_children; i++)
        (void)gft_sm_names_add(&names, other->children[i]->local_name, other->children[i]->node_id);
    for (size_t i = 0; i < object->n_children; i++) {
        const int32_t child = object->children[i]->node_id;
        int32_t found;
        if (child < 0 || (size_t)child >= p->saved->n_nodes || p->partner[child] >= 0 ||
            !gft_sm_names_find(&names, object->children[i]->local_name, &found) || found < 0 ||
            (size_t)found >= p->stored->n_nodes || p->taken[found])
            continue;
        p->partner[child] = found;
        p->taken[found] = true;
        p->queue[p->queued++] = child;
    }
    return GRAFT_OK;
}

static void add_object(gft_sm_reader *r, int32_t node, const trackable *stored) {
    const Tensorflow__SavedObject *object = r->meta->object_graph_def->nodes[node];
    if (object->kind_case != TENSORFLOW__SAVED_OBJECT__KIND_VARIABLE)
        return;
    for (size_t i = 0; i < stored->n_attributes; i++) {
        if (strcmp(stored->attributes[i]->name, "VARIABLE_VALUE") == 0)
            (void)gft_sm_names_add(&r->objects, stored->attributes[i]->checkpoint_key, node);
    }
}

static graft_status read_objects(gft_sm_reader *r, pairing *p, graft_error *err) {
    size_t attributes = 0;
    if (!p->saved || p->saved->n_nodes == 0 || p->stored->n_nodes == 0)
        return GRAFT_OK;
    for (size_t i = 0; i < p->stored->n_nodes; i++)
        attributes += p->stored->nodes[i]->n_attributes;
    GFT_TRY(gft_sm_names_make(r->arena, attributes, &r->objects, err));
    p->partner = gft_arena_array(&p->arena, p->saved->n_nodes, sizeof *p->partner);
    p->queue = gft_arena_array(&p->arena, p->saved->n_nodes, sizeof *p->queue);
    p->taken = gft_arena_array(&p->arena, p->stored->n_nodes, sizeof *p->taken);
    if (!p->partner || !p->queue || !p->taken)
        return gft_fail_memory(err, p->saved->n_nodes * 8, "objects");
    for (size_t i = 0; i < p->saved->n_nodes; i++)
        p->partner[i] = -1;
    p->partner[0] = 0;
    p->taken[0] = true;
    p->queue[p->queued++] = 0;
    for (size_t i = 0; i < p->queued; i++) {
        const int32_t node = p->queue[i];
        add_object(r, node, p->stored->nodes[p->partner[node]]);
        GFT_TRY(pair_children(p, node, err));
    }
    return GRAFT_OK;
}

static graft_status read_object_graph(gft_sm_reader *r, graft_error *err) {
    const gft_bundle_entry *entry = gft_bundle_find(r->bundle, "_CHECKPOINTABLE_OBJECT_GRAPH");
    gft_bundle_string *strings = NULL;
    size_t count = 0;
    ProtobufCMessage *message = NULL;
    if (!entry)
        return GRAFT_OK;
    GFT_TRY(gft_bundle_read_strings(r->bundle, entry, r->arena, &strings, &count, err));
    if (count != 1)
        return GRAFT_OK;
    GFT_TRY(gft_proto_unpack(&tensorflow__trackable_object_graph__descriptor, strings[0].data,
                             strings[0].bytes, NULL, "the checkpoint's object graph", r->arena,
                             &message, err));
    pairing p = {.saved = r->meta->object_graph_def,
                 .stored = (const Tensorflow__TrackableObjectGraph *)message};
    gft_arena_init(&p.arena);
    graft_status status = read_objects(r, &p, err);
    gft_arena_deinit(&p.arena);
    return status;
}

/* ---- parameters ---- */

graft_status gft_sm_open_variables(gft_sm_reader *r, graft_error *err) {
    r->source_of = gft_arena_array(r->arena, (size_t)r->main.node_count, sizeof *r->source_of);
    r->sources = gft_arena_array(r->arena, (size_t)r->main.node_count, sizeof *r->sources);
    if (!r->source_of || !r->sources)
        return gft_fail_memory(err, (size_t)r->main.node_count * sizeof *r->sources, "variables");
    for (int32_t i = 0; i < r->main.node_count; i++) {
        r->source_of[i] = -1;
        if (!is_variable(r->main.nodes[i]))
            continue;
        r->source_of[i] = r->source_count;
        r->sources[r->source_count++] = (gft_sm_source){.node = i, .param = -1};
    }
    GFT_TRY(gft_sm_names_make(r->arena, (size_t)r->source_count, &r->params, err));
    if (r->source_count == 0 || !r->bundle)
        return GRAFT_OK;
    GFT_TRY(read_assigns(r, 0, err));
    GFT_TRY(read_restore_function(r, err));
    for (int32_t i = 0; i < r->source_count; i++) {
        if (!r->sources[i].key)
            GFT_TRY(key_by_name(r, &r->sources[i], err));
    }
    return read_object_graph(r, err);
}

/* The variable of the object graph that this key belongs to; NULL if there is none. */
static const Tensorflow__SavedVariable *object_of(const gft_sm_reader *r, const char *key) {
    int32_t node;
    return gft_sm_names_find(&r->objects, key, &node)
               ? r->meta->object_graph_def->nodes[node]->variable
               : NULL;
}

/* "variables/17": a place in a list, which says nothing about what it is. */
static bool is_list_place(const char *name) {
    const char *last = strrchr(name, '/');
    return last && last[1] != '\0' && strspn(last + 1, "0123456789") == strlen(last + 1);
}

/*
 * "block1a/conv/kernel" from "block1a/conv/kernel/.ATTRIBUTES/VARIABLE_VALUE"; from a place in a
 * list the variable's own name, if it has one that is not taken.
 */
static const char *param_name(gft_sm_reader *r, const char *key,
                              const Tensorflow__SavedVariable *object) {
    const size_t length = strlen(key);
    const size_t suffix = strlen(SUFFIX);
    const char *name = key;
    if (length > suffix && strcmp(key + length - suffix, SUFFIX) == 0)
        name = gft_arena_strndup(r->arena, key, length - suffix);
    if (name && object && object->name[0] && is_list_place(name) &&
        gft_params_find(&r->model->params, object->name) < 0)
        return object->name;
    return name;
}

graft_status gft_sm_source_param(gft_sm_reader *r, int32_t index, gft_param_id *out,
                                 graft_error *err) {
    gft_sm_source *source = &r->sources[index];
    const Tensorflow__NodeDef *node = r->main.nodes[source->node];
    graft_tensor tensor;
    *out = source->param;
    if (source->param >= 0)
        return GRAFT_OK;
    const gft_bundle_entry *entry =
        source->key && r->bundle ? gft_bundle_find(r->bundle, source->key) : NULL;
    if (!entry)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: variable '%s': %s", r->dir, node->name,
                        !r->bundle    ? "there is no checkpoint in variables/"
                        : source->key ? "its tensor is not in the checkpoint"
                                      : "nothing restores it");
    const graft_dtype wanted = gft_tf_get_type(node, "dtype", entry->dtype);
    if (wanted != entry->dtype)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: variable '%s' is %s in the graph and %s in the checkpoint", r->dir,
                        node->name, graft_dtype_name(wanted), graft_dtype_name(entry->dtype));
    GFT_TRY(gft_bundle_read(r->bundle, entry, r->arena, &tensor, err));
    const Tensorflow__SavedVariable *object = object_of(r, source->key);
    const char *name = param_name(r, source->key, object);
    if (!name)
        return gft_fail_memory(err, 64, "a variable's name");
    if (!gft_sm_names_find(&r->params, source->key,
                           &source->param)) { /* else two handles of one tensor */
        GFT_TRY(gft_params_add(&r->model->params, name, &tensor.desc, GFT_PARAM_WEIGHT,
                               object ? object->trainable != 0 : true, tensor.data, &source->param,
                               err));
        (void)gft_sm_names_add(&r->params, source->key, source->param);
    }
    *out = source->param;
    return GRAFT_OK;
}

graft_status gft_sm_read_used(gft_sm_reader *r, graft_error *err) {
    for (int32_t i = 0; i < r->source_count; i++) {
        const gft_sm_source *source = &r->sources[i];
        gft_param_id param;
        if (!source->used || !source->key)
            continue;
        const gft_bundle_entry *entry = gft_bundle_find(r->bundle, source->key);
        if (entry && graft_dtype_bytes(entry->dtype) > 0)
            GFT_TRY(gft_sm_source_param(r, i, &param, err));
    }
    return GRAFT_OK;
}
