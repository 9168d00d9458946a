/*
 * The table from graph ops to the functions that write them as TensorFlow's nodes. Ops of training
 * (gradients, losses, statistics) do not occur in the graphs that are written.
 */
#include "models/op_strings.h"
#include "models/tensorflow_ops.h"

#include <string.h>

#include "ops/ops.h"

typedef struct emit_entry {
    const gft_op *op;
    graft_status (*emit)(gft_tf_emit *e, graft_error *err);
} emit_entry;

static const emit_entry table[] = {
    {&gft_op_conv2d, gft_tf_emit_conv2d},
    {&gft_op_depthwise_conv2d, gft_tf_emit_depthwise_conv2d},
    {&gft_op_dense, gft_tf_emit_dense},
    {&gft_op_matmul, gft_tf_emit_matmul},
    {&gft_op_bias_add, gft_tf_emit_bias_add},
    {&gft_op_relu, gft_tf_emit_activation},
    {&gft_op_relu6, gft_tf_emit_activation},
    {&gft_op_leaky_relu, gft_tf_emit_activation},
    {&gft_op_silu, gft_tf_emit_activation},
    {&gft_op_sigmoid, gft_tf_emit_activation},
    {&gft_op_hard_sigmoid, gft_tf_emit_activation},
    {&gft_op_hard_swish, gft_tf_emit_activation},
    {&gft_op_tanh, gft_tf_emit_activation},
    {&gft_op_exp, gft_tf_emit_unary},
    {&gft_op_log, gft_tf_emit_unary},
    {&gft_op_neg, gft_tf_emit_unary},
    {&gft_op_sqrt, gft_tf_emit_unary},
    {&gft_op_rsqrt, gft_tf_emit_unary},
    {&gft_op_square, gft_tf_emit_unary},
    {&gft_op_add, gft_tf_emit_binary},
    {&gft_op_sub, gft_tf_emit_binary},
    {&gft_op_mul, gft_tf_emit_binary},
    {&gft_op_div, gft_tf_emit_binary},
    {&gft_op_maximum, gft_tf_emit_binary},
    {&gft_op_minimum, gft_tf_emit_binary},
    {&gft_op_cast, gft_tf_emit_cast},
    {&gft_op_identity, gft_tf_emit_identity},
    {&gft_op_dropout, gft_tf_emit_dropout},
    {&gft_op_fill_like, gft_tf_emit_fill_like},
    {&gft_op_softmax, gft_tf_emit_softmax},
    {&gft_op_log_softmax, gft_tf_emit_softmax},
    {&gft_op_batch_norm, gft_tf_emit_batch_norm},
    {&gft_op_layer_norm, gft_tf_emit_layer_norm},
    {&gft_op_l2_normalise, gft_tf_emit_l2_normalise},
    {&gft_op_max_pool, gft_tf_emit_pool},
    {&gft_op_avg_pool, gft_tf_emit_pool},
    {&gft_op_reduce_mean, gft_tf_emit_reduce},
    {&gft_op_reduce_sum, gft_tf_emit_reduce},
    {&gft_op_reduce_max, gft_tf_emit_reduce},
    {&gft_op_resize, gft_tf_emit_resize},
    {&gft_op_pad, gft_tf_emit_pad},
    {&gft_op_slice, gft_tf_emit_slice},
    {&gft_op_strided_slice, gft_tf_emit_strided_slice},
    {&gft_op_concat, gft_tf_emit_concat},
    {&gft_op_reshape, gft_tf_emit_reshape},
    {&gft_op_broadcast_to, gft_tf_emit_broadcast_to},
    {&gft_op_transpose, gft_tf_emit_transpose},
    {&gft_op_elu, gft_tf_emit_activation},
    {&gft_op_selu, gft_tf_emit_activation},
    {&gft_op_softplus, gft_tf_emit_activation},
    {&gft_op_softsign, gft_tf_emit_activation},
    {&gft_op_gelu, gft_tf_emit_activation},
    {&gft_op_gelu_tanh, gft_tf_emit_activation},
    {&gft_op_erf, gft_tf_emit_unary},
    {&gft_op_abs, gft_tf_emit_unary},
    {&gft_op_sign, gft_tf_emit_unary},
    {&gft_op_floor, gft_tf_emit_unary},
    {&gft_op_ceil, gft_tf_emit_unary},
    {&gft_op_round, gft_tf_emit_unary},
    {&gft_op_sin, gft_tf_emit_unary},
    {&gft_op_cos, gft_tf_emit_unary},
    {&gft_op_log1p, gft_tf_emit_unary},
    {&gft_op_expm1, gft_tf_emit_unary},
    {&gft_op_pow, gft_tf_emit_binary},
    {&gft_op_floor_div, gft_tf_emit_binary},
    {&gft_op_floor_mod, gft_tf_emit_binary},
    {&gft_op_equal, gft_tf_emit_binary},
    {&gft_op_not_equal, gft_tf_emit_binary},
    {&gft_op_less, gft_tf_emit_binary},
    {&gft_op_less_equal, gft_tf_emit_binary},
    {&gft_op_greater, gft_tf_emit_binary},
    {&gft_op_greater_equal, gft_tf_emit_binary},
    {&gft_op_logical_and, gft_tf_emit_logical},
    {&gft_op_logical_or, gft_tf_emit_logical},
    {&gft_op_logical_not, gft_tf_emit_logical},
    {&gft_op_select, gft_tf_emit_select},
    {&gft_op_clip, gft_tf_emit_clip},
    {&gft_op_prelu, gft_tf_emit_prelu},
    {&gft_op_argmax, gft_tf_emit_arg},
    {&gft_op_argmin, gft_tf_emit_arg},
    {&gft_op_top_k, gft_tf_emit_top_k},
    {&gft_op_one_hot, gft_tf_emit_one_hot},
    {&gft_op_cumsum, gft_tf_emit_cumsum},
    {&gft_op_gather_nd, gft_tf_emit_gather_nd},
    {&gft_op_lrn, gft_tf_emit_lrn},
    {&gft_op_shape_of, gft_tf_emit_shape_of},
    {&gft_op_tile, gft_tf_emit_tile},
    {&gft_op_depth_to_space, gft_tf_emit_depth_to_space},
    {&gft_op_space_to_depth, gft_tf_emit_depth_to_space},
    {&gft_op_space_to_batch, gft_tf_emit_space_to_batch},
    {&gft_op_batch_to_space, gft_tf_emit_space_to_batch},
    {&gft_op_mirror_pad, gft_tf_emit_mirror_pad},
    {&gft_op_quantize, gft_tf_emit_quantize},
    {&gft_op_dequantize, gft_tf_emit_dequantize},
    {&gft_op_conv2d_transpose, gft_tf_emit_conv2d_transpose},
    {&gft_op_reduce_min, gft_tf_emit_reduce},
    {&gft_op_reduce_prod, gft_tf_emit_reduce},
    {&gft_op_reduce_any, gft_tf_emit_reduce},
    {&gft_op_reduce_all, gft_tf_emit_reduce},
    {&gft_op_gather, gft_tf_emit_gather},
};

graft_status gft_tf_cannot(const gft_tf_emit *e, const char *why, graft_error *err) {
    return gft_fail(err, GRAFT_UNIMPLEMENTED,
                    "node '%s': op '%s' cannot be written with TensorFlow's ops: %s", e->node->name,
                    e->node->op->name, why);
}

/* Ops that readers alone make. */
static bool is_read_only(const gft_op *op) {
    return op == &gft_op_table_find || op == &gft_op_parse_feature;
}

graft_status gft_tf_emit_node(gft_tf_emit *e, graft_error *err) {
    e->nodes->scope = e->node->name;
    const bool own_layer = !e->node->layer || strcmp(e->node->layer, e->node->name) == 0;
    e->nodes->layer = own_layer ? NULL : e->node->layer;
    graft_status status = GRAFT_UNIMPLEMENTED;
    size_t i = 0;
    const size_t count = sizeof table / sizeof table[0];
    while (i < count && table[i].op != e->node->op)
        i++;
    if (i == count)
        status =
            gft_tf_cannot(e,
                          is_read_only(e->node->op) ? "tables and parsers are read, not written"
                                                    : "it belongs to training",
                          err);
    else
        status = table[i].emit(e, err);
    e->nodes->scope = NULL;
    e->nodes->layer = NULL;
    return status;
}
