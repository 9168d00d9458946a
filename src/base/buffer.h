/*
 * Growable byte buffer with a ceiling set when it is made, so that no input can make it grow
 * without bound.
 */
#ifndef GFT_BASE_BUFFER_H
#define GFT_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct gft_buffer {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
    size_t max_bytes;
} gft_buffer;

void gft_buffer_init(gft_buffer *buffer, size_t max_bytes);
void gft_buffer_deinit(gft_buffer *buffer);
void gft_buffer_clear(gft_buffer *buffer); /* keeps the memory */

/** Appends; RESOURCE_EXHAUSTED past max_bytes or out of memory, contents then unchanged. */
GRAFT_MUST_CHECK graft_status gft_buffer_append(gft_buffer *buffer, const void *p, size_t bytes,
                                                graft_error *err);
GRAFT_MUST_CHECK graft_status gft_buffer_append_str(gft_buffer *buffer, const char *s,
                                                    graft_error *err);
GRAFT_MUST_CHECK graft_status gft_buffer_format(gft_buffer *buffer, graft_error *err,
                                                const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/**
 * Makes room for `bytes` more and returns where they go (NULL on failure); the caller adds to
 * buffer->bytes.
 */
uint8_t *gft_buffer_reserve(gft_buffer *buffer, size_t bytes, graft_error *err);
/** Appends a NUL that is not counted, so that data is a C string. */
GRAFT_MUST_CHECK graft_status gft_buffer_terminate(gft_buffer *buffer, graft_error *err);

#endif
