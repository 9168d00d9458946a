/*
 * dense: x (...,K) times a kernel (K,N) with an epilogue. A GEMM over all leading dimensions; one
 * row (batch 1) is cut by columns and streams the packed kernel through memory once.
 */
#include <inttypes.h>

#include "base/size.h"
#include "ops/conv_geometry.h"
#include "ops/epilogue.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

typedef struct dense_state {
    gft_gemm_grid grid;
    gft_gemm_pack pack;
    gft_epilogue epilogue;
    const gft_gemm_f32_kernels *kernels;
    const float *packed; /* NULL: packed in phase 0 */
} dense_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_dense_attrs *attrs = in->attrs;
    char text[GFT_DESC_TEXT_BYTES];
    GFT_TRY(gft_check_operand(in->node, "x", &in->inputs[0], -1, err));
    GFT_TRY(gft_check_operand(in->node, "the kernel", &in->inputs[1], 2, err));
    graft_shape y = in->inputs[0].shape;
    const graft_shape *kernel = &in->inputs[1].shape;
    if (y.rank < 1 || !gft_shape_known(kernel))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: x of shape %s has no channels, or the kernel is of unknown size",
                        in->node, gft_shape_text(&y, text));
    int64_t channels = y.dims[y.rank - 1];
    if (channels != kernel->dims[0])
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: x of shape %s has %" PRId64 " channels, the kernel takes %" PRId64,
                        in->node, gft_shape_text(&y, text), channels, kernel->dims[0]);
    y.dims[y.rank - 1] = kernel->dims[1];
    GFT_TRY(gft_epilogue_check(in, &attrs->epilogue, 2, &y, -1, err));
    in->outputs[0] = gft_desc_f32(y);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    int64_t macs = in->inputs[1].shape.dims[1];
    const graft_shape *x = &in->inputs[0].shape;
    for (int32_t i = 0; i < x->rank; i++)
        if (x->dims[i] >= 0 && !gft_i64_mul(macs, x->dims[i], &macs))
            macs = INT64_MAX;
    out->macs = macs;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_dense_attrs *attrs = p->attrs;
    const graft_shape *kernel = &p->inputs[1].shape;
    dense_state *s = gft_arena_alloc(p->arena, sizeof *s);
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    int64_t rows = 1;
    const graft_shape *x = &p->inputs[0].shape;
    for (int32_t i = 0; i + 1 < x->rank; i++)
        if (!gft_i64_mul(rows, x->dims[i], &rows))
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: x is too large", p->node);
    s->kernels = gft_kernels()->gemm_f32;
    s->epilogue = gft_epilogue_of(&attrs->epilogue, 2);
    s->grid = gft_gemm_grid_of(rows, kernel->dims[1], kernel->dims[0], s->kernels);
    s->pack = gft_gemm_pack_of(1, kernel->dims[0], kernel->dims[1], 0, kernel->dims[1], 1,
                               s->kernels->nr);
    size_t bytes;
    if (!gft_gemm_pack_bytes(&s->pack, &bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the kernel is too large", p->node);
    p->worker_scratch_bytes = (size_t)s->grid.max_rows * sizeof(float *);
    p->state = s;
    int32_t phase = 0;
    if (p->constants[1]) {
        p->packed_inputs = 1u << 1;
        s->packed = gft_gemm_pack_now(&s->pack, p->constants[1], p->arena);
        if (!s->packed)
            return gft_fail_memory(err, bytes, p->node);
    } else {
        p->scratch_bytes = bytes;
        p->tasks[phase++] = gft_gemm_pack_tasks(&s->pack);
    }
    p->tasks[phase++] = gft_gemm_grid_tasks(&s->grid);
    p->phases = phase;
    return GRAFT_OK;
}

static void run_block(const dense_state *s, const gft_exec *exec) {
    gft_gemm_block block = gft_gemm_grid_block(&s->grid, exec->task);
    const float **rows = exec->worker_scratch;
    const float *x = exec->inputs[0];
    for (int64_t i = 0; i < block.rows; i++)
        rows[i] = x + (block.row + i) * s->grid.depth;
    int64_t at = block.row * s->grid.cols + block.col;
    const float *bias = gft_exec_input(exec, s->epilogue.bias);
    const float *residual = gft_exec_input(exec, s->epilogue.residual);
    const float *packed = s->packed ? s->packed : exec->scratch;
    gft_gemm_f32_args args = {
        .rows = block.rows,
        .cols = block.cols,
        .taps = 1,
        .depth = s->grid.depth,
        .a = rows,
        .a_stride = block.rows,
        .b = packed + block.panel * s->grid.depth * s->grid.nr,
        .b_panel_stride = s->grid.depth * s->grid.nr,
        .c = (float *)exec->outputs[0] + at,
        .c_stride = s->grid.cols,
        .bias = bias ? bias + block.col : NULL,
        .residual = residual ? residual + at : NULL,
        .lo = s->epilogue.lo,
        .hi = s->epilogue.hi,
    };
    s->kernels->run(&args);
    gft_epilogue_finish(&s->epilogue, args.c, block.rows, block.cols, s->grid.cols);
}

static void run(const gft_exec *exec) {
    const dense_state *s = exec->state;
    if (!s->packed && exec->phase == 0)
        gft_gemm_pack_task(&s->pack, exec->inputs[1], exec->scratch, exec->task);
    else
        run_block(s, exec);
}

const gft_op gft_op_dense = {
    .name = "dense",
    .kind = GFT_KIND_DENSE,
    .min_inputs = 2,
    .max_inputs = 4,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_dense_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
