/*
 * Quantised graphs, read as float ops between dequantize and quantize, become graphs of integer
 * ops: what lies between is replaced where docs/quantization.md has a rule for it and stays as it
 * is elsewhere.
 *
 * One pass in topological order. Ops that move values are pulled in front of the dequantize nodes
 * before them, so that a quantize node finds its dequantize node, or the op that it rounds.
 */
#include <float.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/rewrite_join_quantized_priv.h"

/* ---- looking ---- */

const gft_join *gft_join_find(const gft_quantized_ops *ops, const gft_op *op) {
    for (int32_t i = 0; i < ops->join_count; i++) {
        if (ops->joins[i].op == op)
            return &ops->joins[i];
    }
    return NULL;
}

static bool known_params(const gft_graph *graph, const gft_node *node, graft_dtype dtype,
                         gft_qparams *out) {
    if ((dtype != GRAFT_S8 && dtype != GRAFT_U8) || node->input_count != 3)
        return false;
    const float *scale = gft_graph_fixed_data(graph, node->inputs[1], false);
    const int32_t *zero = gft_graph_fixed_data(graph, node->inputs[2], false);
    if (!scale || !zero || gft_shape_elems(&graph->values[node->inputs[1]].desc.shape) != 1 ||
        gft_shape_elems(&graph->values[node->inputs[2]].desc.shape) != 1)
        return false;
    memcpy(&out->scale, scale, sizeof out->scale);
    memcpy(&out->zero_point, zero, sizeof out->zero_point);
    return out->scale >= FLT_MIN && out->scale <= FLT_MAX &&
           out->zero_point >= gft_join_lowest(dtype) && out->zero_point <= gft_join_highest(dtype);
}

bool gft_join_source(const gft_joiner *j, gft_value_id x, gft_join_value *out) {
    const gft_node *node = gft_graph_producer(j->graph, x, GFT_KIND_DEQUANTIZE);
    if (!node)
        return false;
    out->integers = node->inputs[0];
    out->dequantize = j->graph->values[x].node;
    out->dtype = j->graph->values[out->integers].desc.dtype;
    return known_params(j->graph, node, out->dtype, &out->params);
}

int32_t gft_join_quantize(float v, graft_dtype dtype, gft_qparams params) {
    const int32_t lo = gft_join_lowest(dtype);
    const int32_t hi = gft_join_highest(dtype);
    const float q = v / params.scale + (float)params.zero_point;
    return q > (float)lo ? q < (float)hi ? (int32_t)rintf(q) : hi : lo;
}

bool gft_join_clamp(const gft_joiner *j, const gft_node *node, float *low, float *high) {
    const gft_join *join = gft_join_find(j->ops, node->op);
    *low = 0.0f;
    *high = INFINITY;
    if (!join)
        return false;
    if (join->way == GFT_JOIN_RELU6)
        *high = 6.0f;
    if (join->way == GFT_JOIN_CLIP) {
        const gft_clip_attrs *attrs = node->attrs;
        *low = attrs->low;
        *high = attrs->high;
    }
    return (join->way == GFT_JOIN_RELU || join->way == GFT_JOIN_RELU6 ||
            join->way == GFT_JOIN_CLIP) &&
           *low <= *high;
}

static int32_t keep_inside(int32_t q, int32_t low, int32_t high) {
    return q < low ? low : q > high ? high : q;
}

bool gft_join_bounds(const gft_joiner *j, const gft_join_end *end, int32_t *lo, int32_t *hi) {
    *lo = gft_join_lowest(end->y.dtype);
    *hi = gft_join_highest(end->y.dtype);
    for (int32_t i = end->function_count - 1; i >= 0; i--) {
        float low;
        float high;
        if (!gft_join_clamp(j, &j->graph->nodes[end->functions[i]], &low, &high))
            return false;
        const int32_t least = gft_join_quantize(low, end->y.dtype, end->y.params);
        const int32_t most = gft_join_quantize(high, end->y.dtype, end->y.params);
        *lo = keep_inside(*lo, least, most);
        *hi = keep_inside(*hi, least, most);
    }
    return true;
}

/* ---- changing ---- */

static void replace_value(gft_joiner *j, gft_value_id old, gft_value_id by) {
    if (old < j->value_count)
        j->alias[old] = by;
}

graft_status gft_join_replace(gft_joiner *j, const gft_join_end *end, gft_node_id from,
                              const gft_op *op, const void *attrs, const gft_value_id *inputs,
                              int32_t count, graft_error *err) {
    gft_graph *graph = j->graph;
    const gft_node node = graph->nodes[from]; /* the array may move; what it points to does not */
    gft_value_id out;
    /* Gone first, so that the integer node may have the name. */
    if (end->sole && node.op->kind != GFT_KIND_DEQUANTIZE) {
        for (int32_t i = 0; i < end->function_count; i++)
            gft_graph_remove(graph, end->functions[i]);
        gft_graph_remove(graph, from);
    }
    gft_graph_remove(graph, end->quantize);
    gft_graph_set_layer(graph, node.layer);
    GFT_TRY(gft_graph_add(graph, op, node.name, attrs, inputs, count, &out, err));
    replace_value(j, end->y.integers, out);
    return GRAFT_OK;
}

/* ---- values that are moved ---- */

static bool is_data(const gft_graph *graph, const gft_node *node, int32_t k) {
    return gft_op_reads(node->op, k) && graph->values[node->inputs[k]].desc.dtype == GRAFT_F32;
}

/* The integers that a move would take, all of the same scale; x: one of them. */
static bool move_inputs(const gft_joiner *j, const gft_node *node, gft_value_id *inputs,
                        gft_join_value *x) {
    bool found = false;
    for (int32_t k = 0; k < node->input_count; k++) {
        gft_join_value source;
        inputs[k] = node->inputs[k];
        if (!is_data(j->graph, node, k))
            continue;
        if (!gft_join_source(j, node->inputs[k], &source) || (found && !gft_join_alike(&source, x)))
            return false;
        *x = source;
        inputs[k] = source.integers;
        found = true;
    }
    return found;
}

/* Padding is the integer of its value, which must be one. */
static bool pad_value(const gft_node *node, const gft_join_value *x, gft_pad_attrs *out) {
    *out = *(const gft_pad_attrs *)node->attrs;
    const int32_t q = gft_join_quantize(out->value, x->dtype, x->params);
    const float real = x->params.scale * (float)(q - x->params.zero_point);
    if (!(fabsf(real - out->value) <= 1e-6f * fabsf(out->value)))
        return false;
    out->value = (float)q;
    return true;
}

static graft_status move(gft_joiner *j, gft_node_id id, const gft_op *op,
                         const gft_value_id *inputs, const gft_join_value *x, graft_error *err) {
    gft_graph *graph = j->graph;
    const gft_node node = graph->nodes[id];
    const gft_node dequantize = graph->nodes[x->dequantize];
    const gft_quantize_attrs attrs = {x->dtype, 0};
    gft_pad_attrs pad;
    gft_value_id back[3] = {-1, dequantize.inputs[1], dequantize.inputs[2]};
    gft_value_id result;
    if (node.op->kind == GFT_KIND_PAD && !pad_value(&node, x, &pad))
        return GRAFT_OK;
    gft_graph_remove(graph, id);
    gft_graph_set_layer(graph, node.layer);
    GFT_TRY(gft_graph_add(graph, op, node.name, node.op->kind == GFT_KIND_PAD ? &pad : node.attrs,
                          inputs, node.input_count, &back[0], err));
    GFT_TRY(
        gft_graph_add(graph, j->ops->dequantize, dequantize.name, &attrs, back, 3, &result, err));
    replace_value(j, node.outputs[0], result);
    return GRAFT_OK;
}

static graft_status pull_move(gft_joiner *j, gft_node_id id, const gft_op *integer,
                              graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    gft_value_id few[8];
    gft_value_id *inputs = few;
    const size_t bytes = (size_t)node->input_count * sizeof *inputs;
    gft_join_value x = {-1, -1, GRAFT_DTYPE_NONE, {0.0f, 0}};
    if (node->output_count != 1)
        return GRAFT_OK;
    if (bytes > sizeof few)
        inputs = gft_malloc(bytes);
    if (!inputs)
        return gft_fail_memory(err, bytes, "a node's inputs");
    graft_status status = GRAFT_OK;
    if (move_inputs(j, node, inputs, &x))
        status = move(j, id, integer ? integer : node->op, inputs, &x, err);
    if (inputs != few)
        gft_free(inputs);
    return status;
}

/* ---- what is rounded ---- */

static bool is_function(const gft_joiner *j, const gft_node *node) {
    const gft_join *join = gft_join_find(j->ops, node->op);
    return join && join->way >= GFT_JOIN_RELU && node->input_count == 1;
}

static bool is_sole(const gft_joiner *j, gft_value_id value) {
    return value < j->value_count && j->users.count[value] == 1;
}

/* Back from the quantize node over functions; false where it does not round to known integers. */
static bool find_end(const gft_joiner *j, gft_node_id quantize, gft_join_end *end) {
    const gft_graph *graph = j->graph;
    const gft_node *node = &graph->nodes[quantize];
    *end = (gft_join_end){
        .quantize = quantize, .x = node->inputs[0], .sole = true, .sole_functions = true};
    end->y.integers = node->outputs[0];
    end->y.dequantize = -1;
    end->y.dtype = graph->values[node->outputs[0]].desc.dtype;
    if (!known_params(graph, node, end->y.dtype, &end->y.params))
        return false;
    for (;;) {
        const gft_value *value = &graph->values[end->x];
        end->sole = end->sole && is_sole(j, end->x);
        if (value->kind != GFT_VALUE_NODE || end->function_count == GFT_JOIN_FUNCTIONS ||
            !is_function(j, &graph->nodes[value->node]))
            return true;
        end->functions[end->function_count++] = value->node;
        end->sole_functions = end->sole;
        end->x = graph->nodes[value->node].inputs[0];
    }
}

static graft_status join_quantize(gft_joiner *j, gft_node_id quantize, graft_error *err) {
    gft_join_end end;
    gft_join_value x;
    bool done = false;
    if (!find_end(j, quantize, &end))
        return GRAFT_OK;
    if (gft_join_source(j, end.x, &x)) {
        if (end.function_count > 0 || !gft_join_alike(&x, &end.y))
            return gft_join_functions(j, &end, &x, &done, err);
        gft_graph_remove(j->graph, quantize);
        replace_value(j, end.y.integers, x.integers);
        return GRAFT_OK;
    }
    const gft_value *value = &j->graph->values[end.x];
    if (value->kind != GFT_VALUE_NODE || !end.sole)
        return GRAFT_OK;
    const gft_node_id node = value->node;
    const gft_join *join = gft_join_find(j->ops, j->graph->nodes[node].op);
    if (!join || !join->integer)
        return GRAFT_OK;
    switch (join->way) {
    case GFT_JOIN_CONV:
    case GFT_JOIN_DEPTHWISE:
    case GFT_JOIN_DENSE:
        return gft_join_product(j, &end, node, join, &done, err);
    case GFT_JOIN_SUM:
    case GFT_JOIN_PRODUCT:
    case GFT_JOIN_AVG_POOL:
    case GFT_JOIN_MEAN:
        return gft_join_elements(j, &end, node, join, &done, err);
    default:
        return GRAFT_OK;
    }
}

/* ---- the pass ---- */

static graft_status visit(gft_joiner *j, gft_node_id id, graft_error *err) {
    gft_node *node = &j->graph->nodes[id];
    if (!node->op)
        return GRAFT_OK;
    for (int32_t k = 0; k < node->input_count; k++) {
        if (node->inputs[k] < j->value_count)
            node->inputs[k] = j->alias[node->inputs[k]];
    }
    if (node->op->kind == GFT_KIND_QUANTIZE)
        return join_quantize(j, id, err);
    const gft_join *join = gft_join_find(j->ops, node->op);
    return join && join->way == GFT_JOIN_MOVE ? pull_move(j, id, join->integer, err) : GRAFT_OK;
}

static const gft_quantized_ops *find_ops(const gft_graph *graph) {
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_op *op = graph->nodes[i].op;
        if (op && op->kind == GFT_KIND_QUANTIZE && op->quantized)
            return op->quantized;
    }
    return NULL;
}

static graft_status join_all(gft_joiner *j, gft_node_id *order, graft_error *err) {
    int32_t count = 0;
    GFT_TRY(gft_graph_order(j->graph, order, &count, err));
    for (int32_t i = 0; i < count; i++)
        GFT_TRY(visit(j, order[i], err));
    for (int32_t i = 0; i < j->graph->output_count; i++) {
        gft_value_id *value = &j->graph->outputs[i].value;
        *value = *value < j->value_count ? j->alias[*value] : *value;
    }
    return gft_graph_sweep(j->graph, err);
}

graft_status gft_rewrite_join_quantized(gft_graph *graph, const gft_rewrite_options *options,
                                        graft_error *err) {
    gft_joiner j = {.graph = graph, .ops = find_ops(graph), .value_count = graph->value_count};
    if (options->training || !options->fuse || !j.ops)
        return GRAFT_OK;
    const char *layer = graph->layer;
    const size_t nodes = (size_t)graph->node_count + 1;
    const size_t values = (size_t)graph->value_count + 1;
    gft_node_id *order = gft_calloc(nodes + values, sizeof *order);
    if (!order)
        return gft_fail_memory(err, (nodes + values) * sizeof *order, "a graph's order");
    graft_status status;
    j.alias = order + nodes;
    for (int32_t i = 0; i < j.value_count; i++)
        j.alias[i] = i;
    GFT_GOTO(gft_rewrite_users_init(&j.users, graph, err));
    GFT_GOTO(join_all(&j, order, err));
    GFT_GOTO(gft_join_merge(graph, j.ops, err));
done:
    graph->layer = layer;
    gft_rewrite_users_deinit(&j.users);
    gft_free(order);
    return status;
}
