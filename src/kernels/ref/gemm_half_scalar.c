/*
 * Scalar products of 16-bit floats: the definition of correct. A few rows and one panel of eight
 * columns at a time, every number widened where it is used, terms added in order of the reduction.
 */
#include <stddef.h>

#include "base/float16.h"
#include "kernels/kernel_table.h"

#define MR 4
#define NR 8

typedef float widen_fn(uint16_t bits);
typedef uint16_t narrow_fn(float value);
typedef struct format {
    widen_fn *widen;
    narrow_fn *narrow;
} format;

static const format bf16 = {gft_f32_from_bf16, gft_bf16_from_f32};
static const format f16 = {gft_f32_from_f16, gft_f16_from_f32};

static void store_row(const gft_gemm_half_args *g, const format *f, int64_t row, int64_t col,
                      const float *sum) {
    int64_t width = g->cols - col < NR ? g->cols - col : NR;
    int64_t at = (g->c_rows ? g->c_rows[row] : row * g->c_stride) + col;
    for (int64_t j = 0; j < width; j++) {
        float v = sum[j];
        if (g->bias)
            v += g->bias[col + j];
        if (g->residual)
            v += f->widen(g->residual[at + j]);
        if (g->accumulate && !g->c)
            v += g->c_f32[at + j];
        v = v < g->lo ? g->lo : v;
        v = v > g->hi ? g->hi : v;
        if (g->unary)
            g->unary(&v, &v, 1, g->alpha);
        if (g->c)
            g->c[at + j] = f->narrow(v);
        else
            g->c_f32[at + j] = v;
    }
}

static void run_tile(const gft_gemm_half_args *g, const format *f, int64_t row, int64_t rows,
                     int64_t col) {
    float sum[MR][NR] = {{0}};
    const uint16_t *b = g->b + col / NR * g->b_panel_stride;
    for (int64_t t = 0; t < g->taps; t++, b += g->depth % 2 * NR) {
        const uint16_t *const *a = g->a + t * g->a_stride + row;
        for (int64_t k = 0; k < g->depth; k++) {
            const uint16_t *pair = b + (k - k % 2) * NR + k % 2;
            float wide[NR];
            for (int j = 0; j < NR; j++)
                wide[j] = f->widen(pair[2 * j]);
            for (int64_t r = 0; r < rows; r++) {
                float x = f->widen(a[r][k]);
                for (int j = 0; j < NR; j++)
                    sum[r][j] += x * wide[j];
            }
        }
        b += g->depth * NR;
    }
    for (int64_t r = 0; r < rows; r++)
        store_row(g, f, row + r, col, sum[r]);
}

static void run(const gft_gemm_half_args *g, const format *f) {
    for (int64_t col = 0; col < g->cols; col += NR)
        for (int64_t row = 0; row < g->rows; row += MR)
            run_tile(g, f, row, g->rows - row < MR ? g->rows - row : MR, col);
}

static void run_bf16(const gft_gemm_half_args *g) {
    run(g, &bf16);
}
static void run_f16(const gft_gemm_half_args *g) {
    run(g, &f16);
}

const struct gft_gemm_half_kernels gft_gemm_bf16_scalar = {MR, NR, 1, run_bf16};
const struct gft_gemm_half_kernels gft_gemm_f16_scalar = {MR, NR, 1, run_f16};
