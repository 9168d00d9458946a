/*
 * Mixed precision: products of matrices and convolutions take 16-bit numbers, what lies between
 * them stays in 16 bits, and everything else (losses, softmax, statistics, gradients of weights,
 * outputs of the graph) is float32.
 *
 * One walk in topological order: when a node is reached, the types of its inputs are final. Casts
 * are appended and put in front of the node; descriptors of results are changed here and checked by
 * the next inference.
 */
#include "graph/rewrite_precision.h"

#include <string.h>

#include "base/alloc.h"
#include "graph/attrs_half.h"
#include "graph/rewrite_priv.h"

typedef struct caster {
    gft_graph *graph;
    graft_dtype dtype;
    const gft_precision_table *table;
    bool training;
    int32_t count;      /* values before any cast was added */
    gft_value_id *down; /* per value: its 16-bit twin, or -1 */
    gft_value_id *up;   /* per value: its float32 twin, or -1; inference only */
    bool *wanted;       /* per value: a node that may take 16 bits uses it */
    bool *halved;       /* per value: a node that became 16-bit makes it */
} caster;

static const gft_precision_rule *rule_of(const caster *c, const gft_op *op) {
    for (int32_t i = 0; i < c->table->count; i++)
        if (c->table->rules[i].op == op)
            return &c->table->rules[i];
    return NULL;
}

static graft_dtype dtype_of(const caster *c, gft_value_id id) {
    return gft_graph_value(c->graph, id)->desc.dtype;
}

static bool is_half(const caster *c, gft_value_id id) {
    return id < c->count ? c->halved[id] : dtype_of(c, id) == c->dtype;
}

static graft_status add_cast(caster *c, gft_value_id from, graft_dtype dtype, gft_value_id *out,
                             graft_error *err) {
    const gft_cast_attrs attrs = {.dtype = dtype};
    return gft_graph_add(c->graph, c->table->cast, dtype == GRAFT_F32 ? "widen" : "round", &attrs,
                         &from, 1, out, err);
}

/* The value as 16 bits or as float32; itself if it is of that type, or no float at all. */
static graft_status cast_to(caster *c, gft_value_id id, bool half, gft_value_id *out,
                            graft_error *err) {
    gft_value_id *twin = half ? &c->down[id] : &c->up[id];
    *out = id;
    if (half ? dtype_of(c, id) != GRAFT_F32 : !is_half(c, id))
        return GRAFT_OK;
    bool shared = half || !c->training;
    if (shared && *twin >= 0) {
        *out = *twin;
        return GRAFT_OK;
    }
    gft_value_id made = -1;
    GFT_TRY(add_cast(c, id, half ? c->dtype : GRAFT_F32, &made, err));
    if (shared)
        *twin = made;
    *out = made;
    return GRAFT_OK;
}

static graft_status cast_input(caster *c, gft_node_id id, int32_t i, bool half, graft_error *err) {
    gft_value_id value = c->graph->nodes[id].inputs[i];
    if (value >= c->count) /* a cast that was put here already */
        return GRAFT_OK;
    gft_value_id cast = -1;
    GFT_TRY(cast_to(c, value, half, &cast, err));
    c->graph->nodes[id].inputs[i] = cast;
    return GRAFT_OK;
}

static graft_status widen_inputs(caster *c, gft_node_id id, graft_error *err) {
    int32_t count = c->graph->nodes[id].input_count;
    for (int32_t i = 0; i < count; i++)
        if (gft_op_reads(c->graph->nodes[id].op, i))
            GFT_TRY(cast_input(c, id, i, false, err));
    return GRAFT_OK;
}

static bool takes_half(const caster *c, const gft_node *node) {
    for (int32_t i = 0; i < node->input_count; i++)
        if (is_half(c, node->inputs[i]))
            return true;
    return false;
}

/* Bits of the inputs that a rule wants in 16 bits. */
static uint32_t half_inputs(const gft_precision_rule *rule, const gft_node *node) {
    uint32_t halves = rule->halves & ~GFT_PRECISION_RESIDUAL;
    if (rule->halves & GFT_PRECISION_RESIDUAL) {
        const gft_epilogue_attrs *e = gft_rewrite_epilogue(node);
        if (e && e->has_residual)
            halves |= 1u << (2 + e->has_bias);
    }
    return halves;
}

static bool fits(const caster *c, const gft_precision_rule *rule, gft_node_id id, graft_error *err,
                 graft_status *status) {
    const gft_node *node = &c->graph->nodes[id];
    *status = GRAFT_OK;
    if (!rule->fits)
        return true;
    gft_node_view view;
    *status = gft_node_view_init(&view, c->graph, node->inputs, node->input_count,
                                 node->output_count, err);
    if (*status != GRAFT_OK)
        return false;
    for (int32_t i = 0; i < node->output_count; i++)
        view.outputs[i] = c->graph->values[node->outputs[i]].desc;
    gft_infer in = {.node = node->name,
                    .attrs = node->attrs,
                    .inputs = view.inputs,
                    .input_count = node->input_count,
                    .constants = view.constants,
                    .outputs = view.outputs,
                    .output_count = node->output_count};
    bool ok = rule->fits(&in);
    gft_node_view_deinit(&view);
    return ok;
}

/* The node becomes its counterpart; its result is of 16 bits where somebody can take that. */
static graft_status become_half(caster *c, gft_node_id id, const gft_precision_rule *rule,
                                graft_error *err) {
    gft_node *node = &c->graph->nodes[id];
    gft_value *y = gft_graph_value(c->graph, node->outputs[0]);
    gft_half_attrs *attrs = gft_arena_alloc(&c->graph->arena, sizeof *attrs);
    if (!attrs)
        return gft_fail_memory(err, sizeof *attrs, "attributes");
    memset(attrs, 0, sizeof *attrs);
    attrs->inner = node->op;
    attrs->dtype = c->dtype;
    attrs->output = c->wanted[node->outputs[0]] ? c->dtype : GRAFT_F32;
    if (node->op->attrs_bytes > 0)
        memcpy(attrs->attrs, node->attrs, node->op->attrs_bytes);
    node->op = rule->half;
    node->attrs = attrs;
    y->desc.dtype = attrs->output;
    c->halved[node->outputs[0]] = attrs->output != GRAFT_F32;
    return GRAFT_OK;
}

static graft_status visit_round(caster *c, gft_node_id id, const gft_precision_rule *rule,
                                graft_error *err) {
    for (int32_t i = 0; i < c->graph->nodes[id].input_count; i++) {
        bool half = rule->halves >> i & 1u;
        gft_value_id value = c->graph->nodes[id].inputs[i];
        gft_value_id rounded = value;
        if (!gft_op_reads(c->graph->nodes[id].op, i))
            continue;
        if (half)
            GFT_TRY(cast_to(c, value, true, &rounded, err));
        if (is_half(c, rounded))
            GFT_TRY(add_cast(c, rounded, GRAFT_F32, &rounded, err));
        c->graph->nodes[id].inputs[i] = rounded;
    }
    return GRAFT_OK;
}

static graft_status visit(caster *c, gft_node_id id, graft_error *err) {
    const gft_precision_rule *rule = rule_of(c, c->graph->nodes[id].op);
    graft_status status = GRAFT_OK;
    bool half = takes_half(c, &c->graph->nodes[id]);
    if (rule && c->graph->nodes[id].op->attrs_bytes > GFT_HALF_ATTRS_BYTES)
        rule = NULL;
    if (rule && rule->role != GFT_PRECISION_ROUND && !fits(c, rule, id, err, &status))
        rule = NULL;
    GFT_TRY(status);
    if (!rule ||
        (rule->role != GFT_PRECISION_PRODUCT && rule->role != GFT_PRECISION_ROUND && !half))
        return widen_inputs(c, id, err);
    if (rule->role == GFT_PRECISION_ROUND)
        return visit_round(c, id, rule, err);
    if (rule->role == GFT_PRECISION_FOLLOW)
        return become_half(c, id, rule, err);
    uint32_t halves = half_inputs(rule, &c->graph->nodes[id]);
    for (int32_t i = 0; i < c->graph->nodes[id].input_count; i++) {
        if (rule->role == GFT_PRECISION_MOVE && i > 0 && !(rule->halves >> 1 & 1u))
            break; /* only the first input holds the numbers */
        GFT_TRY(cast_input(c, id, i, rule->role == GFT_PRECISION_MOVE || (halves >> i & 1u), err));
    }
    if (rule->role == GFT_PRECISION_PRODUCT)
        return become_half(c, id, rule, err);
    gft_value_id y = c->graph->nodes[id].outputs[0];
    gft_graph_value(c->graph, y)->desc.dtype = c->dtype;
    c->halved[y] = true;
    return GRAFT_OK;
}

static void mark_wanted(caster *c) {
    for (int32_t i = 0; i < c->graph->node_count; i++) {
        const gft_node *node = &c->graph->nodes[i];
        if (!node->op || !rule_of(c, node->op))
            continue;
        for (int32_t k = 0; k < node->input_count; k++)
            c->wanted[node->inputs[k]] = true;
    }
}

static graft_status walk(caster *c, const gft_node_id *order, int32_t count, graft_error *err) {
    mark_wanted(c);
    for (int32_t i = 0; i < count; i++)
        GFT_TRY(visit(c, order[i], err));
    for (int32_t i = 0; i < c->graph->output_count; i++) {
        gft_value_id value = c->graph->outputs[i].value;
        if (value < c->count && gft_graph_value(c->graph, value)->kind == GFT_VALUE_NODE)
            GFT_TRY(cast_to(c, value, false, &c->graph->outputs[i].value, err));
    }
    return GRAFT_OK;
}

graft_status gft_rewrite_precision(gft_graph *graph, graft_dtype dtype,
                                   const gft_precision_table *table, bool training,
                                   graft_error *err) {
    graft_status status = GRAFT_OK;
    size_t values = (size_t)graph->value_count + 1;
    size_t nodes = (size_t)graph->node_count + 1;
    caster c = {.graph = graph,
                .dtype = dtype,
                .table = table,
                .training = training,
                .count = graph->value_count};
    gft_node_id *order = gft_malloc(nodes * sizeof *order);
    c.down = gft_malloc(values * sizeof *c.down);
    c.up = gft_malloc(values * sizeof *c.up);
    c.wanted = gft_calloc(values, sizeof *c.wanted);
    c.halved = gft_calloc(values, sizeof *c.halved);
    int32_t count = 0;
    if (!order || !c.down || !c.up || !c.wanted || !c.halved) {
        status = gft_fail_memory(err, values * sizeof *c.down, "precision");
        goto done;
    }
    memset(c.down, 0xff, values * sizeof *c.down);
    memset(c.up, 0xff, values * sizeof *c.up);
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    gft_graph_set_layer(graph, NULL);
    GFT_GOTO(walk(&c, order, count, err));
done:
    gft_free(order);
    gft_free(c.down);
    gft_free(c.up);
    gft_free(c.wanted);
    gft_free(c.halved);
    return status;
}
