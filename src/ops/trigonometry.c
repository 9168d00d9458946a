/*
 * sin, cos, and the logarithm and exponential around zero: log1p, expm1. Rare in networks, so the C
 * library's will do.
 */
#include <math.h>

#include "ops/grad_build.h"
#include "ops/unary.h"

#define SCALAR(name, function)                                                                     \
    static void name(const float *x, float *y, int64_t n, float alpha) {                           \
        (void)alpha;                                                                               \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = function(x[i]);                                                                 \
    }

SCALAR(sin_scalar, sinf)
SCALAR(cos_scalar, cosf)
SCALAR(log1p_scalar, log1pf)
SCALAR(expm1_scalar, expm1f)

GFT_UNARY_OP(sin, sin_scalar, 0)
GFT_UNARY_OP(cos, cos_scalar, 0)
GFT_UNARY_OP(log1p, log1p_scalar, 0)
GFT_UNARY_OP(expm1, expm1_scalar, 0)

/* dy cos(x) */
graft_status gft_grad_sin(gft_grad *grad, graft_error *err) {
    gft_value_id slope;
    GFT_TRY(gft_grad_apply1(grad, &gft_op_cos, gft_grad_input(grad, 0), &slope, err));
    return gft_grad_apply2(grad, &gft_op_mul, grad->output_grads[0], slope, &grad->input_grads[0],
                           err);
}

/* -dy sin(x) */
graft_status gft_grad_cos(gft_grad *grad, graft_error *err) {
    gft_value_id slope;
    GFT_TRY(gft_grad_apply1(grad, &gft_op_sin, gft_grad_input(grad, 0), &slope, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, grad->output_grads[0], slope, &slope, err));
    return gft_grad_apply1(grad, &gft_op_neg, slope, &grad->input_grads[0], err);
}

/* dy / (1 + x) */
graft_status gft_grad_log1p(gft_grad *grad, graft_error *err) {
    gft_value_id one;
    gft_value_id sum;
    GFT_TRY(gft_graph_const_f32(grad->graph, 1.0f, &one, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_add, gft_grad_input(grad, 0), one, &sum, err));
    return gft_grad_apply2(grad, &gft_op_div, grad->output_grads[0], sum, &grad->input_grads[0],
                           err);
}

/* dy e^x */
graft_status gft_grad_expm1(gft_grad *grad, graft_error *err) {
    gft_value_id slope;
    GFT_TRY(gft_grad_apply1(grad, &gft_op_exp, gft_grad_input(grad, 0), &slope, err));
    return gft_grad_apply2(grad, &gft_op_mul, grad->output_grads[0], slope, &grad->input_grads[0],
                           err);
}
