/*
 * softplus: log(1 + e^x), written so that neither end overflows. softsign: x / (1 + |x|).
 */
#include <math.h>

#include "ops/unary.h"

static void softplus(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] > 0.0f ? x[i] : 0.0f) + log1pf(expf(-fabsf(x[i])));
}

static void softplus_grad(const float *dy, const float *x, float *dx, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] / (1.0f + expf(-x[i]));
}

static void softsign(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + fabsf(x[i]));
}

static void softsign_grad(const float *dy, const float *x, float *dx, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++) {
        const float d = 1.0f + fabsf(x[i]);
        dx[i] = dy[i] / (d * d);
    }
}

GFT_ACTIVATION(softplus, softplus, softplus_grad, GFT_GRAD_FROM_INPUT)
GFT_ACTIVATION(softsign, softsign, softsign_grad, GFT_GRAD_FROM_INPUT)
