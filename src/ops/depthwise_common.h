/*
 * Shared by the depthwise ops: cutting rows into tasks and channels into cache blocks, rows with
 * their borders cut off, and the multiplier. A multiplier m > 1 is run as a filter of one channel
 * each over x with every channel repeated m times.
 */
#ifndef GFT_OPS_DEPTHWISE_COMMON_H
#define GFT_OPS_DEPTHWISE_COMMON_H

#include "kernels/kernel_table.h"
#include "ops/conv_geometry.h"

#define GFT_DEPTHWISE_MAX_TAPS 64 /* rows of a window that are handed over at once */

/* One axis-aligned pass of a row kernel: y[o] = sum_t x[o * stride - pad + t * dilation] * w[t]. */
typedef struct gft_depthwise_row {
    int64_t w, ow, taps, stride, dilation, pad;
    int64_t channels;   /* floats from pixel to pixel in x and w */
    int64_t y_stride;   /* floats from pixel to pixel in y */
    int64_t first, end; /* output pixels whose window lies inside */
} gft_depthwise_row;

gft_depthwise_row gft_depthwise_row_of(int64_t w, int64_t ow, int64_t taps, int64_t stride,
                                       int64_t dilation, int64_t pad, int64_t channels,
                                       int64_t y_stride);
/**
 * Runs one output row (without dilation perhaps two) for `channels` channels: args gives taps_h,
 * x_rows (column 0 of each input row), w_rows, w_step, y, bias, lo, hi, relu and what a second row
 * needs; steps and widths are filled in here.
 */
void gft_depthwise_run_row(const gft_depthwise_row *row, gft_dwconv_f32_fn *kernel,
                           gft_dwconv_f32_args *args);
/** The same for the filter's gradient: args gives channels, x (column 0), dy, dw, w_step. */
void gft_depthwise_grad_row(const gft_depthwise_row *row, gft_dwconv_grad_f32_fn *kernel,
                            gft_dwconv_grad_f32_args *args);

/** Channels at a time so that `rows` rows of `w` pixels stay in L1. */
int64_t gft_depthwise_channel_block(int64_t rows, int64_t w, int64_t channels);
/** Output rows of one task. */
int64_t gft_depthwise_band(int64_t rows, int64_t row_macs);

/** Repeats every channel `times` times, for `pixels` pixels of `channels` channels. */
void gft_depthwise_repeat(const float *x, int64_t pixels, int64_t channels, int64_t times,
                          float *out);

#endif
