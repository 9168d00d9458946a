/*
 * Packing a data set into TFRecord files. Pictures are decoded by several threads, a few at a time,
 * to know that they can be and how large they are; they are written in the order of their ids, each
 * shard a stretch of them.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/size.h"
#include "data/dataset.h"
#include "formats/example.h"
#include "formats/tfrecord_file.h"

#define CHUNK 64 /* pictures in memory at a time */
#define MAX_SHARDS 99999

graft_pack_options graft_pack_options_default(void) {
    return (graft_pack_options){.shards = 0};
}

/* One picture on its way. */
typedef struct item {
    int64_t id;
    const uint8_t *bytes;
    size_t count;
    uint8_t *owned;
    int32_t height, width;
    graft_error reason; /* code OK: it can be decoded */
} item;

typedef struct packing {
    const graft_dataset *dataset;
    const graft_pack_options *options;
    gft_pool *pool;
    char *stem; /* of names */
    bool by_split;
    char **made; /* names of files that are there now */
    int32_t made_count;
    int64_t done;
    graft_pack_report report;
    gft_example_writer example;
    gft_buffer record;
    item items[CHUNK];
} packing;

/* ---- names ---- */

static int64_t shards_of(const packing *p, int64_t pictures) {
    return gft_i64_max(1, gft_i64_min(p->options->shards, pictures));
}

static char *shard_name(const packing *p, graft_split split, int64_t shard, int64_t shards) {
    const char *dash = p->by_split ? "-" : "";
    const char *name = p->by_split ? graft_split_name(split) : "";
    if (p->options->shards == 0)
        return gft_format("%s%s%s.tfrecord", p->stem, dash, name);
    return gft_format("%s%s%s-%05d-of-%05d.tfrecord", p->stem, dash, name, (int)shard, (int)shards);
}

static graft_status find_stem(packing *p, const char *out, graft_error *err) {
    const char *base = gft_path_base(out);
    const char *extension = strstr(base, ".tfrec");
    const size_t length = extension ? (size_t)(extension - out) : strlen(out);
    if (*base == '\0' || extension == base)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "pack: '%s' names no file", out);
    if (gft_dir_exists(out))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "pack: %s is a folder; give a file's name",
                        out);
    p->stem = gft_strndup(out, length);
    return p->stem ? GRAFT_OK : gft_fail_memory(err, length, "a file name");
}

static graft_status make_folder(const char *out, graft_error *err) {
    char *folder = gft_path_dir(out);
    if (!folder)
        return gft_fail_memory(err, strlen(out), "a path");
    const graft_status status = gft_dir_exists(folder) ? GRAFT_OK : gft_dir_make(folder, err);
    gft_free(folder);
    return status;
}

/* Takes over `name`; it is removed again if packing fails. */
static graft_status remember(packing *p, char *name, graft_error *err) {
    char **made = gft_realloc(p->made, ((size_t)p->made_count + 1) * sizeof *made);
    if (!made) {
        (void)unlink(name);
        gft_free(name);
        return gft_fail_memory(err, sizeof *made, "file names");
    }
    p->made = made;
    p->made[p->made_count++] = name;
    return GRAFT_OK;
}

static graft_status check_free(const packing *p, const char *name, graft_error *err) {
    if (!p->options->replace && gft_file_exists(name))
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: exists already", name);
    return GRAFT_OK;
}

/* ---- pictures ---- */

static void load_task(void *context, int64_t task, int worker) {
    packing *p = context;
    item *it = &p->items[task];
    gft_picture picture;
    (void)worker;
    memset(&it->reason, 0, sizeof it->reason);
    graft_status status =
        gft_dataset_encoded(p->dataset, it->id, &it->bytes, &it->count, &it->owned, &it->reason);
    if (status == GRAFT_OK)
        status = gft_picture_decode(it->bytes, it->count, p->dataset->samples[it->id].path,
                                    &picture, &it->reason);
    if (status != GRAFT_OK) {
        it->reason.code = status;
        return;
    }
    it->height = picture.height;
    it->width = picture.width;
    gft_picture_deinit(&picture);
}

static const char *format_of(const uint8_t *bytes, size_t count) {
    if (count >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
        return "jpeg";
    if (count >= 4 && memcmp(bytes, "\x89PNG", 4) == 0)
        return "png";
    return count >= 2 && memcmp(bytes, "BM", 2) == 0 ? "bmp" : "webp";
}

/* The name a picture had: below the root, or in the record it comes from. */
static graft_string_view name_of(const packing *p, const gft_sample *sample) {
    const char *path = sample->path;
    const size_t root = p->options->root ? strlen(p->options->root) : 0;
    if (sample->record && sample->record->file.bytes > 0)
        return sample->record->file;
    if (root > 0 && strncmp(path, p->options->root, root) == 0) {
        path += root;
        path += strspn(path, "/");
    }
    return (graft_string_view){path, strlen(path)};
}

static graft_status write_item(packing *p, const item *it, gft_tfrecord_writer *writer,
                               graft_error *err) {
    const gft_sample *sample = &p->dataset->samples[it->id];
    const char *text = p->dataset->classes[sample->label];
    const char *format = format_of(it->bytes, it->count);
    const graft_string_view name = name_of(p, sample);
    const int64_t label = sample->label;
    const int64_t height = it->height;
    const int64_t width = it->width;
    gft_example_writer *e = &p->example;
    GFT_TRY(gft_example_put_int64(e, "image/class/label", &label, 1, err));
    GFT_TRY(gft_example_put_bytes(e, "image/class/text", text, strlen(text), err));
    GFT_TRY(gft_example_put_bytes(e, "image/encoded", it->bytes, it->count, err));
    GFT_TRY(gft_example_put_bytes(e, "image/filename", name.data, name.bytes, err));
    GFT_TRY(gft_example_put_bytes(e, "image/format", format, strlen(format), err));
    GFT_TRY(gft_example_put_int64(e, "image/height", &height, 1, err));
    GFT_TRY(gft_example_put_int64(e, "image/width", &width, 1, err));
    gft_buffer_clear(&p->record);
    GFT_TRY(gft_example_finish(e, &p->record, err));
    return gft_tfrecord_writer_add(writer, p->record.data, p->record.bytes, err);
}

static graft_status take_item(packing *p, const item *it, gft_tfrecord_writer *writer,
                              graft_error *err) {
    if (it->reason.code == GRAFT_RESOURCE_EXHAUSTED)
        return gft_fail(err, it->reason.code, "%s", it->reason.message);
    if (it->reason.code != GRAFT_OK) {
        p->report.broken++;
        if (p->options->on_broken)
            p->options->on_broken(p->options->context, it->id, p->dataset->samples[it->id].path,
                                  it->reason.message);
        return GRAFT_OK;
    }
    p->report.pictures++;
    return write_item(p, it, writer, err);
}

static graft_status write_chunk(packing *p, int64_t count, gft_tfrecord_writer *writer,
                                graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_pool_run(p->pool, count, load_task, p);
    for (int64_t i = 0; i < count; i++) {
        if (status == GRAFT_OK)
            status = take_item(p, &p->items[i], writer, err);
        gft_free(p->items[i].owned);
        p->items[i].owned = NULL;
    }
    p->done += count;
    if (p->options->progress)
        p->options->progress(p->options->context, p->done, p->dataset->sample_count);
    return status;
}

/* ---- files ---- */

/* One shard: the samples ids[0..count). */
static graft_status write_shard(packing *p, const int64_t *ids, int64_t count, const char *path,
                                graft_error *err) {
    gft_tfrecord_writer *writer = NULL;
    graft_status status;
    GFT_TRY(gft_tfrecord_writer_open(
        path, p->options->gzip ? GFT_TFRECORD_GZIP : GFT_TFRECORD_PLAIN, &writer, err));
    for (int64_t at = 0; at < count; at += CHUNK) {
        const int64_t n = gft_i64_min(CHUNK, count - at);
        for (int64_t i = 0; i < n; i++)
            p->items[i] = (item){.id = ids[at + i]};
        GFT_GOTO(write_chunk(p, n, writer, err));
    }
    GFT_GOTO(gft_tfrecord_writer_commit(writer, err));
done:
    gft_tfrecord_writer_free(writer);
    return status;
}

static graft_status write_split(packing *p, graft_split split, const int64_t *ids, int64_t count,
                                bool check_only, graft_error *err) {
    const int64_t shards = shards_of(p, count);
    for (int64_t s = 0; s < shards; s++) {
        const int64_t from = count * s / shards;
        char *name = shard_name(p, split, s, shards);
        if (!name)
            return gft_fail_memory(err, strlen(p->stem), "a file name");
        graft_status status =
            check_only ? check_free(p, name, err)
                       : write_shard(p, ids + from, count * (s + 1) / shards - from, name, err);
        if (status != GRAFT_OK || check_only)
            gft_free(name);
        else
            status = remember(p, name, err);
        GFT_TRY(status);
        p->report.files += !check_only;
    }
    return GRAFT_OK;
}

static graft_status write_labels(packing *p, bool check_only, graft_error *err) {
    gft_buffer text;
    graft_status status = GRAFT_OK;
    char *name = gft_format("%s.labels.txt", p->stem);
    gft_buffer_init(&text, (size_t)1 << 30);
    if (!name)
        return gft_fail_memory(err, strlen(p->stem), "a file name");
    if (check_only)
        GFT_GOTO(check_free(p, name, err));
    for (int32_t i = 0; i < p->dataset->class_count && !check_only; i++)
        GFT_GOTO(gft_buffer_format(&text, err, "%s\n", p->dataset->classes[i]));
    if (!check_only)
        GFT_GOTO(gft_file_write(name, text.data, text.bytes, err));
done:
    gft_free(name);
    gft_buffer_deinit(&text);
    return status;
}

static graft_status write_all(packing *p, bool check_only, graft_error *err) {
    const graft_dataset *d = p->dataset;
    graft_status status = GRAFT_OK;
    int64_t *ids = gft_malloc(((size_t)d->sample_count + 1) * sizeof *ids);
    if (!ids)
        return gft_fail_memory(err, (size_t)d->sample_count * sizeof *ids, "a list of samples");
    for (int split = 0; split < GFT_DATASET_SPLITS; split++) {
        int64_t n = 0;
        for (int64_t id = 0; id < d->sample_count; id++) {
            if (!p->by_split || (int)d->samples[id].split == split)
                ids[n++] = id;
        }
        if (n > 0 && (p->by_split || split == 0))
            GFT_GOTO(write_split(p, (graft_split)split, ids, n, check_only, err));
    }
    GFT_GOTO(write_labels(p, check_only, err));
done:
    gft_free(ids);
    return status;
}

static void clean_up(packing *p, bool failed) {
    for (int32_t i = 0; i < p->made_count; i++) {
        if (failed)
            (void)unlink(p->made[i]);
        gft_free(p->made[i]);
    }
    gft_free(p->made);
    gft_free(p->stem);
    gft_example_writer_deinit(&p->example);
    gft_buffer_deinit(&p->record);
    gft_pool_free(p->pool);
    gft_free(p);
}

graft_status graft_data_pack(const graft_dataset *dataset, const char *out,
                             const graft_pack_options *options, graft_pack_report *report,
                             graft_error *err) {
    const graft_pack_options defaults = graft_pack_options_default();
    const graft_pack_options *o = options ? options : &defaults;
    graft_status status;
    if (o->shards < 0 || o->shards > MAX_SHARDS || o->threads < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "pack: %d shards and %d threads, expected 0 to %d shards", (int)o->shards,
                        (int)o->threads, MAX_SHARDS);
    packing *p = gft_calloc(1, sizeof *p);
    if (!p)
        return gft_fail_memory(err, sizeof *p, "packing");
    p->dataset = dataset;
    p->options = o;
    gft_example_writer_init(&p->example);
    gft_buffer_init(&p->record, INT32_MAX);
    p->by_split = graft_dataset_count(dataset, GRAFT_SPLIT_TRAIN) != dataset->sample_count;
    GFT_GOTO(find_stem(p, out, err));
    GFT_GOTO(gft_pool_new(o->threads, &p->pool, err));
    GFT_GOTO(write_all(p, true, err));
    GFT_GOTO(make_folder(out, err));
    GFT_GOTO(write_all(p, false, err));
    if (report)
        *report = p->report;
done:
    clean_up(p, status != GRAFT_OK);
    return status;
}
