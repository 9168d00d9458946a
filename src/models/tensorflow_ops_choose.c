/*
 * Conditions, choices and indices as TensorFlow's nodes: logical ops, SelectV2, ClipByValue,
 * ArgMax, TopKV2, OneHot, Cumsum, GatherNd, LRN, and prelu as Keras computes it.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

const char *gft_tf_const_number(gft_tf_nodes *nodes, const char *name, graft_dtype dtype,
                                double value) {
    const graft_tensor_desc desc = {dtype, gft_shape_0(), NULL};
    const double low = dtype == GRAFT_S32 ? INT32_MIN : -0x1p62;
    const double high = dtype == GRAFT_S32 ? INT32_MAX : 0x1p62;
    const double whole = value < low ? low : value > high ? high : value;
    const float f32 = (float)value;
    const int32_t s32 = dtype == GRAFT_S32 ? (int32_t)whole : 0;
    const int64_t s64 = (int64_t)whole;
    const uint8_t truth = value != 0.0;
    const void *data = dtype == GRAFT_F32   ? (const void *)&f32
                       : dtype == GRAFT_S32 ? (const void *)&s32
                       : dtype == GRAFT_S64 ? (const void *)&s64
                                            : (const void *)&truth;
    void *copy = gft_arena_memdup(nodes->pb->arena, data, graft_dtype_bytes(dtype));
    nodes->pb->failed = nodes->pb->failed || !copy;
    return copy ? gft_tf_const(nodes, name, &desc, copy) : NULL;
}

/* A node with these inputs; types are its caller's. */
static gft_tf_node *node_of(gft_tf_emit *e, const char *op, const char *a, const char *b,
                            const char *c) {
    gft_tf_node *node = gft_tf_add(e->nodes, op);
    gft_tf_input(e->nodes, node, a);
    if (b)
        gft_tf_input(e->nodes, node, b);
    if (c)
        gft_tf_input(e->nodes, node, c);
    return node;
}

graft_status gft_tf_emit_logical(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_op *op = e->node->op;
    gft_tf_node *node = op == &gft_op_logical_not
                            ? node_of(e, "LogicalNot", gft_tf_in(e, 0), NULL, NULL)
                            : node_of(e, op == &gft_op_logical_and ? "LogicalAnd" : "LogicalOr",
                                      gft_tf_in(e, 0), gft_tf_in(e, 1), NULL);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_select(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_node *node = node_of(e, "SelectV2", gft_tf_in(e, 0), gft_tf_in(e, 1), gft_tf_in(e, 2));
    gft_tf_attr_type(e->nodes, node, "T", gft_tf_out_desc(e)->dtype);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_clip(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_clip_attrs *attrs = e->node->attrs;
    const graft_dtype dtype = gft_tf_out_desc(e)->dtype;
    gft_tf_node *node = node_of(e, "ClipByValue", gft_tf_in(e, 0),
                                gft_tf_const_number(e->nodes, "low", dtype, (double)attrs->low),
                                gft_tf_const_number(e->nodes, "high", dtype, (double)attrs->high));
    gft_tf_attr_type(e->nodes, node, "T", dtype);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

/* relu(x) + -slope * relu(-x) */
graft_status gft_tf_emit_prelu(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_nodes *nodes = e->nodes;
    const char *high = gft_tf_unary(nodes, "Relu", gft_tf_in(e, 0), GRAFT_F32);
    const char *low = gft_tf_unary(
        nodes, "Relu", gft_tf_unary(nodes, "Neg", gft_tf_in(e, 0), GRAFT_F32), GRAFT_F32);
    const char *slope = gft_tf_unary(nodes, "Neg", gft_tf_in(e, 1), GRAFT_F32);
    gft_tf_set_out(e, gft_tf_binary(nodes, "AddV2", high,
                                    gft_tf_binary(nodes, "Mul", slope, low, GRAFT_F32), GRAFT_F32));
    return GRAFT_OK;
}

graft_status gft_tf_emit_arg(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_arg_attrs *attrs = e->node->attrs;
    gft_tf_node *node =
        node_of(e, e->node->op == &gft_op_argmax ? "ArgMax" : "ArgMin", gft_tf_in(e, 0),
                gft_tf_const_s32(e->nodes, "axis", attrs->axis), NULL);
    gft_tf_attr_type(e->nodes, node, "T", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_type(e->nodes, node, "Tidx", GRAFT_S32);
    gft_tf_attr_type(e->nodes, node, "output_type", attrs->dtype);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_top_k(gft_tf_emit *e, graft_error *err) {
    const gft_top_k_attrs *attrs = e->node->attrs;
    if (!gft_tf_fits_s32(&attrs->k, 1))
        return gft_tf_cannot(e, "its count is larger than int32 holds", err);
    gft_tf_node *node = node_of(e, "TopKV2", gft_tf_in(e, 0),
                                gft_tf_const_s32(e->nodes, "k", (int32_t)attrs->k), NULL);
    gft_tf_attr_type(e->nodes, node, "T", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_bool(e->nodes, node, "sorted", true);
    e->values[e->node->outputs[0]] = gft_tf_output_named(e->nodes, node, "values", 0);
    e->values[e->node->outputs[1]] = gft_tf_output_named(e->nodes, node, "indices", 1);
    return GRAFT_OK;
}

graft_status gft_tf_emit_one_hot(gft_tf_emit *e, graft_error *err) {
    const gft_one_hot_attrs *attrs = e->node->attrs;
    const int32_t rank = gft_tf_out_desc(e)->shape.rank;
    int32_t axis = attrs->axis;
    if (!gft_tf_fits_s32(&attrs->depth, 1))
        return gft_tf_cannot(e, "its depth is larger than int32 holds", err);
    if (axis != -1 && !gft_axis_normalise(axis, rank, &axis))
        return gft_tf_cannot(e, "its axis is none", err);
    gft_tf_node *node = node_of(e, "OneHot", gft_tf_in(e, 0),
                                gft_tf_const_s32(e->nodes, "depth", (int32_t)attrs->depth),
                                gft_tf_const_number(e->nodes, "on", attrs->dtype, attrs->on));
    gft_tf_input(e->nodes, node, gft_tf_const_number(e->nodes, "off", attrs->dtype, attrs->off));
    gft_tf_attr_type(e->nodes, node, "T", attrs->dtype);
    gft_tf_attr_type(e->nodes, node, "TI", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_int(e->nodes, node, "axis", axis);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_cumsum(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_cumsum_attrs *attrs = e->node->attrs;
    gft_tf_node *node = node_of(e, "Cumsum", gft_tf_in(e, 0),
                                gft_tf_const_s32(e->nodes, "axis", attrs->axis), NULL);
    gft_tf_attr_type(e->nodes, node, "T", gft_tf_out_desc(e)->dtype);
    gft_tf_attr_type(e->nodes, node, "Tidx", GRAFT_S32);
    gft_tf_attr_bool(e->nodes, node, "exclusive", attrs->exclusive);
    gft_tf_attr_bool(e->nodes, node, "reverse", attrs->reverse);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

/* With batch dimensions GatherV2, whose indices are numbers and not vectors of one. */
graft_status gft_tf_emit_gather_nd(gft_tf_emit *e, graft_error *err) {
    const gft_gather_nd_attrs *attrs = e->node->attrs;
    const graft_shape *indices = &gft_tf_in_desc(e, 1)->shape;
    const int64_t last = indices->rank - 1;
    gft_tf_nodes *nodes = e->nodes;
    gft_tf_node *node;
    if (attrs->batch_dims == 0) {
        node = node_of(e, "GatherNd", gft_tf_in(e, 0), gft_tf_in(e, 1), NULL);
    } else if (indices->dims[last] == 1) {
        gft_tf_node *squeeze = gft_tf_add(nodes, "Squeeze");
        gft_tf_input(nodes, squeeze, gft_tf_in(e, 1));
        gft_tf_attr_type(nodes, squeeze, "T", gft_tf_in_desc(e, 1)->dtype);
        gft_tf_attr_ints(nodes, squeeze, "squeeze_dims", &last, 1);
        node = node_of(e, "GatherV2", gft_tf_in(e, 0), gft_tf_output(nodes, squeeze, 0),
                       gft_tf_const_s32(nodes, "axis", attrs->batch_dims));
        gft_tf_attr_type(nodes, node, "Taxis", GRAFT_S32);
        gft_tf_attr_int(nodes, node, "batch_dims", attrs->batch_dims);
    } else {
        return gft_tf_cannot(e, "its indices are vectors behind batch dimensions", err);
    }
    gft_tf_attr_type(nodes, node, "Tparams", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_type(nodes, node, "Tindices", gft_tf_in_desc(e, 1)->dtype);
    gft_tf_set_out(e, gft_tf_output(nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_lrn(gft_tf_emit *e, graft_error *err) {
    const gft_lrn_attrs *attrs = e->node->attrs;
    if (gft_tf_in_desc(e, 0)->shape.rank != 4)
        return gft_tf_cannot(e, "its input is not of rank 4", err);
    gft_tf_node *node = node_of(e, "LRN", gft_tf_in(e, 0), NULL, NULL);
    gft_tf_attr_type(e->nodes, node, "T", GRAFT_F32);
    gft_tf_attr_int(e->nodes, node, "depth_radius", attrs->radius);
    gft_tf_attr_float(e->nodes, node, "bias", attrs->bias);
    gft_tf_attr_float(e->nodes, node, "alpha", attrs->alpha);
    gft_tf_attr_float(e->nodes, node, "beta", attrs->beta);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}
