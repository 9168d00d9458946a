/*
 * tile: x repeated along each dimension, any element type. tile_grad: (dy, [x for its shape]) ->
 * the copies summed. Both walk rows of the last dimension.
 */
#include <inttypes.h>
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct tile_state {
    int32_t rank;                /* >= 1 */
    int64_t x[GRAFT_MAX_RANK];   /* dimensions of the small tensor */
    int64_t y[GRAFT_MAX_RANK];   /* of the large one */
    int64_t rows, rows_per_task; /* rows of what is made */
    int64_t copies;              /* of a row of x: product of all multiples but the last */
    size_t bytes;
} tile_state;

static graft_status tiled(const gft_infer *in, const gft_tile_attrs *attrs, graft_shape *shape,
                          graft_error *err) {
    for (int32_t i = 0; i < shape->rank; i++) {
        if (attrs->multiples[i] < 0 ||
            (shape->dims[i] >= 0 &&
             !gft_i64_mul(shape->dims[i], attrs->multiples[i], &shape->dims[i])))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "dimension %" PRId32 " of %s cannot be repeated %" PRId64 " times", i,
                            in->node, attrs->multiples[i]);
        if (attrs->multiples[i] == 0)
            shape->dims[i] = 0;
    }
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_infer_like(in, err));
    in->outputs[0].quant = NULL;
    return tiled(in, in->attrs, &in->outputs[0].shape, err);
}

static graft_status make_state(gft_prepare *p, const graft_tensor_desc *x,
                               const graft_tensor_desc *y, const graft_tensor_desc *made,
                               tile_state **out, graft_error *err) {
    tile_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->rank = x->shape.rank > 0 ? x->shape.rank : 1;
    s->x[0] = s->y[0] = 1;
    s->copies = 1;
    for (int32_t i = 0; i < x->shape.rank; i++) {
        s->x[i] = x->shape.dims[i];
        s->y[i] = y->shape.dims[i];
        if (i + 1 < s->rank && s->x[i] > 0)
            s->copies *= s->y[i] / s->x[i];
    }
    s->bytes = gft_dtype_cell_bytes(x->dtype);
    const gft_rows rows = gft_desc_rows(made);
    s->rows = made->shape.rank > 0 ? rows.rows : 1;
    s->rows_per_task = gft_grid_rows(s->y[s->rank - 1]);
    p->tasks[0] = gft_grid_count(s->rows, s->rows_per_task);
    *out = s;
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    tile_state *s;
    return make_state(p, &p->inputs[0], &p->outputs[0], &p->outputs[0], &s, err);
}

static void run(const gft_exec *exec) {
    const tile_state *s = exec->state;
    const gft_range r = gft_grid_range(s->rows, s->rows_per_task, exec->task);
    const int32_t last = s->rank - 1;
    const size_t from_bytes = (size_t)s->x[last] * s->bytes;
    const size_t to_bytes = (size_t)s->y[last] * s->bytes;
    for (int64_t row = r.begin; row < r.end && from_bytes > 0; row++) {
        int64_t at = 0;
        int64_t step = 1;
        int64_t rest = row;
        for (int32_t i = last - 1; i >= 0; i--) {
            at += rest % s->y[i] % s->x[i] * step;
            rest /= s->y[i];
            step *= s->x[i];
        }
        char *to = (char *)exec->outputs[0] + (size_t)row * to_bytes;
        for (size_t done = 0; done < to_bytes; done += from_bytes)
            memcpy(to + done, (const char *)exec->inputs[0] + (size_t)at * from_bytes, from_bytes);
    }
}

const gft_op gft_op_tile = {.name = "tile",
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .outputs = 1,
                            .attrs_bytes = sizeof(gft_tile_attrs),
                            .infer = infer,
                            .prepare = prepare,
                            .run = run};

static graft_status grad_infer(const gft_infer *in, graft_error *err) {
    const gft_tile_grad_attrs *attrs = in->attrs;
    graft_shape x = in->input_count > 1 ? in->inputs[1].shape : attrs->shape;
    const graft_shape *dy = &in->inputs[0].shape;
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_F32, err));
    for (int32_t i = 0; i < x.rank && i < dy->rank; i++) {
        if (x.dims[i] < 0 && attrs->tile.multiples[i] > 0 && dy->dims[i] >= 0)
            x.dims[i] = dy->dims[i] / attrs->tile.multiples[i];
    }
    graft_shape y = x;
    GFT_TRY(tiled(in, &attrs->tile, &y, err));
    GFT_TRY(gft_check_gradient(in, 0, &y, err));
    in->outputs[0] = gft_desc_f32(x);
    return GRAFT_OK;
}

static graft_status grad_prepare(gft_prepare *p, graft_error *err) {
    tile_state *s;
    return make_state(p, &p->outputs[0], &p->inputs[0], &p->outputs[0], &s, err);
}

/* Offset in dy (elements) of copy `copy` of row `row` of dx. */
static int64_t copy_at(const tile_state *s, int64_t row, int64_t copy) {
    int64_t at = 0;
    int64_t step = 1;
    for (int32_t i = s->rank - 2; i >= 0; i--) {
        const int64_t copies = s->y[i] / s->x[i];
        at += (row % s->x[i] + copy % copies * s->x[i]) * step;
        row /= s->x[i];
        copy /= copies;
        step *= s->y[i];
    }
    return at * s->y[s->rank - 1];
}

static void grad_run(const gft_exec *exec) {
    const tile_state *s = exec->state;
    const gft_range r = gft_grid_range(s->rows, s->rows_per_task, exec->task);
    const int64_t cols = s->x[s->rank - 1];
    const int64_t wide = s->y[s->rank - 1];
    for (int64_t row = r.begin; row < r.end; row++) {
        float *to = (float *)exec->outputs[0] + row * cols;
        memset(to, 0, (size_t)cols * sizeof *to);
        for (int64_t copy = 0; cols > 0 && wide > 0 && copy < s->copies; copy++) {
            const float *from = (const float *)exec->inputs[0] + copy_at(s, row, copy);
            for (int64_t at = 0; at < wide; at += cols) {
                for (int64_t i = 0; i < cols; i++)
                    to[i] += from[at + i];
            }
        }
    }
}

const gft_op gft_op_tile_grad = {.name = "tile_grad",
                                 .min_inputs = 1,
                                 .max_inputs = 2,
                                 .outputs = 1,
                                 .shape_inputs = 1u << 1,
                                 .attrs_bytes = sizeof(gft_tile_grad_attrs),
                                 .infer = grad_infer,
                                 .prepare = grad_prepare,
                                 .run = grad_run};

graft_status gft_grad_tile(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    const gft_tile_grad_attrs attrs = {.tile = *(const gft_tile_attrs *)gft_grad_attrs(grad),
                                       .shape = gft_grad_shape(grad, inputs[1])};
    return gft_grad_node(grad, &gft_op_tile_grad, &attrs, inputs,
                         gft_shape_known(&attrs.shape) ? 1 : 2, &grad->input_grads[0], err);
}
