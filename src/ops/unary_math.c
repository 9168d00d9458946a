/*
 * exp, log, neg, sqrt, rsqrt, square: element-wise ops that are no activations. Their gradients are
 * made of other ops.
 */
#include <math.h>

#include "ops/grad_build.h"
#include "ops/unary.h"

/* Rare in networks, so the C library's logarithm will do. */
static void log_scalar(const float *x, float *y, int64_t n, float alpha) {
    (void)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] = logf(x[i]);
}

GFT_UNARY_INTEGERS(negate_integers, 0 - (uint64_t)p)
GFT_UNARY_INTEGERS(square_integers, (uint64_t)p *(uint64_t)p)

GFT_UNARY_OP(exp, gft_kernels()->exp_f32, 0)
GFT_UNARY_OP(log, log_scalar, 0)
GFT_UNARY_NUMBERS_OP(neg, gft_kernels()->neg_f32, negate_integers)
GFT_UNARY_OP(sqrt, gft_kernels()->sqrt_f32, 0)
GFT_UNARY_OP(rsqrt, gft_kernels()->rsqrt_f32, 0)
GFT_UNARY_NUMBERS_OP(square, gft_kernels()->square_f32, square_integers)

/* dy * y */
graft_status gft_grad_exp(gft_grad *grad, graft_error *err) {
    return gft_grad_apply2(grad, &gft_op_mul, grad->output_grads[0], gft_grad_output(grad, 0),
                           &grad->input_grads[0], err);
}

/* dy / x */
graft_status gft_grad_log(gft_grad *grad, graft_error *err) {
    return gft_grad_apply2(grad, &gft_op_div, grad->output_grads[0], gft_grad_input(grad, 0),
                           &grad->input_grads[0], err);
}

graft_status gft_grad_neg(gft_grad *grad, graft_error *err) {
    return gft_grad_apply1(grad, &gft_op_neg, grad->output_grads[0], &grad->input_grads[0], err);
}

/* dy / y / 2 */
graft_status gft_grad_sqrt(gft_grad *grad, graft_error *err) {
    gft_value_id quotient;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_div, grad->output_grads[0], gft_grad_output(grad, 0),
                            &quotient, err));
    return gft_grad_scale(grad, quotient, 0.5f, &grad->input_grads[0], err);
}

/* -1/2 dy y^3 */
graft_status gft_grad_rsqrt(gft_grad *grad, graft_error *err) {
    const gft_value_id y = gft_grad_output(grad, 0);
    gft_value_id square;
    gft_value_id cube;
    gft_value_id product;
    GFT_TRY(gft_grad_apply1(grad, &gft_op_square, y, &square, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, square, y, &cube, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, cube, grad->output_grads[0], &product, err));
    return gft_grad_scale(grad, product, -0.5f, &grad->input_grads[0], err);
}

/* 2 x dy */
graft_status gft_grad_square(gft_grad *grad, graft_error *err) {
    gft_value_id product;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, grad->output_grads[0], gft_grad_input(grad, 0),
                            &product, err));
    return gft_grad_scale(grad, product, 2.0f, &grad->input_grads[0], err);
}
