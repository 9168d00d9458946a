/*
 * Nodes whose inputs never change are computed while the plan is made, by preparing and running
 * their ops right here. Results that are much larger than what they are made of (broadcasts) are
 * left to the run.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "graph/rewrite_priv.h"

#define LARGE_BYTES ((size_t)1 << 20)

typedef struct folding {
    gft_node_view view;
    const void **inputs;
    void **outputs;
} folding;

static bool all_fixed(const gft_graph *graph, const gft_node *node, bool training) {
    if (!node->op || (node->op->flags & (GFT_OP_SIDE_EFFECT | GFT_OP_RANDOM)))
        return false;
    size_t in_bytes = 0;
    size_t out_bytes = 0;
    for (int32_t k = 0; k < node->input_count; k++) {
        size_t bytes;
        bool known =
            !gft_op_reads(node->op, k) || gft_graph_fixed_data(graph, node->inputs[k], training);
        if (!known || !gft_desc_bytes(&graph->values[node->inputs[k]].desc, &bytes) ||
            !gft_size_add(in_bytes, bytes, &in_bytes))
            return false;
    }
    for (int32_t k = 0; k < node->output_count; k++) {
        size_t bytes;
        if (!gft_desc_bytes(&graph->values[node->outputs[k]].desc, &bytes) ||
            !gft_size_add(out_bytes, bytes, &out_bytes))
            return false;
    }
    return out_bytes <= LARGE_BYTES || out_bytes / 2 <= in_bytes;
}

graft_status gft_rewrite_run_op(const gft_node *node, const graft_tensor_desc *inputs_desc,
                                const void *const *inputs, const graft_tensor_desc *outputs_desc,
                                void *const *outputs, graft_error *err) {
    gft_arena arena;
    gft_arena_init(&arena);
    gft_prepare p = {.node = node->name,
                     .attrs = node->attrs,
                     .inputs = inputs_desc,
                     .input_count = node->input_count,
                     .outputs = outputs_desc,
                     .output_count = node->output_count,
                     .constants = inputs,
                     .arena = &arena,
                     .phases = 1,
                     .tasks = {1, 1, 1}};
    void *scratch = NULL;
    void *worker_scratch = NULL;
    graft_status status = node->op->prepare ? node->op->prepare(&p, err) : GRAFT_OK;
    if (status != GRAFT_OK) {
        (void)gft_graph_blame(err, status, node->op->name, node->name);
        goto done;
    }
    scratch = gft_malloc_aligned(p.scratch_bytes);
    worker_scratch = gft_malloc_aligned(p.worker_scratch_bytes);
    if (!scratch || !worker_scratch) {
        status = gft_fail_memory(err, p.scratch_bytes + p.worker_scratch_bytes, node->name);
        goto done;
    }
    gft_exec_failure failure = {.taken = ATOMIC_FLAG_INIT};
    gft_exec exec = {.state = p.state,
                     .attrs = node->attrs,
                     .inputs_desc = inputs_desc,
                     .outputs_desc = outputs_desc,
                     .inputs = inputs,
                     .outputs = outputs,
                     .input_count = node->input_count,
                     .output_count = node->output_count,
                     .scratch = scratch,
                     .worker_scratch = worker_scratch,
                     .failure = &failure};
    for (exec.phase = 0; exec.phase < p.phases; exec.phase++) {
        for (exec.task = 0; exec.task < p.tasks[exec.phase]; exec.task++)
            node->op->run(&exec);
    }
    if (failure.error.code != GRAFT_OK)
        status = gft_fail(err, failure.error.code, "%s '%s': %s", node->op->name, node->name,
                          failure.error.message);
done:
    gft_free(scratch);
    gft_free(worker_scratch);
    gft_arena_deinit(&arena);
    return status;
}

/* Memory for the results, then the results themselves. */
static graft_status evaluate(const gft_graph *graph, const gft_node *node, folding *f,
                             graft_error *err) {
    for (int32_t k = 0; k < node->input_count; k++)
        f->inputs[k] = gft_graph_value_data(graph, node->inputs[k]);
    for (int32_t k = 0; k < node->output_count; k++) {
        size_t bytes = 0;
        f->view.outputs[k] = graph->values[node->outputs[k]].desc;
        if (!gft_desc_bytes(&f->view.outputs[k], &bytes))
            return gft_fail(err, GRAFT_INTERNAL, "%s '%s': a result without a size", node->op->name,
                            node->name);
        f->outputs[k] = gft_malloc_aligned(bytes);
        if (!f->outputs[k])
            return gft_fail_memory(err, bytes, node->name);
        if (node->op->flags & GFT_OP_VIEW) {
            memcpy(f->outputs[k], f->inputs[0], bytes);
            return GRAFT_OK;
        }
    }
    return gft_rewrite_run_op(node, f->view.inputs, f->inputs, f->view.outputs, f->outputs, err);
}

static graft_status fold_node(gft_graph *graph, gft_node_id id, graft_error *err) {
    gft_node node = graph->nodes[id]; /* the array does not move, but it reads better */
    size_t operands = (size_t)node.input_count + (size_t)node.output_count + 1;
    folding f;
    GFT_TRY(
        gft_node_view_init(&f.view, graph, node.inputs, node.input_count, node.output_count, err));
    graft_status status;
    f.outputs = gft_calloc(operands, sizeof *f.outputs);
    if (!f.outputs) {
        status = gft_fail_memory(err, operands * sizeof *f.outputs, node.name);
        goto done;
    }
    f.inputs = (const void **)(void *)(f.outputs + node.output_count);
    GFT_GOTO(evaluate(graph, &node, &f, err));
    for (int32_t k = 0; k < node.output_count; k++) {
        gft_value_id constant;
        void *data = f.outputs[k];
        f.outputs[k] = NULL; /* gft_graph_const_take has it now, whatever happens */
        GFT_GOTO(gft_graph_const_take(graph, node.name, &f.view.outputs[k], data, &constant, err));
        gft_graph_replace(graph, node.outputs[k], constant);
    }
    gft_graph_remove(graph, id);
done:
    for (int32_t k = 0; k < node.output_count && f.outputs; k++)
        gft_free(f.outputs[k]);
    gft_free(f.outputs);
    gft_node_view_deinit(&f.view);
    return status;
}

graft_status gft_rewrite_fold_constants(gft_graph *graph, const gft_rewrite_options *options,
                                        graft_error *err) {
    size_t bytes = ((size_t)graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *order = gft_malloc(bytes);
    if (!order)
        return gft_fail_memory(err, bytes, "a graph's order");
    int32_t count = 0;
    graft_status status;
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    for (int32_t i = 0; i < count; i++) {
        if (all_fixed(graph, &graph->nodes[order[i]], options->training))
            GFT_GOTO(fold_node(graph, order[i], err));
    }
done:
    gft_free(order);
    return status;
}
