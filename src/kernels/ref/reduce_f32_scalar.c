/*
 * Scalar: sums and maxima; the loops are in kernels/tmpl/reduce_f32_tmpl.h. These scalar ones
 * define what is correct.
 */
#include "kernels/vec/vec_scalar.h"

#include "kernels/tmpl/reduce_f32_tmpl.h"
