/*
 * Weights for a layout that was derived from a graph. Keras' files name the layers they hold (Keras
 * 3 in the attribute "name" of vars, Keras 2 in the names of weights), so that a layer of the graph
 * is found by the last part of its name, at whatever depth the file has it. Where names differ
 * (they are numbered per session), layers of one class are matched in order, those of inner models
 * first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/words.h"
#include "models/keras_layout.h"
#include "models/keras_names.h"
#include "models/keras_read.h"

#define MAX_GROUPS 200000

/* A layer in the file. */
typedef struct found_layer {
    const char *name;       /* NULL: the file does not say */
    const char *class_name; /* in snake case; "" in Keras 2's files */
    gft_hdf5_object variables[GFT_KERAS_MAX_VARIABLES];
    const char *variable_names[GFT_KERAS_MAX_VARIABLES]; /* Keras 2 */
    int32_t count;
    bool taken;
} found_layer;

typedef struct inventory {
    const gft_hdf5 *file;
    gft_arena *arena;
    const char *where;
    found_layer *layers;
    size_t count, capacity;
} inventory;

static graft_status add_layer(inventory *v, const found_layer *layer, graft_error *err) {
    if (v->count == v->capacity) {
        const size_t capacity = v->capacity ? v->capacity * 2 : 64;
        if (capacity > MAX_GROUPS)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d layers", v->where,
                            MAX_GROUPS);
        found_layer *more = gft_arena_array(v->arena, capacity, sizeof *more);
        if (!more)
            return gft_fail_memory(err, capacity * sizeof *more, "layers");
        if (v->count)
            memcpy(more, v->layers, v->count * sizeof *more);
        v->layers = more;
        v->capacity = capacity;
    }
    v->layers[v->count++] = *layer;
    return GRAFT_OK;
}

/* ---- Keras 3 ---- */

/* "conv2d_12" -> "conv2d", 12. Class names may end in a digit, but not in an underscore and one. */
static int64_t split_number(char *name) {
    char *mark = strrchr(name, '_');
    int64_t number = 0;
    if (!mark || mark[1] < '0' || mark[1] > '9' || !gft_words_i64(mark + 1, &number))
        return 0;
    *mark = '\0';
    return number;
}

typedef struct child {
    const char *class_name;
    int64_t number;
    gft_hdf5_object object;
} child;

static int by_number(const void *a, const void *b) {
    const child *x = a;
    const child *y = b;
    const int order = strcmp(x->class_name, y->class_name);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static graft_status read_vars(inventory *v, const child *from, gft_hdf5_object vars,
                              graft_error *err) {
    found_layer layer = {.class_name = from->class_name};
    gft_hdf5_link *links = NULL;
    size_t count = 0;
    GFT_TRY(gft_hdf5_text(v->file, vars, "name", v->arena, &layer.name, err));
    GFT_TRY(gft_hdf5_links(v->file, vars, v->arena, &links, &count, err));
    for (int32_t i = 0; i < GFT_KERAS_MAX_VARIABLES; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", (int)i);
        const gft_hdf5_link *link = gft_hdf5_find_link(links, count, key);
        if (!link || link->object == GFT_HDF5_NONE)
            break;
        layer.variables[layer.count++] = link->object;
    }
    return layer.count > 0 ? add_layer(v, &layer, err) : GRAFT_OK;
}

/* A group "layers" being walked: first the models in it, then its own layers. */
typedef struct walk_level {
    child *children;
    size_t count, at;
    bool own;
} walk_level;

static graft_status open_level(inventory *v, gft_hdf5_object layers, walk_level *out,
                               graft_error *err) {
    gft_hdf5_link *links = NULL;
    GFT_TRY(gft_hdf5_links(v->file, layers, v->arena, &links, &out->count, err));
    out->children = gft_arena_array(v->arena, out->count, sizeof *out->children);
    if (!out->children)
        return gft_fail_memory(err, out->count * sizeof *out->children, "layers");
    for (size_t i = 0; i < out->count; i++) {
        char *name = gft_arena_strdup(v->arena, links[i].name);
        if (!name)
            return gft_fail_memory(err, strlen(links[i].name), "a name");
        out->children[i].number = split_number(name);
        out->children[i].class_name = name;
        out->children[i].object = links[i].object;
    }
    if (out->count > 1)
        qsort(out->children, out->count, sizeof *out->children, by_number);
    out->at = 0;
    out->own = false;
    return GRAFT_OK;
}

static graft_status list_numbered(inventory *v, gft_hdf5_object root, graft_error *err) {
    walk_level stack[GFT_KERAS_MAX_DEPTH];
    int depth = 1;
    size_t visits = 0;
    GFT_TRY(open_level(v, root, &stack[0], err));
    while (depth > 0) {
        walk_level *top = &stack[depth - 1];
        gft_hdf5_object inner = GFT_HDF5_NONE;
        if (top->at == top->count) {
            if (top->own)
                depth--;
            else
                *top = (walk_level){top->children, top->count, 0, true};
            continue;
        }
        const child *c = &top->children[top->at++];
        if (c->object == GFT_HDF5_NONE)
            continue;
        if (++visits > MAX_GROUPS)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d groups", v->where,
                            MAX_GROUPS);
        GFT_TRY(gft_hdf5_find(v->file, c->object, top->own ? "vars" : "layers", &inner, err));
        if (inner == GFT_HDF5_NONE)
            continue;
        if (top->own) {
            GFT_TRY(read_vars(v, c, inner, err));
        } else if (depth < GFT_KERAS_MAX_DEPTH) {
            GFT_TRY(open_level(v, inner, &stack[depth], err));
            depth++;
        }
    }
    return GRAFT_OK;
}

/* ---- Keras 2 ---- */

/* "a/b/kernel:0" -> layer "b" (or the group's name), variable "kernel". */
static graft_status add_weight(inventory *v, size_t first, const char *group, const char *weight,
                               gft_hdf5_object object, graft_error *err) {
    const char *slash = strrchr(weight, '/');
    const char *begin = slash;
    while (begin && begin > weight && begin[-1] != '/')
        begin--;
    const char *own = slash ? slash + 1 : weight;
    const char *name = slash ? gft_arena_strndup(v->arena, begin, (size_t)(slash - begin)) : group;
    const char *variable = gft_arena_strndup(v->arena, own, strcspn(own, ":"));
    if (!name || !variable)
        return gft_fail_memory(err, strlen(weight), "a name");
    size_t at = first;
    while (at < v->count && strcmp(v->layers[at].name, name) != 0)
        at++;
    if (at == v->count)
        GFT_TRY(add_layer(v, &(found_layer){.name = name, .class_name = ""}, err));
    found_layer *layer = &v->layers[at];
    if (layer->count < GFT_KERAS_MAX_VARIABLES) {
        layer->variable_names[layer->count] = variable;
        layer->variables[layer->count++] = object;
    }
    return GRAFT_OK;
}

static graft_status list_legacy(inventory *v, gft_hdf5_object group, graft_error *err) {
    const char **layers = NULL;
    size_t count = 0;
    bool found = false;
    GFT_TRY(
        gft_hdf5_text_list(v->file, group, "layer_names", v->arena, &found, &layers, &count, err));
    for (size_t i = 0; i < count; i++) {
        const char **names = NULL;
        size_t name_count = 0;
        gft_hdf5_object at = GFT_HDF5_NONE;
        const size_t first = v->count;
        GFT_TRY(gft_hdf5_find(v->file, group, layers[i], &at, err));
        if (at == GFT_HDF5_NONE)
            continue;
        GFT_TRY(gft_hdf5_text_list(v->file, at, "weight_names", v->arena, &found, &names,
                                   &name_count, err));
        for (size_t k = 0; k < name_count; k++) {
            gft_hdf5_object object = GFT_HDF5_NONE;
            GFT_TRY(gft_hdf5_find(v->file, at, names[k], &object, err));
            if (object != GFT_HDF5_NONE)
                GFT_TRY(add_weight(v, first, layers[i], names[k], object, err));
        }
    }
    return GRAFT_OK;
}

/* ---- matching ---- */

/* The only layer of this name; NULL if there are several, or none. */
static found_layer *named(const inventory *v, const char *name) {
    found_layer *found = NULL;
    for (size_t i = 0; i < v->count; i++) {
        if (!v->layers[i].name || !gft_keras_same_layer(v->layers[i].name, name))
            continue;
        if (found)
            return NULL;
        found = &v->layers[i];
    }
    return found;
}

/* By the whole path ("head_dense" for "head/dense"), or else by the last part of it. */
static found_layer *of_layer(const inventory *v, const gft_keras_layer *layer) {
    found_layer *found = named(v, layer->path);
    return found ? found : named(v, layer->name);
}

/* The next one of a class that is not taken. */
static found_layer *next_of(const inventory *v, const char *class_name) {
    char snake[GFT_KERAS_CLASS_BYTES];
    gft_keras_snake_case(class_name, snake);
    for (size_t i = 0; i < v->count; i++) {
        if (!v->layers[i].taken && strcmp(v->layers[i].class_name, snake) == 0)
            return &v->layers[i];
    }
    return NULL;
}

static graft_status take(const inventory *v, found_layer *from, gft_keras_layer *layer,
                         graft_error *err) {
    from->taken = true;
    for (int32_t i = 0; i < layer->variable_count && i < from->count; i++) {
        int32_t at = i;
        for (int32_t k = 0; k < from->count; k++) {
            if (from->variable_names[k] &&
                strcmp(from->variable_names[k], layer->variables[i].name) == 0)
                at = k;
        }
        GFT_TRY(gft_hdf5_read(v->file, from->variables[at], v->arena, &layer->variables[i].tensor,
                              err));
    }
    return GRAFT_OK;
}

static graft_status match(const inventory *v, const gft_keras_level *level, bool by_name,
                          graft_error *err) {
    int32_t matched = 0;
    for (int32_t i = 0; i < level->count; i++)
        matched += of_layer(v, &level->layers[i]) != NULL;
    if (by_name && matched == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: no layer of the model is named in it",
                        v->where);
    const bool names = by_name || matched == level->count;
    for (int32_t i = 0; i < level->count; i++) {
        gft_keras_layer *layer = &level->layers[i];
        found_layer *from = names ? of_layer(v, layer) : next_of(v, layer->class_name);
        if (from)
            GFT_TRY(take(v, from, layer, err));
    }
    return GRAFT_OK;
}

graft_status gft_keras_find_derived(const gft_hdf5 *file, bool by_name, gft_keras_layout *layout,
                                    gft_arena *arena, const char *where, graft_error *err) {
    inventory v = {.file = file, .arena = arena, .where = where};
    const gft_hdf5_object root = gft_hdf5_root(file);
    const gft_keras_level *level = &layout->levels[0];
    gft_hdf5_object group = GFT_HDF5_NONE;
    gft_hdf5_object layers = GFT_HDF5_NONE;
    GFT_TRY(gft_hdf5_find(file, root, "layers", &layers, err));
    if (layers != GFT_HDF5_NONE) {
        GFT_TRY(list_numbered(&v, layers, err));
        return match(&v, level, by_name, err);
    }
    GFT_TRY(gft_hdf5_find(file, root, "model_weights", &group, err));
    GFT_TRY(list_legacy(&v, group == GFT_HDF5_NONE ? root : group, err));
    for (int32_t i = 0; i < level->count && !by_name; i++) {
        if (!named(&v, level->layers[i].name)) /* then in order, as Keras does */
            return gft_keras_find_weights(file, false, layout, arena, where, err);
    }
    return match(&v, level, by_name, err);
}
