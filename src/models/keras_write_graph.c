/*
 * From a graph to a list of Keras layers: a copy of the graph is simplified, then its nodes are
 * written one after the other by the function of their op.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "graph/rewrite.h"
#include "models/keras_write.h"
#include "models/savedmodel_read.h"

typedef struct emit_entry {
    const gft_op *op;
    void (*emit)(gft_kw *w);
} emit_entry;

static const emit_entry TABLE[] = {
    {&gft_op_conv2d, gft_kw_emit_conv2d},
    {&gft_op_depthwise_conv2d, gft_kw_emit_depthwise_conv2d},
    {&gft_op_conv2d_transpose, gft_kw_emit_conv2d_transpose},
    {&gft_op_dense, gft_kw_emit_dense},
    {&gft_op_matmul, gft_kw_emit_matmul},
    {&gft_op_bias_add, gft_kw_emit_bias_add},
    {&gft_op_batch_norm, gft_kw_emit_batch_norm},
    {&gft_op_layer_norm, gft_kw_emit_layer_norm},
    {&gft_op_l2_normalise, gft_kw_emit_l2_normalise},
    {&gft_op_gather, gft_kw_emit_gather},
    {&gft_op_prelu, gft_kw_emit_prelu},
    {&gft_op_relu, gft_kw_emit_activation},
    {&gft_op_relu6, gft_kw_emit_activation},
    {&gft_op_leaky_relu, gft_kw_emit_activation},
    {&gft_op_silu, gft_kw_emit_activation},
    {&gft_op_sigmoid, gft_kw_emit_activation},
    {&gft_op_hard_sigmoid, gft_kw_emit_activation},
    {&gft_op_hard_swish, gft_kw_emit_activation},
    {&gft_op_tanh, gft_kw_emit_activation},
    {&gft_op_elu, gft_kw_emit_activation},
    {&gft_op_selu, gft_kw_emit_activation},
    {&gft_op_softplus, gft_kw_emit_activation},
    {&gft_op_softsign, gft_kw_emit_activation},
    {&gft_op_gelu, gft_kw_emit_activation},
    {&gft_op_gelu_tanh, gft_kw_emit_activation},
    {&gft_op_exp, gft_kw_emit_unary},
    {&gft_op_log, gft_kw_emit_unary},
    {&gft_op_neg, gft_kw_emit_unary},
    {&gft_op_sqrt, gft_kw_emit_unary},
    {&gft_op_rsqrt, gft_kw_emit_unary},
    {&gft_op_square, gft_kw_emit_unary},
    {&gft_op_erf, gft_kw_emit_unary},
    {&gft_op_abs, gft_kw_emit_unary},
    {&gft_op_sign, gft_kw_emit_unary},
    {&gft_op_floor, gft_kw_emit_unary},
    {&gft_op_ceil, gft_kw_emit_unary},
    {&gft_op_round, gft_kw_emit_unary},
    {&gft_op_sin, gft_kw_emit_unary},
    {&gft_op_cos, gft_kw_emit_unary},
    {&gft_op_log1p, gft_kw_emit_unary},
    {&gft_op_expm1, gft_kw_emit_unary},
    {&gft_op_logical_not, gft_kw_emit_unary},
    {&gft_op_clip, gft_kw_emit_clip},
    {&gft_op_add, gft_kw_emit_binary},
    {&gft_op_sub, gft_kw_emit_binary},
    {&gft_op_mul, gft_kw_emit_binary},
    {&gft_op_div, gft_kw_emit_binary},
    {&gft_op_maximum, gft_kw_emit_binary},
    {&gft_op_minimum, gft_kw_emit_binary},
    {&gft_op_pow, gft_kw_emit_compare},
    {&gft_op_floor_div, gft_kw_emit_compare},
    {&gft_op_floor_mod, gft_kw_emit_compare},
    {&gft_op_equal, gft_kw_emit_compare},
    {&gft_op_not_equal, gft_kw_emit_compare},
    {&gft_op_less, gft_kw_emit_compare},
    {&gft_op_less_equal, gft_kw_emit_compare},
    {&gft_op_greater, gft_kw_emit_compare},
    {&gft_op_greater_equal, gft_kw_emit_compare},
    {&gft_op_logical_and, gft_kw_emit_compare},
    {&gft_op_logical_or, gft_kw_emit_compare},
    {&gft_op_select, gft_kw_emit_select},
    {&gft_op_cast, gft_kw_emit_cast},
    {&gft_op_identity, gft_kw_emit_identity},
    {&gft_op_dropout, gft_kw_emit_dropout},
    {&gft_op_fill_like, gft_kw_emit_fill_like},
    {&gft_op_softmax, gft_kw_emit_softmax},
    {&gft_op_log_softmax, gft_kw_emit_softmax},
    {&gft_op_max_pool, gft_kw_emit_pool},
    {&gft_op_avg_pool, gft_kw_emit_pool},
    {&gft_op_reduce_mean, gft_kw_emit_reduce},
    {&gft_op_reduce_sum, gft_kw_emit_reduce},
    {&gft_op_reduce_max, gft_kw_emit_reduce},
    {&gft_op_reduce_min, gft_kw_emit_reduce},
    {&gft_op_reduce_prod, gft_kw_emit_reduce},
    {&gft_op_reduce_any, gft_kw_emit_reduce},
    {&gft_op_reduce_all, gft_kw_emit_reduce},
    {&gft_op_argmax, gft_kw_emit_arg},
    {&gft_op_argmin, gft_kw_emit_arg},
    {&gft_op_mirror_pad, gft_kw_emit_mirror_pad},
    {&gft_op_tile, gft_kw_emit_tile},
    {&gft_op_depth_to_space, gft_kw_emit_block},
    {&gft_op_space_to_depth, gft_kw_emit_block},
    {&gft_op_pad, gft_kw_emit_pad},
    {&gft_op_slice, gft_kw_emit_slice},
    {&gft_op_strided_slice, gft_kw_emit_strided_slice},
    {&gft_op_concat, gft_kw_emit_concat},
    {&gft_op_reshape, gft_kw_emit_reshape},
    {&gft_op_broadcast_to, gft_kw_emit_broadcast_to},
    {&gft_op_transpose, gft_kw_emit_transpose},
    {&gft_op_resize, gft_kw_emit_resize},
};

/* ---- the copy ---- */

static graft_status count_uses(gft_kw *w, graft_error *err) {
    const gft_graph *g = w->graph;
    const size_t count = (size_t)g->value_count + 1;
    w->uses = gft_arena_array(&w->arena, count, sizeof *w->uses);
    w->layer_of = gft_arena_array(&w->arena, count, sizeof *w->layer_of);
    if (!w->uses || !w->layer_of)
        return gft_fail_memory(err, count * 8, "uses of values");
    for (int32_t i = 0; i < g->value_count; i++)
        w->layer_of[i] = -1;
    for (int32_t n = 0; n < g->node_count; n++) {
        for (int32_t i = 0; g->nodes[n].op && i < g->nodes[n].input_count; i++) {
            const gft_value *value = &g->values[g->nodes[n].inputs[i]];
            w->uses[g->nodes[n].inputs[i]]++;
            w->has_params = w->has_params || value->kind == GFT_VALUE_PARAM;
        }
    }
    for (int32_t i = 0; i < g->output_count; i++)
        w->uses[g->outputs[i].value]++;
    return GRAFT_OK;
}

typedef struct shaped_param {
    gft_value_id value;
    gft_param_id param;
} shaped_param;

/*
 * A parameter under another shape (Keras' one-dimensional convolutions) is a constant that lies on
 * the parameter: computing it would forget where it comes from.
 */
static graft_status shape_params(gft_kw *w, shaped_param *shaped, int32_t *count,
                                 graft_error *err) {
    gft_graph *g = w->graph;
    for (int32_t n = 0; n < g->node_count; n++) {
        const gft_node *node = &g->nodes[n];
        if (node->op != &gft_op_reshape || node->input_count != 1)
            continue;
        const gft_value *x = &g->values[node->inputs[0]];
        const gft_value_id y = node->outputs[0];
        const graft_tensor_desc desc = g->values[y].desc;
        const gft_param_id param = x->kind == GFT_VALUE_PARAM ? x->param : -1;
        if (param < 0 || gft_shape_elems(&desc.shape) != gft_shape_elems(&x->desc.shape))
            continue;
        gft_value_id id;
        GFT_TRY(
            gft_graph_const(g, node->name, &desc, g->params->items[param].data, false, &id, err));
        gft_graph_replace(g, y, id);
        gft_graph_remove(g, n);
        shaped[(*count)++] = (shaped_param){id, param};
        w->has_params = true;
    }
    return GRAFT_OK;
}

static graft_status simplify(gft_kw *w, graft_error *err) {
    const gft_rewrite_options options = {0};
    const gft_graph *g = w->graph;
    int32_t count = 0;
    shaped_param *shaped = gft_arena_array(&w->arena, (size_t)g->node_count + 1, sizeof *shaped);
    if (!shaped)
        return gft_fail_memory(err, (size_t)g->node_count * sizeof *shaped, "parameters");
    GFT_TRY(gft_kw_find_normals(w, err));
    GFT_TRY(shape_params(w, shaped, &count, err));
    GFT_TRY(gft_rewrite_fold_constants(w->graph, &options, err));
    w->param_of = gft_arena_array(&w->arena, (size_t)g->value_count + 1, sizeof *w->param_of);
    if (!w->param_of)
        return gft_fail_memory(err, (size_t)g->value_count * sizeof *w->param_of, "parameters");
    for (int32_t i = 0; i < g->value_count; i++)
        w->param_of[i] = g->values[i].kind == GFT_VALUE_PARAM ? g->values[i].param : -1;
    for (int32_t i = 0; i < count; i++)
        w->param_of[shaped[i].value] = shaped[i].param;
    return GRAFT_OK;
}

static graft_status copy_graph(gft_kw *w, const gft_signature *signature, graft_error *err) {
    if (!signature->graph)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "signature '%s': %s", signature->name,
                        signature->problem ? signature->problem : "it has no graph");
    GFT_TRY(gft_graph_clone(signature->graph, &w->graph, err));
    GFT_TRY(gft_sm_join_patterns(w->graph, err));
    GFT_TRY(gft_graph_sweep(w->graph, err));
    GFT_TRY(simplify(w, err));
    return count_uses(w, err);
}

/* ---- names of an exported function ---- */

/* The last node of a Normalization gives the layer, the first does not stand in its way. */
static bool begins_normal(const gft_kw *w, gft_node_id node) {
    bool found = false;
    for (int32_t i = 0; i < w->normal_count; i++)
        found = found || w->normals[i].sub == node;
    return found;
}

static graft_status find_mains(gft_kw *w, graft_error *err) {
    const gft_graph *g = w->graph;
    for (int32_t n = 0; n < g->node_count; n++) {
        const gft_node *node = &g->nodes[n];
        if (node->op && strcmp(node->name, node->layer) == 0 && !begins_normal(w, n) &&
            json_object_set_new_nocheck(w->mains, node->name, json_true()) != 0)
            return gft_fail_memory(err, 64, "names of layers");
    }
    return GRAFT_OK;
}

/* "conv" of the parameter "scope/conv/kernel". */
static const char *last_part(const char *parameter, size_t *length) {
    const char *end = strrchr(parameter, '/');
    const char *begin = end;
    while (begin && begin > parameter && begin[-1] != '/')
        begin--;
    *length = begin ? (size_t)(end - begin) : 0;
    return begin;
}

/* "net_1/" if every layer of more than one part begins so and parameters do not. */
static graft_status find_prefix(gft_kw *w, graft_error *err) {
    const gft_graph *g = w->graph;
    const char *prefix = NULL;
    size_t length = 0;
    int32_t plain = 0;
    int32_t numbered = 0;
    w->prefix = "";
    for (int32_t n = 0; n < g->node_count; n++) {
        const gft_node *node = &g->nodes[n];
        const char *slash = node->op ? strchr(node->layer, '/') : NULL;
        if (!slash)
            continue;
        if (!prefix) {
            prefix = node->layer;
            length = (size_t)(slash - prefix) + 1;
        }
        if (strncmp(node->layer, prefix, length) != 0)
            return GRAFT_OK;
        for (int32_t i = 0; i < node->input_count; i++) {
            const gft_value *value = &g->values[node->inputs[i]];
            size_t own = 0;
            const char *full =
                value->kind == GFT_VALUE_PARAM ? g->params->items[value->param].name : "";
            const char *name = last_part(full, &own);
            if (strncmp(full, prefix, length) == 0)
                return GRAFT_OK; /* it belongs to the names */
            if (own == 0 || strncmp(node->layer + length, name, own) != 0)
                continue;
            plain += node->layer[length + own] == '\0' || node->layer[length + own] == '/';
            numbered += strncmp(node->layer + length + own, "_1", 2) == 0;
        }
    }
    if (plain + numbered == 0)
        return GRAFT_OK;
    w->numbered = numbered > plain;
    w->prefix = gft_arena_strndup(&w->arena, prefix, length);
    return w->prefix ? GRAFT_OK : gft_fail_memory(err, length, "a name");
}

/* ---- the walk ---- */

static graft_status add_inputs(gft_kw *w) {
    const gft_graph *g = w->graph;
    for (int32_t i = 0; i < g->input_count; i++) {
        const gft_value *value = &g->values[g->inputs[i].value];
        if (value->desc.shape.rank == 0 && w->status == GRAFT_OK)
            w->status = gft_fail(w->err, GRAFT_UNIMPLEMENTED,
                                 "input '%s' is a scalar, Keras' inputs begin with a batch",
                                 g->inputs[i].name);
        const gft_kw_spec spec = {
            .class_name = "InputLayer", .name = g->inputs[i].name, .output = value->desc};
        const gft_kw_id id = gft_kw_add(w, &spec);
        if (id < 0)
            return w->status;
        w->layers[id].model_input = true;
        w->layers[id].value = g->inputs[i].value;
        w->layer_of[g->inputs[i].value] = id;
    }
    return w->status;
}

static void emit_node(gft_kw *w, gft_node_id id) {
    w->node = &w->graph->nodes[id];
    if (gft_kw_emit_normal(w, id))
        return;
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        if (TABLE[i].op == w->node->op) {
            TABLE[i].emit(w);
            return;
        }
    }
    (void)gft_kw_cannot(w, "Keras has no layer for it");
}

static graft_status add_layers(gft_kw *w, graft_error *err) {
    const size_t bytes = ((size_t)w->graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *order = gft_malloc(bytes);
    int32_t count = 0;
    if (!order)
        return gft_fail_memory(err, bytes, "a graph's order");
    graft_status status;
    GFT_GOTO(gft_graph_order(w->graph, order, &count, err));
    for (int32_t i = 0; i < count && w->status == GRAFT_OK; i++)
        emit_node(w, order[i]);
    status = w->status;
done:
    w->node = NULL;
    gft_free(order);
    return status;
}

static graft_status check_outputs(const gft_kw *w, graft_error *err) {
    const gft_graph *g = w->graph;
    if (g->input_count == 0 || g->output_count == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "a model without %s cannot be a Keras model",
                        g->input_count == 0 ? "inputs" : "outputs");
    for (int32_t i = 0; i < g->output_count; i++) {
        if (w->layer_of[g->outputs[i].value] < 0)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "output '%s' does not depend on the inputs, which Keras does not allow",
                            g->outputs[i].name);
    }
    return GRAFT_OK;
}

graft_status gft_kw_init(gft_kw *w, const graft_model *model, const gft_signature *signature,
                         bool legacy, graft_error *err) {
    *w = (gft_kw){.model = model, .legacy = legacy, .err = err};
    gft_arena_init(&w->arena);
    w->names = json_object();
    w->mains = json_object();
    if (!w->names || !w->mains)
        return gft_fail_memory(err, 64, "names of layers");
    GFT_TRY(copy_graph(w, signature, err));
    GFT_TRY(find_prefix(w, err));
    GFT_TRY(find_mains(w, err));
    GFT_TRY(add_inputs(w));
    GFT_TRY(add_layers(w, err));
    GFT_TRY(check_outputs(w, err));
    return gft_kw_order(w, err);
}

void gft_kw_deinit(gft_kw *w) {
    for (int32_t i = 0; i < w->count; i++) {
        json_decref(w->layers[i].config);
        for (int32_t k = 0; k < w->layers[i].arg_count; k++)
            json_decref(w->layers[i].args[k].constant);
    }
    gft_free(w->layers);
    json_decref(w->names);
    json_decref(w->mains);
    gft_graph_free(w->graph);
    gft_arena_deinit(&w->arena);
    *w = (gft_kw){0};
}

graft_status gft_kw_signature(const graft_model *model, const gft_signature **out,
                              graft_error *err) {
    const gft_signature *found = NULL;
    for (int32_t i = 0; i < model->signature_count; i++) {
        const gft_signature *s = &model->signatures[i];
        if (s->graph && (!found || strcmp(s->name, "serving_default") == 0))
            found = s;
    }
    if (!found && model->signature_count > 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "signature '%s' cannot be written: %s",
                        model->signatures[0].name,
                        model->signatures[0].problem ? model->signatures[0].problem : "no graph");
    if (!found)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "a model without signatures");
    *out = found;
    return GRAFT_OK;
}
