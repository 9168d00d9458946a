/*
 * The x86 intrinsics. With GFT_SIMD_EMULATE they come from SIMDe in portable C, so that the AVX-512 files can be
 * compiled a second time and checked on any CPU (tests/kernels).
 */
#ifndef GFT_KERNELS_INTRINSICS_H
#define GFT_KERNELS_INTRINSICS_H

#if defined(GFT_SIMD_EMULATE)
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#define GFT_SIMD_NAME(name, cpu) name##_##cpu##_emulated
#else
#include <immintrin.h>
#define GFT_SIMD_NAME(name, cpu) name##_##cpu
#endif

#endif
