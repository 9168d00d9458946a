/*
 * batch_norm_train: x (...,C), gamma, beta -> y, mean, biased variance over all rows.
 *
 * Phase 0: per block of rows, a first mean, then the sum and sum of squares of deviations from it
 * (two passes over a block that is in the cache; the sum corrects the first mean's rounding). Phase
 * 1: blocks joined in index order by Chan, Golub and LeVeque's update, in double, by ranges of
 * channels. Phase 2: y.
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
#define ROWS_PER_BLOCK 3 /* of results in scratch */

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_channels(in, 1, in->input_count, err));
    const graft_shape *x = &in->inputs[0].shape;
    in->outputs[0] = gft_desc_f32(*x);
    in->outputs[1] = in->outputs[2] = gft_desc_f32(gft_shape_1(x->dims[x->rank - 1]));
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    out->macs = 3 * gft_i64_max(0, gft_desc_elems(&in->outputs[0]));
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    gft_rows r = gft_desc_rows(&p->inputs[0]);
    const int64_t blocks = gft_grid_count(r.rows, gft_grid_rows(r.cols));
    size_t floats; /* per block: moments; then one row of scales */
    if (!gft_size_mul((size_t)(ROWS_PER_BLOCK * blocks + 1), (size_t)r.cols, &floats) ||
        !gft_size_mul(floats, sizeof(float), &p->scratch_bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "partial sums are too large");
    p->phases = 3;
    p->tasks[0] = blocks;
    p->tasks[1] = gft_grid_count(r.cols, CHANNEL_BLOCK);
    p->tasks[2] = blocks;
    return GRAFT_OK;
}

/* moments: three rows of x.cols, the first mean, sum and sum of squares of deviations from it. */
static void block_moments(const float *x, int64_t rows, int64_t cols, float *moments) {
    const gft_kernel_table *k = gft_kernels();
    const float inverse = 1.0f / (float)rows;
    memset(moments, 0, ROWS_PER_BLOCK * (size_t)cols * sizeof *moments);
    k->sum_rows_f32(x, rows, cols, cols, moments);
    k->mul_f32(moments, 1, &inverse, 0, moments, cols);
    k->spread_rows_f32(x, moments, rows, cols, moments + cols, moments + 2 * cols);
}

static void join_moments(const float *moments, gft_rows x, int64_t c, float *mean,
                         float *variance) {
    const int64_t per_block = gft_grid_rows(x.cols);
    double m = 0.0;
    double s = 0.0;
    double count = 0.0;
    for (int64_t b = 0; b * per_block < x.rows; b++) {
        const float *at = moments + ROWS_PER_BLOCK * b * x.cols + c;
        const double n = (double)gft_i64_min(per_block, x.rows - b * per_block);
        const double off = (double)at[x.cols] / n; /* of the first mean */
        const double delta = (double)at[0] + off - m;
        s += (double)at[2 * x.cols] - off * off * n + delta * delta * count * n / (count + n);
        m += delta * n / (count + n);
        count += n;
    }
    *mean = (float)m;
    s = s < 0.0 ? 0.0 : s; /* NaN stays */
    *variance = count > 0.0 ? (float)(s / count) : 0.0f;
}

static void run(const gft_exec *exec) {
    const gft_batch_norm_attrs *attrs = exec->attrs;
    const float *gamma = exec->inputs[1];
    const float *beta = exec->inputs[2];
    float *mean = exec->outputs[1];
    float *variance = exec->outputs[2];
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    const int64_t per_block = gft_grid_rows(x.cols);
    float *moments = exec->scratch;
    float *scale = moments + ROWS_PER_BLOCK * gft_grid_count(x.rows, per_block) * x.cols;
    const gft_range r = gft_grid_range(x.rows, per_block, exec->task);
    const float *from = (const float *)exec->inputs[0] + r.begin * x.cols;
    if (exec->phase == 0) {
        float *to = moments + ROWS_PER_BLOCK * exec->task * x.cols;
        if (r.end > r.begin)
            block_moments(from, r.end - r.begin, x.cols, to);
    } else if (exec->phase == 1) {
        const gft_range c = gft_grid_range(x.cols, CHANNEL_BLOCK, exec->task);
        for (int64_t i = c.begin; i < c.end; i++) {
            join_moments(moments, x, i, &mean[i], &variance[i]);
            scale[i] = gamma[i] / sqrtf(variance[i] + attrs->epsilon);
        }
    } else {
        float *y = (float *)exec->outputs[0] + r.begin * x.cols;
        gft_kernels()->norm_rows_f32(from, mean, scale, beta, y, r.end - r.begin, x.cols);
    }
}

const gft_op gft_op_batch_norm_train = {.name = "batch_norm_train",
                                        .kind = GFT_KIND_BATCH_NORM_TRAIN,
                                        .min_inputs = 3,
                                        .max_inputs = 3,
                                        .outputs = 3,
                                        .attrs_bytes = sizeof(gft_batch_norm_attrs),
                                        .infer = infer,
                                        .cost = cost,
                                        .prepare = prepare,
                                        .run = run};

/* The statistics are for the running averages only: gradients through them as outputs are refused.
 */
graft_status gft_grad_batch_norm_train(gft_grad *grad, graft_error *err) {
    gft_batch_norm_attrs attrs = *(const gft_batch_norm_attrs *)gft_grad_attrs(grad);
    attrs.train = true;
    if (grad->output_grads[1] >= 0 || grad->output_grads[2] >= 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "no gradient through the batch statistics as outputs");
    if (grad->output_grads[0] < 0)
        return GRAFT_OK;
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0),
                                   gft_grad_input(grad, 1), gft_grad_output(grad, 1),
                                   gft_grad_output(grad, 2)};
    gft_value_id outputs[3];
    GFT_TRY(gft_grad_node(grad, &gft_op_batch_norm_train_grad, &attrs, inputs, 5, outputs, err));
    for (int32_t i = 0; i < 3; i++)
        grad->input_grads[i] = grad->wanted[i] ? outputs[i] : -1;
    return GRAFT_OK;
}
