/*
 * Looking at a plan: its interface, its steps, its memory.
 */
#include "graph/graph_priv.h"
#include "graph/plan_priv.h"

size_t gft_plan_arena_bytes(const gft_plan *plan) {
    return plan->arena_bytes;
}

size_t gft_plan_packed_bytes(const gft_plan *plan) {
    return plan->packed.used_bytes;
}

int32_t gft_plan_input_count(const gft_plan *plan) {
    return plan->graph->input_count;
}

int32_t gft_plan_output_count(const gft_plan *plan) {
    return plan->graph->output_count;
}

const char *gft_plan_input_name(const gft_plan *plan, int32_t i) {
    return plan->graph->inputs[i].name;
}

const char *gft_plan_output_name(const gft_plan *plan, int32_t i) {
    return plan->graph->outputs[i].name;
}

const graft_tensor_desc *gft_plan_input_desc(const gft_plan *plan, int32_t i) {
    return &plan->graph->values[plan->graph->inputs[i].value].desc;
}

const graft_tensor_desc *gft_plan_output_desc(const gft_plan *plan, int32_t i) {
    return plan->outputs[i].desc;
}

const graft_tensor_desc *gft_plan_value_desc(const gft_plan *plan, const char *node,
                                             int32_t output) {
    gft_node_id id = gft_graph_names_find(plan->graph, node);
    if (id < 0 || output < 0 || output >= plan->graph->nodes[id].output_count)
        return NULL;
    return &plan->graph->values[plan->graph->nodes[id].outputs[output]].desc;
}

int32_t gft_plan_step_count(const gft_plan *plan) {
    return plan->step_count;
}

const char *gft_plan_step_name(const gft_plan *plan, int32_t i) {
    return plan->steps[i].name;
}

const char *gft_plan_step_op(const gft_plan *plan, int32_t i) {
    return plan->steps[i].op->name;
}

gft_cost gft_plan_step_cost(const gft_plan *plan, int32_t i) {
    return plan->steps[i].cost;
}
