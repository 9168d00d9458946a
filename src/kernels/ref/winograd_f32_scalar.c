/*
 * Scalar: transforms of the Winograd convolution; the loops are in
 * kernels/tmpl/winograd_f32_tmpl.h.
 */
#include "kernels/vec/vec_scalar.h"

#include "kernels/tmpl/winograd_f32_tmpl.h"
