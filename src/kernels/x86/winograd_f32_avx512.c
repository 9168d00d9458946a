/*
 * AVX-512: transforms of the Winograd convolution; the loops are in
 * kernels/tmpl/winograd_f32_tmpl.h.
 */
#include "kernels/vec/vec_avx512.h"

#include "kernels/tmpl/winograd_f32_tmpl.h"
