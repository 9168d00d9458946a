/*
 * A Keras layout for any graph: nodes of one layer name are a layer, its class follows from the op
 * its parameters go into, and layers stand in the order of their first nodes. Parameters of ops
 * that no Keras layer has are left out.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/keras_layout.h"
#include "models/savedmodel_read.h"
#include "ops/ops.h"

/* An op with parameters, the class it makes, and the names of its inputs from 1 on. */
static const struct {
    const gft_op *op;
    const char *class_name;
    const char *variables[4];
} OPS[] = {
    {&gft_op_conv2d, "Conv2D", {"kernel", "bias"}},
    {&gft_op_depthwise_conv2d, "DepthwiseConv2D", {"depthwise_kernel", "bias"}},
    {&gft_op_dense, "Dense", {"kernel", "bias"}},
    {&gft_op_matmul, "Dense", {"kernel"}},
    {&gft_op_bias_add, NULL, {"bias"}},
    {&gft_op_batch_norm, "BatchNormalization", {"gamma", "beta", "moving_mean", "moving_variance"}},
    {&gft_op_layer_norm, "LayerNormalization", {"gamma", "beta"}},
    {&gft_op_prelu, "PReLU", {"alpha"}},
};

/* Where a variable stands in its layer, whatever order its ops come in. */
static int32_t rank_of(const char *name) {
    static const char *const ORDER[] = {"gamma",  "depthwise_kernel", "pointwise_kernel",
                                        "kernel", "embeddings",       "bias",
                                        "beta",   "moving_mean",      "moving_variance"};
    for (int32_t i = 0; i < (int32_t)(sizeof ORDER / sizeof ORDER[0]); i++) {
        if (strcmp(ORDER[i], name) == 0)
            return i;
    }
    return 0;
}

/* The last part of a parameter's name. */
static const char *own_name(const char *name) {
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static void add_param(gft_keras_layer *layer, const gft_graph *graph, gft_value_id id,
                      const char *name) {
    const gft_value *value = gft_graph_value(graph, id);
    if (value->kind != GFT_VALUE_PARAM || layer->variable_count == GFT_KERAS_MAX_VARIABLES)
        return;
    for (int32_t i = 0; i < layer->variable_count; i++) {
        if (layer->variables[i].param == value->param)
            return;
    }
    const gft_param *param = &graph->params->items[value->param];
    int32_t at = layer->variable_count++;
    for (; at > 0 && rank_of(layer->variables[at - 1].name) > rank_of(name); at--)
        layer->variables[at] = layer->variables[at - 1];
    layer->variables[at] =
        (gft_keras_variable){.name = name, .trainable = param->trainable, .param = value->param};
    layer->trainable = layer->trainable || param->trainable;
}

static void add_node(gft_keras_layer *layer, const gft_graph *graph, const gft_node *node) {
    if (node->op == &gft_op_gather && node->input_count == 2 &&
        gft_graph_value(graph, node->inputs[0])->kind == GFT_VALUE_PARAM) {
        layer->class_name = layer->class_name ? layer->class_name : "Embedding";
        add_param(layer, graph, node->inputs[0], "embeddings");
        return;
    }
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (OPS[i].op != node->op)
            continue;
        if (OPS[i].class_name && !layer->class_name)
            layer->class_name = OPS[i].class_name;
        for (int32_t k = 1; k < node->input_count && k <= 4 && OPS[i].variables[k - 1]; k++)
            add_param(layer, graph, node->inputs[k], OPS[i].variables[k - 1]);
    }
}

/* Separable: a depthwise convolution whose layer has a pointwise kernel too. */
static void settle_class(gft_keras_layer *layer, const gft_graph *graph) {
    bool pointwise = false;
    for (int32_t i = 0; i < layer->variable_count; i++) {
        const char *own = own_name(graph->params->items[layer->variables[i].param].name);
        pointwise = pointwise || strcmp(own, "pointwise_kernel") == 0;
    }
    if (pointwise)
        layer->class_name = "SeparableConv2D";
}

graft_status gft_keras_layout_derive(const gft_graph *graph, gft_arena *arena,
                                     gft_keras_layout *out, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_sm_names names;
    int32_t count = 0;
    const size_t room = (size_t)graph->node_count + 1;
    gft_node_id *order = gft_malloc(room * sizeof *order);
    gft_keras_layer *layers = gft_arena_array(arena, room, sizeof *layers);
    gft_keras_level *level = gft_arena_alloc(arena, sizeof *level);
    if (!order || !layers || !level)
        GFT_GOTO(gft_fail_memory(err, room * sizeof *layers, "layers"));
    GFT_GOTO(gft_sm_names_make(arena, room, &names, err));
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    level->layers = layers;
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = gft_graph_node(graph, order[i]);
        int32_t at;
        if (!gft_sm_names_find(&names, node->layer, &at)) {
            at = level->count++;
            (void)gft_sm_names_add(&names, node->layer, at);
            layers[at] = (gft_keras_layer){.name = node->layer, .path = node->layer, .level = -1};
        }
        add_node(&layers[at], graph, node);
    }
    for (int32_t i = 0; i < level->count; i++) {
        settle_class(&layers[i], graph);
        layers[i].operation = !layers[i].class_name; /* nothing that weight files count by number */
        if (!layers[i].class_name)
            layers[i].class_name = "";
    }
    *out = (gft_keras_layout){level, 1};
done:
    gft_free(order);
    return status;
}
