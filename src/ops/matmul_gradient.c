/*
 * Gradients of dense and matmul: matrix products with transposes, summed over dimensions that were broadcast.
 */
#include "ops/epilogue_gradient.h"
#include "ops/gradients.h"
#include "ops/ops.h"

static graft_status multiply(gft_graph *graph, gft_value_id a, bool transpose_a, gft_value_id b, bool transpose_b,
                             gft_value_id *out, graft_error *err) {
    gft_matmul_attrs attrs = {transpose_a, transpose_b};
    const gft_value_id inputs[] = {a, b};
    return gft_graph_add(graph, &gft_op_matmul, NULL, &attrs, inputs, 2, out, err);
}

/* (...,C) as (rows, C). */
static graft_status as_matrix(gft_graph *graph, gft_value_id value, gft_value_id *out, graft_error *err) {
    graft_shape shape = gft_graph_value(graph, value)->desc.shape;
    *out = value;
    if (shape.rank == 2)
        return GRAFT_OK;
    gft_shape_attrs attrs = {.shape = gft_shape_2(shape.rank == 1 ? 1 : -1, shape.dims[shape.rank - 1])};
    return gft_graph_add(graph, &gft_op_reshape, NULL, &attrs, &value, 1, out, err);
}

/* dx = dy * kernel^T keeps the leading dimensions; a vector goes through a matrix of one row. */
static graft_status dense_input(gft_grad *grad, gft_value_id x, gft_value_id kernel, graft_error *err) {
    gft_graph *graph = grad->graph;
    gft_value_id dy = grad->output_grads[0];
    gft_shape_attrs back = {.shape = gft_graph_value(graph, x)->desc.shape};
    if (back.shape.rank > 1)
        return multiply(graph, dy, false, kernel, true, &grad->input_grads[0], err);
    gft_value_id row;
    gft_value_id product;
    GFT_TRY(as_matrix(graph, dy, &row, err));
    GFT_TRY(multiply(graph, row, false, kernel, true, &product, err));
    return gft_graph_add(graph, &gft_op_reshape, NULL, &back, &product, 1, &grad->input_grads[0], err);
}

graft_status gft_grad_dense(gft_grad *grad, graft_error *err) {
    const gft_node *node = gft_graph_node(grad->graph, grad->node);
    const gft_dense_attrs attrs = *(const gft_dense_attrs *)node->attrs;
    gft_value_id x = node->inputs[0];
    gft_value_id kernel = node->inputs[1];
    GFT_TRY(gft_epilogue_check_gradient(node->name, &attrs.epilogue, err));
    gft_epilogue epilogue = gft_epilogue_of(&attrs.epilogue, 2);
    if (grad->wanted[0])
        GFT_TRY(dense_input(grad, x, kernel, err));
    if (grad->wanted[1]) {
        gft_value_id rows;
        gft_value_id dy;
        GFT_TRY(as_matrix(grad->graph, x, &rows, err));
        GFT_TRY(as_matrix(grad->graph, grad->output_grads[0], &dy, err));
        GFT_TRY(multiply(grad->graph, rows, true, dy, false, &grad->input_grads[1], err));
    }
    return gft_epilogue_gradient(grad, &epilogue, err);
}

/* Sums leading dimensions that were broadcast, so that the gradient has the operand's shape. */
static graft_status reduce_to(gft_graph *graph, gft_value_id operand, gft_value_id *value, graft_error *err) {
    gft_shape_attrs attrs = {.shape = gft_graph_value(graph, operand)->desc.shape};
    graft_shape shape = gft_graph_value(graph, *value)->desc.shape;
    if (gft_shape_equal(&shape, &attrs.shape))
        return GRAFT_OK;
    gft_value_id wide = *value;
    return gft_graph_add(graph, &gft_op_reduce_to, NULL, &attrs, &wide, 1, value, err);
}

graft_status gft_grad_matmul(gft_grad *grad, graft_error *err) {
    gft_graph *graph = grad->graph;
    const gft_node *node = gft_graph_node(graph, grad->node);
    const gft_matmul_attrs attrs = *(const gft_matmul_attrs *)node->attrs;
    gft_value_id a = node->inputs[0];
    gft_value_id b = node->inputs[1];
    gft_value_id dy = grad->output_grads[0];
    if (grad->wanted[0]) {
        gft_value_id da;
        if (attrs.transpose_a)
            GFT_TRY(multiply(graph, b, attrs.transpose_b, dy, true, &da, err));
        else
            GFT_TRY(multiply(graph, dy, false, b, !attrs.transpose_b, &da, err));
        GFT_TRY(reduce_to(graph, a, &da, err));
        grad->input_grads[0] = da;
    }
    if (grad->wanted[1]) {
        gft_value_id db;
        if (attrs.transpose_b)
            GFT_TRY(multiply(graph, dy, true, a, attrs.transpose_a, &db, err));
        else
            GFT_TRY(multiply(graph, a, !attrs.transpose_a, dy, false, &db, err));
        GFT_TRY(reduce_to(graph, b, &db, err));
        grad->input_grads[1] = db;
    }
    return GRAFT_OK;
}
