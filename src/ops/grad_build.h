/*
 * Short ways to append nodes from gradient functions. Every node is named "<node>/<op>" after the
 * node whose gradient it belongs to. Values are ids: pointers into the graph's arrays do not
 * survive an append.
 *
 * Shapes: a -1 in the same place of two descriptors is taken for the same number (the batch).
 */
#ifndef GFT_OPS_GRAD_BUILD_H
#define GFT_OPS_GRAD_BUILD_H

#include "graph/autodiff.h"

gft_value_id gft_grad_input(const gft_grad *grad, int32_t i);
gft_value_id gft_grad_output(const gft_grad *grad, int32_t i);
const void *gft_grad_attrs(const gft_grad *grad);
graft_shape gft_grad_shape(const gft_grad *grad, gft_value_id value);

/** Any op with op->outputs outputs. */
GRAFT_MUST_CHECK graft_status gft_grad_node(gft_grad *grad, const gft_op *op, const void *attrs,
                                            const gft_value_id *inputs, int32_t count,
                                            gft_value_id *outputs, graft_error *err);
/** One input, one output, no attributes. */
GRAFT_MUST_CHECK graft_status gft_grad_apply1(gft_grad *grad, const gft_op *op, gft_value_id a,
                                              gft_value_id *out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_grad_apply2(gft_grad *grad, const gft_op *op, gft_value_id a,
                                              gft_value_id b, gft_value_id *out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_grad_apply3(gft_grad *grad, const gft_op *op, gft_value_id a,
                                              gft_value_id b, gft_value_id c, gft_value_id *out,
                                              graft_error *err);
/** a * factor. */
GRAFT_MUST_CHECK graft_status gft_grad_scale(gft_grad *grad, gft_value_id a, float factor,
                                             gft_value_id *out, graft_error *err);
/** Sums a down to the shape of `like`, or gives a itself if the shapes are equal. */
GRAFT_MUST_CHECK graft_status gft_grad_reduce_like(gft_grad *grad, gft_value_id a,
                                                   gft_value_id like, gft_value_id *out,
                                                   graft_error *err);
/** Reshapes a to the shape of `like`, or gives a itself if the shapes are equal. */
GRAFT_MUST_CHECK graft_status gft_grad_reshape_like(gft_grad *grad, gft_value_id a,
                                                    gft_value_id like, gft_value_id *out,
                                                    graft_error *err);
/** a (...) -> a (...,1), to meet rows. */
GRAFT_MUST_CHECK graft_status gft_grad_column(gft_grad *grad, gft_value_id a, gft_value_id *out,
                                              graft_error *err);

#endif
