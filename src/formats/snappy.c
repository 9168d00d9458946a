/*
 * A snappy stream is a length, then literals and copies of what was already decoded. The output is
 * reserved at once, after the declared length was found possible for an input of this size.
 */
#include "formats/snappy.h"

#include <string.h>

#include "base/cursor.h"

#define MAX_GAIN 22 /* 64 bytes from a copy of 3 bytes */

typedef struct decoder {
    gft_cursor in;
    uint8_t *out;
    size_t at;
    size_t bytes;
} decoder;

static graft_status damaged(const decoder *d, const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: snappy stream, byte %zu: %s", d->in.where, d->in.at,
                    what);
}

/* A little-endian number of 1 to 4 bytes. */
static graft_status number(decoder *d, size_t bytes, uint32_t *out, graft_error *err) {
    const uint8_t *p = NULL;
    GFT_TRY(gft_cursor_take(&d->in, bytes, &p, "a snappy element", err));
    uint32_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v |= (uint32_t)p[i] << (8 * i);
    *out = v;
    return GRAFT_OK;
}

static graft_status literal(decoder *d, uint8_t tag, graft_error *err) {
    uint32_t last = tag >> 2; /* length - 1, or how many bytes that takes */
    if (last >= 60)
        GFT_TRY(number(d, last - 59, &last, err));
    uint64_t length = (uint64_t)last + 1;
    const uint8_t *p = NULL;
    if (length > d->bytes - d->at)
        return damaged(d, "a literal beyond the declared length", err);
    GFT_TRY(gft_cursor_take(&d->in, (size_t)length, &p, "a snappy literal", err));
    memcpy(d->out + d->at, p, (size_t)length);
    d->at += (size_t)length;
    return GRAFT_OK;
}

static graft_status copy(decoder *d, uint8_t tag, graft_error *err) {
    uint32_t offset = 0;
    size_t length = (size_t)(tag >> 2) + 1;
    if ((tag & 3) == 1) {
        GFT_TRY(number(d, 1, &offset, err));
        offset |= (uint32_t)(tag >> 5) << 8;
        length = (size_t)(tag >> 2 & 7) + 4;
    } else {
        GFT_TRY(number(d, (tag & 3) == 2 ? 2 : 4, &offset, err));
    }
    if (offset == 0 || offset > d->at || length > d->bytes - d->at)
        return damaged(d, "a copy from or to outside the data", err);
    /* Byte by byte: source and target may overlap, which repeats a pattern. */
    for (size_t i = 0; i < length; i++, d->at++)
        d->out[d->at] = d->out[d->at - offset];
    return GRAFT_OK;
}

graft_status gft_snappy_decode(const void *data, size_t bytes, const char *where, gft_buffer *out,
                               graft_error *err) {
    decoder d = {.in = gft_cursor_make(data, bytes, where)};
    uint64_t length = 0;
    GFT_TRY(gft_cursor_varint(&d.in, &length, "the length of a snappy stream", err));
    if (length / MAX_GAIN > bytes)
        return damaged(&d, "a declared length that its bytes cannot give", err);
    gft_buffer_clear(out);
    d.bytes = (size_t)length;
    d.out = gft_buffer_reserve(out, d.bytes, err);
    if (!d.out)
        return err ? err->code : GRAFT_RESOURCE_EXHAUSTED;
    while (gft_cursor_left(&d.in) > 0) {
        uint8_t tag = 0;
        GFT_TRY(gft_cursor_u8(&d.in, &tag, "a snappy element", err));
        GFT_TRY((tag & 3) == 0 ? literal(&d, tag, err) : copy(&d, tag, err));
    }
    if (d.at != d.bytes)
        return damaged(&d, "fewer bytes than the declared length", err);
    out->bytes = d.bytes;
    return GRAFT_OK;
}
