/*
 * A signature as graph: inputs first, then the operators in the file's order, then outputs. What
 * cannot be read becomes the signature's `problem`, so that the others still load and the list of
 * operators can be shown.
 */
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "models/tflite_read.h"

/* ---- inputs and outputs ---- */

static graft_status add_input(gft_tfl_graph *g, const gft_tflite_binding *binding,
                              graft_error *err) {
    const gft_tflite_tensor *t = gft_tfl_tensor(g, binding->tensor);
    const graft_tensor_desc desc = {gft_tflite_dtype(t->type), t->shape, NULL};
    gft_tf_value *value = &g->values[binding->tensor];
    gft_value_id id;
    if (t->problem)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s': %s", binding->name, t->problem);
    if (desc.dtype == GRAFT_DTYPE_NONE)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s' is of type %s", binding->name,
                        gft_tflite_type_name(t->type));
    if (value->kind != GFT_TF_NONE)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "two inputs are the tensor '%s'", t->name);
    GFT_TRY(gft_graph_input(g->graph, binding->name, &desc, &id, err));
    value->kind = GFT_TF_GRAPH;
    value->id = id;
    if (!gft_tfl_quantised(t))
        return GRAFT_OK;
    g->integers[binding->tensor] = id;
    return gft_tfl_dequantize(g, t, binding->name, id, t->axis, &value->id, err);
}

static graft_status add_output(gft_tfl_graph *g, const gft_tflite_binding *binding,
                               graft_error *err) {
    gft_tf_import as = {.graph = g->graph, .arena = g->reader->arena, .name = binding->name};
    gft_tf_value *value;
    gft_value_id id = g->integers[binding->tensor];
    if (id < 0) {
        GFT_TRY(gft_tfl_value(g, binding->tensor, binding->name, &value, err));
        GFT_TRY(gft_tf_value_in_graph(&as, value, &id, err));
    }
    return gft_graph_output(g->graph, binding->name, id, err);
}

/* ---- what operators there are ---- */

/* An operator's first tensor, for messages. */
static const char *tensor_of(const gft_tfl_graph *g, const gft_tflite_operator *o) {
    return o->output_count > 0 ? gft_tfl_tensor(g, o->outputs[0])->name : "";
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const graft_op_info *)a)->name, ((const graft_op_info *)b)->name);
}

static graft_status count_ops(gft_tfl_graph *g, graft_op_info **out, int32_t *count,
                              graft_error *err) {
    gft_tfl_reader *r = g->reader;
    const gft_tflite_subgraph *s = g->subgraph;
    graft_op_info *ops = gft_arena_array(r->arena, (size_t)s->operator_count, sizeof *ops);
    if (!ops)
        return gft_fail_memory(err, (size_t)s->operator_count * sizeof *ops, "a list of ops");
    for (int32_t i = 0; i < s->operator_count; i++) {
        const char *name = gft_tflite_op_name(r->file, &s->operators[i]);
        if (!name)
            return gft_fail_memory(err, 32, "an operator's name");
        const bool known = gft_tfl_supported(&s->operators[i]);
        ops[i] = (graft_op_info){.name = name,
                                 .count = 1,
                                 .supported = known,
                                 .node = known ? NULL : tensor_of(g, &s->operators[i])};
    }
    if (s->operator_count > 1)
        qsort(ops, (size_t)s->operator_count, sizeof *ops, by_name);
    int32_t kinds = 0;
    for (int32_t i = 0; i < s->operator_count; i++) {
        if (kinds > 0 && strcmp(ops[kinds - 1].name, ops[i].name) == 0) {
            ops[kinds - 1].count++;
            if (!ops[i].supported && ops[kinds - 1].supported) {
                ops[kinds - 1].supported = false;
                ops[kinds - 1].node = ops[i].node;
            }
        } else {
            ops[kinds++] = ops[i];
        }
    }
    *out = ops;
    *count = kinds;
    return GRAFT_OK;
}

/* ---- operators ---- */

static graft_status read_operator(gft_tfl_graph *g, int32_t index, graft_error *err) {
    const gft_tflite_operator *o = &g->subgraph->operators[index];
    const gft_tfl_entry *entry = gft_tfl_find(o);
    gft_tfl_op m = {.g = g, .o = o, .index = index};
    if (!entry && o->op == GFT_TFLITE_OP_CUSTOM)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s operators are not read",
                        o->custom && strncmp(o->custom, "Flex", 4) == 0 ? "TensorFlow's (flex)"
                                                                        : "custom");
    if (!entry)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "the operator is not read");
    m.entry = entry;
    GFT_TRY(gft_tfl_name_op(&m, err));
    gft_graph_set_layer(g->graph, m.layer);
    GFT_TRY(entry->read(&m, err));
    return gft_fb_check(&g->reader->file->fb, err);
}

static graft_status read_operators(gft_tfl_graph *g, graft_error *err) {
    const gft_tflite_subgraph *s = g->subgraph;
    for (int32_t i = 0; i < s->operator_count; i++) {
        const gft_tflite_operator *o = &s->operators[i];
        graft_error why = {0};
        const graft_status status = read_operator(g, i, &why);
        if (status != GRAFT_OK) {
            const char *name = gft_tflite_op_name(g->reader->file, o);
            return gft_fail(err, status, "operator %d (%s, tensor '%.120s'): %s", i,
                            name ? name : "?", tensor_of(g, o), why.message);
        }
    }
    return GRAFT_OK;
}

static graft_status build(gft_tfl_graph *g, graft_error *err) {
    const gft_tflite_signature *s = g->signature;
    GFT_TRY(gft_tfl_begin_values(g, err));
    GFT_TRY(
        gft_sm_names_make(g->reader->arena, (size_t)g->subgraph->operator_count, &g->layers, err));
    GFT_TRY(gft_graph_new(&g->reader->model->params, &g->graph, err));
    if (s->output_count == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it has no outputs");
    for (int32_t i = 0; i < s->input_count; i++)
        GFT_TRY(add_input(g, &s->inputs[i], err));
    GFT_TRY(read_operators(g, err));
    for (int32_t i = 0; i < s->output_count; i++)
        GFT_TRY(add_output(g, &s->outputs[i], err));
    if (g->reader->file->signature_count <= 1)
        GFT_TRY(gft_tfl_unfold(g->graph, err));
    GFT_TRY(gft_sm_join_patterns(g->graph, err));
    GFT_TRY(gft_graph_sweep(g->graph, err));
    return gft_tfl_name_nodes(g, err);
}

graft_status gft_tfl_read_signature(gft_tfl_reader *r, const gft_tflite_signature *signature,
                                    graft_error *err) {
    gft_tfl_graph g = {
        .reader = r, .signature = signature, .subgraph = &r->file->subgraphs[signature->subgraph]};
    graft_op_info *ops = NULL;
    int32_t op_count = 0;
    graft_error why = {0};
    const char *problem = NULL;
    graft_status status;
    g.pb.arena = r->arena;
    g.nodes.pb = &g.pb;
    GFT_GOTO(count_ops(&g, &ops, &op_count, err));
    status = build(&g, &why);
    if (status == GRAFT_UNIMPLEMENTED || status == GRAFT_INVALID_ARGUMENT ||
        status == GRAFT_NOT_FOUND) {
        gft_graph_free(g.graph);
        g.graph = NULL;
        problem = gft_arena_strdup(r->arena, why.message);
        status = problem ? GRAFT_OK : gft_fail_memory(&why, sizeof why, "a message");
    }
    if (status != GRAFT_OK) {
        status = gft_fail(err, status, "%s: %s", r->file->fb.where, why.message);
        goto done;
    }
    gft_graph *graph = g.graph;
    g.graph = NULL;
    GFT_GOTO(gft_model_add_signature(r->model, signature->key, graph, err));
    gft_signature *added = &r->model->signatures[r->model->signature_count - 1];
    added->problem = problem;
    added->ops = ops;
    added->op_count = op_count;
done:
    gft_graph_free(g.graph);
    return status;
}
