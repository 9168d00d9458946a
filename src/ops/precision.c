/*
 * Which op has which 16-bit counterpart, and what the others do when 16-bit numbers reach them.
 */
#include "ops/precision.h"

#include "ops/ops.h"

static bool depthwise_fits(const gft_infer *in) {
    return in->inputs[1].shape.rank == 4 && in->inputs[1].shape.dims[3] == 1;
}

#define ROWS(name)                                                                                 \
    { &gft_op_##name, &gft_op_rows_half, GFT_PRECISION_FOLLOW, 0, gft_rows_half_fits }
#define ROWS_GRAD(name) ROWS(name), ROWS(name##_grad)
#define MOVE(name)                                                                                 \
    { &gft_op_##name, NULL, GFT_PRECISION_MOVE, 0, NULL }
#define ROUND(name, halves)                                                                        \
    { &gft_op_##name, NULL, GFT_PRECISION_ROUND, halves, NULL }

static const gft_precision_rule rules[] = {
    {&gft_op_conv2d, &gft_op_conv2d_half, GFT_PRECISION_PRODUCT, 1u | GFT_PRECISION_RESIDUAL, NULL},
    {&gft_op_depthwise_conv2d, &gft_op_depthwise_half, GFT_PRECISION_PRODUCT,
     1u | GFT_PRECISION_RESIDUAL, depthwise_fits},
    {&gft_op_dense, &gft_op_dense_half, GFT_PRECISION_PRODUCT, 1u | GFT_PRECISION_RESIDUAL, NULL},
    ROUND(matmul, 3u),
    ROUND(conv2d_transpose, 3u),
    ROUND(conv2d_grad_input, 3u),
    ROUND(conv2d_grad_filter, 3u),
    ROUND(depthwise_conv2d_grad_input, 3u),
    ROUND(depthwise_conv2d_grad_filter, 3u),
    {&gft_op_reduce_mean, &gft_op_mean_half, GFT_PRECISION_FOLLOW, 0, gft_mean_half_fits},
    ROWS_GRAD(relu),
    ROWS_GRAD(relu6),
    ROWS_GRAD(leaky_relu),
    ROWS_GRAD(silu),
    ROWS_GRAD(sigmoid),
    ROWS_GRAD(hard_sigmoid),
    ROWS_GRAD(hard_swish),
    ROWS_GRAD(tanh),
    ROWS_GRAD(elu),
    ROWS_GRAD(selu),
    ROWS_GRAD(gelu),
    ROWS_GRAD(gelu_tanh),
    ROWS_GRAD(softplus),
    ROWS(add),
    ROWS(sub),
    ROWS(mul),
    ROWS(div),
    ROWS(maximum),
    ROWS(minimum),
    ROWS(neg),
    ROWS(square),
    ROWS(bias_add),
    ROWS(batch_norm),
    MOVE(reshape),
    MOVE(pad),
    MOVE(slice),
    MOVE(strided_slice),
    MOVE(transpose),
    MOVE(depth_to_space),
    MOVE(space_to_depth),
    {&gft_op_concat, NULL, GFT_PRECISION_MOVE, 2u, NULL},
};

static const gft_precision_table table = {rules, (int32_t)(sizeof rules / sizeof rules[0]),
                                          &gft_op_cast};

const gft_precision_table *gft_ops_precision(void) {
    return &table;
}
