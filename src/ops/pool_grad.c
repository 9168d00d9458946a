/*
 * max_pool_grad: x, y, dy -> dx; avg_pool_grad: dy [, x for its shape] -> dx. Written as a gather:
 * a task makes some rows of dx, so no two tasks add to one place and sums have one order.
 *
 * max_pool: a window's gradient goes to its first cell (rows, then columns) that equals the
 * largest, as TensorFlow's CPU op.
 */
#include <string.h>

#include "kernels/kernel_table.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/pool_window.h"

/* attrs.shape with the batch of dy, or the shape of input `like`. */
static graft_status grad_shape(const gft_infer *in, int32_t dy, int32_t like, graft_shape *out,
                               graft_error *err) {
    const gft_pool_grad_attrs *attrs = in->attrs;
    graft_shape x = like >= 0 ? in->inputs[like].shape : attrs->shape;
    graft_shape y;
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_rank(in, dy, 4, err));
    if (x.rank != 4)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "the pooled shape has %d dimensions, expected 4", x.rank);
    if (x.dims[0] < 0)
        x.dims[0] = in->inputs[dy].shape.dims[0];
    GFT_TRY(gft_pool_shape(&attrs->pool, &x, &y, err));
    GFT_TRY(gft_check_gradient(in, dy, &y, err));
    *out = x;
    return GRAFT_OK;
}

static graft_status max_infer(const gft_infer *in, graft_error *err) {
    graft_shape x = {0, {0}};
    GFT_TRY(grad_shape(in, 2, 0, &x, err));
    GFT_TRY(gft_check_same_shape(in, 1, 2, NULL, err));
    in->outputs[0] = gft_desc_f32(x);
    return GRAFT_OK;
}

static graft_status avg_infer(const gft_infer *in, graft_error *err) {
    graft_shape x = {0, {0}};
    GFT_TRY(grad_shape(in, 0, in->input_count > 1 ? 1 : -1, &x, err));
    in->outputs[0] = gft_desc_f32(x);
    return GRAFT_OK;
}

static graft_status prepare_for(gft_prepare *p, int32_t dy, graft_error *err) {
    const gft_pool_grad_attrs *attrs = p->attrs;
    gft_pool_window *w;
    GFT_TRY(gft_grid_state(p, sizeof *w, &w, err));
    gft_pool_window_init(w, &attrs->pool, &p->outputs[0].shape, &p->inputs[dy].shape);
    w->rows_per_task = gft_grid_rows(w->w * w->c);
    p->tasks[0] = gft_grid_count(w->n * w->h, w->rows_per_task);
    return GRAFT_OK;
}

static graft_status max_prepare(gft_prepare *p, graft_error *err) {
    return prepare_for(p, 2, err);
}

static graft_status avg_prepare(gft_prepare *p, graft_error *err) {
    return prepare_for(p, 0, err);
}

/* Whether cell (i, j) is the first of output (oy, ox)'s window to hold `top`, in channel c. */
static bool is_first(const gft_pool_window *w, const float *x, int64_t oy, int64_t ox, int64_t i,
                     int64_t j, int64_t c, float top) {
    const gft_range rows = gft_pool_cells(oy, w->stride_h, w->kernel_h, w->top, w->h);
    const gft_range cols = gft_pool_cells(ox, w->stride_w, w->kernel_w, w->left, w->w);
    for (int64_t a = rows.begin; a <= i; a++) {
        const int64_t end = a < i ? cols.end : j;
        for (int64_t b = cols.begin; b < end; b++) {
            if (x[(a * w->w + b) * w->c + c] == top)
                return false;
        }
    }
    return true;
}

static void run_max(const gft_exec *exec) {
    const gft_pool_window *w = exec->state;
    const gft_range r = gft_grid_range(w->n * w->h, w->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const int64_t i = row % w->h;
        const float *x = (const float *)exec->inputs[0] + row / w->h * w->h * w->w * w->c;
        const int64_t out_base = row / w->h * w->oh * w->ow * w->c;
        const float *y = (const float *)exec->inputs[1] + out_base;
        const float *dy = (const float *)exec->inputs[2] + out_base;
        float *dx = (float *)exec->outputs[0] + row * w->w * w->c;
        const gft_range oys = gft_pool_outputs(i, w->stride_h, w->kernel_h, w->top, w->oh);
        memset(dx, 0, (size_t)(w->w * w->c) * sizeof *dx);
        for (int64_t j = 0; j < w->w; j++, dx += w->c) {
            const float *cell = x + (i * w->w + j) * w->c;
            const gft_range oxs = gft_pool_outputs(j, w->stride_w, w->kernel_w, w->left, w->ow);
            for (int64_t oy = oys.begin; oy < oys.end; oy++) {
                for (int64_t ox = oxs.begin; ox < oxs.end; ox++) {
                    const int64_t at = (oy * w->ow + ox) * w->c;
                    for (int64_t c = 0; c < w->c; c++) {
                        if (cell[c] == y[at + c] && is_first(w, x, oy, ox, i, j, c, cell[c]))
                            dx[c] += dy[at + c];
                    }
                }
            }
        }
    }
}

static void run_avg(const gft_exec *exec) {
    const gft_pool_window *w = exec->state;
    const gft_range r = gft_grid_range(w->n * w->h, w->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *dy = (const float *)exec->inputs[0] + row / w->h * w->oh * w->ow * w->c;
        float *dx = (float *)exec->outputs[0] + row * w->w * w->c;
        const gft_range oys = gft_pool_outputs(row % w->h, w->stride_h, w->kernel_h, w->top, w->oh);
        memset(dx, 0, (size_t)(w->w * w->c) * sizeof *dx);
        for (int64_t j = 0; j < w->w; j++, dx += w->c) {
            const gft_range oxs = gft_pool_outputs(j, w->stride_w, w->kernel_w, w->left, w->ow);
            for (int64_t oy = oys.begin; oy < oys.end; oy++) {
                const gft_range rows = gft_pool_cells(oy, w->stride_h, w->kernel_h, w->top, w->h);
                for (int64_t ox = oxs.begin; ox < oxs.end; ox++) {
                    const gft_range cols =
                        gft_pool_cells(ox, w->stride_w, w->kernel_w, w->left, w->w);
                    const float share =
                        1.0f / (float)((rows.end - rows.begin) * (cols.end - cols.begin));
                    const float *from = dy + (oy * w->ow + ox) * w->c;
                    for (int64_t c = 0; c < w->c; c++)
                        dx[c] += from[c] * share;
                }
            }
        }
    }
}

const gft_op gft_op_max_pool_grad = {.name = "max_pool_grad",
                                     .min_inputs = 3,
                                     .max_inputs = 3,
                                     .outputs = 1,
                                     .attrs_bytes = sizeof(gft_pool_grad_attrs),
                                     .infer = max_infer,
                                     .prepare = max_prepare,
                                     .run = run_max};

const gft_op gft_op_avg_pool_grad = {.name = "avg_pool_grad",
                                     .min_inputs = 1,
                                     .max_inputs = 2,
                                     .outputs = 1,
                                     .attrs_bytes = sizeof(gft_pool_grad_attrs),
                                     .infer = avg_infer,
                                     .prepare = avg_prepare,
                                     .run = run_avg};
