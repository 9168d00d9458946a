/*
 * Weights of a file into a model's parameters: Keras' HDF5 files by the numbering or the names of
 * its layers, .npz by the names of parameters. Everything is found and its shape checked before the
 * first parameter changes.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "formats/hdf5_file.h"
#include "formats/npy.h"
#include "formats/zip_member.h"
#include "models/keras_layout.h"
#include "models/model.h"

#define MAX_WEIGHTS_BYTES ((size_t)8 << 30)

typedef struct load {
    graft_model *model;
    const char *path;
    gft_arena arena;
    gft_map map;
    gft_zip_member member;
    gft_hdf5 *file;
} load;

/* ---- checks and changes ---- */

static graft_status check_shape(const load *l, const char *name, const gft_param *param,
                                const graft_tensor *tensor, graft_error *err) {
    char found[GFT_DESC_TEXT_BYTES];
    char expected[GFT_DESC_TEXT_BYTES];
    if (!gft_shape_equal(&param->desc.shape, &tensor->desc.shape))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: '%s' has shape %s in the file, the "
                        "model expects %s",
                        l->path, name, gft_shape_text(&tensor->desc.shape, found),
                        gft_shape_text(&param->desc.shape, expected));
    if (param->desc.dtype != GRAFT_F32)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: '%s' is %s in the model, only float32 "
                        "parameters take other values",
                        l->path, name, graft_dtype_name(param->desc.dtype));
    return GRAFT_OK;
}

/* A copy that is the model's own: what the parameter had may lie in a mapped file. */
static graft_status copy_of(load *l, graft_tensor *tensor, void **out, graft_error *err) {
    GFT_TRY(gft_keras_as_float(tensor, &l->arena, err));
    *out = gft_arena_memdup(&l->model->params.arena, tensor->data, tensor->bytes);
    return *out ? GRAFT_OK : gft_fail_memory(err, tensor->bytes, "a parameter");
}

typedef struct change {
    gft_param_id param;
    graft_tensor tensor;
    void *data;
} change;

static graft_status apply(load *l, change *changes, size_t count, graft_error *err) {
    for (size_t i = 0; i < count; i++)
        GFT_TRY(copy_of(l, &changes[i].tensor, &changes[i].data, err));
    for (size_t i = 0; i < count; i++)
        l->model->params.items[changes[i].param].data = changes[i].data;
    return GRAFT_OK;
}

/* ---- HDF5 ---- */

static graft_status check_variable(const load *l, const gft_keras_layer *layer,
                                   const gft_keras_variable *v, bool by_name, bool *use,
                                   graft_error *err) {
    char name[512];
    *use = false;
    if (v->param < 0) /* a count of a Normalization, a layer the graph does without */
        return GRAFT_OK;
    if (v->tensor.desc.dtype == GRAFT_DTYPE_NONE)
        return by_name ? GRAFT_OK
                       : gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                  "%s: nothing in it for '%s' of layer '%s' (%s)", l->path, v->name,
                                  layer->path, layer->class_name);
    (void)snprintf(name, sizeof name, "%s/%s", layer->path, v->name);
    GFT_TRY(check_shape(l, name, &l->model->params.items[v->param], &v->tensor, err));
    *use = true;
    return GRAFT_OK;
}

static graft_status use_layout(load *l, const gft_keras_layout *layout, bool by_name,
                               graft_error *err) {
    const size_t room = (size_t)l->model->params.count + 1;
    change *changes = gft_arena_array(&l->arena, room, sizeof *changes);
    bool *taken = gft_arena_array(&l->arena, room, sizeof *taken);
    size_t count = 0;
    if (!changes || !taken)
        return gft_fail_memory(err, room * sizeof *changes, "parameters");
    for (int32_t i = 0; i < layout->count; i++) {
        for (int32_t k = 0; k < layout->levels[i].count; k++) {
            const gft_keras_layer *layer = &layout->levels[i].layers[k];
            for (int32_t j = 0; j < layer->variable_count; j++) {
                const gft_keras_variable *v = &layer->variables[j];
                bool use;
                GFT_TRY(check_variable(l, layer, v, by_name, &use, err));
                if (use && !taken[v->param]) {
                    taken[v->param] = true;
                    changes[count++] = (change){v->param, v->tensor, NULL};
                }
            }
        }
    }
    if (count == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: nothing in it is of this model", l->path);
    return apply(l, changes, count, err);
}

static const gft_graph *graph_of(const graft_model *model) {
    for (int32_t i = 0; i < model->signature_count; i++) {
        if (model->signatures[i].graph)
            return model->signatures[i].graph;
    }
    return NULL;
}

static graft_status load_hdf5(load *l, const void *bytes, size_t count, bool by_name,
                              graft_error *err) {
    gft_keras_layout derived;
    gft_keras_layout *layout = l->model->keras;
    GFT_TRY(gft_hdf5_open_memory(bytes, count, l->path, &l->file, err));
    if (!layout) {
        const gft_graph *graph = graph_of(l->model);
        if (!graph)
            return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                            "%s: the model has no graph that takes weights", l->path);
        GFT_TRY(gft_keras_layout_derive(graph, &l->arena, &derived, err));
        layout = &derived;
    }
    gft_keras_layout_clear(layout);
    graft_status status =
        layout->derived ? gft_keras_find_derived(l->file, by_name, layout, &l->arena, l->path, err)
                        : gft_keras_find_weights(l->file, by_name, layout, &l->arena, l->path, err);
    if (status == GRAFT_OK)
        status = use_layout(l, layout, by_name, err);
    gft_keras_layout_clear(layout);
    return status;
}

/* ---- .npz ---- */

static graft_status load_npz(load *l, graft_error *err) {
    graft_tensor *tensors = NULL;
    size_t count = 0;
    GFT_TRY(gft_npz_parse(l->map.data, l->map.bytes, l->path, &l->arena, &tensors, &count, err));
    const gft_params *params = &l->model->params;
    change *changes = gft_arena_array(&l->arena, count + 1, sizeof *changes);
    if (!changes)
        return gft_fail_memory(err, count * sizeof *changes, "parameters");
    for (size_t i = 0; i < count; i++) {
        const gft_param_id id = tensors[i].name ? gft_params_find(params, tensors[i].name) : -1;
        if (id < 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: '%.200s' is no parameter of the model", l->path,
                            tensors[i].name ? tensors[i].name : "");
        GFT_TRY(check_shape(l, tensors[i].name, &params->items[id], &tensors[i], err));
        changes[i] = (change){id, tensors[i], NULL};
    }
    return apply(l, changes, count, err);
}

/* ---- any file ---- */

static graft_status load_file(load *l, bool by_name, graft_error *err) {
    char extension[16];
    GFT_TRY(gft_map_open(l->path, &l->map, err));
    (void)gft_path_extension(l->path, extension);
    const bool zip = l->map.bytes >= 4 && memcmp(l->map.data, "PK\3\4", 4) == 0;
    if (!zip && strcmp(extension, "npy") != 0)
        return load_hdf5(l, l->map.data, l->map.bytes, by_name, err);
    graft_status status =
        zip ? gft_zip_member_find(l->map.data, l->map.bytes, l->path, "model.weights.h5",
                                  MAX_WEIGHTS_BYTES, &l->member, err)
            : GRAFT_NOT_FOUND;
    if (status == GRAFT_OK)
        return load_hdf5(l, l->member.data, l->member.bytes, by_name, err);
    return status == GRAFT_NOT_FOUND ? load_npz(l, err) : status;
}

graft_status gft_keras_load_weights(graft_model *model, const char *path, bool by_name,
                                    graft_error *err) {
    load l = {.model = model, .path = path};
    gft_arena_init(&l.arena);
    graft_status status = load_file(&l, by_name, err);
    gft_hdf5_close(l.file);
    gft_free(l.member.owned);
    if (l.map.data)
        gft_map_close(&l.map);
    gft_arena_deinit(&l.arena);
    return status;
}
