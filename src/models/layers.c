/*
 * Summaries: the layers of a signature, with shapes for a batch of one, parameters and multiply-
 * adds; the ops its source used. Nodes are gathered by their layer name, layers stand where their
 * first node runs.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "base/size.h"
#include "models/model.h"

#define MAX_LAYER_OPS 8 /* ops of one layer that are spelled out; more end in "+..." */

typedef struct row {
    const char *name; /* of the graph */
    const gft_op *ops[MAX_LAYER_OPS];
    int32_t op_count;
    bool more_ops;
    graft_tensor_desc output;
    int64_t parameters, macs;
    bool trainable;
} row;

typedef struct table {
    row *rows;
    int32_t count;
} table;

static const gft_signature *runnable(const graft_model *model, int32_t signature,
                                     graft_error *err) {
    if (signature < 0 || signature >= model->signature_count) {
        (void)gft_fail(err, GRAFT_INVALID_ARGUMENT, "model '%s': signature %d of %d",
                       graft_model_name(model), (int)signature, (int)model->signature_count);
        return NULL;
    }
    return &model->signatures[signature];
}

/* The batch is one; pictures of any size take the size of the model's rule. */
static graft_status example_shapes(const graft_model *model, gft_graph *graph, graft_error *err) {
    size_t bytes = ((size_t)graph->input_count + 1) * sizeof(graft_shape);
    graft_shape *shapes = gft_malloc(bytes);
    if (!shapes)
        return gft_fail_memory(err, bytes, "shapes");
    for (int32_t i = 0; i < graph->input_count; i++) {
        graft_shape *s = &shapes[i];
        *s = gft_graph_value(graph, graph->inputs[i].value)->desc.shape;
        if (s->rank > 0 && s->dims[0] < 0)
            s->dims[0] = 1;
        if (s->rank == 4 && model->has_preprocess) {
            s->dims[1] = s->dims[1] < 0 ? model->preprocess.height : s->dims[1];
            s->dims[2] = s->dims[2] < 0 ? model->preprocess.width : s->dims[2];
        }
    }
    graft_status status = gft_graph_reinfer(graph, shapes, err);
    gft_free(shapes);
    return status;
}

static row *find_row(table *t, const char *name) {
    for (int32_t i = t->count; i-- > 0;) { /* nearly always the last one */
        if (t->rows[i].name == name || strcmp(t->rows[i].name, name) == 0)
            return &t->rows[i];
    }
    t->rows[t->count] = (row){.name = name};
    return &t->rows[t->count++];
}

static void add_node(const gft_graph *graph, gft_node_id id, row *r, bool *counted) {
    const gft_node *node = gft_graph_node(graph, id);
    bool known = false;
    for (int32_t i = 0; i < r->op_count; i++)
        known = known || r->ops[i] == node->op;
    if (!known && r->op_count < MAX_LAYER_OPS)
        r->ops[r->op_count++] = node->op;
    else if (!known)
        r->more_ops = true;
    if (node->output_count > 0)
        r->output = gft_graph_value(graph, node->outputs[0])->desc;
    r->macs += gft_graph_node_cost(graph, id).macs;
    for (int32_t i = 0; i < node->input_count; i++) {
        const gft_value *value = gft_graph_value(graph, node->inputs[i]);
        if (value->kind != GFT_VALUE_PARAM || counted[value->param])
            continue;
        const gft_param *param = &graph->params->items[value->param];
        counted[value->param] = true; /* shared ones belong to the first layer */
        r->parameters += gft_i64_max(gft_shape_elems(&param->desc.shape), 0);
        r->trainable = r->trainable || param->trainable;
    }
}

static graft_status gather(const gft_graph *graph, table *t, graft_error *err) {
    graft_status status = GRAFT_OK;
    int32_t count = 0;
    size_t parameters = graph->params ? (size_t)graph->params->count : 0;
    gft_node_id *order = gft_calloc((size_t)graph->node_count + 1, sizeof *order);
    bool *counted = gft_calloc(parameters + 1, sizeof *counted);
    t->rows = gft_calloc((size_t)graph->node_count + 1, sizeof *t->rows);
    if (!order || !counted || !t->rows) {
        status = gft_fail_memory(err, (size_t)graph->node_count * sizeof *t->rows, "a summary");
        goto done;
    }
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    for (int32_t i = 0; i < count; i++)
        add_node(graph, order[i], find_row(t, gft_graph_node(graph, order[i])->layer), counted);
done:
    gft_free(order);
    gft_free(counted);
    return status;
}

/* "conv2d+bias_add" at `to` (NULL: only measured); the length without the NUL. */
static size_t join_ops(const row *r, char *to) {
    size_t at = 0;
    for (int32_t i = 0; i <= r->op_count; i++) {
        const char *word = i < r->op_count ? r->ops[i]->name : r->more_ops ? "..." : NULL;
        if (!word)
            continue;
        size_t length = strlen(word);
        if (to && at)
            to[at] = '+';
        at += at ? 1 : 0;
        if (to)
            memcpy(to + at, word, length);
        at += length;
    }
    if (to)
        to[at] = '\0';
    return at;
}

/* One block: the list, then its text; so one gft_free lets go of all. */
static graft_status hand_over(const table *t, graft_layer_info **out, graft_error *err) {
    size_t bytes = ((size_t)t->count + 1) * sizeof(graft_layer_info);
    size_t text_at = bytes;
    for (int32_t i = 0; i < t->count; i++)
        bytes += strlen(t->rows[i].name) + join_ops(&t->rows[i], NULL) + 2;
    graft_layer_info *list = gft_malloc(bytes);
    if (!list)
        return gft_fail_memory(err, bytes, "a summary");
    char *text = (char *)list + text_at;
    for (int32_t i = 0; i < t->count; i++) {
        const row *r = &t->rows[i];
        list[i] = (graft_layer_info){.name = text,
                                     .output = r->output,
                                     .parameters = r->parameters,
                                     .macs = r->macs,
                                     .trainable = r->trainable};
        list[i].output.quant = NULL;
        size_t length = strlen(r->name) + 1;
        memcpy(text, r->name, length);
        text += length;
        list[i].op = text;
        text += join_ops(r, text) + 1;
    }
    *out = list;
    return GRAFT_OK;
}

graft_status graft_model_layers(const graft_model *model, int32_t signature, graft_layer_info **out,
                                int32_t *count, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_graph *graph = NULL;
    table t = {NULL, 0};
    const gft_signature *s = runnable(model, signature, err);
    if (!s)
        return GRAFT_INVALID_ARGUMENT;
    if (!s->graph)
        return gft_fail(
            err, GRAFT_UNIMPLEMENTED, "model '%s': signature '%s' has no layers here: %s",
            graft_model_name(model), s->name, graft_model_signature_problem(model, signature));
    GFT_GOTO(gft_graph_clone(s->graph, &graph, err));
    GFT_GOTO(example_shapes(model, graph, err));
    GFT_GOTO(gather(graph, &t, err));
    GFT_GOTO(hand_over(&t, out, err));
    *count = t.count;
done:
    gft_free(t.rows);
    gft_graph_free(graph);
    return status;
}

void graft_layers_free(graft_layer_info *layers) {
    gft_free(layers);
}

/* ---- ops ---- */

static graft_status copy_ops(const graft_op_info *from, int32_t count, graft_op_info **out,
                             graft_error *err) {
    graft_op_info *list = gft_calloc((size_t)count + 1, sizeof *list);
    if (!list)
        return gft_fail_memory(err, (unsigned long long)count * sizeof *list, "a list of ops");
    if (count)
        memcpy(list, from, (size_t)count * sizeof *list);
    *out = list;
    return GRAFT_OK;
}

/* A model that was built here: its own ops, in the order they first run. */
static graft_status count_ops(const gft_graph *graph, graft_op_info **out, int32_t *count,
                              graft_error *err) {
    graft_op_info *list = gft_calloc((size_t)graph->node_count + 1, sizeof *list);
    if (!list)
        return gft_fail_memory(err, (size_t)graph->node_count * sizeof *list, "a list of ops");
    int32_t n = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_op *op = graph->nodes[i].op;
        if (!op)
            continue;
        int32_t at = 0;
        while (at < n && list[at].name != op->name)
            at++;
        if (at == n)
            list[n++] = (graft_op_info){.name = op->name, .supported = true};
        list[at].count++;
    }
    *out = list;
    *count = n;
    return GRAFT_OK;
}

graft_status graft_model_ops(const graft_model *model, int32_t signature, graft_op_info **out,
                             int32_t *count, graft_error *err) {
    const gft_signature *s = runnable(model, signature, err);
    if (!s)
        return GRAFT_INVALID_ARGUMENT;
    if (!s->ops && s->graph)
        return count_ops(s->graph, out, count, err);
    GFT_TRY(copy_ops(s->ops, s->ops ? s->op_count : 0, out, err));
    *count = s->ops ? s->op_count : 0;
    return GRAFT_OK;
}

void graft_ops_free(graft_op_info *ops) {
    gft_free(ops);
}
