/*
 * The few vector operations the GEMM and depthwise templates need, for AArch64 NEON: 4 floats, 32
 * registers. With GFT_SIMD_EMULATE the intrinsics come from SIMDe in portable C, for the checker on
 * other CPUs.
 */
#ifndef GFT_KERNELS_LANES_NEON_H
#define GFT_KERNELS_LANES_NEON_H

#include <stdint.h>
#include <string.h>

#if defined(GFT_SIMD_EMULATE)
#if !defined(SIMDE_ENABLE_NATIVE_ALIASES)
#define SIMDE_ENABLE_NATIVE_ALIASES
#endif
#include <simde/arm/neon.h>
#define GFT_NEON_NAME(name) name##_neon_emulated
#else
#include <arm_neon.h>
#define GFT_NEON_NAME(name) name##_neon
#endif

#define LANES 4
typedef float32x4_t lanes;

static inline lanes lanes_zero(void) {
    return vdupq_n_f32(0.0f);
}
static inline lanes lanes_set(float x) {
    return vdupq_n_f32(x);
}
static inline lanes lanes_one(const float *p) {
    return vld1q_dup_f32(p);
}
static inline lanes lanes_load(const float *p) {
    return vld1q_f32(p);
}
static inline void lanes_store(float *p, lanes x) {
    vst1q_f32(p, x);
}
static inline lanes lanes_add(lanes a, lanes b) {
    return vaddq_f32(a, b);
}
static inline lanes lanes_max(lanes a, lanes b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
} /* b if either is NaN */
static inline lanes lanes_fma(lanes a, lanes b, lanes sum) {
    return vfmaq_f32(sum, a, b);
}
/* NaN passes: it is in neither comparison. */
static inline lanes lanes_clamp(lanes x, lanes lo, lanes hi) {
    x = vbslq_f32(vcgtq_f32(lo, x), lo, x);
    return vbslq_f32(vcltq_f32(hi, x), hi, x);
}

/* The first n floats, the others zero; 0 < n < LANES. */
static inline lanes lanes_load_n(const float *p, int64_t n) {
    float all[LANES] = {0.0f, 0.0f, 0.0f, 0.0f};
    memcpy(all, p, (size_t)n * sizeof(float));
    return vld1q_f32(all);
}
static inline void lanes_store_n(float *p, int64_t n, lanes x) {
    float all[LANES];
    vst1q_f32(all, x);
    memcpy(p, all, (size_t)n * sizeof(float));
}

#endif
