/*
 * ema_update: running = running * momentum + value * (1 - momentum), written into its first input
 * (a parameter). No outputs.
 */
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    return gft_check_same_shape(in, 0, 1, NULL, err);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    (void)err;
    p->tasks[0] = gft_grid_count(gft_desc_elems(&p->inputs[0]), GFT_BLOCK_ELEMS);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const gft_ema_attrs *attrs = exec->attrs;
    float *running = (float *)(uintptr_t)exec->inputs[0]; /* the one op that writes an input */
    const float *value = exec->inputs[1];
    gft_range r =
        gft_grid_range(gft_desc_elems(&exec->inputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    for (int64_t i = r.begin; i < r.end; i++)
        running[i] = running[i] * attrs->momentum + value[i] * (1.0f - attrs->momentum);
}

const gft_op gft_op_ema_update = {.name = "ema_update",
                                  .kind = GFT_KIND_EMA_UPDATE,
                                  .flags = GFT_OP_SIDE_EFFECT,
                                  .min_inputs = 2,
                                  .max_inputs = 2,
                                  .attrs_bytes = sizeof(gft_ema_attrs),
                                  .infer = infer,
                                  .prepare = prepare,
                                  .run = run};
