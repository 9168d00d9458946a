/*
 * NEON: conversions between float32 and 16-bit floats; the loops are in
 * kernels/tmpl/half_convert_tmpl.h.
 */
#include "kernels/arm/half_lanes_neon.h"

#include "kernels/tmpl/half_convert_tmpl.h"
