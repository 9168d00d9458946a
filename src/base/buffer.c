/*
 * Growable bytes with a ceiling: doubles until max_bytes, then refuses. One byte more than
 * max_bytes may be allocated, for the NUL that gft_buffer_terminate puts behind the contents.
 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

void gft_buffer_init(gft_buffer *buffer, size_t max_bytes) {
    *buffer = (gft_buffer){NULL, 0, 0, gft_size_min(max_bytes, SIZE_MAX - 1)};
}

void gft_buffer_deinit(gft_buffer *buffer) {
    gft_free(buffer->data);
    *buffer = (gft_buffer){NULL, 0, 0, buffer->max_bytes};
}

void gft_buffer_clear(gft_buffer *buffer) {
    buffer->bytes = 0;
}

static graft_status make_room(gft_buffer *buffer, size_t bytes, size_t ceiling, graft_error *err) {
    size_t needed;
    if (!gft_size_add(buffer->bytes, bytes, &needed) || needed > ceiling)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "buffer: %zu bytes more than the %zu there are would pass the limit of %zu",
                        bytes, buffer->bytes, buffer->max_bytes);
    if (needed <= buffer->capacity && buffer->data)
        return GRAFT_OK;
    size_t capacity = buffer->capacity > ceiling / 2 ? ceiling : buffer->capacity * 2;
    capacity = gft_size_max(capacity, gft_size_min(64, ceiling));
    capacity = gft_size_max(capacity, needed);
    uint8_t *data = gft_realloc(buffer->data, capacity);
    if (!data)
        return gft_fail_memory(err, capacity, "a buffer");
    buffer->data = data;
    buffer->capacity = capacity;
    return GRAFT_OK;
}

uint8_t *gft_buffer_reserve(gft_buffer *buffer, size_t bytes, graft_error *err) {
    if (make_room(buffer, bytes, buffer->max_bytes, err) != GRAFT_OK)
        return NULL;
    return buffer->data + buffer->bytes;
}

graft_status gft_buffer_append(gft_buffer *buffer, const void *p, size_t bytes, graft_error *err) {
    if (bytes == 0)
        return GRAFT_OK;
    GFT_TRY(make_room(buffer, bytes, buffer->max_bytes, err));
    memcpy(buffer->data + buffer->bytes, p, bytes);
    buffer->bytes += bytes;
    return GRAFT_OK;
}

graft_status gft_buffer_append_str(gft_buffer *buffer, const char *s, graft_error *err) {
    return gft_buffer_append(buffer, s, strlen(s), err);
}

graft_status gft_buffer_format(gft_buffer *buffer, graft_error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    graft_status status;
    int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) {
        status = gft_fail(err, GRAFT_INTERNAL, "buffer: text cannot be formatted");
    } else {
        size_t length = (size_t)n;
        size_t ceiling = buffer->max_bytes;
        if (length > ceiling || buffer->bytes > ceiling - length)
            status = make_room(buffer, length, ceiling, err); /* fails, with its message */
        else
            status = make_room(buffer, length + 1, ceiling + 1, err); /* vsnprintf writes a NUL */
        if (status == GRAFT_OK) {
            (void)vsnprintf((char *)buffer->data + buffer->bytes, length + 1, format, again);
            buffer->bytes += length;
        }
    }
    va_end(again);
    va_end(args);
    return status;
}

graft_status gft_buffer_terminate(gft_buffer *buffer, graft_error *err) {
    GFT_TRY(make_room(buffer, 1, buffer->max_bytes + 1, err));
    buffer->data[buffer->bytes] = 0;
    return GRAFT_OK;
}
