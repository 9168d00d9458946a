/*
 * Which float op between dequantize and quantize becomes which integer op (graph/quantized.h).
 * Functions that become tables are in double here, so that a table is the same on every CPU.
 */
#include <math.h>

#include "graph/quantized.h"
#include "ops/ops.h"

static double sigmoid(double x, double alpha) {
    (void)alpha;
    return 1.0 / (1.0 + exp(-x));
}

static double hard_sigmoid(double x, double alpha) {
    (void)alpha;
    return fmin(fmax(x + 3.0, 0.0), 6.0) / 6.0;
}

static double silu(double x, double alpha) {
    return x * sigmoid(x, alpha);
}

static double elu(double x, double alpha) {
    return x < 0.0 ? alpha * expm1(x) : x;
}

static double selu(double x, double alpha) {
    (void)alpha;
    return 1.0507009873554805 * elu(x, 1.6732632423543772);
}

static double softplus(double x, double alpha) {
    (void)alpha;
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static double softsign(double x, double alpha) {
    (void)alpha;
    return x / (1.0 + fabs(x));
}

static double gelu(double x, double alpha) {
    (void)alpha;
    return 0.5 * x * (1.0 + erf(x * 0.70710678118654752));
}

static double gelu_tanh(double x, double alpha) {
    (void)alpha;
    return 0.5 * x * (1.0 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

static double inverse_root(double x, double alpha) {
    (void)alpha;
    return 1.0 / sqrt(x);
}

/* The C library's functions of one number. */
#define PLAIN(name, function)                                                                      \
    static double name(double x, double alpha) {                                                   \
        (void)alpha;                                                                               \
        return function(x);                                                                        \
    }

PLAIN(plain_tanh, tanh)
PLAIN(plain_erf, erf)
PLAIN(plain_exp, exp)
PLAIN(plain_log, log)
PLAIN(plain_log1p, log1p)
PLAIN(plain_expm1, expm1)
PLAIN(plain_sqrt, sqrt)
PLAIN(plain_sin, sin)
PLAIN(plain_cos, cos)
PLAIN(plain_abs, fabs)
PLAIN(plain_floor, floor)
PLAIN(plain_ceil, ceil)
PLAIN(plain_round, rint)

#define TABLE(name, function)                                                                      \
    { &gft_op_##name, GFT_JOIN_TABLE, NULL, function }
#define MOVE(name)                                                                                 \
    { &gft_op_##name, GFT_JOIN_MOVE, NULL, NULL }

static const gft_join joins[] = {
    {&gft_op_conv2d, GFT_JOIN_CONV, &gft_op_qconv2d, NULL},
    {&gft_op_depthwise_conv2d, GFT_JOIN_DEPTHWISE, &gft_op_qdepthwise_conv2d, NULL},
    {&gft_op_dense, GFT_JOIN_DENSE, &gft_op_qdense, NULL},
    {&gft_op_add, GFT_JOIN_SUM, &gft_op_qadd, NULL},
    {&gft_op_sub, GFT_JOIN_SUM, &gft_op_qsub, NULL},
    {&gft_op_mul, GFT_JOIN_PRODUCT, &gft_op_qmul, NULL},
    {&gft_op_avg_pool, GFT_JOIN_AVG_POOL, &gft_op_qavg_pool, NULL},
    {&gft_op_reduce_mean, GFT_JOIN_MEAN, &gft_op_qmean, NULL},
    {&gft_op_max_pool, GFT_JOIN_MOVE, &gft_op_qmax_pool, NULL},
    MOVE(concat),
    MOVE(pad),
    MOVE(mirror_pad),
    MOVE(slice),
    MOVE(strided_slice),
    MOVE(reshape),
    MOVE(transpose),
    MOVE(gather),
    MOVE(gather_nd),
    MOVE(tile),
    MOVE(depth_to_space),
    MOVE(space_to_depth),
    MOVE(batch_to_space),
    {&gft_op_relu, GFT_JOIN_RELU, NULL, NULL},
    {&gft_op_relu6, GFT_JOIN_RELU6, NULL, NULL},
    {&gft_op_clip, GFT_JOIN_CLIP, NULL, NULL},
    {&gft_op_leaky_relu, GFT_JOIN_LEAKY_RELU, NULL, NULL},
    {&gft_op_hard_swish, GFT_JOIN_HARD_SWISH, NULL, NULL},
    {&gft_op_abs, GFT_JOIN_ABS, NULL, plain_abs},
    TABLE(sigmoid, sigmoid),
    TABLE(hard_sigmoid, hard_sigmoid),
    TABLE(silu, silu),
    TABLE(tanh, plain_tanh),
    TABLE(elu, elu),
    TABLE(selu, selu),
    TABLE(softplus, softplus),
    TABLE(softsign, softsign),
    TABLE(gelu, gelu),
    TABLE(gelu_tanh, gelu_tanh),
    TABLE(erf, plain_erf),
    TABLE(exp, plain_exp),
    TABLE(log, plain_log),
    TABLE(log1p, plain_log1p),
    TABLE(expm1, plain_expm1),
    TABLE(sqrt, plain_sqrt),
    TABLE(rsqrt, inverse_root),
    TABLE(sin, plain_sin),
    TABLE(cos, plain_cos),
    TABLE(floor, plain_floor),
    TABLE(ceil, plain_ceil),
    TABLE(round, plain_round),
    TABLE(neg, NULL),
    TABLE(square, NULL),
};

const gft_quantized_ops gft_quantized_ops_table = {.dequantize = &gft_op_dequantize,
                                                   .lookup = &gft_op_qlookup,
                                                   .joins = joins,
                                                   .join_count =
                                                       (int32_t)(sizeof joins / sizeof joins[0])};
