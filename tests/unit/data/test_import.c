/*
 * Importing a small archive made like the elpv-dataset wheel: classes, split, atomicity, refusals.
 */
#include "cmocka_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "graft/data.h"

static char root[64];

static const char *at(const char *name) {
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
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

static void add(struct archive *a, const char *name, const char *text) {
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (int64_t)strlen(text));
    archive_write_header(a, e);
    archive_write_data(a, text, strlen(text));
    archive_entry_free(e);
}

/* 8 ok mono, 4 ok poly, 4 defective mono, 2 defective poly, 3 left out; the pictures are words. */
static void make_wheel(const char *path, const char *extra_line, int missing) {
    struct archive *a = archive_write_new();
    archive_write_set_format_zip(a);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    char labels[4096] = "";
    for (int i = 0; i < 21; i++) {
        const char *p = i < 12   ? "0.0"
                        : i < 15 ? "1.0"
                        : i < 18 ? "0.6666666666666666"
                                 : "0.3333333333333333";
        const char *type = (i < 8 || (i >= 12 && i < 16)) ? "mono" : "poly";
        char name[64];
        snprintf(name, sizeof name, "images/cell%04d.png", i);
        size_t used = strlen(labels);
        snprintf(labels + used, sizeof labels - used, "%s  %s                 %s\n", name, p, type);
        char full[128];
        snprintf(full, sizeof full, "elpv_dataset/data/%s", name);
        if (i != missing)
            add(a, full, name);
    }
    size_t used = strlen(labels);
    snprintf(labels + used, sizeof labels - used, "%s", extra_line);
    add(a, "elpv_dataset/__init__.py", "pass\n");
    add(a, "elpv_dataset/data/labels.csv", labels);
    archive_write_close(a);
    archive_write_free(a);
}

static void test_import(void **state) {
    (void)state;
    make_wheel(at("w.whl"), "", -1);
    graft_import_report report;
    graft_error err = {0};
    graft_status status = graft_data_import("elpv", at("w.whl"), at("out"), NULL, &report, &err);
    if (status != GRAFT_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, GRAFT_OK);
    assert_int_equal(report.classes, 4);
    assert_int_equal(report.left_out, 3);
    assert_int_equal(report.test, 2 + 1 + 1 + 0); /* a quarter of 8, 4, 4, 2 (0.5 rounds to even) */
    assert_int_equal(report.train, 14);

    graft_dataset *d;
    assert_int_equal(graft_dataset_open(at("out"), 0, &d, &err), GRAFT_OK);
    assert_true(graft_dataset_is_presplit(d));
    assert_int_equal(graft_dataset_class_count(d), 4);
    assert_string_equal(graft_dataset_class_name(d, 0), "defective_mono");
    assert_string_equal(graft_dataset_class_name(d, 3), "ok_poly");
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TRAIN), 14);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TEST), 4);
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_ALL, 2), 8);
    for (int64_t i = 0; i < 18; i++) {
        uint8_t *bytes;
        size_t count;
        const char *path = graft_dataset_sample_path(d, i);
        assert_int_equal(gft_file_read(path, 100, &bytes, &count, NULL), GRAFT_OK);
        assert_string_equal((char *)bytes + strlen("images/"), gft_path_base(path));
        gft_free(bytes);
    }
    graft_dataset_free(d);

    assert_int_equal(graft_data_import("elpv", at("w.whl"), at("out"), NULL, NULL, &err),
                     GRAFT_ALREADY_EXISTS);
    graft_import_options other = graft_import_options_default();
    other.test_fraction = 0.0;
    assert_int_equal(graft_data_import("elpv", at("w.whl"), at("out2"), &other, &report, &err),
                     GRAFT_OK);
    assert_int_equal(report.test, 0);
}

static void refused(const char *kind, const char *file, graft_status want, const char *says) {
    graft_error err = {0};
    assert_int_equal(graft_data_import(kind, at(file), at("new"), NULL, NULL, &err), want);
    if (!strstr(err.message, says))
        fail_msg("message '%s' does not say '%s'", err.message, says);
    gft_dir_entry *entries; /* nothing is left behind */
    size_t count;
    assert_int_equal(gft_dir_list(root, &entries, &count, NULL), GRAFT_OK);
    for (size_t i = 0; i < count; i++)
        assert_null(strstr(entries[i].name, "new"));
    gft_dir_list_free(entries, count);
}

static void test_refusals(void **state) {
    (void)state;
    refused("elpw", "w.whl", GRAFT_INVALID_ARGUMENT, "did you mean 'elpv'");
    refused("elpv", "w.whl", GRAFT_NOT_FOUND, "w.whl");
    assert_int_equal(gft_file_write(at("text.whl"), "hello", 5, NULL), GRAFT_OK);
    refused("elpv", "text.whl", GRAFT_DATA_LOSS, "not a zip archive");
    make_wheel(at("short.whl"), "", 5);
    refused("elpv", "short.whl", GRAFT_DATA_LOSS,
            "images/cell0005.png' is in labels.csv but not in the archive");
    make_wheel(at("up.whl"), "images/../../x.png 0.0 mono\n", -1);
    refused("elpv", "up.whl", GRAFT_INVALID_ARGUMENT, "labels.csv:22");
    make_wheel(at("word.whl"), "images/x.png much mono\n", -1);
    refused("elpv", "word.whl", GRAFT_INVALID_ARGUMENT, "labels.csv:22");
    make_wheel(at("type.whl"), "images/x.png 0.0 amorphous\n", -1);
    refused("elpv", "type.whl", GRAFT_INVALID_ARGUMENT, "mono or poly");
    make_wheel(at("twice.whl"), "images/cell0001.png 0.0 mono\n", -1);
    refused("elpv", "twice.whl", GRAFT_INVALID_ARGUMENT, "listed twice");
    struct archive *a = archive_write_new();
    archive_write_set_format_zip(a);
    assert_int_equal(archive_write_open_filename(a, at("other.whl")), ARCHIVE_OK);
    add(a, "something/else.txt", "x");
    archive_write_close(a);
    archive_write_free(a);
    refused("elpv", "other.whl", GRAFT_INVALID_ARGUMENT, "not an elpv-dataset wheel");
    graft_import_options bad = {1, 1.0};
    assert_int_equal(graft_data_import("elpv", at("w.whl"), at("new"), &bad, NULL, NULL),
                     GRAFT_INVALID_ARGUMENT);
}

static void test_kinds(void **state) {
    (void)state;
    const char *kind;
    const char *description;
    assert_true(graft_data_import_kind(0, &kind, &description));
    assert_string_equal(kind, "elpv");
    assert_non_null(strstr(description, "evaluation only"));
    assert_false(graft_data_import_kind(100, &kind, &description));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_import, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
