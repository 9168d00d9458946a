/*
 * batch_norm_train_grad: dy, x, gamma, mean, variance -> dx, dgamma, dbeta. With attrs.train the
 * statistics are those of x's own batch and depend on it; without, they are constants (batch_norm
 * with running statistics).
 *
 * With s = 1 / sqrt(variance + epsilon), m rows and x^ = (x - mean) s:  dbeta = sum dy,  dgamma =
 * sum dy x^, dx = gamma s (dy - dbeta / m - x^ dgamma / m), the last two terms only with
 * attrs.train. Phase 0: sums per block of rows. Phase 1: joined in index order, factors per
 * channel. Phase 2: dx.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define CHANNEL_BLOCK 64

static graft_status infer(const gft_infer *in, graft_error *err) {
    graft_shape shape;
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_same_shape(in, 0, 1, &shape, err));
    GFT_TRY(gft_check_channels(in, 2, 5, err));
    in->outputs[0] = gft_desc_f32(shape);
    in->outputs[1] = in->outputs[2] = gft_desc_f32(gft_shape_1(shape.dims[shape.rank - 1]));
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    out->macs = 3 * gft_i64_max(0, gft_desc_elems(&in->outputs[0]));
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    gft_rows r = gft_desc_rows(&p->inputs[0]);
    const int64_t blocks = gft_grid_count(r.rows, gft_grid_rows(r.cols));
    size_t floats; /* per block two rows of sums; then three rows of factors */
    if (!gft_size_mul((size_t)(2 * blocks + 3), (size_t)r.cols, &floats) ||
        !gft_size_mul(floats, sizeof(float), &p->scratch_bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "partial sums are too large");
    p->phases = 3;
    p->tasks[0] = blocks;
    p->tasks[1] = gft_grid_count(r.cols, CHANNEL_BLOCK);
    p->tasks[2] = blocks;
    return GRAFT_OK;
}

static void join(const gft_exec *exec, gft_rows x, int64_t blocks, const float *sums,
                 float *factors) {
    const gft_batch_norm_attrs *attrs = exec->attrs;
    const float *gamma = exec->inputs[2];
    const float *variance = exec->inputs[4];
    float *dgamma = exec->outputs[1];
    float *dbeta = exec->outputs[2];
    const gft_range r = gft_grid_range(x.cols, CHANNEL_BLOCK, exec->task);
    for (int64_t c = r.begin; c < r.end; c++) {
        double sum_dy = 0.0;
        double sum_dyx = 0.0;
        for (int64_t b = 0; b < blocks; b++) {
            sum_dy += (double)sums[2 * b * x.cols + c];
            sum_dyx += (double)sums[(2 * b + 1) * x.cols + c];
        }
        const double s = 1.0 / sqrt((double)variance[c] + (double)attrs->epsilon);
        const double a = (double)gamma[c] * s;
        const double m = attrs->train && x.rows > 0 ? 1.0 / (double)x.rows : 0.0;
        factors[c] = (float)a;
        factors[x.cols + c] = (float)(-a * s * s * sum_dyx * m);
        factors[2 * x.cols + c] = (float)(-a * sum_dy * m);
        dgamma[c] = (float)(sum_dyx * s);
        dbeta[c] = (float)sum_dy;
    }
}

static void run(const gft_exec *exec) {
    const gft_kernel_table *k = gft_kernels();
    const float *mean = exec->inputs[3];
    const gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    const int64_t per_block = gft_grid_rows(x.cols);
    const int64_t blocks = gft_grid_count(x.rows, per_block);
    float *sums = exec->scratch;
    float *factors = sums + 2 * blocks * x.cols;
    const gft_range r = gft_grid_range(x.rows, per_block, exec->task);
    const float *dy = (const float *)exec->inputs[0] + r.begin * x.cols;
    const float *from = (const float *)exec->inputs[1] + r.begin * x.cols;
    if (exec->phase == 0) {
        float *to = sums + 2 * exec->task * x.cols;
        memset(to, 0, 2 * (size_t)x.cols * sizeof *to);
        k->norm_sums_f32(dy, from, mean, r.end - r.begin, x.cols, to, to + x.cols);
    } else if (exec->phase == 1) {
        join(exec, x, blocks, sums, factors);
    } else {
        float *dx = (float *)exec->outputs[0] + r.begin * x.cols;
        k->norm_grad_rows_f32(dy, from, mean, factors, factors + x.cols, factors + 2 * x.cols, dx,
                              r.end - r.begin, x.cols);
    }
}

const gft_op gft_op_batch_norm_train_grad = {.name = "batch_norm_train_grad",
                                             .flags = GFT_OP_IN_PLACE,
                                             .min_inputs = 5,
                                             .max_inputs = 5,
                                             .outputs = 3,
                                             .attrs_bytes = sizeof(gft_batch_norm_attrs),
                                             .infer = infer,
                                             .cost = cost,
                                             .prepare = prepare,
                                             .run = run};
