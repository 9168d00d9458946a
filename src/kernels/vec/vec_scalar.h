/*
 * Vector layer, scalar: one lane. The same operations exist for every CPU level (vec_avx2.h,
 * vec_avx512.h, vec_neon.h), so that a loop is written once (kernels/tmpl) and compiled per level.
 * A file includes exactly one of them.
 *
 * min and max follow x86: v_max(a, b) is a > b ? a : b, hence b if either is NaN. v_fma is fused
 * only where the CPU has it; here it rounds twice, so results differ from other levels in the last
 * place.
 */
#ifndef GFT_KERNELS_VEC_SCALAR_H
#define GFT_KERNELS_VEC_SCALAR_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define V_CPU scalar
#define V_INLINE static inline __attribute__((always_inline))
#define V_LANES 1

typedef float vec;
typedef bool vmask;

V_INLINE vec v_load(const float *p) {
    return *p;
}
V_INLINE void v_store(float *p, vec a) {
    *p = a;
}
/* The first n lanes, 0 < n < V_LANES; the others are zero. Memory behind them is not touched. */
V_INLINE vec v_load_n(const float *p, int64_t n) {
    return n > 0 ? *p : 0.0f;
}
V_INLINE void v_store_n(float *p, vec a, int64_t n) {
    if (n > 0)
        *p = a;
}
V_INLINE vec v_set(float a) {
    return a;
}
V_INLINE vec v_zero(void) {
    return 0.0f;
}

V_INLINE vec v_add(vec a, vec b) {
    return a + b;
}
V_INLINE vec v_sub(vec a, vec b) {
    return a - b;
}
V_INLINE vec v_mul(vec a, vec b) {
    return a * b;
}
V_INLINE vec v_div(vec a, vec b) {
    return a / b;
}
V_INLINE vec v_fma(vec a, vec b, vec c) {
    return a * b + c;
}
V_INLINE vec v_fnma(vec a, vec b, vec c) {
    return c - a * b;
}
V_INLINE vec v_sqrt(vec a) {
    return sqrtf(a);
}
V_INLINE vec v_min(vec a, vec b) {
    return a < b ? a : b;
}
V_INLINE vec v_max(vec a, vec b) {
    return a > b ? a : b;
}
V_INLINE vec v_abs(vec a) {
    return fabsf(a);
}
V_INLINE vec v_neg(vec a) {
    return -a;
}
/* |a| with the sign of b. */
V_INLINE vec v_copysign(vec a, vec b) {
    return copysignf(a, b);
}
/* To the nearest integer, ties to even; |a| < 2^22. */
V_INLINE vec v_round(vec a) {
    const float magic = 0x1.8p23f;
    return (a + magic) - magic;
}
/* a * 2^k for integral k in [-126, 127]; anything if k is NaN. */
V_INLINE vec v_scale(vec a, vec k) {
    uint32_t bits = (uint32_t)((k == k ? (int32_t)k : 0) + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return a * power;
}

/* 2^k from k + V_POWER_BIAS, k in -126..127; infinity for 128. */
V_INLINE vec v_power(vec biased) {
    uint32_t bits;
    float power;
    memcpy(&bits, &biased, sizeof bits);
    bits <<= 23;
    memcpy(&power, &bits, sizeof power);
    return power;
}

V_INLINE vmask v_lt(vec a, vec b) {
    return a < b;
}
V_INLINE vmask v_le(vec a, vec b) {
    return a <= b;
}
V_INLINE vmask v_gt(vec a, vec b) {
    return a > b;
}
V_INLINE vmask v_nan(vec a) {
    return a != a;
}
V_INLINE vec v_select(vmask m, vec yes, vec no) {
    return m ? yes : no;
}

V_INLINE float v_hsum(vec a) {
    return a;
}
V_INLINE float v_hmax(vec a) {
    return a;
}

#endif
