/*
 * Reading FlatBuffers: tables, vectors and strings in borrowed bytes, each checked against the
 * bytes there are before it is looked at. Alignment is not assumed; nothing is followed but what
 * the caller asks for, so nesting is the caller's.
 *
 * A field that a table does not have gives its default (scalars) or nothing (references). A scalar
 * that lies outside its table gives the default too and marks the buffer as broken: gft_fb_check
 * tells, once, after the reading.
 */
#ifndef GFT_FLAT_FLATBUFFER_H
#define GFT_FLAT_FLATBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The bytes. One thread at a time while reading. */
typedef struct gft_fb {
    const uint8_t *data; /* borrowed */
    size_t bytes;
    const char *where; /* file name for messages, borrowed */
    bool broken;       /* a scalar outside its table was met */
    size_t broken_at;
} gft_fb;

/* A table; fb NULL: there is none. */
typedef struct gft_fb_table {
    gft_fb *fb;
    size_t at;
    size_t vtable;
    uint16_t vtable_bytes, bytes;
} gft_fb_table;

/* A vector; count 0 if there is none. data is not aligned. */
typedef struct gft_fb_vector {
    const uint8_t *data;
    uint32_t count;
    uint32_t element_bytes;
} gft_fb_vector;

gft_fb gft_fb_make(const void *data, size_t bytes, const char *where);
/**
 * The root table. identifier: the four characters behind the root's offset, NULL: not looked at.
 */
GRAFT_MUST_CHECK graft_status gft_fb_root(gft_fb *fb, const char *identifier, gft_fb_table *out,
                                          graft_error *err);
/** DATA_LOSS if a scalar lay outside its table. */
GRAFT_MUST_CHECK graft_status gft_fb_check(const gft_fb *fb, graft_error *err);

bool gft_fb_has(const gft_fb_table *table, int field);
bool gft_fb_bool(const gft_fb_table *table, int field, bool otherwise);
int8_t gft_fb_i8(const gft_fb_table *table, int field, int8_t otherwise);
uint8_t gft_fb_u8(const gft_fb_table *table, int field, uint8_t otherwise);
int32_t gft_fb_i32(const gft_fb_table *table, int field, int32_t otherwise);
uint32_t gft_fb_u32(const gft_fb_table *table, int field, uint32_t otherwise);
uint64_t gft_fb_u64(const gft_fb_table *table, int field, uint64_t otherwise);
float gft_fb_f32(const gft_fb_table *table, int field, float otherwise);

/**
 * A table in a field; out->fb NULL if it is absent. Absent tables may be read: all their fields are
 * absent.
 */
GRAFT_MUST_CHECK graft_status gft_fb_table_in(const gft_fb_table *table, int field,
                                              gft_fb_table *out, graft_error *err);
/** A vector of elements of this size (references: 4). */
GRAFT_MUST_CHECK graft_status gft_fb_vector_in(const gft_fb_table *table, int field,
                                               uint32_t element_bytes, gft_fb_vector *out,
                                               graft_error *err);
/** A string: NUL-terminated, borrowed, without a NUL inside; NULL if it is absent. */
GRAFT_MUST_CHECK graft_status gft_fb_string_in(const gft_fb_table *table, int field,
                                               const char **out, graft_error *err);

/* Elements; i is checked against count by the caller. */
int32_t gft_fb_vector_i32(const gft_fb_vector *vector, uint32_t i);
int64_t gft_fb_vector_i64(const gft_fb_vector *vector, uint32_t i);
float gft_fb_vector_f32(const gft_fb_vector *vector, uint32_t i);
GRAFT_MUST_CHECK graft_status gft_fb_vector_table(gft_fb *fb, const gft_fb_vector *vector,
                                                  uint32_t i, gft_fb_table *out, graft_error *err);

#endif
