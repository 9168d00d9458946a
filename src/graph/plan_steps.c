/*
 * Steps of a plan: what every op of the graph needs to be prepared (plan_prepare.c), in order.
 */
#include "base/size.h"
#include "graph/graph_priv.h"
#include "graph/plan_priv.h"

static graft_status check_sizes(const gft_graph *graph, const gft_node *node, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    for (int32_t i = 0; i < node->input_count + node->output_count; i++) {
        bool input = i < node->input_count;
        int32_t k = input ? i : i - node->input_count;
        const graft_tensor_desc *desc =
            &graph->values[input ? node->inputs[k] : node->outputs[k]].desc;
        size_t bytes;
        if (gft_desc_bytes(desc, &bytes))
            continue;
        if (desc->dtype != GRAFT_DTYPE_NONE && gft_dtype_cell_bytes(desc->dtype) == 0)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s '%s': %s %d is %s, expected numbers",
                            node->op->name, node->name, input ? "input" : "output", (int)k,
                            gft_desc_text(desc, text));
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s '%s': %s %d is %s, expected a shape that is known and fits in memory",
                        node->op->name, node->name, input ? "input" : "output", (int)k,
                        gft_desc_text(desc, text));
    }
    return GRAFT_OK;
}

static graft_status make_step(gft_plan *plan, gft_node_id id, gft_step *step, graft_error *err) {
    const gft_graph *graph = plan->graph;
    const gft_node *node = &graph->nodes[id];
    GFT_TRY(check_sizes(graph, node, err));
    if (!node->op->run)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s '%s': this op cannot be run", node->op->name,
                        node->name);
    step->op = node->op;
    step->name = node->name;
    step->attrs = node->attrs;
    step->input_count = node->input_count;
    step->output_count = node->output_count;
    size_t descs = (size_t)node->input_count + (size_t)node->output_count;
    step->inputs = gft_arena_array(&plan->memory, descs, sizeof *step->inputs);
    if (!step->inputs)
        return gft_fail_memory(err, descs * sizeof *step->inputs, "a plan's step");
    step->outputs = step->inputs + node->input_count;
    for (int32_t i = 0; i < node->input_count; i++)
        step->inputs[i] = graph->values[node->inputs[i]].desc;
    for (int32_t i = 0; i < node->output_count; i++)
        step->outputs[i] = graph->values[node->outputs[i]].desc;
    step->cost = gft_graph_node_cost(graph, id);
    if (node->input_count > plan->max_inputs)
        plan->max_inputs = node->input_count;
    if (node->output_count > plan->max_outputs)
        plan->max_outputs = node->output_count;
    return GRAFT_OK;
}

graft_status gft_plan_make_steps(gft_plan *plan, const gft_node_id *order, int32_t count,
                                 graft_error *err) {
    plan->steps = gft_arena_array(&plan->memory, (size_t)count, sizeof *plan->steps);
    if (!plan->steps)
        return gft_fail_memory(err, (size_t)count * sizeof *plan->steps, "a plan's steps");
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &plan->graph->nodes[order[i]];
        if (node->op->flags & GFT_OP_VIEW) {
            GFT_TRY(check_sizes(plan->graph, node, err));
            continue;
        }
        gft_step *step = &plan->steps[plan->step_count++];
        step->node = order[i];
        GFT_TRY(make_step(plan, order[i], step, err));
    }
    return GRAFT_OK;
}
