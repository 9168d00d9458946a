/*
 * Writing .npz: a zip (APPNOTE 4.3) of stored "<name>.npy" members, with zip64 fields where a size
 * needs them and a fixed time stamp, so that the same arrays give the same bytes.
 */
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"
#include "formats/npy.h"

#define LOCAL_MAGIC 0x04034b50u
#define CENTRAL_MAGIC 0x02014b50u
#define END_MAGIC 0x06054b50u
#define END64_MAGIC 0x06064b50u
#define LOCATOR64_MAGIC 0x07064b50u
#define MAX_ARRAYS 65535

typedef struct member {
    char *name; /* with ".npy" */
    uint32_t crc;
    uint64_t bytes;
    uint64_t local;
} member;

static size_t put16(uint8_t *p, uint64_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    return 2;
}
static size_t put32(uint8_t *p, uint64_t v) {
    return put16(p, v) + put16(p + 2, v >> 16);
}
static size_t put64(uint8_t *p, uint64_t v) {
    return put32(p, v) + put32(p + 4, v >> 32);
}
static uint64_t clamp32(uint64_t v) {
    return v >= UINT32_MAX ? UINT32_MAX : v;
}

/* The fields a local header and a directory entry have in common: version to name length. */
static size_t put_common(uint8_t *p, const member *m, size_t name_bytes, size_t extra) {
    size_t n = 0;
    bool wide = m->bytes >= UINT32_MAX || m->local >= UINT32_MAX;
    n += put16(p + n, wide ? 45 : 20);
    n += put16(p + n, 1u << 11);   /* names are UTF-8 */
    n += put16(p + n, 0);          /* stored */
    n += put32(p + n, 0x00210000); /* 1980-01-01 00:00 */
    n += put32(p + n, m->crc);
    n += put32(p + n, clamp32(m->bytes));
    n += put32(p + n, clamp32(m->bytes));
    n += put16(p + n, name_bytes);
    n += put16(p + n, extra);
    return n;
}

static graft_status put_member(gft_writer *out, const graft_tensor *tensor, member *m,
                               gft_buffer *array, graft_error *err) {
    gft_buffer_clear(array);
    GFT_TRY(gft_npy_append(array, &tensor->desc, tensor->data, err));
    size_t name_bytes = strlen(m->name);
    if (name_bytes > 60000)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "npz: an array name of %zu bytes", name_bytes);
    m->local = out->bytes;
    m->bytes = array->bytes;
    m->crc = (uint32_t)crc32_z(0, array->data, array->bytes);
    uint8_t head[64];
    bool wide = m->bytes >= UINT32_MAX;
    size_t n = put32(head, LOCAL_MAGIC);
    n += put_common(head + n, m, name_bytes, wide ? 20 : 0);
    GFT_TRY(gft_writer_write(out, head, n, err));
    GFT_TRY(gft_writer_write(out, m->name, name_bytes, err));
    if (wide) {
        n = put16(head, 1);
        n += put16(head + n, 16);
        n += put64(head + n, m->bytes);
        n += put64(head + n, m->bytes);
        GFT_TRY(gft_writer_write(out, head, n, err));
    }
    return gft_writer_write(out, array->data, array->bytes, err);
}

static graft_status put_directory_entry(gft_writer *out, const member *m, graft_error *err) {
    uint8_t extra[32];
    size_t e = 4;
    if (m->bytes >= UINT32_MAX) {
        e += put64(extra + e, m->bytes);
        e += put64(extra + e, m->bytes);
    }
    if (m->local >= UINT32_MAX)
        e += put64(extra + e, m->local);
    put16(extra, 1);
    put16(extra + 2, e - 4);
    size_t extra_bytes = e > 4 ? e : 0;
    uint8_t head[64];
    size_t name_bytes = strlen(m->name);
    size_t n = put32(head, CENTRAL_MAGIC);
    n += put16(head + n, 45);
    n += put_common(head + n, m, name_bytes, extra_bytes);
    n += put16(head + n, 0); /* comment */
    n += put16(head + n, 0); /* disk */
    n += put16(head + n, 0);
    n += put32(head + n, 0);
    n += put32(head + n, clamp32(m->local));
    GFT_TRY(gft_writer_write(out, head, n, err));
    GFT_TRY(gft_writer_write(out, m->name, name_bytes, err));
    return gft_writer_write(out, extra, extra_bytes, err);
}

static graft_status put_end(gft_writer *out, uint64_t start, uint64_t count, graft_error *err) {
    uint64_t bytes = out->bytes - start;
    uint8_t p[128];
    size_t n = 0;
    if (start >= UINT32_MAX || count >= UINT16_MAX) {
        uint64_t at = out->bytes;
        n += put32(p + n, END64_MAGIC);
        n += put64(p + n, 44);
        n += put16(p + n, 45);
        n += put16(p + n, 45);
        n += put64(p + n, 0); /* disks */
        n += put64(p + n, count);
        n += put64(p + n, count);
        n += put64(p + n, bytes);
        n += put64(p + n, start);
        n += put32(p + n, LOCATOR64_MAGIC);
        n += put32(p + n, 0);
        n += put64(p + n, at);
        n += put32(p + n, 1);
    }
    n += put32(p + n, END_MAGIC);
    n += put32(p + n, 0); /* disks */
    n += put16(p + n, count >= UINT16_MAX ? UINT16_MAX : count);
    n += put16(p + n, count >= UINT16_MAX ? UINT16_MAX : count);
    n += put32(p + n, clamp32(bytes));
    n += put32(p + n, clamp32(start));
    n += put16(p + n, 0);
    return gft_writer_write(out, p, n, err);
}

static graft_status check_names(const graft_tensor *tensors, size_t count, graft_error *err) {
    if (count > MAX_ARRAYS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "npz: %zu arrays, at most %d", count,
                        MAX_ARRAYS);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k <= i; k++)
            if (!tensors[i].name || (k < i && strcmp(tensors[i].name, tensors[k].name) == 0))
                return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                "npz: array %zu has %s, expected names that differ", i,
                                tensors[i].name ? "the name of another" : "no name");
    return GRAFT_OK;
}

graft_status gft_npz_write(const char *path, const graft_tensor *tensors, size_t count,
                           graft_error *err) {
    GFT_TRY(check_names(tensors, count, err));
    gft_arena arena;
    gft_arena_init(&arena);
    gft_buffer array;
    gft_buffer_init(&array, SIZE_MAX / 2);
    gft_writer out = {0};
    graft_status status;
    GFT_GOTO(gft_writer_open(&out, path, err));
    member *members = gft_arena_array(&arena, count, sizeof *members);
    if (!members) {
        status = gft_fail_memory(err, count * sizeof *members, "a zip directory");
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        members[i].name = gft_arena_format(&arena, "%s.npy", tensors[i].name);
        if (!members[i].name) {
            status = gft_fail_memory(err, strlen(tensors[i].name) + 5, "a name");
            goto done;
        }
        GFT_GOTO(put_member(&out, &tensors[i], &members[i], &array, err));
    }
    uint64_t start = out.bytes;
    for (size_t i = 0; i < count; i++)
        GFT_GOTO(put_directory_entry(&out, &members[i], err));
    GFT_GOTO(put_end(&out, start, count, err));
    GFT_GOTO(gft_writer_commit(&out, err));
done:
    gft_writer_abort(&out);
    gft_buffer_deinit(&array);
    gft_arena_deinit(&arena);
    return status;
}
