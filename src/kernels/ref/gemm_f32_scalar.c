/*
 * Scalar float32 GEMM: the definition of correct, and the fallback on CPUs without a variant. One row and one panel of
 * eight columns at a time, terms added in order of the reduction.
 */
#include <stddef.h>

#include "kernels/kernel_table.h"

#define NR 8

static inline float clamp(float x, float lo, float hi) {
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static void store_row(const gft_gemm_f32_args *args, int64_t row, int64_t col, int64_t width, const float *sum) {
    int64_t at = (args->c_rows ? args->c_rows[row] : row * args->c_stride) + col;
    for (int64_t j = 0; j < width; j++) {
        float v = sum[j];
        if (args->bias)
            v += args->bias[col + j];
        if (args->residual)
            v += args->residual[at + j];
        args->c[at + j] = clamp(v, args->lo, args->hi);
    }
}

static void run(const gft_gemm_f32_args *args) {
    for (int64_t col = 0; col < args->cols; col += NR) {
        const float *panel = args->b + col / NR * args->b_panel_stride;
        int64_t width = args->cols - col < NR ? args->cols - col : NR;
        for (int64_t i = 0; i < args->rows; i++) {
            float sum[NR] = {0};
            const float *b = panel;
            for (int64_t t = 0; t < args->taps; t++) {
                const float *a = args->a[t * args->a_stride + i];
                for (int64_t k = 0; k < args->depth; k++, b += NR)
                    for (int j = 0; j < NR; j++)
                        sum[j] += a[k] * b[j];
            }
            store_row(args, i, col, width, sum);
        }
    }
}

static void run_tn(const gft_gemm_tn_f32_args *args) {
    for (int64_t col = 0; col < args->cols; col += NR) {
        const float *panel = args->b + col / NR * args->b_panel_stride;
        int64_t width = args->cols - col < NR ? args->cols - col : NR;
        for (int64_t i = 0; i < args->rows; i++) {
            float sum[NR] = {0};
            for (int64_t p = 0; p < args->depth; p++) {
                float a = args->a[p][args->a_offset + i];
                for (int j = 0; j < NR; j++)
                    sum[j] += a * panel[p * NR + j];
            }
            float *c = args->c + i * args->c_stride + col;
            for (int64_t j = 0; j < width; j++)
                c[j] = args->accumulate ? c[j] + sum[j] : sum[j];
        }
    }
}

const struct gft_gemm_f32_kernels gft_gemm_f32_scalar = {1, NR, run, run_tn};
