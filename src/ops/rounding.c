/*
 * abs, sign, floor, ceil, round (half to even). The last four are flat: no gradient flows through
 * them.
 */
#include <math.h>

#include "ops/grad_build.h"
#include "ops/unary.h"

static void abs_scalar(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = fabsf(x[i]);
}

static void sign_scalar(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? 1.0f : x[i] < 0.0f ? -1.0f : x[i]; /* zeros and NaN stay */
}

static void floor_scalar(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = floorf(x[i]);
}

static void ceil_scalar(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = ceilf(x[i]);
}

static void round_scalar(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = rintf(x[i]);
}

GFT_UNARY_INTEGERS(abs_integers, p < 0 ? 0 - (uint64_t)p : (uint64_t)p)
GFT_UNARY_INTEGERS(sign_integers, (p > 0) - (p < 0))
GFT_UNARY_INTEGERS(same_integers, p)

GFT_UNARY_NUMBERS_OP(abs, abs_scalar, abs_integers)
GFT_UNARY_NUMBERS_OP(sign, sign_scalar, sign_integers)
GFT_UNARY_NUMBERS_OP(floor, floor_scalar, same_integers)
GFT_UNARY_NUMBERS_OP(ceil, ceil_scalar, same_integers)
GFT_UNARY_NUMBERS_OP(round, round_scalar, same_integers)

/* dy * sign(x) */
graft_status gft_grad_abs(gft_grad *grad, graft_error *err) {
    gft_value_id sign;
    GFT_TRY(gft_grad_apply1(grad, &gft_op_sign, gft_grad_input(grad, 0), &sign, err));
    return gft_grad_apply2(grad, &gft_op_mul, grad->output_grads[0], sign, &grad->input_grads[0],
                           err);
}

#define FLAT(op_name)                                                                              \
    graft_status gft_grad_##op_name(gft_grad *grad, graft_error *err) {                            \
        (void)grad;                                                                                \
        (void)err;                                                                                 \
        return GRAFT_OK;                                                                           \
    }

FLAT(sign)
FLAT(floor)
FLAT(ceil)
FLAT(round)
