/* tanh: the hyperbolic tangent. */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(tanh, GFT_GRAD_FROM_OUTPUT)
