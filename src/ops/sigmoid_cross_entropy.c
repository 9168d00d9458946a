/*
 * sigmoid_cross_entropy from logits: mean over K of max(x, 0) - x t + log(1 + e^-|x|), which never
 * overflows; t smoothed as Keras does it, t (1 - s) + s / 2. Gradient: dloss (sigmoid(x) - t) / K.
 */
#include <math.h>

#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/loss.h"
#include "ops/ops.h"

static void run(const gft_exec *exec) {
    const float s = ((const gft_loss_attrs *)exec->attrs)->label_smoothing;
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    const float *logits = exec->inputs[0];
    const float *target = exec->inputs[1];
    float *loss = exec->outputs[0];
    const gft_range rows = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    if (x.cols == 0) { /* the mean of nothing */
        for (int64_t r = 0; r < gft_desc_elems(&exec->outputs_desc[0]); r++)
            loss[r] = NAN;
        return;
    }
    for (int64_t r = rows.begin; r < rows.end; r++) {
        double sum = 0.0;
        for (int64_t i = r * x.cols; i < (r + 1) * x.cols; i++) {
            const float t = target[i] * (1.0f - s) + 0.5f * s;
            const float z = logits[i];
            sum += (double)((z > 0.0f ? z : z * 0.0f) - z * t + log1pf(expf(-fabsf(z))));
        }
        loss[r] = (float)(sum / (double)x.cols);
    }
}

static void run_grad(const gft_exec *exec) {
    const float s = ((const gft_loss_attrs *)exec->attrs)->label_smoothing;
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[1]);
    const float *dloss = exec->inputs[0];
    const float *target = exec->inputs[2];
    float *dx = exec->outputs[0];
    const gft_range rows = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    const int64_t from = rows.begin * x.cols;
    if (rows.end == rows.begin)
        return;
    gft_kernels()->sigmoid_f32((const float *)exec->inputs[1] + from, dx + from,
                               (rows.end - rows.begin) * x.cols, 0.0f);
    for (int64_t r = rows.begin; r < rows.end; r++) {
        const float d = dloss[r] / (float)x.cols;
        for (int64_t i = r * x.cols; i < (r + 1) * x.cols; i++)
            dx[i] = d * (dx[i] - (target[i] * (1.0f - s) + 0.5f * s));
    }
}

const gft_op gft_op_sigmoid_cross_entropy = {.name = "sigmoid_cross_entropy",
                                             .min_inputs = 2,
                                             .max_inputs = 2,
                                             .outputs = 1,
                                             .attrs_bytes = sizeof(gft_loss_attrs),
                                             .infer = gft_loss_infer,
                                             .prepare = gft_loss_prepare,
                                             .run = run};

const gft_op gft_op_sigmoid_cross_entropy_grad = {.name = "sigmoid_cross_entropy_grad",
                                                  .min_inputs = 3,
                                                  .max_inputs = 3,
                                                  .outputs = 1,
                                                  .attrs_bytes = sizeof(gft_loss_attrs),
                                                  .infer = gft_loss_grad_infer,
                                                  .prepare = gft_loss_grad_prepare,
                                                  .run = run_grad};

/* Into the target: -dloss (1 - s) x / K. */
static graft_status target_gradient(gft_grad *grad, graft_error *err) {
    const gft_loss_attrs *attrs = gft_grad_attrs(grad);
    const gft_value_id x = gft_grad_input(grad, 0);
    const gft_shape_attrs like = {.shape = gft_grad_shape(grad, x), .mean = true};
    gft_value_id inputs[] = {-1, x};
    gft_value_id spread;
    gft_value_id product;
    GFT_TRY(gft_grad_column(grad, grad->output_grads[0], &inputs[0], err));
    GFT_TRY(gft_grad_node(grad, &gft_op_broadcast_to, &like, inputs, 2, &spread, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, spread, x, &product, err));
    return gft_grad_scale(grad, product, attrs->label_smoothing - 1.0f, &grad->input_grads[1], err);
}

graft_status gft_grad_sigmoid_cross_entropy(gft_grad *grad, graft_error *err) {
    if (grad->wanted[0])
        GFT_TRY(gft_loss_gradient(grad, &gft_op_sigmoid_cross_entropy_grad, err));
    return grad->wanted[1] ? target_gradient(grad, err) : GRAFT_OK;
}
