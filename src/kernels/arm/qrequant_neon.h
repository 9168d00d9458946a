/*
 * Requantisation of int32 sums for AArch64 NEON (the rule in kernels/qgemm.h), shared by the 8-bit
 * kernels.
 */
#ifndef GFT_KERNELS_QREQUANT_NEON_H
#define GFT_KERNELS_QREQUANT_NEON_H

#include <string.h>

#include "kernels/qgemm.h"

#if defined(GFT_SIMD_EMULATE)
#if !defined(SIMDE_ENABLE_NATIVE_ALIASES)
#define SIMDE_ENABLE_NATIVE_ALIASES
#endif
#include <simde/arm/neon.h>
#define QUANT_NAME(name, cpu) name##_##cpu##_emulated
#else
#include <arm_neon.h>
#define QUANT_NAME(name, cpu) name##_##cpu
#endif

typedef struct requant_neon {
    float32x4_t lo, hi; /* less the zero point */
    int16x8_t zero_point;
    int8x8_t flip;
} requant_neon;

static inline requant_neon requant_neon_of(const gft_requant *out) {
    return (requant_neon){vdupq_n_f32((float)(out->lo - out->zero_point)),
                          vdupq_n_f32((float)(out->hi - out->zero_point)),
                          vdupq_n_s16((int16_t)out->zero_point), vdup_n_s8((int8_t)out->flip)};
}

/* 8 sums, offsets included, to 8 bytes. */
static inline int8x8_t requantise_8(const requant_neon *r, int32x4_t acc0, int32x4_t acc1,
                                    float32x4_t m0, float32x4_t m1) {
    float32x4_t f0 = vmaxq_f32(vminq_f32(vmulq_f32(vcvtq_f32_s32(acc0), m0), r->hi), r->lo);
    float32x4_t f1 = vmaxq_f32(vminq_f32(vmulq_f32(vcvtq_f32_s32(acc1), m1), r->hi), r->lo);
    int16x8_t q = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(f0)), vqmovn_s32(vcvtnq_s32_f32(f1)));
    return veor_s8(vqmovn_s16(vaddq_s16(q, r->zero_point)), r->flip);
}

/* The tables of up to 8 columns; the rest is zero. */
typedef struct columns_neon {
    int32x4_t offset0, offset1;
    float32x4_t m0, m1;
} columns_neon;

static inline columns_neon load_columns(const gft_requant *out, int64_t from, int64_t n) {
    int32_t offset[8] = {0};
    float m[8] = {0};
    memcpy(offset, out->offset + from, (size_t)n * sizeof *offset);
    memcpy(m, out->multiplier + from, (size_t)n * sizeof *m);
    return (columns_neon){vld1q_s32(offset), vld1q_s32(offset + 4), vld1q_f32(m), vld1q_f32(m + 4)};
}

static inline void store_columns(uint8_t *to, int8x8_t v, int64_t n) {
    int8_t lane[8];
    vst1_s8(lane, v);
    memcpy(to, lane, (size_t)n);
}

#endif
