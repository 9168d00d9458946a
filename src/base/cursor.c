/*
 * Bounded little-endian reader. Nothing is read, and the position does not move, unless enough
 * bytes are left.
 */
#include "base/cursor.h"

gft_cursor gft_cursor_make(const void *data, size_t bytes, const char *where) {
    return (gft_cursor){data, bytes, 0, where ? where : "input"};
}

size_t gft_cursor_left(const gft_cursor *cursor) {
    return cursor->bytes - cursor->at;
}

static graft_status need(const gft_cursor *c, size_t bytes, const char *what, graft_error *err) {
    size_t left = gft_cursor_left(c);
    if (bytes <= left)
        return GRAFT_OK;
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: at byte %zu: %s needs %zu bytes, %zu are left",
                    c->where, c->at, what, bytes, left);
}

static uint64_t little_endian(const uint8_t *p, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

graft_status gft_cursor_u8(gft_cursor *c, uint8_t *out, const char *what, graft_error *err) {
    GFT_TRY(need(c, 1, what, err));
    *out = c->data[c->at];
    c->at += 1;
    return GRAFT_OK;
}

graft_status gft_cursor_u16(gft_cursor *c, uint16_t *out, const char *what, graft_error *err) {
    GFT_TRY(need(c, 2, what, err));
    *out = (uint16_t)little_endian(c->data + c->at, 2);
    c->at += 2;
    return GRAFT_OK;
}

graft_status gft_cursor_u32(gft_cursor *c, uint32_t *out, const char *what, graft_error *err) {
    GFT_TRY(need(c, 4, what, err));
    *out = (uint32_t)little_endian(c->data + c->at, 4);
    c->at += 4;
    return GRAFT_OK;
}

graft_status gft_cursor_u64(gft_cursor *c, uint64_t *out, const char *what, graft_error *err) {
    GFT_TRY(need(c, 8, what, err));
    *out = little_endian(c->data + c->at, 8);
    c->at += 8;
    return GRAFT_OK;
}

graft_status gft_cursor_varint(gft_cursor *c, uint64_t *out, const char *what, graft_error *err) {
    uint64_t value = 0;
    size_t left = gft_cursor_left(c);
    for (size_t i = 0; i < 10; i++) {
        if (i == left)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: at byte %zu: %s is a varint cut off after %zu bytes", c->where,
                            c->at, what, i);
        uint8_t byte = c->data[c->at + i];
        if (i == 9 && byte > 1)
            break; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            c->at += i + 1;
            *out = value;
            return GRAFT_OK;
        }
    }
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: at byte %zu: %s is a varint longer than 64 bits",
                    c->where, c->at, what);
}

graft_status gft_cursor_take(gft_cursor *c, size_t bytes, const uint8_t **out, const char *what,
                             graft_error *err) {
    GFT_TRY(need(c, bytes, what, err));
    *out = c->data ? c->data + c->at : (const uint8_t *)"";
    c->at += bytes;
    return GRAFT_OK;
}

graft_status gft_cursor_seek(gft_cursor *c, size_t at, graft_error *err) {
    if (at > c->bytes)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: an offset points to byte %zu, there are %zu",
                        c->where, at, c->bytes);
    c->at = at;
    return GRAFT_OK;
}
