/*
 * Data sets from TFRecord files of tf.Examples. The files stay open (mapped where they are not
 * compressed) and samples point into them; a picture's record is checked against its checksum when
 * the picture is decoded, not when it is listed.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/size.h"
#include "data/dataset.h"
#include "data/records.h"

struct gft_records {
    gft_tfrecord_file *files;
    size_t count;
};

/* One listed record, until the classes are known. */
typedef struct listing {
    gft_record_facts *facts;
    const uint8_t **records;
    size_t *bytes;
    int64_t count, capacity;
} listing;

void gft_records_free(struct gft_records *records) {
    if (!records)
        return;
    for (size_t i = 0; i < records->count; i++)
        gft_tfrecord_file_close(&records->files[i]);
    gft_free(records->files);
    gft_free(records);
}

static graft_status make_room(listing *l, graft_error *err) {
    if (l->count < l->capacity)
        return GRAFT_OK;
    if (l->count >= GFT_DATASET_MAX_SAMPLES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "data set: more than %lld samples",
                        (long long)GFT_DATASET_MAX_SAMPLES);
    const size_t larger = l->capacity ? 2 * (size_t)l->capacity : 256;
    gft_record_facts *facts = gft_realloc(l->facts, larger * sizeof *facts);
    if (facts)
        l->facts = facts;
    const uint8_t **records = gft_realloc(l->records, larger * sizeof *records);
    if (records)
        l->records = records;
    size_t *bytes = gft_realloc(l->bytes, larger * sizeof *bytes);
    if (bytes)
        l->bytes = bytes;
    if (!facts || !records || !bytes)
        return gft_fail_memory(err, larger * sizeof *facts, "a list of records");
    l->capacity = (int64_t)larger;
    return GRAFT_OK;
}

static void free_listing(listing *l) {
    gft_free(l->facts);
    gft_free(l->records);
    gft_free(l->bytes);
}

/* Records of one file. `where` becomes "file#number" for messages. */
static graft_status list_file(listing *l, const gft_tfrecord_file *file, const char *path,
                              graft_error *err) {
    gft_tfrecord_reader r = gft_tfrecord_reader_make(file->data, file->bytes, path, false);
    for (;;) {
        const uint8_t *record;
        size_t bytes;
        const uint64_t number = r.count;
        const graft_status status = gft_tfrecord_skip(&r, &record, &bytes, err);
        if (status == GRAFT_OUT_OF_RANGE)
            return GRAFT_OK;
        if (status != GRAFT_OK)
            return status;
        GFT_TRY(make_room(l, err));
        char *where = gft_format("%s#%llu", path, (unsigned long long)number);
        if (!where)
            return gft_fail_memory(err, strlen(path), "a path");
        const graft_status read =
            gft_record_facts_read(record, bytes, where, &l->facts[l->count], err);
        gft_free(where);
        GFT_TRY(read);
        l->records[l->count] = record;
        l->bytes[l->count++] = bytes;
    }
}

/* "file#3 (daisy/17.jpg)": what a sample is called. */
static char *sample_name(const char *path, int64_t number, graft_string_view file) {
    if (file.bytes == 0 || file.bytes > 1024)
        return gft_format("%s#%lld", path, (long long)number);
    return gft_format("%s#%lld (%.*s)", path, (long long)number, (int)file.bytes, file.data);
}

static graft_status add_sample(graft_dataset *dataset, const listing *l, int64_t i,
                               const gft_record_path *path, int64_t number, int32_t label,
                               graft_error *err) {
    gft_record_picture *picture = gft_arena_alloc(&dataset->arena, sizeof *picture);
    char *name = sample_name(path->path, number, l->facts[i].file);
    if (!picture || !name) {
        gft_free(name);
        return gft_fail_memory(err, sizeof *picture, "a sample");
    }
    const graft_status status = gft_dataset_add_sample(dataset, name, label, path->split, err);
    gft_free(name);
    GFT_TRY(status);
    *picture = (gft_record_picture){.record = l->records[i],
                                    .record_bytes = l->bytes[i],
                                    .picture = (const uint8_t *)l->facts[i].picture.data,
                                    .picture_bytes = l->facts[i].picture.bytes,
                                    .file = l->facts[i].file};
    dataset->samples[dataset->sample_count - 1].record = picture;
    return GRAFT_OK;
}

static graft_status open_files(graft_dataset *dataset, const gft_record_paths *paths, listing *l,
                               int64_t *ends, graft_error *err) {
    struct gft_records *records = gft_calloc(1, sizeof *records);
    if (!records)
        return gft_fail_memory(err, sizeof *records, "TFRecord files");
    dataset->records = records;
    records->files = gft_calloc(paths->count, sizeof *records->files);
    if (!records->files)
        return gft_fail_memory(err, paths->count * sizeof *records->files, "TFRecord files");
    for (size_t i = 0; i < paths->count; i++) {
        GFT_TRY(gft_tfrecord_file_open(paths->items[i].path, &records->files[i], err));
        records->count++;
        GFT_TRY(list_file(l, &records->files[i], paths->items[i].path, err));
        ends[i] = l->count;
    }
    return GRAFT_OK;
}

static graft_status fill(graft_dataset *dataset, const gft_record_paths *paths, graft_error *err) {
    listing l = {NULL};
    int32_t *labels = NULL;
    graft_status status = GRAFT_OK;
    int64_t *ends = gft_calloc(paths->count + 1, sizeof *ends);
    if (!ends)
        return gft_fail_memory(err, paths->count * sizeof *ends, "TFRecord files");
    GFT_GOTO(open_files(dataset, paths, &l, ends, err));
    labels = gft_calloc((size_t)l.count + 1, sizeof *labels);
    if (!labels)
        GFT_GOTO(gft_fail_memory(err, (size_t)l.count * sizeof *labels, "labels"));
    GFT_GOTO(gft_record_classes(dataset, l.facts, l.count, paths->labels, labels, err));
    int64_t from = 0;
    for (size_t f = 0; f < paths->count; f++) {
        for (int64_t i = from; i < ends[f]; i++)
            GFT_GOTO(add_sample(dataset, &l, i, &paths->items[f], i - from, labels[i], err));
        from = ends[f];
    }
    dataset->presplit = paths->presplit;
done:
    gft_free(labels);
    gft_free(ends);
    free_listing(&l);
    return status;
}

graft_status gft_dataset_read_tfrecord(graft_dataset *dataset, const char *path, graft_error *err) {
    gft_record_paths paths;
    GFT_TRY(gft_record_paths_find(path, &paths, err));
    const graft_status status = fill(dataset, &paths, err);
    gft_record_paths_deinit(&paths);
    return status;
}

static bool holds_records(const char *folder, const char *name) {
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    bool found = false;
    char *path = gft_path_join(folder, name);
    if (path && gft_dir_list(path, &entries, &count, NULL) == GRAFT_OK) {
        for (size_t i = 0; i < count && !found; i++)
            found = !entries[i].is_dir && gft_is_record_name(entries[i].name);
        gft_dir_list_free(entries, count);
    }
    gft_free(path);
    return found;
}

/* Records lie in it, or in train/ and its sisters; a folder with class folders is none. */
static bool folder_of_records(const char *path) {
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    bool found = false;
    bool classes = false;
    if (gft_dir_list(path, &entries, &count, NULL) != GRAFT_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        graft_split split;
        const char *name = entries[i].name;
        if (name[0] == '.')
            continue;
        if (!entries[i].is_dir)
            found = found || gft_is_record_name(name);
        else if (gft_split_parse(name, &split))
            found = found || holds_records(path, name);
        else
            classes = true;
    }
    gft_dir_list_free(entries, count);
    return found && !classes;
}

bool gft_dataset_is_tfrecord(const char *path) {
    uint8_t head[12];
    size_t bytes = 0;
    if (gft_dir_exists(path))
        return folder_of_records(path);
    if (!gft_file_exists(path)) {
        gft_record_paths paths = {NULL};
        const graft_status status = gft_record_paths_find(path, &paths, NULL);
        gft_record_paths_deinit(&paths);
        return status == GRAFT_OK || status == GRAFT_FAILED_PRECONDITION; /* a shard is missing */
    }
    if (gft_is_record_name(gft_path_base(path)))
        return true;
    return gft_file_peek(path, head, sizeof head, &bytes, NULL) == GRAFT_OK &&
           gft_tfrecord_begins(head, bytes);
}

graft_status gft_record_picture_check(const gft_record_picture *picture, const char *where,
                                      graft_error *err) {
    const uint8_t *tail = picture->record + picture->record_bytes;
    const uint32_t stored = (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 |
                            (uint32_t)tail[3] << 24;
    const uint32_t found = gft_crc32c_mask(gft_crc32c(picture->record, picture->record_bytes));
    if (stored != found)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: checksum of the record is 0x%08x, expected 0x%08x: damaged", where,
                        found, stored);
    return GRAFT_OK;
}
