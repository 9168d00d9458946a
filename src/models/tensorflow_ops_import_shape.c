/*
 * Shapes, read: reshape and its relatives, and the integer arithmetic that leads to a shape. A
 * dimension that is not known stays GFT_TF_UNKNOWN and becomes reshape's -1.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

graft_status gft_tf_import_shape(gft_tf_import *m, graft_error *err) {
    graft_tensor_desc x;
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    gft_tf_ints y = {
        .rank = 1, .count = x.shape.rank, .dtype = gft_tf_get_type(m->node, "out_type", GRAFT_S32)};
    for (int32_t i = 0; i < x.shape.rank; i++)
        y.values[i] = x.shape.dims[i] < 0 ? GFT_TF_UNKNOWN : x.shape.dims[i];
    return gft_tf_set_ints(m, &y, err);
}

/* Integers of rank 0 and 1 keep being integers under another rank of those. */
static bool fold_rank(gft_tf_import *m, int32_t rank, gft_tf_ints *y) {
    return gft_tf_ints_of(m, 0, y) && m->inputs[0]->kind == GFT_TF_INTS && rank >= 0 && rank <= 1 &&
           (rank == 1 || y->count == 1);
}

/* A reshape; there and back again is nothing. */
static graft_status reshape_to(gft_tf_import *m, const graft_shape *shape, graft_error *err) {
    const gft_shape_attrs attrs = {.shape = *shape};
    gft_value_id x;
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    const gft_node *before = gft_graph_producer(m->graph, x, GFT_KIND_RESHAPE);
    const gft_value_id source = before ? before->inputs[0] : x;
    if (gft_shape_known(shape) && gft_shape_equal(&m->graph->values[source].desc.shape, shape)) {
        gft_tf_set_graph(m, 0, source);
        return GRAFT_OK;
    }
    return gft_tf_append_same(m, &gft_op_reshape, &attrs, 1, err);
}

static graft_status shape_of_ints(const gft_tf_ints *ints, graft_shape *out, graft_error *err) {
    if (ints->count > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "rank %d, at most %d is supported", ints->count,
                        GRAFT_MAX_RANK);
    *out = (graft_shape){.rank = ints->count};
    for (int32_t i = 0; i < ints->count; i++) {
        const int64_t dim = ints->values[i] == GFT_TF_UNKNOWN ? -1 : ints->values[i];
        if (dim < -1)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "dimension %d is %lld, expected -1 or more", i, (long long)dim);
        out->dims[i] = dim;
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_reshape(gft_tf_import *m, graft_error *err) {
    gft_tf_ints target;
    gft_tf_ints folded;
    graft_shape shape;
    GFT_TRY(gft_tf_need_ints(m, 1, "dimensions", &target, err));
    if (fold_rank(m, target.count, &folded)) {
        folded.rank = target.count;
        return gft_tf_set_ints(m, &folded, err);
    }
    GFT_TRY(shape_of_ints(&target, &shape, err));
    return reshape_to(m, &shape, err);
}

graft_status gft_tf_import_expand_dims(gft_tf_import *m, graft_error *err) {
    gft_tf_ints where;
    gft_tf_ints folded;
    graft_tensor_desc x;
    int32_t axis;
    GFT_TRY(gft_tf_need_known(m, 1, "axes", &where, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (where.count != 1 || x.shape.rank >= GRAFT_MAX_RANK ||
        !gft_axis_normalise(where.values[0], x.shape.rank + 1, &axis))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its axis is not one of its result");
    if (fold_rank(m, x.shape.rank + 1, &folded)) {
        folded.rank = 1;
        return gft_tf_set_ints(m, &folded, err);
    }
    graft_shape y = {.rank = x.shape.rank + 1};
    for (int32_t i = 0, from = 0; i < y.rank; i++)
        y.dims[i] = i == axis ? 1 : x.shape.dims[from++];
    return reshape_to(m, &y, err);
}

graft_status gft_tf_import_squeeze(gft_tf_import *m, graft_error *err) {
    graft_tensor_desc x;
    gft_tf_ints folded;
    size_t count;
    uint32_t drop = 0;
    const int64_t *dims = gft_tf_get_ints(m->node, "squeeze_dims", &count);
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    for (size_t i = 0; i < count; i++) {
        int32_t axis;
        if (!gft_axis_normalise(dims[i], x.shape.rank, &axis))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %lld of a tensor of rank %d",
                            (long long)dims[i], x.shape.rank);
        drop |= 1u << axis;
    }
    for (int32_t i = 0; count == 0 && i < x.shape.rank; i++)
        drop |= x.shape.dims[i] == 1 ? 1u << i : 0;
    graft_shape y = {0};
    for (int32_t i = 0; i < x.shape.rank; i++) {
        if (!(drop >> i & 1u))
            y.dims[y.rank++] = x.shape.dims[i];
        else if (x.shape.dims[i] != 1)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "dimension %d is not 1", i);
    }
    if (fold_rank(m, y.rank, &folded)) {
        folded.rank = y.rank;
        return gft_tf_set_ints(m, &folded, err);
    }
    return reshape_to(m, &y, err);
}

graft_status gft_tf_import_broadcast_to(gft_tf_import *m, graft_error *err) {
    gft_tf_ints target;
    gft_shape_attrs attrs = {.mean = false};
    GFT_TRY(gft_tf_need_ints(m, 1, "dimensions", &target, err));
    GFT_TRY(shape_of_ints(&target, &attrs.shape, err));
    return gft_tf_append_same(m, &gft_op_broadcast_to, &attrs, 1, err);
}

/* Fill: integers for shapes, or a float constant of a known size. */
graft_status gft_tf_import_fill(gft_tf_import *m, graft_error *err) {
    gft_tf_ints target;
    gft_tf_ints value;
    graft_shape shape = {0};
    float number;
    size_t bytes;
    GFT_TRY(gft_tf_need_known(m, 0, "dimensions", &target, err));
    if (gft_tf_ints_of(m, 1, &value) && target.count <= 1) {
        const int64_t count = target.count == 1 ? target.values[0] : 1;
        if (count < 0 || count > GFT_TF_MAX_INTS)
            return gft_tf_refuse("it is too large", err);
        gft_tf_ints y = {.rank = target.count, .count = (int32_t)count, .dtype = value.dtype};
        for (int64_t i = 0; i < count; i++)
            y.values[i] = value.values[0];
        return gft_tf_set_ints(m, &y, err);
    }
    GFT_TRY(shape_of_ints(&target, &shape, err));
    const graft_tensor_desc desc = gft_desc_f32(shape);
    if (!gft_tf_scalar_of(m, 1, &number) || !gft_desc_bytes(&desc, &bytes) ||
        bytes > ((size_t)64 << 20))
        return gft_tf_refuse("it is no small constant of type float32", err);
    graft_tensor *tensor = gft_arena_alloc(m->arena, sizeof *tensor);
    float *data = gft_arena_alloc(m->arena, bytes);
    if (!tensor || !data)
        return gft_fail_memory(err, bytes, "a constant");
    for (size_t i = 0; i < bytes / sizeof *data; i++)
        data[i] = number;
    *tensor = (graft_tensor){m->name, desc, data, bytes};
    m->outputs[0].kind = GFT_TF_CONST;
    m->outputs[0].tensor = tensor;
    return GRAFT_OK;
}

graft_status gft_tf_import_range(gft_tf_import *m, graft_error *err) {
    gft_tf_ints bounds[3];
    for (int32_t i = 0; i < 3; i++)
        GFT_TRY(gft_tf_need_known(m, i, "bounds", &bounds[i], err));
    const int64_t step = bounds[2].values[0];
    if (bounds[0].count != 1 || bounds[1].count != 1 || bounds[2].count != 1 || step == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its bounds are no three numbers with a step");
    gft_tf_ints y = {.rank = 1, .dtype = bounds[0].dtype};
    int64_t value = bounds[0].values[0];
    const int64_t limit = bounds[1].values[0];
    while (step > 0 ? value < limit : value > limit) {
        if (y.count == GFT_TF_MAX_INTS)
            return gft_tf_refuse("it is too long", err);
        y.values[y.count++] = value;
        if (__builtin_add_overflow(value, step, &value))
            break;
    }
    return gft_tf_set_ints(m, &y, err);
}
