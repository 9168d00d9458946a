/* sigmoid: 1 / (1 + e^-x). */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(sigmoid, GFT_GRAD_FROM_OUTPUT)
