/*
 * TF.js layers models: a Keras configuration whose weights lie in the shards.
 */
#include "models/tfjs_read.h"

graft_status gft_tfjs_read_layers(gft_tfjs_file *file, const json_t *topology, graft_model *model,
                                  graft_error *err) {
    (void)topology;
    (void)model;
    return gft_fail(err, GRAFT_UNIMPLEMENTED,
                    "%s: a layers model; convert it to a graph model first", file->where);
}
