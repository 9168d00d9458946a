/* Weights, read. */
#include "models/model.h"

graft_status gft_keras_load_weights(graft_model *model, const char *path, bool by_name,
                                    graft_error *err) {
    (void)model;
    (void)by_name;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: weights are not read yet", path);
}
