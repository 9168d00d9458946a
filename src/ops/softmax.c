/*
 * softmax, log_softmax and softmax_grad along one axis. On the last axis a row is one kernel call;
 * on another, slabs of (axis, inner) are walked with vectors over the inner dimensions.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define INNER_BLOCK 512 /* inner elements that one task takes when the axis is not the last */

/* x seen as (outer, axis, inner). */
typedef struct axis_view {
    int64_t outer, axis, inner;
    int64_t inner_blocks; /* per outer index */
    int64_t per_task;     /* pieces: rows, or outer x inner_blocks */
} axis_view;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_axis_attrs *attrs = in->attrs;
    int32_t axis;
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    if (!gft_axis_normalise(attrs->axis, in->inputs[0].shape.rank, &axis)) {
        char text[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %d is not one of input %s", attrs->axis,
                        gft_shape_text(&in->inputs[0].shape, text));
    }
    return gft_infer_same_f32(in, err);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_axis_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    axis_view *v;
    int32_t axis = 0;
    GFT_TRY(gft_grid_state(p, sizeof *v, &v, err));
    (void)gft_axis_normalise(attrs->axis, x->rank, &axis); /* checked by infer */
    v->outer = v->inner = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        if (i < axis)
            v->outer *= x->dims[i];
        else if (i > axis)
            v->inner *= x->dims[i];
    }
    v->axis = x->dims[axis];
    v->inner_blocks = gft_grid_count(v->inner, INNER_BLOCK);
    v->per_task = gft_grid_rows(v->axis * gft_i64_min(v->inner, INNER_BLOCK));
    p->tasks[0] = gft_grid_count(v->outer * v->inner_blocks, v->per_task);
    /* one row of maxima, one of sums, one in between */
    p->worker_scratch_bytes = v->inner > 1 ? 3 * INNER_BLOCK * sizeof(float) : 0;
    return GRAFT_OK;
}

/* The slab's first element and width for a piece; false if it is empty. */
static bool piece_of(const axis_view *v, int64_t piece, int64_t *at, int64_t *n) {
    const gft_range inner = gft_grid_range(v->inner, INNER_BLOCK, piece % v->inner_blocks);
    *at = piece / v->inner_blocks * v->axis * v->inner + inner.begin;
    *n = inner.end - inner.begin;
    return *n > 0 && v->axis > 0;
}

/* Softmax down the axis of n neighbouring columns. */
static void softmax_slab(const axis_view *v, const float *x, float *y, int64_t n, bool log,
                         float *scratch) {
    const gft_kernel_table *k = gft_kernels();
    float *top = scratch;
    float *sum = scratch + INNER_BLOCK;
    float *e = scratch + 2 * INNER_BLOCK;
    memcpy(top, x, (size_t)n * sizeof *x);
    k->max_rows_f32(x + v->inner, v->axis - 1, v->inner, n, top);
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t a = 0; a < v->axis; a++) {
        k->sub_f32(x + a * v->inner, 1, top, 1, e, n);
        k->exp_f32(e, e, n, 0.0f);
        k->add_f32(sum, 1, e, 1, sum, n);
    }
    for (int64_t i = 0; log && i < n; i++)
        sum[i] = logf(sum[i]);
    for (int64_t a = 0; a < v->axis; a++) {
        float *to = y + a * v->inner;
        k->sub_f32(x + a * v->inner, 1, top, 1, to, n);
        if (log) {
            k->sub_f32(to, 1, sum, 1, to, n);
        } else {
            k->exp_f32(to, to, n, 0.0f);
            k->div_f32(to, 1, sum, 1, to, n);
        }
    }
}

static void run_forward(const gft_exec *exec, bool log) {
    const gft_kernel_table *k = gft_kernels();
    const axis_view *v = exec->state;
    const float *x = exec->inputs[0];
    float *y = exec->outputs[0];
    gft_range r = gft_grid_range(v->outer * v->inner_blocks, v->per_task, exec->task);
    for (int64_t piece = r.begin; piece < r.end; piece++) {
        int64_t at;
        int64_t n;
        if (!piece_of(v, piece, &at, &n))
            continue;
        if (v->inner > 1)
            softmax_slab(v, x + at, y + at, n, log, exec->worker_scratch);
        else if (log)
            k->log_softmax_f32(x + at, y + at, v->axis);
        else
            k->softmax_f32(x + at, y + at, v->axis);
    }
}

static void run_softmax(const gft_exec *exec) {
    run_forward(exec, false);
}

static void run_log_softmax(const gft_exec *exec) {
    run_forward(exec, true);
}

/* dx = y (dy - sum dy y) */
static void grad_row(const float *dy, const float *y, float *dx, int64_t n) {
    const gft_kernel_table *k = gft_kernels();
    const float dot = k->dot_f32(dy, y, n);
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] * (dy[i] - dot);
}

static void grad_slab(const axis_view *v, const float *dy, const float *y, float *dx, int64_t n,
                      float *scratch) {
    const gft_kernel_table *k = gft_kernels();
    float *dot = scratch;
    float *e = scratch + INNER_BLOCK;
    memset(dot, 0, (size_t)n * sizeof *dot);
    for (int64_t a = 0; a < v->axis * v->inner; a += v->inner) {
        k->mul_f32(dy + a, 1, y + a, 1, e, n);
        k->add_f32(dot, 1, e, 1, dot, n);
    }
    for (int64_t a = 0; a < v->axis * v->inner; a += v->inner) {
        k->sub_f32(dy + a, 1, dot, 1, e, n);
        k->mul_f32(e, 1, y + a, 1, dx + a, n);
    }
}

static void run_grad(const gft_exec *exec) {
    const axis_view *v = exec->state;
    const float *dy = exec->inputs[0];
    const float *y = exec->inputs[1];
    float *dx = exec->outputs[0];
    gft_range r = gft_grid_range(v->outer * v->inner_blocks, v->per_task, exec->task);
    for (int64_t piece = r.begin; piece < r.end; piece++) {
        int64_t at;
        int64_t n;
        if (!piece_of(v, piece, &at, &n))
            continue;
        if (v->inner > 1)
            grad_slab(v, dy + at, y + at, dx + at, n, exec->worker_scratch);
        else
            grad_row(dy + at, y + at, dx + at, v->axis);
    }
}

#define SOFTMAX_OP(op_name, op_kind, count, run_fn)                                                \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .kind = op_kind,                                              \
                                     .flags = GFT_OP_IN_PLACE,                                     \
                                     .min_inputs = count,                                          \
                                     .max_inputs = count,                                          \
                                     .outputs = 1,                                                 \
                                     .attrs_bytes = sizeof(gft_axis_attrs),                        \
                                     .infer = infer,                                               \
                                     .prepare = prepare,                                           \
                                     .run = run_fn};

SOFTMAX_OP(softmax, GFT_KIND_SOFTMAX, 1, run_softmax)
SOFTMAX_OP(log_softmax, GFT_KIND_OTHER, 1, run_log_softmax)
SOFTMAX_OP(softmax_grad, GFT_KIND_OTHER, 2, run_grad)

graft_status gft_grad_softmax(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_output(grad, 0)};
    return gft_grad_node(grad, &gft_op_softmax_grad, gft_grad_attrs(grad), inputs, 2,
                         &grad->input_grads[0], err);
}

/* dx = dy - e^y sum dy */
graft_status gft_grad_log_softmax(gft_grad *grad, graft_error *err) {
    const gft_axis_attrs *attrs = gft_grad_attrs(grad);
    const gft_value_id dy = grad->output_grads[0];
    int32_t axis = 0;
    (void)gft_axis_normalise(attrs->axis, gft_grad_shape(grad, dy).rank, &axis);
    const gft_reduce_attrs fold = {.axes = 1u << axis, .keep_dims = true};
    gft_value_id sum;
    gft_value_id p;
    gft_value_id product;
    GFT_TRY(gft_grad_node(grad, &gft_op_reduce_sum, &fold, &dy, 1, &sum, err));
    GFT_TRY(gft_grad_apply1(grad, &gft_op_exp, gft_grad_output(grad, 0), &p, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, p, sum, &product, err));
    return gft_grad_apply2(grad, &gft_op_sub, dy, product, &grad->input_grads[0], err);
}
