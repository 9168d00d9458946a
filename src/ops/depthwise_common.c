/*
 * Rows of depthwise convolutions: all in one piece where the kernel knows the borders, which is
 * without dilation; else the interior in one piece and border pixels one by one with the taps that
 * fall inside the picture.
 */
#include "ops/depthwise_common.h"

#include <stddef.h>

#include "base/size.h"

#define L1_FLOATS                                                                                  \
    5120 /* of inputs: two thirds of a 32 KB cache, the rest is for weights and outputs */
#define TASK_MACS 131072

gft_depthwise_row gft_depthwise_row_of(int64_t w, int64_t ow, int64_t taps, int64_t stride,
                                       int64_t dilation, int64_t pad, int64_t channels,
                                       int64_t y_stride) {
    gft_depthwise_row row = {w, ow, taps, stride, dilation, pad, channels, y_stride, 0, 0};
    int64_t unused;
    int64_t end;
    gft_conv_valid_range(w, ow, stride, pad, 0, &row.first, &unused);
    gft_conv_valid_range(w, ow, stride, pad, (taps - 1) * dilation, &unused, &end);
    row.end = gft_i64_max(row.first, end);
    return row;
}

static void run_part(const gft_depthwise_row *row, gft_dwconv_f32_fn *kernel,
                     const gft_dwconv_f32_args *whole, int64_t first, int64_t width, int64_t tap,
                     int64_t taps) {
    const float *x_rows[GFT_DEPTHWISE_MAX_TAPS];
    const float *w_rows[GFT_DEPTHWISE_MAX_TAPS];
    int64_t at = first * row->stride - row->pad + tap * row->dilation;
    for (int64_t r = 0; taps > 0 && r < whole->taps_h; r++) {
        x_rows[r] = whole->x_rows[r] ? whole->x_rows[r] + at * row->channels : NULL;
        w_rows[r] = whole->w_rows[r] + tap * whole->w_step;
    }
    gft_dwconv_f32_args args = *whole;
    args.width = width;
    args.taps_w = taps;
    args.taps_h = taps > 0 ? whole->taps_h : 0;
    args.x_rows = x_rows;
    args.w_rows = w_rows;
    args.y = whole->y + first * row->y_stride;
    kernel(&args);
}

static void run_borders(const gft_depthwise_row *row, gft_dwconv_f32_fn *kernel,
                        const gft_dwconv_f32_args *args, int64_t first, int64_t end) {
    for (int64_t o = first; o < end; o++) {
        int64_t tap;
        int64_t tap_end;
        gft_conv_valid_taps(row->w, row->taps, row->dilation, o * row->stride - row->pad, &tap,
                            &tap_end);
        run_part(row, kernel, args, o, 1, tap, tap_end - tap);
    }
}

void gft_depthwise_run_row(const gft_depthwise_row *row, gft_dwconv_f32_fn *kernel,
                           gft_dwconv_f32_args *args) {
    args->x_step = row->dilation * row->channels;
    args->x_stride = row->stride * row->channels;
    args->y_stride = row->y_stride;
    if (row->dilation == 1) { /* the kernel knows about borders */
        args->width = row->ow;
        args->taps_w = row->taps;
        args->x_width = row->w;
        args->pad = row->pad;
        args->taps_h = row->w > 0 ? args->taps_h : 0;
        kernel(args);
        return;
    }
    run_borders(row, kernel, args, 0, row->first);
    if (row->end > row->first)
        run_part(row, kernel, args, row->first, row->end - row->first, 0, row->taps);
    run_borders(row, kernel, args, row->end, row->ow);
}

static void grad_part(const gft_depthwise_row *row, gft_dwconv_grad_f32_fn *kernel,
                      const gft_dwconv_grad_f32_args *whole, int64_t first, int64_t width,
                      int64_t tap, int64_t taps) {
    if (taps <= 0)
        return;
    gft_dwconv_grad_f32_args args = *whole;
    args.width = width;
    args.taps_w = taps;
    args.x = whole->x + (first * row->stride - row->pad + tap * row->dilation) * row->channels;
    args.dy = whole->dy + first * row->y_stride;
    args.dw = whole->dw + tap * whole->w_step;
    kernel(&args);
}

void gft_depthwise_grad_row(const gft_depthwise_row *row, gft_dwconv_grad_f32_fn *kernel,
                            gft_dwconv_grad_f32_args *args) {
    args->x_step = row->dilation * row->channels;
    args->x_stride = row->stride * row->channels;
    args->dy_stride = row->y_stride;
    for (int64_t o = 0; o < row->ow; o++) {
        if (o == row->first && row->end > row->first) {
            grad_part(row, kernel, args, o, row->end - row->first, 0, row->taps);
            o = row->end - 1;
            continue;
        }
        int64_t tap;
        int64_t tap_end;
        gft_conv_valid_taps(row->w, row->taps, row->dilation, o * row->stride - row->pad, &tap,
                            &tap_end);
        grad_part(row, kernel, args, o, 1, tap, tap_end - tap);
    }
}

int64_t gft_depthwise_channel_block(int64_t rows, int64_t w, int64_t channels) {
    int64_t pixels = gft_i64_max(gft_i64_min(rows, 64) * w, 1);
    /*
     * three rows: each input is read three times, long streams from L2 are faster than short ones
     * from L1 (measured)
     */
    int64_t block = rows <= 3 ? 512 : gft_i64_max(L1_FLOATS / pixels / 32 * 32, 64);
    if (block >= channels)
        return gft_i64_max(channels, 1);
    /* equal blocks, whole vectors */
    int64_t count = gft_i64_ceil_div(channels, block);
    return gft_i64_ceil_div(gft_i64_ceil_div(channels, count), 16) * 16;
}

int64_t gft_depthwise_band(int64_t rows, int64_t row_macs) {
    int64_t band = row_macs > 0 ? gft_i64_ceil_div(TASK_MACS, row_macs) : rows;
    return gft_i64_max(gft_i64_min(band, rows), 1);
}

void gft_depthwise_repeat(const float *x, int64_t pixels, int64_t channels, int64_t times,
                          float *out) {
    for (int64_t i = 0; i < pixels * channels; i++)
        for (int64_t m = 0; m < times; m++)
            *out++ = x[i];
}
