/*
 * The variables of a layout in HDF5 files: Keras 3 numbers layers per class, Keras 2 lists names
 * (keras_weights_legacy.c). Levels are walked from the outermost inwards, each with the group it
 * lies in.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/float16.h"
#include "base/shape.h"
#include "models/keras_layout.h"
#include "models/keras_names.h"

void gft_keras_layout_clear(gft_keras_layout *layout) {
    for (int32_t i = 0; i < layout->count; i++) {
        for (int32_t k = 0; k < layout->levels[i].count; k++) {
            gft_keras_layer *layer = &layout->levels[i].layers[k];
            for (int32_t v = 0; v < layer->variable_count; v++)
                layer->variables[v].tensor = (graft_tensor){0};
        }
    }
}

/* ---- float32 ---- */

static float number_at(const graft_tensor *t, size_t i) {
    switch (t->desc.dtype) {
    case GRAFT_F64:
        return (float)((const double *)t->data)[i];
    case GRAFT_F16:
        return gft_f32_from_f16(((const uint16_t *)t->data)[i]);
    case GRAFT_BF16:
        return gft_f32_from_bf16(((const uint16_t *)t->data)[i]);
    case GRAFT_S64:
        return (float)((const int64_t *)t->data)[i];
    case GRAFT_S32:
        return (float)((const int32_t *)t->data)[i];
    case GRAFT_S16:
        return (float)((const int16_t *)t->data)[i];
    case GRAFT_S8:
        return (float)((const int8_t *)t->data)[i];
    default:
        return (float)((const uint8_t *)t->data)[i];
    }
}

graft_status gft_keras_as_float(graft_tensor *tensor, gft_arena *arena, graft_error *err) {
    const size_t step = graft_dtype_bytes(tensor->desc.dtype);
    if (tensor->desc.dtype == GRAFT_F32)
        return GRAFT_OK;
    if (step == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "a variable of type %s",
                        graft_dtype_name(tensor->desc.dtype));
    const size_t count = tensor->bytes / step;
    float *data = gft_arena_array(arena, count, sizeof *data);
    if (!data)
        return gft_fail_memory(err, count * sizeof *data, "a variable");
    for (size_t i = 0; i < count; i++)
        data[i] = number_at(tensor, i);
    tensor->data = data;
    tensor->bytes = count * sizeof *data;
    tensor->desc.dtype = GRAFT_F32;
    return GRAFT_OK;
}

/* ---- Keras 3 ---- */

/* Groups hold "layers" or, in the first files of Keras 3, "_layer_checkpoint_dependencies". */
static graft_status open_layers(const gft_hdf5 *file, gft_hdf5_object group, gft_arena *arena,
                                gft_hdf5_link **links, size_t *count, graft_error *err) {
    static const char *const NAMES[] = {"layers", "_layer_checkpoint_dependencies"};
    *links = NULL;
    *count = 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        gft_hdf5_object found = GFT_HDF5_NONE;
        GFT_TRY(gft_hdf5_find(file, group, NAMES[i], &found, err));
        if (found != GFT_HDF5_NONE)
            return gft_hdf5_links(file, found, arena, links, count, err);
    }
    return GRAFT_OK;
}

static graft_status read_variables(const gft_hdf5 *file, gft_hdf5_object group,
                                   gft_keras_layer *layer, gft_arena *arena, graft_error *err) {
    gft_hdf5_object vars = GFT_HDF5_NONE;
    gft_hdf5_link *links = NULL;
    size_t count = 0;
    GFT_TRY(gft_hdf5_find(file, group, "vars", &vars, err));
    if (vars == GFT_HDF5_NONE)
        return GRAFT_OK;
    GFT_TRY(gft_hdf5_links(file, vars, arena, &links, &count, err));
    for (int32_t i = 0; i < layer->variable_count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", (int)i);
        const gft_hdf5_link *link = gft_hdf5_find_link(links, count, name);
        if (link && link->object != GFT_HDF5_NONE)
            GFT_TRY(gft_hdf5_read(file, link->object, arena, &layer->variables[i].tensor, err));
    }
    return GRAFT_OK;
}

/* A model that was saved under another class: "Model" and what derives from it is "functional". */
static const char *numbered_class(const gft_keras_layer *layer) {
    return layer->level >= 0 && strcmp(layer->class_name, "Model") == 0 ? "Functional"
                                                                        : layer->class_name;
}

static graft_status find_level(const gft_hdf5 *file, gft_hdf5_object group, gft_keras_level *level,
                               gft_hdf5_object *groups, gft_keras_counter *counter,
                               gft_arena *arena, graft_error *err) {
    gft_hdf5_link *links;
    size_t count;
    GFT_TRY(open_layers(file, group, arena, &links, &count, err));
    for (int32_t i = 0; i < level->count; i++) {
        gft_keras_layer *layer = &level->layers[i];
        const char *place = NULL;
        if (layer->operation)
            continue;
        GFT_TRY(gft_keras_next_place(counter, numbered_class(layer), arena, &place, err));
        const gft_hdf5_link *link = gft_hdf5_find_link(links, count, place);
        if (!link || link->object == GFT_HDF5_NONE)
            continue;
        if (layer->level >= 0)
            groups[layer->level] = link->object;
        else if (layer->variable_count > 0)
            GFT_TRY(read_variables(file, link->object, layer, arena, err));
    }
    return GRAFT_OK;
}

graft_status gft_keras_find_by_class(const gft_hdf5 *file, gft_keras_layout *layout,
                                     gft_arena *arena, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_hdf5_object *groups = gft_malloc((size_t)layout->count * sizeof *groups);
    if (!groups)
        return gft_fail_memory(err, (size_t)layout->count * sizeof *groups, "models");
    groups[0] = gft_hdf5_root(file);
    for (int32_t i = 1; i < layout->count; i++)
        groups[i] = GFT_HDF5_NONE;
    for (int32_t i = 0; i < layout->count && status == GRAFT_OK; i++) {
        gft_keras_counter counter = {0};
        if (groups[i] != GFT_HDF5_NONE)
            status = find_level(file, groups[i], &layout->levels[i], groups, &counter, arena, err);
        gft_keras_counter_deinit(&counter);
    }
    gft_free(groups);
    return status;
}

/* ---- any file ---- */

graft_status gft_keras_find_weights(const gft_hdf5 *file, bool by_name, gft_keras_layout *layout,
                                    gft_arena *arena, const char *where, graft_error *err) {
    const gft_hdf5_object root = gft_hdf5_root(file);
    gft_hdf5_object group = GFT_HDF5_NONE;
    gft_hdf5_object layers = GFT_HDF5_NONE;
    const char **names;
    size_t count;
    bool listed = false;
    GFT_TRY(gft_hdf5_find(file, root, "model_weights", &group, err));
    if (group != GFT_HDF5_NONE)
        return gft_keras_find_legacy(file, group, by_name, layout, arena, where, err);
    GFT_TRY(gft_hdf5_text_list(file, root, "layer_names", arena, &listed, &names, &count, err));
    if (listed)
        return gft_keras_find_legacy(file, root, by_name, layout, arena, where, err);
    GFT_TRY(gft_hdf5_find(file, root, "layers", &layers, err));
    if (layers == GFT_HDF5_NONE)
        GFT_TRY(gft_hdf5_find(file, root, "_layer_checkpoint_dependencies", &layers, err));
    if (layers == GFT_HDF5_NONE)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: no Keras weights: neither a group 'layers' nor 'model_weights' nor an "
                        "attribute 'layer_names'",
                        where);
    if (by_name)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: its layers are numbered and have no names; load it without by_name",
                        where);
    return gft_keras_find_by_class(file, layout, arena, err);
}
