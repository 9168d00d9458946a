/*
 * reduce_max_grad: x, y = reduce_max(x), dy -> dx. The gradient is shared equally among the
 * elements that equal the largest (TensorFlow's rule). One task per block of outputs; each looks at
 * the elements that were folded into them.
 */
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct max_grad_state {
    int32_t kept_rank, folded_rank;
    int64_t kept_dims[GRAFT_MAX_RANK], kept_strides[GRAFT_MAX_RANK];
    int64_t folded_dims[GRAFT_MAX_RANK], folded_strides[GRAFT_MAX_RANK];
    int64_t outputs, folded, per_task;
} max_grad_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_same_shape(in, 1, 2, NULL, err));
    in->outputs[0] = gft_desc_f32(in->inputs[0].shape);
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_reduce_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    int64_t strides[GRAFT_MAX_RANK];
    max_grad_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    gft_shape_strides(x, strides);
    s->outputs = s->folded = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        if (attrs->axes >> i & 1u) {
            s->folded_dims[s->folded_rank] = x->dims[i];
            s->folded_strides[s->folded_rank++] = strides[i];
            s->folded *= x->dims[i];
        } else {
            s->kept_dims[s->kept_rank] = x->dims[i];
            s->kept_strides[s->kept_rank++] = strides[i];
            s->outputs *= x->dims[i];
        }
    }
    s->per_task = gft_grid_rows(s->folded);
    p->tasks[0] = gft_grid_count(s->outputs, s->per_task);
    return GRAFT_OK;
}

static int64_t offset_of(int32_t rank, const int64_t *dims, const int64_t *strides, int64_t index) {
    int64_t offset = 0;
    for (int32_t i = rank - 1; i >= 0; i--) {
        offset += index % dims[i] * strides[i];
        index /= dims[i];
    }
    return offset;
}

static void run(const gft_exec *exec) {
    const max_grad_state *s = exec->state;
    const float *x = exec->inputs[0];
    const float *y = exec->inputs[1];
    const float *dy = exec->inputs[2];
    float *dx = exec->outputs[0];
    gft_range r = gft_grid_range(s->outputs, s->per_task, exec->task);
    for (int64_t o = r.begin; o < r.end; o++) {
        const int64_t base = offset_of(s->kept_rank, s->kept_dims, s->kept_strides, o);
        int64_t ties = 0;
        for (int64_t f = 0; f < s->folded; f++)
            ties +=
                x[base + offset_of(s->folded_rank, s->folded_dims, s->folded_strides, f)] == y[o];
        const float share = ties > 0 ? dy[o] / (float)ties : 0.0f;
        for (int64_t f = 0; f < s->folded; f++) {
            const int64_t at =
                base + offset_of(s->folded_rank, s->folded_dims, s->folded_strides, f);
            dx[at] = x[at] == y[o] ? share : 0.0f;
        }
    }
}

const gft_op gft_op_reduce_max_grad = {.name = "reduce_max_grad",
                                       .min_inputs = 3,
                                       .max_inputs = 3,
                                       .outputs = 1,
                                       .attrs_bytes = sizeof(gft_reduce_attrs),
                                       .infer = infer,
                                       .prepare = prepare,
                                       .run = run};
