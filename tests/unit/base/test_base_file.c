/*
 * Files: reading, mapping, writing that leaves the old file on failure (a file size limit plays the
 * full disk), trees.
 */
#include "cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

static char root[256];
static char name[512];

/* A path inside this test's folder; valid until the next call. */
static const char *in(const char *relative) {
    snprintf(name, sizeof name, "%s/%s", root, relative);
    return name;
}

static int make_root(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/graft-test-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    return gft_tree_remove(root, NULL) == GRAFT_OK && !gft_dir_exists(root) ? 0 : -1;
}

static void assert_contents(const char *path, const char *want) {
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_int_equal(gft_file_read(path, 1 << 20, &data, &bytes, NULL), GRAFT_OK);
    assert_int_equal(bytes, strlen(want));
    assert_string_equal((char *)data, want);
    gft_free(data);
}

static size_t entries_in(const char *path) {
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(gft_dir_list(path, &entries, &count, NULL), GRAFT_OK);
    gft_dir_list_free(entries, count);
    return count;
}

static void read_and_map(void **state) {
    (void)state;
    graft_error err;
    uint8_t *data = NULL;
    size_t bytes = 0;
    gft_map map = {NULL, 0};
    assert_int_equal(gft_file_write(in("a"), "hello", 5, &err), GRAFT_OK);
    assert_contents(in("a"), "hello");
    assert_int_equal(gft_file_read(in("a"), 4, &data, &bytes, &err), GRAFT_RESOURCE_EXHAUSTED);
    assert_int_equal(gft_file_read("/dev/zero", 1000, &data, &bytes, &err),
                     GRAFT_RESOURCE_EXHAUSTED);
    assert_int_equal(gft_file_read(in("none"), 4, &data, &bytes, &err), GRAFT_NOT_FOUND);
    assert_int_equal(gft_file_read(root, 4, &data, &bytes, &err), GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_map_open(in("a"), &map, &err), GRAFT_OK);
    assert_int_equal(map.bytes, 5);
    assert_memory_equal(map.data, "hello", 5);
    gft_map_close(&map);
    gft_map_close(&map);
    assert_int_equal(gft_file_write(in("empty"), NULL, 0, &err), GRAFT_OK);
    assert_int_equal(gft_map_open(in("empty"), &map, &err), GRAFT_OK);
    assert_int_equal(map.bytes, 0);
    assert_non_null(map.data);
    gft_map_close(&map);
    assert_int_equal(gft_map_open(in("none"), &map, &err), GRAFT_NOT_FOUND);
    assert_int_equal(gft_map_open("/dev/null", &map, &err), GRAFT_INVALID_ARGUMENT);
    assert_null(data);
}

static void writer_pads_and_replaces(void **state) {
    (void)state;
    gft_writer w;
    assert_int_equal(gft_file_write(in("w"), "old", 3, NULL), GRAFT_OK);
    assert_int_equal(chmod(in("w"), 0640), 0);
    assert_int_equal(gft_writer_open(&w, in("w"), NULL), GRAFT_OK);
    assert_int_equal(gft_writer_write(&w, "abc", 3, NULL), GRAFT_OK);
    assert_int_equal(gft_writer_pad(&w, 200, NULL), GRAFT_OK);
    assert_int_equal(gft_writer_pad(&w, 8, NULL), GRAFT_OK);
    assert_int_equal(w.bytes, 200);
    assert_contents(in("w"), "old"); /* nothing to see before the commit */
    assert_int_equal(gft_writer_commit(&w, NULL), GRAFT_OK);
    gft_writer_abort(&w);
    struct stat st;
    assert_int_equal(stat(in("w"), &st), 0);
    assert_int_equal(st.st_size, 200);
    assert_int_equal(st.st_mode & 0777, 0640);
    size_t before = entries_in(root);
    assert_int_equal(gft_writer_open(&w, in("gone"), NULL), GRAFT_OK);
    gft_writer_abort(&w);
    assert_int_equal(gft_writer_commit(&w, NULL), GRAFT_FAILED_PRECONDITION);
    assert_int_equal(gft_writer_write(&w, "x", 1, NULL), GRAFT_FAILED_PRECONDITION);
    assert_int_equal(entries_in(root), before);
    assert_int_equal(gft_file_write(in("no/such/folder"), "x", 1, NULL), GRAFT_NOT_FOUND);
    assert_int_equal(gft_file_write(root, "x", 1, NULL), GRAFT_INVALID_ARGUMENT);
}

static void links_are_written_through(void **state) {
    (void)state;
    assert_int_equal(gft_file_write(in("target"), "1", 1, NULL), GRAFT_OK);
    assert_int_equal(symlink("target", in("link")), 0);
    assert_int_equal(gft_file_write(in("link"), "22", 2, NULL), GRAFT_OK);
    assert_contents(in("target"), "22");
    struct stat st;
    assert_int_equal(lstat(in("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static void a_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    static char large[100000];
    graft_error err;
    assert_int_equal(gft_file_write(in("keep"), "old", 3, NULL), GRAFT_OK);
    size_t before = entries_in(root);
    struct rlimit kept;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    struct rlimit small = {8192, kept.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    graft_status status = gft_file_write(in("keep"), large, sizeof large, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
    assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
    assert_contents(in("keep"), "old");
    assert_int_equal(entries_in(root), before);
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(gft_file_write("/dev/full", large, 10, &err), GRAFT_RESOURCE_EXHAUSTED);
    assert_int_equal(gft_file_write("/dev/null", large, 10, &err), GRAFT_OK); /* stays a device */
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

static void directories(void **state) {
    (void)state;
    graft_error err;
    assert_int_equal(gft_dir_make(in("d/e/f"), &err), GRAFT_OK);
    assert_int_equal(gft_dir_make(in("d/e/f/"), &err), GRAFT_OK);
    assert_true(gft_dir_exists(in("d/e/f")));
    assert_false(gft_file_exists(in("d/e/f")));
    assert_int_equal(gft_file_write(in("d/b"), "12", 2, NULL), GRAFT_OK);
    assert_int_equal(gft_file_write(in("d/B"), "1", 1, NULL), GRAFT_OK);
    assert_true(gft_file_exists(in("d/b")));
    assert_int_not_equal(gft_dir_make(in("d/b/c"), &err), GRAFT_OK);
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(gft_dir_list(in("d"), &entries, &count, &err), GRAFT_OK);
    assert_int_equal(count, 3);
    assert_string_equal(entries[0].name, "B");
    assert_string_equal(entries[1].name, "b");
    assert_int_equal(entries[1].bytes, 2);
    assert_string_equal(entries[2].name, "e");
    assert_true(entries[2].is_dir);
    gft_dir_list_free(entries, count);
    assert_int_equal(gft_dir_list(in("none"), &entries, &count, &err), GRAFT_NOT_FOUND);
    /* A link to a folder outside is removed, what it points to is not. */
    assert_int_equal(gft_dir_make(in("outside"), &err), GRAFT_OK);
    assert_int_equal(gft_file_write(in("outside/x"), "1", 1, NULL), GRAFT_OK);
    assert_int_equal(symlink("../outside", in("d/to")), 0);
    assert_int_equal(gft_tree_remove(in("d"), &err), GRAFT_OK);
    assert_false(gft_dir_exists(in("d")));
    assert_true(gft_file_exists(in("outside/x")));
    assert_int_equal(gft_tree_remove(in("d"), &err), GRAFT_OK);
    assert_int_equal(gft_tree_remove(in("outside/x"), &err), GRAFT_OK);
    assert_false(gft_file_exists(in("outside/x")));
}

static void deep_trees_are_refused_not_recursed(void **state) {
    (void)state;
    char deep[600] = "deep";
    for (int i = 0; i < 80; i++)
        strcat(deep, "/d");
    graft_error err;
    assert_int_equal(gft_dir_make(in(deep), &err), GRAFT_OK);
    assert_int_equal(gft_tree_remove(in("deep"), &err), GRAFT_OUT_OF_RANGE);
    deep[strlen("deep") + 2 * 30] = '\0';
    assert_int_equal(gft_tree_remove(in(deep), &err), GRAFT_OK);
    assert_int_equal(gft_tree_remove(in("deep"), &err), GRAFT_OK);
}

static void fill(const gft_staging *staging, const char *contents) {
    char *path = gft_path_join(staging->temp_path, "f");
    assert_non_null(path);
    assert_int_equal(gft_file_write(path, contents, strlen(contents), NULL), GRAFT_OK);
    gft_free(path);
}

static void staging_appears_as_a_whole(void **state) {
    (void)state;
    graft_error err;
    gft_staging s;
    assert_int_equal(gft_staging_open(&s, in("x/model/"), &err), GRAFT_OK);
    fill(&s, "1");
    assert_false(gft_dir_exists(in("x/model")));
    assert_int_equal(gft_staging_commit(&s, false, &err), GRAFT_OK);
    assert_contents(in("x/model/f"), "1");
    assert_int_equal(gft_staging_open(&s, in("x/model"), &err), GRAFT_OK);
    fill(&s, "2");
    assert_int_equal(gft_staging_commit(&s, false, &err), GRAFT_ALREADY_EXISTS);
    assert_contents(in("x/model/f"), "1");
    assert_int_equal(gft_staging_open(&s, in("x/model"), &err), GRAFT_OK);
    fill(&s, "3");
    assert_int_equal(gft_staging_commit(&s, true, &err), GRAFT_OK);
    assert_contents(in("x/model/f"), "3");
    assert_int_equal(gft_staging_open(&s, in("x/model"), &err), GRAFT_OK);
    gft_staging_abort(&s);
    gft_staging_abort(&s);
    assert_int_equal(gft_staging_commit(&s, true, &err), GRAFT_FAILED_PRECONDITION);
    assert_int_equal(entries_in(in("x")), 1); /* nothing left beside it */
    assert_int_equal(gft_file_write(in("x/file"), "1", 1, NULL), GRAFT_OK);
    assert_int_equal(gft_staging_open(&s, in("x/file"), &err), GRAFT_OK);
    assert_int_equal(gft_staging_commit(&s, true, &err), GRAFT_ALREADY_EXISTS);
    assert_contents(in("x/file"), "1");
    assert_int_equal(gft_staging_open(&s, "", &err), GRAFT_INVALID_ARGUMENT);
}

static graft_status everything(void) {
    gft_staging s;
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    uint8_t *data = NULL;
    size_t bytes = 0;
    GFT_TRY(gft_staging_open(&s, in("oom/model"), NULL));
    graft_status status = gft_staging_commit(&s, true, NULL);
    if (status == GRAFT_OK)
        status = gft_file_write(in("oom/file"), "abc", 3, NULL);
    if (status == GRAFT_OK)
        status = gft_dir_list(in("oom"), &entries, &count, NULL);
    gft_dir_list_free(entries, count);
    if (status == GRAFT_OK)
        status = gft_file_read(in("oom/file"), 100, &data, &bytes, NULL);
    gft_free(data);
    if (status == GRAFT_OK)
        status = gft_tree_remove(in("oom"), NULL);
    return status;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    int failures = 0;
    for (int64_t n = 1; n < 100; n++) {
        gft_alloc_fail_after(n);
        graft_status status = everything();
        gft_alloc_fail_after(0);
        if (status == GRAFT_OK)
            break;
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        failures++;
    }
    assert_in_range(failures, 8, 98);
    assert_int_equal(gft_tree_remove(in("oom"), NULL), GRAFT_OK);
    gft_alloc_fail_after(1);
    assert_null(gft_path_join("a", "b"));
    gft_alloc_fail_after(0);
}

static void paths(void **state) {
    (void)state;
    static const char *const joins[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < 4; i++) {
        char *joined = gft_path_join(joins[i][0], joins[i][1]);
        assert_string_equal(joined, joins[i][2]);
        gft_free(joined);
    }
    char out[16];
    assert_string_equal(gft_path_base("a/b.c"), "b.c");
    assert_string_equal(gft_path_base("b"), "b");
    assert_string_equal(gft_path_extension("a.b/C.JPeG", out), "jpeg");
    assert_string_equal(gft_path_extension("a.b/c", out), "");
    assert_string_equal(gft_path_extension(".bashrc", out), "");
    assert_string_equal(gft_path_extension("a.", out), "");
    assert_string_equal(gft_path_extension("a.b.gz", out), "gz");
    assert_string_equal(gft_path_extension("a.0123456789abcdef", out), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_and_map),
        cmocka_unit_test(writer_pads_and_replaces),
        cmocka_unit_test(links_are_written_through),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(directories),
        cmocka_unit_test(deep_trees_are_refused_not_recursed),
        cmocka_unit_test(staging_appears_as_a_whole),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
