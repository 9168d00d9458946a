/*
 * Packs the right-hand matrix into panels for the GEMM kernels: plain moves, the same on every CPU.
 * Rows of a panel are copied whole when the columns are contiguous; a transposed source is read in
 * nr parallel streams.
 */
#include <string.h>

#include "kernels/gemm.h"

static void pack_panel(const float *src, int64_t depth, int64_t width, int64_t row_stride,
                       int64_t col_stride, int64_t nr, float *dst) {
    if (col_stride == 1 && width == nr) {
        for (int64_t k = 0; k < depth; k++)
            memcpy(dst + k * nr, src + k * row_stride, (size_t)nr * sizeof(float));
        return;
    }
    for (int64_t k = 0; k < depth; k++) {
        const float *from = src + k * row_stride;
        float *to = dst + k * nr;
        int64_t j = 0;
        for (; j < width; j++)
            to[j] = from[j * col_stride];
        for (; j < nr; j++)
            to[j] = 0.0f;
    }
}

void gft_gemm_pack_f32(const float *src, int64_t depth, int64_t cols, int64_t row_stride,
                       int64_t col_stride, int64_t nr, int64_t first, int64_t count, float *dst) {
    for (int64_t p = first; p < first + count; p++, dst += depth * nr) {
        int64_t left = cols - p * nr;
        pack_panel(src + p * nr * col_stride, depth, left < nr ? left : nr, row_stride, col_stride,
                   nr, dst);
    }
}
