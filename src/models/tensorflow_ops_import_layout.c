/*
 * Data formats and fused nodes, read: nets in NCHW get transposes around what knows NHWC only (two
 * that meet are none), and Grappler's _FusedConv2D, _FusedMatMul and their like are taken apart.
 */
#include <string.h>

#include "base/shape.h"
#include "models/tensorflow_ops_import_prelu.h"
#include "ops/ops.h"

bool gft_tf_is_nchw(const gft_tf_import *m) {
    return gft_tf_text_is(m->node, "data_format", "NHWC", "NCHW");
}

static graft_status permuted(gft_tf_import *m, gft_value_id x, const int32_t perm[4],
                             const int32_t inverse[4], gft_value_id *out, graft_error *err) {
    const gft_node *before = gft_graph_producer(m->graph, x, GFT_KIND_OTHER);
    gft_transpose_attrs attrs = {{perm[0], perm[1], perm[2], perm[3]}};
    if (before && before->op == &gft_op_transpose && m->graph->values[x].desc.shape.rank == 4 &&
        memcmp(((const gft_transpose_attrs *)before->attrs)->perm, inverse, 4 * sizeof *inverse) ==
            0) {
        *out = before->inputs[0];
        return GRAFT_OK;
    }
    return gft_tf_append(m, &gft_op_transpose, &attrs, &x, 1, out, err);
}

static const int32_t to_last[4] = {0, 2, 3, 1};
static const int32_t to_second[4] = {0, 3, 1, 2};

graft_status gft_tf_to_nhwc(gft_tf_import *m, gft_value_id x, gft_value_id *out, graft_error *err) {
    *out = x;
    if (!gft_tf_is_nchw(m))
        return GRAFT_OK;
    if (m->graph->values[x].desc.shape.rank != 4)
        return gft_tf_refuse("its data format is NCHW for a tensor that is not of rank 4", err);
    return permuted(m, x, to_last, to_second, out, err);
}

graft_status gft_tf_from_nhwc(gft_tf_import *m, gft_value_id x, gft_value_id *out,
                              graft_error *err) {
    *out = x;
    return gft_tf_is_nchw(m) ? permuted(m, x, to_second, to_last, out, err) : GRAFT_OK;
}

/* ---- fused nodes ---- */

static bool is(const char *text, size_t length, const char *name) {
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static graft_status fused_norm(gft_tf_import *m, int32_t arg, gft_value_id *x, graft_error *err) {
    gft_value_id inputs[5] = {*x};
    for (int32_t i = 1; i < 5; i++)
        GFT_TRY(gft_tf_take(m, arg + i - 1, &inputs[i], err));
    const gft_batch_norm_attrs attrs = {.epsilon = gft_tf_get_float(m->node, "epsilon", 1e-4f),
                                        .momentum = 0.99f,
                                        .train = gft_tf_mark_batch_norm(m->graph, inputs)};
    return gft_tf_append(m, &gft_op_batch_norm, &attrs, inputs, 5, x, err);
}

static graft_status fused_activation(gft_tf_import *m, const char *text, size_t length,
                                     gft_value_id *x, graft_error *err) {
    const struct {
        const char *name;
        const gft_op *op;
        float alpha;
    } table[] = {
        {"Relu", &gft_op_relu, 0.0f},
        {"Relu6", &gft_op_relu6, 0.0f},
        {"Elu", &gft_op_elu, 1.0f},
        {"LeakyRelu", &gft_op_leaky_relu, gft_tf_get_float(m->node, "leakyrelu_alpha", 0.2f)},
        {"Tanh", &gft_op_tanh, 0.0f},
        {"Sigmoid", &gft_op_sigmoid, 0.0f},
        {"GeluExact", &gft_op_gelu, 0.0f},
        {"GeluApproximate", &gft_op_gelu_tanh, 0.0f},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const gft_unary_attrs attrs = {table[i].alpha};
        if (is(text, length, table[i].name))
            return gft_tf_append(m, table[i].op, table[i].op->attrs_bytes > 0 ? &attrs : NULL, x, 1,
                                 x, err);
    }
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "it holds '%.*s', which is not read", (int)length,
                    text);
}

graft_status gft_tf_fused_tail(gft_tf_import *m, int32_t first_arg, gft_value_id *x,
                               graft_error *err) {
    const char *text;
    size_t length;
    int32_t arg = first_arg;
    for (size_t i = 0; gft_tf_text_at(m->node, "fused_ops", i, &text, &length); i++) {
        gft_value_id pair[2] = {*x, -1};
        if (is(text, length, "FusedBatchNorm")) {
            GFT_TRY(fused_norm(m, arg, x, err));
            arg += 4;
        } else if (is(text, length, "BiasAdd") || is(text, length, "Add")) {
            GFT_TRY(gft_tf_take(m, arg++, &pair[1], err));
            /* Grappler takes a scalar that is added for a bias too: hard_sigmoid's 3. */
            const bool bias =
                is(text, length, "BiasAdd") && m->graph->values[pair[1]].desc.shape.rank == 1;
            const gft_op *op = bias ? &gft_op_bias_add : &gft_op_add;
            GFT_TRY(gft_tf_append(m, op, NULL, pair, 2, x, err));
        } else if (is(text, length, "Prelu")) {
            GFT_TRY(gft_tf_take(m, arg++, &pair[1], err));
            GFT_TRY(gft_tf_prelu(m, pair[1], x, err));
        } else {
            GFT_TRY(fused_activation(m, text, length, x, err));
        }
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_fused_matmul(gft_tf_import *m, graft_error *err) {
    gft_value_id x;
    GFT_TRY(gft_tf_import_matmul(m, err));
    x = m->outputs[0].id;
    GFT_TRY(gft_tf_fused_tail(m, 2, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}
