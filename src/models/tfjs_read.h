/*
 * Private to the TF.js reader: model.json parsed, its weights as tensors over the mapped shards,
 * its topology as a GraphDef message. Everything lives in one object that the model keeps open.
 */
#ifndef GFT_MODELS_TFJS_READ_H
#define GFT_MODELS_TFJS_READ_H

#include <jansson.h>

#include "models/graphdef_read.h"
#include "models/model.h"

#define GFT_TFJS_MAX_JSON_BYTES ((size_t)256 << 20)
#define GFT_TFJS_MAX_SHARDS ((size_t)1 << 14)

typedef struct gft_tfjs_file {
    const char *where; /* path of model.json */
    const char *dir;   /* where the shards lie */
    gft_arena arena;
    gft_map *shards;
    size_t shard_count;
    graft_tensor *weights; /* in the order of the manifest */
    size_t weight_count;
} gft_tfjs_file;

/* ---- tfjs_weights.c ---- */
/**
 * Maps the shards of a weightsManifest (NULL: none) and fills in file->weights. Weights borrow from
 * a shard where they lie aligned in one, else are copied; quantised ones are made float32 (or
 * int32) as TF.js does.
 */
GRAFT_MUST_CHECK graft_status gft_tfjs_read_weights(gft_tfjs_file *file, const json_t *manifest,
                                                    graft_error *err);

/* ---- tfjs_values.c ---- */
/** A member of an object under its JSON name or the proto's own; NULL if there is none. */
const json_t *gft_tfjs_member(const json_t *object, const char *camel, const char *snake);
/** {"dim": [{"size": "-1"}, ...]}; NULL or null is a scalar. */
GRAFT_MUST_CHECK graft_status gft_tfjs_read_shape(gft_tfjs_file *file, const json_t *json,
                                                  Tensorflow__TensorShapeProto **out,
                                                  graft_error *err);
/** "DT_FLOAT" or its number. */
GRAFT_MUST_CHECK graft_status gft_tfjs_read_dtype(const gft_tfjs_file *file, const json_t *json,
                                                  int32_t *out, graft_error *err);
/** An attribute's value; `where` names it in messages. */
GRAFT_MUST_CHECK graft_status gft_tfjs_read_attr(gft_tfjs_file *file, const json_t *json,
                                                 const char *where, Tensorflow__AttrValue **out,
                                                 graft_error *err);

/* ---- tfjs_topology.c ---- */
/**
 * A GraphDef as protobuf's JSON mapping writes it. Const nodes that file->weights has a value for
 * come without theirs.
 */
GRAFT_MUST_CHECK graft_status gft_tfjs_read_topology(gft_tfjs_file *file, const json_t *topology,
                                                     Tensorflow__GraphDef **out, graft_error *err);

/* ---- tfjs_layers.c ---- */
/** A Keras model: its configuration, and weights by "layer/variable". */
GRAFT_MUST_CHECK graft_status gft_tfjs_read_layers(gft_tfjs_file *file, const json_t *topology,
                                                   graft_model *model, graft_error *err);

#endif
