/*
 * HDF5 object headers, versions 1 and 2, with their continuation blocks (specification, IV.A.1):
 * what they hold is a list of messages.
 */
#include <string.h>

#include "base/alloc.h"
#include "formats/hdf5_file_priv.h"

#define MAX_BLOCKS 4096

/* A header being read: blocks still to be looked at, messages found. */
typedef struct reader {
    const gft_hdf5 *file;
    gft_arena *arena;
    uint8_t version;
    bool creation_order; /* messages of version 2 carry it */
    struct {
        uint64_t address, bytes;
    } * blocks;
    size_t block_count, block_capacity;
    gft_hdf5_message *messages;
    size_t count, capacity;
    size_t seen; /* messages, empty ones too: continuations may lead in a circle */
} reader;

static graft_status add_message(reader *r, const gft_hdf5_message *message, graft_error *err) {
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity ? r->capacity * 2 : 16;
        gft_hdf5_message *more = gft_arena_array(r->arena, capacity, sizeof *more);
        if (!more)
            return gft_fail_memory(err, capacity * sizeof *more, "an object header");
        if (r->count)
            memcpy(more, r->messages, r->count * sizeof *more);
        r->messages = more;
        r->capacity = capacity;
    }
    r->messages[r->count++] = *message;
    return GRAFT_OK;
}

static graft_status add_block(reader *r, const gft_hdf5_message *message, graft_error *err) {
    gft_cursor c = gft_cursor_make(message->data, message->bytes, r->file->where);
    uint64_t address;
    uint64_t bytes;
    GFT_TRY(gft_hdf5_address(r->file, &c, &address, "a continuation", err));
    GFT_TRY(gft_hdf5_length(r->file, &c, &bytes, "a continuation", err));
    if (r->block_count == r->block_capacity) {
        const size_t capacity = r->block_capacity ? r->block_capacity * 2 : 4;
        if (capacity > MAX_BLOCKS)
            return gft_hdf5_damaged(r->file, err, "a header of more than %d blocks", MAX_BLOCKS);
        void *more = gft_arena_array(r->arena, capacity, sizeof *r->blocks);
        if (!more)
            return gft_fail_memory(err, capacity * sizeof *r->blocks, "an object header");
        if (r->block_count)
            memcpy(more, r->blocks, r->block_count * sizeof *r->blocks);
        r->blocks = more;
        r->block_capacity = capacity;
    }
    r->blocks[r->block_count].address = address;
    r->blocks[r->block_count++].bytes = bytes;
    return GRAFT_OK;
}

static graft_status read_message(reader *r, gft_cursor *c, graft_error *err) {
    gft_hdf5_message m = {0};
    uint16_t bytes;
    uint8_t type;
    if (++r->seen > GFT_HDF5_MAX_MESSAGES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d messages in a header",
                        r->file->where, GFT_HDF5_MAX_MESSAGES);
    if (r->version == 1) {
        GFT_TRY(gft_cursor_u16(c, &m.type, "a message", err));
        GFT_TRY(gft_cursor_u16(c, &bytes, "a message", err));
        GFT_TRY(gft_cursor_u8(c, &m.flags, "a message", err));
        GFT_TRY(gft_hdf5_skip(c, 3, "a message", err));
    } else {
        GFT_TRY(gft_cursor_u8(c, &type, "a message", err));
        GFT_TRY(gft_cursor_u16(c, &bytes, "a message", err));
        GFT_TRY(gft_cursor_u8(c, &m.flags, "a message", err));
        GFT_TRY(gft_hdf5_skip(c, r->creation_order ? 2 : 0, "a message", err));
        m.type = type;
    }
    m.bytes = bytes;
    GFT_TRY(gft_cursor_take(c, bytes, &m.data, "a message", err));
    if (m.type == GFT_HDF5_CONTINUATION)
        return add_block(r, &m, err);
    return m.type == 0 ? GRAFT_OK : add_message(r, &m, err);
}

/* Messages until less is left than the smallest one takes (version 2 allows a gap). */
static graft_status read_messages(reader *r, gft_cursor *c, graft_error *err) {
    const size_t smallest = r->version == 1 ? 8 : r->creation_order ? 6 : 4;
    while (gft_cursor_left(c) >= smallest)
        GFT_TRY(read_message(r, c, err));
    return GRAFT_OK;
}

static graft_status read_blocks(reader *r, graft_error *err) {
    for (size_t i = 0; i < r->block_count; i++) {
        gft_cursor c;
        GFT_TRY(gft_hdf5_range(r->file, r->blocks[i].address, r->blocks[i].bytes,
                               "a continuation block", &c, err));
        if (r->version == 2) {
            const uint8_t *letters;
            GFT_TRY(gft_cursor_take(&c, 4, &letters, "OCHK", err));
            if (memcmp(letters, "OCHK", 4) != 0 || c.bytes < 8)
                return gft_hdf5_damaged(r->file, err, "no 'OCHK' at %llu",
                                        (unsigned long long)r->blocks[i].address);
            c.bytes -= 4; /* the checksum */
        }
        GFT_TRY(read_messages(r, &c, err));
    }
    return GRAFT_OK;
}

static graft_status read_version_1(reader *r, gft_cursor *c, graft_error *err) {
    uint32_t bytes;
    gft_cursor body;
    GFT_TRY(gft_hdf5_skip(c, 8, "an object header", err)); /* version, count, references */
    GFT_TRY(gft_cursor_u32(c, &bytes, "an object header", err));
    GFT_TRY(gft_hdf5_skip(c, 4, "an object header", err));
    GFT_TRY(gft_hdf5_range(r->file, c->at, bytes, "an object header", &body, err));
    return read_messages(r, &body, err);
}

static graft_status read_version_2(reader *r, gft_cursor *c, graft_error *err) {
    uint8_t flags;
    uint64_t bytes;
    gft_cursor body;
    GFT_TRY(gft_hdf5_expect(r->file, c, "OHDR", 2, err));
    GFT_TRY(gft_cursor_u8(c, &flags, "an object header", err));
    GFT_TRY(gft_hdf5_skip(c, (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0), "an object header",
                          err));
    GFT_TRY(gft_hdf5_number(c, 1u << (flags & 3), &bytes, "an object header", err));
    r->creation_order = flags & 4;
    GFT_TRY(gft_hdf5_range(r->file, c->at, bytes, "an object header", &body, err));
    return read_messages(r, &body, err);
}

graft_status gft_hdf5_header_read(const gft_hdf5 *file, gft_hdf5_object object, gft_arena *arena,
                                  gft_hdf5_header *out, graft_error *err) {
    reader r = {.file = file, .arena = arena};
    gft_cursor c;
    GFT_TRY(gft_hdf5_at(file, object, "an object header", &c, err));
    r.version = file->data[object] == 'O' ? 2 : file->data[object];
    if (r.version == 2)
        GFT_TRY(read_version_2(&r, &c, err));
    else if (r.version == 1)
        GFT_TRY(read_version_1(&r, &c, err));
    else
        return gft_hdf5_damaged(file, err, "no object header at %llu", (unsigned long long)object);
    GFT_TRY(read_blocks(&r, err));
    *out = (gft_hdf5_header){r.messages, r.count};
    return GRAFT_OK;
}

const gft_hdf5_message *gft_hdf5_message_of(const gft_hdf5_header *header, uint16_t type) {
    for (size_t i = 0; i < header->count; i++) {
        if (header->messages[i].type == type)
            return &header->messages[i];
    }
    return NULL;
}
