/*
 * l2_normalise over the last axis: y = x / sqrt(max(sum x^2, epsilon)), as tf.math.l2_normalize.
 * l2_normalise_grad: dy, x -> dx = (dy - y sum dy y) / norm; where epsilon decides, the divisor is
 * constant and dx = dy / sqrt(epsilon).
 */
#include <math.h>

#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    return gft_infer_same_f32(in, err);
}

static void run(const gft_exec *exec) {
    const gft_kernel_table *k = gft_kernels();
    const float epsilon = ((const gft_norm_attrs *)exec->attrs)->epsilon;
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    const gft_range r = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *from = (const float *)exec->inputs[0] + row * x.cols;
        const float sum = k->dot_f32(from, from, x.cols);
        const float inverse = 1.0f / sqrtf(sum < epsilon ? epsilon : sum); /* NaN stays */
        k->mul_f32(from, 1, &inverse, 0, (float *)exec->outputs[0] + row * x.cols, x.cols);
    }
}

static void grad_run(const gft_exec *exec) {
    const gft_kernel_table *k = gft_kernels();
    const float epsilon = ((const gft_norm_attrs *)exec->attrs)->epsilon;
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[1]);
    const gft_range r = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *dy = (const float *)exec->inputs[0] + row * x.cols;
        const float *from = (const float *)exec->inputs[1] + row * x.cols;
        float *dx = (float *)exec->outputs[0] + row * x.cols;
        const float sum = k->dot_f32(from, from, x.cols);
        const float inverse = 1.0f / sqrtf(sum < epsilon ? epsilon : sum);
        const float along =
            sum < epsilon ? 0.0f : k->dot_f32(dy, from, x.cols) * inverse * inverse * inverse;
        for (int64_t i = 0; i < x.cols; i++)
            dx[i] = dy[i] * inverse - from[i] * along;
    }
}

const gft_op gft_op_l2_normalise = {.name = "l2_normalise",
                                    .flags = GFT_OP_IN_PLACE,
                                    .min_inputs = 1,
                                    .max_inputs = 1,
                                    .outputs = 1,
                                    .attrs_bytes = sizeof(gft_norm_attrs),
                                    .infer = infer,
                                    .prepare = gft_prepare_rows,
                                    .run = run};

const gft_op gft_op_l2_normalise_grad = {.name = "l2_normalise_grad",
                                         .flags = GFT_OP_IN_PLACE,
                                         .min_inputs = 2,
                                         .max_inputs = 2,
                                         .outputs = 1,
                                         .attrs_bytes = sizeof(gft_norm_attrs),
                                         .infer = infer,
                                         .prepare = gft_prepare_rows,
                                         .run = grad_run};

graft_status gft_grad_l2_normalise(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    return gft_grad_node(grad, &gft_op_l2_normalise_grad, gft_grad_attrs(grad), inputs, 2,
                         &grad->input_grads[0], err);
}
