/* NEON: softmax; the loops are in kernels/tmpl/softmax_f32_tmpl.h. */
#include "kernels/vec/vec_neon.h"

#include "kernels/tmpl/softmax_f32_tmpl.h"
