/*
 * max_pool and avg_pool of x (N,H,W,C). Padding never counts: max_pool sees -inf there, avg_pool
 * divides by the real cells. A task makes some output rows; a cell is a run of channels, so a
 * window is one kernel call over pointers to its cells.
 */
#include <math.h>

#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/pool_window.h"
#include "ops/qpool.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_pool_attrs *attrs = in->attrs;
    graft_shape y;
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    GFT_TRY(gft_pool_shape(attrs, &in->inputs[0].shape, &y, err));
    if (attrs->kernel_h > GFT_POOL_MAX_CELLS ||
        attrs->kernel_w > GFT_POOL_MAX_CELLS / attrs->kernel_h)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "window of more than %d cells",
                        GFT_POOL_MAX_CELLS);
    in->outputs[0] = gft_desc_f32(y);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    const gft_pool_attrs *attrs = in->attrs;
    out->macs = gft_i64_max(0, gft_desc_elems(&in->outputs[0])) * attrs->kernel_h * attrs->kernel_w;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_pool_attrs *attrs = p->attrs;
    gft_pool_window *w;
    GFT_TRY(gft_grid_state(p, sizeof *w, &w, err));
    gft_pool_window_init(w, attrs, &p->inputs[0].shape, &p->outputs[0].shape);
    w->rows_per_task = gft_grid_rows(w->ow * w->c);
    p->tasks[0] = gft_grid_count(w->n * w->oh, w->rows_per_task);
    p->worker_scratch_bytes = (size_t)(w->kernel_h * w->kernel_w) * sizeof(const float *);
    return GRAFT_OK;
}

static void pool_row(const gft_pool_window *w, const float *x, float *y, int64_t oy, bool max,
                     const float **cells) {
    const gft_kernel_table *k = gft_kernels();
    const gft_range rows = gft_pool_cells(oy, w->stride_h, w->kernel_h, w->top, w->h);
    for (int64_t ox = 0; ox < w->ow; ox++, y += w->c) {
        const gft_range cols = gft_pool_cells(ox, w->stride_w, w->kernel_w, w->left, w->w);
        int64_t count = 0;
        for (int64_t i = rows.begin; i < rows.end; i++) {
            for (int64_t j = cols.begin; j < cols.end; j++)
                cells[count++] = x + (i * w->w + j) * w->c;
        }
        if (count ==
            0) { /* no window of this op is without a real cell unless the picture is empty */
            for (int64_t c = 0; c < w->c; c++)
                y[c] = max ? -INFINITY : NAN;
        } else if (max) {
            k->pool_max_f32(cells, count, w->c, 1.0f, y);
        } else {
            k->pool_sum_f32(cells, count, w->c, 1.0f / (float)count, y);
        }
    }
}

static void run(const gft_exec *exec, bool max) {
    const gft_pool_window *w = exec->state;
    const float *x = exec->inputs[0];
    float *y = exec->outputs[0];
    const gft_range r = gft_grid_range(w->n * w->oh, w->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++)
        pool_row(w, x + row / w->oh * w->h * w->w * w->c, y + row * w->ow * w->c, row % w->oh, max,
                 exec->worker_scratch);
}

static void run_max(const gft_exec *exec) {
    run(exec, true);
}

static void run_avg(const gft_exec *exec) {
    run(exec, false);
}

#define POOL_OP(op_name, run_fn)                                                                   \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .kind = GFT_KIND_POOL,                                        \
                                     .min_inputs = 1,                                              \
                                     .max_inputs = 1,                                              \
                                     .outputs = 1,                                                 \
                                     .attrs_bytes = sizeof(gft_pool_attrs),                        \
                                     .infer = infer,                                               \
                                     .cost = cost,                                                 \
                                     .prepare = prepare,                                           \
                                     .run = run_fn};

POOL_OP(max_pool, run_max)
POOL_OP(avg_pool, run_avg)

graft_status gft_grad_max_pool(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {gft_grad_input(grad, 0), gft_grad_output(grad, 0),
                                   grad->output_grads[0]};
    const gft_pool_grad_attrs attrs = {.pool = *(const gft_pool_attrs *)gft_grad_attrs(grad),
                                       .shape = gft_grad_shape(grad, inputs[0])};
    return gft_grad_node(grad, &gft_op_max_pool_grad, &attrs, inputs, 3, &grad->input_grads[0],
                         err);
}

/* x itself is an input only where its size is not known from the attributes. */
graft_status gft_grad_avg_pool(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    const gft_pool_grad_attrs attrs = {.pool = *(const gft_pool_attrs *)gft_grad_attrs(grad),
                                       .shape = gft_grad_shape(grad, inputs[1])};
    const bool known =
        attrs.shape.dims[1] >= 0 && attrs.shape.dims[2] >= 0 && attrs.shape.dims[3] >= 0;
    return gft_grad_node(grad, &gft_op_avg_pool_grad, &attrs, inputs, known ? 1 : 2,
                         &grad->input_grads[0], err);
}
