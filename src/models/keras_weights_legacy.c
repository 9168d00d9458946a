/*
 * Weights as Keras 2 writes them (and Keras 3 in .h5): a group per layer of the whole model, whose
 * attribute weight_names lists its datasets. A model within the model is one layer there: first all
 * that trains in it, then all that does not. Matched by order, as Keras does, or by layer name.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/keras_layout.h"
#include "models/keras_names.h"
#include "models/keras_read.h"

/* Variables of one layer of the whole model, in the order of the file. */
typedef struct slots {
    gft_keras_variable **items;
    size_t count, capacity;
} slots;

static graft_status add_slot(slots *s, gft_keras_variable *variable, graft_error *err) {
    if (s->count == s->capacity) {
        const size_t capacity = s->capacity ? s->capacity * 2 : 64;
        void *more = gft_realloc(s->items, capacity * sizeof *s->items);
        if (!more)
            return gft_fail_memory(err, capacity * sizeof *s->items, "variables");
        s->items = more;
        s->capacity = capacity;
    }
    s->items[s->count++] = variable;
    return GRAFT_OK;
}

static graft_status add_variables(slots *s, gft_keras_layer *layer, bool trainable,
                                  graft_error *err) {
    for (int32_t i = 0; i < layer->variable_count; i++) {
        if (layer->variables[i].trainable == trainable)
            GFT_TRY(add_slot(s, &layer->variables[i], err));
    }
    return GRAFT_OK;
}

/* Layers of a model and of those within it, one after the other. */
static graft_status add_level(const gft_keras_layout *layout, int32_t level, bool trainable,
                              slots *s, graft_error *err) {
    struct {
        int32_t level, at;
    } stack[GFT_KERAS_MAX_DEPTH + 2];
    int depth = 1;
    stack[0].level = level;
    stack[0].at = 0;
    while (depth > 0) {
        const gft_keras_level *l = &layout->levels[stack[depth - 1].level];
        if (stack[depth - 1].at == l->count) {
            depth--;
            continue;
        }
        gft_keras_layer *layer = &l->layers[stack[depth - 1].at++];
        if (layer->level < 0) {
            GFT_TRY(add_variables(s, layer, trainable, err));
        } else if (depth <= GFT_KERAS_MAX_DEPTH) {
            stack[depth].level = layer->level;
            stack[depth++].at = 0;
        }
    }
    return GRAFT_OK;
}

static graft_status slots_of(const gft_keras_layout *layout, gft_keras_layer *layer, slots *s,
                             graft_error *err) {
    s->count = 0;
    for (int trainable = 1; trainable >= 0; trainable--) {
        if (layer->level >= 0)
            GFT_TRY(add_level(layout, layer->level, trainable == 1, s, err));
        else
            GFT_TRY(add_variables(s, layer, trainable == 1, err));
    }
    return GRAFT_OK;
}

/* ---- the file ---- */

typedef struct source {
    const gft_hdf5 *file;
    gft_hdf5_object group;
    const char *where;
    gft_arena *arena;
    gft_arena scratch;
    gft_hdf5_link *links; /* of the group */
    size_t link_count;
} source;

/* A layer's group, and the names of its datasets. */
static graft_status open_group(source *s, const char *name, gft_hdf5_object *group,
                               const char ***names, size_t *count, graft_error *err) {
    bool found = false;
    const gft_hdf5_link *link = gft_hdf5_find_link(s->links, s->link_count, name);
    *group = link ? link->object : GFT_HDF5_NONE;
    if (!link) /* a name with slashes is a path */
        GFT_TRY(gft_hdf5_find(s->file, s->group, name, group, err));
    if (*group == GFT_HDF5_NONE)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: layer '%.200s' is listed and has no group",
                        s->where, name);
    *names = NULL;
    *count = 0;
    return gft_hdf5_text_list(s->file, *group, "weight_names", &s->scratch, &found, names, count,
                              err);
}

static graft_status read_slots(source *s, const gft_keras_layer *layer, const char *name,
                               gft_hdf5_object group, const char **names, size_t count,
                               const slots *to, graft_error *err) {
    if (count != to->count)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: layer '%s' has %zu variables, '%.200s' in the file has %zu", s->where,
                        layer->path, to->count, name, count);
    for (size_t i = 0; i < count; i++) {
        gft_hdf5_object dataset = GFT_HDF5_NONE;
        GFT_TRY(gft_hdf5_find(s->file, group, names[i], &dataset, err));
        if (dataset == GFT_HDF5_NONE)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: '%.200s' of layer '%.200s' has no data",
                            s->where, names[i], name);
        GFT_TRY(gft_hdf5_read(s->file, dataset, s->arena, &to->items[i]->tensor, err));
    }
    return GRAFT_OK;
}

/* Layers without variables do not count, on either side. */
static graft_status match_in_order(source *s, gft_keras_layout *layout, const char **layers,
                                   size_t layer_count, slots *to, graft_error *err) {
    const gft_keras_level *whole = &layout->levels[0];
    size_t at = 0;
    for (int32_t i = 0; i < whole->count; i++) {
        gft_keras_layer *layer = &whole->layers[i];
        gft_hdf5_object group = GFT_HDF5_NONE;
        const char **names = NULL;
        size_t count = 0;
        GFT_TRY(slots_of(layout, layer, to, err));
        if (to->count == 0)
            continue;
        while (count == 0 && at < layer_count)
            GFT_TRY(open_group(s, layers[at++], &group, &names, &count, err));
        if (count == 0)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: there is no more for layer '%s', whose %zu variables come next",
                            s->where, layer->path, to->count);
        GFT_TRY(read_slots(s, layer, layers[at - 1], group, names, count, to, err));
    }
    for (; at < layer_count; at++) {
        gft_hdf5_object group;
        const char **names;
        size_t count;
        GFT_TRY(open_group(s, layers[at], &group, &names, &count, err));
        if (count > 0)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: layer '%.200s' has %zu variables and the model no layer for them",
                            s->where, layers[at], count);
    }
    return GRAFT_OK;
}

static graft_status match_by_name(source *s, gft_keras_layout *layout, const char **layers,
                                  size_t layer_count, slots *to, graft_error *err) {
    const gft_keras_level *whole = &layout->levels[0];
    for (size_t i = 0; i < layer_count; i++) {
        for (int32_t k = 0; k < whole->count; k++) {
            gft_hdf5_object group;
            const char **names;
            size_t count;
            if (!gft_keras_same_layer(whole->layers[k].name, layers[i]))
                continue;
            GFT_TRY(slots_of(layout, &whole->layers[k], to, err));
            GFT_TRY(open_group(s, layers[i], &group, &names, &count, err));
            GFT_TRY(read_slots(s, &whole->layers[k], layers[i], group, names, count, to, err));
        }
    }
    return GRAFT_OK;
}

graft_status gft_keras_find_legacy(const gft_hdf5 *file, gft_hdf5_object group, bool by_name,
                                   gft_keras_layout *layout, gft_arena *arena, const char *where,
                                   graft_error *err) {
    source s = {.file = file, .group = group, .where = where, .arena = arena};
    slots to = {0};
    graft_status status;
    const char **layers = NULL;
    size_t count = 0;
    bool found = false;
    gft_arena_init(&s.scratch);
    GFT_GOTO(
        gft_hdf5_text_list(file, group, "layer_names", &s.scratch, &found, &layers, &count, err));
    if (!found)
        GFT_GOTO(gft_fail(err, GRAFT_DATA_LOSS,
                          "%s: its weights have no list of layers "
                          "(attribute layer_names)",
                          where));
    GFT_GOTO(gft_hdf5_links(file, group, &s.scratch, &s.links, &s.link_count, err));
    GFT_GOTO(by_name ? match_by_name(&s, layout, layers, count, &to, err)
                     : match_in_order(&s, layout, layers, count, &to, err));
done:
    gft_free(to.items);
    gft_arena_deinit(&s.scratch);
    return status;
}
