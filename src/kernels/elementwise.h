/*
 * Function types of the light kernels (list_elementwise.h). All pointers are to f32 and need no
 * alignment beyond that. Where an output may lie on an input it may do so exactly, not shifted. No
 * kernel touches anything outside its arguments.
 *
 * "rows x cols" arrays are dense: row r starts at r * cols.
 */
#ifndef GFT_KERNELS_ELEMENTWISE_H
#define GFT_KERNELS_ELEMENTWISE_H

#include <stdint.h>

/* y[i] = f(x[i]); y may be x. alpha: the parameter of those that have one. */
typedef void gft_unary_f32_kernel(const float *x, float *y, int64_t n, float alpha);

/* dx[i] = dy[i] * f'(r[i]), where r is the input or the output of f as the op says; dx may be dy or
 * r. */
typedef void gft_unary_grad_f32_kernel(const float *dy, const float *r, float *dx, int64_t n,
                                       float alpha);

/* y[i] = f(a[i * a_step], b[i * b_step]) with steps 0 or 1; y may be a or b (where that step is 1).
 */
typedef void gft_binary_f32_kernel(const float *a, int64_t a_step, const float *b, int64_t b_step,
                                   float *y, int64_t n);

/* A number made from n values: sum, largest (-inf for n = 0; NaN if any is NaN). */
typedef float gft_fold_f32_kernel(const float *x, int64_t n);
/* Sum of a[i] * b[i]. */
typedef float gft_dot_f32_kernel(const float *a, const float *b, int64_t n);
/* Sum of (x[i] - centre)^2. */
typedef float gft_spread_f32_kernel(const float *x, int64_t n, float centre);

/* acc[c] = acc[c] + x[r][c], or the larger of both, over r; row r starts at r * row_stride. */
typedef void gft_fold_rows_f32_kernel(const float *x, int64_t rows, int64_t row_stride,
                                      int64_t cols, float *acc);
/* acc[c] += d, acc_square[c] += d^2 over r, with d = x[r][c] - centre[c]. */
typedef void gft_spread_rows_f32_kernel(const float *x, const float *centre, int64_t rows,
                                        int64_t cols, float *acc, float *acc_square);
/* acc_y[c] += dy[r][c]; acc_xy[c] += dy[r][c] * (x[r][c] - centre[c]) over r. */
typedef void gft_norm_sums_f32_kernel(const float *dy, const float *x, const float *centre,
                                      int64_t rows, int64_t cols, float *acc_y, float *acc_xy);
/* y[r][c] = (x[r][c] - centre[c]) * scale[c] + offset[c]; y may be x. */
typedef void gft_norm_rows_f32_kernel(const float *x, const float *centre, const float *scale,
                                      const float *offset, float *y, int64_t rows, int64_t cols);
/* dx[r][c] = dy[r][c] * a[c] + (x[r][c] - centre[c]) * b[c] + d[c]; dx may be dy or x. */
typedef void gft_norm_grad_rows_f32_kernel(const float *dy, const float *x, const float *centre,
                                           const float *a, const float *b, const float *d,
                                           float *dx, int64_t rows, int64_t cols);

/* y = softmax(x) or log softmax(x) of n values, n >= 1; y may be x. */
typedef void gft_softmax_f32_kernel(const float *x, float *y, int64_t n);
/* Sum of e^(x[i] - centre). */
typedef float gft_sum_exp_f32_kernel(const float *x, int64_t n, float centre);

/* y[c] = largest of cells[k][c], or their sum times scale; count >= 1 cells of `channels` values.
 */
typedef void gft_pool_f32_kernel(const float *const *cells, int64_t count, int64_t channels,
                                 float scale, float *y);

#endif
