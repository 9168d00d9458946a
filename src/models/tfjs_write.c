/* TF.js, written. */
#include "models/model.h"

graft_status gft_tfjs_write(const graft_model *model, const char *dir, bool replace,
                            graft_error *err) {
    (void)model;
    (void)replace;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: TF.js models are not written yet", dir);
}
