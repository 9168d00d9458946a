/*
 * The formats by name, and writing a model in one of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "models/model.h"

static const struct {
    graft_format format;
    const char *word;
    const char *extension; /* NULL: not told by a name */
} FORMATS[] = {
    {GRAFT_FORMAT_SAVEDMODEL, "savedmodel", ""},
    {GRAFT_FORMAT_KERAS_WEIGHTS, "weights", ".weights.h5"}, /* before .h5 */
    {GRAFT_FORMAT_KERAS_H5, "h5", ".h5"},
    {GRAFT_FORMAT_KERAS_H5, "h5", ".hdf5"},
    {GRAFT_FORMAT_KERAS, "keras", ".keras"},
    {GRAFT_FORMAT_TFLITE, "tflite", ".tflite"},
    {GRAFT_FORMAT_TFLITE_F16, "tflite-f16", NULL},
    {GRAFT_FORMAT_TFLITE_DYNAMIC, "tflite-dynamic", NULL},
    {GRAFT_FORMAT_TFJS, "tfjs", "model.json"},
    {GRAFT_FORMAT_TFJS, "tfjs", ".json"},
    {GRAFT_FORMAT_GRAPHDEF, "graphdef", ".pb"},
};
#define FORMAT_COUNT (sizeof FORMATS / sizeof FORMATS[0])

graft_format graft_format_named(const char *word) {
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (strcmp(FORMATS[i].word, word) == 0)
            return FORMATS[i].format;
    }
    return GRAFT_FORMAT_NONE;
}

const char *graft_format_name(graft_format format) {
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (FORMATS[i].format == format)
            return FORMATS[i].word;
    }
    return "none";
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text);
    const size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

graft_format graft_format_of_name(const char *path) {
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const char *extension = FORMATS[i].extension;
        if (extension && *extension && ends_with(path, extension))
            return FORMATS[i].format;
    }
    return strchr(gft_path_base(path), '.') ? GRAFT_FORMAT_NONE : GRAFT_FORMAT_SAVEDMODEL;
}

static graft_status check_free(const char *path, bool replace, graft_error *err) {
    if (gft_dir_exists(path))
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: a directory, expected the name of a file",
                        path);
    if (!replace && gft_file_exists(path))
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: exists already", path);
    return GRAFT_OK;
}

graft_status graft_model_export(const graft_model *model, graft_format format, const char *path,
                                bool replace, graft_error *err) {
    if (!path || !*path)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "export: an empty name");
    GFT_TRY(gft_model_check_weights(model, SIZE_MAX, err));
    if (format == GRAFT_FORMAT_SAVEDMODEL)
        return gft_savedmodel_write(model, path, replace, err);
    if (format == GRAFT_FORMAT_TFJS)
        return gft_tfjs_write(model, path, replace, err);
    GFT_TRY(check_free(path, replace, err));
    switch (format) {
    case GRAFT_FORMAT_KERAS:
        return gft_keras_write(model, path, err);
    case GRAFT_FORMAT_KERAS_H5:
        return gft_keras_h5_write(model, path, err);
    case GRAFT_FORMAT_KERAS_WEIGHTS:
        return gft_keras_weights_write(model, path, err);
    case GRAFT_FORMAT_TFLITE:
        return gft_tflite_write(model, path, GFT_TFLITE_FLOAT32, err);
    case GRAFT_FORMAT_TFLITE_F16:
        return gft_tflite_write(model, path, GFT_TFLITE_FLOAT16, err);
    case GRAFT_FORMAT_TFLITE_DYNAMIC:
        return gft_tflite_write(model, path, GFT_TFLITE_DYNAMIC, err);
    default:
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: the format %s is read, not written; write a SavedModel", path,
                        graft_format_name(format));
    }
}

graft_status graft_model_load_weights(graft_model *model, const char *path, bool by_name,
                                      graft_error *err) {
    if (gft_checkpoint_present(path))
        return gft_checkpoint_load_weights(model, path, by_name, err);
    if (!gft_file_exists(path))
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no such file", path);
    return gft_keras_load_weights(model, path, by_name, err);
}
