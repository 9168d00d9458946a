/*
 * depthwise_conv2d_grad_input: dy, filter -> dx. For each class of input columns
 * (ops/conv_classes.h) a stride-1 pass of the forward row kernel over dy with the contributing taps
 * in reverse, written to every stride-th pixel of dx. With a multiplier the pass gives oc channels,
 * which a second phase adds up in groups.
 */
#include <math.h>

#include "base/size.h"
#include "ops/conv_classes.h"
#include "ops/conv_grad_common.h"
#include "ops/depthwise_common.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

typedef struct grad_input_state {
    gft_conv_geometry geo;
    gft_dwconv_f32_fn *kernel;
    int64_t band, bands, block;
} grad_input_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    gft_conv_geometry geo;
    graft_shape dx;
    GFT_TRY(gft_check_operand(in->node, "the filter", &in->inputs[1], 4, err));
    GFT_TRY(gft_conv_grad_input_shape(in->node, in->attrs, &in->inputs[0], &in->inputs[1].shape,
                                      true, &geo, &dx, err));
    if (geo.kh > GFT_DEPTHWISE_MAX_TAPS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: a depthwise filter has at most %d rows",
                        in->node, GFT_DEPTHWISE_MAX_TAPS);
    in->outputs[0] = gft_desc_f32(dx);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    gft_conv_geometry geo;
    graft_shape dx;
    if (gft_conv_grad_input_shape(in->node, in->attrs, &in->inputs[0], &in->inputs[1].shape, true,
                                  &geo, &dx, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    grad_input_state *s = gft_arena_alloc(p->arena, sizeof *s);
    graft_shape dx;
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    GFT_TRY(gft_conv_grad_input_shape(p->node, p->attrs, &p->inputs[0], &p->inputs[1].shape, true,
                                      &s->geo, &dx, err));
    const gft_conv_geometry *g = &s->geo;
    s->kernel = gft_kernels()->dwconv_f32;
    s->block = gft_depthwise_channel_block(g->kh, g->ow, g->oc);
    s->band = gft_depthwise_band(g->h, g->w * g->oc * g->kh * g->kw / (g->stride_h * g->stride_w));
    s->bands = gft_i64_ceil_div(g->h, s->band);
    p->state = s;
    p->tasks[0] = gft_at_least_one(g->n * s->bands);
    if (g->group_oc > 1) {
        size_t bytes;
        bool ok = gft_size_mul((size_t)(g->n * g->h), (size_t)g->w, &bytes) &&
                  gft_size_mul(bytes, (size_t)g->oc, &bytes) &&
                  gft_size_mul(bytes, sizeof(float), &bytes);
        if (!ok)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                            "%s: dx times its multiplier is too large", p->node);
        p->scratch_bytes = bytes;
        p->tasks[1] = gft_at_least_one(g->n * g->h);
        p->phases = 2;
    }
    return GRAFT_OK;
}

/* One row of dx: args has channels; dy and filter point at the first of them. */
static void run_row(const grad_input_state *s, const float *dy, const float *filter, float *dx,
                    int64_t ih, gft_dwconv_f32_args *args) {
    const gft_conv_geometry *g = &s->geo;
    const float *x_rows[GFT_DEPTHWISE_MAX_TAPS];
    const float *w_rows[GFT_DEPTHWISE_MAX_TAPS];
    gft_conv_class h =
        gft_conv_class_of(ih % g->stride_h, g->h, g->kh, g->stride_h, g->dilation_h, g->pad_top);
    int64_t columns = gft_conv_class_count(g->w, g->stride_w);
    for (int64_t i = 0; i < columns; i++) {
        gft_conv_class w =
            gft_conv_class_of(i, g->w, g->kw, g->stride_w, g->dilation_w, g->pad_left);
        int64_t last = w.taps - 1;
        args->taps_h = 0;
        for (int64_t t = 0; w.taps > 0 && t < h.taps; t++) {
            int64_t oh = h.q + ih / g->stride_h - h.e - t * h.e_step;
            if (oh < 0 || oh >= g->oh)
                continue;
            x_rows[args->taps_h] = dy + oh * g->ow * g->oc;
            w_rows[args->taps_h++] =
                filter + ((h.tap + t * h.tap_step) * g->kw + w.tap + last * w.tap_step) * g->oc;
        }
        gft_depthwise_row row = gft_depthwise_row_of(
            g->ow, w.count, gft_i64_max(w.taps, 1), 1, w.e_step,
            w.e + gft_i64_max(last, 0) * w.e_step - w.q, g->oc, g->stride_w * g->oc);
        args->x_rows = x_rows;
        args->w_rows = w_rows;
        args->w_step = -w.tap_step * g->oc;
        args->y = dx + (ih * g->w + w.first) * g->oc;
        gft_depthwise_run_row(&row, s->kernel, args);
    }
}

static void run_band(const grad_input_state *s, const gft_exec *exec) {
    const gft_conv_geometry *g = &s->geo;
    if (g->oc == 0 || s->bands == 0 || exec->task >= g->n * s->bands)
        return;
    int64_t n = exec->task / s->bands;
    int64_t first = exec->task % s->bands * s->band;
    int64_t end = gft_i64_min(first + s->band, g->h);
    const float *dy = (const float *)exec->inputs[0] + n * g->oh * g->ow * g->oc;
    const float *filter = exec->inputs[1];
    float *to = g->group_oc > 1 ? exec->scratch : exec->outputs[0];
    float *dx = to + n * g->h * g->w * g->oc;
    gft_dwconv_f32_args args = {.lo = -INFINITY, .hi = INFINITY};
    for (int64_t c = 0; c < g->oc; c += s->block) {
        args.channels = gft_i64_min(s->block, g->oc - c);
        for (int64_t ih = first; ih < end; ih++)
            run_row(s, dy + c, filter + c, dx + c, ih, &args);
    }
}

/* One row of pixels: adds the channels that come from the same input channel. */
static void run_sum(const grad_input_state *s, const gft_exec *exec) {
    const gft_conv_geometry *g = &s->geo;
    if (exec->task >= g->n * g->h)
        return;
    const float *from = (const float *)exec->scratch + exec->task * g->w * g->oc;
    float *to = (float *)exec->outputs[0] + exec->task * g->w * g->c;
    for (int64_t i = 0; i < g->w * g->c; i++, from += g->group_oc) {
        float sum = from[0];
        for (int64_t m = 1; m < g->group_oc; m++)
            sum += from[m];
        to[i] = sum;
    }
}

/* No filters at all: nothing flows back. */
static void run_zero(const grad_input_state *s, const gft_exec *exec) {
    float *dx = exec->outputs[0];
    if (exec->task == 0)
        for (int64_t i = 0; i < s->geo.n * s->geo.h * s->geo.w * s->geo.c; i++)
            dx[i] = 0.0f;
}

static void run(const gft_exec *exec) {
    const grad_input_state *s = exec->state;
    if (s->geo.group_oc == 0)
        run_zero(s, exec);
    else if (exec->phase == 0)
        run_band(s, exec);
    else
        run_sum(s, exec);
}

const gft_op gft_op_depthwise_conv2d_grad_input = {
    .name = "depthwise_conv2d_grad_input",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_conv2d_grad_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
