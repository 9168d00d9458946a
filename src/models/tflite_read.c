/* TFLite, read. */
#include "models/model.h"

graft_status gft_tflite_read(const char *path, graft_model **out, graft_error *err) {
    (void)out;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: TFLite files are not read yet", path);
}
