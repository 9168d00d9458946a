/*
 * The feature cache (features.h).
 */
#include "train/features.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "base/size.h"

static int64_t crossing_elems(const graft_tensor_desc *desc) {
    graft_shape one = desc->shape;
    if (one.rank < 1 || desc->dtype != GRAFT_F32)
        return 0;
    one.dims[0] = 1;
    return gft_i64_max(gft_shape_elems(&one), 0);
}

int64_t gft_features_elems(const gft_split *split) {
    int64_t sum = 0;
    for (int32_t i = 0; i < split->crossing_count; i++) {
        int64_t n = crossing_elems(&split->crossings[i]);
        if (n == 0)
            return 0;
        sum += n;
    }
    return sum;
}

static graft_status map_spill(gft_features *f, size_t bytes, const char *path, graft_error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) { /* left by a killed run */
        (void)unlink(path);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0)
        return gft_fail_errno(err, errno, "open", path);
    (void)unlink(path);
    int failed = posix_fallocate(fd, 0, (off_t)bytes);
    void *p = failed ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int saved = failed ? failed : errno;
    (void)close(fd);
    if (p == MAP_FAILED)
        return gft_fail_errno(err, saved, "reserve room for features in", path);
    f->data = p;
    f->mapped_bytes = bytes;
    return GRAFT_OK;
}

static graft_status reserve(gft_features *f, uint64_t memory_bytes, const char *spill_path,
                            graft_error *err) {
    size_t bytes;
    if (!gft_size_mul((size_t)f->capacity, (size_t)f->elems, &bytes) ||
        !gft_size_mul(bytes, sizeof(float), &bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "features: too many pictures");
    f->labels = gft_malloc((size_t)f->capacity * sizeof *f->labels + 1);
    if (!f->labels)
        return gft_fail_memory(err, (unsigned long long)f->capacity * 4, "labels");
    if (bytes > memory_bytes)
        return map_spill(f, bytes, spill_path, err);
    f->data = gft_malloc_aligned(bytes);
    return f->data ? GRAFT_OK : gft_fail_memory(err, bytes, "cached features");
}

graft_status gft_features_of_batch(const gft_features_source *source, const graft_batch *batch,
                                   float *const *crossings, graft_error *err) {
    if (!source->frozen) {
        size_t bytes =
            (size_t)batch->count * (size_t)batch->height * (size_t)batch->width * 3 * sizeof(float);
        memcpy(crossings[0], batch->f32, bytes);
        return GRAFT_OK;
    }
    gft_run *run;
    void *outputs[GFT_SPLIT_MAX_CROSSINGS];
    const void *inputs[1] = {batch->f32};
    for (int32_t i = 0; i < source->split->crossing_count; i++)
        outputs[i] = crossings[i];
    GFT_TRY(gft_runner_get(source->frozen, batch->count, &run, err));
    return gft_run_execute(run, inputs, outputs, err);
}

/*
 * One crossing is computed where it is kept; several are interleaved per sample through a bounce
 * buffer.
 */
static graft_status extract_batch(const gft_features_source *source, const graft_batch *batch,
                                  gft_features *f, float *bounce, graft_error *err) {
    float *crossings[GFT_SPLIT_MAX_CROSSINGS];
    float *at = f->crossing_count == 1 ? f->data + f->count * f->elems : bounce;
    for (int32_t i = 0; i < f->crossing_count; i++) {
        crossings[i] = at;
        at += batch->count * f->crossing_elems[i];
    }
    GFT_TRY(gft_features_of_batch(source, batch, crossings, err));
    for (int32_t n = 0; f->crossing_count > 1 && n < batch->count; n++) {
        float *to = f->data + (f->count + n) * f->elems;
        for (int32_t i = 0; i < f->crossing_count; i++) {
            size_t elems = (size_t)f->crossing_elems[i];
            memcpy(to, crossings[i] + (size_t)n * elems, elems * sizeof(float));
            to += elems;
        }
    }
    memcpy(f->labels + f->count, batch->labels, (size_t)batch->count * sizeof *f->labels);
    f->count += batch->count;
    return GRAFT_OK;
}

graft_status gft_features_extract(const gft_features_source *source, uint64_t memory_bytes,
                                  const char *spill_path, gft_features_progress progress,
                                  void *context, gft_features *out, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_features f = {.crossing_count = source->split->crossing_count,
                      .elems = gft_features_elems(source->split)};
    float *bounce = NULL;
    size_t bounce_elems = 0;
    f.capacity = graft_pipeline_samples(source->pipeline);
    for (int32_t i = 0; i < f.crossing_count; i++)
        f.crossing_elems[i] = crossing_elems(&source->split->crossings[i]);
    GFT_GOTO(reserve(&f, memory_bytes, spill_path, err));
    GFT_GOTO(graft_pipeline_begin(source->pipeline, 0, err));
    for (;;) {
        graft_batch batch;
        GFT_GOTO(graft_pipeline_next(source->pipeline, &batch, err));
        if (batch.count == 0)
            break;
        size_t need = f.crossing_count > 1 ? (size_t)batch.count * (size_t)f.elems : 0;
        if (need > bounce_elems) {
            gft_free(bounce);
            bounce = gft_malloc_aligned(need * sizeof(float));
            if (!bounce) {
                status = gft_fail_memory(err, need * sizeof(float), "features of a batch");
                goto done;
            }
            bounce_elems = need;
        }
        GFT_GOTO(extract_batch(source, &batch, &f, bounce, err));
        if (progress && !progress(context, f.count, f.capacity)) {
            status =
                gft_fail(err, GRAFT_CANCELLED, "training was stopped while features were computed");
            goto done;
        }
    }
    *out = f;
    memset(&f, 0, sizeof f);
done:
    gft_free(bounce);
    gft_features_deinit(&f);
    return status;
}

void gft_features_deinit(gft_features *features) {
    if (features->mapped_bytes > 0)
        (void)munmap(features->data, features->mapped_bytes);
    else
        gft_free(features->data);
    gft_free(features->labels);
    memset(features, 0, sizeof *features);
}

void gft_features_gather(const gft_features *f, const uint32_t *index, int64_t n,
                         float *const *crossings, int32_t *labels) {
    for (int64_t i = 0; i < n; i++) {
        const float *from = f->data + (int64_t)index[i] * f->elems;
        for (int32_t c = 0; c < f->crossing_count; c++) {
            size_t elems = (size_t)f->crossing_elems[c];
            memcpy(crossings[c] + (size_t)i * elems, from, elems * sizeof(float));
            from += elems;
        }
        labels[i] = f->labels[index[i]];
    }
}
