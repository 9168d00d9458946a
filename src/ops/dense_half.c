/*
 * dense_half: dense on bfloat16 or IEEE half activations (graph/attrs_half.h); see conv2d_half.c
 * for the arithmetic.
 */
#include "base/size.h"
#include "ops/epilogue.h"
#include "ops/half_ops.h"
#include "ops/ops.h"

typedef struct dense_half_state {
    gft_gemm_grid grid;
    gft_half_pack pack;
    gft_half_kernels kernels;
    gft_epilogue epilogue;
    bool f32_result;
    const uint16_t *packed; /* NULL: packed in phase 0 */
} dense_half_state;

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_half_attrs *half = p->attrs;
    const gft_dense_attrs *attrs = (const gft_dense_attrs *)(const void *)half->attrs;
    const graft_shape *kernel = &p->inputs[1].shape;
    dense_half_state *s;
    size_t bytes;
    int64_t rows = 1;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    const graft_shape *x = &p->inputs[0].shape;
    for (int32_t i = 0; i + 1 < x->rank; i++)
        if (!gft_i64_mul(rows, x->dims[i], &rows))
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: x is too large", p->node);
    s->kernels = gft_half_kernels_of(half->dtype);
    s->f32_result = half->output == GRAFT_F32;
    s->epilogue = gft_epilogue_of(&attrs->epilogue, 2);
    s->grid = gft_half_grid_of(&s->kernels, rows, kernel->dims[1], kernel->dims[0]);
    s->pack =
        gft_half_pack_of(&s->kernels, 1, 0, 1, kernel->dims[0], kernel->dims[1], kernel->dims[1]);
    if (!gft_half_pack_bytes(&s->pack, &bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the kernel is too large", p->node);
    p->worker_scratch_bytes = (size_t)s->grid.max_rows * sizeof(void *);
    int32_t phase = 0;
    if (p->constants[1]) {
        p->packed_inputs = 1u << 1;
        s->packed = gft_half_pack_now(&s->pack, p->constants[1], p->arena);
        if (!s->packed)
            return gft_fail_memory(err, bytes, p->node);
    } else {
        p->scratch_bytes = bytes;
        p->tasks[phase++] = gft_half_pack_tasks(&s->pack);
    }
    p->tasks[phase++] = gft_gemm_grid_tasks(&s->grid);
    p->phases = phase;
    return GRAFT_OK;
}

static void run_block(const dense_half_state *s, const gft_exec *exec) {
    gft_gemm_block block = gft_gemm_grid_block(&s->grid, exec->task);
    const uint16_t **rows = exec->worker_scratch;
    const uint16_t *x = exec->inputs[0];
    if (block.rows <= 0 || block.cols <= 0)
        return;
    for (int64_t i = 0; i < block.rows; i++)
        rows[i] = x + (block.row + i) * s->grid.depth;
    int64_t at = block.row * s->grid.cols + block.col;
    const float *bias = gft_exec_input(exec, s->epilogue.bias);
    const uint16_t *residual = s->epilogue.residual < 0 ? NULL : exec->inputs[s->epilogue.residual];
    const uint16_t *packed = s->packed ? s->packed : exec->scratch;
    gft_gemm_half_args args = {
        .rows = block.rows,
        .cols = block.cols,
        .taps = 1,
        .depth = s->grid.depth,
        .a = rows,
        .a_stride = block.rows,
        .b = packed + block.panel * s->pack.panel_elems,
        .b_panel_stride = s->pack.panel_elems,
        .c = s->f32_result ? NULL : (uint16_t *)exec->outputs[0] + at,
        .c_f32 = s->f32_result ? (float *)exec->outputs[0] + at : NULL,
        .c_stride = s->grid.cols,
        .bias = bias ? bias + block.col : NULL,
        .residual = residual ? residual + at : NULL,
        .lo = s->epilogue.lo,
        .hi = s->epilogue.hi,
        .unary = s->epilogue.unary,
        .alpha = s->epilogue.alpha,
    };
    s->kernels.gemm->run(&args);
}

static void run(const gft_exec *exec) {
    const dense_half_state *s = exec->state;
    if (!s->packed && exec->phase == 0)
        gft_half_pack_task(&s->pack, exec->inputs[1], exec->scratch, exec->task);
    else
        run_block(s, exec);
}

const gft_op gft_op_dense_half = {
    .name = "dense_half",
    .min_inputs = 2,
    .max_inputs = 4,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_half_attrs),
    .infer = gft_half_infer,
    .cost = gft_half_cost,
    .prepare = prepare,
    .run = run,
};
