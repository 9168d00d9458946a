/*
 * Vector layer, AVX2 and FMA: eight lanes. Meaning of each operation: vec_scalar.h.
 */
#ifndef GFT_KERNELS_VEC_AVX2_H
#define GFT_KERNELS_VEC_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define V_CPU avx2
#define V_INLINE static inline __attribute__((always_inline))
#define V_LANES 8

typedef __m256 vec;
typedef __m256 vmask;

V_INLINE __m256i v_first_(int64_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}

V_INLINE vec v_load(const float *p) {
    return _mm256_loadu_ps(p);
}
V_INLINE void v_store(float *p, vec a) {
    _mm256_storeu_ps(p, a);
}
V_INLINE vec v_load_n(const float *p, int64_t n) {
    return _mm256_maskload_ps(p, v_first_(n));
}
V_INLINE void v_store_n(float *p, vec a, int64_t n) {
    _mm256_maskstore_ps(p, v_first_(n), a);
}
V_INLINE vec v_set(float a) {
    return _mm256_set1_ps(a);
}
V_INLINE vec v_zero(void) {
    return _mm256_setzero_ps();
}

V_INLINE vec v_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}
V_INLINE vec v_sub(vec a, vec b) {
    return _mm256_sub_ps(a, b);
}
V_INLINE vec v_mul(vec a, vec b) {
    return _mm256_mul_ps(a, b);
}
V_INLINE vec v_div(vec a, vec b) {
    return _mm256_div_ps(a, b);
}
V_INLINE vec v_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
V_INLINE vec v_fnma(vec a, vec b, vec c) {
    return _mm256_fnmadd_ps(a, b, c);
}
V_INLINE vec v_sqrt(vec a) {
    return _mm256_sqrt_ps(a);
}
V_INLINE vec v_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}
V_INLINE vec v_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}
V_INLINE vec v_abs(vec a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
V_INLINE vec v_neg(vec a) {
    return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a);
}
V_INLINE vec v_copysign(vec a, vec b) {
    return _mm256_or_ps(v_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), b));
}
V_INLINE vec v_round(vec a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
V_INLINE vec v_scale(vec a, vec k) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
    return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23)));
}

V_INLINE vec v_power(vec biased) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(biased), 23));
}

V_INLINE vmask v_lt(vec a, vec b) {
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
V_INLINE vmask v_le(vec a, vec b) {
    return _mm256_cmp_ps(a, b, _CMP_LE_OQ);
}
V_INLINE vmask v_gt(vec a, vec b) {
    return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}
V_INLINE vmask v_nan(vec a) {
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}
V_INLINE vec v_select(vmask m, vec yes, vec no) {
    return _mm256_blendv_ps(no, yes, m);
}

V_INLINE float v_hsum(vec a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
V_INLINE float v_hmax(vec a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#endif
