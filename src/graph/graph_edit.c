/*
 * Looking at a graph and changing it: who makes and who uses a value, replacing, removing, deep
 * copies.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/graph_priv.h"

gft_node *gft_graph_producer(const gft_graph *graph, gft_value_id value, gft_op_kind kind) {
    if (value < 0 || graph->values[value].kind != GFT_VALUE_NODE)
        return NULL;
    gft_node *node = &graph->nodes[graph->values[value].node];
    return node->op && node->op->kind == kind ? node : NULL;
}

int32_t gft_graph_uses(const gft_graph *graph, gft_value_id value) {
    int32_t uses = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->input_count && node->op; k++)
            uses += node->inputs[k] == value;
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        uses += graph->outputs[i].value == value;
    return uses;
}

const void *gft_graph_value_data(const gft_graph *graph, gft_value_id id) {
    const gft_value *value = &graph->values[id];
    if (value->kind == GFT_VALUE_CONST)
        return value->data;
    return value->kind == GFT_VALUE_PARAM ? graph->params->items[value->param].data : NULL;
}

const void *gft_graph_fixed_data(const gft_graph *graph, gft_value_id id, bool training) {
    const gft_value *value = &graph->values[id];
    if (value->kind == GFT_VALUE_PARAM &&
        (value->written || (training && graph->params->items[value->param].trainable)))
        return NULL;
    /* a product is made for whoever looks at it: the graph stays what it was */
    if (value->scaled && gft_graph_settle((gft_graph *)(uintptr_t)graph, id, NULL) != GRAFT_OK)
        return NULL;
    return gft_graph_value_data(graph, id);
}

void gft_graph_replace(gft_graph *graph, gft_value_id old_value, gft_value_id new_value) {
    for (int32_t i = 0; i < graph->node_count; i++) {
        gft_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->input_count && node->op; k++) {
            if (node->inputs[k] == old_value)
                node->inputs[k] = new_value;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (graph->outputs[i].value == old_value)
            graph->outputs[i].value = new_value;
    }
}

void gft_graph_remove(gft_graph *graph, gft_node_id node) {
    graph->nodes[node].op = NULL;
    graph->nodes[node].input_count = 0;
}

graft_status gft_graph_set_inputs(gft_graph *graph, gft_node_id id, const gft_value_id *inputs,
                                  int32_t input_count, graft_error *err) {
    gft_node *node = &graph->nodes[id];
    size_t bytes = (size_t)input_count * sizeof *inputs;
    gft_value_id *copy = gft_arena_memdup(&graph->arena, inputs, bytes);
    if (!copy)
        return gft_fail_memory(err, bytes, "a node's inputs");
    node->inputs = copy;
    node->input_count = input_count;
    return GRAFT_OK;
}

gft_value_id gft_graph_find_output(const gft_graph *graph, const char *name) {
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (strcmp(graph->outputs[i].name, name) == 0)
            return graph->outputs[i].value;
    }
    return -1;
}

/* ---- copies ---- */

/* A value that no node makes comes over when it is first needed; ids[] remembers where it went. */
static graft_status copy_leaf(const gft_graph *from, gft_graph *to, gft_value_id id,
                              gft_value_id *ids, graft_error *err) {
    if (ids[id] >= 0)
        return GRAFT_OK;
    const gft_value *value = &from->values[id];
    if (value->kind == GFT_VALUE_PARAM) {
        GFT_TRY(gft_graph_param(to, value->param, &ids[id], err));
        /* Parameters are shared by graphs: what another one writes is no constant here either. */
        to->values[ids[id]].written = value->written;
        return GRAFT_OK;
    }
    if (value->kind == GFT_VALUE_CONST)
        return gft_graph_const(to, value->name, &value->desc, value->data, false, &ids[id], err);
    return gft_fail(err, GRAFT_INTERNAL, "graph: value %d is used but nothing makes it", (int)id);
}

static graft_status copy_node(const gft_graph *from, gft_graph *to, const gft_node *node,
                              gft_value_id *ids, graft_error *err) {
    size_t bytes = ((size_t)node->input_count + (size_t)node->output_count) * sizeof *ids;
    gft_value_id *operands = gft_malloc(bytes);
    if (!operands)
        return gft_fail_memory(err, bytes, "a node");
    gft_value_id *made = operands + node->input_count;
    graft_status status;
    for (int32_t i = 0; i < node->input_count; i++) {
        GFT_GOTO(copy_leaf(from, to, node->inputs[i], ids, err));
        operands[i] = ids[node->inputs[i]];
    }
    GFT_GOTO(gft_graph_add(to, node->op, node->name, node->attrs, operands, node->input_count, made,
                           err));
    for (int32_t i = 0; i < node->output_count; i++) {
        ids[node->outputs[i]] = made[i];
        to->values[made[i]].desc = from->values[node->outputs[i]].desc;
    }
    gft_node *copy = &to->nodes[to->node_count - 1];
    if (node->layer == node->name) {
        copy->layer = copy->name;
    } else if (to->node_count > 1 && strcmp(copy[-1].layer, node->layer) == 0) {
        copy->layer = copy[-1].layer; /* neighbours mostly share it */
    } else {
        copy->layer = gft_arena_strdup(&to->arena, node->layer);
        if (!copy->layer)
            status = gft_fail_memory(err, strlen(node->layer) + 1, "a layer's name");
    }
done:
    gft_free(operands);
    return status;
}

graft_status gft_graph_clone(const gft_graph *graph, gft_graph **out, graft_error *err) {
    size_t count = (size_t)graph->value_count + (size_t)graph->node_count + 1;
    gft_value_id *ids = gft_malloc(count * sizeof *ids);
    if (!ids)
        return gft_fail_memory(err, count * sizeof *ids, "a copy of a graph");
    gft_node_id *order = ids + graph->value_count;
    for (int32_t i = 0; i < graph->value_count; i++)
        ids[i] = -1;
    gft_graph *copy = NULL;
    graft_status status;
    GFT_GOTO(gft_graph_new(graph->params, &copy, err));
    int32_t live = 0;
    GFT_GOTO(gft_graph_order(graph, order, &live, err));
    for (int32_t i = 0; i < graph->input_count; i++) {
        gft_value_id id = graph->inputs[i].value;
        GFT_GOTO(
            gft_graph_input(copy, graph->inputs[i].name, &graph->values[id].desc, &ids[id], err));
    }
    for (int32_t i = 0; i < live; i++)
        GFT_GOTO(copy_node(graph, copy, &graph->nodes[order[i]], ids, err));
    for (int32_t i = 0; i < graph->output_count; i++) {
        GFT_GOTO(copy_leaf(graph, copy, graph->outputs[i].value, ids, err));
        GFT_GOTO(gft_graph_output(copy, graph->outputs[i].name, ids[graph->outputs[i].value], err));
    }
    *out = copy;
    copy = NULL;
done:
    gft_graph_free(copy);
    gft_free(ids);
    return status;
}
