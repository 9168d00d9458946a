/*
 * qmax_pool: max_pool of int8 or uint8 x (N,H,W,C), attributes as max_pool's; the scale stays what
 * it is. Padding never counts. A task makes some output rows (ops/qpool.c).
 */
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qpool.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_pool_attrs *attrs = in->attrs;
    const graft_dtype dtype = in->inputs[0].dtype;
    graft_shape y;
    if (dtype != GRAFT_S8 && dtype != GRAFT_U8)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input is %s, expected int8 or uint8",
                        graft_dtype_name(dtype));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    GFT_TRY(gft_pool_shape(attrs, &in->inputs[0].shape, &y, err));
    if (attrs->kernel_h > GFT_POOL_MAX_CELLS ||
        attrs->kernel_w > GFT_POOL_MAX_CELLS / attrs->kernel_h)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "window of more than %d cells",
                        GFT_POOL_MAX_CELLS);
    in->outputs[0] = (graft_tensor_desc){dtype, y, NULL};
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    gft_pool_window *w;
    GFT_TRY(gft_grid_state(p, sizeof *w, &w, err));
    gft_pool_window_init(w, p->attrs, &p->inputs[0].shape, &p->outputs[0].shape);
    w->rows_per_task = gft_grid_rows(w->ow * w->c);
    p->worker_scratch_bytes = (size_t)(w->kernel_h * w->kernel_w) * sizeof(uint8_t *);
    p->tasks[0] = gft_grid_count(w->n * w->oh, w->rows_per_task);
    return GRAFT_OK;
}

const gft_op gft_op_qmax_pool = {.name = "qmax_pool",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .outputs = 1,
                                 .attrs_bytes = sizeof(gft_pool_attrs),
                                 .infer = infer,
                                 .prepare = prepare,
                                 .run = gft_qpool_max_run};
