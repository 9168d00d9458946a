/*
 * Scalar depthwise kernels: the definition of correct, terms added in order of rows and taps.
 */
#include <stddef.h>

#include "kernels/kernel_table.h"

void gft_dwconv_f32_scalar(const gft_dwconv_f32_args *args) {
    for (int64_t p = 0; p < args->width; p++) {
        for (int64_t c = 0; c < args->channels; c++) {
            float sum = args->bias ? args->bias[c] : 0.0f;
            for (int64_t r = 0; r < args->taps_h; r++) {
                const float *x = args->x_rows[r] + p * args->x_stride + c;
                const float *w = args->w_rows[r] + c;
                for (int64_t t = 0; t < args->taps_w; t++)
                    sum += x[t * args->x_step] * w[t * args->w_step];
            }
            sum = sum < args->lo ? args->lo : sum;
            args->y[p * args->y_stride + c] = sum > args->hi ? args->hi : sum;
        }
    }
}

void gft_dwconv_grad_f32_scalar(const gft_dwconv_grad_f32_args *args) {
    for (int64_t t = 0; t < args->taps_w; t++) {
        for (int64_t c = 0; c < args->channels; c++) {
            const float *x = args->x + t * args->x_step + c;
            const float *dy = args->dy + c;
            float sum = 0.0f;
            for (int64_t p = 0; p < args->width; p++)
                sum += x[p * args->x_stride] * dy[p * args->dy_stride];
            args->dw[t * args->w_step + c] += sum;
        }
    }
}
