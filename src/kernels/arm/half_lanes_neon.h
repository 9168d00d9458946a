/*
 * Vectors of 16-bit floats for AArch64 NEON: four numbers widened to a register of floats, and
 * narrowed; with the vector operations that kernels/tmpl/gemm_half_tmpl.h needs.
 */
#ifndef GFT_KERNELS_HALF_LANES_NEON_H
#define GFT_KERNELS_HALF_LANES_NEON_H

#include <stdint.h>
#include <string.h>

#if defined(GFT_SIMD_EMULATE)
#if !defined(SIMDE_ENABLE_NATIVE_ALIASES)
#define SIMDE_ENABLE_NATIVE_ALIASES
#endif
#include <simde/arm/neon.h>
#define HALF_NAME(name) name##_neon_emulated
#else
#include <arm_neon.h>
#define HALF_NAME(name) name##_neon
#endif

#define HALF_INLINE static inline __attribute__((always_inline))
#define LANES 4
typedef float32x4_t lanes;

HALF_INLINE lanes lanes_zero(void) {
    return vdupq_n_f32(0.0f);
}
HALF_INLINE lanes lanes_set(float x) {
    return vdupq_n_f32(x);
}
HALF_INLINE lanes lanes_load(const float *p) {
    return vld1q_f32(p);
}
HALF_INLINE void lanes_store(float *p, lanes x) {
    vst1q_f32(p, x);
}
HALF_INLINE lanes lanes_load_n(const float *p, int64_t n) {
    float all[LANES] = {0};
    memcpy(all, p, (size_t)n * sizeof *p);
    return vld1q_f32(all);
}
HALF_INLINE void lanes_store_n(float *p, int64_t n, lanes x) {
    float all[LANES];
    vst1q_f32(all, x);
    memcpy(p, all, (size_t)n * sizeof *p);
}
HALF_INLINE lanes lanes_add(lanes a, lanes b) {
    return vaddq_f32(a, b);
}
HALF_INLINE lanes lanes_fma(lanes a, lanes b, lanes sum) {
    return vfmaq_f32(sum, a, b);
}
/* NaN fails both comparisons and passes. */
HALF_INLINE lanes lanes_clamp(lanes x, lanes lo, lanes hi) {
    x = vbslq_f32(vcltq_f32(x, lo), lo, x);
    return vbslq_f32(vcgtq_f32(x, hi), hi, x);
}

HALF_INLINE uint16x4_t half_bits_n(const uint16_t *p, int64_t n) {
    uint16_t all[LANES] = {0};
    memcpy(all, p, (size_t)n * sizeof *p);
    return vld1_u16(all);
}
HALF_INLINE void half_put_n(uint16_t *p, int64_t n, uint16x4_t x) {
    uint16_t all[LANES];
    vst1_u16(all, x);
    memcpy(p, all, (size_t)n * sizeof *p);
}

HALF_INLINE lanes bf16_widen(uint16x4_t x) {
    return vreinterpretq_f32_u32(vshll_n_u16(x, 16));
}
/*
 * To nearest even by adding half a unit, less one where the kept part is even; NaN keeps its upper
 * bits.
 */
HALF_INLINE uint16x4_t bf16_narrow(lanes x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    const uint32x4_t lsb = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(lsb, vdupq_n_u32(0x7fff)));
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16);
}

HALF_INLINE lanes bf16_load(const uint16_t *p) {
    return bf16_widen(vld1_u16(p));
}
HALF_INLINE lanes bf16_load_n(const uint16_t *p, int64_t n) {
    return bf16_widen(half_bits_n(p, n));
}
HALF_INLINE void bf16_store(uint16_t *p, lanes x) {
    vst1_u16(p, bf16_narrow(x));
}
HALF_INLINE void bf16_store_n(uint16_t *p, int64_t n, lanes x) {
    half_put_n(p, n, bf16_narrow(x));
}

HALF_INLINE lanes f16_widen(uint16x4_t x) {
    return vcvt_f32_f16(vreinterpret_f16_u16(x));
}
HALF_INLINE uint16x4_t f16_narrow(lanes x) {
    return vreinterpret_u16_f16(vcvt_f16_f32(x));
}
HALF_INLINE lanes f16_load(const uint16_t *p) {
    return f16_widen(vld1_u16(p));
}
HALF_INLINE lanes f16_load_n(const uint16_t *p, int64_t n) {
    return f16_widen(half_bits_n(p, n));
}
HALF_INLINE void f16_store(uint16_t *p, lanes x) {
    vst1_u16(p, f16_narrow(x));
}
HALF_INLINE void f16_store_n(uint16_t *p, int64_t n, lanes x) {
    half_put_n(p, n, f16_narrow(x));
}

#endif
