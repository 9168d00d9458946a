/*
 * Ops that move or select values as TensorFlow's nodes: reshape, transpose, slices, pad, concat,
 * gather, broadcast. Shapes and axes are int32 constants; where two dimensions are unknown they are
 * taken from the input at run time.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

const char *gft_tf_shape_part(gft_tf_nodes *nodes, const char *shape, int64_t axis) {
    const int64_t end = axis + 1;
    const int64_t one = 1;
    gft_tf_node *node = gft_tf_add(nodes, "StridedSlice");
    gft_tf_input(nodes, node, shape);
    gft_tf_input(nodes, node, gft_tf_const_ints(nodes, "begin", &axis, 1));
    gft_tf_input(nodes, node, gft_tf_const_ints(nodes, "end", &end, 1));
    gft_tf_input(nodes, node, gft_tf_const_ints(nodes, "stride", &one, 1));
    gft_tf_attr_type(nodes, node, "T", GRAFT_S32);
    gft_tf_attr_type(nodes, node, "Index", GRAFT_S32);
    static const char *const masks[] = {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask",
                                        "shrink_axis_mask"};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        gft_tf_attr_int(nodes, node, masks[i], 0);
    return gft_tf_output(nodes, node, 0);
}

const char *gft_tf_concat(gft_tf_nodes *nodes, const char *const *parts, int32_t count,
                          int32_t axis, graft_dtype dtype) {
    const char *where = gft_tf_const_s32(nodes, "axis", axis);
    gft_tf_node *node = gft_tf_add(nodes, "ConcatV2");
    for (int32_t i = 0; i < count; i++)
        gft_tf_input(nodes, node, parts[i]);
    gft_tf_input(nodes, node, where);
    gft_tf_attr_int(nodes, node, "N", count);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_type(nodes, node, "Tidx", GRAFT_S32);
    return gft_tf_output(nodes, node, 0);
}

static int32_t unknown_dims(const graft_shape *shape) {
    int32_t count = 0;
    for (int32_t i = 0; i < shape->rank; i++)
        count += shape->dims[i] < 0;
    return count;
}

graft_status gft_tf_emit_reshape(gft_tf_emit *e, graft_error *err) {
    gft_tf_nodes *nodes = e->nodes;
    const graft_tensor_desc *y = gft_tf_out_desc(e);
    const int32_t rank = y->shape.rank;
    const char *shape;
    if (!gft_tf_fits_s32(y->shape.dims, (size_t)rank))
        return gft_tf_cannot(e, "a dimension is larger than int32 holds", err);
    if (unknown_dims(&y->shape) <= 1) {
        shape = gft_tf_const_ints(nodes, "shape", y->shape.dims, (size_t)rank);
    } else if (e->node->input_count > 1) {
        shape = gft_tf_shape_of(nodes, gft_tf_in(e, 1), gft_tf_in_desc(e, 1)->dtype);
    } else if (unknown_dims(&y->shape) == 2 && y->shape.dims[0] < 0) {
        const char *parts[2] = {
            gft_tf_shape_part(nodes, gft_tf_shape_of(nodes, gft_tf_in(e, 0), y->dtype), 0),
            gft_tf_const_ints(nodes, "shape", y->shape.dims + 1, (size_t)rank - 1)};
        shape = gft_tf_concat(nodes, parts, 2, 0, GRAFT_S32);
    } else {
        return gft_tf_cannot(e, "more than two dimensions of its result are unknown", err);
    }
    gft_tf_set_out(e, gft_tf_reshape(nodes, gft_tf_in(e, 0), shape, y->dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_broadcast_to(gft_tf_emit *e, graft_error *err) {
    const gft_shape_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const graft_tensor_desc *y = gft_tf_out_desc(e);
    const graft_shape *x = &gft_tf_in_desc(e, 0)->shape;
    const char *shape;
    if (attrs->mean)
        return gft_tf_cannot(e, "it is the gradient of a mean", err);
    if (!gft_tf_fits_s32(y->shape.dims, (size_t)y->shape.rank))
        return gft_tf_cannot(e, "a dimension is larger than int32 holds", err);
    if (unknown_dims(&y->shape) == 0) {
        shape = gft_tf_const_ints(nodes, "shape", y->shape.dims, (size_t)y->shape.rank);
    } else if (e->node->input_count > 1) {
        shape = gft_tf_shape_of(nodes, gft_tf_in(e, 1), gft_tf_in_desc(e, 1)->dtype);
    } else {
        const char *parts[GRAFT_MAX_RANK];
        const char *own = gft_tf_shape_of(nodes, gft_tf_in(e, 0), y->dtype);
        for (int32_t i = 0; i < y->shape.rank; i++)
            parts[i] = y->shape.dims[i] < 0
                           ? gft_tf_shape_part(nodes, own, i - (y->shape.rank - x->rank))
                           : gft_tf_const_ints(nodes, "dim", &y->shape.dims[i], 1);
        shape = y->shape.rank == 1 ? parts[0]
                                   : gft_tf_concat(nodes, parts, y->shape.rank, 0, GRAFT_S32);
    }
    gft_tf_node *node = gft_tf_add(nodes, "BroadcastTo");
    gft_tf_input(nodes, node, gft_tf_in(e, 0));
    gft_tf_input(nodes, node, shape);
    gft_tf_attr_type(nodes, node, "T", y->dtype);
    gft_tf_attr_type(nodes, node, "Tidx", GRAFT_S32);
    gft_tf_set_out(e, gft_tf_output(nodes, node, 0));
    return GRAFT_OK;
}

const char *gft_tf_transpose(gft_tf_nodes *nodes, const char *x, const gft_transpose_attrs *attrs,
                             int32_t rank, graft_dtype dtype) {
    int64_t perm[GRAFT_MAX_RANK];
    for (int32_t i = 0; i < rank; i++)
        perm[i] = attrs->perm[i];
    const char *order = gft_tf_const_ints(nodes, "perm", perm, (size_t)rank);
    gft_tf_node *node = gft_tf_add(nodes, "Transpose");
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, order);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_type(nodes, node, "Tperm", GRAFT_S32);
    return gft_tf_output(nodes, node, 0);
}

graft_status gft_tf_emit_transpose(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const graft_tensor_desc *x = gft_tf_in_desc(e, 0);
    gft_tf_set_out(
        e, gft_tf_transpose(e->nodes, gft_tf_in(e, 0), e->node->attrs, x->shape.rank, x->dtype));
    return GRAFT_OK;
}

const char *gft_tf_slice(gft_tf_nodes *nodes, const char *x, const int64_t *begin,
                         const int64_t *size, int32_t rank, graft_dtype dtype) {
    if (!gft_tf_fits_s32(begin, (size_t)rank) || !gft_tf_fits_s32(size, (size_t)rank))
        return NULL;
    const char *from = gft_tf_const_ints(nodes, "begin", begin, (size_t)rank);
    const char *extent = gft_tf_const_ints(nodes, "size", size, (size_t)rank);
    gft_tf_node *node = gft_tf_add(nodes, "Slice");
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, from);
    gft_tf_input(nodes, node, extent);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_type(nodes, node, "Index", GRAFT_S32);
    return gft_tf_output(nodes, node, 0);
}

graft_status gft_tf_emit_slice(gft_tf_emit *e, graft_error *err) {
    const gft_slice_attrs *attrs = e->node->attrs;
    const graft_tensor_desc *x = gft_tf_in_desc(e, 0);
    const char *y =
        gft_tf_slice(e->nodes, gft_tf_in(e, 0), attrs->begin, attrs->size, x->shape.rank, x->dtype);
    if (!y && !e->nodes->pb->failed)
        return gft_tf_cannot(e, "a bound is larger than int32 holds", err);
    gft_tf_set_out(e, y);
    return GRAFT_OK;
}

/*
 * Bounds with masks taken out: INT64_MAX and INT64_MIN mean "from (to) the very end" and become
 * mask bits.
 */
static uint32_t open_bounds(const int64_t *in, int64_t *out, int32_t rank) {
    uint32_t mask = 0;
    for (int32_t i = 0; i < rank; i++) {
        const bool open = in[i] == INT64_MAX || in[i] == INT64_MIN;
        mask |= open ? 1u << i : 0;
        out[i] = open ? 0 : in[i];
    }
    return mask;
}

const char *gft_tf_strided_slice(gft_tf_nodes *nodes, const char *x,
                                 const gft_strided_slice_attrs *attrs, int32_t rank,
                                 graft_dtype dtype) {
    int64_t begin[GRAFT_MAX_RANK];
    int64_t end[GRAFT_MAX_RANK];
    const uint32_t begin_mask = open_bounds(attrs->begin, begin, rank);
    const uint32_t end_mask = open_bounds(attrs->end, end, rank);
    if (!gft_tf_fits_s32(begin, (size_t)rank) || !gft_tf_fits_s32(end, (size_t)rank) ||
        !gft_tf_fits_s32(attrs->stride, (size_t)rank))
        return NULL;
    const char *from = gft_tf_const_ints(nodes, "begin", begin, (size_t)rank);
    const char *to = gft_tf_const_ints(nodes, "end", end, (size_t)rank);
    const char *step = gft_tf_const_ints(nodes, "stride", attrs->stride, (size_t)rank);
    gft_tf_node *node = gft_tf_add(nodes, "StridedSlice");
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, from);
    gft_tf_input(nodes, node, to);
    gft_tf_input(nodes, node, step);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_type(nodes, node, "Index", GRAFT_S32);
    gft_tf_attr_int(nodes, node, "begin_mask", begin_mask & ~attrs->shrink_mask);
    gft_tf_attr_int(nodes, node, "end_mask", end_mask & ~attrs->shrink_mask);
    gft_tf_attr_int(nodes, node, "ellipsis_mask", 0);
    gft_tf_attr_int(nodes, node, "new_axis_mask", 0);
    gft_tf_attr_int(nodes, node, "shrink_axis_mask", attrs->shrink_mask);
    return gft_tf_output(nodes, node, 0);
}

graft_status gft_tf_emit_strided_slice(gft_tf_emit *e, graft_error *err) {
    const graft_tensor_desc *x = gft_tf_in_desc(e, 0);
    const char *y =
        gft_tf_strided_slice(e->nodes, gft_tf_in(e, 0), e->node->attrs, x->shape.rank, x->dtype);
    if (!y && !e->nodes->pb->failed)
        return gft_tf_cannot(e, "a bound is larger than int32 holds", err);
    gft_tf_set_out(e, y);
    return GRAFT_OK;
}

const char *gft_tf_pad(gft_tf_nodes *nodes, const char *x, const gft_pad_attrs *attrs, int32_t rank,
                       const char *value, graft_dtype dtype) {
    int64_t amounts[2 * GRAFT_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        amounts[2 * i] = attrs->before[i];
        amounts[2 * i + 1] = attrs->after[i];
    }
    int32_t *data = gft_arena_array(nodes->pb->arena, 2 * (size_t)rank, sizeof *data);
    if (!data || !gft_tf_fits_s32(amounts, 2 * (size_t)rank)) {
        nodes->pb->failed = nodes->pb->failed || !data;
        return NULL;
    }
    for (int32_t i = 0; i < 2 * rank; i++)
        data[i] = (int32_t)amounts[i];
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_2(rank, 2), NULL};
    const char *paddings = gft_tf_const(nodes, "paddings", &desc, data);
    gft_tf_node *node = gft_tf_add(nodes, value ? "PadV2" : "Pad");
    gft_tf_input(nodes, node, x);
    gft_tf_input(nodes, node, paddings);
    if (value)
        gft_tf_input(nodes, node, value);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_type(nodes, node, "Tpaddings", GRAFT_S32);
    return gft_tf_output(nodes, node, 0);
}

graft_status gft_tf_emit_pad(gft_tf_emit *e, graft_error *err) {
    const gft_pad_attrs *attrs = e->node->attrs;
    const graft_tensor_desc *x = gft_tf_in_desc(e, 0);
    const char *value = NULL;
    if (attrs->value != 0.0f && x->dtype != GRAFT_F32)
        return gft_tf_cannot(e, "it pads integers with a value other than 0", err);
    if (attrs->value != 0.0f)
        value = gft_tf_const_f32(e->nodes, "value", attrs->value);
    const char *y = gft_tf_pad(e->nodes, gft_tf_in(e, 0), attrs, x->shape.rank, value, x->dtype);
    if (!y && !e->nodes->pb->failed)
        return gft_tf_cannot(e, "an amount is larger than int32 holds", err);
    gft_tf_set_out(e, y);
    return GRAFT_OK;
}

graft_status gft_tf_emit_concat(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_axis_attrs *attrs = e->node->attrs;
    const graft_dtype dtype = gft_tf_out_desc(e)->dtype;
    const int32_t count = e->node->input_count;
    const char **parts = gft_arena_array(e->nodes->pb->arena, (size_t)count, sizeof *parts);
    if (!parts) {
        e->nodes->pb->failed = true;
        return GRAFT_OK;
    }
    for (int32_t i = 0; i < count; i++)
        parts[i] = gft_tf_in(e, i);
    gft_tf_set_out(e, count == 1 ? gft_tf_unary(e->nodes, "Identity", parts[0], dtype)
                                 : gft_tf_concat(e->nodes, parts, count, attrs->axis, dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_gather(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_axis_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const char *axis = gft_tf_const_s32(nodes, "axis", attrs->axis);
    gft_tf_node *node = gft_tf_add(nodes, "GatherV2");
    gft_tf_input(nodes, node, gft_tf_in(e, 0));
    gft_tf_input(nodes, node, gft_tf_in(e, 1));
    gft_tf_input(nodes, node, axis);
    gft_tf_attr_type(nodes, node, "Tparams", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_type(nodes, node, "Tindices", gft_tf_in_desc(e, 1)->dtype);
    gft_tf_attr_type(nodes, node, "Taxis", GRAFT_S32);
    gft_tf_attr_int(nodes, node, "batch_dims", 0);
    gft_tf_set_out(e, gft_tf_output(nodes, node, 0));
    return GRAFT_OK;
}
