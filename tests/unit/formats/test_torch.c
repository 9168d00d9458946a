/* Legacy torch.save streams: strides, shared storages, nesting; cuts, flips, foreign opcodes and
 * names. */
#include "formats_test.h"

#include "base/buffer.h"
#include "base/shape.h"
#include "formats/torch_legacy.h"

/* Writes the stream torch.save makes, opcode by opcode (Lib/pickletools.py). */
static void raw(gft_buffer *b, const void *p, size_t n) {
    assert_int_equal(gft_buffer_append(b, p, n, NULL), GRAFT_OK);
}
static void op(gft_buffer *b, const char *text) {
    raw(b, text, strlen(text));
}
static void u32(gft_buffer *b, uint32_t v) {
    uint8_t p[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    raw(b, p, 4);
}
static void number(gft_buffer *b, int32_t v) {
    op(b, "J");
    u32(b, (uint32_t)v);
}
static void word(gft_buffer *b, const char *s) {
    op(b, "X");
    u32(b, (uint32_t)strlen(s));
    op(b, s);
}
static void numbers(gft_buffer *b, int count, const int32_t *values) {
    op(b, "(");
    for (int i = 0; i < count; i++)
        number(b, values[i]);
    op(b, "t");
}

static void head(gft_buffer *b) {
    static const uint8_t magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                    0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    raw(b, magic, sizeof magic);
    op(b, "\x80\x02M\xe9\x03.");
    op(b, "\x80\x02}q");
    raw(b, "", 1);
    op(b, "(");
    word(b, "little_endian");
    op(b, "\x88u.\x80\x02");
}

static void tensor(gft_buffer *b, const char *name, const char *storage, const char *key,
                   int32_t elems, int32_t offset, int rank, const int32_t *size,
                   const int32_t *stride) {
    word(b, name);
    op(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    word(b, "storage");
    op(b, "ctorch\n");
    op(b, storage);
    op(b, "\n");
    word(b, key);
    word(b, "cpu");
    number(b, elems);
    op(b, "NtQ");
    number(b, offset);
    numbers(b, rank, size);
    numbers(b, rank, stride);
    op(b, "\x89"
          "ccollections\nOrderedDict\n)RtR");
}

static void storage(gft_buffer *b, uint64_t elems, const void *data, size_t bytes) {
    u32(b, (uint32_t)elems);
    u32(b, (uint32_t)(elems >> 32));
    raw(b, data, bytes);
}

static const float values[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* {"w": [3,4] stored transposed, "model": {"part": w's storage, offset 2, "n": int64 scalar},
 * "epoch": 3} */
static void build(gft_buffer *b) {
    gft_buffer_init(b, 1 << 16);
    head(b);
    op(b, "ccollections\nOrderedDict\n)R(");
    tensor(b, "w", "FloatStorage", "7", 12, 0, 2, (int32_t[]){3, 4}, (int32_t[]){1, 3});
    word(b, "model");
    op(b, "}(");
    tensor(b, "part", "FloatStorage", "7", 12, 2, 1, (int32_t[]){5}, (int32_t[]){2});
    tensor(b, "n", "LongStorage", "12", 1, 0, 0, NULL, NULL);
    op(b, "u");
    word(b, "epoch");
    op(b, "K\x03u.");
    op(b, "\x80\x02](");
    word(b, "12");
    word(b, "7");
    op(b, "e.");
    int64_t n = 77;
    storage(b, 1, &n, 8);
    storage(b, 12, values, sizeof values);
}

static void reads_tensors(void **state) {
    (void)state;
    gft_buffer b;
    build(&b);
    graft_error err;
    gft_torch *torch = NULL;
    assert_int_equal(gft_torch_open(b.data, b.bytes, "m.pth", &torch, &err), GRAFT_OK);
    assert_int_equal(gft_torch_count(torch), 3);
    assert_string_equal(gft_torch_at(torch, 1)->name, "model.part");
    assert_null(gft_torch_at(torch, 3));
    assert_null(gft_torch_find(torch, "part"));
    const gft_torch_tensor *w = gft_torch_find(torch, "w");
    float out[12];
    graft_shape shape;
    assert_int_equal(gft_torch_copy(w, NULL, out, sizeof out, &shape, &err), GRAFT_OK);
    assert_true(shape.rank == 2 && shape.dims[0] == 3 && shape.dims[1] == 4);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            assert_true(out[r * 4 + c] == values[r + 3 * c]);
    /* Reordered to what is stored: the raw bytes. */
    assert_int_equal(gft_torch_copy(w, (int32_t[]){1, 0}, out, sizeof out, &shape, &err), GRAFT_OK);
    assert_memory_equal(out, values, sizeof values);
    assert_failed(gft_torch_copy(w, (int32_t[]){1, 1}, out, sizeof out, NULL, &err), &err,
                  GRAFT_INVALID_ARGUMENT);
    assert_failed(gft_torch_copy(w, NULL, out, 44, NULL, &err), &err, GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_torch_copy(gft_torch_at(torch, 1), NULL, out, 20, NULL, &err), GRAFT_OK);
    for (int i = 0; i < 5; i++)
        assert_true(out[i] == values[2 + 2 * i]);
    const gft_torch_tensor *n = gft_torch_find(torch, "model.n");
    int64_t seventy_seven = 0;
    assert_int_equal(n->shape.rank, 0);
    assert_int_equal(gft_torch_copy(n, NULL, &seventy_seven, 8, NULL, &err), GRAFT_OK);
    assert_int_equal(seventy_seven, 77);
    gft_torch_close(torch);
    gft_buffer_deinit(&b);
}

static void cuts_and_flips(void **state) {
    (void)state;
    gft_buffer b;
    build(&b);
    graft_error err;
    gft_torch *torch = NULL;
    for (size_t cut = 0; cut < b.bytes; cut++) {
        uint8_t *part = exact(b.data, cut);
        assert_failed(gft_torch_open(part, cut, "m.pth", &torch, &err), &err, GRAFT_DATA_LOSS);
        free(part);
    }
    for (size_t bit = 0; bit < b.bytes * 8; bit++) {
        uint8_t *copy = exact(b.data, b.bytes);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        graft_status status = gft_torch_open(copy, b.bytes, "m.pth", &torch, &err);
        assert_true(status == GRAFT_OK || status == GRAFT_DATA_LOSS ||
                    status == GRAFT_UNIMPLEMENTED);
        if (status == GRAFT_OK)
            gft_torch_close(torch);
        free(copy);
    }
    gft_buffer_deinit(&b);
}

/* A file whose dictionary pickle is `body`, without storages. */
static graft_status open_body(const char *body, graft_error *err) {
    gft_buffer b;
    gft_buffer_init(&b, 1 << 20);
    head(&b);
    op(&b, body);
    op(&b, "\x80\x02].");
    gft_torch *torch = NULL;
    graft_status status = gft_torch_open(b.data, b.bytes, "m.pth", &torch, err);
    if (status == GRAFT_OK)
        gft_torch_close(torch);
    gft_buffer_deinit(&b);
    return status;
}

static void nothing_foreign_is_run(void **state) {
    (void)state;
    static const struct {
        const char *body;
        graft_status status;
    } cases[] = {
        {"}.", GRAFT_OK},
        {"cposix\nsystem\n(U\x02idtR.", GRAFT_UNIMPLEMENTED},
        {"(U\x02idios\nsystem\n.", GRAFT_UNIMPLEMENTED},
        {"].", GRAFT_UNIMPLEMENTED},
        {"t.", GRAFT_DATA_LOSS},
        {"(t.", GRAFT_UNIMPLEMENTED},
        {"(.", GRAFT_DATA_LOSS},
        {"R.", GRAFT_DATA_LOSS},
        {"NN.", GRAFT_DATA_LOSS},
        {"h\x05.", GRAFT_DATA_LOSS},
        {"Nr\xff\xff\xff\x7f.", GRAFT_DATA_LOSS},
        {"}(Nu.", GRAFT_DATA_LOSS},
        {"](NNu.", GRAFT_DATA_LOSS},
        {"NQ.", GRAFT_DATA_LOSS},
        {"}(}s.", GRAFT_DATA_LOSS},
        {"ctorch._utils\n_rebuild_tensor_v2\n)R.", GRAFT_DATA_LOSS},
        {"ccollections\nOrderedDict\n)R)b.", GRAFT_OK},
        {"}q\x01U\x01"
         "ah\x01s.",
         GRAFT_DATA_LOSS}, /* a dictionary inside itself */
    };
    graft_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graft_status status = open_body(cases[i].body, &err);
        if (cases[i].status == GRAFT_OK)
            assert_int_equal(status, GRAFT_OK);
        else
            assert_failed(status, &err, cases[i].status);
    }
    gft_torch *torch = NULL;
    assert_failed(gft_torch_open("PK\3\4....", 8, "m.pth", &torch, &err), &err,
                  GRAFT_UNIMPLEMENTED);
    assert_non_null(strstr(err.message, "zip"));
}

/* A tensor that would reach beyond its storage. */
static void reach_is_checked(void **state) {
    (void)state;
    static const struct {
        int32_t offset;
        int32_t size[2];
        int32_t stride[2];
        bool good;
    } cases[] = {
        {0, {3, 4}, {4, 1}, true},
        {1, {3, 4}, {4, 1}, false},
        {0, {3, 4}, {0, 1}, true},
        {0, {3, 5}, {4, 1}, false},
        {12, {0, 4}, {4, 1}, true},
        {13, {0, 4}, {4, 1}, false},
        {-1, {1, 1}, {1, 1}, false},
        {0, {-1, 1}, {1, 1}, false},
        {0, {2, 2}, {-1, 1}, false},
        {0, {INT32_MAX, INT32_MAX}, {INT32_MAX, INT32_MAX}, false},
        {0, {INT32_MAX, 1}, {0, 0}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gft_buffer b;
        gft_buffer_init(&b, 1 << 16);
        head(&b);
        op(&b, "}(");
        tensor(&b, "w", "FloatStorage", "0", 12, cases[i].offset, 2, cases[i].size,
               cases[i].stride);
        op(&b, "u.\x80\x02](");
        word(&b, "0");
        op(&b, "e.");
        storage(&b, 12, values, sizeof values);
        graft_error err;
        gft_torch *torch = NULL;
        graft_status status = gft_torch_open(b.data, b.bytes, "m.pth", &torch, &err);
        if (cases[i].good) {
            assert_int_equal(status, GRAFT_OK);
            gft_torch_close(torch);
        } else {
            assert_failed(status, &err, GRAFT_DATA_LOSS);
        }
        gft_buffer_deinit(&b);
    }
}

static graft_status open_once(void *context) {
    gft_buffer *b = context;
    gft_torch *torch = NULL;
    graft_status status = gft_torch_open(b->data, b->bytes, "m.pth", &torch, NULL);
    if (status == GRAFT_OK)
        gft_torch_close(torch);
    return status;
}

static void out_of_memory(void **state) {
    (void)state;
    gft_buffer b;
    build(&b);
    until_memory_suffices(open_once, &b);
    gft_buffer_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tensors),          cmocka_unit_test(cuts_and_flips),
        cmocka_unit_test(nothing_foreign_is_run), cmocka_unit_test(reach_is_checked),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
