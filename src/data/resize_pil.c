/*
 * Resizing in PIL's arithmetic (bit for bit that of Pillow 13): one pass per axis (resize_pass.c),
 * each to 8 bits; which axis comes first follows from the sizes. Nearest steps through the source
 * in double, as PIL's affine transform does.
 */
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "data/resize.h"
#include "data/resize_pass.h"

static void copy_rows(const uint8_t *in, size_t in_stride, int32_t rows, size_t bytes, uint8_t *out,
                      size_t out_stride) {
    for (int32_t y = 0; y < rows; y++)
        memcpy(out + (size_t)y * out_stride, in + (size_t)y * in_stride, bytes);
}

/* Sources of an axis, by repeated addition in double: where PIL's rounding falls depends on it. */
static void nearest_axis(int32_t inputs, int32_t outputs, int32_t *source) {
    double step = (double)inputs / outputs;
    double at = step * 0.5;
    for (int32_t i = 0; i < outputs; i++, at += step)
        source[i] = (int32_t)at < inputs ? (int32_t)at : inputs - 1;
}

static graft_status resize_nearest(const gft_view *view, int32_t height, int32_t width,
                                   uint8_t *out, size_t out_stride, graft_error *err) {
    size_t count = (size_t)height + (size_t)width;
    int32_t *columns = gft_malloc(count * sizeof *columns);
    if (!columns)
        return gft_fail_memory(err, count * sizeof *columns, "resize");
    int32_t *rows = columns + width;
    nearest_axis(view->width, width, columns);
    nearest_axis(view->height, height, rows);
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *in = view->pixels + (size_t)rows[y] * view->stride;
        uint8_t *to = out + (size_t)y * out_stride;
        for (int32_t x = 0; x < width; x++)
            memcpy(to + 3 * (size_t)x, in + 3 * (size_t)columns[x], 3);
    }
    gft_free(columns);
    return GRAFT_OK;
}

static graft_status make_taps(graft_interpolation method, int32_t inputs, int32_t outputs,
                              gft_taps *taps, gft_pair_taps *pairs, graft_error *err) {
    GFT_TRY(gft_taps_pil(method, inputs, outputs, taps, err));
    graft_status status = gft_pair_taps_init(pairs, taps, err);
    if (status != GRAFT_OK)
        gft_taps_deinit(taps);
    return status;
}

static void free_taps(gft_taps *taps, gft_pair_taps *pairs) {
    gft_taps_deinit(taps);
    gft_pair_taps_deinit(pairs);
}

static graft_status resize_width(const gft_view *view, graft_interpolation method, int32_t width,
                                 uint8_t *out, size_t out_stride, graft_error *err) {
    gft_taps taps;
    gft_pair_taps pairs;
    GFT_TRY(make_taps(method, view->width, width, &taps, &pairs, err));
    for (int32_t y = 0; y < view->height; y++)
        gft_pass_row(view->pixels + (size_t)y * view->stride, view->width, &taps, &pairs,
                     out + (size_t)y * out_stride);
    free_taps(&taps, &pairs);
    return GRAFT_OK;
}

static graft_status resize_height(const gft_view *view, graft_interpolation method, int32_t height,
                                  uint8_t *out, size_t out_stride, graft_error *err) {
    gft_taps taps;
    gft_pair_taps pairs;
    GFT_TRY(make_taps(method, view->height, height, &taps, &pairs, err));
    size_t n = (size_t)view->width * 3;
    for (int32_t y = 0; y < height; y++)
        gft_pass_column(view->pixels + (size_t)taps.start[y] * view->stride, view->stride, &taps,
                        &pairs, y, n, out + (size_t)y * out_stride);
    free_taps(&taps, &pairs);
    return GRAFT_OK;
}

/* Pillow 13 shrinks the height first when that takes away more than twice as many lines as there go columns; each order
 * rounds differently. */
static bool height_comes_first(const gft_view *view, int32_t height, int32_t width) {
    int64_t fewer_lines = (int64_t)view->height - height;
    int64_t fewer_columns = (int64_t)view->width - width;
    return fewer_lines > 0 && fewer_lines > 2 * fewer_columns;
}

static graft_status resize_both(const gft_view *view, graft_interpolation method, int32_t height,
                                int32_t width, uint8_t *out, size_t out_stride, graft_error *err) {
    bool height_first = height_comes_first(view, height, width);
    gft_view half = {NULL, height_first ? height : view->height, height_first ? view->width : width,
                     0};
    half.stride = (size_t)half.width * 3;
    size_t bytes;
    uint8_t *between = NULL;
    if (!gft_size_mul(half.stride, (size_t)half.height, &bytes) ||
        !(between = gft_malloc_aligned(bytes)))
        return gft_fail_memory(err, (unsigned long long)half.stride * (unsigned)half.height,
                               "resize");
    half.pixels = between;
    graft_status status;
    if (height_first) {
        GFT_GOTO(resize_height(view, method, height, between, half.stride, err));
        status = resize_width(&half, method, width, out, out_stride, err);
    } else {
        GFT_GOTO(resize_width(view, method, width, between, half.stride, err));
        status = resize_height(&half, method, height, out, out_stride, err);
    }
done:
    gft_free(between);
    return status;
}

graft_status gft_resize_pil(const gft_view *view, graft_interpolation method, int32_t height,
                            int32_t width, uint8_t *out, size_t out_stride, graft_error *err) {
    if (method == GRAFT_NEAREST)
        return resize_nearest(view, height, width, out, out_stride, err);
    if (height == view->height && width == view->width) {
        copy_rows(view->pixels, view->stride, height, (size_t)width * 3, out, out_stride);
        return GRAFT_OK;
    }
    if (height == view->height)
        return resize_width(view, method, width, out, out_stride, err);
    if (width == view->width)
        return resize_height(view, method, height, out, out_stride, err);
    return resize_both(view, method, height, width, out, out_stride, err);
}
