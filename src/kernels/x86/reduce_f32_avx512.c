/* AVX-512: sums and maxima; the loops are in kernels/tmpl/reduce_f32_tmpl.h. */
#include "kernels/vec/vec_avx512.h"

#include "kernels/tmpl/reduce_f32_tmpl.h"
