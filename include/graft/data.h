/*
 * Pictures on disk as batches for training, evaluation and prediction.
 *
 * Simple: graft_preprocess_file turns one picture into a float tensor. Data sets:
 * graft_dataset_open lists labelled pictures, graft_pipeline_new reads, decodes, augments,
 * shuffles, batches and prefetches them in the manner of tf.data. Pictures are RGB, NHWC, values
 * 0..255; normalisation belongs to the model.
 */
#ifndef GRAFT_DATA_H
#define GRAFT_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * --- Preprocessing rule
 * -------------------------------------------------------------------------------------
 */

/** How a picture of any shape is brought to height x width. */
typedef enum graft_resize_mode {
    GRAFT_RESIZE_SQUEEZE = 0, /* "squeeze": the whole picture, its ratio given up (the default) */
    GRAFT_RESIZE_CROP =
        1, /* "crop": the centre, cut by crop_padding or crop_fraction, then resized */
    GRAFT_RESIZE_PAD = 2 /* "pad": the whole picture, its ratio kept, centred on pad_value */
} graft_resize_mode;

typedef enum graft_interpolation {
    GRAFT_NEAREST = 0,  /* "nearest" */
    GRAFT_BILINEAR = 1, /* "bilinear" */
    GRAFT_BICUBIC = 2,  /* "bicubic", Keys a = -0.5 */
    GRAFT_AREA = 3,     /* "area": PIL's BOX, TensorFlow's area */
    GRAFT_LANCZOS3 = 4  /* "lanczos3" */
} graft_interpolation;

/**
 * Whose arithmetic: PIL's Image.resize (8-bit after each pass) or TensorFlow's tf.image.resize
 * (float).
 */
typedef enum graft_resize_flavour {
    GRAFT_FLAVOUR_PIL =
        0, /* "pil": antialiased whatever `antialias` says (nearest apart), as PIL is */
    GRAFT_FLAVOUR_TF =
        1 /* "tf": half-pixel centres; follows `antialias` (nearest and area never filter) */
} graft_resize_flavour;

/** A preprocessing rule; travels with a model (graft.json) and is a plain value. */
typedef struct graft_preprocess {
    int32_t height; /* 1..65500 */
    int32_t width;  /* 1..65500 */
    graft_resize_mode mode;
    graft_interpolation interpolation;
    graft_resize_flavour flavour;
    bool antialias;
    int32_t
        crop_padding; /* crop, fraction 0: cuts a centre square of int(size/(size+padding) * min(h,w)); 32 */
    double
        crop_fraction; /* crop: fraction of the shorter side to keep, in (0,1]; 0 = use crop_padding */
    int32_t pad_value; /* pad: 0..255, 127 */
} graft_preprocess;

/**
 * The product's default for an input of this size: PIL's bicubic with antialias, the whole picture
 * squeezed.
 */
GRAFT_API graft_preprocess graft_preprocess_default(int32_t height, int32_t width);
/** INVALID_ARGUMENT, naming the field, unless every field is in its range. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_preprocess_check(const graft_preprocess *rule,
                                                               graft_error *err);

/* The words of JSON files and flags; a name for a number out of range is "?". */
GRAFT_API const char *graft_resize_mode_name(graft_resize_mode mode);
GRAFT_API const char *graft_interpolation_name(graft_interpolation interpolation);
GRAFT_API const char *graft_resize_flavour_name(graft_resize_flavour flavour);
/* The way back; INVALID_ARGUMENT lists the right words. *out is untouched on error. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_resize_mode_parse(const char *name,
                                                                graft_resize_mode *out,
                                                                graft_error *err);
GRAFT_API GRAFT_MUST_CHECK graft_status graft_interpolation_parse(const char *name,
                                                                  graft_interpolation *out,
                                                                  graft_error *err);
GRAFT_API GRAFT_MUST_CHECK graft_status graft_resize_flavour_parse(const char *name,
                                                                   graft_resize_flavour *out,
                                                                   graft_error *err);

/**
 * Decodes one picture file (JPEG, PNG, BMP, WebP, told by its content) and applies the rule.
 *
 * @param out [out] float32, height*width*3 values, NHWC, RGB, 0..255; unspecified on error
 * @return OK; NOT_FOUND or PERMISSION_DENIED for the file; INVALID_ARGUMENT if it is no picture;
 * DATA_LOSS if it is a
 *         damaged or truncated one; UNIMPLEMENTED for a kind of picture that is not read
 * Threads: safe.   EXIF orientation is not applied, as in TensorFlow and Keras.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_preprocess_file(const graft_preprocess *rule,
                                                              const char *path, float *out,
                                                              graft_error *err);
/** As graft_preprocess_file, from bytes; `where` names them in messages. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_preprocess_bytes(const graft_preprocess *rule,
                                                               const void *bytes, size_t count,
                                                               const char *where, float *out,
                                                               graft_error *err);
/**
 * As graft_preprocess_file, from pixels already decoded: uint8, height*width*3, RGB (video frames).
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_preprocess_pixels(const graft_preprocess *rule,
                                                                const uint8_t *pixels,
                                                                int32_t height, int32_t width,
                                                                float *out, graft_error *err);

/** Writes uint8 pixels (1 channel grey or 3 RGB, rows without gaps) as a PNG file, atomically. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_picture_write_png(const char *path,
                                                                const uint8_t *pixels,
                                                                int32_t height, int32_t width,
                                                                int32_t channels, graft_error *err);

/*
 * --- Data sets
 * ----------------------------------------------------------------------------------------------
 */

typedef enum graft_split {
    GRAFT_SPLIT_ALL = -1, /* every sample; not the split of any one */
    GRAFT_SPLIT_TRAIN = 0,
    GRAFT_SPLIT_VALIDATION = 1,
    GRAFT_SPLIT_TEST = 2
} graft_split;

/** "train", "val", "test" or "all". */
GRAFT_API const char *graft_split_name(graft_split split);

/**
 * A list of labelled pictures; samples are numbered 0..count-1. One thread at a time while changed,
 * else shared.
 */
typedef struct graft_dataset graft_dataset;

enum {
    GRAFT_DATASET_ONE_CLASS_OK = 1 << 0,  /* a single class is no error (evaluation) */
    GRAFT_DATASET_EMPTY_CLASS_OK = 1 << 1 /* nor is a class folder without pictures */
};

/**
 * Lists a data set: a folder of class folders; a folder with train/ and any of val/ (or
 * validation/) and test/, each of class folders; a CSV file of `path,label` lines (header optional,
 * RFC 4180 quotes, paths relative to the CSV); TFRecord files of tf.Examples.
 *
 * TFRecord files: one, a folder of them (or of train/, val/, test/ with them), a pattern ("p-*"),
 * or what the names of all shards begin with; gzip and zlib are told by content. A file whose name
 * says train, val, validation or test is of that split. Pictures are the feature image/encoded (or
 * image, encoded, ...), labels image/class/label (or label, class, ...) by number, beginning at 0
 * or 1, or by name; names are image/class/text's or those of BEGINNING.labels.txt or labels.txt
 * beside the files. Files stay open; pictures are decoded where they lie.
 *
 * Classes are sorted by the bytes of their names, samples by class, then name (a CSV keeps its
 * order). Pictures are the files ending in jpg, jpeg, png, bmp or webp, in subfolders of a class
 * too; others are counted and left alone, and so are names beginning with '.'. Every line of a CSV
 * is a picture; a header may name a column `split` (train, val, test). A data set without splits is
 * all train. Picture files are not opened here.
 *
 * @param flags GRAFT_DATASET_..., 0 for none
 * @return OK; NOT_FOUND; FAILED_PRECONDITION for no pictures, one class only or an empty class;
 * INVALID_ARGUMENT for a
 *         bad CSV line or record; DATA_LOSS for damaged TFRecord files
 * Owner: caller frees with graft_dataset_free().
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_dataset_open(const char *path, uint32_t flags,
                                                           graft_dataset **out, graft_error *err);
GRAFT_API void graft_dataset_free(graft_dataset *dataset);

GRAFT_API int32_t graft_dataset_class_count(const graft_dataset *dataset);
/** Class name, or NULL if out of range; borrowed from the data set, as all text below is. */
GRAFT_API const char *graft_dataset_class_name(const graft_dataset *dataset, int32_t label);
GRAFT_API int64_t graft_dataset_count(const graft_dataset *dataset, graft_split split);
/** Samples of one class in one split. */
GRAFT_API int64_t graft_dataset_class_samples(const graft_dataset *dataset, graft_split split,
                                              int32_t label);
/** Files that are no pictures by their extension. */
GRAFT_API int64_t graft_dataset_ignored_count(const graft_dataset *dataset);
/** True if the folder had train/ and its sisters. */
GRAFT_API bool graft_dataset_is_presplit(const graft_dataset *dataset);

/*
 * Of sample `id` (0..graft_dataset_count(ALL)-1): NULL or -1 if out of range. Paths open from the
 * working directory; of a record the path is "file#number", for people.
 */
GRAFT_API const char *graft_dataset_sample_path(const graft_dataset *dataset, int64_t id);
GRAFT_API int32_t graft_dataset_sample_label(const graft_dataset *dataset, int64_t id);
GRAFT_API graft_split graft_dataset_sample_split(const graft_dataset *dataset, int64_t id);

/** As graft_preprocess_file, of a sample: a file or a record. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_dataset_preprocess(const graft_dataset *dataset,
                                                                 int64_t id,
                                                                 const graft_preprocess *rule,
                                                                 float *out, graft_error *err);

/**
 * Moves a share of the train samples to validation, per class (rounded, at least one stays in
 * train), by seed.
 * @return OK; INVALID_ARGUMENT unless 0 <= fraction < 1; FAILED_PRECONDITION if there are
 * validation samples already
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_dataset_split_validation(graft_dataset *dataset,
                                                                       double fraction,
                                                                       uint64_t seed,
                                                                       graft_error *err);
/**
 * Writes a fold 0..folds-1 for every sample of `split` (-1 for the others) into
 * fold_of[count(ALL)]; per class.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_dataset_folds(const graft_dataset *dataset,
                                                            graft_split split, int32_t folds,
                                                            uint64_t seed, int32_t *fold_of,
                                                            graft_error *err);
/**
 * Renumbers labels to a model's class list; NOT_FOUND if the data set has a class that is not in
 * it.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_dataset_relabel(graft_dataset *dataset,
                                                              const char *const *classes,
                                                              int32_t count, graft_error *err);

/*
 * --- Pipeline
 * -----------------------------------------------------------------------------------------------
 */

/**
 * Called from graft_pipeline_next for each picture that could not be read, once per pipeline and
 * picture.
 */
typedef void (*graft_broken_fn)(void *context, int64_t id, const char *path, const char *reason);

/** Settings of a pipeline; begin from graft_data_options_default(). */
typedef struct graft_data_options {
    graft_preprocess preprocess;
    graft_split split;  /* which samples (TRAIN); GRAFT_SPLIT_ALL for every one */
    const int64_t *ids; /* instead of split: these samples in this order; copied; NULL */
    size_t id_count;
    int32_t batch_size;  /* 1..65536, 32 */
    bool shuffle;        /* a new order each epoch, by seed (false) */
    uint64_t seed;       /* 1 */
    const char *augment; /* "none" (default), "flip", "basic" = flip + small random crop; copied */
    bool as_u8;          /* batches of uint8 instead of float32 (TF flavour: rounded) */
    bool drop_remainder; /* leave out a last batch that is not full (false) */
    bool strict;         /* a broken picture is an error instead of being skipped (false) */
    int32_t threads;  /* most worker threads, 0 = the cores there are; the number in use is tuned */
    int32_t prefetch; /* batches made ahead, 1..64 (2) */
    graft_broken_fn on_broken; /* may be NULL */
    void *context;
} graft_data_options;

/** The defaults above, for an input of this size. */
GRAFT_API graft_data_options graft_data_options_default(int32_t height, int32_t width);

/**
 * One batch; count 0 ends the epoch. Borrowed: valid until the next call of next, begin or free.
 */
typedef struct graft_batch {
    int32_t count;         /* N: batch_size, less in the last batch */
    int32_t height, width; /* of each picture; 3 channels */
    const float *f32;      /* (N,H,W,3), 64-byte aligned; NULL with as_u8 */
    const uint8_t *u8;     /* the same with as_u8, else NULL */
    const int32_t *labels; /* N */
    const int64_t *ids;    /* N */
} graft_batch;

/**
 * Reads a data set batch by batch. One thread at a time; the data set is borrowed and must not
 * change meanwhile.
 */
typedef struct graft_pipeline graft_pipeline;

/**
 * Makes a pipeline and its threads; nothing is read before graft_pipeline_begin.
 *
 * The same seed and epoch give the same batches byte for byte, whatever the number of threads.
 * Memory: prefetch + 1 batches and 4 * threads + 4 pictures of the result's size.
 * @return OK; INVALID_ARGUMENT names a bad setting; FAILED_PRECONDITION if there is no sample;
 * RESOURCE_EXHAUSTED Owner: caller frees with graft_pipeline_free(), at any moment.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_pipeline_new(const graft_dataset *dataset,
                                                           const graft_data_options *options,
                                                           graft_pipeline **out, graft_error *err);
GRAFT_API void graft_pipeline_free(graft_pipeline *pipeline);
/** Starts an epoch (0, 1, ...; any order); what was left of the one before is dropped. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_pipeline_begin(graft_pipeline *pipeline,
                                                             int64_t epoch, graft_error *err);
/**
 * Waits for the next batch. A broken picture is left out and the next good one takes its place.
 * @return OK (count 0 at the end of the epoch); the picture's own error when strict;
 * FAILED_PRECONDITION if not one
 *         picture of the epoch can be read, or before begin; RESOURCE_EXHAUSTED when out of memory
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_pipeline_next(graft_pipeline *pipeline,
                                                            graft_batch *batch, graft_error *err);
/** Samples in an epoch, broken ones included. */
GRAFT_API int64_t graft_pipeline_samples(const graft_pipeline *pipeline);
/** Worker threads in use at present. */
GRAFT_API int32_t graft_pipeline_workers(const graft_pipeline *pipeline);
/** Broken pictures reported so far, over all epochs, each once. */
GRAFT_API int64_t graft_pipeline_broken_count(const graft_pipeline *pipeline);
/** The i-th of them: id, path and reason (borrowed from the pipeline); false if out of range. */
GRAFT_API bool graft_pipeline_broken(const graft_pipeline *pipeline, int64_t i, int64_t *id,
                                     const char **path, const char **reason);

/*
 * --- Packing into TFRecord files
 * -------------------------------------------------------------------------------------
 */

typedef struct graft_pack_options {
    int32_t shards;   /* files per split, 0: one without a number in its name; at most 99999 (0) */
    bool gzip;        /* compressed (false) */
    bool replace;     /* existing files may be replaced (false) */
    int32_t threads;  /* that decode; 0: the cores there are */
    const char *root; /* taken off the front of image/filename; NULL: nothing is */
    void (*progress)(void *context, int64_t done, int64_t total); /* may be NULL */
    graft_broken_fn on_broken; /* a picture that cannot be decoded is left out; may be NULL */
    void *context;
} graft_pack_options;
GRAFT_API graft_pack_options graft_pack_options_default(void);

/** What was written. */
typedef struct graft_pack_report {
    int64_t pictures, broken;
    int32_t files;
} graft_pack_report;

/**
 * Writes a data set as tf.Examples in TFRecord files, in the order of its samples: the same data
 * gives the same bytes. Keys: image/encoded (the file as it is), image/format, image/filename,
 * image/height, image/width, image/class/label, image/class/text. Of out "p.tfrecord", names are
 * p.tfrecord, p-00000-of-00004.tfrecord; with several splits p-train..., p-val..., p-test...; class
 * names lie in p.labels.txt.
 *
 * @return OK; ALREADY_EXISTS; INVALID_ARGUMENT; what writing says. After a failure no file of it is
 * left
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_data_pack(const graft_dataset *dataset,
                                                        const char *out,
                                                        const graft_pack_options *options,
                                                        graft_pack_report *report,
                                                        graft_error *err);

/*
 * --- Import
 * -------------------------------------------------------------------------------------------------
 */

typedef struct graft_import_options {
    uint64_t seed;        /* of the split (1) */
    double test_fraction; /* share of each class that goes to test/, [0,1) (0.25) */
} graft_import_options;
GRAFT_API graft_import_options graft_import_options_default(void);

/** What an import wrote. */
typedef struct graft_import_report {
    int32_t classes;
    int64_t train, test; /* pictures written */
    int64_t left_out;    /* pictures of the source that the kind's rule leaves out */
} graft_import_report;

/**
 * Turns a published archive into class folders dir/train and dir/test; the picture files are
 * written as they are.
 *
 * @param kind   "elpv": the elpv-dataset wheel (solar cells; evaluation only, CC BY-NC-SA 4.0)
 * @param dir    must not exist; appears complete or not at all
 * @param report [out] may be NULL
 * @return OK; INVALID_ARGUMENT for an unknown kind or an archive without the kind's files;
 * ALREADY_EXISTS; NOT_FOUND;
 *         DATA_LOSS for a damaged archive
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_data_import(const char *kind, const char *file,
                                                          const char *dir,
                                                          const graft_import_options *options,
                                                          graft_import_report *report,
                                                          graft_error *err);
/** The i-th known kind and its one-line description; false past the end. */
GRAFT_API bool graft_data_import_kind(size_t i, const char **kind, const char **description);

#ifdef __cplusplus
}
#endif
#endif
