/*
 * concat of any number of tensors along one axis, any element type. Seen as (outer, axis * inner)
 * each: an output row is the inputs' rows behind one another.
 */
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static graft_status disagree(const gft_infer *in, int32_t i, graft_error *err) {
    const gft_axis_attrs *attrs = in->attrs;
    char text_a[GFT_DESC_TEXT_BYTES];
    char text_b[GFT_DESC_TEXT_BYTES];
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "inputs 0 and %d are %s and %s, expected to agree except along axis %d", i,
                    gft_desc_text(&in->inputs[0], text_a), gft_desc_text(&in->inputs[i], text_b),
                    attrs->axis);
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_axis_attrs *attrs = in->attrs;
    graft_shape shape = in->inputs[0].shape;
    int32_t axis;
    GFT_TRY(gft_infer_like(in, err));
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    if (!gft_axis_normalise(attrs->axis, shape.rank, &axis))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %d is out of range for %d dimensions",
                        attrs->axis, shape.rank);
    for (int32_t i = 1; i < in->input_count; i++) {
        const graft_shape *other = &in->inputs[i].shape;
        if (in->inputs[i].dtype != in->inputs[0].dtype || other->rank != shape.rank)
            return disagree(in, i, err);
        for (int32_t d = 0; d < shape.rank; d++) {
            if (d == axis) {
                bool known = shape.dims[d] >= 0 && other->dims[d] >= 0;
                if (known && __builtin_add_overflow(shape.dims[d], other->dims[d], &shape.dims[d]))
                    return disagree(in, i, err);
                if (!known)
                    shape.dims[d] = -1;
            } else if (shape.dims[d] < 0) {
                shape.dims[d] = other->dims[d];
            } else if (other->dims[d] >= 0 && other->dims[d] != shape.dims[d]) {
                return disagree(in, i, err);
            }
        }
    }
    in->outputs[0].shape = shape;
    return GRAFT_OK;
}

typedef struct concat_state {
    int64_t outer, rows_per_task;
    size_t row_bytes;       /* of the output */
    const size_t *in_bytes; /* row bytes of each input */
} concat_state;

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_axis_attrs *attrs = p->attrs;
    const graft_shape *y = &p->outputs[0].shape;
    concat_state *s;
    int32_t axis = 0;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    (void)gft_axis_normalise(attrs->axis, y->rank, &axis);
    size_t *in_bytes = gft_arena_array(p->arena, (size_t)p->input_count, sizeof *in_bytes);
    if (!in_bytes)
        return gft_fail_memory(err, (unsigned long long)p->input_count * sizeof *in_bytes, p->node);
    s->outer = 1;
    for (int32_t d = 0; d < axis; d++)
        s->outer *= y->dims[d];
    for (int32_t i = 0; i < p->input_count; i++) {
        in_bytes[i] = gft_dtype_cell_bytes(p->inputs[i].dtype);
        for (int32_t d = axis; d < y->rank; d++)
            in_bytes[i] *= (size_t)p->inputs[i].shape.dims[d];
        s->row_bytes += in_bytes[i];
    }
    s->in_bytes = in_bytes;
    s->rows_per_task = gft_grid_rows((int64_t)(s->row_bytes / 4));
    p->tasks[0] = gft_grid_count(s->outer, s->rows_per_task);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const concat_state *s = exec->state;
    const gft_range r = gft_grid_range(s->outer, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        char *to = (char *)exec->outputs[0] + (size_t)row * s->row_bytes;
        for (int32_t i = 0; i < exec->input_count; i++) {
            const size_t bytes = s->in_bytes[i];
            if (bytes > 0)
                memcpy(to, (const char *)exec->inputs[i] + (size_t)row * bytes, bytes);
            to += bytes;
        }
    }
}

const gft_op gft_op_concat = {.name = "concat",
                              .min_inputs = 1,
                              .max_inputs = -1,
                              .outputs = 1,
                              .attrs_bytes = sizeof(gft_axis_attrs),
                              .infer = infer,
                              .prepare = prepare,
                              .run = run};

/* Each input gets its stretch of dy. */
graft_status gft_grad_concat(gft_grad *grad, graft_error *err) {
    const gft_axis_attrs *attrs = gft_grad_attrs(grad);
    const int32_t count = gft_graph_node(grad->graph, grad->node)->input_count;
    const gft_value_id dy = grad->output_grads[0];
    int64_t at = 0;
    for (int32_t i = 0; i < count; i++) {
        const graft_shape x = gft_grad_shape(grad, gft_grad_input(grad, i));
        int32_t axis = 0;
        (void)gft_axis_normalise(attrs->axis, x.rank, &axis);
        if (at < 0 || (x.dims[axis] < 0 && i + 1 < count))
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "gradient along an axis whose size is not known yet");
        gft_slice_attrs slice = {{0}, {0}};
        for (int32_t d = 0; d < x.rank; d++)
            slice.size[d] = d == axis ? x.dims[d] : -1;
        slice.begin[axis] = at;
        if (grad->wanted[i])
            GFT_TRY(gft_grad_node(grad, &gft_op_slice, &slice, &dy, 1, &grad->input_grads[i], err));
        at += x.dims[axis];
    }
    return GRAFT_OK;
}
