/*
 * Classes of records. Numbers are kept in their order and made to begin at 0; a labels file names
 * them and adds classes that no record has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"
#include "base/words.h"
#include "data/records.h"

#define MAX_LABELS_BYTES ((size_t)64 << 20)

/* One label as it occurs: by number, or by name alone. */
typedef struct seen {
    int64_t number;
    graft_string_view text;
    int64_t record; /* where it was seen first */
} seen;

static int compare_text(graft_string_view a, graft_string_view b) {
    const size_t n = gft_size_min(a.bytes, b.bytes);
    const int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static int by_number(const void *a, const void *b) {
    const seen *x = a;
    const seen *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

static int by_text(const void *a, const void *b) {
    return compare_text(((const seen *)a)->text, ((const seen *)b)->text);
}

/* ---- what occurs ---- */

/* Distinct labels, sorted; a number's name is the first that a record gives it. */
static graft_status collect(const gft_record_facts *facts, int64_t count, bool numbers, seen *list,
                            size_t *distinct, graft_error *err) {
    size_t n = 0;
    for (int64_t i = 0; i < count; i++)
        list[i] = (seen){facts[i].number, facts[i].text, i};
    if (count > 1)
        qsort(list, (size_t)count, sizeof *list, numbers ? by_number : by_text);
    for (int64_t i = 0; i < count; i++) {
        seen *last = n > 0 ? &list[n - 1] : NULL;
        const bool same = last && (numbers ? last->number == list[i].number
                                           : compare_text(last->text, list[i].text) == 0);
        if (!same) {
            list[n++] = list[i];
        } else if (last->text.bytes == 0) {
            last->text = list[i].text;
        } else if (list[i].text.bytes > 0 && compare_text(last->text, list[i].text) != 0) {
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "records %lld and %lld: label %lld is named '%.*s' and '%.*s'",
                            (long long)last->record, (long long)list[i].record,
                            (long long)last->number, (int)gft_size_min(last->text.bytes, 80),
                            last->text.data, (int)gft_size_min(list[i].text.bytes, 80),
                            list[i].text.data);
        }
    }
    *distinct = n;
    return GRAFT_OK;
}

/* ---- the labels file ---- */

typedef struct names {
    char *text;
    const char **items;
    int64_t count;
} names;

static void names_deinit(names *n) {
    gft_free(n->text);
    gft_free(n->items);
}

/* "3:daisy" -> "daisy": lines numbered in order, as some tools write them. */
static void drop_numbers(names *n) {
    char want[24];
    for (int64_t i = 0; i < n->count; i++) {
        (void)snprintf(want, sizeof want, "%lld:", (long long)i);
        if (strncmp(n->items[i], want, strlen(want)) != 0)
            return;
    }
    for (int64_t i = 0; i < n->count; i++)
        n->items[i] = strchr(n->items[i], ':') + 1;
}

static graft_status names_read(const char *path, names *out, graft_error *err) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    size_t lines = 1;
    GFT_TRY(gft_file_read(path, MAX_LABELS_BYTES, &bytes, &size, err));
    out->text = (char *)bytes;
    for (const char *c = out->text; *c; c++)
        lines += *c == '\n';
    out->items = gft_calloc(lines, sizeof *out->items);
    if (!out->items)
        return gft_fail_memory(err, lines * sizeof *out->items, "class names");
    for (char *line = out->text; *line;) {
        char *end = line + strcspn(line, "\n");
        char *next = *end ? end + 1 : end;
        *end = '\0';
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        out->items[out->count++] = line;
        line = next;
    }
    drop_numbers(out);
    return GRAFT_OK;
}

/* Whether number n stands for name n - first, for every label that occurs. */
static bool numbered_from(const names *n, const seen *list, size_t distinct, int64_t first) {
    for (size_t i = 0; i < distinct; i++) {
        if (list[i].number < first || list[i].number - first >= n->count)
            return false;
        const char *name = n->items[list[i].number - first];
        if (list[i].text.bytes > 0 &&
            compare_text(list[i].text, (graft_string_view){name, strlen(name)}) != 0)
            return false;
    }
    return true;
}

/* ---- classes ---- */

static graft_status add_named(graft_dataset *dataset, graft_string_view text, const char *where,
                              graft_error *err) {
    int32_t label;
    char *name = gft_strndup(text.data, text.bytes);
    if (!name)
        return gft_fail_memory(err, text.bytes, "a class name");
    graft_status status = GRAFT_OK;
    if (strlen(name) != text.bytes)
        status = gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: a class name holds a zero byte", where);
    else
        status = gft_dataset_add_class(dataset, name, where, &label, err);
    gft_free(name);
    return status;
}

static graft_status add_classes(graft_dataset *dataset, const seen *list, size_t distinct,
                                graft_error *err) {
    for (size_t i = 0; i < distinct; i++) {
        char number[24];
        graft_string_view text = list[i].text;
        if (text.bytes == 0) {
            (void)snprintf(number, sizeof number, "%lld", (long long)list[i].number);
            text = (graft_string_view){number, strlen(number)};
        }
        GFT_TRY(add_named(dataset, text, "TFRecord labels", err));
    }
    return GRAFT_OK;
}

static graft_status check_distinct(const graft_dataset *dataset, graft_error *err) {
    const size_t count = (size_t)dataset->class_count;
    seen *sorted = gft_calloc(count + 1, sizeof *sorted);
    if (!sorted)
        return gft_fail_memory(err, count * sizeof *sorted, "class names");
    for (size_t i = 0; i < count; i++)
        sorted[i].text = (graft_string_view){dataset->classes[i], strlen(dataset->classes[i])};
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, by_text);
    graft_status status = GRAFT_OK;
    for (size_t i = 1; i < count && status == GRAFT_OK; i++) {
        if (compare_text(sorted[i].text, sorted[i - 1].text) == 0)
            status =
                gft_fail(err, GRAFT_INVALID_ARGUMENT,
                         "TFRecord labels: two labels are named '%.100s'", sorted[i].text.data);
    }
    gft_free(sorted);
    return status;
}

static int32_t place_of(const seen *list, size_t distinct, bool numbers, const seen *wanted) {
    size_t low = 0;
    size_t high = distinct;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = numbers ? (list[middle].number > wanted->number) -
                                        (list[middle].number < wanted->number)
                                  : compare_text(list[middle].text, wanted->text);
        if (order == 0)
            return (int32_t)middle;
        if (order > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1; /* every label is in the list */
}

/*
 * With a labels file: its classes, and what is subtracted from numbers; *used false if it does not
 * fit the labels.
 */
static graft_status by_names_file(graft_dataset *dataset, const char *path, const seen *list,
                                  size_t distinct, bool *used, int64_t *first, graft_error *err) {
    names n = {NULL};
    graft_status status;
    *used = false;
    GFT_GOTO(names_read(path, &n, err));
    *first = numbered_from(&n, list, distinct, 0) ? 0 : 1;
    if (!numbered_from(&n, list, distinct, *first))
        GFT_GOTO(gft_fail(err, GRAFT_INVALID_ARGUMENT,
                          "%s: its %lld names do not fit the labels of the records (%lld to %lld)",
                          path, (long long)n.count, (long long)list[0].number,
                          (long long)list[distinct - 1].number));
    for (int64_t i = 0; i < n.count; i++)
        GFT_GOTO(
            add_named(dataset, (graft_string_view){n.items[i], strlen(n.items[i])}, path, err));
    *used = true;
done:
    names_deinit(&n);
    return status;
}

graft_status gft_record_classes(graft_dataset *dataset, const gft_record_facts *facts,
                                int64_t count, const char *labels_file, int32_t *labels,
                                graft_error *err) {
    const bool numbers = count > 0 && facts[0].has_number;
    bool named = false;
    int64_t first = 0;
    size_t distinct = 0;
    graft_status status = GRAFT_OK;
    for (int64_t i = 0; i < count; i++) {
        if (facts[i].has_number != numbers)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "records 0 and %lld: one has a label by number, the other by name",
                            (long long)i);
    }
    seen *list = gft_calloc((size_t)count + 1, sizeof *list);
    if (!list)
        return gft_fail_memory(err, (size_t)count * sizeof *list, "labels");
    GFT_GOTO(collect(facts, count, numbers, list, &distinct, err));
    if (labels_file && numbers && distinct > 0)
        GFT_GOTO(by_names_file(dataset, labels_file, list, distinct, &named, &first, err));
    if (!named)
        GFT_GOTO(add_classes(dataset, list, distinct, err));
    GFT_GOTO(check_distinct(dataset, err));
    for (int64_t i = 0; i < count; i++) {
        const seen wanted = {facts[i].number, facts[i].text, i};
        labels[i] =
            named ? (int32_t)(facts[i].number - first) : place_of(list, distinct, numbers, &wanted);
    }
done:
    gft_free(list);
    return status;
}
