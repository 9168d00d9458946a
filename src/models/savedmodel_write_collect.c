/*
 * What is to be written: which parameters become variables, which signatures, with inputs and
 * outputs in the order of their names (TensorFlow flattens dicts in sorted order; anything else
 * silently swaps tensors).
 */
#include "models/savedmodel_write.h"

#include <stdlib.h>
#include <string.h>

static graft_status out_of_memory(graft_error *err) {
    return gft_fail_memory(err, 0, "a SavedModel");
}

static graft_status collect_variables(gft_sm_writer *w, graft_error *err) {
    const gft_params *params = &w->model->params;
    w->variables = gft_arena_array(&w->arena, (size_t)params->count, sizeof *w->variables);
    w->variable_of = gft_arena_array(&w->arena, (size_t)params->count, sizeof *w->variable_of);
    if (!w->variables || !w->variable_of)
        return out_of_memory(err);
    for (int32_t i = 0; i < params->count; i++) {
        const gft_param *param = &params->items[i];
        w->variable_of[i] = -1;
        if (param->kind == GFT_PARAM_SLOT)
            continue;
        if (graft_dtype_bytes(param->desc.dtype) == 0 || param->desc.quant || !param->data)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "parameter '%s': type %s%s cannot be written as a variable",
                            param->name, graft_dtype_name(param->desc.dtype),
                            param->desc.quant ? ", quantised," : "");
        w->variable_of[i] = w->variable_count;
        w->variables[w->variable_count++] = (gft_sm_variable){
            .param = param, .key = gft_pb_string(&w->pb, "%s%s", param->name, GFT_SM_SUFFIX)};
    }
    return GRAFT_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const gft_sm_port *)a)->name, ((const gft_sm_port *)b)->name);
}

static graft_status ports(gft_sm_writer *w, const gft_graph *graph, const char *key,
                          const gft_binding *bindings, int32_t count, gft_sm_port **out,
                          graft_error *err) {
    gft_sm_port *p = gft_arena_array(&w->arena, (size_t)count, sizeof *p);
    if (!p)
        return out_of_memory(err);
    for (int32_t i = 0; i < count; i++) {
        p[i] = (gft_sm_port){bindings[i].name, graph->values[bindings[i].value].desc,
                             bindings[i].value};
        if (p[i].desc.quant)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "signature '%s': '%s' is quantised, only float graphs are written", key,
                            p[i].name);
    }
    qsort(p, (size_t)count, sizeof *p, by_name);
    for (int32_t i = 1; i < count; i++) {
        if (strcmp(p[i].name, p[i - 1].name) == 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "signature '%s': two tensors are named '%s'", key, p[i].name);
    }
    *out = p;
    return GRAFT_OK;
}

static void mark(const gft_sm_writer *w, const gft_graph *graph, gft_value_id id, bool *used) {
    const gft_value *value = &graph->values[id];
    if (value->kind == GFT_VALUE_PARAM && w->variable_of[value->param] >= 0)
        used[w->variable_of[value->param]] = true;
}

static graft_status captures(gft_sm_writer *w, gft_sm_signature *s, graft_error *err) {
    const gft_graph *graph = s->graph;
    bool *used = gft_arena_array(&w->arena, (size_t)w->variable_count + 1, sizeof *used);
    s->captures = gft_arena_array(&w->arena, (size_t)w->variable_count + 1, sizeof *s->captures);
    if (!used || !s->captures)
        return out_of_memory(err);
    for (int32_t n = 0; n < graph->node_count; n++) {
        for (int32_t i = 0; graph->nodes[n].op && i < graph->nodes[n].input_count; i++)
            mark(w, graph, graph->nodes[n].inputs[i], used);
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        mark(w, graph, graph->outputs[i].value, used);
    for (int32_t i = 0; i < w->variable_count; i++) {
        if (used[i])
            s->captures[s->capture_count++] = i;
    }
    return GRAFT_OK;
}

static graft_status collect_signature(gft_sm_writer *w, const char *key, const gft_graph *graph,
                                      bool first, graft_error *err) {
    gft_sm_signature *s = &w->signatures[w->signature_count];
    *s = (gft_sm_signature){.key = key,
                            .graph = graph,
                            .input_count = graph->input_count,
                            .output_count = graph->output_count};
    if (graph->params && graph->params != &w->model->params)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "signature '%s': its parameters are not the model's", key);
    if (graph->input_count == 0 || graph->output_count == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "signature '%s' has %d inputs and %d outputs, expected some of both", key,
                        graph->input_count, graph->output_count);
    GFT_TRY(ports(w, graph, key, graph->inputs, graph->input_count, &s->inputs, err));
    GFT_TRY(ports(w, graph, key, graph->outputs, graph->output_count, &s->outputs, err));
    GFT_TRY(captures(w, s, err));
    s->body = first ? "call_inference" : gft_pb_string(&w->pb, "body_%d", w->signature_count);
    s->training = first ? "call_training" : NULL;
    s->wrapper = gft_pb_string(&w->pb, "signature_wrapper_%d", w->signature_count);
    w->signature_count++;
    return w->pb.failed ? out_of_memory(err) : GRAFT_OK;
}

bool gft_sm_takes_pictures(const gft_sm_writer *w) {
    const gft_sm_signature *s = &w->signatures[0];
    if (!w->model->has_preprocess || s->input_count != 1)
        return false;
    const graft_tensor_desc *x = &s->inputs[0].desc;
    const graft_preprocess *rule = &w->model->preprocess;
    return x->dtype == GRAFT_F32 && x->shape.rank == 4 && x->shape.dims[0] < 0 &&
           x->shape.dims[3] == 3 && (x->shape.dims[1] < 0 || x->shape.dims[1] == rule->height) &&
           (x->shape.dims[2] < 0 || x->shape.dims[2] == rule->width) &&
           graft_preprocess_check(rule, NULL) == GRAFT_OK;
}

/* The signature that takes encoded pictures, made from the first one. */
static graft_status collect_jpeg(gft_sm_writer *w, graft_error *err) {
    const gft_sm_signature *base = &w->signatures[0];
    gft_sm_signature *s = &w->signatures[w->signature_count];
    *s = *base;
    s->key = GFT_SM_JPEG;
    s->jpeg = true;
    s->training = NULL;
    s->wrapper = "signature_wrapper_jpeg";
    s->inputs = gft_arena_array(&w->arena, 1, sizeof *s->inputs);
    if (!s->inputs)
        return out_of_memory(err);
    s->inputs[0] = (gft_sm_port){GFT_SM_JPEG_INPUT, {GRAFT_STRING, {1, {-1}}, NULL}, -1};
    w->signature_count++;
    return GRAFT_OK;
}

static bool has_default(const graft_model *model) {
    for (int32_t i = 0; i < model->signature_count; i++) {
        if (model->signatures[i].graph && strcmp(model->signatures[i].name, "serving_default") == 0)
            return true;
    }
    return false;
}

graft_status gft_sm_collect(gft_sm_writer *w, graft_error *err) {
    const graft_model *model = w->model;
    const bool by_default = has_default(model);
    GFT_TRY(collect_variables(w, err));
    /* serving_default first (the first signature takes the name if none has it), then the others */
    for (int32_t pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < model->signature_count; i++) {
            const gft_signature *s = &model->signatures[i];
            if (!s->graph || strcmp(s->name, GFT_SM_JPEG) == 0)
                continue;
            const bool first =
                by_default ? strcmp(s->name, "serving_default") == 0 : w->signature_count == 0;
            if (pass == 0 && first && w->signature_count == 0)
                GFT_TRY(collect_signature(w, "serving_default", s->graph, true, err));
            else if (pass == 1 && s->graph != w->signatures[0].graph)
                GFT_TRY(collect_signature(w, s->name, s->graph, false, err));
        }
    }
    if (w->signature_count == 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "model: no signature that can be written");
    if (gft_sm_takes_pictures(w))
        GFT_TRY(collect_jpeg(w, err));
    return GRAFT_OK;
}
