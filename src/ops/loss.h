/*
 * What the losses share: prediction and target (...,K) give one number per row (...).
 */
#ifndef GFT_OPS_LOSS_H
#define GFT_OPS_LOSS_H

#include "graph/autodiff.h"
#include "graph/op.h"

/** Inputs 0 and 1 float32 of one shape, rank >= 1; output 0 without the last dimension. */
graft_status gft_loss_infer(const gft_infer *in, graft_error *err);
/** The shape rule of gradients: dloss (...), prediction, target (...,K) -> output 0 (...,K). */
graft_status gft_loss_grad_infer(const gft_infer *in, graft_error *err);
/** One task per block of rows of the prediction (input 0, or 1 in a gradient). */
graft_status gft_loss_prepare(gft_prepare *prepare, graft_error *err);
graft_status gft_loss_grad_prepare(gft_prepare *prepare, graft_error *err);
/** Appends grad_op(dloss, prediction, target) with the node's attributes for the prediction. */
graft_status gft_loss_gradient(gft_grad *grad, const gft_op *grad_op, graft_error *err);
/** Checks attrs.label_smoothing. */
graft_status gft_loss_check_smoothing(const gft_infer *in, graft_error *err);

#endif
