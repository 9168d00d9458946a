/*
 * Batches of what crosses the freeze line, with labels: from cached features, or straight from the
 * picture pipeline (augmentation, or nothing frozen). The rest of the trainer does not see the
 * difference.
 */
#ifndef GFT_TRAIN_BATCHES_H
#define GFT_TRAIN_BATCHES_H

#include "train/features.h"

typedef struct gft_batches {
    bool cached;
    gft_features features;      /* cached */
    gft_features_source source; /* streamed */
    graft_pipeline *pipeline;   /* owned; NULL once everything is cached */
    uint32_t *order;            /* cached: sample order of the epoch */
    int64_t at;
    int64_t batch_size;
    float *crossings[GFT_SPLIT_MAX_CROSSINGS]; /* of the current batch */
    int32_t *labels;
    int64_t total;   /* samples in an epoch */
    int64_t skipped; /* broken pictures */
} gft_batches;

typedef struct gft_batches_options {
    const graft_data_options *data; /* pipeline settings; split, augment, shuffle included */
    bool cache;                     /* run the frozen side once, now */
    uint64_t memory_bytes;
    const char *spill_path;
    gft_features_progress progress; /* of filling the cache */
    void *context;
} gft_batches_options;

/** split and frozen (NULL: pictures cross) are borrowed. Owner: gft_batches_deinit. */
GRAFT_MUST_CHECK graft_status gft_batches_make(const graft_dataset *dataset, const gft_split *split,
                                               gft_runner *frozen,
                                               const gft_batches_options *options, gft_batches *out,
                                               graft_error *err);
void gft_batches_deinit(gft_batches *batches);
/** Starts an epoch; shuffle orders it by (seed, epoch). */
GRAFT_MUST_CHECK graft_status gft_batches_begin(gft_batches *batches, int64_t epoch, bool shuffle,
                                                uint64_t seed, graft_error *err);
/** *n rows are in crossings and labels; 0 ends the epoch. */
GRAFT_MUST_CHECK graft_status gft_batches_next(gft_batches *batches, int64_t *n, graft_error *err);

#endif
