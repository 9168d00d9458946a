/*
 * fill_like: ones in the shape of its input, whose values are not read. The seed of a loss's
 * gradient.
 */
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static void run(const gft_exec *exec) {
    float *y = exec->outputs[0];
    gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    for (int64_t i = r.begin; i < r.end; i++)
        y[i] = 1.0f;
}

const gft_op gft_op_fill_like = {.name = "fill_like",
                                 .flags = GFT_OP_IN_PLACE,
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .outputs = 1,
                                 .shape_inputs = 1u << 0,
                                 .infer = gft_infer_like_f32,
                                 .prepare = gft_prepare_elems,
                                 .run = run};
