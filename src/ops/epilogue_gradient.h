/*
 * Gradients of the extra inputs of an epilogue that is no more than bias and residual.
 */
#ifndef GFT_OPS_EPILOGUE_GRADIENT_H
#define GFT_OPS_EPILOGUE_GRADIENT_H

#include "graph/autodiff.h"
#include "ops/epilogue.h"

/** OK if the epilogue is no more than bias and residual, else UNIMPLEMENTED: gradients are taken before fusing. */
GRAFT_MUST_CHECK graft_status gft_epilogue_check_gradient(const char *node, const gft_epilogue_attrs *attrs,
                                                          graft_error *err);
/** Fills in the gradients of bias (sum of dy over all dimensions but the last) and residual (dy itself). */
GRAFT_MUST_CHECK graft_status gft_epilogue_gradient(gft_grad *grad, const gft_epilogue *epilogue, graft_error *err);

#endif
