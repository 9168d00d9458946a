/*
 * Zip members over mapped bytes (APPNOTE.TXT 4.3: end of central directory, its zip64 form, central
 * headers, local headers).
 */
#include "formats/zip_member.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/cursor.h"

#define END_BYTES 22
#define CENTRAL_BYTES 46
#define LOCAL_BYTES 30
#define MAX_COMMENT 65535
#define MAX_INFLATION 1032

typedef struct entry {
    uint16_t flags, method;
    uint32_t crc;
    uint64_t packed, bytes, offset;
} entry;

static uint64_t number(const uint8_t *p, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static graft_status damaged(const char *where, const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: damaged zip archive: %s", where, what);
}

/* The end record is the last thing of the file, behind it only a comment. */
static const uint8_t *find_end(const uint8_t *zip, size_t bytes) {
    for (size_t back = END_BYTES; back <= bytes && back <= END_BYTES + MAX_COMMENT; back++) {
        const uint8_t *p = zip + bytes - back;
        if (memcmp(p, "PK\5\6", 4) == 0)
            return p;
    }
    return NULL;
}

/* Where the central directory begins and how many headers it has. */
static graft_status find_directory(const uint8_t *zip, size_t bytes, const char *where,
                                   uint64_t *offset, uint64_t *count, graft_error *err) {
    const uint8_t *end = find_end(zip, bytes);
    if (!end)
        return damaged(where, "no central directory (the file ends early?)", err);
    *count = number(end + 10, 2);
    *offset = number(end + 16, 4);
    if (*count != 0xffff && *offset != 0xffffffff)
        return GRAFT_OK;
    if (end - zip < 20 || memcmp(end - 20, "PK\6\7", 4) != 0)
        return GRAFT_OK;
    const uint64_t at = number(end - 20 + 8, 8);
    if (at > bytes || bytes - at < 56 || memcmp(zip + at, "PK\6\6", 4) != 0)
        return damaged(where, "its zip64 record", err);
    *count = number(zip + at + 32, 8);
    *offset = number(zip + at + 48, 8);
    return GRAFT_OK;
}

/* Sizes and offset that did not fit lie in the extra field with tag 1, in this order. */
static graft_status read_zip64(const uint8_t *extra, size_t bytes, const char *where, entry *e,
                               graft_error *err) {
    gft_cursor c = gft_cursor_make(extra, bytes, where);
    uint64_t *const fields[] = {&e->bytes, &e->packed, &e->offset};
    while (gft_cursor_left(&c) >= 4) {
        uint16_t tag;
        uint16_t length;
        const uint8_t *data;
        GFT_TRY(gft_cursor_u16(&c, &tag, "an extra field", err));
        GFT_TRY(gft_cursor_u16(&c, &length, "an extra field", err));
        GFT_TRY(gft_cursor_take(&c, length, &data, "an extra field", err));
        if (tag != 1)
            continue;
        gft_cursor inner = gft_cursor_make(data, length, where);
        for (size_t i = 0; i < 3; i++) {
            if (*fields[i] == 0xffffffff)
                GFT_TRY(gft_cursor_u64(&inner, fields[i], "a zip64 field", err));
        }
        return GRAFT_OK;
    }
    return GRAFT_OK;
}

/* One central header; *match if it has the name. */
static graft_status read_central(gft_cursor *c, const char *name, entry *out, bool *match,
                                 graft_error *err) {
    const uint8_t *p;
    const uint8_t *text;
    const uint8_t *extra;
    const uint8_t *comment;
    GFT_TRY(gft_cursor_take(c, CENTRAL_BYTES, &p, "a zip header", err));
    if (memcmp(p, "PK\1\2", 4) != 0)
        return damaged(c->where, "its central directory", err);
    const size_t name_bytes = (size_t)number(p + 28, 2);
    const size_t extra_bytes = (size_t)number(p + 30, 2);
    GFT_TRY(gft_cursor_take(c, name_bytes, &text, "a zip header", err));
    GFT_TRY(gft_cursor_take(c, extra_bytes, &extra, "a zip header", err));
    GFT_TRY(gft_cursor_take(c, (size_t)number(p + 32, 2), &comment, "a zip header", err));
    *match = name_bytes == strlen(name) && memcmp(text, name, name_bytes) == 0;
    if (!*match)
        return GRAFT_OK;
    *out = (entry){.flags = (uint16_t)number(p + 8, 2),
                   .method = (uint16_t)number(p + 10, 2),
                   .crc = (uint32_t)number(p + 16, 4),
                   .packed = number(p + 20, 4),
                   .bytes = number(p + 24, 4),
                   .offset = number(p + 42, 4)};
    return read_zip64(extra, extra_bytes, c->where, out, err);
}

static graft_status inflate_member(const uint8_t *data, const entry *e, const char *where,
                                   const char *name, gft_zip_member *out, graft_error *err) {
    z_stream z = {0};
    if (e->packed > UINT32_MAX || e->bytes > UINT32_MAX || e->bytes / MAX_INFLATION > e->packed + 1)
        return damaged(where, "sizes that cannot be", err);
    uint8_t *memory = gft_malloc((size_t)e->bytes + 1);
    if (!memory)
        return gft_fail_memory(err, e->bytes, name);
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        gft_free(memory);
        return gft_fail_memory(err, 1 << 16, "inflate");
    }
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)e->packed;
    z.next_out = memory;
    z.avail_out = (uInt)e->bytes;
    const int code = inflate(&z, Z_FINISH);
    const bool whole = code == Z_STREAM_END && z.avail_out == 0;
    (void)inflateEnd(&z);
    if (!whole || crc32(0, memory, (uInt)e->bytes) != e->crc) {
        gft_free(memory);
        return gft_fail(err, GRAFT_DATA_LOSS, "%s!%s: damaged zip archive: %s", where, name,
                        whole ? "the checksum is wrong" : "it cannot be inflated");
    }
    memory[e->bytes] = 0;
    *out = (gft_zip_member){memory, (size_t)e->bytes, memory};
    return GRAFT_OK;
}

static graft_status open_entry(const uint8_t *zip, size_t zip_bytes, const char *where,
                               const char *name, const entry *e, size_t max_bytes,
                               gft_zip_member *out, graft_error *err) {
    if (e->flags & 1)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s!%s: is encrypted", where, name);
    if (e->offset > zip_bytes || zip_bytes - e->offset < LOCAL_BYTES ||
        memcmp(zip + e->offset, "PK\3\4", 4) != 0)
        return damaged(where, "a local header is not where it should be", err);
    const uint8_t *local = zip + e->offset;
    const uint64_t at = e->offset + LOCAL_BYTES + number(local + 26, 2) + number(local + 28, 2);
    if (at > zip_bytes || e->packed > zip_bytes - at)
        return damaged(where, "a member is longer than the file", err);
    if (e->method == 0) {
        if (e->packed != e->bytes)
            return damaged(where, "two sizes of a stored member", err);
        *out = (gft_zip_member){zip + at, (size_t)e->bytes, NULL};
        return GRAFT_OK;
    }
    if (e->method != 8)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s!%s: compression method %d, known are 0 (stored) and 8 (deflated)",
                        where, name, e->method);
    if (e->bytes > max_bytes)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s!%s: larger than the %zu bytes allowed",
                        where, name, max_bytes);
    return inflate_member(zip + at, e, where, name, out, err);
}

graft_status gft_zip_member_find(const void *zip, size_t zip_bytes, const char *where,
                                 const char *name, size_t max_bytes, gft_zip_member *out,
                                 graft_error *err) {
    uint64_t offset = 0;
    uint64_t count = 0;
    entry found = {0};
    bool any = false;
    GFT_TRY(find_directory(zip, zip_bytes, where, &offset, &count, err));
    if (offset > zip_bytes)
        return damaged(where, "its central directory is beyond the end", err);
    gft_cursor c = gft_cursor_make(zip, zip_bytes, where);
    c.at = (size_t)offset;
    for (uint64_t i = 0; i < count; i++) {
        entry e = {0};
        bool match = false;
        GFT_TRY(read_central(&c, name, &e, &match, err));
        if (match)
            found = e;
        any = any || match;
    }
    if (!any)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no member '%.200s' in the archive", where, name);
    return open_entry(zip, zip_bytes, where, name, &found, max_bytes, out, err);
}
