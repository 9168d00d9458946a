/*
 * bias_add: x (...,C) + bias (C). The binary add with the stricter shape rule that readers and
 * rewrites rely on.
 */
#include "kernels/kernel_table.h"
#include "ops/binary.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_channels(in, 1, 2, err));
    in->outputs[0] = gft_desc_f32(in->inputs[0].shape);
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    return gft_binary_prepare(p, gft_kernels()->add_f32, NULL, err);
}

const gft_op gft_op_bias_add = {.name = "bias_add",
                                .kind = GFT_KIND_BIAS_ADD,
                                .flags = GFT_OP_IN_PLACE,
                                .min_inputs = 2,
                                .max_inputs = 2,
                                .outputs = 1,
                                .infer = infer,
                                .prepare = prepare,
                                .run = gft_binary_run};

graft_status gft_grad_bias_add(gft_grad *grad, graft_error *err) {
    if (grad->wanted[0])
        grad->input_grads[0] = grad->output_grads[0];
    if (!grad->wanted[1])
        return GRAFT_OK;
    return gft_grad_reduce_like(grad, grad->output_grads[0], gft_grad_input(grad, 1),
                                &grad->input_grads[1], err);
}
