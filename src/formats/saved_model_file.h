/*
 * A SavedModel directory as protobuf structures: saved_model.pb opened, a meta graph chosen by tag.
 * Variables are read by formats/bundle.h from "<dir>/variables/variables".
 */
#ifndef GFT_FORMATS_SAVED_MODEL_FILE_H
#define GFT_FORMATS_SAVED_MODEL_FILE_H

#include <stdbool.h>

#include "formats/proto_scan.h"
#include "tensorflow.pb-c.h"

typedef struct gft_saved_model {
    gft_proto_file file; /* keeps everything below alive */
    const Tensorflow__SavedModel *proto;
    char *dir;
} gft_saved_model;

/**
 * Loads DIR/saved_model.pb; tensor bytes from 256 on stay in the mapped file (read constants with
 * gft_tensor_proto_read(&proto, &model->file.map, ...)).
 *
 * @return NOT_FOUND without such a file; UNIMPLEMENTED for a text SavedModel; DATA_LOSS for a cut
 * or foreign file, or one without a meta graph Owner: gft_saved_model_free.   Threads: immutable
 * after loading.
 */
GRAFT_MUST_CHECK graft_status gft_saved_model_load(const char *dir, gft_saved_model *out,
                                                   graft_error *err);
/**
 * The same without unpacking functions: a FunctionDef of the library has its name and, in
 * mapped_offset and mapped_bytes, where the rest of it lies (gft_proto_unpack_at).
 */
GRAFT_MUST_CHECK graft_status gft_saved_model_open(const char *dir, gft_saved_model *out,
                                                   graft_error *err);
void gft_saved_model_free(gft_saved_model *model); /* accepts a zeroed one */

/**
 * The first meta graph with this tag ("serve"); without one the only meta graph, or the one without
 * tags (inference, in modules of TensorFlow 1). NOT_FOUND names the tags there are.
 */
GRAFT_MUST_CHECK graft_status gft_saved_model_meta_graph(const gft_saved_model *model,
                                                         const char *tag,
                                                         const Tensorflow__MetaGraphDef **out,
                                                         graft_error *err);

/** True if DIR looks like a SavedModel (has saved_model.pb or .pbtxt). */
bool gft_saved_model_present(const char *dir);

/** Serializes a SavedModel into DIR/saved_model.pb. */
GRAFT_MUST_CHECK graft_status gft_saved_model_write(const char *dir,
                                                    const Tensorflow__SavedModel *proto,
                                                    graft_error *err);

/**
 * Opens a frozen GraphDef (.pb): file->message is a Tensorflow__GraphDef with at least one node;
 * functions stay in the file, as in gft_saved_model_open.
 */
GRAFT_MUST_CHECK graft_status gft_graph_def_load(const char *path, gft_proto_file *out,
                                                 graft_error *err);

#endif
