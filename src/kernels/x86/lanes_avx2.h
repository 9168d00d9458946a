/*
 * The few vector operations the GEMM and depthwise templates need, for AVX2 with FMA: 8 floats, 16
 * registers.
 *
 * Masked stores are slow on AMD, so a partial store goes through the stack.
 */
#ifndef GFT_KERNELS_LANES_AVX2_H
#define GFT_KERNELS_LANES_AVX2_H

#include <stdint.h>
#include <string.h>

#include "kernels/x86/intrinsics.h"

#define LANES 8
typedef __m256 lanes;

static inline lanes lanes_zero(void) {
    return _mm256_setzero_ps();
}
static inline lanes lanes_set(float x) {
    return _mm256_set1_ps(x);
}
static inline lanes lanes_one(const float *p) {
    return _mm256_broadcast_ss(p);
}
static inline lanes lanes_load(const float *p) {
    return _mm256_loadu_ps(p);
}
static inline void lanes_store(float *p, lanes x) {
    _mm256_storeu_ps(p, x);
}
static inline lanes lanes_add(lanes a, lanes b) {
    return _mm256_add_ps(a, b);
}
static inline lanes lanes_max(lanes a, lanes b) {
    return _mm256_max_ps(a, b);
} /* b if either is NaN */
static inline lanes lanes_fma(lanes a, lanes b, lanes sum) {
    return _mm256_fmadd_ps(a, b, sum);
}
/* The value is the second operand, so that NaN passes. */
static inline lanes lanes_clamp(lanes x, lanes lo, lanes hi) {
    return _mm256_min_ps(hi, _mm256_max_ps(lo, x));
}

/* The first n floats, the others zero; 0 < n < LANES. */
static inline lanes lanes_load_n(const float *p, int64_t n) {
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - n)));
}

static inline void lanes_store_n(float *p, int64_t n, lanes x) {
    float all[LANES];
    _mm256_storeu_ps(all, x);
    memcpy(p, all, (size_t)n * sizeof(float));
}

#endif
