/*
 * TF.js layers models: a Keras configuration whose weights lie in the shards, named
 * "layer/variable" as Keras 2 names them. Layers within a model within the model have no prefix, so
 * a name may occur more than once: each weight is then taken once, in the order of the manifest.
 */
#include <stdlib.h>
#include <string.h>

#include "models/keras_read.h"
#include "models/tfjs_read.h"

typedef struct entry {
    const char *name;
    size_t index; /* in the manifest */
    bool taken;
} entry;

static int by_name(const void *a, const void *b) {
    const entry *x = a;
    const entry *y = b;
    const int order = strcmp(x->name, y->name);
    return order != 0 ? order : x->index < y->index ? -1 : x->index > y->index;
}

/* The first weight of this name that nobody has; the last one if all are taken (shared layers). */
static const graft_tensor *find_weight(const gft_tfjs_file *file, entry *entries,
                                       const char *name) {
    size_t low = 0;
    size_t high = file->weight_count;
    entry *found = NULL;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (strcmp(entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < file->weight_count && strcmp(entries[low].name, name) == 0; low++) {
        found = &entries[low];
        if (!found->taken)
            break;
    }
    if (!found)
        return NULL;
    found->taken = true;
    return &file->weights[found->index];
}

static graft_status find_layer(const gft_tfjs_file *file, entry *entries, gft_keras_layer *layer,
                               gft_arena *arena, graft_error *err) {
    for (int32_t i = 0; i < layer->variable_count; i++) {
        gft_keras_variable *v = &layer->variables[i];
        const char *long_name = gft_arena_format(arena, "%s/%s", layer->path, v->name);
        const char *name = gft_arena_format(arena, "%s/%s", layer->name, v->name);
        if (!long_name || !name)
            return gft_fail_memory(err, strlen(layer->path) + 32, "a name");
        const graft_tensor *weight = find_weight(file, entries, long_name);
        if (!weight)
            weight = find_weight(file, entries, name);
        if (weight && graft_dtype_bytes(weight->desc.dtype) > 0)
            v->tensor = *weight;
    }
    return GRAFT_OK;
}

static graft_status find(void *context, gft_keras_layout *layout, gft_arena *arena,
                         graft_error *err) {
    const gft_tfjs_file *file = context;
    entry *entries = gft_arena_array(arena, file->weight_count, sizeof *entries);
    if (!entries)
        return gft_fail_memory(err, file->weight_count * sizeof *entries, "a list of weights");
    for (size_t i = 0; i < file->weight_count; i++)
        entries[i] = (entry){.name = file->weights[i].name, .index = i};
    if (file->weight_count > 1)
        qsort(entries, file->weight_count, sizeof *entries, by_name);
    for (int32_t l = 0; l < layout->count; l++) {
        for (int32_t i = 0; i < layout->levels[l].count; i++)
            GFT_TRY(find_layer(file, entries, &layout->levels[l].layers[i], arena, err));
    }
    return GRAFT_OK;
}

graft_status gft_tfjs_read_layers(gft_tfjs_file *file, const json_t *topology, graft_model *model,
                                  graft_error *err) {
    const json_t *config = gft_tfjs_member(topology, "model_config", "modelConfig");
    const char *version = json_string_value(json_object_get(topology, "keras_version"));
    if (!config)
        config = topology;
    if (!json_is_string(json_object_get(config, "class_name")))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: modelTopology is neither a graph nor a Keras configuration",
                        file->where);
    const bool keras2 = !version || version[0] != '3';
    return gft_keras_read_config(model, config, keras2, find, file, file->where, err);
}
