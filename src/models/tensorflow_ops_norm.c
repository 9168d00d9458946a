/*
 * Normalisation and softmax as TensorFlow's nodes. Batch norm is FusedBatchNormV3 on pictures and
 * plain arithmetic on other ranks; in training mode the moving statistics are assigned as Keras
 * does, and the assignments become control outputs of the function, without which TensorFlow drops
 * them.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

/* gamma, beta, mean, variance */
enum { GAMMA = 1, BETA, MEAN, VARIANCE };

/* variable -= (variable - batch) * (1 - momentum) */
static void moving_average(gft_tf_emit *e, int32_t input, const char *batch, float momentum) {
    const gft_value *value = gft_graph_value(e->graph, e->node->inputs[input]);
    if (value->kind != GFT_VALUE_PARAM || !e->handles[value->param])
        return;
    gft_tf_nodes *nodes = e->nodes;
    const char *gap = gft_tf_binary(nodes, "Sub", gft_tf_in(e, input), batch, GRAFT_F32);
    const char *rest = gft_tf_const_f32(nodes, "one_minus_momentum", 1.0f - momentum);
    const char *step = gft_tf_binary(nodes, "Mul", gap, rest, GRAFT_F32);
    gft_tf_node *assign = gft_tf_add(nodes, "AssignSubVariableOp");
    gft_tf_input(nodes, assign, e->handles[value->param]);
    gft_tf_input(nodes, assign, step);
    gft_tf_attr_type(nodes, assign, "dtype", GRAFT_F32);
    if (assign)
        gft_pb_push(nodes->pb, &e->effects, &e->effect_count, assign);
}

static const char *fused(gft_tf_emit *e, const gft_batch_norm_attrs *attrs, bool training) {
    gft_tf_nodes *nodes = e->nodes;
    const graft_tensor_desc empty = gft_desc_f32(gft_shape_1(0));
    const char *none = training ? gft_tf_const(nodes, "empty", &empty, "") : NULL;
    gft_tf_node *node = gft_tf_add(nodes, "FusedBatchNormV3");
    for (int32_t i = 0; i < 5; i++)
        gft_tf_input(nodes, node, training && i >= MEAN ? none : gft_tf_in(e, i));
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_type(nodes, node, "U", GRAFT_F32);
    gft_tf_attr_text(nodes, node, "data_format", "NHWC");
    gft_tf_attr_float(nodes, node, "epsilon", attrs->epsilon);
    gft_tf_attr_float(nodes, node, "exponential_avg_factor", 1.0f);
    gft_tf_attr_bool(nodes, node, "is_training", training);
    gft_tf_attr_float(nodes, node, GFT_TF_ATTR_MOMENTUM, attrs->momentum);
    gft_tf_attr_bool(nodes, node, GFT_TF_ATTR_TRAIN, attrs->train);
    if (training) {
        moving_average(e, MEAN, gft_tf_output_named(nodes, node, "batch_mean", 1), attrs->momentum);
        moving_average(e, VARIANCE, gft_tf_output_named(nodes, node, "batch_variance", 2),
                       attrs->momentum);
    }
    return gft_tf_output(nodes, node, 0);
}

/* (x - mean) * (rsqrt(variance + epsilon) * gamma) + beta */
static const char *normalise(gft_tf_nodes *nodes, const char *x, const char *mean,
                             const char *variance, float epsilon, const char *gamma,
                             const char *beta) {
    const char *small = gft_tf_const_f32(nodes, "epsilon", epsilon);
    const char *deviation = gft_tf_unary(
        nodes, "Rsqrt", gft_tf_binary(nodes, "AddV2", variance, small, GRAFT_F32), GRAFT_F32);
    const char *scale = gft_tf_binary(nodes, "Mul", deviation, gamma, GRAFT_F32);
    const char *centred = gft_tf_binary(nodes, "Sub", x, mean, GRAFT_F32);
    return gft_tf_binary(nodes, "AddV2", gft_tf_binary(nodes, "Mul", centred, scale, GRAFT_F32),
                         beta, GRAFT_F32);
}

static const char *plain(gft_tf_emit *e, const gft_batch_norm_attrs *attrs, bool training) {
    gft_tf_nodes *nodes = e->nodes;
    const char *mean = gft_tf_in(e, MEAN);
    const char *variance = gft_tf_in(e, VARIANCE);
    if (training) {
        int64_t axes[GRAFT_MAX_RANK];
        const int32_t rank = gft_tf_in_desc(e, 0)->shape.rank;
        for (int32_t i = 0; i + 1 < rank; i++)
            axes[i] = i;
        mean = gft_tf_reduce(nodes, "Mean", gft_tf_in(e, 0), axes, (size_t)rank - 1, false);
        const char *square =
            gft_tf_binary(nodes, "SquaredDifference", gft_tf_in(e, 0), mean, GRAFT_F32);
        variance = gft_tf_reduce(nodes, "Mean", square, axes, (size_t)rank - 1, false);
        moving_average(e, MEAN, mean, attrs->momentum);
        moving_average(e, VARIANCE, variance, attrs->momentum);
    }
    return normalise(nodes, gft_tf_in(e, 0), mean, variance, attrs->epsilon, gft_tf_in(e, GAMMA),
                     gft_tf_in(e, BETA));
}

graft_status gft_tf_emit_batch_norm(gft_tf_emit *e, graft_error *err) {
    const gft_batch_norm_attrs *attrs = e->node->attrs;
    const bool training = e->training && attrs->train;
    const int32_t rank = gft_tf_in_desc(e, 0)->shape.rank;
    if (rank < 2)
        return gft_tf_cannot(e, "its input is a vector, expected a batch", err);
    gft_tf_set_out(e, rank == 4 ? fused(e, attrs, training) : plain(e, attrs, training));
    return GRAFT_OK;
}

graft_status gft_tf_emit_layer_norm(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_norm_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const int64_t last = -1;
    const char *x = gft_tf_in(e, 0);
    const char *mean = gft_tf_reduce(nodes, "Mean", x, &last, 1, true);
    const char *square = gft_tf_binary(nodes, "SquaredDifference", x, mean, GRAFT_F32);
    const char *variance = gft_tf_reduce(nodes, "Mean", square, &last, 1, true);
    gft_tf_set_out(
        e, normalise(nodes, x, mean, variance, attrs->epsilon, gft_tf_in(e, 1), gft_tf_in(e, 2)));
    return GRAFT_OK;
}

graft_status gft_tf_emit_l2_normalise(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_norm_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const int64_t last = -1;
    const char *x = gft_tf_in(e, 0);
    const char *sum =
        gft_tf_reduce(nodes, "Sum", gft_tf_unary(nodes, "Square", x, GRAFT_F32), &last, 1, true);
    const char *small = gft_tf_const_f32(nodes, "epsilon", attrs->epsilon);
    const char *root = gft_tf_unary(
        nodes, "Rsqrt", gft_tf_binary(nodes, "Maximum", sum, small, GRAFT_F32), GRAFT_F32);
    gft_tf_set_out(e, gft_tf_binary(nodes, "Mul", x, root, GRAFT_F32));
    return GRAFT_OK;
}

/* TensorFlow's softmax runs along the last axis: another one is brought there and back. */
graft_status gft_tf_emit_softmax(gft_tf_emit *e, graft_error *err) {
    const gft_axis_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const int32_t rank = gft_tf_in_desc(e, 0)->shape.rank;
    const char *op = e->node->op == &gft_op_softmax ? "Softmax" : "LogSoftmax";
    int32_t axis = 0;
    if (!gft_axis_normalise(attrs->axis, rank, &axis))
        return gft_tf_cannot(e, "its axis is not one of its input", err);
    if (axis == rank - 1) {
        gft_tf_set_out(e, gft_tf_unary(nodes, op, gft_tf_in(e, 0), GRAFT_F32));
        return GRAFT_OK;
    }
    gft_transpose_attrs swap = {{0}};
    for (int32_t i = 0; i < rank; i++)
        swap.perm[i] = i;
    swap.perm[axis] = rank - 1;
    swap.perm[rank - 1] = axis;
    const char *swapped = gft_tf_transpose(nodes, gft_tf_in(e, 0), &swap, rank, GRAFT_F32);
    gft_tf_set_out(e, gft_tf_transpose(nodes, gft_tf_unary(nodes, op, swapped, GRAFT_F32), &swap,
                                       rank, GRAFT_F32));
    return GRAFT_OK;
}
