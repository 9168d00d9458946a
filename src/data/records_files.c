/*
 * Which TFRecord files make a data set. Splits are told by names: a part "train", "val",
 * "validation" or "test" between the signs - _ and . or a folder of that name.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"
#include "data/records.h"

/* ---- names ---- */

/* "-00003-of-00012" at `p`: the numbers, and the length; false if it is not there. */
static bool shard_at(const char *p, unsigned *shard, unsigned *of, int *length) {
    int n = 0;
    if (sscanf(p, "-%5u-of-%5u%n", shard, of, &n) != 2 || n != 15)
        return false;
    *length = n;
    return true;
}

static const char *find_shard(const char *name, unsigned *shard, unsigned *of, int *length) {
    for (const char *p = name; (p = strchr(p, '-')); p++) {
        if (shard_at(p, shard, of, length))
            return p;
    }
    return NULL;
}

bool gft_is_record_name(const char *name) {
    unsigned shard;
    unsigned of;
    int length;
    const char *extension = strstr(name, ".tfrec");
    const char *mark = find_shard(name, &shard, &of, &length);
    if (name[0] == '.')
        return false;
    if (mark && (mark[length] == '\0' || strncmp(mark + length, ".tfrec", 6) == 0))
        return true;
    return extension &&
           (strcmp(extension, ".tfrecord") == 0 || strcmp(extension, ".tfrecords") == 0 ||
            strcmp(extension, ".tfrec") == 0 || strncmp(extension, ".tfrecord.", 10) == 0 ||
            strncmp(extension, ".tfrecord-", 10) == 0);
}

/* The split that a part of the name says; TRAIN and *told false if none does. */
static graft_split split_of(const char *name, bool *told) {
    graft_split split = GRAFT_SPLIT_TRAIN;
    *told = false;
    for (const char *p = name; *p;) {
        char word[16];
        const size_t n = strcspn(p, "-_.");
        if (n < sizeof word) {
            memcpy(word, p, n);
            word[n] = '\0';
            if (gft_split_parse(word, &split)) {
                *told = true;
                return split;
            }
        }
        p += n;
        p += *p != '\0';
    }
    return GRAFT_SPLIT_TRAIN;
}

/* ---- the list ---- */

static graft_status add(gft_record_paths *list, const char *folder, const char *name,
                        const graft_split *split, graft_error *err) {
    bool told = split != NULL;
    const graft_split chosen = split ? *split : split_of(name, &told);
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 16;
        gft_record_path *items = gft_realloc(list->items, capacity * sizeof *items);
        if (!items)
            return gft_fail_memory(err, capacity * sizeof *items, "a list of files");
        list->items = items;
        list->capacity = capacity;
    }
    char *path = *folder ? gft_path_join(folder, name) : gft_strdup(name);
    if (!path)
        return gft_fail_memory(err, strlen(name), "a path");
    list->items[list->count++] = (gft_record_path){path, chosen};
    list->presplit = list->presplit || told;
    return GRAFT_OK;
}

void gft_record_paths_deinit(gft_record_paths *list) {
    for (size_t i = 0; i < list->count; i++)
        gft_free(list->items[i].path);
    gft_free(list->items);
    gft_free(list->labels);
    *list = (gft_record_paths){NULL};
}

static int by_split_and_name(const void *a, const void *b) {
    const gft_record_path *x = a;
    const gft_record_path *y = b;
    if (x->split != y->split)
        return x->split < y->split ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* Names that differ in their shard's number alone: all numbers must be there. */
static graft_status check_shards(const gft_record_paths *list, graft_error *err) {
    for (size_t i = 0; i < list->count; i++) {
        unsigned shard;
        unsigned of;
        int length;
        const char *path = list->items[i].path;
        const char *mark = find_shard(gft_path_base(path), &shard, &of, &length);
        if (!mark || of == 0)
            continue;
        const size_t before = (size_t)(mark - path);
        unsigned found = 0;
        for (size_t k = 0; k < list->count; k++) {
            unsigned other;
            unsigned other_of;
            const char *p = list->items[k].path;
            found += strncmp(p, path, before) == 0 &&
                     shard_at(p + before, &other, &other_of, &length) && other_of == of &&
                     other < of;
        }
        if (found < of)
            return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                            "%s: %u of its %u shards are there, expected all of them", path, found,
                            of);
        while (i + 1 < list->count && strncmp(list->items[i + 1].path, path, before) == 0)
            i++;
    }
    return GRAFT_OK;
}

/* ---- where to look ---- */

/* TFRecord files of a folder whose names `wanted` (a pattern, a beginning, or NULL: all) fits. */
static graft_status list_folder(gft_record_paths *list, const char *folder, const char *wanted,
                                bool pattern, const graft_split *split, graft_error *err) {
    gft_dir_entry *entries;
    size_t count;
    graft_status status = GRAFT_OK;
    GFT_TRY(gft_dir_list(*folder ? folder : ".", &entries, &count, err));
    for (size_t i = 0; i < count && status == GRAFT_OK; i++) {
        const char *name = entries[i].name;
        if (entries[i].is_dir || !gft_is_record_name(name))
            continue;
        const bool fits = !wanted   ? true
                          : pattern ? fnmatch(wanted, name, 0) == 0
                                    : strncmp(name, wanted, strlen(wanted)) == 0;
        if (fits)
            status = add(list, folder, name, split, err);
    }
    gft_dir_list_free(entries, count);
    return status;
}

static graft_status list_split_folders(gft_record_paths *list, const char *folder,
                                       graft_error *err) {
    static const char *const names[] = {"train", "val", "validation", "test"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        graft_split split = GRAFT_SPLIT_TRAIN;
        (void)gft_split_parse(names[i], &split);
        char *inner = gft_path_join(folder, names[i]);
        if (!inner)
            return gft_fail_memory(err, strlen(folder), "a path");
        graft_status status = GRAFT_OK;
        if (gft_dir_exists(inner))
            status = list_folder(list, inner, NULL, false, &split, err);
        gft_free(inner);
        GFT_TRY(status);
    }
    return GRAFT_OK;
}

/* "pictures" of "pictures.tfrecord": what names of its shards begin with. */
static char *without_extension(const char *name) {
    const char *extension = strstr(name, ".tfrec");
    return extension ? gft_strndup(name, (size_t)(extension - name)) : gft_strdup(name);
}

/*
 * A file of class names: FOLDER/labels.txt, or BEGINNING.labels.txt as `graft data pack` writes it.
 */
static graft_status find_labels(gft_record_paths *list, const char *folder, graft_error *err) {
    unsigned shard;
    unsigned of;
    int length;
    char *first = without_extension(gft_path_base(list->items[0].path));
    if (!first)
        return gft_fail_memory(err, 64, "a path");
    const char *mark = find_shard(first, &shard, &of, &length);
    size_t stem = mark ? (size_t)(mark - first) : strlen(first);
    for (int round = 0; round < 3 && !list->labels; round++) {
        char *path = round < 2 ? gft_format("%s%s%.*s.labels.txt", folder, *folder ? "/" : "",
                                            (int)stem, first)
                               : gft_format("%s%slabels.txt", folder, *folder ? "/" : "");
        if (!path) {
            gft_free(first);
            return gft_fail_memory(err, 64, "a path");
        }
        if (gft_file_exists(path))
            list->labels = path;
        else
            gft_free(path);
        while (stem > 0 && first[stem - 1] != '-') /* "pictures" of "pictures-train" */
            stem--;
        stem -= stem > 0;
    }
    gft_free(first);
    return GRAFT_OK;
}

static graft_status find_files(const char *path, const char *folder, gft_record_paths *list,
                               graft_error *err) {
    const char *base = gft_path_base(path);
    if (gft_dir_exists(path)) {
        GFT_TRY(list_folder(list, path, NULL, false, NULL, err));
        return list->count > 0 ? GRAFT_OK : list_split_folders(list, path, err);
    }
    if (gft_file_exists(path))
        return add(list, folder, base, NULL, err);
    if (*folder && !gft_dir_exists(folder))
        return GRAFT_OK;
    if (strpbrk(base, "*?["))
        return list_folder(list, folder, base, true, NULL, err);
    char *beginning = without_extension(base);
    if (!beginning)
        return gft_fail_memory(err, strlen(base), "a path");
    graft_status status = GRAFT_OK;
    if (*beginning)
        status = list_folder(list, folder, beginning, false, NULL, err);
    gft_free(beginning);
    return status;
}

graft_status gft_record_paths_find(const char *path, gft_record_paths *out, graft_error *err) {
    gft_record_paths list = {NULL};
    graft_status status;
    const size_t length = (size_t)(gft_path_base(path) - path);
    const bool inside = gft_dir_exists(path);
    char *folder = inside ? gft_strdup(path) : gft_strndup(path, length > 1 ? length - 1 : length);
    if (!folder)
        return gft_fail_memory(err, strlen(path), "a path");
    GFT_GOTO(find_files(path, folder, &list, err));
    if (list.count == 0)
        GFT_GOTO(gft_fail(err, GRAFT_NOT_FOUND,
                          "%s: no such folder or file, and no TFRecord files of that beginning",
                          path));
    if (list.count > 1)
        qsort(list.items, list.count, sizeof *list.items, by_split_and_name);
    if (!gft_file_exists(path) || inside)
        GFT_GOTO(check_shards(&list, err));
    GFT_GOTO(find_labels(&list, folder, err));
    *out = list;
    list = (gft_record_paths){NULL};
done:
    gft_record_paths_deinit(&list);
    gft_free(folder);
    return status;
}
