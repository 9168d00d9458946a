/*
 * What becomes of each node when a graph is written as TFLite, found before anything is emitted:
 * which relu goes into the operator in front of it, and which float ops between dequantize and
 * quantize nodes become operators on integers.
 *
 * An op takes integers if all its float inputs come from dequantize nodes and its only use is one
 * quantize node. A reshape between such a dequantize node and an integer op is a view of the
 * integers.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/tflite_write.h"

static bool is_op(const gft_node *node, const char *name) {
    return node->op && strcmp(node->op->name, name) == 0;
}

static const gft_node *producer_of(const gft_graph *graph, gft_value_id value) {
    const gft_value *v = &graph->values[value];
    return v->kind == GFT_VALUE_NODE ? &graph->nodes[v->node] : NULL;
}

gft_node_id gft_tflw_dequantize_of(const gft_graph *graph, gft_value_id value) {
    const gft_node *node = producer_of(graph, value);
    return node && is_op(node, "dequantize") &&
                   graph->values[node->inputs[0]].desc.dtype != GRAFT_F16
               ? (gft_node_id)(node - graph->nodes)
               : -1;
}

graft_status gft_tflw_quant_of(gft_tflw_walk *w, const gft_node *node, gft_tflw_quant *out) {
    const gft_quantize_attrs *attrs = node->attrs;
    const float *scales =
        node->input_count == 3 ? gft_graph_value_data(w->graph, node->inputs[1]) : NULL;
    const int32_t *zeros =
        node->input_count == 3 ? gft_graph_value_data(w->graph, node->inputs[2]) : NULL;
    if (!scales || !zeros)
        return gft_fail(w->err, GRAFT_UNIMPLEMENTED,
                        "node '%s': its scales are not constant, which TFLite does not know",
                        node->name);
    const int64_t count = gft_shape_elems(&w->graph->values[node->inputs[1]].desc.shape);
    int64_t *wide = gft_arena_array(&w->file->arena, (size_t)count, sizeof *wide);
    if (!wide)
        return gft_fail_memory(w->err, (size_t)count * sizeof *wide, "zero points");
    for (int64_t i = 0; i < count; i++)
        wide[i] = zeros[i];
    int32_t axis = 0;
    if (count > 1 &&
        !gft_axis_normalise(attrs->axis, w->graph->values[node->inputs[0]].desc.shape.rank, &axis))
        axis = 0;
    *out = (gft_tflw_quant){scales, wide, count, axis};
    return GRAFT_OK;
}

static graft_status count_uses(gft_tflw_walk *w, graft_error *err) {
    const gft_graph *graph = w->graph;
    const size_t values = (size_t)graph->value_count + 1;
    w->uses = gft_arena_array(&w->file->arena, values, sizeof *w->uses);
    w->user = gft_arena_array(&w->file->arena, values, sizeof *w->user);
    w->values = gft_arena_array(&w->file->arena, values, sizeof *w->values);
    w->roles = gft_arena_array(&w->file->arena, (size_t)graph->node_count + 1, sizeof *w->roles);
    if (!w->uses || !w->user || !w->values || !w->roles)
        return gft_fail_memory(err, values * 12, "a TFLite file");
    for (int32_t i = 0; i < graph->value_count; i++)
        w->values[i] = -1;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        w->roles[i] = (gft_tflw_role){.fused = -1, .quantize = -1};
        for (int32_t k = 0; k < node->input_count && node->op; k++) {
            w->uses[node->inputs[k]]++;
            w->user[node->inputs[k]] = i;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        w->uses[graph->outputs[i].value]++;
        w->user[graph->outputs[i].value] = -1;
    }
    return GRAFT_OK;
}

static gft_node_id sole_user(const gft_tflw_walk *w, gft_value_id value) {
    return w->uses[value] == 1 ? w->user[value] : -1;
}

/* Its own epilogue's activation comes first: nothing else is fused then. */
static bool has_activation(const gft_node *node) {
    const gft_epilogue_attrs *epilogue = NULL;
    if (node->op->kind == GFT_KIND_CONV2D || node->op->kind == GFT_KIND_DEPTHWISE)
        epilogue = &((const gft_conv2d_attrs *)node->attrs)->epilogue;
    else if (node->op->kind == GFT_KIND_DENSE)
        epilogue = &((const gft_dense_attrs *)node->attrs)->epilogue;
    return epilogue && epilogue->activation;
}

static void find_fused(gft_tflw_walk *w, gft_node_id id) {
    const gft_node *node = &w->graph->nodes[id];
    const gft_tflw_entry *entry = gft_tflw_find(node->op);
    if (!entry || !(entry->flags & GFT_TFLW_FUSES) || node->output_count != 1 ||
        w->graph->values[node->outputs[0]].desc.dtype != GRAFT_F32 || has_activation(node))
        return;
    const gft_node_id user = sole_user(w, node->outputs[0]);
    if (user >= 0 && gft_tflw_fusable(&w->graph->nodes[user]) != GFT_TFLITE_ACT_NONE)
        w->roles[id].fused = user;
}

/* ---- integers ---- */

gft_node_id gft_tflw_weights_of(const gft_graph *graph, gft_value_id value) {
    const gft_node *node = producer_of(graph, value);
    if (node && is_op(node, "reshape"))
        value = node->inputs[0];
    const gft_node_id id = gft_tflw_dequantize_of(graph, value);
    return id >= 0 && gft_graph_value_data(graph, graph->nodes[id].inputs[0]) ? id : -1;
}

static bool has_weights(const gft_node *node) {
    return node->op && (node->op->kind == GFT_KIND_CONV2D || node->op->kind == GFT_KIND_DEPTHWISE ||
                        node->op->kind == GFT_KIND_DENSE);
}

bool gft_tflw_is_number(const gft_graph *graph, gft_value_id value) {
    const gft_value *v = &graph->values[value];
    return v->desc.dtype == GRAFT_F32 && gft_shape_elems(&v->desc.shape) == 1 &&
           gft_graph_value_data(graph, value);
}

/* A float input that is there as integers too; other types are taken as they are. */
static bool input_is_integer(const gft_tflw_walk *w, gft_value_id value) {
    const gft_value *v = &w->graph->values[value];
    if (v->desc.dtype != GRAFT_F32)
        return true;
    if (gft_tflw_dequantize_of(w->graph, value) >= 0)
        return true;
    const gft_node *node = producer_of(w->graph, value);
    return node && is_op(node, "reshape") && w->roles[v->node].integer;
}

static bool inputs_are_integer(const gft_tflw_walk *w, const gft_node *node) {
    bool any = false;
    const gft_tflw_entry *entry = gft_tflw_find(node->op);
    for (int32_t k = 0; k < node->input_count; k++) {
        /* readers keep single numbers as floats: they are made integers again */
        if ((entry->flags & GFT_TFLW_NUMBERS) && gft_tflw_is_number(w->graph, node->inputs[k]))
            continue;
        if (!input_is_integer(w, node->inputs[k]))
            return false;
        any = any || w->graph->values[node->inputs[k]].desc.dtype == GRAFT_F32;
    }
    return any;
}

static bool is_constant(const gft_graph *graph, const gft_node *dequantize) {
    return gft_graph_value_data(graph, dequantize->inputs[0]) != NULL;
}

/* Scales and zero points are the same: what many operators ask of their input and output. */
static bool same_scale(const gft_graph *graph, const gft_node *a, const gft_node *b) {
    const float *sa = gft_graph_value_data(graph, a->inputs[1]);
    const float *sb = gft_graph_value_data(graph, b->inputs[1]);
    const int32_t *za = gft_graph_value_data(graph, a->inputs[2]);
    const int32_t *zb = gft_graph_value_data(graph, b->inputs[2]);
    return sa && sb && za && zb && sa[0] == sb[0] && za[0] == zb[0];
}

static bool may_be_integer(const gft_tflw_walk *w, gft_node_id id, gft_node_id quantize) {
    const gft_node *node = &w->graph->nodes[id];
    const gft_tflw_entry *entry = gft_tflw_find(node->op);
    if (!entry || !(entry->flags & GFT_TFLW_INTEGER) || node->output_count != 1 ||
        has_activation(node) || !inputs_are_integer(w, node))
        return false;
    if (!(entry->flags & GFT_TFLW_SAME))
        return true;
    for (int32_t k = 0; k < node->input_count; k++) {
        const gft_node_id dq = gft_tflw_dequantize_of(w->graph, node->inputs[k]);
        if (dq >= 0 && !same_scale(w->graph, &w->graph->nodes[dq], &w->graph->nodes[quantize]))
            return false;
    }
    return true;
}

static void find_integer(gft_tflw_walk *w, gft_node_id id) {
    const gft_node *node = &w->graph->nodes[id];
    gft_tflw_role *role = &w->roles[id];
    if (!node->op || node->output_count < 1)
        return;
    if (is_op(node, "quantize")) { /* integers to integers */
        const gft_node_id dq = gft_tflw_dequantize_of(w->graph, node->inputs[0]);
        role->integer = dq >= 0 && !is_constant(w->graph, &w->graph->nodes[dq]);
        return;
    }
    const gft_value_id end =
        role->fused >= 0 ? w->graph->nodes[role->fused].outputs[0] : node->outputs[0];
    const gft_node_id quantize = sole_user(w, end);
    if (quantize < 0 || !is_op(&w->graph->nodes[quantize], "quantize") ||
        !may_be_integer(w, id, quantize))
        return;
    role->integer = true;
    role->quantize = quantize;
}

/* A reshape of integers for one op that takes integers. */
static void find_view(gft_tflw_walk *w, gft_node_id id) {
    const gft_node *node = &w->graph->nodes[id];
    if (!is_op(node, "reshape") || !input_is_integer(w, node->inputs[0]) ||
        w->graph->values[node->inputs[0]].desc.dtype != GRAFT_F32)
        return;
    const gft_node_id user = sole_user(w, node->outputs[0]);
    if (user < 0 || is_op(&w->graph->nodes[user], "quantize"))
        return;
    w->roles[id].integer = true; /* taken back if the user turns out not to take integers */
}

static void settle(gft_tflw_walk *w, const gft_node_id *order, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        find_view(w, order[i]);
        if (!w->roles[order[i]].integer)
            find_integer(w, order[i]);
    }
    for (int32_t i = count - 1; i >= 0; i--) { /* users first */
        gft_tflw_role *role = &w->roles[order[i]];
        const gft_node *node = &w->graph->nodes[order[i]];
        if (role->integer && role->quantize < 0 && is_op(node, "reshape"))
            role->integer = w->roles[sole_user(w, node->outputs[0])].integer;
    }
}

/* Nodes that make no operator: what was fused, and dequantize nodes that only integer ops use. */
static void find_done(gft_tflw_walk *w) {
    const gft_graph *graph = w->graph;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        if (!node->op)
            continue;
        if (w->roles[i].fused >= 0)
            w->roles[w->roles[i].fused].done = true;
        if (w->roles[i].quantize >= 0)
            w->roles[w->roles[i].quantize].done = true;
        if (is_op(node, "dequantize"))
            w->roles[i].done = true;
        if (has_weights(node) && w->roles[i].integer &&
            gft_tflw_weights_of(graph, node->inputs[1]) >= 0)
            w->roles[graph->values[node->inputs[1]].node].done = true; /* maybe a reshape */
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->input_count && node->op && !w->roles[i].integer; k++) {
            const gft_node_id dq = gft_tflw_dequantize_of(graph, node->inputs[k]);
            const bool hybrid =
                dq >= 0 && k == 1 && is_constant(graph, &graph->nodes[dq]) &&
                w->weights == GFT_TFLITE_DYNAMIC &&
                (node->op->kind == GFT_KIND_CONV2D || node->op->kind == GFT_KIND_DEPTHWISE ||
                 node->op->kind == GFT_KIND_DENSE);
            if (graph->values[node->inputs[k]].kind == GFT_VALUE_NODE && !hybrid &&
                is_op(&graph->nodes[graph->values[node->inputs[k]].node], "dequantize"))
                w->roles[graph->values[node->inputs[k]].node].done = false;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        const gft_value *v = &graph->values[graph->outputs[i].value];
        if (v->kind == GFT_VALUE_NODE && is_op(&graph->nodes[v->node], "dequantize"))
            w->roles[v->node].done = false;
    }
}

graft_status gft_tflw_find_roles(gft_tflw_walk *w, graft_error *err) {
    GFT_TRY(count_uses(w, err));
    const size_t bytes = ((size_t)w->graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *order = gft_malloc(bytes);
    int32_t count = 0;
    if (!order)
        return gft_fail_memory(err, bytes, "a graph's order");
    graft_status status = gft_graph_order(w->graph, order, &count, err);
    for (int32_t i = 0; i < count && status == GRAFT_OK; i++)
        find_fused(w, order[i]);
    if (status == GRAFT_OK) {
        settle(w, order, count);
        find_done(w);
    }
    gft_free(order);
    return status;
}
