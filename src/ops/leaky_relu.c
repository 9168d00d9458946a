/* leaky_relu: x above 0, alpha x below. */
#include "ops/unary.h"

GFT_ACTIVATION_ALPHA(leaky_relu, gft_kernels()->leaky_relu_f32, gft_kernels()->leaky_relu_grad_f32,
                     GFT_GRAD_FROM_INPUT)
