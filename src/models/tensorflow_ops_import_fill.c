/*
 * Tensors made from a shape, read: Fill, BroadcastTo, Tile, Range, LinSpace. Dimensions that are
 * not known while reading are taken from the value they come from: what is to be repeated is
 * multiplied with ones cut out of that.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

#define MAX_FILL_BYTES ((size_t)64 << 20)
#define MAX_RANGE ((int64_t)1 << 20)

/* Ones of shape (1,..,d,..,1), d being dimension from->dim of a value. */
static graft_status ones_along(gft_tf_import *m, const gft_tf_dim *from, int32_t rank, int32_t axis,
                               graft_dtype dtype, gft_value_id *out, graft_error *err) {
    gft_value_id id = from->value - 1;
    const graft_shape *shape = &m->graph->values[id].desc.shape;
    gft_strided_slice_attrs cut = {.shrink_mask = 0};
    gft_shape_attrs wide = {.shape = {.rank = rank}};
    for (int32_t i = 0; i < shape->rank; i++) {
        cut.end[i] = i == from->dim ? INT64_MAX : 1;
        cut.stride[i] = 1;
    }
    for (int32_t i = 0; i < rank; i++)
        wide.shape.dims[i] = i == axis ? -1 : 1;
    GFT_TRY(gft_tf_append(m, &gft_op_strided_slice, &cut, &id, 1, &id, err));
    GFT_TRY(gft_tf_append(m, &gft_op_reshape, &wide, &id, 1, &id, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_fill_like, id, -1, &id, err));
    if (from->times > 1) {
        gft_tile_attrs copies = {{0}};
        for (int32_t i = 0; i < rank; i++)
            copies.multiples[i] = i == axis ? from->times : 1;
        GFT_TRY(gft_tf_append(m, &gft_op_tile, &copies, &id, 1, &id, err));
    }
    *out = id;
    if (m->graph->values[id].desc.dtype == dtype)
        return GRAFT_OK;
    const gft_cast_attrs cast = {.dtype = dtype};
    return gft_tf_append(m, &gft_op_cast, &cast, &id, 1, out, err);
}

graft_status gft_tf_spread(gft_tf_import *m, const gft_tf_ints *target, gft_value_id *x,
                           graft_shape *shape, graft_error *err) {
    GFT_TRY(gft_tf_shape_of_ints(target, shape, err));
    for (int32_t i = 0; i < target->count; i++) {
        const graft_tensor_desc *desc = &m->graph->values[*x].desc;
        const int32_t own = desc->shape.rank - target->count + i;
        gft_value_id ones;
        if (target->values[i] != GFT_TF_UNKNOWN)
            continue;
        if (own >= 0 && desc->shape.dims[own] != 1)
            continue; /* what it has already */
        if (target->dims[i].value <= 0)
            return gft_tf_refuse(
                "its size depends on a dimension that is not known before the model runs", err);
        GFT_TRY(ones_along(m, &target->dims[i], target->count, i, desc->dtype, &ones, err));
        GFT_TRY(gft_tf_apply(m, &gft_op_mul, *x, ones, x, err));
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_broadcast_to(gft_tf_import *m, graft_error *err) {
    gft_tf_ints target;
    gft_shape_attrs attrs = {.mean = false};
    gft_value_id x;
    GFT_TRY(gft_tf_need_ints(m, 1, "dimensions", &target, err));
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_tf_spread(m, &target, &x, &attrs.shape, err));
    GFT_TRY(gft_tf_append(m, &gft_op_broadcast_to, &attrs, &x, 1, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* Copies along a dimension of size 1 are a broadcast, which may be as often as a run says. */
graft_status gft_tf_import_tile(gft_tf_import *m, graft_error *err) {
    gft_tf_ints target;
    gft_tile_attrs attrs = {{0}};
    graft_shape shape;
    gft_value_id x;
    GFT_TRY(gft_tf_need_ints(m, 1, "multiples", &target, err));
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    if (target.count != m->graph->values[x].desc.shape.rank)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%d multiples for a tensor of rank %d",
                        target.count, m->graph->values[x].desc.shape.rank);
    bool copies = false;
    for (int32_t i = 0; i < target.count; i++) {
        const bool open = target.values[i] == GFT_TF_UNKNOWN;
        if (open && m->graph->values[x].desc.shape.dims[i] != 1)
            return gft_tf_refuse("its multiples depend on a dimension that is not known", err);
        attrs.multiples[i] = open ? 1 : target.values[i];
        copies = copies || attrs.multiples[i] != 1;
    }
    GFT_TRY(gft_tf_spread(m, &target, &x, &shape, err));
    if (copies)
        GFT_TRY(gft_tf_append(m, &gft_op_tile, &attrs, &x, 1, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* One element of a constant, as bytes. */
static bool one_element(const gft_tf_import *m, int32_t input, graft_dtype *dtype,
                        unsigned char out[8]) {
    gft_tf_ints ints;
    if (input >= m->input_count)
        return false;
    if (m->inputs[input]->kind == GFT_TF_CONST) {
        const graft_tensor *t = m->inputs[input]->tensor;
        *dtype = t->desc.dtype;
        if (gft_shape_elems(&t->desc.shape) != 1 || graft_dtype_bytes(t->desc.dtype) == 0)
            return false;
        memcpy(out, t->data, graft_dtype_bytes(t->desc.dtype));
        return true;
    }
    if (!gft_tf_ints_of(m, input, &ints) || ints.count != 1 || ints.values[0] == GFT_TF_UNKNOWN)
        return false;
    *dtype = ints.dtype;
    memcpy(out, &ints.values[0], graft_dtype_bytes(ints.dtype)); /* little-endian */
    return true;
}

/*
 * Values all alike, in the shape of `target` with unknown dimensions as 1, then repeated along
 * those.
 */
static graft_status filled(gft_tf_import *m, const gft_tf_ints *target, graft_dtype dtype,
                           const unsigned char value[8], graft_error *err) {
    graft_tensor_desc desc = {.dtype = dtype};
    size_t bytes;
    bool open = false;
    GFT_TRY(gft_tf_shape_of_ints(target, &desc.shape, err));
    for (int32_t i = 0; i < target->count; i++) {
        if (target->values[i] == GFT_TF_UNKNOWN) {
            desc.shape.dims[i] = 1;
            open = true;
        }
    }
    const size_t each = graft_dtype_bytes(dtype);
    if (!gft_desc_bytes(&desc, &bytes) || bytes > MAX_FILL_BYTES)
        return gft_tf_refuse("it is too large", err);
    char *data = gft_arena_alloc(m->arena, bytes);
    if (!data)
        return gft_fail_memory(err, bytes, "a constant");
    for (size_t i = 0; i < bytes; i += each)
        memcpy(data + i, value, each);
    GFT_TRY(gft_tf_set_const(m, &desc, data, err));
    if (!open)
        return GRAFT_OK;
    gft_value_id id;
    graft_shape shape;
    GFT_TRY(gft_tf_value_in_graph(m, &m->outputs[0], &id, err));
    GFT_TRY(gft_tf_spread(m, target, &id, &shape, err));
    m->outputs[0].tensor = NULL;
    gft_tf_set_graph(m, 0, id);
    return GRAFT_OK;
}

/* Fill: integers for shapes, or a tensor of one value. */
graft_status gft_tf_import_fill(gft_tf_import *m, graft_error *err) {
    gft_tf_ints target;
    gft_tf_ints value;
    graft_dtype dtype;
    unsigned char element[8];
    GFT_TRY(gft_tf_need_ints(m, 0, "dimensions", &target, err));
    const bool small = target.count == 0 || (target.count == 1 && target.values[0] >= 0 &&
                                             target.values[0] <= GFT_TF_MAX_INTS);
    if (small && gft_tf_operand_of(m, 1, &value) && value.count == 1) {
        gft_tf_ints y = {.rank = target.count, .dtype = value.dtype};
        const int64_t count = target.count == 1 ? target.values[0] : 1;
        while (y.count < count)
            (void)gft_tf_ints_push(&y, &value, 0);
        return gft_tf_set_ints(m, &y, err);
    }
    if (one_element(m, 1, &dtype, element))
        return filled(m, &target, dtype, element, err);
    gft_shape_attrs attrs = {.mean = false};
    gft_value_id x;
    GFT_TRY(gft_tf_take(m, 1, &x, err));
    GFT_TRY(gft_tf_spread(m, &target, &x, &attrs.shape, err));
    GFT_TRY(gft_tf_append(m, &gft_op_broadcast_to, &attrs, &x, 1, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* ---- ranges ---- */

static graft_status float_range(gft_tf_import *m, graft_error *err) {
    float bounds[3];
    for (int32_t i = 0; i < 3; i++) {
        if (!gft_tf_scalar_of(m, i, &bounds[i]))
            return gft_tf_refuse("its bounds are not constant", err);
    }
    const double span = ((double)bounds[1] - (double)bounds[0]) / (double)bounds[2];
    if (!(span >= 0.0 && span <= (double)MAX_RANGE))
        return gft_tf_refuse("it is too long, or has no end", err);
    int64_t count = (int64_t)span;
    count += (double)count < span;
    float *data = gft_arena_array(m->arena, (size_t)count + 1, sizeof *data);
    for (int64_t i = 0; data && i < count; i++)
        data[i] = bounds[0] + (float)i * bounds[2];
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(count));
    return gft_tf_set_const(m, &desc, data, err);
}

/* 0, 1, 2, ... up to a dimension that a run knows: ones, summed. */
static graft_status open_range(gft_tf_import *m, const gft_tf_ints bounds[3], graft_error *err) {
    const gft_cumsum_attrs before = {.axis = 0, .exclusive = true};
    const gft_tf_ints target = {
        .rank = 1, .count = 1, .values = {GFT_TF_UNKNOWN}, .dims = {bounds[1].dims[0]}};
    gft_value_id x;
    graft_shape shape;
    const int64_t one_wide = 1;
    const int32_t one_narrow = 1;
    const graft_dtype dtype = bounds[0].dtype;
    const graft_tensor_desc desc = {dtype, gft_shape_1(1), NULL};
    if (bounds[0].values[0] != 0 || bounds[2].values[0] != 1)
        return gft_tf_refuse("its bounds depend on a dimension that is not known", err);
    GFT_TRY(gft_graph_const(
        m->graph, m->name, &desc,
        dtype == GRAFT_S64 ? (const void *)&one_wide : (const void *)&one_narrow, true, &x, err));
    GFT_TRY(gft_tf_spread(m, &target, &x, &shape, err));
    GFT_TRY(gft_tf_append(m, &gft_op_cumsum, &before, &x, 1, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* More numbers than shapes have. */
static graft_status long_range(gft_tf_import *m, graft_dtype dtype, int64_t from, int64_t step,
                               int64_t count, graft_error *err) {
    const graft_tensor_desc desc = {dtype, gft_shape_1(count), NULL};
    void *data = gft_arena_array(m->arena, (size_t)count, sizeof(int64_t));
    for (int64_t i = 0; data && i < count; i++) {
        const int64_t v = (int64_t)((uint64_t)from + (uint64_t)i * (uint64_t)step);
        if (dtype == GRAFT_S64)
            ((int64_t *)data)[i] = v;
        else
            ((int32_t *)data)[i] = (int32_t)v;
    }
    return gft_tf_set_const(m, &desc, data, err);
}

graft_status gft_tf_import_range(gft_tf_import *m, graft_error *err) {
    gft_tf_ints bounds[3];
    if (gft_tf_get_type(m->node, "Tidx", GRAFT_S32) == GRAFT_F32)
        return float_range(m, err);
    for (int32_t i = 0; i < 3; i++) {
        GFT_TRY(gft_tf_need_ints(m, i, "bounds", &bounds[i], err));
        if (bounds[i].count != 1)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its bounds are no three numbers");
    }
    if (bounds[1].values[0] == GFT_TF_UNKNOWN)
        return open_range(m, bounds, err);
    for (int32_t i = 0; i < 3; i++)
        GFT_TRY(gft_tf_need_known(m, i, "bounds", &bounds[i], err));
    const int64_t from = bounds[0].values[0];
    const int64_t limit = bounds[1].values[0];
    const int64_t step = bounds[2].values[0];
    if (step == 0 || step == INT64_MIN)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its step is none");
    const bool empty = step > 0 ? from >= limit : from <= limit;
    const uint64_t span = empty      ? 0
                          : step > 0 ? (uint64_t)limit - (uint64_t)from
                                     : (uint64_t)from - (uint64_t)limit;
    const uint64_t stride = step > 0 ? (uint64_t)step : (uint64_t)-step;
    const uint64_t count = span / stride + (span % stride != 0);
    if (count > (uint64_t)MAX_RANGE)
        return gft_tf_refuse("it is too long", err);
    if (count > GFT_TF_MAX_INTS || m->in_graph)
        return long_range(m, bounds[0].dtype, from, step, (int64_t)count, err);
    gft_tf_ints y = {.rank = 1, .count = (int32_t)count, .dtype = bounds[0].dtype};
    for (int32_t i = 0; i < y.count; i++)
        y.values[i] = from + i * step;
    return gft_tf_set_ints(m, &y, err);
}

graft_status gft_tf_import_lin_space(gft_tf_import *m, graft_error *err) {
    gft_tf_ints count;
    float from;
    float to;
    GFT_TRY(gft_tf_need_known(m, 2, "counts", &count, err));
    if (!gft_tf_scalar_of(m, 0, &from) || !gft_tf_scalar_of(m, 1, &to))
        return gft_tf_refuse("its bounds are no constants of type float32", err);
    if (count.count != 1 || count.values[0] < 1 || count.values[0] > MAX_RANGE)
        return gft_tf_refuse("it is too long, or empty", err);
    const int64_t n = count.values[0];
    float *data = gft_arena_array(m->arena, (size_t)n, sizeof *data);
    const float step = n > 1 ? (to - from) / (float)(n - 1) : 0.0f;
    for (int64_t i = 0; data && i < n; i++)
        data[i] = i > 0 && i == n - 1 ? to : from + (float)i * step;
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(n));
    return gft_tf_set_const(m, &desc, data, err);
}
