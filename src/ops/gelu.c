/*
 * gelu: x * P(X <= x) of a standard normal X, exact; gelu_tanh: the approximation with tanh. erf:
 * the error function the exact one is made of.
 */
#include <math.h>

#include "ops/unary.h"

#define SQRT_HALF 0.70710678118654752f
#define DENSITY 0.39894228040143268f    /* 1 / sqrt(2 pi) */
#define TANH_SCALE 0.79788456080286536f /* sqrt(2 / pi) */
#define TANH_CUBE 0.044715f
#define ERF_SLOPE 1.1283791670955126f /* 2 / sqrt(pi) */

static void gelu(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = 0.5f * x[i] * (1.0f + erff(x[i] * SQRT_HALF));
}

static void gelu_grad(const float *dy, const float *x, float *dx, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++) {
        const float share = 0.5f * (1.0f + erff(x[i] * SQRT_HALF));
        dx[i] = dy[i] * (share + x[i] * DENSITY * expf(-0.5f * x[i] * x[i]));
    }
}

static void gelu_tanh(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i];
        y[i] = 0.5f * v * (1.0f + tanhf(TANH_SCALE * (v + TANH_CUBE * v * v * v)));
    }
}

static void gelu_tanh_grad(const float *dy, const float *x, float *dx, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i];
        const float t = tanhf(TANH_SCALE * (v + TANH_CUBE * v * v * v));
        const float slope = TANH_SCALE * (1.0f + 3.0f * TANH_CUBE * v * v);
        dx[i] = dy[i] * 0.5f * (1.0f + t + v * (1.0f - t * t) * slope);
    }
}

static void erf_scalar(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = erff(x[i]);
}

static void erf_grad(const float *dy, const float *x, float *dx, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * ERF_SLOPE * expf(-x[i] * x[i]);
}

GFT_ACTIVATION(gelu, gelu, gelu_grad, GFT_GRAD_FROM_INPUT)
GFT_ACTIVATION(gelu_tanh, gelu_tanh, gelu_tanh_grad, GFT_GRAD_FROM_INPUT)
GFT_ACTIVATION(erf, erf_scalar, erf_grad, GFT_GRAD_FROM_INPUT)
