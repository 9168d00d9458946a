/*
 * The model object behind graft/model.h: signatures over one parameter set, with preprocessing,
 * labels and card. Format readers and family builders make it; writers take it. The graph that was
 * read or built is kept as it is.
 */
#ifndef GFT_MODELS_MODEL_H
#define GFT_MODELS_MODEL_H

#include "base/file.h"
#include "graft/data.h"
#include "graft/model.h"
#include "graph/graph.h"

#define GFT_SIGNATURE_RANKS 6 /* 0 to 5 */

typedef struct gft_signature {
    const char *name; /* "serving_default" */
    gft_graph *graph; /* owned; NULL if it cannot be run here */
    /*
     * Of a signature with one input of any rank: its graph for an input of that rank, NULL if it
     * takes none. Owned.
     */
    gft_graph *by_rank[GFT_SIGNATURE_RANKS];
    const char *free_input; /* the name of that input; NULL: there is none */
    const char *problem;    /* why not */
    graft_op_info *ops;     /* what the source used; may be NULL */
    int32_t op_count;
} gft_signature;

/*
 * What must stay alive because parameters borrow from it (a mapped checkpoint); closed with the
 * model.
 */
typedef struct gft_model_keep {
    void (*close)(void *object);
    void *object;
    /* checks what is mapped and was not looked at yet; NULL: there is nothing to check */
    graft_status (*check)(void *object, size_t most, graft_error *err);
} gft_model_keep;

#define GFT_MODEL_MAX_SIGNATURES 16
#define GFT_MODEL_MAX_KEEPS 8

struct graft_model {
    gft_arena arena; /* text */
    gft_params params;
    gft_signature signatures[GFT_MODEL_MAX_SIGNATURES];
    int32_t signature_count;
    gft_model_keep keeps[GFT_MODEL_MAX_KEEPS];
    int32_t keep_count;
    const char *name;     /* as given by the user */
    const char *backbone; /* handle, may be NULL */
    const char *backbone_sha256;
    bool has_preprocess;
    graft_preprocess preprocess;
    /* What the first input of a file without normalisation in its graph wants: (x - mean) / std of
     * pixels 0..255, for one or for each channel; count 0: nothing is said (TFLite's metadata) */
    float normalise_mean[4], normalise_std[4];
    int32_t normalise_count;
    const char **labels;
    int32_t label_count;
    const char *card;               /* JSON text of assets.extra/graft.json */
    struct gft_keras_layout *keras; /* of a model read from Keras' files: its layers; else NULL */
};

GRAFT_MUST_CHECK graft_status gft_model_new(graft_model **out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_model_keep_open(graft_model *model, void (*close)(void *),
                                                  void *object, graft_error *err);
/** The same with a check of the object's bytes, which gft_model_check_weights calls. */
GRAFT_MUST_CHECK graft_status gft_model_keep_checked(graft_model *model, void (*close)(void *),
                                                     graft_status (*check)(void *, size_t,
                                                                           graft_error *),
                                                     void *object, graft_error *err);
/**
 * Checksums of weights that were mapped and not read, of up to `most` bytes each: DATA_LOSS names
 * the damaged tensor. Called by whoever reads weights first; each tensor is checked once. Writers
 * and training check all (SIZE_MAX), sessions those up to GFT_MODEL_CHECKED_BYTES: of a larger
 * table few rows may be used.
 */
#define GFT_MODEL_CHECKED_BYTES ((size_t)256 << 20)
GRAFT_MUST_CHECK graft_status gft_model_check_weights(const graft_model *model, size_t most,
                                                      graft_error *err);
GRAFT_MUST_CHECK graft_status gft_model_add_signature(graft_model *model, const char *name,
                                                      gft_graph *graph_take, graft_error *err);
/** The graph for an input of this rank where the signature leaves the rank open, else its graph. */
const gft_graph *gft_signature_graph(const gft_signature *signature, int32_t rank);
GRAFT_MUST_CHECK graft_status gft_model_set_labels(graft_model *model, const char *const *labels,
                                                   int32_t count, graft_error *err);
/**
 * The same from a text with a label a line; an empty last line does not count. Changes the text.
 */
GRAFT_MUST_CHECK graft_status gft_model_set_label_lines(graft_model *model, char *text,
                                                        graft_error *err);
/**
 * graft.json to fields and back (jansson). set_card parses; make_card writes model->card from the
 * fields plus `extra` (JSON object text, may be NULL).
 */
GRAFT_MUST_CHECK graft_status gft_model_set_card(graft_model *model, const char *json,
                                                 const char *where, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_model_make_card(graft_model *model, const char *extra,
                                                  graft_error *err);

/* --- TensorFlow: models/savedmodel_read*.c, models/savedmodel_write*.c --- */

/**
 * Reads a SavedModel directory into a model (graphs, parameters mapped from variables/, labels,
 * card).
 */
GRAFT_MUST_CHECK graft_status gft_savedmodel_read(const char *dir, graft_model **out,
                                                  graft_error *err);
/**
 * Writes a SavedModel that TensorFlow, tf_hub, Keras' TFSMLayer, the TFLite converter and the C API
 * load: signature serving_default from signatures[0], serving_jpeg when it takes pictures and
 * has_preprocess, __call__(inputs, training), variables, trainable_variables,
 * regularization_losses. Atomic.
 */
GRAFT_MUST_CHECK graft_status gft_savedmodel_write(const graft_model *model, const char *dir,
                                                   bool replace, graft_error *err);

/**
 * Values of a TensorFlow checkpoint into a model's parameters, by name:
 * models/checkpoint_weights.c. path: the prefix, the `.index` file, or a SavedModel directory.
 * Every shape is checked before anything changes; by_name: parameters that are not in it keep their
 * values.
 */
GRAFT_MUST_CHECK graft_status gft_checkpoint_load_weights(graft_model *model, const char *path,
                                                          bool by_name, graft_error *err);
bool gft_checkpoint_present(const char *path);

/* --- Other formats: each reader fills signatures, parameters, labels, preprocessing and card as far
 * as its file has them; each writer writes beside, syncs and renames, and gives the same bytes for
 * the same model --- */

/** A frozen GraphDef (.pb): models/graphdef_read.c. One signature, serving_default: its inputs are
 * the placeholders, its outputs the nodes that nothing takes. */
GRAFT_MUST_CHECK graft_status gft_graphdef_read(const char *path, graft_model **out,
                                                graft_error *err);
/** A whole Keras model, `.keras` or legacy `.h5` (told by content): models/keras_read*.c. */
GRAFT_MUST_CHECK graft_status gft_keras_read(const char *path, graft_model **out, graft_error *err);
/**
 * Values of `.weights.h5`, a legacy weights or whole-model `.h5`, `.keras`, or `.npz` into a
 * model's parameters: models/keras_weights.c. Every shape is checked before anything changes.
 * by_name: legacy `.h5` by layer name, layers that are not in the file keep their values.
 */
GRAFT_MUST_CHECK graft_status gft_keras_load_weights(graft_model *model, const char *path,
                                                     bool by_name, graft_error *err);
/** `.keras`, whole-model `.h5`, `.weights.h5`: models/keras_write*.c. */
GRAFT_MUST_CHECK graft_status gft_keras_write(const graft_model *model, const char *path,
                                              graft_error *err);
GRAFT_MUST_CHECK graft_status gft_keras_h5_write(const graft_model *model, const char *path,
                                                 graft_error *err);
GRAFT_MUST_CHECK graft_status gft_keras_weights_write(const graft_model *model, const char *path,
                                                      graft_error *err);
/** `.tflite`: models/tflite_read*.c, models/tflite_write*.c. */
GRAFT_MUST_CHECK graft_status gft_tflite_read(const char *path, graft_model **out,
                                              graft_error *err);
/** The same over bytes, which (with their name) are borrowed while the model lives. */
GRAFT_MUST_CHECK graft_status gft_tflite_read_memory(const void *data, size_t bytes,
                                                     const char *where, graft_model **out,
                                                     graft_error *err);
typedef enum gft_tflite_weights {
    GFT_TFLITE_FLOAT32,
    GFT_TFLITE_FLOAT16, /* weights float16, each behind a DEQUANTIZE */
    GFT_TFLITE_DYNAMIC, /* weights of conv, depthwise, dense int8 per channel; the rest float32 */
} gft_tflite_weights;
GRAFT_MUST_CHECK graft_status gft_tflite_write(const graft_model *model, const char *path,
                                               gft_tflite_weights weights, graft_error *err);
/** TF.js graph model, the path of a directory or of its model.json: models/tfjs_*.c. */
GRAFT_MUST_CHECK graft_status gft_tfjs_read(const char *path, graft_model **out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_tfjs_write(const graft_model *model, const char *dir,
                                             bool replace, graft_error *err);

/* --- Families: models/<family>.c --- */

/*
 * Weights by name while a family is built: returns data (borrowed, keeps as long as the source) or
 * an error. desc is what the builder expects: dtype and shape are checked.
 */
typedef graft_status (*gft_weight_source)(void *context, const char *name,
                                          const graft_tensor_desc *desc, const void **data,
                                          graft_error *err);

/**
 * EfficientNet-Lite0..4 feature vector (classes = 0) or classification; input float32 RGB 0..255,
 * normalised inside.
 */
GRAFT_MUST_CHECK graft_status gft_efficientnet_lite_build(graft_model *model, int32_t variant,
                                                          int32_t classes, gft_weight_source source,
                                                          void *context, graft_error *err);

/* --- Heads: models/head.c --- */

/**
 * Appends "dense:128,relu/dropout:0.5" and then dense(classes)+softmax to a graph. Parameters
 * "head/dense/kernel", ... are added (Glorot uniform by seed, zero bias) under layers "head/dense",
 * "head/dropout", "head/predictions".
 * @param logits [out] value before softmax
 */
GRAFT_MUST_CHECK graft_status gft_head_append(gft_graph *graph, gft_value_id features,
                                              const char *spec, int32_t classes, uint64_t seed,
                                              gft_value_id *logits, gft_value_id *probabilities,
                                              graft_error *err);
/** Checks a head's text alone. */
GRAFT_MUST_CHECK graft_status gft_head_check(const char *spec, graft_error *err);

#endif
