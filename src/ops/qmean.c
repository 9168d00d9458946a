/*
 * qmean: mean of bytes over any axes; attributes in graph/attrs_quant.h. The rule of LiteRT's
 * default path: with m = (sx / sy) * (1 / count), y = rint((float)sum * m + (zy - (float)(count *
 * zx) * m)), each step in float32.
 *
 * Adjacent dimensions of one fate are merged. A task makes some of the results that share
 * everything up to the last folded dimension: (outer, folded, inner) with sums kept per inner
 * element, one for global pooling.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qcommon.h"

typedef struct qmean_state {
    int32_t kept_rank, folded_rank; /* without the inner dimension */
    int64_t kept[GRAFT_MAX_RANK], kept_step[GRAFT_MAX_RANK];
    int64_t folded[GRAFT_MAX_RANK], folded_step[GRAFT_MAX_RANK];
    int64_t outer, cells, inner; /* results are (outer, inner), each of `cells` values */
    int64_t chunk, chunks;       /* of inner */
    float scale, bias;
    int32_t shift; /* of a sum, from int8 to the type's own integers */
    uint8_t flip;
} qmean_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_qmean_attrs *attrs = in->attrs;
    const graft_dtype dtype = in->inputs[0].dtype;
    const graft_shape *x = &in->inputs[0].shape;
    GFT_TRY(gft_q_check_input(in, 0, err));
    if (attrs->reduce.axes >> x->rank != 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "axes 0x%" PRIx32 " go beyond the %" PRId32 " dimensions of x",
                        attrs->reduce.axes, x->rank);
    GFT_TRY(gft_q_check_params(dtype, "x", attrs->x, err));
    GFT_TRY(gft_q_check_params(dtype, "y", attrs->y, err));
    graft_shape y = {0, {0}};
    for (int32_t i = 0; i < x->rank; i++) {
        if (!(attrs->reduce.axes >> i & 1u))
            y.dims[y.rank++] = x->dims[i];
        else if (attrs->reduce.keep_dims)
            y.dims[y.rank++] = 1;
    }
    in->outputs[0] = (graft_tensor_desc){dtype, y, NULL};
    return GRAFT_OK;
}

/*
 * Adds dimension `size` with stride `step` behind those of the list, merging it with the last if
 * they are one.
 */
static void push(int64_t *dims, int64_t *steps, int32_t *rank, int64_t size, int64_t step) {
    if (*rank > 0 && steps[*rank - 1] == step * size) {
        dims[*rank - 1] *= size;
        steps[*rank - 1] = step;
    } else {
        dims[*rank] = size;
        steps[(*rank)++] = step;
    }
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_qmean_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    const graft_dtype dtype = p->inputs[0].dtype;
    qmean_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    int64_t strides[GRAFT_MAX_RANK];
    gft_shape_strides(x, strides);
    int32_t last = x->rank; /* dimensions from here on are the inner one */
    while (last > 0 && !(attrs->reduce.axes >> (last - 1) & 1u))
        last--;
    s->outer = s->cells = s->inner = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        const bool folded = attrs->reduce.axes >> i & 1u;
        if (i >= last)
            s->inner *= x->dims[i];
        else if (folded)
            push(s->folded, s->folded_step, &s->folded_rank, x->dims[i], strides[i]);
        else
            push(s->kept, s->kept_step, &s->kept_rank, x->dims[i], strides[i]);
        if (folded)
            s->cells *= x->dims[i];
        else if (i < last)
            s->outer *= x->dims[i];
    }
    if (s->cells > 1 << 23)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: a mean of %" PRId64 " bytes, at most %d",
                        p->node, s->cells, 1 << 23);
    s->chunk =
        gft_i64_max(gft_i64_min(s->inner, gft_i64_max(64, 8 * GFT_BLOCK_ELEMS /
                                                              gft_i64_max(s->cells, 1) / 64 * 64)),
                    1);
    s->chunks = gft_grid_count(s->inner, s->chunk);
    const int32_t count = (int32_t)gft_i64_max(s->cells, 1);
    s->scale = attrs->x.scale / attrs->y.scale * (1.0f / (float)count);
    s->bias = (float)attrs->y.zero_point - (float)(count * attrs->x.zero_point) * s->scale;
    s->shift = dtype == GRAFT_U8 ? 128 * (int32_t)s->cells : 0;
    s->flip = gft_q_flip(dtype);
    p->worker_scratch_bytes = (size_t)s->chunk * sizeof(int32_t);
    p->tasks[0] = gft_i64_max(s->outer * s->chunks, 1);
    return GRAFT_OK;
}

/* Element offset of number `index` of a list of dimensions. */
static int64_t offset_of(const int64_t *dims, const int64_t *steps, int32_t rank, int64_t index) {
    int64_t at = 0;
    for (int32_t i = rank - 1; i >= 0; i--) {
        at += index % dims[i] * steps[i];
        index /= dims[i];
    }
    return at;
}

static void run(const gft_exec *exec) {
    const qmean_state *s = exec->state;
    if (s->inner == 0 || exec->task >= s->outer * s->chunks)
        return;
    const int64_t outer = exec->task / s->chunks;
    const int64_t from = exec->task % s->chunks * s->chunk;
    const int64_t n = gft_i64_min(s->chunk, s->inner - from);
    const uint8_t *x = (const uint8_t *)exec->inputs[0] +
                       offset_of(s->kept, s->kept_step, s->kept_rank, outer) + from;
    int32_t *sums = exec->worker_scratch;
    memset(sums, 0, (size_t)n * sizeof(int32_t));
    /* The last folded dimension is one stride: rows for the kernel. */
    const int64_t rows = s->folded_rank > 0 ? s->folded[s->folded_rank - 1] : 1;
    const int64_t stride = s->folded_rank > 0 ? s->folded_step[s->folded_rank - 1] : 0;
    for (int64_t at = 0; rows > 0 && at < s->cells; at += rows)
        gft_kernels()->qsum_rows_s8(x + offset_of(s->folded, s->folded_step,
                                                  s->folded_rank - (s->folded_rank > 0), at / rows),
                                    rows, stride, n, s->flip, sums);
    uint8_t *y = (uint8_t *)exec->outputs[0] + outer * s->inner + from;
    const float lo = s->flip ? 0.0f : -128.0f;
    for (int64_t i = 0; i < n; i++) {
        float v = (float)(sums[i] + s->shift) * s->scale + s->bias;
        v = v > lo ? v : lo; /* also NaN */
        v = v < lo + 255.0f ? v : lo + 255.0f;
        y[i] = (uint8_t)(int32_t)rintf(v);
    }
}

const gft_op gft_op_qmean = {
    .name = "qmean",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_qmean_attrs),
    .infer = infer,
    .prepare = prepare,
    .run = run,
};
