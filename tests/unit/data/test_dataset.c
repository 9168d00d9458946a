/*
 * Data sets: class folders, split folders, CSV files, what is refused and in which words, splits
 * and folds.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void put_text(const char *name, const char *text) {
    char folder[256];
    snprintf(folder, sizeof folder, "%s", at(name));
    *strrchr(folder, '/') = '\0';
    assert_int_equal(gft_dir_make(folder, NULL), GRAFT_OK);
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static void put(const char *name) {
    put_text(name, "x");
} /* listing opens nothing */

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/graft-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    return gft_tree_remove(root, NULL) == GRAFT_OK ? 0 : -1;
}

static graft_dataset *open_ok(const char *path, uint32_t flags) {
    graft_dataset *dataset = NULL;
    graft_error err = {0};
    graft_status status = graft_dataset_open(path, flags, &dataset, &err);
    if (status != GRAFT_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, GRAFT_OK);
    return dataset;
}

static void open_fails(const char *path, graft_status want, const char *says) {
    graft_dataset *dataset = NULL;
    graft_error err = {0};
    assert_int_equal(graft_dataset_open(path, 0, &dataset, &err), want);
    if (!strstr(err.message, says))
        fail_msg("message '%s' does not say '%s'", err.message, says);
    assert_null(dataset);
}

static void test_class_folders(void **state) {
    (void)state;
    put("b/2.JPG");
    put("b/1.jpeg");
    put("b/sub/0.webp");
    put("b/notes.txt");
    put("b/.hidden.png");
    put("a/x.png");
    put("a/y.bmp");
    put("B/z.png");
    put("readme.md");
    put(".git/x.png");
    graft_dataset *d = open_ok(root, 0);
    assert_int_equal(graft_dataset_class_count(d), 3);
    assert_string_equal(graft_dataset_class_name(d, 0), "B");
    assert_string_equal(graft_dataset_class_name(d, 1), "a");
    assert_string_equal(graft_dataset_class_name(d, 2), "b");
    assert_null(graft_dataset_class_name(d, 3));
    assert_null(graft_dataset_class_name(d, -1));
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_ALL), 6);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TRAIN), 6);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TEST), 0);
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_TRAIN, 2), 3);
    assert_int_equal(graft_dataset_ignored_count(d), 2);
    assert_false(graft_dataset_is_presplit(d));
    const char *const order[6] = {"B/z.png",  "a/x.png", "a/y.bmp",
                                  "b/1.jpeg", "b/2.JPG", "b/sub/0.webp"};
    const int labels[6] = {0, 1, 1, 2, 2, 2};
    for (int i = 0; i < 6; i++) {
        assert_string_equal(graft_dataset_sample_path(d, i), at(order[i]));
        assert_int_equal(graft_dataset_sample_label(d, i), labels[i]);
        assert_int_equal(graft_dataset_sample_split(d, i), GRAFT_SPLIT_TRAIN);
    }
    assert_null(graft_dataset_sample_path(d, 6));
    assert_int_equal(graft_dataset_sample_label(d, -1), -1);
    graft_dataset_free(d);
    graft_dataset_free(NULL);
}

static void test_split_folders(void **state) {
    (void)state;
    put("train/a/1.png");
    put("train/b/2.png");
    put("validation/b/3.png");
    put("test/a/4.png");
    put("test/a/5.png");
    put("extra/c/6.png");
    graft_dataset *d = open_ok(root, 0);
    assert_true(graft_dataset_is_presplit(d));
    assert_int_equal(graft_dataset_class_count(d), 2);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TRAIN), 2);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_VALIDATION), 1);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TEST), 2);
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_ALL, 0), 3);
    assert_string_equal(graft_split_name(graft_dataset_sample_split(d, 2)), "val");
    assert_int_equal(graft_dataset_split_validation(d, 0.5, 1, NULL), GRAFT_FAILED_PRECONDITION);
    graft_dataset_free(d);

    put("val/b/3.png");
    open_fails(root, GRAFT_INVALID_ARGUMENT, "both");
    assert_int_equal(gft_tree_remove(at("val"), NULL), GRAFT_OK);
    put("test/c/7.png");
    open_fails(root, GRAFT_FAILED_PRECONDITION, "'c' has no counterpart in train/");
}

static void test_test_folder_alone(void **state) {
    (void)state;
    put("test/a/1.png");
    put("test/b/2.png");
    graft_dataset *d = open_ok(root, 0);
    assert_true(graft_dataset_is_presplit(d));
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TEST), 2);
    graft_dataset_free(d);
    put("other/2.png"); /* now "test" is one class among others */
    put("test/9.png");
    d = open_ok(root, 0);
    assert_false(graft_dataset_is_presplit(d));
    assert_string_equal(graft_dataset_class_name(d, 1), "test");
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_TRAIN, 1), 3);
    graft_dataset_free(d);
}

static void test_refusals(void **state) {
    (void)state;
    open_fails(at("nothing"), GRAFT_NOT_FOUND, "no such folder");
    open_fails(root, GRAFT_FAILED_PRECONDITION, "no class folders");
    put("a/1.png");
    open_fails(root, GRAFT_FAILED_PRECONDITION, "one class only ('a')");
    graft_dataset_free(open_ok(root, GRAFT_DATASET_ONE_CLASS_OK));
    put("b/readme.txt");
    open_fails(root, GRAFT_FAILED_PRECONDITION, "/b: the class folder holds no pictures");
    graft_dataset *d = open_ok(root, GRAFT_DATASET_EMPTY_CLASS_OK);
    assert_int_equal(graft_dataset_class_count(d), 2);
    graft_dataset_free(d);
    assert_int_equal(unlink(at("a/1.png")), 0);
    open_fails(root, GRAFT_FAILED_PRECONDITION, "the data set is empty");
    put_text("list.dat", "a,b\n");
    open_fails(at("list.dat"), GRAFT_INVALID_ARGUMENT, "not a data set");
    put_text("x.tfrecord", "");
    open_fails(at("x.tfrecord"), GRAFT_FAILED_PRECONDITION, "no record in its TFRecord files");
    put_text("records/x.tfrecord-00000-of-00002", "");
    open_fails(at("records"), GRAFT_FAILED_PRECONDITION, "1 of its 2 shards");
    if (geteuid() != 0) {
        put("locked/1.png");
        assert_int_equal(chmod(at("locked"), 0), 0);
        open_fails(root, GRAFT_PERMISSION_DENIED, "locked");
        assert_int_equal(chmod(at("locked"), 0755), 0);
    }
}

static void test_loop_of_links(void **state) {
    (void)state;
    put("a/1.png");
    put("b/1.png");
    assert_int_equal(symlink("..", at("a/up")), 0);
    open_fails(root, GRAFT_FAILED_PRECONDITION, "nested deeper");
}

static void test_csv(void **state) {
    (void)state;
    put_text("list.csv", "\xef\xbb\xbfpath,label\r\n"
                         "dog/1.jpg,dog\r\n"
                         "\r\n"
                         "\"with, comma.png\",\"the \"\"cat\"\"\"\n"
                         "/abs/3.bmp,dog\n"
                         "no_newline.png,ant");
    graft_dataset *d = open_ok(at("list.csv"), 0);
    assert_int_equal(graft_dataset_class_count(d), 3);
    assert_string_equal(graft_dataset_class_name(d, 0), "ant");
    assert_string_equal(graft_dataset_class_name(d, 1), "dog");
    assert_string_equal(graft_dataset_class_name(d, 2), "the \"cat\"");
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TRAIN), 4);
    assert_string_equal(graft_dataset_sample_path(d, 0), at("dog/1.jpg"));
    assert_string_equal(graft_dataset_sample_path(d, 1), at("with, comma.png"));
    assert_string_equal(graft_dataset_sample_path(d, 2), "/abs/3.bmp");
    assert_int_equal(graft_dataset_sample_label(d, 3), 0);
    graft_dataset_free(d);

    put_text("plain.csv", "1.png,x\n2.png,y\n");
    d = open_ok(at("plain.csv"), 0);
    assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_ALL), 2);
    assert_false(graft_dataset_is_presplit(d));
    graft_dataset_free(d);

    put_text("wide.csv",
             "id,Label,split,Filename\n7,x,train,1.png\n8,y,validation,2.png\n9,x,test,3.png\n");
    d = open_ok(at("wide.csv"), 0);
    assert_true(graft_dataset_is_presplit(d));
    assert_string_equal(graft_dataset_sample_path(d, 1), at("2.png"));
    assert_int_equal(graft_dataset_sample_label(d, 1), 1);
    assert_int_equal(graft_dataset_sample_split(d, 1), GRAFT_SPLIT_VALIDATION);
    assert_int_equal(graft_dataset_sample_split(d, 2), GRAFT_SPLIT_TEST);
    graft_dataset_free(d);
}

static void csv_fails(const char *text, graft_status want, const char *says) {
    put_text("bad.csv", text);
    open_fails(at("bad.csv"), want, says);
}

static void test_csv_refusals(void **state) {
    (void)state;
    csv_fails("", GRAFT_FAILED_PRECONDITION, "empty");
    csv_fails("path,label\n", GRAFT_FAILED_PRECONDITION, "empty");
    csv_fails("1.png,a\n2.png\n", GRAFT_INVALID_ARGUMENT, "bad.csv:2: found 1 fields");
    csv_fails("1.png,a\n2.png,\n", GRAFT_INVALID_ARGUMENT, "bad.csv:2: the label is empty");
    csv_fails(",a\n", GRAFT_INVALID_ARGUMENT, "bad.csv:1: the path is empty");
    csv_fails("1.png,a\n\"2.png,b\n", GRAFT_INVALID_ARGUMENT,
              "bad.csv:2: a quoted field is not closed");
    csv_fails("\"1.png\"x,a\n", GRAFT_INVALID_ARGUMENT, "text follows a quoted field");
    csv_fails("1\"2.png,a\n", GRAFT_INVALID_ARGUMENT, "a quote inside");
    csv_fails("1.png,a\n2.png,a\n", GRAFT_FAILED_PRECONDITION, "one class only");
    csv_fails("1.png,a\n2.png,\"b\nc\"\n", GRAFT_INVALID_ARGUMENT, "control character");
    csv_fails("path,label,split\n1.png,a,dev\n", GRAFT_INVALID_ARGUMENT, "found split 'dev'");
    char *longer = malloc(70000);
    memset(longer, 'x', 69999);
    longer[69999] = '\0';
    csv_fails(longer, GRAFT_INVALID_ARGUMENT, "too long");
    free(longer);
}

static void make_many(void) {
    char name[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "%s/%02d.png", i < 30 ? "big" : i < 39 ? "mid" : "one", i);
        put(name);
    }
}

static void test_validation_split(void **state) {
    (void)state;
    make_many();
    int moved[2][40];
    for (int round = 0; round < 3; round++) {
        graft_dataset *d = open_ok(root, 0);
        assert_int_equal(graft_dataset_split_validation(d, 0.2, round == 2 ? 8 : 7, NULL),
                         GRAFT_OK);
        assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_VALIDATION, 0), 6);
        assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_VALIDATION, 1),
                         2); /* 1.8 rounded */
        assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_VALIDATION, 2), 0);
        assert_int_equal(graft_dataset_count(d, GRAFT_SPLIT_TRAIN), 32);
        int differ = 0;
        for (int i = 0; i < 40; i++) {
            int in = graft_dataset_sample_split(d, i) == GRAFT_SPLIT_VALIDATION;
            if (round == 0)
                moved[0][i] = in;
            else
                differ += moved[0][i] != in;
        }
        assert_true(round == 1 ? differ == 0 : round == 0 || differ > 0);
        graft_dataset_free(d);
    }
    graft_dataset *d = open_ok(root, 0);
    assert_int_equal(graft_dataset_split_validation(d, 1.0, 1, NULL), GRAFT_INVALID_ARGUMENT);
    assert_int_equal(graft_dataset_split_validation(d, -0.1, 1, NULL), GRAFT_INVALID_ARGUMENT);
    assert_int_equal(graft_dataset_split_validation(d, 0.99, 1, NULL), GRAFT_OK);
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_TRAIN, 1),
                     1); /* never all of a class */
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_TRAIN, 2), 1);
    graft_dataset_free(d);
}

static void test_folds(void **state) {
    (void)state;
    make_many();
    graft_dataset *d = open_ok(root, 0);
    int32_t fold[40];
    assert_int_equal(graft_dataset_folds(d, GRAFT_SPLIT_TRAIN, 3, 5, fold, NULL), GRAFT_OK);
    int sizes[3] = {0};
    int big[3] = {0};
    for (int i = 0; i < 40; i++) {
        assert_in_range(fold[i], 0, 2);
        sizes[fold[i]]++;
        big[fold[i]] += graft_dataset_sample_label(d, i) == 0;
    }
    for (int f = 0; f < 3; f++) {
        assert_in_range(sizes[f], 13, 14);
        assert_int_equal(big[f], 10);
    }
    assert_int_equal(graft_dataset_folds(d, GRAFT_SPLIT_TEST, 3, 5, fold, NULL), GRAFT_OK);
    assert_int_equal(fold[0], -1);
    assert_int_equal(graft_dataset_folds(d, GRAFT_SPLIT_TRAIN, 0, 5, fold, NULL),
                     GRAFT_INVALID_ARGUMENT);
    graft_dataset_free(d);
}

static void test_relabel(void **state) {
    (void)state;
    make_many();
    graft_dataset *d = open_ok(root, 0);
    const char *const model[4] = {"one", "extra", "big", "mid"};
    graft_error err;
    assert_int_equal(graft_dataset_relabel(d, model, 3, &err), GRAFT_NOT_FOUND);
    assert_non_null(strstr(err.message, "'mid'"));
    assert_int_equal(graft_dataset_sample_label(d, 0), 0); /* untouched */
    assert_int_equal(graft_dataset_relabel(d, model, 4, &err), GRAFT_OK);
    assert_int_equal(graft_dataset_class_count(d), 4);
    assert_int_equal(graft_dataset_sample_label(d, 0), 2);
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_TRAIN, 1), 0);
    assert_int_equal(graft_dataset_class_samples(d, GRAFT_SPLIT_TRAIN, 3), 9);
    assert_string_equal(graft_dataset_class_name(d, 1), "extra");
    graft_dataset_free(d);
}

static void test_out_of_memory(void **state) {
    (void)state;
    put("a/s/1.png");
    put("b/2.png");
    put_text("l.csv", "path,label\n1.png,a\n2.png,b\n");
    const char *const sources[2] = {root, at("l.csv")};
    for (int s = 0; s < 2; s++) {
        int failures = 0;
        for (int64_t n = 1; n < 500; n++) {
            graft_dataset *d = NULL;
            gft_alloc_fail_after(n);
            graft_status status = graft_dataset_open(sources[s], 0, &d, NULL);
            gft_alloc_fail_after(0);
            if (status == GRAFT_OK) {
                graft_dataset_free(d);
                break;
            }
            failures++;
        }
        assert_in_range(failures, 5, 400);
    }
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_class_folders),
        WITH_FOLDER(test_split_folders),
        WITH_FOLDER(test_test_folder_alone),
        WITH_FOLDER(test_refusals),
        WITH_FOLDER(test_loop_of_links),
        WITH_FOLDER(test_csv),
        WITH_FOLDER(test_csv_refusals),
        WITH_FOLDER(test_validation_split),
        WITH_FOLDER(test_folds),
        WITH_FOLDER(test_relabel),
        WITH_FOLDER(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
