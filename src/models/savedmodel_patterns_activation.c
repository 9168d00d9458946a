/*
 * Activations from the nodes they are spelled with: silu, hard_sigmoid, hard_swish and gelu are
 * products, relu, relu6, clip and leaky_relu are minima and maxima.
 */
#include <math.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/savedmodel_read_patterns.h"

#define MAX_FOLDED ((int64_t)1 << 20)

static bool near(double value, double wanted) {
    return fabs(value - wanted) <= 2e-6 * fabs(wanted);
}

/* ---- products ---- */

/* relu6(x + 3) -> x */
static bool shifted_relu6(const gft_sm_joiner *j, gft_value_id id, gft_value_id *x) {
    const gft_node *relu6 = gft_sm_made_by(j, id, &gft_op_relu6);
    return relu6 && gft_sm_plus(j, relu6->inputs[0], 3.0, x);
}

/* x * sqrt(1/2), sign told */
static bool over_root_two(const gft_sm_joiner *j, gft_value_id id, gft_value_id x, double sign) {
    gft_sm_product p;
    return gft_sm_factors(j, id, &p) && p.count == 1 && p.factors[0] == x &&
           near(p.c, sign * 0.70710678118654752);
}

/* 1 + erf(x / sqrt 2), 1 - erf(-x / sqrt 2) */
static bool gelu_gate(const gft_sm_joiner *j, gft_value_id id, gft_value_id x) {
    gft_value_id inner;
    const gft_node *erf;
    if (gft_sm_plus(j, id, 1.0, &inner)) {
        erf = gft_sm_made_by(j, inner, &gft_op_erf);
        return erf && over_root_two(j, erf->inputs[0], x, 1.0);
    }
    const gft_node *sub = gft_sm_made_by(j, id, &gft_op_sub);
    if (!sub || !gft_sm_is_scalar(j, sub->inputs[0], 1.0))
        return false;
    erf = gft_sm_made_by(j, sub->inputs[1], &gft_op_erf);
    return erf && over_root_two(j, erf->inputs[0], x, -1.0);
}

static int32_t power_of(const gft_sm_joiner *j, gft_value_id id, gft_value_id x) {
    if (id == x)
        return 1;
    const gft_node *square = gft_sm_made_by(j, id, &gft_op_square);
    if (square)
        return square->inputs[0] == x ? 2 : 0;
    const gft_node *power = gft_sm_made_by(j, id, &gft_op_pow);
    float exponent;
    if (!power || power->inputs[0] != x || !gft_sm_scalar(j, power->inputs[1], &exponent))
        return 0;
    return exponent == 2.0f ? 2 : exponent == 3.0f ? 3 : 0;
}

/* 0.044715 * x^power */
static bool cubic_part(const gft_sm_joiner *j, gft_value_id id, gft_value_id x, int32_t power) {
    gft_sm_product p;
    int32_t sum = 0;
    if (!gft_sm_factors(j, id, &p) || !near(p.c, 0.044715))
        return false;
    for (int32_t i = 0; i < p.count; i++) {
        const int32_t one = power_of(j, p.factors[i], x);
        if (one == 0)
            return false;
        sum += one;
    }
    return sum == power;
}

/* x + 0.044715 x^3, or 1 + 0.044715 x^2 beside a factor x */
static bool cubic_sum(const gft_sm_joiner *j, gft_value_id id, gft_value_id x, bool beside) {
    const gft_node *add = gft_sm_made_by(j, id, &gft_op_add);
    for (int i = 0; add && i < 2; i++) {
        const bool first = beside ? gft_sm_is_scalar(j, add->inputs[i], 1.0) : add->inputs[i] == x;
        if (first && cubic_part(j, add->inputs[1 - i], x, beside ? 2 : 3))
            return true;
    }
    return false;
}

/* 1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) */
static bool gelu_tanh_gate(const gft_sm_joiner *j, gft_value_id id, gft_value_id x) {
    gft_value_id inner;
    gft_sm_product p;
    if (!gft_sm_plus(j, id, 1.0, &inner))
        return false;
    const gft_node *tanh = gft_sm_made_by(j, inner, &gft_op_tanh);
    if (!tanh || !gft_sm_factors(j, tanh->inputs[0], &p) || !near(p.c, 0.79788456080286536))
        return false;
    if (p.count == 1)
        return cubic_sum(j, p.factors[0], x, false);
    for (int32_t i = 0; i < p.count && p.count == 2; i++) {
        if (p.factors[i] == x && cubic_sum(j, p.factors[1 - i], x, true))
            return true;
    }
    return false;
}

/* The activation that x * gate, times c, is; NULL if it is none. */
static const gft_op *gated(const gft_sm_joiner *j, gft_value_id x, gft_value_id gate, double c) {
    gft_value_id inner;
    const gft_node *sigmoid = gft_sm_made_by(j, gate, &gft_op_sigmoid);
    const gft_node *hard = gft_sm_made_by(j, gate, &gft_op_hard_sigmoid);
    if (sigmoid && sigmoid->inputs[0] == x && gft_sm_single(j, sigmoid) && c == 1.0)
        return &gft_op_silu;
    if (hard && hard->inputs[0] == x && gft_sm_single(j, hard) && c == 1.0)
        return &gft_op_hard_swish;
    if (near(c, 1.0 / 6.0) && shifted_relu6(j, gate, &inner) && inner == x)
        return &gft_op_hard_swish;
    if (near(c, 0.5) && gelu_gate(j, gate, x))
        return &gft_op_gelu;
    return near(c, 0.5) && gelu_tanh_gate(j, gate, x) ? &gft_op_gelu_tanh : NULL;
}

static graft_status join_product(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_value_id y = j->graph->nodes[id].outputs[0];
    const gft_op *op = NULL;
    gft_sm_product p;
    gft_value_id x = -1;
    if (!gft_sm_factors(j, y, &p))
        return GRAFT_OK;
    if (p.count == 1 && near(p.c, 1.0 / 6.0) && shifted_relu6(j, p.factors[0], &x))
        op = &gft_op_hard_sigmoid;
    for (int32_t i = 0; i < 2 && p.count == 2 && !op; i++) {
        x = p.factors[i];
        op = gated(j, x, p.factors[1 - i], p.c);
    }
    if (!op || !gft_sm_same_shape(j, x, y))
        return GRAFT_OK;
    return gft_sm_join(j, id, op, NULL, &x, 1, err);
}

/* ---- minima and maxima ---- */

/* The constant of a minimum or maximum, and the other input. */
static bool bound_of(const gft_sm_joiner *j, const gft_node *node, float *bound, gft_value_id *x) {
    for (int i = 0; i < 2; i++) {
        if (gft_sm_scalar(j, node->inputs[i], bound)) {
            *x = node->inputs[1 - i];
            return gft_sm_same_shape(j, *x, node->outputs[0]);
        }
    }
    return false;
}

static graft_status clip_to(gft_sm_joiner *j, gft_node_id id, gft_value_id x, float low, float high,
                            graft_error *err) {
    const gft_clip_attrs attrs = {low, high};
    if (low == 0.0f && high == 6.0f)
        return gft_sm_join(j, id, &gft_op_relu6, NULL, &x, 1, err);
    return low <= high ? gft_sm_join(j, id, &gft_op_clip, &attrs, &x, 1, err) : GRAFT_OK;
}

static graft_status join_minimum(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    float high;
    float low;
    gft_value_id x;
    gft_value_id inner;
    if (!bound_of(j, node, &high, &x))
        return GRAFT_OK;
    const gft_node *relu = gft_sm_made_by(j, x, &gft_op_relu);
    const gft_node *maximum = gft_sm_made_by(j, x, &gft_op_maximum);
    if (relu && gft_sm_single(j, relu))
        return clip_to(j, id, relu->inputs[0], 0.0f, high, err);
    if (maximum && gft_sm_single(j, maximum) && bound_of(j, maximum, &low, &inner))
        return clip_to(j, id, inner, low, high, err);
    return GRAFT_OK;
}

/* max(x, a x), 0 < a < 1 */
static bool leaky(const gft_sm_joiner *j, const gft_node *maximum, gft_value_id *x, float *slope) {
    for (int i = 0; i < 2; i++) {
        gft_sm_product p;
        if (!gft_sm_factors(j, maximum->inputs[i], &p) || p.count != 1 ||
            p.factors[0] != maximum->inputs[1 - i] || p.c <= 0.0 || p.c >= 1.0)
            continue;
        *x = p.factors[0];
        *slope = (float)p.c;
        return true;
    }
    return false;
}

/* max(sqrt(constant), c), the divisor of Keras' Normalization: a constant. */
static graft_status fold_deviation(gft_sm_joiner *j, gft_node_id id, const gft_node *root,
                                   float low, graft_error *err) {
    const gft_value *variance = &j->graph->values[root->inputs[0]];
    const gft_value_id y = j->graph->nodes[id].outputs[0];
    const int64_t count = gft_shape_elems(&variance->desc.shape);
    gft_value_id made;
    if (variance->kind != GFT_VALUE_CONST || variance->desc.dtype != GRAFT_F32 || count <= 0 ||
        count > MAX_FOLDED)
        return GRAFT_OK;
    float *data = gft_malloc((size_t)count * sizeof *data);
    if (!data)
        return gft_fail_memory(err, (size_t)count * sizeof *data, "a constant");
    for (int64_t i = 0; i < count; i++) {
        const float deviation = sqrtf(((const float *)variance->data)[i]);
        data[i] = deviation > low ? deviation : low;
    }
    graft_status status =
        gft_graph_const(j->graph, variance->name, &variance->desc, data, true, &made, err);
    gft_free(data);
    if (status != GRAFT_OK)
        return status;
    j->uses[made] = j->uses[y];
    gft_graph_replace(j->graph, y, made);
    gft_graph_remove(j->graph, id); /* what it took is swept */
    j->uses[y] = 0;
    j->joined = true;
    return GRAFT_OK;
}

static graft_status join_maximum(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    gft_unary_attrs slope = {0};
    float low;
    float high;
    gft_value_id x;
    gft_value_id inner;
    if (leaky(j, node, &x, &slope.alpha))
        return gft_sm_join(j, id, &gft_op_leaky_relu, &slope, &x, 1, err);
    if (!bound_of(j, node, &low, &x))
        return GRAFT_OK;
    const gft_node *root = gft_sm_made_by(j, x, &gft_op_sqrt);
    if (root && low > 0.0f)
        return fold_deviation(j, id, root, low, err);
    const gft_node *minimum = gft_sm_made_by(j, x, &gft_op_minimum);
    if (minimum && gft_sm_single(j, minimum) && bound_of(j, minimum, &high, &inner))
        return clip_to(j, id, inner, low, high, err);
    return low == 0.0f ? gft_sm_join(j, id, &gft_op_relu, NULL, &x, 1, err) : GRAFT_OK;
}

/* relu(x) - a relu(-x) */
static graft_status join_sub(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    const gft_node *relu = gft_sm_made_by(j, node->inputs[0], &gft_op_relu);
    gft_sm_product p;
    if (!relu || !gft_sm_factors(j, node->inputs[1], &p) || p.count != 1)
        return GRAFT_OK;
    const gft_node *other = gft_sm_made_by(j, p.factors[0], &gft_op_relu);
    const gft_node *neg = other ? gft_sm_made_by(j, other->inputs[0], &gft_op_neg) : NULL;
    if (!neg || neg->inputs[0] != relu->inputs[0])
        return GRAFT_OK;
    const gft_unary_attrs slope = {(float)p.c};
    const gft_value_id x = relu->inputs[0];
    return gft_sm_join(j, id, &gft_op_leaky_relu, &slope, &x, 1, err);
}

graft_status gft_sm_join_activation(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    if (node->op == &gft_op_mul || node->op == &gft_op_div)
        return join_product(j, id, err);
    if (node->op == &gft_op_minimum)
        return join_minimum(j, id, err);
    if (node->op == &gft_op_maximum)
        return join_maximum(j, id, err);
    if (node->op == &gft_op_sub)
        return join_sub(j, id, err);
    if (node->op == &gft_op_clip) {
        const gft_clip_attrs *clip = node->attrs;
        const gft_value_id x = node->inputs[0];
        if (clip->low == 0.0f && clip->high == 6.0f)
            return gft_sm_join(j, id, &gft_op_relu6, NULL, &x, 1, err);
    }
    return GRAFT_OK;
}
