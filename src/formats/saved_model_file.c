/*
 * Opening and writing saved_model.pb (tensorflow/core/protobuf/saved_model.proto) and frozen
 * graphs.
 */
#include "formats/saved_model_file.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

static char *inside(const char *dir, const char *name) {
    return gft_path_join(dir, name);
}

static bool has_file(const char *dir, const char *name) {
    char *path = inside(dir, name);
    bool found = path && gft_file_exists(path);
    gft_free(path);
    return found;
}

bool gft_saved_model_present(const char *dir) {
    return has_file(dir, "saved_model.pb") || has_file(dir, "saved_model.pbtxt");
}

/* Protobuf in text form starts with a field's name; binary SavedModels and GraphDefs start with 08,
 * 0a or 12. */
static bool looks_like_text(const gft_map *map) {
    size_t n = map->bytes < 16 ? map->bytes : 16;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = map->data[i];
        bool word =
            (c >= 'a' && c <= 'z') || c == '_' || c == ' ' || c == ':' || c == '{' || c == '#';
        if (!word && !(i > 3 && (c == '\n' || c == '\r' || (c >= 32 && c < 127))))
            return false;
    }
    return n >= 4;
}

static graft_status open_binary(const char *path, const ProtobufCMessageDescriptor *type,
                                const gft_proto_limits *limits, gft_proto_file *file,
                                graft_error *err) {
    gft_map map;
    GFT_TRY(gft_map_open(path, &map, err));
    bool text = looks_like_text(&map);
    gft_map_close(&map);
    if (text)
        return gft_fail(
            err, GRAFT_UNIMPLEMENTED,
            "%s: protobuf in text form, only the binary form is read; save it as binary .pb", path);
    return gft_proto_file_open(path, type, limits, file, err);
}

static graft_status load(const char *dir, const gft_proto_limits *limits, gft_saved_model *out,
                         graft_error *err) {
    gft_saved_model model = {0};
    graft_status status = GRAFT_OK;
    char *path = inside(dir, "saved_model.pb");
    model.dir = gft_strdup(dir);
    if (!path || !model.dir) {
        status = gft_fail_memory(err, strlen(dir), "a file name");
        goto done;
    }
    if (!gft_file_exists(path)) {
        if (has_file(dir, "saved_model.pbtxt"))
            status = gft_fail(
                err, GRAFT_UNIMPLEMENTED,
                "%s: a SavedModel in text form (saved_model.pbtxt) is not read, save it as "
                "saved_model.pb",
                dir);
        else
            status = gft_fail(err, GRAFT_NOT_FOUND,
                              "%s: no saved_model.pb in it, expected a SavedModel", dir);
        goto done;
    }
    GFT_GOTO(open_binary(path, &tensorflow__saved_model__descriptor, limits, &model.file, err));
    model.proto = (const Tensorflow__SavedModel *)model.file.message;
    if (model.proto->n_meta_graphs == 0) {
        status = gft_fail(err, GRAFT_DATA_LOSS,
                          "%s: %zu bytes without a meta graph, expected a SavedModel", path,
                          model.file.map.bytes);
        goto done;
    }
    if (model.proto->saved_model_schema_version > 1) {
        status =
            gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: schema version %lld, only version 1 is known",
                     path, (long long)model.proto->saved_model_schema_version);
        goto done;
    }
    *out = model;
    model = (gft_saved_model){0};
done:
    gft_saved_model_free(&model);
    gft_free(path);
    return status;
}

graft_status gft_saved_model_load(const char *dir, gft_saved_model *out, graft_error *err) {
    return load(dir, NULL, out, err);
}

graft_status gft_saved_model_open(const char *dir, gft_saved_model *out, graft_error *err) {
    return load(dir, &gft_proto_limits_graph, out, err);
}

void gft_saved_model_free(gft_saved_model *model) {
    if (!model)
        return;
    gft_proto_file_close(&model->file);
    gft_free(model->dir);
    *model = (gft_saved_model){0};
}

static bool has_tag(const Tensorflow__MetaGraphDef *meta, const char *tag) {
    for (size_t t = 0; meta->meta_info_def && t < meta->meta_info_def->n_tags; t++) {
        if (strcmp(meta->meta_info_def->tags[t], tag) == 0)
            return true;
    }
    return false;
}

static size_t tag_count(const Tensorflow__MetaGraphDef *meta) {
    return meta->meta_info_def ? meta->meta_info_def->n_tags : 0;
}

/* " [train] [tpu, eval]"; what does not fit is left out. */
static void list_tags(const gft_saved_model *model, char *text, size_t size) {
    gft_buffer out;
    graft_status status = GRAFT_OK;
    gft_buffer_init(&out, size - 1);
    for (size_t i = 0; i < model->proto->n_meta_graphs && status == GRAFT_OK; i++) {
        const Tensorflow__MetaGraphDef *meta = model->proto->meta_graphs[i];
        status = gft_buffer_append(&out, " [", 2, NULL);
        for (size_t t = 0; t < tag_count(meta) && status == GRAFT_OK; t++) {
            const char *name = meta->meta_info_def->tags[t];
            if (t > 0)
                status = gft_buffer_append(&out, ", ", 2, NULL);
            if (status == GRAFT_OK)
                status = gft_buffer_append(&out, name, strlen(name), NULL);
        }
        if (status == GRAFT_OK)
            status = gft_buffer_append(&out, "]", 1, NULL);
    }
    memcpy(text, out.bytes ? (const char *)out.data : "", out.bytes);
    text[out.bytes] = '\0';
    gft_buffer_deinit(&out);
}

graft_status gft_saved_model_meta_graph(const gft_saved_model *model, const char *tag,
                                        const Tensorflow__MetaGraphDef **out, graft_error *err) {
    Tensorflow__MetaGraphDef *const *all = model->proto->meta_graphs;
    const size_t count = model->proto->n_meta_graphs;
    char tags[200];
    for (size_t i = 0; i < count; i++) {
        if (has_tag(all[i], tag)) {
            *out = all[i];
            return GRAFT_OK;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (count == 1 || tag_count(all[i]) == 0) {
            *out = all[i];
            return GRAFT_OK;
        }
    }
    list_tags(model, tags, sizeof tags);
    return gft_fail(err, GRAFT_NOT_FOUND,
                    "%s: %zu meta graphs, none with the tag '%s'; their tags:%s", model->dir, count,
                    tag, tags);
}

graft_status gft_saved_model_write(const char *dir, const Tensorflow__SavedModel *proto,
                                   graft_error *err) {
    gft_buffer buffer;
    gft_buffer_init(&buffer, INT32_MAX);
    graft_status status;
    char *path = inside(dir, "saved_model.pb");
    if (!path) {
        status = gft_fail_memory(err, strlen(dir), "a file name");
        goto done;
    }
    GFT_GOTO(gft_proto_append(&buffer, &proto->base, err));
    GFT_GOTO(gft_file_write(path, buffer.data, buffer.bytes, err));
done:
    gft_buffer_deinit(&buffer);
    gft_free(path);
    return status;
}

graft_status gft_graph_def_load(const char *path, gft_proto_file *out, graft_error *err) {
    gft_proto_file file = {0};
    GFT_TRY(
        open_binary(path, &tensorflow__graph_def__descriptor, &gft_proto_limits_graph, &file, err));
    const Tensorflow__GraphDef *graph = (const Tensorflow__GraphDef *)file.message;
    if (graph->n_node == 0) {
        size_t bytes = file.map.bytes;
        gft_proto_file_close(&file);
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: %zu bytes without a node, expected a frozen GraphDef", path, bytes);
    }
    *out = file;
    return GRAFT_OK;
}
