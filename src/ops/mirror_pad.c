/*
 * mirror_pad: padding with what lies on the other side of the edge, without it (REFLECT) or with it
 * (SYMMETRIC), any element type. mirror_pad_grad: (dy, [x for its shape]) -> dx, what was taken
 * several times summed; a task per index of the first dimension where that is not padded.
 */
#include <inttypes.h>
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct mirror_state {
    int32_t rank; /* >= 1 */
    int64_t x[GRAFT_MAX_RANK], y[GRAFT_MAX_RANK];
    const int64_t *source[GRAFT_MAX_RANK]; /* of each index of y, its index in x */
    int64_t rows, rows_per_task;
    size_t bytes;
} mirror_state;

static graft_status padded(const gft_mirror_pad_attrs *a, graft_shape *shape, graft_error *err) {
    for (int32_t i = 0; i < shape->rank; i++) {
        const int64_t most = shape->dims[i] - (a->symmetric ? 0 : 1);
        if (a->before[i] < 0 || a->after[i] < 0 ||
            (shape->dims[i] >= 0 && (a->before[i] > most || a->after[i] > most) &&
             a->before[i] + a->after[i] > 0))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "mirrors %" PRId64 " and %" PRId64 " of dimension %" PRId32
                            " of size %" PRId64,
                            a->before[i], a->after[i], i, shape->dims[i]);
        if (shape->dims[i] >= 0)
            shape->dims[i] += a->before[i] + a->after[i];
    }
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_infer_like(in, err));
    return padded(in->attrs, &in->outputs[0].shape, err);
}

static graft_status make_state(gft_prepare *p, const gft_mirror_pad_attrs *a,
                               const graft_tensor_desc *x, const graft_tensor_desc *y,
                               mirror_state **out, graft_error *err) {
    mirror_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->rank = x->shape.rank > 0 ? x->shape.rank : 1;
    s->bytes = gft_dtype_cell_bytes(x->dtype);
    s->rows = 1;
    for (int32_t d = 0; d < s->rank; d++) {
        const int64_t before = x->shape.rank > 0 ? a->before[d] : 0;
        s->x[d] = x->shape.rank > 0 ? x->shape.dims[d] : 1;
        s->y[d] = x->shape.rank > 0 ? y->shape.dims[d] : 1;
        s->rows *= d + 1 < s->rank ? s->y[d] : 1;
        int64_t *source = gft_arena_array(p->arena, (size_t)s->y[d] + 1, sizeof *source);
        if (!source)
            return gft_fail_memory(err, (size_t)s->y[d] * sizeof *source, p->node);
        const int64_t edge = a->symmetric ? 1 : 0;
        for (int64_t i = 0; i < s->y[d]; i++) {
            const int64_t at = i - before;
            source[i] = at < 0 ? -at - edge : at >= s->x[d] ? 2 * s->x[d] - 2 + edge - at : at;
        }
        s->source[d] = source;
    }
    *out = s;
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    mirror_state *s;
    GFT_TRY(make_state(p, p->attrs, &p->inputs[0], &p->outputs[0], &s, err));
    s->rows_per_task = gft_grid_rows(s->y[s->rank - 1]);
    p->tasks[0] = gft_grid_count(s->rows, s->rows_per_task);
    return GRAFT_OK;
}

/* Where the row of x that row `row` of y mirrors begins, in elements. */
static int64_t row_source(const mirror_state *s, int64_t row) {
    int64_t at = 0;
    int64_t step = s->x[s->rank - 1];
    for (int32_t d = s->rank - 2; d >= 0; d--) {
        at += s->source[d][row % s->y[d]] * step;
        row /= s->y[d];
        step *= s->x[d];
    }
    return at;
}

static void run(const gft_exec *exec) {
    const mirror_state *s = exec->state;
    const int64_t cols = s->y[s->rank - 1];
    const int64_t *source = s->source[s->rank - 1];
    const gft_range r = gft_grid_range(s->rows, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const char *from = (const char *)exec->inputs[0] + (size_t)row_source(s, row) * s->bytes;
        char *to = (char *)exec->outputs[0] + (size_t)(row * cols) * s->bytes;
        for (int64_t i = 0; i < cols; i++)
            memcpy(to + (size_t)i * s->bytes, from + (size_t)source[i] * s->bytes, s->bytes);
    }
}

const gft_op gft_op_mirror_pad = {.name = "mirror_pad",
                                  .min_inputs = 1,
                                  .max_inputs = 1,
                                  .outputs = 1,
                                  .attrs_bytes = sizeof(gft_mirror_pad_attrs),
                                  .infer = infer,
                                  .prepare = prepare,
                                  .run = run};

static graft_status grad_infer(const gft_infer *in, graft_error *err) {
    const gft_mirror_pad_grad_attrs *attrs = in->attrs;
    graft_shape x = in->input_count > 1 ? in->inputs[1].shape : attrs->shape;
    const graft_shape *dy = &in->inputs[0].shape;
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_F32, err));
    for (int32_t i = 0; i < x.rank && i < dy->rank; i++) {
        if (x.dims[i] < 0 && dy->dims[i] >= 0)
            x.dims[i] = gft_i64_max(0, dy->dims[i] - attrs->pad.before[i] - attrs->pad.after[i]);
    }
    graft_shape y = x;
    GFT_TRY(padded(&attrs->pad, &y, err));
    GFT_TRY(gft_check_gradient(in, 0, &y, err));
    in->outputs[0] = gft_desc_f32(x);
    return GRAFT_OK;
}

static graft_status grad_prepare(gft_prepare *p, graft_error *err) {
    const gft_mirror_pad_grad_attrs *attrs = p->attrs;
    mirror_state *s;
    GFT_TRY(make_state(p, &attrs->pad, &p->outputs[0], &p->inputs[0], &s, err));
    const bool alone = s->rank > 1 && s->y[0] == s->x[0];
    p->tasks[0] = alone ? gft_i64_max(1, s->x[0]) : 1;
    s->rows_per_task = alone && s->y[0] > 0 ? s->rows / s->y[0] : s->rows;
    return GRAFT_OK;
}

static void grad_run(const gft_exec *exec) {
    const mirror_state *s = exec->state;
    const int64_t cols = s->y[s->rank - 1];
    const int64_t *source = s->source[s->rank - 1];
    const gft_range r = gft_grid_range(s->rows, s->rows_per_task, exec->task);
    float *dx = exec->outputs[0];
    const int64_t elems = gft_desc_elems(&exec->outputs_desc[0]);
    const gft_range mine = s->rows_per_task == s->rows
                               ? (gft_range){0, elems}
                               : gft_grid_range(elems, elems / s->x[0], exec->task);
    if (elems == 0)
        return;
    memset(dx + mine.begin, 0, (size_t)(mine.end - mine.begin) * sizeof *dx);
    for (int64_t row = r.begin; row < r.end; row++) {
        float *to = dx + row_source(s, row);
        const float *from = (const float *)exec->inputs[0] + row * cols;
        for (int64_t i = 0; i < cols; i++)
            to[source[i]] += from[i];
    }
}

const gft_op gft_op_mirror_pad_grad = {.name = "mirror_pad_grad",
                                       .min_inputs = 1,
                                       .max_inputs = 2,
                                       .outputs = 1,
                                       .shape_inputs = 1u << 1,
                                       .attrs_bytes = sizeof(gft_mirror_pad_grad_attrs),
                                       .infer = grad_infer,
                                       .prepare = grad_prepare,
                                       .run = grad_run};

graft_status gft_grad_mirror_pad(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    const gft_mirror_pad_grad_attrs attrs = {
        .pad = *(const gft_mirror_pad_attrs *)gft_grad_attrs(grad),
        .shape = gft_grad_shape(grad, inputs[1])};
    return gft_grad_node(grad, &gft_op_mirror_pad_grad, &attrs, inputs,
                         gft_shape_known(&attrs.shape) ? 1 : 2, &grad->input_grads[0], err);
}
