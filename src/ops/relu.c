/*
 * relu: max(x, 0). The derivative at 0 is 0, as in TensorFlow; the result tells it as well as x, which need not be
 * kept for it.
 */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(relu, GFT_GRAD_FROM_OUTPUT)
