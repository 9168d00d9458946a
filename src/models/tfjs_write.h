/*
 * Private to the TF.js writer: the nodes of one signature, its constants as weights, and the texts
 * made of them.
 */
#ifndef GFT_MODELS_TFJS_WRITE_H
#define GFT_MODELS_TFJS_WRITE_H

#include "base/buffer.h"
#include "models/model.h"
#include "models/savedmodel_proto.h"

#define GFT_TFJS_SHARD_BYTES ((size_t)4 << 20)

/* A constant as the shards hold it: float32, int32, bool or string. */
typedef struct gft_tfjs_weight {
    const gft_tf_node *node;
    graft_tensor_desc desc;
    const void *data;
    size_t bytes;
} gft_tfjs_weight;

typedef struct gft_tfjs_writer {
    const graft_model *model;
    gft_graph *graph; /* a clone, simplified for inference */
    gft_arena arena;
    gft_pb pb;
    gft_tf_nodes nodes;
    const char **inputs, **outputs; /* node of each of the graph's inputs and outputs */
    gft_tfjs_weight *weights;
    size_t weight_count, weight_bytes;
} gft_tfjs_writer;

/* ---- tfjs_write_adapt.c ---- */
/** Changes the graph where TF.js computes a node otherwise than TensorFlow. */
GRAFT_MUST_CHECK graft_status gft_tfjs_adapt(gft_graph *graph, graft_error *err);

/** UNIMPLEMENTED, naming the node, for an op that TF.js does not run. */
GRAFT_MUST_CHECK graft_status gft_tfjs_check_ops(const gft_tf_nodes *nodes, graft_error *err);

/* ---- tfjs_write_fuse.c ---- */
/**
 * Bias and activation behind a convolution or matrix product go into the fused node that TF.js has
 * for it.
 */
void gft_tfjs_fuse(gft_tf_nodes *nodes, const char *const *keep, size_t keep_count);

/* ---- tfjs_write_weights.c ---- */
/** Fills in weights from the Const nodes, in types that TF.js has. */
GRAFT_MUST_CHECK graft_status gft_tfjs_collect_weights(gft_tfjs_writer *w, graft_error *err);
/** Appends "weightsManifest":[...]. */
GRAFT_MUST_CHECK graft_status gft_tfjs_write_manifest(const gft_tfjs_writer *w, gft_buffer *out,
                                                      graft_error *err);
/** Writes group1-shard1ofN.bin, ... into a directory. */
GRAFT_MUST_CHECK graft_status gft_tfjs_write_shards(const gft_tfjs_writer *w, const char *dir,
                                                    graft_error *err);

/* ---- tfjs_write_json.c ---- */
/** Appends the GraphDef as protobuf's JSON mapping has it. */
GRAFT_MUST_CHECK graft_status gft_tfjs_write_topology(const gft_tfjs_writer *w, gft_buffer *out,
                                                      graft_error *err);
/** Appends {"inputs":{...},"outputs":{...}}. */
GRAFT_MUST_CHECK graft_status gft_tfjs_write_signature(const gft_tfjs_writer *w, gft_buffer *out,
                                                       graft_error *err);

#endif
