/*
 * Tensors that are mapped: nothing of them is read when a checkpoint is opened, their checksums are
 * checked when that is asked for. A tensor of a gigabyte in a sparse file costs no memory.
 */
#include "formats_test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/shape.h"
#include "formats/bundle.h"
#include "formats/leveldb.h"
#include "formats/proto_scan.h"
#include "tensorflow.pb-c.h"

#define GIGABYTE ((int64_t)1 << 30)

static void must(graft_status status, const graft_error *err) {
    if (status != GRAFT_OK)
        fail_msg("%s", err->message);
}

static void add_message(gft_leveldb_writer *w, const char *key, const ProtobufCMessage *message) {
    graft_error err = {0};
    gft_buffer bytes;
    gft_buffer_init(&bytes, 1 << 16);
    must(gft_proto_append(&bytes, message, &err), &err);
    must(gft_leveldb_writer_add(w, key, strlen(key), bytes.data, bytes.bytes, &err), &err);
    gft_buffer_deinit(&bytes);
}

/* An index of one float tensor of a gigabyte, and a data file of holes. */
static void make_sparse(const char *prefix) {
    graft_error err = {0};
    char path[256];
    gft_buffer index;
    gft_leveldb_writer w;
    Tensorflow__BundleHeaderProto header = TENSORFLOW__BUNDLE_HEADER_PROTO__INIT;
    Tensorflow__BundleEntryProto entry = TENSORFLOW__BUNDLE_ENTRY_PROTO__INIT;
    Tensorflow__TensorShapeProto shape = TENSORFLOW__TENSOR_SHAPE_PROTO__INIT;
    Tensorflow__TensorShapeProto__Dim dim = TENSORFLOW__TENSOR_SHAPE_PROTO__DIM__INIT;
    Tensorflow__TensorShapeProto__Dim *dims[] = {&dim};
    dim.size = GIGABYTE / 4;
    shape.dim = dims;
    shape.n_dim = 1;
    header.num_shards = 1;
    entry.dtype = GRAFT_F32;
    entry.shape = &shape;
    entry.size = GIGABYTE;
    entry.crc32c = 1; /* nobody looks */
    gft_buffer_init(&index, 1 << 16);
    gft_leveldb_writer_init(&w, &index, 4096);
    add_message(&w, "", &header.base);
    add_message(&w, "table", &entry.base);
    must(gft_leveldb_writer_finish(&w, &err), &err);
    gft_leveldb_writer_deinit(&w);
    snprintf(path, sizeof path, "%s.index", prefix);
    put_file(path, index.data, index.bytes);
    gft_buffer_deinit(&index);
    snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
    const int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, GIGABYTE), 0);
    assert_int_equal(close(file), 0);
}

/* Pages of [data, data + bytes) that are in memory for this file. */
static size_t resident_pages(const void *data, size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)data / page * page;
    const size_t pages = (bytes + page - 1) / page;
    unsigned char *in = malloc(pages);
    size_t count = 0;
    assert_non_null(in);
    assert_int_equal(mincore((void *)begin, bytes, in), 0);
    for (size_t i = 0; i < pages; i++)
        count += in[i] & 1;
    free(in);
    return count;
}

static void gigabyte_is_not_read(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char prefix[200];
    snprintf(prefix, sizeof prefix, "%s/model", dir.path);
    make_sparse(prefix);
    graft_error err = {0};
    gft_bundle *b = NULL;
    gft_arena arena;
    graft_tensor t;
    gft_arena_init(&arena);
    must(gft_bundle_open(prefix, &b, &err), &err);
    must(gft_bundle_map(b, gft_bundle_find(b, "table"), &arena, &t, &err), &err);
    assert_true(t.bytes == (size_t)GIGABYTE);
    assert_true(((const float *)t.data)[GIGABYTE / 4 - 1] == 0.0f);
    must(gft_bundle_check_mapped(b, (size_t)1 << 20, &err), &err); /* too large to be asked for */
    assert_true(resident_pages(t.data, t.bytes) < 4096);
    assert_true(arena.used_bytes < 4096);
    gft_arena_deinit(&arena);
    gft_bundle_close(b);
    temp_dir_remove(&dir);
}

/* A checkpoint of a small and a large tensor, a byte of each wrong if asked for. */
static void make_two(const char *prefix, bool small_wrong, bool large_wrong) {
    enum { LARGE = 40000 };
    graft_error err = {0};
    gft_bundle_writer *w = NULL;
    float *data = calloc(LARGE, sizeof *data);
    const graft_tensor_desc small = gft_desc_f32(gft_shape_1(8));
    const graft_tensor_desc large = gft_desc_f32(gft_shape_1(LARGE));
    assert_non_null(data);
    must(gft_bundle_writer_open(prefix, &w, &err), &err);
    must(gft_bundle_writer_add(w, "a/small", &small, data, 32, &err), &err);
    must(gft_bundle_writer_add(w, "b/large", &large, data, LARGE * sizeof *data, &err), &err);
    must(gft_bundle_writer_commit(w, &err), &err);
    free(data);
    char path[256];
    uint8_t *bytes = NULL;
    size_t count = 0;
    snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
    must(gft_file_read(path, 1 << 20, &bytes, &count, &err), &err);
    bytes[3] ^= small_wrong;
    bytes[count - 1] ^= large_wrong;
    put_file(path, bytes, count);
    gft_free(bytes);
}

static void checked_when_asked(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char prefix[200];
    graft_error err = {0};
    gft_arena arena;
    graft_tensor t;
    gft_arena_init(&arena);
    for (int wrong = 0; wrong < 3; wrong++) {
        gft_bundle *b = NULL;
        snprintf(prefix, sizeof prefix, "%s/model%d", dir.path, wrong);
        make_two(prefix, wrong == 1, wrong == 2);
        must(gft_bundle_open(prefix, &b, &err), &err);
        const gft_bundle_entry *small = gft_bundle_find(b, "a/small");
        const gft_bundle_entry *large = gft_bundle_find(b, "b/large");
        if (wrong == 1) /* small ones at once */
            assert_failed(gft_bundle_map(b, small, &arena, &t, &err), &err, GRAFT_DATA_LOSS);
        else
            must(gft_bundle_map(b, small, &arena, &t, &err), &err);
        must(gft_bundle_check_mapped(b, SIZE_MAX, &err), &err); /* the large one is not given out */
        must(gft_bundle_map(b, large, &arena, &t, &err), &err);
        must(gft_bundle_check_mapped(b, 1000, &err), &err);
        if (wrong == 2) {
            assert_failed(gft_bundle_check_mapped(b, SIZE_MAX, &err), &err, GRAFT_DATA_LOSS);
            assert_non_null(strstr(err.message, "b/large"));
            assert_failed(gft_bundle_read(b, large, &arena, &t, &err), &err, GRAFT_DATA_LOSS);
        } else {
            must(gft_bundle_check_mapped(b, SIZE_MAX, &err), &err);
        }
        gft_bundle_close(b);
    }
    gft_arena_deinit(&arena);
    temp_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gigabyte_is_not_read),
        cmocka_unit_test(checked_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
