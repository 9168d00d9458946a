/*
 * Gradients of conv2d and depthwise_conv2d: the two gradient ops, the bias as a sum over pixels, the residual as it is.
 */
#include "base/error.h"
#include "ops/epilogue_gradient.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/ops.h"

static graft_status conv_gradient(gft_grad *grad, const gft_op *to_input, const gft_op *to_filter, graft_error *err) {
    const gft_node *node = gft_graph_node(grad->graph, grad->node);
    const gft_conv2d_attrs attrs = *(const gft_conv2d_attrs *)node->attrs;
    gft_value_id dy = grad->output_grads[0];
    gft_value_id x = node->inputs[0];
    gft_value_id filter = node->inputs[1];
    GFT_TRY(gft_epilogue_check_gradient(node->name, &attrs.epilogue, err));
    gft_epilogue epilogue = gft_epilogue_of(&attrs.epilogue, 2);
    gft_conv2d_grad_attrs op_attrs = {.conv = attrs};
    op_attrs.conv.epilogue = (gft_epilogue_attrs){0};
    if (grad->wanted[0]) {
        op_attrs.shape = gft_graph_value(grad->graph, x)->desc.shape;
        const gft_value_id inputs[] = {dy, filter};
        GFT_TRY(gft_grad_node(grad, to_input, &op_attrs, inputs, 2, &grad->input_grads[0], err));
    }
    if (grad->wanted[1]) {
        op_attrs.shape = gft_graph_value(grad->graph, filter)->desc.shape;
        const gft_value_id inputs[] = {x, dy};
        GFT_TRY(gft_grad_node(grad, to_filter, &op_attrs, inputs, 2, &grad->input_grads[1], err));
    }
    return gft_epilogue_gradient(grad, &epilogue, err);
}

graft_status gft_grad_conv2d(gft_grad *grad, graft_error *err) {
    return conv_gradient(grad, &gft_op_conv2d_grad_input, &gft_op_conv2d_grad_filter, err);
}

graft_status gft_grad_depthwise_conv2d(gft_grad *grad, graft_error *err) {
    return conv_gradient(grad, &gft_op_depthwise_conv2d_grad_input, &gft_op_depthwise_conv2d_grad_filter, err);
}
