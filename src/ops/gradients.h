/* The gradient table made from GFT_GRADIENT_LIST. */
#ifndef GFT_OPS_GRADIENTS_H
#define GFT_OPS_GRADIENTS_H

#include "graph/autodiff.h"
#include "ops/op_list.h"

#define GFT_GRAD_DECLARE_(name) graft_status gft_grad_##name(gft_grad *grad, graft_error *err);
GFT_GRADIENT_LIST(GFT_GRAD_DECLARE_)
#undef GFT_GRAD_DECLARE_

const gft_gradients *gft_ops_gradients(void);

#endif
