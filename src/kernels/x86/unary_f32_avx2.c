/* AVX2: element-wise functions of one input and their derivatives; the loops are in kernels/tmpl/unary_f32_tmpl.h. */
#include "kernels/vec/vec_avx2.h"

#include "kernels/tmpl/unary_f32_tmpl.h"
