/*
 * What the converter folds away, unfolded: relu6(conv(x) + (bias + 3)) / 6 is the hard_sigmoid of a
 * convolution whose own bias is less by 3, as the net had it. The other patterns are those of all
 * of TensorFlow's files (savedmodel_read_patterns.c).
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/tflite_read.h"

#define MAX_NODES 20000 /* uses are counted by looking at all */

static bool is_sixth(const gft_graph *g, gft_value_id id) {
    const gft_value *value = &g->values[id];
    float number;
    if (value->kind != GFT_VALUE_CONST || value->desc.dtype != GRAFT_F32 ||
        gft_shape_elems(&value->desc.shape) != 1)
        return false;
    memcpy(&number, value->data, sizeof number);
    return fabsf(number - 1.0f / 6.0f) < 1e-7f;
}

static const gft_node *made_by(const gft_graph *g, gft_value_id id) {
    const gft_value *value = &g->values[id];
    return value->kind == GFT_VALUE_NODE ? &g->nodes[value->node] : NULL;
}

/* The float parameter that is the bias of a product and of nothing else; NULL if it is none. */
static gft_param *own_bias(const gft_graph *g, const gft_node *node) {
    if (node->op == &gft_op_dense) {
        if (!((const gft_dense_attrs *)node->attrs)->epilogue.has_bias)
            return NULL;
    } else if (node->op == &gft_op_conv2d || node->op == &gft_op_depthwise_conv2d) {
        if (!((const gft_conv2d_attrs *)node->attrs)->epilogue.has_bias)
            return NULL;
    } else {
        return NULL;
    }
    const gft_value *bias = &g->values[node->inputs[2]];
    if (bias->kind != GFT_VALUE_PARAM || bias->desc.dtype != GRAFT_F32 ||
        gft_graph_uses(g, node->inputs[2]) != 1)
        return NULL;
    return &g->params->items[bias->param];
}

/* The file's bytes are not ours to change. */
static graft_status lower_bias(gft_params *params, gft_param *bias, graft_error *err) {
    const size_t count = (size_t)gft_shape_elems(&bias->desc.shape);
    float *own = gft_arena_memdup(&params->arena, bias->data, count * sizeof *own);
    if (!own)
        return gft_fail_memory(err, count * sizeof *own, "a bias");
    for (size_t i = 0; i < count; i++)
        own[i] -= 3.0f;
    bias->data = own;
    return GRAFT_OK;
}

static graft_status unfold(gft_graph *g, gft_node_id id, graft_error *err) {
    const gft_node *mul = &g->nodes[id];
    for (int i = 0; i < 2; i++) {
        const gft_node *relu6 = made_by(g, mul->inputs[i]);
        if (!is_sixth(g, mul->inputs[1 - i]) || !relu6 || relu6->op != &gft_op_relu6 ||
            gft_graph_uses(g, mul->inputs[i]) != 1 || gft_graph_uses(g, relu6->inputs[0]) != 1)
            continue;
        const gft_node_id relu6_id = g->values[mul->inputs[i]].node;
        const gft_value_id x = relu6->inputs[0];
        const gft_node *product = made_by(g, x);
        gft_param *bias = product ? own_bias(g, product) : NULL;
        if (!bias)
            continue;
        const gft_value_id y = mul->outputs[0];
        const gft_node old = *mul;
        gft_value_id out;
        GFT_TRY(lower_bias(g->params, bias, err));
        gft_graph_set_layer(g, product->layer);
        GFT_TRY(gft_graph_add(g, &gft_op_hard_sigmoid, old.name, NULL, &x, 1, &out, err));
        gft_graph_replace(g, y, out);
        gft_graph_remove(g, id);
        gft_graph_remove(g, relu6_id);
        return GRAFT_OK;
    }
    return GRAFT_OK;
}

graft_status gft_tfl_unfold(gft_graph *graph, graft_error *err) {
    const int32_t nodes = graph->node_count;
    for (int32_t n = 0; n < nodes && nodes <= MAX_NODES; n++) {
        if (graph->nodes[n].op == &gft_op_mul)
            GFT_TRY(unfold(graph, n, err));
    }
    return GRAFT_OK;
}
