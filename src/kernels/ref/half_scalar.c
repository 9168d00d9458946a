/*
 * Scalar conversions between float32 and 16-bit floats: the definition of correct (base/float16.c).
 */
#include "base/float16.h"
#include "kernels/kernel_table.h"

void gft_bf16_from_f32_scalar(const float *x, uint16_t *y, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = gft_bf16_from_f32(x[i]);
}

void gft_f16_from_f32_scalar(const float *x, uint16_t *y, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = gft_f16_from_f32(x[i]);
}

void gft_f32_from_bf16_scalar(const uint16_t *x, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = gft_f32_from_bf16(x[i]);
}

void gft_f32_from_f16_scalar(const uint16_t *x, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = gft_f32_from_f16(x[i]);
}
