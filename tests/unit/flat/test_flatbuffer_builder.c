/*
 * FlatBuffers as they are written, read back with the reader and looked at byte by byte: layout,
 * alignment, sharing of vtables, blobs that are filled while writing, ceilings.
 */
#include "cmocka_all.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "flat/flatbuffer.h"
#include "flat/flatbuffer_builder.h"

#define OK(expression)                                                                             \
    do {                                                                                           \
        graft_error error_ = {0};                                                                  \
        graft_error *err = &error_;                                                                \
        (void)err;                                                                                 \
        if ((expression) != GRAFT_OK)                                                              \
            fail_msg("%s: %s", #expression, error_.message);                                       \
    } while (0)

static const char *path(void) {
    return "test_flatbuffer_builder.bin";
}

static uint32_t word(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The smallest table there is, against its bytes by the format's own document. */
static void smallest(void **state) {
    (void)state;
    const uint8_t expected[] = {16, 0, 0, 0, 'T', 'E', 'S', 'T', 0, 0, 6, 0,
                                8,  0, 4, 0, 6,   0,   0,   0,   7, 0, 0, 0};
    gft_flat_builder b;
    gft_flat_builder_init(&b, 1000, NULL);
    gft_flat_table(&b);
    gft_flat_scalar(&b, 0, 4, 7, 0);
    OK(gft_flat_builder_finish(&b, gft_flat_table_end(&b), "TEST"));
    assert_int_equal(gft_flat_builder_bytes(&b), sizeof expected);
    assert_memory_equal(gft_flat_builder_data(&b), expected, sizeof expected);
    gft_flat_builder_deinit(&b);
}

static gft_flat_ref inner(gft_flat_builder *b, int8_t small, int64_t large) {
    gft_flat_table(b);
    gft_flat_scalar(b, 1, 1, small, 0);
    gft_flat_scalar(b, 0, 8, large, -1);
    return gft_flat_table_end(b);
}

static void round_trip(void **state) {
    (void)state;
    const int32_t ints[3] = {1, -2, INT32_MAX};
    const int64_t longs[2] = {INT64_MIN, 5};
    const float floats[2] = {0.5f, -3.0f};
    gft_flat_builder b;
    gft_flat_builder_init(&b, 1 << 20, NULL);
    gft_flat_ref tables[2] = {inner(&b, -3, 1), inner(&b, 4, INT64_MAX)};
    assert_int_equal(b.vtable_count, 1); /* equal tables share it */
    const gft_flat_ref list = gft_flat_put_refs(&b, tables, 2);
    const gft_flat_ref text = gft_flat_put_string(&b, "graft");
    const gft_flat_ref bytes = gft_flat_put_bytes(&b, "abc", 3, 16);
    const gft_flat_ref i = gft_flat_put_i32s(&b, ints, 3);
    const gft_flat_ref l = gft_flat_put_i64s(&b, longs, 2);
    const gft_flat_ref f = gft_flat_put_f32s(&b, floats, 2);
    gft_flat_table(&b);
    gft_flat_field_ref(&b, 9, list);
    gft_flat_field_ref(&b, 0, text);
    gft_flat_field_ref(&b, 1, bytes);
    gft_flat_field_ref(&b, 2, i);
    gft_flat_field_ref(&b, 3, l);
    gft_flat_field_ref(&b, 4, f);
    gft_flat_field_ref(&b, 5, 0); /* left out */
    gft_flat_f32(&b, 6, 2.5f);
    gft_flat_scalar(&b, 7, 4, 11, 11); /* its default: left out */
    OK(gft_flat_builder_finish(&b, gft_flat_table_end(&b), "TEST"));

    gft_fb fb = gft_fb_make(gft_flat_builder_data(&b), (size_t)gft_flat_builder_bytes(&b), "test");
    gft_fb_table root;
    gft_fb_table table;
    gft_fb_vector v;
    const char *s;
    OK(gft_fb_root(&fb, "TEST", &root, err));
    OK(gft_fb_string_in(&root, 0, &s, err));
    assert_string_equal(s, "graft");
    OK(gft_fb_vector_in(&root, 1, 1, &v, err));
    assert_memory_equal(v.data, "abc", 3);
    assert_int_equal((size_t)(v.data - fb.data) % 16, 0);
    OK(gft_fb_vector_in(&root, 2, 4, &v, err));
    assert_int_equal(gft_fb_vector_i32(&v, 2), INT32_MAX);
    OK(gft_fb_vector_in(&root, 3, 8, &v, err));
    assert_true(gft_fb_vector_i64(&v, 0) == INT64_MIN);
    assert_int_equal((size_t)(v.data - fb.data) % 8, 0);
    OK(gft_fb_vector_in(&root, 4, 4, &v, err));
    assert_true(gft_fb_vector_f32(&v, 1) == -3.0f);
    assert_false(gft_fb_has(&root, 5));
    assert_false(gft_fb_has(&root, 7));
    assert_true(gft_fb_f32(&root, 6, 0.0f) == 2.5f);
    OK(gft_fb_vector_in(&root, 9, 4, &v, err));
    assert_int_equal(v.count, 2);
    OK(gft_fb_vector_table(&fb, &v, 0, &table, err));
    assert_int_equal(gft_fb_i8(&table, 1, 0), -3);
    OK(gft_fb_vector_table(&fb, &v, 1, &table, err));
    assert_true(gft_fb_u64(&table, 0, 0) == INT64_MAX);
    OK(gft_fb_check(&fb, err));
    gft_flat_builder_deinit(&b);
}

static graft_status fill(void *context, size_t index, uint8_t *out, size_t bytes,
                         graft_error *err) {
    int *calls = context;
    ++*calls;
    if (index == 99)
        return gft_fail(err, GRAFT_DATA_LOSS, "no such blob");
    memset(out, (int)('a' + index), bytes);
    return GRAFT_OK;
}

/* Blobs of odd sizes between tables that share a vtable across them. */
static void make_blobs(gft_flat_builder *b, size_t third) {
    gft_flat_ref tables[3];
    const size_t sizes[3] = {5, 0, 33};
    for (size_t i = 0; i < 3; i++) {
        const gft_flat_ref blob = gft_flat_put_blob(b, sizes[i], i == 2 ? third : i, 16);
        gft_flat_table(b);
        gft_flat_field_ref(b, 0, blob);
        tables[i] = gft_flat_table_end(b);
    }
    assert_int_equal(b->vtable_count, 1);
    const gft_flat_ref list = gft_flat_put_refs(b, tables, 3);
    gft_flat_table(b);
    gft_flat_field_ref(b, 3, list);
    OK(gft_flat_builder_finish(b, gft_flat_table_end(b), "TEST"));
}

static void blobs(void **state) {
    (void)state;
    gft_flat_builder b;
    gft_writer writer;
    int calls = 0;
    gft_flat_builder_init(&b, 1 << 20, NULL);
    make_blobs(&b, 2);
    OK(gft_writer_open(&writer, path(), err));
    OK(gft_flat_builder_write(&b, &writer, fill, &calls, err));
    assert_int_equal(writer.bytes, gft_flat_builder_bytes(&b));
    OK(gft_writer_commit(&writer, err));
    assert_int_equal(calls, 3);

    uint8_t *data;
    size_t bytes;
    OK(gft_file_read(path(), 1 << 20, &data, &bytes, err));
    gft_fb fb = gft_fb_make(data, bytes, "test");
    gft_fb_table root;
    gft_fb_table table;
    gft_fb_vector list;
    gft_fb_vector v;
    const size_t sizes[3] = {5, 0, 33};
    OK(gft_fb_root(&fb, "TEST", &root, err));
    OK(gft_fb_vector_in(&root, 3, 4, &list, err));
    for (uint32_t i = 0; i < 3; i++) {
        OK(gft_fb_vector_table(&fb, &list, i, &table, err));
        OK(gft_fb_vector_in(&table, 0, 1, &v, err));
        assert_int_equal(v.count, sizes[i]);
        assert_int_equal((size_t)(v.data - data) % 16, 0);
        for (uint32_t k = 0; k < v.count; k++)
            assert_int_equal(v.data[k], 'a' + i);
    }
    assert_int_equal(word(data + 4), word((const uint8_t *)"TEST"));
    gft_free(data);
    gft_flat_builder_deinit(&b);
    (void)unlink(path());
}

static void failing_fill(void **state) {
    (void)state;
    gft_flat_builder b;
    gft_writer writer;
    graft_error why = {0};
    int calls = 0;
    gft_flat_builder_init(&b, 1 << 20, NULL);
    make_blobs(&b, 99);
    OK(gft_writer_open(&writer, path(), err));
    assert_int_equal(gft_flat_builder_write(&b, &writer, fill, &calls, &why), GRAFT_DATA_LOSS);
    assert_string_equal(why.message, "no such blob");
    gft_writer_abort(&writer);
    assert_false(gft_file_exists(path()));
    gft_flat_builder_deinit(&b);
}

/* The ceiling holds for own bytes and for blobs; the first failure sticks. */
static void ceiling(void **state) {
    (void)state;
    char text[200];
    gft_flat_builder b;
    graft_error why = {0};
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    gft_flat_builder_init(&b, 256, &why);
    assert_int_not_equal(gft_flat_put_string(&b, text), 0);
    assert_int_equal(gft_flat_put_string(&b, text), 0);
    assert_int_equal(gft_flat_put_i32s(&b, NULL, 0), 0);
    assert_int_equal(gft_flat_builder_finish(&b, 4, "TEST"), GRAFT_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(why.message, "more than 256 bytes"));
    gft_flat_builder_deinit(&b);

    gft_flat_builder_init(&b, UINT64_MAX, &why);
    assert_int_not_equal(gft_flat_put_blob(&b, (size_t)1 << 30, 0, 16), 0);
    assert_int_equal(gft_flat_put_blob(&b, (size_t)1 << 30, 1, 16), 0); /* beyond 2^31 - 1 */
    assert_int_equal(b.status, GRAFT_RESOURCE_EXHAUSTED);
    gft_flat_builder_deinit(&b);
}

static void no_memory(void **state) {
    (void)state;
    for (int64_t n = 1; n < 12; n++) {
        gft_flat_builder b;
        graft_error why = {0};
        gft_flat_builder_init(&b, 1 << 20, &why);
        gft_alloc_fail_after(n);
        const gft_flat_ref blob = gft_flat_put_blob(&b, 10, 0, 16);
        gft_flat_table(&b);
        gft_flat_field_ref(&b, 0, blob);
        const gft_flat_ref table = gft_flat_table_end(&b);
        const graft_status status = gft_flat_builder_finish(&b, table, "TEST");
        gft_alloc_fail_after(0);
        assert_int_equal(status, n <= 3 ? GRAFT_RESOURCE_EXHAUSTED : GRAFT_OK);
        gft_flat_builder_deinit(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest),     cmocka_unit_test(round_trip), cmocka_unit_test(blobs),
        cmocka_unit_test(failing_fill), cmocka_unit_test(ceiling),    cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
