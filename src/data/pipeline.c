/*
 * Pipelines as the caller sees them: making, starting an epoch, taking batches, ending. The
 * workers' side is pipeline_work.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/pool.h"
#include "base/size.h"
#include "data/pipeline_priv.h"

#define MAX_BATCH 65536
#define MAX_PREFETCH 64
#define MAX_THREADS 256

graft_data_options graft_data_options_default(int32_t height, int32_t width) {
    return (graft_data_options){
        .preprocess = graft_preprocess_default(height, width),
        .split = GRAFT_SPLIT_TRAIN,
        .batch_size = 32,
        .seed = 1,
        .augment = "none",
        .prefetch = 2,
    };
}

static graft_status check_options(const graft_dataset *dataset, const graft_data_options *o,
                                  graft_error *err) {
    GFT_TRY(graft_preprocess_check(&o->preprocess, err));
    if (o->batch_size < 1 || o->batch_size > MAX_BATCH)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "pipeline: found batch size %d, expected 1 to %d", o->batch_size,
                        MAX_BATCH);
    if (o->prefetch < 1 || o->prefetch > MAX_PREFETCH)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "pipeline: found prefetch %d, expected 1 to %d", o->prefetch, MAX_PREFETCH);
    if (o->threads < 0 || o->threads > MAX_THREADS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "pipeline: found %d threads, expected 0 to %d",
                        o->threads, MAX_THREADS);
    if ((int)o->split < -1 || (int)o->split >= GFT_DATASET_SPLITS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "pipeline: found split %d", (int)o->split);
    for (size_t i = 0; o->ids && i < o->id_count; i++)
        if (o->ids[i] < 0 || o->ids[i] >= dataset->sample_count)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "pipeline: found sample %lld, expected 0 to %lld", (long long)o->ids[i],
                            (long long)dataset->sample_count - 1);
    return GRAFT_OK;
}

static graft_status choose_samples(graft_pipeline *p, const graft_data_options *o,
                                   graft_error *err) {
    int64_t count = o->ids ? (int64_t)o->id_count : graft_dataset_count(p->dataset, o->split);
    if (count == 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "pipeline: the data set has no %s pictures",
                        o->ids ? "chosen" : graft_split_name(o->split));
    if (count >= GFT_DATASET_MAX_SAMPLES)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "pipeline: %lld samples are too many",
                        (long long)count);
    p->ids = gft_malloc((size_t)count * sizeof *p->ids);
    p->order = gft_malloc((size_t)count * sizeof *p->order);
    p->known_broken = gft_calloc((size_t)count, 1);
    if (!p->ids || !p->order || !p->known_broken)
        return gft_fail_memory(err, (size_t)count * sizeof *p->ids, "a list of samples");
    if (o->ids) {
        memcpy(p->ids, o->ids, (size_t)count * sizeof *p->ids);
    } else {
        int64_t n = 0;
        for (int64_t id = 0; id < p->dataset->sample_count; id++)
            if (o->split == GRAFT_SPLIT_ALL || p->dataset->samples[id].split == o->split)
                p->ids[n++] = id;
    }
    p->count = count;
    return GRAFT_OK;
}

static graft_status make_buffers(graft_pipeline *p, int threads, graft_error *err) {
    size_t rows = (size_t)p->options.batch_size;
    size_t picture_bytes = p->elems * (p->slot_u8 ? 1 : sizeof(float));
    size_t batch_bytes;
    if (!gft_size_mul(rows * (p->options.as_u8 ? 1 : sizeof(float)), p->elems, &batch_bytes))
        return gft_fail_memory(err, SIZE_MAX, "a batch");
    int64_t slot_count = 4 * (int64_t)threads + 4; /* room for one slow picture among quick ones */
    p->slots = gft_calloc((size_t)slot_count, sizeof *p->slots);
    p->batches = gft_calloc((size_t)p->options.prefetch + 1, sizeof *p->batches);
    if (!p->slots || !p->batches)
        return gft_fail_memory(err, (size_t)slot_count * sizeof *p->slots, "a pipeline");
    p->slot_count = slot_count;
    p->batch_count = p->options.prefetch + 1;
    for (int64_t i = 0; i < p->slot_count; i++)
        if (!(p->slots[i].pixels = gft_malloc_aligned(picture_bytes)))
            return gft_fail_memory(err, picture_bytes, "a picture");
    for (int64_t i = 0; i < p->batch_count; i++) {
        pipe_batch *batch = &p->batches[i];
        batch->values = gft_malloc_aligned(batch_bytes);
        batch->labels = gft_malloc(rows * sizeof *batch->labels);
        batch->ids = gft_malloc(rows * sizeof *batch->ids);
        if (!batch->values || !batch->labels || !batch->ids)
            return gft_fail_memory(err, batch_bytes, "a batch");
    }
    return GRAFT_OK;
}

static graft_status start_threads(graft_pipeline *p, int threads, graft_error *err) {
    p->workers = gft_calloc((size_t)threads, sizeof *p->workers);
    if (!p->workers)
        return gft_fail_memory(err, (size_t)threads * sizeof *p->workers, "worker threads");
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < threads; i++) {
        p->workers[i] = (pipe_worker){.pipeline = p, .number = i};
        if (pthread_create(&p->workers[i].thread, NULL, gft_pipeline_worker, &p->workers[i]) != 0)
            break;
        p->worker_count++;
    }
    p->active = p->worker_count;
    pthread_mutex_unlock(&p->lock);
    if (p->worker_count == 0)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "pipeline: no worker thread can be started");
    return GRAFT_OK;
}

graft_status graft_pipeline_new(const graft_dataset *dataset, const graft_data_options *options,
                                graft_pipeline **out, graft_error *err) {
    GFT_TRY(check_options(dataset, options, err));
    const gft_augment_policy *policy;
    GFT_TRY(gft_augment_find(options->augment, &policy, err));
    graft_pipeline *p = gft_calloc(1, sizeof *p);
    if (!p)
        return gft_fail_memory(err, sizeof *p, "a pipeline");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->ready, NULL);
    p->dataset = dataset;
    p->options = *options;
    p->options.ids = NULL;
    p->options.augment = policy->name;
    p->policy = policy;
    p->elems = gft_preprocess_elems(&options->preprocess);
    p->slot_u8 = gft_preprocess_gives_u8(&options->preprocess);
    int threads = options->threads > 0 ? options->threads : gft_cpu_cores();
    threads = threads > MAX_THREADS ? MAX_THREADS : threads;
    graft_status status = GRAFT_OK;
    GFT_GOTO(choose_samples(p, options, err));
    GFT_GOTO(make_buffers(p, threads, err));
    GFT_GOTO(start_threads(p, threads, err));
    *out = p;
    return GRAFT_OK;
done:
    graft_pipeline_free(p);
    return status;
}

void graft_pipeline_free(graft_pipeline *p) {
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->worker_count; i++)
        pthread_join(p->workers[i].thread, NULL);
    for (int64_t i = 0; i < p->slot_count; i++)
        gft_free(p->slots[i].pixels);
    for (int64_t i = 0; i < p->batch_count; i++) {
        gft_free(p->batches[i].values);
        gft_free(p->batches[i].labels);
        gft_free(p->batches[i].ids);
    }
    gft_broken_list_deinit(&p->found);
    gft_broken_list_deinit(&p->reported);
    gft_free(p->slots);
    gft_free(p->batches);
    gft_free(p->workers);
    gft_free(p->ids);
    gft_free(p->order);
    gft_free(p->known_broken);
    pthread_cond_destroy(&p->ready);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    gft_free(p);
}

static void open_batch(pipe_batch *batch) {
    batch->rows = 0;
    batch->copied = 0;
    batch->closed = false;
}

/* Broken pictures that were met but never reported are forgotten, so that reports do not depend on how far the workers
 * ran ahead. */
static void forget_unreported(graft_pipeline *p) {
    for (int64_t i = 0; i < p->found.count; i++)
        p->known_broken[p->found.items[i].index] = 0;
    gft_broken_list_clear(&p->found);
}

graft_status graft_pipeline_begin(graft_pipeline *p, int64_t epoch, graft_error *err) {
    if (epoch < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "pipeline: found epoch %lld, expected 0 or more", (long long)epoch);
    pthread_mutex_lock(&p->lock);
    p->running = false;
    while (p->busy > 0)
        pthread_cond_wait(&p->ready, &p->lock);
    forget_unreported(p);
    for (int64_t i = 0; i < p->slot_count; i++)
        p->slots[i].state = SLOT_FREE;
    for (int64_t i = 0; i < p->batch_count; i++)
        open_batch(&p->batches[i]);
    for (int64_t i = 0; i < p->count; i++)
        p->order[i] = (uint32_t)i;
    if (p->options.shuffle) {
        gft_rng rng = gft_rng_make(p->options.seed, GFT_RNG_SHUFFLE, (uint64_t)epoch);
        gft_rng_shuffle(&rng, p->order, (uint32_t)p->count);
    }
    p->epoch = epoch;
    p->next = 0;
    p->frontier = 0;
    p->filling = 0;
    p->good = 0;
    p->released = 0;
    p->ended = false;
    memset(&p->failure, 0, sizeof p->failure);
    p->running = true;
    p->tuned_at_ns = gft_clock_ns();
    p->worker_wait_ns = 0;
    p->consumer_wait_ns = 0;
    p->batches_since_tuned = 0;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    p->holding = false;
    p->begun = true;
    return GRAFT_OK;
}

/* Waits, with the lock held, until batch `number` is there or never will be. */
static bool wait_for_batch(graft_pipeline *p, int64_t number) {
    const pipe_batch *batch = &p->batches[number % p->batch_count];
    uint64_t from = gft_clock_ns();
    bool there = false;
    for (;;) {
        there = number < p->filling && batch->closed && batch->copied == batch->rows;
        bool never = number >= p->filling && (p->ended || p->failure.code != GRAFT_OK);
        if (there || never)
            break;
        pthread_cond_wait(&p->ready, &p->lock);
    }
    p->consumer_wait_ns += gft_clock_ns() - from;
    return there;
}

/* Moves broken pictures up to batch `number` to the reported ones. Lock held. Returns how many. */
static int64_t take_broken(graft_pipeline *p, int64_t number, graft_error *err,
                           graft_status *status) {
    int64_t taken = 0;
    while (taken < p->found.count && p->found.items[taken].batch <= number) {
        if (!gft_broken_list_add(&p->reported, p->found.items[taken])) {
            *status = gft_fail_memory(err, sizeof(pipe_broken), "the list of broken pictures");
            break;
        }
        taken++;
    }
    if (taken == 0)
        return 0;
    p->found.count -= taken;
    memmove(p->found.items, p->found.items + taken,
            (size_t)p->found.count * sizeof *p->found.items);
    return taken;
}

static graft_status fail_without_batch(graft_pipeline *p, graft_error *err) {
    if (p->failure.code != GRAFT_OK)
        return gft_fail(err, p->failure.code, "%s", p->failure.message);
    if (p->good == 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "pipeline: not one of %lld pictures can be read", (long long)p->count);
    return GRAFT_OK;
}

graft_status graft_pipeline_next(graft_pipeline *p, graft_batch *out, graft_error *err) {
    if (!p->begun)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "pipeline: next was called before begin");
    graft_status status = GRAFT_OK;
    const graft_preprocess *rule = &p->options.preprocess;
    graft_batch made = {.height = rule->height, .width = rule->width};

    pthread_mutex_lock(&p->lock);
    if (p->holding) {
        open_batch(&p->batches[p->released % p->batch_count]);
        p->released++;
        p->holding = false;
        pthread_cond_broadcast(&p->work);
    }
    int64_t number = p->released;
    bool there = wait_for_batch(p, number);
    int64_t broken = 0;
    if (there || p->failure.code == GRAFT_OK)
        broken = take_broken(p, number, err, &status);
    if (there) {
        const pipe_batch *batch = &p->batches[number % p->batch_count];
        made.count = batch->rows;
        made.f32 = p->options.as_u8 ? NULL : batch->values;
        made.u8 = p->options.as_u8 ? batch->values : NULL;
        made.labels = batch->labels;
        made.ids = batch->ids;
        p->holding = true;
        gft_pipeline_tune(p);
    } else if (status == GRAFT_OK) {
        status = fail_without_batch(p, err);
    }
    pthread_mutex_unlock(&p->lock);

    for (int64_t i = p->reported.count - broken; i < p->reported.count && p->options.on_broken;
         i++) {
        const pipe_broken *item = &p->reported.items[i];
        p->options.on_broken(p->options.context, item->id, p->dataset->samples[item->id].path,
                             item->reason);
    }
    if (status == GRAFT_OK)
        *out = made;
    return status;
}

int64_t graft_pipeline_samples(const graft_pipeline *p) {
    return p->count;
}

int32_t graft_pipeline_workers(const graft_pipeline *p) {
    return p->active;
}

int64_t graft_pipeline_broken_count(const graft_pipeline *p) {
    return p->reported.count;
}

bool graft_pipeline_broken(const graft_pipeline *p, int64_t i, int64_t *id, const char **path,
                           const char **reason) {
    if (i < 0 || i >= p->reported.count)
        return false;
    const pipe_broken *item = &p->reported.items[i];
    *id = item->id;
    *path = p->dataset->samples[item->id].path;
    *reason = item->reason;
    return true;
}
