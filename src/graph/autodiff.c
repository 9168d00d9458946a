/*
 * Reverse-mode differentiation: the nodes between `wrt` and the loss are visited backwards in
 * topological order; each asks its op's gradient function for nodes that compute the gradients of
 * its inputs; contributions are added up.
 */
#include "graph/autodiff.h"

#include "base/alloc.h"
#include "graph/graph_priv.h"

typedef struct diff {
    gft_graph *graph;
    const gft_gradients *table;
    int32_t value_count; /* of the graph before anything was added */
    gft_value_id *sums;  /* per value: its gradient so far, or -1 */
    bool *depends;       /* per value: it depends on one of wrt (or is one) and has a gradient */
    bool *reaches;       /* per value: the loss depends on it */
} diff;

static bool is_real(graft_dtype dtype) {
    return dtype == GRAFT_F32 || dtype == GRAFT_F64 || dtype == GRAFT_F16 || dtype == GRAFT_BF16;
}

static void mark(diff *d, const gft_node_id *order, int32_t count, gft_value_id loss) {
    const gft_graph *graph = d->graph;
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &graph->nodes[order[i]];
        bool depends = false;
        for (int32_t k = 0; k < node->input_count; k++)
            depends = depends || d->depends[node->inputs[k]];
        for (int32_t k = 0; k < node->output_count; k++) {
            gft_value_id out = node->outputs[k];
            d->depends[out] =
                d->depends[out] || (depends && is_real(graph->values[out].desc.dtype));
        }
    }
    d->reaches[loss] = true;
    for (int32_t i = count - 1; i >= 0; i--) {
        const gft_node *node = &graph->nodes[order[i]];
        bool reaches = false;
        for (int32_t k = 0; k < node->output_count; k++)
            reaches = reaches || d->reaches[node->outputs[k]];
        for (int32_t k = 0; k < node->input_count && reaches; k++)
            d->reaches[node->inputs[k]] = true;
    }
}

static gft_grad_fn find_gradient(const gft_gradients *table, const gft_op *op) {
    for (int32_t i = 0; i < table->count; i++) {
        if (table->entries[i].op == op)
            return table->entries[i].fn;
    }
    return NULL;
}

static graft_status accumulate(diff *d, gft_value_id value, gft_value_id grad, graft_error *err) {
    if (d->sums[value] < 0) {
        d->sums[value] = grad;
        return GRAFT_OK;
    }
    gft_value_id terms[2] = {d->sums[value], grad};
    return gft_graph_add(d->graph, d->table->add, "grad/sum", NULL, terms, 2, &d->sums[value], err);
}

static graft_status collect(diff *d, gft_node_id id, const bool *wanted, const gft_value_id *grads,
                            graft_error *err) {
    for (int32_t k = 0; k < d->graph->nodes[id].input_count; k++) {
        if (!wanted[k] || grads[k] < 0)
            continue;
        const gft_node *node = &d->graph->nodes[id];
        gft_value_id input = node->inputs[k];
        char found[GFT_DESC_TEXT_BYTES];
        char expected[GFT_DESC_TEXT_BYTES];
        const graft_tensor_desc *got = &d->graph->values[grads[k]].desc;
        const graft_tensor_desc *want = &d->graph->values[input].desc;
        if (!gft_shape_matches(&got->shape, &want->shape))
            return gft_fail(err, GRAFT_INTERNAL,
                            "%s '%s': the gradient of input %d is %s, expected %s", node->op->name,
                            node->name, (int)k, gft_desc_text(got, found),
                            gft_desc_text(want, expected));
        GFT_TRY(accumulate(d, input, grads[k], err));
    }
    return GRAFT_OK;
}

/* work: room for one gradient per output and input, and one flag per input, of the widest node. */
static graft_status visit(diff *d, gft_node_id id, gft_value_id *work, graft_error *err) {
    const gft_node *node = &d->graph->nodes[id];
    gft_value_id *output_grads = work;
    gft_value_id *input_grads = work + node->output_count;
    bool *wanted = (bool *)(input_grads + node->input_count);
    bool flows = false;
    bool any_wanted = false;
    for (int32_t k = 0; k < node->output_count; k++) {
        output_grads[k] = d->sums[node->outputs[k]];
        flows = flows || output_grads[k] >= 0;
    }
    for (int32_t k = 0; k < node->input_count; k++) {
        gft_value_id input = node->inputs[k];
        input_grads[k] = -1;
        wanted[k] = d->depends[input] && is_real(d->graph->values[input].desc.dtype);
        any_wanted = any_wanted || wanted[k];
    }
    if (!flows || !any_wanted)
        return GRAFT_OK;
    gft_grad_fn fn = find_gradient(d->table, node->op);
    if (!fn)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s '%s': this op has no gradient",
                        node->op->name, node->name);
    /* Names outlive the array of nodes, which may move while nodes are added. */
    const char *op_name = node->op->name;
    const char *node_name = node->name;
    const char *layer = d->graph->layer;
    d->graph->layer = node->layer;
    gft_grad grad = {d->graph, id, output_grads, wanted, input_grads, d->table};
    graft_status status = fn(&grad, err);
    if (status != GRAFT_OK)
        (void)gft_graph_blame(err, status, op_name, node_name);
    else
        status = collect(d, id, wanted, input_grads, err);
    d->graph->layer = layer;
    return status;
}

static graft_status run_back(diff *d, const gft_node_id *order, int32_t count, gft_value_id loss,
                             graft_error *err) {
    size_t widest = 1;
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &d->graph->nodes[order[i]];
        size_t operands = 2 * (size_t)node->input_count + (size_t)node->output_count;
        widest = operands > widest ? operands : widest;
    }
    gft_value_id *work = gft_malloc(widest * sizeof *work);
    if (!work)
        return gft_fail_memory(err, widest * sizeof *work, "gradients");
    graft_status status = GRAFT_OK;
    if (d->depends[loss])
        GFT_GOTO(gft_graph_add(d->graph, d->table->fill_like, "grad/seed", NULL, &loss, 1,
                               &d->sums[loss], err));
    for (int32_t i = count - 1; i >= 0; i--) {
        const gft_node *node = &d->graph->nodes[order[i]];
        bool on_path = false;
        for (int32_t k = 0; k < node->output_count; k++)
            on_path = on_path || (d->depends[node->outputs[k]] && d->reaches[node->outputs[k]]);
        if (on_path)
            GFT_GOTO(visit(d, order[i], work, err));
    }
done:
    gft_free(work);
    return status;
}

static graft_status check_arguments(const gft_graph *graph, gft_value_id loss,
                                    const gft_value_id *wrt, int32_t count, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    if (loss < 0 || loss >= graph->value_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "autodiff: the loss is value %d of %d",
                        (int)loss, (int)graph->value_count);
    if (graph->values[loss].desc.dtype != GRAFT_F32)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "autodiff: the loss is %s, expected float32",
                        gft_desc_text(&graph->values[loss].desc, text));
    for (int32_t i = 0; i < count; i++) {
        if (wrt[i] < 0 || wrt[i] >= graph->value_count)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "autodiff: gradient %d is asked for value %d of %d", (int)i,
                            (int)wrt[i], (int)graph->value_count);
    }
    return GRAFT_OK;
}

graft_status gft_autodiff(gft_graph *graph, gft_value_id loss, const gft_value_id *wrt,
                          int32_t count, const gft_gradients *table, gft_value_id *grads,
                          graft_error *err) {
    GFT_TRY(check_arguments(graph, loss, wrt, count, err));
    size_t values = (size_t)graph->value_count;
    size_t nodes = (size_t)graph->node_count;
    size_t bytes = (values + nodes + 1) * sizeof(int32_t) + 2 * values * sizeof(bool);
    gft_value_id *memory = gft_calloc(1, bytes);
    if (!memory)
        return gft_fail_memory(err, bytes, "gradients");
    gft_node_id *order = memory + values;
    diff d = {graph, table, graph->value_count, memory, (bool *)(order + nodes + 1), NULL};
    d.reaches = d.depends + values;
    for (size_t i = 0; i < values; i++)
        d.sums[i] = -1;
    for (int32_t i = 0; i < count; i++)
        d.depends[wrt[i]] = true;
    int32_t live = 0;
    graft_status status;
    GFT_GOTO(gft_graph_order(graph, order, &live, err));
    mark(&d, order, live, loss);
    GFT_GOTO(run_back(&d, order, live, loss, err));
    for (int32_t i = 0; i < count; i++)
        grads[i] = d.reaches[wrt[i]] ? d.sums[wrt[i]] : -1;
done:
    gft_free(memory);
    return status;
}
