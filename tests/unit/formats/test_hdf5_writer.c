/*
 * The HDF5 writer, read back by the HDF5 reader: types, shapes, deep and large groups (several
 * levels of their trees), texts of any length, lists that one attribute cannot hold, equal bytes.
 * What the HDF5 library itself says of such files: tests/interop/test_keras_write.py.
 */
#include "formats_test.h"

#include "base/buffer.h"
#include "base/shape.h"
#include "formats/hdf5_file.h"
#include "formats/hdf5_writer.h"

typedef struct made {
    gft_hdf5_writer writer;
    gft_buffer bytes;
    gft_hdf5 *file;
    gft_arena arena;
} made;

static graft_status into_buffer(void *sink, const void *data, size_t bytes, graft_error *err) {
    return gft_buffer_append(sink, data, bytes, err);
}

static void begin(made *m) {
    *m = (made){0};
    gft_buffer_init(&m->bytes, SIZE_MAX / 2);
    gft_arena_init(&m->arena);
    assert_int_equal(gft_hdf5_writer_init(&m->writer, NULL), GRAFT_OK);
}

static void open(made *m) {
    graft_error err = {0};
    assert_int_equal(gft_hdf5_emit(&m->writer, into_buffer, &m->bytes, &err), GRAFT_OK);
    if (gft_hdf5_open_memory(m->bytes.data, m->bytes.bytes, "made", &m->file, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
}

static void end(made *m) {
    gft_hdf5_close(m->file);
    gft_hdf5_writer_deinit(&m->writer);
    gft_buffer_deinit(&m->bytes);
    gft_arena_deinit(&m->arena);
}

static graft_tensor read(made *m, const char *path) {
    graft_error err = {0};
    gft_hdf5_object object;
    graft_tensor tensor = {0};
    assert_int_equal(gft_hdf5_find(m->file, gft_hdf5_root(m->file), path, &object, &err), GRAFT_OK);
    assert_true(object != GFT_HDF5_NONE);
    if (gft_hdf5_read(m->file, object, &m->arena, &tensor, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
    return tensor;
}

static void add(made *m, const char *path, graft_dtype dtype, graft_shape shape, const void *data) {
    const graft_tensor_desc desc = {dtype, shape, NULL};
    graft_error err = {0};
    if (gft_hdf5_add_dataset(&m->writer, 0, path, &desc, data, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
}

static void types(void **state) {
    (void)state;
    static const struct {
        graft_dtype dtype;
        graft_dtype as; /* a bool is a byte in the file */
    } table[] = {{GRAFT_F32, GRAFT_F32}, {GRAFT_F64, GRAFT_F64}, {GRAFT_F16, GRAFT_F16},
                 {GRAFT_S8, GRAFT_S8},   {GRAFT_U8, GRAFT_U8},   {GRAFT_S16, GRAFT_S16},
                 {GRAFT_S32, GRAFT_S32}, {GRAFT_S64, GRAFT_S64}, {GRAFT_BOOL, GRAFT_U8}};
    uint8_t data[8 * 6];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 % 100);
    made m;
    begin(&m);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        add(&m, graft_dtype_name(table[i].dtype), table[i].dtype, gft_shape_2(2, 3), data);
    open(&m);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const graft_tensor t = read(&m, graft_dtype_name(table[i].dtype));
        assert_int_equal(t.desc.dtype, table[i].as);
        assert_int_equal(t.desc.shape.rank, 2);
        assert_int_equal(t.desc.shape.dims[1], 3);
        assert_int_equal(t.bytes, 6 * graft_dtype_bytes(table[i].dtype));
        assert_memory_equal(t.data, data, t.bytes);
        /* borrowed: it lies there as it is wanted */
        assert_true((uint8_t *)t.data > m.bytes.data &&
                    (uint8_t *)t.data < m.bytes.data + m.bytes.bytes);
    }
    end(&m);
}

static void shapes(void **state) {
    (void)state;
    const float data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    made m;
    begin(&m);
    add(&m, "scalar", GRAFT_F32, gft_shape_0(), data);
    add(&m, "empty", GRAFT_F32, gft_shape_2(0, 4), data);
    add(&m, "deep", GRAFT_F32, gft_shape_of(8, (const int64_t[]){1, 2, 1, 2, 1, 2, 1, 1}), data);
    open(&m);
    assert_int_equal(read(&m, "scalar").desc.shape.rank, 0);
    assert_float_equal(*(float *)read(&m, "scalar").data, 1.0f, 0);
    assert_int_equal(read(&m, "empty").desc.shape.dims[1], 4);
    assert_int_equal(read(&m, "empty").bytes, 0);
    assert_int_equal(read(&m, "deep").desc.shape.rank, 8);
    assert_memory_equal(read(&m, "deep").data, data, sizeof data);
    end(&m);
}

/*
 * 0, 1, 8 and 9 members (a symbol node), 256 and 257 (a tree's node), and more than a level holds.
 */
static void groups(void **state) {
    (void)state;
    static const int counts[] = {0, 1, 8, 9, 256, 257, 9000};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        char path[64];
        int32_t *numbers = calloc((size_t)counts[c] + 1, sizeof *numbers);
        gft_hdf5_node group;
        made m;
        begin(&m);
        assert_non_null(numbers);
        assert_int_equal(gft_hdf5_add_group(&m.writer, 0, "layers/all", &group, NULL), GRAFT_OK);
        for (int i = 0; i < counts[c]; i++) {
            const graft_tensor_desc desc = {GRAFT_S32, gft_shape_0(), NULL};
            numbers[i] = i;
            (void)snprintf(path, sizeof path, "layer_%d", i * 7919 % 10007);
            assert_int_equal(gft_hdf5_add_dataset(&m.writer, group, path, &desc, &numbers[i], NULL),
                             GRAFT_OK);
        }
        open(&m);
        gft_hdf5_object object;
        gft_hdf5_link *links = NULL;
        size_t count = 0;
        assert_int_equal(gft_hdf5_find(m.file, gft_hdf5_root(m.file), "layers/all", &object, NULL),
                         GRAFT_OK);
        assert_int_equal(gft_hdf5_links(m.file, object, &m.arena, &links, &count, NULL), GRAFT_OK);
        assert_int_equal(count, counts[c]);
        for (int i = 0; i < counts[c]; i++) {
            (void)snprintf(path, sizeof path, "layer_%d", i * 7919 % 10007);
            const gft_hdf5_link *link = gft_hdf5_find_link(links, count, path);
            graft_tensor t;
            assert_non_null(link);
            assert_int_equal(gft_hdf5_read(m.file, link->object, &m.arena, &t, NULL), GRAFT_OK);
            assert_int_equal(*(int32_t *)t.data, i);
        }
        end(&m);
        free(numbers);
    }
}

static void texts(void **state) {
    (void)state;
    enum { LONG = 200000, MANY = 9001 };
    char *large = calloc(1, LONG + 1);
    const char **list = calloc(MANY, sizeof *list);
    const char **back = NULL;
    const char *text = NULL;
    size_t count = 0;
    bool found = false;
    made m;
    begin(&m);
    assert_non_null(large);
    assert_non_null(list);
    memset(large, 'x', LONG);
    for (int i = 0; i < MANY; i++)
        list[i] = i % 3 == 0 ? "" : i % 3 == 1 ? "caf\xc3\xa9" : "kernel:0";
    assert_int_equal(gft_hdf5_add_text(&m.writer, 0, "model_config", large, NULL), GRAFT_OK);
    assert_int_equal(gft_hdf5_add_text(&m.writer, 0, "nothing", "", NULL), GRAFT_OK);
    assert_int_equal(gft_hdf5_add_texts(&m.writer, 0, "few", list, 3, NULL), GRAFT_OK);
    assert_int_equal(gft_hdf5_add_texts(&m.writer, 0, "none", list, 0, NULL), GRAFT_OK);
    assert_int_equal(gft_hdf5_add_texts(&m.writer, 0, "many", list, MANY, NULL), GRAFT_OK);
    open(&m);
    const gft_hdf5_object root = gft_hdf5_root(m.file);
    assert_int_equal(gft_hdf5_text(m.file, root, "model_config", &m.arena, &text, NULL), GRAFT_OK);
    assert_string_equal(text, large);
    assert_int_equal(gft_hdf5_text(m.file, root, "nothing", &m.arena, &text, NULL), GRAFT_OK);
    assert_string_equal(text, "");
    static const struct {
        const char *name;
        size_t count;
    } lists[] = {{"few", 3}, {"none", 0}, {"many", MANY}};
    for (size_t l = 0; l < 3; l++) {
        assert_int_equal(
            gft_hdf5_text_list(m.file, root, lists[l].name, &m.arena, &found, &back, &count, NULL),
            GRAFT_OK);
        assert_true(found);
        assert_int_equal(count, lists[l].count);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(back[i], list[i]);
    }
    end(&m);
    free(list);
    free(large);
}

/* The bytes are those of the content alone, also when they are asked for twice. */
static void equal_bytes(void **state) {
    (void)state;
    const float data[6] = {0};
    made m[2];
    for (int i = 0; i < 2; i++) {
        begin(&m[i]);
        add(&m[i], "b/c/d", GRAFT_F32, gft_shape_1(5), data);
        add(&m[i], "a", GRAFT_F32, gft_shape_1(6), data);
        assert_int_equal(gft_hdf5_add_text(&m[i].writer, 1, "t", "text", NULL), GRAFT_OK);
        open(&m[i]);
    }
    assert_int_equal(m[0].bytes.bytes, m[1].bytes.bytes);
    assert_memory_equal(m[0].bytes.data, m[1].bytes.data, m[0].bytes.bytes);
    const size_t once = m[0].bytes.bytes;
    assert_int_equal(gft_hdf5_emit(&m[0].writer, into_buffer, &m[0].bytes, NULL), GRAFT_OK);
    assert_int_equal(m[0].bytes.bytes, 2 * once);
    assert_memory_equal(m[0].bytes.data, m[0].bytes.data + once, once);
    end(&m[0]);
    end(&m[1]);
}

static void refusals(void **state) {
    (void)state;
    const float data[2] = {0};
    const graft_tensor_desc f32 = gft_desc_f32(gft_shape_1(2));
    const graft_tensor_desc open_shape = gft_desc_f32(gft_shape_1(-1));
    const graft_tensor_desc bf16 = {GRAFT_BF16, gft_shape_1(2), NULL};
    const graft_tensor_desc text = {GRAFT_STRING, gft_shape_1(2), NULL};
    gft_hdf5_node group;
    graft_error err = {0};
    made m;
    begin(&m);
    add(&m, "a/b", GRAFT_F32, gft_shape_1(2), data);
#define REFUSED(call, code) assert_failed(call, &err, code)
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "a/b", &f32, data, &err), GRAFT_ALREADY_EXISTS);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "a", &f32, data, &err), GRAFT_ALREADY_EXISTS);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "a/b/c", &f32, data, &err), GRAFT_INVALID_ARGUMENT);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "", &f32, data, &err), GRAFT_INVALID_ARGUMENT);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "x//y", &f32, data, &err), GRAFT_INVALID_ARGUMENT);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "./y", &f32, data, &err), GRAFT_INVALID_ARGUMENT);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "o", &open_shape, data, &err), GRAFT_UNIMPLEMENTED);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "h", &bf16, data, &err), GRAFT_UNIMPLEMENTED);
    REFUSED(gft_hdf5_add_dataset(&m.writer, 0, "s", &text, data, &err), GRAFT_UNIMPLEMENTED);
    REFUSED(gft_hdf5_add_group(&m.writer, 0, "a/b", &group, &err), GRAFT_INVALID_ARGUMENT);
    REFUSED(gft_hdf5_add_text(&m.writer, 0, "", "x", &err), GRAFT_INVALID_ARGUMENT);
#undef REFUSED
    open(&m); /* and the file is still a file */
    assert_memory_equal(read(&m, "a/b").data, data, sizeof data);
    end(&m);
}

static graft_status scenario(void *context) {
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(2));
    const char *const list[2] = {"x", "y"};
    const float data[2] = {1, 2};
    const temp_dir *dir = context;
    char path[128];
    graft_error err;
    gft_hdf5_writer w;
    (void)snprintf(path, sizeof path, "%s/oom.h5", dir->path);
    graft_status status = gft_hdf5_writer_init(&w, &err);
    if (status == GRAFT_OK)
        status = gft_hdf5_add_dataset(&w, 0, "a/b", &desc, data, &err);
    if (status == GRAFT_OK)
        status = gft_hdf5_add_texts(&w, 0, "names", list, 2, &err);
    if (status == GRAFT_OK)
        status = gft_hdf5_write_file(&w, path, &err);
    gft_hdf5_writer_deinit(&w);
    return status;
}

static void out_of_memory(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    until_memory_suffices(scenario, &dir);
    temp_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),         cmocka_unit_test(shapes),      cmocka_unit_test(groups),
        cmocka_unit_test(texts),         cmocka_unit_test(equal_bytes), cmocka_unit_test(refusals),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
