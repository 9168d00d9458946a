/*
 * tf.Example: bytes that TensorFlow 2.21 wrote, lists packed and not, maps with repeats, damage at
 * every byte.
 */
#include "formats_test.h"

#include "formats/example.h"

/* tf.train.Example(...).SerializeToString() of one feature each */
static const char floats[] =
    "\x0a\x13\x0a\x11\x0a\x01"
    "f\x12\x0c\x12\x0a\x0a\x08\x00\x00\xc0\x3f\x00\x00\x00\xc0"; /* [1.5, -2] */
static const char integers[] = "\x0a\x17\x0a\x15\x0a\x01i\x12\x10\x1a\x0e\x0a\x0c"
                               "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xac\x02"; /* [-1, 300] */
static const char texts[] = "\x0a\x13\x0a\x11\x0a\x01"
                            "b\x12\x0c\x0a\x0a\x0a\x02"
                            "ab\x0a\x00\x0a\x02"
                            "c\x00"; /* ["ab", "", "c\0"] */
/* three features, one of them without a list */
static const char several[] = "\x0a\x23\x0a\x0b\x0a\x01"
                              "b\x12\x06\x0a\x04\x0a\x02"
                              "ab\x0a\x0d\x0a\x01"
                              "f\x12\x08\x12\x06\x0a\x04\x00\x00\xc0\x3f\x0a\x05\x0a\x01n\x12\x00";

static gft_feature find(const void *data, size_t bytes, const char *key) {
    gft_feature feature;
    graft_error err = {0};
    const graft_string_view view = {key, strlen(key)};
    if (gft_example_find(data, bytes, "example", view, &feature, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
    return feature;
}

static void reads_what_tensorflow_wrote(void **state) {
    (void)state;
    size_t count;
    float f[3] = {0};
    int64_t i[2];
    graft_string_view s[3];
    gft_feature feature = find(floats, sizeof floats - 1, "f");
    assert_int_equal(feature.kind, GFT_FEATURE_FLOAT);
    assert_int_equal(gft_feature_read(&feature, f, 3, &count, NULL), GRAFT_OK);
    assert_true(count == 2 && f[0] == 1.5f && f[1] == -2.0f && f[2] == 0.0f);
    feature = find(integers, sizeof integers - 1, "i");
    assert_int_equal(gft_feature_read(&feature, i, 2, &count, NULL), GRAFT_OK);
    assert_true(feature.kind == GFT_FEATURE_INT64 && count == 2 && i[0] == -1 && i[1] == 300);
    feature = find(texts, sizeof texts - 1, "b");
    assert_int_equal(gft_feature_read(&feature, s, 3, &count, NULL), GRAFT_OK);
    assert_true(feature.kind == GFT_FEATURE_BYTES && count == 3);
    assert_true(s[0].bytes == 2 && s[1].bytes == 0 && s[2].bytes == 2);
    assert_memory_equal(s[2].data, "c\0", 2);
    /* fewer places than values: counted all the same */
    assert_int_equal(gft_feature_read(&feature, s, 1, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(find(several, sizeof several - 1, "f").kind, GFT_FEATURE_FLOAT);
    assert_int_equal(find(several, sizeof several - 1, "n").kind, GFT_FEATURE_NONE);
    assert_int_equal(find(several, sizeof several - 1, "zz").kind, GFT_FEATURE_NONE);
    assert_int_equal(find("", 0, "f").kind, GFT_FEATURE_NONE);
}

/* What other writers of protobuf may do. */
static void reads_other_writers(void **state) {
    (void)state;
    size_t count;
    int64_t i[4];
    float f[2];
    /* integers one by one, then packed, in two lists of one feature */
    static const char mixed[] =
        "\x0a\x11\x0a\x0f\x0a\x01i\x12\x0a\x1a\x04\x08\x05\x08\x06\x1a\x02\x08\x07";
    gft_feature feature = find(mixed, sizeof mixed - 1, "i");
    assert_int_equal(gft_feature_read(&feature, i, 4, &count, NULL), GRAFT_OK);
    assert_true(count == 3 && i[0] == 5 && i[1] == 6 && i[2] == 7);
    /* a float not packed, an unknown field before it */
    static const char single[] = "\x0a\x10\x0a\x0e\x0a\x01"
                                 "f\x12\x09\x12\x07\x18\x01\x0d\x00\x00\x80\x3f";
    feature = find(single, sizeof single - 1, "f");
    assert_int_equal(gft_feature_read(&feature, f, 2, &count, NULL), GRAFT_OK);
    assert_true(count == 1 && f[0] == 1.0f);
    /* the last entry of a name counts; the last kind of a feature counts */
    static const char twice[] = "\x0a\x18\x0a\x0a\x0a\x01i\x12\x05\x1a\x03\x0a\x01\x05"
                                "\x0a\x0a\x0a\x01i\x12\x05\x1a\x03\x0a\x01\x06";
    feature = find(twice, sizeof twice - 1, "i");
    assert_int_equal(gft_feature_read(&feature, i, 4, &count, NULL), GRAFT_OK);
    assert_true(count == 1 && i[0] == 6);
    static const char kinds[] =
        "\x0a\x12\x0a\x10\x0a\x01x\x12\x0b\x1a\x03\x0a\x01\x05\x0a\x04\x0a\x02"
        "hi";
    feature = find(kinds, sizeof kinds - 1, "x");
    assert_int_equal(feature.kind, GFT_FEATURE_BYTES);
}

static graft_status read_whole(const void *data, size_t bytes, graft_error *err) {
    gft_example_reader r = gft_example_reader_make(data, bytes, "example");
    for (bool more = true; more;) {
        graft_string_view key;
        gft_feature feature;
        size_t count;
        union {
            float f;
            int64_t i;
            graft_string_view s;
        } one;
        GFT_TRY(gft_example_next(&r, &key, &feature, &more, err));
        if (more)
            GFT_TRY(gft_feature_read(&feature, &one, 1, &count, err));
    }
    return GRAFT_OK;
}

static void finds_damage(void **state) {
    (void)state;
    graft_error err = {0};
    assert_int_equal(read_whole(several, sizeof several - 1, &err), GRAFT_OK);
    for (size_t cut = 1; cut < sizeof several - 1; cut++) {
        uint8_t *part = exact(several, cut);
        assert_failed(read_whole(part, cut, &err), &err, GRAFT_DATA_LOSS);
        assert_non_null(strstr(err.message, "example: at byte"));
        free(part);
    }
    for (size_t bit = 0; bit < 8 * (sizeof several - 1); bit++) { /* must not crash */
        uint8_t *copy = exact(several, sizeof several - 1);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)read_whole(copy, sizeof several - 1, &err);
        free(copy);
    }
    static const char group[] = "\x0b";
    assert_failed(read_whole(group, 1, &err), &err, GRAFT_DATA_LOSS);
    static const char odd[] = "\x0a\x0e\x0a\x0c\x0a\x01"
                              "f\x12\x07\x12\x05\x0a\x03\x00\x00\x00";
    assert_failed(read_whole(odd, sizeof odd - 1, &err), &err, GRAFT_DATA_LOSS);
}

static void writes_as_tensorflow(void **state) {
    (void)state;
    gft_example_writer w;
    gft_buffer out;
    const float f[] = {1.5f, -2.0f};
    const int64_t i[] = {-1, 300};
    gft_example_writer_init(&w);
    gft_buffer_init(&out, 1000);
    assert_int_equal(gft_example_put_float(&w, "f", f, 2, NULL), GRAFT_OK);
    assert_int_equal(gft_example_finish(&w, &out, NULL), GRAFT_OK);
    assert_int_equal(out.bytes, sizeof floats - 1);
    assert_memory_equal(out.data, floats, out.bytes);
    gft_buffer_clear(&out);
    assert_int_equal(gft_example_put_int64(&w, "i", i, 2, NULL), GRAFT_OK);
    assert_int_equal(gft_example_finish(&w, &out, NULL), GRAFT_OK);
    assert_int_equal(out.bytes, sizeof integers - 1);
    assert_memory_equal(out.data, integers, out.bytes);
    gft_buffer_clear(&out);
    uint8_t large[300]; /* lengths of two bytes */
    memset(large, 7, sizeof large);
    assert_int_equal(gft_example_put_bytes(&w, "picture", large, sizeof large, NULL), GRAFT_OK);
    assert_int_equal(gft_example_put_int64(&w, "none", NULL, 0, NULL), GRAFT_OK);
    assert_int_equal(gft_example_finish(&w, &out, NULL), GRAFT_OK);
    graft_string_view view;
    size_t count;
    gft_feature feature = find(out.data, out.bytes, "picture");
    assert_int_equal(gft_feature_read(&feature, &view, 1, &count, NULL), GRAFT_OK);
    assert_true(count == 1 && view.bytes == sizeof large && memcmp(view.data, large, 300) == 0);
    feature = find(out.data, out.bytes, "none");
    assert_int_equal(gft_feature_read(&feature, NULL, 0, &count, NULL), GRAFT_OK);
    assert_true(feature.kind == GFT_FEATURE_INT64 && count == 0);
    gft_buffer_deinit(&out);
    gft_example_writer_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_tensorflow_wrote),
        cmocka_unit_test(reads_other_writers),
        cmocka_unit_test(finds_damage),
        cmocka_unit_test(writes_as_tensorflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
