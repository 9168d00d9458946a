/*
 * Element-wise ops: activations as layers or within the layer in front of them, Keras' own
 * operations for the rest. What Keras 2 has under another meaning (hard_sigmoid) is put together in
 * the legacy dialect.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/keras_write.h"

#define NN "keras.src.ops.nn"
#define CORE "keras.src.ops.core"

typedef struct word {
    const gft_op *op;
    const char *name;
    const char *legacy; /* NULL: Keras 2 has none of this meaning */
} word;

static const word ACTIVATIONS[] = {
    {&gft_op_relu, "relu", "relu"},
    {&gft_op_relu6, "relu6", NULL},
    {&gft_op_silu, "silu", "swish"},
    {&gft_op_sigmoid, "sigmoid", "sigmoid"},
    {&gft_op_tanh, "tanh", "tanh"},
    {&gft_op_hard_sigmoid, "hard_sigmoid", NULL},
    {&gft_op_hard_swish, "hard_silu", NULL},
    {&gft_op_selu, "selu", "selu"},
    {&gft_op_softplus, "softplus", "softplus"},
    {&gft_op_softsign, "softsign", "softsign"},
    {&gft_op_gelu, "gelu", "gelu"},
    {&gft_op_elu, "elu", "elu"},
    {&gft_op_softmax, "softmax", "softmax"},
    {&gft_op_log_softmax, "log_softmax", NULL},
    {&gft_op_exp, "exponential", "exponential"},
};

/* By its name alone: an elu of another slope has none. */
static const char *activation_name(const gft_kw *w, const gft_op *op, float alpha) {
    for (size_t i = 0; i < sizeof ACTIVATIONS / sizeof ACTIVATIONS[0]; i++) {
        const bool plain = op != &gft_op_elu || alpha == 1.0f;
        if (ACTIVATIONS[i].op == op && plain)
            return w->legacy ? ACTIVATIONS[i].legacy : ACTIVATIONS[i].name;
    }
    return NULL;
}

static bool fuse(gft_kw *w, gft_kw_id id, const char *name) {
    if (id < 0 || w->status != GRAFT_OK || !name || !w->layers[id].takes_activation)
        return false;
    gft_kw_set(w, w->layers[id].config, "activation", json_string(name));
    w->layers[id].takes_activation = false;
    return true;
}

static json_t *one_float(gft_kw *w, const char *key, float value) {
    json_t *config = json_object();
    gft_kw_set(w, config, key, gft_kw_float(value));
    return config;
}

/* relu6(x + 3) / 6, and x times it */
static gft_kw_id hard(gft_kw *w, gft_kw_id x, bool times_x) {
    const graft_tensor_desc *desc = gft_kw_out_desc(w);
    gft_kw_id y = gft_kw_rescale(w, x, 1.0f, 3.0f, "_shift", desc);
    y = gft_kw_add1(w, "ReLU", "_relu6", one_float(w, "max_value", 6.0f), y);
    y = gft_kw_rescale(w, y, 1.0f / 6.0f, 0.0f, times_x ? "_sixth" : NULL, desc);
    return times_x ? gft_kw_merge(w, "Multiply", NULL, x, y, desc) : y;
}

gft_kw_id gft_kw_activate(gft_kw *w, gft_kw_id x, const gft_op *op, float alpha,
                          const char *suffix) {
    const char *name = activation_name(w, op, alpha);
    if (fuse(w, x, name))
        return x;
    if (op == &gft_op_relu)
        return gft_kw_add1(w, "ReLU", suffix, NULL, x);
    if (op == &gft_op_relu6)
        return gft_kw_add1(w, "ReLU", suffix, one_float(w, "max_value", 6.0f), x);
    if (op == &gft_op_leaky_relu)
        return gft_kw_add1(w, w->legacy ? "ReLU" : "LeakyReLU", suffix,
                           one_float(w, "negative_slope", alpha), x);
    if (op == &gft_op_elu && !name)
        return gft_kw_add1(w, "ELU", suffix, one_float(w, "alpha", alpha), x);
    if (name) {
        json_t *config = json_object();
        gft_kw_set(w, config, "activation", json_string(name));
        return gft_kw_add1(w, "Activation", suffix, config, x);
    }
    if (op == &gft_op_hard_sigmoid || op == &gft_op_hard_swish)
        return hard(w, x, op == &gft_op_hard_swish);
    return gft_kw_cannot(w, "unknown activation");
}

/*
 * Keras' layers with an activation= are one layer of the graph: nothing else may use what lies
 * between.
 */
static gft_kw_id behind(gft_kw *w) {
    const gft_kw_id x = gft_kw_in(w, 0);
    if (x >= 0 &&
        (!gft_kw_single(w, w->node->inputs[0]) || w->layers[x].value != w->node->inputs[0] ||
         strcmp(w->layers[x].group, w->node->layer) != 0))
        w->layers[x].takes_activation = false;
    return x;
}

void gft_kw_emit_activation(gft_kw *w) {
    const gft_op *op = w->node->op;
    const gft_unary_attrs *attrs = w->node->attrs;
    const float alpha = op == &gft_op_leaky_relu || op == &gft_op_elu ? attrs->alpha : 0.0f;
    const gft_kw_id x = behind(w);
    if (op != &gft_op_gelu_tanh) {
        gft_kw_done(w, gft_kw_activate(w, x, op, alpha, NULL));
        return;
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "approximate", json_true());
    gft_kw_done(w, gft_kw_add_op(w, NN, "Gelu", config));
}

/* Along the last axis as an activation, else as a layer of its own. */
void gft_kw_emit_softmax(gft_kw *w) {
    const gft_axis_attrs *attrs = w->node->attrs;
    const gft_kw_id x = behind(w);
    int32_t axis = 0;
    if (!gft_axis_normalise(attrs->axis, gft_kw_in_desc(w, 0)->shape.rank, &axis)) {
        (void)gft_kw_cannot(w, "its axis is not one of its input");
        return;
    }
    const bool last = axis == gft_kw_in_desc(w, 0)->shape.rank - 1;
    if (last && fuse(w, x, activation_name(w, w->node->op, 0.0f))) {
        gft_kw_done(w, x);
        return;
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(last ? -1 : axis));
    if (w->node->op == &gft_op_softmax)
        gft_kw_done(w, gft_kw_add1(w, "Softmax", NULL, config, x));
    else
        gft_kw_done(w, gft_kw_add_op(w, NN, "LogSoftmax", config));
}

/* ---- operations ---- */

typedef struct operation {
    const gft_op *op;
    const char *module, *name;
} operation;

static const operation OPERATIONS[] = {
    {&gft_op_log, GFT_KW_NUMPY, "Log"},
    {&gft_op_sqrt, GFT_KW_NUMPY, "Sqrt"},
    {&gft_op_rsqrt, GFT_KW_MATH, "Rsqrt"},
    {&gft_op_erf, GFT_KW_MATH, "Erf"},
    {&gft_op_abs, GFT_KW_NUMPY, "Absolute"},
    {&gft_op_sign, GFT_KW_NUMPY, "Sign"},
    {&gft_op_floor, GFT_KW_NUMPY, "Floor"},
    {&gft_op_ceil, GFT_KW_NUMPY, "Ceil"},
    {&gft_op_round, GFT_KW_NUMPY, "Round"},
    {&gft_op_sin, GFT_KW_NUMPY, "Sin"},
    {&gft_op_cos, GFT_KW_NUMPY, "Cos"},
    {&gft_op_log1p, GFT_KW_NUMPY, "Log1p"},
    {&gft_op_expm1, GFT_KW_NUMPY, "Expm1"},
    {&gft_op_logical_not, GFT_KW_NUMPY, "LogicalNot"},
    {&gft_op_pow, GFT_KW_NUMPY, "Power"},
    {&gft_op_floor_div, GFT_KW_NUMPY, "FloorDivide"},
    {&gft_op_floor_mod, GFT_KW_NUMPY, "Mod"},
    {&gft_op_equal, GFT_KW_NUMPY, "Equal"},
    {&gft_op_not_equal, GFT_KW_NUMPY, "NotEqual"},
    {&gft_op_less, GFT_KW_NUMPY, "Less"},
    {&gft_op_less_equal, GFT_KW_NUMPY, "LessEqual"},
    {&gft_op_greater, GFT_KW_NUMPY, "Greater"},
    {&gft_op_greater_equal, GFT_KW_NUMPY, "GreaterEqual"},
    {&gft_op_logical_and, GFT_KW_NUMPY, "LogicalAnd"},
    {&gft_op_logical_or, GFT_KW_NUMPY, "LogicalOr"},
};

void gft_kw_emit_compare(gft_kw *w) {
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        if (OPERATIONS[i].op == w->node->op)
            gft_kw_done(w, gft_kw_add_op(w, OPERATIONS[i].module, OPERATIONS[i].name, NULL));
    }
}

/* Those that layers of both Keras can say are said so. */
void gft_kw_emit_unary(gft_kw *w) {
    const gft_op *op = w->node->op;
    const bool floats = gft_kw_out_desc(w)->dtype == GRAFT_F32;
    const gft_kw_id x = gft_kw_in(w, 0);
    if (op == &gft_op_exp) {
        (void)behind(w);
        gft_kw_done(w, gft_kw_activate(w, x, op, 0.0f, NULL));
    } else if (op == &gft_op_neg && floats) {
        gft_kw_done(w, gft_kw_rescale(w, x, -1.0f, 0.0f, NULL, gft_kw_out_desc(w)));
    } else if (op == &gft_op_square && floats) {
        gft_kw_done(w, gft_kw_merge(w, "Multiply", NULL, x, x, gft_kw_out_desc(w)));
    } else if (op == &gft_op_neg || op == &gft_op_square) {
        gft_kw_done(
            w, gft_kw_add_op(w, GFT_KW_NUMPY, op == &gft_op_neg ? "Negative" : "Square", NULL));
    } else {
        gft_kw_emit_compare(w);
    }
}

void gft_kw_emit_clip(gft_kw *w) {
    const gft_clip_attrs *attrs = w->node->attrs;
    if (attrs->low == 0.0f && gft_kw_out_desc(w)->dtype == GRAFT_F32) {
        gft_kw_done(w, gft_kw_add1(w, "ReLU", NULL, one_float(w, "max_value", attrs->high),
                                   gft_kw_in(w, 0)));
        return;
    }
    json_t *config = one_float(w, "x_min", attrs->low);
    gft_kw_set(w, config, "x_max", gft_kw_float(attrs->high));
    gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Clip", config));
}

void gft_kw_emit_select(gft_kw *w) {
    gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Where", NULL));
}

/* To float32 a Rescaling by one, which casts what it is given. */
void gft_kw_emit_cast(gft_kw *w) {
    const gft_cast_attrs *attrs = w->node->attrs;
    if (attrs->dtype == GRAFT_F32) {
        gft_kw_done(w, gft_kw_rescale(w, gft_kw_in(w, 0), 1.0f, 0.0f, NULL, gft_kw_out_desc(w)));
        return;
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "dtype", json_string(graft_dtype_name(attrs->dtype)));
    gft_kw_done(w, gft_kw_add_op(w, CORE, "Cast", config));
}

/* A layer that does nothing keeps its name; one within another layer is not there. */
void gft_kw_emit_identity(gft_kw *w) {
    const gft_kw_id x = gft_kw_in(w, 0);
    json_t *config = NULL;
    if (x < 0)
        return;
    if (strcmp(w->layers[x].group, w->node->layer) == 0) {
        w->layer_of[w->node->outputs[0]] = x;
        w->layers[x].takes_activation = false;
        return;
    }
    config = json_object();
    gft_kw_set(w, config, "activation", json_string("linear"));
    gft_kw_done(w, gft_kw_add1(w, "Activation", NULL, config, x));
}

void gft_kw_emit_dropout(gft_kw *w) {
    const gft_dropout_attrs *attrs = w->node->attrs;
    gft_kw_done(
        w, gft_kw_add1(w, "Dropout", NULL, one_float(w, "rate", attrs->rate), gft_kw_in(w, 0)));
}

void gft_kw_emit_fill_like(gft_kw *w) {
    gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "OnesLike", NULL));
}

/*
 * Keras' layer divides by max(norm, 1e-12 or its root), TensorFlow's op by the root of max(sum,
 * epsilon).
 */
void gft_kw_emit_l2_normalise(gft_kw *w) {
    const gft_norm_attrs *attrs = w->node->attrs;
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(-1));
    if (attrs->epsilon <= 1e-10f) {
        gft_kw_done(w, gft_kw_add1(w, "UnitNormalization", NULL, config, gft_kw_in(w, 0)));
        return;
    }
    gft_kw_set(w, config, "epsilon", gft_kw_float(sqrtf(attrs->epsilon)));
    gft_kw_done(w, gft_kw_add_op(w, NN, "Normalize", config));
}
