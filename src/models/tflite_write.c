/*
 * TFLite, written: every runnable signature becomes a subgraph. The graph is cloned, dropout and
 * identities go, constants are computed and batch norms folded; what is left is walked node by node
 * (tflite_write_ops.c) into plain structs, which become a FlatBuffer (tflite_write_file.c).
 * Quantised models stay quantised (tflite_write_roles.c).
 */
#include "models/tflite_write.h"

#include <string.h>

#include "base/alloc.h"
#include "graph/rewrite.h"
#include "ops/ops.h"

#define RUNTIME_BYTES 16

/* ---- rewrites ---- */

static bool is_op(const gft_node *node, const char *name) {
    return node->op && strcmp(node->op->name, name) == 0;
}

/* Integers that stay: hidden from the folding of constants by having no data meanwhile. */
typedef struct hidden {
    gft_value_id value;
    const void *data;
    bool written;
} hidden;

static bool stays_integer(const gft_tflw_walk *w, gft_node_id id) {
    const gft_node *node = &w->graph->nodes[id];
    return is_op(node, "dequantize") && w->roles[id].done &&
           gft_graph_value_data(w->graph, node->inputs[0]);
}

/* Hides what dequantize nodes take that only operators on integers use. */
static graft_status hide(gft_tflw_walk *w, gft_graph *graph, hidden *list, int32_t *count,
                         graft_error *err) {
    *count = 0;
    GFT_TRY(gft_tflw_find_roles(w, err));
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (!stays_integer(w, i))
            continue;
        gft_value *value = &graph->values[graph->nodes[i].inputs[0]];
        if (value->kind == GFT_VALUE_CONST && !value->data)
            continue; /* shared, hidden before */
        list[(*count)++] = (hidden){graph->nodes[i].inputs[0], value->data, value->written};
        if (value->kind == GFT_VALUE_CONST)
            value->data = NULL;
        else
            value->written = true;
    }
    return GRAFT_OK;
}

static void unhide(gft_graph *graph, const hidden *list, int32_t count) {
    for (int32_t i = count - 1; i >= 0; i--) {
        gft_value *value = &graph->values[list[i].value];
        value->data = list[i].data;
        value->written = list[i].written;
    }
}

/* relu6(x + 3) / 6 as three nodes: the sum may go into a convolution's bias. */
static graft_status open_hard_sigmoid(gft_graph *graph, gft_node_id id, graft_error *err) {
    const gft_value_id old = graph->nodes[id].outputs[0];
    const char *name = graph->nodes[id].name;
    gft_value_id in[2] = {graph->nodes[id].inputs[0], -1};
    gft_graph_set_layer(graph, graph->nodes[id].layer);
    GFT_TRY(gft_graph_const_f32(graph, 3.0f, &in[1], err));
    GFT_TRY(gft_graph_add(graph, &gft_op_add, name, NULL, in, 2, &in[0], err));
    GFT_TRY(gft_graph_add(graph, &gft_op_relu6, name, NULL, in, 1, &in[0], err));
    GFT_TRY(gft_graph_const_f32(graph, 1.0f / 6.0f, &in[1], err));
    GFT_TRY(gft_graph_add(graph, &gft_op_mul, name, NULL, in, 2, &in[0], err));
    gft_graph_replace(graph, old, in[0]);
    gft_graph_remove(graph, id);
    gft_graph_set_layer(graph, NULL);
    return GRAFT_OK;
}

static graft_status open_activations(gft_graph *graph, graft_error *err) {
    const int32_t count = graph->node_count;
    for (int32_t i = 0; i < count; i++) {
        if (is_op(&graph->nodes[i], "hard_sigmoid") &&
            graph->values[graph->nodes[i].inputs[0]].kind == GFT_VALUE_NODE)
            GFT_TRY(open_hard_sigmoid(graph, i, err));
    }
    return GRAFT_OK;
}

static graft_status simplify(gft_tflw_walk *w, gft_graph *graph, graft_error *err) {
    const gft_rewrite_options options = {.training = false, .fuse = true};
    int32_t count = 0;
    graft_status status = GRAFT_OK;
    GFT_TRY(gft_rewrite_drop_identity(graph, &options, err));
    GFT_TRY(open_activations(graph, err));
    GFT_TRY(gft_graph_sweep(graph, err));
    hidden *list = gft_arena_array(&w->file->arena, (size_t)graph->node_count + 1, sizeof *list);
    if (!list)
        return gft_fail_memory(err, (size_t)graph->node_count * sizeof *list, "a TFLite file");
    GFT_TRY(hide(w, graph, list, &count, err));
    GFT_GOTO(gft_rewrite_fold(graph, &options, err));
    GFT_GOTO(gft_tflw_merge_nodes(graph, err));
    GFT_GOTO(gft_graph_sweep(graph, err));
done:
    unhide(graph, list, count);
    return status;
}

/* Results that are inputs or constants of the graph, or each other's, get a node of their own. */
static graft_status own_outputs(gft_graph *graph, graft_error *err) {
    for (int32_t i = 0; i < graph->output_count; i++) {
        gft_value_id value = graph->outputs[i].value;
        bool taken = graph->values[value].kind != GFT_VALUE_NODE;
        for (int32_t k = 0; k < i && !taken; k++)
            taken = graph->outputs[k].value == value;
        if (taken)
            GFT_TRY(gft_graph_add(graph, &gft_op_identity, graph->outputs[i].name, NULL, &value, 1,
                                  &graph->outputs[i].value, err));
    }
    return GRAFT_OK;
}

/* ---- a signature ---- */

static graft_status bind(gft_tflw_walk *w, const gft_binding *bindings, int32_t count,
                         gft_tflw_binding **out) {
    *out = gft_tflw_memory(w, (size_t)count, sizeof **out);
    for (int32_t i = 0; i < count && gft_tflw_ok(w); i++)
        (*out)[i] = (gft_tflw_binding){bindings[i].name, w->values[bindings[i].value]};
    return w->status;
}

/* The dequantize node that takes an input says what its integers mean. */
static graft_status add_input(gft_tflw_walk *w, const gft_binding *input) {
    const gft_graph *graph = w->graph;
    const gft_value *value = &graph->values[input->value];
    gft_tflw_quant quant = {0};
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (is_op(&graph->nodes[i], "dequantize") && graph->nodes[i].inputs[0] == input->value &&
            graph->nodes[i].input_count == 3)
            GFT_TRY(gft_tflw_quant_of(w, &graph->nodes[i], &quant));
    }
    w->node = NULL;
    if ((int)gft_tflw_type(value->desc.dtype) == -1)
        return gft_fail(w->err, GRAFT_UNIMPLEMENTED,
                        "input '%s' is %s, which a TFLite file cannot hold", input->name,
                        graft_dtype_name(value->desc.dtype));
    const int32_t tensor = gft_tflw_between(w, input->name, &value->desc, -1);
    if (gft_tflw_ok(w)) {
        w->values[input->value] = tensor;
        w->g->tensors[tensor].quant = quant;
    }
    return w->status;
}

static graft_status walk(gft_tflw_walk *w, graft_error *err) {
    const gft_graph *graph = w->graph;
    const size_t bytes = ((size_t)graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *order = gft_malloc(bytes);
    int32_t count = 0;
    if (!order)
        return gft_fail_memory(err, bytes, "a graph's order");
    graft_status status = gft_graph_order(graph, order, &count, err);
    for (int32_t i = 0; i < graph->input_count && status == GRAFT_OK; i++)
        status = add_input(w, &graph->inputs[i]);
    for (int32_t i = 0; i < count && status == GRAFT_OK; i++) {
        w->node = &graph->nodes[order[i]];
        if (!gft_tflw_role_of(w)->done)
            gft_tflw_emit_node(w);
        status = w->status;
    }
    gft_free(order);
    GFT_TRY(status);
    GFT_TRY(bind(w, graph->inputs, graph->input_count, &w->g->inputs));
    GFT_TRY(bind(w, graph->outputs, graph->output_count, &w->g->outputs));
    w->g->input_count = graph->input_count;
    w->g->output_count = graph->output_count;
    return GRAFT_OK;
}

/* Equal but for names. */
static bool same_subgraphs(const gft_tflw_subgraph *a, const gft_tflw_subgraph *b) {
    if (a->tensor_count != b->tensor_count || a->op_count != b->op_count ||
        a->input_count != b->input_count || a->output_count != b->output_count)
        return false;
    for (int32_t i = 0; i < a->tensor_count; i++) {
        if (!gft_tflw_same_tensors(&a->tensors[i], &b->tensors[i]))
            return false;
    }
    for (int32_t i = 0; i < a->op_count; i++) {
        if (!gft_tflw_same_ops(&a->ops[i], &b->ops[i]))
            return false;
    }
    for (int32_t i = 0; i < a->input_count; i++) {
        if (a->inputs[i].tensor != b->inputs[i].tensor)
            return false;
    }
    for (int32_t i = 0; i < a->output_count; i++) {
        if (a->outputs[i].tensor != b->outputs[i].tensor)
            return false;
    }
    return true;
}

/* Keras exports the same function as "serve" and "serving_default": one subgraph serves both. */
static void add_key(gft_tflw_file *file, const char *key) {
    const int32_t last = file->subgraph_count - 1;
    const gft_tflw_subgraph *g = &file->subgraphs[last];
    int32_t i = 0;
    while (i < last && !same_subgraphs(&file->subgraphs[i], g))
        i++;
    file->signatures[file->signature_count++] = (gft_tflw_signature){key, i, g->inputs, g->outputs};
    if (i < last) {
        file->spare[file->spare_count++] = *g;
        file->subgraph_count--;
    }
}

static graft_status add_signature(gft_tflw_file *file, const gft_signature *signature,
                                  gft_tflite_weights weights, graft_error *err) {
    gft_tflw_subgraph *g = &file->subgraphs[file->subgraph_count++];
    *g = (gft_tflw_subgraph){.graph = NULL};
    GFT_TRY(gft_graph_clone(signature->graph, &g->graph, err));
    gft_tflw_walk w = {.file = file, .g = g, .graph = g->graph, .weights = weights, .err = err};
    GFT_TRY(simplify(&w, g->graph, err));
    GFT_TRY(own_outputs(g->graph, err));
    GFT_TRY(gft_tflw_find_roles(&w, err));
    GFT_TRY(walk(&w, err));
    GFT_TRY(gft_tflw_merge_ops(g, err));
    for (int32_t i = 0; i < g->op_count; i++) {
        const int32_t version = gft_tflw_version(g, &g->ops[i]);
        int32_t *most = &file->versions[g->ops[i].op];
        *most = *most < version ? version : *most;
    }
    add_key(file, signature->name);
    return GRAFT_OK;
}

/* ---- the file ---- */

static graft_status add_metadata(gft_tflw_file *file, const graft_model *model, graft_error *err) {
    char *runtime = gft_arena_array(&file->arena, RUNTIME_BYTES, 1);
    const char *release = gft_tflw_runtime(file);
    if (!runtime)
        return gft_fail_memory(err, RUNTIME_BYTES, "a TFLite file");
    memcpy(runtime, release, strlen(release));
    GFT_TRY(gft_tflw_add_metadata(file, "min_runtime_version", runtime, RUNTIME_BYTES, err));
    return gft_tflite_metadata(model, file, err);
}

static void free_subgraph(gft_tflw_subgraph *g) {
    gft_graph_free(g->graph);
    gft_free(g->tensors);
    gft_free(g->ops);
}

static void deinit(gft_tflw_file *file) {
    for (int32_t i = 0; i < file->subgraph_count; i++)
        free_subgraph(&file->subgraphs[i]);
    for (int32_t i = 0; i < file->spare_count; i++)
        free_subgraph(&file->spare[i]);
    gft_free(file->buffers);
    gft_arena_deinit(&file->arena);
}

static graft_status add_signatures(gft_tflw_file *file, const graft_model *model,
                                   gft_tflite_weights weights, const char *path, graft_error *err) {
    for (int32_t i = 0; i < model->signature_count; i++) {
        if (model->signatures[i].graph)
            GFT_TRY(add_signature(file, &model->signatures[i], weights, err));
    }
    if (file->subgraph_count > 0)
        return GRAFT_OK;
    return gft_fail(
        err, GRAFT_UNIMPLEMENTED, "%s: the model has no signature that can be run: %s", path,
        model->signature_count > 0 && model->signatures[0].problem ? model->signatures[0].problem
                                                                   : "it has none at all");
}

graft_status gft_tflite_write(const graft_model *model, const char *path,
                              gft_tflite_weights weights, graft_error *err) {
    gft_tflw_file *file = gft_calloc(1, sizeof *file);
    if (!file)
        return gft_fail_memory(err, sizeof *file, "a TFLite file");
    gft_arena_init(&file->arena);
    graft_status status;
    GFT_GOTO(add_signatures(file, model, weights, path, err));
    GFT_GOTO(add_metadata(file, model, err));
    GFT_GOTO(gft_tflw_write_file(file, path, err));
done:
    deinit(file);
    gft_free(file);
    return status;
}
