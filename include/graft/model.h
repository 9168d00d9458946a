/*
 * Models: a graph with its signatures, parameters, preprocessing and labels. A Graft model
 * directory is a TensorFlow SavedModel with assets/labels.txt and assets.extra/graft.json beside
 * it.
 *
 * Simple: graft_model_open, graft_model_predict_file. Any model on named tensors: graft_session.
 */
#ifndef GRAFT_MODEL_H
#define GRAFT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "graft/data.h"
#include "graft/status.h"
#include "graft/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A loaded model. Immutable after loading; safe to share between threads. */
typedef struct graft_model graft_model;

/**
 * Loads a model: a hub handle ("google/efficientnet/lite0/classification/1"), the path of a
 * SavedModel directory, or of a model file (`.keras`, `.h5`, `.tflite`, a frozen `.pb`, TF.js'
 * model.json). A frozen graph's inputs are its placeholders and its outputs what nothing takes;
 * "FILE.pb#OUT1,OUT2" asks for these tensors of it instead, "FILE.pb#OUT@IN1,IN2" also says where
 * it begins.
 *
 * @return OK; NOT_FOUND; DATA_LOSS for damaged files; UNIMPLEMENTED for a format or op that is not
 * read, naming it Owner: caller frees with graft_model_free().   Cost: weights are mapped, not
 * copied.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_open(const char *path_or_handle,
                                                         graft_model **out, graft_error *err);
/**
 * Loads a frozen graph with chosen inputs and outputs: nodes by name, "node:1" for a further output
 * of one. Any tensor of the graph will do; an input may lie inside.
 *
 * @param inputs  NULL: the placeholders that the outputs need
 * @param outputs NULL: the nodes that nothing takes
 * @return as graft_model_open; NOT_FOUND naming the tensor that is not there
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_open_graph(
    const char *path, const char *const *inputs, int32_t input_count, const char *const *outputs,
    int32_t output_count, graft_model **out, graft_error *err);
GRAFT_API void graft_model_free(graft_model *model);

/*
 * --- What it is; all text is borrowed from the model
 * ----------------------------------------------------------
 */

GRAFT_API const char *graft_model_name(const graft_model *model); /* handle or path as given */
GRAFT_API const char *
graft_model_backbone(const graft_model *model); /* handle of the backbone, NULL if unknown */
/**
 * The preprocessing rule it was trained with; false if it is not a picture model or says nothing.
 */
GRAFT_API bool graft_model_preprocess(const graft_model *model, graft_preprocess *out);
GRAFT_API int32_t graft_model_label_count(const graft_model *model); /* 0: no labels */
GRAFT_API const char *graft_model_label(const graft_model *model, int32_t index);
GRAFT_API int64_t graft_model_parameter_count(const graft_model *model,
                                              bool trainable_only); /* scalars */
/** The text of assets.extra/graft.json, NULL if there is none. */
GRAFT_API const char *graft_model_card_json(const graft_model *model);

GRAFT_API int32_t graft_model_signature_count(const graft_model *model);
GRAFT_API const char *graft_model_signature_name(const graft_model *model, int32_t signature);
/**
 * -1 if there is none of this name; NULL asks for the default one (serving_default, or the only
 * one).
 */
GRAFT_API int32_t graft_model_find_signature(const graft_model *model, const char *name);
/** Why a signature cannot be run here (a string op, an op not read), NULL if it can. */
GRAFT_API const char *graft_model_signature_problem(const graft_model *model, int32_t signature);
GRAFT_API int32_t graft_model_input_count(const graft_model *model, int32_t signature);
GRAFT_API int32_t graft_model_output_count(const graft_model *model, int32_t signature);
/** Name and descriptor (dimension -1: any). False if out of range. */
GRAFT_API bool graft_model_input(const graft_model *model, int32_t signature, int32_t i,
                                 const char **name, graft_tensor_desc *desc);
GRAFT_API bool graft_model_output(const graft_model *model, int32_t signature, int32_t i,
                                  const char **name, graft_tensor_desc *desc);

/** One layer of a summary. */
typedef struct graft_layer_info {
    const char *name; /* layer */
    const char *op;   /* op, or the ops of the layer joined by '+' */
    graft_tensor_desc output;
    int64_t parameters, macs; /* macs for batch 1 */
    bool trainable;
} graft_layer_info;
/**
 * Layers of a signature in order, with every unknown batch dimension as 1. Free with
 * graft_layers_free.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_layers(const graft_model *model,
                                                           int32_t signature,
                                                           graft_layer_info **out, int32_t *count,
                                                           graft_error *err);
GRAFT_API void graft_layers_free(graft_layer_info *layers);
/**
 * Ops a signature's source uses, as the source names them, with counts and whether Graft runs them.
 */
typedef struct graft_op_info {
    const char *name;
    int32_t count;
    bool supported;
    const char *node;     /* the first one that is missing; NULL if none is */
    const char *function; /* that node lies in; NULL: the main graph */
} graft_op_info;
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_ops(const graft_model *model, int32_t signature,
                                                        graft_op_info **out, int32_t *count,
                                                        graft_error *err);
GRAFT_API void graft_ops_free(graft_op_info *ops);

/*
 * --- Running -------------------------------------------------------------------------------------
 * --------------
 */

/**
 * A model signature made ready for running; keeps a small cache of plans by input shape. One thread
 * at a time.
 */
typedef struct graft_session graft_session;

/** What products are computed in and activations are kept in: GRAFT_F32, GRAFT_BF16 or GRAFT_F16 for "f32", "bf16",
 * "f16" (NULL: "f32"); INVALID_ARGUMENT suggests the nearest for another word. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_precision_parse(const char *text, graft_dtype *out,
                                                              graft_error *err);

/** threads 0: the cores there are. The model must outlive the session. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_session_new(const graft_model *model,
                                                          int32_t signature, int32_t threads,
                                                          graft_session **out, graft_error *err);
GRAFT_API void graft_session_free(graft_session *session);
/**
 * Precision of runs from now on (float32 at first). With GRAFT_BF16 or GRAFT_F16 matrix products,
 * convolutions and what lies between them use 16-bit numbers with float32 sums; inputs and outputs
 * stay as they are. Half the memory; faster where the CPU multiplies such numbers (AVX-512 BF16),
 * elsewhere emulated. Integer models are left as they are.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_session_set_precision(graft_session *session,
                                                                    graft_dtype precision,
                                                                    graft_error *err);
/**
 * Runs the signature.
 *
 * @param inputs  one per model input, matched by name (a single input may carry any name); data
 * borrowed for the call
 * @param outputs [out] output_count tensors, in the signature's order; data borrowed until the next
 * run or free; strings are views that may point into the bytes of the inputs
 * @return OK; INVALID_ARGUMENT naming the input for a wrong name, type or shape; INVALID_ARGUMENT
 * or DATA_LOSS naming the example for a tf.Example that cannot be parsed
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_session_run(graft_session *session,
                                                          const graft_tensor *inputs,
                                                          int32_t input_count,
                                                          graft_tensor *outputs,
                                                          int32_t output_count, graft_error *err);
/** Peak bytes of the workspace and of packed weights of the plan used last. */
GRAFT_API void graft_session_memory(const graft_session *session, size_t *arena_bytes,
                                    size_t *packed_bytes);

/** One step of a profile. */
typedef struct graft_profile_row {
    const char *name, *op;
    uint64_t ns; /* summed over runs */
    int64_t macs;
} graft_profile_row;
GRAFT_API void graft_session_profile(graft_session *session, bool on);
/** Rows of the plan used last; borrowed until the next run with another shape. */
GRAFT_API int32_t graft_session_profile_rows(graft_session *session,
                                             const graft_profile_row **rows);

/*
 * --- Pictures to labels
 * ------------------------------------------------------------------------------------------
 */

typedef struct graft_prediction {
    int32_t index;
    const char *label; /* borrowed; the index as text if the model has no labels */
    float score;
} graft_prediction;

/**
 * Decodes, preprocesses and classifies one file; writes the `top` best, best first; *count <= top
 * is how many.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_predict_file(graft_session *session, const char *path,
                                                           int32_t top, graft_prediction *out,
                                                           int32_t *count, graft_error *err);

/** Result of graft_evaluate; arrays of `classes`, confusion[actual * classes + predicted]. */
typedef struct graft_evaluation {
    int64_t images, skipped;
    double top1, top5, loss;
    int32_t classes;
    double *precision, *recall; /* NaN where undefined */
    int64_t *support, *confusion;
} graft_evaluation;
typedef void (*graft_progress_fn)(void *context, int64_t done, int64_t total);
/**
 * Evaluates a classifier on a split; classes are matched by name (the data set is renumbered to the
 * model's labels).
 *
 * @param options NULL: the model's own rule, on the test split, else validation, else all; never
 * shuffled or augmented
 * @param out     loss is Keras' (mean of -log p, p clipped at 1e-7); scores that are no
 * distribution count as logits Free with graft_evaluation_deinit.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_evaluate(graft_session *session,
                                                       graft_dataset *dataset,
                                                       const graft_data_options *options,
                                                       graft_progress_fn progress, void *context,
                                                       graft_evaluation *out, graft_error *err);
GRAFT_API void graft_evaluation_deinit(graft_evaluation *evaluation);

/*
 * --- Writing -------------------------------------------------------------------------------------
 * ------------------
 */

/**
 * Writes a SavedModel directory, atomically; replace: an existing Graft model directory is swapped
 * out.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_save(const graft_model *model, const char *dir,
                                                         bool replace, graft_error *err);

/** The formats that graft_model_open reads; graft_model_export writes all but GRAPHDEF. */
typedef enum graft_format {
    GRAFT_FORMAT_NONE,
    GRAFT_FORMAT_SAVEDMODEL,     /* a directory */
    GRAFT_FORMAT_GRAPHDEF,       /* a frozen graph, .pb */
    GRAFT_FORMAT_KERAS,          /* .keras */
    GRAFT_FORMAT_KERAS_H5,       /* a whole model in HDF5, .h5 */
    GRAFT_FORMAT_KERAS_WEIGHTS,  /* .weights.h5: weights alone */
    GRAFT_FORMAT_TFLITE,         /* .tflite, float32 */
    GRAFT_FORMAT_TFLITE_F16,     /* the same with float16 weights */
    GRAFT_FORMAT_TFLITE_DYNAMIC, /* the same with int8 weights, per channel */
    GRAFT_FORMAT_TFJS            /* a directory with model.json */
} graft_format;
/** The format of a word as `graft export --format` takes it ("tflite-f16"); NONE if it is none. */
GRAFT_API graft_format graft_format_named(const char *word);
/** The word of a format. */
GRAFT_API const char *graft_format_name(graft_format format);
/** The format that a file's name asks for (`graft convert IN OUT`); no extension: SavedModel. */
GRAFT_API graft_format graft_format_of_name(const char *path);
/**
 * Writes a model in a format. Files and directories are written beside, synced and renamed; the
 * same model gives the same bytes.
 *
 * @param replace a file or directory at `path` may be replaced
 * @return OK; ALREADY_EXISTS; UNIMPLEMENTED naming the node that the format cannot hold
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_export(const graft_model *model,
                                                           graft_format format, const char *path,
                                                           bool replace, graft_error *err);
/**
 * Replaces a model's weights by those of a file: `.weights.h5`, `.h5`, `.keras`, `.npz`, or a
 * TensorFlow checkpoint (its prefix or its `.index`; also a SavedModel directory). Every shape is
 * checked first; on an error nothing has changed. Not while a session uses the model.
 *
 * @param by_name legacy `.h5`: matched by layer name; layers (of a checkpoint: parameters) that are
 * not in the file are left alone
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_load_weights(graft_model *model,
                                                                 const char *path, bool by_name,
                                                                 graft_error *err);

/*
 * --- Sound
 * ------------------------------------------------------------------------------------------
 */

/** Samples of a sound file, one channel (the mean of its channels), integers scaled to -1..1. */
typedef struct graft_sound {
    float *samples;
    int64_t count;
    int32_t rate;     /* samples per second */
    int32_t channels; /* of the file */
} graft_sound;
/** Reads a WAV file: PCM of 8, 16, 24 or 32 bits, or 32-bit float. Free with graft_sound_free. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_sound_read(const char *path, graft_sound *out,
                                                         graft_error *err);
GRAFT_API void graft_sound_free(graft_sound *sound);
/** Samples that a signature with one input (windows,samples[,1]) takes at a time; 0: any number. */
GRAFT_API int64_t graft_session_sound_window(const graft_session *session);
/**
 * Runs the signature on windows of samples behind one another, the last one filled with zeros.
 *
 * @param out [out] the signature's outputs, rows of all windows behind one another; free with
 * graft_arrays_free
 * @return OK; INVALID_ARGUMENT if the signature takes no sound
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_session_run_sound(graft_session *session,
                                                                const float *samples, int64_t count,
                                                                graft_tensor **out,
                                                                int32_t *out_count,
                                                                graft_error *err);

/*
 * --- Named arrays on disk (NumPy .npz / .npy)
 * ------------------------------------------------------------------------
 */

/**
 * Reads every array of an .npz or the one of an .npy file (named after the file), or the records of
 * a TFRecord file as a vector of strings. Free with graft_arrays_free.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_arrays_read(const char *path, graft_tensor **out,
                                                          int32_t *count, graft_error *err);
GRAFT_API void graft_arrays_free(graft_tensor *arrays, int32_t count);
GRAFT_API GRAFT_MUST_CHECK graft_status graft_arrays_write(const char *path,
                                                           const graft_tensor *arrays,
                                                           int32_t count, graft_error *err);

#ifdef __cplusplus
}
#endif
#endif
