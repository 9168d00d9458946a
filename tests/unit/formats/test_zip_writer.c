/*
 * The zip writer, read back by the archive reader: members, alignment, equal bytes, failures.
 */
#include "formats_test.h"

#include "formats/zip_archive.h"
#include "formats/zip_writer.h"

enum { LARGE = 100000 };

static graft_status pieces(void *context, gft_zip_sink put, void *sink, graft_error *err) {
    const uint8_t *data = context;
    for (size_t at = 0; at < LARGE; at += 777)
        GFT_TRY(put(sink, data + at, at + 777 > LARGE ? LARGE - at : 777, err));
    return GRAFT_OK;
}

static graft_status changing(void *context, gft_zip_sink put, void *sink, graft_error *err) {
    int *calls = context;
    return put(sink, "abc", (size_t)++ * calls, err);
}

static const char *write_one(const temp_dir *dir, const char *file, const uint8_t *data,
                             char path[128]) {
    gft_zip_writer zip;
    graft_error err = {0};
    (void)snprintf(path, 128, "%s/%s", dir->path, file);
    assert_int_equal(gft_zip_writer_open(&zip, path, &err), GRAFT_OK);
    assert_int_equal(gft_zip_writer_add(&zip, "config.json", "{}", 2, &err), GRAFT_OK);
    assert_int_equal(gft_zip_writer_add(&zip, "nothing", "", 0, &err), GRAFT_OK);
    for (size_t alignment = 1; alignment <= 4096; alignment *= 4) {
        char name[32];
        (void)snprintf(name, sizeof name, "by_%zu", alignment);
        assert_int_equal(
            gft_zip_writer_stream(&zip, name, alignment, pieces, (void *)(uintptr_t)data, &err),
            GRAFT_OK);
    }
    assert_int_equal(gft_zip_writer_commit(&zip, &err), GRAFT_OK);
    return path;
}

static void members(void **state) {
    (void)state;
    uint8_t *data = calloc(1, LARGE);
    temp_dir dir = temp_dir_make();
    uint8_t *found = NULL;
    size_t bytes = 0;
    char path[128];
    assert_non_null(data);
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (uint8_t)(i * i >> 3);
    (void)write_one(&dir, "a.zip", data, path);
    assert_int_equal(gft_zip_read_member(path, "config.json", 100, &found, &bytes, NULL), GRAFT_OK);
    assert_int_equal(bytes, 2);
    assert_memory_equal(found, "{}", 2);
    gft_free(found);
    assert_int_equal(gft_zip_read_member(path, "nothing", 100, &found, &bytes, NULL), GRAFT_OK);
    assert_int_equal(bytes, 0);
    gft_free(found);
    uint8_t *file = NULL;
    size_t file_bytes = 0;
    assert_int_equal(gft_file_read(path, SIZE_MAX / 2, &file, &file_bytes, NULL), GRAFT_OK);
    for (size_t alignment = 1; alignment <= 4096; alignment *= 4) {
        char name[32];
        (void)snprintf(name, sizeof name, "by_%zu", alignment);
        assert_int_equal(gft_zip_read_member(path, name, LARGE, &found, &bytes, NULL), GRAFT_OK);
        assert_int_equal(bytes, LARGE);
        assert_memory_equal(found, data, LARGE);
        gft_free(found);
        size_t places = 0; /* the bytes themselves stand at such a place */
        for (size_t at = 0; at + LARGE <= file_bytes; at += alignment)
            places += memcmp(file + at, data, LARGE) == 0;
        assert_true(places >= 1);
    }
    gft_free(file);
    temp_dir_remove(&dir);
    free(data);
}

static void equal_bytes(void **state) {
    (void)state;
    uint8_t *data = calloc(1, LARGE);
    temp_dir dir = temp_dir_make();
    uint8_t *file[2] = {NULL};
    size_t bytes[2] = {0};
    char path[128];
    assert_non_null(data);
    for (int i = 0; i < 2; i++)
        assert_int_equal(gft_file_read(write_one(&dir, i ? "b.zip" : "a.zip", data, path),
                                       SIZE_MAX / 2, &file[i], &bytes[i], NULL),
                         GRAFT_OK);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(file[0], file[1], bytes[0]);
    gft_free(file[0]);
    gft_free(file[1]);
    temp_dir_remove(&dir);
    free(data);
}

static void failures(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    gft_zip_writer zip;
    graft_error err = {0};
    char path[128];
    int calls = 0;
    (void)snprintf(path, sizeof path, "%s/bad.zip", dir.path);
    assert_int_equal(gft_zip_writer_open(&zip, path, &err), GRAFT_OK);
    assert_int_equal(gft_zip_writer_add(&zip, "a", "1", 1, &err), GRAFT_OK);
    assert_failed(gft_zip_writer_add(&zip, "a", "2", 1, &err), &err, GRAFT_ALREADY_EXISTS);
    assert_failed(gft_zip_writer_stream(&zip, "b", 3, changing, &calls, &err), &err,
                  GRAFT_INVALID_ARGUMENT);
    assert_failed(gft_zip_writer_stream(&zip, "b", 1, changing, &calls, &err), &err,
                  GRAFT_INTERNAL);
    gft_zip_writer_abort(&zip);
    gft_dir_entry *entries = NULL;
    size_t count = 1;
    assert_int_equal(gft_dir_list(dir.path, &entries, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 0); /* nothing half done is left */
    gft_dir_list_free(entries, count);
    temp_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),
        cmocka_unit_test(equal_bytes),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
