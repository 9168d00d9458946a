/*
 * 8-bit GEMM for AArch64 with the dot-product instructions: 8 x 8 tile of int32 sums by sdot, four
 * terms of the reduction at a time, sixteen per load of A.
 */
#include <string.h>

#include "kernels/arm/qrequant_neon.h"
#include "kernels/kernel_table.h"

#define MR 8
#define NR 8

static void copy_rows(const gft_qgemm_args *g, int64_t padded) {
    uint8_t *to = g->scratch;
    for (int64_t i = 0; i < g->rows; i++, to += padded) {
        for (int64_t t = 0; t < g->taps; t++) {
            const uint8_t *from = g->a[t * g->a_stride + i];
            for (int64_t k = 0; k < g->depth; k++)
                to[t * g->depth + k] = from[k] ^ g->out.flip;
        }
        memset(to + g->taps * g->depth, 0, (size_t)(padded - g->taps * g->depth));
    }
}

typedef struct tile {
    const int8_t *a[MR]; /* rows past the last one repeat it */
    const int8_t *b;
    int64_t padded, rows, width;
    columns_neon columns;
    uint8_t *c;
    int64_t c_stride;
} tile;

#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define ROW_SUMS(i)                                                                                \
    int32x4_t s##i##0 = t->columns.offset0;                                                        \
    int32x4_t s##i##1 = t->columns.offset1;
#define ROW_LOAD(i) const int8x16_t a##i = vld1q_s8(t->a[i] + k);
#define ROW_DOT(i, lane)                                                                           \
    s##i##0 = vdotq_laneq_s32(s##i##0, b0, a##i, lane);                                            \
    s##i##1 = vdotq_laneq_s32(s##i##1, b1, a##i, lane);
#define ROW_DOT_0(i) ROW_DOT(i, 0)
#define ROW_DOT_1(i) ROW_DOT(i, 1)
#define ROW_DOT_2(i) ROW_DOT(i, 2)
#define ROW_DOT_3(i) ROW_DOT(i, 3)
#define ROW_TAIL(i)                                                                                \
    memcpy(&word, t->a[i] + k, sizeof word);                                                       \
    x = vreinterpretq_s8_s32(vdupq_n_s32(word));                                                   \
    s##i##0 = vdotq_s32(s##i##0, b0, x);                                                           \
    s##i##1 = vdotq_s32(s##i##1, b1, x);
#define ROW_STORE(i)                                                                               \
    if (i < t->rows)                                                                               \
        store_columns(t->c + (i)*t->c_stride,                                                      \
                      requantise_8(r, s##i##0, s##i##1, t->columns.m0, t->columns.m1), t->width);
#define FOUR_TERMS(EACH)                                                                           \
    b0 = vld1q_s8(b);                                                                              \
    b1 = vld1q_s8(b + 16);                                                                         \
    b += 4 * NR;                                                                                   \
    EACH_ROW(EACH)

static void run_tile(const requant_neon *r, const tile *t) {
    const int8_t *b = t->b;
    int8x16_t b0;
    int8x16_t b1;
    int8x16_t x;
    int32_t word;
    int64_t k = 0;
    EACH_ROW(ROW_SUMS)
    for (; k + 16 <= t->padded; k += 16) {
        EACH_ROW(ROW_LOAD)
        FOUR_TERMS(ROW_DOT_0)
        FOUR_TERMS(ROW_DOT_1)
        FOUR_TERMS(ROW_DOT_2)
        FOUR_TERMS(ROW_DOT_3)
    }
    for (; k < t->padded; k += 4) {
        FOUR_TERMS(ROW_TAIL)
    }
    EACH_ROW(ROW_STORE)
}

static void run_gemm(const gft_qgemm_args *g) {
    const requant_neon r = requant_neon_of(&g->out);
    tile t = {.padded = (g->taps * g->depth + 3) / 4 * 4, .c_stride = g->c_stride};
    copy_rows(g, t.padded);
    for (int64_t col = 0; col < g->cols; col += NR) {
        t.width = g->cols - col < NR ? g->cols - col : NR;
        t.b = (const int8_t *)g->b + col / NR * g->b_panel_stride;
        t.columns = load_columns(&g->out, col, t.width);
        for (int64_t i = 0; i < g->rows; i += MR) {
            t.rows = g->rows - i < MR ? g->rows - i : MR;
            for (int64_t j = 0; j < MR; j++)
                t.a[j] =
                    (const int8_t *)g->scratch + (i + (j < t.rows ? j : t.rows - 1)) * t.padded;
            t.c = g->c + i * g->c_stride + col;
            run_tile(&r, &t);
        }
    }
}

extern const struct gft_qgemm_kernels QUANT_NAME(gft_qgemm_s8, neondot);
const struct gft_qgemm_kernels QUANT_NAME(gft_qgemm_s8, neondot) = {MR, NR, 4, 1, 1, 0, run_gemm};
