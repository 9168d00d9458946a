/*
 * Scalar: element-wise functions of two inputs; the loops are in kernels/tmpl/binary_f32_tmpl.h.
 * These scalar ones define what is correct.
 */
#include "kernels/vec/vec_scalar.h"

#include "kernels/tmpl/binary_f32_tmpl.h"
