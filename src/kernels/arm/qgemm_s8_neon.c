/*
 * 8-bit GEMM for AArch64 NEON without dot products: 6 x 8 tile of int32 sums by smlal on numbers
 * widened to int16 (A in the block's copy, B once per plan).
 */
#include <string.h>

#include "kernels/arm/qrequant_neon.h"
#include "kernels/kernel_table.h"

#define MR 6
#define NR 8

static void widen_rows(const gft_qgemm_args *g) {
    int16_t *to = g->scratch;
    for (int64_t i = 0; i < g->rows; i++) {
        for (int64_t t = 0; t < g->taps; t++, to += g->depth) {
            const uint8_t *from = g->a[t * g->a_stride + i];
            for (int64_t k = 0; k < g->depth; k++)
                to[k] = (int8_t)(from[k] ^ g->out.flip);
        }
    }
}

typedef struct tile {
    const int16_t *a[MR]; /* rows past the last one repeat it */
    const int16_t *b;
    int64_t terms, rows, width;
    columns_neon columns;
    uint8_t *c;
    int64_t c_stride;
} tile;

#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define ROW_SUMS(i)                                                                                \
    int32x4_t s##i##0 = t->columns.offset0;                                                        \
    int32x4_t s##i##1 = t->columns.offset1;
#define ROW_STEP(i)                                                                                \
    x = vdup_n_s16(t->a[i][k]);                                                                    \
    s##i##0 = vmlal_s16(s##i##0, vget_low_s16(b), x);                                              \
    s##i##1 = vmlal_s16(s##i##1, vget_high_s16(b), x);
#define ROW_STORE(i)                                                                               \
    if (i < t->rows)                                                                               \
        store_columns(t->c + (i)*t->c_stride,                                                      \
                      requantise_8(r, s##i##0, s##i##1, t->columns.m0, t->columns.m1), t->width);

static void run_tile(const requant_neon *r, const tile *t) {
    int16x4_t x;
    EACH_ROW(ROW_SUMS)
    for (int64_t k = 0; k < t->terms; k++) {
        const int16x8_t b = vld1q_s16(t->b + k * NR);
        EACH_ROW(ROW_STEP)
    }
    EACH_ROW(ROW_STORE)
}

static void run_gemm(const gft_qgemm_args *g) {
    const requant_neon r = requant_neon_of(&g->out);
    tile t = {.terms = g->taps * g->depth, .c_stride = g->c_stride};
    widen_rows(g);
    for (int64_t col = 0; col < g->cols; col += NR) {
        t.width = g->cols - col < NR ? g->cols - col : NR;
        t.b = (const int16_t *)(const void *)((const char *)g->b + col / NR * g->b_panel_stride);
        t.columns = load_columns(&g->out, col, t.width);
        for (int64_t i = 0; i < g->rows; i += MR) {
            t.rows = g->rows - i < MR ? g->rows - i : MR;
            for (int64_t j = 0; j < MR; j++)
                t.a[j] =
                    (const int16_t *)g->scratch + (i + (j < t.rows ? j : t.rows - 1)) * t.terms;
            t.c = g->c + i * g->c_stride + col;
            run_tile(&r, &t);
        }
    }
}

extern const struct gft_qgemm_kernels QUANT_NAME(gft_qgemm_s8, neon);
const struct gft_qgemm_kernels QUANT_NAME(gft_qgemm_s8, neon) = {MR, NR, 1, 2, 2, 0, run_gemm};
