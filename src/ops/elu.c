/*
 * elu: x for x > 0, alpha * (e^x - 1) below. selu: the self-normalising one, scale * elu with its
 * two constants.
 */
#include <math.h>

#include "ops/unary.h"

#define SELU_ALPHA 1.6732632423543772f
#define SELU_SCALE 1.0507009873554805f

static void elu(const float *x, float *y, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? x[i] : alpha * expm1f(x[i]);
}

/* Below zero the slope is alpha * e^x = y + alpha. */
static void elu_grad(const float *dy, const float *y, float *dx, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f ? dy[i] : dy[i] * (y[i] + alpha);
}

static void selu(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = SELU_SCALE * (x[i] > 0.0f ? x[i] : SELU_ALPHA * expm1f(x[i]));
}

static void selu_grad(const float *dy, const float *y, float *dx, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * (y[i] > 0.0f ? SELU_SCALE : y[i] + SELU_SCALE * SELU_ALPHA);
}

GFT_ACTIVATION_ALPHA(elu, elu, elu_grad, GFT_GRAD_FROM_OUTPUT)
GFT_ACTIVATION(selu, selu, selu_grad, GFT_GRAD_FROM_OUTPUT)
