/*
 * graft data: import published archives, pack pictures into TFRecord files, look at a data set.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/progress.h"
#include "cli/verbs.h"

static int data_import(int argc, char **argv) {
    static const cli_verb verb = {"data import",
                                  "KIND FILE DIR",
                                  "class folders from a published archive (kinds: elpv)",
                                  "graft data import elpv elpv_dataset.whl solar",
                                  3,
                                  3};
    graft_import_options o = graft_import_options_default();
    int32_t seed = 1;
    bool json = false;
    const cli_option options[] = {
        {"test-fraction", CLI_REAL, &o.test_fraction, "F", "share that goes to test/", 0, 0.99},
        {"seed", CLI_INT, &seed, "N", "of the split", 0, 2147483647},
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    graft_error err = {0};
    graft_import_report r;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    o.seed = (uint64_t)seed;
    if (graft_data_import(args.items[0], args.items[1], args.items[2], &o, &r, &err) != GRAFT_OK)
        return cli_fail("data import", &err);
    if (json) {
        cli_json j = {0};
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "out", args.items[2]);
        cli_json_int(&j, "classes", r.classes);
        cli_json_int(&j, "train", r.train);
        cli_json_int(&j, "test", r.test);
        cli_json_int(&j, "left_out", r.left_out);
        cli_json_close(&j, '}');
    } else {
        printf("%s: %lld train and %lld test pictures in %d classes (%lld left out)\n",
               args.items[2], (long long)r.train, (long long)r.test, (int)r.classes,
               (long long)r.left_out);
    }
    return CLI_OK;
}

static void show_counts(const graft_dataset *data, bool json) {
    static const graft_split splits[] = {GRAFT_SPLIT_TRAIN, GRAFT_SPLIT_VALIDATION,
                                         GRAFT_SPLIT_TEST};
    int32_t classes = graft_dataset_class_count(data);
    cli_json j = {0};
    if (!json) {
        printf("%-32s %8s %8s %8s\n", "class", "train", "val", "test");
        for (int32_t c = 0; c < classes; c++) {
            printf("%-32.32s", graft_dataset_class_name(data, c));
            for (int s = 0; s < 3; s++)
                printf(" %8lld", (long long)graft_dataset_class_samples(data, splits[s], c));
            printf("\n");
        }
        printf("%-32s", "all");
        for (int s = 0; s < 3; s++)
            printf(" %8lld", (long long)graft_dataset_count(data, splits[s]));
        printf("\n%lld other files were left alone\n",
               (long long)graft_dataset_ignored_count(data));
        return;
    }
    cli_json_open(&j, NULL, '{');
    cli_json_open(&j, "classes", '[');
    for (int32_t c = 0; c < classes; c++) {
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "name", graft_dataset_class_name(data, c));
        for (int s = 0; s < 3; s++)
            cli_json_int(&j, graft_split_name(splits[s]),
                         graft_dataset_class_samples(data, splits[s], c));
        cli_json_close(&j, '}');
    }
    cli_json_close(&j, ']');
    for (int s = 0; s < 3; s++)
        cli_json_int(&j, graft_split_name(splits[s]), graft_dataset_count(data, splits[s]));
    cli_json_int(&j, "ignored", graft_dataset_ignored_count(data));
    cli_json_close(&j, '}');
}

enum { CELL = 96, GAP = 4, COLUMNS = 10, MAX_ROWS = 40 };

/* A row of pictures per class, the first ones of each. */
static graft_status draw_grid(const graft_dataset *data, const char *out, graft_error *err) {
    int32_t rows = graft_dataset_class_count(data);
    rows = rows < MAX_ROWS ? rows : MAX_ROWS;
    int32_t width = COLUMNS * (CELL + GAP) + GAP;
    int32_t height = rows * (CELL + GAP) + GAP;
    graft_preprocess rule = graft_preprocess_default(CELL, CELL);
    float *cell = malloc(sizeof(float) * CELL * CELL * 3);
    uint8_t *grid = malloc((size_t)width * (size_t)height * 3);
    graft_status status = GRAFT_RESOURCE_EXHAUSTED;
    if (!cell || !grid)
        goto done;
    memset(grid, 0xf4, (size_t)width * (size_t)height * 3);
    for (int32_t r = 0; r < rows; r++) {
        int32_t column = 0;
        for (int64_t id = 0; id < graft_dataset_count(data, GRAFT_SPLIT_ALL) && column < COLUMNS;
             id++) {
            if (graft_dataset_sample_label(data, id) != r ||
                graft_dataset_preprocess(data, id, &rule, cell, NULL) != GRAFT_OK)
                continue;
            for (int32_t y = 0; y < CELL; y++) {
                size_t at = ((size_t)(GAP + r * (CELL + GAP) + y) * (size_t)width +
                             (size_t)(GAP + column * (CELL + GAP))) *
                            3;
                for (int32_t x = 0; x < CELL * 3; x++)
                    grid[at + (size_t)x] = (uint8_t)(cell[y * CELL * 3 + x] + 0.5f);
            }
            column++;
        }
    }
    status = graft_picture_write_png(out, grid, height, width, 3, err);
done:
    free(cell);
    free(grid);
    return status;
}

static int data_show(int argc, char **argv) {
    static const cli_verb verb = {"data show",
                                  "DATA",
                                  "classes and counts; a sheet of pictures",
                                  "graft data show pictures --out grid.png",
                                  1,
                                  1};
    const char *out = NULL;
    bool json = false;
    const cli_option options[] = {
        {"out", CLI_TEXT, &out, "FILE", "PNG with a row of pictures per class", 0, 0},
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    graft_error err = {0};
    graft_dataset *data = NULL;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    if (graft_dataset_open(args.items[0], GRAFT_DATASET_ONE_CLASS_OK | GRAFT_DATASET_EMPTY_CLASS_OK,
                           &data, &err) != GRAFT_OK)
        return cli_fail("data show", &err);
    if (out && draw_grid(data, out, &err) != GRAFT_OK)
        code = cli_fail("data show", &err);
    else
        show_counts(data, json);
    graft_dataset_free(data);
    return code;
}

/* ---- pack ---- */

typedef struct pack_context {
    cli_progress progress;
} pack_context;

static void pack_progress(void *context, int64_t done, int64_t total) {
    cli_progress_show(&((pack_context *)context)->progress, "pack", done, total);
}

static void pack_broken(void *context, int64_t id, const char *path, const char *reason) {
    (void)id;
    (void)path;
    cli_progress_clear(&((pack_context *)context)->progress);
    fprintf(stderr, "warning: left out: %s\n", reason);
}

static int data_pack(int argc, char **argv) {
    static const cli_verb verb = {"data pack",
                                  "DATA OUT.tfrecord",
                                  "pictures as tf.Examples in TFRecord files",
                                  "graft data pack pictures packed/pictures.tfrecord --shards 8",
                                  2,
                                  2};
    const char *compress = "none";
    bool json = false;
    bool quiet = false;
    graft_pack_options o = graft_pack_options_default();
    const cli_option options[] = {
        {"shards", CLI_INT, &o.shards, "N", "files per split; 0: one, without a number", 0, 99999},
        {"compress", CLI_TEXT, &compress, "C", "none or gzip", 0, 0},
        {"overwrite", CLI_FLAG, &o.replace, NULL, "existing files may be replaced", 0, 0},
        {"threads", CLI_INT, &o.threads, "N", "0: the cores there are", 0, 4096},
        {"quiet", CLI_FLAG, &quiet, NULL, "no progress", 0, 0},
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    graft_error err = {0};
    graft_dataset *data = NULL;
    graft_pack_report r = {0};
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    o.gzip = strcmp(compress, "gzip") == 0;
    if (!o.gzip && strcmp(compress, "none") != 0) {
        fprintf(stderr, "graft data pack: --compress takes none or gzip, not '%s'\n", compress);
        return CLI_USAGE;
    }
    pack_context context = {cli_progress_make(quiet)};
    o.root = args.items[0];
    o.progress = pack_progress;
    o.on_broken = pack_broken;
    o.context = &context;
    graft_status status = graft_dataset_open(
        args.items[0], GRAFT_DATASET_ONE_CLASS_OK | GRAFT_DATASET_EMPTY_CLASS_OK, &data, &err);
    if (status == GRAFT_OK)
        status = graft_data_pack(data, args.items[1], &o, &r, &err);
    cli_progress_clear(&context.progress);
    graft_dataset_free(data);
    if (status != GRAFT_OK)
        return cli_fail("data pack", &err);
    if (json) {
        cli_json j = {0};
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "out", args.items[1]);
        cli_json_int(&j, "pictures", r.pictures);
        cli_json_int(&j, "broken", r.broken);
        cli_json_int(&j, "files", r.files);
        cli_json_close(&j, '}');
    } else {
        printf("%s: %lld pictures in %d file%s", args.items[1], (long long)r.pictures, (int)r.files,
               r.files == 1 ? "" : "s");
        if (r.broken > 0)
            printf(", %lld broken ones left out", (long long)r.broken);
        printf("\n");
    }
    return CLI_OK;
}

int cli_data(int argc, char **argv) {
    static const cli_subverb table[] = {
        {"import", data_import, "class folders from a published archive"},
        {"pack", data_pack, "pictures as tf.Examples in TFRecord files"},
        {"show", data_show, "classes and counts; a sheet of pictures"},
        {NULL, NULL, NULL},
    };
    return cli_dispatch("data", table, argc, argv);
}
