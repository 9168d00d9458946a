/*
 * Data sets from a CSV file: `path,label` per line, paths relative to the file. A first line of
 * known column names is a header and may put the columns in any order and add `split` (train, val,
 * validation, test).
 *
 * Two passes: classes are collected and sorted first, then the samples are numbered in the order of
 * the lines.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/csv.h"
#include "data/dataset.h"

#define CSV_MAX_BYTES ((size_t)1 << 30)

typedef struct csv_columns {
    size_t path, label, split;
    bool has_split;
    bool header;
} csv_columns;

static bool one_of(const char *word, const char *const *words) {
    for (; *words; words++)
        if (strcasecmp(word, *words) == 0)
            return true;
    return false;
}

/* Looks at the first row. */
static csv_columns find_columns(const gft_csv *csv) {
    static const char *const paths[] = {"path",      "file",  "filename", "filepath",
                                        "file_name", "image", NULL};
    static const char *const labels[] = {"label", "class", "category", NULL};
    static const char *const splits[] = {"split", "set", NULL};
    csv_columns c = {0, 1, 0, false, false};
    bool path = false;
    bool label = false;
    for (size_t i = 0; i < csv->count; i++) {
        const char *name = gft_csv_field(csv, i);
        if (!path && one_of(name, paths)) {
            path = true;
            c.path = i;
        } else if (!label && one_of(name, labels)) {
            label = true;
            c.label = i;
        } else if (!c.has_split && one_of(name, splits)) {
            c.has_split = true;
            c.split = i;
        }
    }
    c.header = path && label;
    if (!c.header)
        return (csv_columns){0, 1, 0, false, false};
    return c;
}

static graft_status check_row(const gft_csv *csv, const csv_columns *c, graft_split *split,
                              graft_error *err) {
    const char *where = csv->cursor.where;
    if (csv->count <= c->path || csv->count <= c->label)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s:%zu: found %zu fields, expected path,label", where, csv->line,
                        csv->count);
    if (*gft_csv_field(csv, c->path) == '\0' || *gft_csv_field(csv, c->label) == '\0')
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s:%zu: the %s is empty, expected path,label",
                        where, csv->line, *gft_csv_field(csv, c->path) == '\0' ? "path" : "label");
    *split = GRAFT_SPLIT_TRAIN;
    if (c->has_split && !gft_split_parse(gft_csv_field(csv, c->split), split))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s:%zu: found split '%.40s', expected train, val or test", where,
                        csv->line, gft_csv_field(csv, c->split));
    return GRAFT_OK;
}

/*
 * Labels as they come, to be sorted; repeats in a row are left out at once, the rest after sorting.
 */
typedef struct label_list {
    char **items;
    size_t count;
    size_t capacity;
} label_list;

static graft_status add_label(label_list *list, const char *label, graft_error *err) {
    if (list->count > 0 && strcmp(list->items[list->count - 1], label) == 0)
        return GRAFT_OK;
    if (list->count == list->capacity) {
        size_t larger = list->capacity ? list->capacity * 2 : 64;
        char **items = gft_realloc(list->items, larger * sizeof *items);
        if (!items)
            return gft_fail_memory(err, larger * sizeof *items, "a list of labels");
        list->items = items;
        list->capacity = larger;
    }
    char *copy = gft_strdup(label);
    if (!copy)
        return gft_fail_memory(err, strlen(label) + 1, "a label");
    list->items[list->count++] = copy;
    return GRAFT_OK;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_labels(label_list *list) {
    for (size_t i = 0; i < list->count; i++)
        gft_free(list->items[i]);
    gft_free(list->items);
}

static graft_status collect_classes(graft_dataset *dataset, gft_csv *csv, csv_columns *columns,
                                    graft_error *err) {
    label_list list = {0};
    graft_status status = GRAFT_OK;
    bool more = true;
    bool first = true;
    for (;;) {
        GFT_GOTO(gft_csv_next(csv, &more, err));
        if (!more)
            break;
        if (first) {
            *columns = find_columns(csv);
            first = false;
            if (columns->header)
                continue;
        }
        graft_split split;
        GFT_GOTO(check_row(csv, columns, &split, err));
        GFT_GOTO(add_label(&list, gft_csv_field(csv, columns->label), err));
    }
    if (list.count > 1)
        qsort(list.items, list.count, sizeof *list.items, by_bytes);
    for (size_t i = 0; i < list.count; i++) {
        int32_t label;
        if (i == 0 || strcmp(list.items[i], list.items[i - 1]) != 0)
            GFT_GOTO(gft_dataset_add_class(dataset, list.items[i], csv->cursor.where, &label, err));
    }
done:
    free_labels(&list);
    return status;
}

static graft_status add_row(graft_dataset *dataset, const gft_csv *csv, const csv_columns *columns,
                            const char *folder, graft_error *err) {
    graft_split split;
    GFT_TRY(check_row(csv, columns, &split, err));
    int32_t label = gft_dataset_find_class(dataset, gft_csv_field(csv, columns->label));
    const char *path = gft_csv_field(csv, columns->path);
    if (path[0] == '/' || folder[0] == '\0')
        return gft_dataset_add_sample(dataset, path, label, split, err);
    char *joined = gft_path_join(folder, path);
    if (!joined)
        return gft_fail_memory(err, strlen(folder) + strlen(path) + 2, "a path");
    graft_status status = gft_dataset_add_sample(dataset, joined, label, split, err);
    gft_free(joined);
    return status;
}

static graft_status read_rows(graft_dataset *dataset, const uint8_t *bytes, size_t count,
                              const char *path, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_csv csv;
    csv_columns columns = {0, 1, 0, false, false};
    bool more = true;
    char *folder = gft_strndup(path, (size_t)(gft_path_base(path) - path));
    if (!folder)
        return gft_fail_memory(err, strlen(path), "a path");
    gft_csv_init(&csv, bytes, count, path);
    GFT_GOTO(collect_classes(dataset, &csv, &columns, err));
    gft_csv_deinit(&csv);

    gft_csv_init(&csv, bytes, count, path);
    for (bool first = true;; first = false) {
        GFT_GOTO(gft_csv_next(&csv, &more, err));
        if (!more)
            break;
        if (first && columns.header)
            continue;
        GFT_GOTO(add_row(dataset, &csv, &columns, folder, err));
    }
    dataset->presplit = columns.has_split;
done:
    gft_csv_deinit(&csv);
    gft_free(folder);
    return status;
}

graft_status gft_dataset_read_csv(graft_dataset *dataset, const char *path, graft_error *err) {
    uint8_t *bytes;
    size_t count;
    GFT_TRY(gft_file_read(path, CSV_MAX_BYTES, &bytes, &count, err));
    graft_status status = read_rows(dataset, bytes, count, path, err);
    gft_free(bytes);
    if (status == GRAFT_OK && dataset->sample_count == 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "%s: the data set is empty: no line of path,label", path);
    return status;
}
