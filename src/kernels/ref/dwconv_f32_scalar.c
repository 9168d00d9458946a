/*
 * Scalar depthwise kernels: the definition of correct, terms added in order of rows and taps.
 */
#include <stddef.h>

#include "kernels/kernel_table.h"

static float sum_of(const gft_dwconv_f32_args *args, const float *const *x_rows, int64_t p,
                    int64_t c) {
    const int64_t stride = args->x_width && args->x_step ? args->x_stride / args->x_step : 0;
    float sum = args->bias ? args->bias[c] : 0.0f;
    for (int64_t r = 0; r < args->taps_h; r++) {
        const float *w = args->w_rows[r] + c;
        for (int64_t t = 0; x_rows[r] && t < args->taps_w; t++) {
            const int64_t column = p * stride + t - args->pad;
            if (args->x_width && (column < 0 || column >= args->x_width))
                continue;
            const float x = x_rows[r][p * args->x_stride + (t - args->pad) * args->x_step + c];
            sum += (args->relu && x < 0.0f ? 0.0f : x) * w[t * args->w_step];
        }
    }
    return sum;
}

void gft_dwconv_f32_scalar(const gft_dwconv_f32_args *args) {
    const int64_t rows = args->rows == 2 ? 2 : 1;
    for (int64_t i = 0; i < rows * args->width; i++) {
        const int64_t row = i / args->width;
        const int64_t p = i % args->width;
        for (int64_t c = 0; c < args->channels; c++) {
            float sum = sum_of(args, args->x_rows + row * args->row_step, p, c);
            sum = sum < args->lo ? args->lo : sum;
            args->y[row * args->y_row + p * args->y_stride + c] = sum > args->hi ? args->hi : sum;
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
