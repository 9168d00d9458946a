/*
 * Contracts of the float32 depthwise kernels: one run of pixels of one output row, channels
 * contiguous. The caller cuts off rows and columns that fall outside the picture, so kernels know
 * no padding, and blocks channels for the cache.
 */
#ifndef GFT_KERNELS_DWCONV_H
#define GFT_KERNELS_DWCONV_H

#include <stdint.h>

/*
 * y[p][c] = min(max(bias[c] + sum_r sum_t x_rows[r][p * x_stride + t * x_step + c] * w_rows[r][t *
 * w_step + c], lo), hi)
 *
 * Sizes: any, also 0. Fast when x_stride is x_step or twice that (stride 1 or 2 without dilation).
 * NaN passes the clamp.
 */
typedef struct gft_dwconv_f32_args {
    int64_t width, channels;
    int64_t taps_h, taps_w;
    const float *const *x_rows; /* taps_h pointers to the first pixel's first tap */
    int64_t x_step;             /* floats from tap to tap */
    int64_t x_stride;           /* floats from output pixel to output pixel */
    const float *const *w_rows; /* taps_h pointers */
    int64_t w_step;
    float *y;
    int64_t y_stride;
    const float *bias; /* channels, or NULL */
    float lo, hi;
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
