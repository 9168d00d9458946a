/*
 * Sums, products, pools and means of integers.
 */
#include "base/shape.h"
#include "graph/rewrite_join_quantized_priv.h"

#define MEAN_ELEMENTS (1 << 22) /* 32 bits hold the sum of so many */

/* Fixed point holds scales of this range: see attrs_quant.h. */
static bool sum_fits(gft_qparams x, gft_qparams y) {
    const float ratio = x.scale / y.scale;
    return ratio >= 0x1p-10f && ratio < 0x1p8f;
}

static graft_status join_binary(gft_joiner *j, const gft_join_end *end, gft_node_id id,
                                const gft_join *join, bool *done, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    gft_join_value a;
    gft_join_value b;
    gft_qbinary_attrs attrs = {.y = end->y.params};
    if (node->input_count != 2 || !gft_join_source(j, node->inputs[0], &a) ||
        !gft_join_source(j, node->inputs[1], &b) || a.dtype != end->y.dtype ||
        b.dtype != end->y.dtype || !gft_join_bounds(j, end, &attrs.lo, &attrs.hi))
        return GRAFT_OK;
    attrs.a = a.params;
    attrs.b = b.params;
    if (join->way == GFT_JOIN_SUM && (!sum_fits(attrs.a, attrs.y) || !sum_fits(attrs.b, attrs.y)))
        return GRAFT_OK;
    if (join->way == GFT_JOIN_PRODUCT &&
        !(attrs.a.scale * attrs.b.scale / attrs.y.scale < GFT_JOIN_MULTIPLIER))
        return GRAFT_OK;
    const gft_value_id inputs[2] = {a.integers, b.integers};
    *done = true;
    return gft_join_replace(j, end, id, join->integer, &attrs, inputs, 2, err);
}

static graft_status join_avg_pool(gft_joiner *j, const gft_join_end *end, gft_node_id id,
                                  const gft_join *join, bool *done, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    gft_qpool_attrs attrs = {.pool = *(const gft_pool_attrs *)node->attrs, .y = end->y.params};
    gft_join_value x;
    if (!gft_join_source(j, node->inputs[0], &x) || !gft_join_alike(&x, &end->y) ||
        !gft_join_bounds(j, end, &attrs.lo, &attrs.hi))
        return GRAFT_OK;
    attrs.x = x.params;
    *done = true;
    return gft_join_replace(j, end, id, join->integer, &attrs, &x.integers, 1, err);
}

/* How many elements each mean is of: some, and not more than 32 bits hold the sum of. */
static bool mean_fits(const gft_graph *graph, gft_value_id x, gft_value_id y) {
    const int64_t from = gft_shape_elems(&graph->values[x].desc.shape);
    const int64_t to = gft_shape_elems(&graph->values[y].desc.shape);
    return to > 0 && from >= to && from / to <= MEAN_ELEMENTS;
}

static graft_status join_mean(gft_joiner *j, const gft_join_end *end, gft_node_id id,
                              const gft_join *join, bool *done, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    gft_qmean_attrs attrs = {.reduce = *(const gft_reduce_attrs *)node->attrs, .y = end->y.params};
    gft_join_value x;
    if (end->function_count > 0 || !gft_join_source(j, node->inputs[0], &x) ||
        x.dtype != end->y.dtype || !(x.params.scale / end->y.params.scale < GFT_JOIN_MULTIPLIER) ||
        !mean_fits(j->graph, x.integers, end->y.integers))
        return GRAFT_OK;
    attrs.x = x.params;
    *done = true;
    return gft_join_replace(j, end, id, join->integer, &attrs, &x.integers, 1, err);
}

graft_status gft_join_elements(gft_joiner *j, const gft_join_end *end, gft_node_id id,
                               const gft_join *join, bool *done, graft_error *err) {
    *done = false;
    if (join->way == GFT_JOIN_AVG_POOL)
        return join_avg_pool(j, end, id, join, done, err);
    if (join->way == GFT_JOIN_MEAN)
        return join_mean(j, end, id, join, done, err);
    return join_binary(j, end, id, join, done, err);
}
