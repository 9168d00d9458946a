/*
 * Data sets: opening by kind, the lists of classes and samples, and what can be asked about them.
 */
#include "data/dataset.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"
#include "data/preprocess.h"

const char *graft_split_name(graft_split split) {
    switch (split) {
    case GRAFT_SPLIT_ALL:
        return "all";
    case GRAFT_SPLIT_TRAIN:
        return "train";
    case GRAFT_SPLIT_VALIDATION:
        return "val";
    case GRAFT_SPLIT_TEST:
        return "test";
    }
    return "?";
}

bool gft_split_parse(const char *name, graft_split *out) {
    if (strcmp(name, "train") == 0)
        *out = GRAFT_SPLIT_TRAIN;
    else if (strcmp(name, "val") == 0 || strcmp(name, "validation") == 0)
        *out = GRAFT_SPLIT_VALIDATION;
    else if (strcmp(name, "test") == 0)
        *out = GRAFT_SPLIT_TEST;
    else
        return false;
    return true;
}

/* Doubles a heap list when it is full. */
static graft_status grow(void **list, int64_t *capacity, int64_t count, size_t item_bytes,
                         graft_error *err) {
    if (count < *capacity)
        return GRAFT_OK;
    int64_t larger = *capacity ? *capacity * 2 : 64;
    size_t bytes;
    void *grown = NULL;
    if (gft_size_mul((size_t)larger, item_bytes, &bytes))
        grown = gft_realloc(*list, bytes);
    if (!grown)
        return gft_fail_memory(err, (unsigned long long)larger * item_bytes, "a list of samples");
    *list = grown;
    *capacity = larger;
    return GRAFT_OK;
}

graft_status gft_dataset_add_class(graft_dataset *dataset, const char *name, const char *where,
                                   int32_t *label, graft_error *err) {
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 32)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: a class name holds a control character (byte 0x%02x)", where,
                            (unsigned)(unsigned char)*p);
    if (*name == '\0')
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: a class name is empty", where);
    if (dataset->class_count >= GFT_DATASET_MAX_CLASSES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d classes", where,
                        GFT_DATASET_MAX_CLASSES);
    int64_t capacity = dataset->class_capacity;
    void *list = dataset->classes;
    GFT_TRY(grow(&list, &capacity, dataset->class_count, sizeof *dataset->classes, err));
    dataset->classes = list;
    dataset->class_capacity = (int32_t)capacity;
    const char *copy = gft_arena_strdup(&dataset->arena, name);
    if (!copy)
        return gft_fail_memory(err, strlen(name) + 1, "a class name");
    *label = dataset->class_count;
    dataset->classes[dataset->class_count++] = copy;
    return GRAFT_OK;
}

int32_t gft_dataset_find_class(const graft_dataset *dataset, const char *name) {
    int32_t low = 0;
    int32_t high = dataset->class_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = strcmp(dataset->classes[middle], name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

graft_status gft_dataset_add_sample(graft_dataset *dataset, const char *path, int32_t label,
                                    graft_split split, graft_error *err) {
    if (dataset->sample_count >= GFT_DATASET_MAX_SAMPLES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "data set: more than %lld samples",
                        (long long)GFT_DATASET_MAX_SAMPLES);
    void *list = dataset->samples;
    GFT_TRY(grow(&list, &dataset->sample_capacity, dataset->sample_count, sizeof *dataset->samples,
                 err));
    dataset->samples = list;
    const char *copy = gft_arena_strdup(&dataset->arena, path);
    if (!copy)
        return gft_fail_memory(err, strlen(path) + 1, "a path");
    dataset->samples[dataset->sample_count++] = (gft_sample){copy, label, split, NULL};
    return GRAFT_OK;
}

graft_status gft_dataset_recount(graft_dataset *dataset, graft_error *err) {
    size_t cells = (size_t)GFT_DATASET_SPLITS * (size_t)dataset->class_count;
    int64_t *counts = gft_calloc(cells, sizeof *counts);
    if (!counts)
        return gft_fail_memory(err, cells * sizeof *counts, "class counts");
    for (int64_t i = 0; i < dataset->sample_count; i++) {
        const gft_sample *sample = &dataset->samples[i];
        counts[(size_t)sample->split * (size_t)dataset->class_count + (size_t)sample->label]++;
    }
    gft_free(dataset->counts);
    dataset->counts = counts;
    return GRAFT_OK;
}

graft_status gft_dataset_encoded(const graft_dataset *dataset, int64_t id, const uint8_t **bytes,
                                 size_t *count, uint8_t **owned, graft_error *err) {
    const gft_sample *sample = &dataset->samples[id];
    *owned = NULL;
    if (!sample->record) {
        GFT_TRY(gft_file_read(sample->path, GFT_PICTURE_FILE_MAX_BYTES, owned, count, err));
        *bytes = *owned;
        return GRAFT_OK;
    }
    GFT_TRY(gft_record_picture_check(sample->record, sample->path, err));
    *bytes = sample->record->picture;
    *count = sample->record->picture_bytes;
    return GRAFT_OK;
}

graft_status gft_dataset_picture(const graft_dataset *dataset, int64_t id, gft_picture *picture,
                                 graft_error *err) {
    const gft_sample *sample = &dataset->samples[id];
    if (!sample->record)
        return gft_picture_open(sample->path, picture, err);
    GFT_TRY(gft_record_picture_check(sample->record, sample->path, err));
    return gft_picture_decode(sample->record->picture, sample->record->picture_bytes, sample->path,
                              picture, err);
}

static bool has_extension(const char *path, const char *wanted) {
    char extension[16];
    return strcmp(gft_path_extension(path, extension), wanted) == 0;
}

static graft_status read_by_kind(graft_dataset *dataset, const char *path, uint32_t flags,
                                 graft_error *err) {
    if (gft_dataset_is_tfrecord(path))
        return gft_dataset_read_tfrecord(dataset, path, err);
    if (gft_dir_exists(path))
        return gft_dataset_read_folder(dataset, path, flags, err);
    if (!gft_file_exists(path))
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no such folder or file, expected a data set",
                        path);
    if (has_extension(path, "csv"))
        return gft_dataset_read_csv(dataset, path, err);
    return gft_fail(
        err, GRAFT_INVALID_ARGUMENT,
        "%s: not a data set: expected a folder of class folders, a file ending in .csv, "
        "or TFRecord files",
        path);
}

graft_status graft_dataset_open(const char *path, uint32_t flags, graft_dataset **out,
                                graft_error *err) {
    graft_dataset *dataset = gft_calloc(1, sizeof *dataset);
    if (!dataset)
        return gft_fail_memory(err, sizeof *dataset, "a data set");
    gft_arena_init(&dataset->arena);
    graft_status status = GRAFT_OK;
    GFT_GOTO(read_by_kind(dataset, path, flags, err));
    if (dataset->sample_count == 0)
        GFT_GOTO(gft_fail(err, GRAFT_FAILED_PRECONDITION, "%s: the data set is empty: no %s", path,
                          dataset->records ? "record in its TFRecord files"
                                           : "jpg, jpeg, png, bmp or webp file in class folders"));
    if (dataset->class_count < 2 && !(flags & GRAFT_DATASET_ONE_CLASS_OK))
        GFT_GOTO(
            gft_fail(err, GRAFT_FAILED_PRECONDITION,
                     "%s: found one class only ('%.100s'), expected at least two class folders",
                     path, dataset->classes[0]));
    GFT_GOTO(gft_dataset_recount(dataset, err));
    *out = dataset;
    return GRAFT_OK;
done:
    graft_dataset_free(dataset);
    return status;
}

void graft_dataset_free(graft_dataset *dataset) {
    if (!dataset)
        return;
    gft_free(dataset->classes);
    gft_free(dataset->samples);
    gft_free(dataset->counts);
    gft_records_free(dataset->records);
    gft_arena_deinit(&dataset->arena);
    gft_free(dataset);
}

int32_t graft_dataset_class_count(const graft_dataset *dataset) {
    return dataset->class_count;
}

const char *graft_dataset_class_name(const graft_dataset *dataset, int32_t label) {
    return label >= 0 && label < dataset->class_count ? dataset->classes[label] : NULL;
}

int64_t graft_dataset_class_samples(const graft_dataset *dataset, graft_split split,
                                    int32_t label) {
    if (label < 0 || label >= dataset->class_count || (int)split < -1 ||
        (int)split >= GFT_DATASET_SPLITS)
        return 0;
    int64_t sum = 0;
    for (int s = 0; s < GFT_DATASET_SPLITS; s++)
        if (split == GRAFT_SPLIT_ALL || (int)split == s)
            sum += dataset->counts[(size_t)s * (size_t)dataset->class_count + (size_t)label];
    return sum;
}

int64_t graft_dataset_count(const graft_dataset *dataset, graft_split split) {
    if (split == GRAFT_SPLIT_ALL)
        return dataset->sample_count;
    int64_t sum = 0;
    for (int32_t label = 0; label < dataset->class_count; label++)
        sum += graft_dataset_class_samples(dataset, split, label);
    return sum;
}

int64_t graft_dataset_ignored_count(const graft_dataset *dataset) {
    return dataset->ignored;
}

bool graft_dataset_is_presplit(const graft_dataset *dataset) {
    return dataset->presplit;
}

const char *graft_dataset_sample_path(const graft_dataset *dataset, int64_t id) {
    return id >= 0 && id < dataset->sample_count ? dataset->samples[id].path : NULL;
}

int32_t graft_dataset_sample_label(const graft_dataset *dataset, int64_t id) {
    return id >= 0 && id < dataset->sample_count ? dataset->samples[id].label : -1;
}

graft_split graft_dataset_sample_split(const graft_dataset *dataset, int64_t id) {
    return id >= 0 && id < dataset->sample_count ? dataset->samples[id].split : GRAFT_SPLIT_ALL;
}
