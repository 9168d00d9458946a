/*
 * A Keras layout for any graph. Parameters that are named as Keras names variables
 * ("block1/conv/kernel") make a layer by the front part of their names; others by the layer of the
 * node that takes them. The class follows from the variables and from the op, the order is that of
 * the nodes where they meet what comes from the inputs. Parameters of ops that no Keras layer has
 * are left out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "models/keras_layout.h"
#include "models/savedmodel_read.h"
#include "ops/ops.h"

/* Ops with parameters, and what Keras calls their inputs from 1 on. */
static const struct {
    const gft_op *op;
    const char *variables[4];
} OPS[] = {
    {&gft_op_conv2d, {"kernel", "bias"}},
    {&gft_op_conv2d_transpose, {"kernel", "bias"}},
    {&gft_op_depthwise_conv2d, {"depthwise_kernel", "bias"}},
    {&gft_op_dense, {"kernel", "bias"}},
    {&gft_op_matmul, {"kernel"}},
    {&gft_op_bias_add, {"bias"}},
    {&gft_op_batch_norm, {"gamma", "beta", "moving_mean", "moving_variance"}},
    {&gft_op_layer_norm, {"gamma", "beta"}},
    {&gft_op_prelu, {"alpha"}},
};

/* Keras' variables, in the order in which layers have them. */
static const char *const NAMES[] = {
    "depthwise_kernel",
    "pointwise_kernel",
    "kernel",
    "embeddings",
    "alpha",
    "gamma",
    "mean",
    "bias",
    "beta",
    "moving_mean",
    "moving_variance",
    "variance",
};
#define NAME_COUNT ((int32_t)(sizeof NAMES / sizeof NAMES[0]))

static int32_t rank_of(const char *name, size_t length) {
    for (int32_t i = 0; i < NAME_COUNT; i++) {
        if (strlen(NAMES[i]) == length && strncmp(NAMES[i], name, length) == 0)
            return i;
    }
    return -1;
}

/* A layer being gathered, and what tells its class. */
typedef struct draft {
    gft_keras_layer *layer;
    const gft_op *op; /* the first one that says something */
    uint32_t has;     /* bit i: NAMES[i] */
    int32_t place;    /* of the first node that puts it together with an input */
    int32_t kernel_rank;
} draft;

typedef struct gathering {
    const gft_graph *graph;
    gft_arena *arena;
    gft_sm_names names; /* of layers */
    draft *drafts;
    gft_keras_level *level;
    int32_t *places; /* per value */
} gathering;

static graft_status draft_of(gathering *g, const char *name, size_t length, draft **out,
                             graft_error *err) {
    int32_t at;
    const char *copy = gft_arena_strndup(g->arena, name, length);
    if (!copy)
        return gft_fail_memory(err, length, "a layer's name");
    if (!gft_sm_names_find(&g->names, copy, &at)) {
        const char *slash = strrchr(copy, '/');
        at = g->level->count++;
        (void)gft_sm_names_add(&g->names, copy, at);
        g->level->layers[at] =
            (gft_keras_layer){.name = slash ? slash + 1 : copy, .path = copy, .level = -1};
        g->drafts[at] = (draft){.layer = &g->level->layers[at], .place = INT32_MAX};
    }
    *out = &g->drafts[at];
    return GRAFT_OK;
}

static void insert(draft *d, int32_t rank, const gft_param *param, gft_param_id id) {
    gft_keras_layer *layer = d->layer;
    if (layer->variable_count == GFT_KERAS_MAX_VARIABLES || (d->has >> rank & 1u))
        return;
    int32_t at = layer->variable_count++;
    for (; at > 0 &&
           rank_of(layer->variables[at - 1].name, strlen(layer->variables[at - 1].name)) > rank;
         at--)
        layer->variables[at] = layer->variables[at - 1];
    layer->variables[at] =
        (gft_keras_variable){.name = NAMES[rank], .trainable = param->trainable, .param = id};
    layer->trainable = layer->trainable || param->trainable;
    d->has |= 1u << rank;
    if (strstr(NAMES[rank], "kernel"))
        d->kernel_rank = param->desc.shape.rank;
}

/* What the op calls input k; -1 if it is no variable of a layer. */
static int32_t rank_by_op(const gft_node *node, int32_t k) {
    if (node->op == &gft_op_gather && k == 0)
        return rank_of("embeddings", 10);
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (OPS[i].op == node->op && k >= 1 && k <= 4 && OPS[i].variables[k - 1])
            return rank_of(OPS[i].variables[k - 1], strlen(OPS[i].variables[k - 1]));
    }
    return -1;
}

static graft_status add_input(gathering *g, const gft_node *node, int32_t k, graft_error *err) {
    const gft_value *value = gft_graph_value(g->graph, node->inputs[k]);
    if (value->kind != GFT_VALUE_PARAM)
        return GRAFT_OK;
    const gft_param *param = &g->graph->params->items[value->param];
    const char *slash = strrchr(param->name, '/');
    const size_t own = slash ? strcspn(slash + 1, ":") : 0;
    int32_t rank = slash ? rank_of(slash + 1, own) : -1;
    const bool named = rank >= 0;
    const int32_t by_op = rank_by_op(node, k);
    draft *d;
    if (!named && by_op < 0)
        return GRAFT_OK;
    /* Keras 3 calls the depthwise kernel just that: kernel */
    if (!named || (node->op == &gft_op_depthwise_conv2d && k == 1))
        rank = by_op;
    if (named)
        GFT_TRY(draft_of(g, param->name, (size_t)(slash - param->name), &d, err));
    else
        GFT_TRY(draft_of(g, node->layer, strlen(node->layer), &d, err));
    if (!d->op && by_op >= 0)
        d->op = node->op;
    if (g->places[node->inputs[k]] < d->place)
        d->place = g->places[node->inputs[k]];
    insert(d, rank, param, value->param);
    return GRAFT_OK;
}

static bool has(const draft *d, const char *name) {
    return d->has >> rank_of(name, strlen(name)) & 1u;
}

static const char *class_of(const draft *d) {
    const bool picture = d->kernel_rank != 3;
    if (has(d, "pointwise_kernel"))
        return picture ? "SeparableConv2D" : "SeparableConv1D";
    if (has(d, "depthwise_kernel"))
        return picture ? "DepthwiseConv2D" : "DepthwiseConv1D";
    if (has(d, "moving_mean") || has(d, "moving_variance"))
        return "BatchNormalization";
    if (has(d, "embeddings"))
        return "Embedding";
    if (has(d, "alpha"))
        return "PReLU";
    if (has(d, "mean") || has(d, "variance"))
        return "Normalization";
    if (has(d, "gamma") || (has(d, "beta") && d->op == &gft_op_layer_norm))
        return d->op == &gft_op_layer_norm ? "LayerNormalization" : "GroupNormalization";
    if (d->op == &gft_op_conv2d_transpose)
        return picture ? "Conv2DTranspose" : "Conv1DTranspose";
    if (d->kernel_rank == 2)
        return "Dense";
    return picture ? "Conv2D" : "Conv1D";
}

/*
 * Per value the first node that depends on an input and that it reaches through nodes that do not:
 * where a batch norm is several nodes, what is computed from its variance stands far before the
 * layer's own place.
 */
static graft_status find_places(gathering *g, const gft_node_id *order, int32_t count,
                                graft_error *err) {
    const gft_graph *graph = g->graph;
    const size_t values = (size_t)graph->value_count + 1;
    bool *fed = gft_arena_array(g->arena, values, sizeof *fed);
    g->places = gft_arena_array(g->arena, values, sizeof *g->places);
    if (!fed || !g->places)
        return gft_fail_memory(err, values * sizeof *g->places, "values");
    for (int32_t i = 0; i < graph->value_count; i++) {
        fed[i] = graph->values[i].kind == GFT_VALUE_INPUT;
        g->places[i] = INT32_MAX;
    }
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = gft_graph_node(graph, order[i]);
        bool any = false;
        for (int32_t k = 0; k < node->input_count; k++)
            any = any || fed[node->inputs[k]];
        for (int32_t k = 0; k < node->output_count; k++)
            fed[node->outputs[k]] = any;
    }
    for (int32_t i = count; i-- > 0;) {
        const gft_node *node = gft_graph_node(graph, order[i]);
        int32_t place = INT32_MAX;
        for (int32_t k = 0; k < node->output_count; k++) {
            const gft_value_id y = node->outputs[k];
            place = fed[y] ? i : g->places[y] < place ? g->places[y] : place;
        }
        for (int32_t k = 0; k < node->input_count; k++) {
            int32_t *at = &g->places[node->inputs[k]];
            *at = place < *at ? place : *at;
        }
    }
    return GRAFT_OK;
}

static int by_place(const void *a, const void *b) {
    const draft *x = a;
    const draft *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return (x->layer > y->layer) - (x->layer < y->layer);
}

/* Layers in order, each with its class. */
static graft_status settle(gathering *g, graft_error *err) {
    const size_t count = (size_t)g->level->count;
    gft_keras_layer *sorted = gft_arena_array(g->arena, count + 1, sizeof *sorted);
    if (!sorted)
        return gft_fail_memory(err, count * sizeof *sorted, "layers");
    if (count > 1)
        qsort(g->drafts, count, sizeof *g->drafts, by_place);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = *g->drafts[i].layer;
        sorted[i].class_name = class_of(&g->drafts[i]);
    }
    g->level->layers = sorted;
    return GRAFT_OK;
}

graft_status gft_keras_layout_derive(const gft_graph *graph, gft_arena *arena,
                                     gft_keras_layout *out, graft_error *err) {
    graft_status status = GRAFT_OK;
    gathering g = {.graph = graph, .arena = arena};
    int32_t count = 0;
    gft_node_id *order = gft_malloc(((size_t)graph->node_count + 1) * sizeof *order);
    const size_t most = graph->params ? (size_t)graph->params->count + 1 : 1;
    g.level = gft_arena_alloc(arena, sizeof *g.level);
    g.drafts = gft_arena_array(arena, most, sizeof *g.drafts);
    if (!order || !g.level || !g.drafts)
        GFT_GOTO(gft_fail_memory(err, most * sizeof *g.drafts, "layers"));
    g.level->layers = gft_arena_array(arena, most, sizeof *g.level->layers);
    if (!g.level->layers)
        GFT_GOTO(gft_fail_memory(err, most * sizeof *g.level->layers, "layers"));
    GFT_GOTO(gft_sm_names_make(arena, most, &g.names, err));
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    GFT_GOTO(find_places(&g, order, count, err));
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = gft_graph_node(graph, order[i]);
        for (int32_t k = 0; k < node->input_count; k++)
            GFT_GOTO(add_input(&g, node, k, err));
    }
    GFT_GOTO(settle(&g, err));
    *out = (gft_keras_layout){.levels = g.level, .count = 1, .derived = true};
done:
    gft_free(order);
    return status;
}
