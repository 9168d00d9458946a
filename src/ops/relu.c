/* relu: max(x, 0). The derivative at 0 is 0, as in TensorFlow. */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(relu, GFT_GRAD_FROM_INPUT)
