/* TensorBundle: round trip, order and alignment, damage and cuts, slices as TensorFlow 2.21 wrote
 * them. */
#include "formats_test.h"

#include "base/crc32c.h"
#include "base/shape.h"
#include "formats/bundle.h"
#include "formats/leveldb.h"
#include "formats/snappy.h"

#define KEYS 300

static const float numbers[6] = {1, 2, 3, 4, 5, 6};

static graft_status write_checkpoint(const char *prefix, int keys, graft_error *err) {
    gft_bundle_writer *w = NULL;
    graft_status status = gft_bundle_writer_open(prefix, &w, err);
    if (status != GRAFT_OK)
        return status;
    graft_tensor_desc matrix = gft_desc_f32(gft_shape_2(2, 3));
    for (int i = 0; i < keys && status == GRAFT_OK; i++) {
        char key[40];
        snprintf(key, sizeof key, "layer/%03d/kernel", (i * 7) % keys); /* not in order */
        status = gft_bundle_writer_begin(w, key, &matrix, err);
        if (status == GRAFT_OK) /* in two pieces */
            status = gft_bundle_writer_append(w, numbers, 8, err);
        if (status == GRAFT_OK)
            status = gft_bundle_writer_append(w, (const uint8_t *)numbers + 8, 16, err);
    }
    graft_shape pair = gft_shape_1(2);
    gft_bundle_string words[2] = {{(const uint8_t *)"one", 3}, {(const uint8_t *)"", 0}};
    if (status == GRAFT_OK)
        status = gft_bundle_writer_add_strings(w, "_words", &pair, words, 2, err);
    graft_tensor_desc empty = {.dtype = GRAFT_S64, .shape = gft_shape_1(0)};
    if (status == GRAFT_OK)
        status = gft_bundle_writer_add(w, "empty", &empty, "", 0, err);
    if (status != GRAFT_OK) {
        gft_bundle_writer_abort(w);
        return status;
    }
    return gft_bundle_writer_commit(w, err);
}

static graft_status read_open(gft_bundle *b, graft_error *err) {
    gft_arena arena;
    gft_arena_init(&arena);
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < gft_bundle_count(b) && status == GRAFT_OK; i++) {
        const gft_bundle_entry *e = gft_bundle_at(b, i);
        graft_tensor t;
        gft_bundle_string *strings;
        size_t elems;
        status = e->dtype == GRAFT_STRING
                     ? gft_bundle_read_strings(b, e, &arena, &strings, &elems, err)
                     : gft_bundle_read(b, e, &arena, &t, err);
    }
    gft_arena_deinit(&arena);
    return status;
}

/* Opens, reads every tensor, closes. */
static graft_status read_all(const char *prefix, graft_error *err) {
    gft_bundle *b = NULL;
    graft_status status = gft_bundle_open(prefix, &b, err);
    if (status == GRAFT_OK)
        status = read_open(b, err);
    gft_bundle_close(b);
    return status;
}

static void round_trip(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%s/variables", dir.path);
    graft_error err;
    assert_int_equal(write_checkpoint(prefix, KEYS, &err), GRAFT_OK);
    gft_bundle *b = NULL;
    assert_int_equal(gft_bundle_open(prefix, &b, &err), GRAFT_OK);
    assert_int_equal(gft_bundle_count(b), KEYS + 2);
    gft_arena arena;
    gft_arena_init(&arena);
    for (size_t i = 1; i < gft_bundle_count(b); i++)
        assert_true(strcmp(gft_bundle_at(b, i - 1)->key, gft_bundle_at(b, i)->key) < 0);
    assert_null(gft_bundle_at(b, KEYS + 2));
    assert_null(gft_bundle_find(b, "layer/300/kernel"));
    assert_null(gft_bundle_find(b, ""));
    const gft_bundle_entry *e = gft_bundle_find(b, "layer/123/kernel");
    assert_non_null(e);
    graft_tensor t;
    assert_int_equal(gft_bundle_read(b, e, &arena, &t, &err), GRAFT_OK);
    assert_int_equal(t.bytes, sizeof numbers);
    assert_memory_equal(t.data, numbers, sizeof numbers);
    assert_int_equal((uintptr_t)t.data % 64, 0);
    assert_int_equal(arena.used_bytes, 0); /* a view, not a copy */
    gft_bundle_string *words;
    size_t count;
    e = gft_bundle_find(b, "_words");
    assert_failed(gft_bundle_read(b, e, &arena, &t, &err), &err, GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_bundle_read_strings(b, e, &arena, &words, &count, &err), GRAFT_OK);
    assert_int_equal(count, 2);
    assert_true(words[0].bytes == 3 && memcmp(words[0].data, "one", 3) == 0 && words[1].bytes == 0);
    assert_int_equal(gft_bundle_verify(b, &err), GRAFT_OK);
    gft_bundle_close(b);
    gft_arena_deinit(&arena);
    temp_dir_remove(&dir);
}

static void writer_refuses_mistakes(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%s/v", dir.path);
    graft_error err;
    graft_tensor_desc matrix = gft_desc_f32(gft_shape_2(2, 3));
    gft_bundle_writer *w = NULL;
    assert_int_equal(gft_bundle_writer_open(prefix, &w, &err), GRAFT_OK);
    assert_failed(gft_bundle_writer_append(w, numbers, 4, &err), &err, GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_bundle_writer_add(w, "a", &matrix, numbers, 24, &err), GRAFT_OK);
    assert_failed(gft_bundle_writer_append(w, numbers, 1, &err), &err, GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_bundle_writer_begin(w, "b", &matrix, &err), GRAFT_OK);
    assert_failed(gft_bundle_writer_begin(w, "c", &matrix, &err), &err, GRAFT_INVALID_ARGUMENT);
    assert_failed(gft_bundle_writer_commit(w, &err), &err,
                  GRAFT_INVALID_ARGUMENT); /* b lacks bytes */
    assert_int_equal(gft_bundle_writer_open(prefix, &w, &err), GRAFT_OK);
    assert_int_equal(gft_bundle_writer_add(w, "a", &matrix, numbers, 24, &err), GRAFT_OK);
    assert_int_equal(gft_bundle_writer_add(w, "a", &matrix, numbers, 24, &err), GRAFT_OK);
    assert_failed(gft_bundle_writer_commit(w, &err), &err, GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "twice"));
    gft_dir_entry *entries;
    size_t count;
    assert_int_equal(gft_dir_list(dir.path, &entries, &count, &err), GRAFT_OK);
    assert_int_equal(count, 0); /* nothing half done is left */
    gft_dir_list_free(entries, count);
    temp_dir_remove(&dir);
}

/* Reads every tensor of a bundle held in memory. */
static graft_status read_memory(const uint8_t *index, size_t index_bytes, const uint8_t *data,
                                size_t bytes, graft_error *err) {
    gft_bundle *b = NULL;
    graft_status status =
        gft_bundle_open_memory(index, index_bytes, data, bytes, "memory", &b, err);
    if (status == GRAFT_OK)
        status = gft_bundle_verify(b, err);
    if (status == GRAFT_OK)
        status = read_open(b, err);
    gft_bundle_close(b);
    return status;
}

/* Every cut and every flipped bit of index and data is an error or is harmless, never a crash. */
static void damage(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char prefix[80];
    char path[128];
    snprintf(prefix, sizeof prefix, "%s/v", dir.path);
    graft_error err;
    assert_int_equal(write_checkpoint(prefix, 20, &err), GRAFT_OK);
    uint8_t *good[2]; /* index, data */
    size_t bytes[2];
    snprintf(path, sizeof path, "%s.index", prefix);
    assert_int_equal(gft_file_read(path, 1 << 20, &good[0], &bytes[0], &err), GRAFT_OK);
    snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
    assert_int_equal(gft_file_read(path, 1 << 20, &good[1], &bytes[1], &err), GRAFT_OK);
    assert_int_equal(read_memory(good[0], bytes[0], good[1], bytes[1], &err), GRAFT_OK);
    for (int f = 0; f < 2; f++) {
        for (size_t cut = 0; cut < bytes[f]; cut++) {
            uint8_t *part = exact(good[f], cut);
            assert_failed(f == 0 ? read_memory(part, cut, good[1], bytes[1], &err)
                                 : read_memory(good[0], bytes[0], part, cut, &err),
                          &err, GRAFT_DATA_LOSS);
            free(part);
        }
        for (size_t bit = 0; bit < bytes[f] * 8; bit++) {
            good[f][bit / 8] ^= (uint8_t)(1u << bit % 8);
            graft_status status = read_memory(good[0], bytes[0], good[1], bytes[1], &err);
            good[f][bit / 8] ^= (uint8_t)(1u << bit % 8);
            /* Blocks of the index are covered by checksums, its footer's and the data's padding is not. */
            if (f == 0 && bit / 8 < bytes[0] - 48)
                assert_int_equal(status, GRAFT_DATA_LOSS);
            else
                assert_true(status == GRAFT_OK || status == GRAFT_DATA_LOSS);
        }
    }
    gft_free(good[0]);
    gft_free(good[1]);
    assert_int_equal(remove(path), 0);
    assert_failed(read_all(prefix, &err), &err, GRAFT_NOT_FOUND);
    temp_dir_remove(&dir);
}

/* Index of a tensor 't' [6,70] saved by TensorFlow 2.21 as the row slices 0+2 and 2+4. */
static const uint8_t sliced_index[] = {
    0x00, 0x00, 0x06, 0x08, 0x01, 0x1a, 0x02, 0x08, 0x01, 0x00, 0x0a, 0x14, 0x00, 0x74, 0x00, 0x01,
    0x01, 0x02, 0x80, 0x82, 0x80, 0x7f, 0x08, 0x01, 0x12, 0x08, 0x12, 0x02, 0x08, 0x02, 0x12, 0x02,
    0x08, 0x46, 0x28, 0xb0, 0x04, 0x35, 0x6a, 0xdc, 0xfd, 0x9f, 0x06, 0x04, 0x17, 0x82, 0x84, 0x80,
    0x7f, 0x08, 0x01, 0x12, 0x08, 0x12, 0x02, 0x08, 0x04, 0x12, 0x02, 0x08, 0x46, 0x20, 0xb0, 0x04,
    0x28, 0xe0, 0x08, 0x35, 0xed, 0xce, 0xae, 0x40, 0x00, 0x01, 0x1e, 0x74, 0x08, 0x01, 0x12, 0x08,
    0x12, 0x02, 0x08, 0x06, 0x12, 0x02, 0x08, 0x46, 0x3a, 0x06, 0x0a, 0x02, 0x10, 0x02, 0x0a, 0x00,
    0x3a, 0x08, 0x0a, 0x04, 0x08, 0x02, 0x10, 0x04, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00,
    0x00, 0x00, 0x00, 0xf2, 0x84, 0x81, 0xb4, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
    0xc0, 0xf2, 0xa1, 0xb0, 0x00, 0x01, 0x02, 0x75, 0x00, 0x72, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00,
    0x00, 0x00, 0x00, 0x2c, 0x9c, 0x0e, 0xf7, 0x77, 0x08, 0x84, 0x01, 0x0e, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x57,
    0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

static void slices_are_assembled(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char prefix[80];
    char path[128];
    snprintf(prefix, sizeof prefix, "%s/v", dir.path);
    snprintf(path, sizeof path, "%s.index", prefix);
    put_file(path, sliced_index, sizeof sliced_index);
    float values[420];
    for (int i = 0; i < 420; i++)
        values[i] = (float)i;
    snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
    put_file(path, values, sizeof values);
    graft_error err;
    gft_bundle *b = NULL;
    assert_int_equal(gft_bundle_open(prefix, &b, &err), GRAFT_OK);
    assert_int_equal(gft_bundle_count(b), 1);
    assert_true(gft_bundle_at(b, 0)->partitioned);
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor t;
    assert_int_equal(gft_bundle_read(b, gft_bundle_find(b, "t"), &arena, &t, &err), GRAFT_OK);
    assert_int_equal(t.bytes, sizeof values);
    assert_memory_equal(t.data, values, sizeof values);
    gft_bundle_close(b);
    values[3] += 1;
    put_file(path, values, sizeof values);
    assert_failed(read_all(prefix, &err), &err, GRAFT_DATA_LOSS);
    gft_arena_deinit(&arena);
    temp_dir_remove(&dir);
}

static graft_status collect(void *context, const uint8_t *key, size_t key_bytes,
                            const uint8_t *value, size_t value_bytes, graft_error *err) {
    size_t *count = context;
    char expected[32];
    snprintf(expected, sizeof expected, "key/%05zu", *count);
    if (key_bytes != strlen(expected) || memcmp(key, expected, key_bytes) != 0 ||
        value_bytes != *count % 50 || (value_bytes && value[0] != (uint8_t)*count))
        return gft_fail(err, GRAFT_INTERNAL, "entry %zu is not what was written", *count);
    (*count)++;
    return GRAFT_OK;
}

static void table_of_many_blocks(void **state) {
    (void)state;
    graft_error err;
    for (size_t block = 1; block <= 4096; block *= 16) {
        gft_buffer out;
        gft_buffer_init(&out, 1 << 22);
        gft_leveldb_writer w;
        gft_leveldb_writer_init(&w, &out, block);
        for (size_t i = 0; i < 2000; i++) {
            char key[32];
            uint8_t value[50];
            snprintf(key, sizeof key, "key/%05zu", i);
            memset(value, (int)(uint8_t)i, sizeof value);
            assert_int_equal(gft_leveldb_writer_add(&w, key, strlen(key), value, i % 50, &err),
                             GRAFT_OK);
        }
        assert_failed(gft_leveldb_writer_add(&w, "key/00000", 9, "", 0, &err), &err,
                      GRAFT_INVALID_ARGUMENT);
        assert_int_equal(gft_leveldb_writer_finish(&w, &err), GRAFT_OK);
        gft_leveldb_writer_deinit(&w);
        size_t count = 0;
        assert_int_equal(gft_leveldb_read(out.data, out.bytes, "table", collect, &count, &err),
                         GRAFT_OK);
        assert_int_equal(count, 2000);
        gft_buffer_deinit(&out);
    }
}

/* Streams written by hand after snappy's format_description.txt. */
static void snappy_streams(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t bytes;
        const char *out; /* NULL: DATA_LOSS */
    } cases[] = {
        {"\x00", 1, ""},
        {"\x03\x08"
         "abc",
         5, "abc"},
        {"\x09\x08"
         "abc\x09\x03",
         7, "abcabcabc"}, /* a copy that overlaps itself */
        {"\x07\x08"
         "abc\x0e\x03\x00",
         8, "abcabca"}, /* two-byte offset */
        {"\x07\x08"
         "abc\x0f\x03\x00\x00\x00",
         10, "abcabca"}, /* four-byte offset */
        {"\x03\xf0\x02"
         "abc",
         6, "abc"}, /* length in a byte of its own */
        {"\x03\xfc\x02\x00\x00\x00"
         "abc",
         9, "abc"},
        {"\x04\x08"
         "abc",
         5, NULL}, /* less than declared */
        {"\x02\x08"
         "abc",
         5, NULL}, /* more than declared */
        {"\x03\x08"
         "ab",
         4, NULL}, /* cut literal */
        {"\x09\x08"
         "abc\x09\x04",
         7, NULL}, /* before the start */
        {"\x09\x08"
         "abc\x09\x00",
         7, NULL}, /* offset 0 */
        {"\x09\x08"
         "abc\x09",
         6, NULL}, /* cut copy */
        {"\xff\xff\xff\xff\x0f\x00"
         "a",
         7, NULL}, /* cannot give that much */
        {"\x05\xfc\xff\xff\xff\xff"
         "abc",
         9, NULL},
        {"", 0, NULL},
    };
    gft_buffer out;
    gft_buffer_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graft_error err;
        uint8_t *in = exact(cases[i].in, cases[i].bytes);
        graft_status status = gft_snappy_decode(in, cases[i].bytes, "stream", &out, &err);
        free(in);
        if (!cases[i].out) {
            assert_failed(status, &err, GRAFT_DATA_LOSS);
            continue;
        }
        assert_int_equal(status, GRAFT_OK);
        assert_int_equal(out.bytes, strlen(cases[i].out));
        assert_memory_equal(out.data, cases[i].out, out.bytes);
    }
    gft_buffer_deinit(&out);
}

static graft_status count_only(void *context, const uint8_t *key, size_t key_bytes,
                               const uint8_t *value, size_t value_bytes, graft_error *err) {
    (void)key;
    (void)key_bytes;
    (void)value;
    (void)value_bytes;
    (void)err;
    ++*(size_t *)context;
    return GRAFT_OK;
}

static void put_crc(uint8_t *block, size_t bytes) {
    uint32_t crc = gft_crc32c_mask(gft_crc32c(block, bytes));
    for (size_t i = 0; i < 4; i++)
        block[bytes + i] = (uint8_t)(crc >> (8 * i));
}

/* The table above with its data block stored compressed: one literal, everything behind it moved. */
static void compressed_block_is_read(void **state) {
    (void)state;
    enum { BLOCK = 0x72, GROWN = BLOCK + 3, REST = sizeof sliced_index - BLOCK };
    uint8_t table[sizeof sliced_index + 3];
    table[0] = BLOCK;   /* length */
    table[1] = 60 << 2; /* literal, its length - 1 in the next byte */
    table[2] = BLOCK - 1;
    memcpy(table + 3, sliced_index, BLOCK);
    memcpy(table + GROWN, sliced_index + BLOCK, REST);
    table[GROWN] = 1; /* snappy */
    put_crc(table, GROWN + 1);
    uint8_t *index = table + 3 + 0x84; /* index block: its entry "u" holds offset and size */
    assert_int_equal(index[5], BLOCK);
    index[5] = GROWN;
    put_crc(index, 14 + 1);
    uint8_t *footer = table + sizeof table - 48;
    footer[0] = (uint8_t)(footer[0] + 3);
    footer[2] = (uint8_t)(footer[2] + 3); /* low seven bits of a two-byte varint */
    size_t count = 0;
    graft_error err;
    assert_int_equal(gft_leveldb_read(table, sizeof table, "table", count_only, &count, &err),
                     GRAFT_OK);
    assert_int_equal(count, 4);
    table[GROWN] = 2;
    put_crc(table, GROWN + 1);
    assert_failed(gft_leveldb_read(table, sizeof table, "table", count_only, &count, &err), &err,
                  GRAFT_DATA_LOSS);
}

static graft_status write_and_read(void *context) {
    graft_status status = write_checkpoint(context, 2, NULL);
    return status == GRAFT_OK ? read_all(context, NULL) : status;
}

static void out_of_memory(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char prefix[80];
    snprintf(prefix, sizeof prefix, "%s/v", dir.path);
    until_memory_suffices(write_and_read, prefix);
    temp_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(writer_refuses_mistakes),
        cmocka_unit_test(damage),
        cmocka_unit_test(slices_are_assembled),
        cmocka_unit_test(table_of_many_blocks),
        cmocka_unit_test(snappy_streams),
        cmocka_unit_test(compressed_block_is_read),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
