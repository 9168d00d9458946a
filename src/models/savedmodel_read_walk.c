/*
 * Frames, names and the walk. A tensor's text ("node:1", "node:output:1", an argument's name) is
 * followed through identities, out of a function to the call's input and into a called function to
 * its result, until a node that computes something; the walk lists such nodes by depth-first search
 * with an explicit stack.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "models/savedmodel_read.h"

/* ---- names ---- */

static size_t hash(const char *s) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *s; s++)
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

/* ---- bodies and frames ---- */

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

static graft_status frame_new(gft_sm_reader *r, gft_sm_body *body, gft_sm_site call, int32_t depth,
                              int32_t *out, graft_error *err) {
    if (r->site_count + (size_t)body->node_count + 1 > GFT_SM_MAX_SITES)
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
    gft_sm_state *states = gft_arena_array(r->arena, (size_t)body->node_count, sizeof *states);
    if (!states)
        return gft_fail_memory(err, (size_t)body->node_count * sizeof *states,
                               "calls of functions");
    r->site_count += (size_t)body->node_count + 1;
    r->frames[r->frame_count] = (gft_sm_frame){body, call, depth, states};
    *out = r->frame_count++;
    return GRAFT_OK;
}

graft_status gft_sm_open_graph(gft_sm_reader *r, graft_error *err) {
    const Tensorflow__GraphDef *graph = r->meta->graph_def;
    int32_t frame;
    if (!graph)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a meta graph without a graph", r->dir);
    GFT_TRY(body_init(r, NULL, graph->node, graph->n_node, &r->main, err));
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
    }
    return frame_new(r, &r->main, (gft_sm_site){-1, -1}, 0, &frame, err);
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

void gft_sm_reset(gft_sm_reader *r) {
    for (int32_t i = 0; i < r->frame_count; i++) {
        for (int32_t n = 0; n < r->frames[i].body->node_count; n++) {
            r->frames[i].states[n].mark = 0;
            r->frames[i].states[n].outputs = NULL;
            r->frames[i].states[n].output_count = 0;
        }
    }
}

/* Which function a node calls, NULL if none. */
static const char *called(const gft_sm_reader *r, const Tensorflow__NodeDef *node) {
    int32_t index;
    if (strcmp(node->op, "PartitionedCall") == 0 ||
        strcmp(node->op, "StatefulPartitionedCall") == 0) {
        const Tensorflow__AttrValue *f = gft_tf_find_attr(node, "f");
        return f && f->value_case == TENSORFLOW__ATTR_VALUE__VALUE_FUNC ? f->func->name : "";
    }
    return gft_sm_names_find(&r->functions, node->op, &index) ? node->op : NULL;
}

graft_status gft_sm_callee(gft_sm_reader *r, gft_sm_site site, int32_t *out, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const char *name = called(r, node);
    int32_t index = -1;
    *out = -1;
    if (!name)
        return GRAFT_OK;
    if (gft_sm_state_of(r, site)->child > 0) {
        *out = gft_sm_state_of(r, site)->child - 1;
        return GRAFT_OK;
    }
    if (!gft_sm_names_find(&r->functions, name, &index))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: node '%s' in %s calls function '%s', which is not there", r->dir,
                        node->name, gft_sm_where(r, site.frame), name);
    if (r->frames[site.frame].depth >= GFT_SM_MAX_DEPTH)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: node '%s': calls nested deeper than %d",
                        r->dir, node->name, GFT_SM_MAX_DEPTH);
    if (!r->bodies[index]) {
        const Tensorflow__FunctionDef *f = r->meta->graph_def->library->function[index];
        gft_sm_body *body = gft_arena_alloc(r->arena, sizeof *body);
        if (!body)
            return gft_fail_memory(err, sizeof *body, "a function");
        GFT_TRY(body_init(r, f, f->node_def, f->n_node_def, body, err));
        r->bodies[index] = body;
    }
    GFT_TRY(frame_new(r, r->bodies[index], site, r->frames[site.frame].depth + 1, out, err));
    gft_sm_state_of(r, site)->child = *out + 1;
    return GRAFT_OK;
}

/* ---- following a tensor ---- */

/*
 * "name", "name:1", "name:output:1": the name's length and the output's number; -1 for a broken
 * number.
 */
static size_t split_text(const char *text, int32_t *output) {
    const size_t length = strcspn(text, ":");
    const char *last = strrchr(text, ':');
    *output = 0;
    if (last) {
        char *end;
        const long number = strtol(last + 1, &end, 10);
        *output = last[1] >= '0' && last[1] <= '9' && *end == '\0' && number < INT16_MAX
                      ? (int32_t)number
                      : -1;
    }
    return length;
}

/* Outputs of batch norm behind the first carry names of their own; nothing here reads them. */
static bool side_output(const char *text) {
    const char *argument = strchr(text, ':');
    return argument &&
           (strncmp(argument, ":batch_", 7) == 0 || strncmp(argument, ":reserve_space", 14) == 0);
}

static graft_status broken(const gft_sm_reader *r, int32_t frame, const char *text,
                           graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: in %s, there is no tensor '%.200s'", r->dir,
                    gft_sm_where(r, frame), text);
}

/* The data input of this number of a node; NULL if there is none. */
static const char *data_input(const Tensorflow__NodeDef *node, int32_t number) {
    for (size_t i = 0; i < node->n_input; i++) {
        if (node->input[i][0] != '^' && number-- == 0)
            return node->input[i];
    }
    return NULL;
}

/* Result `output` of a function, as text in its own frame. */
static const char *result_text(const gft_sm_body *body, int32_t output) {
    const Tensorflow__FunctionDef *f = body->function;
    if (!f->signature || output < 0 || (size_t)output >= f->signature->n_output_arg)
        return NULL;
    const char *name = f->signature->output_arg[output]->name;
    for (size_t i = 0; i < f->n_ret; i++) {
        if (strcmp(f->ret[i]->key, name) == 0)
            return f->ret[i]->value;
    }
    return NULL;
}

graft_status gft_sm_resolve(gft_sm_reader *r, int32_t frame, const char *text, gft_sm_tensor *out,
                            graft_error *err) {
    const char *origin = text;
    char name[512];
    for (int hop = 0; hop < GFT_SM_MAX_HOPS; hop++) {
        int32_t output;
        int32_t index;
        const size_t length = split_text(text, &output);
        if (output < 0 || length >= sizeof name || side_output(text))
            return broken(r, frame, text, err);
        memcpy(name, text, length);
        name[length] = '\0';
        if (!gft_sm_names_find(&r->frames[frame].body->names, name, &index))
            return broken(r, frame, text, err);
        if (index < 0) { /* an argument: the call's input of that number */
            const gft_sm_site call = r->frames[frame].call;
            const char *given = data_input(gft_sm_node(r, call), -1 - index);
            if (!given)
                return broken(r, frame, text, err);
            frame = call.frame;
            text = given;
            continue;
        }
        const gft_sm_site site = {frame, index};
        const Tensorflow__NodeDef *node = gft_sm_node(r, site);
        int32_t callee;
        GFT_TRY(gft_sm_callee(r, site, &callee, err));
        if (callee >= 0) {
            const char *result = result_text(r->frames[callee].body, output);
            if (!result)
                return broken(r, frame, text, err);
            frame = callee;
            text = result;
        } else if (gft_tf_import_passes(node) && !gft_sm_state_of(r, site)->outputs) {
            const char *given = data_input(node, strcmp(node->op, "IdentityN") == 0 ? output : 0);
            if (!given)
                return broken(r, frame, text, err);
            text = given;
        } else {
            *out = (gft_sm_tensor){site, output};
            return GRAFT_OK;
        }
    }
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.200s' leads through more than %d nodes",
                    r->dir, origin, GFT_SM_MAX_HOPS);
}

/* ---- the walk ---- */

typedef struct visit {
    gft_sm_site site;
    size_t next; /* input to look at */
} visit;

typedef struct walk {
    visit *stack;
    size_t depth, stack_capacity;
    gft_sm_site *order;
    size_t count, order_capacity;
} walk;

static graft_status grow(void *items, size_t *capacity, size_t unit, graft_error *err) {
    void *old;
    memcpy(&old, items, sizeof old);
    const size_t larger = *capacity == 0 ? 64 : *capacity * 2;
    void *p = gft_realloc(old, larger * unit);
    if (!p)
        return gft_fail_memory(err, larger * unit, "a graph's order");
    memcpy(items, &p, sizeof p);
    *capacity = larger;
    return GRAFT_OK;
}

static graft_status enter(gft_sm_reader *r, walk *w, gft_sm_site site, graft_error *err) {
    gft_sm_state *state = gft_sm_state_of(r, site);
    if (state->mark == 2)
        return GRAFT_OK;
    if (state->mark == 1)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: node '%s' in %s depends on itself", r->dir,
                        gft_sm_node(r, site)->name, gft_sm_where(r, site.frame));
    if (w->depth == w->stack_capacity)
        GFT_TRY(grow(&w->stack, &w->stack_capacity, sizeof *w->stack, err));
    state->mark = 1;
    w->stack[w->depth++] = (visit){site, 0};
    return GRAFT_OK;
}

static graft_status walk_on(gft_sm_reader *r, walk *w, graft_error *err) {
    while (w->depth > 0) {
        visit *top = &w->stack[w->depth - 1];
        const gft_sm_site site = top->site;
        const Tensorflow__NodeDef *node = gft_sm_node(r, site);
        if (gft_sm_state_of(r, site)->outputs || top->next == node->n_input) {
            if (w->count == w->order_capacity)
                GFT_TRY(grow(&w->order, &w->order_capacity, sizeof *w->order, err));
            w->order[w->count++] = site;
            gft_sm_state_of(r, site)->mark = 2;
            w->depth--;
            continue;
        }
        const char *text = node->input[top->next++];
        if (text[0] == '^')
            continue;
        gft_sm_tensor tensor;
        GFT_TRY(gft_sm_resolve(r, site.frame, text, &tensor, err));
        GFT_TRY(enter(r, w, tensor.site, err));
    }
    return GRAFT_OK;
}

graft_status gft_sm_walk(gft_sm_reader *r, const gft_sm_tensor *roots, size_t count,
                         gft_sm_site **order, size_t *order_count, graft_error *err) {
    walk w = {0};
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < count; i++) {
        GFT_GOTO(enter(r, &w, roots[i].site, err));
        GFT_GOTO(walk_on(r, &w, err));
    }
    *order = w.order;
    *order_count = w.count;
    w.order = NULL;
done:
    gft_free(w.stack);
    gft_free(w.order);
    return status;
}
