/* TFLite, written. */
#include "models/model.h"

graft_status gft_tflite_write(const graft_model *model, const char *path,
                              gft_tflite_weights weights, graft_error *err) {
    (void)model;
    (void)weights;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: TFLite files are not written yet", path);
}
