/*
 * conv2d_half: conv2d on bfloat16 or IEEE half activations (graph/attrs_half.h); any filter,
 * stride, dilation, padding, groups and epilogue.
 *
 * The indirect GEMM of conv2d on 16-bit numbers: pointers to input pixels, a filter rounded while
 * it is packed (once per plan if it is constant, else in the first phase of each run), sums, bias,
 * residual and activation in float32, one rounding at the end.
 */
#include <string.h>

#include "base/size.h"
#include "ops/conv_geometry.h"
#include "ops/conv_indirect.h"
#include "ops/epilogue.h"
#include "ops/half_ops.h"
#include "ops/ops.h"

#define SCALE_CHUNK 256

typedef struct conv2d_half_state {
    gft_conv_geometry geo;
    gft_conv_taps taps;
    gft_epilogue epilogue;
    gft_gemm_grid grid; /* of one group */
    gft_half_pack pack;
    gft_half_kernels kernels;
    bool f32_result;
    const uint16_t *packed; /* NULL: the filter is packed in phase 0 */
    const void *zeros;
    size_t edge_at, scaled_at; /* in the worker scratch, behind the pointers */
} conv2d_half_state;

static graft_status place_scratch(gft_prepare *p, conv2d_half_state *s, graft_error *err) {
    size_t rows = (size_t)s->grid.max_rows;
    size_t pointers;
    size_t scaled = 0;
    size_t edge = (size_t)gft_conv_edge_floats(&s->taps, s->grid.max_rows) * sizeof(uint16_t);
    bool ok = gft_size_mul((size_t)s->taps.taps, rows, &pointers) &&
              gft_size_mul(pointers, sizeof(void *), &pointers);
    if (ok && s->epilogue.input_scale >= 0)
        ok = gft_size_mul(rows, (size_t)s->geo.c * sizeof(uint16_t), &scaled);
    if (!ok)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the window is too large", p->node);
    s->edge_at = gft_size_align(pointers, 64);
    s->scaled_at = gft_size_align(s->edge_at + edge, 64);
    p->worker_scratch_bytes = s->scaled_at + scaled;
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_half_attrs *half = p->attrs;
    const gft_conv2d_attrs *attrs = (const gft_conv2d_attrs *)(const void *)half->attrs;
    conv2d_half_state *s;
    size_t bytes;
    int64_t rows;
    int64_t depth;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    GFT_TRY(gft_conv_geometry_of(p->node, attrs, &p->inputs[0].shape, &p->inputs[1].shape, false,
                                 &s->geo, err));
    s->kernels = gft_half_kernels_of(half->dtype);
    s->f32_result = half->output == GRAFT_F32;
    s->epilogue = gft_epilogue_of(&attrs->epilogue, 2);
    s->taps = gft_conv_taps_of(&s->geo);
    if (!gft_i64_mul(s->geo.n * s->geo.oh, s->geo.ow, &rows) ||
        !gft_i64_mul(s->taps.taps, s->taps.depth, &depth))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the result is too large", p->node);
    s->grid = gft_half_grid_of(&s->kernels, rows, s->geo.group_oc, depth);
    s->pack = gft_half_pack_of(&s->kernels, s->geo.groups, s->geo.group_oc, s->taps.taps,
                               s->taps.depth, s->geo.group_oc, s->geo.oc);
    if (!gft_half_pack_bytes(&s->pack, &bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the filter is too large", p->node);
    s->zeros = gft_arena_floats(p->arena, s->taps.depth);
    if (!s->zeros)
        return gft_fail_memory(err, (size_t)s->taps.depth * sizeof(float), p->node);
    GFT_TRY(place_scratch(p, s, err));
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
    p->tasks[phase++] = gft_at_least_one(s->geo.groups * gft_gemm_grid_tasks(&s->grid));
    p->phases = phase;
    return GRAFT_OK;
}

/* x * scale for the rows of a 1x1 block, rounded again; the pointers then lead to the copy. */
static void scale_rows(const conv2d_half_state *s, const gft_exec *exec,
                       const gft_gemm_block *block, const uint16_t **rows, uint16_t *copy) {
    const float *scale = exec->inputs[s->epilogue.input_scale];
    int64_t pixels = s->geo.oh * s->geo.ow;
    float chunk[SCALE_CHUNK];
    for (int64_t i = 0; i < block->rows; i++, copy += s->geo.c) {
        const float *factor = scale + (block->row + i) / pixels * s->geo.c;
        for (int64_t c = 0; c < s->geo.c; c += SCALE_CHUNK) {
            int64_t n = gft_i64_min(SCALE_CHUNK, s->geo.c - c);
            s->kernels.widen(rows[i] + c, chunk, n);
            for (int64_t k = 0; k < n; k++)
                chunk[k] *= factor[c + k];
            s->kernels.narrow(chunk, copy + c, n);
        }
        rows[i] = copy;
    }
}

static void run_block(const conv2d_half_state *s, const gft_exec *exec) {
    int64_t tasks = gft_gemm_grid_tasks(&s->grid);
    int64_t group = exec->task / tasks;
    gft_gemm_block block = gft_gemm_grid_block(&s->grid, exec->task % tasks);
    if (group >= s->geo.groups || block.rows <= 0 || block.cols <= 0)
        return;
    char *scratch = exec->worker_scratch;
    const uint16_t **rows = (const uint16_t **)(void *)scratch;
    gft_conv_indirect_of(&s->geo, &s->taps, exec->inputs[0], sizeof(uint16_t), group, block.row,
                         block.rows, s->zeros, scratch + s->edge_at,
                         (const void **)(void *)scratch);
    if (s->epilogue.input_scale >= 0)
        scale_rows(s, exec, &block, rows, (uint16_t *)(void *)(scratch + s->scaled_at));
    int64_t col = group * s->geo.group_oc + block.col;
    int64_t at = block.row * s->geo.oc + col;
    const float *bias = gft_exec_input(exec, s->epilogue.bias);
    const uint16_t *residual = s->epilogue.residual < 0 ? NULL : exec->inputs[s->epilogue.residual];
    const uint16_t *packed = s->packed ? s->packed : exec->scratch;
    gft_gemm_half_args args = {
        .rows = block.rows,
        .cols = block.cols,
        .taps = s->taps.taps,
        .depth = s->taps.depth,
        .a = rows,
        .a_stride = block.rows,
        .b = packed + (group * s->pack.panels + block.panel) * s->pack.panel_elems,
        .b_panel_stride = s->pack.panel_elems,
        .c = s->f32_result ? NULL : (uint16_t *)exec->outputs[0] + at,
        .c_f32 = s->f32_result ? (float *)exec->outputs[0] + at : NULL,
        .c_stride = s->geo.oc,
        .bias = bias ? bias + col : NULL,
        .residual = residual ? residual + at : NULL,
        .lo = s->epilogue.lo,
        .hi = s->epilogue.hi,
        .unary = s->epilogue.unary,
        .alpha = s->epilogue.alpha,
    };
    s->kernels.gemm->run(&args);
}

static void run(const gft_exec *exec) {
    const conv2d_half_state *s = exec->state;
    if (!s->packed && exec->phase == 0)
        gft_half_pack_task(&s->pack, exec->inputs[1], exec->scratch, exec->task);
    else
        run_block(s, exec);
}

const gft_op gft_op_conv2d_half = {
    .name = "conv2d_half",
    .min_inputs = 2,
    .max_inputs = 5,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_half_attrs),
    .infer = gft_half_infer,
    .cost = gft_half_cost,
    .prepare = prepare,
    .run = run,
};
