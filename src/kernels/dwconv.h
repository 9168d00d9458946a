/*
 * Contracts of the float32 depthwise kernels: one or two output rows, channels contiguous. Padding
 * is what is not there: rows that are NULL, columns outside 0..x_width-1. The caller blocks
 * channels for the cache.
 */
#ifndef GFT_KERNELS_DWCONV_H
#define GFT_KERNELS_DWCONV_H

#include <stdbool.h>
#include <stdint.h>

/*
 * y[p][c] = min(max(bias[c] + sum_r sum_t x_rows[r][p * x_stride + (t - pad) * x_step + c] *
 * w_rows[r][t * w_step + c], lo), hi)
 *
 * Sizes: any, also 0. Fast when x_stride is x_step or twice that (stride 1 or 2 without dilation).
 * NaN passes the clamp.
 */
typedef struct gft_dwconv_f32_args {
    int64_t width, channels;
    int64_t taps_h, taps_w;
    const float *const *
        x_rows; /* taps_h (and row_step more for a second row) pointers to column 0; NULL: left out */
    int64_t x_step;   /* floats from tap to tap */
    int64_t x_stride; /* floats from output pixel to output pixel */
    int64_t x_width; /* columns of x, x_step apart; taps outside are left out. 0: none is outside */
    int64_t pad;     /* columns before column 0 at which the first window begins */
    const float *const *w_rows; /* taps_h pointers */
    int64_t w_step;
    float *y;
    int64_t y_stride;
    int64_t rows;      /* output rows: 2, or anything else for 1 */
    int64_t row_step;  /* rows == 2: the second output row begins at x_rows[row_step] */
    int64_t y_row;     /* rows == 2: floats from output row to output row */
    const float *bias; /* channels, or NULL */
    float lo, hi;
    bool relu; /* x counts as max(x, 0) */
} gft_dwconv_f32_args;
typedef void gft_dwconv_f32_fn(const gft_dwconv_f32_args *args);

/*
 * dw[t * w_step + c] += sum_p x[p * x_stride + t * x_step + c] * dy[p * dy_stride + c] for t in
 * 0..taps_w-1.
 */
typedef struct gft_dwconv_grad_f32_args {
    int64_t width, channels, taps_w;
    const float *x;
    int64_t x_step, x_stride;
    const float *dy;
    int64_t dy_stride;
    float *dw;
    int64_t w_step;
} gft_dwconv_grad_f32_args;
typedef void gft_dwconv_grad_f32_fn(const gft_dwconv_grad_f32_args *args);

#endif
