/*
 * Shapes, read: reshape and its relatives, and the integer arithmetic that leads to a shape. A
 * dimension that is not known stays GFT_TF_UNKNOWN and becomes reshape's -1.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

/* The dimensions of input `input`; what is not known remembers where it comes from. */
static graft_status dims_of(gft_tf_import *m, int32_t input, graft_dtype dtype, gft_tf_ints *y,
                            graft_error *err) {
    graft_tensor_desc x;
    GFT_TRY(gft_tf_desc_of(m, input, &x, err));
    *y = (gft_tf_ints){.rank = 1, .count = x.shape.rank, .dtype = dtype};
    for (int32_t i = 0; i < x.shape.rank; i++) {
        y->values[i] = x.shape.dims[i] < 0 ? GFT_TF_UNKNOWN : x.shape.dims[i];
        if (x.shape.dims[i] < 0 && m->inputs[input]->kind == GFT_TF_GRAPH)
            y->dims[i] = (gft_tf_dim){m->inputs[input]->id + 1, i, 1};
    }
    return GRAFT_OK;
}

static graft_status shape_in_graph(gft_tf_import *m, int32_t input, gft_value_id *out,
                                   graft_error *err) {
    const gft_cast_attrs attrs = {.dtype = gft_tf_get_type(m->node, "out_type", GRAFT_S32)};
    gft_value_id x;
    GFT_TRY(gft_tf_take(m, input, &x, err));
    return gft_tf_append(m, &gft_op_shape_of, &attrs, &x, 1, out, err);
}

/* Shape, and ShapeN with as many outputs as inputs. */
graft_status gft_tf_import_shape(gft_tf_import *m, graft_error *err) {
    const graft_dtype dtype = gft_tf_get_type(m->node, "out_type", GRAFT_S32);
    for (int32_t i = 0; i < m->output_count; i++) {
        gft_tf_ints y;
        gft_value_id id;
        if (m->in_graph) {
            GFT_TRY(shape_in_graph(m, i, &id, err));
            gft_tf_set_graph(m, i, id);
            continue;
        }
        GFT_TRY(dims_of(m, i, dtype, &y, err));
        m->outputs[i].ints = gft_arena_memdup(m->arena, &y, sizeof y);
        if (!m->outputs[i].ints)
            return gft_fail_memory(err, sizeof y, "a shape");
        m->outputs[i].kind = GFT_TF_INTS;
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_size(gft_tf_import *m, graft_error *err) {
    const graft_dtype dtype = gft_tf_get_type(m->node, "out_type", GRAFT_S32);
    gft_tf_ints dims;
    gft_value_id id;
    if (m->in_graph) {
        const gft_reduce_attrs all = {.axes = 1};
        GFT_TRY(shape_in_graph(m, 0, &id, err));
        GFT_TRY(gft_tf_append(m, &gft_op_reduce_prod, &all, &id, 1, &id, err));
        gft_tf_set_graph(m, 0, id);
        return GRAFT_OK;
    }
    GFT_TRY(dims_of(m, 0, dtype, &dims, err));
    gft_tf_ints y = {.count = 1, .dtype = dtype, .values = {1}};
    for (int32_t i = 0; i < dims.count; i++) {
        if (dims.values[i] == GFT_TF_UNKNOWN || y.values[0] == GFT_TF_UNKNOWN ||
            !gft_i64_mul(y.values[0], dims.values[i], &y.values[0]))
            y.values[0] = GFT_TF_UNKNOWN;
    }
    return gft_tf_set_ints(m, &y, err);
}

graft_status gft_tf_import_rank(gft_tf_import *m, graft_error *err) {
    graft_tensor_desc x;
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    const gft_tf_ints y = {.count = 1, .dtype = GRAFT_S32, .values = {x.shape.rank}};
    return gft_tf_set_ints(m, &y, err);
}

/* The shape that two shapes broadcast to. */
graft_status gft_tf_import_broadcast_args(gft_tf_import *m, graft_error *err) {
    gft_tf_ints a;
    gft_tf_ints b;
    GFT_TRY(gft_tf_need_ints(m, 0, "shapes", &a, err));
    GFT_TRY(gft_tf_need_ints(m, 1, "shapes", &b, err));
    gft_tf_ints y = {.rank = 1, .dtype = a.dtype};
    const int32_t count = a.count > b.count ? a.count : b.count;
    const gft_tf_ints one = {.values = {1}};
    for (int32_t i = 0; i < count; i++) {
        const int32_t ia = i - (count - a.count);
        const int32_t ib = i - (count - b.count);
        const int64_t va = ia < 0 ? 1 : a.values[ia];
        const int64_t vb = ib < 0 ? 1 : b.values[ib];
        const bool first =
            ia >= 0 && va != 1 && (vb == 1 || va != GFT_TF_UNKNOWN || vb == GFT_TF_UNKNOWN);
        if (!gft_tf_ints_push(&y, first ? &a : ib >= 0 ? &b : &one, first ? ia : ib >= 0 ? ib : 0))
            return gft_tf_refuse("it is too long", err);
    }
    return gft_tf_set_ints(m, &y, err);
}

/* Integers of rank 0 and 1 keep being integers under another rank of those. */
static bool fold_rank(gft_tf_import *m, int32_t rank, gft_tf_ints *y) {
    return gft_tf_operand_of(m, 0, y) && m->inputs[0]->kind == GFT_TF_INTS && rank >= 0 &&
           rank <= 1 && (rank == 1 || y->count == 1) && y->rank <= 1;
}

/* A list of numbers as rows, as paddings are computed. */
static bool fold_rows(gft_tf_import *m, const graft_shape *shape, gft_tf_ints *y) {
    if (shape->rank != 2 || !gft_tf_operand_of(m, 0, y))
        return false;
    const int64_t cols = shape->dims[1] >= 0  ? shape->dims[1]
                         : shape->dims[0] > 0 ? y->count / shape->dims[0]
                                              : 0;
    if (cols < 1 || y->count % cols != 0 ||
        (shape->dims[0] >= 0 && shape->dims[0] != y->count / cols))
        return false;
    y->rank = 2;
    y->cols = (int32_t)cols;
    return true;
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

graft_status gft_tf_shape_of_ints(const gft_tf_ints *ints, graft_shape *out, graft_error *err) {
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
    GFT_TRY(gft_tf_shape_of_ints(&target, &shape, err));
    if (fold_rows(m, &shape, &folded))
        return gft_tf_set_ints(m, &folded, err);
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
