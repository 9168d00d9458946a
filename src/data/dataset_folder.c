/*
 * Listing folders: class folders, or train/ val/ test/ of class folders. Subfolders of a class
 * folder belong to it.
 *
 * Everything is taken in the order of the bytes of the names, so a data set has the same ids on
 * every machine.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/dataset.h"

#define CLASS_MAX_DEPTH 16 /* a class folder's subfolders; also ends a loop of links */

static bool is_hidden(const char *name) {
    return name[0] == '.';
}

static bool is_picture_name(const char *name) {
    static const char *const known[] = {"jpg", "jpeg", "png", "bmp", "webp"};
    char extension[16];
    const char *e = gft_path_extension(name, extension);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(e, known[i]) == 0)
            return true;
    return false;
}

/* Folders of one class still to be listed. */
typedef struct folder_stack {
    char **paths;
    int *depths;
    size_t count;
    size_t capacity;
} folder_stack;

static graft_status push(folder_stack *stack, char *path, int depth, graft_error *err) {
    if (!path)
        return gft_fail_memory(err, 0, "a path");
    if (stack->count == stack->capacity) {
        size_t larger = stack->capacity ? stack->capacity * 2 : 8;
        char **paths = gft_realloc(stack->paths, larger * sizeof *paths);
        if (paths)
            stack->paths = paths;
        int *depths = gft_realloc(stack->depths, larger * sizeof *depths);
        if (depths)
            stack->depths = depths;
        if (!paths || !depths) {
            gft_free(path);
            return gft_fail_memory(err, larger * sizeof *paths, "a list of folders");
        }
        stack->capacity = larger;
    }
    stack->paths[stack->count] = path;
    stack->depths[stack->count++] = depth;
    return GRAFT_OK;
}

static graft_status list_one(graft_dataset *dataset, const char *path, int depth, int32_t label,
                             graft_split split, folder_stack *stack, graft_error *err) {
    gft_dir_entry *entries;
    size_t count;
    GFT_TRY(gft_dir_list(path, &entries, &count, err));
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < count && status == GRAFT_OK; i++) {
        if (is_hidden(entries[i].name) || entries[i].is_dir)
            continue;
        if (!is_picture_name(entries[i].name)) {
            dataset->ignored++;
            continue;
        }
        char *file = gft_path_join(path, entries[i].name);
        status = file ? gft_dataset_add_sample(dataset, file, label, split, err)
                      : gft_fail_memory(err, 0, "a path");
        gft_free(file);
    }
    /* Backwards, so that the first by name is on top. */
    for (size_t i = count; i-- > 0 && status == GRAFT_OK;) {
        if (!entries[i].is_dir || is_hidden(entries[i].name))
            continue;
        if (depth >= CLASS_MAX_DEPTH)
            status = gft_fail(err, GRAFT_FAILED_PRECONDITION,
                              "%s: folders nested deeper than %d (a loop of links?)", path,
                              CLASS_MAX_DEPTH);
        else
            status = push(stack, gft_path_join(path, entries[i].name), depth + 1, err);
    }
    gft_dir_list_free(entries, count);
    return status;
}

static graft_status list_class(graft_dataset *dataset, const char *path, int32_t label,
                               graft_split split, graft_error *err) {
    folder_stack stack = {0};
    graft_status status = push(&stack, gft_strdup(path), 0, err);
    while (status == GRAFT_OK && stack.count > 0) {
        char *folder = stack.paths[--stack.count];
        status = list_one(dataset, folder, stack.depths[stack.count], label, split, &stack, err);
        gft_free(folder);
    }
    while (stack.count > 0)
        gft_free(stack.paths[--stack.count]);
    gft_free(stack.paths);
    gft_free(stack.depths);
    return status;
}

/*
 * Makes the classes of a folder, or, when there are classes already, checks that it has no others.
 */
static graft_status take_classes(graft_dataset *dataset, const char *path,
                                 const gft_dir_entry *entries, size_t count, bool first,
                                 graft_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (is_hidden(entries[i].name))
            continue;
        if (!entries[i].is_dir) {
            dataset->ignored++;
            continue;
        }
        int32_t label;
        if (first)
            GFT_TRY(gft_dataset_add_class(dataset, entries[i].name, path, &label, err));
        else if (gft_dataset_find_class(dataset, entries[i].name) < 0)
            return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                            "%s: class folder '%.100s' has no counterpart in train/", path,
                            entries[i].name);
    }
    if (first && dataset->class_count == 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "%s: no class folders in it, expected one folder per class", path);
    return GRAFT_OK;
}

static graft_status list_split(graft_dataset *dataset, const char *path, graft_split split,
                               bool first, uint32_t flags, graft_error *err) {
    gft_dir_entry *entries;
    size_t count;
    GFT_TRY(gft_dir_list(path, &entries, &count, err));
    graft_status status = take_classes(dataset, path, entries, count, first, err);
    int64_t before_all = dataset->sample_count;
    const char *empty = NULL;
    for (size_t i = 0; i < count && status == GRAFT_OK; i++) {
        if (is_hidden(entries[i].name) || !entries[i].is_dir)
            continue;
        int64_t before = dataset->sample_count;
        char *folder = gft_path_join(path, entries[i].name);
        if (folder)
            status = list_class(dataset, folder, gft_dataset_find_class(dataset, entries[i].name),
                                split, err);
        else
            status = gft_fail_memory(err, 0, "a path");
        gft_free(folder);
        if (dataset->sample_count == before && !empty)
            empty = entries[i].name;
    }
    /*
     * A class that is only missing from val/ or test/ does no harm; one without pictures to learn
     * from does.
     */
    if (status == GRAFT_OK && empty && first && dataset->sample_count > before_all &&
        !(flags & GRAFT_DATASET_EMPTY_CLASS_OK))
        status = gft_fail(err, GRAFT_FAILED_PRECONDITION,
                          "%s/%s: the class folder holds no pictures", path, empty);
    gft_dir_list_free(entries, count);
    return status;
}

/* Which split each folder is; *presplit when they are train/ and its sisters and not classes. */
static graft_status find_splits(const char *path, const char *names[GFT_DATASET_SPLITS],
                                const gft_dir_entry *entries, size_t count, bool *presplit,
                                graft_error *err) {
    bool others = false;
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].is_dir || is_hidden(entries[i].name))
            continue;
        graft_split split;
        if (!gft_split_parse(entries[i].name, &split))
            others = true;
        else if (names[split])
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: found both %s/ and %s/, expected one of them", path, names[split],
                            entries[i].name);
        else
            names[split] = entries[i].name;
    }
    bool any = names[0] || names[1] || names[2];
    *presplit = names[GRAFT_SPLIT_TRAIN] || (any && !others);
    return GRAFT_OK;
}

graft_status gft_dataset_read_folder(graft_dataset *dataset, const char *path, uint32_t flags,
                                     graft_error *err) {
    gft_dir_entry *entries;
    size_t count;
    GFT_TRY(gft_dir_list(path, &entries, &count, err));
    const char *names[GFT_DATASET_SPLITS] = {NULL};
    graft_status status = GRAFT_OK;
    GFT_GOTO(find_splits(path, names, entries, count, &dataset->presplit, err));
    if (!dataset->presplit) {
        status = list_split(dataset, path, GRAFT_SPLIT_TRAIN, true, flags, err);
        goto done;
    }
    bool first = true;
    for (int split = 0; split < GFT_DATASET_SPLITS && status == GRAFT_OK; split++) {
        if (!names[split])
            continue;
        char *folder = gft_path_join(path, names[split]);
        status = folder ? list_split(dataset, folder, (graft_split)split, first, flags, err)
                        : gft_fail_memory(err, 0, "a path");
        gft_free(folder);
        first = false;
    }
done:
    gft_dir_list_free(entries, count);
    return status;
}
