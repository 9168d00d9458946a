#include "models/savedmodel_write.h"
graft_status gft_sm_write_jpeg(gft_sm_writer *w, gft_sm_signature *signature, graft_error *err) {
    (void)w;(void)signature;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "later");
}
