/* Keras models, written. */
#include "models/model.h"

graft_status gft_keras_write(const graft_model *model, const char *path, graft_error *err) {
    (void)model;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: Keras files are not written yet", path);
}

graft_status gft_keras_h5_write(const graft_model *model, const char *path, graft_error *err) {
    return gft_keras_write(model, path, err);
}

graft_status gft_keras_weights_write(const graft_model *model, const char *path, graft_error *err) {
    return gft_keras_write(model, path, err);
}
