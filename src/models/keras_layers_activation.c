/*
 * Activations, as words in a configuration, as layers, as operations.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/keras_layers.h"

/* Ways to make one that no single op gives. */
typedef enum recipe {
    ONE_OP,
    NOTHING,
    SOFTMAX,
    MISH,
    HARD_TANH,
    LOG_SIGMOID,
    TANH_SHRINK,
    SQUAREPLUS,
} recipe;

typedef struct activation {
    const char *word;
    recipe recipe;
    const gft_op *op;
    bool has_alpha;
    float alpha;
} activation;

static const activation WORDS[] = {
    {"linear", NOTHING, NULL, false, 0.0f},
    {"relu", ONE_OP, &gft_op_relu, false, 0.0f},
    {"relu6", ONE_OP, &gft_op_relu6, false, 0.0f},
    {"silu", ONE_OP, &gft_op_silu, false, 0.0f},
    {"swish", ONE_OP, &gft_op_silu, false, 0.0f},
    {"sigmoid", ONE_OP, &gft_op_sigmoid, false, 0.0f},
    {"hard_sigmoid", ONE_OP, &gft_op_hard_sigmoid, false, 0.0f},
    {"hard_silu", ONE_OP, &gft_op_hard_swish, false, 0.0f},
    {"hard_swish", ONE_OP, &gft_op_hard_swish, false, 0.0f},
    {"tanh", ONE_OP, &gft_op_tanh, false, 0.0f},
    {"elu", ONE_OP, &gft_op_elu, true, 1.0f},
    {"celu", ONE_OP, &gft_op_elu, true, 1.0f},
    {"selu", ONE_OP, &gft_op_selu, false, 0.0f},
    {"softplus", ONE_OP, &gft_op_softplus, false, 0.0f},
    {"softsign", ONE_OP, &gft_op_softsign, false, 0.0f},
    {"gelu", ONE_OP, &gft_op_gelu, false, 0.0f},
    {"exponential", ONE_OP, &gft_op_exp, false, 0.0f},
    {"leaky_relu", ONE_OP, &gft_op_leaky_relu, true, 0.2f},
    {"softmax", SOFTMAX, &gft_op_softmax, false, 0.0f},
    {"log_softmax", SOFTMAX, &gft_op_log_softmax, false, 0.0f},
    {"mish", MISH, NULL, false, 0.0f},
    {"hard_tanh", HARD_TANH, NULL, false, 0.0f},
    {"log_sigmoid", LOG_SIGMOID, NULL, false, 0.0f},
    {"tanh_shrink", TANH_SHRINK, NULL, false, 0.0f},
    {"squareplus", SQUAREPLUS, NULL, false, 0.0f},
};

/* A chain of nodes "part", "part_1", ... of which the last has the given name. */
static graft_status unary(gft_keras_call *c, const gft_op *op, const char *part, gft_value_id x,
                          gft_value_id *out, graft_error *err) {
    return gft_keras_add(c, op, part, NULL, &x, 1, out, err);
}

static graft_status mish(gft_keras_call *c, const char *part, gft_value_id x, gft_value_id *out,
                         graft_error *err) {
    gft_value_id y = -1;
    GFT_TRY(unary(c, &gft_op_softplus, "softplus", x, &y, err));
    GFT_TRY(unary(c, &gft_op_tanh, "tanh", y, &y, err));
    return gft_keras_binary(c, &gft_op_mul, part, x, y, out, err);
}

static graft_status squareplus(gft_keras_call *c, const char *part, gft_value_id x,
                               gft_value_id *out, graft_error *err) {
    gft_value_id y = -1;
    GFT_TRY(unary(c, &gft_op_square, "square", x, &y, err));
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_add, "four", y, 4.0f, &y, err));
    GFT_TRY(unary(c, &gft_op_sqrt, "sqrt", y, &y, err));
    GFT_TRY(gft_keras_binary(c, &gft_op_add, "sum", x, y, &y, err));
    return gft_keras_with_scalar(c, &gft_op_mul, part, y, 0.5f, out, err);
}

/* Keras 2 has another hard sigmoid: clip(0.2 x + 0.5, 0, 1). */
static graft_status old_hard_sigmoid(gft_keras_call *c, const char *part, gft_value_id x,
                                     gft_value_id *out, graft_error *err) {
    const gft_clip_attrs clip = {0.0f, 1.0f};
    gft_value_id y = -1;
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_mul, "slope", x, 0.2f, &y, err));
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_add, "offset", y, 0.5f, &y, err));
    return gft_keras_add(c, &gft_op_clip, part, &clip, &y, 1, out, err);
}

static graft_status apply(gft_keras_call *c, const activation *a, const char *part, gft_value_id x,
                          gft_value_id *out, graft_error *err) {
    const gft_unary_attrs alpha = {.alpha = a->alpha};
    const gft_axis_attrs last = {.axis = -1};
    const gft_clip_attrs clip = {-1.0f, 1.0f};
    gft_value_id y = -1;
    switch (a->recipe) {
    case NOTHING:
        *out = x;
        return GRAFT_OK;
    case ONE_OP:
        if (c->r->keras2 && a->op == &gft_op_hard_sigmoid)
            return old_hard_sigmoid(c, part, x, out, err);
        return gft_keras_add(c, a->op, part, a->has_alpha ? &alpha : NULL, &x, 1, out, err);
    case SOFTMAX:
        return gft_keras_add(c, a->op, part, &last, &x, 1, out, err);
    case MISH:
        return mish(c, part, x, out, err);
    case HARD_TANH:
        return gft_keras_add(c, &gft_op_clip, part, &clip, &x, 1, out, err);
    case LOG_SIGMOID:
        GFT_TRY(unary(c, &gft_op_neg, "minus", x, &y, err));
        GFT_TRY(unary(c, &gft_op_softplus, "softplus", y, &y, err));
        return unary(c, &gft_op_neg, part, y, out, err);
    case TANH_SHRINK:
        GFT_TRY(unary(c, &gft_op_tanh, "tanh", x, &y, err));
        return gft_keras_binary(c, &gft_op_sub, part, x, y, out, err);
    default:
        return squareplus(c, part, x, out, err);
    }
}

static const activation *find_word(const char *word) {
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(WORDS[i].word, word) == 0)
            return &WORDS[i];
    }
    return NULL;
}

/* ---- ReLU in all its forms ---- */

typedef struct relu {
    float slope, threshold, most;
    bool capped;
} relu;

static graft_status plain_relu(gft_keras_call *c, const relu *r, const char *part, gft_value_id x,
                               gft_value_id *out, graft_error *err) {
    const gft_unary_attrs alpha = {.alpha = r->slope};
    const gft_clip_attrs clip = {0.0f, r->most};
    if (r->slope != 0.0f)
        return gft_keras_add(c, &gft_op_leaky_relu, part, &alpha, &x, 1, out, err);
    if (!r->capped)
        return unary(c, &gft_op_relu, part, x, out, err);
    if (r->most == 6.0f)
        return unary(c, &gft_op_relu6, part, x, out, err);
    return gft_keras_add(c, &gft_op_clip, part, &clip, &x, 1, out, err);
}

/* x where it is above the threshold, capped; less slope * (threshold - x) where it is below. */
static graft_status relu_of(gft_keras_call *c, const relu *r, const char *part, gft_value_id x,
                            gft_value_id *out, graft_error *err) {
    const gft_cast_attrs cast = {.dtype = GRAFT_F32};
    const gft_clip_attrs clip = {0.0f, r->most};
    gft_value_id y = -1;
    gft_value_id below = -1;
    if (r->capped && !(r->most >= 0.0f))
        return gft_keras_wrong(c, err, "max_value is %g", (double)r->most);
    if (r->threshold == 0.0f && (r->slope == 0.0f || !r->capped))
        return plain_relu(c, r, part, x, out, err);
    if (r->threshold != 0.0f) {
        GFT_TRY(gft_keras_with_scalar(c, &gft_op_greater, "above", x, r->threshold, &y, err));
        GFT_TRY(gft_keras_add(c, &gft_op_cast, "cast", &cast, &y, 1, &y, err));
        GFT_TRY(gft_keras_binary(c, &gft_op_mul, r->capped || r->slope != 0.0f ? "kept" : part, x,
                                 y, &y, err));
    } else {
        GFT_TRY(unary(c, &gft_op_relu, "kept", x, &y, err));
    }
    if (r->capped)
        GFT_TRY(gft_keras_add(c, &gft_op_clip, r->slope != 0.0f ? "capped" : part, &clip, &y, 1, &y,
                              err));
    *out = y;
    if (r->slope == 0.0f)
        return GRAFT_OK;
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_sub, "below", x, r->threshold, &below, err));
    GFT_TRY(unary(c, &gft_op_neg, "minus", below, &below, err));
    GFT_TRY(unary(c, &gft_op_relu, "relu", below, &below, err));
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_mul, "slope", below, r->slope, &below, err));
    return gft_keras_binary(c, &gft_op_sub, part, y, below, out, err);
}

static relu relu_config(const json_t *config, float slope) {
    const json_t *most = json_object_get(config, "max_value");
    return (relu){.slope = (float)gft_keras_number(
                      config, "negative_slope", gft_keras_number(config, "alpha", (double)slope)),
                  .threshold = (float)gft_keras_number(config, "threshold", 0.0),
                  .most = (float)json_number_value(most),
                  .capped = json_is_number(most)};
}

/* ---- activations with a config of their own ---- */

/* A layer's class, or an operation's, with its config; *known false: none of these. */
static graft_status by_class(gft_keras_call *c, const char *class_name, const json_t *config,
                             const char *part, gft_value_id x, bool *known, gft_value_id *out,
                             graft_error *err) {
    relu r;
    *known = true;
    if (strcmp(class_name, "ReLU") == 0 || strcmp(class_name, "LeakyReLU") == 0 ||
        strcmp(class_name, "LeakyRelu") == 0 || strcmp(class_name, "ThresholdedReLU") == 0) {
        r = relu_config(config, class_name[0] == 'R' ? 0.0f : class_name[5] == 'R' ? 0.3f : 0.0f);
        if (strcmp(class_name, "LeakyRelu") == 0)
            r.slope = (float)gft_keras_number(config, "negative_slope", 0.2);
        if (class_name[0] == 'T')
            r = (relu){.threshold = (float)gft_keras_number(config, "theta", 1.0)};
        return relu_of(c, &r, part, x, out, err);
    }
    if (strcmp(class_name, "ELU") == 0 || strcmp(class_name, "Elu") == 0) {
        const gft_unary_attrs alpha = {.alpha = (float)gft_keras_number(config, "alpha", 1.0)};
        return gft_keras_add(c, &gft_op_elu, part, &alpha, &x, 1, out, err);
    }
    if (strcmp(class_name, "Gelu") == 0) {
        const bool tanh_form = gft_keras_bool(config, "approximate", true);
        return unary(c, tanh_form ? &gft_op_gelu_tanh : &gft_op_gelu, part, x, out, err);
    }
    *known = false;
    return GRAFT_OK;
}

graft_status gft_keras_activate(gft_keras_call *c, const json_t *spec, const char *part,
                                gft_value_id x, gft_value_id *out, graft_error *err) {
    const char *word = json_string_value(spec);
    if (!spec || json_is_null(spec)) {
        *out = x;
        return GRAFT_OK;
    }
    if (json_is_object(spec)) {
        const char *class_name = gft_keras_text(spec, "class_name", "");
        const json_t *config = json_object_get(spec, "config");
        bool known;
        word = json_string_value(config); /* {"class_name": "function", "config": "relu"} */
        if (!word) {
            GFT_TRY(by_class(c, class_name, config, part, x, &known, out, err));
            if (known)
                return GRAFT_OK;
            word = class_name;
        }
    }
    const char *mark = word ? strrchr(word, '>') : NULL;
    const activation *a = word ? find_word(mark ? mark + 1 : word) : NULL;
    if (!a)
        return gft_keras_refuse(c, err, "activation '%s'", word ? word : "?");
    return apply(c, a, part, x, out, err);
}

graft_status gft_keras_call_activation(gft_keras_call *c, graft_error *err) {
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    GFT_TRY(gft_keras_activate(c, json_object_get(c->config, "activation"), NULL, c->inputs[0], &y,
                               err));
    if (y == c->inputs[0])
        return gft_keras_call_identity(c, err);
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_activation_layer(gft_keras_call *c, graft_error *err) {
    gft_value_id y = -1;
    bool known;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    GFT_TRY(by_class(c, c->layer->class_name, c->config, NULL, c->inputs[0], &known, &y, err));
    if (!known)
        return gft_keras_refuse(c, err, "it is no activation that is known");
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_softmax(gft_keras_call *c, graft_error *err) {
    int64_t axes[GRAFT_MAX_RANK];
    int32_t count;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    GFT_TRY(gft_keras_ints(c, json_object_get(c->config, "axis"), "axis", axes, GRAFT_MAX_RANK,
                           &count, err));
    if (count > 1)
        return gft_keras_refuse(c, err, "several axes");
    const gft_axis_attrs attrs = {.axis = count == 1 ? (int32_t)axes[0] : -1};
    return gft_keras_finish(c, &gft_op_softmax, NULL, &attrs, c->inputs, 1, err);
}

/* ---- PReLU ---- */

void gft_keras_variables_prelu(gft_keras_layer *layer, const json_t *config) {
    (void)config;
    gft_keras_add_variable(layer, "alpha", true);
}

graft_status gft_keras_call_prelu(gft_keras_call *c, graft_error *err) {
    int64_t shared[GRAFT_MAX_RANK];
    int32_t count;
    gft_value_id alpha = -1;
    graft_shape shape = {0, {0}};
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    GFT_TRY(gft_keras_ints(c, json_object_get(c->config, "shared_axes"), "shared_axes", shared,
                           GRAFT_MAX_RANK, &count, err));
    for (int32_t i = 1; i < x.rank; i++) {
        bool one = false;
        for (int32_t k = 0; k < count; k++)
            one = one || shared[k] == i || shared[k] + x.rank == i;
        shape.dims[shape.rank++] = one ? 1 : x.dims[i];
    }
    GFT_TRY(gft_keras_variable_of(c, "alpha", &shape, GFT_PARAM_WEIGHT, &alpha, err));
    return gft_keras_finish(c, &gft_op_prelu, NULL, NULL, (gft_value_id[]){c->inputs[0], alpha}, 2,
                            err);
}
