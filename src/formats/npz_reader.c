/*
 * .npz: a zip whose members are "<name>.npy". Reading goes through the central directory (APPNOTE
 * 4.3), members stored or deflated (zlib), zip64 sizes understood; writing stores them, with zip64
 * fields where a size needs them and a fixed time stamp, so that the same arrays give the same
 * bytes.
 */
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/size.h"
#include "formats/npy.h"

#define LOCAL_MAGIC 0x04034b50u
#define CENTRAL_MAGIC 0x02014b50u
#define END_MAGIC 0x06054b50u
#define END64_MAGIC 0x06064b50u
#define LOCATOR64_MAGIC 0x07064b50u
#define END_BYTES 22
#define LOCATOR64_BYTES 20
#define MAX_ARRAYS 65536
#define MAX_ARRAY_BYTES ((uint64_t)16 << 30)

typedef struct member {
    char *name; /* in the arena, without ".npy" */
    uint16_t flags;
    uint16_t method;
    uint32_t crc;
    uint64_t packed;
    uint64_t bytes;
    uint64_t local;
} member;

typedef struct archive {
    const uint8_t *data;
    size_t bytes;
    const char *path;
    gft_arena *arena;
    uint64_t directory;
    uint64_t directory_bytes;
    uint64_t count;
    uint64_t unpacked; /* packed bytes used so far: members do not share bytes */
} archive;

static uint16_t get16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}
static uint32_t get32(const uint8_t *p) {
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}
static uint64_t get64(const uint8_t *p) {
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

static graft_status find_directory(archive *a, graft_error *err) {
    size_t at = a->bytes;
    size_t lowest = a->bytes > 65535 + END_BYTES ? a->bytes - 65535 - END_BYTES : 0;
    const uint8_t *end = NULL;
    if (a->bytes >= END_BYTES)
        for (at = a->bytes - END_BYTES;; at--) {
            if (get32(a->data + at) == END_MAGIC) {
                end = a->data + at;
                break;
            }
            if (at == lowest)
                break;
        }
    if (!end)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: no end of a zip in %zu bytes: the file is cut or is no npz", a->path,
                        a->bytes);
    a->count = get16(end + 10);
    a->directory_bytes = get32(end + 12);
    a->directory = get32(end + 16);
    if (at >= LOCATOR64_BYTES && get32(end - LOCATOR64_BYTES) == LOCATOR64_MAGIC) {
        uint64_t at64 = get64(end - LOCATOR64_BYTES + 8);
        if (at64 > a->bytes || a->bytes - at64 < 56 || get32(a->data + at64) != END64_MAGIC)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: the zip64 end record is not at byte %llu",
                            a->path, (unsigned long long)at64);
        a->count = get64(a->data + at64 + 32);
        a->directory_bytes = get64(a->data + at64 + 40);
        a->directory = get64(a->data + at64 + 48);
    }
    if (a->directory > at || a->directory_bytes > at - a->directory ||
        a->count > a->directory_bytes / 46 || a->count > MAX_ARRAYS)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: a zip directory of %llu entries in %llu bytes at %llu", a->path,
                        (unsigned long long)a->count, (unsigned long long)a->directory_bytes,
                        (unsigned long long)a->directory);
    return GRAFT_OK;
}

/* Zip64 extra field: the values that did not fit, in a fixed order. */
static graft_status widen(const archive *a, gft_cursor extra, member *m, graft_error *err) {
    while (gft_cursor_left(&extra) >= 4) {
        uint16_t id;
        uint16_t bytes;
        const uint8_t *p;
        GFT_TRY(gft_cursor_u16(&extra, &id, "zip extra field", err));
        GFT_TRY(gft_cursor_u16(&extra, &bytes, "zip extra field", err));
        GFT_TRY(gft_cursor_take(&extra, bytes, &p, "zip extra field", err));
        if (id != 1)
            continue;
        gft_cursor c = gft_cursor_make(p, bytes, a->path);
        if (m->bytes == UINT32_MAX)
            GFT_TRY(gft_cursor_u64(&c, &m->bytes, "zip64 size", err));
        if (m->packed == UINT32_MAX)
            GFT_TRY(gft_cursor_u64(&c, &m->packed, "zip64 packed size", err));
        if (m->local == UINT32_MAX)
            GFT_TRY(gft_cursor_u64(&c, &m->local, "zip64 offset", err));
    }
    return GRAFT_OK;
}

static graft_status next_member(const archive *a, gft_cursor *c, member *m, graft_error *err) {
    const uint8_t *p;
    GFT_TRY(gft_cursor_take(c, 46, &p, "a zip directory entry", err));
    if (get32(p) != CENTRAL_MAGIC)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: byte %llu: not a zip directory entry", a->path,
                        (unsigned long long)(a->directory + c->at - 46));
    *m = (member){.flags = get16(p + 8),
                  .method = get16(p + 10),
                  .crc = get32(p + 16),
                  .packed = get32(p + 20),
                  .bytes = get32(p + 24),
                  .local = get32(p + 42)};
    size_t name_bytes = get16(p + 28);
    size_t extra_bytes = get16(p + 30);
    size_t comment_bytes = get16(p + 32);
    const uint8_t *name;
    const uint8_t *extra;
    GFT_TRY(gft_cursor_take(c, name_bytes, &name, "a zip member's name", err));
    GFT_TRY(gft_cursor_take(c, extra_bytes, &extra, "a zip extra field", err));
    GFT_TRY(gft_cursor_take(c, comment_bytes, &p, "a zip comment", err));
    GFT_TRY(widen(a, gft_cursor_make(extra, extra_bytes, a->path), m, err));
    if (name_bytes >= 4 && memcmp(name + name_bytes - 4, ".npy", 4) == 0)
        name_bytes -= 4;
    m->name = gft_arena_strndup(a->arena, (const char *)name, name_bytes);
    return m->name ? GRAFT_OK : gft_fail_memory(err, name_bytes, "a name");
}

/* The member's packed bytes, found through its local header. */
static graft_status packed_bytes(const archive *a, const member *m, const uint8_t **out,
                                 graft_error *err) {
    if (m->local > a->bytes || a->bytes - m->local < 30 || get32(a->data + m->local) != LOCAL_MAGIC)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: array '%.80s': no zip member at byte %llu",
                        a->path, m->name, (unsigned long long)m->local);
    const uint8_t *p = a->data + m->local;
    uint64_t start = m->local + 30 + get16(p + 26) + get16(p + 28);
    if (start > a->bytes || m->packed > a->bytes - start)
        return gft_fail(
            err, GRAFT_DATA_LOSS, "%s: array '%.80s': %llu packed bytes at %llu, the file has %zu",
            a->path, m->name, (unsigned long long)m->packed, (unsigned long long)start, a->bytes);
    *out = a->data + start;
    return GRAFT_OK;
}

static void *zlib_take(void *context, unsigned items, unsigned bytes) {
    (void)context;
    return gft_calloc(items, bytes);
}
static void zlib_free(void *context, void *p) {
    (void)context;
    gft_free(p);
}

static graft_status inflate_all(const archive *a, const member *m, const uint8_t *from, uint8_t *to,
                                graft_error *err) {
    z_stream z = {.zalloc = zlib_take, .zfree = zlib_free};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return gft_fail_memory(err, (size_t)1 << MAX_WBITS, "decompression");
    uint64_t taken = 0;
    uint64_t given = 0;
    int result = Z_OK;
    while (result == Z_OK) {
        /* zlib counts in unsigned int: feed at most 1 GiB at a time. */
        z.next_in = (Bytef *)(uintptr_t)(from + taken);
        z.avail_in = (uInt)gft_size_min((size_t)(m->packed - taken), (size_t)1 << 30);
        z.next_out = to + given;
        z.avail_out = (uInt)gft_size_min((size_t)(m->bytes - given), (size_t)1 << 30);
        uInt in = z.avail_in;
        uInt room = z.avail_out;
        result = inflate(&z, Z_NO_FLUSH);
        taken += in - z.avail_in;
        given += room - z.avail_out;
        if (result == Z_OK && in == z.avail_in && room == z.avail_out)
            break;
    }
    inflateEnd(&z);
    if (result == Z_MEM_ERROR)
        return gft_fail_memory(err, (size_t)1 << MAX_WBITS, "decompression");
    if (result != Z_STREAM_END || given != m->bytes || taken != m->packed)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: array '%.80s': its compressed bytes are damaged",
                        a->path, m->name);
    return GRAFT_OK;
}

static graft_status unpack_member(archive *a, const member *m, uint8_t **out, graft_error *err) {
    const uint8_t *packed = NULL;
    if (m->flags & 1)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: array '%.80s' is encrypted", a->path,
                        m->name);
    GFT_TRY(packed_bytes(a, m, &packed, err));
    bool stored = m->method == 0;
    if (!stored && m->method != 8)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: array '%.80s': zip method %u, expected stored or deflate", a->path,
                        m->name, m->method);
    /* Deflate never gains more than 1032:1. */
    if (m->bytes > MAX_ARRAY_BYTES ||
        (stored ? m->bytes != m->packed : m->bytes / 1040 > m->packed))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: array '%.80s': %llu bytes from %llu packed ones",
                        a->path, m->name, (unsigned long long)m->bytes,
                        (unsigned long long)m->packed);
    if (m->packed > a->bytes - a->unpacked)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: array '%.80s': its bytes overlap another's",
                        a->path, m->name);
    a->unpacked += m->packed;
    uint8_t *bytes = gft_arena_alloc(a->arena, (size_t)m->bytes);
    if (!bytes)
        return gft_fail_memory(err, m->bytes, m->name);
    if (stored)
        memcpy(bytes, packed, (size_t)m->bytes);
    else
        GFT_TRY(inflate_all(a, m, packed, bytes, err));
    uint32_t crc = (uint32_t)crc32_z(0, bytes, (size_t)m->bytes);
    if (crc != m->crc)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: array '%.80s': checksum 0x%08x, expected 0x%08x",
                        a->path, m->name, crc, m->crc);
    *out = bytes;
    return GRAFT_OK;
}

static graft_status read_zip(archive *a, graft_tensor **tensors, size_t *count, graft_error *err) {
    GFT_TRY(find_directory(a, err));
    graft_tensor *list = gft_arena_array(a->arena, (size_t)a->count, sizeof *list);
    if (!list)
        return gft_fail_memory(err, a->count * sizeof *list, "a list of arrays");
    gft_cursor c = gft_cursor_make(a->data + a->directory, (size_t)a->directory_bytes, a->path);
    for (size_t i = 0; i < a->count; i++) {
        member m;
        uint8_t *bytes = NULL;
        GFT_TRY(next_member(a, &c, &m, err));
        GFT_TRY(unpack_member(a, &m, &bytes, err));
        graft_status status =
            gft_npy_parse(bytes, (size_t)m.bytes, m.name, a->arena, &list[i], err);
        if (status != GRAFT_OK)
            return gft_fail_in(err, status, "%s", a->path);
    }
    *tensors = list;
    *count = (size_t)a->count;
    return GRAFT_OK;
}

static graft_status read_single(archive *a, graft_tensor **tensors, size_t *count,
                                graft_error *err) {
    graft_tensor *one = gft_arena_alloc(a->arena, sizeof *one);
    uint8_t *copy = gft_arena_memdup(a->arena, a->data, a->bytes);
    if (!one || !copy)
        return gft_fail_memory(err, a->bytes, a->path);
    GFT_TRY(gft_npy_parse(copy, a->bytes, a->path, a->arena, one, err));
    one->name = "";
    *tensors = one;
    *count = 1;
    return GRAFT_OK;
}

graft_status gft_npz_parse(const void *data, size_t bytes, const char *where, gft_arena *arena,
                           graft_tensor **tensors, size_t *count, graft_error *err) {
    archive a = {.data = data, .bytes = bytes, .path = where, .arena = arena};
    return bytes >= 1 && a.data[0] == 0x93 ? read_single(&a, tensors, count, err)
                                           : read_zip(&a, tensors, count, err);
}

graft_status gft_npz_read(const char *path, gft_arena *arena, graft_tensor **tensors, size_t *count,
                          graft_error *err) {
    gft_map map;
    GFT_TRY(gft_map_open(path, &map, err));
    graft_status status = gft_npz_parse(map.data, map.bytes, path, arena, tensors, count, err);
    gft_map_close(&map);
    return status;
}
