/*
 * space_to_batch: pictures cut into every BH-th row and BW-th column, each piece a picture of the
 * batch, with zeros as padding before; batch_to_space: back, with rows and columns cropped.
 * TensorFlow's SpaceToBatchND and BatchToSpaceND for two spatial dimensions, any element type. Each
 * is the other's gradient.
 */
#include <inttypes.h>
#include <string.h>

#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct batch_state {
    int64_t n, h, w; /* pictures */
    int64_t ph, pw;  /* pieces */
    int64_t rows_per_task;
    size_t bytes; /* of a pixel */
} batch_state;

/* least: -1 where a side may be left open. */
static graft_status check(const gft_infer *in, int64_t least, graft_error *err) {
    const gft_space_batch_attrs *a = in->attrs;
    GFT_TRY(gft_infer_like(in, err));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    const int64_t limit = (int64_t)1 << 31;
    const gft_pads *p = &a->pads;
    if (a->block_h < 1 || a->block_w < 1 || a->block_h > 1 << 15 || a->block_w > 1 << 15 ||
        p->top < 0 || p->bottom < least || p->left < 0 || p->right < least || p->top > limit ||
        p->bottom > limit || p->left > limit || p->right > limit)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "blocks of %" PRId64 "x%" PRId64 " or their padding", a->block_h,
                        a->block_w);
    in->outputs[0].quant = NULL;
    return GRAFT_OK;
}

static graft_status misfit(const gft_infer *in, graft_error *err) {
    const gft_space_batch_attrs *a = in->attrs;
    char text[GFT_DESC_TEXT_BYTES];
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "shape %s does not fit blocks of %" PRId64 "x%" PRId64 " and their padding",
                    gft_shape_text(&in->inputs[0].shape, text), a->block_h, a->block_w);
}

static graft_status to_batch_infer(const gft_infer *in, graft_error *err) {
    const gft_space_batch_attrs *a = in->attrs;
    GFT_TRY(check(in, -1, err));
    graft_shape *y = &in->outputs[0].shape;
    const int64_t before[2] = {a->pads.top, a->pads.left};
    const int64_t after[2] = {a->pads.bottom, a->pads.right};
    const int64_t blocks[2] = {a->block_h, a->block_w};
    for (int32_t i = 0; i < 2; i++) {
        int64_t *dim = &y->dims[1 + i];
        if (*dim < 0)
            continue;
        const int64_t more = after[i] >= 0 ? after[i] : blocks[i] - 1;
        if (__builtin_add_overflow(*dim, before[i] + more, dim) ||
            (after[i] >= 0 && *dim % blocks[i] != 0))
            return misfit(in, err);
        *dim /= blocks[i];
    }
    if (y->dims[0] >= 0 && !gft_i64_mul(y->dims[0], a->block_h * a->block_w, &y->dims[0]))
        return misfit(in, err);
    return GRAFT_OK;
}

static graft_status to_space_infer(const gft_infer *in, graft_error *err) {
    const gft_space_batch_attrs *a = in->attrs;
    GFT_TRY(check(in, 0, err));
    graft_shape *y = &in->outputs[0].shape;
    const int64_t crops[2] = {a->pads.top + a->pads.bottom, a->pads.left + a->pads.right};
    const int64_t blocks[2] = {a->block_h, a->block_w};
    for (int32_t i = 0; i < 2; i++) {
        int64_t *dim = &y->dims[1 + i];
        if (*dim < 0)
            continue;
        if (!gft_i64_mul(*dim, blocks[i], dim) || *dim < crops[i])
            return misfit(in, err);
        *dim -= crops[i];
    }
    if (y->dims[0] >= 0 && y->dims[0] % (a->block_h * a->block_w) != 0)
        return misfit(in, err);
    y->dims[0] = y->dims[0] < 0 ? -1 : y->dims[0] / (a->block_h * a->block_w);
    return GRAFT_OK;
}

static graft_status make_state(gft_prepare *p, const graft_shape *pictures,
                               const graft_shape *pieces, graft_error *err) {
    const graft_shape *y = &p->outputs[0].shape;
    batch_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->n = pictures->dims[0];
    s->h = pictures->dims[1];
    s->w = pictures->dims[2];
    s->ph = pieces->dims[1];
    s->pw = pieces->dims[2];
    s->bytes = (size_t)y->dims[3] * gft_dtype_cell_bytes(p->inputs[0].dtype);
    s->rows_per_task = gft_grid_rows(y->dims[2] * y->dims[3]);
    p->tasks[0] = gft_grid_count(y->dims[0] * y->dims[1], s->rows_per_task);
    return GRAFT_OK;
}

static graft_status to_batch_prepare(gft_prepare *p, graft_error *err) {
    return make_state(p, &p->inputs[0].shape, &p->outputs[0].shape, err);
}

static graft_status to_space_prepare(gft_prepare *p, graft_error *err) {
    return make_state(p, &p->outputs[0].shape, &p->inputs[0].shape, err);
}

static void to_batch_run(const gft_exec *exec) {
    const batch_state *s = exec->state;
    const gft_space_batch_attrs *a = exec->attrs;
    const gft_range r =
        gft_grid_range(exec->outputs_desc[0].shape.dims[0] * s->ph, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end && s->bytes > 0; row++) {
        const int64_t piece = row / s->ph / s->n;
        const int64_t n = row / s->ph % s->n;
        const int64_t h = row % s->ph * a->block_h + piece / a->block_w - a->pads.top;
        char *to = (char *)exec->outputs[0] + (size_t)(row * s->pw) * s->bytes;
        const char *from = (const char *)exec->inputs[0] +
                           (size_t)((n * s->h + (h >= 0 && h < s->h ? h : 0)) * s->w) * s->bytes;
        for (int64_t i = 0; i < s->pw; i++, to += s->bytes) {
            const int64_t w = i * a->block_w + piece % a->block_w - a->pads.left;
            if (h < 0 || h >= s->h || w < 0 || w >= s->w)
                memset(to, 0, s->bytes);
            else
                memcpy(to, from + (size_t)w * s->bytes, s->bytes);
        }
    }
}

static void to_space_run(const gft_exec *exec) {
    const batch_state *s = exec->state;
    const gft_space_batch_attrs *a = exec->attrs;
    const gft_range r = gft_grid_range(s->n * s->h, s->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end && s->bytes > 0; row++) {
        const int64_t h = row % s->h + a->pads.top;
        const int64_t n = row / s->h;
        char *to = (char *)exec->outputs[0] + (size_t)(row * s->w) * s->bytes;
        for (int64_t i = 0; i < s->w; i++, to += s->bytes) {
            const int64_t w = i + a->pads.left;
            const int64_t piece = h % a->block_h * a->block_w + w % a->block_w;
            const int64_t from =
                ((piece * s->n + n) * s->ph + h / a->block_h) * s->pw + w / a->block_w;
            memcpy(to, (const char *)exec->inputs[0] + (size_t)from * s->bytes, s->bytes);
        }
    }
}

const gft_op gft_op_space_to_batch = {.name = "space_to_batch",
                                      .min_inputs = 1,
                                      .max_inputs = 1,
                                      .outputs = 1,
                                      .attrs_bytes = sizeof(gft_space_batch_attrs),
                                      .infer = to_batch_infer,
                                      .prepare = to_batch_prepare,
                                      .run = to_batch_run};

const gft_op gft_op_batch_to_space = {.name = "batch_to_space",
                                      .min_inputs = 1,
                                      .max_inputs = 1,
                                      .outputs = 1,
                                      .attrs_bytes = sizeof(gft_space_batch_attrs),
                                      .infer = to_space_infer,
                                      .prepare = to_space_prepare,
                                      .run = to_space_run};

graft_status gft_grad_space_to_batch(gft_grad *grad, graft_error *err) {
    const gft_space_batch_attrs *attrs = gft_grad_attrs(grad);
    if (attrs->pads.bottom < 0 || attrs->pads.right < 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "gradient of padding up to whole blocks");
    return gft_grad_node(grad, &gft_op_batch_to_space, gft_grad_attrs(grad), &grad->output_grads[0],
                         1, &grad->input_grads[0], err);
}

graft_status gft_grad_batch_to_space(gft_grad *grad, graft_error *err) {
    return gft_grad_node(grad, &gft_op_space_to_batch, gft_grad_attrs(grad), &grad->output_grads[0],
                         1, &grad->input_grads[0], err);
}
