/*
 * Shapes and costs: what an op's infer and cost functions are shown of a node, and walks over the
 * whole graph with them.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "graph/graph_priv.h"

graft_status gft_node_view_init(gft_node_view *view, const gft_graph *graph,
                                const gft_value_id *inputs, int32_t input_count,
                                int32_t output_count, graft_error *err) {
    view->inputs = view->few_inputs;
    view->constants = view->few_constants;
    view->outputs = view->few_outputs;
    view->input_count = input_count;
    view->output_count = output_count;
    view->many = NULL;
    if (input_count > GFT_NODE_VIEW_FEW || output_count > GFT_NODE_VIEW_FEW) {
        size_t descs = (size_t)input_count + (size_t)output_count;
        size_t bytes = descs * sizeof *view->inputs + (size_t)input_count * sizeof(void *);
        view->many = gft_malloc(bytes);
        if (!view->many)
            return gft_fail_memory(err, bytes, "a node's descriptors");
        view->inputs = view->many;
        view->outputs = view->inputs + input_count;
        view->constants = (const void **)(void *)(view->outputs + output_count);
    }
    for (int32_t i = 0; i < input_count; i++) {
        const gft_value *value = &graph->values[inputs[i]];
        view->inputs[i] = value->desc;
        view->constants[i] =
            value->scaled ? value->data : gft_graph_fixed_data(graph, inputs[i], true);
    }
    for (int32_t i = 0; i < output_count; i++)
        view->outputs[i] = (graft_tensor_desc){GRAFT_DTYPE_NONE, {0, {0}}, NULL};
    return GRAFT_OK;
}

void gft_node_view_deinit(gft_node_view *view) {
    gft_free(view->many);
    view->many = NULL;
}

graft_status gft_graph_blame(graft_error *err, graft_status status, const char *op,
                             const char *node) {
    if (!err)
        return status;
    char text[GRAFT_ERROR_MESSAGE_BYTES];
    size_t length = strnlen(node, sizeof text - 3);
    text[0] = '\'';
    memcpy(text + 1, node, length);
    text[length + 1] = '\'';
    text[length + 2] = '\0';
    if (!strstr(err->message, text))
        (void)gft_fail_in(err, status, "%s '%s'", op, node);
    err->code = status;
    return status;
}

graft_status gft_node_view_infer(gft_node_view *view, const gft_op *op, const char *node,
                                 const void *attrs, graft_error *err) {
    gft_infer in = {node,
                    attrs,
                    view->inputs,
                    view->input_count,
                    view->constants,
                    view->outputs,
                    view->output_count};
    graft_status status = op->infer(&in, err);
    return status == GRAFT_OK ? status : gft_graph_blame(err, status, op->name, node);
}

static graft_status set_input_shapes(gft_graph *graph, const graft_shape *shapes,
                                     graft_error *err) {
    for (int32_t i = 0; i < graph->input_count && shapes; i++) {
        gft_value *value = &graph->values[graph->inputs[i].value];
        char given[GFT_DESC_TEXT_BYTES];
        char declared[GFT_DESC_TEXT_BYTES];
        if (!gft_shape_matches(&value->desc.shape, &shapes[i]))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input '%s': shape %s, expected %s",
                            graph->inputs[i].name, gft_shape_text(&shapes[i], given),
                            gft_shape_text(&value->desc.shape, declared));
        value->desc.shape = shapes[i];
    }
    return GRAFT_OK;
}

static graft_status reinfer_node(gft_graph *graph, const gft_node *node, graft_error *err) {
    gft_node_view view;
    GFT_TRY(
        gft_node_view_init(&view, graph, node->inputs, node->input_count, node->output_count, err));
    graft_status status = gft_node_view_infer(&view, node->op, node->name, node->attrs, err);
    for (int32_t i = 0; i < node->output_count && status == GRAFT_OK; i++)
        graph->values[node->outputs[i]].desc = view.outputs[i];
    gft_node_view_deinit(&view);
    return status;
}

graft_status gft_graph_reinfer(gft_graph *graph, const graft_shape *input_shapes,
                               graft_error *err) {
    size_t bytes = ((size_t)graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *order = gft_malloc(bytes);
    if (!order)
        return gft_fail_memory(err, bytes, "a graph's order");
    int32_t count = 0;
    graft_status status;
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    GFT_GOTO(set_input_shapes(graph, input_shapes, err));
    for (int32_t i = 0; i < count; i++)
        GFT_GOTO(reinfer_node(graph, &graph->nodes[order[i]], err));
done:
    gft_free(order);
    return status;
}

static void unknown_as_one(graft_tensor_desc *descs, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        for (int32_t d = 0; d < descs[i].shape.rank; d++) {
            if (descs[i].shape.dims[d] < 0)
                descs[i].shape.dims[d] = 1;
        }
    }
}

static int64_t bytes_of(const graft_tensor_desc *descs, int32_t count) {
    int64_t total = 0;
    for (int32_t i = 0; i < count; i++) {
        size_t bytes;
        if (gft_desc_bytes(&descs[i], &bytes) && bytes < INT64_MAX / 2 && total < INT64_MAX / 2)
            total += (int64_t)bytes;
    }
    return total;
}

gft_cost gft_graph_node_cost(const gft_graph *graph, gft_node_id id) {
    const gft_node *node = &graph->nodes[id];
    gft_cost cost = {0, 0};
    gft_node_view view;
    if (!node->op || gft_node_view_init(&view, graph, node->inputs, node->input_count,
                                        node->output_count, NULL) != GRAFT_OK)
        return cost;
    for (int32_t i = 0; i < node->output_count; i++)
        view.outputs[i] = graph->values[node->outputs[i]].desc;
    unknown_as_one(view.inputs, view.input_count);
    unknown_as_one(view.outputs, view.output_count);
    gft_infer in = {node->name,     node->attrs,  view.inputs,      view.input_count,
                    view.constants, view.outputs, view.output_count};
    if (node->op->cost)
        node->op->cost(&in, &cost);
    if (cost.bytes == 0 && !(node->op->flags & GFT_OP_VIEW))
        cost.bytes =
            bytes_of(view.inputs, view.input_count) + bytes_of(view.outputs, view.output_count);
    gft_node_view_deinit(&view);
    return cost;
}

gft_cost gft_graph_cost(const gft_graph *graph) {
    gft_cost total = {0, 0};
    for (int32_t i = 0; i < graph->node_count; i++) {
        gft_cost cost = gft_graph_node_cost(graph, i);
        total.macs += cost.macs;
        total.bytes += cost.bytes;
    }
    return total;
}
