/*
 * Tap tables for tf.image.resize (TensorFlow 2): ResizeBilinear, ResizeBicubic,
 * ResizeNearestNeighbor with half-pixel centres, ResizeArea, and ScaleAndTranslate for antialias
 * and for lanczos3. Computed in float32 as there.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "data/resize.h"

/*
 * ResizeBicubic looks its weights up in a table of this many steps per pixel; the rounding is part
 * of its result.
 */
#define BICUBIC_STEPS 1024

static int32_t clamp_index(int64_t i, int32_t inputs) {
    return (int32_t)(i < 0 ? 0 : i >= inputs ? inputs - 1 : i);
}

static float source_of(int32_t i, float scale) {
    return ((float)i + 0.5f) * scale - 0.5f;
}

static void taps_nearest(gft_taps *taps, int32_t inputs, float scale) {
    for (int32_t i = 0; i < taps->outputs; i++) {
        taps->start[i] = clamp_index((int64_t)floorf(((float)i + 0.5f) * scale), inputs);
        taps->count[i] = 1;
        taps->real[i] = 1.0f;
    }
}

static void taps_bilinear(gft_taps *taps, int32_t inputs, float scale) {
    for (int32_t i = 0; i < taps->outputs; i++) {
        float at = source_of(i, scale);
        float below = floorf(at);
        int32_t low = clamp_index((int64_t)below, inputs);
        int32_t high = clamp_index((int64_t)ceilf(at), inputs);
        float *w = taps->real + 2 * (size_t)i;
        taps->start[i] = low;
        taps->count[i] = high > low ? 2 : 1;
        w[0] = high > low ? 1.0f - (at - below) : 1.0f;
        w[1] = high > low ? at - below : 0.0f;
    }
}

/* Keys' cubic, a = -0.5, for distance d = step/1024 (near) and d + 1 (far). */
static float cubic_near(int64_t step) {
    const double a = -0.5;
    float x = (float)((double)step * 1.0 / BICUBIC_STEPS);
    return (float)(((a + 2) * x - (a + 3)) * x * x + 1);
}

static float cubic_far(int64_t step) {
    const double a = -0.5;
    float x = (float)((double)step * 1.0 / BICUBIC_STEPS + 1.0);
    return (float)(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
}

static void taps_bicubic(gft_taps *taps, int32_t inputs, float scale) {
    for (int32_t i = 0; i < taps->outputs; i++) {
        float at = source_of(i, scale);
        int64_t base = (int64_t)floorf(at);
        int64_t step = lrintf((at - (float)base) * BICUBIC_STEPS);
        const float all[4] = {cubic_far(step), cubic_near(step), cubic_near(BICUBIC_STEPS - step),
                              cubic_far(BICUBIC_STEPS - step)};
        /* Sources outside the picture weigh nothing; the rest is scaled to one. */
        float sum = 0.0f;
        int32_t first = 0;
        int32_t count = 0;
        for (int t = 0; t < 4; t++) {
            int64_t index = base - 1 + t;
            if (index < 0 || index >= inputs)
                continue;
            if (count == 0)
                first = (int32_t)index;
            taps->real[4 * (size_t)i + (size_t)count++] = all[t];
            sum += all[t];
        }
        if (fabsf(sum) >= 1000.0f * FLT_MIN)
            for (int32_t t = 0; t < count; t++)
                taps->real[4 * (size_t)i + (size_t)t] *= 1.0f / sum;
        taps->start[i] = first;
        taps->count[i] = count;
    }
}

static void taps_area(gft_taps *taps, int32_t inputs, float scale) {
    for (int32_t i = 0; i < taps->outputs; i++) {
        float from = (float)i * scale;
        float to = (float)(i + 1) * scale;
        int64_t first = (int64_t)floorf(from);
        int64_t end = (int64_t)ceilf(to);
        float *w = taps->real + (size_t)i * (size_t)taps->width;
        int32_t count = 0;
        taps->start[i] = clamp_index(first, inputs);
        for (int64_t s = first; s < end && count < taps->width; s++) {
            float part = 1.0f;
            if ((float)s < from)
                part = (float)(s + 1) > to ? scale : (float)(s + 1) - from;
            else if ((float)(s + 1) > to)
                part = to - (float)s;
            if (s < inputs)
                w[count++] = part / scale;
            else if (count > 0) /* rounding of `to` reached past the edge: the last pixel again */
                w[count - 1] += part / scale;
        }
        if (count == 0)
            w[count++] = 1.0f;
        taps->count[i] = count;
    }
}

static float kernel_value(graft_interpolation method, float x) {
    x = fabsf(x);
    if (method == GRAFT_BILINEAR)
        return x < 1.0f ? 1.0f - x : 0.0f;
    if (method == GRAFT_BICUBIC) {
        if (x >= 2.0f)
            return 0.0f;
        return x >= 1.0f ? ((-0.5f * x + 2.5f) * x - 4.0f) * x + 2.0f
                         : ((1.5f * x - 2.5f) * x) * x + 1.0f;
    }
    if (x > 3.0f)
        return 0.0f;
    if (x <= 1e-3f)
        return 1.0f;
    const float pi = 3.14159265358979323846f;
    return 3.0f * sinf(pi * x) * sinf(pi * x / 3.0f) / (pi * pi * x * x);
}

static float kernel_radius(graft_interpolation method) {
    return method == GRAFT_BILINEAR ? 1.0f : method == GRAFT_BICUBIC ? 2.0f : 3.0f;
}

static void taps_kernel(gft_taps *taps, graft_interpolation method, int32_t inputs, float inverse,
                        float kernel_scale) {
    float reach = kernel_radius(method) * kernel_scale;
    for (int32_t i = 0; i < taps->outputs; i++) {
        float at = ((float)i + 0.5f) * inverse;
        int32_t first = clamp_index((int64_t)ceilf(at - reach - 0.5f), inputs);
        int32_t last = clamp_index((int64_t)floorf(at + reach - 0.5f), inputs);
        float *w = taps->real + (size_t)i * (size_t)taps->width;
        float sum = 0.0f;
        int32_t count = 0;
        for (int32_t s = first; s <= last && count < taps->width; s++) {
            w[count] = kernel_value(method, ((float)s + 0.5f - at) * (1.0f / kernel_scale));
            sum += w[count++];
        }
        if (fabsf(sum) >= 1000.0f * FLT_MIN)
            for (int32_t t = 0; t < count; t++)
                w[t] *= 1.0f / sum;
        taps->start[i] = first;
        taps->count[i] = count;
    }
}

graft_status gft_taps_tf(graft_interpolation method, int antialias, int32_t inputs, int32_t outputs,
                         gft_taps *taps, graft_error *err) {
    float scale = (float)inputs / (float)outputs;
    float inverse =
        1.0f / ((float)outputs / (float)inputs); /* ScaleAndTranslate is given outputs / inputs */
    float kernel_scale = antialias && inverse > 1.0f ? inverse : 1.0f;
    bool kernel = method == GRAFT_LANCZOS3 ||
                  (antialias && (method == GRAFT_BILINEAR || method == GRAFT_BICUBIC));
    int32_t width;
    if (kernel)
        width = 2 * (int32_t)ceilf(kernel_radius(method) * kernel_scale) + 1;
    else if (method == GRAFT_AREA)
        width = (int32_t)ceilf(scale) + 2;
    else
        width = method == GRAFT_BICUBIC ? 4 : method == GRAFT_BILINEAR ? 2 : 1;
    GFT_TRY(gft_taps_init(taps, outputs, width, 0, err));
    if (kernel)
        taps_kernel(taps, method, inputs, inverse, kernel_scale);
    else if (method == GRAFT_AREA)
        taps_area(taps, inputs, scale);
    else if (method == GRAFT_BICUBIC)
        taps_bicubic(taps, inputs, scale);
    else if (method == GRAFT_BILINEAR)
        taps_bilinear(taps, inputs, scale);
    else
        taps_nearest(taps, inputs, scale);
    return GRAFT_OK;
}
