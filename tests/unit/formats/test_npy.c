/* .npy and .npz: every type there and back, Fortran order, a member NumPy 2.4.6 deflated, cuts and
 * damage. */
#include "formats_test.h"

#include "base/shape.h"
#include "formats/npy.h"

static const graft_dtype types[] = {GRAFT_F32, GRAFT_F64, GRAFT_F16, GRAFT_S8,  GRAFT_U8,
                                    GRAFT_S16, GRAFT_S32, GRAFT_S64, GRAFT_BOOL};
#define TYPES (sizeof types / sizeof types[0])

static void every_type(void **state) {
    (void)state;
    graft_error err;
    uint8_t data[48];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 5);
    for (size_t i = 0; i < TYPES; i++)
        for (int rank = 0; rank <= 3; rank++) {
            graft_shape shapes[4] = {
                gft_shape_0(), gft_shape_1(6), gft_shape_2(3, 0), {3, {1, 2, 3}}};
            graft_tensor_desc desc = {.dtype = types[i], .shape = shapes[rank]};
            gft_buffer buffer;
            gft_buffer_init(&buffer, 1 << 16);
            assert_int_equal(gft_npy_append(&buffer, &desc, data, &err), GRAFT_OK);
            size_t bytes;
            assert_true(gft_desc_bytes(&desc, &bytes));
            assert_int_equal((buffer.bytes - bytes) % 64, 0);
            gft_arena arena;
            gft_arena_init(&arena);
            graft_tensor t;
            assert_int_equal(gft_npy_parse(buffer.data, buffer.bytes, "a", &arena, &t, &err),
                             GRAFT_OK);
            assert_int_equal(t.desc.dtype, desc.dtype);
            assert_true(gft_shape_equal(&t.desc.shape, &desc.shape));
            assert_memory_equal(t.data, data, bytes);
            for (size_t cut = 0; cut < buffer.bytes; cut++) {
                uint8_t *part = exact(buffer.data, cut);
                assert_failed(gft_npy_parse(part, cut, "a", &arena, &t, &err), &err,
                              GRAFT_DATA_LOSS);
                free(part);
            }
            gft_arena_deinit(&arena);
            gft_buffer_deinit(&buffer);
        }
    graft_tensor_desc bf16 = {.dtype = GRAFT_BF16, .shape = gft_shape_1(1)};
    gft_buffer buffer;
    gft_buffer_init(&buffer, 1 << 16);
    assert_failed(gft_npy_append(&buffer, &bf16, data, &err), &err, GRAFT_UNIMPLEMENTED);
    gft_buffer_deinit(&buffer);
}

/* An .npy with this header text (version 1, or 2 with a 32-bit length) and these elements. */
static graft_status parse(const char *header, int version, const void *data, size_t bytes,
                          gft_arena *arena, graft_tensor *t, graft_error *err) {
    uint8_t file[512] = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0};
    size_t n = 8;
    size_t length = strlen(header);
    file[n++] = (uint8_t)length;
    file[n++] = (uint8_t)(length >> 8);
    n += version == 1 ? 0 : 2;
    memcpy(file + n, header, length);
    n += length;
    memcpy(file + n, data, bytes);
    uint8_t *copy = gft_arena_memdup(arena, file, n + bytes);
    return gft_npy_parse(copy, n + bytes, "x.npy", arena, t, err);
}

static void headers(void **state) {
    (void)state;
    static const int16_t fortran[6] = {1, 4, 2, 5, 3, 6};
    static const int16_t c_order[6] = {1, 2, 3, 4, 5, 6};
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor t;
    graft_error err;
    assert_int_equal(parse("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", 1, fortran,
                           12, &arena, &t, &err),
                     GRAFT_OK);
    assert_memory_equal(t.data, c_order, 12);
    assert_int_equal(parse("{\"shape\":(6L,),\"descr\":\"<i2\",\"fortran_order\":False}\n", 2,
                           c_order, 12, &arena, &t, &err),
                     GRAFT_OK);
    assert_int_equal(t.desc.shape.rank, 1);
    static const struct {
        const char *text;
        graft_status status;
    } bad[] = {
        {"", GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': False}", GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': Maybe, 'shape': (6,)}", GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (7,)}", GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (-6,)}", GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (6", GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': "
         "(9223372036854775807,9223372036854775807)}",
         GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999999999999,)}",
         GRAFT_DATA_LOSS},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}",
         GRAFT_UNIMPLEMENTED},
        {"{'descr': '>i2', 'fortran_order': False, 'shape': (6,)}", GRAFT_UNIMPLEMENTED},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (6,)}", GRAFT_UNIMPLEMENTED},
        {"{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (6,)}", GRAFT_UNIMPLEMENTED},
        {"{'other': '<i2', 'fortran_order': False, 'shape': (6,)}", GRAFT_DATA_LOSS},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_failed(parse(bad[i].text, 1, c_order, 12, &arena, &t, &err), &err, bad[i].status);
    gft_arena_deinit(&arena);
}

/* np.savez_compressed(a=np.arange(40, dtype="i4") % 3) */
static const uint8_t deflated[] = {
    0x50, 0x4b, 0x03, 0x04, 0x14, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x49, 0x2a,
    0x7f, 0x80, 0x50, 0x00, 0x00, 0x00, 0x20, 0x01, 0x00, 0x00, 0x05, 0x00, 0x14, 0x00, 0x61, 0x2e,
    0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x20, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x50,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50,
    0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x69, 0xa2,
    0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a,
    0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a,
    0x26, 0x06, 0x3a, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0xe4, 0x03, 0x2e, 0x06, 0x20, 0x60, 0x04, 0x62,
    0x26, 0x06, 0x08, 0x18, 0x6c, 0x6c, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x14, 0x03, 0x14, 0x00, 0x00,
    0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x49, 0x2a, 0x7f, 0x80, 0x50, 0x00, 0x00, 0x00, 0x20,
    0x01, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x61, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x33, 0x00, 0x00, 0x00, 0x87, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static graft_status read_deflated(void *context) {
    (void)context;
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor *list;
    size_t count;
    graft_status status =
        gft_npz_parse(deflated, sizeof deflated, "x.npz", &arena, &list, &count, NULL);
    gft_arena_deinit(&arena);
    return status;
}

static void deflated_member(void **state) {
    (void)state;
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor *list;
    size_t count;
    graft_error err;
    assert_int_equal(gft_npz_parse(deflated, sizeof deflated, "x.npz", &arena, &list, &count, &err),
                     GRAFT_OK);
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, "a");
    assert_int_equal(list[0].bytes, 160);
    for (int32_t i = 0; i < 40; i++)
        assert_int_equal(((const int32_t *)list[0].data)[i], i % 3);
    gft_arena_deinit(&arena);
    for (size_t cut = 0; cut < sizeof deflated; cut++) {
        uint8_t *part = exact(deflated, cut);
        gft_arena_init(&arena);
        assert_failed(gft_npz_parse(part, cut, "x.npz", &arena, &list, &count, &err), &err,
                      GRAFT_DATA_LOSS);
        gft_arena_deinit(&arena);
        free(part);
    }
    for (size_t at = 0; at < sizeof deflated; at++)
        for (int bit = 0; bit < 8; bit++) {
            uint8_t *copy = exact(deflated, sizeof deflated);
            copy[at] ^= (uint8_t)(1 << bit);
            gft_arena_init(&arena);
            graft_status status =
                gft_npz_parse(copy, sizeof deflated, "x.npz", &arena, &list, &count, &err);
            assert_true(status == GRAFT_OK || status == GRAFT_DATA_LOSS ||
                        status == GRAFT_UNIMPLEMENTED || status == GRAFT_RESOURCE_EXHAUSTED);
            gft_arena_deinit(&arena);
            free(copy);
        }
    until_memory_suffices(read_deflated, NULL);
}

static void written_archive(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char path[128];
    snprintf(path, sizeof path, "%s/x.npz", dir.path);
    float values[5] = {1, 2, 3, 4, 5};
    bool flags[2] = {true, false};
    graft_tensor in[3] = {
        {"first/one:0", gft_desc_f32(gft_shape_1(5)), values, sizeof values},
        {"", {.dtype = GRAFT_BOOL, .shape = gft_shape_2(2, 1)}, flags, sizeof flags},
        {"scalar", gft_desc_f32(gft_shape_0()), values + 3, 4},
    };
    graft_error err;
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor *out;
    size_t count;
    assert_int_equal(gft_npz_write(path, in, 3, &err), GRAFT_OK);
    assert_int_equal(gft_npz_read(path, &arena, &out, &count, &err), GRAFT_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(out[i].name, in[i].name);
        assert_true(gft_shape_equal(&out[i].desc.shape, &in[i].desc.shape));
        assert_int_equal(out[i].bytes, in[i].bytes);
        assert_memory_equal(out[i].data, in[i].data, in[i].bytes);
    }
    in[2].name = "first/one:0";
    assert_failed(gft_npz_write(path, in, 3, &err), &err, GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_npz_write(path, in, 0, &err), GRAFT_OK);
    assert_int_equal(gft_npz_read(path, &arena, &out, &count, &err), GRAFT_OK);
    assert_int_equal(count, 0);
    assert_int_equal(gft_npy_write(path, in, &err), GRAFT_OK);
    assert_int_equal(gft_npz_read(path, &arena, &out, &count, &err), GRAFT_OK);
    assert_true(count == 1 && out[0].name[0] == '\0' && out[0].bytes == sizeof values);
    gft_arena_deinit(&arena);
    temp_dir_remove(&dir);
}

static void strings(void **state) {
    (void)state;
    gft_arena arena;
    graft_tensor t;
    graft_error err = {0};
    gft_arena_init(&arena);
    /* zeros at the end are NumPy's padding in S, bytes in V */
    assert_int_equal(parse("{'descr': '|S3', 'fortran_order': False, 'shape': (2,), }", 1,
                           "ab\0c\0d", 6, &arena, &t, &err),
                     GRAFT_OK);
    const graft_string_view *v = t.data;
    assert_true(t.desc.dtype == GRAFT_STRING && t.bytes == 2 * sizeof *v);
    assert_true(v[0].bytes == 2 && v[1].bytes == 3 && memcmp(v[1].data, "c\0d", 3) == 0);
    assert_int_equal(parse("{'descr': '|V3', 'fortran_order': False, 'shape': (1,), }", 1, "ab\0",
                           3, &arena, &t, &err),
                     GRAFT_OK);
    assert_int_equal(((const graft_string_view *)t.data)[0].bytes, 3);
    /* U is UTF-32 and becomes UTF-8: z, e acute, the euro sign, a clef; then 'a' and padding */
    static const uint32_t text[] = {'z', 0xe9, 0x20ac, 0x1d11e, 'a', 0, 0, 0};
    assert_int_equal(parse("{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }", 1, text,
                           sizeof text, &arena, &t, &err),
                     GRAFT_OK);
    v = t.data;
    assert_true(v[0].bytes == 10 && v[1].bytes == 1);
    assert_memory_equal(v[0].data, "z\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e", 10);
    static const uint32_t bad[] = {0xd800};
    assert_failed(parse("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", 1, bad,
                        sizeof bad, &arena, &t, &err),
                  &err, GRAFT_INVALID_ARGUMENT);
    /* Fortran order, cut, too many elements without a byte, Python objects */
    assert_int_equal(parse("{'descr': '|S1', 'fortran_order': True, 'shape': (2, 2), }", 1, "abcd",
                           4, &arena, &t, &err),
                     GRAFT_OK);
    v = t.data;
    assert_true(v[0].data[0] == 'a' && v[1].data[0] == 'c' && v[2].data[0] == 'b');
    assert_failed(parse("{'descr': '|S3', 'fortran_order': False, 'shape': (2,), }", 1, "abcde", 5,
                        &arena, &t, &err),
                  &err, GRAFT_DATA_LOSS);
    assert_failed(parse("{'descr': '|S0', 'fortran_order': False, 'shape': (999999999,), }", 1, "",
                        0, &arena, &t, &err),
                  &err, GRAFT_DATA_LOSS);
    assert_failed(parse("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 1, "x", 1,
                        &arena, &t, &err),
                  &err, GRAFT_UNIMPLEMENTED);
    assert_non_null(strstr(err.message, "astype('S')"));
    gft_arena_deinit(&arena);
}

static void strings_written(void **state) {
    (void)state;
    gft_arena arena;
    gft_buffer buffer;
    graft_tensor t;
    graft_error err = {0};
    const graft_string_view in[4] = {{"a", 1}, {"", 0}, {"three", 5}, {NULL, 0}};
    const graft_tensor_desc desc = {GRAFT_STRING, gft_shape_2(2, 2), NULL};
    gft_arena_init(&arena);
    gft_buffer_init(&buffer, 1 << 16);
    assert_int_equal(gft_npy_append(&buffer, &desc, in, &err), GRAFT_OK);
    assert_non_null(strstr((const char *)buffer.data + 10, "'|S5'"));
    assert_int_equal(gft_npy_parse(buffer.data, buffer.bytes, "a", &arena, &t, &err), GRAFT_OK);
    const graft_string_view *v = t.data;
    assert_true(t.desc.shape.rank == 2 && v[0].bytes == 1 && v[1].bytes == 0 && v[2].bytes == 5 &&
                v[3].bytes == 0);
    gft_buffer_deinit(&buffer);
    gft_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),      cmocka_unit_test(headers),
        cmocka_unit_test(deflated_member), cmocka_unit_test(written_archive),
        cmocka_unit_test(strings),         cmocka_unit_test(strings_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
