/*
 * Resizing in TensorFlow's arithmetic: float32 weights, float32 between the passes, no rounding and
 * no clipping of the result (bicubic and lanczos3 overshoot 0..255, as tf.image.resize does).
 */
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "data/resize.h"

static void pass_horizontal(const uint8_t *restrict in, const gft_taps *taps, float *restrict out) {
    for (int32_t i = 0; i < taps->outputs; i++) {
        const uint8_t *p = in + 3 * (size_t)taps->start[i];
        const float *w = taps->real + (size_t)i * (size_t)taps->width;
        float r = 0.0f;
        float g = 0.0f;
        float b = 0.0f;
        for (int32_t t = 0; t < taps->count[i]; t++, p += 3) {
            r += (float)p[0] * w[t];
            g += (float)p[1] * w[t];
            b += (float)p[2] * w[t];
        }
        out[3 * i] = r;
        out[3 * i + 1] = g;
        out[3 * i + 2] = b;
    }
}

static void pass_vertical(const float *restrict in, size_t n, const float *restrict w,
                          int32_t count, float *restrict out) {
    for (size_t x = 0; x < n; x++)
        out[x] = in[x] * w[0];
    for (int32_t t = 1; t < count; t++) {
        const float *row = in + (size_t)t * n;
        float weight = w[t];
        for (size_t x = 0; x < n; x++)
            out[x] += row[x] * weight;
    }
}

graft_status gft_resize_tf(const gft_view *view, graft_interpolation method, int antialias,
                           int32_t height, int32_t width, float *out, size_t out_stride,
                           graft_error *err) {
    gft_taps across = {0};
    gft_taps down = {0};
    float *between = NULL;
    size_t row = (size_t)width * 3;
    size_t bytes;
    graft_status status = GRAFT_OK;
    GFT_GOTO(gft_taps_tf(method, antialias, view->width, width, &across, err));
    GFT_GOTO(gft_taps_tf(method, antialias, view->height, height, &down, err));
    if (!gft_size_mul(row * sizeof *between, (size_t)view->height, &bytes) ||
        !(between = gft_malloc_aligned(bytes)))
        GFT_GOTO(
            gft_fail_memory(err, (unsigned long long)row * 4 * (unsigned)view->height, "resize"));
    for (int32_t y = 0; y < view->height; y++)
        pass_horizontal(view->pixels + (size_t)y * view->stride, &across,
                        between + (size_t)y * row);
    for (int32_t y = 0; y < height; y++)
        pass_vertical(between + (size_t)down.start[y] * row, row,
                      down.real + (size_t)y * (size_t)down.width, down.count[y],
                      out + (size_t)y * out_stride);
done:
    gft_taps_deinit(&across);
    gft_taps_deinit(&down);
    gft_free(between);
    return status;
}
