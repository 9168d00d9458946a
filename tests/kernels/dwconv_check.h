/*
 * Checks the depthwise kernels of one CPU against sums in double: numbers of taps, widths around
 * the tile, channels around the vector, strides, dilations, negative weight steps, clamps, NaN and
 * infinity, guard pages, untouched gaps.
 */
#ifndef GFT_TEST_DWCONV_CHECK_H
#define GFT_TEST_DWCONV_CHECK_H

#include "kernels/dwconv.h"
#include "kernels/guarded.h"

#define CHECK_MAX_TAPS 8

typedef struct dw_case {
    int64_t width, channels, taps_h, taps_w, stride, dilation, gap;
    bool bias, clamp, reversed, odd_values;
} dw_case;

/* Floats from the first one read to one past the last, when pixels are `step` floats apart. */
static inline int64_t dw_span(int64_t pixels, int64_t step, int64_t channels) {
    return pixels > 0 ? (pixels - 1) * step + channels : 0;
}

static inline dw_case dw_random(gft_rng *rng, int64_t channels) {
    dw_case d = {.channels = channels};
    d.width = gft_rng_below(rng, 20);
    d.taps_h = gft_rng_below(rng, CHECK_MAX_TAPS + 1);
    d.taps_w = 1 + (int64_t)gft_rng_below(rng, CHECK_MAX_TAPS);
    d.stride = 1 + (int64_t)gft_rng_below(rng, 3);
    d.dilation = gft_rng_below(rng, 3) ? 1 : 2;
    d.gap = gft_rng_below(rng, 4);
    uint32_t bits = gft_rng_u32(rng);
    d.bias = bits & 1u;
    d.clamp = bits & 2u;
    d.reversed = bits & 4u;
    d.odd_values = (bits & 0x30u) == 0x30u;
    return d;
}

static inline void check_dwconv_case(gft_dwconv_f32_fn *kernel, gft_rng *rng, const dw_case *d) {
    int64_t pitch = d->channels + d->gap;
    int64_t x_floats =
        dw_span(d->width > 0 ? (d->width - 1) * d->stride + (d->taps_w - 1) * d->dilation + 1 : 0,
                pitch, d->channels);
    int64_t w_floats = dw_span(d->taps_w, pitch, d->channels);
    guarded x[CHECK_MAX_TAPS];
    guarded w[CHECK_MAX_TAPS];
    const float *x_rows[CHECK_MAX_TAPS];
    const float *w_rows[CHECK_MAX_TAPS];
    int64_t w_step = d->reversed ? -pitch : pitch;
    for (int64_t r = 0; r < d->taps_h; r++) {
        x[r] = guarded_random(rng, x_floats);
        w[r] = guarded_random(rng, w_floats);
        x_rows[r] = x[r].p;
        w_rows[r] = w[r].p + (d->reversed ? (d->taps_w - 1) * pitch : 0);
        if (d->odd_values && x_floats > 0)
            x[r].p[gft_rng_below(rng, (uint32_t)x_floats)] =
                gft_rng_below(rng, 2) ? NAN : -INFINITY;
    }
    guarded bias = guarded_random(rng, d->channels);
    int64_t y_floats = dw_span(d->width, pitch, d->channels);
    guarded y = guarded_new(y_floats);
    mark_untouched(y.p, y_floats);
    gft_dwconv_f32_args args = {.width = d->width,
                                .channels = d->channels,
                                .taps_h = d->taps_h,
                                .taps_w = d->taps_w,
                                .x_rows = x_rows,
                                .x_step = d->dilation * pitch,
                                .x_stride = d->stride * pitch,
                                .w_rows = w_rows,
                                .w_step = w_step,
                                .y = y.p,
                                .y_stride = pitch,
                                .bias = d->bias ? bias.p : NULL,
                                .lo = d->clamp ? 0.0f : -INFINITY,
                                .hi = d->clamp ? 0.75f : INFINITY};
    kernel(&args);
    for (int64_t i = 0; i < y_floats; i++) {
        int64_t c = i % pitch;
        if (c >= d->channels) {
            assert_true(is_untouched(y.p + i));
            continue;
        }
        double sum = d->bias ? (double)bias.p[c] : 0.0;
        double magnitude = 1.0;
        for (int64_t r = 0; r < d->taps_h; r++)
            for (int64_t t = 0; t < d->taps_w; t++) {
                double v = (double)x_rows[r][i / pitch * args.x_stride + t * args.x_step + c] *
                           (double)w_rows[r][t * w_step + c];
                sum += v;
                magnitude += fabs(v);
            }
        assert_sum_close(y.p[i], clamp_double(sum, args.lo, args.hi), magnitude,
                         (double)(d->taps_h * d->taps_w));
    }
    for (int64_t r = 0; r < d->taps_h; r++) {
        guarded_free(&x[r]);
        guarded_free(&w[r]);
    }
    guarded_free(&bias);
    guarded_free(&y);
}

static inline void check_dwconv(gft_dwconv_f32_fn *kernel) {
    gft_rng rng = gft_rng_make(61, GFT_RNG_TEST, 0);
    for (int64_t channels = 0; channels < 100; channels++)
        for (int i = 0; i < 12; i++) {
            dw_case d = dw_random(&rng, channels);
            check_dwconv_case(kernel, &rng, &d);
        }
}

static inline void check_dwconv_grad_case(gft_dwconv_grad_f32_fn *kernel, gft_rng *rng,
                                          const dw_case *d) {
    int64_t pitch = d->channels + d->gap;
    int64_t x_pixels =
        d->width > 0 ? (d->width - 1) * d->stride + (d->taps_w - 1) * d->dilation + 1 : 0;
    guarded x = guarded_random(rng, dw_span(x_pixels, pitch, d->channels));
    guarded dy = guarded_random(rng, dw_span(d->width, pitch, d->channels));
    int64_t w_floats = dw_span(d->taps_w, pitch, d->channels);
    guarded dw = guarded_random(rng, w_floats);
    float *before = malloc((size_t)w_floats * sizeof(float) + 1);
    memcpy(before, dw.p, (size_t)w_floats * sizeof(float));
    gft_dwconv_grad_f32_args args = {.width = d->width,
                                     .channels = d->channels,
                                     .taps_w = d->taps_w,
                                     .x = x.p,
                                     .x_step = d->dilation * pitch,
                                     .x_stride = d->stride * pitch,
                                     .dy = dy.p,
                                     .dy_stride = pitch,
                                     .dw = dw.p,
                                     .w_step = pitch};
    kernel(&args);
    for (int64_t i = 0; i < w_floats; i++) {
        int64_t c = i % pitch;
        double sum = (double)before[i];
        double magnitude = 1.0;
        for (int64_t p = 0; c < d->channels && p < d->width; p++) {
            double v = (double)x.p[p * args.x_stride + i / pitch * args.x_step + c] *
                       (double)dy.p[p * pitch + c];
            sum += v;
            magnitude += fabs(v);
        }
        if (c < d->channels)
            assert_sum_close(dw.p[i], sum, magnitude, (double)d->width);
        else
            assert_true(dw.p[i] == before[i]);
    }
    free(before);
    guarded_free(&x);
    guarded_free(&dy);
    guarded_free(&dw);
}

static inline void check_dwconv_grad(gft_dwconv_grad_f32_fn *kernel) {
    gft_rng rng = gft_rng_make(62, GFT_RNG_TEST, 0);
    for (int64_t channels = 0; channels < 100; channels++)
        for (int i = 0; i < 8; i++) {
            dw_case d = dw_random(&rng, channels);
            check_dwconv_grad_case(kernel, &rng, &d);
        }
}

#endif
