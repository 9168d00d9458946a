/*
 * The inside of a data set: a list of samples and a list of class names, filled by a folder, a CSV
 * file or TFRecord files.
 */
#ifndef GFT_DATA_DATASET_H
#define GFT_DATA_DATASET_H

#include "base/arena.h"
#include "base/error.h"
#include "formats/picture.h"
#include "graft/data.h"
#include "graft/tensor.h"

#define GFT_DATASET_SPLITS 3
#define GFT_DATASET_MAX_SAMPLES ((int64_t)1 << 31)
#define GFT_DATASET_MAX_CLASSES 1000000

/* A picture in a TFRecord file; everything lies in the open file. */
typedef struct gft_record_picture {
    const uint8_t *record;
    size_t record_bytes;
    const uint8_t *picture;
    size_t picture_bytes;
    graft_string_view file; /* the picture's name before it was packed; bytes 0: none */
} gft_record_picture;

typedef struct gft_sample {
    const char *path; /* in the arena; of a record "file#number", which does not open */
    int32_t label;
    graft_split split;
    const gft_record_picture *record; /* in the arena; NULL: the picture is a file */
} gft_sample;

struct gft_records;

struct graft_dataset {
    gft_arena arena;      /* names and paths */
    const char **classes; /* heap, by label */
    int32_t class_count;
    int32_t class_capacity;
    gft_sample *samples; /* heap, by id */
    int64_t sample_count;
    int64_t sample_capacity;
    int64_t ignored;
    bool presplit;
    int64_t *counts;             /* heap, [split][label], made by gft_dataset_recount */
    struct gft_records *records; /* open TFRecord files; NULL: none */
};

/**
 * Adds a class and gives its label; names are taken as they come (sort them first). Refuses control
 * characters.
 */
GRAFT_MUST_CHECK graft_status gft_dataset_add_class(graft_dataset *dataset, const char *name,
                                                    const char *where, int32_t *label,
                                                    graft_error *err);
/** Label of a class by name among the sorted classes, or -1. */
int32_t gft_dataset_find_class(const graft_dataset *dataset, const char *name);
/** Adds a sample; the path is copied. */
GRAFT_MUST_CHECK graft_status gft_dataset_add_sample(graft_dataset *dataset, const char *path,
                                                     int32_t label, graft_split split,
                                                     graft_error *err);
/** Counts samples per split and class anew. */
GRAFT_MUST_CHECK graft_status gft_dataset_recount(graft_dataset *dataset, graft_error *err);

/** Fill an empty data set from a folder or a CSV file. */
GRAFT_MUST_CHECK graft_status gft_dataset_read_folder(graft_dataset *dataset, const char *path,
                                                      uint32_t flags, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_dataset_read_csv(graft_dataset *dataset, const char *path,
                                                   graft_error *err);

/** Fills an empty data set from TFRecord files (dataset_tfrecord.c). */
GRAFT_MUST_CHECK graft_status gft_dataset_read_tfrecord(graft_dataset *dataset, const char *path,
                                                        graft_error *err);
/** Whether a path is one of TFRecord files: by its name, its content, or what lies in a folder. */
bool gft_dataset_is_tfrecord(const char *path);
void gft_records_free(struct gft_records *records);
/** Compares a record with its checksum. */
GRAFT_MUST_CHECK graft_status gft_record_picture_check(const gft_record_picture *picture,
                                                       const char *where, graft_error *err);

/** Decodes the picture of a sample; the caller frees it with gft_picture_deinit. */
GRAFT_MUST_CHECK graft_status gft_dataset_picture(const graft_dataset *dataset, int64_t id,
                                                  gft_picture *picture, graft_error *err);
/** The encoded bytes of a sample: borrowed (*owned NULL), or read into *owned, to be gft_freed. */
GRAFT_MUST_CHECK graft_status gft_dataset_encoded(const graft_dataset *dataset, int64_t id,
                                                  const uint8_t **bytes, size_t *count,
                                                  uint8_t **owned, graft_error *err);

/** "train", "val", "validation", "test" to a split; false for other words. */
bool gft_split_parse(const char *name, graft_split *out);

#endif
