/*
 * FlatBuffers written: bytes are made from the end to the front, as the format asks, and equal
 * vtables are shared. Large vectors of bytes ("blobs") are not copied: the builder keeps their
 * place and asks for them while the whole is written. The first failure sticks: later calls do
 * nothing, gft_flat_builder_finish reports it.
 */
#ifndef GFT_FLAT_FLATBUFFER_BUILDER_H
#define GFT_FLAT_FLATBUFFER_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"

#define GFT_FLAT_MAX_FIELDS 64
/** Offsets inside a FlatBuffer are signed 32-bit numbers at their widest. */
#define GFT_FLAT_MAX_BYTES ((uint64_t)0x7fffffff)

/** What has been written, as its distance from the end; 0: nothing. */
typedef uint32_t gft_flat_ref;

/** Fills `bytes` bytes at `out` with the blob's contents. */
typedef graft_status (*gft_flat_fill_fn)(void *context, size_t index, uint8_t *out, size_t bytes,
                                         graft_error *err);

typedef struct gft_flat_blob {
    uint32_t at; /* own bytes behind it */
    size_t bytes, index;
} gft_flat_blob;

typedef struct gft_flat_vtable {
    uint32_t own; /* place among own bytes */
    gft_flat_ref ref;
} gft_flat_vtable;

typedef struct gft_flat_field {
    uint16_t id, bytes;
    bool is_ref;
    uint64_t value;
} gft_flat_field;

/* One thread at a time. */
typedef struct gft_flat_builder {
    uint8_t *data; /* own bytes, at the end of the allocation */
    size_t capacity, used;
    uint64_t total; /* own bytes and blobs */
    uint64_t max_bytes;
    size_t alignment; /* the widest so far */
    gft_flat_blob *blobs;
    size_t blob_count, blob_capacity;
    gft_flat_vtable *vtables;
    size_t vtable_count, vtable_capacity;
    gft_flat_field fields[GFT_FLAT_MAX_FIELDS]; /* of the table being made */
    int32_t field_count;
    bool in_table;
    graft_status status;
    graft_error *err;
} gft_flat_builder;

/** err takes the first failure; max_bytes: the most that the whole may become. */
void gft_flat_builder_init(gft_flat_builder *b, uint64_t max_bytes, graft_error *err);
void gft_flat_builder_deinit(gft_flat_builder *b);

gft_flat_ref gft_flat_put_string(gft_flat_builder *b, const char *text);
gft_flat_ref gft_flat_put_bytes(gft_flat_builder *b, const void *data, size_t bytes,
                                size_t alignment);
gft_flat_ref gft_flat_put_i32s(gft_flat_builder *b, const int32_t *items, size_t count);
gft_flat_ref gft_flat_put_i64s(gft_flat_builder *b, const int64_t *items, size_t count);
gft_flat_ref gft_flat_put_f32s(gft_flat_builder *b, const float *items, size_t count);
/** A vector of tables or strings. */
gft_flat_ref gft_flat_put_refs(gft_flat_builder *b, const gft_flat_ref *items, size_t count);
/** A vector of bytes that the fill function gives, under this index, when the whole is written. */
gft_flat_ref gft_flat_put_blob(gft_flat_builder *b, size_t bytes, size_t index, size_t alignment);

/** A table: start, its fields in any order, end. Nothing else is put in between. */
void gft_flat_table(gft_flat_builder *b);
/** A scalar of 1, 2, 4 or 8 bytes; left out when it equals its default. */
void gft_flat_scalar(gft_flat_builder *b, int32_t id, size_t bytes, int64_t value,
                     int64_t default_value);
void gft_flat_f32(gft_flat_builder *b, int32_t id, float value);            /* default 0 */
void gft_flat_field_ref(gft_flat_builder *b, int32_t id, gft_flat_ref ref); /* 0: left out */
gft_flat_ref gft_flat_table_end(gft_flat_builder *b);

/** Puts the root and a file identifier of four letters in front. Nothing is put after that. */
GRAFT_MUST_CHECK graft_status gft_flat_builder_finish(gft_flat_builder *b, gft_flat_ref root,
                                                      const char *identifier);
/** Bytes of the finished whole. */
static inline uint64_t gft_flat_builder_bytes(const gft_flat_builder *b) {
    return b->total;
}
/** Writes the finished whole; one blob at a time is in memory. fill may be NULL without blobs. */
GRAFT_MUST_CHECK graft_status gft_flat_builder_write(const gft_flat_builder *b, gft_writer *writer,
                                                     gft_flat_fill_fn fill, void *context,
                                                     graft_error *err);
/** The finished whole of a builder without blobs, borrowed until deinit. */
const uint8_t *gft_flat_builder_data(const gft_flat_builder *b);

#endif
