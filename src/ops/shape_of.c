/*
 * shape_of: the dimensions of its input, whose values are not read, as a vector of int32 or int64.
 * Known when a plan is made, so the plan's constant folding takes it away.
 */
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_cast_attrs *attrs = in->attrs;
    if (attrs->dtype != GRAFT_S32 && attrs->dtype != GRAFT_S64)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a shape in %s, expected int32 or int64",
                        graft_dtype_name(attrs->dtype));
    GFT_TRY(gft_infer_like(in, err));
    in->outputs[0] = (graft_tensor_desc){attrs->dtype, gft_shape_1(in->inputs[0].shape.rank), NULL};
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const graft_shape *x = &exec->inputs_desc[0].shape;
    for (int32_t i = 0; i < x->rank; i++) {
        if (exec->outputs_desc[0].dtype == GRAFT_S64)
            ((int64_t *)exec->outputs[0])[i] = x->dims[i];
        else
            ((int32_t *)exec->outputs[0])[i] = (int32_t)x->dims[i];
    }
}

const gft_op gft_op_shape_of = {.name = "shape_of",
                                .min_inputs = 1,
                                .max_inputs = 1,
                                .outputs = 1,
                                .shape_inputs = 1u << 0,
                                .attrs_bytes = sizeof(gft_cast_attrs),
                                .infer = infer,
                                .run = run};
