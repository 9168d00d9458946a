/*
 * 8-bit GEMM and depthwise convolution in plain C: what the other variants must give, bit for bit.
 */
#include <math.h>

#include "kernels/kernel_table.h"

#define NR 8

static uint8_t requantise(const gft_requant *out, uint32_t acc, int64_t column) {
    float x =
        rintf((float)(int32_t)(acc + (uint32_t)out->offset[column]) * out->multiplier[column]);
    float lo = (float)(out->lo - out->zero_point);
    float hi = (float)(out->hi - out->zero_point);
    x = x > hi ? hi : x;
    x = x < lo ? lo : x;
    return (uint8_t)((uint8_t)((int32_t)x + out->zero_point) ^ out->flip);
}

static void run_row(const gft_qgemm_args *g, int64_t i, const int8_t *panel, int64_t col,
                    int64_t width) {
    uint32_t acc[NR] = {0};
    for (int64_t t = 0; t < g->taps; t++) {
        const uint8_t *a = g->a[t * g->a_stride + i];
        for (int64_t k = 0; k < g->depth; k++, panel += NR) {
            int32_t v = (int8_t)(a[k] ^ g->out.flip);
            for (int j = 0; j < NR; j++)
                acc[j] += (uint32_t)(v * panel[j]);
        }
    }
    for (int64_t j = 0; j < width; j++)
        g->c[i * g->c_stride + col + j] = requantise(&g->out, acc[j], col + j);
}

static void run(const gft_qgemm_args *g) {
    for (int64_t col = 0; col < g->cols; col += NR) {
        const int8_t *panel = (const int8_t *)g->b + col / NR * g->b_panel_stride;
        int64_t width = g->cols - col < NR ? g->cols - col : NR;
        for (int64_t i = 0; i < g->rows; i++)
            run_row(g, i, panel, col, width);
    }
}

const struct gft_qgemm_kernels gft_qgemm_s8_scalar = {4, NR, 1, 0, 1, 0, run};

static void run_depthwise(const gft_qdwconv_args *d) {
    for (int64_t p = 0; p < d->width; p++) {
        for (int64_t c = 0; c < d->channels; c++) {
            const int8_t *w = (const int8_t *)d->w + c * d->taps_h * d->taps_w;
            uint32_t acc = 0;
            for (int64_t r = 0; r < d->taps_h; r++) {
                const uint8_t *x = d->x_rows[r] + p * d->x_stride + c;
                for (int64_t t = 0; t < d->taps_w; t++)
                    acc += (uint32_t)((int8_t)(x[t * d->x_step] ^ d->out.flip) * *w++);
            }
            d->y[p * d->y_stride + c] = requantise(&d->out, acc, c);
        }
    }
}

const struct gft_qdwconv_kernels gft_qdwconv_s8_scalar = {1, 1, 1, 0, run_depthwise};
