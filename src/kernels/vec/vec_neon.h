/*
 * Vector layer, AArch64 NEON: four lanes. Meaning of each operation: vec_scalar.h.
 */
#ifndef GFT_KERNELS_VEC_NEON_H
#define GFT_KERNELS_VEC_NEON_H

#include <stdint.h>
#include <string.h>

#if defined(GFT_SIMD_EMULATE)
#if !defined(SIMDE_ENABLE_NATIVE_ALIASES)
#define SIMDE_ENABLE_NATIVE_ALIASES
#endif
#include <simde/arm/neon.h>
#else
#include <arm_neon.h>
#endif

#if defined(GFT_SIMD_EMULATE)
#define V_CPU neon_emulated /* the same file compiled for the checker */
#else
#define V_CPU neon
#endif
#define V_INLINE static inline __attribute__((always_inline))
#define V_LANES 4

typedef float32x4_t vec;
typedef uint32x4_t vmask;

V_INLINE vec v_load(const float *p) {
    return vld1q_f32(p);
}
V_INLINE void v_store(float *p, vec a) {
    vst1q_f32(p, a);
}
V_INLINE vec v_load_n(const float *p, int64_t n) {
    float lanes[V_LANES] = {0.0f, 0.0f, 0.0f, 0.0f};
    memcpy(lanes, p, (size_t)n * sizeof *p);
    return vld1q_f32(lanes);
}
V_INLINE void v_store_n(float *p, vec a, int64_t n) {
    float lanes[V_LANES];
    vst1q_f32(lanes, a);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
V_INLINE vec v_set(float a) {
    return vdupq_n_f32(a);
}
V_INLINE vec v_zero(void) {
    return vdupq_n_f32(0.0f);
}

V_INLINE vec v_add(vec a, vec b) {
    return vaddq_f32(a, b);
}
V_INLINE vec v_sub(vec a, vec b) {
    return vsubq_f32(a, b);
}
V_INLINE vec v_mul(vec a, vec b) {
    return vmulq_f32(a, b);
}
V_INLINE vec v_div(vec a, vec b) {
    return vdivq_f32(a, b);
}
V_INLINE vec v_fma(vec a, vec b, vec c) {
    return vfmaq_f32(c, a, b);
}
V_INLINE vec v_fnma(vec a, vec b, vec c) {
    return vfmsq_f32(c, a, b);
}
V_INLINE vec v_sqrt(vec a) {
    return vsqrtq_f32(a);
}
/* Compare and select, not vminq/vmaxq: those give NaN where the other levels give b. */
V_INLINE vec v_min(vec a, vec b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
V_INLINE vec v_max(vec a, vec b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
V_INLINE vec v_abs(vec a) {
    return vabsq_f32(a);
}
V_INLINE vec v_neg(vec a) {
    return vnegq_f32(a);
}
V_INLINE vec v_copysign(vec a, vec b) {
    return vbslq_f32(vdupq_n_u32(0x80000000u), b, a);
}
V_INLINE vec v_round(vec a) {
    return vrndnq_f32(a);
}
V_INLINE vec v_scale(vec a, vec k) {
    const int32x4_t biased = vaddq_s32(vcvtq_s32_f32(k), vdupq_n_s32(127));
    return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(biased, 23)));
}

V_INLINE vec v_power(vec biased) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vreinterpretq_s32_f32(biased), 23));
}

V_INLINE vmask v_lt(vec a, vec b) {
    return vcltq_f32(a, b);
}
V_INLINE vmask v_le(vec a, vec b) {
    return vcleq_f32(a, b);
}
V_INLINE vmask v_gt(vec a, vec b) {
    return vcgtq_f32(a, b);
}
V_INLINE vmask v_nan(vec a) {
    return vmvnq_u32(vceqq_f32(a, a));
}
V_INLINE vec v_select(vmask m, vec yes, vec no) {
    return vbslq_f32(m, yes, no);
}

V_INLINE float v_hsum(vec a) {
    return vaddvq_f32(a);
}
V_INLINE float v_hmax(vec a) {
    float lanes[V_LANES];
    vst1q_f32(lanes, a);
    float low = lanes[0] > lanes[2] ? lanes[0] : lanes[2];
    float high = lanes[1] > lanes[3] ? lanes[1] : lanes[3];
    return low > high ? low : high;
}

#endif
