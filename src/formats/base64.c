/*
 * Base64, RFC 4648 sections 4 and 5.
 */
#include "formats/base64.h"

static int digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

graft_status gft_base64_decode(const char *text, size_t length, const char *where, gft_arena *arena,
                               uint8_t **out, size_t *bytes, graft_error *err) {
    size_t digits = length;
    while (digits > 0 && length - digits < 2 && text[digits - 1] == '=')
        digits--;
    if (digits % 4 == 1 || (digits < length && length % 4 != 0))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: base64 of %zu characters, which cannot be",
                        where, length);
    uint8_t *data = gft_arena_alloc(arena, digits / 4 * 3 + 3);
    if (!data)
        return gft_fail_memory(err, digits / 4 * 3 + 3, where);
    size_t count = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < digits; i++) {
        const int d = digit(text[i]);
        if (d < 0)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: character %zu of a base64 text is byte 0x%02x", where, i,
                            (unsigned)(unsigned char)text[i]);
        group = group << 6 | (uint32_t)d;
        if (i % 4 > 0)
            data[count++] = (uint8_t)(group >> (6 - i % 4 * 2) & 0xff);
    }
    *out = data;
    *bytes = count;
    return GRAFT_OK;
}

graft_status gft_base64_append(gft_buffer *buffer, const void *data, size_t bytes,
                               graft_error *err) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = data;
    for (size_t i = 0; i < bytes; i += 3) {
        const size_t left = bytes - i;
        const uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)in[i + 2] : 0);
        const char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63],
                              left > 1 ? alphabet[group >> 6 & 63] : '=',
                              left > 2 ? alphabet[group & 63] : '='};
        GFT_TRY(gft_buffer_append(buffer, text, 4, err));
    }
    return GRAFT_OK;
}
