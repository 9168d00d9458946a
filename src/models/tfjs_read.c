/*
 * TF.js models, read: model.json with its shards (tfjs-core io/types.ts: ModelJSON). A graph model
 * is a GraphDef whose constants lie in the shards, a layers model a Keras configuration with
 * weights. Labels and card come from userDefinedMetadata.
 */
#include "models/tfjs_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "formats/json_text.h"
#include "formats/tensor_proto.h"

/* ---- files ---- */

static void close_file(void *object) {
    gft_tfjs_file *file = object;
    for (size_t i = 0; i < file->shard_count; i++)
        gft_map_close(&file->shards[i]);
    gft_arena_deinit(&file->arena);
    gft_free(file);
}

/* The path of model.json, and of its directory, from either. */
static graft_status set_paths(gft_tfjs_file *file, const char *path, graft_error *err) {
    const bool is_dir = gft_dir_exists(path);
    char *json = is_dir ? gft_path_join(path, "model.json") : gft_strdup(path);
    char *dir = is_dir ? gft_strdup(path) : gft_path_dir(path);
    if (json)
        file->where = gft_arena_strdup(&file->arena, json);
    if (dir)
        file->dir = gft_arena_strdup(&file->arena, dir);
    gft_free(json);
    gft_free(dir);
    return file->where && file->dir ? GRAFT_OK
                                    : gft_fail_memory(err, strlen(path) + 12, "a file name");
}

static graft_status load_json(const char *path, json_t **out, graft_error *err) {
    gft_map map;
    GFT_TRY(gft_map_open(path, &map, err));
    graft_status status = GRAFT_OK;
    if (map.bytes > GFT_TFJS_MAX_JSON_BYTES)
        status = gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %zu bytes, at most %zu are read",
                          path, map.bytes, GFT_TFJS_MAX_JSON_BYTES);
    else
        status = gft_json_parse(map.data, map.bytes, path, out, err);
    gft_map_close(&map);
    return status;
}

/* ---- signature ---- */

static graft_status read_end(gft_tfjs_file *file, const char *name, const json_t *info,
                             gft_graphdef_end *out, graft_error *err) {
    const char *tensor = json_string_value(json_object_get(info, "name"));
    const json_t *shape = gft_tfjs_member(info, "tensorShape", "tensor_shape");
    const json_t *dtype = gft_tfjs_member(info, "dtype", "dtype");
    Tensorflow__TensorShapeProto *proto;
    int32_t number = 0;
    if (!tensor)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: signature: '%.100s' names no tensor",
                        file->where, name);
    *out = (gft_graphdef_end){.name = gft_arena_strdup(&file->arena, name),
                              .tensor = gft_arena_strdup(&file->arena, tensor)};
    if (!out->name || !out->tensor)
        return gft_fail_memory(err, strlen(tensor), "a name");
    if (dtype)
        GFT_TRY(gft_tfjs_read_dtype(file, dtype, &number, err));
    out->dtype = (graft_dtype)number;
    GFT_TRY(gft_tfjs_read_shape(file, shape, &proto, err));
    if (!shape || proto->unknown_rank)
        return GRAFT_OK;
    graft_shape *known = gft_arena_alloc(&file->arena, sizeof *known);
    if (!known)
        return gft_fail_memory(err, sizeof *known, "a shape");
    GFT_TRY(gft_tensor_proto_shape(proto, out->name, known, err));
    out->shape = known;
    return GRAFT_OK;
}

static graft_status read_ends(gft_tfjs_file *file, const json_t *map, gft_graphdef_end **out,
                              size_t *count, graft_error *err) {
    const char *key;
    json_t *info;
    *count = 0;
    *out = NULL;
    if (json_object_size(map) == 0)
        return GRAFT_OK;
    *out = gft_arena_array(&file->arena, json_object_size(map), sizeof **out);
    if (!*out)
        return gft_fail_memory(err, json_object_size(map) * sizeof **out, "a signature");
    json_object_foreach((json_t *)(uintptr_t)map, key, info) {
        GFT_TRY(read_end(file, key, info, &(*out)[*count], err));
        ++*count;
    }
    return GRAFT_OK;
}

/* ---- graph models ---- */

static graft_status read_graph(gft_tfjs_file *file, const json_t *root, graft_model *model,
                               graft_error *err) {
    Tensorflow__GraphDef *graph;
    gft_graphdef_end *inputs;
    gft_graphdef_end *outputs;
    const json_t *metadata = json_object_get(root, "userDefinedMetadata");
    const json_t *signature = json_object_get(root, "signature");
    if (!json_is_object(signature))
        signature = json_object_get(metadata, "signature"); /* where older converters put it */
    gft_graphdef_source source = {.arena = &file->arena,
                                  .where = file->where,
                                  .weights = file->weights,
                                  .weight_count = file->weight_count};
    GFT_TRY(gft_tfjs_read_topology(file, json_object_get(root, "modelTopology"), &graph, err));
    GFT_TRY(
        read_ends(file, json_object_get(signature, "inputs"), &inputs, &source.input_count, err));
    GFT_TRY(read_ends(file, json_object_get(signature, "outputs"), &outputs, &source.output_count,
                      err));
    source.graph = graph;
    source.inputs = inputs;
    source.outputs = outputs;
    return gft_graphdef_build(model, &source, err);
}

/* ---- what else is told ---- */

static graft_status read_labels(const json_t *list, graft_model *model, graft_error *err) {
    const size_t count = json_array_size(list);
    if (count == 0 || count > INT32_MAX)
        return GRAFT_OK;
    const char **labels = gft_calloc(count, sizeof *labels);
    if (!labels)
        return gft_fail_memory(err, count * sizeof *labels, "labels");
    bool texts = true; /* other programs may mean something else by it */
    for (size_t i = 0; i < count; i++) {
        labels[i] = json_string_value(json_array_get(list, i));
        texts = texts && labels[i];
    }
    graft_status status =
        texts ? gft_model_set_labels(model, labels, (int32_t)count, err) : GRAFT_OK;
    gft_free(labels);
    return status;
}

static graft_status read_metadata(const gft_tfjs_file *file, const json_t *metadata,
                                  graft_model *model, graft_error *err) {
    const json_t *card = json_object_get(metadata, "graft");
    GFT_TRY(read_labels(json_object_get(metadata, "labels"), model, err));
    if (!json_is_object(card))
        return GRAFT_OK;
    char *text = json_dumps(card, JSON_INDENT(1));
    if (!text)
        return gft_fail_memory(err, 256, "a card");
    const graft_status status = gft_model_set_card(model, text, file->where, err);
    free(text); /* jansson's own allocation */
    return status;
}

/* ---- all of it ---- */

static graft_status read_model(gft_tfjs_file *file, const json_t *root, graft_model *model,
                               graft_error *err) {
    const json_t *topology = json_object_get(root, "modelTopology");
    const char *format = json_string_value(json_object_get(root, "format"));
    const bool layers = format ? strcmp(format, "layers-model") == 0
                               : !json_is_array(json_object_get(topology, "node"));
    if (!json_is_object(topology))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: no modelTopology, expected TF.js' model.json",
                        file->where);
    if (format && !layers && strcmp(format, "graph-model") != 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: format '%.40s', expected graph-model or layers-model", file->where,
                        format);
    GFT_TRY(gft_tfjs_read_weights(file, json_object_get(root, "weightsManifest"), err));
    if (layers)
        GFT_TRY(gft_tfjs_read_layers(file, topology, model, err));
    else
        GFT_TRY(read_graph(file, root, model, err));
    return read_metadata(file, json_object_get(root, "userDefinedMetadata"), model, err);
}

graft_status gft_tfjs_read(const char *path, graft_model **out, graft_error *err) {
    graft_status status;
    graft_model *model = NULL;
    json_t *root = NULL;
    gft_tfjs_file *file = gft_calloc(1, sizeof *file);
    if (!file)
        return gft_fail_memory(err, sizeof *file, "a TF.js model");
    gft_arena_init(&file->arena);
    status = gft_model_new(&model, err);
    if (status != GRAFT_OK) {
        close_file(file);
        return status;
    }
    GFT_GOTO(gft_model_keep_open(model, close_file, file, err));
    GFT_GOTO(set_paths(file, path, err));
    GFT_GOTO(load_json(file->where, &root, err));
    GFT_GOTO(read_model(file, root, model, err));
    *out = model;
    model = NULL;
done:
    json_decref(root);
    graft_model_free(model);
    return status;
}
