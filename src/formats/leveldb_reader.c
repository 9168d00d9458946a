/*
 * Reading a LevelDB table front to back: footer, index block, then each data block it names. Every
 * length is checked against the block it lies in; keys must increase, as LevelDB guarantees.
 */
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/size.h"
#include "formats/leveldb.h"
#include "formats/snappy.h"

#define FOOTER_BYTES 48
#define TRAILER_BYTES 5 /* compression type, crc */
#define MAX_KEY_BYTES ((size_t)1 << 16)
#define MAX_BLOCK_BYTES ((size_t)256 << 20) /* of a compressed block */
static const uint8_t magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

typedef struct table {
    const uint8_t *data;
    size_t bytes;
    const char *where;
    gft_leveldb_fn fn;
    void *context;
    gft_buffer last; /* last data key given out */
    size_t given;
    gft_buffer index_room; /* decoded blocks */
    gft_buffer data_room;
} table;

int gft_leveldb_compare(const void *a, size_t a_bytes, const void *b, size_t b_bytes) {
    size_t n = gft_size_min(a_bytes, b_bytes);
    int order = n ? memcmp(a, b, n) : 0;
    return order ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/*
 * The entries of the block at [offset, offset + bytes): type and crc checked, restart array cut
 * off. A compressed block is decoded into `room`, which must live as long as they are read.
 */
static graft_status open_block(const table *t, uint64_t offset, uint64_t bytes, gft_buffer *room,
                               gft_cursor *entries, graft_error *err) {
    if (offset > t->bytes || bytes > t->bytes - offset || t->bytes - offset - bytes < TRAILER_BYTES)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: a block of %llu bytes at %llu, but the file has %zu", t->where,
                        (unsigned long long)bytes, (unsigned long long)offset, t->bytes);
    const uint8_t *p = t->data + offset;
    uint8_t type = p[bytes];
    const uint8_t *c = p + bytes + 1;
    uint32_t stored =
        (uint32_t)c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16 | (uint32_t)c[3] << 24;
    uint32_t found = gft_crc32c_mask(gft_crc32c(p, (size_t)bytes + 1));
    if (stored != found)
        return gft_fail(
            err, GRAFT_DATA_LOSS,
            "%s: block at byte %llu: checksum 0x%08x, expected 0x%08x: the file is damaged",
            t->where, (unsigned long long)offset, found, stored);
    if (type == 1) {
        GFT_TRY(gft_snappy_decode(p, (size_t)bytes, t->where, room, err));
        p = room->data;
        bytes = room->bytes;
    } else if (type != 0) {
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: block at byte %llu: compression type %u, expected 0 or 1", t->where,
                        (unsigned long long)offset, type);
    }
    if (bytes < 4)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: block at byte %llu: %llu bytes, expected 4 or more", t->where,
                        (unsigned long long)offset, (unsigned long long)bytes);
    const uint8_t *r = p + bytes - 4;
    uint32_t restarts =
        (uint32_t)r[0] | (uint32_t)r[1] << 8 | (uint32_t)r[2] << 16 | (uint32_t)r[3] << 24;
    if (restarts > (bytes - 4) / 4)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: block at byte %llu: %u restarts in %llu bytes",
                        t->where, (unsigned long long)offset, restarts, (unsigned long long)bytes);
    *entries = gft_cursor_make(p, (size_t)(bytes - 4 - 4 * (uint64_t)restarts), t->where);
    return GRAFT_OK;
}

/* Reads one entry; `key` holds the previous key of the block and becomes this one's. */
static graft_status next_entry(gft_cursor *c, gft_buffer *key, const uint8_t **value,
                               size_t *value_bytes, graft_error *err) {
    uint64_t shared;
    uint64_t own;
    uint64_t bytes;
    size_t start = c->at;
    GFT_TRY(gft_cursor_varint(c, &shared, "a shared key length", err));
    GFT_TRY(gft_cursor_varint(c, &own, "a key length", err));
    GFT_TRY(gft_cursor_varint(c, &bytes, "a value length", err));
    size_t left = gft_cursor_left(c);
    if (shared > key->bytes || own > left || bytes > left - own || shared + own > MAX_KEY_BYTES)
        return gft_fail(
            err, GRAFT_DATA_LOSS,
            "%s: entry at byte %zu of its block: key %llu+%llu, value %llu bytes, %zu are left",
            c->where, start, (unsigned long long)shared, (unsigned long long)own,
            (unsigned long long)bytes, left);
    const uint8_t *p;
    GFT_TRY(gft_cursor_take(c, (size_t)own, &p, "a key", err));
    key->bytes = (size_t)shared;
    GFT_TRY(gft_buffer_append(key, p, (size_t)own, err));
    *value_bytes = (size_t)bytes;
    return gft_cursor_take(c, (size_t)bytes, value, "a value", err);
}

static graft_status read_data_block(table *t, uint64_t offset, uint64_t bytes, gft_buffer *key,
                                    graft_error *err) {
    gft_cursor c;
    GFT_TRY(open_block(t, offset, bytes, &t->data_room, &c, err));
    gft_buffer_clear(key);
    while (gft_cursor_left(&c) > 0) {
        const uint8_t *value;
        size_t value_bytes;
        GFT_TRY(next_entry(&c, key, &value, &value_bytes, err));
        if (t->given > 0 &&
            gft_leveldb_compare(key->data, key->bytes, t->last.data, t->last.bytes) <= 0)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: block at byte %llu: keys are not in increasing order", t->where,
                            (unsigned long long)offset);
        GFT_TRY(t->fn(t->context, key->data, key->bytes, value, value_bytes, err));
        gft_buffer_clear(&t->last);
        GFT_TRY(gft_buffer_append(&t->last, key->data, key->bytes, err));
        t->given++;
    }
    return GRAFT_OK;
}

static graft_status read_index(table *t, uint64_t offset, uint64_t bytes, gft_buffer *index_key,
                               gft_buffer *key, graft_error *err) {
    gft_cursor index;
    GFT_TRY(open_block(t, offset, bytes, &t->index_room, &index, err));
    uint64_t data_end = 0;
    while (gft_cursor_left(&index) > 0) {
        const uint8_t *value;
        size_t value_bytes;
        GFT_TRY(next_entry(&index, index_key, &value, &value_bytes, err));
        gft_cursor handle = gft_cursor_make(value, value_bytes, t->where);
        uint64_t at;
        uint64_t length;
        GFT_TRY(gft_cursor_varint(&handle, &at, "a block offset", err));
        GFT_TRY(gft_cursor_varint(&handle, &length, "a block size", err));
        /* Blocks follow each other: no block is read twice, so work is bounded by the file's size.
         */
        if (at < data_end)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: block at byte %llu overlaps the one before it, which "
                            "ends at %llu",
                            t->where, (unsigned long long)at, (unsigned long long)data_end);
        GFT_TRY(read_data_block(t, at, length, key, err));
        data_end = at + length + TRAILER_BYTES;
        if (t->last.bytes &&
            gft_leveldb_compare(index_key->data, index_key->bytes, t->last.data, t->last.bytes) < 0)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: block at byte %llu has keys beyond its index entry", t->where,
                            (unsigned long long)at);
    }
    return GRAFT_OK;
}

graft_status gft_leveldb_read(const void *data, size_t bytes, const char *where, gft_leveldb_fn fn,
                              void *context, graft_error *err) {
    table t = {.data = data, .bytes = bytes, .where = where, .fn = fn, .context = context};
    if (bytes < FOOTER_BYTES)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: %zu bytes, too short for an index table (%d or more)", where, bytes,
                        FOOTER_BYTES);
    if (memcmp(t.data + bytes - 8, magic, 8) != 0)
        return gft_fail(
            err, GRAFT_DATA_LOSS,
            "%s: the last 8 bytes are not a table's magic number: the file is cut or is no "
            "checkpoint index",
            where);
    gft_cursor footer = gft_cursor_make(t.data + bytes - FOOTER_BYTES, FOOTER_BYTES - 8, where);
    uint64_t handle[4]; /* metaindex offset, size; index offset, size */
    for (int i = 0; i < 4; i++)
        GFT_TRY(gft_cursor_varint(&footer, &handle[i], "a block handle in the footer", err));
    t.bytes = bytes - FOOTER_BYTES; /* blocks lie before the footer */
    gft_buffer index_key;
    gft_buffer key;
    gft_buffer_init(&index_key, MAX_KEY_BYTES);
    gft_buffer_init(&key, MAX_KEY_BYTES);
    gft_buffer_init(&t.last, MAX_KEY_BYTES);
    gft_buffer_init(&t.index_room, MAX_BLOCK_BYTES);
    gft_buffer_init(&t.data_room, MAX_BLOCK_BYTES);
    graft_status status;
    gft_cursor ignored;
    GFT_GOTO(open_block(&t, handle[0], handle[1], &t.data_room, &ignored, err));
    GFT_GOTO(read_index(&t, handle[2], handle[3], &index_key, &key, err));
done:
    gft_buffer_deinit(&index_key);
    gft_buffer_deinit(&key);
    gft_buffer_deinit(&t.last);
    gft_buffer_deinit(&t.index_room);
    gft_buffer_deinit(&t.data_room);
    return status;
}
