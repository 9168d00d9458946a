/*
 * conv2d_grad_input: dy, filter -> dx. By Winograd's algorithm where that is faster (3x3, stride
 * 1). Else for each class of input pixels (ops/conv_classes.h) an indirect GEMM: rows are input
 * pixels, the reduction runs over the contributing taps and the filters, columns are input
 * channels.
 */
#include <math.h>

#include "base/size.h"
#include "ops/conv2d_winograd.h"
#include "ops/conv_classes.h"
#include "ops/conv_geometry.h"
#include "ops/conv_grad_common.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

/* One class of pixels. */
typedef struct pixel_class {
    gft_conv_class h, w;
    gft_gemm_grid grid;
    int64_t packed_at;  /* its panels among those of a group */
    int64_t first_task; /* among the tasks of a group */
} pixel_class;

typedef struct grad_input_state {
    gft_conv_geometry geo;
    const gft_winograd *winograd; /* NULL: what follows is filled in */
    const gft_gemm_f32_kernels *kernels;
    pixel_class *classes;
    int64_t class_count;
    int64_t tasks;         /* of a group */
    int64_t panels;        /* of a tap */
    int64_t pieces;        /* pack tasks of a tap */
    int64_t packed_floats; /* of a group */
    const float *packed;   /* NULL: packed in phase 0 */
    const float *zeros;
    size_t rows_at; /* worker scratch: offsets into dx behind the pointers */
} grad_input_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    gft_conv_geometry geo;
    graft_shape dx;
    GFT_TRY(gft_check_operand(in->node, "the filter", &in->inputs[1], 4, err));
    GFT_TRY(gft_conv_grad_input_shape(in->node, in->attrs, &in->inputs[0], &in->inputs[1].shape,
                                      false, &geo, &dx, err));
    in->outputs[0] = gft_desc_f32(dx);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    gft_conv_geometry geo;
    graft_shape dx;
    if (gft_conv_grad_input_shape(in->node, in->attrs, &in->inputs[0], &in->inputs[1].shape, false,
                                  &geo, &dx, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

/*
 * Classes, their grids and where each puts its panels; the most pointers any block needs goes to
 * *pointers.
 */
static graft_status make_classes(gft_prepare *p, grad_input_state *s, size_t *pointers,
                                 int64_t *max_rows, graft_error *err) {
    const gft_conv_geometry *g = &s->geo;
    int64_t across = gft_conv_class_count(g->w, g->stride_w);
    s->class_count = gft_conv_class_count(g->h, g->stride_h) * across;
    s->classes = gft_arena_array(p->arena, (size_t)s->class_count, sizeof *s->classes);
    if (!s->classes)
        return gft_fail_memory(err, (size_t)s->class_count * sizeof *s->classes, p->node);
    int64_t panel_floats = s->panels * s->kernels->nr * g->group_oc;
    for (int64_t i = 0; i < s->class_count; i++) {
        pixel_class *c = &s->classes[i];
        c->h = gft_conv_class_of(i / across, g->h, g->kh, g->stride_h, g->dilation_h, g->pad_top);
        c->w = gft_conv_class_of(i % across, g->w, g->kw, g->stride_w, g->dilation_w, g->pad_left);
        int64_t taps = c->h.taps * c->w.taps;
        c->grid = gft_gemm_grid_of(g->n * c->h.count * c->w.count, g->group_c, taps * g->group_oc,
                                   s->kernels);
        c->packed_at = s->packed_floats;
        c->first_task = s->tasks;
        s->packed_floats += taps * panel_floats;
        s->tasks += gft_gemm_grid_tasks(&c->grid);
        *pointers = gft_size_max(*pointers, (size_t)(taps * c->grid.max_rows));
        *max_rows = gft_i64_max(*max_rows, c->grid.max_rows);
    }
    return GRAFT_OK;
}

/* Panels first.. of one tap: element (oc, c) of the matrix is filter[tap][c][oc]. */
static void pack_task(const grad_input_state *s, const float *filter, float *packed, int64_t task) {
    const gft_conv_geometry *g = &s->geo;
    int64_t piece = task % s->pieces;
    int64_t tap = task / s->pieces % (g->kh * g->kw);
    int64_t group = task / s->pieces / (g->kh * g->kw);
    if (group >= g->groups)
        return;
    int64_t nr = s->kernels->nr;
    const float *src = filter + tap * g->group_c * g->oc + group * g->group_oc;
    for (int64_t i = 0; i < s->class_count; i++) {
        const pixel_class *c = &s->classes[i];
        int64_t th = tap / g->kw - c->h.tap;
        int64_t tw = tap % g->kw - c->w.tap;
        if (c->h.taps * c->w.taps == 0 || th < 0 || tw < 0 || th % c->h.tap_step ||
            tw % c->w.tap_step)
            continue;
        int64_t index = th / c->h.tap_step * c->w.taps + tw / c->w.tap_step;
        int64_t panel_stride = c->grid.depth * nr;
        float *dst = packed + group * s->packed_floats + c->packed_at + index * g->group_oc * nr;
        for (int64_t panel = piece * s->panels / s->pieces;
             panel < (piece + 1) * s->panels / s->pieces; panel++)
            gft_gemm_pack_f32(src, g->group_oc, g->group_c, 1, g->oc, nr, panel, 1,
                              dst + panel * panel_stride);
        return;
    }
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    grad_input_state *s = gft_arena_alloc(p->arena, sizeof *s);
    graft_shape dx;
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    GFT_TRY(gft_conv_grad_input_shape(p->node, p->attrs, &p->inputs[0], &p->inputs[1].shape, false,
                                      &s->geo, &dx, err));
    const gft_conv_geometry *g = &s->geo;
    p->state = s;
    if (p->constants[1])
        p->packed_inputs = 1u << 1;
    const gft_winograd_setup winograd = gft_winograd_gradient(g, p->constants[1]);
    if (winograd.grid.m && !p->no_winograd)
        return gft_winograd_prepare(&winograd, p, &s->winograd, err);
    s->kernels = gft_kernels()->gemm_f32;
    s->panels = gft_gemm_panels(g->group_c, s->kernels->nr);
    s->pieces =
        gft_at_least_one(gft_i64_min(s->panels, s->panels * s->kernels->nr * g->group_oc / 65536));
    size_t pointers = 0;
    int64_t max_rows = 0;
    GFT_TRY(make_classes(p, s, &pointers, &max_rows, err));
    s->zeros = gft_arena_floats(p->arena, g->group_oc);
    if (!s->zeros)
        return gft_fail_memory(err, (size_t)g->group_oc * sizeof(float), p->node);
    s->rows_at = gft_size_align(pointers * sizeof(float *), 64);
    p->worker_scratch_bytes = s->rows_at + (size_t)max_rows * sizeof(int64_t);
    int64_t pack_tasks = g->groups * g->kh * g->kw * s->pieces;
    int64_t floats = s->packed_floats * g->groups;
    int32_t phase = 0;
    if (p->constants[1]) {
        float *packed = gft_arena_floats(p->arena, floats);
        if (!packed)
            return gft_fail_memory(err, (size_t)floats * sizeof(float), p->node);
        for (int64_t task = 0; task < pack_tasks; task++)
            pack_task(s, p->constants[1], packed, task);
        s->packed = packed;
    } else {
        p->scratch_bytes = (size_t)floats * sizeof(float);
        p->tasks[phase++] = gft_at_least_one(pack_tasks);
    }
    p->tasks[phase++] = gft_at_least_one(g->groups * s->tasks);
    p->phases = phase;
    return GRAFT_OK;
}

/* For each pixel of the block where it lies in dx, and for each tap the pixel of dy (or zeros). */
static void build_rows(const grad_input_state *s, const pixel_class *c, const float *dy,
                       int64_t row, int64_t rows, const float **out, int64_t *offsets) {
    const gft_conv_geometry *g = &s->geo;
    int64_t jw = row % c->w.count;
    int64_t jh = row / c->w.count % c->h.count;
    int64_t n = row / c->w.count / c->h.count;
    for (int64_t i = 0; i < rows; i++) {
        const float **to = out + i;
        for (int64_t th = 0; th < c->h.taps; th++) {
            int64_t oh = c->h.q + jh - c->h.e - th * c->h.e_step;
            const float *line =
                oh >= 0 && oh < g->oh ? dy + (n * g->oh + oh) * g->ow * g->oc : NULL;
            for (int64_t tw = 0; tw < c->w.taps; tw++, to += rows) {
                int64_t ow = c->w.q + jw - c->w.e - tw * c->w.e_step;
                *to = line && ow >= 0 && ow < g->ow ? line + ow * g->oc : s->zeros;
            }
        }
        offsets[i] =
            ((n * g->h + c->h.first + jh * g->stride_h) * g->w + c->w.first + jw * g->stride_w) *
            g->c;
        if (++jw == c->w.count) {
            jw = 0;
            if (++jh == c->h.count) {
                jh = 0;
                n++;
            }
        }
    }
}

static void run_block(const grad_input_state *s, const gft_exec *exec) {
    const gft_conv_geometry *g = &s->geo;
    if (s->tasks == 0 || exec->task >= g->groups * s->tasks)
        return;
    int64_t group = exec->task / s->tasks;
    int64_t task = exec->task % s->tasks;
    const pixel_class *c = s->classes;
    while (task >= c->first_task + gft_gemm_grid_tasks(&c->grid))
        c++;
    gft_gemm_block block = gft_gemm_grid_block(&c->grid, task - c->first_task);
    if (block.rows <= 0 || block.cols <= 0)
        return;
    const float **rows = exec->worker_scratch;
    int64_t *offsets = (int64_t *)(void *)((char *)exec->worker_scratch + s->rows_at);
    build_rows(s, c, (const float *)exec->inputs[0] + group * g->group_oc, block.row, block.rows,
               rows, offsets);
    const float *packed = s->packed ? s->packed : exec->scratch;
    int64_t panel_stride = c->grid.depth * c->grid.nr;
    gft_gemm_f32_args args = {
        .rows = block.rows,
        .cols = block.cols,
        .taps = c->h.taps * c->w.taps,
        .depth = g->group_oc,
        .a = rows,
        .a_stride = block.rows,
        .b = packed + group * s->packed_floats + c->packed_at + block.panel * panel_stride,
        .b_panel_stride = panel_stride,
        .c = (float *)exec->outputs[0] + group * g->group_c + block.col,
        .c_rows = offsets,
        .lo = -INFINITY,
        .hi = INFINITY,
    };
    s->kernels->run(&args);
}

static void run(const gft_exec *exec) {
    const grad_input_state *s = exec->state;
    if (s->winograd)
        gft_winograd_run(s->winograd, exec);
    else if (!s->packed && exec->phase == 0)
        pack_task(s, exec->inputs[1], exec->scratch, exec->task);
    else
        run_block(s, exec);
}

const gft_op gft_op_conv2d_grad_input = {
    .name = "conv2d_grad_input",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_conv2d_grad_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
