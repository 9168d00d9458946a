/*
 * AVX-512: conversions between float32 and 16-bit floats; the loops are in
 * kernels/tmpl/half_convert_tmpl.h.
 */
#include "kernels/x86/half_lanes_avx512.h"

#if defined(GFT_SIMD_EMULATE)
#define HALF_NAME(name) name##_avx512_emulated
#else
#define HALF_NAME(name) name##_avx512
#endif
#include "kernels/tmpl/half_convert_tmpl.h"
