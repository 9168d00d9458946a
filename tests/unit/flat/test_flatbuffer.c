/*
 * The FlatBuffers reader: what the builder writes reads back; every way a reference, a vtable, a
 * vector or a string can leave the bytes is told; no prefix and no single changed byte reads
 * outside (the sanitizers watch).
 */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "flat/flatbuffer.h"
#include "flat/flatbuffer_builder.h"

#define OK(expression) assert_int_equal(expression, GRAFT_OK)
#define LOST(expression, part)                                                                     \
    do {                                                                                           \
        graft_error error_ = {0};                                                                  \
        graft_error *err = &error_;                                                                \
        assert_int_equal(expression, GRAFT_DATA_LOSS);                                             \
        if (!strstr(error_.message, part))                                                         \
            fail_msg("'%s' is not in: %s", part, error_.message);                                  \
    } while (0)

/*
 * {0: int8 -3, 1: int32 100000, 2: float 1.5, 3: "text", 4: [1,-2,3], 5: [{0: 7}, {}], 6: {1: 9},
 * 7: uint64}
 */
static uint8_t *make(size_t *bytes) {
    static const int32_t numbers[] = {1, -2, 3};
    gft_flat_builder b;
    graft_error err = {0};
    gft_flat_builder_init(&b, GFT_FLAT_MAX_BYTES, &err);
    const gft_flat_ref text = gft_flat_put_string(&b, "text");
    const gft_flat_ref vector = gft_flat_put_i32s(&b, numbers, 3);
    gft_flat_ref tables[2];
    gft_flat_table(&b);
    gft_flat_scalar(&b, 0, 4, 7, 0);
    tables[0] = gft_flat_table_end(&b);
    gft_flat_table(&b);
    tables[1] = gft_flat_table_end(&b);
    const gft_flat_ref list = gft_flat_put_refs(&b, tables, 2);
    gft_flat_table(&b);
    gft_flat_scalar(&b, 1, 4, 9, 0);
    const gft_flat_ref inner = gft_flat_table_end(&b);
    gft_flat_table(&b);
    gft_flat_scalar(&b, 0, 1, -3, 0);
    gft_flat_scalar(&b, 1, 4, 100000, 0);
    gft_flat_f32(&b, 2, 1.5f);
    gft_flat_field_ref(&b, 3, text);
    gft_flat_field_ref(&b, 4, vector);
    gft_flat_field_ref(&b, 5, list);
    gft_flat_field_ref(&b, 6, inner);
    gft_flat_scalar(&b, 7, 8, (int64_t)1 << 40, 0);
    OK(gft_flat_builder_finish(&b, gft_flat_table_end(&b), "TEST"));
    *bytes = (size_t)gft_flat_builder_bytes(&b);
    uint8_t *copy = malloc(*bytes); /* of the exact size: reading beyond is seen */
    assert_non_null(copy);
    memcpy(copy, gft_flat_builder_data(&b), *bytes);
    gft_flat_builder_deinit(&b);
    return copy;
}

/* Everything there is, without looking at values. */
static graft_status walk(const uint8_t *data, size_t bytes, graft_error *err) {
    gft_fb fb = gft_fb_make(data, bytes, "walk");
    gft_fb_table root;
    gft_fb_table inner;
    gft_fb_vector v;
    const char *text;
    int64_t sum = 0;
    GFT_TRY(gft_fb_root(&fb, "TEST", &root, err));
    sum += gft_fb_i8(&root, 0, 0) + gft_fb_i32(&root, 1, 0) + (int64_t)gft_fb_u64(&root, 7, 0);
    sum += gft_fb_f32(&root, 2, 0.0f) > 0.0f;
    GFT_TRY(gft_fb_string_in(&root, 3, &text, err));
    sum += text ? (int64_t)strlen(text) : 0;
    GFT_TRY(gft_fb_vector_in(&root, 4, 4, &v, err));
    for (uint32_t i = 0; i < v.count; i++)
        sum += gft_fb_vector_i32(&v, i);
    GFT_TRY(gft_fb_vector_in(&root, 5, 4, &v, err));
    for (uint32_t i = 0; i < v.count; i++) {
        GFT_TRY(gft_fb_vector_table(&fb, &v, i, &inner, err));
        sum += gft_fb_i32(&inner, 0, 0);
    }
    GFT_TRY(gft_fb_table_in(&root, 6, &inner, err));
    sum += gft_fb_i32(&inner, 1, 0);
    volatile int64_t keep = sum;
    (void)keep;
    return gft_fb_check(&fb, err);
}

static void test_reads_what_is_written(void **state) {
    (void)state;
    size_t bytes;
    uint8_t *data = make(&bytes);
    gft_fb fb = gft_fb_make(data, bytes, "test");
    gft_fb_table root;
    gft_fb_table inner;
    gft_fb_vector v;
    const char *text;
    OK(gft_fb_root(&fb, "TEST", &root, NULL));
    assert_int_equal(gft_fb_i8(&root, 0, 1), -3);
    assert_int_equal(gft_fb_i32(&root, 1, 1), 100000);
    assert_true(gft_fb_f32(&root, 2, 0.0f) == 1.5f);
    assert_true(gft_fb_u64(&root, 7, 0) == (uint64_t)1 << 40);
    OK(gft_fb_string_in(&root, 3, &text, NULL));
    assert_string_equal(text, "text");
    OK(gft_fb_vector_in(&root, 4, 4, &v, NULL));
    assert_int_equal(v.count, 3);
    assert_int_equal(gft_fb_vector_i32(&v, 1), -2);
    OK(gft_fb_vector_in(&root, 5, 4, &v, NULL));
    assert_int_equal(v.count, 2);
    OK(gft_fb_vector_table(&fb, &v, 0, &inner, NULL));
    assert_int_equal(gft_fb_i32(&inner, 0, 0), 7);
    OK(gft_fb_vector_table(&fb, &v, 1, &inner, NULL));
    assert_int_equal(gft_fb_i32(&inner, 0, 5), 5);
    OK(gft_fb_table_in(&root, 6, &inner, NULL));
    assert_int_equal(gft_fb_i32(&inner, 1, 0), 9);
    OK(gft_fb_check(&fb, NULL));
    free(data);
}

static void test_absent_fields(void **state) {
    (void)state;
    size_t bytes;
    uint8_t *data = make(&bytes);
    gft_fb fb = gft_fb_make(data, bytes, "test");
    gft_fb_table root;
    gft_fb_table none;
    gft_fb_vector v;
    const char *text = "";
    OK(gft_fb_root(&fb, NULL, &root, NULL));
    assert_false(gft_fb_has(&root, 30));
    assert_int_equal(gft_fb_i32(&root, 30, 17), 17);
    assert_true(gft_fb_bool(&root, 30, true));
    OK(gft_fb_string_in(&root, 30, &text, NULL));
    assert_null(text);
    OK(gft_fb_vector_in(&root, 30, 8, &v, NULL));
    assert_int_equal(v.count, 0);
    OK(gft_fb_table_in(&root, 30, &none, NULL));
    assert_null(none.fb);
    assert_int_equal(gft_fb_i32(&none, 0, 3), 3); /* an absent table has no fields */
    OK(gft_fb_vector_in(&none, 0, 4, &v, NULL));
    free(data);
}

static void test_short_and_foreign(void **state) {
    (void)state;
    size_t bytes;
    uint8_t *data = make(&bytes);
    gft_fb_table root;
    gft_fb fb = gft_fb_make(data, bytes, "test");
    LOST(gft_fb_root(&fb, "TFL3", &root, err), "no 'TFL3' at byte 4");
    fb = gft_fb_make(data, 7, "test");
    LOST(gft_fb_root(&fb, NULL, &root, err), "7 bytes, expected a FlatBuffer");
    fb = gft_fb_make("", 0, "test");
    LOST(gft_fb_root(&fb, NULL, &root, err), "0 bytes");
    free(data);
}

static void put_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void test_references_outside(void **state) {
    (void)state;
    size_t bytes;
    uint8_t *data = make(&bytes);
    gft_fb fb = gft_fb_make(data, bytes, "test");
    gft_fb_table root;
    gft_fb_vector v;
    OK(gft_fb_root(&fb, "TEST", &root, NULL));
    OK(gft_fb_vector_in(&root, 4, 4, &v, NULL));
    uint8_t *count = data + (v.data - data) - 4;
    put_u32(count, 0x40000000u);
    LOST(gft_fb_vector_in(&root, 4, 4, &v, err), "a vector reaches beyond");
    put_u32(count, 3);
    put_u32(data + root.at, 0x7fffffffu); /* the vtable's distance */
    LOST(gft_fb_root(&fb, "TEST", &root, err), "list of fields");
    put_u32(data + root.at, 0x80000000u);
    LOST(gft_fb_root(&fb, "TEST", &root, err), "list of fields");
    put_u32(data, 0xfffffff0u);
    LOST(gft_fb_root(&fb, "TEST", &root, err), "what is referred to reaches beyond");
    put_u32(data, 0);
    LOST(gft_fb_root(&fb, "TEST", &root, err), "what is referred to");
    free(data);
}

static void test_string_without_end(void **state) {
    (void)state;
    size_t bytes;
    uint8_t *data = make(&bytes);
    gft_fb fb = gft_fb_make(data, bytes, "test");
    gft_fb_table root;
    const char *text = NULL;
    OK(gft_fb_root(&fb, "TEST", &root, NULL));
    OK(gft_fb_string_in(&root, 3, &text, NULL));
    const size_t at = (size_t)((const uint8_t *)text - data);
    data[at + 4] = 'x';
    LOST(gft_fb_string_in(&root, 3, &text, err), "does not end in NUL");
    data[at + 4] = 0;
    data[at + 1] = 0;
    LOST(gft_fb_string_in(&root, 3, &text, err), "does not end in NUL");
    free(data);
}

/* A scalar whose offset leads out of its table gives the default and marks the buffer. */
static void test_scalar_outside_its_table(void **state) {
    (void)state;
    size_t bytes;
    uint8_t *data = make(&bytes);
    gft_fb fb = gft_fb_make(data, bytes, "test");
    gft_fb_table root;
    OK(gft_fb_root(&fb, "TEST", &root, NULL));
    data[root.vtable + 4 + 2] = (uint8_t)(root.bytes - 2); /* field 1 */
    data[root.vtable + 4 + 3] = 0;
    assert_int_equal(gft_fb_i32(&root, 1, 21), 21);
    LOST(gft_fb_check(&fb, err), "a field lies outside its table");
    free(data);
}

static void test_every_prefix(void **state) {
    (void)state;
    size_t bytes;
    uint8_t *data = make(&bytes);
    graft_error err = {0};
    OK(walk(data, bytes, &err));
    for (size_t n = 0; n < bytes; n++) {
        uint8_t *part = malloc(n + 1);
        assert_non_null(part);
        memcpy(part, data, n);
        if (walk(part, n, &err) != GRAFT_OK)
            assert_int_equal(err.code, GRAFT_DATA_LOSS);
        free(part);
    }
    free(data);
}

static void test_every_changed_byte(void **state) {
    (void)state;
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t bytes;
    uint8_t *data = make(&bytes);
    graft_error err = {0};
    for (size_t i = 0; i < bytes; i++) {
        const uint8_t old = data[i];
        for (size_t k = 0; k < sizeof values; k++) {
            data[i] = values[k];
            if (walk(data, bytes, &err) != GRAFT_OK)
                assert_int_equal(err.code, GRAFT_DATA_LOSS);
        }
        data[i] = old;
    }
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_is_written),
        cmocka_unit_test(test_absent_fields),
        cmocka_unit_test(test_short_and_foreign),
        cmocka_unit_test(test_references_outside),
        cmocka_unit_test(test_string_without_end),
        cmocka_unit_test(test_scalar_outside_its_table),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_every_changed_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
