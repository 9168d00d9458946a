/* AVX2: sums and maxima; the loops are in kernels/tmpl/reduce_f32_tmpl.h. */
#include "kernels/vec/vec_avx2.h"

#include "kernels/tmpl/reduce_f32_tmpl.h"
