/*
 * gather: x, indices (int32 or int64) -> x's slices along one axis; the axis is replaced by the
 * shape of indices. Any element type. Indices count from 0; constants are checked when the graph is
 * built, and an index outside the axis at run time gives zeros (what TensorFlow's GPU op does),
 * since a run cannot fail.
 *
 * gather_grad: x (for its shape), indices, dy -> dx: zeros with dy's slices added, in the order of
 * indices. A task owns a stretch of dx that it alone adds to.
 */
#include <inttypes.h>
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define INNER_BLOCK 1024 /* elements of a slice that one task of gather_grad owns */

/* x is (outer, axis, inner), y is (outer, count, inner). */
typedef struct gather_state {
    int64_t outer, axis, inner, count;
    int64_t rows_per_task;
    int64_t inner_blocks;
    size_t bytes; /* of `inner` elements */
} gather_state;

static int64_t index_at(const void *indices, graft_dtype dtype, int64_t i) {
    return dtype == GRAFT_S32 ? ((const int32_t *)indices)[i] : ((const int64_t *)indices)[i];
}

static graft_status check_constants(const gft_infer *in, int64_t axis_size, graft_error *err) {
    const void *indices = in->constants ? in->constants[1] : NULL;
    const int64_t count = gft_desc_elems(&in->inputs[1]);
    for (int64_t i = 0; indices && axis_size >= 0 && i < count; i++) {
        const int64_t index = index_at(indices, in->inputs[1].dtype, i);
        if (index < 0 || index >= axis_size)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "index %" PRId64 " is outside the axis of size %" PRId64, index,
                            axis_size);
    }
    return GRAFT_OK;
}

static graft_status gathered(const gft_infer *in, graft_shape *out, graft_error *err) {
    const gft_axis_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    const graft_shape *indices = &in->inputs[1].shape;
    int32_t axis;
    if (in->inputs[1].dtype != GRAFT_S32 && in->inputs[1].dtype != GRAFT_S64)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "indices are %s, expected int32 or int64",
                        graft_dtype_name(in->inputs[1].dtype));
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    if (!gft_axis_normalise(attrs->axis, x->rank, &axis) ||
        x->rank - 1 + indices->rank > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "cannot gather along axis %d of %d dimensions with indices of %d",
                        attrs->axis, x->rank, indices->rank);
    GFT_TRY(check_constants(in, x->dims[axis], err));
    *out = (graft_shape){0, {0}};
    for (int32_t i = 0; i < axis; i++)
        out->dims[out->rank++] = x->dims[i];
    for (int32_t i = 0; i < indices->rank; i++)
        out->dims[out->rank++] = indices->dims[i];
    for (int32_t i = axis + 1; i < x->rank; i++)
        out->dims[out->rank++] = x->dims[i];
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_infer_like(in, err));
    GFT_TRY(gathered(in, &in->outputs[0].shape, err));
    in->outputs[0].quant = NULL;
    return GRAFT_OK;
}

static graft_status make_state(gft_prepare *p, gather_state **out, graft_error *err) {
    const gft_axis_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    gather_state *s;
    int32_t axis = 0;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    (void)gft_axis_normalise(attrs->axis, x->rank, &axis);
    s->outer = s->inner = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        if (i < axis)
            s->outer *= x->dims[i];
        else if (i > axis)
            s->inner *= x->dims[i];
    }
    s->axis = x->dims[axis];
    s->count = gft_desc_elems(&p->inputs[1]);
    s->bytes = (size_t)s->inner * gft_dtype_cell_bytes(p->inputs[0].dtype);
    *out = s;
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    gather_state *s;
    GFT_TRY(make_state(p, &s, err));
    s->rows_per_task = gft_grid_rows(s->inner);
    p->tasks[0] = gft_grid_count(s->outer * s->count, s->rows_per_task);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const gather_state *s = exec->state;
    const char *x = exec->inputs[0];
    char *y = exec->outputs[0];
    const gft_range r = gft_grid_range(s->outer * s->count, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end && s->bytes > 0; row++) {
        const int64_t index = index_at(exec->inputs[1], exec->inputs_desc[1].dtype, row % s->count);
        char *to = y + (size_t)row * s->bytes;
        if (index < 0 || index >= s->axis)
            memset(to, 0, s->bytes);
        else
            memcpy(to, x + (size_t)(row / s->count * s->axis + index) * s->bytes, s->bytes);
    }
}

const gft_op gft_op_gather = {.name = "gather",
                              .min_inputs = 2,
                              .max_inputs = 2,
                              .outputs = 1,
                              .attrs_bytes = sizeof(gft_axis_attrs),
                              .infer = infer,
                              .prepare = prepare,
                              .run = run};

static graft_status grad_infer(const gft_infer *in, graft_error *err) {
    graft_shape y;
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_F32, err));
    GFT_TRY(gft_check_dtype(in, 2, GRAFT_F32, err));
    GFT_TRY(gathered(in, &y, err));
    GFT_TRY(gft_check_gradient(in, 2, &y, err));
    in->outputs[0] = gft_desc_f32(in->inputs[0].shape);
    return GRAFT_OK;
}

static graft_status grad_prepare(gft_prepare *p, graft_error *err) {
    gather_state *s;
    GFT_TRY(make_state(p, &s, err));
    s->inner_blocks = gft_grid_count(s->inner, INNER_BLOCK);
    p->tasks[0] = s->outer > 0 ? s->outer * s->inner_blocks : 1;
    return GRAFT_OK;
}

static void grad_run(const gft_exec *exec) {
    const gather_state *s = exec->state;
    const int64_t outer = exec->task / s->inner_blocks;
    const gft_range r = gft_grid_range(s->inner, INNER_BLOCK, exec->task % s->inner_blocks);
    if (outer >= s->outer)
        return;
    float *dx = (float *)exec->outputs[0] + outer * s->axis * s->inner;
    const float *dy = (const float *)exec->inputs[2] + outer * s->count * s->inner;
    for (int64_t a = 0; a < s->axis; a++)
        memset(dx + a * s->inner + r.begin, 0, (size_t)(r.end - r.begin) * sizeof *dx);
    for (int64_t k = 0; k < s->count; k++) {
        const int64_t index = index_at(exec->inputs[1], exec->inputs_desc[1].dtype, k);
        if (index < 0 || index >= s->axis)
            continue;
        for (int64_t i = r.begin; i < r.end; i++)
            dx[index * s->inner + i] += dy[k * s->inner + i];
    }
}

const gft_op gft_op_gather_grad = {.name = "gather_grad",
                                   .min_inputs = 3,
                                   .max_inputs = 3,
                                   .outputs = 1,
                                   .attrs_bytes = sizeof(gft_axis_attrs),
                                   .infer = grad_infer,
                                   .prepare = grad_prepare,
                                   .run = grad_run};

graft_status gft_grad_gather(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {gft_grad_input(grad, 0), gft_grad_input(grad, 1),
                                   grad->output_grads[0]};
    if (!grad->wanted[0])
        return GRAFT_OK;
    return gft_grad_node(grad, &gft_op_gather_grad, gft_grad_attrs(grad), inputs, 3,
                         &grad->input_grads[0], err);
}
