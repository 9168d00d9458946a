/*
 * Functions of one number between dequantize and quantize, as a table of 256 entries. LiteRT's
 * fixed point where it has one for the function (rewrite_join_quantized_rules.c); otherwise the
 * function itself, in float.
 */
#include "graph/rewrite_join_quantized_priv.h"

static graft_status fill_from_function(const gft_joiner *j, const gft_join_value *x,
                                       const gft_join_value *y, const gft_join_end *end,
                                       int32_t table[GFT_TABLE_ENTRIES], bool *done) {
    float v[GFT_TABLE_ENTRIES];
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++)
        v[i] = x->params.scale * (float)(gft_join_lowest(x->dtype) + i - x->params.zero_point);
    for (int32_t k = end->function_count - 1; k >= 0; k--) {
        const gft_node *node = &j->graph->nodes[end->functions[k]];
        const gft_join *join = gft_join_find(j->ops, node->op);
        const gft_unary_attrs *attrs = node->op->attrs_bytes >= sizeof *attrs ? node->attrs : NULL;
        const float alpha = attrs ? attrs->alpha : 0.0f;
        float low;
        float high;
        if (gft_join_clamp(j, node, &low, &high)) {
            for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++)
                v[i] = v[i] < low ? low : v[i] > high ? high : v[i];
        } else if (join && join->exact) {
            for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++)
                v[i] = (float)join->exact((double)v[i], (double)alpha);
        } else if (node->op->unary) {
            node->op->unary()(v, v, GFT_TABLE_ENTRIES, alpha);
        } else {
            *done = false;
            return GRAFT_OK;
        }
    }
    const float inverse = 1.0f / y->params.scale;
    const float lo = (float)gft_join_lowest(y->dtype);
    const float hi = (float)gft_join_highest(y->dtype);
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++) {
        const float q = v[i] * inverse + (float)y->params.zero_point;
        table[i] =
            (int32_t)(q > lo ? q < hi ? rintf(q) : hi : lo); /* NaN: lo, as quantize has it */
    }
    *done = true;
    return GRAFT_OK;
}

static graft_status fill(const gft_joiner *j, const gft_join_value *x, const gft_join_end *end,
                         int32_t table[GFT_TABLE_ENTRIES], bool *done) {
    *done = true;
    if (end->function_count == 0) {
        gft_join_rule_requantize(x, &end->y, table);
        return GRAFT_OK;
    }
    if (end->function_count == 1) {
        const gft_node *node = &j->graph->nodes[end->functions[0]];
        const gft_join *join = gft_join_find(j->ops, node->op);
        float low;
        float high;
        if (gft_join_clamp(j, node, &low, &high)) {
            gft_join_rule_clamp(x, &end->y, low, high, table);
            return GRAFT_OK;
        }
        if (join->way == GFT_JOIN_LEAKY_RELU) {
            gft_join_rule_leaky_relu(x, &end->y, ((const gft_unary_attrs *)node->attrs)->alpha,
                                     table);
            return GRAFT_OK;
        }
        if (join->way == GFT_JOIN_ABS) {
            gft_join_rule_abs(x, &end->y, table);
            return GRAFT_OK;
        }
        if (join->way == GFT_JOIN_HARD_SWISH) {
            gft_join_rule_hard_swish(x, &end->y, table);
            return GRAFT_OK;
        }
    }
    return fill_from_function(j, x, &end->y, end, table, done);
}

graft_status gft_join_table_const(gft_graph *graph, const int32_t table[GFT_TABLE_ENTRIES],
                                  graft_dtype dtype, gft_value_id *out, graft_error *err) {
    const graft_tensor_desc desc = {dtype, gft_shape_1(GFT_TABLE_ENTRIES), NULL};
    uint8_t bytes[GFT_TABLE_ENTRIES];
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++)
        bytes[i] = (uint8_t)(table[i] & 0xff);
    return gft_graph_const(graph, NULL, &desc, bytes, true, out, err);
}

graft_status gft_join_functions(gft_joiner *j, const gft_join_end *end, const gft_join_value *x,
                                bool *done, graft_error *err) {
    const gft_node_id from =
        end->function_count > 0 ? end->functions[end->function_count - 1] : end->quantize;
    const gft_qlookup_attrs attrs = {end->y.dtype};
    int32_t table[GFT_TABLE_ENTRIES];
    gft_value_id inputs[2] = {x->integers, -1};
    gft_join_end mine = *end;
    GFT_TRY(fill(j, x, end, table, done));
    if (!*done)
        return GRAFT_OK;
    mine.sole = end->sole_functions;
    GFT_TRY(gft_join_table_const(j->graph, table, end->y.dtype, &inputs[1], err));
    return gft_join_replace(j, &mine, from, j->ops->lookup, &attrs, inputs, 2, err);
}
