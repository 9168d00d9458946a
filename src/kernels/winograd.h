/*
 * Contracts of the float32 Winograd kernels: the transforms of one tile of a 3x3 convolution of
 * stride 1, after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. The
 * products between them are matrix products (kernels/gemm.h), one per point.
 *
 * F(m x m, 3 x 3) makes m x m results from (m+2) x (m+2) pixels with (m+2)^2 multiplications
 * instead of 9 m^2. Points of F(4x4): 0, +-5/8, +-3/2 and infinity; these keep the rounding error
 * near that of the direct sum (Lavin's 0, +-1, +-2 doubles it), and every constant of the
 * transforms of x is exact in binary. Points of F(2x2): 0, +-1 and infinity.
 */
#ifndef GFT_KERNELS_WINOGRAD_H
#define GFT_KERNELS_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

/* The points of F(4x4). */
#define GFT_WINOGRAD_A 0.625
#define GFT_WINOGRAD_B 1.5

/*
 * v[p * point_stride + c] = (B^T d B)[p] for each channel, where d are the (m+2) x (m+2) pixels at
 * x[origin + row * row_stride + column * pixel_stride + c]; pixels outside rows h_first..h_end-1 or
 * columns w_first..w_end-1 count as zeros and are not read. Points are counted row by row.
 */
typedef struct gft_winograd_f32_input_args {
    const float *x;
    int64_t origin; /* may be negative: the tile may begin outside the picture */
    int64_t row_stride, pixel_stride;
    int64_t h_first, h_end, w_first, w_end; /* within 0..m+2; may be empty */
    int64_t channels;
    float *v;
    int64_t point_stride;
} gft_winograd_f32_input_args;

/*
 * y[row * row_stride + column * pixel_stride + c] = clamp((A^T s A)[row][column] + bias[c] +
 * residual[as y]), for the first `rows` x `cols` of the m x m results. residual may be y.
 * NaN passes through the clamp.
 */
typedef struct gft_winograd_f32_output_args {
    const float *s; /* sum of point p, channel c: s[p * point_stride + c] */
    int64_t point_stride;
    int64_t channels;
    float *y;
    int64_t row_stride, pixel_stride;
    int64_t rows, cols;
    const float *bias;     /* channels, or NULL */
    const float *residual; /* laid out like y, or NULL */
    float lo, hi;
} gft_winograd_f32_output_args;

/*
 * s[i * s_row + j] = sum_k v[i * v_row + k] * U[k][j] for `rows` tiles at one point: a matrix
 * product with few rows, whose U often comes from far away: while a panel is at work, parts of the
 * next one are asked for.
 */
typedef struct gft_winograd_f32_product_args {
    int64_t rows, panels, depth;
    const float *v;
    int64_t v_row;
    const float *u; /* packed panels (kernels/gemm.h) of `product_nr` columns, one behind another */
    const float *next; /* a panel that will be wanted after these; NULL: none */
    float *s;          /* panels * product_nr columns are written */
    int64_t s_row;
} gft_winograd_f32_product_args;

/*
 * One panel of U = G g G^T, in double and rounded once: point p of channel k and column j goes to
 * u[((p * panels + panel) * c + k) * product_nr + j], columns past oc are zeros; panels is that of
 * oc columns.
 */
typedef struct gft_winograd_f32_filter_args {
    const float *filter; /* 3 x 3 x c x oc */
    int64_t c, oc;
    bool flip; /* filter is 3 x 3 x oc x c and is turned by 180 degrees: for the gradient of x */
    int64_t panel;
    float *u; /* all points and panels */
} gft_winograd_f32_filter_args;

typedef const struct gft_winograd_f32_kernels {
    int32_t product_nr;
    void (*product)(const gft_winograd_f32_product_args *args);
    void (*filter_2)(const gft_winograd_f32_filter_args *args);
    void (*filter_4)(const gft_winograd_f32_filter_args *args);
    void (*input_2)(const gft_winograd_f32_input_args *args); /* F(2x2,3x3) */
    void (*input_4)(const gft_winograd_f32_input_args *args); /* F(4x4,3x3) */
    void (*output_2)(const gft_winograd_f32_output_args *args);
    void (*output_4)(const gft_winograd_f32_output_args *args);
} gft_winograd_f32_kernels;

#endif
