/*
 * Writing a LevelDB table: keys share prefixes within groups of 16, each block ends with its
 * restart offsets, the index block holds one entry per data block under that block's last key.
 */
#include <string.h>

#include "base/crc32c.h"
#include "base/size.h"
#include "formats/leveldb.h"

#define RESTART_INTERVAL 16
#define MAX_TABLE_BYTES ((size_t)1 << 31)
static const uint8_t magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

static graft_status put_u32(gft_buffer *buffer, uint32_t v, graft_error *err) {
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    return gft_buffer_append(buffer, b, 4, err);
}

graft_status gft_leveldb_put_varint(gft_buffer *buffer, uint64_t value, graft_error *err) {
    uint8_t b[10];
    size_t n = 0;
    while (value >= 0x80) {
        b[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    b[n++] = (uint8_t)value;
    return gft_buffer_append(buffer, b, n, err);
}

void gft_leveldb_writer_init(gft_leveldb_writer *writer, gft_buffer *out, size_t block_bytes) {
    *writer = (gft_leveldb_writer){.out = out, .block_bytes = block_bytes};
    gft_buffer_init(&writer->block, MAX_TABLE_BYTES);
    gft_buffer_init(&writer->index, MAX_TABLE_BYTES);
    gft_buffer_init(&writer->last_key, MAX_TABLE_BYTES);
    gft_buffer_init(&writer->restarts, MAX_TABLE_BYTES);
}

void gft_leveldb_writer_deinit(gft_leveldb_writer *writer) {
    gft_buffer_deinit(&writer->block);
    gft_buffer_deinit(&writer->index);
    gft_buffer_deinit(&writer->last_key);
    gft_buffer_deinit(&writer->restarts);
}

/* Appends block content, restart offsets, type byte and crc; gives the handle (varints) in
 * `handle`. */
static graft_status put_block(gft_leveldb_writer *w, const gft_buffer *content,
                              const gft_buffer *restarts, gft_buffer *handle, graft_error *err) {
    size_t start = w->out->bytes;
    GFT_TRY(gft_buffer_append(w->out, content->data, content->bytes, err));
    if (restarts->bytes == 0) {
        GFT_TRY(put_u32(w->out, 0, err)); /* an empty block has one restart, at 0 */
        GFT_TRY(put_u32(w->out, 1, err));
    } else {
        GFT_TRY(gft_buffer_append(w->out, restarts->data, restarts->bytes, err));
        GFT_TRY(put_u32(w->out, (uint32_t)(restarts->bytes / 4), err));
    }
    size_t bytes = w->out->bytes - start;
    static const uint8_t uncompressed = 0;
    GFT_TRY(gft_buffer_append(w->out, &uncompressed, 1, err));
    GFT_TRY(put_u32(w->out, gft_crc32c_mask(gft_crc32c(w->out->data + start, bytes + 1)), err));
    GFT_TRY(gft_leveldb_put_varint(handle, start, err));
    return gft_leveldb_put_varint(handle, bytes, err);
}

/* Appends an entry that shares `shared` bytes with the key before it. */
static graft_status put_entry(gft_buffer *block, const void *key, size_t key_bytes, size_t shared,
                              const void *value, size_t value_bytes, graft_error *err) {
    GFT_TRY(gft_leveldb_put_varint(block, shared, err));
    GFT_TRY(gft_leveldb_put_varint(block, key_bytes - shared, err));
    GFT_TRY(gft_leveldb_put_varint(block, value_bytes, err));
    if (key_bytes > shared) /* the key of the header entry is empty and may be NULL */
        GFT_TRY(gft_buffer_append(block, (const uint8_t *)key + shared, key_bytes - shared, err));
    return gft_buffer_append(block, value, value_bytes, err);
}

/* Ends the data block at hand; its index entry is not shared with others (restart interval 1). */
static graft_status end_block(gft_leveldb_writer *w, graft_error *err) {
    if (w->entries == 0)
        return GRAFT_OK;
    gft_buffer handle;
    gft_buffer_init(&handle, 20);
    graft_status status;
    GFT_GOTO(put_block(w, &w->block, &w->restarts, &handle, err));
    gft_buffer_clear(&w->block);
    gft_buffer_clear(&w->restarts);
    w->entries = 0;
    GFT_GOTO(put_entry(&w->index, w->last_key.data, w->last_key.bytes, 0, handle.data, handle.bytes,
                       err));
done:
    gft_buffer_deinit(&handle);
    return status;
}

graft_status gft_leveldb_writer_add(gft_leveldb_writer *w, const void *key, size_t key_bytes,
                                    const void *value, size_t value_bytes, graft_error *err) {
    if (w->total > 0 &&
        gft_leveldb_compare(w->last_key.data, w->last_key.bytes, key, key_bytes) >= 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "table: key %zu does not follow the one before it in byte "
                        "order",
                        w->total);
    size_t shared = 0;
    if (w->entries % RESTART_INTERVAL == 0) {
        GFT_TRY(put_u32(&w->restarts, (uint32_t)w->block.bytes, err));
    } else {
        size_t n = gft_size_min(key_bytes, w->last_key.bytes);
        while (shared < n && ((const uint8_t *)key)[shared] == w->last_key.data[shared])
            shared++;
    }
    GFT_TRY(put_entry(&w->block, key, key_bytes, shared, value, value_bytes, err));
    gft_buffer_clear(&w->last_key);
    GFT_TRY(gft_buffer_append(&w->last_key, key, key_bytes, err));
    w->entries++;
    w->total++;
    return w->block.bytes >= w->block_bytes ? end_block(w, err) : GRAFT_OK;
}

/* Restart offsets of the index block: one per entry, found by walking it once. */
static graft_status index_restarts(const gft_buffer *index, gft_buffer *restarts,
                                   graft_error *err) {
    size_t at = 0;
    while (at < index->bytes) {
        GFT_TRY(put_u32(restarts, (uint32_t)at, err));
        uint64_t lengths[3];
        for (int i = 0; i < 3; i++) {
            uint64_t v = 0;
            for (unsigned shift = 0;; shift += 7) {
                uint8_t b = index->data[at++];
                v |= (uint64_t)(b & 0x7f) << shift;
                if (!(b & 0x80))
                    break;
            }
            lengths[i] = v;
        }
        at += (size_t)(lengths[1] + lengths[2]);
    }
    return GRAFT_OK;
}

graft_status gft_leveldb_writer_finish(gft_leveldb_writer *w, graft_error *err) {
    gft_buffer footer;
    gft_buffer_init(&footer, 48);
    gft_buffer none;
    gft_buffer_init(&none, 0);
    graft_status status;
    GFT_GOTO(end_block(w, err));
    GFT_GOTO(put_block(w, &none, &none, &footer, err)); /* metaindex: empty */
    GFT_GOTO(index_restarts(&w->index, &w->restarts, err));
    GFT_GOTO(put_block(w, &w->index, &w->restarts, &footer, err));
    static const uint8_t zeros[40];
    GFT_GOTO(gft_buffer_append(&footer, zeros, 40 - footer.bytes, err));
    GFT_GOTO(gft_buffer_append(&footer, magic, sizeof magic, err));
    GFT_GOTO(gft_buffer_append(w->out, footer.data, footer.bytes, err));
done:
    gft_buffer_deinit(&footer);
    return status;
}
