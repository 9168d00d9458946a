/*
 * Gradients of add, sub, mul, div, maximum, minimum: the gradient over the broadcast shape, summed
 * down to each operand's.
 */
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/ops.h"

/* Stores `value` as the gradient of input i, summed over the dimensions along which that input was
 * repeated. */
static graft_status finish(gft_grad *grad, int32_t i, gft_value_id value, graft_error *err) {
    return gft_grad_reduce_like(grad, value, gft_grad_input(grad, i), &grad->input_grads[i], err);
}

graft_status gft_grad_add(gft_grad *grad, graft_error *err) {
    for (int32_t i = 0; i < 2; i++) {
        if (grad->wanted[i])
            GFT_TRY(finish(grad, i, grad->output_grads[0], err));
    }
    return GRAFT_OK;
}

graft_status gft_grad_sub(gft_grad *grad, graft_error *err) {
    gft_value_id summed;
    if (grad->wanted[0])
        GFT_TRY(finish(grad, 0, grad->output_grads[0], err));
    if (!grad->wanted[1])
        return GRAFT_OK;
    GFT_TRY(
        gft_grad_reduce_like(grad, grad->output_grads[0], gft_grad_input(grad, 1), &summed, err));
    return gft_grad_apply1(grad, &gft_op_neg, summed, &grad->input_grads[1], err);
}

graft_status gft_grad_mul(gft_grad *grad, graft_error *err) {
    for (int32_t i = 0; i < 2; i++) {
        gft_value_id product;
        if (!grad->wanted[i])
            continue;
        GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, grad->output_grads[0],
                                gft_grad_input(grad, 1 - i), &product, err));
        GFT_TRY(finish(grad, i, product, err));
    }
    return GRAFT_OK;
}

/* da = dy / b, db = -dy y / b */
graft_status gft_grad_div(gft_grad *grad, graft_error *err) {
    gft_value_id quotient;
    gft_value_id product;
    gft_value_id negative;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_div, grad->output_grads[0], gft_grad_input(grad, 1),
                            &quotient, err));
    if (grad->wanted[0])
        GFT_TRY(finish(grad, 0, quotient, err));
    if (!grad->wanted[1])
        return GRAFT_OK;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, quotient, gft_grad_output(grad, 0), &product, err));
    GFT_TRY(gft_grad_apply1(grad, &gft_op_neg, product, &negative, err));
    return finish(grad, 1, negative, err);
}

/*
 * The gradient goes to the input that was chosen, to the first on a tie (TensorFlow's rule).
 * relu_grad(dy, loser - winner) passes dy exactly where the second input was chosen.
 */
static graft_status chosen(gft_grad *grad, gft_value_id minuend, gft_value_id subtrahend,
                           graft_error *err) {
    const gft_value_id dy = grad->output_grads[0];
    gft_value_id margin;
    gft_value_id second;
    gft_value_id first;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_sub, minuend, subtrahend, &margin, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_relu_grad, dy, margin, &second, err));
    if (grad->wanted[1])
        GFT_TRY(finish(grad, 1, second, err));
    if (!grad->wanted[0])
        return GRAFT_OK;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_sub, dy, second, &first, err));
    return finish(grad, 0, first, err);
}

graft_status gft_grad_maximum(gft_grad *grad, graft_error *err) {
    return chosen(grad, gft_grad_input(grad, 1), gft_grad_input(grad, 0), err);
}

graft_status gft_grad_minimum(gft_grad *grad, graft_error *err) {
    return chosen(grad, gft_grad_input(grad, 0), gft_grad_input(grad, 1), err);
}
