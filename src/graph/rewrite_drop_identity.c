/*
 * Identity nodes always, dropout nodes outside training: what uses them uses their input instead.
 */
#include "graph/rewrite.h"

graft_status gft_rewrite_drop_identity(gft_graph *graph, const gft_rewrite_options *options,
                                       graft_error *err) {
    (void)err;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        if (!node->op)
            continue;
        bool drop = node->op->kind == GFT_KIND_IDENTITY ||
                    (node->op->kind == GFT_KIND_DROPOUT && !options->training);
        if (!drop)
            continue;
        gft_graph_replace(graph, node->outputs[0], node->inputs[0]);
        gft_graph_remove(graph, i);
    }
    return GRAFT_OK;
}
