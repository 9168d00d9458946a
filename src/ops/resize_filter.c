/*
 * Resizing by lists of sources and weights; see resize_filter.h. Bicubic follows TensorFlow: Keys'
 * kernel with a = -0.5 when pixels have centres (sources outside the picture do not count), a =
 * -0.75 otherwise (they repeat the edge), and the distance rounded to 1/1024.
 */
#include "ops/resize_filter.h"

#include <math.h>
#include <string.h>

#include "ops/grid.h"

#define STEPS 1024

static float scale_of(const gft_resize_attrs *a, int64_t size, int64_t outputs) {
    const bool corners = a->align_corners && outputs > 1;
    return corners ? (float)(size - 1) / (float)(outputs - 1) : (float)size / (float)outputs;
}

/* Keys' kernel at distance `step` / 1024 from the nearer (inner) or the farther pixel. */
static float cubic(double a, int64_t step, bool outer) {
    double x = (double)step / STEPS;
    if (!outer)
        return (float)(((a + 2.0) * x - (a + 3.0)) * x * x + 1.0);
    x += 1.0;
    return (float)(((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a);
}

static void bicubic_taps(const gft_resize_attrs *a, int64_t o, float scale, int64_t size,
                         int64_t *index, float *weight) {
    const float at = (float)o;
    const float source = a->half_pixel_centers ? (at + 0.5f) * scale - 0.5f : at * scale;
    const int64_t whole = (int64_t)floorf(source);
    const int64_t step = lrintf((source - (float)whole) * STEPS);
    const double keys = a->half_pixel_centers ? -0.5 : -0.75;
    const float values[4] = {cubic(keys, step, true), cubic(keys, step, false),
                             cubic(keys, STEPS - step, false), cubic(keys, STEPS - step, true)};
    float sum = 0.0f;
    for (int64_t i = 0; i < 4; i++) {
        const int64_t k = whole - 1 + i;
        index[i] = gft_i64_max(0, gft_i64_min(size - 1, k));
        weight[i] = a->half_pixel_centers && index[i] != k ? 0.0f : values[i];
        sum += weight[i];
    }
    for (int64_t i = 0; a->half_pixel_centers && fabsf(sum) > 1e-30f && i < 4; i++)
        weight[i] /= sum;
}

/* How much of each source lies in [o, o + 1) * scale. */
static void area_taps(int64_t o, float scale, int64_t size, int64_t count, int64_t *index,
                      float *weight) {
    const float from = (float)o * scale;
    const float to = (float)(o + 1) * scale;
    const int64_t first = (int64_t)floorf(from);
    const int64_t end = (int64_t)ceilf(to);
    for (int64_t i = 0; i < count; i++) {
        const int64_t k = first + i;
        const float low = fmaxf((float)k, from);
        const float high = fminf((float)(k + 1), to);
        index[i] = gft_i64_max(0, gft_i64_min(size - 1, k));
        weight[i] = k < end ? (high - low) / scale : 0.0f;
    }
}

graft_status gft_resize_filter_make(gft_prepare *p, const gft_resize_attrs *a, int64_t size,
                                    int64_t outputs, gft_resize_filter *out, graft_error *err) {
    const float scale = outputs > 0 ? scale_of(a, size, outputs) : 1.0f;
    const bool cubic_mode = a->mode == GFT_RESIZE_BICUBIC;
    size_t taps;
    out->count = cubic_mode ? 4 : (int64_t)ceilf(scale) + 2;
    if (!gft_size_mul((size_t)out->count, (size_t)outputs, &taps))
        return gft_fail_memory(err, SIZE_MAX, p->node);
    int64_t *index = gft_arena_array(p->arena, taps, sizeof *index);
    float *weight = gft_arena_array(p->arena, taps, sizeof *weight);
    if (!index || !weight)
        return gft_fail_memory(err, taps * sizeof *index, p->node);
    for (int64_t o = 0; o < outputs; o++) {
        if (cubic_mode)
            bicubic_taps(a, o, scale, size, index + o * 4, weight + o * 4);
        else
            area_taps(o, scale, size, out->count, index + o * out->count, weight + o * out->count);
    }
    out->index = index;
    out->weight = weight;
    return GRAFT_OK;
}

void gft_resize_filter_rows(const gft_resize_filter *rows, int64_t output, const float *x,
                            int64_t elems, float *to) {
    memset(to, 0, (size_t)elems * sizeof *to);
    for (int64_t t = output * rows->count; t < (output + 1) * rows->count; t++) {
        const float w = rows->weight[t];
        const float *from = x + rows->index[t] * elems;
        for (int64_t i = 0; w != 0.0f && i < elems; i++)
            to[i] += w * from[i];
    }
}

void gft_resize_filter_cols(const gft_resize_filter *cols, int64_t outputs, const float *row,
                            int64_t c, float *y) {
    for (int64_t o = 0; o < outputs; o++)
        gft_resize_filter_rows(cols, o, row, c, y + o * c);
}

void gft_resize_filter_rows_back(const gft_resize_filter *rows, int64_t output, const float *dto,
                                 int64_t elems, float *dx) {
    for (int64_t t = output * rows->count; t < (output + 1) * rows->count; t++) {
        const float w = rows->weight[t];
        float *to = dx + rows->index[t] * elems;
        for (int64_t i = 0; w != 0.0f && i < elems; i++)
            to[i] += w * dto[i];
    }
}

void gft_resize_filter_cols_back(const gft_resize_filter *cols, int64_t outputs, const float *dy,
                                 int64_t c, float *drow) {
    for (int64_t o = 0; o < outputs; o++)
        gft_resize_filter_rows_back(cols, o, dy + o * c, c, drow);
}
