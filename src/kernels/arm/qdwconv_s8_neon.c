/*
 * 8-bit depthwise convolution for AArch64 NEON: 8 channels, bytes widened to int16, smlal.
 */
#include <string.h>

#include "kernels/arm/qrequant_neon.h"
#include "kernels/kernel_table.h"

#define BLOCK 8

static inline int16x8_t load_widened(const uint8_t *x, int64_t n, int8x8_t flip) {
    if (n >= BLOCK)
        return vmovl_s8(veor_s8(vld1_s8((const int8_t *)x), flip));
    int8_t lane[BLOCK] = {0};
    memcpy(lane, x, (size_t)n);
    return vmovl_s8(veor_s8(vld1_s8(lane), flip));
}

static void run_depthwise(const gft_qdwconv_args *d) {
    const requant_neon r = requant_neon_of(&d->out);
    const int64_t taps = d->taps_h * d->taps_w;
    const int64_t n = d->channels < BLOCK ? d->channels : BLOCK;
    const uint8_t *x[GFT_QDWCONV_MAX_TAPS];
    for (int64_t t = 0; t < taps; t++)
        x[t] = d->x_rows[t / d->taps_w] + t % d->taps_w * d->x_step;
    for (int64_t i = 0; i * BLOCK < d->channels; i++) {
        const int64_t c = gft_qdwconv_block_at(BLOCK, d->channels, i);
        const int16_t *w = (const int16_t *)d->w + i * taps * BLOCK;
        const columns_neon columns = load_columns(&d->out, c, n);
        for (int64_t p = 0; p < d->width; p++) {
            int32x4_t s0 = columns.offset0;
            int32x4_t s1 = columns.offset1;
            for (int64_t t = 0; t < taps; t++) {
                const int16x8_t v = load_widened(x[t] + p * d->x_stride + c, n, r.flip);
                const int16x8_t f = vld1q_s16(w + t * BLOCK);
                s0 = vmlal_s16(s0, vget_low_s16(v), vget_low_s16(f));
                s1 = vmlal_s16(s1, vget_high_s16(v), vget_high_s16(f));
            }
            store_columns(d->y + p * d->y_stride + c,
                          requantise_8(&r, s0, s1, columns.m0, columns.m1), n);
        }
    }
}

extern const struct gft_qdwconv_kernels QUANT_NAME(gft_qdwconv_s8, neon);
const struct gft_qdwconv_kernels QUANT_NAME(gft_qdwconv_s8, neon) = {BLOCK, 1, 2, 0, run_depthwise};
