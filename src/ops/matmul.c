/*
 * matmul: batches of matrices with NumPy's broadcasting of leading dimensions; transposes apply to
 * the last two.
 *
 * b is packed into panels (once if it is constant, else in the first phase); a is read in place, by
 * rows or, transposed, by the kernel that walks down columns.
 */
#include <math.h>

#include "base/size.h"
#include "ops/conv_geometry.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

#define DEPTH_BLOCK 256 /* rows of a transposed matrix at a time */

typedef struct matmul_state {
    int64_t m, n, k;
    int64_t batches;
    const int64_t *a_index, *b_index; /* which matrix of a and of b each batch takes */
    bool transpose_a;
    gft_gemm_grid grid; /* of one batch */
    gft_gemm_pack pack;
    const gft_gemm_f32_kernels *kernels;
    const float *packed;
} matmul_state;

static graft_shape leading(const graft_shape *shape) {
    graft_shape out = *shape;
    out.rank -= 2;
    return out;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_matmul_attrs *attrs = in->attrs;
    char first[GFT_DESC_TEXT_BYTES];
    char second[GFT_DESC_TEXT_BYTES];
    const graft_shape *a = &in->inputs[0].shape;
    const graft_shape *b = &in->inputs[1].shape;
    GFT_TRY(gft_check_operand(in->node, "a", &in->inputs[0], -1, err));
    GFT_TRY(gft_check_operand(in->node, "b", &in->inputs[1], -1, err));
    if (a->rank < 2 || b->rank < 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: matrices of shape %s and %s, expected rank 2 or more", in->node,
                        gft_shape_text(a, first), gft_shape_text(b, second));
    int64_t m = a->dims[a->rank - (attrs->transpose_a ? 1 : 2)];
    int64_t ka = a->dims[a->rank - (attrs->transpose_a ? 2 : 1)];
    int64_t kb = b->dims[b->rank - (attrs->transpose_b ? 1 : 2)];
    int64_t n = b->dims[b->rank - (attrs->transpose_b ? 2 : 1)];
    graft_shape la = leading(a);
    graft_shape lb = leading(b);
    graft_shape y;
    if ((ka >= 0 && kb >= 0 && ka != kb) || !gft_shape_broadcast(&la, &lb, &y))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: shapes %s%s and %s%s cannot be multiplied", in->node,
                        gft_shape_text(a, first), attrs->transpose_a ? " transposed" : "",
                        gft_shape_text(b, second), attrs->transpose_b ? " transposed" : "");
    y.dims[y.rank++] = m;
    y.dims[y.rank++] = n;
    in->outputs[0] = gft_desc_f32(y);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    const gft_matmul_attrs *attrs = in->attrs;
    const graft_shape *a = &in->inputs[0].shape;
    const graft_shape *y = &in->outputs[0].shape;
    int64_t macs = a->dims[a->rank - (attrs->transpose_a ? 2 : 1)];
    macs = macs < 0 ? 1 : macs;
    for (int32_t i = 0; i < y->rank; i++)
        if (y->dims[i] >= 0 && !gft_i64_mul(macs, y->dims[i], &macs))
            macs = INT64_MAX;
    out->macs = macs;
}

/* For each batch of y the matrix of an operand, whose leading dimensions may be 1 or missing. */
static int64_t *batch_index(const graft_shape *y, const graft_shape *operand, int64_t batches,
                            gft_arena *arena) {
    int64_t *index = gft_arena_array(arena, (size_t)gft_i64_max(batches, 1), sizeof *index);
    for (int64_t i = 0; index && i < batches; i++) {
        int64_t left = i;
        int64_t at = 0;
        int64_t step = 1;
        for (int32_t d = 0; d < y->rank - 2; d++) {
            int64_t size = y->dims[y->rank - 3 - d];
            int64_t pos = left % size;
            left /= size;
            if (d >= operand->rank - 2)
                continue;
            int64_t own = operand->dims[operand->rank - 3 - d];
            at += own == 1 ? 0 : pos * step;
            step *= own;
        }
        index[i] = at;
    }
    return index;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_matmul_attrs *attrs = p->attrs;
    const graft_shape *a = &p->inputs[0].shape;
    const graft_shape *b = &p->inputs[1].shape;
    const graft_shape *y = &p->outputs[0].shape;
    matmul_state *s = gft_arena_alloc(p->arena, sizeof *s);
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    s->kernels = gft_kernels()->gemm_f32;
    s->transpose_a = attrs->transpose_a;
    s->m = y->dims[y->rank - 2];
    s->n = y->dims[y->rank - 1];
    s->k = a->dims[a->rank - (attrs->transpose_a ? 2 : 1)];
    graft_shape ly = leading(y);
    graft_shape lb = leading(b);
    s->batches = gft_shape_elems(&ly);
    int64_t b_count = gft_shape_elems(&lb);
    s->a_index = batch_index(y, a, s->batches, p->arena);
    s->b_index = batch_index(y, b, s->batches, p->arena);
    if (!s->a_index || !s->b_index)
        return gft_fail_memory(err, (size_t)s->batches * sizeof(int64_t), p->node);
    s->grid = gft_gemm_grid_of(s->m, s->n, s->k, s->kernels);
    s->pack = gft_gemm_pack_of(b_count, s->k, s->n, s->k * s->n, attrs->transpose_b ? 1 : s->n,
                               attrs->transpose_b ? s->k : 1, s->kernels->nr);
    size_t bytes;
    if (!gft_gemm_pack_bytes(&s->pack, &bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: b is too large", p->node);
    p->worker_scratch_bytes =
        (size_t)(s->transpose_a ? DEPTH_BLOCK : s->grid.max_rows) * sizeof(float *);
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
    p->tasks[phase++] = gft_at_least_one(s->batches * gft_gemm_grid_tasks(&s->grid));
    p->phases = phase;
    return GRAFT_OK;
}

static void run_rows(const matmul_state *s, const gft_gemm_block *block, const float *a,
                     const float *panels, float *y, const float **rows) {
    for (int64_t i = 0; i < block->rows; i++)
        rows[i] = a + (block->row + i) * s->k;
    gft_gemm_f32_args args = {
        .rows = block->rows,
        .cols = block->cols,
        .taps = 1,
        .depth = s->k,
        .a = rows,
        .a_stride = block->rows,
        .b = panels,
        .b_panel_stride = s->k * s->grid.nr,
        .c = y,
        .c_stride = s->n,
        .lo = -INFINITY,
        .hi = INFINITY,
    };
    s->kernels->run(&args);
}

static void run_columns(const matmul_state *s, const gft_gemm_block *block, const float *a,
                        const float *panels, float *y, const float **rows) {
    gft_gemm_tn_f32_args args = {
        .rows = block->rows,
        .cols = block->cols,
        .a = rows,
        .a_offset = block->row,
        .b_panel_stride = s->k * s->grid.nr,
        .c = y,
        .c_stride = s->n,
    };
    int64_t k = 0;
    do { /* once even if the sum is empty */
        args.depth = gft_i64_min(DEPTH_BLOCK, s->k - k);
        for (int64_t i = 0; i < args.depth; i++)
            rows[i] = a + (k + i) * s->m;
        args.b = panels + k * s->grid.nr;
        args.accumulate = k > 0;
        s->kernels->run_tn(&args);
        k += DEPTH_BLOCK;
    } while (k < s->k);
}

static void run(const gft_exec *exec) {
    const matmul_state *s = exec->state;
    if (!s->packed && exec->phase == 0) {
        gft_gemm_pack_task(&s->pack, exec->inputs[1], exec->scratch, exec->task);
        return;
    }
    int64_t tasks = gft_gemm_grid_tasks(&s->grid);
    int64_t batch = exec->task / tasks;
    gft_gemm_block block = gft_gemm_grid_block(&s->grid, exec->task % tasks);
    if (batch >= s->batches || block.rows <= 0 || block.cols <= 0)
        return;
    const float *a = (const float *)exec->inputs[0] + s->a_index[batch] * s->m * s->k;
    const float *packed = s->packed ? s->packed : exec->scratch;
    const float *panels = packed + s->b_index[batch] * gft_gemm_pack_matrix(&s->pack) +
                          block.panel * s->k * s->grid.nr;
    float *y = (float *)exec->outputs[0] + batch * s->m * s->n + block.row * s->n + block.col;
    if (s->transpose_a)
        run_columns(s, &block, a, panels, y, exec->worker_scratch);
    else
        run_rows(s, &block, a, panels, y, exec->worker_scratch);
}

const gft_op gft_op_matmul = {
    .name = "matmul",
    .kind = GFT_KIND_MATMUL,
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_matmul_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
