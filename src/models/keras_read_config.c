/*
 * Keras configurations as levels of layers: the whole model, and each model within it. Keras 3,
 * Keras 2 and the older forms (a list as a Sequential's config) differ little here; the calls
 * between layers are keras_read_nodes.c's.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/keras_layers.h"

#define MAX_LAYERS 20000

/* "Conv2D" from "package>Conv2D". */
static const char *class_of(const json_t *entry) {
    const char *name = json_string_value(json_object_get(entry, "class_name"));
    const char *mark = name ? strrchr(name, '>') : NULL;
    return mark ? mark + 1 : name ? name : "";
}

/* A model brings its layers in its config. */
static const json_t *layers_of(const json_t *entry) {
    const json_t *config = json_object_get(entry, "config");
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    return json_is_array(layers) ? layers : NULL;
}

static bool is_sequential(const json_t *entry) {
    const json_t *config = json_object_get(entry, "config");
    return json_is_array(config) || !json_object_get(config, "input_layers");
}

/* Operations are in the graph of a Functional model, but are no layers for its weight files. */
static bool is_operation(const char *module) {
    return strncmp(module, "keras.src.ops", 13) == 0 || strncmp(module, "keras.ops", 9) == 0 ||
           strncmp(module, "keras.src.activations", 21) == 0 ||
           strncmp(module, "keras.activations", 17) == 0;
}

static graft_status add_level(gft_keras_reader *r, const json_t *entry, int32_t parent,
                              int32_t parent_layer, int32_t *out, graft_error *err) {
    gft_keras_layout *layout = r->layout;
    if (layout->count == r->level_capacity) {
        const int32_t capacity = r->level_capacity ? r->level_capacity * 2 : 8;
        gft_keras_level *levels =
            gft_arena_array(&r->model->arena, (size_t)capacity, sizeof *levels);
        gft_keras_source_level *sources =
            gft_arena_array(r->arena, (size_t)capacity, sizeof *sources);
        if (!levels || !sources)
            return gft_fail_memory(err, (size_t)capacity * sizeof *sources, "models");
        if (layout->count > 0) {
            memcpy(levels, layout->levels, (size_t)layout->count * sizeof *levels);
            memcpy(sources, r->levels, (size_t)layout->count * sizeof *sources);
        }
        layout->levels = levels;
        r->levels = sources;
        r->level_capacity = capacity;
    }
    const int32_t depth = parent >= 0 ? r->levels[parent].depth + 1 : 0;
    if (depth > GFT_KERAS_MAX_DEPTH || layout->count >= GFT_KERAS_MAX_LEVELS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d models within models",
                        r->where,
                        depth > GFT_KERAS_MAX_DEPTH ? GFT_KERAS_MAX_DEPTH : GFT_KERAS_MAX_LEVELS);
    r->levels[layout->count] = (gft_keras_source_level){.config = json_object_get(entry, "config"),
                                                        .sequential = is_sequential(entry),
                                                        .parent = parent,
                                                        .parent_layer = parent_layer,
                                                        .depth = depth};
    *out = layout->count++;
    return GRAFT_OK;
}

/* ---- a layer ---- */

static graft_status set_names(gft_keras_reader *r, int32_t level, const char *class_name,
                              const char *name, gft_keras_layer *layer, graft_error *err) {
    const gft_keras_source_level *source = &r->levels[level];
    gft_arena *arena = &r->model->arena;
    const char *around = source->parent >= 0
                             ? r->layout->levels[source->parent].layers[source->parent_layer].path
                             : NULL;
    layer->class_name = gft_arena_strdup(arena, class_name);
    layer->name = gft_arena_strdup(arena, name);
    layer->path = around ? gft_arena_format(arena, "%s/%s", around, name) : layer->name;
    return layer->class_name && layer->name && layer->path
               ? GRAFT_OK
               : gft_fail_memory(err, strlen(name) + 64, "a layer's name");
}

static graft_status read_layer(gft_keras_reader *r, int32_t level, int32_t index,
                               const json_t *entry, graft_error *err) {
    gft_keras_layer *layer = &r->layout->levels[level].layers[index];
    gft_keras_source_layer *source = &r->levels[level].layers[index];
    const json_t *config = json_object_get(entry, "config");
    const char *name = gft_keras_text(entry, "name", gft_keras_text(config, "name", ""));
    const bool model = layers_of(entry) != NULL;
    source->config = config;
    source->module = gft_keras_text(entry, "module", "");
    *layer = (gft_keras_layer){.level = -1, .operation = is_operation(source->module)};
    GFT_TRY(set_names(r, level, class_of(entry), name, layer, err));
    const gft_keras_source_level *s = &r->levels[level];
    const bool around =
        s->parent < 0 || r->layout->levels[s->parent].layers[s->parent_layer].trainable;
    layer->trainable = around && gft_keras_bool(config, "trainable", true);
    if (model) {
        int32_t inner = -1;
        GFT_TRY(add_level(r, entry, level, index, &inner, err));
        r->layout->levels[level].layers[index].level = inner;
        return GRAFT_OK;
    }
    source->kind = gft_keras_find_kind(layer->class_name, layer->operation);
    /* .h5 does not say where a class comes from */
    if (!*source->module && (!source->kind || json_object_get(config, "newshape"))) {
        source->kind = gft_keras_find_operation(layer->class_name);
        layer->operation = source->kind != NULL;
    }
    if (source->kind && source->kind->variables)
        source->kind->variables(layer, config);
    for (int32_t i = 0; i < layer->variable_count; i++)
        layer->variables[i].trainable = layer->variables[i].trainable && layer->trainable;
    return GRAFT_OK;
}

/* A Sequential without an InputLayer gets one; weight files do not know of it. */
static graft_status add_input(gft_keras_reader *r, int32_t level, const char *first,
                              graft_error *err) {
    gft_keras_layer *layer = &r->layout->levels[level].layers[0];
    char *name = gft_arena_format(r->arena, "%s_input", first);
    if (!name)
        return gft_fail_memory(err, strlen(first), "a layer's name");
    *layer = (gft_keras_layer){.level = -1, .operation = true};
    r->levels[level].layers[0] =
        (gft_keras_source_layer){.module = "", .kind = gft_keras_find_kind("InputLayer", false)};
    return set_names(r, level, "InputLayer", name, layer, err);
}

static graft_status read_level(gft_keras_reader *r, int32_t level, const json_t *entries,
                               graft_error *err) {
    const size_t count = json_array_size(entries);
    const json_t *first = json_array_get(entries, 0);
    const bool extra = r->levels[level].sequential && strcmp(class_of(first), "InputLayer") != 0;
    const size_t room = count + extra;
    if (count == 0 || count > MAX_LAYERS)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a model of %zu layers, expected 1 to %d",
                        r->where, count, MAX_LAYERS);
    gft_keras_layer *layers = gft_arena_array(&r->model->arena, room, sizeof *layers);
    gft_keras_source_layer *sources = gft_arena_array(r->arena, room, sizeof *sources);
    if (!layers || !sources)
        return gft_fail_memory(err, room * sizeof *layers, "layers");
    r->layout->levels[level] = (gft_keras_level){layers, (int32_t)room};
    r->levels[level].layers = sources;
    if (extra)
        GFT_TRY(add_input(
            r, level,
            gft_keras_text(first, "name",
                           gft_keras_text(json_object_get(first, "config"), "name", "layer")),
            err));
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(entries, i);
        if (!json_is_object(entry))
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: layer %zu is no object", r->where, i);
        GFT_TRY(read_layer(r, level, (int32_t)(i + extra), entry, err));
    }
    return gft_keras_parse_nodes(r, level, entries, err);
}

graft_status gft_keras_parse(gft_keras_reader *r, const json_t *root, graft_error *err) {
    int32_t level = -1;
    if (!json_is_object(root))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: the configuration is no object", r->where);
    if (!layers_of(root))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: a model of class '%s', whose code is not in the file; Sequential and "
                        "Functional models are read",
                        r->where, class_of(root));
    r->root_build = json_object_get(root, "build_config");
    GFT_TRY(add_level(r, root, -1, -1, &level, err));
    for (int32_t i = 0; i < r->layout->count; i++) {
        const gft_keras_source_level *s = &r->levels[i];
        const json_t *entries =
            json_is_array(s->config) ? s->config : json_object_get(s->config, "layers");
        GFT_TRY(read_level(r, i, entries, err));
    }
    return GRAFT_OK;
}
