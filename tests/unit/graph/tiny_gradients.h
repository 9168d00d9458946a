/* Gradients of the small ops, by themselves. */
#ifndef GFT_TEST_TINY_GRADIENTS_H
#define GFT_TEST_TINY_GRADIENTS_H

#include "tiny_ops.h"

static graft_status grad2(gft_grad *g, const gft_op *op, const void *attrs, gft_value_id a,
                          gft_value_id b, gft_value_id *out, graft_error *err) {
    gft_value_id in[2] = {a, b};
    return gft_graph_add(g->graph, op, NULL, attrs, in, 2, out, err);
}

static gft_value_id grad_input(const gft_grad *g, int32_t i) {
    return g->graph->nodes[g->node].inputs[i];
}

static graft_status tiny_grad_add(gft_grad *g, graft_error *err) {
    (void)err;
    for (int i = 0; i < 2; i++)
        g->input_grads[i] = g->wanted[i] ? g->output_grads[0] : -1;
    return GRAFT_OK;
}

static graft_status tiny_grad_mul(gft_grad *g, graft_error *err) {
    for (int i = 0; i < 2; i++) {
        if (g->wanted[i])
            GFT_TRY(grad2(g, &tiny_mul, NULL, g->output_grads[0], grad_input(g, 1 - i),
                          &g->input_grads[i], err));
    }
    return GRAFT_OK;
}

static graft_status tiny_grad_relu(gft_grad *g, graft_error *err) {
    return grad2(g, &tiny_relu_grad, NULL, grad_input(g, 0), g->output_grads[0], &g->input_grads[0],
                 err);
}

static graft_status tiny_grad_matmul(gft_grad *g, graft_error *err) {
    tiny_matmul_attrs at = {.transpose_a = true};
    tiny_matmul_attrs bt = {.transpose_b = true};
    gft_value_id x = grad_input(g, 0);
    gft_value_id w = grad_input(g, 1);
    if (g->wanted[0])
        GFT_TRY(grad2(g, &tiny_matmul, &bt, g->output_grads[0], w, &g->input_grads[0], err));
    if (g->wanted[1])
        GFT_TRY(grad2(g, &tiny_matmul, &at, x, g->output_grads[0], &g->input_grads[1], err));
    return GRAFT_OK;
}

static graft_status tiny_grad_sum(gft_grad *g, graft_error *err) {
    gft_value_id x = grad_input(g, 0);
    gft_value_id ones;
    GFT_TRY(gft_graph_add(g->graph, &tiny_ones, NULL, NULL, &x, 1, &ones, err));
    return grad2(g, &tiny_scale, NULL, ones, g->output_grads[0], &g->input_grads[0], err);
}

/* y0 = x, y1 = 2x; either may carry no gradient */
static graft_status tiny_grad_split(gft_grad *g, graft_error *err) {
    gft_value_id a = g->output_grads[0];
    gft_value_id b = g->output_grads[1];
    if (b >= 0)
        GFT_TRY(grad2(g, &tiny_add, NULL, b, b, &b, err));
    if (a >= 0 && b >= 0)
        return grad2(g, &tiny_add, NULL, a, b, &g->input_grads[0], err);
    g->input_grads[0] = a >= 0 ? a : b;
    return GRAFT_OK;
}

static graft_status tiny_grad_reshape(gft_grad *g, graft_error *err) {
    gft_shape_attrs attrs = {.shape = g->graph->values[grad_input(g, 0)].desc.shape};
    return gft_graph_add(g->graph, &tiny_reshape, NULL, &attrs, &g->output_grads[0], 1,
                         &g->input_grads[0], err);
}

static const gft_gradient_entry tiny_entries[] = {
    {&tiny_add, tiny_grad_add},        {&tiny_mul, tiny_grad_mul}, {&tiny_relu, tiny_grad_relu},
    {&tiny_matmul, tiny_grad_matmul},  {&tiny_sum, tiny_grad_sum}, {&tiny_split, tiny_grad_split},
    {&tiny_reshape, tiny_grad_reshape}};

static const gft_gradients tiny_gradients = {tiny_entries, 7, &tiny_add, &tiny_ones};

#endif
