/*
 * Builds the indirection of a block of output pixels. Costs a few instructions per pixel and tap, against depth * oc
 * multiply-adds, and is used for all panels of the block.
 */
#include "ops/conv_indirect.h"

#include <string.h>

#include "base/size.h"

#define RUN_FLOATS 64 /* windows up to this many floats wide are taken row by row */

gft_conv_taps gft_conv_taps_of(const gft_conv_geometry *geo) {
    bool runs = geo->groups == 1 && geo->dilation_w == 1 && geo->kw > 1 && geo->kw <= RUN_FLOATS && geo->c <= RUN_FLOATS &&
                geo->c * geo->kw <= RUN_FLOATS;
    if (runs)
        return (gft_conv_taps){geo->kh, geo->kw * geo->c, true};
    return (gft_conv_taps){geo->kh * geo->kw, geo->group_c, false};
}

int64_t gft_conv_edge_floats(const gft_conv_taps *taps, int64_t rows) {
    return taps->runs ? taps->taps * taps->depth * rows : 0;
}

/* One row of a window that begins at column iw, as kw * c floats. */
static const float *window_row(const gft_conv_geometry *geo, const float *line, int64_t iw, float **edge) {
    if (iw >= 0 && iw + geo->kw <= geo->w)
        return line + iw * geo->c;
    float *copy = *edge;
    *edge += geo->kw * geo->c;
    int64_t from = gft_i64_min(gft_i64_max(iw, 0), geo->w);
    int64_t to = gft_i64_max(gft_i64_min(iw + geo->kw, geo->w), from);
    memset(copy, 0, (size_t)(geo->kw * geo->c) * sizeof(float));
    if (to > from)
        memcpy(copy + (from - iw) * geo->c, line + from * geo->c, (size_t)((to - from) * geo->c) * sizeof(float));
    return copy;
}

static void pixel_runs(const gft_conv_geometry *geo, const float *picture, int64_t ih, int64_t iw, int64_t rows,
                       const float *zeros, float **edge, const float **out) {
    for (int64_t kh = 0; kh < geo->kh; kh++, out += rows) {
        int64_t h = ih + kh * geo->dilation_h;
        *out = h >= 0 && h < geo->h ? window_row(geo, picture + h * geo->w * geo->c, iw, edge) : zeros;
    }
}

static void pixel_taps(const gft_conv_geometry *geo, const float *picture, int64_t ih, int64_t iw, int64_t rows,
                       const float *zeros, const float **out) {
    for (int64_t kh = 0; kh < geo->kh; kh++) {
        int64_t h = ih + kh * geo->dilation_h;
        bool inside = h >= 0 && h < geo->h;
        const float *line = inside ? picture + h * geo->w * geo->c : zeros;
        for (int64_t kw = 0; kw < geo->kw; kw++, out += rows) {
            int64_t w = iw + kw * geo->dilation_w;
            *out = inside && w >= 0 && w < geo->w ? line + w * geo->c : zeros;
        }
    }
}

void gft_conv_indirect(const gft_conv_geometry *geo, const gft_conv_taps *taps, const float *x, int64_t group, int64_t row,
                       int64_t rows, const float *zeros, float *edge, const float **out) {
    x += group * geo->group_c;
    bool direct = taps->taps == 1 && geo->stride_h == 1 && geo->stride_w == 1 && geo->oh == geo->h && geo->ow == geo->w &&
                  geo->pad_top == 0 && geo->pad_left == 0;
    if (direct) {
        for (int64_t i = 0; i < rows; i++)
            out[i] = x + (row + i) * geo->c;
        return;
    }
    int64_t ow = row % geo->ow;
    int64_t oh = row / geo->ow % geo->oh;
    int64_t n = row / geo->ow / geo->oh;
    for (int64_t i = 0; i < rows; i++) {
        const float *picture = x + n * geo->h * geo->w * geo->c;
        int64_t ih = oh * geo->stride_h - geo->pad_top;
        int64_t iw = ow * geo->stride_w - geo->pad_left;
        if (taps->runs)
            pixel_runs(geo, picture, ih, iw, rows, zeros, &edge, out + i);
        else
            pixel_taps(geo, picture, ih, iw, rows, zeros, out + i);
        if (++ow == geo->ow) {
            ow = 0;
            if (++oh == geo->oh) {
                oh = 0;
                n++;
            }
        }
    }
}
