/*
 * depthwise_conv2d_grad_filter: x, dy -> dfilter. Channels do not mix, so tasks are blocks of
 * channels; with few channels the output rows are cut as well, each part with sums of its own,
 * joined in order in a last phase. With a multiplier a first phase repeats the channels of x.
 */
#include <string.h>

#include "base/size.h"
#include "ops/conv_grad_common.h"
#include "ops/depthwise_common.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

#define TASK_MACS 262144.0
#define WANTED_TASKS 16.0
#define MIN_CHANNELS 32

typedef struct grad_filter_state {
    gft_conv_geometry geo;
    gft_dwconv_grad_f32_fn *kernel;
    gft_depthwise_row row;
    int64_t block;         /* channels that stay in L1 */
    int64_t slice, slices; /* channels of a task */
    int64_t parts;         /* of the n * oh output rows */
    size_t repeated_bytes; /* x with repeated channels, at the start of the scratch */
} grad_filter_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_conv2d_grad_attrs *attrs = in->attrs;
    gft_conv_geometry geo;
    GFT_TRY(gft_conv_grad_filter_geometry(in->node, attrs, &in->inputs[0], &in->inputs[1], true,
                                          &geo, err));
    in->outputs[0] = gft_desc_f32(attrs->shape);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    gft_conv_geometry geo;
    if (gft_conv_grad_filter_geometry(in->node, in->attrs, &in->inputs[0], &in->inputs[1], true,
                                      &geo, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

static void cut(grad_filter_state *s) {
    const gft_conv_geometry *g = &s->geo;
    double macs = (double)gft_conv_geometry_macs(g);
    double most = macs / TASK_MACS < WANTED_TASKS ? macs / TASK_MACS : WANTED_TASKS;
    int64_t wanted = gft_at_least_one((int64_t)most);
    int64_t chunks = gft_at_least_one(gft_i64_ceil_div(g->oc, MIN_CHANNELS));
    s->slice = gft_i64_ceil_div(chunks, gft_i64_min(wanted, chunks)) * MIN_CHANNELS;
    s->slices = gft_at_least_one(gft_i64_ceil_div(g->oc, s->slice));
    s->parts = gft_at_least_one(gft_i64_min(gft_i64_ceil_div(wanted, s->slices), g->n * g->oh));
    s->block = gft_i64_min(s->slice, gft_depthwise_channel_block(g->kh, g->w, g->oc));
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    grad_filter_state *s = gft_arena_alloc(p->arena, sizeof *s);
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    GFT_TRY(gft_conv_grad_filter_geometry(p->node, p->attrs, &p->inputs[0], &p->inputs[1], true,
                                          &s->geo, err));
    const gft_conv_geometry *g = &s->geo;
    s->kernel = gft_kernels()->dwconv_grad_f32;
    s->row = gft_depthwise_row_of(g->w, g->ow, g->kw, g->stride_w, g->dilation_w, g->pad_left,
                                  g->oc, g->oc);
    cut(s);
    p->state = s;
    int32_t phase = 0;
    size_t bytes = 0;
    if (g->group_oc > 1) {
        bool ok = gft_size_mul((size_t)(g->n * g->h), (size_t)g->w, &bytes) &&
                  gft_size_mul(bytes, (size_t)g->oc, &bytes) &&
                  gft_size_mul(bytes, sizeof(float), &bytes);
        if (!ok)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                            "%s: x times its multiplier is too large", p->node);
        p->tasks[phase++] = gft_at_least_one(g->n * g->h);
    }
    s->repeated_bytes = gft_size_align(bytes, 64);
    p->scratch_bytes = s->repeated_bytes;
    p->tasks[phase++] = s->slices * s->parts;
    if (s->parts > 1) {
        int64_t elems = g->kh * g->kw * g->oc;
        p->scratch_bytes += (size_t)(s->parts * elems) * sizeof(float);
        p->tasks[phase++] = gft_at_least_one(gft_i64_ceil_div(elems, GFT_GRAD_SLICE));
    }
    p->phases = phase;
    return GRAFT_OK;
}

/* One output row: each row of the filter with the input row it meets. */
static void add_row(const grad_filter_state *s, const float *picture, int64_t oh,
                    gft_dwconv_grad_f32_args *args, float *dw) {
    const gft_conv_geometry *g = &s->geo;
    int64_t tap;
    int64_t end;
    int64_t start = oh * g->stride_h - g->pad_top;
    gft_conv_valid_taps(g->h, g->kh, g->dilation_h, start, &tap, &end);
    for (int64_t kh = tap; kh < end; kh++) {
        args->x = picture + (start + kh * g->dilation_h) * g->w * g->oc;
        args->dw = dw + kh * g->kw * g->oc;
        gft_depthwise_grad_row(&s->row, s->kernel, args);
    }
}

static void run_part(const grad_filter_state *s, const gft_exec *exec) {
    const gft_conv_geometry *g = &s->geo;
    const float *x = g->group_oc > 1 ? exec->scratch : exec->inputs[0];
    const float *dy = exec->inputs[1];
    int64_t part = exec->task / s->slices;
    int64_t first = exec->task % s->slices * s->slice;
    int64_t end = gft_i64_min(first + s->slice, g->oc);
    int64_t rows = g->n * g->oh;
    float *dw = exec->outputs[0];
    if (s->parts > 1)
        dw = (float *)(void *)((char *)exec->scratch + s->repeated_bytes) +
             part * g->kh * g->kw * g->oc;
    for (int64_t t = 0; first < end && t < g->kh * g->kw; t++)
        memset(dw + t * g->oc + first, 0, (size_t)(end - first) * sizeof(float));
    for (int64_t c = first; c < end; c += s->block) {
        gft_dwconv_grad_f32_args args = {.channels = gft_i64_min(s->block, end - c),
                                         .w_step = g->oc};
        for (int64_t row = part * rows / s->parts; row < (part + 1) * rows / s->parts; row++) {
            args.dy = dy + row * g->ow * g->oc + c;
            add_row(s, x + row / g->oh * g->h * g->w * g->oc + c, row % g->oh, &args, dw + c);
        }
    }
}

static void run(const gft_exec *exec) {
    const grad_filter_state *s = exec->state;
    const gft_conv_geometry *g = &s->geo;
    int32_t phase = exec->phase + (g->group_oc > 1 ? 0 : 1);
    if (phase == 0) {
        if (exec->task < g->n * g->h)
            gft_depthwise_repeat((const float *)exec->inputs[0] + exec->task * g->w * g->c, g->w,
                                 g->c, g->group_oc,
                                 (float *)exec->scratch + exec->task * g->w * g->oc);
    } else if (phase == 1) {
        run_part(s, exec);
    } else {
        const float *parts =
            (const float *)(const void *)((const char *)exec->scratch + s->repeated_bytes);
        gft_conv_grad_join(parts, s->parts, g->kh * g->kw * g->oc, exec->task, exec->outputs[0]);
    }
}

const gft_op gft_op_depthwise_conv2d_grad_filter = {
    .name = "depthwise_conv2d_grad_filter",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_conv2d_grad_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
