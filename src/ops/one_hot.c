/*
 * one_hot: indices -> a new axis of size depth with `on` at the index and `off` elsewhere; an index
 * outside gives off alone. Seen as (outer, depth, inner).
 */
#include <inttypes.h>
#include <string.h>

#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

typedef struct one_hot_state {
    int64_t outer, inner, depth;
    int64_t outer_per_task;
    size_t bytes;
    unsigned char on[8], off[8]; /* one element each */
} one_hot_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_one_hot_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    const graft_dtype dtype = in->inputs[0].dtype;
    int32_t axis;
    if (dtype != GRAFT_S32 && dtype != GRAFT_S64 && dtype != GRAFT_U8)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "indices are %s, expected int32, int64 or uint8", graft_dtype_name(dtype));
    if (attrs->dtype != GRAFT_F32 && attrs->dtype != GRAFT_S32 && attrs->dtype != GRAFT_S64 &&
        attrs->dtype != GRAFT_BOOL)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "values are %s, expected float32, int32, int64 or bool",
                        graft_dtype_name(attrs->dtype));
    if (attrs->depth < 0 || x->rank >= GRAFT_MAX_RANK ||
        !gft_axis_normalise(attrs->axis, x->rank + 1, &axis))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "depth %" PRId64 " along axis %" PRId32 " of %" PRId32 " dimensions",
                        attrs->depth, attrs->axis, x->rank + 1);
    graft_shape y = {.rank = x->rank + 1};
    for (int32_t i = 0, from = 0; i < y.rank; i++)
        y.dims[i] = i == axis ? attrs->depth : x->dims[from++];
    in->outputs[0] = (graft_tensor_desc){attrs->dtype, y, NULL};
    return GRAFT_OK;
}

static void element(double value, graft_dtype dtype, unsigned char out[8]) {
    const float f32 = (float)value;
    const int32_t s32 = value >= -0x1p31 && value < 0x1p31 ? (int32_t)value : 0;
    const int64_t s64 = value >= -0x1p62 && value < 0x1p62 ? (int64_t)value : 0;
    if (dtype == GRAFT_F32)
        memcpy(out, &f32, sizeof f32);
    else if (dtype == GRAFT_S32)
        memcpy(out, &s32, sizeof s32);
    else if (dtype == GRAFT_S64)
        memcpy(out, &s64, sizeof s64);
    else
        out[0] = value != 0.0;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_one_hot_attrs *attrs = p->attrs;
    const graft_shape *y = &p->outputs[0].shape;
    one_hot_state *s;
    int32_t axis = 0;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    (void)gft_axis_normalise(attrs->axis, y->rank, &axis);
    s->outer = s->inner = 1;
    for (int32_t i = 0; i < axis; i++)
        s->outer *= y->dims[i];
    for (int32_t i = axis + 1; i < y->rank; i++)
        s->inner *= y->dims[i];
    s->depth = attrs->depth;
    s->bytes = graft_dtype_bytes(attrs->dtype);
    element(attrs->on, attrs->dtype, s->on);
    element(attrs->off, attrs->dtype, s->off);
    s->outer_per_task = gft_grid_rows(s->depth * s->inner);
    p->tasks[0] = gft_grid_count(s->outer, s->outer_per_task);
    return GRAFT_OK;
}

static int64_t index_at(const void *indices, graft_dtype dtype, int64_t i) {
    return dtype == GRAFT_S32   ? ((const int32_t *)indices)[i]
           : dtype == GRAFT_S64 ? ((const int64_t *)indices)[i]
                                : ((const uint8_t *)indices)[i];
}

static void run(const gft_exec *exec) {
    const one_hot_state *s = exec->state;
    const gft_range r = gft_grid_range(s->outer, s->outer_per_task, exec->task);
    const int64_t each = s->depth * s->inner;
    char *y = exec->outputs[0];
    for (int64_t i = r.begin * each; i < r.end * each; i++)
        memcpy(y + (size_t)i * s->bytes, s->off, s->bytes);
    for (int64_t o = r.begin; o < r.end; o++) {
        for (int64_t i = 0; i < s->inner; i++) {
            const int64_t index =
                index_at(exec->inputs[0], exec->inputs_desc[0].dtype, o * s->inner + i);
            if (index >= 0 && index < s->depth)
                memcpy(y + (size_t)(o * each + index * s->inner + i) * s->bytes, s->on, s->bytes);
        }
    }
}

const gft_op gft_op_one_hot = {.name = "one_hot",
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .outputs = 1,
                               .attrs_bytes = sizeof(gft_one_hot_attrs),
                               .infer = infer,
                               .prepare = prepare,
                               .run = run};
