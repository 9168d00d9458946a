/*
 * Making a plan: copy the graph, give it concrete shapes, rewrite it, prepare its ops, place its
 * values.
 */
#include "graph/graph_priv.h"
#include "graph/plan_priv.h"
#include "graph/rewrite.h"
#include "graph/rewrite_precision.h"

static graft_status make_graph(gft_plan *plan, const gft_graph *graph, const graft_shape *shapes,
                               const gft_plan_options *options, graft_error *err) {
    GFT_TRY(gft_graph_clone(graph, &plan->graph, err));
    GFT_TRY(gft_graph_reinfer(plan->graph, shapes, err));
    for (int32_t i = 0; i < plan->graph->input_count; i++) {
        const gft_binding *input = &plan->graph->inputs[i];
        const graft_tensor_desc *desc = &plan->graph->values[input->value].desc;
        char text[GFT_DESC_TEXT_BYTES];
        size_t bytes;
        if (!gft_desc_bytes(desc, &bytes))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "input '%s': %s, expected numbers in a shape that is known",
                            input->name, gft_desc_text(desc, text));
    }
    if (!options->no_rewrite) {
        gft_rewrite_options rewrite = {.training = options->training,
                                       .fuse = !options->no_fuse,
                                       .keep_shapes = options->keep_all,
                                       .lazy = true};
        GFT_TRY(gft_rewrite_all(plan->graph, &rewrite, err));
        bool half = options->precision == GRAFT_BF16 || options->precision == GRAFT_F16;
        if (half && options->half_ops) {
            GFT_TRY(gft_rewrite_precision(plan->graph, options->precision, options->half_ops,
                                          options->training, err));
            GFT_TRY(gft_graph_sweep(plan->graph, err));
        }
        GFT_TRY(gft_graph_reinfer(plan->graph, NULL, err));
    }
    return GRAFT_OK;
}

/* used: per value, whether a live node or an output takes it. */
static void mark_used(const gft_graph *graph, bool *used) {
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->input_count && node->op; k++)
            used[node->inputs[k]] = true;
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        used[graph->outputs[i].value] = true;
}

/* What rewrites left over is let go; what is still somebody else's is copied, as the plan outlives
 * the graph. */
static graft_status settle_constants(gft_graph *graph, graft_error *err) {
    size_t count = (size_t)graph->value_count + 1;
    bool *used = gft_calloc(count, sizeof *used);
    if (!used)
        return gft_fail_memory(err, count, "a plan's constants");
    mark_used(graph, used);
    for (int32_t i = 0; i < graph->value_count; i++) {
        gft_value *value = &graph->values[i];
        if (used[i] || value->kind != GFT_VALUE_CONST)
            continue;
        gft_free(value->owned);
        value->owned = NULL;
        value->data = NULL;
        value->foreign = false;
    }
    gft_free(used);
    return gft_graph_own_constants(graph, err);
}

/* Constants that every user has packed are not kept a second time. */
static graft_status drop_packed(gft_plan *plan, graft_error *err) {
    size_t count = (size_t)plan->place_count + 1;
    bool *read = gft_calloc(count, sizeof *read);
    if (!read)
        return gft_fail_memory(err, count, "a plan's constants");
    for (int32_t i = 0; i < plan->step_count; i++) {
        const gft_step *step = &plan->steps[i];
        for (int32_t k = 0; k < step->input_count; k++) {
            bool packed = k < 32 && (step->packed_inputs >> k & 1u);
            if (!packed && step->input_places[k] >= 0)
                read[step->input_places[k]] = true;
        }
    }
    for (int32_t i = 0; i < plan->graph->output_count; i++)
        read[plan->outputs[i].place] = true;
    for (int32_t i = 0; i < plan->place_count; i++) {
        gft_place *place = &plan->places[i];
        if (place->kind != GFT_PLACE_FIXED || read[i])
            continue;
        gft_value *value = &plan->graph->values[place->value];
        place->data = NULL;
        gft_free(value->owned);
        value->owned = NULL;
        value->data = NULL;
    }
    gft_free(read);
    return GRAFT_OK;
}

static graft_status build(gft_plan *plan, const gft_graph *graph, const graft_shape *shapes,
                          const gft_plan_options *options, graft_error *err) {
    GFT_TRY(make_graph(plan, graph, shapes, options, err));
    GFT_TRY(settle_constants(plan->graph, err));
    size_t bytes = ((size_t)plan->graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *order = gft_malloc(bytes);
    if (!order)
        return gft_fail_memory(err, bytes, "a plan's order");
    int32_t count = 0;
    graft_status status;
    GFT_GOTO(gft_graph_order(plan->graph, order, &count, err));
    GFT_GOTO(gft_plan_make_steps(plan, order, count, err));
    GFT_GOTO(gft_plan_prepare_steps(plan, options->pool, err));
    GFT_GOTO(gft_plan_make_places(plan, order, count, err));
    GFT_GOTO(drop_packed(plan, err));
done:
    gft_free(order);
    return status;
}

graft_status gft_plan_new(const gft_graph *graph, const graft_shape *input_shapes,
                          const gft_plan_options *options, gft_plan **out, graft_error *err) {
    static const gft_plan_options defaults;
    if (!options)
        options = &defaults;
    gft_plan *plan = gft_calloc(1, sizeof *plan);
    if (!plan)
        return gft_fail_memory(err, sizeof *plan, "a plan");
    atomic_init(&plan->references, 1);
    plan->training = options->training;
    plan->no_winograd = options->no_winograd;
    plan->keep_all = options->keep_all;
    graft_status status = build(plan, graph, input_shapes, options, err);
    if (status != GRAFT_OK) {
        gft_plan_unref(plan);
        return status;
    }
    *out = plan;
    return GRAFT_OK;
}

gft_plan *gft_plan_ref(gft_plan *plan) {
    atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
    return plan;
}

void gft_plan_unref(gft_plan *plan) {
    if (!plan || atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel) != 1)
        return;
    gft_graph_free(plan->graph);
    gft_arena_deinit(&plan->packed);
    gft_arena_deinit(&plan->memory);
    gft_free(plan);
}
