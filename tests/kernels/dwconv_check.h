/*
 * Checks the depthwise kernels of one CPU against sums in double: numbers of taps, one and two
 * rows, widths around the tile, borders, missing rows, channels around the vector, strides,
 * dilations, negative weight steps, clamps, NaN and infinity, guard pages, untouched gaps.
 */
#ifndef GFT_TEST_DWCONV_CHECK_H
#define GFT_TEST_DWCONV_CHECK_H

#include "kernels/dwconv.h"
#include "kernels/guarded.h"

#define CHECK_MAX_TAPS 8

typedef struct dw_case {
    int64_t width, channels, taps_h, taps_w, stride, dilation, gap;
    int64_t rows, row_step;
    int64_t pad, cut; /* columns that are not there, left and right; of a row of the picture */
    bool bias, clamp, reversed, odd_values, borders, missing, relu;
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
    d.rows = bits & 0x40u ? 2 : 1;
    d.row_step = gft_rng_below(rng, 4);
    d.borders = bits & 0x80u;
    d.pad = d.borders ? (int64_t)gft_rng_below(rng, 5) - 1 : 0;
    d.cut = d.borders ? gft_rng_below(rng, 4) : 0;
    d.missing = bits & 0x100u;
    d.relu = bits & 0x200u;
    return d;
}

#define CHECK_MAX_ROWS (CHECK_MAX_TAPS + 4)

/* Columns of x: those the windows meet, less what lies outside at either end. */
static inline int64_t dw_columns(const dw_case *d) {
    if (d->width == 0)
        return 0;
    int64_t needed =
        (d->width - 1) * d->stride + (d->taps_w - 1) * (d->borders ? 1 : d->dilation) + 1;
    return d->borders ? (needed - d->pad - d->cut > 1 ? needed - d->pad - d->cut : 1) : needed;
}

/* What y is to be at output row `row`, pixel p, channel c, and the sum of absolute terms. */
static inline double dw_expected(const gft_dwconv_f32_args *args, const dw_case *d, int64_t row,
                                 int64_t p, int64_t c, double *magnitude) {
    double sum = args->bias ? (double)args->bias[c] : 0.0;
    *magnitude = 1.0;
    for (int64_t r = 0; r < d->taps_h; r++) {
        const float *x = args->x_rows[row * d->row_step + r];
        for (int64_t t = 0; x && t < d->taps_w; t++) {
            int64_t column = p * d->stride + t - d->pad;
            if (d->borders && (column < 0 || column >= args->x_width))
                continue;
            double v = (double)x[p * args->x_stride + (t - d->pad) * args->x_step + c];
            v = (d->relu && v < 0.0 ? 0.0 : v) * (double)args->w_rows[r][t * args->w_step + c];
            sum += v;
            *magnitude += fabs(v);
        }
    }
    return clamp_double(sum, args->lo, args->hi);
}

static inline void check_dwconv_case(gft_dwconv_f32_fn *kernel, gft_rng *rng, const dw_case *d) {
    int64_t pitch = d->channels + d->gap;
    int64_t columns = dw_columns(d);
    int64_t x_floats = dw_span(columns, pitch, d->channels);
    int64_t w_floats = dw_span(d->taps_w, pitch, d->channels);
    int64_t lines = d->taps_h + (d->rows == 2 ? d->row_step : 0);
    guarded x[CHECK_MAX_ROWS];
    guarded w[CHECK_MAX_TAPS];
    const float *x_rows[CHECK_MAX_ROWS];
    const float *w_rows[CHECK_MAX_TAPS];
    int64_t w_step = d->reversed ? -pitch : pitch;
    for (int64_t r = 0; r < lines; r++) {
        x[r] = guarded_random(rng, x_floats);
        x_rows[r] = d->missing && gft_rng_below(rng, 3) == 0 ? NULL : x[r].p;
        if (d->odd_values && x_floats > 0)
            x[r].p[gft_rng_below(rng, (uint32_t)x_floats)] =
                gft_rng_below(rng, 2) ? NAN : -INFINITY;
    }
    for (int64_t r = 0; r < d->taps_h; r++) {
        w[r] = guarded_random(rng, w_floats);
        w_rows[r] = w[r].p + (d->reversed ? (d->taps_w - 1) * pitch : 0);
    }
    guarded bias = guarded_random(rng, d->channels);
    int64_t y_row = dw_span(d->width, pitch, d->channels) + d->gap;
    int64_t y_floats = d->rows * y_row;
    guarded y = guarded_new(y_floats);
    mark_untouched(y.p, y_floats);
    gft_dwconv_f32_args args = {.width = d->width,
                                .channels = d->channels,
                                .taps_h = d->taps_h,
                                .taps_w = d->taps_w,
                                .x_rows = x_rows,
                                .x_step = (d->borders ? 1 : d->dilation) * pitch,
                                .x_stride = d->stride * pitch,
                                .x_width = d->borders ? columns : 0,
                                .pad = d->pad,
                                .w_rows = w_rows,
                                .w_step = w_step,
                                .y = y.p,
                                .y_stride = pitch,
                                .rows = d->rows,
                                .row_step = d->row_step,
                                .y_row = y_row,
                                .bias = d->bias ? bias.p : NULL,
                                .lo = d->clamp ? 0.0f : -INFINITY,
                                .hi = d->clamp ? 0.75f : INFINITY,
                                .relu = d->relu};
    kernel(&args);
    for (int64_t i = 0; i < y_floats; i++) {
        int64_t at = i % y_row;
        int64_t c = at % pitch;
        if (c >= d->channels || at / pitch >= d->width) {
            assert_true(is_untouched(y.p + i));
            continue;
        }
        double magnitude;
        double want = dw_expected(&args, d, i / y_row, at / pitch, c, &magnitude);
        assert_sum_close(y.p[i], want, magnitude, (double)(d->taps_h * d->taps_w));
    }
    for (int64_t r = 0; r < lines; r++)
        guarded_free(&x[r]);
    for (int64_t r = 0; r < d->taps_h; r++)
        guarded_free(&w[r]);
    guarded_free(&bias);
    guarded_free(&y);
}

static inline void check_dwconv(gft_dwconv_f32_fn *kernel) {
    gft_rng rng = gft_rng_make(61, GFT_RNG_TEST, 0);
    for (int64_t channels = 0; channels < 100; channels++)
        for (int i = 0; i < 60; i++) {
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
