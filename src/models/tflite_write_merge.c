/*
 * The same work is done once: nodes without attributes that take the same values become one before
 * the walk (so that an activation which several branches take may go into the operator in front of
 * it), equal operators become one behind it. Tensors that nothing uses then go.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/tflite_write.h"

/* ---- nodes ---- */

static bool same_nodes(const gft_node *a, const gft_node *b) {
    return a->op == b->op && a->input_count == b->input_count && a->output_count == 1 &&
           memcmp(a->inputs, b->inputs, (size_t)a->input_count * sizeof *a->inputs) == 0;
}

static bool may_merge(const gft_node *node) {
    return node->op && node->op->attrs_bytes == 0 && node->input_count > 0 &&
           node->output_count == 1 && !(node->op->flags & (GFT_OP_SIDE_EFFECT | GFT_OP_RANDOM));
}

graft_status gft_tflw_merge_nodes(gft_graph *graph, graft_error *err) {
    const size_t values = (size_t)graph->value_count + 1;
    const size_t nodes = (size_t)graph->node_count + 1;
    const size_t bytes = (values + 2 * nodes) * sizeof(int32_t);
    int32_t *first = gft_calloc(1, bytes); /* per value: a node that takes it first, + 1 */
    int32_t count = 0;
    if (!first)
        return gft_fail_memory(err, bytes, "merging nodes");
    int32_t *next = first + values;
    int32_t *order = next + nodes;
    graft_status status = gft_graph_order(graph, order, &count, err);
    for (int32_t i = 0; i < count && status == GRAFT_OK; i++) {
        const gft_node *node = &graph->nodes[order[i]];
        if (!may_merge(node))
            continue;
        int32_t *head = &first[node->inputs[0]];
        int32_t other = *head - 1;
        while (other >= 0 && !same_nodes(&graph->nodes[other], node))
            other = next[other] - 1;
        if (other >= 0) {
            gft_graph_replace(graph, node->outputs[0], graph->nodes[other].outputs[0]);
            gft_graph_remove(graph, order[i]);
        } else {
            next[order[i]] = *head;
            *head = order[i] + 1;
        }
    }
    gft_free(first);
    return status;
}

/* ---- operators ---- */

static bool same_ids(const int32_t *a, const int32_t *b, int32_t count) {
    return count == 0 || memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

/* Equal but for what they give. */
static bool same_work(const gft_tflw_op *a, const gft_tflw_op *b) {
    if (a->op != b->op || a->options_type != b->options_type || a->input_count != b->input_count ||
        a->output_count != b->output_count || a->option_count != b->option_count ||
        !same_ids(a->inputs, b->inputs, a->input_count))
        return false;
    for (int32_t i = 0; i < a->option_count; i++) {
        const gft_tflw_option *x = &a->options[i];
        const gft_tflw_option *y = &b->options[i];
        if (x->field != y->field || x->bytes != y->bytes || x->value != y->value ||
            memcmp(&x->real, &y->real, sizeof x->real) != 0)
            return false;
    }
    return true;
}

bool gft_tflw_same_ops(const gft_tflw_op *a, const gft_tflw_op *b) {
    return same_work(a, b) && same_ids(a->outputs, b->outputs, a->output_count);
}

static bool same_quant(const gft_tflw_quant *a, const gft_tflw_quant *b) {
    if (a->count != b->count || a->axis != b->axis)
        return false;
    const size_t n = (size_t)a->count;
    return n == 0 || (memcmp(a->scales, b->scales, n * sizeof *a->scales) == 0 &&
                      memcmp(a->zero_points, b->zero_points, n * sizeof *a->zero_points) == 0);
}

bool gft_tflw_same_tensors(const gft_tflw_tensor *a, const gft_tflw_tensor *b) {
    return a->type == b->type && a->buffer == b->buffer && gft_shape_equal(&a->shape, &b->shape) &&
           same_quant(&a->quant, &b->quant);
}

static bool same_outputs(const gft_tflw_subgraph *g, const gft_tflw_op *a, const gft_tflw_op *b) {
    for (int32_t i = 0; i < a->output_count; i++) {
        if (!gft_tflw_same_tensors(&g->tensors[a->outputs[i]], &g->tensors[b->outputs[i]]))
            return false;
    }
    return true;
}

static bool gives_result(const gft_tflw_subgraph *g, const gft_tflw_op *op) {
    for (int32_t i = 0; i < op->output_count; i++) {
        for (int32_t k = 0; k < g->output_count; k++) {
            if (g->outputs[k].tensor == op->outputs[i])
                return true;
        }
    }
    return false;
}

/* taken[t]: what tensor t is now; first, next: operators by their first input, + 1. */
static void merge(gft_tflw_subgraph *g, int32_t *taken, int32_t *first, int32_t *next) {
    int32_t kept = 0;
    for (int32_t i = 0; i < g->op_count; i++) {
        gft_tflw_op op = g->ops[i];
        for (int32_t k = 0; k < op.input_count; k++) {
            if (op.inputs[k] >= 0)
                op.inputs[k] = taken[op.inputs[k]];
        }
        int32_t *head = &first[op.inputs[0] >= 0 ? op.inputs[0] : 0];
        int32_t other = gives_result(g, &op) ? -1 : *head - 1;
        while (other >= 0 &&
               !(same_work(&g->ops[other], &op) && same_outputs(g, &g->ops[other], &op)))
            other = next[other] - 1;
        if (other >= 0) {
            for (int32_t k = 0; k < op.output_count; k++)
                taken[op.outputs[k]] = g->ops[other].outputs[k];
            continue;
        }
        g->ops[kept] = op;
        next[kept] = *head;
        *head = kept + 1;
        kept++;
    }
    g->op_count = kept;
}

static void mark(int32_t *numbers, const int32_t *ids, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] >= 0)
            numbers[ids[i]] = 1;
    }
}

static void renumber(const int32_t *numbers, int32_t *ids, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] >= 0)
            ids[i] = numbers[ids[i]];
    }
}

/* Tensors in use keep their order. */
static void compact(gft_tflw_subgraph *g, int32_t *numbers) {
    for (int32_t i = 0; i < g->tensor_count; i++)
        numbers[i] = 0;
    for (int32_t i = 0; i < g->op_count; i++) {
        mark(numbers, g->ops[i].inputs, g->ops[i].input_count);
        mark(numbers, g->ops[i].outputs, g->ops[i].output_count);
    }
    for (int32_t i = 0; i < g->input_count; i++)
        numbers[g->inputs[i].tensor] = 1;
    for (int32_t i = 0; i < g->output_count; i++)
        numbers[g->outputs[i].tensor] = 1;
    int32_t count = 0;
    for (int32_t i = 0; i < g->tensor_count; i++) {
        if (!numbers[i])
            continue;
        g->tensors[count] = g->tensors[i];
        numbers[i] = count++;
    }
    g->tensor_count = count;
    for (int32_t i = 0; i < g->op_count; i++) {
        renumber(numbers, g->ops[i].inputs, g->ops[i].input_count);
        renumber(numbers, g->ops[i].outputs, g->ops[i].output_count);
    }
    for (int32_t i = 0; i < g->input_count; i++)
        g->inputs[i].tensor = numbers[g->inputs[i].tensor];
    for (int32_t i = 0; i < g->output_count; i++)
        g->outputs[i].tensor = numbers[g->outputs[i].tensor];
}

graft_status gft_tflw_merge_ops(gft_tflw_subgraph *g, graft_error *err) {
    const size_t tensors = (size_t)g->tensor_count + 1;
    const size_t bytes = (2 * tensors + (size_t)g->op_count + 1) * sizeof(int32_t);
    int32_t *taken = gft_calloc(1, bytes);
    if (!taken)
        return gft_fail_memory(err, bytes, "merging operators");
    for (int32_t i = 0; i < g->tensor_count; i++)
        taken[i] = i;
    merge(g, taken, taken + tensors, taken + 2 * tensors);
    compact(g, taken);
    gft_free(taken);
    return GRAFT_OK;
}
