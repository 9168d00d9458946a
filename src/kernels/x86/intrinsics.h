/*
 * The x86 intrinsics. With GFT_SIMD_EMULATE they come from SIMDe in portable C, so that the AVX-512 files can be
 * compiled a second time and checked on any CPU (tests/kernels). Masked loads and stores, which SIMDe lacks, are added.
 */
#ifndef GFT_KERNELS_INTRINSICS_H
#define GFT_KERNELS_INTRINSICS_H

#if defined(GFT_SIMD_EMULATE)
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#include <string.h>
#define GFT_SIMD_NAME(name, cpu) name##_##cpu##_emulated
#if !defined(__AVX512F__)
typedef uint16_t __mmask16;
static inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void *p) {
    float lane[16] = {0};
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            memcpy(&lane[i], (const char *)p + i * 4, 4);
    return _mm512_loadu_ps(lane);
}
static inline void _mm512_mask_storeu_ps(void *p, __mmask16 mask, __m512 x) {
    float lane[16];
    _mm512_storeu_ps(lane, x);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            memcpy((char *)p + i * 4, &lane[i], 4);
}
#endif
#else
#include <immintrin.h>
#define GFT_SIMD_NAME(name, cpu) name##_##cpu
#endif

#endif
