/*
 * Builds the indirection of a block of output pixels. Costs a few instructions per pixel and tap,
 * against depth * oc multiply-adds, and is used for all panels of the block.
 */
#include "ops/conv_indirect.h"

#include <string.h>

#include "base/size.h"

#define RUN_FLOATS 64 /* windows up to this many floats wide are taken row by row */

gft_conv_taps gft_conv_taps_of(const gft_conv_geometry *geo) {
    bool runs = geo->groups == 1 && geo->dilation_w == 1 && geo->kw > 1 && geo->kw <= RUN_FLOATS &&
                geo->c <= RUN_FLOATS && geo->c * geo->kw <= RUN_FLOATS;
    if (runs)
        return (gft_conv_taps){geo->kh, geo->kw * geo->c, true};
    return (gft_conv_taps){geo->kh * geo->kw, geo->group_c, false};
}

int64_t gft_conv_edge_floats(const gft_conv_taps *taps, int64_t rows) {
    return taps->runs ? taps->taps * taps->depth * rows : 0;
}

/* One row of a window that begins at column iw, as kw pixels of `pixel` bytes. */
static const void *window_row(const gft_conv_geometry *geo, const char *line, int64_t iw,
                              int64_t pixel, char **edge) {
    if (iw >= 0 && iw + geo->kw <= geo->w)
        return line + iw * pixel;
    char *copy = *edge;
    *edge += geo->kw * pixel;
    int64_t from = gft_i64_min(gft_i64_max(iw, 0), geo->w);
    int64_t to = gft_i64_max(gft_i64_min(iw + geo->kw, geo->w), from);
    memset(copy, 0, (size_t)(geo->kw * pixel));
    if (to > from)
        memcpy(copy + (from - iw) * pixel, line + from * pixel, (size_t)((to - from) * pixel));
    return copy;
}

/* Pixels ow.. of one output row that lie in the block: out[i] for tap 0 of the first of them. */
typedef struct segment {
    const char *picture;
    int64_t pixel; /* bytes */
    int64_t oh, ow, count;
    const void **out;
    int64_t stride; /* pointers from tap to tap */
} segment;

/*
 * Output columns of the segment, counted from its start, whose input column + offset is in
 * 0..size-1.
 */
static void inside(const gft_conv_geometry *geo, const segment *s, int64_t size, int64_t offset,
                   int64_t *first, int64_t *end) {
    gft_conv_valid_range(size, s->ow + s->count, geo->stride_w, geo->pad_left, offset, first, end);
    *first = gft_i64_max(*first - s->ow, 0);
    *end = gft_i64_max(*end - s->ow, *first);
}

static void segment_runs(const gft_conv_geometry *geo, const segment *s, const char *zeros,
                         char **edge) {
    int64_t first;
    int64_t end;
    inside(geo, s, geo->w - geo->kw + 1, 0, &first, &end);
    for (int64_t kh = 0; kh < geo->kh; kh++) {
        int64_t h = s->oh * geo->stride_h - geo->pad_top + kh * geo->dilation_h;
        const void **out = s->out + kh * s->stride;
        bool row_inside = h >= 0 && h < geo->h;
        const char *line = row_inside ? s->picture + h * geo->w * s->pixel : zeros;
        for (int64_t i = 0; i < s->count; i++) {
            int64_t iw = (s->ow + i) * geo->stride_w - geo->pad_left;
            if (!row_inside)
                out[i] = zeros;
            else if (i >= first && i < end)
                out[i] = line + iw * s->pixel;
            else
                out[i] = window_row(geo, line, iw, s->pixel, edge);
        }
    }
}

static void segment_taps(const gft_conv_geometry *geo, const segment *s, const char *zeros) {
    int64_t step = geo->stride_w * s->pixel;
    for (int64_t kw = 0; kw < geo->kw; kw++) {
        int64_t offset = kw * geo->dilation_w;
        int64_t first;
        int64_t end;
        inside(geo, s, geo->w, offset, &first, &end);
        for (int64_t kh = 0; kh < geo->kh; kh++) {
            int64_t h = s->oh * geo->stride_h - geo->pad_top + kh * geo->dilation_h;
            const void **out = s->out + (kh * geo->kw + kw) * s->stride;
            bool row_inside = h >= 0 && h < geo->h;
            int64_t from = row_inside ? first : s->count;
            int64_t to = row_inside ? end : s->count;
            int64_t i = 0;
            for (; i < from; i++)
                out[i] = zeros;
            int64_t column = (s->ow + i) * geo->stride_w - geo->pad_left + offset;
            const char *pixel = i < to ? s->picture + (h * geo->w + column) * s->pixel : zeros;
            for (; i < to; i++, pixel += step)
                out[i] = pixel;
            for (; i < s->count; i++)
                out[i] = zeros;
        }
    }
}

void gft_conv_indirect_of(const gft_conv_geometry *geo, const gft_conv_taps *taps, const void *x,
                          size_t elem, int64_t group, int64_t row, int64_t rows, const void *zeros,
                          void *edge, const void **out) {
    const int64_t size = (int64_t)elem;
    const char *first = (const char *)x + group * geo->group_c * size;
    char *copies = edge;
    bool direct = taps->taps == 1 && geo->stride_h == 1 && geo->stride_w == 1 &&
                  geo->oh == geo->h && geo->ow == geo->w && geo->pad_top == 0 && geo->pad_left == 0;
    if (direct) {
        for (int64_t i = 0; i < rows; i++)
            out[i] = first + (row + i) * geo->c * size;
        return;
    }
    segment s = {.stride = rows, .pixel = geo->c * size};
    for (int64_t i = 0; i < rows; i += s.count) {
        int64_t line = (row + i) / geo->ow;
        s.ow = (row + i) % geo->ow;
        s.oh = line % geo->oh;
        s.picture = first + line / geo->oh * geo->h * geo->w * s.pixel;
        s.count = gft_i64_min(geo->ow - s.ow, rows - i);
        s.out = out + i;
        if (taps->runs)
            segment_runs(geo, &s, zeros, &copies);
        else
            segment_taps(geo, &s, zeros);
    }
}

void gft_conv_indirect(const gft_conv_geometry *geo, const gft_conv_taps *taps, const float *x,
                       int64_t group, int64_t row, int64_t rows, const float *zeros, float *edge,
                       const float **out) {
    /* void pointers alias all others, so the caller sees what is stored through them */
    gft_conv_indirect_of(geo, taps, x, sizeof *x, group, row, rows, zeros, edge,
                         (const void **)(void *)out);
}
