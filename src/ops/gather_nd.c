/*
 * gather_nd: x (B...,D1..Dk,S...), indices (B...,I...,k) -> (B...,I...,S...), any element type. An
 * index outside gives zeros, as in gather. gather_nd_grad: (x for its shape, indices, dy) -> dx,
 * added in the order of the indices; a task per batch.
 */
#include <inttypes.h>
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct nd_state {
    int64_t batches, rows, depth;  /* batches of `rows` index vectors of `depth` numbers */
    int64_t dims[GRAFT_MAX_RANK];  /* indexed dimensions of x */
    int64_t steps[GRAFT_MAX_RANK]; /* in slices */
    int64_t slices;                /* of x in a batch */
    int64_t inner;                 /* elements of a slice */
    int64_t rows_per_task;
    size_t bytes; /* of a slice */
} nd_state;

static graft_status gathered(const gft_infer *in, graft_shape *out, graft_error *err) {
    const gft_gather_nd_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    const graft_shape *indices = &in->inputs[1].shape;
    const int32_t b = attrs->batch_dims;
    if (in->inputs[1].dtype != GRAFT_S32 && in->inputs[1].dtype != GRAFT_S64)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "indices are %s, expected int32 or int64",
                        graft_dtype_name(in->inputs[1].dtype));
    const int64_t depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : -1;
    if (b < 0 || b >= indices->rank || depth < 0 || depth > x->rank - b ||
        indices->rank - 1 + x->rank - b - (int32_t)depth > GRAFT_MAX_RANK) {
        char text_x[GFT_DESC_TEXT_BYTES];
        char text_i[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "indices of shape %s with %" PRId32 " batch dimensions into %s",
                        gft_shape_text(indices, text_i), b, gft_shape_text(x, text_x));
    }
    *out = (graft_shape){.rank = 0};
    for (int32_t i = 0; i + 1 < indices->rank; i++) {
        int64_t dim = indices->dims[i];
        if (i < b && dim < 0)
            dim = x->dims[i];
        if (i < b && x->dims[i] >= 0 && dim != x->dims[i])
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "batch dimension %" PRId32 " is %" PRId64 " and %" PRId64, i,
                            x->dims[i], dim);
        out->dims[out->rank++] = dim;
    }
    for (int32_t i = b + (int32_t)depth; i < x->rank; i++)
        out->dims[out->rank++] = x->dims[i];
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_infer_like(in, err));
    in->outputs[0].quant = NULL;
    return gathered(in, &in->outputs[0].shape, err);
}

static graft_status make_state(gft_prepare *p, nd_state **out, graft_error *err) {
    const int32_t b = ((const gft_gather_nd_attrs *)p->attrs)->batch_dims;
    const graft_shape *x = &p->inputs[0].shape;
    const graft_shape *indices = &p->inputs[1].shape;
    nd_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->depth = indices->dims[indices->rank - 1];
    s->batches = s->rows = s->slices = s->inner = 1;
    for (int32_t i = 0; i + 1 < indices->rank; i++)
        *(i < b ? &s->batches : &s->rows) *= indices->dims[i];
    for (int32_t i = b + (int32_t)s->depth; i < x->rank; i++)
        s->inner *= x->dims[i];
    for (int64_t i = s->depth - 1; i >= 0; i--) {
        s->dims[i] = x->dims[b + i];
        s->steps[i] = s->slices;
        s->slices *= s->dims[i];
    }
    s->bytes = (size_t)s->inner * gft_dtype_cell_bytes(p->inputs[0].dtype);
    *out = s;
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    nd_state *s;
    GFT_TRY(make_state(p, &s, err));
    s->rows_per_task = gft_grid_rows(s->inner);
    p->tasks[0] = gft_grid_count(s->batches * s->rows, s->rows_per_task);
    return GRAFT_OK;
}

/* The slice that index vector `row` names, -1 if there is none. */
static int64_t slice_of(const nd_state *s, const void *indices, graft_dtype dtype, int64_t row) {
    int64_t at = 0;
    for (int64_t i = 0; i < s->depth; i++) {
        const int64_t k = row * s->depth + i;
        const int64_t index =
            dtype == GRAFT_S32 ? ((const int32_t *)indices)[k] : ((const int64_t *)indices)[k];
        if (index < 0 || index >= s->dims[i])
            return -1;
        at += index * s->steps[i];
    }
    return at;
}

static void run(const gft_exec *exec) {
    const nd_state *s = exec->state;
    const gft_range r = gft_grid_range(s->batches * s->rows, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end && s->bytes > 0; row++) {
        const int64_t at = slice_of(s, exec->inputs[1], exec->inputs_desc[1].dtype, row);
        char *to = (char *)exec->outputs[0] + (size_t)row * s->bytes;
        if (at < 0)
            memset(to, 0, s->bytes);
        else
            memcpy(to,
                   (const char *)exec->inputs[0] +
                       (size_t)(row / s->rows * s->slices + at) * s->bytes,
                   s->bytes);
    }
}

const gft_op gft_op_gather_nd = {.name = "gather_nd",
                                 .min_inputs = 2,
                                 .max_inputs = 2,
                                 .outputs = 1,
                                 .attrs_bytes = sizeof(gft_gather_nd_attrs),
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
    nd_state *s;
    GFT_TRY(make_state(p, &s, err));
    p->tasks[0] = gft_i64_max(1, s->batches);
    return GRAFT_OK;
}

static void grad_run(const gft_exec *exec) {
    const nd_state *s = exec->state;
    if (exec->task >= s->batches)
        return;
    float *dx = (float *)exec->outputs[0] + exec->task * s->slices * s->inner;
    memset(dx, 0, (size_t)(s->slices * s->inner) * sizeof *dx);
    for (int64_t row = exec->task * s->rows; row < (exec->task + 1) * s->rows; row++) {
        const int64_t at = slice_of(s, exec->inputs[1], exec->inputs_desc[1].dtype, row);
        const float *dy = (const float *)exec->inputs[2] + row * s->inner;
        for (int64_t i = 0; at >= 0 && i < s->inner; i++)
            dx[at * s->inner + i] += dy[i];
    }
}

const gft_op gft_op_gather_nd_grad = {.name = "gather_nd_grad",
                                      .min_inputs = 3,
                                      .max_inputs = 3,
                                      .outputs = 1,
                                      .shape_inputs = 1u << 0,
                                      .attrs_bytes = sizeof(gft_gather_nd_attrs),
                                      .infer = grad_infer,
                                      .prepare = grad_prepare,
                                      .run = grad_run};

graft_status gft_grad_gather_nd(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {gft_grad_input(grad, 0), gft_grad_input(grad, 1),
                                   grad->output_grads[0]};
    if (!grad->wanted[0])
        return GRAFT_OK;
    return gft_grad_node(grad, &gft_op_gather_nd_grad, gft_grad_attrs(grad), inputs, 3,
                         &grad->input_grads[0], err);
}
