/*
 * Batch norm whose layer trains: statistics of the batch, and updates of the running ones, as nodes
 * like any other.
 */
#include "graph/rewrite_priv.h"

static graft_status add_update(gft_graph *graph, const gft_op *ema_update, const gft_node *from,
                               gft_value_id running, gft_value_id batch, graft_error *err) {
    const gft_batch_norm_attrs *norm = from->attrs;
    gft_ema_attrs attrs = {norm->momentum};
    gft_value_id inputs[2] = {running, batch};
    return gft_graph_add(graph, ema_update, from->name, &attrs, inputs, 2, NULL, err);
}

static graft_status replace_node(gft_graph *graph, gft_node_id id, const gft_op *batch_norm_train,
                                 const gft_op *ema_update, graft_error *err) {
    const gft_node node = graph->nodes[id]; /* the array may move; what it points to does not */
    for (int32_t k = 3; k < 5; k++) {
        if (node.input_count != 5 || graph->values[node.inputs[k]].kind != GFT_VALUE_PARAM)
            return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                            "%s '%s': to be trained, its running statistics must be parameters",
                            node.op->name, node.name);
    }
    gft_value_id results[3];
    /* Gone first, so that its successor may have its name. */
    gft_graph_remove(graph, id);
    GFT_TRY(gft_graph_add(graph, batch_norm_train, node.name, node.attrs, node.inputs, 3, results,
                          err));
    GFT_TRY(add_update(graph, ema_update, &node, node.inputs[3], results[1], err));
    GFT_TRY(add_update(graph, ema_update, &node, node.inputs[4], results[2], err));
    gft_graph_replace(graph, node.outputs[0], results[0]);
    return GRAFT_OK;
}

graft_status gft_rewrite_train_batch_norm(gft_graph *graph, const gft_op *batch_norm_train,
                                          const gft_op *ema_update, graft_error *err) {
    const char *layer = graph->layer;
    int32_t count = graph->node_count;
    graft_status status = GRAFT_OK;
    for (int32_t i = 0; i < count && status == GRAFT_OK; i++) {
        const gft_node *node = &graph->nodes[i];
        if (!node->op || node->op->kind != GFT_KIND_BATCH_NORM)
            continue;
        const gft_batch_norm_attrs *attrs = node->attrs;
        if (!attrs->train)
            continue;
        graph->layer = node->layer;
        status = replace_node(graph, i, batch_norm_train, ema_update, err);
    }
    graph->layer = layer;
    return status;
}
