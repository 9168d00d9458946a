/*
 * qconv2d: convolution of bytes, any filter, stride, dilation, padding and groups; attributes in
 * graph/attrs_quant.h. An indirect GEMM per group, as ops/conv2d.c. Bit for bit what LiteRT's
 * default path makes of CONV_2D.
 */
#include <string.h>

#include "base/size.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qconv_indirect.h"
#include "ops/qproduct.h"

typedef struct qconv_state {
    gft_conv_geometry geo;
    gft_qconv_taps taps;
    gft_qproduct product;
    const uint8_t *padding;
    size_t edge_at; /* in the worker scratch, behind the pointers */
} qconv_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_qconv2d_attrs *attrs = in->attrs;
    const graft_dtype dtype = in->inputs[0].dtype;
    gft_conv_geometry geo;
    GFT_TRY(gft_q_check_input(in, 0, err));
    GFT_TRY(gft_conv_geometry_of(in->node, &attrs->conv, &in->inputs[0].shape, &in->inputs[1].shape,
                                 false, &geo, err));
    GFT_TRY(gft_q_check_weights(in, geo.oc, attrs->conv.epilogue.has_bias, err));
    GFT_TRY(gft_q_check_params(dtype, "x", attrs->x, err));
    GFT_TRY(gft_q_check_params(dtype, "y", attrs->y, err));
    GFT_TRY(gft_q_check_bounds(dtype, attrs->lo, attrs->hi, err));
    in->outputs[0] = (graft_tensor_desc){dtype, gft_conv_geometry_shape(&geo), NULL};
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    const gft_qconv2d_attrs *attrs = in->attrs;
    gft_conv_geometry geo;
    if (gft_conv_geometry_of(in->node, &attrs->conv, &in->inputs[0].shape, &in->inputs[1].shape,
                             false, &geo, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_qconv2d_attrs *attrs = p->attrs;
    qconv_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    GFT_TRY(gft_conv_geometry_of(p->node, &attrs->conv, &p->inputs[0].shape, &p->inputs[1].shape,
                                 false, &s->geo, err));
    s->taps = gft_qconv_taps_of(&s->geo);
    int64_t rows;
    int64_t depth;
    if (!gft_i64_mul(s->geo.n * s->geo.oh, s->geo.ow, &rows) ||
        !gft_i64_mul(s->taps.taps, s->taps.depth, &depth))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the result is too large", p->node);
    s->product.groups = s->geo.groups;
    s->product.rows = rows;
    s->product.cols = s->geo.group_oc;
    s->product.taps = s->taps.taps;
    s->product.depth = s->taps.depth;
    uint8_t *padding = gft_q_arena(p->arena, (size_t)s->taps.depth + 1);
    if (!padding)
        return gft_fail_memory(err, (size_t)s->taps.depth, p->node);
    memset(padding, attrs->x.zero_point & 0xff, (size_t)s->taps.depth);
    s->padding = padding;
    gft_q_columns columns = {.dtype = p->inputs[0].dtype,
                             .x = attrs->x,
                             .y = attrs->y,
                             .lo = attrs->lo,
                             .hi = attrs->hi};
    const int64_t pointers = s->taps.taps * (int64_t)sizeof(uint8_t *);
    GFT_TRY(gft_qproduct_prepare(p, &s->product, &columns,
                                 pointers + gft_qconv_edge_bytes(&s->taps), err));
    s->edge_at = (size_t)(s->product.max_rows * pointers);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const qconv_state *s = exec->state;
    const gft_qblock block = gft_qproduct_block(&s->product, exec->task);
    if (block.group >= s->geo.groups || block.rows == 0 || block.cols == 0)
        return;
    const uint8_t **rows = exec->worker_scratch;
    gft_qconv_indirect(&s->geo, &s->taps, exec->inputs[0], block.group, block.row, block.rows,
                       s->padding, (uint8_t *)exec->worker_scratch + s->edge_at, rows);
    gft_qproduct_run(&s->product, exec, &block, rows, block.rows);
}

const gft_op gft_op_qconv2d = {
    .name = "qconv2d",
    .min_inputs = 3,
    .max_inputs = 4,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_qconv2d_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
