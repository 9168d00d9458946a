/*
 * Base64 (RFC 4648): the standard alphabet is written, the URL-safe one is read too, as protobuf's
 * JSON mapping asks for; padding may be missing.
 */
#ifndef GFT_FORMATS_BASE64_H
#define GFT_FORMATS_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

/**
 * Decodes into the arena.
 *
 * @param where [in] for messages
 * @return DATA_LOSS naming the first byte that is not base64, or for a length that cannot be
 */
GRAFT_MUST_CHECK graft_status gft_base64_decode(const char *text, size_t length, const char *where,
                                                gft_arena *arena, uint8_t **out, size_t *bytes,
                                                graft_error *err);
GRAFT_MUST_CHECK graft_status gft_base64_append(gft_buffer *buffer, const void *data, size_t bytes,
                                                graft_error *err);

#endif
