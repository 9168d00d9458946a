/*
 * BMP run-length data (RLE8, RLE4): encoded runs, absolute runs, end of line, delta, end of bitmap.
 *
 * Pixels that are jumped over have palette entry 0. Runs past the end of a line are cut there. Data
 * that stops before the end of the bitmap is DATA_LOSS unless the last line is complete.
 */
#include <string.h>

#include "formats/picture_bmp.h"
#include "formats/picture_priv.h"

typedef struct rle_state {
    const bmp_header *h;
    uint8_t *pixels;
    uint32_t x;
    uint32_t y; /* from the bottom */
} rle_state;

static void put(rle_state *s, unsigned index) {
    if (s->x < s->h->width && s->y < s->h->height) {
        size_t row = s->h->height - 1 - s->y;
        memcpy(s->pixels + (row * s->h->width + s->x) * 3, s->h->palette[index], 3);
        s->x++;
    }
}

static void put_run(rle_state *s, unsigned count, uint8_t value) {
    for (unsigned i = 0; i < count; i++) {
        if (s->h->bits == 8)
            put(s, value);
        else
            put(s, (i & 1) ? value & 15u : value >> 4);
    }
}

static graft_status absolute_run(gft_cursor *c, rle_state *s, unsigned count, graft_error *err) {
    size_t bytes = s->h->bits == 8 ? count : (count + 1) / 2;
    const uint8_t *p;
    GFT_TRY(gft_cursor_take(c, bytes, &p, "absolute run", err));
    for (unsigned i = 0; i < count; i++) {
        if (s->h->bits == 8)
            put(s, p[i]);
        else
            put(s, (i & 1) ? p[i / 2] & 15u : p[i / 2] >> 4);
    }
    if (bytes & 1 && gft_cursor_left(c) > 0) { /* padded to 16 bits */
        uint8_t pad;
        GFT_TRY(gft_cursor_u8(c, &pad, "padding", err));
    }
    return GRAFT_OK;
}

static bool complete(const rle_state *s) {
    return s->y >= s->h->height || (s->y == s->h->height - 1 && s->x >= s->h->width);
}

/* One escape: 0 end of line, 1 end of bitmap, 2 delta, else an absolute run. */
static graft_status escape(gft_cursor *c, rle_state *s, bool *ended, graft_error *err) {
    uint8_t code, dx, dy;
    GFT_TRY(gft_cursor_u8(c, &code, "run escape", err));
    switch (code) {
    case 0:
        s->x = 0;
        s->y++;
        return GRAFT_OK;
    case 1:
        *ended = true;
        return GRAFT_OK;
    case 2:
        GFT_TRY(gft_cursor_u8(c, &dx, "delta", err));
        GFT_TRY(gft_cursor_u8(c, &dy, "delta", err));
        s->x += dx;
        s->y += dy;
        return GRAFT_OK;
    default:
        return absolute_run(c, s, code, err);
    }
}

graft_status gft_bmp_read_rle(gft_cursor *c, const bmp_header *h, gft_picture *picture,
                              graft_error *err) {
    GFT_TRY(gft_picture_init(picture, h->height, h->width, c->where, err));
    size_t pixels = (size_t)h->width * h->height;
    for (size_t i = 0; i < pixels; i++)
        memcpy(picture->pixels + 3 * i, h->palette[0], 3);

    rle_state s = {h, picture->pixels, 0, 0};
    bool ended = false;
    while (!ended && s.y < h->height) {
        if (gft_cursor_left(c) < 2) {
            if (complete(&s))
                break;
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: the BMP run-length data ends early: %u of %u lines are there",
                            c->where, s.y, h->height);
        }
        uint8_t count, value;
        GFT_TRY(gft_cursor_u8(c, &count, "run length", err));
        if (count == 0) {
            GFT_TRY(escape(c, &s, &ended, err));
            continue;
        }
        GFT_TRY(gft_cursor_u8(c, &value, "run value", err));
        put_run(&s, count, value);
    }
    return GRAFT_OK;
}
