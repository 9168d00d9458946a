/*
 * qdense: x (...,K) int8 or uint8, weights (K,N) int8 -> (...,N) of x's type; attributes in
 * graph/attrs_quant.h. Bit for bit what LiteRT's default path makes of FULLY_CONNECTED.
 */
#include "base/size.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qproduct.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_qdense_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    const graft_shape *w = &in->inputs[1].shape;
    const graft_dtype dtype = in->inputs[0].dtype;
    GFT_TRY(gft_q_check_input(in, 0, err));
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    GFT_TRY(gft_check_rank(in, 1, 2, err));
    char text[GFT_DESC_TEXT_BYTES];
    if (!gft_shape_known(w) || (x->dims[x->rank - 1] >= 0 && x->dims[x->rank - 1] != w->dims[0]))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "weights have shape %s, which does not go with x", gft_shape_text(w, text));
    GFT_TRY(gft_q_check_weights(in, w->dims[1], attrs->has_bias, err));
    GFT_TRY(gft_q_check_params(dtype, "x", attrs->x, err));
    GFT_TRY(gft_q_check_params(dtype, "y", attrs->y, err));
    GFT_TRY(gft_q_check_bounds(dtype, attrs->lo, attrs->hi, err));
    in->outputs[0] = (graft_tensor_desc){dtype, *x, NULL};
    in->outputs[0].shape.dims[x->rank - 1] = w->dims[1];
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    int64_t y = gft_desc_elems(&in->outputs[0]);
    if (y < 0 || !gft_i64_mul(y, in->inputs[1].shape.dims[0], &out->macs))
        out->macs = 0;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_qdense_attrs *attrs = p->attrs;
    const graft_shape *w = &p->inputs[1].shape;
    gft_qproduct *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->groups = 1;
    s->cols = w->dims[1];
    s->rows = s->cols > 0 ? gft_desc_elems(&p->outputs[0]) / s->cols : 0;
    s->taps = 1;
    s->depth = w->dims[0];
    gft_q_columns columns = {.dtype = p->inputs[0].dtype,
                             .x = attrs->x,
                             .y = attrs->y,
                             .lo = attrs->lo,
                             .hi = attrs->hi};
    return gft_qproduct_prepare(p, s, &columns, (int64_t)sizeof(uint8_t *), err);
}

static void run(const gft_exec *exec) {
    const gft_qproduct *s = exec->state;
    const gft_qblock block = gft_qproduct_block(s, exec->task);
    if (block.group >= s->groups || block.rows == 0 || block.cols == 0)
        return;
    const uint8_t **rows = exec->worker_scratch;
    const uint8_t *x = exec->inputs[0];
    for (int64_t i = 0; i < block.rows; i++)
        rows[i] = x + (block.row + i) * s->depth;
    gft_qproduct_run(s, exec, &block, rows, block.rows);
}

const gft_op gft_op_qdense = {
    .name = "qdense",
    .min_inputs = 3,
    .max_inputs = 4,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_qdense_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
