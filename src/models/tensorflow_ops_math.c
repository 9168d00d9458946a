/*
 * Element-wise ops as TensorFlow's nodes. Activations TensorFlow has no op for are written as Keras
 * computes them: silu x * sigmoid(x), hard_sigmoid relu6(x + 3) / 6, hard_swish x *
 * hard_sigmoid(x).
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

/* Ops that are the same one in TensorFlow. */
static const char *same_unary(const gft_op *op) {
    const struct {
        const gft_op *op;
        const char *name;
    } table[] = {
        {&gft_op_relu, "Relu"},     {&gft_op_relu6, "Relu6"}, {&gft_op_sigmoid, "Sigmoid"},
        {&gft_op_tanh, "Tanh"},     {&gft_op_exp, "Exp"},     {&gft_op_log, "Log"},
        {&gft_op_neg, "Neg"},       {&gft_op_sqrt, "Sqrt"},   {&gft_op_rsqrt, "Rsqrt"},
        {&gft_op_square, "Square"},
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
    const float alpha = e->node->op == &gft_op_leaky_relu ? attrs->alpha : 0.0f;
    const char *y = gft_tf_activation(e->nodes, e->node->op, alpha, gft_tf_in(e, 0));
    if (!y && !e->nodes->pb->failed)
        return gft_tf_cannot(e, "unknown activation", err);
    gft_tf_set_out(e, y);
    return GRAFT_OK;
}

graft_status gft_tf_emit_unary(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_set_out(e, gft_tf_unary(e->nodes, same_unary(e->node->op), gft_tf_in(e, 0),
                                   gft_tf_out_desc(e)->dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_binary(gft_tf_emit *e, graft_error *err) {
    const struct {
        const gft_op *op;
        const char *name;
    } table[] = {
        {&gft_op_add, "AddV2"},   {&gft_op_sub, "Sub"},         {&gft_op_mul, "Mul"},
        {&gft_op_div, "RealDiv"}, {&gft_op_maximum, "Maximum"}, {&gft_op_minimum, "Minimum"},
    };
    const graft_dtype dtype = gft_tf_out_desc(e)->dtype;
    if (e->node->op == &gft_op_div && dtype != GRAFT_F32)
        return gft_tf_cannot(e, "it divides integers", err);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == e->node->op)
            gft_tf_set_out(
                e, gft_tf_binary(e->nodes, table[i].name, gft_tf_in(e, 0), gft_tf_in(e, 1), dtype));
    }
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
