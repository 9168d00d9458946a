/*
 * Behind the joining: a table of a table is one table, and so is a sum or product of tables of the
 * same integers or of integers and one number (swish is x times a table of x). The sum or product
 * is run on all 256 values to fill it in. Padding by the zero point in front of a convolution
 * becomes the convolution's own.
 */
#include <string.h>

#include "graph/rewrite_join_quantized_priv.h"

typedef struct merge {
    gft_graph *graph;
    const gft_quantized_ops *ops;
    gft_rewrite_users users;
    int32_t value_count;
} merge;

/* A value as a function of `x`, as bytes; itself where it is no table's result. */
typedef struct function {
    gft_value_id x;
    const uint8_t *table; /* NULL: identity */
    gft_node_id node;     /* the table's, or -1 */
} function;

static function function_of(const merge *m, gft_value_id value) {
    const gft_value *v = &m->graph->values[value];
    function f = {value, NULL, -1};
    if (v->kind != GFT_VALUE_NODE || m->graph->nodes[v->node].op != m->ops->lookup)
        return f;
    const gft_node *node = &m->graph->nodes[v->node];
    f.table = gft_graph_fixed_data(m->graph, node->inputs[1], false);
    if (f.table) {
        f.x = node->inputs[0];
        f.node = v->node;
    }
    return f;
}

static bool is_sole(const merge *m, gft_value_id value) {
    return value < m->value_count && m->users.count[value] == 1;
}

static uint8_t byte_at(graft_dtype dtype, int32_t entry) {
    return (uint8_t)(entry - (dtype == GRAFT_S8 ? 128 : 0));
}

static int32_t entry_of(graft_dtype dtype, uint8_t byte) {
    return dtype == GRAFT_S8 ? (int32_t)(int8_t)byte + 128 : byte;
}

/* All values of x, sent through f. */
static void all_values(const merge *m, const function *f, uint8_t out[GFT_TABLE_ENTRIES]) {
    const graft_dtype dtype = m->graph->values[f->x].desc.dtype;
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++)
        out[i] = f->table ? f->table[i] : byte_at(dtype, i);
}

/* The node makes what it made as a table of x now. */
static graft_status become_table(merge *m, gft_node_id id, gft_value_id x,
                                 const uint8_t bytes[GFT_TABLE_ENTRIES], graft_error *err) {
    gft_graph *graph = m->graph;
    const gft_node old = graph->nodes[id];
    const gft_qlookup_attrs attrs = {graph->values[old.outputs[0]].desc.dtype};
    const graft_tensor_desc desc = {attrs.dtype, gft_shape_1(GFT_TABLE_ENTRIES), NULL};
    gft_value_id inputs[2] = {x, -1};
    gft_value_id made;
    GFT_TRY(gft_graph_const(graph, NULL, &desc, bytes, true, &inputs[1], err));
    gft_graph_remove(graph, id);
    gft_graph_set_layer(graph, old.layer);
    GFT_TRY(gft_graph_add(graph, m->ops->lookup, old.name, &attrs, inputs, 2, &made, err));
    const gft_node_id node = graph->values[made].node;
    graph->nodes[node].outputs[0] = old.outputs[0];
    graph->values[old.outputs[0]].node = node;
    return GRAFT_OK;
}

static graft_status merge_lookup(merge *m, gft_node_id id, graft_error *err) {
    const gft_node *node = &m->graph->nodes[id];
    const uint8_t *outer = gft_graph_fixed_data(m->graph, node->inputs[1], false);
    const function inner = function_of(m, node->inputs[0]);
    const graft_dtype between = m->graph->values[node->inputs[0]].desc.dtype;
    uint8_t bytes[GFT_TABLE_ENTRIES];
    if (!outer || !inner.table)
        return GRAFT_OK;
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++)
        bytes[i] = outer[entry_of(between, inner.table[i])];
    return become_table(m, id, inner.x, bytes, err);
}

/* One number that is there before the graph runs, 256 times. */
static bool repeat_number(const merge *m, gft_value_id value, uint8_t out[GFT_TABLE_ENTRIES]) {
    const uint8_t *number = gft_graph_fixed_data(m->graph, value, false);
    if (!number || gft_shape_elems(&m->graph->values[value].desc.shape) != 1)
        return false;
    memset(out, *number, GFT_TABLE_ENTRIES);
    return true;
}

static graft_status merge_binary(merge *m, gft_node_id id, graft_error *err) {
    const gft_graph *graph = m->graph;
    const gft_node *node = &graph->nodes[id];
    const graft_shape *y = &graph->values[node->outputs[0]].desc.shape;
    function f[2];
    uint8_t values[2][GFT_TABLE_ENTRIES];
    uint8_t bytes[GFT_TABLE_ENTRIES];
    graft_tensor_desc descs[3];
    gft_value_id x = -1;
    for (int32_t k = 0; k < 2; k++) {
        if (repeat_number(m, node->inputs[k], values[k]))
            continue;
        f[k] = function_of(m, node->inputs[k]);
        if ((x >= 0 && f[k].x != x) || !gft_shape_equal(&graph->values[f[k].x].desc.shape, y))
            return GRAFT_OK;
        x = f[k].x;
        all_values(m, &f[k], values[k]);
    }
    if (x < 0)
        return GRAFT_OK;
    for (int32_t k = 0; k < 3; k++) {
        const gft_value_id value = k < 2 ? node->inputs[k] : node->outputs[0];
        descs[k] = (graft_tensor_desc){graph->values[value].desc.dtype,
                                       gft_shape_1(GFT_TABLE_ENTRIES), NULL};
    }
    const void *const inputs[2] = {values[0], values[1]};
    void *const outputs[1] = {bytes};
    GFT_TRY(gft_rewrite_run_op(node, descs, inputs, &descs[2], outputs, err));
    return become_table(m, id, x, bytes, err);
}

/* ---- padding ---- */

static bool pads_pictures_only(const gft_pad_attrs *pad) {
    return pad->before[0] == 0 && pad->after[0] == 0 && pad->before[3] == 0 && pad->after[3] == 0;
}

static void merge_pad(merge *m, gft_node_id id) {
    gft_graph *graph = m->graph;
    gft_node *node = &graph->nodes[id];
    gft_qconv2d_attrs *attrs = node->attrs;
    const gft_node *pad_node = gft_graph_producer(graph, node->inputs[0], GFT_KIND_PAD);
    if (!pad_node || !is_sole(m, node->inputs[0]) || attrs->conv.padding != GFT_PAD_VALID)
        return;
    const gft_pad_attrs *pad = pad_node->attrs;
    if (graph->values[pad_node->inputs[0]].desc.shape.rank != 4 || !pads_pictures_only(pad) ||
        pad->value != (float)attrs->x.zero_point)
        return;
    attrs->conv.padding = GFT_PAD_EXPLICIT;
    attrs->conv.pads = (gft_pads){pad->before[1], pad->after[1], pad->before[2], pad->after[2]};
    node->inputs[0] = pad_node->inputs[0];
}

/* ---- the pass ---- */

static gft_join_way way_of(const merge *m, const gft_op *op) {
    for (int32_t i = 0; i < m->ops->join_count; i++) {
        if (m->ops->joins[i].integer == op)
            return m->ops->joins[i].way;
    }
    return GFT_JOIN_MOVE;
}

static graft_status merge_node(merge *m, gft_node_id id, graft_error *err) {
    const gft_op *op = m->graph->nodes[id].op;
    if (!op)
        return GRAFT_OK;
    if (op == m->ops->lookup)
        return merge_lookup(m, id, err);
    switch (way_of(m, op)) {
    case GFT_JOIN_SUM:
    case GFT_JOIN_PRODUCT:
        return merge_binary(m, id, err);
    case GFT_JOIN_CONV:
    case GFT_JOIN_DEPTHWISE:
        merge_pad(m, id);
        return GRAFT_OK;
    default:
        return GRAFT_OK;
    }
}

/*
 * Values are in place of those they replace, so nodes that were made here are found like all
 * others.
 */
graft_status gft_join_merge(gft_graph *graph, const gft_quantized_ops *ops, graft_error *err) {
    merge m = {.graph = graph, .ops = ops, .value_count = graph->value_count};
    const int32_t count = graph->node_count;
    graft_status status;
    GFT_TRY(gft_rewrite_users_init(&m.users, graph, err));
    for (int32_t i = 0; i < count; i++)
        GFT_GOTO(merge_node(&m, i, err));
    GFT_GOTO(gft_graph_sweep(graph, err));
done:
    gft_rewrite_users_deinit(&m.users);
    return status;
}
