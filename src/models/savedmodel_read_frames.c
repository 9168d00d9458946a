/*
 * Names of nodes, bodies (the main graph and the functions of the library) and frames: one call of
 * a body, with what is known of its nodes. A body's names are hashed once, when it is first called.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/savedmodel_read.h"

/* ---- names ---- */

/* Names are long and many: eight bytes at a time. */
static size_t hash(const char *s) {
    uint64_t h = 0x9e3779b97f4a7c15u;
    size_t left = strlen(s);
    for (; left >= 8; left -= 8, s += 8) {
        uint64_t word;
        memcpy(&word, s, sizeof word);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    for (; left > 0; left--, s++)
        h = (h ^ (uint8_t)*s) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

graft_status gft_sm_names_make(gft_arena *arena, size_t count, gft_sm_names *out,
                               graft_error *err) {
    size_t slots = 8;
    while (slots < 2 * count + 2)
        slots *= 2;
    out->slots = slots;
    out->keys = gft_arena_array(arena, slots, sizeof *out->keys);
    out->values = gft_arena_array(arena, slots, sizeof *out->values);
    if (!out->keys || !out->values)
        return gft_fail_memory(err, slots * (sizeof *out->keys + sizeof *out->values),
                               "names of nodes");
    return GRAFT_OK;
}

static size_t slot_of(const gft_sm_names *names, const char *key) {
    size_t at = hash(key) & (names->slots - 1);
    while (names->keys[at] && strcmp(names->keys[at], key) != 0)
        at = (at + 1) & (names->slots - 1);
    return at;
}

bool gft_sm_names_add(gft_sm_names *names, const char *key, int32_t value) {
    const size_t at = slot_of(names, key);
    if (names->keys[at])
        return false;
    names->keys[at] = key;
    names->values[at] = value;
    return true;
}

bool gft_sm_names_find(const gft_sm_names *names, const char *key, int32_t *value) {
    if (names->slots == 0)
        return false;
    const size_t at = slot_of(names, key);
    if (names->keys[at])
        *value = names->values[at];
    return names->keys[at] != NULL;
}

/* ---- bodies ---- */

/*
 * Most ops are none of these, which their first letter tells (all that gft_tf_import_passes knows,
 * too).
 */
static gft_sm_kind kind_of(const gft_sm_reader *r, const Tensorflow__NodeDef *node) {
    int32_t index;
    const uint8_t first = (uint8_t)node->op[0];
    if (r->function_letters[first] && gft_sm_names_find(&r->functions, node->op, &index))
        return GFT_SM_CALL;
    if (!strchr("CEIMPRSW", first) || strcmp(node->op, "Const") == 0)
        return GFT_SM_OTHER;
    if (gft_tf_import_passes(node))
        return GFT_SM_PASSES;
    if (strcmp(node->op, "PartitionedCall") == 0 ||
        strcmp(node->op, "StatefulPartitionedCall") == 0)
        return GFT_SM_CALL;
    if (gft_sm_is_control(node))
        return GFT_SM_CONTROL;
    if (gft_sm_is_switch(node))
        return GFT_SM_SWITCH;
    return gft_sm_is_merge(node) ? GFT_SM_MERGE : GFT_SM_OTHER;
}

static graft_status body_init(gft_sm_reader *r, const Tensorflow__FunctionDef *function,
                              Tensorflow__NodeDef *const *nodes, size_t count, gft_sm_body *body,
                              graft_error *err) {
    const size_t args = function && function->signature ? function->signature->n_input_arg : 0;
    const char *name = function && function->signature ? function->signature->name : "the graph";
    *body = (gft_sm_body){.function = function, .nodes = nodes, .node_count = (int32_t)count};
    if (count + args > GFT_SM_MAX_SITES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %s has %zu nodes, at most %zu are read",
                        r->dir, name, count, GFT_SM_MAX_SITES);
    GFT_TRY(gft_sm_names_make(r->arena, count + args, &body->names, err));
    body->kinds = gft_arena_array(r->arena, count, sizeof *body->kinds);
    if (!body->kinds)
        return gft_fail_memory(err, count, "nodes");
    for (size_t i = 0; i < count; i++)
        body->kinds[i] = (uint8_t)kind_of(r, nodes[i]);
    for (size_t i = 0; i < args; i++) {
        if (!gft_sm_names_add(&body->names, function->signature->input_arg[i]->name,
                              -1 - (int32_t)i))
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: function '%s' has two arguments '%s'",
                            r->dir, name, function->signature->input_arg[i]->name);
    }
    for (size_t i = 0; i < count; i++) {
        if (!gft_sm_names_add(&body->names, nodes[i]->name, (int32_t)i))
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: %s has two nodes '%s'", r->dir, name,
                            nodes[i]->name);
    }
    return GRAFT_OK;
}

/* A function that was left in the file. */
static graft_status unpack_function(const gft_sm_reader *r, const Tensorflow__FunctionDef **f,
                                    graft_error *err) {
    ProtobufCMessage *message = NULL;
    if ((*f)->mapped_bytes == 0)
        return GRAFT_OK;
    GFT_TRY(gft_proto_unpack_at(&tensorflow__function_def__descriptor, r->map, (*f)->mapped_offset,
                                (*f)->mapped_bytes, &gft_proto_limits_function, r->dir, r->arena,
                                &message, err));
    *f = (const Tensorflow__FunctionDef *)message;
    return GRAFT_OK;
}

/* ---- frames ---- */

static graft_status frame_new(gft_sm_reader *r, const gft_sm_frame *frame, int32_t *out,
                              graft_error *err) {
    const size_t nodes = (size_t)frame->body->node_count;
    if (r->site_count + nodes + 1 > GFT_SM_MAX_SITES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "%s: its functions unfold to more than %zu nodes", r->dir,
                        GFT_SM_MAX_SITES);
    if (r->frame_count == r->frame_capacity) {
        const int32_t capacity = r->frame_capacity == 0 ? 16 : r->frame_capacity * 2;
        gft_sm_frame *frames = gft_realloc(r->frames, (size_t)capacity * sizeof *frames);
        if (!frames)
            return gft_fail_memory(err, (size_t)capacity * sizeof *frames, "calls of functions");
        r->frames = frames;
        r->frame_capacity = capacity;
    }
    gft_sm_state *states = gft_arena_array(r->arena, nodes, sizeof *states);
    if (!states)
        return gft_fail_memory(err, nodes * sizeof *states, "calls of functions");
    r->site_count += nodes + 1;
    r->frames[r->frame_count] = *frame;
    r->frames[r->frame_count].states = states;
    *out = r->frame_count++;
    return GRAFT_OK;
}

graft_status gft_sm_open_graph(gft_sm_reader *r, graft_error *err) {
    const Tensorflow__GraphDef *graph = r->meta->graph_def;
    int32_t frame;
    if (!graph)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a meta graph without a graph", r->dir);
    const size_t functions = graph->library ? graph->library->n_function : 0;
    GFT_TRY(gft_sm_names_make(r->arena, functions, &r->functions, err));
    r->bodies = gft_arena_array(r->arena, functions, sizeof *r->bodies);
    if (!r->bodies)
        return gft_fail_memory(err, functions * sizeof *r->bodies, "functions");
    for (size_t i = 0; i < functions; i++) {
        const Tensorflow__FunctionDef *f = graph->library->function[i];
        if (f->signature && !gft_sm_names_add(&r->functions, f->signature->name, (int32_t)i))
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: two functions '%s'", r->dir,
                            f->signature->name);
        if (f->signature)
            r->function_letters[(uint8_t)f->signature->name[0]] = true;
    }
    GFT_TRY(body_init(r, NULL, graph->node, graph->n_node, &r->main, err));
    const gft_sm_frame main = {.body = &r->main, .call = {-1, -1}, .before = -1};
    return frame_new(r, &main, &frame, err);
}

graft_status gft_sm_append_nodes(gft_sm_reader *r, Tensorflow__NodeDef *const *nodes, size_t count,
                                 graft_error *err) {
    const size_t old = (size_t)r->main.node_count;
    Tensorflow__NodeDef **all = gft_arena_array(r->arena, old + count, sizeof *all);
    gft_sm_state *states = gft_arena_array(r->arena, old + count, sizeof *states);
    int32_t *sources = gft_arena_array(r->arena, old + count, sizeof *sources);
    if (!all || !states || !sources)
        return gft_fail_memory(err, (old + count) * sizeof *states, "nodes");
    if (old) {
        memcpy(all, r->main.nodes, old * sizeof *all);
        memcpy(states, r->frames[0].states, old * sizeof *states);
    }
    memcpy(all + old, nodes, count * sizeof *all);
    for (size_t i = 0; i < old + count; i++)
        sources[i] = i < old && r->source_of ? r->source_of[i] : -1;
    GFT_TRY(body_init(r, NULL, all, old + count, &r->main, err));
    r->frames[0].states = states;
    r->source_of = sources;
    r->site_count += count;
    return GRAFT_OK;
}

const Tensorflow__NodeDef *gft_sm_node(const gft_sm_reader *r, gft_sm_site site) {
    return r->frames[site.frame].body->nodes[site.node];
}

gft_sm_state *gft_sm_state_of(const gft_sm_reader *r, gft_sm_site site) {
    return &r->frames[site.frame].states[site.node];
}

const char *gft_sm_where(const gft_sm_reader *r, int32_t frame) {
    const Tensorflow__FunctionDef *f = r->frames[frame].body->function;
    return f && f->signature ? f->signature->name : "the main graph";
}

/* Plain calls stay, with the frames behind them; what was decided by constants is decided anew, as
 * another signature may take one of them as input. */
void gft_sm_reset(gft_sm_reader *r) {
    for (int32_t i = 0; i < r->frame_count; i++) {
        const gft_sm_frame *frame = &r->frames[i];
        for (int32_t n = 0; n < frame->body->node_count; n++) {
            gft_sm_state *state = &frame->states[n];
            const bool stays = state->child > 0 && frame->body->kinds[n] == GFT_SM_CALL;
            *state = (gft_sm_state){.child = stays ? state->child : GFT_SM_CALL_UNKNOWN};
        }
    }
    r->decided = false;
}

graft_status gft_sm_enter(gft_sm_reader *r, gft_sm_site site, const char *name, int32_t first_input,
                          int32_t before, int32_t *out, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const int32_t depth = r->frames[site.frame].depth + 1;
    int32_t index = -1;
    if (!gft_sm_names_find(&r->functions, name, &index))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: node '%s' in %s calls function '%s', which is not there", r->dir,
                        node->name, gft_sm_where(r, site.frame), name);
    if (depth > GFT_SM_MAX_DEPTH)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: node '%s': calls nested deeper than %d",
                        r->dir, node->name, GFT_SM_MAX_DEPTH);
    if (!r->bodies[index]) {
        const Tensorflow__FunctionDef *f = r->meta->graph_def->library->function[index];
        gft_sm_body *body = gft_arena_alloc(r->arena, sizeof *body);
        if (!body)
            return gft_fail_memory(err, sizeof *body, "a function");
        GFT_TRY(unpack_function(r, &f, err));
        GFT_TRY(body_init(r, f, f->node_def, f->n_node_def, body, err));
        r->bodies[index] = body;
    }
    const gft_sm_frame frame = {.body = r->bodies[index],
                                .call = site,
                                .first_input = first_input,
                                .before = before,
                                .depth = depth};
    return frame_new(r, &frame, out, err);
}
