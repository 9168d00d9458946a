/* Frozen graphs, read. */
#include "models/graphdef_read.h"

graft_status gft_graphdef_read(const char *path, graft_model **out, graft_error *err) {
    (void)out;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: frozen graphs are not read yet", path);
}

graft_status gft_graphdef_build(graft_model *model, const gft_graphdef_source *source,
                                graft_error *err) {
    (void)model;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: graphs are not read yet", source->where);
}
