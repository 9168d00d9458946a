/*
 * strided_slice (Python's x[begin:end:stride] per dimension, negative numbers from the end, out of
 * range clamped), any element type; dimensions in shrink_mask are indexed by begin and dropped.
 * strided_slice_grad puts dy back into zeros of attrs.shape (-1: dy's own dimension where nothing
 * was cut), or of the shape of an optional second input.
 */
#include <inttypes.h>
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/nd_copy.h"
#include "ops/ops.h"

/* First index, count and step along one dimension of size dim. */
typedef struct stretch {
    int64_t first, count, step;
} stretch;

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
    return gft_i64_max(low, gft_i64_min(v, high));
}

static stretch resolve(int64_t dim, int64_t begin, int64_t end, int64_t step) {
    const bool forward = step > 0;
    if (begin < 0 && begin != INT64_MIN)
        begin += dim;
    if (end < 0 && end != INT64_MIN)
        end += dim;
    begin = clamp(begin, forward ? 0 : -1, forward ? dim : dim - 1);
    end = clamp(end, forward ? 0 : -1, forward ? dim : dim - 1);
    const int64_t span = forward ? end - begin : begin - end;
    /* a step larger than the dimension takes one element; -INT64_MIN does not exist */
    const int64_t size = step == INT64_MIN ? INT64_MAX : forward ? step : -step;
    return (stretch){begin, span > 0 ? (span - 1) / size + 1 : 0, step};
}

static bool whole(const gft_strided_slice_attrs *a, int32_t i) {
    return a->begin[i] == 0 && a->end[i] == INT64_MAX && a->stride[i] == 1;
}

/* The sliced shape; dimensions that are not known stay so unless they are dropped. */
static graft_status sliced(const gft_strided_slice_attrs *a, const graft_shape *x, graft_shape *y,
                           graft_error *err) {
    *y = (graft_shape){0, {0}};
    for (int32_t i = 0; i < x->rank; i++) {
        const int64_t dim = x->dims[i];
        if (a->stride[i] == 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "stride of dimension %d is 0", i);
        if (a->shrink_mask >> i & 1u) {
            if (dim >= 0 && (a->begin[i] >= dim || a->begin[i] < -dim))
                return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                "index %" PRId64 " is outside dimension %d of size %" PRId64,
                                a->begin[i], i, dim);
            continue;
        }
        y->dims[y->rank++] =
            dim < 0 ? -1 : resolve(dim, a->begin[i], a->end[i], a->stride[i]).count;
    }
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_infer_like(in, err));
    return sliced(in->attrs, &in->inputs[0].shape, &in->outputs[0].shape, err);
}

/* Strides of the big tensor along the small one's dimensions, before dropping; the small one counts
 * 1 there. */
static int64_t walk(const gft_strided_slice_attrs *a, const graft_shape *big, graft_shape *counts,
                    int64_t big_step[GRAFT_MAX_RANK], int64_t small_step[GRAFT_MAX_RANK]) {
    int64_t dense[GRAFT_MAX_RANK];
    int64_t start = 0;
    gft_shape_strides(big, dense);
    counts->rank = big->rank;
    for (int32_t i = 0; i < big->rank; i++) {
        stretch s = resolve(big->dims[i], a->begin[i], a->end[i], a->stride[i]);
        if (a->shrink_mask >> i & 1u)
            s = (stretch){a->begin[i] < 0 ? a->begin[i] + big->dims[i] : a->begin[i], 1, 1};
        counts->dims[i] = s.count;
        start += s.count > 0 ? s.first * dense[i] : 0;
        big_step[i] = s.count > 1 ? s.step * dense[i] : dense[i];
    }
    gft_shape_strides(counts, small_step);
    return start;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    int64_t from[GRAFT_MAX_RANK];
    int64_t to[GRAFT_MAX_RANK];
    graft_shape counts;
    gft_nd_copy *copy;
    GFT_TRY(gft_grid_state(p, sizeof *copy, &copy, err));
    const int64_t start = walk(p->attrs, &p->inputs[0].shape, &counts, from, to);
    gft_nd_copy_init(copy, &counts, from, start, to, 0, gft_dtype_cell_bytes(p->inputs[0].dtype));
    p->tasks[0] = gft_nd_copy_tasks(copy);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    gft_nd_copy_run(exec->state, exec->inputs[0], exec->outputs[0], exec->task);
}

const gft_op gft_op_strided_slice = {.name = "strided_slice",
                                     .min_inputs = 1,
                                     .max_inputs = 1,
                                     .outputs = 1,
                                     .attrs_bytes = sizeof(gft_strided_slice_attrs),
                                     .infer = infer,
                                     .prepare = prepare,
                                     .run = run};

static graft_status grad_infer(const gft_infer *in, graft_error *err) {
    const gft_strided_slice_grad_attrs *attrs = in->attrs;
    const graft_shape *dy = &in->inputs[0].shape;
    graft_shape x = in->input_count > 1 ? in->inputs[1].shape : attrs->shape;
    graft_shape y;
    GFT_TRY(gft_check_f32(in, err));
    int32_t k = 0; /* dimension of dy */
    for (int32_t i = 0; i < x.rank; i++) {
        if (attrs->slice.shrink_mask >> i & 1u)
            continue;
        if (x.dims[i] < 0 && in->input_count == 1 && k < dy->rank && whole(&attrs->slice, i))
            x.dims[i] = dy->dims[k];
        k++;
    }
    GFT_TRY(sliced(&attrs->slice, &x, &y, err));
    GFT_TRY(gft_check_gradient(in, 0, &y, err));
    in->outputs[0] = gft_desc_f32(x);
    return GRAFT_OK;
}

static graft_status grad_prepare(gft_prepare *p, graft_error *err) {
    const gft_strided_slice_grad_attrs *attrs = p->attrs;
    int64_t from[GRAFT_MAX_RANK];
    int64_t to[GRAFT_MAX_RANK];
    graft_shape counts;
    gft_nd_copy *copy;
    GFT_TRY(gft_grid_state(p, sizeof *copy, &copy, err));
    const int64_t start = walk(&attrs->slice, &p->outputs[0].shape, &counts, to, from);
    gft_nd_copy_init(copy, &counts, from, 0, to, start, sizeof(float));
    p->phases = 2;
    p->tasks[0] = gft_grid_count(gft_desc_elems(&p->outputs[0]), GFT_BLOCK_ELEMS);
    p->tasks[1] = gft_nd_copy_tasks(copy);
    return GRAFT_OK;
}

static void grad_run(const gft_exec *exec) {
    if (exec->phase == 1) {
        gft_nd_copy_run(exec->state, exec->inputs[0], exec->outputs[0], exec->task);
        return;
    }
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    memset((float *)exec->outputs[0] + r.begin, 0, (size_t)(r.end - r.begin) * sizeof(float));
}

const gft_op gft_op_strided_slice_grad = {.name = "strided_slice_grad",
                                          .min_inputs = 1,
                                          .max_inputs = 2,
                                          .outputs = 1,
                                          .attrs_bytes = sizeof(gft_strided_slice_grad_attrs),
                                          .infer = grad_infer,
                                          .prepare = grad_prepare,
                                          .run = grad_run};

graft_status gft_grad_strided_slice(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    const gft_strided_slice_grad_attrs attrs = {
        .slice = *(const gft_strided_slice_attrs *)gft_grad_attrs(grad),
        .shape = gft_grad_shape(grad, inputs[1])};
    bool known = true;
    for (int32_t i = 0; i < attrs.shape.rank; i++)
        known = known && (attrs.shape.dims[i] >= 0 ||
                          (whole(&attrs.slice, i) && !(attrs.slice.shrink_mask >> i & 1u)));
    return gft_grad_node(grad, &gft_op_strided_slice_grad, &attrs, inputs, known ? 1 : 2,
                         &grad->input_grads[0], err);
}
