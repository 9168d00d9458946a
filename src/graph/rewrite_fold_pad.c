/*
 * A pad node that puts zeros around rows and columns, in front of a convolution without padding of
 * its own (VALID or EXPLICIT), becomes explicit padding of that convolution. The pad stays for its
 * other users, if there are any.
 */
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

static bool fold(const gft_graph *graph, gft_node *conv) {
    const gft_node *pad = gft_graph_producer(graph, conv->inputs[0], GFT_KIND_PAD);
    gft_conv2d_attrs *attrs = conv->attrs;
    if (!pad || attrs->padding == GFT_PAD_SAME || !pads_picture(graph, pad))
        return false;
    const gft_pad_attrs *zeros = pad->attrs;
    const graft_shape *filter = &graph->values[conv->inputs[1]].desc.shape;
    gft_pads pads = attrs->padding == GFT_PAD_EXPLICIT ? attrs->pads : (gft_pads){0, 0, 0, 0};
    if (__builtin_add_overflow(pads.top, zeros->before[1], &pads.top) ||
        __builtin_add_overflow(pads.bottom, zeros->after[1], &pads.bottom) ||
        __builtin_add_overflow(pads.left, zeros->before[2], &pads.left) ||
        __builtin_add_overflow(pads.right, zeros->after[2], &pads.right))
        return false;
    if (!fits(pads.top, pads.bottom, filter->dims[0], attrs->dilation_h) ||
        !fits(pads.left, pads.right, filter->dims[1], attrs->dilation_w))
        return false;
    attrs->padding = GFT_PAD_EXPLICIT;
    attrs->pads = pads;
    conv->inputs[0] = pad->inputs[0];
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
