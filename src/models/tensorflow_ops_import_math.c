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
        {"Relu", &gft_op_relu},     {"Relu6", &gft_op_relu6}, {"Sigmoid", &gft_op_sigmoid},
        {"Tanh", &gft_op_tanh},     {"Exp", &gft_op_exp},     {"Log", &gft_op_log},
        {"Neg", &gft_op_neg},       {"Sqrt", &gft_op_sqrt},   {"Rsqrt", &gft_op_rsqrt},
        {"Square", &gft_op_square},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, m->node->op) == 0)
            return gft_tf_append_same(m, table[i].op, NULL, 1, err);
    }
    return gft_tf_refuse("the op is not read", err);
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
    return gft_tf_append_same(m, &gft_op_fill_like, NULL, 1, err);
}

/* ---- two operands ---- */

static int64_t int_result(const char *op, int64_t a, int64_t b) {
    int64_t y = GFT_TF_UNKNOWN;
    bool bad = a == GFT_TF_UNKNOWN || b == GFT_TF_UNKNOWN;
    if (bad)
        return GFT_TF_UNKNOWN;
    if (strncmp(op, "Add", 3) == 0)
        bad = __builtin_add_overflow(a, b, &y);
    else if (strcmp(op, "Sub") == 0)
        bad = __builtin_sub_overflow(a, b, &y);
    else if (strcmp(op, "Mul") == 0)
        bad = __builtin_mul_overflow(a, b, &y);
    else if (strcmp(op, "Maximum") == 0)
        y = a > b ? a : b;
    else if (strcmp(op, "Minimum") == 0)
        y = a < b ? a : b;
    else if (strcmp(op, "FloorDiv") == 0 && b > 0)
        y = a / b - (a % b < 0);
    return bad ? GFT_TF_UNKNOWN : y;
}

/* Integers that are not in the graph: scalars and vectors of equal length. */
static bool fold_binary(gft_tf_import *m, gft_tf_ints *y) {
    gft_tf_ints a;
    gft_tf_ints b;
    if (!gft_tf_ints_of(m, 0, &a) || !gft_tf_ints_of(m, 1, &b))
        return false;
    if (a.count != b.count && a.count != 1 && b.count != 1)
        return false;
    *y = a.count >= b.count ? a : b;
    for (int32_t i = 0; i < y->count; i++)
        y->values[i] =
            int_result(m->node->op, a.values[a.count == 1 ? 0 : i], b.values[b.count == 1 ? 0 : i]);
    return true;
}

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
        {"Add", &gft_op_add},         {"AddV2", &gft_op_add},   {"Sub", &gft_op_sub},
        {"Mul", &gft_op_mul},         {"RealDiv", &gft_op_div}, {"Maximum", &gft_op_maximum},
        {"Minimum", &gft_op_minimum},
    };
    gft_tf_ints y;
    if (fold_binary(m, &y))
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
    return gft_tf_refuse("it is read for shapes only", err);
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
    if ((attrs.dtype == GRAFT_S32 || attrs.dtype == GRAFT_S64) && gft_tf_ints_of(m, 0, &ints)) {
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

/* Sum, Prod, Max of integers: all of them (a vector has one axis). */
static bool fold_reduce(const gft_tf_import *m, gft_tf_ints *y) {
    gft_tf_ints x;
    const char *op = m->node->op;
    if (!gft_tf_ints_of(m, 0, &x) || strcmp(op, "Mean") == 0)
        return false;
    int64_t value = strcmp(op, "Prod") == 0 ? 1 : strcmp(op, "Sum") == 0 ? 0 : INT64_MIN + 1;
    const char *step = strcmp(op, "Prod") == 0 ? "Mul" : strcmp(op, "Sum") == 0 ? "Add" : "Maximum";
    for (int32_t i = 0; i < x.count; i++)
        value = int_result(step, value, x.values[i]);
    *y = (gft_tf_ints){.rank = gft_tf_get_bool(m->node, "keep_dims", false) ? x.rank : 0,
                       .count = 1,
                       .dtype = x.dtype};
    y->values[0] = value;
    return true;
}

graft_status gft_tf_import_reduce(gft_tf_import *m, graft_error *err) {
    const char *op = m->node->op;
    gft_tf_ints axes;
    gft_tf_ints folded;
    graft_tensor_desc x;
    gft_reduce_attrs attrs = {.keep_dims = gft_tf_get_bool(m->node, "keep_dims", false)};
    GFT_TRY(gft_tf_need_known(m, 1, "axes", &axes, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (axes.count > 0 && fold_reduce(m, &folded))
        return gft_tf_set_ints(m, &folded, err);
    for (int32_t i = 0; i < axes.count; i++) {
        int32_t axis;
        if (!gft_axis_normalise(axes.values[i], x.shape.rank, &axis))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %lld of a tensor of rank %d",
                            (long long)axes.values[i], x.shape.rank);
        attrs.axes |= 1u << axis;
    }
    if (strcmp(op, "Mean") == 0)
        return gft_tf_append_same(m, &gft_op_reduce_mean, &attrs, 1, err);
    if (strcmp(op, "Sum") == 0)
        return gft_tf_append_same(m, &gft_op_reduce_sum, &attrs, 1, err);
    if (strcmp(op, "Max") == 0)
        return gft_tf_append_same(m, &gft_op_reduce_max, &attrs, 1, err);
    return gft_tf_refuse("it is read for shapes only", err);
}
