/*
 * select: (bool, a, b) -> a where true, b elsewhere; all three broadcast, a and b of any one type.
 * TensorFlow's SelectV2.
 */
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct select_state {
    int32_t rank; /* >= 1 */
    int64_t dims[GRAFT_MAX_RANK];
    int64_t steps[3][GRAFT_MAX_RANK]; /* of condition, a, b; 0 where repeated */
    int64_t rows, rows_per_task;
    size_t bytes;
} select_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    graft_shape shape;
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_BOOL, err));
    GFT_TRY(gft_check_dtype(in, 2, in->inputs[1].dtype, err));
    if (graft_dtype_bytes(in->inputs[1].dtype) == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input 1 is %s, expected numbers",
                        graft_dtype_name(in->inputs[1].dtype));
    if (!gft_shape_broadcast(&in->inputs[0].shape, &in->inputs[1].shape, &shape) ||
        !gft_shape_broadcast(&shape, &in->inputs[2].shape, &shape)) {
        char text[3][GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "shapes %s, %s and %s do not broadcast",
                        gft_shape_text(&in->inputs[0].shape, text[0]),
                        gft_shape_text(&in->inputs[1].shape, text[1]),
                        gft_shape_text(&in->inputs[2].shape, text[2]));
    }
    in->outputs[0] = (graft_tensor_desc){in->inputs[1].dtype, shape, NULL};
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const graft_shape *y = &p->outputs[0].shape;
    select_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->bytes = graft_dtype_bytes(p->outputs[0].dtype);
    s->rank = y->rank > 0 ? y->rank : 1;
    s->dims[0] = 1;
    if (y->rank > 0)
        memcpy(s->dims, y->dims, (size_t)y->rank * sizeof *s->dims);
    for (int32_t k = 0; k < 3; k++) {
        const graft_shape *x = &p->inputs[k].shape;
        int64_t dense[GRAFT_MAX_RANK];
        gft_shape_strides(x, dense);
        for (int32_t i = 0; i < x->rank; i++)
            s->steps[k][i + y->rank - x->rank] = x->dims[i] == 1 ? 0 : dense[i];
    }
    s->rows = 1;
    for (int32_t i = 0; i + 1 < s->rank; i++)
        s->rows *= s->dims[i];
    s->rows_per_task = gft_grid_rows(s->dims[s->rank - 1]);
    p->tasks[0] = gft_grid_count(s->rows, s->rows_per_task);
    return GRAFT_OK;
}

/* A loop per element size: what is copied need not be understood. */
#define SELECT_ROW(type)                                                                           \
    do {                                                                                           \
        for (int64_t i = 0; i < n; i++)                                                            \
            memcpy(y + (size_t)i * sizeof(type),                                                   \
                   c[i * c_step] ? a + (size_t)(i * a_step) * sizeof(type)                         \
                                 : b + (size_t)(i * b_step) * sizeof(type),                        \
                   sizeof(type));                                                                  \
    } while (0)

static void select_row(const select_state *s, const uint8_t *c, const char *a, const char *b,
                       char *y) {
    const int32_t last = s->rank - 1;
    const int64_t n = s->dims[last];
    const int64_t c_step = s->steps[0][last];
    const int64_t a_step = s->steps[1][last];
    const int64_t b_step = s->steps[2][last];
    switch (s->bytes) {
    case 1:
        SELECT_ROW(uint8_t);
        break;
    case 2:
        SELECT_ROW(uint16_t);
        break;
    case 4:
        SELECT_ROW(uint32_t);
        break;
    default:
        SELECT_ROW(uint64_t);
        break;
    }
}

static void run(const gft_exec *exec) {
    const select_state *s = exec->state;
    const gft_range r = gft_grid_range(s->rows, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        int64_t at[3] = {0, 0, 0};
        int64_t rest = row;
        for (int32_t i = s->rank - 2; i >= 0; i--) {
            const int64_t index = rest % s->dims[i];
            rest /= s->dims[i];
            for (int32_t k = 0; k < 3; k++)
                at[k] += index * s->steps[k][i];
        }
        select_row(s, (const uint8_t *)exec->inputs[0] + at[0],
                   (const char *)exec->inputs[1] + (size_t)at[1] * s->bytes,
                   (const char *)exec->inputs[2] + (size_t)at[2] * s->bytes,
                   (char *)exec->outputs[0] + (size_t)(row * s->dims[s->rank - 1]) * s->bytes);
    }
}

const gft_op gft_op_select = {.name = "select",
                              .min_inputs = 3,
                              .max_inputs = 3,
                              .outputs = 1,
                              .infer = infer,
                              .prepare = prepare,
                              .run = run};

graft_status gft_grad_select(gft_grad *grad, graft_error *err) {
    const gft_value_id condition = gft_grad_input(grad, 0);
    gft_value_id zero;
    GFT_TRY(gft_graph_const_f32(grad->graph, 0.0f, &zero, err));
    for (int32_t i = 1; i < 3; i++) {
        const gft_value_id dy = grad->output_grads[0];
        gft_value_id v;
        if (!grad->wanted[i])
            continue;
        GFT_TRY(gft_grad_apply3(grad, &gft_op_select, condition, i == 1 ? dy : zero,
                                i == 1 ? zero : dy, &v, err));
        GFT_TRY(gft_grad_reduce_like(grad, v, gft_grad_input(grad, i), &grad->input_grads[i], err));
    }
    return GRAFT_OK;
}
