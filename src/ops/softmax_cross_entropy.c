/*
 * softmax_cross_entropy from logits: loss = sum_k t_k (log sum e^x - x_k) per row, with t smoothed
 * as Keras does it, t (1 - s) + s / K. Stable: the largest logit is taken out first. A row's cost
 * with K = 0 is 0.
 *
 * Gradient: dx_k = dloss (softmax(x)_k sum t - t_k); for targets that sum to 1 this is softmax -
 * target.
 */
#include <math.h>

#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/loss.h"
#include "ops/ops.h"

/* Target k of a row after smoothing. */
typedef struct smoothing {
    float keep, add;
} smoothing;

static smoothing smoothing_of(const void *attrs, int64_t classes) {
    const float s = ((const gft_loss_attrs *)attrs)->label_smoothing;
    return (smoothing){1.0f - s, s / (float)(classes > 0 ? classes : 1)};
}

static float row_loss(const float *x, const float *t, int64_t n, smoothing s) {
    const gft_kernel_table *k = gft_kernels();
    const float top = k->max_f32(x, n);
    const float log_sum = logf(k->sum_exp_f32(x, n, top));
    double loss = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const float weight = t[i] * s.keep + s.add;
        if (weight != 0.0f) /* 0 * inf is no loss */
            loss += (double)weight * ((double)log_sum - ((double)x[i] - (double)top));
    }
    return (float)loss;
}

static void run(const gft_exec *exec) {
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    const smoothing s = smoothing_of(exec->attrs, x.cols);
    const float *logits = exec->inputs[0];
    const float *target = exec->inputs[1];
    float *loss = exec->outputs[0];
    if (x.cols == 0) { /* rows without classes: one task, every loss is 0 */
        for (int64_t r = 0; r < gft_desc_elems(&exec->outputs_desc[0]); r++)
            loss[r] = 0.0f;
        return;
    }
    const gft_range rows = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    for (int64_t r = rows.begin; r < rows.end; r++)
        loss[r] = row_loss(logits + r * x.cols, target + r * x.cols, x.cols, s);
}

static void run_grad(const gft_exec *exec) {
    const gft_kernel_table *k = gft_kernels();
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[1]);
    const smoothing s = smoothing_of(exec->attrs, x.cols);
    const float *dloss = exec->inputs[0];
    const gft_range rows = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    for (int64_t r = rows.begin; r < rows.end; r++) {
        const float *t = (const float *)exec->inputs[2] + r * x.cols;
        float *dx = (float *)exec->outputs[0] + r * x.cols;
        k->softmax_f32((const float *)exec->inputs[1] + r * x.cols, dx, x.cols);
        double total = 0.0;
        for (int64_t i = 0; i < x.cols; i++)
            total += (double)(t[i] * s.keep + s.add);
        for (int64_t i = 0; i < x.cols; i++)
            dx[i] = dloss[r] * (dx[i] * (float)total - (t[i] * s.keep + s.add));
    }
}

const gft_op gft_op_softmax_cross_entropy = {.name = "softmax_cross_entropy",
                                             .min_inputs = 2,
                                             .max_inputs = 2,
                                             .outputs = 1,
                                             .attrs_bytes = sizeof(gft_loss_attrs),
                                             .infer = gft_loss_infer,
                                             .prepare = gft_loss_prepare,
                                             .run = run};

const gft_op gft_op_softmax_cross_entropy_grad = {.name = "softmax_cross_entropy_grad",
                                                  .min_inputs = 3,
                                                  .max_inputs = 3,
                                                  .outputs = 1,
                                                  .attrs_bytes = sizeof(gft_loss_attrs),
                                                  .infer = gft_loss_grad_infer,
                                                  .prepare = gft_loss_grad_prepare,
                                                  .run = run_grad};

/* Into the target (distillation both ways): dloss (1 - s) (-log softmax(x)). */
static graft_status target_gradient(gft_grad *grad, graft_error *err) {
    const gft_loss_attrs *attrs = gft_grad_attrs(grad);
    const gft_axis_attrs last = {.axis = -1};
    const gft_value_id x = gft_grad_input(grad, 0);
    gft_value_id log_p;
    gft_value_id column;
    gft_value_id product;
    GFT_TRY(gft_grad_node(grad, &gft_op_log_softmax, &last, &x, 1, &log_p, err));
    GFT_TRY(gft_grad_column(grad, grad->output_grads[0], &column, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, log_p, column, &product, err));
    return gft_grad_scale(grad, product, attrs->label_smoothing - 1.0f, &grad->input_grads[1], err);
}

graft_status gft_grad_softmax_cross_entropy(gft_grad *grad, graft_error *err) {
    if (grad->wanted[0])
        GFT_TRY(gft_loss_gradient(grad, &gft_op_softmax_cross_entropy_grad, err));
    return grad->wanted[1] ? target_gradient(grad, err) : GRAFT_OK;
}
