/* Scalar: normalisation; the loops are in kernels/tmpl/norm_f32_tmpl.h. These scalar ones define what is correct. */
#include "kernels/vec/vec_scalar.h"

#include "kernels/tmpl/norm_f32_tmpl.h"
