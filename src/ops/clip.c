/*
 * clip: x kept inside low..high; NaN stays NaN. clip_grad: (dy, x) -> dy where x was inside, ends
 * included (TensorFlow's rule), else 0.
 */
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/unary.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_clip_attrs *attrs = in->attrs;
    if (!(attrs->low <= attrs->high))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "clips to %g..%g", (double)attrs->low,
                        (double)attrs->high);
    return gft_unary_numbers_infer(in, err);
}

static int64_t bound(float v) {
    return v >= 0x1p63f ? INT64_MAX : v <= -0x1p63f ? INT64_MIN : (int64_t)v;
}

static void run(const gft_exec *exec) {
    const gft_clip_attrs *attrs = exec->attrs;
    const graft_dtype dtype = exec->outputs_desc[0].dtype;
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    if (dtype == GRAFT_F32) {
        const float *x = exec->inputs[0];
        float *y = exec->outputs[0];
        for (int64_t i = r.begin; i < r.end; i++) {
            const float v = x[i] < attrs->low ? attrs->low : x[i];
            y[i] = v > attrs->high ? attrs->high : v;
        }
        return;
    }
    const int64_t low = bound(attrs->low);
    const int64_t high = bound(attrs->high);
    for (int64_t i = r.begin; i < r.end; i++) {
        if (dtype == GRAFT_S64)
            ((int64_t *)exec->outputs[0])[i] =
                gft_i64_min(high, gft_i64_max(low, ((const int64_t *)exec->inputs[0])[i]));
        else
            ((int32_t *)exec->outputs[0])[i] =
                (int32_t)gft_i64_min(high, gft_i64_max(low, ((const int32_t *)exec->inputs[0])[i]));
    }
}

const gft_op gft_op_clip = {.name = "clip",
                            .flags = GFT_OP_IN_PLACE,
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .outputs = 1,
                            .attrs_bytes = sizeof(gft_clip_attrs),
                            .infer = infer,
                            .prepare = gft_prepare_elems,
                            .run = run};

static void grad_run(const gft_exec *exec) {
    const gft_clip_attrs *attrs = exec->attrs;
    const float *dy = exec->inputs[0];
    const float *x = exec->inputs[1];
    float *dx = exec->outputs[0];
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    for (int64_t i = r.begin; i < r.end; i++)
        dx[i] = x[i] >= attrs->low && x[i] <= attrs->high ? dy[i] : 0.0f;
}

const gft_op gft_op_clip_grad = {.name = "clip_grad",
                                 .flags = GFT_OP_IN_PLACE,
                                 .min_inputs = 2,
                                 .max_inputs = 2,
                                 .outputs = 1,
                                 .attrs_bytes = sizeof(gft_clip_attrs),
                                 .infer = gft_infer_same_f32,
                                 .prepare = gft_prepare_elems,
                                 .run = grad_run};

graft_status gft_grad_clip(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    return gft_grad_node(grad, &gft_op_clip_grad, gft_grad_attrs(grad), inputs, 2,
                         &grad->input_grads[0], err);
}
