/*
 * Opening and saving: a hub handle or a path; the reader is told by what lies there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/handle.h"
#include "hub/store.h"
#include "models/model.h"

/* What a file that is no directory is, by its name. */
static graft_status refuse_file(const char *path, graft_error *err) {
    static const struct {
        const char *extension, *what;
    } KINDS[] = {
        {"tflite", "TFLite"}, {"h5", "Keras HDF5"},       {"hdf5", "Keras HDF5"},
        {"keras", "Keras 3"}, {"pb", "frozen GraphDef"},  {"json", "TensorFlow.js"},
        {"onnx", "ONNX"},     {"pth", "PyTorch weights"}, {"pt", "PyTorch weights"},
    };
    char extension[16];
    const char *base = gft_path_base(path);
    (void)gft_path_extension(path, extension);
    if (strcmp(base, "saved_model.pb") == 0 || strcmp(base, "saved_model.pbtxt") == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: a SavedModel is opened by the name of its directory", path);
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strcmp(extension, KINDS[i].extension) == 0)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "%s: %s files are not read yet, expected a SavedModel directory or a "
                            "hub handle",
                            path, KINDS[i].what);
    }
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "%s: not a model, expected a SavedModel directory or a hub handle", path);
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

static graft_status open_directory(const char *path, graft_model **out, graft_error *err) {
    graft_model *model = NULL;
    GFT_TRY(gft_savedmodel_read(path, &model, err));
    graft_status status = set_text(model, &model->name, path, err);
    if (status == GRAFT_OK)
        *out = model;
    else
        graft_model_free(model);
    return status;
}

graft_status graft_model_open(const char *path_or_handle, graft_model **out, graft_error *err) {
    if (gft_dir_exists(path_or_handle))
        return open_directory(path_or_handle, out, err);
    if (gft_file_exists(path_or_handle))
        return refuse_file(path_or_handle, err);
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
    return gft_savedmodel_write(model, dir, replace, err);
}
