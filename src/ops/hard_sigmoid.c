/* hard_sigmoid: relu6(x + 3) / 6, as in Keras 3 and MobileNetV3. */
#include "ops/unary.h"

GFT_ACTIVATION_KERNELS(hard_sigmoid, GFT_GRAD_FROM_INPUT)
