/*
 * Task heads: "dense:128,relu/dropout:0.5", then dense(classes) and softmax. Kernels begin Glorot
 * uniform (Glorot and Bengio 2010, as Keras: limit sqrt(6 / (fan_in + fan_out))), drawn by seed and
 * layer number; biases begin at zero.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "base/words.h"
#include "models/model.h"
#include "ops/ops.h"

#define MAX_LAYERS 16
#define MAX_UNITS 65536
#define MAX_WORD 32
#define MAX_NAME 64

typedef enum layer_kind { LAYER_DENSE, LAYER_DROPOUT } layer_kind;

typedef struct layer {
    layer_kind kind;
    int64_t units;
    const gft_op *activation; /* NULL: none */
    float rate;
} layer;

typedef struct head {
    layer layers[MAX_LAYERS];
    int32_t count;
} head;

static const struct {
    const char *word;
    const gft_op *op;
} ACTIVATIONS[] = {
    {"relu", &gft_op_relu},
    {"relu6", &gft_op_relu6},
    {"silu", &gft_op_silu},
    {"swish", &gft_op_silu},
    {"hard_swish", &gft_op_hard_swish},
    {"tanh", &gft_op_tanh},
    {"sigmoid", &gft_op_sigmoid},
    {"linear", NULL},
};

/* ---- the text ---- */

static graft_status parse_activation(const char *word, const gft_op **out, graft_error *err) {
    for (size_t i = 0; i < sizeof ACTIVATIONS / sizeof ACTIVATIONS[0]; i++) {
        if (strcmp(word, ACTIVATIONS[i].word) == 0) {
            *out = ACTIVATIONS[i].op;
            return GRAFT_OK;
        }
    }
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "head: activation '%s', expected relu, relu6, silu, swish, hard_swish, tanh, "
                    "sigmoid or linear",
                    word);
}

static graft_status parse_dense(char *text, layer *out, graft_error *err) {
    int64_t units = 0;
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '\0';
    if (!gft_words_i64(text, &units) || units < 1 || units > MAX_UNITS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "head: dense:%s, expected a number of units from 1 to %d", text, MAX_UNITS);
    *out = (layer){.kind = LAYER_DENSE, .units = units};
    return comma ? parse_activation(comma + 1, &out->activation, err) : GRAFT_OK;
}

static graft_status parse_dropout(const char *text, layer *out, graft_error *err) {
    double rate = 0;
    if (!gft_words_f64(text, &rate) || !(rate >= 0 && rate < 1))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "head: dropout:%s, expected a rate of 0 or more and below 1", text);
    *out = (layer){.kind = LAYER_DROPOUT, .rate = (float)rate};
    return GRAFT_OK;
}

/* One layer, "kind:arguments". */
static graft_status parse_layer(const char *text, size_t length, layer *out, graft_error *err) {
    char word[MAX_WORD];
    if (length >= sizeof word)
        return gft_fail(
            err, GRAFT_INVALID_ARGUMENT,
            "head: '%.*s...' is too long, expected dense:N[,activation] or dropout:RATE", MAX_WORD,
            text);
    memcpy(word, text, length);
    word[length] = '\0';
    if (strncmp(word, "dense:", 6) == 0)
        return parse_dense(word + 6, out, err);
    if (strncmp(word, "dropout:", 8) == 0)
        return parse_dropout(word + 8, out, err);
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "head: '%s', expected dense:N[,activation] or dropout:RATE, joined by '/'",
                    word);
}

static graft_status parse_head(const char *spec, head *out, graft_error *err) {
    out->count = 0;
    if (!spec || !*spec || strcmp(spec, "none") == 0)
        return GRAFT_OK;
    for (const char *at = spec;; at++) {
        size_t length = strcspn(at, "/");
        if (out->count == MAX_LAYERS)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "head: more than %d layers", MAX_LAYERS);
        GFT_TRY(parse_layer(at, length, &out->layers[out->count++], err));
        at += length;
        if (!*at)
            return GRAFT_OK;
    }
}

graft_status gft_head_check(const char *spec, graft_error *err) {
    head parsed;
    return parse_head(spec, &parsed, err);
}

/* ---- the graph ---- */

typedef struct appender {
    gft_graph *graph;
    graft_error *err;
    uint64_t seed;
    uint64_t draws; /* kernels made so far: each has random numbers of its own */
} appender;

static void glorot(const appender *a, gft_param *kernel) {
    float *values = kernel->data;
    int64_t in = kernel->desc.shape.dims[0];
    int64_t out = kernel->desc.shape.dims[1];
    gft_rng rng = gft_rng_make(a->seed, GFT_RNG_INIT, a->draws);
    float limit = (float)sqrt(6.0 / (double)(in + out));
    for (int64_t i = 0; i < in * out; i++)
        values[i] = (2.0f * gft_rng_uniform(&rng) - 1.0f) * limit;
}

static graft_status add_param(appender *a, const char *name, graft_shape shape, gft_param_kind kind,
                              gft_param_id *id, gft_value_id *out) {
    graft_tensor_desc desc = gft_desc_f32(shape);
    GFT_TRY(gft_params_add(a->graph->params, name, &desc, kind, true, NULL, id, a->err));
    return gft_graph_param(a->graph, *id, out, a->err);
}

/* dense + bias under the layer's name; *x becomes its output. */
static graft_status add_dense(appender *a, const char *name, int64_t units, gft_value_id *x) {
    char text[MAX_NAME];
    gft_param_id id;
    gft_value_id inputs[2] = {*x, -1};
    const graft_shape *in = &gft_graph_value(a->graph, *x)->desc.shape;
    int64_t width = in->dims[in->rank - 1];
    gft_graph_set_layer(a->graph, name);
    (void)snprintf(text, sizeof text, "%s/kernel", name);
    GFT_TRY(add_param(a, text, gft_shape_2(width, units), GFT_PARAM_WEIGHT, &id, &inputs[1]));
    glorot(a, &a->graph->params->items[id]);
    a->draws++;
    (void)snprintf(text, sizeof text, "%s/MatMul", name);
    GFT_TRY(gft_graph_add(a->graph, &gft_op_dense, text, NULL, inputs, 2, x, a->err));
    inputs[0] = *x;
    (void)snprintf(text, sizeof text, "%s/bias", name);
    GFT_TRY(add_param(a, text, gft_shape_1(units), GFT_PARAM_BIAS, &id, &inputs[1]));
    (void)snprintf(text, sizeof text, "%s/BiasAdd", name);
    return gft_graph_add(a->graph, &gft_op_bias_add, text, NULL, inputs, 2, x, a->err);
}

/* "head/dense", "head/dense_1", ...: as Keras numbers layers of one kind. */
static void layer_name(char out[MAX_NAME], const char *kind, int32_t number) {
    if (number == 0)
        (void)snprintf(out, MAX_NAME, "head/%s", kind);
    else
        (void)snprintf(out, MAX_NAME, "head/%s_%d", kind, (int)number);
}

static graft_status add_layers(appender *a, const head *parsed, gft_value_id *x) {
    char name[MAX_NAME];
    char text[2 * MAX_NAME];
    int32_t dense = 0;
    int32_t dropouts = 0;
    for (int32_t i = 0; i < parsed->count; i++) {
        const layer *l = &parsed->layers[i];
        if (l->kind == LAYER_DROPOUT) {
            /* keys of heads lie above those of backbones, so that they never draw the same */
            gft_dropout_attrs attrs = {l->rate, ((uint64_t)1 << 32) + (uint64_t)dropouts};
            layer_name(name, "dropout", dropouts++);
            gft_graph_set_layer(a->graph, name);
            GFT_TRY(gft_graph_add(a->graph, &gft_op_dropout, name, &attrs, x, 1, x, a->err));
            continue;
        }
        layer_name(name, "dense", dense++);
        GFT_TRY(add_dense(a, name, l->units, x));
        if (l->activation) {
            (void)snprintf(text, sizeof text, "%s/%s", name, l->activation->name);
            GFT_TRY(gft_graph_add(a->graph, l->activation, text, NULL, x, 1, x, a->err));
        }
    }
    return GRAFT_OK;
}

static graft_status check_features(const gft_graph *graph, gft_value_id features, int32_t classes,
                                   graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    if (!graph->params || features < 0 || features >= graph->value_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "head: the graph has no value %d to stand on",
                        (int)features);
    const graft_tensor_desc *desc = &gft_graph_value(graph, features)->desc;
    if (desc->dtype != GRAFT_F32 || desc->shape.rank != 2 || desc->shape.dims[1] < 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "head: the features are %s, expected float32 [?,C]",
                        gft_desc_text(desc, text));
    if (classes < 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "head: %d classes, expected 2 or more",
                        (int)classes);
    return GRAFT_OK;
}

graft_status gft_head_append(gft_graph *graph, gft_value_id features, const char *spec,
                             int32_t classes, uint64_t seed, gft_value_id *logits,
                             gft_value_id *probabilities, graft_error *err) {
    head parsed;
    gft_axis_attrs last = {-1};
    appender a = {graph, err, seed, 0};
    GFT_TRY(parse_head(spec, &parsed, err));
    GFT_TRY(check_features(graph, features, classes, err));
    gft_value_id x = features;
    graft_status status = add_layers(&a, &parsed, &x);
    if (status == GRAFT_OK)
        status = add_dense(&a, "head/predictions", classes, &x);
    if (status == GRAFT_OK)
        status = gft_graph_add(graph, &gft_op_softmax, "head/predictions/Softmax", &last, &x, 1,
                               probabilities, err);
    gft_graph_set_layer(graph, NULL);
    if (status == GRAFT_OK)
        *logits = x;
    return status;
}
