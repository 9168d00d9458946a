/*
 * AVX2: transforms of the Winograd convolution; the loops are in kernels/tmpl/winograd_f32_tmpl.h.
 */
#include "kernels/vec/vec_avx2.h"

#include "kernels/tmpl/winograd_f32_tmpl.h"
