/*
 * Vector layer, AVX-512 (F, DQ): sixteen lanes with mask registers. Meaning of each operation:
 * vec_scalar.h.
 */
#ifndef GFT_KERNELS_VEC_AVX512_H
#define GFT_KERNELS_VEC_AVX512_H

#include <stdint.h>

#include "kernels/x86/intrinsics.h"

#if defined(GFT_SIMD_EMULATE)
#define V_CPU avx512_emulated /* the same file compiled for the checker */
#else
#define V_CPU avx512
#endif
#define V_INLINE static inline __attribute__((always_inline))
#define V_LANES 16

typedef __m512 vec;
typedef __mmask16 vmask;

V_INLINE __mmask16 v_first_(int64_t n) {
    return (__mmask16)((1u << n) - 1u);
}

V_INLINE vec v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
V_INLINE void v_store(float *p, vec a) {
    _mm512_storeu_ps(p, a);
}
V_INLINE vec v_load_n(const float *p, int64_t n) {
    return _mm512_maskz_loadu_ps(v_first_(n), p);
}
V_INLINE void v_store_n(float *p, vec a, int64_t n) {
    _mm512_mask_storeu_ps(p, v_first_(n), a);
}
V_INLINE vec v_set(float a) {
    return _mm512_set1_ps(a);
}
V_INLINE vec v_zero(void) {
    return _mm512_setzero_ps();
}

V_INLINE vec v_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
V_INLINE vec v_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}
V_INLINE vec v_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}
V_INLINE vec v_div(vec a, vec b) {
    return _mm512_div_ps(a, b);
}
V_INLINE vec v_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
V_INLINE vec v_fnma(vec a, vec b, vec c) {
    return _mm512_fnmadd_ps(a, b, c);
}
V_INLINE vec v_sqrt(vec a) {
    return _mm512_sqrt_ps(a);
}
V_INLINE vec v_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}
V_INLINE vec v_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}
V_INLINE vec v_abs(vec a) {
    return _mm512_abs_ps(a);
}
V_INLINE vec v_neg(vec a) {
    return _mm512_xor_ps(_mm512_set1_ps(-0.0f), a);
}
V_INLINE vec v_copysign(vec a, vec b) {
    return _mm512_or_ps(v_abs(a), _mm512_and_ps(_mm512_set1_ps(-0.0f), b));
}
V_INLINE vec v_round(vec a) {
    return _mm512_roundscale_ps(a, 0);
}
V_INLINE vec v_scale(vec a, vec k) {
    const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(k), _mm512_set1_epi32(127));
    return _mm512_mul_ps(a, _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23)));
}

V_INLINE vec v_power(vec biased) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(biased), 23));
}

V_INLINE vmask v_lt(vec a, vec b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
V_INLINE vmask v_le(vec a, vec b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}
V_INLINE vmask v_gt(vec a, vec b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
V_INLINE vmask v_nan(vec a) {
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
V_INLINE vec v_select(vmask m, vec yes, vec no) {
    return _mm512_mask_blend_ps(m, no, yes);
}

V_INLINE float v_hsum(vec a) {
    float lanes[V_LANES];
    _mm512_storeu_ps(lanes, a);
    for (int half = V_LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    }
    return lanes[0];
}
V_INLINE float v_hmax(vec a) {
    float lanes[V_LANES];
    _mm512_storeu_ps(lanes, a);
    for (int half = V_LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++)
            lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
    }
    return lanes[0];
}

#endif
