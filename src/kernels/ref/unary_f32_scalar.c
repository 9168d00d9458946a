/*
 * Scalar: element-wise functions of one input and their derivatives; the loops are in
 * kernels/tmpl/unary_f32_tmpl.h. These scalar ones define what is correct.
 */
#include "kernels/vec/vec_scalar.h"

#include "kernels/tmpl/unary_f32_tmpl.h"
