/*
 * Gradients of bias and residual.
 */
#include "ops/epilogue_gradient.h"

#include "ops/grad_build.h"
#include "ops/ops.h"

graft_status gft_epilogue_check_gradient(const char *node, const gft_epilogue_attrs *attrs,
                                         graft_error *err) {
    if (attrs->activation || attrs->has_input_scale)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: the activation or input scale of an epilogue has no gradient; "
                        "differentiate before fusing",
                        node);
    return GRAFT_OK;
}

graft_status gft_epilogue_gradient(gft_grad *grad, const gft_epilogue *epilogue, graft_error *err) {
    gft_value_id dy = grad->output_grads[0];
    if (epilogue->residual >= 0 && grad->wanted[epilogue->residual])
        grad->input_grads[epilogue->residual] = dy;
    if (epilogue->bias < 0 || !grad->wanted[epilogue->bias])
        return GRAFT_OK;
    int32_t rank = gft_graph_value(grad->graph, dy)->desc.shape.rank;
    gft_reduce_attrs attrs = {.axes = (1u << (rank - 1)) - 1u};
    if (attrs.axes == 0) {
        grad->input_grads[epilogue->bias] = dy;
        return GRAFT_OK;
    }
    return gft_grad_node(grad, &gft_op_reduce_sum, &attrs, &dy, 1,
                         &grad->input_grads[epilogue->bias], err);
}
