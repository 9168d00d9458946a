/*
 * qdepthwise_conv2d: depthwise convolution of bytes, any filter, stride, dilation, padding and
 * multiplier; attributes in graph/attrs_quant.h. Bit for bit what LiteRT's default path makes of
 * DEPTHWISE_CONV_2D.
 *
 * A task is a band of output rows. Where there is padding or a multiplier, the band's input rows
 * are first copied into the worker's scratch with their borders (and channels repeated), so that
 * the kernel sees whole windows only.
 */
#include <string.h>

#include "base/size.h"
#include "ops/conv_geometry.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qcommon.h"

#define TASK_MACS 262144
#define BAND_BYTES 131072 /* of copied rows */

typedef struct qdepthwise_state {
    gft_conv_geometry geo;
    const gft_qdwconv_kernels *kernels;
    gft_requant out;
    const void *packed;
    const uint8_t *padding; /* a row of zero points */
    bool copies;
    int64_t width, rows; /* of the copy: pixels of a row, rows of a band */
    int64_t band, bands;
    size_t copy_at; /* in the worker scratch, behind the pointers */
} qdepthwise_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_qconv2d_attrs *attrs = in->attrs;
    const graft_dtype dtype = in->inputs[0].dtype;
    gft_conv_geometry geo;
    GFT_TRY(gft_q_check_input(in, 0, err));
    GFT_TRY(gft_conv_geometry_of(in->node, &attrs->conv, &in->inputs[0].shape, &in->inputs[1].shape,
                                 true, &geo, err));
    if (geo.kh > GFT_QDWCONV_MAX_TAPS || geo.kh * geo.kw > GFT_QDWCONV_MAX_TAPS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a depthwise window has at most %d cells",
                        GFT_QDWCONV_MAX_TAPS);
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
                             true, &geo, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

static graft_status pack(gft_prepare *p, qdepthwise_state *s, graft_error *err) {
    const gft_qconv2d_attrs *attrs = p->attrs;
    const int8_t *w = p->constants[1];
    const int32_t *bias = p->input_count > 3 ? p->constants[3] : NULL;
    if (!w || !p->constants[2] || (p->input_count > 3 && !bias))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: weights, their scales and bias must be constants", p->node);
    const int64_t taps = s->geo.kh * s->geo.kw;
    const size_t bytes = (size_t)(gft_qdwconv_blocks(s->kernels, s->geo.oc) *
                                  gft_qdwconv_block_bytes(s->kernels, s->geo.kh, s->geo.kw));
    int32_t *sums = gft_q_arena(p->arena, (size_t)s->geo.oc * sizeof(int32_t));
    void *packed = gft_q_arena(p->arena, bytes);
    if (!sums || !packed)
        return gft_fail_memory(err, bytes, p->node);
    for (int64_t c = 0; c < s->geo.oc; c++) {
        int32_t sum = 0; /* of at most 1024 bytes */
        for (int64_t t = 0; t < taps; t++)
            sum += w[t * s->geo.oc + c];
        sums[c] = sum;
    }
    gft_qdwconv_pack(s->kernels, w, s->geo.kh, s->geo.kw, s->geo.oc, packed);
    s->packed = packed;
    const gft_q_columns columns = {.dtype = p->inputs[0].dtype,
                                   .x = attrs->x,
                                   .y = attrs->y,
                                   .lo = attrs->lo,
                                   .hi = attrs->hi,
                                   .columns = s->geo.oc,
                                   .scales = gft_desc_elems(&p->inputs[2]),
                                   .w_scale = p->constants[2],
                                   .bias = bias,
                                   .a_bias = s->kernels->x_bias};
    p->packed_inputs = 1u << 1 | 1u << 2 | (bias ? 1u << 3 : 0u);
    return gft_q_requant(p, &columns, sums, &s->out, err);
}

/* Bands, and the copy of their input rows. */
static graft_status place(gft_prepare *p, qdepthwise_state *s, graft_error *err) {
    const gft_qconv2d_attrs *attrs = p->attrs;
    const gft_conv_geometry *g = &s->geo;
    const int64_t window_h = (g->kh - 1) * g->dilation_h + 1;
    s->width = gft_i64_max(g->ow - 1, 0) * g->stride_w + (g->kw - 1) * g->dilation_w + 1;
    const int64_t row_bytes = s->width * g->oc;
    const int64_t row_macs = g->ow * g->oc * g->kh * g->kw;
    s->band = gft_i64_max(
        gft_i64_min(row_macs > 0 ? gft_i64_ceil_div(TASK_MACS, row_macs) : g->oh, g->oh), 1);
    const bool inside = g->pad_top == 0 && g->pad_left == 0 && s->width <= g->w &&
                        gft_i64_max(g->oh - 1, 0) * g->stride_h + window_h <= g->h;
    s->copies = !inside || g->group_oc > 1;
    if (s->copies && row_bytes > 0)
        s->band =
            gft_i64_max(gft_i64_min(s->band, (BAND_BYTES / row_bytes - window_h) / g->stride_h),
                        gft_i64_min(2, g->oh));
    s->band = gft_i64_max(s->band, 1);
    s->bands = gft_i64_ceil_div(g->oh, s->band);
    s->rows = (s->band - 1) * g->stride_h + window_h;
    s->copy_at = gft_size_align((size_t)g->kh * sizeof(uint8_t *), 64);
    size_t copy = 0;
    if (s->copies &&
        (!gft_size_mul((size_t)s->rows, (size_t)row_bytes, &copy) || copy > (size_t)1 << 40))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: x is too large", p->node);
    p->worker_scratch_bytes = s->copy_at + copy + 64;
    uint8_t *padding = gft_q_arena(p->arena, (size_t)row_bytes + 1);
    if (!padding)
        return gft_fail_memory(err, (size_t)row_bytes, p->node);
    memset(padding, attrs->x.zero_point & 0xff, (size_t)row_bytes);
    s->padding = padding;
    p->tasks[0] = gft_i64_max(g->n * s->bands, 1);
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_qconv2d_attrs *attrs = p->attrs;
    qdepthwise_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    GFT_TRY(gft_conv_geometry_of(p->node, &attrs->conv, &p->inputs[0].shape, &p->inputs[1].shape,
                                 true, &s->geo, err));
    s->kernels = gft_kernels()->qdwconv_s8;
    GFT_TRY(pack(p, s, err));
    return place(p, s, err);
}

/* Row h of the picture with its borders. */
static void copy_row(const qdepthwise_state *s, const uint8_t *picture, int64_t h, uint8_t *to) {
    const gft_conv_geometry *g = &s->geo;
    if (h < 0 || h >= g->h) {
        memcpy(to, s->padding, (size_t)(s->width * g->oc));
        return;
    }
    const int64_t left = gft_i64_min(g->pad_left, s->width);
    const int64_t middle = gft_i64_min(s->width - left, g->w);
    const uint8_t *from = picture + h * g->w * g->c;
    memcpy(to, s->padding, (size_t)(left * g->oc));
    to += left * g->oc;
    if (g->group_oc == 1) {
        memcpy(to, from, (size_t)(middle * g->c));
        to += middle * g->c;
    } else {
        for (int64_t i = 0; i < middle * g->c; i++, to += g->group_oc)
            memset(to, from[i], (size_t)g->group_oc);
    }
    memcpy(to, s->padding, (size_t)((s->width - left - middle) * g->oc));
}

static void run(const gft_exec *exec) {
    const qdepthwise_state *s = exec->state;
    const gft_conv_geometry *g = &s->geo;
    if (g->oc == 0 || g->ow == 0 || s->bands == 0 || exec->task >= g->n * s->bands)
        return;
    const uint8_t **x_rows = exec->worker_scratch;
    uint8_t *copy = (uint8_t *)exec->worker_scratch + s->copy_at;
    const int64_t n = exec->task / s->bands;
    const int64_t first = exec->task % s->bands * s->band;
    const int64_t end = gft_i64_min(first + s->band, g->oh);
    const uint8_t *picture = (const uint8_t *)exec->inputs[0] + n * g->h * g->w * g->c;
    const int64_t top = first * g->stride_h - g->pad_top;
    const int64_t rows = (end - 1 - first) * g->stride_h + (g->kh - 1) * g->dilation_h + 1;
    const uint8_t *from = s->copies ? copy : picture + top * g->w * g->c;
    const int64_t row_bytes = (s->copies ? s->width : g->w) * g->oc;
    for (int64_t r = 0; s->copies && r < rows; r++)
        copy_row(s, picture, top + r, copy + r * row_bytes);
    gft_qdwconv_args args = {.width = g->ow,
                             .channels = g->oc,
                             .taps_h = g->kh,
                             .taps_w = g->kw,
                             .x_rows = x_rows,
                             .x_step = g->dilation_w * g->oc,
                             .x_stride = g->stride_w * g->oc,
                             .w = s->packed,
                             .y_stride = g->oc,
                             .out = s->out};
    for (int64_t oh = first; oh < end; oh++) {
        for (int64_t r = 0; r < g->kh; r++)
            x_rows[r] = from + ((oh - first) * g->stride_h + r * g->dilation_h) * row_bytes;
        args.y = (uint8_t *)exec->outputs[0] + (n * g->oh + oh) * g->ow * g->oc;
        s->kernels->run(&args);
    }
}

const gft_op gft_op_qdepthwise_conv2d = {
    .name = "qdepthwise_conv2d",
    .min_inputs = 3,
    .max_inputs = 4,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_qconv2d_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
