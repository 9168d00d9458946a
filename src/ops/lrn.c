/*
 * lrn: local response normalisation across channels, x / (bias + alpha * s)^beta, s the sum of the
 * squares of 2 * radius + 1 channels around. lrn_grad: (dy, x) -> dx. TensorFlow's LRN (alpha is
 * not divided by the number of channels).
 */
#include <inttypes.h>
#include <math.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status check(const gft_infer *in, graft_error *err) {
    const gft_lrn_attrs *attrs = in->attrs;
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    if (attrs->radius < 0 || attrs->radius > INT32_MAX)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a radius of %" PRId64 " channels",
                        attrs->radius);
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(check(in, err));
    return gft_infer_like_f32(in, err);
}

static graft_status grad_infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(check(in, err));
    return gft_infer_same_f32(in, err);
}

/* bias + alpha * sum of squares around channel c */
static double level(const gft_lrn_attrs *a, const float *x, int64_t c, int64_t n) {
    const int64_t end = gft_i64_min(n, c + a->radius + 1);
    double sum = 0.0;
    for (int64_t i = gft_i64_max(0, c - a->radius); i < end; i++)
        sum += (double)x[i] * (double)x[i];
    return (double)a->bias + (double)a->alpha * sum;
}

static void run(const gft_exec *exec) {
    const gft_lrn_attrs *a = exec->attrs;
    const gft_rows rows = gft_desc_rows(&exec->inputs_desc[0]);
    const gft_range r = gft_grid_range(rows.rows, gft_grid_rows(rows.cols), exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *x = (const float *)exec->inputs[0] + row * rows.cols;
        float *y = (float *)exec->outputs[0] + row * rows.cols;
        for (int64_t c = 0; c < rows.cols; c++)
            y[c] = (float)((double)x[c] * pow(level(a, x, c, rows.cols), -(double)a->beta));
    }
}

const gft_op gft_op_lrn = {.name = "lrn",
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .outputs = 1,
                           .attrs_bytes = sizeof(gft_lrn_attrs),
                           .infer = infer,
                           .prepare = gft_prepare_rows,
                           .run = run};

/*
 * Every channel i around c holds x[c] in its level: dx[c] = dy[c] L[c]^-beta - 2 alpha beta x[c]
 * sum dy[i] x[i] L[i]^(-beta - 1).
 */
static void grad_run(const gft_exec *exec) {
    const gft_lrn_attrs *a = exec->attrs;
    const gft_rows rows = gft_desc_rows(&exec->inputs_desc[0]);
    const gft_range r = gft_grid_range(rows.rows, gft_grid_rows(rows.cols), exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *dy = (const float *)exec->inputs[0] + row * rows.cols;
        const float *x = (const float *)exec->inputs[1] + row * rows.cols;
        float *dx = (float *)exec->outputs[0] + row * rows.cols;
        for (int64_t c = 0; c < rows.cols; c++) {
            const int64_t end = gft_i64_min(rows.cols, c + a->radius + 1);
            double sum = 0.0;
            for (int64_t i = gft_i64_max(0, c - a->radius); i < end; i++)
                sum += (double)dy[i] * (double)x[i] *
                       pow(level(a, x, i, rows.cols), -(double)a->beta - 1.0);
            dx[c] = (float)((double)dy[c] * pow(level(a, x, c, rows.cols), -(double)a->beta) -
                            2.0 * (double)a->alpha * (double)a->beta * (double)x[c] * sum);
        }
    }
}

const gft_op gft_op_lrn_grad = {.name = "lrn_grad",
                                .min_inputs = 2,
                                .max_inputs = 2,
                                .outputs = 1,
                                .attrs_bytes = sizeof(gft_lrn_attrs),
                                .infer = grad_infer,
                                .prepare = gft_prepare_rows,
                                .run = grad_run};

graft_status gft_grad_lrn(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    return gft_grad_node(grad, &gft_op_lrn_grad, gft_grad_attrs(grad), inputs, 2,
                         &grad->input_grads[0], err);
}
