/*
 * Weights of a frozen graph: constants again after a model was trained. Those that an op takes as
 * filter, bias, scale or statistic become parameters, so that the model is trained, counted and
 * written like any other.
 */
#include <string.h>

#include "models/savedmodel_read.h"
#include "ops/ops.h"

static graft_status make_param(gft_graph *graph, gft_value_id id, gft_param_kind kind,
                               graft_error *err) {
    const gft_value *value = &graph->values[id];
    gft_param_id param;
    gft_value_id made;
    if (value->kind != GFT_VALUE_CONST || value->desc.dtype != GRAFT_F32 ||
        value->desc.shape.rank == 0)
        return GRAFT_OK;
    char name[512];
    const char *wanted = value->name ? value->name : "weight";
    size_t length = strlen(wanted);
    if (length > sizeof name - 12)
        length = sizeof name - 12;
    memcpy(name, wanted, length);
    name[length] = '\0';
    for (uint32_t n = 1; gft_params_find(graph->params, name) >= 0 && n < 100000; n++)
        (void)snprintf(name + length, sizeof name - length, "_%u", n);
    GFT_TRY(gft_params_add(graph->params, name, &value->desc, kind, kind != GFT_PARAM_STATISTIC,
                           (void *)(uintptr_t)value->data, &param, err));
    GFT_TRY(gft_graph_param(graph, param, &made, err));
    gft_graph_replace(graph, id, made);
    return GRAFT_OK;
}

static graft_status make_batch_norm(gft_graph *graph, gft_node_id id, graft_error *err) {
    static const gft_param_kind kinds[] = {GFT_PARAM_WEIGHT, GFT_PARAM_BIAS, GFT_PARAM_STATISTIC,
                                           GFT_PARAM_STATISTIC};
    for (int32_t i = 1; i < 5; i++)
        GFT_TRY(make_param(graph, graph->nodes[id].inputs[i], kinds[i - 1], err));
    gft_batch_norm_attrs *attrs = graph->nodes[id].attrs;
    attrs->train = gft_tf_mark_batch_norm(graph, graph->nodes[id].inputs);
    return GRAFT_OK;
}

static bool has_filter(const gft_op *op) {
    return op == &gft_op_conv2d || op == &gft_op_depthwise_conv2d || op == &gft_op_dense;
}

static bool has_bias(const gft_node *node) {
    return node->op == &gft_op_dense ? ((const gft_dense_attrs *)node->attrs)->epilogue.has_bias
                                     : ((const gft_conv2d_attrs *)node->attrs)->epilogue.has_bias;
}

graft_status gft_sm_constants_to_params(gft_graph *graph, graft_error *err) {
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        const gft_op *op = node->op;
        if (!op)
            continue;
        if (op == &gft_op_batch_norm) {
            GFT_TRY(make_batch_norm(graph, i, err));
        } else if (op == &gft_op_bias_add) {
            GFT_TRY(make_param(graph, node->inputs[1], GFT_PARAM_BIAS, err));
        } else if (op == &gft_op_layer_norm) {
            GFT_TRY(make_param(graph, node->inputs[1], GFT_PARAM_WEIGHT, err));
            GFT_TRY(make_param(graph, graph->nodes[i].inputs[2], GFT_PARAM_BIAS, err));
        } else if (has_filter(op)) {
            GFT_TRY(make_param(graph, node->inputs[1], GFT_PARAM_WEIGHT, err));
            if (has_bias(&graph->nodes[i]))
                GFT_TRY(make_param(graph, graph->nodes[i].inputs[2], GFT_PARAM_BIAS, err));
        } else if (op == &gft_op_gather) {
            GFT_TRY(make_param(graph, node->inputs[0], GFT_PARAM_WEIGHT, err));
        }
    }
    return GRAFT_OK;
}
