/*
 * Element-wise ops as TensorFlow's nodes. Activations TensorFlow has no op for are written as Keras
 * computes them: silu x * sigmoid(x), hard_sigmoid relu6(x + 3) / 6, hard_swish x *
 * hard_sigmoid(x), gelu by way of erf or tanh; elu of another alpha than 1 from expm1.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

static const char *hard_sigmoid(gft_tf_nodes *nodes, const char *x) {
    const char *three = gft_tf_const_f32(nodes, "three", 3.0f);
    const char *sixth = gft_tf_const_f32(nodes, "sixth", 1.0f / 6.0f);
    const char *sum = gft_tf_binary(nodes, "AddV2", x, three, GRAFT_F32);
    return gft_tf_binary(nodes, "Mul", gft_tf_unary(nodes, "Relu6", sum, GRAFT_F32), sixth,
                         GRAFT_F32);
}

static const char *leaky_relu(gft_tf_nodes *nodes, float alpha, const char *x) {
    gft_tf_node *node = gft_tf_add(nodes, "LeakyRelu");
    gft_tf_input(nodes, node, x);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_float(nodes, node, "alpha", alpha);
    return gft_tf_output(nodes, node, 0);
}

/* relu(x) + alpha * expm1(min(x, 0)) */
static const char *elu(gft_tf_nodes *nodes, float alpha, const char *x) {
    if (alpha == 1.0f)
        return gft_tf_unary(nodes, "Elu", x, GRAFT_F32);
    const char *zero = gft_tf_const_f32(nodes, "zero", 0.0f);
    const char *low = gft_tf_binary(nodes, "Minimum", x, zero, GRAFT_F32);
    const char *curve = gft_tf_binary(nodes, "Mul", gft_tf_unary(nodes, "Expm1", low, GRAFT_F32),
                                      gft_tf_const_f32(nodes, "alpha", alpha), GRAFT_F32);
    return gft_tf_binary(nodes, "AddV2", gft_tf_unary(nodes, "Relu", x, GRAFT_F32), curve,
                         GRAFT_F32);
}

/* x / 2 * (1 + share), share being erf(x / sqrt 2) or tanh(sqrt(2 / pi) * (x + 0.044715 x^3)). */
static const char *gelu(gft_tf_nodes *nodes, bool by_tanh, const char *x) {
    const char *half =
        gft_tf_binary(nodes, "Mul", gft_tf_const_f32(nodes, "half", 0.5f), x, GRAFT_F32);
    const char *share;
    if (by_tanh) {
        const char *cube =
            gft_tf_binary(nodes, "Pow", x, gft_tf_const_f32(nodes, "three", 3.0f), GRAFT_F32);
        const char *part = gft_tf_binary(
            nodes, "Mul", gft_tf_const_f32(nodes, "coefficient", 0.044715f), cube, GRAFT_F32);
        const char *sum = gft_tf_binary(nodes, "AddV2", x, part, GRAFT_F32);
        const char *scale = gft_tf_const_f32(nodes, "scale", 0.7978845608028654f);
        share = gft_tf_unary(nodes, "Tanh", gft_tf_binary(nodes, "Mul", scale, sum, GRAFT_F32),
                             GRAFT_F32);
    } else {
        const char *root = gft_tf_const_f32(nodes, "sqrt_two", 1.4142135623730951f);
        share = gft_tf_unary(nodes, "Erf", gft_tf_binary(nodes, "RealDiv", x, root, GRAFT_F32),
                             GRAFT_F32);
    }
    const char *one = gft_tf_const_f32(nodes, "one", 1.0f);
    return gft_tf_binary(nodes, "Mul", half, gft_tf_binary(nodes, "AddV2", one, share, GRAFT_F32),
                         GRAFT_F32);
}

/* Ops that are the same one in TensorFlow. */
static const char *same_unary(const gft_op *op) {
    const struct {
        const gft_op *op;
        const char *name;
    } table[] = {
        {&gft_op_relu, "Relu"},         {&gft_op_relu6, "Relu6"}, {&gft_op_sigmoid, "Sigmoid"},
        {&gft_op_tanh, "Tanh"},         {&gft_op_exp, "Exp"},     {&gft_op_log, "Log"},
        {&gft_op_neg, "Neg"},           {&gft_op_sqrt, "Sqrt"},   {&gft_op_rsqrt, "Rsqrt"},
        {&gft_op_square, "Square"},     {&gft_op_selu, "Selu"},   {&gft_op_softplus, "Softplus"},
        {&gft_op_softsign, "Softsign"}, {&gft_op_erf, "Erf"},     {&gft_op_abs, "Abs"},
        {&gft_op_sign, "Sign"},         {&gft_op_floor, "Floor"}, {&gft_op_ceil, "Ceil"},
        {&gft_op_round, "Round"},       {&gft_op_sin, "Sin"},     {&gft_op_cos, "Cos"},
        {&gft_op_log1p, "Log1p"},       {&gft_op_expm1, "Expm1"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == op)
            return table[i].name;
    }
    return NULL;
}

const char *gft_tf_activation(gft_tf_nodes *nodes, const gft_op *op, float alpha, const char *x) {
    const char *same = same_unary(op);
    if (same)
        return gft_tf_unary(nodes, same, x, GRAFT_F32);
    if (op == &gft_op_leaky_relu)
        return leaky_relu(nodes, alpha, x);
    if (op == &gft_op_elu)
        return elu(nodes, alpha, x);
    if (op == &gft_op_gelu || op == &gft_op_gelu_tanh)
        return gelu(nodes, op == &gft_op_gelu_tanh, x);
    if (op == &gft_op_silu)
        return gft_tf_binary(nodes, "Mul", x, gft_tf_unary(nodes, "Sigmoid", x, GRAFT_F32),
                             GRAFT_F32);
    if (op == &gft_op_hard_sigmoid)
        return hard_sigmoid(nodes, x);
    if (op == &gft_op_hard_swish)
        return gft_tf_binary(nodes, "Mul", x, hard_sigmoid(nodes, x), GRAFT_F32);
    return NULL;
}

graft_status gft_tf_emit_activation(gft_tf_emit *e, graft_error *err) {
    const gft_unary_attrs *attrs = e->node->attrs;
    const float alpha = e->node->op->attrs_bytes > 0 ? attrs->alpha : 0.0f;
    const char *y = gft_tf_activation(e->nodes, e->node->op, alpha, gft_tf_in(e, 0));
    if (!y && !e->nodes->pb->failed)
        return gft_tf_cannot(e, "unknown activation", err);
    gft_tf_set_out(e, y);
    return GRAFT_OK;
}

/* Floor, Ceil and Round know floats alone; of integers they are nothing. */
graft_status gft_tf_emit_unary(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_op *op = e->node->op;
    const graft_dtype dtype = gft_tf_out_desc(e)->dtype;
    const bool rounds = op == &gft_op_floor || op == &gft_op_ceil || op == &gft_op_round;
    gft_tf_set_out(e, gft_tf_unary(e->nodes,
                                   rounds && dtype != GRAFT_F32 ? "Identity" : same_unary(op),
                                   gft_tf_in(e, 0), dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_binary(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const struct {
        const gft_op *op;
        const char *name;
    } table[] = {
        {&gft_op_add, "AddV2"},
        {&gft_op_sub, "Sub"},
        {&gft_op_mul, "Mul"},
        {&gft_op_div, "RealDiv"},
        {&gft_op_maximum, "Maximum"},
        {&gft_op_minimum, "Minimum"},
        {&gft_op_pow, "Pow"},
        {&gft_op_floor_div, "FloorDiv"},
        {&gft_op_floor_mod, "FloorMod"},
        {&gft_op_equal, "Equal"},
        {&gft_op_not_equal, "NotEqual"},
        {&gft_op_less, "Less"},
        {&gft_op_less_equal, "LessEqual"},
        {&gft_op_greater, "Greater"},
        {&gft_op_greater_equal, "GreaterEqual"},
    };
    const graft_dtype dtype = gft_tf_in_desc(e, 0)->dtype;
    const char *name = NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        name = table[i].op == e->node->op ? table[i].name : name;
    if (e->node->op == &gft_op_div && dtype != GRAFT_F32)
        name = "TruncateDiv";
    gft_tf_set_out(e, gft_tf_binary(e->nodes, name, gft_tf_in(e, 0), gft_tf_in(e, 1), dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_cast(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_cast_attrs *attrs = e->node->attrs;
    gft_tf_set_out(
        e, gft_tf_cast(e->nodes, gft_tf_in(e, 0), gft_tf_in_desc(e, 0)->dtype, attrs->dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_identity(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_set_out(e,
                   gft_tf_unary(e->nodes, "Identity", gft_tf_in(e, 0), gft_tf_out_desc(e)->dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_fill_like(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_set_out(e,
                   gft_tf_unary(e->nodes, "OnesLike", gft_tf_in(e, 0), gft_tf_out_desc(e)->dtype));
    return GRAFT_OK;
}

/*
 * Training: x / (1 - rate) where a draw is at least rate, else 0. Inference: an Identity that
 * remembers the rate.
 */
graft_status gft_tf_emit_dropout(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_dropout_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const char *x = gft_tf_in(e, 0);
    if (!e->training) {
        gft_tf_node *node = gft_tf_add(nodes, "Identity");
        gft_tf_input(nodes, node, x);
        gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
        gft_tf_attr_float(nodes, node, GFT_TF_ATTR_RATE, attrs->rate);
        gft_tf_attr_int(nodes, node, GFT_TF_ATTR_KEY, (int64_t)attrs->key);
        gft_tf_set_out(e, gft_tf_output(nodes, node, 0));
        return GRAFT_OK;
    }
    const char *shape = gft_tf_shape_of(nodes, x, GRAFT_F32);
    gft_tf_node *draw = gft_tf_add(nodes, "RandomUniform");
    gft_tf_input(nodes, draw, shape);
    gft_tf_attr_type(nodes, draw, "T", GRAFT_S32);
    gft_tf_attr_type(nodes, draw, "dtype", GRAFT_F32);
    gft_tf_attr_int(nodes, draw, "seed", 0);
    gft_tf_attr_int(nodes, draw, "seed2", 0);
    const char *rate = gft_tf_const_f32(nodes, "rate", attrs->rate);
    const char *keep =
        gft_tf_binary(nodes, "GreaterEqual", gft_tf_output(nodes, draw, 0), rate, GRAFT_F32);
    const char *factor = gft_tf_const_f32(nodes, "factor", 1.0f / (1.0f - attrs->rate));
    const char *scaled = gft_tf_binary(nodes, "Mul", x, factor, GRAFT_F32);
    gft_tf_node *select = gft_tf_add(nodes, "SelectV2");
    gft_tf_input(nodes, select, keep);
    gft_tf_input(nodes, select, scaled);
    gft_tf_input(nodes, select, gft_tf_const_f32(nodes, "zero", 0.0f));
    gft_tf_attr_type(nodes, select, "T", GRAFT_F32);
    gft_tf_set_out(e, gft_tf_output(nodes, select, 0));
    return GRAFT_OK;
}
