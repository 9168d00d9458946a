/*
 * A signature's graph as functions: the body (inference), its training form, and the wrapper by
 * which a signature calls the body. Variables come in as handles behind the inputs; each is read
 * once, at the top.
 */
#include "models/savedmodel_write.h"

#include "base/alloc.h"
#include "models/tensorflow_ops.h"

gft_tf_node *gft_sm_call(gft_tf_nodes *nodes, const char *name, const char *function) {
    gft_tf_node *call = gft_tf_add_named(nodes, "StatefulPartitionedCall", name);
    gft_tf_attr_function(nodes, call, "f", function);
    return call;
}

void gft_sm_call_types(gft_sm_writer *w, gft_tf_nodes *nodes, gft_tf_node *call,
                       const gft_sm_signature *s, bool jpeg) {
    const int32_t inputs = jpeg ? 1 : s->input_count;
    const int32_t count = inputs + s->capture_count;
    graft_dtype *types =
        gft_arena_array(&w->arena, (size_t)(count + s->output_count), sizeof *types);
    if (!types) {
        w->pb.failed = true;
        return;
    }
    for (int32_t i = 0; i < count; i++)
        types[i] = i >= inputs ? GRAFT_RESOURCE : s->inputs[i].desc.dtype;
    gft_tf_attr_types(nodes, call, "Tin", types, (size_t)count);
    for (int32_t i = 0; i < s->output_count; i++)
        types[i] = s->outputs[i].desc.dtype;
    gft_tf_attr_types(nodes, call, "Tout", types, (size_t)s->output_count);
}

/* ---- body ---- */

typedef struct body {
    gft_sm_writer *w;
    const gft_sm_signature *signature;
    gft_tf_function function;
    gft_tf_emit emit;
    const char **handles; /* by parameter */
    gft_node_id *order;
    int32_t order_count;
} body;

static graft_status body_arguments(body *b, graft_error *err) {
    const gft_sm_signature *s = b->signature;
    for (int32_t i = 0; i < s->input_count; i++)
        b->emit.values[s->inputs[i].value] =
            gft_tf_function_arg(&b->function, s->input_count == 1 ? "inputs" : s->inputs[i].name,
                                s->inputs[i].desc.dtype, &s->inputs[i].desc.shape);
    for (int32_t i = 0; i < s->capture_count; i++) {
        const gft_param *param = b->w->variables[s->captures[i]].param;
        b->handles[param - b->w->model->params.items] =
            gft_tf_function_handle(&b->function, param->name, &param->desc);
    }
    return b->w->pb.failed ? gft_fail_memory(err, 0, "a SavedModel") : GRAFT_OK;
}

/* Variables are read, constants appear. */
static void body_values(body *b) {
    gft_tf_nodes *nodes = &b->function.nodes;
    const gft_graph *graph = b->signature->graph;
    const char **read =
        gft_arena_array(&b->w->arena, (size_t)b->w->model->params.count + 1, sizeof *read);
    for (int32_t i = 0; read && i < graph->value_count; i++) {
        const gft_value *value = &graph->values[i];
        if (value->kind == GFT_VALUE_CONST && gft_graph_uses(graph, i) > 0) {
            b->emit.values[i] =
                gft_tf_const(nodes, value->name && value->name[0] ? value->name : "Const",
                             &value->desc, value->data);
        } else if (value->kind == GFT_VALUE_PARAM && b->handles[value->param]) {
            if (!read[value->param]) {
                const gft_param *param = &b->w->model->params.items[value->param];
                gft_tf_node *node =
                    gft_tf_add_named(nodes, "ReadVariableOp",
                                     gft_pb_string(nodes->pb, "%s/ReadVariableOp", param->name));
                gft_tf_input(nodes, node, b->handles[value->param]);
                gft_tf_attr_type(nodes, node, "dtype", param->desc.dtype);
                read[value->param] = gft_tf_output(nodes, node, 0);
            }
            b->emit.values[i] = read[value->param];
        }
    }
    b->w->pb.failed = b->w->pb.failed || !read;
}

static void body_results(body *b) {
    gft_tf_nodes *nodes = &b->function.nodes;
    const gft_sm_signature *s = b->signature;
    for (int32_t i = 0; i < s->output_count; i++) {
        const gft_sm_port *out = &s->outputs[i];
        const char *tensor =
            gft_tf_unary(nodes, "Identity", b->emit.values[out->value], out->desc.dtype);
        gft_tf_function_result(&b->function, s->output_count == 1 ? "output" : out->name,
                               out->desc.dtype, tensor);
    }
    for (size_t i = 0; i < b->emit.effect_count; i++)
        gft_tf_function_control(&b->function, b->emit.effects[i]);
    gft_tf_function_end(&b->function, b->w->meta->graph_def->library);
}

static graft_status write_body(gft_sm_writer *w, const gft_sm_signature *s, const char *name,
                               bool training, graft_error *err) {
    body b = {.w = w, .signature = s};
    const gft_graph *graph = s->graph;
    gft_tf_function_begin(&b.function, &w->pb, name);
    b.handles = gft_arena_array(&w->arena, (size_t)w->model->params.count + 1, sizeof *b.handles);
    b.order = gft_arena_array(&w->arena, (size_t)graph->node_count + 1, sizeof *b.order);
    b.emit = (gft_tf_emit){.nodes = &b.function.nodes, .graph = graph, .training = training};
    b.emit.values =
        gft_arena_array(&w->arena, (size_t)graph->value_count + 1, sizeof *b.emit.values);
    b.emit.handles = b.handles;
    if (!b.handles || !b.order || !b.emit.values || w->pb.failed)
        return gft_fail_memory(err, (size_t)graph->value_count * sizeof(char *), "a SavedModel");
    GFT_TRY(gft_graph_order(graph, b.order, &b.order_count, err));
    GFT_TRY(body_arguments(&b, err));
    body_values(&b);
    for (int32_t i = 0; i < b.order_count; i++) {
        b.emit.node = &graph->nodes[b.order[i]];
        GFT_TRY(gft_tf_emit_node(&b.emit, err));
    }
    body_results(&b);
    return w->pb.failed ? gft_fail_memory(err, 0, "a SavedModel") : GRAFT_OK;
}

/* ---- wrapper ---- */

static graft_status write_wrapper(gft_sm_writer *w, const gft_sm_signature *s, graft_error *err) {
    gft_tf_function f;
    gft_tf_function_begin(&f, &w->pb, s->wrapper);
    const char **inputs =
        gft_arena_array(&w->arena, (size_t)(s->input_count + s->capture_count) + 1, sizeof *inputs);
    if (!inputs || w->pb.failed)
        return gft_fail_memory(err, 0, "a SavedModel");
    int32_t count = 0;
    for (int32_t i = 0; i < s->input_count; i++)
        inputs[count++] = gft_tf_function_arg(&f, s->inputs[i].name, s->inputs[i].desc.dtype,
                                              &s->inputs[i].desc.shape);
    for (int32_t i = 0; i < s->capture_count; i++) {
        const gft_param *param = w->variables[s->captures[i]].param;
        inputs[count++] = gft_tf_function_handle(&f, param->name, &param->desc);
    }
    gft_tf_node *call = gft_sm_call(&f.nodes, "StatefulPartitionedCall", s->body);
    for (int32_t i = 0; i < count; i++)
        gft_tf_input(&f.nodes, call, inputs[i]);
    gft_sm_call_types(w, &f.nodes, call, s, false);
    for (int32_t i = 0; i < s->output_count; i++) {
        const char *tensor = gft_tf_unary(&f.nodes, "Identity", gft_tf_output(&f.nodes, call, i),
                                          s->outputs[i].desc.dtype);
        gft_tf_function_result(&f, s->outputs[i].name, s->outputs[i].desc.dtype, tensor);
    }
    gft_tf_function_control(&f, call);
    gft_tf_function_end(&f, w->meta->graph_def->library);
    return w->pb.failed ? gft_fail_memory(err, 0, "a SavedModel") : GRAFT_OK;
}

graft_status gft_sm_write_functions(gft_sm_writer *w, gft_sm_signature *s, graft_error *err) {
    if (s->jpeg)
        return gft_sm_write_jpeg(w, s, err);
    GFT_TRY(write_body(w, s, s->body, false, err));
    if (s->training)
        GFT_TRY(write_body(w, s, s->training, true, err));
    return write_wrapper(w, s, err);
}
