/*
 * qavg_pool: means of windows of bytes, padding not counted; attributes in graph/attrs_quant.h. And
 * max_pool of bytes.
 *
 * The mean follows LiteRT's AVERAGE_POOL_2D where x and y share scale and zero point: the sum of
 * the integers divided by the count, halves away from zero. With other scales it is requantised:
 * rint((float)(sum - count * zx) * (sx / (count * sy))) + zy.
 */
#include "ops/qpool.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qcommon.h"

/* Pointers to the real cells of the window of output (oy, ox); how many. */
static int64_t window_cells(const gft_pool_window *w, const uint8_t *x, int64_t oy, int64_t ox,
                            const uint8_t **cells) {
    const gft_range rows = gft_pool_cells(oy, w->stride_h, w->kernel_h, w->top, w->h);
    const gft_range cols = gft_pool_cells(ox, w->stride_w, w->kernel_w, w->left, w->w);
    int64_t count = 0;
    for (int64_t i = rows.begin; i < rows.end; i++)
        for (int64_t j = cols.begin; j < cols.end; j++)
            cells[count++] = x + (i * w->w + j) * w->c;
    return count;
}

void gft_qpool_max_run(const gft_exec *exec) {
    const gft_pool_window *w = exec->state;
    const uint8_t flip = gft_q_flip(exec->inputs_desc[0].dtype);
    const uint8_t **cells = exec->worker_scratch;
    const gft_range r = gft_grid_range(w->n * w->oh, w->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const uint8_t *x = (const uint8_t *)exec->inputs[0] + row / w->oh * w->h * w->w * w->c;
        uint8_t *y = (uint8_t *)exec->outputs[0] + row * w->ow * w->c;
        for (int64_t ox = 0; ox < w->ow; ox++, y += w->c) {
            const int64_t count = window_cells(w, x, row % w->oh, ox, cells);
            if (count > 0)
                gft_kernels()->qpool_max_s8(cells, count, w->c, flip, y);
            else
                memset(y, flip ? 0 : 0x80, (size_t)w->c); /* an empty picture: the lowest value */
        }
    }
}

typedef struct qavg_state {
    gft_pool_window w;
    bool same; /* x and y share scale and zero point */
    float ratio;
    int32_t x_zero, y_zero, lo, hi; /* as int8 */
    int32_t shift;                  /* from int8 to the tensor's own integers */
    uint8_t flip;
    size_t sums_at; /* in the worker scratch */
} qavg_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_qpool_attrs *attrs = in->attrs;
    const graft_dtype dtype = in->inputs[0].dtype;
    graft_shape y;
    GFT_TRY(gft_q_check_input(in, 0, err));
    GFT_TRY(gft_check_rank(in, 0, 4, err));
    GFT_TRY(gft_pool_shape(&attrs->pool, &in->inputs[0].shape, &y, err));
    if (attrs->pool.kernel_h > GFT_POOL_MAX_CELLS ||
        attrs->pool.kernel_w > GFT_POOL_MAX_CELLS / attrs->pool.kernel_h)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "window of more than %d cells",
                        GFT_POOL_MAX_CELLS);
    GFT_TRY(gft_q_check_params(dtype, "x", attrs->x, err));
    GFT_TRY(gft_q_check_params(dtype, "y", attrs->y, err));
    GFT_TRY(gft_q_check_bounds(dtype, attrs->lo, attrs->hi, err));
    in->outputs[0] = (graft_tensor_desc){dtype, y, NULL};
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    const gft_qpool_attrs *attrs = in->attrs;
    out->macs = gft_i64_max(0, gft_desc_elems(&in->outputs[0])) * attrs->pool.kernel_h *
                attrs->pool.kernel_w;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_qpool_attrs *attrs = p->attrs;
    const graft_dtype dtype = p->inputs[0].dtype;
    qavg_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    gft_pool_window *w = &s->w;
    gft_pool_window_init(w, &attrs->pool, &p->inputs[0].shape, &p->outputs[0].shape);
    w->rows_per_task = gft_grid_rows(w->ow * w->c);
    s->same = attrs->x.scale == attrs->y.scale && attrs->x.zero_point == attrs->y.zero_point;
    s->ratio = attrs->x.scale / attrs->y.scale;
    s->x_zero = gft_q_as_s8(dtype, attrs->x.zero_point);
    s->y_zero = gft_q_as_s8(dtype, attrs->y.zero_point);
    s->lo = gft_q_as_s8(dtype, attrs->lo);
    s->hi = gft_q_as_s8(dtype, attrs->hi);
    s->flip = gft_q_flip(dtype);
    s->shift = s->flip ? 128 : 0;
    s->sums_at = gft_size_align((size_t)(w->kernel_h * w->kernel_w) * sizeof(uint8_t *), 64);
    p->worker_scratch_bytes = s->sums_at + (size_t)w->c * sizeof(int32_t);
    p->tasks[0] = gft_grid_count(w->n * w->oh, w->rows_per_task);
    return GRAFT_OK;
}

static void finish(const qavg_state *s, const int32_t *sums, int32_t count, uint8_t *y) {
    const float scale = s->ratio / (float)count;
    for (int64_t c = 0; c < s->w.c; c++) {
        int32_t q;
        if (s->same) {
            const int32_t sum = sums[c] + s->shift * count;
            q = (sum > 0 ? sum + count / 2 : sum - count / 2) / count - s->shift;
        } else {
            const float v = rintf((float)(sums[c] - count * s->x_zero) * scale);
            q = (int32_t)fminf(fmaxf(v, -512.0f), 512.0f) + s->y_zero;
        }
        q = q < s->lo ? s->lo : q > s->hi ? s->hi : q;
        y[c] = (uint8_t)((uint8_t)q ^ s->flip);
    }
}

static void run(const gft_exec *exec) {
    const qavg_state *s = exec->state;
    const gft_pool_window *w = &s->w;
    const uint8_t **cells = exec->worker_scratch;
    int32_t *sums = (int32_t *)(void *)((char *)exec->worker_scratch + s->sums_at);
    const gft_range r = gft_grid_range(w->n * w->oh, w->rows_per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row++) {
        const uint8_t *x = (const uint8_t *)exec->inputs[0] + row / w->oh * w->h * w->w * w->c;
        uint8_t *y = (uint8_t *)exec->outputs[0] + row * w->ow * w->c;
        const gft_range rows = gft_pool_cells(row % w->oh, w->stride_h, w->kernel_h, w->top, w->h);
        for (int64_t ox = 0; ox < w->ow; ox++, y += w->c) {
            const int64_t count = window_cells(w, x, row % w->oh, ox, cells);
            const int64_t lines = rows.end - rows.begin;
            memset(sums, 0, (size_t)w->c * sizeof(int32_t));
            for (int64_t i = 0; count > 0 && i < lines; i++)
                gft_kernels()->qsum_rows_s8(cells[i * (count / lines)], count / lines, w->c, w->c,
                                            s->flip, sums);
            finish(s, sums, (int32_t)gft_i64_max(count, 1), y);
        }
    }
}

const gft_op gft_op_qavg_pool = {
    .name = "qavg_pool",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_qpool_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
