/*
 * Reading zip archives that libarchive wrote: order, contents, caps, cut and damaged files.
 */
#include "cmocka_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "formats/zip_archive.h"

static char file[4200];
static size_t file_bytes;

static const char *const names[] = {"a.txt", "dir/b.bin", "empty"};
static const size_t sizes[] = {5, 2000, 0};

static unsigned char content(size_t member, size_t i) {
    return (unsigned char)(member * 31 + i * 7 + (i >> 5));
}

static int make_archive(void **state) {
    (void)state;
    struct archive *a = archive_write_new();
    archive_write_set_format_zip(a);
    archive_write_open_memory(a, file, sizeof file, &file_bytes);
    for (size_t m = 0; m < 3; m++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, names[m]);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_perm(e, 0644);
        archive_entry_set_size(e, (int64_t)sizes[m]);
        archive_write_header(a, e);
        for (size_t i = 0; i < sizes[m]; i++) {
            unsigned char c = content(m, i);
            archive_write_data(a, &c, 1);
        }
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    return file_bytes > 100 ? 0 : -1;
}

static graft_status read_all(const void *bytes, size_t count, int *members) {
    gft_zip *zip;
    *members = 0;
    GFT_TRY(gft_zip_open_memory(bytes, count, "test.zip", &zip, NULL));
    graft_status status = GRAFT_OK;
    for (bool more = true; status == GRAFT_OK;) {
        gft_zip_entry entry;
        status = gft_zip_next(zip, &entry, &more, NULL);
        if (status != GRAFT_OK || !more)
            break;
        uint8_t *data;
        size_t n;
        status = gft_zip_read(zip, 1 << 20, &data, &n, NULL);
        if (status == GRAFT_OK) {
            gft_free(data);
            (*members)++;
        }
    }
    gft_zip_close(zip);
    return status;
}

static void test_iterate(void **state) {
    (void)state;
    gft_zip *zip;
    assert_int_equal(gft_zip_open_memory(file, file_bytes, "test.zip", &zip, NULL), GRAFT_OK);
    for (size_t m = 0; m < 3; m++) {
        gft_zip_entry entry;
        bool more = false;
        assert_int_equal(gft_zip_next(zip, &entry, &more, NULL), GRAFT_OK);
        assert_true(more);
        assert_string_equal(entry.name, names[m]);
        assert_int_equal(entry.bytes, sizes[m]);
        uint8_t *data;
        size_t n;
        assert_int_equal(gft_zip_read(zip, sizes[m], &data, &n, NULL), GRAFT_OK);
        assert_int_equal(n, sizes[m]);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(data[i], content(m, i));
        assert_int_equal(data[n], 0);
        gft_free(data);
    }
    gft_zip_entry entry;
    bool more = true;
    assert_int_equal(gft_zip_next(zip, &entry, &more, NULL), GRAFT_OK);
    assert_false(more);
    gft_zip_close(zip);
    gft_zip_close(NULL);
}

static void test_by_name_and_caps(void **state) {
    (void)state;
    char folder[] = "/tmp/graft-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof path, "%s/t.zip", folder);
    assert_int_equal(gft_file_write(path, file, file_bytes, NULL), GRAFT_OK);
    uint8_t *data;
    size_t n;
    graft_error err;
    assert_int_equal(gft_zip_read_member(path, "dir/b.bin", 2000, &data, &n, &err), GRAFT_OK);
    assert_int_equal(n, 2000);
    gft_free(data);
    assert_int_equal(gft_zip_read_member(path, "dir/b.bin", 1999, &data, &n, &err),
                     GRAFT_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(err.message, "b.bin"));
    assert_int_equal(gft_zip_read_member(path, "nothing", 10, &data, &n, &err), GRAFT_NOT_FOUND);
    assert_non_null(strstr(err.message, "nothing"));
    assert_int_equal(gft_zip_read_member("/nonexistent.zip", "a", 10, &data, &n, &err),
                     GRAFT_NOT_FOUND);
    assert_int_equal(gft_zip_read_member(folder, "a", 10, &data, &n, &err), GRAFT_INVALID_ARGUMENT);
    snprintf(path, sizeof path, "%s/text.zip", folder);
    assert_int_equal(gft_file_write(path, "not a zip", 9, NULL), GRAFT_OK);
    assert_int_equal(gft_zip_read_member(path, "a", 10, &data, &n, &err), GRAFT_DATA_LOSS);
    assert_int_equal(gft_tree_remove(folder, NULL), GRAFT_OK);
}

static void test_cut(void **state) {
    (void)state;
    int members;
    assert_int_equal(read_all(file, file_bytes, &members), GRAFT_OK);
    assert_int_equal(members, 3);
    for (size_t n = 0; n < file_bytes; n++) {
        char *copy = malloc(n ? n : 1);
        memcpy(copy, file, n);
        graft_status status = read_all(copy, n, &members);
        assert_true(status == GRAFT_DATA_LOSS);
        free(copy);
    }
}

static void test_damaged(void **state) {
    (void)state;
    char *copy = malloc(file_bytes);
    memcpy(copy, file, file_bytes);
    size_t at = 30 + strlen(names[0]); /* the first byte of content is behind the local header */
    int members;
    int noticed = 0;
    for (size_t i = at; i < at + 40; i++) {
        copy[i] ^= 0x10;
        noticed += read_all(copy, file_bytes, &members) != GRAFT_OK;
        copy[i] ^= 0x10;
    }
    assert_true(noticed > 0);
    for (size_t i = 0; i < file_bytes; i++) { /* anything at all: no crash */
        copy[i] ^= (char)0xff;
        (void)!read_all(copy, file_bytes, &members);
        copy[i] ^= (char)0xff;
    }
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iterate),
        cmocka_unit_test(test_by_name_and_caps),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, make_archive, NULL);
}
