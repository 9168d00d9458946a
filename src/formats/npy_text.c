/*
 * NumPy's string elements: fixed size, zeros behind shorter ones (numpy.dtype 'S', 'U', 'V').
 */
#include "formats/npy_text.h"

#include <string.h>

#include "base/size.h"

static uint32_t code_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One character as UTF-8; the number of bytes, 0 if it is none. */
static size_t put_utf8(uint32_t code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        if (code >= 0xd800 && code < 0xe000)
            return 0;
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    if (code > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* All text behind one another in the arena: UTF-8 never needs more than UTF-32's four bytes. */
static graft_status from_utf32(const uint8_t *elements, size_t count, size_t unit,
                               const char *where, gft_arena *arena, graft_string_view *out,
                               graft_error *err) {
    size_t total;
    if (!gft_size_mul(count, unit, &total))
        return gft_fail_memory(err, SIZE_MAX, where);
    char *text = gft_arena_alloc(arena, total);
    if (!text)
        return gft_fail_memory(err, total, where);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = elements + i * unit;
        size_t length = unit;
        while (length > 0 && code_at(p + length - 4) == 0)
            length -= 4;
        out[i].data = text;
        for (size_t k = 0; k < length; k += 4) {
            const size_t n = put_utf8(code_at(p + k), text);
            if (n == 0)
                return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                "%s: element %zu holds the code 0x%x, expected Unicode characters",
                                where, i, (unsigned)code_at(p + k));
            text += n;
        }
        out[i].bytes = (size_t)(text - out[i].data);
    }
    return GRAFT_OK;
}

graft_status gft_npy_views(const uint8_t *elements, size_t count, size_t unit, char kind,
                           const char *where, gft_arena *arena, graft_string_view *out,
                           graft_error *err) {
    if (kind == 'U')
        return from_utf32(elements, count, unit, where, arena, out, err);
    for (size_t i = 0; i < count; i++) {
        out[i].data = (const char *)elements + i * unit;
        out[i].bytes = unit;
        while (kind == 'S' && out[i].bytes > 0 && out[i].data[out[i].bytes - 1] == '\0')
            out[i].bytes--;
    }
    return GRAFT_OK;
}

size_t gft_npy_longest(const graft_string_view *views, size_t count) {
    size_t longest = 1;
    for (size_t i = 0; i < count; i++)
        longest = gft_size_max(longest, views[i].bytes);
    return longest;
}

graft_status gft_npy_append_views(gft_buffer *buffer, const graft_string_view *views, size_t count,
                                  size_t unit, graft_error *err) {
    size_t total;
    if (!gft_size_mul(count, unit, &total))
        return gft_fail_memory(err, SIZE_MAX, "strings of an array");
    uint8_t *p = gft_buffer_reserve(buffer, total, err);
    if (!p)
        return gft_fail_memory(err, total, "strings of an array");
    if (total > 0)
        memset(p, 0, total);
    for (size_t i = 0; i < count; i++) {
        if (views[i].bytes > 0)
            memcpy(p + i * unit, views[i].data, views[i].bytes);
    }
    buffer->bytes += total;
    return GRAFT_OK;
}
