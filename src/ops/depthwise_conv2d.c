/*
 * depthwise_conv2d: TensorFlow's DepthwiseConv2dNative in NHWC with bias, residual and activation,
 * any filter, stride, dilation, padding and multiplier.
 *
 * A task is a band of output rows. Inside it channels are taken in blocks whose input rows stay in
 * L1; the kernel keeps several output pixels in registers. The filter is used as it is: (kh, kw, c)
 * already has channels side by side.
 */
#include <math.h>

#include "base/size.h"
#include "ops/depthwise_common.h"
#include "ops/epilogue.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

typedef struct depthwise_state {
    gft_conv_geometry geo;
    gft_epilogue epilogue;
    gft_dwconv_f32_fn *kernel;
    gft_depthwise_row row;
    int64_t band, bands; /* output rows of a task, tasks of a picture */
    int64_t block;       /* channels */
    bool relu;           /* of x */
    bool pairs;          /* two output rows at a time */
} depthwise_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_conv2d_attrs *attrs = in->attrs;
    gft_conv_geometry geo;
    GFT_TRY(gft_check_operand(in->node, "x", &in->inputs[0], 4, err));
    GFT_TRY(gft_check_operand(in->node, "the filter", &in->inputs[1], 4, err));
    GFT_TRY(gft_conv_geometry_of(in->node, attrs, &in->inputs[0].shape, &in->inputs[1].shape, true,
                                 &geo, err));
    if (geo.kh > GFT_DEPTHWISE_MAX_TAPS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: a depthwise filter has at most %d rows",
                        in->node, GFT_DEPTHWISE_MAX_TAPS);
    graft_shape y = gft_conv_geometry_shape(&geo);
    GFT_TRY(gft_epilogue_check(in, &attrs->epilogue, 2, &y, -1, err));
    in->outputs[0] = gft_desc_f32(y);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    gft_conv_geometry geo;
    if (gft_conv_geometry_of(in->node, in->attrs, &in->inputs[0].shape, &in->inputs[1].shape, true,
                             &geo, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_conv2d_attrs *attrs = p->attrs;
    depthwise_state *s = gft_arena_alloc(p->arena, sizeof *s);
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    GFT_TRY(gft_conv_geometry_of(p->node, attrs, &p->inputs[0].shape, &p->inputs[1].shape, true,
                                 &s->geo, err));
    const gft_conv_geometry *g = &s->geo;
    s->kernel = gft_kernels()->dwconv_f32;
    s->relu = attrs->relu_input;
    s->epilogue = gft_epilogue_of(&attrs->epilogue, 2);
    s->row = gft_depthwise_row_of(g->w, g->ow, g->kw, g->stride_w, g->dilation_w, g->pad_left,
                                  g->oc, g->oc);
    s->block = gft_depthwise_channel_block(g->kh, g->w, g->oc);
    s->band = gft_depthwise_band(g->oh, g->ow * g->oc * g->kh * g->kw);
    s->pairs = g->dilation_h == 1 && g->dilation_w == 1 && g->stride_h <= GFT_DEPTHWISE_MAX_TAPS;
    s->band += s->pairs ? s->band % 2 : 0;
    s->bands = gft_i64_ceil_div(g->oh, s->band);
    p->state = s;
    int32_t phase = 0;
    if (g->group_oc > 1) {
        size_t bytes;
        bool ok = gft_size_mul((size_t)(g->n * g->h), (size_t)g->w, &bytes) &&
                  gft_size_mul(bytes, (size_t)g->oc, &bytes) &&
                  gft_size_mul(bytes, sizeof(float), &bytes);
        if (!ok)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                            "%s: x times its multiplier is too large", p->node);
        p->scratch_bytes = bytes;
        p->tasks[phase++] = gft_at_least_one(g->n * g->h);
    }
    p->tasks[phase++] = gft_at_least_one(g->n * s->bands);
    p->phases = phase;
    return GRAFT_OK;
}

/* One row of x with its channels repeated. */
static void run_repeat(const depthwise_state *s, const gft_exec *exec) {
    const gft_conv_geometry *g = &s->geo;
    if (exec->task >= g->n * g->h)
        return;
    gft_depthwise_repeat((const float *)exec->inputs[0] + exec->task * g->w * g->c, g->w, g->c,
                         g->group_oc, (float *)exec->scratch + exec->task * g->w * g->oc);
}

/* `rows` (1 or 2) output rows from oh on. */
static void run_rows(const depthwise_state *s, const float *picture, const float *filter,
                     int64_t oh, int64_t rows, gft_dwconv_f32_args *args) {
    const gft_conv_geometry *g = &s->geo;
    const float *x_rows[2 * GFT_DEPTHWISE_MAX_TAPS];
    const float *w_rows[GFT_DEPTHWISE_MAX_TAPS];
    int64_t start = oh * g->stride_h - g->pad_top;
    int64_t count = g->kh + (rows - 1) * g->stride_h;
    for (int64_t r = 0; r < count; r++) {
        int64_t h = start + r * g->dilation_h;
        x_rows[r] = h >= 0 && h < g->h ? picture + h * g->w * g->oc : NULL;
        if (r < g->kh)
            w_rows[r] = filter + r * g->kw * g->oc;
    }
    args->taps_h = g->kh;
    args->rows = rows;
    args->row_step = g->stride_h;
    args->y_row = g->ow * g->oc;
    args->x_rows = x_rows;
    args->w_rows = w_rows;
    gft_depthwise_run_row(&s->row, s->kernel, args);
}

static void add_residual(const depthwise_state *s, float *y, const float *residual, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float v = y[i] + residual[i];
        v = v < s->epilogue.lo ? s->epilogue.lo : v;
        y[i] = v > s->epilogue.hi ? s->epilogue.hi : v;
    }
}

static void run_band(const depthwise_state *s, const gft_exec *exec) {
    const gft_conv_geometry *g = &s->geo;
    if (g->oc == 0 || s->bands == 0 || exec->task >= g->n * s->bands)
        return;
    const float *x = g->group_oc > 1 ? exec->scratch : exec->inputs[0];
    const float *filter = exec->inputs[1];
    const float *bias = gft_exec_input(exec, s->epilogue.bias);
    const float *residual = gft_exec_input(exec, s->epilogue.residual);
    int64_t n = exec->task / s->bands;
    int64_t first = exec->task % s->bands * s->band;
    int64_t end = gft_i64_min(first + s->band, g->oh);
    const float *picture = x + n * g->h * g->w * g->oc;
    float *y = (float *)exec->outputs[0] + n * g->oh * g->ow * g->oc;
    gft_dwconv_f32_args args = {
        .w_step = g->oc, .relu = s->relu, .lo = s->epilogue.lo, .hi = s->epilogue.hi};
    if (residual) {
        args.lo = -INFINITY;
        args.hi = INFINITY;
    }
    for (int64_t c = 0; c < g->oc; c += s->block) {
        args.channels = gft_i64_min(s->block, g->oc - c);
        args.bias = bias ? bias + c : NULL;
        int64_t rows = 1;
        for (int64_t oh = first; oh < end; oh += rows) {
            rows = s->pairs && oh + 1 < end ? 2 : 1;
            args.y = y + oh * g->ow * g->oc + c;
            run_rows(s, picture + c, filter + c, oh, rows, &args);
        }
    }
    float *band = y + first * g->ow * g->oc;
    int64_t count = (end - first) * g->ow * g->oc;
    if (residual)
        add_residual(s, band, residual + (band - (float *)exec->outputs[0]), count);
    gft_epilogue_finish(&s->epilogue, band, 1, count, count);
}

static void run(const gft_exec *exec) {
    const depthwise_state *s = exec->state;
    if (s->geo.group_oc > 1 && exec->phase == 0)
        run_repeat(s, exec);
    else
        run_band(s, exec);
}

const gft_op gft_op_depthwise_conv2d = {
    .name = "depthwise_conv2d",
    .kind = GFT_KIND_DEPTHWISE,
    .min_inputs = 2,
    .max_inputs = 4,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_conv2d_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
