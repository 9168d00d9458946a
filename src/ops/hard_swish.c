/* hard_swish: x relu6(x + 3) / 6 (MobileNetV3). */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(hard_swish, GFT_GRAD_FROM_INPUT)
