/*
 * The table of operations, the functions of TensorFlow that Keras 2 names instead, and how
 * arguments are found.
 */
#include "models/keras_operations.h"

#include <string.h>

#include "base/shape.h"

#define OP(name, fn, graph_op)                                                                     \
    { .class_name = name, .call = gft_keras_call_##fn, .op = &gft_op_##graph_op, .any_dtype = true }
#define FN(name, fn)                                                                               \
    { .class_name = name, .call = gft_keras_call_##fn, .any_dtype = true }

static const gft_keras_kind OPERATIONS[] = {
    OP("Add", binary, add),
    OP("Subtract", binary, sub),
    OP("Multiply", binary, mul),
    OP("Divide", binary, div),
    OP("TrueDivide", binary, div),
    OP("Maximum", binary, maximum),
    OP("Minimum", binary, minimum),
    OP("Power", binary, pow),
    OP("FloorDivide", binary, floor_div),
    OP("Mod", binary, floor_mod),
    OP("Equal", compare, equal),
    OP("NotEqual", compare, not_equal),
    OP("Less", compare, less),
    OP("LessEqual", compare, less_equal),
    OP("Greater", compare, greater),
    OP("GreaterEqual", compare, greater_equal),
    OP("LogicalAnd", compare, logical_and),
    OP("LogicalOr", compare, logical_or),
    OP("LogicalNot", unary, logical_not),
    OP("Negative", unary, neg),
    OP("Absolute", unary, abs),
    OP("Abs", unary, abs),
    OP("Square", unary, square),
    OP("Sqrt", unary, sqrt),
    OP("Rsqrt", unary, rsqrt),
    OP("Exp", unary, exp),
    OP("Log", unary, log),
    OP("Log1p", unary, log1p),
    OP("Expm1", unary, expm1),
    OP("Sin", unary, sin),
    OP("Cos", unary, cos),
    OP("Floor", unary, floor),
    OP("Ceil", unary, ceil),
    OP("Round", unary, round),
    OP("Sign", unary, sign),
    OP("Erf", unary, erf),
    OP("Sigmoid", unary, sigmoid),
    OP("Tanh", unary, tanh),
    OP("Relu", unary, relu),
    OP("Relu6", unary, relu6),
    OP("Silu", unary, silu),
    OP("HardSigmoid", unary, hard_sigmoid),
    OP("HardSilu", unary, hard_swish),
    OP("Selu", unary, selu),
    OP("Softplus", unary, softplus),
    OP("Softsign", unary, softsign),
    OP("StopGradient", unary, identity),
    OP("Copy", unary, identity),
    OP("Conj", unary, identity),
    OP("ConvertToTensor", unary, identity),
    FN("ReLU", word),
    FN("LeakyRelu", word),
    FN("Elu", word),
    FN("Gelu", word),
    FN("Celu", word),
    FN("Mish", word),
    FN("LogSigmoid", word),
    FN("HardTanh", word),
    FN("TanhShrink", word),
    FN("Squareplus", word),
    OP("Softmax", axis_softmax, softmax),
    OP("LogSoftmax", axis_softmax, log_softmax),
    OP("Mean", reduce, reduce_mean),
    OP("Sum", reduce, reduce_sum),
    OP("Max", reduce, reduce_max),
    OP("Amax", reduce, reduce_max),
    OP("Min", reduce, reduce_min),
    OP("Amin", reduce, reduce_min),
    OP("Prod", reduce, reduce_prod),
    FN("Var", variance),
    FN("Std", variance),
    FN("Clip", clip),
    FN("Matmul", matmul),
    FN("Where", where),
    FN("Cast", cast),
    FN("Normalize", normalize),
    FN("Reshape", op_reshape),
    FN("Transpose", op_transpose),
    FN("ExpandDims", expand_dims),
    FN("Squeeze", squeeze),
    FN("Concatenate", op_concatenate),
    FN("Stack", stack),
    FN("BroadcastTo", op_broadcast),
    FN("Pad", op_pad),
    FN("GetItem", get_item),
    FN("Tile", tile),
    FN("Flip", flip),
    FN("Swapaxes", swap_axes),
    FN("Split", split),
    FN("Unstack", split),
    FN("Resize", op_resize),
    OP("MaxPool", op_pool, max_pool),
    OP("AveragePool", op_pool, avg_pool),
};

const gft_keras_kind *gft_keras_find_operation(const char *class_name) {
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        if (strcmp(OPERATIONS[i].class_name, class_name) == 0)
            return &OPERATIONS[i];
    }
    return NULL;
}

/* ---- Keras 2 ---- */

static const struct {
    const char *function, *class_name;
} FUNCTIONS[] = {
    {"__operators__.add", "Add"},
    {"math.add", "Add"},
    {"nn.bias_add", "Add"},
    {"math.subtract", "Subtract"},
    {"math.multiply", "Multiply"},
    {"math.divide", "TrueDivide"},
    {"math.truediv", "TrueDivide"},
    {"math.maximum", "Maximum"},
    {"math.minimum", "Minimum"},
    {"math.pow", "Power"},
    {"math.floordiv", "FloorDivide"},
    {"math.floormod", "Mod"},
    {"math.greater", "Greater"},
    {"math.less", "Less"},
    {"math.negative", "Negative"},
    {"math.abs", "Absolute"},
    {"math.square", "Square"},
    {"math.sqrt", "Sqrt"},
    {"math.rsqrt", "Rsqrt"},
    {"math.exp", "Exp"},
    {"math.log", "Log"},
    {"math.log1p", "Log1p"},
    {"math.sin", "Sin"},
    {"math.cos", "Cos"},
    {"math.sign", "Sign"},
    {"math.floor", "Floor"},
    {"math.ceil", "Ceil"},
    {"math.round", "Round"},
    {"math.erf", "Erf"},
    {"math.sigmoid", "Sigmoid"},
    {"math.tanh", "Tanh"},
    {"math.softplus", "Softplus"},
    {"nn.relu", "Relu"},
    {"nn.relu6", "Relu6"},
    {"nn.sigmoid", "Sigmoid"},
    {"nn.tanh", "Tanh"},
    {"nn.silu", "Silu"},
    {"nn.swish", "Silu"},
    {"nn.elu", "Elu"},
    {"nn.selu", "Selu"},
    {"nn.gelu", "Gelu"},
    {"nn.softplus", "Softplus"},
    {"nn.softsign", "Softsign"},
    {"nn.leaky_relu", "LeakyRelu"},
    {"nn.softmax", "Softmax"},
    {"nn.log_softmax", "LogSoftmax"},
    {"math.softmax", "Softmax"},
    {"math.reduce_mean", "Mean"},
    {"math.reduce_sum", "Sum"},
    {"math.reduce_max", "Max"},
    {"math.reduce_min", "Min"},
    {"math.reduce_prod", "Prod"},
    {"reduce_mean", "Mean"},
    {"clip_by_value", "Clip"},
    {"linalg.matmul", "Matmul"},
    {"cast", "Cast"},
    {"math.l2_normalize", "Normalize"},
    {"reshape", "Reshape"},
    {"transpose", "Transpose"},
    {"compat.v1.transpose", "Transpose"},
    {"expand_dims", "ExpandDims"},
    {"squeeze", "Squeeze"},
    {"compat.v1.squeeze", "Squeeze"},
    {"concat", "Concatenate"},
    {"stack", "Stack"},
    {"broadcast_to", "BroadcastTo"},
    {"tile", "Tile"},
    {"compat.v1.pad", "Pad"},
    {"pad", "Pad"},
    {"__operators__.getitem", "GetItem"},
    {"reverse", "Flip"},
    {"image.resize", "Resize"},
    {"split", "Split"},
    {"unstack", "Unstack"},
    {"identity", "Copy"},
    {"stop_gradient", "StopGradient"},
    {"convert_to_tensor", "ConvertToTensor"},
};

graft_status gft_keras_call_lambda_op(gft_keras_call *c, graft_error *err) {
    const char *function = gft_keras_text(c->config, "function", "");
    if (strncmp(function, "tf.", 3) == 0)
        function += 3;
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
        if (strcmp(FUNCTIONS[i].function, function) != 0)
            continue;
        c->kind = gft_keras_find_operation(FUNCTIONS[i].class_name);
        return c->kind->call(c, err);
    }
    return gft_keras_refuse(c, err, "function tf.%s", function);
}

/* ---- arguments ---- */

static bool is_named(const gft_keras_arg *arg, const char *name, const char *other) {
    return arg->keyword && ((name && strcmp(arg->keyword, name) == 0) ||
                            (other && strcmp(arg->keyword, other) == 0));
}

const gft_keras_arg *gft_keras_arg_of(const gft_keras_call *c, int32_t place, const char *name,
                                      const char *other) {
    int32_t at = 0;
    for (int32_t i = 0; i < c->arg_count; i++) {
        if (is_named(&c->args[i], name, other))
            return &c->args[i];
    }
    for (int32_t i = 0; i < c->arg_count; i++) {
        if (!c->args[i].keyword && at++ == place)
            return &c->args[i];
    }
    return NULL;
}

const json_t *gft_keras_setting(const gft_keras_call *c, int32_t place, const char *name,
                                const char *other) {
    const json_t *value = json_object_get(c->config, name);
    if (!value && other)
        value = json_object_get(c->config, other);
    if (!value) {
        const gft_keras_arg *arg = gft_keras_arg_of(c, place, name, other);
        value = arg && arg->count == 0 ? arg->constant : NULL;
    }
    return value && json_is_null(value) ? NULL : value;
}

graft_status gft_keras_operand(gft_keras_call *c, int32_t place, const char *name,
                               graft_dtype dtype, gft_value_id *out, graft_error *err) {
    const gft_keras_arg *arg = gft_keras_arg_of(c, place, name, NULL);
    if (arg && arg->count == 1 && !arg->list) {
        *out = arg->values[0];
        return GRAFT_OK;
    }
    if (!arg || arg->count > 0 || !arg->constant)
        return gft_keras_wrong(c, err, "argument %d is missing or a list", (int)place);
    return gft_keras_constant(c, arg->constant, dtype, out, err);
}

graft_status gft_keras_to_float(gft_keras_call *c, gft_value_id *x, graft_error *err) {
    const gft_cast_attrs attrs = {.dtype = GRAFT_F32};
    const graft_dtype dtype = gft_keras_desc(c, *x)->dtype;
    if (dtype == GRAFT_F32)
        return GRAFT_OK;
    if (dtype == GRAFT_STRING)
        return gft_keras_refuse(c, err, "it is given strings");
    return gft_keras_add(c, &gft_op_cast, "cast", &attrs, x, 1, x, err);
}

graft_status gft_keras_subject(gft_keras_call *c, gft_value_id *x, graft_error *err) {
    if (c->input_count < 1)
        return gft_keras_wrong(c, err, "it is given no tensor");
    *x = c->inputs[0];
    return GRAFT_OK;
}
