/*
 * resize: x (N,H,W,C) -> (N,height,width,C), bilinear, nearest, bicubic or area, by TensorFlow's
 * rules for align_corners and half_pixel_centers (legacy when neither is set). resize_grad: dy [, x
 * for its shape] -> dx.
 *
 * Each output row and column has two source positions and a weight, computed once per plan; bicubic
 * and area have more (ops/resize_filter.h).
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/resize_filter.h"

/* Output i = source[low] * (1 - weight) + source[high] * weight. */
typedef struct tap {
    int64_t low, high;
    float weight;
} tap;

typedef struct resize_state {
    int64_t n, h, w, c, oh, ow;
    const tap *rows, *cols;
    int64_t rows_per_task;
    bool nearest;
    bool filter; /* the lists below instead of rows and cols */
    gft_resize_filter row_filter, col_filter;
} resize_state;

static graft_status check_attrs(const gft_resize_attrs *a, graft_error *err) {
    if (a->height < 0 || a->width < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "size %" PRId64 "x%" PRId64 ", expected 0 or more", a->height, a->width);
    if (a->mode < GFT_RESIZE_BILINEAR || a->mode > GFT_RESIZE_AREA)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "mode %d is none", (int)a->mode);
    if (a->align_corners && a->half_pixel_centers)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "align_corners and half_pixel_centers exclude each other");
    return GRAFT_OK;
}

/* The size for pictures of shape x; -1 where that is not known. */
static gft_resize_attrs sized(const gft_resize_attrs *a, const graft_shape *x) {
    gft_resize_attrs y = *a;
    if (a->scale_h > 0)
        y.height =
            x->dims[1] < 0 || !gft_i64_mul(x->dims[1], a->scale_h, &y.height) ? -1 : y.height;
    if (a->scale_w > 0)
        y.width = x->dims[2] < 0 || !gft_i64_mul(x->dims[2], a->scale_w, &y.width) ? -1 : y.width;
    return y;
}

static graft_status check_not_empty(const gft_resize_attrs *a, const graft_shape *x,
                                    graft_error *err) {
    if ((x->dims[1] == 0 && a->height > 0) || (x->dims[2] == 0 && a->width > 0)) {
        char text[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "an empty picture %s cannot be resized",
                        gft_shape_text(x, text));
    }
    return GRAFT_OK;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_resize_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    GFT_TRY(check_attrs(attrs, err));
    const gft_resize_attrs size = sized(attrs, x);
    GFT_TRY(check_not_empty(&size, x, err));
    in->outputs[0] = gft_desc_f32(gft_shape_4(x->dims[0], size.height, size.width, x->dims[3]));
    return GRAFT_OK;
}

static tap tap_of(const gft_resize_attrs *a, int64_t o, float scale, int64_t size) {
    const float at = (float)o;
    tap t;
    if (a->mode == GFT_RESIZE_NEAREST) {
        float source = a->half_pixel_centers ? (at + 0.5f) * scale : at * scale;
        source = a->align_corners ? roundf(source) : floorf(source);
        t.low = gft_i64_max(0, gft_i64_min(size - 1, (int64_t)source));
        t.high = t.low;
        t.weight = 0.0f;
    } else {
        const float source = a->half_pixel_centers ? (at + 0.5f) * scale - 0.5f : at * scale;
        const float whole = floorf(source);
        t.low = gft_i64_max(0, gft_i64_min(size - 1, (int64_t)whole));
        t.high = gft_i64_max(0, gft_i64_min(size - 1, (int64_t)ceilf(source)));
        t.weight = source - whole;
    }
    return t;
}

static graft_status make_taps(gft_prepare *p, const gft_resize_attrs *a, int64_t size,
                              int64_t outputs, const tap **out, graft_error *err) {
    tap *taps = gft_arena_array(p->arena, (size_t)outputs, sizeof *taps);
    if (!taps)
        return gft_fail_memory(err, (unsigned long long)outputs * sizeof *taps, p->node);
    const bool corners = a->align_corners && outputs > 1;
    const float scale = outputs == 0 ? 0.0f
                                     : (corners ? (float)(size - 1) / (float)(outputs - 1)
                                                : (float)size / (float)outputs);
    for (int64_t o = 0; o < outputs; o++)
        taps[o] = tap_of(a, o, scale, size);
    *out = taps;
    return GRAFT_OK;
}

static graft_status make_state(gft_prepare *p, const gft_resize_attrs *a, const graft_shape *x,
                               const graft_shape *y, resize_state **out, graft_error *err) {
    resize_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->n = x->dims[0];
    s->h = x->dims[1];
    s->w = x->dims[2];
    s->c = x->dims[3];
    s->oh = y->dims[1];
    s->ow = y->dims[2];
    s->nearest = a->mode == GFT_RESIZE_NEAREST;
    s->filter = a->mode == GFT_RESIZE_BICUBIC || a->mode == GFT_RESIZE_AREA;
    *out = s;
    if (s->filter) {
        p->worker_scratch_bytes = (size_t)(s->w * s->c) * sizeof(float);
        GFT_TRY(gft_resize_filter_make(p, a, s->h, s->oh, &s->row_filter, err));
        return gft_resize_filter_make(p, a, s->w, s->ow, &s->col_filter, err);
    }
    GFT_TRY(make_taps(p, a, s->h, s->oh, &s->rows, err));
    return make_taps(p, a, s->w, s->ow, &s->cols, err);
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    resize_state *s;
    GFT_TRY(make_state(p, p->attrs, &p->inputs[0].shape, &p->outputs[0].shape, &s, err));
    s->rows_per_task = gft_grid_rows(s->ow * s->c);
    p->tasks[0] = gft_grid_count(s->n * s->oh, s->rows_per_task);
    return GRAFT_OK;
}

/* TensorFlow's order: along the row first, then between the two rows. */
static void bilinear_row(const resize_state *s, const float *top, const float *bottom, float weight,
                         float *y) {
    for (int64_t ox = 0; ox < s->ow; ox++, y += s->c) {
        const tap t = s->cols[ox];
        const float *a = top + t.low * s->c;
        const float *b = top + t.high * s->c;
        const float *c = bottom + t.low * s->c;
        const float *d = bottom + t.high * s->c;
        for (int64_t i = 0; i < s->c; i++) {
            const float upper = a[i] + (b[i] - a[i]) * t.weight;
            const float lower = c[i] + (d[i] - c[i]) * t.weight;
            y[i] = upper + (lower - upper) * weight;
        }
    }
}

static void run(const gft_exec *exec) {
    const resize_state *s = exec->state;
    const gft_range r = gft_grid_range(s->n * s->oh, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const float *x = (const float *)exec->inputs[0] + row / s->oh * s->h * s->w * s->c;
        float *y = (float *)exec->outputs[0] + row * s->ow * s->c;
        if (s->filter) {
            gft_resize_filter_rows(&s->row_filter, row % s->oh, x, s->w * s->c,
                                   exec->worker_scratch);
            gft_resize_filter_cols(&s->col_filter, s->ow, exec->worker_scratch, s->c, y);
            continue;
        }
        const tap t = s->rows[row % s->oh];
        const float *top = x + t.low * s->w * s->c;
        if (!s->nearest) {
            bilinear_row(s, top, x + t.high * s->w * s->c, t.weight, y);
            continue;
        }
        for (int64_t ox = 0; ox < s->ow; ox++, y += s->c)
            memcpy(y, top + s->cols[ox].low * s->c, (size_t)s->c * sizeof *y);
    }
}

const gft_op gft_op_resize = {.name = "resize",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .outputs = 1,
                              .attrs_bytes = sizeof(gft_resize_attrs),
                              .infer = infer,
                              .prepare = prepare,
                              .run = run};

static graft_status grad_infer(const gft_infer *in, graft_error *err) {
    const gft_resize_grad_attrs *attrs = in->attrs;
    graft_shape x = in->input_count > 1 ? in->inputs[1].shape : attrs->shape;
    const graft_shape *dy = &in->inputs[0].shape;
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    GFT_TRY(check_attrs(&attrs->resize, err));
    if (x.rank == 4 && x.dims[0] < 0)
        x.dims[0] = dy->dims[0];
    const gft_resize_attrs size = x.rank == 4 ? sized(&attrs->resize, &x) : attrs->resize;
    const graft_shape y =
        x.rank == 4 ? gft_shape_4(x.dims[0], size.height, size.width, x.dims[3]) : x;
    if (x.rank != 4 || !gft_shape_matches(dy, &y)) {
        char text_a[GFT_DESC_TEXT_BYTES];
        char text_b[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "gradient has shape %s, expected %s",
                        gft_shape_text(dy, text_a), gft_shape_text(&y, text_b));
    }
    GFT_TRY(check_not_empty(&size, &x, err));
    in->outputs[0] = gft_desc_f32(x);
    return GRAFT_OK;
}

/* One task per picture: outputs share sources, so a picture's sums are made in one order. */
static graft_status grad_prepare(gft_prepare *p, graft_error *err) {
    const gft_resize_grad_attrs *attrs = p->attrs;
    resize_state *s;
    GFT_TRY(make_state(p, &attrs->resize, &p->outputs[0].shape, &p->inputs[0].shape, &s, err));
    p->tasks[0] = gft_i64_max(1, s->n);
    return GRAFT_OK;
}

static void add_scaled(float *to, const float *from, float factor, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        to[i] += from[i] * factor;
}

static void grad_run(const gft_exec *exec) {
    const resize_state *s = exec->state;
    const int64_t row = s->w * s->c;
    if (exec->task >= s->n)
        return;
    float *dx = (float *)exec->outputs[0] + exec->task * s->h * row;
    const float *dy = (const float *)exec->inputs[0] + exec->task * s->oh * s->ow * s->c;
    memset(dx, 0, (size_t)(s->h * row) * sizeof *dx);
    for (int64_t oy = 0; s->filter && oy < s->oh; oy++, dy += s->ow * s->c) {
        memset(exec->worker_scratch, 0, (size_t)row * sizeof *dx);
        gft_resize_filter_cols_back(&s->col_filter, s->ow, dy, s->c, exec->worker_scratch);
        gft_resize_filter_rows_back(&s->row_filter, oy, exec->worker_scratch, row, dx);
    }
    for (int64_t oy = 0; !s->filter && oy < s->oh; oy++) {
        const tap r = s->rows[oy];
        float *top = dx + r.low * row;
        float *bottom = dx + r.high * row;
        for (int64_t ox = 0; ox < s->ow; ox++, dy += s->c) {
            const tap c = s->cols[ox];
            add_scaled(top + c.low * s->c, dy, (1.0f - r.weight) * (1.0f - c.weight), s->c);
            if (s->nearest)
                continue;
            add_scaled(top + c.high * s->c, dy, (1.0f - r.weight) * c.weight, s->c);
            add_scaled(bottom + c.low * s->c, dy, r.weight * (1.0f - c.weight), s->c);
            add_scaled(bottom + c.high * s->c, dy, r.weight * c.weight, s->c);
        }
    }
}

const gft_op gft_op_resize_grad = {.name = "resize_grad",
                                   .min_inputs = 1,
                                   .max_inputs = 2,
                                   .outputs = 1,
                                   .attrs_bytes = sizeof(gft_resize_grad_attrs),
                                   .infer = grad_infer,
                                   .prepare = grad_prepare,
                                   .run = grad_run};

graft_status gft_grad_resize(gft_grad *grad, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0)};
    const gft_resize_grad_attrs attrs = {.resize = *(const gft_resize_attrs *)gft_grad_attrs(grad),
                                         .shape = gft_grad_shape(grad, inputs[1])};
    const bool known =
        attrs.shape.dims[1] >= 0 && attrs.shape.dims[2] >= 0 && attrs.shape.dims[3] >= 0;
    return gft_grad_node(grad, &gft_op_resize_grad, &attrs, inputs, known ? 1 : 2,
                         &grad->input_grads[0], err);
}
