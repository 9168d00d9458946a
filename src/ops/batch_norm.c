/*
 * batch_norm with given statistics: y = (x - mean) * gamma / sqrt(variance + epsilon) + beta, x
 * (...,C). The per-channel factor is computed by a first phase, since parameters may change between
 * runs of one plan.
 */
#include <math.h>

#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_channels(in, 1, in->input_count, err));
    in->outputs[0] = gft_desc_f32(in->inputs[0].shape);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    out->macs = gft_i64_max(0, gft_desc_elems(&in->outputs[0]));
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    gft_rows r = gft_desc_rows(&p->inputs[0]);
    if (!gft_size_mul((size_t)r.cols, sizeof(float), &p->scratch_bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "too many channels");
    p->phases = 2;
    p->tasks[1] = gft_grid_count(r.rows, gft_grid_rows(r.cols));
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const gft_batch_norm_attrs *attrs = exec->attrs;
    const float *gamma = exec->inputs[1];
    const float *beta = exec->inputs[2];
    const float *mean = exec->inputs[3];
    const float *variance = exec->inputs[4];
    float *scale = exec->scratch;
    gft_rows x = gft_desc_rows(&exec->inputs_desc[0]);
    if (exec->phase == 0) {
        for (int64_t c = 0; c < x.cols; c++)
            scale[c] = gamma[c] / sqrtf(variance[c] + attrs->epsilon);
        return;
    }
    gft_range r = gft_grid_range(x.rows, gft_grid_rows(x.cols), exec->task);
    const float *from = (const float *)exec->inputs[0] + r.begin * x.cols;
    float *to = (float *)exec->outputs[0] + r.begin * x.cols;
    gft_kernels()->norm_rows_f32(from, mean, scale, beta, to, r.end - r.begin, x.cols);
}

const gft_op gft_op_batch_norm = {.name = "batch_norm",
                                  .kind = GFT_KIND_BATCH_NORM,
                                  .flags = GFT_OP_IN_PLACE,
                                  .min_inputs = 5,
                                  .max_inputs = 5,
                                  .outputs = 1,
                                  .attrs_bytes = sizeof(gft_batch_norm_attrs),
                                  .infer = infer,
                                  .cost = cost,
                                  .prepare = prepare,
                                  .run = run};

/* The statistics are constants here: dx = dy * gamma / sqrt(variance + epsilon); none flows into
 * them. */
graft_status gft_grad_batch_norm(gft_grad *grad, graft_error *err) {
    gft_batch_norm_attrs attrs = *(const gft_batch_norm_attrs *)gft_grad_attrs(grad);
    attrs.train = false;
    if (grad->wanted[3] || grad->wanted[4])
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "no gradient for the running statistics of a batch_norm");
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0),
                                   gft_grad_input(grad, 1), gft_grad_input(grad, 3),
                                   gft_grad_input(grad, 4)};
    gft_value_id outputs[3];
    GFT_TRY(gft_grad_node(grad, &gft_op_batch_norm_train_grad, &attrs, inputs, 5, outputs, err));
    for (int32_t i = 0; i < 3; i++)
        grad->input_grads[i] = grad->wanted[i] ? outputs[i] : -1;
    return GRAFT_OK;
}
