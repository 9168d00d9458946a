/*
 * Weights as HDF5: Keras 3 addresses a layer by its class and number, legacy files list layers by
 * name in the order of the model. A model that was read from Keras' files keeps the classes and the
 * models within it that it had there, so that a weights file fits the code it comes from.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/keras_layout.h"
#include "models/keras_names.h"
#include "models/keras_write.h"

graft_status gft_kw_weights(const gft_kw *w, gft_hdf5_writer *out, graft_error *err) {
    gft_hdf5_node layers;
    GFT_TRY(gft_hdf5_add_group(out, 0, "layers", &layers, err));
    for (int32_t i = 0; i < w->order_count; i++) {
        const gft_kw_layer *layer = &w->layers[w->order[i]];
        for (int32_t k = 0; k < layer->weight_count; k++) {
            char *path = gft_format("%s/vars/%d", layer->place, (int)k);
            if (!path)
                return gft_fail_memory(err, 64, "a weight's path");
            const graft_status status = gft_hdf5_add_dataset(
                out, layers, path, &layer->weights[k].desc, layer->weights[k].data, err);
            gft_free(path);
            GFT_TRY(status);
        }
    }
    return GRAFT_OK;
}

/* ---- as the model was in Keras' file ---- */

/* Every parameter of the graph is a variable of the layout, and the other way round. */
static bool fits(const gft_kw *w, const gft_keras_layout *layout, bool *known) {
    for (int32_t i = 0; i < layout->count; i++) {
        for (int32_t k = 0; k < layout->levels[i].count; k++) {
            const gft_keras_layer *layer = &layout->levels[i].layers[k];
            for (int32_t v = 0; v < layer->variable_count; v++) {
                const gft_param_id param = layer->variables[v].param;
                if (param < 0 && strcmp(layer->variables[v].name, "count") != 0)
                    return false;
                if (param >= 0)
                    known[param] = true;
            }
        }
    }
    for (int32_t i = 0; i < w->graph->value_count; i++) {
        const gft_value *value = &w->graph->values[i];
        if (value->kind == GFT_VALUE_PARAM && w->uses[i] > 0 && !known[value->param])
            return false;
    }
    return true;
}

static graft_status layout_layer(const gft_kw *w, gft_hdf5_writer *out, gft_hdf5_node group,
                                 const gft_keras_layer *layer, graft_error *err) {
    static const int64_t zero = 0;
    const graft_tensor_desc count = {GRAFT_S64, gft_shape_0(), NULL};
    for (int32_t v = 0; v < layer->variable_count; v++) {
        const gft_param_id id = layer->variables[v].param;
        const gft_param *param = id >= 0 ? &w->model->params.items[id] : NULL;
        char *path = gft_format("vars/%d", (int)v);
        if (!path)
            return gft_fail_memory(err, 64, "a weight's path");
        const graft_status status = gft_hdf5_add_dataset(
            out, group, path, param ? &param->desc : &count, param ? param->data : &zero, err);
        gft_free(path);
        GFT_TRY(status);
    }
    return GRAFT_OK;
}

static graft_status layout_level(const gft_kw *w, gft_hdf5_writer *out,
                                 const gft_keras_level *level, gft_hdf5_node *groups,
                                 gft_hdf5_node group, gft_arena *arena, graft_error *err) {
    gft_keras_counter counter = {0};
    gft_hdf5_node layers;
    graft_status status;
    GFT_GOTO(gft_hdf5_add_group(out, group, "layers", &layers, err));
    for (int32_t i = 0; i < level->count; i++) {
        const gft_keras_layer *layer = &level->layers[i];
        const bool model = layer->level >= 0 && strcmp(layer->class_name, "Model") == 0;
        const char *place = NULL;
        gft_hdf5_node own;
        if (layer->operation)
            continue;
        GFT_GOTO(gft_keras_next_place(&counter, model ? "Functional" : layer->class_name, arena,
                                      &place, err));
        if (layer->level < 0 && layer->variable_count == 0)
            continue;
        GFT_GOTO(gft_hdf5_add_group(out, layers, place, &own, err));
        if (layer->level >= 0)
            groups[layer->level] = own;
        else
            GFT_GOTO(layout_layer(w, out, own, layer, err));
    }
done:
    gft_keras_counter_deinit(&counter);
    return status;
}

/* Levels lie behind the level that holds them, so each group is there when it is needed. */
static graft_status layout_weights(const gft_kw *w, const gft_keras_layout *layout,
                                   gft_hdf5_writer *out, graft_error *err) {
    gft_arena arena;
    gft_arena_init(&arena);
    graft_status status = GRAFT_OK;
    gft_hdf5_node *groups = gft_arena_array(&arena, (size_t)layout->count, sizeof *groups);
    if (!groups)
        status = gft_fail_memory(err, (size_t)layout->count * sizeof *groups, "models");
    for (int32_t i = 1; groups && i < layout->count; i++)
        groups[i] = -1;
    for (int32_t i = 0; i < layout->count && status == GRAFT_OK; i++) {
        if (groups[i] >= 0)
            status = layout_level(w, out, &layout->levels[i], groups, groups[i], &arena, err);
    }
    gft_arena_deinit(&arena);
    return status;
}

graft_status gft_kw_own_weights(const gft_kw *w, gft_hdf5_writer *out, graft_error *err) {
    const gft_keras_layout *layout = w->model->keras;
    bool *known = layout && !layout->derived && layout->count > 0
                      ? gft_calloc((size_t)w->model->params.count + 1, sizeof *known)
                      : NULL;
    const bool own = known && fits(w, layout, known);
    gft_free(known);
    return own ? layout_weights(w, layout, out, err) : gft_kw_weights(w, out, err);
}

/* ---- legacy ---- */

static graft_status legacy_layer(gft_hdf5_writer *out, gft_hdf5_node model,
                                 const gft_kw_layer *layer, gft_arena *arena, graft_error *err) {
    const char *names[GFT_KW_MAX_WEIGHTS];
    gft_hdf5_node group;
    GFT_TRY(gft_hdf5_add_group(out, model, layer->name, &group, err));
    for (int32_t k = 0; k < layer->weight_count; k++) {
        names[k] = gft_arena_format(arena, "%s/%s:0", layer->name, layer->weights[k].name);
        if (!names[k])
            return gft_fail_memory(err, 64, "a weight's name");
        GFT_TRY(gft_hdf5_add_dataset(out, group, names[k], &layer->weights[k].desc,
                                     layer->weights[k].data, err));
    }
    return gft_hdf5_add_texts(out, group, "weight_names", names, (size_t)layer->weight_count, err);
}

graft_status gft_kw_legacy_weights(const gft_kw *w, gft_hdf5_writer *out, graft_error *err) {
    gft_hdf5_node model;
    gft_arena arena;
    gft_arena_init(&arena);
    size_t count = 0;
    const char **names = gft_arena_array(&arena, (size_t)w->order_count, sizeof *names);
    graft_status status = GRAFT_OK;
    if (!names) {
        status = gft_fail_memory(err, (size_t)w->order_count * sizeof *names, "names of layers");
        goto done;
    }
    GFT_GOTO(gft_hdf5_add_group(out, 0, "model_weights", &model, err));
    for (int32_t i = 0; i < w->order_count; i++) {
        const gft_kw_layer *layer = &w->layers[w->order[i]];
        if (layer->weight_count == 0)
            continue;
        names[count++] = layer->name;
        GFT_GOTO(legacy_layer(out, model, layer, &arena, err));
    }
    GFT_GOTO(gft_hdf5_add_texts(out, model, "layer_names", names, count, err));
    GFT_GOTO(gft_hdf5_add_text(out, model, "backend", "tensorflow", err));
    GFT_GOTO(gft_hdf5_add_text(out, model, "keras_version", "2.15.0", err));
done:
    gft_arena_deinit(&arena);
    return status;
}
