/*
 * A pad node that puts zeros around rows and columns, in front of a convolution without padding of
 * its own (VALID or EXPLICIT), becomes explicit padding of that convolution; likewise in front of a
 * maximum over windows, if what is padded is never below zero. The pad stays for its other users,
 * if there are any.
 */
#include <string.h>

#include "graph/rewrite_priv.h"

static bool pads_picture(const gft_graph *graph, const gft_node *pad) {
    const gft_pad_attrs *attrs = pad->attrs;
    if (graph->values[pad->inputs[0]].desc.shape.rank != 4 || attrs->value != 0.0f)
        return false;
    for (int32_t i = 0; i < 4; i++) {
        bool spatial = i == 1 || i == 2;
        if (attrs->before[i] < 0 || attrs->after[i] < 0)
            return false;
        if (!spatial && (attrs->before[i] > 0 || attrs->after[i] > 0))
            return false;
    }
    return true;
}

/* Windows that lie in the padding altogether are left to the pad node: kernels need not know them.
 */
static bool fits(int64_t before, int64_t after, int64_t kernel, int64_t dilation) {
    int64_t extent = (kernel - 1) * (dilation > 0 ? dilation : 1) + 1;
    return before < extent && after < extent;
}

/* The padding of both nodes together; false on overflow. */
static bool add_pads(const gft_pad_attrs *zeros, gft_padding padding, gft_pads *pads) {
    if (padding != GFT_PAD_EXPLICIT)
        *pads = (gft_pads){0, 0, 0, 0};
    return !__builtin_add_overflow(pads->top, zeros->before[1], &pads->top) &&
           !__builtin_add_overflow(pads->bottom, zeros->after[1], &pads->bottom) &&
           !__builtin_add_overflow(pads->left, zeros->before[2], &pads->left) &&
           !__builtin_add_overflow(pads->right, zeros->after[2], &pads->right);
}

static bool fold(const gft_graph *graph, gft_node *conv) {
    const gft_node *pad = gft_graph_producer(graph, conv->inputs[0], GFT_KIND_PAD);
    gft_conv2d_attrs *attrs = conv->attrs;
    if (!pad || attrs->padding == GFT_PAD_SAME || !pads_picture(graph, pad))
        return false;
    const graft_shape *filter = &graph->values[conv->inputs[1]].desc.shape;
    gft_pads pads = attrs->pads;
    if (!add_pads(pad->attrs, attrs->padding, &pads))
        return false;
    if (!fits(pads.top, pads.bottom, filter->dims[0], attrs->dilation_h) ||
        !fits(pads.left, pads.right, filter->dims[1], attrs->dilation_w))
        return false;
    attrs->padding = GFT_PAD_EXPLICIT;
    attrs->pads = pads;
    conv->inputs[0] = pad->inputs[0];
    return true;
}

static bool is_rectifier(const gft_op *op) {
    return op && (strcmp(op->name, "relu") == 0 || strcmp(op->name, "relu6") == 0);
}

static bool never_negative(const gft_graph *graph, gft_value_id id) {
    const gft_value *value = &graph->values[id];
    if (value->kind != GFT_VALUE_NODE)
        return false;
    const gft_node *node = &graph->nodes[value->node];
    const gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(node);
    return is_rectifier(node->op) || (epilogue && is_rectifier(epilogue->activation));
}

/* A window meets a real cell at least, and no zero around it is larger. */
static bool fold_max_pool(const gft_graph *graph, gft_node *pool) {
    const gft_node *pad = gft_graph_producer(graph, pool->inputs[0], GFT_KIND_PAD);
    gft_pool_attrs *attrs = pool->attrs;
    if (!pad || attrs->padding == GFT_PAD_SAME || !pads_picture(graph, pad) ||
        !never_negative(graph, pad->inputs[0]))
        return false;
    gft_pads pads = attrs->pads;
    if (!add_pads(pad->attrs, attrs->padding, &pads) ||
        !fits(pads.top, pads.bottom, attrs->kernel_h, 1) ||
        !fits(pads.left, pads.right, attrs->kernel_w, 1))
        return false;
    attrs->padding = GFT_PAD_EXPLICIT;
    attrs->pads = pads;
    pool->inputs[0] = pad->inputs[0];
    return true;
}

graft_status gft_rewrite_fold_pad(gft_graph *graph, const gft_rewrite_options *options,
                                  graft_error *err) {
    if (!options->fuse)
        return GRAFT_OK;
    for (int32_t i = 0; i < graph->node_count; i++) {
        gft_node *node = &graph->nodes[i];
        if (!node->op ||
            (node->op->kind != GFT_KIND_CONV2D && node->op->kind != GFT_KIND_DEPTHWISE))
            continue;
        while (fold(graph, node)) /* a pad behind a pad */
            continue;
    }
    return gft_graph_sweep(graph, err);
}

graft_status gft_rewrite_fold_pool_pad(gft_graph *graph, const gft_rewrite_options *options,
                                       graft_error *err) {
    if (!options->fuse || options->training)
        return GRAFT_OK;
    for (int32_t i = 0; i < graph->node_count; i++) {
        gft_node *node = &graph->nodes[i];
        if (node->op && node->op->kind == GFT_KIND_POOL && strcmp(node->op->name, "max_pool") == 0)
            (void)fold_max_pool(graph, node);
    }
    return gft_graph_sweep(graph, err);
}
