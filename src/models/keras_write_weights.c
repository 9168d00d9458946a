/*
 * Weights as HDF5: Keras 3 addresses a layer by its class and number, legacy files list layers by
 * name in the order of the model.
 */
#include "base/alloc.h"
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
