/*
 * BMP (Windows bitmap): own bounded reader. Headers BITMAPCOREHEADER, BITMAPINFOHEADER and its
 * V2..V5 extensions; 1, 2, 4, 8 bits with a palette, 16, 24, 32 bits, BITFIELDS masks; bottom-up
 * and top-down. RLE lives in picture_bmp_rle.c.
 *
 * Alpha is dropped. Samples narrower than 8 bits become v * 255 / max, as in PIL.
 */
#include "formats/picture_bmp.h"

#include <string.h>

#include "base/cursor.h"
#include "base/size.h"
#include "formats/picture_priv.h"

enum { BMP_RGB = 0, BMP_RLE8 = 1, BMP_RLE4 = 2, BMP_BITFIELDS = 3, BMP_ALPHABITFIELDS = 6 };

static graft_status check_header(const bmp_header *h, const char *where, graft_error *err) {
    bool ok = false;
    switch (h->compression) {
    case BMP_RGB:
        ok = h->bits == 1 || h->bits == 2 || h->bits == 4 || h->bits == 8 || h->bits == 16 ||
             h->bits == 24 || h->bits == 32;
        break;
    case BMP_RLE8:
        ok = h->bits == 8 && !h->top_down;
        break;
    case BMP_RLE4:
        ok = h->bits == 4 && !h->top_down;
        break;
    case BMP_BITFIELDS:
    case BMP_ALPHABITFIELDS:
        ok = h->bits == 16 || h->bits == 32;
        break;
    default:
        break;
    }
    if (!ok)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: BMP with compression %u and %u bits per pixel is not read", where,
                        h->compression, h->bits);
    return GRAFT_OK;
}

static graft_status read_core(gft_cursor *c, bmp_header *h, graft_error *err) {
    uint16_t width, height, planes, bits;
    GFT_TRY(gft_cursor_u16(c, &width, "width", err));
    GFT_TRY(gft_cursor_u16(c, &height, "height", err));
    GFT_TRY(gft_cursor_u16(c, &planes, "planes", err));
    GFT_TRY(gft_cursor_u16(c, &bits, "bits per pixel", err));
    h->width = width;
    h->height = height;
    h->bits = bits;
    h->palette_entry_bytes = 3;
    return GRAFT_OK;
}

static graft_status read_info(gft_cursor *c, uint32_t header_bytes, bmp_header *h,
                              graft_error *err) {
    uint32_t width, height, skipped, used;
    uint16_t planes, bits;
    GFT_TRY(gft_cursor_u32(c, &width, "width", err));
    GFT_TRY(gft_cursor_u32(c, &height, "height", err));
    GFT_TRY(gft_cursor_u16(c, &planes, "planes", err));
    GFT_TRY(gft_cursor_u16(c, &bits, "bits per pixel", err));
    GFT_TRY(gft_cursor_u32(c, &h->compression, "compression", err));
    GFT_TRY(gft_cursor_u32(c, &skipped, "image size", err));
    GFT_TRY(gft_cursor_u32(c, &skipped, "horizontal resolution", err));
    GFT_TRY(gft_cursor_u32(c, &skipped, "vertical resolution", err));
    GFT_TRY(gft_cursor_u32(c, &used, "palette size", err));
    GFT_TRY(gft_cursor_u32(c, &skipped, "important colours", err));
    h->top_down = (height & 0x80000000u) != 0;
    h->width = width;
    h->height = h->top_down ? 0u - height : height;
    h->bits = bits;
    h->palette_used = used;
    h->palette_entry_bytes = 4;
    if (h->compression == BMP_BITFIELDS || h->compression == BMP_ALPHABITFIELDS) {
        /* In the header itself from V2 (52 bytes) on, else right behind it: the same place. */
        for (int i = 0; i < 3; i++)
            GFT_TRY(gft_cursor_u32(c, &h->masks[i], "colour mask", err));
        if (header_bytes == 40)
            h->masks_behind_bytes = h->compression == BMP_ALPHABITFIELDS ? 16 : 12;
    } else if (bits == 16) {
        h->masks[0] = 0x7c00, h->masks[1] = 0x03e0, h->masks[2] = 0x001f;
    } else {
        h->masks[0] = 0xff0000, h->masks[1] = 0x00ff00, h->masks[2] = 0x0000ff;
    }
    return GRAFT_OK;
}

static graft_status read_header(gft_cursor *c, bmp_header *h, graft_error *err) {
    uint32_t data_at, header_bytes;
    GFT_TRY(gft_cursor_seek(c, 10, err));
    GFT_TRY(gft_cursor_u32(c, &data_at, "offset of the pixels", err));
    GFT_TRY(gft_cursor_u32(c, &header_bytes, "header size", err));
    if (header_bytes == 12)
        GFT_TRY(read_core(c, h, err));
    else if (header_bytes == 40 || header_bytes == 52 || header_bytes == 56 || header_bytes == 64 ||
             header_bytes == 108 || header_bytes == 124)
        GFT_TRY(read_info(c, header_bytes, h, err));
    else
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: BMP with a header of %u bytes is not read",
                        c->where, header_bytes);
    GFT_TRY(check_header(h, c->where, err));
    h->data_at = data_at;
    GFT_TRY(gft_cursor_seek(c, 14 + (size_t)header_bytes + h->masks_behind_bytes, err));
    return GRAFT_OK;
}

/* Colours past the end of the palette stay black. */
static graft_status read_palette(gft_cursor *c, bmp_header *h, graft_error *err) {
    if (h->bits > 8)
        return GRAFT_OK;
    size_t entries = (size_t)1 << h->bits;
    if (h->palette_used != 0 && h->palette_used < entries)
        entries = h->palette_used;
    if (h->data_at > c->at) /* a short palette of an old core header ends where the pixels begin */
        entries = gft_size_min(entries, (h->data_at - c->at) / h->palette_entry_bytes);
    const uint8_t *p;
    GFT_TRY(gft_cursor_take(c, entries * h->palette_entry_bytes, &p, "palette", err));
    for (size_t i = 0; i < entries; i++, p += h->palette_entry_bytes) {
        h->palette[i][0] = p[2];
        h->palette[i][1] = p[1];
        h->palette[i][2] = p[0];
    }
    return GRAFT_OK;
}

typedef struct bmp_field {
    uint32_t mask;
    unsigned shift;
    uint64_t max;
} bmp_field;

static bmp_field field_of(uint32_t mask) {
    bmp_field f = {mask, 0, 0};
    if (mask != 0) {
        f.shift = (unsigned)__builtin_ctz(mask);
        f.max = mask >> f.shift;
    }
    return f;
}

static uint8_t field_value(const bmp_field *f, uint32_t pixel) {
    if (f->max == 0)
        return 0;
    return (uint8_t)((uint64_t)((pixel & f->mask) >> f->shift) * 255 / f->max);
}

static void row_masked(const bmp_header *h, const bmp_field fields[3], const uint8_t *in,
                       uint8_t *out) {
    for (size_t x = 0; x < h->width; x++) {
        uint32_t pixel;
        if (h->bits == 16)
            pixel = (uint32_t)in[2 * x] | (uint32_t)in[2 * x + 1] << 8;
        else
            pixel = (uint32_t)in[4 * x] | (uint32_t)in[4 * x + 1] << 8 |
                    (uint32_t)in[4 * x + 2] << 16 | (uint32_t)in[4 * x + 3] << 24;
        for (size_t i = 0; i < 3; i++)
            out[3 * x + i] = field_value(&fields[i], pixel);
    }
}

static void row_bgr(const bmp_header *h, const uint8_t *in, uint8_t *out) {
    for (size_t x = 0; x < h->width; x++) {
        out[3 * x] = in[3 * x + 2];
        out[3 * x + 1] = in[3 * x + 1];
        out[3 * x + 2] = in[3 * x];
    }
}

static void row_palette(const bmp_header *h, const uint8_t *in, uint8_t *out) {
    unsigned per_byte = 8 / h->bits;
    unsigned mask = (1u << h->bits) - 1;
    for (size_t x = 0; x < h->width; x++) {
        unsigned shift = (unsigned)(per_byte - 1 - x % per_byte) * h->bits;
        memcpy(out + 3 * x, h->palette[(unsigned)(in[x / per_byte] >> shift) & mask], 3);
    }
}

static graft_status read_rows(gft_cursor *c, const bmp_header *h, gft_picture *picture,
                              graft_error *err) {
    size_t stride = ((size_t)h->width * h->bits + 31) / 32 * 4;
    size_t needed = stride * (h->height - 1) +
                    ((size_t)h->width * h->bits + 7) / 8; /* the last row's padding may lack */
    if (needed > gft_cursor_left(c))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: the BMP file ends early: %zu of %zu bytes of pixels are there",
                        c->where, gft_cursor_left(c), needed);
    GFT_TRY(gft_picture_init(picture, h->height, h->width, c->where, err));
    bmp_field fields[3] = {field_of(h->masks[0]), field_of(h->masks[1]), field_of(h->masks[2])};
    for (size_t i = 0; i < h->height; i++) {
        const uint8_t *in = c->data + c->at + i * stride;
        size_t y = h->top_down ? i : h->height - 1 - i;
        uint8_t *out = picture->pixels + y * h->width * 3;
        if (h->bits <= 8)
            row_palette(h, in, out);
        else if (h->bits == 24)
            row_bgr(h, in, out);
        else
            row_masked(h, fields, in, out);
    }
    return GRAFT_OK;
}

graft_status gft_picture_decode_bmp(const uint8_t *bytes, size_t count, const char *where,
                                    gft_picture *picture, graft_error *err) {
    gft_cursor c = gft_cursor_make(bytes, count, where);
    bmp_header h;
    memset(&h, 0, sizeof h);
    GFT_TRY(read_header(&c, &h, err));
    GFT_TRY(read_palette(&c, &h, err));
    GFT_TRY(gft_cursor_seek(&c, h.data_at, err));
    if (h.width == 0 || h.height == 0 || h.width > GFT_PICTURE_MAX_SIDE ||
        h.height > GFT_PICTURE_MAX_SIDE) {
        gft_picture none = {0}; /* for its message */
        return gft_picture_init(&none, h.height, h.width, where, err);
    }
    gft_picture made = {0};
    graft_status status;
    if (h.compression == BMP_RLE8 || h.compression == BMP_RLE4)
        status = gft_bmp_read_rle(&c, &h, &made, err);
    else
        status = read_rows(&c, &h, &made, err);
    if (status == GRAFT_OK)
        *picture = made;
    else
        gft_picture_deinit(&made);
    return status;
}
