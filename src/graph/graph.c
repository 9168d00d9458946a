/*
 * Building graphs: values and nodes are appended to arrays and never move index; strings,
 * attributes and small constants lie in the graph's arena. Looking at and changing a graph is
 * graph_edit.c, its order graph_order.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "graph/graph_priv.h"

#define FIRST_CAPACITY 64
#define MAX_ITEMS (1 << 28)
#define SMALL_CONST_BYTES                                                                          \
    1024u /* larger ones get memory of their own, so that plans can let them go */

graft_status gft_graph_new(gft_params *params, gft_graph **out, graft_error *err) {
    gft_graph *graph = gft_calloc(1, sizeof *graph);
    if (!graph)
        return gft_fail_memory(err, sizeof *graph, "a graph");
    gft_arena_init(&graph->arena);
    graph->params = params;
    *out = graph;
    return GRAFT_OK;
}

void gft_graph_free(gft_graph *graph) {
    if (!graph)
        return;
    for (int32_t i = 0; i < graph->value_count; i++)
        gft_free(graph->values[i].owned);
    gft_graph_names_free(graph->names);
    gft_free(graph->nodes);
    gft_free(graph->values);
    gft_free(graph->inputs);
    gft_free(graph->outputs);
    gft_free(graph->param_values);
    gft_arena_deinit(&graph->arena);
    gft_free(graph);
}

/* Doubles an array when it is full. */
static graft_status grow(void **items, int32_t *capacity, int32_t needed, size_t each,
                         const char *what, graft_error *err) {
    if (needed <= *capacity)
        return GRAFT_OK;
    if (needed > MAX_ITEMS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "graph: more than %d %s", MAX_ITEMS, what);
    int32_t bigger = *capacity ? *capacity * 2 : FIRST_CAPACITY;
    while (bigger < needed)
        bigger *= 2;
    void *p = gft_realloc(*items, (size_t)bigger * each);
    if (!p)
        return gft_fail_memory(err, (size_t)bigger * each, what);
    *items = p;
    *capacity = bigger;
    return GRAFT_OK;
}

static graft_status reserve_values(gft_graph *graph, int32_t more, graft_error *err) {
    void *p = graph->values;
    graft_status status = grow(&p, &graph->value_capacity, graph->value_count + more,
                               sizeof *graph->values, "values", err);
    graph->values = p;
    return status;
}

static graft_status reserve_node(gft_graph *graph, graft_error *err) {
    void *p = graph->nodes;
    graft_status status =
        grow(&p, &graph->node_capacity, graph->node_count + 1, sizeof *graph->nodes, "nodes", err);
    graph->nodes = p;
    return status;
}

/* Room must have been reserved. */
static gft_value_id append_value(gft_graph *graph, gft_value_kind kind, const char *name,
                                 const graft_tensor_desc *desc) {
    gft_value *value = &graph->values[graph->value_count];
    *value = (gft_value){.name = name, .desc = *desc, .kind = kind, .node = -1, .param = -1};
    return graph->value_count++;
}

static graft_status copy_name(gft_graph *graph, const char *name, const char **out,
                              graft_error *err) {
    *out = gft_arena_strdup(&graph->arena, name);
    return *out ? GRAFT_OK : gft_fail_memory(err, strlen(name) + 1, "a name");
}

static graft_status bind(gft_graph *graph, gft_binding **list, int32_t *count, const char *what,
                         const char *name, gft_value_id value, graft_error *err) {
    for (int32_t i = 0; i < *count; i++) {
        if (strcmp((*list)[i].name, name) == 0)
            return gft_fail(err, GRAFT_ALREADY_EXISTS, "graph: there is an %s '%s' already", what,
                            name);
    }
    const char *copy;
    GFT_TRY(copy_name(graph, name, &copy, err));
    size_t bytes = ((size_t)*count + 1) * sizeof **list;
    gft_binding *longer = gft_realloc(*list, bytes);
    if (!longer)
        return gft_fail_memory(err, bytes, "a graph's interface");
    longer[*count] = (gft_binding){copy, value};
    *list = longer;
    (*count)++;
    return GRAFT_OK;
}

graft_status gft_graph_input(gft_graph *graph, const char *name, const graft_tensor_desc *desc,
                             gft_value_id *out, graft_error *err) {
    GFT_TRY(reserve_values(graph, 1, err));
    GFT_TRY(
        bind(graph, &graph->inputs, &graph->input_count, "input", name, graph->value_count, err));
    *out = append_value(graph, GFT_VALUE_INPUT, graph->inputs[graph->input_count - 1].name, desc);
    return GRAFT_OK;
}

graft_status gft_graph_output(gft_graph *graph, const char *name, gft_value_id value,
                              graft_error *err) {
    if (value < 0 || value >= graph->value_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "graph: output '%s' is value %d of %d", name,
                        (int)value, (int)graph->value_count);
    return bind(graph, &graph->outputs, &graph->output_count, "output", name, value, err);
}

/* As long as the table of parameters is now. */
static graft_status reserve_param_values(gft_graph *graph, graft_error *err) {
    int32_t old = graph->param_capacity;
    if (graph->params->count <= old)
        return GRAFT_OK;
    size_t bytes = (size_t)graph->params->capacity * sizeof *graph->param_values;
    gft_value_id *longer = gft_realloc(graph->param_values, bytes);
    if (!longer)
        return gft_fail_memory(err, bytes, "a graph's parameters");
    graph->param_values = longer;
    graph->param_capacity = graph->params->capacity;
    memset(longer + old, 0, (size_t)(graph->param_capacity - old) * sizeof *longer);
    return GRAFT_OK;
}

graft_status gft_graph_param(gft_graph *graph, gft_param_id param, gft_value_id *out,
                             graft_error *err) {
    if (!graph->params || param < 0 || param >= graph->params->count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "graph: parameter %d of %d", (int)param,
                        graph->params ? (int)graph->params->count : 0);
    GFT_TRY(reserve_param_values(graph, err));
    if (graph->param_values[param]) {
        *out = graph->param_values[param] - 1;
        return GRAFT_OK;
    }
    GFT_TRY(reserve_values(graph, 1, err));
    *out = append_value(graph, GFT_VALUE_PARAM, NULL, &graph->params->items[param].desc);
    graph->values[*out].param = param;
    graph->param_values[param] = *out + 1;
    return GRAFT_OK;
}

graft_status gft_graph_const(gft_graph *graph, const char *name, const graft_tensor_desc *desc,
                             const void *data, bool copy, gft_value_id *out, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    size_t bytes;
    if (!gft_desc_bytes(desc, &bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "constant '%s': %s has no size, expected a type and shape that are known",
                        name ? name : "", gft_desc_text(desc, text));
    GFT_TRY(reserve_values(graph, 1, err));
    const char *name_copy = NULL;
    if (name)
        GFT_TRY(copy_name(graph, name, &name_copy, err));
    void *owned = NULL;
    if (copy && bytes <= SMALL_CONST_BYTES) {
        data = gft_arena_memdup(&graph->arena, data, bytes);
        if (!data)
            return gft_fail_memory(err, bytes, "a constant");
    } else if (copy) {
        owned = gft_malloc_aligned(bytes);
        if (!owned)
            return gft_fail_memory(err, bytes, "a constant");
        memcpy(owned, data, bytes);
        data = owned;
    }
    *out = append_value(graph, GFT_VALUE_CONST, name_copy, desc);
    graph->values[*out].data = data;
    graph->values[*out].owned = owned;
    graph->values[*out].foreign = !copy;
    return GRAFT_OK;
}

graft_status gft_graph_const_take(gft_graph *graph, const char *name, const graft_tensor_desc *desc,
                                  void *data, gft_value_id *out, graft_error *err) {
    graft_status status = gft_graph_const(graph, name, desc, data, false, out, err);
    if (status != GRAFT_OK) {
        gft_free(data);
        return status;
    }
    graph->values[*out].owned = data;
    graph->values[*out].foreign = false;
    return GRAFT_OK;
}

graft_status gft_graph_const_f32(gft_graph *graph, float value, gft_value_id *out,
                                 graft_error *err) {
    graft_tensor_desc desc = gft_desc_f32(gft_shape_0());
    return gft_graph_const(graph, NULL, &desc, &value, true, out, err);
}

graft_status gft_graph_own_constants(gft_graph *graph, graft_error *err) {
    for (int32_t i = 0; i < graph->value_count; i++) {
        gft_value *value = &graph->values[i];
        if (value->kind != GFT_VALUE_CONST || !value->foreign)
            continue;
        size_t bytes = 0;
        if (!gft_desc_bytes(&value->desc, &bytes))
            return gft_fail(err, GRAFT_INTERNAL, "graph: a constant without a size");
        void *copy = gft_malloc_aligned(bytes);
        if (!copy)
            return gft_fail_memory(err, bytes, "a constant");
        if (bytes)
            memcpy(copy, value->data, bytes);
        value->owned = copy;
        value->data = copy;
        value->foreign = false;
    }
    return GRAFT_OK;
}

void gft_graph_set_layer(gft_graph *graph, const char *layer) {
    /* The string is kept when the first node uses it; out of memory, nodes fall back to their
     * names. */
    graph->layer = layer ? gft_arena_strdup(&graph->arena, layer) : NULL;
}

static graft_status check_operands(const gft_graph *graph, const gft_op *op, const char *name,
                                   const gft_value_id *inputs, int32_t count, graft_error *err) {
    if (count < op->min_inputs || (op->max_inputs >= 0 && count > op->max_inputs)) {
        if (op->max_inputs < 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s '%s': %d inputs, expected %d or more",
                            op->name, name, (int)count, (int)op->min_inputs);
        if (op->min_inputs == op->max_inputs)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s '%s': %d inputs, expected %d",
                            op->name, name, (int)count, (int)op->min_inputs);
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s '%s': %d inputs, expected %d to %d",
                        op->name, name, (int)count, (int)op->min_inputs, (int)op->max_inputs);
    }
    for (int32_t i = 0; i < count; i++) {
        if (inputs[i] < 0 || inputs[i] >= graph->value_count)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s '%s': input %d is value %d, expected one of the graph's %d",
                            op->name, name, (int)i, (int)inputs[i], (int)graph->value_count);
    }
    return GRAFT_OK;
}

/* Attributes, operand lists and name of a new node, in the arena. */
static graft_status fill_node(gft_graph *graph, gft_node *node, const char *name, const void *attrs,
                              const gft_value_id *inputs, graft_error *err) {
    const gft_op *op = node->op;
    size_t input_bytes = (size_t)node->input_count * sizeof *inputs;
    size_t output_bytes = (size_t)node->output_count * sizeof *inputs;
    node->attrs = gft_arena_alloc(&graph->arena, op->attrs_bytes);
    node->inputs = gft_arena_alloc(&graph->arena, input_bytes);
    node->outputs = gft_arena_alloc(&graph->arena, output_bytes);
    if (!node->attrs || !node->inputs || !node->outputs)
        return gft_fail_memory(err, op->attrs_bytes + input_bytes + output_bytes, "a node");
    if (attrs && op->attrs_bytes)
        memcpy(node->attrs, attrs, op->attrs_bytes);
    if (input_bytes)
        memcpy(node->inputs, inputs, input_bytes);
    GFT_TRY(gft_graph_names_take(graph, name, graph->node_count, &node->name, err));
    node->layer = graph->layer ? graph->layer : node->name;
    return GRAFT_OK;
}

graft_status gft_graph_add(gft_graph *graph, const gft_op *op, const char *name, const void *attrs,
                           const gft_value_id *inputs, int32_t input_count, gft_value_id *outputs,
                           graft_error *err) {
    if (!name)
        name = op->name;
    GFT_TRY(check_operands(graph, op, name, inputs, input_count, err));
    GFT_TRY(reserve_node(graph, err));
    GFT_TRY(reserve_values(graph, op->outputs, err));
    graft_status status;
    gft_node node = {.op = op, .input_count = input_count, .output_count = op->outputs};
    gft_node_view view;
    GFT_GOTO(gft_node_view_init(&view, graph, inputs, input_count, op->outputs, err));
    /* An op with attributes that were not given is looked at with zeros. */
    void *zeros = NULL;
    if (!attrs && op->attrs_bytes) {
        zeros = gft_arena_alloc(&graph->arena, op->attrs_bytes);
        if (!zeros) {
            status = gft_fail_memory(err, op->attrs_bytes, "attributes");
            goto done;
        }
        attrs = zeros;
    }
    GFT_GOTO(gft_node_view_infer(&view, op, name, attrs, err));
    GFT_GOTO(fill_node(graph, &node, name, attrs, inputs, err));
    for (int32_t i = 0; i < op->outputs; i++) {
        node.outputs[i] = append_value(graph, GFT_VALUE_NODE, NULL, &view.outputs[i]);
        graph->values[node.outputs[i]].node = graph->node_count;
        graph->values[node.outputs[i]].output = i;
        if (outputs)
            outputs[i] = node.outputs[i];
    }
    for (int32_t i = 0; i < input_count && (op->flags & GFT_OP_SIDE_EFFECT); i++) {
        /* node.inputs: the caller may have given one array for inputs and outputs */
        if (graph->values[node.inputs[i]].kind == GFT_VALUE_PARAM)
            graph->values[node.inputs[i]].written = true;
    }
    graph->nodes[graph->node_count++] = node;
done:
    gft_node_view_deinit(&view);
    return status;
}
