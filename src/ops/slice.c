/*
 * slice: a box of x given by begin and size (-1: to the end), any element type. Its gradient is a
 * pad, or where a size is not known yet, strided_slice_grad.
 */
#include <inttypes.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/nd_copy.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_slice_attrs *attrs = in->attrs;
    GFT_TRY(gft_infer_like(in, err));
    graft_shape *y = &in->outputs[0].shape;
    for (int32_t i = 0; i < y->rank; i++) {
        const int64_t dim = y->dims[i];
        const int64_t begin = attrs->begin[i];
        const int64_t size = attrs->size[i];
        if (begin < 0 || size < -1 || (dim >= 0 && (begin > dim || size > dim - begin)))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "slice of %" PRId64 " from %" PRId64
                            " goes beyond dimension %d of size %" PRId64,
                            size, begin, i, dim);
        y->dims[i] = size >= 0 ? size : dim < 0 ? -1 : dim - begin;
    }
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_slice_attrs *attrs = p->attrs;
    int64_t from[GRAFT_MAX_RANK];
    int64_t to[GRAFT_MAX_RANK];
    int64_t start = 0;
    gft_nd_copy *copy;
    GFT_TRY(gft_grid_state(p, sizeof *copy, &copy, err));
    gft_shape_strides(&p->inputs[0].shape, from);
    gft_shape_strides(&p->outputs[0].shape, to);
    for (int32_t i = 0; i < p->outputs[0].shape.rank; i++)
        start += attrs->begin[i] * from[i];
    gft_nd_copy_init(copy, &p->outputs[0].shape, from, start, to, 0,
                     gft_dtype_cell_bytes(p->inputs[0].dtype));
    p->tasks[0] = gft_nd_copy_tasks(copy);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    gft_nd_copy_run(exec->state, exec->inputs[0], exec->outputs[0], exec->task);
}

const gft_op gft_op_slice = {.name = "slice",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .outputs = 1,
                             .attrs_bytes = sizeof(gft_slice_attrs),
                             .infer = infer,
                             .prepare = prepare,
                             .run = run};

graft_status gft_grad_slice(gft_grad *grad, graft_error *err) {
    const gft_slice_attrs *attrs = gft_grad_attrs(grad);
    const gft_value_id x = gft_grad_input(grad, 0);
    gft_strided_slice_grad_attrs back = {.shape = gft_grad_shape(grad, x)};
    gft_pad_attrs pad = {.value = 0.0f};
    bool known = true;
    for (int32_t i = 0; i < back.shape.rank; i++) {
        const int64_t dim = back.shape.dims[i];
        const bool whole = attrs->begin[i] == 0 && attrs->size[i] < 0;
        known = known && (dim >= 0 || attrs->size[i] < 0);
        pad.before[i] = attrs->begin[i];
        pad.after[i] = whole || attrs->size[i] < 0 ? 0 : dim - attrs->begin[i] - attrs->size[i];
        back.slice.begin[i] = attrs->begin[i];
        back.slice.end[i] = attrs->size[i] < 0 ? INT64_MAX : attrs->begin[i] + attrs->size[i];
        back.slice.stride[i] = 1;
    }
    if (known)
        return gft_grad_node(grad, &gft_op_pad, &pad, &grad->output_grads[0], 1,
                             &grad->input_grads[0], err);
    const gft_value_id inputs[] = {grad->output_grads[0], x};
    return gft_grad_node(grad, &gft_op_strided_slice_grad, &back, inputs, 2, &grad->input_grads[0],
                         err);
}
