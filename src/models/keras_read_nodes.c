/*
 * The calls between layers of a configuration. Keras 3: {"args": [...], "kwargs": {...}} with
 * {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, node, tensor]}} where a
 * tensor is; Keras 2: [[layer, node, tensor, {kwargs}], ...]. A Sequential is a chain.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/keras_layers.h"
#include "models/savedmodel_read.h"

#define MAX_NODES 20000
#define MAX_ENDS 256 /* inputs or outputs */

typedef struct parser {
    gft_keras_reader *r;
    gft_keras_source_level *level;
    const gft_keras_level *layout;
    gft_sm_names names; /* of layers */
    int32_t node_capacity;
    /* of the call being read */
    gft_keras_ref *refs;
    gft_keras_arg_text *args;
    int32_t ref_count, ref_capacity, arg_count, arg_capacity;
} parser;

/* Room for one more in an arena's array; what was there moves. */
static void *grown(gft_arena *arena, void *items, int32_t count, int32_t *capacity, size_t bytes) {
    if (count < *capacity)
        return items;
    const int32_t more = *capacity ? *capacity * 2 : 4;
    void *fresh = gft_arena_array(arena, (size_t)more, bytes);
    if (!fresh)
        return NULL;
    if (count > 0)
        memcpy(fresh, items, (size_t)count * bytes);
    *capacity = more;
    return fresh;
}

static graft_status damaged(const parser *p, int32_t layer, const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: layer '%s': %s", p->r->where,
                    p->layout->layers[layer].path, what);
}

/* ---- references ---- */

/* [name, node, tensor, ...] */
static bool looks_like_ref(const json_t *json) {
    return json_is_array(json) && json_array_size(json) >= 3 &&
           json_is_string(json_array_get(json, 0)) && json_is_integer(json_array_get(json, 1)) &&
           json_is_integer(json_array_get(json, 2));
}

static graft_status parse_ref(const parser *p, const json_t *json, gft_keras_ref *out,
                              graft_error *err) {
    const char *name = json_string_value(json_array_get(json, 0));
    const json_int_t node = json_integer_value(json_array_get(json, 1));
    const json_int_t tensor = json_integer_value(json_array_get(json, 2));
    int32_t layer = -1;
    if (!looks_like_ref(json) || !gft_sm_names_find(&p->names, name, &layer))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a tensor of layer '%.200s', which there is not",
                        p->r->where, name ? name : "");
    if (node < 0 || node > MAX_NODES || tensor < 0 || tensor >= GFT_KERAS_MAX_OUTPUTS)
        return damaged(p, layer, "a number of a call or tensor is out of range", err);
    *out = (gft_keras_ref){layer, (int32_t)node, (int32_t)tensor};
    return GRAFT_OK;
}

/* input_layers, output_layers: one reference, a list or an object of them. */
static graft_status parse_ends(const parser *p, const json_t *json, gft_keras_ref **out,
                               int32_t *count, graft_error *err) {
    const bool one = looks_like_ref(json);
    const size_t n = one                    ? 1
                     : json_is_array(json)  ? json_array_size(json)
                     : json_is_object(json) ? json_object_size(json)
                                            : 0;
    if (n > MAX_ENDS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "%s: a model of %zu inputs or outputs, at most are read %d", p->r->where, n,
                        MAX_ENDS);
    gft_keras_ref *refs = gft_arena_array(p->r->arena, n, sizeof *refs);
    if (!refs)
        return gft_fail_memory(err, n * sizeof *refs, "inputs");
    *out = refs;
    *count = (int32_t)n;
    if (one)
        return parse_ref(p, json, refs, err);
    if (json_is_array(json)) {
        for (size_t i = 0; i < n; i++)
            GFT_TRY(parse_ref(p, json_array_get(json, i), &refs[i], err));
        return GRAFT_OK;
    }
    const char *key;
    json_t *value;
    size_t i = 0;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
        GFT_TRY(parse_ref(p, value, &refs[i++], err));
    return GRAFT_OK;
}

/* ---- arguments ---- */

static graft_status add_ref(parser *p, const json_t *json, graft_error *err) {
    gft_keras_ref *refs = grown(p->r->arena, p->refs, p->ref_count, &p->ref_capacity, sizeof *refs);
    if (!refs)
        return gft_fail_memory(err, sizeof *refs, "a call");
    p->refs = refs;
    return parse_ref(p, json, &p->refs[p->ref_count++], err);
}

static graft_status add_arg(parser *p, const char *keyword, gft_keras_arg_text **out,
                            graft_error *err) {
    gft_keras_arg_text *args =
        grown(p->r->arena, p->args, p->arg_count, &p->arg_capacity, sizeof *args);
    if (!args)
        return gft_fail_memory(err, sizeof *args, "a call");
    p->args = args;
    *out = &p->args[p->arg_count++];
    **out = (gft_keras_arg_text){.keyword = keyword, .first = p->ref_count};
    return GRAFT_OK;
}

/* The history of {"class_name": "__keras_tensor__", ...}; NULL if it is none. */
static const json_t *history_of(const json_t *json) {
    const char *name = json_string_value(json_object_get(json, "class_name"));
    return name && strcmp(name, "__keras_tensor__") == 0
               ? json_object_get(json_object_get(json, "config"), "keras_history")
               : NULL;
}

/* The reference in an element of a list, in either form; NULL for a constant. */
static const json_t *ref_in(const parser *p, const json_t *json, bool old) {
    int32_t unused;
    if (!old)
        return history_of(json);
    return looks_like_ref(json) &&
                   gft_sm_names_find(&p->names, json_string_value(json_array_get(json, 0)), &unused)
               ? json
               : NULL;
}

static graft_status parse_arg(parser *p, const char *keyword, const json_t *json, bool old,
                              int32_t layer, graft_error *err) {
    gft_keras_arg_text *arg;
    const json_t *ref = ref_in(p, json, old);
    GFT_TRY(add_arg(p, keyword, &arg, err));
    const int32_t at = p->arg_count - 1;
    if (ref) {
        GFT_TRY(add_ref(p, ref, err));
        p->args[at].count = 1;
        return GRAFT_OK;
    }
    const size_t n = json_is_array(json) ? json_array_size(json) : 0;
    size_t tensors = 0;
    for (size_t i = 0; i < n; i++)
        tensors += ref_in(p, json_array_get(json, i), old) != NULL;
    if (tensors == 0) {
        arg->constant = json;
        return GRAFT_OK;
    }
    if (tensors < n)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: layer '%s': a list of tensors and constants as an argument",
                        p->r->where, p->layout->layers[layer].path);
    for (size_t i = 0; i < n; i++)
        GFT_TRY(add_ref(p, ref_in(p, json_array_get(json, i), old), err));
    p->args[at].count = (int32_t)n;
    p->args[at].list = true;
    return GRAFT_OK;
}

static graft_status parse_keywords(parser *p, const json_t *kwargs, bool old, int32_t layer,
                                   graft_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)kwargs, key, value) {
        if (!json_is_null(value))
            GFT_TRY(parse_arg(p, key, value, old, layer, err));
    }
    return GRAFT_OK;
}

static graft_status parse_new(parser *p, const json_t *node, int32_t layer, graft_error *err) {
    const json_t *args = json_object_get(node, "args");
    for (size_t i = 0; i < json_array_size(args); i++)
        GFT_TRY(parse_arg(p, NULL, json_array_get(args, i), false, layer, err));
    return parse_keywords(p, json_object_get(node, "kwargs"), false, layer, err);
}

/* [layer, node, tensor, kwargs], or ["_CONSTANT_VALUE", -1, value, kwargs]. */
static graft_status parse_old_tensor(parser *p, const json_t *tensor, int32_t layer,
                                     graft_error *err) {
    const char *name = json_string_value(json_array_get(tensor, 0));
    gft_keras_arg_text *arg;
    if (name && strcmp(name, "_CONSTANT_VALUE") == 0) {
        GFT_TRY(add_arg(p, NULL, &arg, err));
        arg->constant = json_array_get(tensor, 2);
        return GRAFT_OK;
    }
    if (!looks_like_ref(tensor))
        return damaged(p, layer, "a call that is not understood", err);
    GFT_TRY(add_arg(p, NULL, &arg, err));
    arg->count = 1;
    return add_ref(p, tensor, err);
}

static graft_status parse_old(parser *p, const json_t *node, int32_t layer, graft_error *err) {
    if (json_is_string(json_array_get(node, 0))) { /* one tensor without its list */
        GFT_TRY(parse_old_tensor(p, node, layer, err));
        return parse_keywords(p, json_array_get(node, 3), true, layer, err);
    }
    for (size_t i = 0; i < json_array_size(node); i++)
        GFT_TRY(parse_old_tensor(p, json_array_get(node, i), layer, err));
    return parse_keywords(p, json_array_get(json_array_get(node, 0), 3), true, layer, err);
}

/* ---- calls ---- */

static graft_status add_node(parser *p, int32_t layer, graft_error *err) {
    gft_keras_source_level *level = p->level;
    gft_keras_source_layer *source = &level->layers[layer];
    if (level->node_count >= MAX_NODES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d calls of layers",
                        p->r->where, MAX_NODES);
    gft_keras_node *nodes =
        grown(p->r->arena, level->nodes, level->node_count, &p->node_capacity, sizeof *nodes);
    if (!nodes)
        return gft_fail_memory(err, sizeof *nodes, "calls");
    level->nodes = nodes;
    if (source->node_count == 0)
        source->first_node = level->node_count;
    nodes[level->node_count++] = (gft_keras_node){.layer = layer,
                                                  .index = source->node_count++,
                                                  .refs = p->refs,
                                                  .ref_count = p->ref_count,
                                                  .args = p->args,
                                                  .arg_count = p->arg_count};
    p->refs = NULL;
    p->args = NULL;
    p->ref_count = p->ref_capacity = p->arg_count = p->arg_capacity = 0;
    return GRAFT_OK;
}

static graft_status parse_chain(parser *p, graft_error *err) {
    const int32_t last = p->layout->count - 1;
    for (int32_t i = 0; i <= last; i++) {
        if (i > 0) {
            gft_keras_arg_text *arg;
            GFT_TRY(add_arg(p, NULL, &arg, err));
            arg->count = 1;
            p->refs = gft_arena_alloc(p->r->arena, sizeof *p->refs);
            if (!p->refs)
                return gft_fail_memory(err, sizeof *p->refs, "a call");
            p->refs[0] = (gft_keras_ref){i - 1, 0, 0};
            p->ref_count = 1;
        }
        GFT_TRY(add_node(p, i, err));
    }
    gft_keras_ref *ends = gft_arena_array(p->r->arena, 2, sizeof *ends);
    if (!ends)
        return gft_fail_memory(err, 2 * sizeof *ends, "inputs");
    ends[0] = (gft_keras_ref){0, 0, 0};
    ends[1] = (gft_keras_ref){last, 0, 0};
    p->level->inputs = &ends[0];
    p->level->outputs = &ends[1];
    p->level->input_count = p->level->output_count = 1;
    return GRAFT_OK;
}

/* An InputLayer is called once by nobody. */
static graft_status parse_layer(parser *p, int32_t layer, const json_t *entry, graft_error *err) {
    const json_t *nodes = json_object_get(entry, "inbound_nodes");
    const size_t count = json_array_size(nodes);
    if (count == 0 && strcmp(p->layout->layers[layer].class_name, "InputLayer") == 0)
        return add_node(p, layer, err);
    for (size_t i = 0; i < count; i++) {
        const json_t *node = json_array_get(nodes, i);
        if (json_is_object(node))
            GFT_TRY(parse_new(p, node, layer, err));
        else if (json_is_array(node))
            GFT_TRY(parse_old(p, node, layer, err));
        else
            return damaged(p, layer, "a call that is neither an object nor a list", err);
        GFT_TRY(add_node(p, layer, err));
    }
    return GRAFT_OK;
}

/* ---- checks ---- */

typedef struct range {
    int32_t least, most; /* of node numbers by which a layer is referred to; most -1: by none */
} range;

static void note(range *ranges, const gft_keras_ref *refs, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        range *r = &ranges[refs[i].layer];
        r->least = r->most < 0 || refs[i].node < r->least ? refs[i].node : r->least;
        r->most = refs[i].node > r->most ? refs[i].node : r->most;
    }
}

/* Keras 2 counts the calls of a model within a model from 1 (0 is the making of the model). */
static graft_status check_numbers(parser *p, graft_error *err) {
    gft_keras_source_level *level = p->level;
    const int32_t count = p->layout->count;
    range *ranges = gft_arena_array(p->r->arena, (size_t)count, sizeof *ranges);
    if (!ranges)
        return gft_fail_memory(err, (size_t)count * sizeof *ranges, "layers");
    for (int32_t i = 0; i < count; i++)
        ranges[i].most = -1;
    for (int32_t i = 0; i < level->node_count; i++)
        note(ranges, level->nodes[i].refs, level->nodes[i].ref_count);
    note(ranges, level->inputs, level->input_count);
    note(ranges, level->outputs, level->output_count);
    for (int32_t i = 0; i < count; i++) {
        gft_keras_source_layer *source = &level->layers[i];
        if (p->layout->layers[i].level >= 0 && ranges[i].least >= 1 &&
            ranges[i].most == source->node_count)
            source->shift = 1;
        if (ranges[i].most - source->shift >= source->node_count)
            return damaged(p, i, "a call of it is referred to that there is not", err);
    }
    return GRAFT_OK;
}

graft_status gft_keras_parse_nodes(gft_keras_reader *r, int32_t index, const json_t *entries,
                                   graft_error *err) {
    parser p = {.r = r, .level = &r->levels[index], .layout = &r->layout->levels[index]};
    if (p.level->sequential)
        return parse_chain(&p, err);
    GFT_TRY(gft_sm_names_make(r->arena, (size_t)p.layout->count, &p.names, err));
    for (int32_t i = 0; i < p.layout->count; i++) {
        if (!gft_sm_names_add(&p.names, p.layout->layers[i].name, i))
            return damaged(&p, i, "two layers have this name", err);
    }
    for (int32_t i = 0; i < p.layout->count; i++)
        GFT_TRY(parse_layer(&p, i, json_array_get(entries, (size_t)i), err));
    const json_t *config = p.level->config;
    GFT_TRY(parse_ends(&p, json_object_get(config, "input_layers"), &p.level->inputs,
                       &p.level->input_count, err));
    GFT_TRY(parse_ends(&p, json_object_get(config, "output_layers"), &p.level->outputs,
                       &p.level->output_count, err));
    if (p.level->output_count == 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a model without outputs", r->where);
    return check_numbers(&p, err);
}
