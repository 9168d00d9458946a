/* NEON: normalisation; the loops are in kernels/tmpl/norm_f32_tmpl.h. */
#include "kernels/vec/vec_neon.h"

#include "kernels/tmpl/norm_f32_tmpl.h"
