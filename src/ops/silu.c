/* silu (swish): x / (1 + e^-x). */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(silu, GFT_GRAD_FROM_INPUT)
