/*
 * mean_half: reduce_mean over height and width of bfloat16 or IEEE half pictures
 * (graph/attrs_half.h), added up in float32, row of channels after row of channels. A task is one
 * picture's block of channels.
 */
#include <string.h>

#include "base/size.h"
#include "ops/half_ops.h"
#include "ops/ops.h"
#include "ops/precision.h"

#define BLOCK 512 /* channels */

typedef struct mean_half_state {
    int64_t pixels, channels, blocks;
    gft_half_kernels kernels;
    bool f32_result;
} mean_half_state;

bool gft_mean_half_fits(const gft_infer *in) {
    const gft_reduce_attrs *attrs = in->attrs;
    return in->inputs[0].shape.rank == 4 && attrs->axes == 6u;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_half_attrs *half = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    mean_half_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->pixels = x->dims[1] * x->dims[2];
    s->channels = x->dims[3];
    s->blocks = gft_i64_ceil_div(s->channels, BLOCK);
    s->kernels = gft_half_kernels_of(half->dtype);
    s->f32_result = half->output == GRAFT_F32;
    p->tasks[0] = gft_at_least_one(x->dims[0] * s->blocks);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const mean_half_state *s = exec->state;
    if (exec->task >= exec->inputs_desc[0].shape.dims[0] * s->blocks)
        return;
    int64_t picture = exec->task / s->blocks;
    int64_t c = exec->task % s->blocks * BLOCK;
    int64_t n = gft_i64_min(BLOCK, s->channels - c);
    const uint16_t *x = (const uint16_t *)exec->inputs[0] + picture * s->pixels * s->channels + c;
    float sum[BLOCK] = {0};
    float row[BLOCK];
    for (int64_t i = 0; i < s->pixels; i++) {
        s->kernels.widen(x + i * s->channels, row, n);
        for (int64_t k = 0; k < n; k++)
            sum[k] += row[k];
    }
    for (int64_t k = 0; k < n; k++)
        sum[k] /= (float)s->pixels;
    int64_t at = picture * s->channels + c;
    if (s->f32_result)
        memcpy((float *)exec->outputs[0] + at, sum, (size_t)n * sizeof(float));
    else
        s->kernels.narrow(sum, (uint16_t *)exec->outputs[0] + at, n);
}

const gft_op gft_op_mean_half = {
    .name = "mean_half",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_half_attrs),
    .infer = gft_half_infer,
    .cost = gft_half_cost,
    .prepare = prepare,
    .run = run,
};
