/*
 * Opening and saving: a hub handle or a path; the reader is told by what lies there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/handle.h"
#include "hub/store.h"
#include "models/graphdef_read.h"
#include "models/model.h"

typedef graft_status (*model_reader)(const char *path, graft_model **out, graft_error *err);

static graft_status refuse_file(const char *path, graft_error *err) {
    static const struct {
        const char *extension, *what;
    } KINDS[] = {
        {"onnx", "ONNX"},
        {"pth", "PyTorch weights"},
        {"pt", "PyTorch weights"},
        {"npz", "arrays, no model"},
    };
    char extension[16];
    (void)gft_path_extension(path, extension);
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strcmp(extension, KINDS[i].extension) == 0)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: %s are not read as models", path,
                            KINDS[i].what);
    }
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "%s: not a model, expected a SavedModel directory, .tflite, .keras, .h5, a "
                    "frozen .pb, a TF.js model.json or a hub handle",
                    path);
}

/*
 * A file's reader by its first bytes, whatever its name: "TFL3" behind the root offset (TFLite),
 * "PK" (.keras is a zip), HDF5's signature, '{' (model.json). GraphDef has no mark: its extension
 * tells, or its first byte, the tag of field 1 (node).
 */
static graft_status choose_reader(const char *path, model_reader *out, graft_error *err) {
    uint8_t head[8] = {0};
    size_t bytes = 0;
    char extension[16];
    GFT_TRY(gft_file_peek(path, head, sizeof head, &bytes, err));
    (void)gft_path_extension(path, extension);
    if (bytes >= 8 && memcmp(head + 4, "TFL3", 4) == 0)
        *out = gft_tflite_read;
    else if (memcmp(head, "PK\3\4", 4) == 0 && strcmp(extension, "keras") == 0)
        *out = gft_keras_read;
    else if (memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0)
        *out = gft_keras_read;
    else if (strcmp(extension, "tflite") == 0)
        *out = gft_tflite_read; /* says what is wrong with it */
    else if (strcmp(extension, "keras") == 0 || strcmp(extension, "h5") == 0 ||
             strcmp(extension, "hdf5") == 0)
        *out = gft_keras_read;
    else if (strcmp(extension, "json") == 0)
        *out = gft_tfjs_read;
    else if (strcmp(extension, "pb") == 0)
        *out = gft_graphdef_read;
    else
        return refuse_file(path, err);
    return GRAFT_OK;
}

/* A directory with model.json and no saved_model.pb is TF.js'. */
static model_reader directory_reader(const char *path) {
    char *json = gft_path_join(path, "model.json");
    char *proto = gft_path_join(path, "saved_model.pb");
    const bool tfjs = json && proto && gft_file_exists(json) && !gft_file_exists(proto);
    gft_free(json);
    gft_free(proto);
    return tfjs ? gft_tfjs_read : gft_savedmodel_read;
}

static graft_status set_text(graft_model *model, const char **field, const char *text,
                             graft_error *err) {
    *field = gft_arena_strdup(&model->arena, text);
    return *field ? GRAFT_OK : gft_fail_memory(err, strlen(text) + 1, "a model's name");
}

/* A module of the hub is its own backbone, known by handle and hash. */
static graft_status open_handle(const char *handle, graft_model **out, graft_error *err) {
    graft_status status;
    char *path = NULL;
    graft_model *model = NULL;
    graft_module_info info = {0};
    GFT_GOTO(graft_hub_resolve(handle, &path, err));
    GFT_GOTO(gft_hub_info(path, &info, err));
    GFT_GOTO(gft_savedmodel_read(path, &model, err));
    GFT_GOTO(set_text(model, &model->name, info.handle, err));
    GFT_GOTO(set_text(model, &model->backbone, info.handle, err));
    GFT_GOTO(set_text(model, &model->backbone_sha256, info.sha256, err));
    *out = model;
    model = NULL;
done:
    graft_model_free(model);
    graft_module_info_deinit(&info);
    graft_string_free(path);
    return status;
}

static graft_status open_path(const char *path, model_reader reader, graft_model **out,
                              graft_error *err) {
    graft_model *model = NULL;
    GFT_TRY(reader(path, &model, err));
    graft_status status = set_text(model, &model->name, path, err);
    if (status == GRAFT_OK)
        *out = model;
    else
        graft_model_free(model);
    return status;
}

/* The directory of a saved_model.pb that was named itself. */
static graft_status open_saved_model_pb(const char *path, graft_model **out, graft_error *err) {
    char *dir = gft_path_dir(path);
    if (!dir)
        return gft_fail_memory(err, strlen(path), "a file name");
    graft_status status = open_path(dir, gft_savedmodel_read, out, err);
    gft_free(dir);
    return status;
}

static graft_status open_file(const char *path, graft_model **out, graft_error *err) {
    model_reader reader = NULL;
    if (strcmp(gft_path_base(path), "saved_model.pb") == 0)
        return open_saved_model_pb(path, out, err);
    GFT_TRY(choose_reader(path, &reader, err));
    return open_path(path, reader, out, err);
}

/* "file.pb#out1,out2@in1": tensors of a frozen graph. */
static bool names_tensors(const char *path) {
    const char *mark = strrchr(path, '#');
    return mark && mark - path > 3 && strncmp(mark - 3, ".pb", 3) == 0;
}

graft_status graft_model_open(const char *path_or_handle, graft_model **out, graft_error *err) {
    if (gft_dir_exists(path_or_handle))
        return open_path(path_or_handle, directory_reader(path_or_handle), out, err);
    if (gft_file_exists(path_or_handle))
        return open_file(path_or_handle, out, err);
    if (names_tensors(path_or_handle))
        return open_path(path_or_handle, gft_graphdef_read_chosen, out, err);
    if (gft_handle_looks_like_path(path_or_handle))
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no such file or directory", path_or_handle);
    graft_error why;
    if (graft_hub_check_handle(path_or_handle, &why) != GRAFT_OK)
        return gft_fail(err, why.code == GRAFT_INVALID_ARGUMENT ? GRAFT_NOT_FOUND : why.code,
                        "there is no file or directory '%s', and as a hub handle: %s",
                        path_or_handle, why.message);
    return open_handle(path_or_handle, out, err);
}

graft_status graft_model_save(const graft_model *model, const char *dir, bool replace,
                              graft_error *err) {
    if (!dir || !*dir)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "save: an empty name for the directory");
    GFT_TRY(gft_model_check_weights(model, SIZE_MAX, err));
    return gft_savedmodel_write(model, dir, replace, err);
}
