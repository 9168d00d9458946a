/*
 * depthwise_half: depthwise_conv2d of multiplier 1 on bfloat16 or IEEE half activations
 * (graph/attrs_half.h).
 *
 * A task is a band of output rows, as in the float32 op. For a block of channels the band's input
 * rows are widened once into the worker's scratch, the float32 row kernel runs over them, and each
 * output row is rounded as it is stored. The filter is float32 with values of 16 bits: rounded once
 * per plan if it is constant, else in the first phase of a run.
 */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "ops/depthwise_common.h"
#include "ops/epilogue.h"
#include "ops/half_ops.h"
#include "ops/ops.h"

#define STAGED_FLOATS 32768

typedef struct depthwise_half_state {
    gft_conv_geometry geo;
    gft_epilogue epilogue;
    gft_half_kernels kernels;
    gft_dwconv_f32_fn *kernel;
    gft_depthwise_row row;
    const float *filter; /* rounded; NULL: in the scratch */
    int64_t band, bands; /* output rows of a task, tasks of a picture */
    int64_t block;       /* channels */
    int64_t staged_rows;
    bool relu; /* of x */
    bool f32_result;
} depthwise_half_state;

static void round_filter(const depthwise_half_state *s, const float *from, float *to) {
    uint16_t chunk[256];
    int64_t count = s->geo.kh * s->geo.kw * s->geo.oc;
    for (int64_t i = 0; i < count; i += 256) {
        int64_t n = gft_i64_min(256, count - i);
        s->kernels.narrow(from + i, chunk, n);
        s->kernels.widen(chunk, to + i, n);
    }
}

static graft_status place(gft_prepare *p, depthwise_half_state *s, graft_error *err) {
    const gft_conv_geometry *g = &s->geo;
    s->band = gft_depthwise_band(g->oh, g->ow * g->oc * g->kh * g->kw);
    s->bands = gft_i64_ceil_div(g->oh, s->band);
    s->staged_rows =
        gft_i64_min((s->band - 1) * g->stride_h + (g->kh - 1) * g->dilation_h + 1, g->h);
    int64_t pixels = gft_i64_max(s->staged_rows * g->w, 1);
    s->block =
        gft_i64_min(gft_i64_max(STAGED_FLOATS / pixels / 16 * 16, 16), gft_i64_max(g->oc, 1));
    size_t floats = 0;
    bool ok = gft_size_mul((size_t)(pixels + g->ow), (size_t)s->block, &floats) &&
              gft_size_mul(floats, sizeof(float), &p->worker_scratch_bytes);
    if (!ok)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: a row is too large", p->node);
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_half_attrs *half = p->attrs;
    const gft_conv2d_attrs *attrs = (const gft_conv2d_attrs *)(const void *)half->attrs;
    depthwise_half_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    GFT_TRY(gft_conv_geometry_of(p->node, attrs, &p->inputs[0].shape, &p->inputs[1].shape, true,
                                 &s->geo, err));
    const gft_conv_geometry *g = &s->geo;
    if (g->group_oc != 1)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: a multiplier other than 1", p->node);
    s->kernels = gft_half_kernels_of(half->dtype);
    s->kernel = gft_kernels()->dwconv_f32;
    s->relu = attrs->relu_input;
    s->f32_result = half->output == GRAFT_F32;
    s->epilogue = gft_epilogue_of(&attrs->epilogue, 2);
    s->row = gft_depthwise_row_of(g->w, g->ow, g->kw, g->stride_w, g->dilation_w, g->pad_left,
                                  g->oc, g->oc);
    GFT_TRY(place(p, s, err));
    int64_t count = g->kh * g->kw * g->oc;
    int32_t phase = 0;
    if (p->constants[1]) {
        float *filter = gft_arena_floats(p->arena, count);
        if (!filter)
            return gft_fail_memory(err, (size_t)count * sizeof(float), p->node);
        round_filter(s, p->constants[1], filter);
        s->filter = filter;
        p->packed_inputs = 1u << 1;
    } else {
        p->scratch_bytes = (size_t)count * sizeof(float);
        p->tasks[phase++] = 1;
    }
    p->tasks[phase++] = gft_at_least_one(g->n * s->bands);
    p->phases = phase;
    return GRAFT_OK;
}

/*
 * Channels c..c+n-1 of rows first..end-1 of a picture, widened: pixels one behind another, n floats
 * each.
 */
static void stage_rows(const depthwise_half_state *s, const uint16_t *picture, int64_t first,
                       int64_t end, int64_t c, int64_t n, float *to) {
    const gft_conv_geometry *g = &s->geo;
    const uint16_t *from = picture + first * g->w * g->oc + c;
    int64_t pixels = (end - first) * g->w;
    if (n == g->oc) {
        s->kernels.widen(from, to, pixels * n);
        return;
    }
    for (int64_t i = 0; i < pixels; i++)
        s->kernels.widen(from + i * g->oc, to + i * n, n);
}

/* Residual and activation of one output row of n channels, and its way to memory. */
static void finish_row(const depthwise_half_state *s, const gft_exec *exec, float *row, int64_t at,
                       int64_t n) {
    const gft_conv_geometry *g = &s->geo;
    if (s->epilogue.residual >= 0) {
        const uint16_t *residual = (const uint16_t *)exec->inputs[s->epilogue.residual] + at;
        float chunk[256];
        for (int64_t i = 0; i < g->ow; i++) {
            for (int64_t c = 0; c < n; c += 256) {
                int64_t part = gft_i64_min(256, n - c);
                s->kernels.widen(residual + i * g->oc + c, chunk, part);
                for (int64_t k = 0; k < part; k++) {
                    float v = row[i * n + c + k] + chunk[k];
                    v = v < s->epilogue.lo ? s->epilogue.lo : v;
                    row[i * n + c + k] = v > s->epilogue.hi ? s->epilogue.hi : v;
                }
            }
        }
    }
    gft_epilogue_finish(&s->epilogue, row, 1, g->ow * n, g->ow * n);
    int64_t pieces = n == g->oc ? 1 : g->ow;
    int64_t elems = n == g->oc ? g->ow * n : n;
    for (int64_t i = 0; i < pieces; i++) {
        if (s->f32_result)
            memcpy((float *)exec->outputs[0] + at + i * g->oc, row + i * elems,
                   (size_t)elems * sizeof(float));
        else
            s->kernels.narrow(row + i * elems, (uint16_t *)exec->outputs[0] + at + i * g->oc,
                              elems);
    }
}

/* Output rows first..end-1 of one picture, channels c..c+n-1; `filter` begins at channel c. */
static void run_block(const depthwise_half_state *s, const gft_exec *exec, int64_t picture,
                      int64_t first, int64_t end, int64_t c, int64_t n, const float *filter) {
    const gft_conv_geometry *g = &s->geo;
    float *staged = exec->worker_scratch;
    float *out = staged + s->staged_rows * g->w * s->block;
    const float *bias = gft_exec_input(exec, s->epilogue.bias);
    const float *x_rows[GFT_DEPTHWISE_MAX_TAPS];
    const float *w_rows[GFT_DEPTHWISE_MAX_TAPS];
    bool residual = s->epilogue.residual >= 0;
    gft_depthwise_row row = s->row;
    row.channels = row.y_stride = n;
    int64_t top = gft_i64_max(first * g->stride_h - g->pad_top, 0);
    int64_t bottom =
        gft_i64_min((end - 1) * g->stride_h - g->pad_top + (g->kh - 1) * g->dilation_h + 1, g->h);
    top = gft_i64_min(top, g->h);
    bottom = gft_i64_max(bottom, top);
    stage_rows(s, (const uint16_t *)exec->inputs[0] + picture * g->h * g->w * g->oc, top, bottom, c,
               n, staged);
    gft_dwconv_f32_args args = {.channels = n,
                                .x_rows = x_rows,
                                .w_rows = w_rows,
                                .w_step = g->oc,
                                .y = out,
                                .bias = bias ? bias + c : NULL,
                                .relu = s->relu,
                                .lo = residual ? -INFINITY : s->epilogue.lo,
                                .hi = residual ? INFINITY : s->epilogue.hi};
    for (int64_t oh = first; oh < end; oh++) {
        int64_t tap;
        int64_t tap_end;
        int64_t start = oh * g->stride_h - g->pad_top;
        gft_conv_valid_taps(g->h, g->kh, g->dilation_h, start, &tap, &tap_end);
        args.taps_h = tap_end - tap;
        for (int64_t r = tap; r < tap_end; r++) {
            x_rows[r - tap] = staged + (start + r * g->dilation_h - top) * g->w * n;
            w_rows[r - tap] = filter + r * g->kw * g->oc;
        }
        gft_depthwise_run_row(&row, s->kernel, &args);
        finish_row(s, exec, out, ((picture * g->oh + oh) * g->ow) * g->oc + c, n);
    }
}

static void run(const gft_exec *exec) {
    const depthwise_half_state *s = exec->state;
    const gft_conv_geometry *g = &s->geo;
    if (!s->filter && exec->phase == 0) {
        round_filter(s, exec->inputs[1], exec->scratch);
        return;
    }
    if (g->oc == 0 || g->ow == 0 || s->bands == 0 || exec->task >= g->n * s->bands)
        return;
    const float *filter = s->filter ? s->filter : exec->scratch;
    int64_t first = exec->task % s->bands * s->band;
    for (int64_t c = 0; c < g->oc; c += s->block)
        run_block(s, exec, exec->task / s->bands, first, gft_i64_min(first + s->band, g->oh), c,
                  gft_i64_min(s->block, g->oc - c), filter + c);
}

const gft_op gft_op_depthwise_half = {
    .name = "depthwise_half",
    .min_inputs = 2,
    .max_inputs = 4,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_half_attrs),
    .infer = gft_half_infer,
    .cost = gft_half_cost,
    .prepare = prepare,
    .run = run,
};
