/* Keras models, read. */
#include "models/model.h"

graft_status gft_keras_read(const char *path, graft_model **out, graft_error *err) {
    (void)out;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: Keras files are not read yet", path);
}
