/*
 * HDF5 files that h5py 3.14 wrote (tools/gen/gen_keras_seeds.py), in the oldest and the newest form
 * the library has: every layout, type and filter gives the numbers that were written; cuts and
 * failing allocations fail cleanly.
 */
#include "formats_test.h"

#include "base/shape.h"
#include "formats/hdf5_file.h"

static const char *const FILES[] = {GFT_TEST_DIR "/fuzz/corpus/hdf5/old.h5",
                                    GFT_TEST_DIR "/fuzz/corpus/hdf5/new.h5"};

typedef struct opened {
    gft_map map;
    gft_hdf5 *file;
    gft_arena arena;
} opened;

static opened open_file(const char *path) {
    opened o = {0};
    graft_error err = {0};
    assert_int_equal(gft_map_open(path, &o.map, &err), GRAFT_OK);
    if (gft_hdf5_open_memory(o.map.data, o.map.bytes, path, &o.file, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
    gft_arena_init(&o.arena);
    return o;
}

static void close_file(opened *o) {
    gft_arena_deinit(&o->arena);
    gft_hdf5_close(o->file);
    gft_map_close(&o->map);
}

static graft_tensor read_at(opened *o, const char *path) {
    graft_error err = {0};
    graft_tensor t = {0};
    gft_hdf5_object object = GFT_HDF5_NONE;
    assert_int_equal(gft_hdf5_find(o->file, gft_hdf5_root(o->file), path, &object, &err), GRAFT_OK);
    if (object == GFT_HDF5_NONE)
        fail_msg("no '%s'", path);
    if (gft_hdf5_read(o->file, object, &o->arena, &t, &err) != GRAFT_OK)
        fail_msg("%s: %s", path, err.message);
    return t;
}

/* What the script's ramp() gives. */
static float ramp(int64_t i) {
    return (float)(i % 17 - 8) * 0.125f;
}

static void check_ramp(opened *o, const char *path, int32_t rank, int64_t a, int64_t b, int64_t c) {
    const graft_tensor t = read_at(o, path);
    const graft_shape shape = {rank, {a, b, c}};
    assert_int_equal(t.desc.dtype, GRAFT_F32);
    assert_true(gft_shape_equal(&t.desc.shape, &shape));
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++) {
        if (((const float *)t.data)[i] != ramp(i))
            fail_msg("%s[%d] is %g", path, (int)i, (double)((const float *)t.data)[i]);
    }
}

static void numbers(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        opened o = open_file(FILES[k]);
        check_ramp(&o, "group/inner/f32", 3, 2, 3, 4);
        check_ramp(&o, "/big", 2, 2, 3, 0);
        check_ramp(&o, "compact", 1, 6, 0, 0);
        check_ramp(&o, "packed", 2, 5, 7, 0);
        check_ramp(&o, "chunks", 2, 4, 5, 0);
        graft_tensor t = read_at(&o, "f64");
        assert_int_equal(t.desc.dtype, GRAFT_F64);
        assert_true(((const double *)t.data)[4] == -0.5);
        t = read_at(&o, "f16");
        assert_int_equal(t.desc.dtype, GRAFT_F16);
        assert_int_equal(((const uint16_t *)t.data)[0], 0xbc00); /* -1 */
        t = read_at(&o, "u16");
        assert_int_equal(t.desc.dtype, GRAFT_S32);
        assert_int_equal(((const int32_t *)t.data)[2], 65535);
        t = read_at(&o, "i64");
        assert_int_equal(t.desc.dtype, GRAFT_S64);
        assert_int_equal(((const int64_t *)t.data)[0], -5);
        t = read_at(&o, "flags");
        assert_int_equal(t.desc.dtype, GRAFT_S8);
        assert_memory_equal(t.data, "\1\0", 2);
        t = read_at(&o, "scalar");
        assert_int_equal(t.desc.shape.rank, 0);
        assert_true(*(const float *)t.data == 2.5f);
        t = read_at(&o, "empty");
        assert_int_equal(t.bytes, 0);
        assert_int_equal(t.desc.shape.dims[1], 3);
        close_file(&o);
    }
}

static void indexes(void **state) {
    (void)state;
    opened o = open_file(FILES[1]);
    check_ramp(&o, "single", 2, 3, 3, 0);
    check_ramp(&o, "grow", 1, 40, 0, 0);
    check_ramp(&o, "grow2", 2, 5, 6, 0);
    check_ramp(&o, "implicit", 2, 3, 4, 0);
    for (int i = 0; i < 12; i++) { /* more links than an object header takes */
        char path[16];
        (void)snprintf(path, sizeof path, "many/d%d", i);
        assert_true(*(const float *)read_at(&o, path).data == (float)i);
    }
    close_file(&o);
}

static void borrowed(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        opened o = open_file(FILES[k]);
        const uint8_t *data = read_at(&o, "group/inner/f32").data;
        assert_true(data >= o.map.data && data < o.map.data + o.map.bytes);
        data = read_at(&o, "big").data;
        assert_false(data >= o.map.data && data < o.map.data + o.map.bytes);
        close_file(&o);
    }
}

static void assert_view(const graft_tensor *t, size_t i, const char *text) {
    const graft_string_view *v = (const graft_string_view *)t->data + i;
    assert_int_equal(v->bytes, strlen(text));
    assert_memory_equal(v->data, text, v->bytes);
}

static void texts(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        opened o = open_file(FILES[k]);
        const gft_hdf5_object root = gft_hdf5_root(o.file);
        graft_error err;
        const char *text;
        const char **list;
        size_t count;
        bool found;
        graft_tensor t = read_at(&o, "words");
        assert_int_equal(t.desc.dtype, GRAFT_STRING);
        assert_view(&t, 0, "one");
        assert_view(&t, 1, "");
        assert_view(&t, 2, "three");
        t = read_at(&o, "fixed");
        assert_view(&t, 0, "ab");
        assert_view(&t, 1, "cde");
        assert_int_equal(gft_hdf5_text(o.file, root, "title", &o.arena, &text, &err), GRAFT_OK);
        assert_string_equal(text, "a text");
        assert_int_equal(gft_hdf5_text(o.file, root, "none", &o.arena, &text, &err), GRAFT_OK);
        assert_null(text);
        assert_int_equal(
            gft_hdf5_text_list(o.file, root, "names", &o.arena, &found, &list, &count, &err),
            GRAFT_OK);
        assert_true(found);
        assert_int_equal(count, 2);
        assert_string_equal(list[1], "second");
        assert_int_equal(
            gft_hdf5_text_list(o.file, root, "part", &o.arena, &found, &list, &count, &err),
            GRAFT_OK);
        assert_int_equal(count, 3); /* in two attributes */
        assert_string_equal(list[2], "z");
        assert_failed(gft_hdf5_text(o.file, root, "names", &o.arena, &text, &err), &err,
                      GRAFT_DATA_LOSS);
        close_file(&o);
    }
}

static void many_attributes(void **state) {
    (void)state;
    opened o = open_file(FILES[1]);
    gft_hdf5_object many;
    const char *text;
    graft_error err;
    assert_int_equal(gft_hdf5_find(o.file, gft_hdf5_root(o.file), "many", &many, &err), GRAFT_OK);
    assert_int_equal(gft_hdf5_text(o.file, many, "a11", &o.arena, &text, &err), GRAFT_OK);
    assert_string_equal(text, "value 11");
    close_file(&o);
}

static void groups(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        opened o = open_file(FILES[k]);
        const gft_hdf5_object root = gft_hdf5_root(o.file);
        gft_hdf5_link *links;
        size_t count;
        gft_hdf5_object object;
        graft_error err;
        graft_tensor t;
        bool leaf;
        assert_int_equal(gft_hdf5_links(o.file, root, &o.arena, &links, &count, &err), GRAFT_OK);
        for (size_t i = 1; i < count; i++)
            assert_true(strcmp(links[i - 1].name, links[i].name) < 0);
        assert_non_null(gft_hdf5_find_link(links, count, "packed"));
        assert_null(gft_hdf5_find_link(links, count, "pack"));
        assert_true(gft_hdf5_find_link(links, count, "soft")->object == GFT_HDF5_NONE);
        assert_int_equal(gft_hdf5_find(o.file, root, "group/none/f32", &object, &err), GRAFT_OK);
        assert_true(object == GFT_HDF5_NONE);
        assert_int_equal(gft_hdf5_find(o.file, root, "f64/below", &object, &err), GRAFT_OK);
        assert_true(object == GFT_HDF5_NONE);
        assert_int_equal(gft_hdf5_is_dataset(o.file, root, &leaf, &err), GRAFT_OK);
        assert_false(leaf);
        assert_failed(gft_hdf5_read(o.file, root, &o.arena, &t, &err), &err,
                      GRAFT_FAILED_PRECONDITION);
        assert_int_equal(gft_hdf5_find(o.file, root, "f64", &object, &err), GRAFT_OK);
        assert_failed(gft_hdf5_links(o.file, object, &o.arena, &links, &count, &err), &err,
                      GRAFT_FAILED_PRECONDITION);
        close_file(&o);
    }
}

/* Reads all of the root's datasets; the first failure. */
static graft_status read_all(const uint8_t *data, size_t bytes, graft_error *err) {
    gft_hdf5 *file = NULL;
    gft_arena arena;
    gft_hdf5_link *links = NULL;
    size_t count = 0;
    GFT_TRY(gft_hdf5_open_memory(data, bytes, "file", &file, err));
    gft_arena_init(&arena);
    graft_status status = gft_hdf5_links(file, gft_hdf5_root(file), &arena, &links, &count, err);
    for (size_t i = 0; i < count && status == GRAFT_OK; i++) {
        graft_tensor t;
        bool leaf = false;
        if (links[i].object == GFT_HDF5_NONE)
            continue;
        status = gft_hdf5_is_dataset(file, links[i].object, &leaf, err);
        if (status == GRAFT_OK && leaf)
            status = gft_hdf5_read(file, links[i].object, &arena, &t, err);
    }
    gft_arena_deinit(&arena);
    gft_hdf5_close(file);
    return status;
}

static void cuts(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        uint8_t *data;
        size_t bytes;
        graft_error err;
        assert_int_equal(gft_file_read(FILES[k], 1 << 20, &data, &bytes, &err), GRAFT_OK);
        assert_int_equal(read_all(data, bytes, &err), GRAFT_OK);
        for (size_t cut = 0; cut < bytes; cut += 101) {
            uint8_t *part = exact(data, cut);
            const graft_status status = read_all(part, cut, &err);
            if (cut < bytes / 2)
                assert_true(status == GRAFT_DATA_LOSS || status == GRAFT_UNIMPLEMENTED);
            free(part);
        }
        gft_free(data);
    }
}

static void wrong_checksum(void **state) {
    (void)state;
    uint8_t *data;
    size_t bytes;
    graft_error err;
    size_t noticed = 0;
    assert_int_equal(gft_file_read(FILES[0], 1 << 20, &data, &bytes, &err), GRAFT_OK);
    for (size_t i = 0; i < bytes; i++) { /* deflated and checked chunks are the only such bytes */
        data[i] ^= 0x40;
        noticed += read_all(data, bytes, &err) == GRAFT_DATA_LOSS;
        data[i] ^= 0x40;
    }
    assert_true(noticed > 100);
    gft_free(data);
}

typedef struct scenario {
    const uint8_t *data;
    size_t bytes;
} scenario;

static graft_status in_memory(void *context) {
    const scenario *s = context;
    graft_error err;
    return read_all(s->data, s->bytes, &err);
}

static void failing_allocations(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        opened o = open_file(FILES[k]);
        scenario s = {o.map.data, o.map.bytes};
        until_memory_suffices(in_memory, &s);
        close_file(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(indexes),
        cmocka_unit_test(borrowed),
        cmocka_unit_test(texts),
        cmocka_unit_test(many_attributes),
        cmocka_unit_test(groups),
        cmocka_unit_test(cuts),
        cmocka_unit_test(wrong_checksum),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
