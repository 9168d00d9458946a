/*
 * depth_to_space: (N,H,W,B*B*C) -> (N,H*B,W*B,C), and space_to_depth, its inverse, for any element
 * type: one strided copy over (N,H,B,W,B,C). Each is the other's gradient.
 */
#include <inttypes.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/nd_copy.h"
#include "ops/ops.h"

static graft_status check(const gft_infer *in, graft_error *err) {
    const gft_block_attrs *attrs = in->attrs;
    GFT_TRY(gft_infer_like(in, err));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    if (attrs->block < 1 || attrs->block > 1 << 15)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "blocks of %" PRId64, attrs->block);
    in->outputs[0].quant = NULL;
    return GRAFT_OK;
}

static graft_status indivisible(const gft_infer *in, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "shape %s does not divide into blocks of %" PRId64,
                    gft_shape_text(&in->inputs[0].shape, text),
                    ((const gft_block_attrs *)in->attrs)->block);
}

static graft_status to_space_infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(check(in, err));
    const int64_t b = ((const gft_block_attrs *)in->attrs)->block;
    graft_shape *y = &in->outputs[0].shape;
    for (int32_t i = 1; i < 3; i++) {
        if (y->dims[i] >= 0 && !gft_i64_mul(y->dims[i], b, &y->dims[i]))
            return indivisible(in, err);
    }
    if (y->dims[3] >= 0 && y->dims[3] % (b * b) != 0)
        return indivisible(in, err);
    y->dims[3] = y->dims[3] < 0 ? -1 : y->dims[3] / (b * b);
    return GRAFT_OK;
}

static graft_status to_depth_infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(check(in, err));
    const int64_t b = ((const gft_block_attrs *)in->attrs)->block;
    graft_shape *y = &in->outputs[0].shape;
    for (int32_t i = 1; i < 3; i++) {
        if (y->dims[i] >= 0 && y->dims[i] % b != 0)
            return indivisible(in, err);
        y->dims[i] = y->dims[i] < 0 ? -1 : y->dims[i] / b;
    }
    if (y->dims[3] >= 0 && !gft_i64_mul(y->dims[3], b * b, &y->dims[3]))
        return indivisible(in, err);
    return GRAFT_OK;
}

/* deep: the shape with many channels. */
static graft_status make_copy(gft_prepare *p, const graft_shape *deep, bool to_space,
                              graft_error *err) {
    const int64_t b = ((const gft_block_attrs *)p->attrs)->block;
    const int64_t c = deep->dims[3] / (b * b);
    const int64_t dims[6] = {deep->dims[0], deep->dims[1], b, deep->dims[2], b, c};
    const graft_shape shape = gft_shape_of(6, dims);
    const int64_t row = deep->dims[2] * deep->dims[3];
    const int64_t steps[6] = {deep->dims[1] * row, row, b * c, deep->dims[3], c, 1};
    int64_t dense[GRAFT_MAX_RANK];
    gft_nd_copy *copy;
    GFT_TRY(gft_grid_state(p, sizeof *copy, &copy, err));
    gft_shape_strides(&shape, dense);
    gft_nd_copy_init(copy, &shape, to_space ? steps : dense, 0, to_space ? dense : steps, 0,
                     gft_dtype_cell_bytes(p->inputs[0].dtype));
    p->tasks[0] = gft_nd_copy_tasks(copy);
    return GRAFT_OK;
}

static graft_status to_space_prepare(gft_prepare *p, graft_error *err) {
    return make_copy(p, &p->inputs[0].shape, true, err);
}

static graft_status to_depth_prepare(gft_prepare *p, graft_error *err) {
    return make_copy(p, &p->outputs[0].shape, false, err);
}

static void run(const gft_exec *exec) {
    gft_nd_copy_run(exec->state, exec->inputs[0], exec->outputs[0], exec->task);
}

const gft_op gft_op_depth_to_space = {.name = "depth_to_space",
                                      .min_inputs = 1,
                                      .max_inputs = 1,
                                      .outputs = 1,
                                      .attrs_bytes = sizeof(gft_block_attrs),
                                      .infer = to_space_infer,
                                      .prepare = to_space_prepare,
                                      .run = run};

const gft_op gft_op_space_to_depth = {.name = "space_to_depth",
                                      .min_inputs = 1,
                                      .max_inputs = 1,
                                      .outputs = 1,
                                      .attrs_bytes = sizeof(gft_block_attrs),
                                      .infer = to_depth_infer,
                                      .prepare = to_depth_prepare,
                                      .run = run};

graft_status gft_grad_depth_to_space(gft_grad *grad, graft_error *err) {
    return gft_grad_node(grad, &gft_op_space_to_depth, gft_grad_attrs(grad), &grad->output_grads[0],
                         1, &grad->input_grads[0], err);
}

graft_status gft_grad_space_to_depth(gft_grad *grad, graft_error *err) {
    return gft_grad_node(grad, &gft_op_depth_to_space, gft_grad_attrs(grad), &grad->output_grads[0],
                         1, &grad->input_grads[0], err);
}
