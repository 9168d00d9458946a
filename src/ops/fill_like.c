/*
 * fill_like: ones in the shape and type of its input, whose values are not read. The seed of a
 * loss's gradient.
 */

#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const graft_dtype dtype = in->inputs[0].dtype;
    if (dtype != GRAFT_F32 && dtype != GRAFT_S32 && dtype != GRAFT_S64 && dtype != GRAFT_BOOL)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input 0 is %s, expected float32, int32, int64 or bool",
                        graft_dtype_name(dtype));
    in->outputs[0] = (graft_tensor_desc){dtype, in->inputs[0].shape, NULL};
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const graft_dtype dtype = exec->outputs_desc[0].dtype;
    gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    for (int64_t i = r.begin; i < r.end; i++) {
        if (dtype == GRAFT_F32)
            ((float *)exec->outputs[0])[i] = 1.0f;
        else if (dtype == GRAFT_S32)
            ((int32_t *)exec->outputs[0])[i] = 1;
        else if (dtype == GRAFT_S64)
            ((int64_t *)exec->outputs[0])[i] = 1;
        else
            ((uint8_t *)exec->outputs[0])[i] = 1;
    }
}

const gft_op gft_op_fill_like = {.name = "fill_like",
                                 .flags = GFT_OP_IN_PLACE,
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .outputs = 1,
                                 .shape_inputs = 1u << 0,
                                 .infer = infer,
                                 .prepare = gft_prepare_elems,
                                 .run = run};
