/*
 * Matching and editing that several rewrites need.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/rewrite_priv.h"

graft_status gft_rewrite_users_init(gft_rewrite_users *users, const gft_graph *graph,
                                    graft_error *err) {
    size_t values = (size_t)graph->value_count + 1;
    users->count = gft_calloc(2 * values, sizeof *users->count);
    if (!users->count)
        return gft_fail_memory(err, 2 * values * sizeof *users->count, "the users of values");
    users->node = users->count + values;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->input_count && node->op; k++) {
            users->count[node->inputs[k]]++;
            users->node[node->inputs[k]] = i;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        users->count[graph->outputs[i].value]++;
        users->node[graph->outputs[i].value] = -1;
    }
    return GRAFT_OK;
}

void gft_rewrite_users_deinit(gft_rewrite_users *users) {
    gft_free(users->count);
    users->count = NULL;
}

void gft_rewrite_take_over(gft_graph *graph, gft_node_id id, gft_node_id user) {
    gft_value_id result = graph->nodes[user].outputs[0];
    graph->nodes[id].outputs[0] = result;
    graph->values[result].node = id;
    graph->values[result].output = 0;
    gft_graph_remove(graph, user);
}

gft_epilogue_attrs *gft_rewrite_epilogue(const gft_node *node) {
    if (!node->op)
        return NULL;
    switch (node->op->kind) {
    case GFT_KIND_CONV2D:
    case GFT_KIND_DEPTHWISE: {
        gft_conv2d_attrs *conv = node->attrs;
        return &conv->epilogue;
    }
    case GFT_KIND_DENSE: {
        gft_dense_attrs *dense = node->attrs;
        return &dense->epilogue;
    }
    default:
        return NULL;
    }
}

bool gft_rewrite_is_vector(const graft_shape *shape, int64_t channels) {
    for (int32_t i = 0; i + 1 < shape->rank; i++) {
        if (shape->dims[i] != 1)
            return false;
    }
    int64_t last = shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
    return last == 1 || last == channels;
}

gft_value_id gft_rewrite_other(const gft_node *node, gft_value_id value) {
    if (node->input_count != 2 || (node->inputs[0] == value) == (node->inputs[1] == value))
        return -1;
    return node->inputs[0] == value ? node->inputs[1] : node->inputs[0];
}

graft_status gft_rewrite_insert_input(gft_graph *graph, gft_node_id id, int32_t at,
                                      gft_value_id value, graft_error *err) {
    const gft_node *node = &graph->nodes[id];
    size_t bytes = ((size_t)node->input_count + 1) * sizeof value;
    gft_value_id *inputs = gft_malloc(bytes);
    if (!inputs)
        return gft_fail_memory(err, bytes, "a node's inputs");
    for (int32_t i = 0; i < node->input_count; i++)
        inputs[i < at ? i : i + 1] = node->inputs[i];
    inputs[at] = value;
    graft_status status = gft_graph_set_inputs(graph, id, inputs, node->input_count + 1, err);
    gft_free(inputs);
    return status;
}

graft_status gft_rewrite_set_bias(gft_graph *graph, gft_node_id id, gft_value_id bias,
                                  graft_error *err) {
    gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(&graph->nodes[id]);
    if (epilogue->has_bias) {
        graph->nodes[id].inputs[2] = bias;
        return GRAFT_OK;
    }
    GFT_TRY(gft_rewrite_insert_input(graph, id, 2, bias, err));
    epilogue->has_bias = true;
    return GRAFT_OK;
}
