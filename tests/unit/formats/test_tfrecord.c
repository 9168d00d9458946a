/* TFRecord framing: a record TensorFlow 2.21 wrote, every flipped bit found, cut files on request
 * tolerated. */
#include "formats_test.h"

#include "formats/tfrecord.h"

static const uint8_t golden[] = {0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xb0, 0x99,
                                 0x49, 0x0e, 0x6f, 0x6e, 0x65, 0x01, 0x40, 0x55, 0x08};
/* tf.io.TFRecordWriter("...").write(b"one") */

static void matches_tensorflow(void **state) {
    (void)state;
    gft_buffer buffer;
    gft_buffer_init(&buffer, 1000);
    graft_error err;
    static const uint8_t large[990];
    assert_int_equal(gft_tfrecord_append(&buffer, "one", 3, &err), GRAFT_OK);
    assert_int_equal(buffer.bytes, 19);
    assert_memory_equal(buffer.data, golden, sizeof golden);
    assert_failed(gft_tfrecord_append(&buffer, large, sizeof large, &err), &err,
                  GRAFT_RESOURCE_EXHAUSTED);
    assert_int_equal(buffer.bytes, 19); /* nothing half written */
    gft_buffer_deinit(&buffer);
}

static graft_status read_all(const uint8_t *data, size_t bytes, bool tolerate,
                             gft_tfrecord_reader *r, graft_error *err) {
    *r = gft_tfrecord_reader_make(data, bytes, "records", tolerate);
    const uint8_t *record;
    size_t length;
    graft_status status;
    while ((status = gft_tfrecord_next(r, &record, &length, err)) == GRAFT_OK)
        assert_true(length == r->count - 1); /* as written below */
    return status;
}

static void reads_and_finds_damage(void **state) {
    (void)state;
    gft_buffer buffer;
    gft_buffer_init(&buffer, 1000);
    graft_error err;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(gft_tfrecord_append(&buffer, "abcd", i, &err), GRAFT_OK);
    gft_tfrecord_reader r;
    assert_int_equal(read_all(buffer.data, buffer.bytes, false, &r, &err), GRAFT_OUT_OF_RANGE);
    assert_int_equal(r.count, 4);
    size_t ends[5] = {0, 16, 33, 51, 70};
    for (size_t cut = 0; cut < buffer.bytes; cut++) {
        bool whole = false;
        for (size_t i = 0; i < 5; i++)
            whole = whole || cut == ends[i];
        uint8_t *part = exact(buffer.data, cut);
        graft_status status = read_all(part, cut, false, &r, &err);
        if (whole)
            assert_int_equal(status, GRAFT_OUT_OF_RANGE);
        else
            assert_failed(status, &err, GRAFT_DATA_LOSS);
        assert_int_equal(read_all(part, cut, true, &r, &err), GRAFT_OUT_OF_RANGE);
        assert_int_equal(r.was_cut, !whole);
        free(part);
    }
    for (size_t bit = 0; bit < buffer.bytes * 8; bit++) {
        uint8_t *copy = exact(buffer.data, buffer.bytes);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_failed(read_all(copy, buffer.bytes, true, &r, &err), &err, GRAFT_DATA_LOSS);
        free(copy);
    }
    gft_buffer_deinit(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_tensorflow),
        cmocka_unit_test(reads_and_finds_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
