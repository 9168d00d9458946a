/*
 * The inside of a data set: a list of samples and a list of class names, filled by a folder or a
 * CSV file.
 */
#ifndef GFT_DATA_DATASET_H
#define GFT_DATA_DATASET_H

#include "base/arena.h"
#include "base/error.h"
#include "graft/data.h"

#define GFT_DATASET_SPLITS 3
#define GFT_DATASET_MAX_SAMPLES ((int64_t)1 << 31)
#define GFT_DATASET_MAX_CLASSES 1000000

typedef struct gft_sample {
    const char *path; /* in the arena */
    int32_t label;
    graft_split split;
} gft_sample;

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
    int64_t *counts; /* heap, [split][label], made by gft_dataset_recount */
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

/** "train", "val", "validation", "test" to a split; false for other words. */
bool gft_split_parse(const char *name, graft_split *out);

#endif
