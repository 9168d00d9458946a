/*
 * Tap tables for PIL's resampling: a filter of given support, widened by the scale when shrinking,
 * normalised in double and rounded to 22 fraction bits. Also what both flavours' tables share.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "data/resize.h"

#define PIL_FRACTION_BITS 22

graft_status gft_taps_init(gft_taps *taps, int32_t outputs, int32_t width, int fixed,
                           graft_error *err) {
    size_t weights;
    if (!gft_size_mul((size_t)outputs, (size_t)width, &weights) ||
        !gft_size_mul(weights, 4, &weights))
        return gft_fail_memory(err, SIZE_MAX, "resize weights");
    gft_taps made = {.outputs = outputs, .width = width};
    made.start = gft_calloc((size_t)outputs, sizeof *made.start);
    made.count = gft_calloc((size_t)outputs, sizeof *made.count);
    void *w = gft_malloc(weights);
    if (fixed)
        made.fixed = w;
    else
        made.real = w;
    if (!made.start || !made.count || !w) {
        gft_taps_deinit(&made);
        return gft_fail_memory(err, weights, "resize weights");
    }
    memset(w, 0, weights);
    *taps = made;
    return GRAFT_OK;
}

void gft_taps_deinit(gft_taps *taps) {
    gft_free(taps->start);
    gft_free(taps->count);
    gft_free(taps->fixed);
    gft_free(taps->real);
    memset(taps, 0, sizeof *taps);
}

typedef double (*filter_fn)(double x);

static double filter_box(double x) {
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double filter_triangle(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution with a = -0.5. */
static double filter_cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x) {
    if (x == 0.0)
        return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double filter_lanczos3(double x) {
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static filter_fn filter_of(graft_interpolation method, double *support) {
    switch (method) {
    case GRAFT_AREA:
        *support = 0.5;
        return filter_box;
    case GRAFT_BILINEAR:
        *support = 1.0;
        return filter_triangle;
    case GRAFT_LANCZOS3:
        *support = 3.0;
        return filter_lanczos3;
    default:
        *support = 2.0;
        return filter_cubic;
    }
}

static int32_t to_fixed(double w) {
    double scaled = w * (double)(1 << PIL_FRACTION_BITS);
    return (int32_t)(w < 0 ? scaled - 0.5 : scaled + 0.5);
}

graft_status gft_taps_pil(graft_interpolation method, int32_t inputs, int32_t outputs,
                          gft_taps *taps, graft_error *err) {
    double support;
    filter_fn filter = filter_of(method, &support);
    double scale = (double)inputs / outputs;
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    double inverse = 1.0 / filter_scale;
    support *= filter_scale;
    int32_t width = (int32_t)ceil(support) * 2 + 1;
    double *w = gft_malloc((size_t)width * sizeof *w);
    if (!w)
        return gft_fail_memory(err, (size_t)width * sizeof *w, "resize weights");
    gft_taps made;
    graft_status status = gft_taps_init(&made, outputs, width, 1, err);
    if (status != GRAFT_OK) {
        gft_free(w);
        return status;
    }
    for (int32_t i = 0; i < outputs; i++) {
        double center = (i + 0.5) * scale;
        int32_t first =
            (int32_t)(center - support + 0.5); /* truncation towards zero, then clamped: as PIL */
        int32_t last = (int32_t)(center + support + 0.5);
        first = first < 0 ? 0 : first;
        last = last > inputs ? inputs : last;
        double sum = 0.0;
        for (int32_t t = 0; t < last - first; t++) {
            w[t] = filter((t + first - center + 0.5) * inverse);
            sum += w[t];
        }
        for (int32_t t = 0; t < last - first; t++)
            made.fixed[(size_t)i * (size_t)width + (size_t)t] =
                to_fixed(sum != 0.0 ? w[t] / sum : w[t]);
        made.start[i] = first;
        made.count[i] = last - first;
    }
    gft_free(w);
    *taps = made;
    return GRAFT_OK;
}
