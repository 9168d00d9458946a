/*
 * What element-wise ops of two inputs share: NumPy broadcasting up to rank 8, float32 by kernels,
 * int32 and int64 (shape arithmetic) by plain loops.
 */
#ifndef GFT_OPS_BINARY_H
#define GFT_OPS_BINARY_H

#include "graph/op.h"
#include "kernels/elementwise.h"

typedef enum gft_binary_kind {
    GFT_BINARY_ADD,
    GFT_BINARY_SUB,
    GFT_BINARY_MUL,
    GFT_BINARY_DIV, /* integers: towards zero, x / 0 = 0 */
    GFT_BINARY_MAXIMUM,
    GFT_BINARY_MINIMUM
} gft_binary_kind;

graft_status gft_binary_infer(const gft_infer *in, graft_error *err);
graft_status gft_binary_prepare(gft_prepare *prepare, gft_binary_kind kind,
                                gft_binary_f32_kernel *fn, graft_error *err);
void gft_binary_run(const gft_exec *exec);

#endif
