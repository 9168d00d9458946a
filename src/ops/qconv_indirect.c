/*
 * Builds the indirection of a block of output pixels of a quantised convolution; see
 * ops/qconv_indirect.h.
 */
#include "ops/qconv_indirect.h"

#include <string.h>

#include "base/size.h"

#define RUN_BYTES 64 /* windows up to this many bytes wide are taken row by row */

gft_qconv_taps gft_qconv_taps_of(const gft_conv_geometry *geo) {
    bool runs = geo->groups == 1 && geo->dilation_w == 1 && geo->kw > 1 && geo->kw <= RUN_BYTES &&
                geo->c <= RUN_BYTES && geo->c * geo->kw <= RUN_BYTES;
    if (runs)
        return (gft_qconv_taps){geo->kh, geo->kw * geo->c, true};
    return (gft_qconv_taps){geo->kh * geo->kw, geo->group_c, false};
}

int64_t gft_qconv_edge_bytes(const gft_qconv_taps *taps) {
    return taps->runs ? taps->taps * taps->depth : 0;
}

/* One row of a window that begins at column iw. */
static const uint8_t *window_row(const gft_conv_geometry *geo, const uint8_t *line, int64_t iw,
                                 const uint8_t *padding, uint8_t **edge) {
    if (iw >= 0 && iw + geo->kw <= geo->w)
        return line + iw * geo->c;
    uint8_t *copy = *edge;
    *edge += geo->kw * geo->c;
    int64_t from = gft_i64_min(gft_i64_max(iw, 0), geo->w);
    int64_t to = gft_i64_max(gft_i64_min(iw + geo->kw, geo->w), from);
    memcpy(copy, padding, (size_t)(geo->kw * geo->c));
    if (to > from)
        memcpy(copy + (from - iw) * geo->c, line + from * geo->c, (size_t)((to - from) * geo->c));
    return copy;
}

/* Output pixels ow..ow+count-1 of one row. */
typedef struct segment {
    const uint8_t *picture, *padding;
    int64_t oh, ow, count;
    const uint8_t **out;
    int64_t stride; /* pointers from tap to tap */
} segment;

static void segment_runs(const gft_conv_geometry *geo, const segment *s, uint8_t **edge) {
    for (int64_t kh = 0; kh < geo->kh; kh++) {
        int64_t h = s->oh * geo->stride_h - geo->pad_top + kh * geo->dilation_h;
        const uint8_t **out = s->out + kh * s->stride;
        bool inside = h >= 0 && h < geo->h;
        const uint8_t *line = inside ? s->picture + h * geo->w * geo->c : NULL;
        for (int64_t i = 0; i < s->count; i++) {
            int64_t iw = (s->ow + i) * geo->stride_w - geo->pad_left;
            out[i] = inside ? window_row(geo, line, iw, s->padding, edge) : s->padding;
        }
    }
}

static void segment_taps(const gft_conv_geometry *geo, const segment *s) {
    for (int64_t kw = 0; kw < geo->kw; kw++) {
        int64_t first;
        int64_t end;
        int64_t start = s->ow * geo->stride_w - geo->pad_left + kw * geo->dilation_w;
        gft_conv_valid_range(geo->w, s->count, geo->stride_w, -start, 0, &first, &end);
        for (int64_t kh = 0; kh < geo->kh; kh++) {
            int64_t h = s->oh * geo->stride_h - geo->pad_top + kh * geo->dilation_h;
            const uint8_t **out = s->out + (kh * geo->kw + kw) * s->stride;
            bool inside = h >= 0 && h < geo->h;
            int64_t from = inside ? first : s->count;
            int64_t to = inside ? end : s->count;
            int64_t i = 0;
            for (; i < from; i++)
                out[i] = s->padding;
            for (; i < to; i++)
                out[i] = s->picture + (h * geo->w + start + i * geo->stride_w) * geo->c;
            for (; i < s->count; i++)
                out[i] = s->padding;
        }
    }
}

void gft_qconv_indirect(const gft_conv_geometry *geo, const gft_qconv_taps *taps, const uint8_t *x,
                        int64_t group, int64_t row, int64_t rows, const uint8_t *padding,
                        uint8_t *edge, const uint8_t **out) {
    x += group * geo->group_c;
    bool direct = taps->taps == 1 && geo->stride_h == 1 && geo->stride_w == 1 &&
                  geo->oh == geo->h && geo->ow == geo->w && geo->pad_top == 0 && geo->pad_left == 0;
    if (direct) {
        for (int64_t i = 0; i < rows; i++)
            out[i] = x + (row + i) * geo->c;
        return;
    }
    segment s = {.stride = rows, .padding = padding};
    for (int64_t i = 0; i < rows; i += s.count) {
        int64_t line = (row + i) / geo->ow;
        s.ow = (row + i) % geo->ow;
        s.oh = line % geo->oh;
        s.picture = x + line / geo->oh * geo->h * geo->w * geo->c;
        s.count = gft_i64_min(geo->ow - s.ow, rows - i);
        s.out = out + i;
        if (taps->runs)
            segment_runs(geo, &s, &edge);
        else
            segment_taps(geo, &s);
    }
}
