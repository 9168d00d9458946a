/* AVX-512: element-wise functions of two inputs; the loops are in kernels/tmpl/binary_f32_tmpl.h. */
#include "kernels/vec/vec_avx512.h"

#include "kernels/tmpl/binary_f32_tmpl.h"
