/*
 * A relu whose result goes to depthwise convolutions and nowhere else (separable convolutions of a
 * sum that is also needed as it is, as in NASNet) is done by them while they load their input: one
 * pass over memory less.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/rewrite_priv.h"

/* The relu that makes x of a depthwise convolution, or NULL. */
static const gft_node *relu_before(const gft_graph *graph, const gft_node *node) {
    if (!node->op || node->op->kind != GFT_KIND_DEPTHWISE ||
        graph->values[node->inputs[0]].desc.dtype != GRAFT_F32 ||
        node->inputs[0] == node->inputs[1])
        return NULL;
    const gft_node *relu = gft_graph_producer(graph, node->inputs[0], GFT_KIND_UNARY);
    return relu && strcmp(relu->op->name, "relu") == 0 ? relu : NULL;
}

graft_status gft_rewrite_relu_input(gft_graph *graph, const gft_rewrite_options *options,
                                    graft_error *err) {
    if (!options->fuse || options->training)
        return GRAFT_OK;
    gft_rewrite_users users;
    GFT_TRY(gft_rewrite_users_init(&users, graph, err));
    size_t bytes = ((size_t)graph->value_count + 1) * sizeof(int32_t);
    int32_t *taken =
        gft_calloc(1, bytes); /* per value: depthwise convolutions that load it behind a relu */
    graft_status status = taken ? GRAFT_OK : gft_fail_memory(err, bytes, "the users of relus");
    for (int32_t i = 0; taken && i < graph->node_count; i++)
        if (relu_before(graph, &graph->nodes[i]))
            taken[graph->nodes[i].inputs[0]]++;
    for (int32_t i = 0; taken && i < graph->node_count; i++) {
        gft_node *node = &graph->nodes[i];
        const gft_node *relu = relu_before(graph, node);
        if (!relu || taken[node->inputs[0]] != users.count[node->inputs[0]])
            continue;
        ((gft_conv2d_attrs *)node->attrs)->relu_input = true;
        node->inputs[0] = relu->inputs[0];
    }
    gft_free(taken);
    gft_rewrite_users_deinit(&users);
    return status;
}
