/*
 * Where every value of a plan lies. Views join the place of what they look at; an in-place op takes
 * over the place of an input that dies there; the rest gets blocks of the arena, placed by lifetime
 * together with the steps' scratch.
 *
 * A group is a value with all its views. One place may hold several groups one after the other
 * (in-place chains); their sizes agree.
 */
#include "base/size.h"
#include "graph/graph_priv.h"
#include "graph/plan_priv.h"

typedef struct layout {
    gft_plan *plan;
    gft_value_id *group; /* per value: the value its group is named after */
    int32_t
        *last; /* per group: the last step that reads it; step_count for what leaves the graph */
} layout;

static bool is_view(const gft_node *node) {
    return (node->op->flags & GFT_OP_VIEW) != 0;
}

static void make_groups(layout *l, const gft_node_id *order, int32_t count) {
    const gft_graph *graph = l->plan->graph;
    for (int32_t i = 0; i < graph->value_count; i++) {
        l->group[i] = i;
        l->last[i] = -1;
    }
    int32_t step = 0;
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &graph->nodes[order[i]];
        if (is_view(node)) {
            l->group[node->outputs[0]] = l->group[node->inputs[0]];
            continue;
        }
        for (int32_t k = 0; k < node->input_count; k++) {
            if (gft_op_reads(node->op, k))
                l->last[l->group[node->inputs[k]]] = step;
        }
        step++;
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        l->last[l->group[graph->outputs[i].value]] = step;
}

static size_t bytes_of(const gft_graph *graph, gft_value_id value) {
    size_t bytes = 0; /* gft_plan_make_steps has seen that there is a size */
    return gft_desc_bytes(&graph->values[value].desc, &bytes) ? bytes : 0;
}

static int32_t new_place(gft_plan *plan, gft_place place) {
    place.output = -1;
    plan->places[plan->place_count] = place;
    return plan->place_count++;
}

static void place_leaves(layout *l) {
    gft_plan *plan = l->plan;
    const gft_graph *graph = plan->graph;
    for (int32_t i = 0; i < graph->value_count; i++) {
        const gft_value *value = &graph->values[i];
        plan->place_of[i] = -1;
        if (value->kind != GFT_VALUE_CONST && value->kind != GFT_VALUE_PARAM)
            continue;
        if (l->last[i] < 0)
            continue; /* nothing uses it any more */
        const void *data = gft_graph_value_data(graph, i);
        /* Fixed places are only read, but for statistics that a step updates: the table has one
         * type for all. */
        gft_place place = {.kind = GFT_PLACE_FIXED, .value = i, .data = (void *)(uintptr_t)data};
        plan->place_of[i] = new_place(plan, place);
    }
    for (int32_t i = 0; i < graph->input_count; i++) {
        gft_place place = {.kind = GFT_PLACE_INPUT, .input = i};
        plan->place_of[graph->inputs[i].value] = new_place(plan, place);
    }
}

/* The place of an input that ends here and has the size of output 0, or -1. */
static int32_t find_in_place(const layout *l, const gft_node *node, int32_t step) {
    const gft_plan *plan = l->plan;
    if (!(node->op->flags & GFT_OP_IN_PLACE) || plan->keep_all)
        return -1;
    size_t bytes = bytes_of(plan->graph, node->outputs[0]);
    for (int32_t k = 0; k < node->input_count; k++) {
        int32_t place = plan->place_of[node->inputs[k]];
        if (place >= 0 && plan->places[place].kind == GFT_PLACE_ARENA &&
            l->last[l->group[node->inputs[k]]] == step &&
            bytes_of(plan->graph, node->inputs[k]) == bytes)
            return place;
    }
    return -1;
}

static void place_node(layout *l, const gft_node *node, int32_t step) {
    gft_plan *plan = l->plan;
    for (int32_t k = 0; k < node->output_count; k++) {
        gft_value_id value = node->outputs[k];
        int32_t last = l->last[value] > step ? l->last[value] : step;
        if (plan->keep_all)
            last = plan->step_count;
        int32_t place = k == 0 ? find_in_place(l, node, step) : -1;
        if (place >= 0) {
            plan->places[place].block.last = last;
        } else {
            gft_block block = {bytes_of(plan->graph, value), 0, step, last};
            place = new_place(plan, (gft_place){.kind = GFT_PLACE_ARENA, .block = block});
        }
        plan->place_of[value] = place;
    }
}

static void place_outputs(gft_plan *plan) {
    const gft_graph *graph = plan->graph;
    for (int32_t i = 0; i < graph->output_count; i++) {
        gft_value_id value = graph->outputs[i].value;
        size_t bytes = bytes_of(graph, value);
        gft_plan_output *output = &plan->outputs[i];
        *output = (gft_plan_output){&graph->values[value].desc, bytes, plan->place_of[value], -1};
        gft_place *place = &plan->places[output->place];
        if (place->kind == GFT_PLACE_ARENA && place->output < 0)
            place->output = i;
        if (place->kind == GFT_PLACE_INPUT) { /* the caller's data is borrowed for the call only */
            gft_block block = {bytes, 0, plan->step_count, plan->step_count};
            output->copy = new_place(plan, (gft_place){.kind = GFT_PLACE_ARENA, .block = block});
        }
    }
}

static graft_status place_blocks(gft_plan *plan, graft_error *err) {
    size_t most = (size_t)plan->place_count + (size_t)plan->step_count + 1;
    gft_block **blocks = gft_malloc(most * sizeof *blocks);
    if (!blocks)
        return gft_fail_memory(err, most * sizeof *blocks, "placing buffers");
    int32_t count = 0;
    for (int32_t i = 0; i < plan->place_count; i++) {
        if (plan->places[i].kind == GFT_PLACE_ARENA)
            blocks[count++] = &plan->places[i].block;
    }
    for (int32_t i = 0; i < plan->step_count; i++) {
        plan->steps[i].scratch.first = i;
        plan->steps[i].scratch.last = i;
        if (plan->steps[i].scratch.bytes)
            blocks[count++] = &plan->steps[i].scratch;
    }
    graft_status status = gft_plan_place(blocks, count, &plan->arena_bytes, err);
    gft_free(blocks);
    return status;
}

/* Operands of the steps as places. */
static graft_status link_steps(gft_plan *plan, const gft_node_id *order, int32_t count,
                               graft_error *err) {
    int32_t number = 0;
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &plan->graph->nodes[order[i]];
        if (is_view(node))
            continue;
        gft_step *step = &plan->steps[number++];
        size_t operands = (size_t)node->input_count + (size_t)node->output_count;
        step->input_places = gft_arena_array(&plan->memory, operands, sizeof(int32_t));
        if (!step->input_places)
            return gft_fail_memory(err, operands * sizeof(int32_t), "a plan's steps");
        step->output_places = step->input_places + node->input_count;
        for (int32_t k = 0; k < node->input_count; k++)
            step->input_places[k] =
                gft_op_reads(node->op, k) ? plan->place_of[node->inputs[k]] : -1;
        for (int32_t k = 0; k < node->output_count; k++)
            step->output_places[k] = plan->place_of[node->outputs[k]];
    }
    return GRAFT_OK;
}

graft_status gft_plan_make_places(gft_plan *plan, const gft_node_id *order, int32_t count,
                                  graft_error *err) {
    const gft_graph *graph = plan->graph;
    size_t values = (size_t)graph->value_count + 1;
    size_t outputs = (size_t)graph->output_count;
    plan->place_of = gft_arena_array(&plan->memory, values, sizeof *plan->place_of);
    plan->places = gft_arena_array(&plan->memory, values + outputs, sizeof *plan->places);
    plan->outputs = gft_arena_array(&plan->memory, outputs, sizeof *plan->outputs);
    if (!plan->place_of || !plan->places || !plan->outputs)
        return gft_fail_memory(err, values * sizeof *plan->places, "a plan's places");
    layout l = {plan, gft_malloc(2 * values * sizeof(int32_t)), NULL};
    if (!l.group)
        return gft_fail_memory(err, 2 * values * sizeof(int32_t), "a plan's places");
    l.last = l.group + values;
    make_groups(&l, order, count);
    place_leaves(&l);
    int32_t step = 0;
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &graph->nodes[order[i]];
        if (is_view(node))
            plan->place_of[node->outputs[0]] = plan->place_of[node->inputs[0]];
        else
            place_node(&l, node, step++);
    }
    gft_free(l.group);
    place_outputs(plan);
    GFT_TRY(place_blocks(plan, err));
    return link_steps(plan, order, count, err);
}
