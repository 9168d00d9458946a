/*
 * layer_norm over the last axis: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the
 * row's own mean and biased variance. layer_norm_grad: dy, x, gamma -> dx, dgamma, dbeta.
 *
 * Gradient, with x^ the normalised row, g = dy gamma, s = 1 / sqrt(variance + epsilon):
 * dx = s (g - mean(g) - x^ mean(g x^)); dgamma = sum dy x^, dbeta = sum dy over rows, by blocks
 * joined in index order.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define CHANNEL_BLOCK 64

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_channels(in, 1, 3, err));
    in->outputs[0] = gft_desc_f32(in->inputs[0].shape);
    return GRAFT_OK;
}

typedef struct moments {
    float mean, inverse; /* 1 / sqrt(variance + epsilon) */
} moments;

static moments moments_of(const float *x, int64_t n, float epsilon) {
    const gft_kernel_table *k = gft_kernels();
    const float mean = k->sum_f32(x, n) / (float)n;
    const float variance = k->spread_f32(x, n, mean) / (float)n;
    return (moments){mean, 1.0f / sqrtf(variance + epsilon)};
}

static void run(const gft_exec *exec) {
    const float epsilon = ((const gft_norm_attrs *)exec->attrs)->epsilon;
    const float *gamma = exec->inputs[1];
    const float *beta = exec->inputs[2];
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    const gft_range r = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *from = (const float *)exec->inputs[0] + row * x.cols;
        float *to = (float *)exec->outputs[0] + row * x.cols;
        const moments m = moments_of(from, x.cols, epsilon);
        for (int64_t i = 0; i < x.cols; i++)
            to[i] = (from[i] - m.mean) * m.inverse * gamma[i] + beta[i];
    }
}

const gft_op gft_op_layer_norm = {.name = "layer_norm",
                                  .flags = GFT_OP_IN_PLACE,
                                  .min_inputs = 3,
                                  .max_inputs = 3,
                                  .outputs = 1,
                                  .attrs_bytes = sizeof(gft_norm_attrs),
                                  .infer = infer,
                                  .prepare = gft_prepare_rows,
                                  .run = run};

static graft_status grad_infer(const gft_infer *in, graft_error *err) {
    graft_shape shape;
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_same_shape(in, 0, 1, &shape, err));
    GFT_TRY(gft_check_channels(in, 2, 3, err));
    in->outputs[0] = gft_desc_f32(shape);
    in->outputs[1] = in->outputs[2] = gft_desc_f32(gft_shape_1(shape.dims[shape.rank - 1]));
    return GRAFT_OK;
}

static graft_status grad_prepare(gft_prepare *p, graft_error *err) {
    const gft_rows x = gft_desc_rows(&p->inputs[0]);
    const int64_t blocks = gft_grid_count(x.rows, gft_grid_rows(x.cols));
    size_t floats; /* per block: sums for dgamma and dbeta */
    if (!gft_size_mul((size_t)(2 * blocks), (size_t)x.cols, &floats) ||
        !gft_size_mul(floats, sizeof(float), &p->scratch_bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "partial sums are too large");
    p->phases = 2;
    p->tasks[0] = blocks;
    p->tasks[1] = gft_grid_count(x.cols, CHANNEL_BLOCK);
    return GRAFT_OK;
}

static void grad_row(const float *dy, const float *x, const float *gamma, float *dx, int64_t n,
                     float epsilon, float *sums) {
    const moments m = moments_of(x, n, epsilon);
    double sum_g = 0.0;
    double sum_gx = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const float normal = (x[i] - m.mean) * m.inverse;
        const float g = dy[i] * gamma[i];
        sum_g += (double)g;
        sum_gx += (double)(g * normal);
        sums[i] += dy[i] * normal;
        sums[n + i] += dy[i];
    }
    const float mean_g = (float)(sum_g / (double)n);
    const float mean_gx = (float)(sum_gx / (double)n);
    for (int64_t i = 0; i < n; i++) {
        const float normal = (x[i] - m.mean) * m.inverse;
        dx[i] = m.inverse * (dy[i] * gamma[i] - mean_g - normal * mean_gx);
    }
}

static void grad_join(const gft_exec *exec, gft_rows x) {
    const float *sums = exec->scratch;
    float *dgamma = exec->outputs[1];
    float *dbeta = exec->outputs[2];
    const int64_t blocks = gft_grid_count(x.rows, gft_grid_rows(x.cols));
    const gft_range r = gft_grid_range(x.cols, CHANNEL_BLOCK, exec->task);
    for (int64_t c = r.begin; c < r.end; c++) {
        double gamma_sum = 0.0;
        double beta_sum = 0.0;
        for (int64_t b = 0; b < blocks; b++) {
            gamma_sum += (double)sums[2 * b * x.cols + c];
            beta_sum += (double)sums[(2 * b + 1) * x.cols + c];
        }
        dgamma[c] = (float)gamma_sum;
        dbeta[c] = (float)beta_sum;
    }
}

static void grad_run(const gft_exec *exec) {
    const float epsilon = ((const gft_norm_attrs *)exec->attrs)->epsilon;
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    if (exec->phase == 1) {
        grad_join(exec, x);
        return;
    }
    const gft_range r = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    float *sums = (float *)exec->scratch + 2 * exec->task * x.cols;
    memset(sums, 0, 2 * (size_t)x.cols * sizeof *sums);
    for (int64_t row = r.begin; row < r.end; row++) {
        const int64_t at = row * x.cols;
        grad_row((const float *)exec->inputs[0] + at, (const float *)exec->inputs[1] + at,
                 exec->inputs[2], (float *)exec->outputs[0] + at, x.cols, epsilon, sums);
    }
}

const gft_op gft_op_layer_norm_grad = {.name = "layer_norm_grad",
                                       .min_inputs = 3,
                                       .max_inputs = 3,
                                       .outputs = 3,
                                       .attrs_bytes = sizeof(gft_norm_attrs),
                                       .infer = grad_infer,
                                       .prepare = grad_prepare,
                                       .run = grad_run};

graft_status gft_grad_layer_norm(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0),
                                   gft_grad_input(grad, 1)};
    gft_value_id outputs[3];
    GFT_TRY(gft_grad_node(grad, &gft_op_layer_norm_grad, gft_grad_attrs(grad), inputs, 3, outputs,
                          err));
    for (int32_t i = 0; i < 3; i++)
        grad->input_grads[i] = grad->wanted[i] ? outputs[i] : -1;
    return GRAFT_OK;
}
