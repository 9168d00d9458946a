/*
 * Whole TFRecord files: gzip and zlib as TensorFlow 2.21 wrote them, told by content; what is
 * written reads back.
 */
#include "formats_test.h"

#include "formats/tfrecord_file.h"

/* tf.io.TFRecordWriter with compression_type GZIP and ZLIB: b"one", b"", b"three" * 3 */
static const uint8_t gzip[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x63, 0x66, 0x80, 0x80, 0x0d, 0x33,
    0x3d, 0xf9, 0xf2, 0xf3, 0x52, 0x19, 0x1d, 0x42, 0x39, 0xa0, 0x22, 0x0c, 0x9a, 0xcc, 0x33, 0xd8,
    0x6f, 0xbc, 0x6a, 0x5a, 0xc4, 0x0f, 0xe5, 0xe7, 0x06, 0x6b, 0x73, 0x96, 0x64, 0x14, 0xa5, 0xa6,
    0x22, 0x88, 0xf2, 0x7b, 0x9b, 0x83, 0x00, 0xe1, 0x6c, 0xd5, 0xa6, 0x42, 0x00, 0x00, 0x00};
static const uint8_t zlib[] = {0x78, 0x9c, 0x63, 0x66, 0x80, 0x80, 0x0d, 0x33, 0x3d, 0xf9, 0xf2,
                               0xf3, 0x52, 0x19, 0x1d, 0x42, 0x39, 0xa0, 0x22, 0x0c, 0x9a, 0xcc,
                               0x33, 0xd8, 0x6f, 0xbc, 0x6a, 0x5a, 0xc4, 0x0f, 0xe5, 0xe7, 0x06,
                               0x6b, 0x73, 0x96, 0x64, 0x14, 0xa5, 0xa6, 0x22, 0x88, 0xf2, 0x7b,
                               0x9b, 0x83, 0x00, 0xa7, 0x5b, 0x10, 0xda};

static void check_records(const uint8_t *data, size_t bytes) {
    static const char *const wanted[] = {"one", "", "threethreethree"};
    gft_tfrecord_reader r = gft_tfrecord_reader_make(data, bytes, "records", false);
    const uint8_t *record;
    size_t length;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gft_tfrecord_next(&r, &record, &length, NULL), GRAFT_OK);
        assert_int_equal(length, strlen(wanted[i]));
        assert_memory_equal(record, wanted[i], length);
    }
    assert_int_equal(gft_tfrecord_next(&r, &record, &length, NULL), GRAFT_OUT_OF_RANGE);
}

static void unpacks_what_tensorflow_packed(void **state) {
    (void)state;
    gft_buffer out;
    graft_error err = {0};
    gft_buffer_init(&out, 1000);
    assert_int_equal(gft_tfrecord_told(gzip, sizeof gzip), GFT_TFRECORD_GZIP);
    assert_int_equal(gft_tfrecord_told(zlib, sizeof zlib), GFT_TFRECORD_ZLIB);
    assert_int_equal(gft_tfrecord_unpack(gzip, sizeof gzip, "g", &out, &err), GRAFT_OK);
    check_records(out.data, out.bytes);
    assert_int_equal(gft_tfrecord_told(out.data, out.bytes), GFT_TFRECORD_PLAIN);
    gft_buffer_clear(&out);
    assert_int_equal(gft_tfrecord_unpack(zlib, sizeof zlib, "z", &out, &err), GRAFT_OK);
    check_records(out.data, out.bytes);
    /* two gzip members behind one another are one file */
    uint8_t twice[2 * sizeof gzip];
    memcpy(twice, gzip, sizeof gzip);
    memcpy(twice + sizeof gzip, gzip, sizeof gzip);
    const size_t once = out.bytes;
    gft_buffer_clear(&out);
    assert_int_equal(gft_tfrecord_unpack(twice, sizeof twice, "g", &out, &err), GRAFT_OK);
    assert_int_equal(out.bytes, 2 * once);
    check_records(out.data + once, once);
    gft_buffer_deinit(&out);
}

/* A record whose length looks like gzip's first bytes is still a record. */
static void is_not_fooled(void **state) {
    (void)state;
    gft_buffer out;
    gft_buffer_init(&out, 1u << 20);
    uint8_t *large = calloc(1, 0x8b1f);
    assert_int_equal(gft_tfrecord_append(&out, large, 0x8b1f, NULL), GRAFT_OK);
    assert_true(out.data[0] == 0x1f && out.data[1] == 0x8b);
    assert_int_equal(gft_tfrecord_told(out.data, out.bytes), GFT_TFRECORD_PLAIN);
    assert_true(gft_tfrecord_begins(out.data, out.bytes));
    assert_false(gft_tfrecord_begins(gzip, sizeof gzip));
    free(large);
    gft_buffer_deinit(&out);
}

static void finds_damage(void **state) {
    (void)state;
    gft_buffer out;
    graft_error err = {0};
    gft_buffer_init(&out, 1000);
    for (size_t cut = 0; cut < sizeof gzip; cut++) {
        uint8_t *part = exact(gzip, cut);
        gft_buffer_clear(&out);
        assert_failed(gft_tfrecord_unpack(part, cut, "g", &out, &err), &err, GRAFT_DATA_LOSS);
        free(part);
    }
    for (size_t at = 10; at < sizeof gzip;
         at++) { /* behind the header, whose time and system are free */
        uint8_t *copy = exact(gzip, sizeof gzip);
        copy[at] ^= 0x55;
        gft_buffer_clear(&out);
        graft_status status = gft_tfrecord_unpack(copy, sizeof gzip, "g", &out, &err);
        assert_true(status == GRAFT_DATA_LOSS || status == GRAFT_RESOURCE_EXHAUSTED);
        free(copy);
    }
    gft_buffer small;
    gft_buffer_init(&small, 20);
    assert_failed(gft_tfrecord_unpack(gzip, sizeof gzip, "g", &small, &err), &err,
                  GRAFT_RESOURCE_EXHAUSTED);
    gft_buffer_deinit(&small);
    gft_buffer_deinit(&out);
}

static void write_file(const char *path, gft_tfrecord_compression compression) {
    gft_tfrecord_writer *w = NULL;
    assert_int_equal(gft_tfrecord_writer_open(path, compression, &w, NULL), GRAFT_OK);
    assert_int_equal(gft_tfrecord_writer_add(w, "one", 3, NULL), GRAFT_OK);
    assert_int_equal(gft_tfrecord_writer_add(w, "", 0, NULL), GRAFT_OK);
    assert_int_equal(gft_tfrecord_writer_add(w, "threethreethree", 15, NULL), GRAFT_OK);
    assert_false(gft_file_exists(path)); /* not before it is whole */
    assert_int_equal(gft_tfrecord_writer_commit(w, NULL), GRAFT_OK);
    gft_tfrecord_writer_free(w);
}

static void writes_and_opens(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    for (int c = GFT_TFRECORD_PLAIN; c <= GFT_TFRECORD_ZLIB; c++) {
        char a[128];
        char b[128];
        gft_tfrecord_file file;
        snprintf(a, sizeof a, "%s/a%d", dir.path, c);
        snprintf(b, sizeof b, "%s/b%d", dir.path, c);
        write_file(a, (gft_tfrecord_compression)c);
        write_file(b, (gft_tfrecord_compression)c);
        assert_int_equal(gft_tfrecord_file_open(a, &file, NULL), GRAFT_OK);
        assert_int_equal(file.compression, c);
        check_records(file.data, file.bytes);
        gft_tfrecord_file_close(&file);
        gft_tfrecord_file_close(&file);
        uint8_t *x;
        uint8_t *y;
        size_t n;
        size_t m;
        assert_int_equal(gft_file_read(a, 1000, &x, &n, NULL), GRAFT_OK);
        assert_int_equal(gft_file_read(b, 1000, &y, &m, NULL), GRAFT_OK);
        assert_int_equal(n, m);
        assert_memory_equal(x, y, n); /* no time stamp in it */
        gft_free(x);
        gft_free(y);
    }
    gft_tfrecord_writer *w = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/none", dir.path);
    assert_int_equal(gft_tfrecord_writer_open(path, GFT_TFRECORD_GZIP, &w, NULL), GRAFT_OK);
    gft_tfrecord_writer_free(w); /* not committed */
    assert_false(gft_file_exists(path));
    temp_dir_remove(&dir);
}

/* More than is kept in memory goes through a file without a name. */
static void unpacks_large_files(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char path[128];
    gft_tfrecord_writer *w = NULL;
    gft_tfrecord_file file;
    const size_t bytes = (size_t)1 << 20;
    uint8_t *block = calloc(1, bytes);
    snprintf(path, sizeof path, "%s/large", dir.path);
    assert_int_equal(gft_tfrecord_writer_open(path, GFT_TFRECORD_GZIP, &w, NULL), GRAFT_OK);
    for (uint32_t i = 0; i < 70; i++) {
        block[0] = (uint8_t)i;
        assert_int_equal(gft_tfrecord_writer_add(w, block, bytes, NULL), GRAFT_OK);
    }
    assert_int_equal(gft_tfrecord_writer_commit(w, NULL), GRAFT_OK);
    gft_tfrecord_writer_free(w);
    assert_int_equal(gft_tfrecord_file_open(path, &file, NULL), GRAFT_OK);
    assert_true(file.spilled > 0 && file.bytes == 70 * (bytes + 16));
    gft_tfrecord_reader r = gft_tfrecord_reader_make(file.data, file.bytes, path, false);
    const uint8_t *record;
    size_t length;
    for (uint32_t i = 0; i < 70; i++) {
        assert_int_equal(gft_tfrecord_next(&r, &record, &length, NULL), GRAFT_OK);
        assert_true(length == bytes && record[0] == i);
    }
    gft_tfrecord_file_close(&file);
    free(block);
    temp_dir_remove(&dir);
}

static graft_status open_and_close(void *context) {
    gft_tfrecord_file file;
    GFT_TRY(gft_tfrecord_file_open(context, &file, NULL));
    gft_tfrecord_file_close(&file);
    return GRAFT_OK;
}

static void survives_failing_memory(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char path[128];
    snprintf(path, sizeof path, "%s/g", dir.path);
    put_file(path, gzip, sizeof gzip);
    until_memory_suffices(open_and_close, path);
    temp_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_what_tensorflow_packed),
        cmocka_unit_test(is_not_fooled),
        cmocka_unit_test(finds_damage),
        cmocka_unit_test(writes_and_opens),
        cmocka_unit_test(unpacks_large_files),
        cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
