/*
 * TFRecord files as data sets: packed from folders and read back in the same order; names of files,
 * splits and shards; keys and labels as other programs write them; what is refused and in which
 * words.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/dataset.h"
#include "formats/example.h"
#include "formats/tfrecord_file.h"
#include "picture_maker.h"

#define OK(expression)                                                                             \
    do {                                                                                           \
        graft_error error_ = {0};                                                                  \
        graft_error *err = &error_;                                                                \
        if ((expression) != GRAFT_OK)                                                              \
            fail_msg("%s: %s", #expression, error_.message);                                       \
    } while (0)

#define FAILS(expression, status, part)                                                            \
    do {                                                                                           \
        graft_error error_ = {0};                                                                  \
        graft_error *err = &error_;                                                                \
        assert_int_equal(expression, status);                                                      \
        if (!strstr(error_.message, part))                                                         \
            fail_msg("'%s' is not in: %s", part, error_.message);                                  \
    } while (0)

static char root[64];

static const char *at(const char *name) {
    static char path[8][256];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", root, name);
    return path[turn];
}

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/graft-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    return gft_tree_remove(root, NULL) == GRAFT_OK ? 0 : -1;
}

static void put_bytes(const char *name, const void *data, size_t bytes) {
    char *folder = gft_path_dir(at(name));
    assert_int_equal(gft_dir_make(folder, NULL), GRAFT_OK);
    gft_free(folder);
    OK(gft_file_write(at(name), data, bytes, err));
}

static void put_picture(const char *name, unsigned seed) {
    unsigned char *pixels = make_pattern(20, 24, 3, seed);
    made_bytes png = make_jpeg(pixels, 20, 24, 3, 0);
    put_bytes(name, png.data, png.bytes);
    free(png.data);
    free(pixels);
}

/* Two splits, three classes. */
static void make_folder(void) {
    static const char *const classes[] = {"ant", "bee", "cat"};
    unsigned seed = 1;
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 5; i++) {
            char name[64];
            snprintf(name, sizeof name, "in/%s/%s/%d.jpg", i < 3 ? "train" : "test", classes[c], i);
            put_picture(name, seed++);
        }
    }
}

/* Everything a pipeline gives over an epoch, added up in order. */
static uint64_t digest(const graft_dataset *d, graft_split split) {
    uint64_t h = 1469598103934665603u;
    graft_pipeline *p = NULL;
    graft_data_options o = graft_data_options_default(16, 16);
    graft_batch batch = {0};
    o.split = split;
    o.shuffle = true;
    o.augment = "basic";
    o.threads = 2;
    o.batch_size = 4;
    o.as_u8 = true;
    OK(graft_pipeline_new(d, &o, &p, err));
    OK(graft_pipeline_begin(p, 3, err));
    for (;;) {
        OK(graft_pipeline_next(p, &batch, err));
        if (batch.count == 0)
            break;
        for (int32_t i = 0; i < batch.count * 16 * 16 * 3; i++)
            h = (h ^ batch.u8[i]) * 1099511628211u;
        for (int32_t i = 0; i < batch.count; i++)
            h = (h ^ (uint64_t)batch.labels[i]) * 1099511628211u;
    }
    graft_pipeline_free(p);
    return h;
}

static graft_dataset *open_ok(const char *path) {
    graft_dataset *d = NULL;
    OK(graft_dataset_open(path, 0, &d, err));
    return d;
}

/* The same samples, classes, splits and pictures. */
static void assert_same(const graft_dataset *a, const graft_dataset *b) {
    assert_int_equal(graft_dataset_class_count(a), graft_dataset_class_count(b));
    for (int32_t c = 0; c < graft_dataset_class_count(a); c++)
        assert_string_equal(graft_dataset_class_name(a, c), graft_dataset_class_name(b, c));
    assert_int_equal(graft_dataset_count(a, GRAFT_SPLIT_ALL),
                     graft_dataset_count(b, GRAFT_SPLIT_ALL));
    for (int64_t i = 0; i < graft_dataset_count(a, GRAFT_SPLIT_ALL); i++) {
        assert_int_equal(graft_dataset_sample_label(a, i), graft_dataset_sample_label(b, i));
        assert_int_equal(graft_dataset_sample_split(a, i), graft_dataset_sample_split(b, i));
    }
    assert_true(digest(a, GRAFT_SPLIT_TRAIN) == digest(b, GRAFT_SPLIT_TRAIN));
    assert_true(digest(a, GRAFT_SPLIT_TEST) == digest(b, GRAFT_SPLIT_TEST));
}

static void packed_equals_folder(void **state) {
    (void)state;
    make_folder();
    graft_dataset *folder = open_ok(at("in"));
    graft_pack_report report;
    for (int round = 0; round < 3; round++) {
        graft_pack_options o = graft_pack_options_default();
        o.shards = round == 0 ? 0 : 2;
        o.gzip = round == 2;
        o.root = at("in");
        char out[128];
        snprintf(out, sizeof out, "%s/packed%d/p.tfrecord", root, round);
        OK(graft_data_pack(folder, out, &o, &report, err));
        assert_true(report.pictures == 15 && report.broken == 0);
        assert_int_equal(report.files, round == 0 ? 2 : 4);
        *strrchr(out, '/') = '\0';
        graft_dataset *packed = open_ok(out);
        assert_same(folder, packed);
        assert_true(graft_dataset_is_presplit(packed));
        assert_non_null(strstr(graft_dataset_sample_path(packed, 0), "#0 (train/ant/0.jpg)"));
        graft_dataset_free(packed);
    }
    /* one picture is borrowed from the mapped file */
    graft_dataset *one = open_ok(at("packed0/p-train.tfrecord"));
    assert_int_equal(graft_dataset_count(one, GRAFT_SPLIT_TRAIN), 9);
    const uint8_t *bytes;
    size_t count;
    uint8_t *owned;
    OK(gft_dataset_encoded(one, 0, &bytes, &count, &owned, err));
    assert_true(!owned && count > 100 && bytes[0] == 0xff);
    /* packing records again gives the same files */
    OK(graft_data_pack(one, at("again/p-train.tfrecord"), NULL, &report, err));
    uint8_t *x;
    uint8_t *y;
    size_t n;
    size_t m;
    OK(gft_file_read(at("packed0/p-train.tfrecord"), 1 << 20, &x, &n, err));
    OK(gft_file_read(at("again/p-train.tfrecord"), 1 << 20, &y, &m, err));
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    gft_free(x);
    gft_free(y);
    graft_dataset_free(one);
    graft_dataset_free(folder);
}

static void files_are_found(void **state) {
    (void)state;
    make_folder();
    graft_dataset *folder = open_ok(at("in"));
    graft_pack_options o = graft_pack_options_default();
    o.shards = 3;
    OK(graft_data_pack(folder, at("out/my-set.tfrecord"), &o, NULL, err));
    graft_dataset_free(folder);
    static const char *const ways[] = {"out", "out/my-set", "out/my-set.tfrecord", "out/my-*"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        graft_dataset *d = open_ok(at(ways[i]));
        assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TRAIN), 9);
        assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TEST), 6);
        graft_dataset_free(d);
    }
    graft_dataset *d = open_ok(at("out/my-set-train"));
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_ALL), 9);
    graft_dataset_free(d);
    d = open_ok(at("out/my-set-train-00001-of-00003.tfrecord")); /* one shard by its name */
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_ALL), 3);
    assert_int_equal(graft_dataset_class_count(d), 3); /* by the labels file, though it holds one */
    graft_dataset_free(d);
    FAILS(graft_dataset_open(at("out/other"), 0, &d, err), GRAFT_NOT_FOUND,
          "no such folder or file");
    assert_int_equal(remove(at("out/my-set-test-00002-of-00003.tfrecord")), 0);
    FAILS(graft_dataset_open(at("out"), 0, &d, err), GRAFT_FAILED_PRECONDITION,
          "2 of its 3 shards are there");
    /* train/, val/, test/ of records; names without an extension, as ImageNet's shards have them */
    d = NULL;
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes;
        size_t n;
        char name[64];
        snprintf(name, sizeof name, "out/my-set-train-0000%d-of-00003.tfrecord", i);
        OK(gft_file_read(at(name), 1 << 20, &bytes, &n, err));
        put_bytes(i == 0 ? "split/train/a-00000-of-00001" : "split/validation/b.tfrecord", bytes,
                  n);
        gft_free(bytes);
    }
    OK(graft_dataset_open(at("split"), 0, &d, err));
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TRAIN), 3);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_VALIDATION), 3);
    graft_dataset_free(d);
}

/* ---- records of other programs ---- */

typedef struct fields {
    const char *picture_key, *number_key, *text_key, *text;
    int64_t number;
} fields;

static void write_records(const char *name, const fields *f, size_t count) {
    unsigned char *pixels = make_pattern(8, 8, 3, 3);
    made_bytes jpeg = make_jpeg(pixels, 8, 8, 3, 0);
    gft_example_writer w;
    gft_buffer record;
    gft_tfrecord_writer *out = NULL;
    gft_example_writer_init(&w);
    gft_buffer_init(&record, 1 << 20);
    OK(gft_tfrecord_writer_open(at(name), GFT_TFRECORD_PLAIN, &out, err));
    for (size_t i = 0; i < count; i++) {
        if (f[i].number_key)
            OK(gft_example_put_int64(&w, f[i].number_key, &f[i].number, 1, err));
        if (f[i].text_key)
            OK(gft_example_put_bytes(&w, f[i].text_key, f[i].text, strlen(f[i].text), err));
        if (f[i].picture_key)
            OK(gft_example_put_bytes(&w, f[i].picture_key, jpeg.data, jpeg.bytes, err));
        gft_buffer_clear(&record);
        OK(gft_example_finish(&w, &record, err));
        OK(gft_tfrecord_writer_add(out, record.data, record.bytes, err));
    }
    OK(gft_tfrecord_writer_commit(out, err));
    gft_tfrecord_writer_free(out);
    gft_buffer_deinit(&record);
    gft_example_writer_deinit(&w);
    free(jpeg.data);
    free(pixels);
}

static void other_keys_are_known(void **state) {
    (void)state;
    graft_dataset *d = NULL;
    /* numbers from 1 without names */
    const fields plain[] = {{"image", "label", NULL, NULL, 2},
                            {"image", "label", NULL, NULL, 1},
                            {"image", "label", NULL, NULL, 4}};
    write_records("a.tfrecord", plain, 3);
    d = open_ok(at("a.tfrecord"));
    assert_int_equal(graft_dataset_class_count(d), 3);
    assert_string_equal(graft_dataset_class_name(d, 2), "4");
    assert_int_equal(graft_dataset_sample_label(d, 0), 1);
    float values[8 * 8 * 3];
    const graft_preprocess rule = graft_preprocess_default(8, 8);
    OK(graft_dataset_preprocess(d, 1, &rule, values, err));
    graft_dataset_free(d);
    /* with a labels file that begins at 0 or 1, its lines numbered or not */
    put_bytes("a.labels.txt", "0:none\n1:rose\n2:lily\n3:iris\n4:daisy\n", 37);
    d = open_ok(at("a.tfrecord"));
    assert_int_equal(graft_dataset_class_count(d), 5);
    assert_string_equal(graft_dataset_class_name(d, graft_dataset_sample_label(d, 0)), "lily");
    graft_dataset_free(d);
    put_bytes("a.labels.txt", "rose\nlily\niris\ndaisy\n", 21);
    d = open_ok(at("a.tfrecord"));
    assert_int_equal(graft_dataset_class_count(d), 4);
    assert_string_equal(graft_dataset_class_name(d, graft_dataset_sample_label(d, 0)), "lily");
    graft_dataset_free(d);
    put_bytes("a.labels.txt", "rose\nlily\n", 10);
    FAILS(graft_dataset_open(at("a.tfrecord"), 0, &d, err), GRAFT_INVALID_ARGUMENT,
          "2 names do not fit the labels of the records (1 to 4)");
    /* names of the records keep the order of their numbers; names alone are sorted */
    const fields named[] = {{"image/encoded", "image/class/label", "image/class/text", "zebra", 0},
                            {"image/encoded", "image/class/label", "image/class/text", "ape", 1}};
    write_records("b.tfrecord", named, 2);
    d = open_ok(at("b.tfrecord"));
    assert_string_equal(graft_dataset_class_name(d, 0), "zebra");
    graft_dataset_free(d);
    const fields words[] = {{"image_raw", NULL, "label", "zebra", 0},
                            {"image_raw", NULL, "label", "ape", 0}};
    write_records("c.tfrecord", words, 2);
    d = open_ok(at("c.tfrecord"));
    assert_string_equal(graft_dataset_class_name(d, 0), "ape");
    assert_int_equal(graft_dataset_sample_label(d, 0), 1);
    graft_dataset_free(d);
}

static void bad_records_are_named(void **state) {
    (void)state;
    graft_dataset *d = NULL;
    const fields no_picture[] = {{NULL, "label", "note", "x", 0}};
    write_records("a.tfrecord", no_picture, 1);
    FAILS(graft_dataset_open(at("a.tfrecord"), 0, &d, err), GRAFT_INVALID_ARGUMENT,
          "a.tfrecord#0: no picture in it; it holds 'label' 'note', expected image/encoded");
    const fields no_label[] = {{"image", NULL, NULL, NULL, 0}};
    write_records("b.tfrecord", no_label, 1);
    FAILS(graft_dataset_open(at("b.tfrecord"), 0, &d, err), GRAFT_INVALID_ARGUMENT,
          "no label in it; it holds 'image'");
    const fields two_names[] = {{"image", "label", "class/text", "x", 0},
                                {"image", "label", "class/text", "y", 0}};
    write_records("c.tfrecord", two_names, 2);
    FAILS(graft_dataset_open(at("c.tfrecord"), 0, &d, err), GRAFT_INVALID_ARGUMENT,
          "label 0 is named 'x' and 'y'");
    const fields mixed[] = {{"image", "label", NULL, NULL, 0},
                            {"image", NULL, "class/text", "y", 0}};
    write_records("d.tfrecord", mixed, 2);
    FAILS(graft_dataset_open(at("d.tfrecord"), 0, &d, err), GRAFT_INVALID_ARGUMENT,
          "one has a label by number, the other by name");
    const fields same_name[] = {{"image", "label", "class/text", "x", 0},
                                {"image", "label", "class/text", "x", 1}};
    write_records("e.tfrecord", same_name, 2);
    FAILS(graft_dataset_open(at("e.tfrecord"), 0, &d, err), GRAFT_INVALID_ARGUMENT,
          "two labels are named 'x'");
    put_bytes("f.tfrecord", "no records at all", 17);
    FAILS(graft_dataset_open(at("f.tfrecord"), 0, &d, err), GRAFT_DATA_LOSS,
          "f.tfrecord: record 0");
}

/*
 * A flipped bit in a picture is found when the picture is wanted, and that picture alone is left
 * out.
 */
static void damage_is_found_late(void **state) {
    (void)state;
    make_folder();
    graft_dataset *d = open_ok(at("in"));
    OK(graft_data_pack(d, at("p.tfrecord"), NULL, NULL, err));
    graft_dataset_free(d);
    uint8_t *bytes;
    size_t n;
    OK(gft_file_read(at("p-train.tfrecord"), 1 << 20, &bytes, &n, err));
    bytes[n / 2] ^= 1;
    put_bytes("p-train.tfrecord", bytes, n);
    gft_free(bytes);
    d = open_ok(at("p-train.tfrecord"));
    float values[16 * 16 * 3];
    const graft_preprocess rule = graft_preprocess_default(16, 16);
    int bad = 0;
    for (int64_t i = 0; i < 9; i++) {
        graft_error why = {0};
        if (graft_dataset_preprocess(d, i, &rule, values, &why) == GRAFT_OK)
            continue;
        bad++;
        assert_int_equal(why.code, GRAFT_DATA_LOSS);
        assert_non_null(strstr(why.message, "checksum of the record"));
    }
    assert_int_equal(bad, 1);
    graft_dataset_free(d);
}

static int broken_pictures;

static void on_broken(void *context, int64_t id, const char *path, const char *reason) {
    (void)context;
    (void)id;
    assert_non_null(strstr(path, "bad.jpg"));
    assert_non_null(strstr(reason, "not a picture"));
    broken_pictures++;
}

static void packing_is_careful(void **state) {
    (void)state;
    make_folder();
    put_bytes("in/train/ant/bad.jpg", "hello", 5);
    graft_dataset *d = open_ok(at("in"));
    graft_pack_options o = graft_pack_options_default();
    graft_pack_report report;
    o.on_broken = on_broken;
    OK(graft_data_pack(d, at("p.tfrecord"), &o, &report, err));
    assert_true(report.pictures == 15 && report.broken == 1 && broken_pictures == 1);
    FAILS(graft_data_pack(d, at("p.tfrecord"), &o, &report, err), GRAFT_ALREADY_EXISTS,
          "p-train.tfrecord: exists already");
    o.replace = true;
    OK(graft_data_pack(d, at("p.tfrecord"), &o, &report, err));
    FAILS(graft_data_pack(d, at("in"), &o, &report, err), GRAFT_INVALID_ARGUMENT, "is a folder");
    o.shards = -1;
    FAILS(graft_data_pack(d, at("q.tfrecord"), &o, &report, err), GRAFT_INVALID_ARGUMENT,
          "-1 shards");
    /* what fails leaves nothing: the labels file's place is a folder */
    o = graft_pack_options_default();
    o.replace = true;
    assert_int_equal(gft_dir_make(at("r.labels.txt"), NULL), GRAFT_OK);
    FAILS(graft_data_pack(d, at("r.tfrecord"), &o, &report, err), GRAFT_INVALID_ARGUMENT,
          "is a folder");
    assert_false(gft_file_exists(at("r-train.tfrecord")));
    graft_dataset_free(d);
}

static graft_status open_and_free(void *context) {
    graft_dataset *d = NULL;
    GFT_TRY(graft_dataset_open(context, 0, &d, NULL));
    graft_dataset_free(d);
    return GRAFT_OK;
}

static void survives_failing_memory(void **state) {
    (void)state;
    const fields named[] = {{"image/encoded", "image/class/label", "image/class/text", "a", 0},
                            {"image/encoded", "image/class/label", "image/class/text", "b", 1}};
    write_records("a-train.tfrecord", named, 2);
    write_records("a-test.tfrecord", named, 2);
    char path[128];
    snprintf(path, sizeof path, "%s", at("a-t*"));
    for (int64_t n = 1; n < 10000; n++) {
        gft_alloc_fail_after(n);
        graft_status status = open_and_free(path);
        gft_alloc_fail_after(0);
        if (status == GRAFT_OK)
            return;
        if (status != GRAFT_RESOURCE_EXHAUSTED && status != GRAFT_NOT_FOUND)
            fail_msg("allocation %d: status %d", (int)n, (int)status);
    }
    fail_msg("never succeeds");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(packed_equals_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(other_keys_are_known, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_records_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found_late, setup, teardown),
        cmocka_unit_test_setup_teardown(packing_is_careful, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_failing_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
