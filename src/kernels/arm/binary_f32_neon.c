/* NEON: element-wise functions of two inputs; the loops are in kernels/tmpl/binary_f32_tmpl.h. */
#include "kernels/vec/vec_neon.h"

#include "kernels/tmpl/binary_f32_tmpl.h"
