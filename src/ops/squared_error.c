/*
 * squared_error: mean over K of (prediction - target)^2 per row. Its gradient, 2 dloss (prediction
 * - target) / K, is made of other ops.
 */
#include <math.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/loss.h"
#include "ops/ops.h"

static void run(const gft_exec *exec) {
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    const float *prediction = exec->inputs[0];
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
            const double d = (double)prediction[i] - (double)target[i];
            sum += d * d;
        }
        loss[r] = (float)(sum / (double)x.cols);
    }
}

const gft_op gft_op_squared_error = {.name = "squared_error",
                                     .min_inputs = 2,
                                     .max_inputs = 2,
                                     .outputs = 1,
                                     .attrs_bytes = sizeof(gft_loss_attrs),
                                     .infer = gft_loss_infer,
                                     .prepare = gft_loss_prepare,
                                     .run = run};

graft_status gft_grad_squared_error(gft_grad *grad, graft_error *err) {
    const gft_value_id x = gft_grad_input(grad, 0);
    const gft_shape_attrs like = {.shape = gft_grad_shape(grad, x), .mean = true};
    gft_value_id inputs[] = {-1, x};
    gft_value_id spread;
    gft_value_id difference;
    gft_value_id product;
    GFT_TRY(gft_grad_column(grad, grad->output_grads[0], &inputs[0], err));
    GFT_TRY(gft_grad_node(grad, &gft_op_broadcast_to, &like, inputs, 2, &spread, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_sub, x, gft_grad_input(grad, 1), &difference, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, difference, spread, &product, err));
    if (grad->wanted[0])
        GFT_TRY(gft_grad_scale(grad, product, 2.0f, &grad->input_grads[0], err));
    if (grad->wanted[1])
        GFT_TRY(gft_grad_scale(grad, product, -2.0f, &grad->input_grads[1], err));
    return GRAFT_OK;
}
