/* AVX-512: softmax; the loops are in kernels/tmpl/softmax_f32_tmpl.h. */
#include "kernels/vec/vec_avx512.h"

#include "kernels/tmpl/softmax_f32_tmpl.h"
