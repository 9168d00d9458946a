/*
 * What follows a convolution or dense node and can be done while its result is still in registers
 * goes into its epilogue: y = activation(acc + bias + residual). Only when the intermediate result
 * has no other use.
 *
 * Nodes are visited last first, so that of two convolutions that meet in a sum the later one takes
 * the earlier result.
 */
#include "base/alloc.h"
#include "graph/rewrite_priv.h"

static bool has_room(const gft_node *node) {
    return node->op->max_inputs < 0 || node->input_count < node->op->max_inputs;
}

static bool is_f32(const gft_graph *graph, gft_value_id value) {
    return graph->values[value].desc.dtype == GRAFT_F32;
}

/* A sum with one number per channel that is there before the graph runs. */
static bool is_bias(const gft_graph *graph, const gft_node *node, const gft_node *user,
                    gft_value_id other) {
    const gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(node);
    if (epilogue->has_bias || epilogue->has_residual || !is_f32(graph, other) || !has_room(node))
        return false;
    if (user->op->kind == GFT_KIND_BIAS_ADD && user->inputs[0] != node->outputs[0])
        return false;
    const gft_value *value = &graph->values[other];
    const graft_shape *y = &graph->values[node->outputs[0]].desc.shape;
    return value->kind != GFT_VALUE_NODE && value->desc.shape.rank == 1 && y->rank >= 1 &&
           value->desc.shape.dims[0] == y->dims[y->rank - 1] &&
           gft_shape_equal(y, &graph->values[user->outputs[0]].desc.shape);
}

static bool is_residual(const gft_graph *graph, const gft_node *node, const gft_node *user,
                        gft_value_id other) {
    const gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(node);
    if (user->op->kind != GFT_KIND_ADD || epilogue->has_residual || !is_f32(graph, other) ||
        !has_room(node))
        return false;
    /* It cannot depend on the node: the only way from there leads through this very sum. */
    return gft_shape_equal(&graph->values[node->outputs[0]].desc.shape,
                           &graph->values[other].desc.shape);
}

static graft_status fuse_sum(gft_graph *graph, gft_rewrite_users *users, gft_node_id id,
                             gft_node_id user_id, bool *fused, graft_error *err) {
    gft_node *node = &graph->nodes[id];
    const gft_node *user = &graph->nodes[user_id];
    gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(node);
    gft_value_id other = gft_rewrite_other(user, node->outputs[0]);
    *fused = false;
    if (other < 0 || epilogue->activation)
        return GRAFT_OK;
    if (is_bias(graph, node, user, other)) {
        GFT_TRY(gft_rewrite_set_bias(graph, id, other, err));
    } else if (is_residual(graph, node, user, other)) {
        GFT_TRY(gft_rewrite_insert_input(graph, id, epilogue->has_bias ? 3 : 2, other, err));
        epilogue->has_residual = true;
    } else {
        return GRAFT_OK;
    }
    if (users->node[other] == user_id)
        users->node[other] = id;
    gft_rewrite_take_over(graph, id, user_id);
    *fused = true;
    return GRAFT_OK;
}

static bool fuse_activation(gft_graph *graph, gft_node_id id, gft_node_id user_id) {
    const gft_node *user = &graph->nodes[user_id];
    gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(&graph->nodes[id]);
    if (epilogue->activation || !user->op->unary || user->input_count != 1 ||
        !is_f32(graph, user->outputs[0]))
        return false;
    epilogue->activation = user->op;
    epilogue->alpha = 0.0f;
    if (user->op->attrs_bytes >= sizeof(gft_unary_attrs)) {
        const gft_unary_attrs *attrs = user->attrs;
        epilogue->alpha = attrs->alpha;
    }
    gft_rewrite_take_over(graph, id, user_id);
    return true;
}

static graft_status fuse_node(gft_graph *graph, gft_rewrite_users *users, gft_node_id id,
                              graft_error *err) {
    bool fused = gft_rewrite_epilogue(&graph->nodes[id]) != NULL;
    while (fused) {
        fused = false;
        gft_node_id user = gft_rewrite_sole_user(users, graph->nodes[id].outputs[0]);
        if (user < 0)
            break;
        switch (graph->nodes[user].op->kind) {
        case GFT_KIND_BIAS_ADD:
        case GFT_KIND_ADD:
            GFT_TRY(fuse_sum(graph, users, id, user, &fused, err));
            break;
        case GFT_KIND_UNARY:
            fused = fuse_activation(graph, id, user);
            break;
        default:
            break;
        }
    }
    return GRAFT_OK;
}

graft_status gft_rewrite_fuse_epilogue(gft_graph *graph, const gft_rewrite_options *options,
                                       graft_error *err) {
    if (!options->fuse)
        return GRAFT_OK;
    size_t bytes = ((size_t)graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *order = gft_malloc(bytes);
    if (!order)
        return gft_fail_memory(err, bytes, "a graph's order");
    int32_t count = 0;
    gft_rewrite_users users = {NULL, NULL};
    graft_status status;
    GFT_GOTO(gft_rewrite_users_init(&users, graph, err));
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    for (int32_t i = count - 1; i >= 0; i--)
        GFT_GOTO(fuse_node(graph, &users, order[i], err));
    GFT_GOTO(gft_rewrite_input_scale(graph, err));
done:
    gft_rewrite_users_deinit(&users);
    gft_free(order);
    return status;
}
