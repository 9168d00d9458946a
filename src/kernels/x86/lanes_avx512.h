/*
 * The few vector operations the GEMM and depthwise templates need, for AVX-512: 16 floats, 32
 * registers, masks.
 */
#ifndef GFT_KERNELS_LANES_AVX512_H
#define GFT_KERNELS_LANES_AVX512_H

#include <stdint.h>

#include "kernels/x86/intrinsics.h"

#define LANES 16
typedef __m512 lanes;

static inline lanes lanes_zero(void) {
    return _mm512_setzero_ps();
}
static inline lanes lanes_set(float x) {
    return _mm512_set1_ps(x);
}
static inline lanes lanes_one(const float *p) {
    return _mm512_set1_ps(*p);
}
static inline lanes lanes_load(const float *p) {
    return _mm512_loadu_ps(p);
}
static inline void lanes_store(float *p, lanes x) {
    _mm512_storeu_ps(p, x);
}
static inline lanes lanes_add(lanes a, lanes b) {
    return _mm512_add_ps(a, b);
}
static inline lanes lanes_max(lanes a, lanes b) {
    return _mm512_max_ps(a, b);
} /* b if either is NaN */
static inline lanes lanes_fma(lanes a, lanes b, lanes sum) {
    return _mm512_fmadd_ps(a, b, sum);
}
/* The value is the second operand, so that NaN passes. */
static inline lanes lanes_clamp(lanes x, lanes lo, lanes hi) {
    return _mm512_min_ps(hi, _mm512_max_ps(lo, x));
}

static inline __mmask16 lanes_mask(int64_t n) {
    return (__mmask16)((1u << n) - 1u);
}
/* The first n floats, the others zero; 0 < n < LANES. */
static inline lanes lanes_load_n(const float *p, int64_t n) {
    return _mm512_maskz_loadu_ps(lanes_mask(n), p);
}
static inline void lanes_store_n(float *p, int64_t n, lanes x) {
    _mm512_mask_storeu_ps(p, lanes_mask(n), x);
}

#endif
