/*
 * Element-wise ops and reductions, read. On integers that are known (or partly known) they are
 * computed at once.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/savedmodel_proto.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

graft_status gft_tf_import_unary(gft_tf_import *m, graft_error *err) {
    const struct {
        const char *name;
        const gft_op *op;
    } table[] = {
        {"Relu", &gft_op_relu},
        {"Relu6", &gft_op_relu6},
        {"Sigmoid", &gft_op_sigmoid},
        {"Tanh", &gft_op_tanh},
        {"Exp", &gft_op_exp},
        {"Log", &gft_op_log},
        {"Neg", &gft_op_neg},
        {"Sqrt", &gft_op_sqrt},
        {"Rsqrt", &gft_op_rsqrt},
        {"Square", &gft_op_square},
        {"Selu", &gft_op_selu},
        {"Softplus", &gft_op_softplus},
        {"Abs", &gft_op_abs},
        {"Softsign", &gft_op_softsign},
        {"Erf", &gft_op_erf},
        {"Sign", &gft_op_sign},
        {"Floor", &gft_op_floor},
        {"Ceil", &gft_op_ceil},
        {"Round", &gft_op_round},
        {"Rint", &gft_op_round},
        {"Sin", &gft_op_sin},
        {"Cos", &gft_op_cos},
        {"Log1p", &gft_op_log1p},
        {"Expm1", &gft_op_expm1},
        {"LogicalNot", &gft_op_logical_not},
    };
    gft_tf_ints y;
    if (gft_tf_fold_unary(m, &y))
        return gft_tf_set_ints(m, &y, err);
    if (strcmp(m->node->op, "Elu") == 0)
        return gft_tf_append_same(m, &gft_op_elu, &(gft_unary_attrs){1.0f}, 1, err);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, m->node->op) == 0)
            return gft_tf_append_same(m, table[i].op, NULL, 1, err);
    }
    return gft_tf_refuse("the op is not read", err);
}

/* Erfc: 1 - erf(x), which the gelu pattern looks for. */
graft_status gft_tf_import_erfc(gft_tf_import *m, graft_error *err) {
    gft_value_id x;
    gft_value_id one;
    gft_value_id y;
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_tf_append(m, &gft_op_erf, NULL, &x, 1, &y, err));
    GFT_TRY(gft_graph_const_f32(m->graph, 1.0f, &one, err));
    GFT_TRY(gft_tf_append(m, &gft_op_sub, NULL, (gft_value_id[]){one, y}, 2, &y, err));
    gft_tf_set_graph(m, 0, y);
    return GRAFT_OK;
}

/* Reciprocal, Inv: 1 / x. */
graft_status gft_tf_import_reciprocal(gft_tf_import *m, graft_error *err) {
    gft_value_id x;
    gft_value_id one;
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_tf_number(m, m->graph->values[x].desc.dtype, 1.0, &one, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_div, one, x, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* L2Loss: half the sum of the squares of everything. */
graft_status gft_tf_import_l2_loss(gft_tf_import *m, graft_error *err) {
    gft_value_id x;
    gft_value_id half;
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    const gft_reduce_attrs all = {.axes = (1u << m->graph->values[x].desc.shape.rank) - 1};
    GFT_TRY(gft_tf_number(m, GRAFT_F32, 0.5, &half, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_square, x, -1, &x, err));
    GFT_TRY(gft_tf_append(m, &gft_op_reduce_sum, &all, &x, 1, &x, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_mul, x, half, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

graft_status gft_tf_import_leaky_relu(gft_tf_import *m, graft_error *err) {
    const gft_unary_attrs attrs = {.alpha = gft_tf_get_float(m->node, "alpha", 0.2f)};
    return gft_tf_append_same(m, &gft_op_leaky_relu, &attrs, 1, err);
}

graft_status gft_tf_import_softmax(gft_tf_import *m, graft_error *err) {
    const gft_axis_attrs last = {.axis = -1};
    const bool log = strcmp(m->node->op, "LogSoftmax") == 0;
    return gft_tf_append_same(m, log ? &gft_op_log_softmax : &gft_op_softmax, &last, 1, err);
}

/* An Identity that the writer left for a dropout layer. */
graft_status gft_tf_import_dropout(gft_tf_import *m, graft_error *err) {
    const float rate = gft_tf_get_float(m->node, GFT_TF_ATTR_RATE, 0.0f);
    const gft_dropout_attrs attrs = {.rate = rate >= 0.0f && rate < 1.0f ? rate : 0.0f,
                                     .key = (uint64_t)gft_tf_get_int(m->node, GFT_TF_ATTR_KEY, 0)};
    return gft_tf_append_same(m, &gft_op_dropout, &attrs, 1, err);
}

graft_status gft_tf_import_ones_like(gft_tf_import *m, graft_error *err) {
    gft_tf_ints y;
    if (gft_tf_operand_of(m, 0, &y)) {
        for (int32_t i = 0; i < y.count; i++)
            y.values[i] = 1;
        return gft_tf_set_ints(m, &y, err);
    }
    return gft_tf_append_same(m, &gft_op_fill_like, NULL, 1, err);
}

graft_status gft_tf_import_zeros_like(gft_tf_import *m, graft_error *err) {
    gft_tf_ints y;
    gft_value_id x;
    gft_value_id zero;
    if (gft_tf_operand_of(m, 0, &y)) {
        for (int32_t i = 0; i < y.count; i++)
            y.values[i] = 0;
        return gft_tf_set_ints(m, &y, err);
    }
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    const graft_dtype dtype = m->graph->values[x].desc.dtype;
    GFT_TRY(gft_tf_apply(m, &gft_op_fill_like, x, -1, &x, err));
    if (dtype == GRAFT_BOOL) {
        GFT_TRY(gft_tf_apply(m, &gft_op_logical_not, x, -1, &x, err));
    } else {
        GFT_TRY(gft_tf_number(m, dtype, 0.0, &zero, err));
        GFT_TRY(gft_tf_apply(m, &gft_op_mul, x, zero, &x, err));
    }
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* ---- two operands ---- */

/* x * 1 and x + 0 are x. */
static bool is_neutral(const gft_tf_import *m, int32_t input) {
    float value;
    if (!gft_tf_scalar_of(m, input, &value) || m->inputs[input]->tensor->desc.shape.rank != 0 ||
        m->inputs[1 - input]->kind != GFT_TF_GRAPH)
        return false;
    return strcmp(m->node->op, "Mul") == 0 ? value == 1.0f
                                           : strncmp(m->node->op, "Add", 3) == 0 && value == 0.0f;
}

graft_status gft_tf_import_binary(gft_tf_import *m, graft_error *err) {
    const struct {
        const char *name;
        const gft_op *op;
    } table[] = {
        {"Add", &gft_op_add},
        {"AddV2", &gft_op_add},
        {"Sub", &gft_op_sub},
        {"Mul", &gft_op_mul},
        {"RealDiv", &gft_op_div},
        {"Maximum", &gft_op_maximum},
        {"Minimum", &gft_op_minimum},
        {"Pow", &gft_op_pow},
        {"FloorDiv", &gft_op_floor_div},
        {"FloorMod", &gft_op_floor_mod},
        {"Div", &gft_op_div},
        {"TruncateDiv", &gft_op_div},
        {"LogicalAnd", &gft_op_logical_and},
        {"LogicalOr", &gft_op_logical_or},
        {"Equal", &gft_op_equal},
        {"NotEqual", &gft_op_not_equal},
        {"Less", &gft_op_less},
        {"LessEqual", &gft_op_less_equal},
        {"Greater", &gft_op_greater},
        {"GreaterEqual", &gft_op_greater_equal},
    };
    gft_tf_ints y;
    if (gft_tf_fold_binary(m, &y))
        return gft_tf_set_ints(m, &y, err);
    for (int32_t i = 0; i < 2 && m->input_count == 2; i++) {
        if (is_neutral(m, i)) {
            gft_tf_set_graph(m, 0, m->inputs[1 - i]->id);
            return GRAFT_OK;
        }
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, m->node->op) == 0)
            return gft_tf_append_same(m, table[i].op, NULL, 2, err);
    }
    return gft_tf_refuse("the op is not read", err);
}

graft_status gft_tf_import_squared_difference(gft_tf_import *m, graft_error *err) {
    gft_value_id inputs[2];
    gft_value_id out;
    for (int32_t i = 0; i < 2; i++)
        GFT_TRY(gft_tf_take(m, i, &inputs[i], err));
    GFT_TRY(gft_tf_append(m, &gft_op_sub, NULL, inputs, 2, &out, err));
    GFT_TRY(gft_tf_append(m, &gft_op_square, NULL, &out, 1, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

graft_status gft_tf_import_add_n(gft_tf_import *m, graft_error *err) {
    gft_value_id pair[2];
    GFT_TRY(gft_tf_take(m, 0, &pair[0], err));
    for (int32_t i = 1; i < m->input_count; i++) {
        GFT_TRY(gft_tf_take(m, i, &pair[1], err));
        GFT_TRY(gft_tf_append(m, &gft_op_add, NULL, pair, 2, &pair[0], err));
    }
    gft_tf_set_graph(m, 0, pair[0]);
    return GRAFT_OK;
}

graft_status gft_tf_import_cast(gft_tf_import *m, graft_error *err) {
    const gft_cast_attrs attrs = {.dtype = gft_tf_get_type(m->node, "DstT", GRAFT_F32)};
    gft_tf_ints ints;
    gft_value_id x;
    const bool whole = attrs.dtype == GRAFT_S32 || attrs.dtype == GRAFT_S64;
    if (whole && gft_tf_operand_of(m, 0, &ints)) {
        ints.dtype = attrs.dtype;
        return gft_tf_set_ints(m, &ints, err);
    }
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    if (m->graph->values[x].desc.dtype == attrs.dtype) {
        gft_tf_set_graph(m, 0, x);
        return GRAFT_OK;
    }
    return gft_tf_append_same(m, &gft_op_cast, &attrs, 1, err);
}

/* ---- reductions ---- */

graft_status gft_tf_import_reduce(gft_tf_import *m, graft_error *err) {
    const char *op = m->node->op;
    gft_tf_ints axes;
    gft_tf_ints folded;
    graft_tensor_desc x;
    gft_reduce_attrs attrs = {.keep_dims = gft_tf_get_bool(m->node, "keep_dims", false)};
    GFT_TRY(gft_tf_need_known(m, 1, "axes", &axes, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (axes.count > 0 && gft_tf_fold_reduce(m, &folded))
        return gft_tf_set_ints(m, &folded, err);
    for (int32_t i = 0; i < axes.count; i++) {
        int32_t axis;
        if (!gft_axis_normalise(axes.values[i], x.shape.rank, &axis))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %lld of a tensor of rank %d",
                            (long long)axes.values[i], x.shape.rank);
        attrs.axes |= 1u << axis;
    }
    const struct {
        const char *name;
        const gft_op *op;
    } table[] = {{"Mean", &gft_op_reduce_mean}, {"Sum", &gft_op_reduce_sum},
                 {"Max", &gft_op_reduce_max},   {"Min", &gft_op_reduce_min},
                 {"Prod", &gft_op_reduce_prod}, {"Any", &gft_op_reduce_any},
                 {"All", &gft_op_reduce_all}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, op) == 0)
            return gft_tf_append_same(m, table[i].op, &attrs, 1, err);
    }
    return gft_tf_refuse("the op is not read", err);
}
