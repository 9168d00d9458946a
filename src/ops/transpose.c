/*
 * transpose: output dimension i is input dimension perm[i], any element type.
 */
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/nd_copy.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_transpose_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    uint32_t seen = 0;
    GFT_TRY(gft_infer_like(in, err));
    for (int32_t i = 0; i < x->rank; i++) {
        const int32_t from = attrs->perm[i];
        if (from < 0 || from >= x->rank || seen >> from & 1u)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "entry %d of the permutation is %d, expected each of 0..%d once", i,
                            from, x->rank - 1);
        seen |= 1u << from;
        in->outputs[0].shape.dims[i] = x->dims[from];
    }
    in->outputs[0].quant = NULL;
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_transpose_attrs *attrs = p->attrs;
    int64_t dense[GRAFT_MAX_RANK];
    int64_t from[GRAFT_MAX_RANK];
    int64_t to[GRAFT_MAX_RANK];
    gft_nd_copy *copy;
    GFT_TRY(gft_grid_state(p, sizeof *copy, &copy, err));
    gft_shape_strides(&p->inputs[0].shape, dense);
    gft_shape_strides(&p->outputs[0].shape, to);
    for (int32_t i = 0; i < p->outputs[0].shape.rank; i++)
        from[i] = dense[attrs->perm[i]];
    gft_nd_copy_init(copy, &p->outputs[0].shape, from, 0, to, 0,
                     gft_dtype_cell_bytes(p->inputs[0].dtype));
    p->tasks[0] = gft_nd_copy_tasks(copy);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    gft_nd_copy_run(exec->state, exec->inputs[0], exec->outputs[0], exec->task);
}

const gft_op gft_op_transpose = {.name = "transpose",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .outputs = 1,
                                 .attrs_bytes = sizeof(gft_transpose_attrs),
                                 .infer = infer,
                                 .prepare = prepare,
                                 .run = run};

graft_status gft_grad_transpose(gft_grad *grad, graft_error *err) {
    const gft_transpose_attrs *attrs = gft_grad_attrs(grad);
    gft_transpose_attrs inverse = {{0}};
    const int32_t rank = gft_grad_shape(grad, gft_grad_input(grad, 0)).rank;
    for (int32_t i = 0; i < rank; i++)
        inverse.perm[attrs->perm[i]] = i;
    return gft_grad_node(grad, &gft_op_transpose, &inverse, &grad->output_grads[0], 1,
                         &grad->input_grads[0], err);
}
