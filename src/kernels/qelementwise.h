/*
 * Contracts of the 8-bit element-wise, pooling and conversion kernels. Bytes are int8, or uint8
 * with flip = 0x80 (kernels/qgemm.h). Every variant gives the same bytes.
 */
#ifndef GFT_KERNELS_QELEMENTWISE_H
#define GFT_KERNELS_QELEMENTWISE_H

#include <stdint.h>

/*
 * qadd_s8: y = clamp(((a * a_multiplier + b * b_multiplier + bias) >> shift) + zero_point, lo, hi),
 * arithmetic shift, 0 <= shift <= 30; the caller keeps the sum inside int32. qmul_s8: y =
 * clamp(rint((float)((a - a_zero) * (b - b_zero)) * scale) + zero_point, lo, hi). A step is any
 * number of bytes; fast are 1 and 0 (one value for all).
 */
typedef struct gft_qbinary_args {
    const uint8_t *a, *b;
    int64_t a_step, b_step;
    uint8_t *y;
    int64_t n;
    int32_t a_multiplier, b_multiplier, bias, shift; /* qadd */
    int32_t a_zero, b_zero;                          /* qmul */
    float scale;
    int32_t zero_point, lo, hi;
    uint8_t flip;
} gft_qbinary_args;
typedef void gft_qbinary_fn(const gft_qbinary_args *args);

/* y[i] = table[x[i] ^ flip], table of 256 bytes; x may be y. */
typedef void gft_qlookup_fn(const uint8_t *x, const uint8_t *table, uint8_t flip, uint8_t *y,
                            int64_t n);

/* y[c] = largest of cells[i][c], count >= 1. */
typedef void gft_qpool_max_fn(const uint8_t *const *cells, int64_t count, int64_t channels,
                              uint8_t flip, uint8_t *y);

/* sum[c] += x[r * stride + c] over rows, x as int8. */
typedef void gft_qsum_rows_fn(const uint8_t *x, int64_t rows, int64_t stride, int64_t channels,
                              uint8_t flip, int32_t *sum);

/* y = clamp(rint(x * inverse) + zero_point, -128, 127) ^ flip; NaN becomes the smallest. */
typedef void gft_quantize_s8_fn(const float *x, float inverse, int32_t zero_point, uint8_t flip,
                                uint8_t *y, int64_t n);

/* y = scale * (float)(x - zero_point). */
typedef void gft_dequantize_s8_fn(const uint8_t *x, float scale, int32_t zero_point, uint8_t flip,
                                  float *y, int64_t n);

#endif
