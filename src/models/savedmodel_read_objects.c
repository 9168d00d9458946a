/*
 * Variables in the object graphs: the SavedModel's own, which says what is trainable and how a
 * variable is called, and the checkpoint's, which says under what key it lies. Both are walked side
 * by side from the root, by the names of children.
 */
#include <string.h>

#include "models/savedmodel_read.h"

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

graft_status gft_sm_read_objects(gft_sm_reader *r, graft_error *err) {
    const gft_bundle_entry *entry = gft_bundle_find(r->bundle, "_CHECKPOINTABLE_OBJECT_GRAPH");
    gft_bundle_string *strings = NULL;
    size_t count = 0;
    ProtobufCMessage *message = NULL;
    if (!entry || !r->meta->object_graph_def)
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
