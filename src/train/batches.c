/*
 * Batches from the cache or from the pipeline (batches.h).
 */
#include "train/batches.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "base/size.h"

static graft_status make_buffers(gft_batches *b, const gft_split *split, graft_error *err) {
    for (int32_t i = 0; i < split->crossing_count; i++) {
        graft_tensor_desc desc = split->crossings[i];
        size_t bytes;
        desc.shape.dims[0] = b->batch_size;
        if (!gft_desc_bytes(&desc, &bytes))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "freeze line: a tensor of unknown size crosses it");
        b->crossings[i] = gft_malloc_aligned(bytes);
        if (!b->crossings[i])
            return gft_fail_memory(err, bytes, "a batch of features");
    }
    b->labels = gft_malloc((size_t)b->batch_size * sizeof *b->labels);
    return b->labels
               ? GRAFT_OK
               : gft_fail_memory(err, (unsigned long long)b->batch_size * 4, "labels of a batch");
}

static graft_status fill_cache(gft_batches *b, const gft_batches_options *o, graft_error *err) {
    GFT_TRY(gft_features_extract(&b->source, o->memory_bytes, o->spill_path, o->progress,
                                 o->context, &b->features, err));
    b->cached = true;
    b->skipped = graft_pipeline_broken_count(b->pipeline);
    b->total = b->features.count;
    graft_pipeline_free(
        b->pipeline); /* its threads and prefetched batches are not needed any more */
    b->pipeline = NULL;
    b->source.pipeline = NULL;
    b->order = gft_malloc((size_t)b->total * sizeof *b->order + 1);
    return b->order ? GRAFT_OK
                    : gft_fail_memory(err, (unsigned long long)b->total * 4, "sample order");
}

graft_status gft_batches_make(const graft_dataset *dataset, const gft_split *split,
                              gft_runner *frozen, const gft_batches_options *options,
                              gft_batches *out, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_batches b = {.batch_size = options->data->batch_size};
    GFT_GOTO(make_buffers(&b, split, err));
    GFT_GOTO(graft_pipeline_new(dataset, options->data, &b.pipeline, err));
    b.source = (gft_features_source){split, frozen, b.pipeline};
    b.total = graft_pipeline_samples(b.pipeline);
    if (options->cache)
        GFT_GOTO(fill_cache(&b, options, err));
    *out = b;
    return GRAFT_OK;
done:
    gft_batches_deinit(&b);
    return status;
}

void gft_batches_deinit(gft_batches *b) {
    graft_pipeline_free(b->pipeline);
    gft_features_deinit(&b->features);
    gft_free(b->order);
    gft_free(b->labels);
    for (int32_t i = 0; i < GFT_SPLIT_MAX_CROSSINGS; i++)
        gft_free(b->crossings[i]);
    memset(b, 0, sizeof *b);
}

graft_status gft_batches_begin(gft_batches *b, int64_t epoch, bool shuffle, uint64_t seed,
                               graft_error *err) {
    if (!b->cached)
        return graft_pipeline_begin(b->pipeline, epoch, err);
    for (int64_t i = 0; i < b->total; i++)
        b->order[i] = (uint32_t)i;
    if (shuffle) {
        gft_rng rng = gft_rng_make(seed, GFT_RNG_SHUFFLE, (uint64_t)epoch);
        gft_rng_shuffle(&rng, b->order, (uint32_t)b->total);
    }
    b->at = 0;
    return GRAFT_OK;
}

graft_status gft_batches_next(gft_batches *b, int64_t *n, graft_error *err) {
    if (b->cached) {
        *n = gft_i64_min(b->batch_size, b->total - b->at);
        gft_features_gather(&b->features, b->order + b->at, *n, b->crossings, b->labels);
        b->at += *n;
        return GRAFT_OK;
    }
    graft_batch batch;
    GFT_TRY(graft_pipeline_next(b->pipeline, &batch, err));
    *n = batch.count;
    b->skipped = graft_pipeline_broken_count(b->pipeline);
    if (batch.count == 0)
        return GRAFT_OK;
    memcpy(b->labels, batch.labels, (size_t)batch.count * sizeof *b->labels);
    return gft_features_of_batch(&b->source, &batch, b->crossings, err);
}
