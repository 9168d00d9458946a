/*
 * 8-bit element-wise, pooling and conversion kernels in plain C: what the other variants must give,
 * bit for bit.
 */
#include <math.h>

#include "kernels/kernel_table.h"

static int32_t value(uint8_t byte, uint8_t flip) {
    return (int8_t)(byte ^ flip);
}

static uint8_t byte_of(int32_t q, int32_t lo, int32_t hi, uint8_t flip) {
    q = q < lo ? lo : q;
    q = q > hi ? hi : q;
    return (uint8_t)((uint8_t)q ^ flip);
}

void gft_qadd_s8_scalar(const gft_qbinary_args *g) {
    for (int64_t i = 0; i < g->n; i++) {
        int32_t a = value(g->a[i * g->a_step], g->flip);
        int32_t b = value(g->b[i * g->b_step], g->flip);
        uint32_t sum = (uint32_t)a * (uint32_t)g->a_multiplier +
                       (uint32_t)b * (uint32_t)g->b_multiplier + (uint32_t)g->bias;
        int32_t q = ((int32_t)sum >> g->shift) + g->zero_point;
        g->y[i] = byte_of(q, g->lo, g->hi, g->flip);
    }
}

void gft_qmul_s8_scalar(const gft_qbinary_args *g) {
    const float lo = (float)(g->lo - g->zero_point);
    const float hi = (float)(g->hi - g->zero_point);
    for (int64_t i = 0; i < g->n; i++) {
        int32_t a = value(g->a[i * g->a_step], g->flip) - g->a_zero;
        int32_t b = value(g->b[i * g->b_step], g->flip) - g->b_zero;
        float x = rintf((float)(a * b) * g->scale);
        x = x > hi ? hi : x;
        x = x < lo ? lo : x;
        g->y[i] = (uint8_t)((uint8_t)((int32_t)x + g->zero_point) ^ g->flip);
    }
}

void gft_qlookup_s8_scalar(const uint8_t *x, const uint8_t *table, uint8_t flip, uint8_t *y,
                           int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = table[x[i] ^ flip];
}

void gft_qpool_max_s8_scalar(const uint8_t *const *cells, int64_t count, int64_t channels,
                             uint8_t flip, uint8_t *y) {
    for (int64_t c = 0; c < channels; c++) {
        int32_t max = value(cells[0][c], flip);
        for (int64_t i = 1; i < count; i++) {
            int32_t v = value(cells[i][c], flip);
            max = v > max ? v : max;
        }
        y[c] = (uint8_t)((uint8_t)max ^ flip);
    }
}

void gft_qsum_rows_s8_scalar(const uint8_t *x, int64_t rows, int64_t stride, int64_t channels,
                             uint8_t flip, int32_t *sum) {
    for (int64_t r = 0; r < rows; r++, x += stride)
        for (int64_t c = 0; c < channels; c++)
            sum[c] = (int32_t)((uint32_t)sum[c] + (uint32_t)value(x[c], flip));
}

void gft_quantize_s8_scalar(const float *x, float inverse, int32_t zero_point, uint8_t flip,
                            uint8_t *y, int64_t n) {
    const float lo = (float)(-128 - zero_point);
    const float hi = (float)(127 - zero_point);
    for (int64_t i = 0; i < n; i++) {
        float q = rintf(x[i] * inverse);
        q = q > hi ? hi : q;
        q = q >= lo ? q : lo; /* also NaN */
        y[i] = (uint8_t)((uint8_t)((int32_t)q + zero_point) ^ flip);
    }
}

void gft_dequantize_s8_scalar(const uint8_t *x, float scale, int32_t zero_point, uint8_t flip,
                              float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = scale * (float)(value(x[i], flip) - zero_point);
}
