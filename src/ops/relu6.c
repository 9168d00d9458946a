/* relu6: min(max(x, 0), 6). The derivative at both ends is 0, as in TensorFlow. */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(relu6, GFT_GRAD_FROM_INPUT)
