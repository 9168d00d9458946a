/*
 * Squeeze-excite: a picture times one number per picture and channel, used by nothing but one 1x1
 * convolution, is multiplied while that convolution loads it.
 */
#include "graph/rewrite_priv.h"

static bool is_point_conv(const gft_graph *graph, const gft_node *node) {
    if (!node->op || node->op->kind != GFT_KIND_CONV2D)
        return false;
    const gft_conv2d_attrs *attrs = node->attrs;
    const graft_shape *filter = &graph->values[node->inputs[1]].desc.shape;
    const gft_pads *pads = &attrs->pads;
    bool padded = attrs->padding == GFT_PAD_EXPLICIT &&
                  (pads->top || pads->bottom || pads->left || pads->right);
    return filter->rank == 4 && filter->dims[0] == 1 && filter->dims[1] == 1 &&
           attrs->stride_h == 1 && attrs->stride_w == 1 && attrs->groups <= 1 && !padded &&
           !attrs->epilogue.has_input_scale && node->input_count < node->op->max_inputs;
}

/* Which input of the product is the scale, given that the other is the picture; -1 if none fits. */
static int32_t find_scale(const gft_graph *graph, const gft_node *product) {
    const graft_shape *y = &graph->values[product->outputs[0]].desc.shape;
    if (product->input_count != 2 || y->rank != 4 || (y->dims[1] == 1 && y->dims[2] == 1))
        return -1;
    const graft_shape scale = gft_shape_4(y->dims[0], 1, 1, y->dims[3]);
    for (int32_t k = 0; k < 2; k++) {
        const graft_tensor_desc *s = &graph->values[product->inputs[k]].desc;
        const graft_tensor_desc *x = &graph->values[product->inputs[1 - k]].desc;
        if (s->dtype == GRAFT_F32 && x->dtype == GRAFT_F32 && gft_shape_equal(&s->shape, &scale) &&
            gft_shape_equal(&x->shape, y))
            return k;
    }
    return -1;
}

graft_status gft_rewrite_input_scale(gft_graph *graph, graft_error *err) {
    gft_rewrite_users users;
    graft_status status = gft_rewrite_users_init(&users, graph, err);
    for (int32_t i = 0; i < graph->node_count && status == GRAFT_OK; i++) {
        gft_node *conv = &graph->nodes[i];
        if (!is_point_conv(graph, conv))
            continue;
        const gft_node *product = gft_graph_producer(graph, conv->inputs[0], GFT_KIND_MUL);
        if (!product || gft_rewrite_sole_user(&users, conv->inputs[0]) != i)
            continue;
        int32_t k = find_scale(graph, product);
        if (k < 0)
            continue;
        gft_node_id product_id = graph->values[conv->inputs[0]].node;
        status = gft_rewrite_insert_input(graph, i, conv->input_count, product->inputs[k], err);
        if (status != GRAFT_OK)
            break;
        conv->inputs[0] = product->inputs[1 - k];
        ((gft_conv2d_attrs *)conv->attrs)->epilogue.has_input_scale = true;
        gft_graph_remove(graph, product_id);
    }
    gft_rewrite_users_deinit(&users);
    return status;
}
