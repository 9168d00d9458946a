/*
 * Keras' whole models: `.keras` (a zip of config.json and model.weights.h5) and legacy `.h5` (the
 * configuration is an attribute). The file stays mapped while the model lives: weights point into
 * it.
 */
#include "models/keras_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "formats/json_text.h"
#include "formats/zip_member.h"
#include "models/keras_layers.h"
#include "models/savedmodel_read.h"

#define MAX_CONFIG_BYTES ((size_t)256 << 20)
#define MAX_WEIGHTS_BYTES ((size_t)8 << 30)
#define MAX_CLASSES 256 /* that are listed */

/* What the model keeps open. */
typedef struct kept {
    gft_map map;
    gft_zip_member member;
    gft_hdf5 *file;
    gft_arena arena; /* weights that had to be copied */
} kept;

static void close_kept(void *object) {
    kept *k = object;
    gft_hdf5_close(k->file);
    gft_free(k->member.owned);
    gft_map_close(&k->map);
    gft_arena_deinit(&k->arena);
    gft_free(k);
}

/* ---- the graph ---- */

/* Classes that are used, with how often and whether they are read. */
static graft_status list_classes(const gft_keras_reader *r, gft_signature *signature,
                                 graft_error *err) {
    size_t room = 1;
    for (int32_t i = 0; i < r->layout->count; i++)
        room += (size_t)r->layout->levels[i].count;
    graft_op_info *ops = gft_arena_array(&r->model->arena, room, sizeof *ops);
    int32_t count = 0;
    if (!ops)
        return gft_fail_memory(err, room * sizeof *ops, "classes");
    for (int32_t i = 0; i < r->layout->count; i++) {
        for (int32_t k = 0; k < r->layout->levels[i].count; k++) {
            const gft_keras_layer *layer = &r->layout->levels[i].layers[k];
            const gft_keras_kind *kind = r->levels[i].layers[k].kind;
            int32_t at = 0;
            while (at < count && strcmp(ops[at].name, layer->class_name) != 0)
                at++;
            if (at == MAX_CLASSES)
                continue;
            if (at == count)
                ops[count++] = (graft_op_info){.name = layer->class_name, .supported = true};
            ops[at].count++;
            if (layer->level >= 0 || (kind && kind->call))
                continue;
            ops[at].supported = false;
            ops[at].node = ops[at].node ? ops[at].node : layer->path;
        }
    }
    signature->ops = ops;
    signature->op_count = count;
    return GRAFT_OK;
}

/* The first layer of a class that is not read; NULL if there is none. */
static const gft_keras_layer *unknown_layer(const gft_keras_reader *r) {
    for (int32_t i = 0; i < r->layout->count; i++) {
        for (int32_t k = 0; k < r->layout->levels[i].count; k++) {
            const gft_keras_layer *layer = &r->layout->levels[i].layers[k];
            const gft_keras_kind *kind = r->levels[i].layers[k].kind;
            if (layer->level < 0 && (!kind || !kind->call))
                return layer;
        }
    }
    return NULL;
}

static graft_status add_signature(gft_keras_reader *r, const char *problem, graft_error *err) {
    GFT_TRY(gft_model_add_signature(r->model, "serving_default", r->graph, err));
    gft_signature *signature = &r->model->signatures[r->model->signature_count - 1];
    signature->problem = problem ? gft_arena_strdup(&r->model->arena, problem) : NULL;
    if (problem && !signature->problem)
        return gft_fail_memory(err, strlen(problem), "a message");
    return list_classes(r, signature, err);
}

/* A graph, or why there is none: a model with a layer that is not read can still be looked at. */
static graft_status add_graph(gft_keras_reader *r, graft_error *err) {
    graft_error why = {0};
    GFT_TRY(gft_graph_new(&r->model->params, &r->graph, err));
    graft_status status = gft_keras_build_graph(r, &why);
    if (status == GRAFT_OK) /* relu6(x + 3) / 6 and the like, as other readers have them */
        status = gft_sm_join_patterns(r->graph, &why);
    if (status != GRAFT_OK && status != GRAFT_UNIMPLEMENTED) {
        gft_graph_free(r->graph);
        return gft_fail(err, status, "%s", why.message);
    }
    if (status == GRAFT_UNIMPLEMENTED) {
        gft_graph_free(r->graph);
        r->graph = NULL;
    }
    return add_signature(r, r->graph ? NULL : why.message, err);
}

graft_status gft_keras_read_config(graft_model *model, const json_t *root, bool keras2,
                                   gft_keras_find_fn find, void *context, const char *where,
                                   graft_error *err) {
    gft_arena arena;
    gft_keras_reader r = {.where = where, .model = model, .arena = &arena, .keras2 = keras2};
    graft_status status;
    gft_arena_init(&arena);
    r.layout = gft_arena_alloc(&model->arena, sizeof *r.layout);
    if (!r.layout)
        GFT_GOTO(gft_fail_memory(err, sizeof *r.layout, "a model"));
    GFT_GOTO(gft_keras_parse(&r, root, err));
    const gft_keras_layer *unknown = unknown_layer(&r);
    if (unknown) {
        const char *why = gft_arena_format(&arena, "layer '%s' of class %s is not read",
                                           unknown->path, unknown->class_name);
        status = add_signature(&r, why ? why : "a layer is not read", err);
        goto done;
    }
    GFT_GOTO(find(context, r.layout, &arena, err));
    GFT_GOTO(add_graph(&r, err));
    gft_keras_layout_clear(r.layout);
    model->keras = r.layout;
done:
    gft_arena_deinit(&arena);
    return status;
}

/* ---- what Graft adds to a file ---- */

static graft_status set_labels(graft_model *model, const json_t *labels, const char *where,
                               graft_error *err) {
    const size_t count = json_array_size(labels);
    const char **texts = gft_calloc(count + 1, sizeof *texts);
    graft_status status = GRAFT_OK;
    if (!texts)
        return gft_fail_memory(err, count * sizeof *texts, "labels");
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_string_value(json_array_get(labels, i));
        if (!texts[i])
            GFT_GOTO(gft_fail(err, GRAFT_DATA_LOSS, "%s: label %zu is no text", where, i));
    }
    if (count > 0)
        status = gft_model_set_labels(model, texts, (int32_t)count, err);
done:
    gft_free(texts);
    return status;
}

static graft_status set_card(graft_model *model, const json_t *card, const char *where,
                             graft_error *err) {
    if (!card || json_is_null(card))
        return GRAFT_OK;
    if (json_is_string(card))
        return gft_model_set_card(model, json_string_value(card), where, err);
    char *text = json_dumps(card, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text)
        return gft_fail_memory(err, 4096, "a model's card");
    graft_status status = gft_model_set_card(model, text, where, err);
    free(text); /* jansson's own allocation */
    return status;
}

/* ---- .keras ---- */

typedef struct reading {
    const char *path;
    graft_model *model;
    kept *kept;
    bool keras2;
} reading;

static graft_status member_json(const reading *r, const char *name, json_t **out,
                                graft_error *err) {
    gft_zip_member member = {0};
    GFT_TRY(gft_zip_member_find(r->kept->map.data, r->kept->map.bytes, r->path, name,
                                MAX_CONFIG_BYTES, &member, err));
    graft_status status =
        member.bytes > MAX_CONFIG_BYTES
            ? gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s!%s: %zu bytes, at most are read %zu",
                       r->path, name, member.bytes, MAX_CONFIG_BYTES)
            : gft_json_parse(member.data, member.bytes, r->path, out, err);
    gft_free(member.owned);
    return status;
}

static graft_status read_metadata(reading *r, graft_error *err) {
    json_t *json = NULL;
    graft_error why;
    graft_status status = member_json(r, "metadata.json", &json, &why);
    if (status == GRAFT_NOT_FOUND)
        return GRAFT_OK;
    if (status != GRAFT_OK)
        return gft_fail(err, status, "%s", why.message);
    r->keras2 = strncmp(gft_keras_text(json, "keras_version", "3"), "2", 1) == 0;
    const json_t *graft = json_object_get(json, "graft");
    status = set_card(r->model, json_object_get(graft, "card"), r->path, err);
    if (status == GRAFT_OK)
        status = set_labels(r->model, json_object_get(graft, "labels"), r->path, err);
    json_decref(json);
    return status;
}

static graft_status find_numbered(void *context, gft_keras_layout *layout, gft_arena *arena,
                                  graft_error *err) {
    const reading *r = context;
    (void)arena;
    return gft_keras_find_by_class(r->kept->file, layout, &r->kept->arena, err);
}

/*
 * Keras puts the weights anywhere in the zip; numbers must lie on multiples of their size. One copy
 * of the whole is cheaper than one of each variable.
 */
static graft_status align_member(gft_zip_member *member, graft_error *err) {
    if (member->owned || (uintptr_t)member->data % sizeof(double) == 0)
        return GRAFT_OK;
    uint8_t *copy = gft_malloc_aligned(member->bytes);
    if (!copy)
        return gft_fail_memory(err, member->bytes, "weights");
    memcpy(copy, member->data, member->bytes);
    member->data = member->owned = copy;
    return GRAFT_OK;
}

static graft_status read_zip(reading *r, graft_error *err) {
    json_t *config = NULL;
    GFT_TRY(read_metadata(r, err));
    GFT_TRY(member_json(r, "config.json", &config, err));
    graft_status status =
        gft_zip_member_find(r->kept->map.data, r->kept->map.bytes, r->path, "model.weights.h5",
                            MAX_WEIGHTS_BYTES, &r->kept->member, err);
    if (status == GRAFT_OK)
        status = align_member(&r->kept->member, err);
    if (status == GRAFT_OK)
        status = gft_hdf5_open_memory(r->kept->member.data, r->kept->member.bytes, r->path,
                                      &r->kept->file, err);
    if (status == GRAFT_OK)
        status = gft_keras_read_config(r->model, config, r->keras2, find_numbered, r, r->path, err);
    json_decref(config);
    return status;
}

/* ---- .h5 ---- */

static graft_status find_named(void *context, gft_keras_layout *layout, gft_arena *arena,
                               graft_error *err) {
    const reading *r = context;
    gft_hdf5_object group = GFT_HDF5_NONE;
    (void)arena;
    GFT_TRY(
        gft_hdf5_find(r->kept->file, gft_hdf5_root(r->kept->file), "model_weights", &group, err));
    if (group == GFT_HDF5_NONE)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: no group 'model_weights'", r->path);
    return gft_keras_find_legacy(r->kept->file, group, false, layout, &r->kept->arena, r->path,
                                 err);
}

static graft_status attribute_json(const reading *r, const char *name, gft_arena *arena,
                                   json_t **out, graft_error *err) {
    const char *text = NULL;
    GFT_TRY(gft_hdf5_text(r->kept->file, gft_hdf5_root(r->kept->file), name, arena, &text, err));
    return text ? gft_json_parse(text, strlen(text), r->path, out, err) : GRAFT_OK;
}

static graft_status read_attributes(reading *r, gft_arena *arena, graft_error *err) {
    const char *version = NULL;
    json_t *card = NULL;
    json_t *labels = NULL;
    graft_status status;
    GFT_GOTO(gft_hdf5_text(r->kept->file, gft_hdf5_root(r->kept->file), "keras_version", arena,
                           &version, err));
    r->keras2 = version && version[0] != '3';
    GFT_GOTO(attribute_json(r, "graft_card", arena, &card, err));
    GFT_GOTO(attribute_json(r, "graft_labels", arena, &labels, err));
    GFT_GOTO(set_card(r->model, card, r->path, err));
    status = set_labels(r->model, labels, r->path, err);
done:
    json_decref(card);
    json_decref(labels);
    return status;
}

static graft_status read_hdf5(reading *r, graft_error *err) {
    gft_arena arena;
    json_t *config = NULL;
    graft_status status;
    GFT_TRY(
        gft_hdf5_open_memory(r->kept->map.data, r->kept->map.bytes, r->path, &r->kept->file, err));
    gft_arena_init(&arena);
    GFT_GOTO(attribute_json(r, "model_config", &arena, &config, err));
    if (!config)
        GFT_GOTO(gft_fail(err, GRAFT_INVALID_ARGUMENT,
                          "%s: holds no model (no attribute model_config); weights alone go into a "
                          "model with --weights",
                          r->path));
    GFT_GOTO(read_attributes(r, &arena, err));
    GFT_GOTO(gft_keras_read_config(r->model, config, r->keras2, find_named, r, r->path, err));
done:
    json_decref(config);
    gft_arena_deinit(&arena);
    return status;
}

/* ---- */

static graft_status open_kept(reading *r, graft_error *err) {
    kept *k = gft_calloc(1, sizeof *k);
    if (!k)
        return gft_fail_memory(err, sizeof *k, r->path);
    gft_arena_init(&k->arena);
    graft_status status = gft_map_open(r->path, &k->map, err);
    if (status != GRAFT_OK) {
        gft_free(k);
        return status;
    }
    r->kept = k;
    return gft_model_keep_open(r->model, close_kept, k, err);
}

graft_status gft_keras_read(const char *path, graft_model **out, graft_error *err) {
    reading r = {.path = path};
    GFT_TRY(gft_model_new(&r.model, err));
    graft_status status = open_kept(&r, err);
    if (status == GRAFT_OK) {
        const bool zip = r.kept->map.bytes >= 2 && memcmp(r.kept->map.data, "PK", 2) == 0;
        status = zip ? read_zip(&r, err) : read_hdf5(&r, err);
    }
    if (status == GRAFT_OK)
        *out = r.model;
    else
        graft_model_free(r.model);
    return status;
}
