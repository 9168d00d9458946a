/*
 * qlookup: y[i] = table[x[i] - the lowest value of x's type]; attributes in graph/attrs_quant.h.
 */
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qcommon.h"

#define BLOCK (4 * GFT_BLOCK_ELEMS)

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_qlookup_attrs *attrs = in->attrs;
    GFT_TRY(gft_q_check_input(in, 0, err));
    if (attrs->dtype != GRAFT_S8 && attrs->dtype != GRAFT_U8)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "result of type %s, expected int8 or uint8",
                        graft_dtype_name(attrs->dtype));
    GFT_TRY(gft_check_dtype(in, 1, attrs->dtype, err));
    if (gft_desc_elems(&in->inputs[1]) != 256)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a table of %lld entries, expected 256",
                        (long long)gft_desc_elems(&in->inputs[1]));
    in->outputs[0] = (graft_tensor_desc){attrs->dtype, in->inputs[0].shape, NULL};
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    (void)err;
    p->tasks[0] = gft_grid_count(gft_desc_elems(&p->outputs[0]), BLOCK);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const gft_range r = gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), BLOCK, exec->task);
    const uint8_t flip =
        exec->inputs_desc[0].dtype == GRAFT_S8 ? 0x80 : 0; /* the lowest value is entry 0 */
    gft_kernels()->qlookup_s8((const uint8_t *)exec->inputs[0] + r.begin, exec->inputs[1], flip,
                              (uint8_t *)exec->outputs[0] + r.begin, r.end - r.begin);
}

const gft_op gft_op_qlookup = {
    .name = "qlookup",
    .flags = GFT_OP_IN_PLACE,
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_qlookup_attrs),
    .infer = infer,
    .prepare = prepare,
    .run = run,
};
