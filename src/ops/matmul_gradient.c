/*
 * Gradients of dense and matmul: matrix products with transposes, summed over dimensions that were broadcast.
 */
#include "ops/epilogue_gradient.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/ops.h"

static graft_status multiply(gft_grad *grad, gft_value_id a, bool transpose_a, gft_value_id b, bool transpose_b,
                             gft_value_id *out, graft_error *err) {
    gft_matmul_attrs attrs = {transpose_a, transpose_b};
    const gft_value_id inputs[] = {a, b};
    return gft_grad_node(grad, &gft_op_matmul, &attrs, inputs, 2, out, err);
}

/* (...,C) as (rows, C). */
static graft_status as_matrix(gft_grad *grad, gft_value_id value, gft_value_id *out, graft_error *err) {
    graft_shape shape = gft_grad_shape(grad, value);
    *out = value;
    if (shape.rank == 2)
        return GRAFT_OK;
    gft_shape_attrs attrs = {.shape = gft_shape_2(shape.rank == 1 ? 1 : -1, shape.dims[shape.rank - 1])};
    return gft_grad_node(grad, &gft_op_reshape, &attrs, &value, 1, out, err);
}

/* dx = dy * kernel^T keeps the leading dimensions; a vector goes through a matrix of one row. */
static graft_status dense_input(gft_grad *grad, gft_value_id x, gft_value_id kernel, graft_error *err) {
    gft_value_id dy = grad->output_grads[0];
    if (gft_grad_shape(grad, x).rank > 1)
        return multiply(grad, dy, false, kernel, true, &grad->input_grads[0], err);
    gft_value_id row;
    gft_value_id product;
    GFT_TRY(as_matrix(grad, dy, &row, err));
    GFT_TRY(multiply(grad, row, false, kernel, true, &product, err));
    return gft_grad_reshape_like(grad, product, x, &grad->input_grads[0], err);
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
        GFT_TRY(as_matrix(grad, x, &rows, err));
        GFT_TRY(as_matrix(grad, grad->output_grads[0], &dy, err));
        GFT_TRY(multiply(grad, rows, true, dy, false, &grad->input_grads[1], err));
    }
    return gft_epilogue_gradient(grad, &epilogue, err);
}

graft_status gft_grad_matmul(gft_grad *grad, graft_error *err) {
    const gft_matmul_attrs attrs = *(const gft_matmul_attrs *)gft_grad_attrs(grad);
    gft_value_id a = gft_grad_input(grad, 0);
    gft_value_id b = gft_grad_input(grad, 1);
    gft_value_id dy = grad->output_grads[0];
    gft_value_id product;
    if (grad->wanted[0]) {
        if (attrs.transpose_a)
            GFT_TRY(multiply(grad, b, attrs.transpose_b, dy, true, &product, err));
        else
            GFT_TRY(multiply(grad, dy, false, b, !attrs.transpose_b, &product, err));
        GFT_TRY(gft_grad_reduce_like(grad, product, a, &grad->input_grads[0], err));
    }
    if (grad->wanted[1]) {
        if (attrs.transpose_b)
            GFT_TRY(multiply(grad, dy, true, a, attrs.transpose_a, &product, err));
        else
            GFT_TRY(multiply(grad, a, !attrs.transpose_a, dy, false, &product, err));
        GFT_TRY(gft_grad_reduce_like(grad, product, b, &grad->input_grads[1], err));
    }
    return GRAFT_OK;
}
