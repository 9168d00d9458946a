/* NEON: sums and maxima; the loops are in kernels/tmpl/reduce_f32_tmpl.h. */
#include "kernels/vec/vec_neon.h"

#include "kernels/tmpl/reduce_f32_tmpl.h"
