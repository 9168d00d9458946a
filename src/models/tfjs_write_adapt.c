/*
 * Changes to a graph before it is written for TF.js, which computes some of TensorFlow's nodes
 * differently. A strided slice that both steps and drops dimensions is one: TF.js (4.22) takes the
 * steps of the wrong dimensions, so it is cut in two.
 */
#include "models/tfjs_write.h"
#include "ops/ops.h"

/* x -> steps (every dimension kept) -> node (drops what it drops, steps no more) */
static graft_status split_slice(gft_graph *graph, gft_node_id id, graft_error *err) {
    gft_strided_slice_attrs *drop = graph->nodes[id].attrs;
    gft_strided_slice_attrs steps = *drop;
    const gft_value_id x = graph->nodes[id].inputs[0];
    const int32_t rank = graph->values[x].desc.shape.rank;
    gft_value_id between;
    bool stepped = false;
    for (int32_t i = 0; i < rank; i++)
        stepped = stepped || (drop->stride[i] != 1 && !(drop->shrink_mask >> i & 1u));
    if (drop->shrink_mask == 0 || !stepped)
        return GRAFT_OK;
    steps.shrink_mask = 0;
    for (int32_t i = 0; i < rank; i++) {
        gft_strided_slice_attrs *whole = drop->shrink_mask >> i & 1u ? &steps : drop;
        whole->begin[i] = 0;
        whole->end[i] = INT64_MAX;
        whole->stride[i] = 1;
    }
    gft_graph_set_layer(graph, graph->nodes[id].layer);
    GFT_TRY(gft_graph_add(graph, graph->nodes[id].op, graph->nodes[id].name, &steps, &x, 1,
                          &between, err));
    return gft_graph_set_inputs(graph, id, &between, 1, err);
}

graft_status gft_tfjs_adapt(gft_graph *graph, graft_error *err) {
    const int32_t count = graph->node_count;
    for (gft_node_id i = 0; i < count; i++) {
        if (graph->nodes[i].op == &gft_op_strided_slice)
            GFT_TRY(split_slice(graph, i, err));
    }
    return GRAFT_OK;
}
