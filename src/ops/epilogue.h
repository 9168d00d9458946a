/*
 * The epilogue of matrix products (gft_epilogue_attrs): checks of its inputs, and what a run needs
 * of it. Bias, residual and a clamp (none, relu, relu6) are done by the kernels in registers; any
 * other activation runs over the block while it is in the cache.
 */
#ifndef GFT_OPS_EPILOGUE_H
#define GFT_OPS_EPILOGUE_H

#include "base/error.h"
#include "graph/op.h"

typedef struct gft_epilogue {
    int32_t bias, residual, input_scale; /* index of the node's input, -1: none */
    float lo, hi;
    gft_unary_f32_fn unary; /* after the clamp; NULL: none */
    float alpha;
} gft_epilogue;

/**
 * Checks count and shapes of the extra inputs behind the first `base` ones.
 * @param y        shape of the result, channels last
 * @param scale_c  channels of x if an input scale is allowed, else -1
 */
GRAFT_MUST_CHECK graft_status gft_epilogue_check(const gft_infer *in,
                                                 const gft_epilogue_attrs *attrs, int32_t base,
                                                 const graft_shape *y, int64_t scale_c,
                                                 graft_error *err);
gft_epilogue gft_epilogue_of(const gft_epilogue_attrs *attrs, int32_t base);
/** Applies the activation that is not a clamp to rows x cols floats. */
void gft_epilogue_finish(const gft_epilogue *epilogue, float *c, int64_t rows, int64_t cols,
                         int64_t c_stride);
static inline const float *gft_exec_input(const gft_exec *exec, int32_t index) {
    return index < 0 ? NULL : exec->inputs[index];
}

#endif
