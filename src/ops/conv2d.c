/*
 * conv2d: TensorFlow's Conv2D in NHWC with an epilogue, any filter, stride, dilation, padding and
 * groups.
 *
 * 3x3 filters of stride 1 run by Winograd's algorithm where that is faster (conv2d_winograd.h). All
 * else is an indirect GEMM per group: rows are output pixels, columns are filters, the reduction
 * runs over taps and channels. A constant filter is packed once per plan, another one in the first
 * phase of each run.
 */
#include <string.h>

#include "base/size.h"
#include "ops/conv2d_winograd.h"
#include "ops/conv_geometry.h"
#include "ops/conv_indirect.h"
#include "ops/epilogue.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

typedef struct conv2d_state {
    gft_conv_geometry geo;
    const gft_winograd *winograd; /* NULL: the indirect GEMM, and what follows is filled in */
    gft_conv_taps taps;
    gft_epilogue epilogue;
    gft_gemm_grid grid; /* of one group */
    gft_gemm_pack pack;
    const gft_gemm_f32_kernels *kernels;
    const float *packed; /* NULL: the filter is packed in phase 0 */
    const float *zeros;
    size_t edge_at, scaled_at; /* in the worker scratch, behind the pointers */
} conv2d_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_conv2d_attrs *attrs = in->attrs;
    gft_conv_geometry geo;
    GFT_TRY(gft_check_operand(in->node, "x", &in->inputs[0], 4, err));
    GFT_TRY(gft_check_operand(in->node, "the filter", &in->inputs[1], 4, err));
    GFT_TRY(gft_conv_geometry_of(in->node, attrs, &in->inputs[0].shape, &in->inputs[1].shape, false,
                                 &geo, err));
    graft_shape y = gft_conv_geometry_shape(&geo);
    bool point = geo.kh == 1 && geo.kw == 1 && geo.groups == 1;
    GFT_TRY(gft_epilogue_check(in, &attrs->epilogue, 2, &y, point ? geo.c : -1, err));
    in->outputs[0] = gft_desc_f32(y);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    gft_conv_geometry geo;
    if (gft_conv_geometry_of(in->node, in->attrs, &in->inputs[0].shape, &in->inputs[1].shape, false,
                             &geo, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

/* Worker scratch: pointers, padded window rows, a scaled copy of the block's rows. */
static graft_status place_scratch(gft_prepare *prepare, conv2d_state *s, graft_error *err) {
    size_t rows = (size_t)s->grid.max_rows;
    size_t bytes;
    size_t edge = (size_t)gft_conv_edge_floats(&s->taps, s->grid.max_rows) * sizeof(float);
    size_t scaled = 0;
    bool ok = gft_size_mul((size_t)s->taps.taps, rows, &bytes) &&
              gft_size_mul(bytes, sizeof(float *), &bytes);
    if (ok && s->epilogue.input_scale >= 0)
        ok = gft_size_mul(rows, (size_t)s->geo.c * sizeof(float), &scaled);
    if (!ok)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the window is too large",
                        prepare->node);
    s->edge_at = gft_size_align(bytes, 64);
    s->scaled_at = gft_size_align(s->edge_at + edge, 64);
    prepare->worker_scratch_bytes = s->scaled_at + scaled;
    return GRAFT_OK;
}

static graft_status prepare_indirect(gft_prepare *p, conv2d_state *s, graft_error *err) {
    s->taps = gft_conv_taps_of(&s->geo);
    int64_t rows;
    int64_t depth;
    if (!gft_i64_mul(s->geo.n * s->geo.oh, s->geo.ow, &rows) ||
        !gft_i64_mul(s->taps.taps, s->taps.depth, &depth))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the result is too large", p->node);
    s->grid = gft_gemm_grid_of(rows, s->geo.group_oc, depth, s->kernels);
    s->pack = gft_gemm_pack_of(s->geo.groups, depth, s->geo.group_oc, s->geo.group_oc, s->geo.oc, 1,
                               s->kernels->nr);
    size_t bytes;
    if (!gft_gemm_pack_bytes(&s->pack, &bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the filter is too large", p->node);
    s->zeros = gft_arena_floats(p->arena, s->taps.depth);
    if (!s->zeros)
        return gft_fail_memory(err, (size_t)s->taps.depth * sizeof(float), p->node);
    GFT_TRY(place_scratch(p, s, err));
    int32_t phase = 0;
    if (p->constants[1]) {
        s->packed = gft_gemm_pack_now(&s->pack, p->constants[1], p->arena);
        if (!s->packed)
            return gft_fail_memory(err, bytes, p->node);
    } else {
        p->scratch_bytes = bytes;
        p->tasks[phase++] = gft_gemm_pack_tasks(&s->pack);
    }
    p->tasks[phase++] = gft_at_least_one(s->geo.groups * gft_gemm_grid_tasks(&s->grid));
    p->phases = phase;
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_conv2d_attrs *attrs = p->attrs;
    conv2d_state *s = gft_arena_alloc(p->arena, sizeof *s);
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    GFT_TRY(gft_conv_geometry_of(p->node, attrs, &p->inputs[0].shape, &p->inputs[1].shape, false,
                                 &s->geo, err));
    s->kernels = gft_kernels()->gemm_f32;
    s->epilogue = gft_epilogue_of(&attrs->epilogue, 2);
    p->state = s;
    if (p->constants[1])
        p->packed_inputs = 1u << 1;
    const float *filter = p->constants[1];
    gft_winograd_setup winograd = {.geo = s->geo, .epilogue = s->epilogue, .filter = filter};
    if (!p->no_winograd)
        winograd.grid = gft_winograd_choose(&s->geo, filter);
    if (winograd.grid.m == 0)
        return prepare_indirect(p, s, err);
    return gft_winograd_prepare(&winograd, p, &s->winograd, err);
}

/*
 * x * scale for the rows of a 1x1 block; the pointers then lead to the copy. Zeros (padding) stay
 * zeros.
 */
static void scale_rows(const conv2d_state *s, const gft_exec *exec, const gft_gemm_block *block,
                       const float **rows, float *copy) {
    const float *scale = exec->inputs[s->epilogue.input_scale];
    gft_binary_f32_kernel *mul = gft_kernels()->mul_f32;
    int64_t pixels = s->geo.oh * s->geo.ow;
    for (int64_t i = 0; i < block->rows; i++, copy += s->geo.c) {
        const float *factor = scale + (block->row + i) / pixels * s->geo.c;
        mul(rows[i], 1, factor, 1, copy, s->geo.c);
        rows[i] = copy;
    }
}

static void run_block(const conv2d_state *s, const gft_exec *exec) {
    int64_t tasks = gft_gemm_grid_tasks(&s->grid);
    int64_t group = exec->task / tasks;
    gft_gemm_block block = gft_gemm_grid_block(&s->grid, exec->task % tasks);
    if (group >= s->geo.groups || block.rows <= 0 || block.cols <= 0)
        return;
    char *scratch = exec->worker_scratch;
    const float **rows = (const float **)(void *)scratch;
    float *edge = (float *)(void *)(scratch + s->edge_at);
    gft_conv_indirect(&s->geo, &s->taps, exec->inputs[0], group, block.row, block.rows, s->zeros,
                      edge, rows);
    if (s->epilogue.input_scale >= 0)
        scale_rows(s, exec, &block, rows, (float *)(void *)(scratch + s->scaled_at));
    int64_t col = group * s->geo.group_oc + block.col;
    int64_t at = block.row * s->geo.oc + col;
    const float *bias = gft_exec_input(exec, s->epilogue.bias);
    const float *residual = gft_exec_input(exec, s->epilogue.residual);
    const float *packed = s->packed ? s->packed : exec->scratch;
    gft_gemm_f32_args args = {
        .rows = block.rows,
        .cols = block.cols,
        .taps = s->taps.taps,
        .depth = s->taps.depth,
        .a = rows,
        .a_stride = block.rows,
        .b = packed + group * gft_gemm_pack_matrix(&s->pack) +
             block.panel * s->grid.depth * s->grid.nr,
        .b_panel_stride = s->grid.depth * s->grid.nr,
        .c = (float *)exec->outputs[0] + at,
        .c_stride = s->geo.oc,
        .bias = bias ? bias + col : NULL,
        .residual = residual ? residual + at : NULL,
        .lo = s->epilogue.lo,
        .hi = s->epilogue.hi,
    };
    s->kernels->run(&args);
    gft_epilogue_finish(&s->epilogue, args.c, block.rows, block.cols, s->geo.oc);
}

static void run(const gft_exec *exec) {
    const conv2d_state *s = exec->state;
    if (s->winograd)
        gft_winograd_run(s->winograd, exec);
    else if (!s->packed && exec->phase == 0)
        gft_gemm_pack_task(&s->pack, exec->inputs[1], exec->scratch, exec->task);
    else
        run_block(s, exec);
}

const gft_op gft_op_conv2d = {
    .name = "conv2d",
    .kind = GFT_KIND_CONV2D,
    .min_inputs = 2,
    .max_inputs = 5,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_conv2d_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
