/*
 * Features: what crosses the freeze line, for every picture of a split, computed once. In memory up
 * to a budget, beyond it in an unlinked file reserved in full beforehand (a full disk is an error,
 * not a crash).
 */
#ifndef GFT_TRAIN_FEATURES_H
#define GFT_TRAIN_FEATURES_H

#include "graft/data.h"
#include "train/runner.h"
#include "train/split.h"

typedef struct gft_features {
    int64_t count; /* samples held (broken pictures left out) */
    int64_t capacity;
    int64_t elems; /* floats per sample, all crossings one behind the other */
    int32_t crossing_count;
    int64_t crossing_elems[GFT_SPLIT_MAX_CROSSINGS];
    float *data; /* capacity x elems */
    int32_t *labels;
    size_t mapped_bytes; /* > 0: data is a mapped file */
} gft_features;

typedef struct gft_features_source {
    const gft_split *split;
    gft_runner *frozen;       /* NULL: the pictures themselves cross */
    graft_pipeline *pipeline; /* at the split wanted, not shuffled */
} gft_features_source;

/** Called after each batch; false stops (CANCELLED). */
typedef bool (*gft_features_progress)(void *context, int64_t done, int64_t total);

/** Floats per picture that cross; 0 if a crossing has unknown dimensions beyond the batch. */
int64_t gft_features_elems(const gft_split *split);

/**
 * Runs the pictures of one epoch through the frozen side.
 *
 * @param memory_bytes up to this many bytes stay in memory
 * @param spill_path   name of the file beyond that (unlinked at once)
 */
GRAFT_MUST_CHECK graft_status gft_features_extract(const gft_features_source *source,
                                                   uint64_t memory_bytes, const char *spill_path,
                                                   gft_features_progress progress, void *context,
                                                   gft_features *out, graft_error *err);
void gft_features_deinit(gft_features *features);
/** Copies samples (by index) into one dense buffer per crossing, and their labels. */
void gft_features_gather(const gft_features *features, const uint32_t *index, int64_t n,
                         float *const *crossings, int32_t *labels);
/** Runs one batch of pictures; crossings[i] (n x crossing_elems[i]) receive the result. */
GRAFT_MUST_CHECK graft_status gft_features_of_batch(const gft_features_source *source,
                                                    const graft_batch *batch,
                                                    float *const *crossings, graft_error *err);

#endif
