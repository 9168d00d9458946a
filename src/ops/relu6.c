/*
 * relu6: min(max(x, 0), 6). The derivative at both ends is 0, as in TensorFlow; the result tells it as well as x, which
 * need not be kept for it.
 */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(relu6, GFT_GRAD_FROM_OUTPUT)
