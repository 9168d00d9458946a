/*
 * AVX2 and F16C: conversions between float32 and 16-bit floats; the loops are in
 * kernels/tmpl/half_convert_tmpl.h.
 */
#include "kernels/x86/half_lanes_avx2.h"

#define HALF_NAME(name) name##_avx2
#include "kernels/tmpl/half_convert_tmpl.h"
