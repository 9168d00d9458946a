/*
 * Intrinsics that Debian's SIMDe does not have yet, in plain C; SIMDe's names for vectors must be
 * known already. Its aliases are macros, so a later SIMDe that has them wins.
 */
#ifndef GFT_TEST_SIMDE_MISSING_H
#define GFT_TEST_SIMDE_MISSING_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(SIMDE_X86_AVX512_TYPES_H) && !defined(__AVX512F__) && !defined(_mm512_cvtps_epi32)
static inline __attribute__((always_inline)) __m512i gft_test_cvtps(__m512 a) {
    float x[16];
    int32_t y[16];
    __m512i result;
    memcpy(x, &a, sizeof x);
    for (int i = 0; i < 16; i++)
        y[i] = fabsf(x[i]) < 0x1p31f ? (int32_t)rintf(x[i]) : INT32_MIN;
    memcpy(&result, y, sizeof y);
    return result;
}
#define _mm512_cvtps_epi32(a) gft_test_cvtps(a)
#endif

#if defined(SIMDE_X86_AVX512_TYPES_H) && !defined(__AVX512F__) && !defined(_mm512_cvtepi32_ps)
static inline __attribute__((always_inline)) __m512 gft_test_cvtepi32(__m512i a) {
    int32_t x[16];
    float y[16];
    __m512 result;
    memcpy(x, &a, sizeof x);
    for (int i = 0; i < 16; i++)
        y[i] = (float)x[i];
    memcpy(&result, y, sizeof y);
    return result;
}
#define _mm512_cvtepi32_ps(a) gft_test_cvtepi32(a)
#endif

#if defined(SIMDE_ARM_NEON_TYPES_H) && !defined(__aarch64__)
#if !defined(vdivq_f32)
static inline float32x4_t gft_test_vdivq(float32x4_t a, float32x4_t b) {
    float x[4];
    float y[4];
    vst1q_f32(x, a);
    vst1q_f32(y, b);
    for (int i = 0; i < 4; i++)
        x[i] /= y[i];
    return vld1q_f32(x);
}
#define vdivq_f32(a, b) gft_test_vdivq(a, b)
#endif
#if !defined(vsqrtq_f32)
static inline float32x4_t gft_test_vsqrtq(float32x4_t a) {
    float x[4];
    vst1q_f32(x, a);
    for (int i = 0; i < 4; i++)
        x[i] = sqrtf(x[i]);
    return vld1q_f32(x);
}
#define vsqrtq_f32(a) gft_test_vsqrtq(a)
#endif
#if !defined(vcvtnq_s32_f32)
static inline int32x4_t gft_test_vcvtnq(float32x4_t a) {
    float x[4];
    int32_t y[4];
    vst1q_f32(x, a);
    for (int i = 0; i < 4; i++)
        y[i] = fabsf(x[i]) < 0x1p31f ? (int32_t)rintf(x[i]) : x[i] > 0.0f ? INT32_MAX : INT32_MIN;
    return vld1q_s32(y);
}
#define vcvtnq_s32_f32(a) gft_test_vcvtnq(a)
#endif
#if !defined(vfmsq_f32)
#define vfmsq_f32(c, a, b) vfmaq_f32(c, vnegq_f32(a), b)
#endif
#endif

/* Halves in vectors of sixteen floats, for kernels/x86/half_lanes_avx512.h. */
#if defined(SIMDE_X86_AVX512_TYPES_H) && !defined(__AVX512F__)
#include "base/float16.h"
#if !defined(_mm512_cvtepu16_epi32)
static inline __attribute__((always_inline)) __m512i gft_test_cvtepu16(__m256i a) {
    uint16_t x[16];
    uint32_t y[16];
    __m512i result;
    memcpy(x, &a, sizeof x);
    for (int i = 0; i < 16; i++)
        y[i] = x[i];
    memcpy(&result, y, sizeof y);
    return result;
}
#define _mm512_cvtepu16_epi32(a) gft_test_cvtepu16(a)
#endif
#if !defined(_mm512_cvtepi32_epi16)
static inline __attribute__((always_inline)) __m256i gft_test_cvtepi32_epi16(__m512i a) {
    uint32_t x[16];
    uint16_t y[16];
    __m256i result;
    memcpy(x, &a, sizeof x);
    for (int i = 0; i < 16; i++)
        y[i] = (uint16_t)x[i];
    memcpy(&result, y, sizeof y);
    return result;
}
#define _mm512_cvtepi32_epi16(a) gft_test_cvtepi32_epi16(a)
#endif
#if !defined(_mm512_cvtph_ps)
static inline __attribute__((always_inline)) __m512 gft_test_cvtph(__m256i a) {
    uint16_t x[16];
    float y[16];
    __m512 result;
    memcpy(x, &a, sizeof x);
    for (int i = 0; i < 16; i++)
        y[i] = gft_f32_from_f16(x[i]);
    memcpy(&result, y, sizeof y);
    return result;
}
#define _mm512_cvtph_ps(a) gft_test_cvtph(a)
#endif
#if !defined(_mm512_cvtps_ph)
static inline __attribute__((always_inline)) __m256i gft_test_cvtps_ph(__m512 a) {
    float x[16];
    uint16_t y[16];
    __m256i result;
    memcpy(x, &a, sizeof x);
    for (int i = 0; i < 16; i++)
        y[i] = gft_f16_from_f32(x[i]);
    memcpy(&result, y, sizeof y);
    return result;
}
#define _mm512_cvtps_ph(a, rounding) gft_test_cvtps_ph(a)
#endif
#endif

/* SIMDe's own drops what a NaN carries; FCVTN, with NaN as it comes by default, keeps it. */
#if defined(SIMDE_ARM_NEON_TYPES_H) && !defined(__aarch64__)
#include "base/float16.h"
static inline float16x4_t gft_test_vcvt_f16(float32x4_t a) {
    float x[4];
    uint16_t y[4];
    vst1q_f32(x, a);
    for (int i = 0; i < 4; i++)
        y[i] = gft_f16_from_f32(x[i]);
    return vreinterpret_f16_u16(vld1_u16(y));
}
#undef vcvt_f16_f32
#define vcvt_f16_f32(a) gft_test_vcvt_f16(a)
#endif

#endif
