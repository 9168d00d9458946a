/*
 * The zip writer: local headers and members as they come, the directory at the end.
 */
#include "formats/zip_writer.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/size.h"

#define LOCAL_MAGIC 0x04034b50u
#define CENTRAL_MAGIC 0x02014b50u
#define END_MAGIC 0x06054b50u
#define END64_MAGIC 0x06064b50u
#define LOCATOR64_MAGIC 0x07064b50u
#define LOCAL_BYTES 30
#define ZIP64_EXTRA 20
#define ALIGN_ID 0xd935 /* the extra field that zipalign pads with */
#define ALIGN_HEAD 6
#define MAX_ALIGNMENT 4096
#define MAX_MEMBERS 65535
#define MAX_NAME 60000

struct gft_zip_member {
    const char *name;
    uint32_t crc;
    uint64_t bytes;
    uint64_t local;
};

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
static size_t put_common(uint8_t *p, const gft_zip_member *m, size_t name_bytes, size_t extra) {
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

static graft_status put_local(gft_writer *out, const gft_zip_member *m, size_t alignment,
                              graft_error *err) {
    uint8_t head[MAX_ALIGNMENT + 128] = {0};
    const size_t name_bytes = strlen(m->name);
    const size_t wide = m->bytes >= UINT32_MAX ? ZIP64_EXTRA : 0;
    size_t pad = 0;
    if (alignment > 1) {
        const uint64_t end = m->local + LOCAL_BYTES + name_bytes + wide + ALIGN_HEAD;
        pad = ALIGN_HEAD + (alignment - (size_t)(end & (alignment - 1))) % alignment;
    }
    size_t n = put32(head, LOCAL_MAGIC);
    n += put_common(head + n, m, name_bytes, wide + pad);
    GFT_TRY(gft_writer_write(out, head, n, err));
    GFT_TRY(gft_writer_write(out, m->name, name_bytes, err));
    memset(head, 0, sizeof head);
    n = 0;
    if (wide) {
        n = put16(head, 1);
        n += put16(head + n, 16);
        n += put64(head + n, m->bytes);
        n += put64(head + n, m->bytes);
    }
    if (pad) {
        (void)put16(head + n, ALIGN_ID);
        (void)put16(head + n + 2, pad - 4);
        (void)put16(head + n + 4, alignment);
    }
    return gft_writer_write(out, head, n + pad, err);
}

static graft_status put_directory_entry(gft_writer *out, const gft_zip_member *m,
                                        graft_error *err) {
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

/* ---- members ---- */

graft_status gft_zip_writer_open(gft_zip_writer *zip, const char *path, graft_error *err) {
    *zip = (gft_zip_writer){0};
    gft_arena_init(&zip->arena);
    return gft_writer_open(&zip->out, path, err);
}

static graft_status new_member(gft_zip_writer *zip, const char *name, gft_zip_member **out,
                               graft_error *err) {
    if (strlen(name) > MAX_NAME)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "zip: a member's name of %zu bytes",
                        strlen(name));
    for (size_t i = 0; i < zip->count; i++) {
        if (strcmp(zip->members[i].name, name) == 0)
            return gft_fail(err, GRAFT_ALREADY_EXISTS, "zip: two members '%s'", name);
    }
    if (zip->count == MAX_MEMBERS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "zip: more than %d members", MAX_MEMBERS);
    if (zip->count == zip->capacity) {
        const size_t capacity = zip->capacity ? zip->capacity * 2 : 8;
        gft_zip_member *members = gft_realloc(zip->members, capacity * sizeof *members);
        if (!members)
            return gft_fail_memory(err, capacity * sizeof *members, "a zip directory");
        zip->members = members;
        zip->capacity = capacity;
    }
    const char *copy = gft_arena_strdup(&zip->arena, name);
    if (!copy)
        return gft_fail_memory(err, strlen(name) + 1, "a name");
    *out = &zip->members[zip->count++];
    **out = (gft_zip_member){.name = copy, .local = zip->out.bytes};
    return GRAFT_OK;
}

static graft_status count_piece(void *sink, const void *data, size_t bytes, graft_error *err) {
    gft_zip_member *m = sink;
    (void)err;
    m->crc = (uint32_t)crc32_z(m->crc, data, bytes);
    m->bytes += bytes;
    return GRAFT_OK;
}

static graft_status write_piece(void *sink, const void *data, size_t bytes, graft_error *err) {
    return gft_writer_write(sink, data, bytes, err);
}

graft_status gft_zip_writer_stream(gft_zip_writer *zip, const char *name, size_t alignment,
                                   gft_zip_source source, void *context, graft_error *err) {
    gft_zip_member *m = NULL;
    if (alignment < 1 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "zip: an alignment of %zu", alignment);
    GFT_TRY(new_member(zip, name, &m, err));
    m->crc = (uint32_t)crc32_z(0, NULL, 0);
    GFT_TRY(source(context, count_piece, m, err));
    GFT_TRY(put_local(&zip->out, m, alignment, err));
    const uint64_t start = zip->out.bytes;
    GFT_TRY(source(context, write_piece, &zip->out, err));
    if (zip->out.bytes - start != m->bytes)
        return gft_fail(err, GRAFT_INTERNAL, "zip: member '%s' changed while it was written", name);
    return GRAFT_OK;
}

typedef struct piece {
    const void *data;
    size_t bytes;
} piece;

static graft_status from_memory(void *context, gft_zip_sink put, void *sink, graft_error *err) {
    const piece *p = context;
    return p->bytes ? put(sink, p->data, p->bytes, err) : GRAFT_OK;
}

graft_status gft_zip_writer_add(gft_zip_writer *zip, const char *name, const void *data,
                                size_t bytes, graft_error *err) {
    piece p = {data, bytes};
    return gft_zip_writer_stream(zip, name, 1, from_memory, &p, err);
}

graft_status gft_zip_writer_commit(gft_zip_writer *zip, graft_error *err) {
    const uint64_t start = zip->out.bytes;
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < zip->count; i++)
        GFT_GOTO(put_directory_entry(&zip->out, &zip->members[i], err));
    GFT_GOTO(put_end(&zip->out, start, zip->count, err));
    GFT_GOTO(gft_writer_commit(&zip->out, err));
done:
    gft_zip_writer_abort(zip);
    return status;
}

void gft_zip_writer_abort(gft_zip_writer *zip) {
    gft_writer_abort(&zip->out);
    gft_free(zip->members);
    gft_arena_deinit(&zip->arena);
    *zip = (gft_zip_writer){0};
}
