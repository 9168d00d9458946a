/*
 * Cutting a graph at the freeze line (split.h): mark the nodes that depend on trained parameters,
 * collect the values that cross, copy both sides.
 */
#include "train/split.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"

typedef struct cutter {
    const gft_graph *graph;
    gft_node_id *order;
    int32_t order_count;
    bool *trained; /* per node */
    gft_value_id crossings[GFT_SPLIT_MAX_CROSSINGS];
    int32_t crossing_count;
} cutter;

static bool depends_on_training(const cutter *c, const gft_node *node) {
    for (int32_t i = 0; i < node->input_count; i++) {
        const gft_value *v = gft_graph_value(c->graph, node->inputs[i]);
        if (v->kind == GFT_VALUE_PARAM && c->graph->params->items[v->param].trainable)
            return true;
        if (v->kind == GFT_VALUE_NODE && c->trained[v->node])
            return true;
    }
    return false;
}

static bool crosses(const cutter *c, gft_value_id id) {
    const gft_value *v = gft_graph_value(c->graph, id);
    return v->kind == GFT_VALUE_INPUT || (v->kind == GFT_VALUE_NODE && !c->trained[v->node]);
}

static graft_status add_crossing(cutter *c, gft_value_id id, graft_error *err) {
    for (int32_t i = 0; i < c->crossing_count; i++)
        if (c->crossings[i] == id)
            return GRAFT_OK;
    if (c->crossing_count == GFT_SPLIT_MAX_CROSSINGS)
        return gft_fail(
            err, GRAFT_INVALID_ARGUMENT,
            "freeze line: more than %d tensors cross it; freeze another number of layers",
            GFT_SPLIT_MAX_CROSSINGS);
    c->crossings[c->crossing_count++] = id;
    return GRAFT_OK;
}

static graft_status mark(cutter *c, gft_node_id first_trained, graft_error *err) {
    for (int32_t k = 0; k < c->order_count; k++) {
        gft_node_id id = c->order[k];
        const gft_node *node = gft_graph_node(c->graph, id);
        c->trained[id] = id >= first_trained || depends_on_training(c, node);
        for (int32_t i = 0; c->trained[id] && i < node->input_count; i++)
            if (crosses(c, node->inputs[i]))
                GFT_TRY(add_crossing(c, node->inputs[i], err));
    }
    return GRAFT_OK;
}

/*
 * The value of `to` that stands for `id`: inputs are there already, constants and parameters are
 * made at first use.
 */
static graft_status stand_in(const gft_graph *from, gft_graph *to, gft_value_id *map,
                             gft_value_id id, graft_error *err) {
    const gft_value *v = gft_graph_value(from, id);
    if (map[id] >= 0)
        return GRAFT_OK;
    if (v->kind == GFT_VALUE_PARAM)
        return gft_graph_param(to, v->param, &map[id], err);
    if (v->kind == GFT_VALUE_CONST)
        return gft_graph_const(to, v->name, &v->desc, v->data, true, &map[id], err);
    return gft_fail(err, GRAFT_INTERNAL, "freeze line: a value is used before it is made");
}

static graft_status copy_node(const gft_graph *from, gft_graph *to, gft_value_id *map,
                              const gft_node *node, bool trained, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_value_id *ids =
        gft_calloc((size_t)(node->input_count + node->output_count) + 1, sizeof *ids);
    if (!ids)
        return gft_fail_memory(err, sizeof *ids, "freeze line");
    for (int32_t i = 0; i < node->input_count; i++) {
        GFT_GOTO(stand_in(from, to, map, node->inputs[i], err));
        ids[i] = map[node->inputs[i]];
    }
    gft_batch_norm_attrs norm;
    const void *attrs = node->attrs;
    if (trained && node->op->kind == GFT_KIND_BATCH_NORM) {
        memcpy(&norm, node->attrs, sizeof norm);
        norm.train = false;
        attrs = &norm;
    }
    gft_graph_set_layer(to, node->layer);
    gft_value_id *outputs = ids + node->input_count;
    GFT_GOTO(gft_graph_add(to, node->op, node->name, attrs, ids, node->input_count, outputs, err));
    for (int32_t i = 0; i < node->output_count; i++)
        map[node->outputs[i]] = outputs[i];
done:
    gft_free(ids);
    return status;
}

static graft_status copy_side(const cutter *c, bool trained, gft_graph *to, gft_value_id *map,
                              graft_error *err) {
    for (int32_t k = 0; k < c->order_count; k++)
        if (c->trained[c->order[k]] == trained)
            GFT_TRY(
                copy_node(c->graph, to, map, gft_graph_node(c->graph, c->order[k]), trained, err));
    gft_graph_set_layer(to, NULL);
    return GRAFT_OK;
}

static gft_value_id *new_map(const gft_graph *graph) {
    gft_value_id *map = gft_malloc((size_t)graph->value_count * sizeof *map + 1);
    for (int32_t i = 0; map && i < graph->value_count; i++)
        map[i] = -1;
    return map;
}

static graft_status make_frozen(const cutter *c, gft_split *out, graft_error *err) {
    graft_status status = GRAFT_OK;
    bool only_inputs = true;
    for (int32_t i = 0; i < c->crossing_count; i++)
        only_inputs =
            only_inputs && gft_graph_value(c->graph, c->crossings[i])->kind == GFT_VALUE_INPUT;
    if (only_inputs)
        return GRAFT_OK;
    gft_value_id *map = new_map(c->graph);
    if (!map)
        return gft_fail_memory(err, (unsigned long long)c->graph->value_count * sizeof *map,
                               "freeze line");
    GFT_GOTO(gft_graph_new(c->graph->params, &out->frozen, err));
    for (int32_t i = 0; i < c->graph->input_count; i++) {
        gft_value_id id = c->graph->inputs[i].value;
        GFT_GOTO(gft_graph_input(out->frozen, c->graph->inputs[i].name,
                                 &gft_graph_value(c->graph, id)->desc, &map[id], err));
    }
    GFT_GOTO(copy_side(c, false, out->frozen, map, err));
    for (int32_t i = 0; i < c->crossing_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "crossing_%d", (int)i);
        GFT_GOTO(gft_graph_output(out->frozen, name, map[c->crossings[i]], err));
    }
    GFT_GOTO(gft_graph_sweep(out->frozen, err));
done:
    gft_free(map);
    return status;
}

static graft_status make_trained(const cutter *c, gft_split *out, graft_error *err) {
    out->map = new_map(c->graph);
    if (!out->map)
        return gft_fail_memory(err, (unsigned long long)c->graph->value_count * sizeof *out->map,
                               "freeze line");
    GFT_TRY(gft_graph_new(c->graph->params, &out->trained, err));
    for (int32_t i = 0; i < c->crossing_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "crossing_%d", (int)i);
        out->crossings[i] = gft_graph_value(c->graph, c->crossings[i])->desc;
        GFT_TRY(gft_graph_input(out->trained, name, &out->crossings[i], &out->map[c->crossings[i]],
                                err));
    }
    out->crossing_count = c->crossing_count;
    return copy_side(c, true, out->trained, out->map, err);
}

graft_status gft_split_make(const gft_graph *graph, gft_node_id first_trained, gft_split *out,
                            graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_split split = {0};
    cutter c = {.graph = graph};
    c.order = gft_calloc((size_t)graph->node_count + 1, sizeof *c.order);
    c.trained = gft_calloc((size_t)graph->node_count + 1, sizeof *c.trained);
    if (!c.order || !c.trained) {
        status = gft_fail_memory(err, (unsigned long long)graph->node_count * sizeof *c.order,
                                 "freeze line");
        goto done;
    }
    GFT_GOTO(gft_graph_order(graph, c.order, &c.order_count, err));
    GFT_GOTO(mark(&c, first_trained, err));
    GFT_GOTO(make_frozen(&c, &split, err));
    GFT_GOTO(make_trained(&c, &split, err));
    *out = split;
    memset(&split, 0, sizeof split);
done:
    gft_split_deinit(&split);
    gft_free(c.order);
    gft_free(c.trained);
    return status;
}

static bool is_trained(const gft_graph *graph, gft_value_id value) {
    const gft_value *v = gft_graph_value(graph, value);
    return v->kind == GFT_VALUE_PARAM && graph->params->items[v->param].trainable;
}

/* A statistic that may lie in a mapped file moves to memory that can be written. */
static graft_status make_writable(gft_params *params, const gft_value *value, graft_error *err) {
    if (value->kind != GFT_VALUE_PARAM)
        return GRAFT_OK;
    gft_param *p = &params->items[value->param];
    size_t elems = (size_t)gft_shape_elems(&p->desc.shape);
    float *home = gft_arena_array(&params->arena, elems, sizeof *home);
    if (!home)
        return gft_fail_memory(err, elems * sizeof *home, p->name);
    memcpy(home, p->data, elems * sizeof *home);
    p->data = home;
    return GRAFT_OK;
}

graft_status gft_split_train_norms(gft_split *split, graft_error *err) {
    gft_graph *g = split->trained;
    for (int32_t i = 0; i < g->node_count; i++) {
        const gft_node *node = &g->nodes[i];
        if (!node->op || node->op->kind != GFT_KIND_BATCH_NORM || node->input_count != 5)
            continue;
        gft_batch_norm_attrs *attrs = node->attrs;
        attrs->train = is_trained(g, node->inputs[1]) || is_trained(g, node->inputs[2]);
        for (int32_t k = 3; attrs->train && k < 5; k++)
            GFT_TRY(make_writable(g->params, gft_graph_value(g, node->inputs[k]), err));
    }
    return GRAFT_OK;
}

void gft_split_deinit(gft_split *split) {
    gft_graph_free(split->frozen);
    gft_graph_free(split->trained);
    gft_free(split->map);
    memset(split, 0, sizeof *split);
}
