/*
 * Order of nodes (Kahn's algorithm with a heap, so that among the ready nodes the lowest index goes
 * first) and removal of what no output needs. Both walk arrays; nothing recurses.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/graph_priv.h"

/* The node that makes a value, or -1. */
static gft_node_id maker_of(const gft_graph *graph, gft_value_id value) {
    return graph->values[value].kind == GFT_VALUE_NODE ? graph->values[value].node : -1;
}

/* ---- a heap of node indices, smallest first ---- */

static void heap_push(gft_node_id *heap, int32_t *count, gft_node_id node) {
    int32_t at = (*count)++;
    while (at > 0 && heap[(at - 1) / 2] > node) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = node;
}

static gft_node_id heap_pop(gft_node_id *heap, int32_t *count) {
    gft_node_id top = heap[0];
    gft_node_id last = heap[--(*count)];
    int32_t at = 0;
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= *count)
            break;
        if (child + 1 < *count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= last)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

/* ---- order ---- */

typedef struct order_work {
    int32_t *missing;   /* per node: inputs not made yet; -1 once it is in the order */
    int32_t *first_use; /* per node: where its users start in `users`; one more at the end */
    gft_node_id *users;
    gft_node_id *heap;
} order_work;

static graft_status count_edges(const gft_graph *graph, order_work *work, int32_t *edges,
                                graft_error *err) {
    int32_t n = graph->node_count;
    for (int32_t i = 0; i < n; i++) {
        const gft_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->input_count && node->op; k++) {
            gft_node_id maker = maker_of(graph, node->inputs[k]);
            if (maker < 0)
                continue;
            if (!graph->nodes[maker].op)
                return gft_fail(err, GRAFT_INTERNAL, "%s '%s': input %d comes from a removed node",
                                node->op->name, node->name, (int)k);
            work->missing[i]++;
            work->first_use[maker + 1]++;
            (*edges)++;
        }
    }
    for (int32_t i = 0; i < n; i++)
        work->first_use[i + 1] += work->first_use[i];
    return GRAFT_OK;
}

static void list_users(const gft_graph *graph, order_work *work) {
    /* `heap` is not in use yet: it says how many users of each node are listed. */
    memset(work->heap, 0, (size_t)graph->node_count * sizeof *work->heap);
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        for (int32_t k = 0; k < node->input_count && node->op; k++) {
            gft_node_id maker = maker_of(graph, node->inputs[k]);
            if (maker >= 0)
                work->users[work->first_use[maker] + work->heap[maker]++] = i;
        }
    }
}

static graft_status walk(const gft_graph *graph, order_work *work, gft_node_id *order,
                         int32_t *count, graft_error *err) {
    int32_t live = 0;
    int32_t ready = 0;
    int32_t done = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        live += graph->nodes[i].op != NULL;
        if (graph->nodes[i].op && work->missing[i] == 0)
            heap_push(work->heap, &ready, i);
    }
    while (ready > 0) {
        gft_node_id node = heap_pop(work->heap, &ready);
        work->missing[node] = -1;
        order[done++] = node;
        for (int32_t u = work->first_use[node]; u < work->first_use[node + 1]; u++) {
            if (--work->missing[work->users[u]] == 0)
                heap_push(work->heap, &ready, work->users[u]);
        }
    }
    for (int32_t i = 0; i < graph->node_count && done < live; i++) {
        if (graph->nodes[i].op && work->missing[i] > 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s '%s': the graph has a cycle here",
                            graph->nodes[i].op->name, graph->nodes[i].name);
    }
    *count = done;
    return GRAFT_OK;
}

static int64_t count_inputs(const gft_graph *graph) {
    int64_t total = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        total += graph->nodes[i].op ? graph->nodes[i].input_count : 0;
    return total;
}

graft_status gft_graph_order(const gft_graph *graph, gft_node_id *order, int32_t *count,
                             graft_error *err) {
    size_t n = (size_t)graph->node_count;
    int64_t inputs = count_inputs(graph);
    if (inputs > INT32_MAX)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "graph: too many connections");
    size_t words = 3 * n + 1 + (size_t)inputs;
    int32_t *memory = gft_calloc(words, sizeof *memory);
    if (!memory)
        return gft_fail_memory(err, words * sizeof *memory, "a graph's order");
    order_work work = {memory, memory + n, memory + 2 * n + 1, memory + 2 * n + 1 + (size_t)inputs};
    int32_t edges = 0;
    graft_status status;
    GFT_GOTO(count_edges(graph, &work, &edges, err));
    list_users(graph, &work);
    status = walk(graph, &work, order, count, err);
done:
    gft_free(memory);
    return status;
}

/* ---- sweep ---- */

/* Marks the node and puts it on the stack if it is not marked yet. */
static void keep(const gft_graph *graph, gft_node_id node, bool *kept, gft_node_id *stack,
                 int32_t *depth) {
    if (node < 0 || kept[node] || !graph->nodes[node].op)
        return;
    kept[node] = true;
    stack[(*depth)++] = node;
}

graft_status gft_graph_sweep(gft_graph *graph, graft_error *err) {
    size_t n = (size_t)graph->node_count;
    size_t bytes = n * (sizeof(gft_node_id) + sizeof(bool));
    gft_node_id *stack = gft_calloc(1, bytes);
    if (!stack)
        return gft_fail_memory(err, bytes, "a graph's sweep");
    bool *kept = (bool *)(stack + n);
    int32_t depth = 0;
    for (int32_t i = 0; i < graph->output_count; i++)
        keep(graph, maker_of(graph, graph->outputs[i].value), kept, stack, &depth);
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op && (graph->nodes[i].op->flags & GFT_OP_SIDE_EFFECT))
            keep(graph, i, kept, stack, &depth);
    }
    while (depth > 0) {
        const gft_node *node = &graph->nodes[stack[--depth]];
        for (int32_t k = 0; k < node->input_count; k++)
            keep(graph, maker_of(graph, node->inputs[k]), kept, stack, &depth);
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op && !kept[i])
            gft_graph_remove(graph, i);
    }
    gft_free(stack);
    return GRAFT_OK;
}
