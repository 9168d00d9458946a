/*
 * Operators of TFLite by the few shapes they have, for nodes that become one of them or several.
 */
#include <stdio.h>

#include "base/size.h"
#include "models/tflite_write.h"
#include "ops/ops.h"

static graft_tensor_desc desc_of(const gft_tflw_walk *w, int32_t tensor, graft_dtype dtype) {
    return (graft_tensor_desc){dtype, w->g->tensors[tensor].shape, NULL};
}

static graft_dtype dtype_of(const gft_tflw_walk *w, int32_t tensor) {
    switch (w->g->tensors[tensor].type) {
    case GFT_TFLITE_TYPE_INT32:
        return GRAFT_S32;
    case GFT_TFLITE_TYPE_INT64:
        return GRAFT_S64;
    case GFT_TFLITE_TYPE_UINT8:
        return GRAFT_U8;
    case GFT_TFLITE_TYPE_INT8:
        return GRAFT_S8;
    case GFT_TFLITE_TYPE_INT16:
        return GRAFT_S16;
    case GFT_TFLITE_TYPE_BOOL:
        return GRAFT_BOOL;
    default:
        return GRAFT_F32;
    }
}

static int32_t broadcast_between(gft_tflw_walk *w, int32_t a, int32_t b, const char *part) {
    graft_tensor_desc desc = desc_of(w, a, dtype_of(w, a));
    if (!gft_shape_broadcast(&w->g->tensors[a].shape, &w->g->tensors[b].shape, &desc.shape))
        gft_tflw_cannot(w, "shapes do not agree");
    return gft_tflw_between(w, part, &desc, -1);
}

static gft_tflite_options binary_options(gft_tflite_op op) {
    switch (op) {
    case GFT_TFLITE_OP_ADD:
        return GFT_TFLITE_OPTIONS_ADD;
    case GFT_TFLITE_OP_SUB:
        return GFT_TFLITE_OPTIONS_SUB;
    case GFT_TFLITE_OP_MUL:
        return GFT_TFLITE_OPTIONS_MUL;
    case GFT_TFLITE_OP_DIV:
        return GFT_TFLITE_OPTIONS_DIV;
    case GFT_TFLITE_OP_MAXIMUM:
    case GFT_TFLITE_OP_MINIMUM:
        return GFT_TFLITE_OPTIONS_MAXIMUM_MINIMUM;
    default:
        return GFT_TFLITE_OPTIONS_NONE;
    }
}

int32_t gft_tflw_binary(gft_tflw_walk *w, gft_tflite_op op, int32_t a, int32_t b,
                        gft_tflite_activation fused, int32_t out, const char *part) {
    if (!gft_tflw_ok(w) || a < 0 || b < 0)
        return -1;
    const int32_t y = out >= 0 ? out : broadcast_between(w, a, b, part);
    gft_tflw_op *added = gft_tflw_add(w, op, (const int32_t[]){a, b}, 2, y);
    const gft_tflite_options options = binary_options(op);
    gft_tflw_options(added, options);
    if (options != GFT_TFLITE_OPTIONS_NONE && options != GFT_TFLITE_OPTIONS_MAXIMUM_MINIMUM)
        gft_tflw_option_i(added, GFT_TFLITE_ADD_ACTIVATION, 1, fused, 0); /* field 0 in all four */
    return y;
}

int32_t gft_tflw_unary(gft_tflw_walk *w, gft_tflite_op op, int32_t x, int32_t out,
                       const char *part) {
    if (!gft_tflw_ok(w) || x < 0)
        return -1;
    const graft_tensor_desc desc = desc_of(w, x, dtype_of(w, x));
    const int32_t y = out >= 0 ? out : gft_tflw_between(w, part, &desc, -1);
    (void)gft_tflw_add(w, op, &x, 1, y);
    return y;
}

int32_t gft_tflw_reduce(gft_tflw_walk *w, gft_tflite_op op, int32_t x, uint32_t axes, bool keep,
                        int32_t out, const char *part) {
    if (!gft_tflw_ok(w) || x < 0)
        return -1;
    const graft_shape from = w->g->tensors[x].shape;
    graft_tensor_desc desc = {dtype_of(w, x), {0, {0}}, NULL};
    int32_t list[GRAFT_MAX_RANK];
    int32_t count = 0;
    for (int32_t i = 0; i < from.rank; i++) {
        const bool folded = axes >> i & 1u;
        if (folded)
            list[count++] = i;
        if (!folded || keep)
            desc.shape.dims[desc.shape.rank++] = folded ? 1 : from.dims[i];
    }
    const int32_t y = out >= 0 ? out : gft_tflw_between(w, part, &desc, -1);
    const int32_t axis = gft_tflw_const_i32(w, "axes", list, count);
    gft_tflw_op *added = gft_tflw_add(w, op, (const int32_t[]){x, axis}, 2, y);
    gft_tflw_options(added, GFT_TFLITE_OPTIONS_REDUCER);
    gft_tflw_option_i(added, GFT_TFLITE_REDUCER_KEEP_DIMS, 1, keep, 0);
    return y;
}

int32_t gft_tflw_transpose(gft_tflw_walk *w, int32_t x, const int32_t *perm, int32_t out,
                           const char *part) {
    if (!gft_tflw_ok(w) || x < 0)
        return -1;
    graft_tensor_desc desc = desc_of(w, x, dtype_of(w, x));
    for (int32_t i = 0; i < desc.shape.rank; i++)
        desc.shape.dims[i] = w->g->tensors[x].shape.dims[perm[i]];
    const int32_t y = out >= 0 ? out : gft_tflw_between(w, part, &desc, x);
    const int32_t order = gft_tflw_const_i32(w, "perm", perm, desc.shape.rank);
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_TRANSPOSE, (const int32_t[]){x, order}, 2, y),
                     GFT_TFLITE_OPTIONS_TRANSPOSE);
    return y;
}

int32_t gft_tflw_pad(gft_tflw_walk *w, int32_t x, const int64_t *before, const int64_t *after,
                     const float *value, int32_t out, const char *part) {
    if (!gft_tflw_ok(w) || x < 0)
        return -1;
    graft_tensor_desc desc = desc_of(w, x, dtype_of(w, x));
    int64_t pairs[2 * GRAFT_MAX_RANK];
    int32_t narrow[2 * GRAFT_MAX_RANK];
    const int32_t rank = desc.shape.rank;
    for (int32_t i = 0; i < rank; i++) {
        pairs[2 * i] = before[i];
        pairs[2 * i + 1] = after[i];
        if (desc.shape.dims[i] >= 0)
            desc.shape.dims[i] += before[i] + after[i];
    }
    for (int32_t i = 0; i < 2 * rank; i++) {
        if (pairs[i] < 0 || pairs[i] > INT32_MAX)
            gft_tflw_cannot(w, "padding is not a number of 31 bits");
        narrow[i] = (int32_t)pairs[i];
    }
    const int32_t y = out >= 0 ? out : gft_tflw_between(w, part, &desc, x);
    const int32_t widths = gft_tflw_pairs(w, part, narrow, rank);
    if (!value) {
        gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_PAD, (const int32_t[]){x, widths}, 2, y),
                         GFT_TFLITE_OPTIONS_PAD);
        return y;
    }
    const int32_t fill = gft_tflw_const_f32(w, "value", *value);
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_PADV2, (const int32_t[]){x, widths, fill}, 3, y),
                     GFT_TFLITE_OPTIONS_PAD_V2);
    return y;
}

/* ---- activations ---- */

gft_tflite_activation gft_tflw_fusable(const gft_node *node) {
    if (!node->op)
        return GFT_TFLITE_ACT_NONE;
    if (node->op == &gft_op_relu)
        return GFT_TFLITE_ACT_RELU;
    if (node->op == &gft_op_relu6)
        return GFT_TFLITE_ACT_RELU6;
    if (node->op == &gft_op_clip) {
        const gft_clip_attrs *clip = node->attrs;
        if (clip->low == 0.0f && clip->high == 6.0f)
            return GFT_TFLITE_ACT_RELU6;
        if (clip->low == -1.0f && clip->high == 1.0f)
            return GFT_TFLITE_ACT_RELU_N1_TO_1;
    }
    return GFT_TFLITE_ACT_NONE;
}

gft_tflite_activation gft_tflw_fused(const gft_tflw_walk *w) {
    const gft_node_id fused = gft_tflw_role_of(w)->fused;
    return fused >= 0 ? gft_tflw_fusable(&w->graph->nodes[fused]) : GFT_TFLITE_ACT_NONE;
}

static int32_t scalar(gft_tflw_walk *w, float value) {
    return gft_tflw_const_f32(w, "constant", value);
}

static int32_t plain(gft_tflw_walk *w, gft_tflite_op op, int32_t a, int32_t b, int32_t out,
                     const char *part) {
    return gft_tflw_binary(w, op, a, b, GFT_TFLITE_ACT_NONE, out, part);
}

/* relu6(x + 3) / 6 */
static void hard_sigmoid(gft_tflw_walk *w, int32_t x, int32_t out) {
    const int32_t sum = gft_tflw_binary(w, GFT_TFLITE_OP_ADD, x, scalar(w, 3.0f),
                                        GFT_TFLITE_ACT_RELU6, -1, "relu6");
    (void)plain(w, GFT_TFLITE_OP_MUL, sum, scalar(w, 1.0f / 6.0f), out, "sixth");
}

/* scale * (relu(x) + alpha * (exp(min(x, 0)) - 1)) */
static void scaled_elu(gft_tflw_walk *w, float alpha, float scale, int32_t x, int32_t out) {
    const int32_t low = plain(w, GFT_TFLITE_OP_MINIMUM, x, scalar(w, 0.0f), -1, "minimum");
    const int32_t power = gft_tflw_unary(w, GFT_TFLITE_OP_EXP, low, -1, "exp");
    const int32_t less = plain(w, GFT_TFLITE_OP_SUB, power, scalar(w, 1.0f), -1, "less_one");
    const int32_t left =
        plain(w, GFT_TFLITE_OP_MUL, less, scalar(w, alpha * scale), -1, "negative");
    const int32_t relu = gft_tflw_unary(w, GFT_TFLITE_OP_RELU, x, -1, "relu");
    const int32_t right =
        scale == 1.0f ? relu : plain(w, GFT_TFLITE_OP_MUL, relu, scalar(w, scale), -1, "positive");
    (void)plain(w, GFT_TFLITE_OP_ADD, right, left, out, "sum");
}

/* relu(x) + log(1 + exp(-|x|)) */
static void softplus(gft_tflw_walk *w, int32_t x, int32_t out) {
    const int32_t size = gft_tflw_unary(w, GFT_TFLITE_OP_ABS, x, -1, "abs");
    const int32_t power = gft_tflw_unary(
        w, GFT_TFLITE_OP_EXP, gft_tflw_unary(w, GFT_TFLITE_OP_NEG, size, -1, "neg"), -1, "exp");
    const int32_t more = plain(w, GFT_TFLITE_OP_ADD, power, scalar(w, 1.0f), -1, "plus_one");
    const int32_t tail = gft_tflw_unary(w, GFT_TFLITE_OP_LOG, more, -1, "log");
    const int32_t relu = gft_tflw_unary(w, GFT_TFLITE_OP_RELU, x, -1, "relu");
    (void)plain(w, GFT_TFLITE_OP_ADD, relu, tail, out, "sum");
}

static void softsign(gft_tflw_walk *w, int32_t x, int32_t out) {
    const int32_t size = gft_tflw_unary(w, GFT_TFLITE_OP_ABS, x, -1, "abs");
    const int32_t more = plain(w, GFT_TFLITE_OP_ADD, size, scalar(w, 1.0f), -1, "plus_one");
    (void)plain(w, GFT_TFLITE_OP_DIV, x, more, out, "quotient");
}

static void leaky(gft_tflw_walk *w, float alpha, int32_t x, int32_t out) {
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_LEAKY_RELU, &x, 1, out);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_LEAKY_RELU);
    gft_tflw_option_f(op, GFT_TFLITE_LEAKY_RELU_ALPHA, alpha);
}

static void gelu(gft_tflw_walk *w, bool approximate, int32_t x, int32_t out) {
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_GELU, &x, 1, out);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_GELU);
    gft_tflw_option_i(op, GFT_TFLITE_GELU_APPROXIMATE, 1, approximate, 0);
}

/* Activations that are one operator without options. */
static bool direct(const gft_op *op, float alpha, gft_tflite_op *out) {
    const struct {
        const gft_op *op;
        gft_tflite_op tflite;
    } table[] = {
        {&gft_op_relu, GFT_TFLITE_OP_RELU},
        {&gft_op_relu6, GFT_TFLITE_OP_RELU6},
        {&gft_op_sigmoid, GFT_TFLITE_OP_LOGISTIC},
        {&gft_op_tanh, GFT_TFLITE_OP_TANH},
        {&gft_op_hard_swish, GFT_TFLITE_OP_HARD_SWISH},
        {&gft_op_exp, GFT_TFLITE_OP_EXP},
        {&gft_op_log, GFT_TFLITE_OP_LOG},
        {&gft_op_neg, GFT_TFLITE_OP_NEG},
        {&gft_op_sqrt, GFT_TFLITE_OP_SQRT},
        {&gft_op_rsqrt, GFT_TFLITE_OP_RSQRT},
        {&gft_op_square, GFT_TFLITE_OP_SQUARE},
        {&gft_op_abs, GFT_TFLITE_OP_ABS},
        {&gft_op_sign, GFT_TFLITE_OP_SIGN},
        {&gft_op_floor, GFT_TFLITE_OP_FLOOR},
        {&gft_op_ceil, GFT_TFLITE_OP_CEIL},
        {&gft_op_round, GFT_TFLITE_OP_ROUND},
        {&gft_op_sin, GFT_TFLITE_OP_SIN},
        {&gft_op_cos, GFT_TFLITE_OP_COS},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == op) {
            *out = table[i].tflite;
            return true;
        }
    }
    *out = GFT_TFLITE_OP_ELU;
    return op == &gft_op_elu && alpha == 1.0f;
}

#define SELU_ALPHA 1.6732632423543772848170429916717f
#define SELU_SCALE 1.0507009873554804934193349852946f

bool gft_tflw_activation(gft_tflw_walk *w, const gft_op *op, float alpha, int32_t x, int32_t out) {
    gft_tflite_op one;
    if (direct(op, alpha, &one))
        (void)gft_tflw_unary(w, one, x, out, "activation");
    else if (op == &gft_op_silu)
        (void)plain(w, GFT_TFLITE_OP_MUL, x,
                    gft_tflw_unary(w, GFT_TFLITE_OP_LOGISTIC, x, -1, "sigmoid"), out, "product");
    else if (op == &gft_op_hard_sigmoid)
        hard_sigmoid(w, x, out);
    else if (op == &gft_op_leaky_relu)
        leaky(w, alpha, x, out);
    else if (op == &gft_op_gelu || op == &gft_op_gelu_tanh)
        gelu(w, op == &gft_op_gelu_tanh, x, out);
    else if (op == &gft_op_elu)
        scaled_elu(w, alpha, 1.0f, x, out);
    else if (op == &gft_op_selu)
        scaled_elu(w, SELU_ALPHA, SELU_SCALE, x, out);
    else if (op == &gft_op_softplus)
        softplus(w, x, out);
    else if (op == &gft_op_softsign)
        softsign(w, x, out);
    else if (op == &gft_op_log1p)
        (void)gft_tflw_unary(w, GFT_TFLITE_OP_LOG,
                             plain(w, GFT_TFLITE_OP_ADD, x, scalar(w, 1.0f), -1, "plus_one"), out,
                             "log");
    else if (op == &gft_op_expm1)
        (void)plain(w, GFT_TFLITE_OP_SUB, gft_tflw_unary(w, GFT_TFLITE_OP_EXP, x, -1, "exp"),
                    scalar(w, 1.0f), out, "less_one");
    else
        return false;
    return true;
}

void gft_tflw_emit_activation(gft_tflw_walk *w) {
    const gft_node *node = w->node;
    const gft_unary_attrs *attrs = node->attrs;
    const float alpha = node->op->attrs_bytes >= sizeof *attrs ? attrs->alpha : 0.0f;
    const int32_t x = gft_tflw_in(w, 0);
    const int32_t out = gft_tflw_out(w, 0);
    if (gft_tflw_ok(w) && !gft_tflw_activation(w, node->op, alpha, x, out))
        gft_tflw_cannot(w, "there is none for it");
}

/* max(min(x, high), low), or the relu that it is */
void gft_tflw_emit_clip(gft_tflw_walk *w) {
    const gft_clip_attrs *attrs = w->node->attrs;
    const gft_tflite_activation relu = gft_tflw_fusable(w->node);
    const int32_t x = gft_tflw_in(w, 0);
    const int32_t out = gft_tflw_out(w, 0);
    if (gft_tflw_out_desc(w)->dtype != GRAFT_F32) {
        gft_tflw_cannot(w, "it keeps integers inside a range");
    } else if (relu != GFT_TFLITE_ACT_NONE) {
        (void)gft_tflw_unary(
            w, relu == GFT_TFLITE_ACT_RELU6 ? GFT_TFLITE_OP_RELU6 : GFT_TFLITE_OP_RELU_N1_TO_1, x,
            out, "clip");
    } else {
        const int32_t low =
            plain(w, GFT_TFLITE_OP_MINIMUM, x, scalar(w, attrs->high), -1, "minimum");
        (void)plain(w, GFT_TFLITE_OP_MAXIMUM, low, scalar(w, attrs->low), out, "maximum");
    }
}
