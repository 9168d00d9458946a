/*
 * Bounded reader over borrowed bytes: the only way own parsers look at input. Little-endian.
 *
 * Every read checks the bytes left; a failure is DATA_LOSS and names the offset and the thing that
 * was read.
 */
#ifndef GFT_BASE_CURSOR_H
#define GFT_BASE_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct gft_cursor {
    const uint8_t *data; /* borrowed */
    size_t bytes;
    size_t at;
    const char *where; /* file name for messages, borrowed */
} gft_cursor;

gft_cursor gft_cursor_make(const void *data, size_t bytes, const char *where);
size_t gft_cursor_left(const gft_cursor *cursor);
GRAFT_MUST_CHECK graft_status gft_cursor_u8(gft_cursor *c, uint8_t *out, const char *what,
                                            graft_error *err);
GRAFT_MUST_CHECK graft_status gft_cursor_u16(gft_cursor *c, uint16_t *out, const char *what,
                                             graft_error *err);
GRAFT_MUST_CHECK graft_status gft_cursor_u32(gft_cursor *c, uint32_t *out, const char *what,
                                             graft_error *err);
GRAFT_MUST_CHECK graft_status gft_cursor_u64(gft_cursor *c, uint64_t *out, const char *what,
                                             graft_error *err);
/** LEB128 as protobuf and LevelDB write it, at most 10 bytes. */
GRAFT_MUST_CHECK graft_status gft_cursor_varint(gft_cursor *c, uint64_t *out, const char *what,
                                                graft_error *err);
/** Borrows `bytes` bytes and moves past them. */
GRAFT_MUST_CHECK graft_status gft_cursor_take(gft_cursor *c, size_t bytes, const uint8_t **out,
                                              const char *what, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_cursor_seek(gft_cursor *c, size_t at, graft_error *err);

#endif
