/* AVX2: normalisation; the loops are in kernels/tmpl/norm_f32_tmpl.h. */
#include "kernels/vec/vec_avx2.h"

#include "kernels/tmpl/norm_f32_tmpl.h"
