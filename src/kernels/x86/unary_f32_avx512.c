/*
 * AVX-512: element-wise functions of one input and their derivatives; the loops are in
 * kernels/tmpl/unary_f32_tmpl.h.
 */
#include "kernels/vec/vec_avx512.h"

#include "kernels/tmpl/unary_f32_tmpl.h"
