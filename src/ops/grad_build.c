/*
 * Short ways to append nodes from gradient functions; see grad_build.h.
 */
#include "ops/grad_build.h"

#include <stdio.h>

#include "base/shape.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

gft_value_id gft_grad_input(const gft_grad *grad, int32_t i) {
    return gft_graph_node(grad->graph, grad->node)->inputs[i];
}

gft_value_id gft_grad_output(const gft_grad *grad, int32_t i) {
    return gft_graph_node(grad->graph, grad->node)->outputs[i];
}

const void *gft_grad_attrs(const gft_grad *grad) {
    return gft_graph_node(grad->graph, grad->node)->attrs;
}

graft_shape gft_grad_shape(const gft_grad *grad, gft_value_id value) {
    return gft_graph_value(grad->graph, value)->desc.shape;
}

graft_status gft_grad_node(gft_grad *grad, const gft_op *op, const void *attrs,
                           const gft_value_id *inputs, int32_t count, gft_value_id *outputs,
                           graft_error *err) {
    char name[256];
    snprintf(name, sizeof name, "%s/%s", gft_graph_node(grad->graph, grad->node)->name, op->name);
    return gft_graph_add(grad->graph, op, name, attrs, inputs, count, outputs, err);
}

graft_status gft_grad_apply1(gft_grad *grad, const gft_op *op, gft_value_id a, gft_value_id *out,
                             graft_error *err) {
    return gft_grad_node(grad, op, NULL, &a, 1, out, err);
}

graft_status gft_grad_apply2(gft_grad *grad, const gft_op *op, gft_value_id a, gft_value_id b,
                             gft_value_id *out, graft_error *err) {
    const gft_value_id inputs[] = {a, b};
    return gft_grad_node(grad, op, NULL, inputs, 2, out, err);
}

graft_status gft_grad_apply3(gft_grad *grad, const gft_op *op, gft_value_id a, gft_value_id b,
                             gft_value_id c, gft_value_id *out, graft_error *err) {
    const gft_value_id inputs[] = {a, b, c};
    return gft_grad_node(grad, op, NULL, inputs, 3, out, err);
}

graft_status gft_grad_scale(gft_grad *grad, gft_value_id a, float factor, gft_value_id *out,
                            graft_error *err) {
    gft_value_id constant;
    GFT_TRY(gft_graph_const_f32(grad->graph, factor, &constant, err));
    return gft_grad_apply2(grad, &gft_op_mul, a, constant, out, err);
}

graft_status gft_grad_reduce_like(gft_grad *grad, gft_value_id a, gft_value_id like,
                                  gft_value_id *out, graft_error *err) {
    const graft_shape from = gft_grad_shape(grad, a);
    const gft_shape_attrs attrs = {.shape = gft_grad_shape(grad, like)};
    if (gft_shape_equal(&from, &attrs.shape)) {
        *out = a;
        return GRAFT_OK;
    }
    const gft_value_id inputs[] = {a, like};
    const int32_t count = gft_shape_known(&attrs.shape) ? 1 : 2;
    return gft_grad_node(grad, &gft_op_reduce_to, &attrs, inputs, count, out, err);
}

graft_status gft_grad_reshape_like(gft_grad *grad, gft_value_id a, gft_value_id like,
                                   gft_value_id *out, graft_error *err) {
    const graft_shape from = gft_grad_shape(grad, a);
    const gft_shape_attrs attrs = {.shape = gft_grad_shape(grad, like)};
    if (gft_shape_equal(&from, &attrs.shape)) {
        *out = a;
        return GRAFT_OK;
    }
    const gft_value_id inputs[] = {a, like};
    const int32_t count = gft_check_unknowns(&attrs.shape) <= 1 ? 1 : 2;
    return gft_grad_node(grad, &gft_op_reshape, &attrs, inputs, count, out, err);
}

graft_status gft_grad_column(gft_grad *grad, gft_value_id a, gft_value_id *out, graft_error *err) {
    gft_shape_attrs attrs = {.shape = gft_grad_shape(grad, a)};
    if (attrs.shape.rank >= GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "gradient needs more than %d dimensions",
                        GRAFT_MAX_RANK);
    attrs.shape.dims[attrs.shape.rank++] = 1;
    return gft_grad_node(grad, &gft_op_reshape, &attrs, &a, 1, out, err);
}
