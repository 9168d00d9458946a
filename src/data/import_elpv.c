/*
 * Import of the elpv-dataset wheel (electroluminescence pictures of solar cells; Buerhop-Lutz et
 * al. 2018, Deitsch et al. 2019, 2021): labels.csv lists picture, probability of a defect, and cell
 * type, parted by blanks.
 *
 * Probability 0 is "ok", above 0.5 is "defective", what lies between is left out; with the type
 * that gives four classes. Each class is shuffled by the seed and its share goes to test/.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/words.h"
#include "data/import.h"
#include "formats/zip_archive.h"

#define ELPV_FOLDER "elpv_dataset/data/"
#define ELPV_LABELS ELPV_FOLDER "labels.csv"
#define ELPV_CLASSES 4
#define ELPV_MAX_ROWS 1000000
#define LABELS_MAX_BYTES (64u << 20)
#define PICTURE_MAX_BYTES (64u << 20)

static const char *const class_names[ELPV_CLASSES] = {"defective_mono", "defective_poly", "ok_mono",
                                                      "ok_poly"};

typedef struct elpv_row {
    const char *path; /* "images/cell0001.png", in the text of the labels */
    int class_index;
    bool test;
    bool written;
} elpv_row;

typedef struct elpv_list {
    char *text;
    elpv_row *rows;
    size_t count;
    size_t left_out;
} elpv_list;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word of a line out of the text by a NUL; "" at the end of the line. */
static char *next_word(char **at) {
    char *p = *at;
    while (is_blank(*p))
        p++;
    char *word = p;
    while (*p && *p != '\n' && !is_blank(*p))
        p++;
    if (is_blank(*p))
        *p++ = '\0';
    *at = p;
    return word;
}

/* Safe as a file name of ours: "images/" and one plain name. */
static bool is_plain_picture(const char *path) {
    return strncmp(path, "images/", 7) == 0 && path[7] != '\0' && path[7] != '.' &&
           !strchr(path + 7, '/') && strlen(path) < 200;
}

static graft_status parse_line(char *line, size_t number, elpv_list *list, graft_error *err) {
    char *path = next_word(&line);
    if (*path == '\0')
        return GRAFT_OK; /* an empty line */
    char *probability_word = next_word(&line);
    char *type = next_word(&line);
    double probability;
    bool mono = strcmp(type, "mono") == 0;
    if (!is_plain_picture(path) || !gft_words_f64(probability_word, &probability) ||
        probability < 0.0 || probability > 1.0 || (!mono && strcmp(type, "poly") != 0))
        return gft_fail(
            err, GRAFT_INVALID_ARGUMENT,
            ELPV_LABELS
            ":%zu: found '%.60s %.20s %.20s', expected a picture, a probability and mono or poly",
            number, path, probability_word, type);
    if (probability > 0.0 && probability <= 0.5) {
        list->left_out++;
        return GRAFT_OK;
    }
    int class_index = (probability == 0.0 ? 2 : 0) + (mono ? 0 : 1);
    list->rows[list->count++] = (elpv_row){path, class_index, false, false};
    return GRAFT_OK;
}

static int by_path(const void *a, const void *b) {
    const elpv_row *x = a;
    const elpv_row *y = b;
    return strcmp(x->path, y->path);
}

/* Takes over the text. */
static graft_status parse_labels(char *text, elpv_list *list, graft_error *err) {
    list->text = text;
    size_t lines = 1;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    if (lines > ELPV_MAX_ROWS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, ELPV_LABELS ": %zu lines are too many", lines);
    list->rows = gft_calloc(lines, sizeof *list->rows);
    if (!list->rows)
        return gft_fail_memory(err, lines * sizeof *list->rows, "the list of pictures");
    char *line = text;
    for (size_t number = 1; *line; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        char *next = end ? end + 1 : line + strlen(line);
        GFT_TRY(parse_line(line, number, list, err));
        line = next;
    }
    if (list->count == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, ELPV_LABELS ": lists no pictures");
    qsort(list->rows, list->count, sizeof *list->rows, by_path);
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->rows[i].path, list->rows[i - 1].path) == 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, ELPV_LABELS ": '%.100s' is listed twice",
                            list->rows[i].path);
    return GRAFT_OK;
}

static graft_status choose_test(elpv_list *list, const graft_import_options *options,
                                graft_import_report *report, graft_error *err) {
    uint32_t *members = gft_malloc(list->count * sizeof *members);
    if (!members)
        return gft_fail_memory(err, list->count * sizeof *members, "the list of pictures");
    for (int c = 0; c < ELPV_CLASSES; c++) {
        uint32_t count = 0;
        for (size_t i = 0; i < list->count; i++)
            if (list->rows[i].class_index == c)
                members[count++] = (uint32_t)i;
        gft_rng rng = gft_rng_make(options->seed, GFT_RNG_SPLIT, (uint64_t)c);
        gft_rng_shuffle(&rng, members, count);
        uint32_t test = (uint32_t)lrint(options->test_fraction * count);
        for (uint32_t i = 0; i < test; i++)
            list->rows[members[i]].test = true;
        report->test += test;
        report->train += count - test;
        report->classes += count > 0;
    }
    gft_free(members);
    return GRAFT_OK;
}

static graft_status make_folders(const char *dir, graft_error *err) {
    static const char *const splits[] = {"train", "test"};
    for (size_t s = 0; s < 2; s++) {
        for (size_t c = 0; c < ELPV_CLASSES; c++) {
            char *path = gft_format("%s/%s/%s", dir, splits[s], class_names[c]);
            if (!path)
                return gft_fail_memory(err, strlen(dir) + 32, "a path");
            graft_status status = gft_dir_make(path, err);
            gft_free(path);
            if (status != GRAFT_OK)
                return status;
        }
    }
    return GRAFT_OK;
}

/* The folder appears as a whole later, so one file needs no care of its own. */
static graft_status write_picture(const char *dir, const elpv_row *row, const uint8_t *bytes,
                                  size_t count, graft_error *err) {
    char *path = gft_format("%s/%s/%s/%s", dir, row->test ? "test" : "train",
                            class_names[row->class_index], row->path + strlen("images/"));
    if (!path)
        return gft_fail_memory(err, strlen(dir) + 256, "a path");
    graft_status status = GRAFT_OK;
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(bytes, 1, count, file) == count;
    if (file && fclose(file) != 0)
        ok = false;
    if (!ok)
        status = gft_fail(err, GRAFT_UNAVAILABLE,
                          "%s: cannot write the picture (is the disk full?)", path);
    gft_free(path);
    return status;
}

static graft_status write_member(gft_zip *zip, const gft_zip_entry *entry, const char *dir,
                                 elpv_list *list, graft_error *err) {
    size_t prefix = strlen(ELPV_FOLDER);
    if (entry->is_dir || strncmp(entry->name, ELPV_FOLDER, prefix) != 0)
        return GRAFT_OK;
    elpv_row key = {.path = entry->name + prefix};
    elpv_row *row = bsearch(&key, list->rows, list->count, sizeof *list->rows, by_path);
    if (!row || row->written)
        return GRAFT_OK;
    uint8_t *bytes;
    size_t count;
    GFT_TRY(gft_zip_read(zip, PICTURE_MAX_BYTES, &bytes, &count, err));
    graft_status status = write_picture(dir, row, bytes, count, err);
    gft_free(bytes);
    row->written = true;
    return status;
}

static graft_status write_pictures(const char *file, const char *dir, elpv_list *list,
                                   graft_error *err) {
    gft_zip *zip;
    GFT_TRY(gft_zip_open(file, &zip, err));
    graft_status status = GRAFT_OK;
    gft_zip_entry entry = {0};
    bool more = true;
    for (;;) {
        GFT_GOTO(gft_zip_next(zip, &entry, &more, err));
        if (!more)
            break;
        GFT_GOTO(write_member(zip, &entry, dir, list, err));
    }
    for (size_t i = 0; i < list->count; i++)
        if (!list->rows[i].written)
            GFT_GOTO(gft_fail(err, GRAFT_DATA_LOSS,
                              "%s: '%.100s' is in labels.csv but not in the archive", file,
                              list->rows[i].path));
done:
    gft_zip_close(zip);
    return status;
}

graft_status gft_import_elpv(const char *file, const char *dir, const graft_import_options *options,
                             graft_import_report *report, graft_error *err) {
    uint8_t *bytes;
    size_t count;
    graft_status status =
        gft_zip_read_member(file, ELPV_LABELS, LABELS_MAX_BYTES, &bytes, &count, err);
    if (status == GRAFT_NOT_FOUND && gft_file_exists(file))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: not an elpv-dataset wheel: it holds no " ELPV_LABELS, file);
    if (status != GRAFT_OK)
        return status;
    elpv_list list = {0};
    GFT_GOTO(parse_labels((char *)bytes, &list, err));
    GFT_GOTO(choose_test(&list, options, report, err));
    GFT_GOTO(make_folders(dir, err));
    GFT_GOTO(write_pictures(file, dir, &list, err));
    report->left_out = (int64_t)list.left_out;
done:
    gft_free(list.text);
    gft_free(list.rows);
    return status;
}
