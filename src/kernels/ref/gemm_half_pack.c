/*
 * Packs the right-hand matrix of a product of 16-bit floats into panels of paired rows
 * (kernels/half.h): one row of a panel is gathered, rounded if it is float32, and dealt out.
 */
#include <string.h>

#include "kernels/half.h"

#define MAX_NR 64

/* Row k of tap t of a panel, `width` columns from `col` on, zeros behind them. */
static void gather(const gft_gemm_half_source *s, int64_t t, int64_t k, int64_t col, int64_t width,
                   uint16_t *row) {
    int64_t at = t * s->tap_stride + k * s->row_stride + col * s->col_stride;
    memset(row, 0, MAX_NR * sizeof *row);
    if (s->half) {
        for (int64_t j = 0; j < width; j++)
            row[j] = s->half[at + j * s->col_stride];
        return;
    }
    float floats[MAX_NR];
    for (int64_t j = 0; j < width; j++)
        floats[j] = s->f32[at + j * s->col_stride];
    s->convert(floats, row, width);
}

static void pack_panel(const gft_gemm_half_source *s, int64_t col, uint16_t *dst) {
    int64_t left = s->cols - col;
    int64_t width = left < s->nr ? left : s->nr;
    int64_t nr = s->nr;
    int64_t group = s->group;
    uint16_t even[MAX_NR];
    uint16_t odd[MAX_NR];
    for (int64_t t = 0; t < s->taps; t++) {
        for (int64_t k = 0; k < s->depth; k += 2, dst += 2 * nr) {
            gather(s, t, k, col, width, even);
            if (k + 1 < s->depth)
                gather(s, t, k + 1, col, width, odd);
            else
                memset(odd, 0, sizeof odd);
            if (group == 1) {
                for (int64_t j = 0; j < nr; j++) {
                    dst[2 * j] = even[j];
                    dst[2 * j + 1] = odd[j];
                }
                continue;
            }
            for (int64_t j = 0; j < nr; j += group) {
                memcpy(dst + 2 * j, even + j, (size_t)group * sizeof *dst);
                memcpy(dst + 2 * j + group, odd + j, (size_t)group * sizeof *dst);
            }
        }
    }
}

void gft_gemm_pack_half(const gft_gemm_half_source *src, int64_t first, int64_t count,
                        uint16_t *dst) {
    int64_t panel = gft_gemm_half_panel(src->taps, src->depth, src->nr);
    for (int64_t p = first; p < first + count; p++, dst += panel)
        pack_panel(src, p * src->nr, dst);
}
