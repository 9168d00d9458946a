/*
 * Keras' Normalization, found before constants are computed: (x - mean) / max(sqrt(variance),
 * 1e-7), with parameters, which are variables of the layer, or with constants, which belong to its
 * configuration. Exported functions have the constants (the divisor perhaps computed already)
 * although the layer has variables: then these are among the model's parameters, used by no node.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/keras_write.h"

#define KERAS_EPSILON 1e-7f

/* ---- looking ---- */

static const gft_node *maker(const gft_graph *g, gft_value_id id, const gft_op *op) {
    const gft_value *value = &g->values[id];
    const gft_node *node = value->kind == GFT_VALUE_NODE ? &g->nodes[value->node] : NULL;
    return node && node->op == op ? node : NULL;
}

/* A number per channel behind a reshape to (1,...,C): the parameter or constant itself, or -1. */
static gft_value_id channels(const gft_graph *g, gft_value_id id, int64_t count) {
    const gft_node *reshape = maker(g, id, &gft_op_reshape);
    const gft_value_id source = reshape ? reshape->inputs[0] : id;
    const gft_value *value = &g->values[source];
    const graft_shape *shape = &g->values[id].desc.shape;
    const bool fixed = value->kind == GFT_VALUE_PARAM || value->kind == GFT_VALUE_CONST;
    return fixed && value->desc.dtype == GRAFT_F32 && shape->rank > 0 && count > 0 &&
                   shape->dims[shape->rank - 1] == count && gft_shape_elems(shape) == count
               ? source
               : -1;
}

static bool is_epsilon(const gft_graph *g, gft_value_id id) {
    const gft_value *value = &g->values[id];
    return value->kind == GFT_VALUE_CONST && value->desc.dtype == GRAFT_F32 &&
           gft_shape_elems(&value->desc.shape) == 1 &&
           fabsf(*(const float *)value->data - KERAS_EPSILON) < 1e-9f;
}

/* max(sqrt(variance), epsilon) */
static gft_value_id variance_of(const gft_graph *g, gft_value_id divisor, int64_t count) {
    const gft_node *maximum = maker(g, divisor, &gft_op_maximum);
    for (int i = 0; maximum && i < 2; i++) {
        const gft_node *root = maker(g, maximum->inputs[i], &gft_op_sqrt);
        if (root && is_epsilon(g, maximum->inputs[1 - i]))
            return channels(g, root->inputs[0], count);
    }
    return -1;
}

/* ---- parameters that hold the same numbers ---- */

static const gft_param *statistic(gft_kw *w, const char *mean_name, const char *part) {
    const size_t length = (size_t)(strrchr(mean_name, '/') - mean_name);
    const char *name = gft_arena_format(&w->arena, "%.*s/%s", (int)length, mean_name, part);
    const gft_param_id id = name ? gft_params_find(&w->model->params, name) : -1;
    return id >= 0 ? &w->model->params.items[id] : NULL;
}

static bool same_numbers(const gft_param *param, const void *data, int64_t count) {
    return param->desc.dtype == GRAFT_F32 && gft_shape_elems(&param->desc.shape) == count &&
           memcmp(param->data, data, (size_t)count * sizeof(float)) == 0;
}

static bool divides_by(const gft_param *variance, const float *divisor, int64_t count) {
    if (variance->desc.dtype != GRAFT_F32 || gft_shape_elems(&variance->desc.shape) != count)
        return false;
    for (int64_t i = 0; i < count; i++) {
        const float wanted = fmaxf(sqrtf(((const float *)variance->data)[i]), KERAS_EPSILON);
        if (fabsf(divisor[i] - wanted) > 1e-6f * wanted)
            return false;
    }
    return true;
}

/*
 * Sets n->stored if there are name/mean, name/variance, name/count with the numbers of these
 * constants.
 */
static void find_stored(gft_kw *w, gft_kw_normal *n, gft_value_id divisor, int64_t count) {
    const gft_params *params = &w->model->params;
    const gft_graph *g = w->graph;
    for (int32_t i = 0; i < params->count && !n->stored; i++) {
        const gft_param *mean = &params->items[i];
        const char *slash = strrchr(mean->name, '/');
        if (!slash || strcmp(slash + 1, "mean") != 0 ||
            !same_numbers(mean, g->values[n->mean].data, count))
            continue;
        const gft_param *variance = statistic(w, mean->name, "variance");
        if (!variance || !statistic(w, mean->name, "count"))
            continue;
        const bool same = n->variance >= 0
                              ? same_numbers(variance, g->values[n->variance].data, count)
                              : divides_by(variance, g->values[divisor].data, count);
        if (same)
            n->stored = mean->name;
    }
}

/* ---- finding ---- */

static bool is_normal(gft_kw *w, gft_node_id id, gft_kw_normal *out) {
    const gft_graph *g = w->graph;
    const gft_node *div = &g->nodes[id];
    const gft_node *sub = div->op == &gft_op_div ? maker(g, div->inputs[0], &gft_op_sub) : NULL;
    if (!sub || gft_graph_uses(g, sub->outputs[0]) != 1)
        return false;
    const graft_shape *shape = &g->values[sub->outputs[0]].desc.shape;
    const int64_t count = shape->rank > 1 ? shape->dims[shape->rank - 1] : 0;
    const gft_value_id divisor = channels(g, div->inputs[1], count);
    *out = (gft_kw_normal){.sub = (gft_node_id)(sub - g->nodes),
                           .div = id,
                           .x = sub->inputs[0],
                           .mean = channels(g, sub->inputs[1], count),
                           .variance = variance_of(g, div->inputs[1], count)};
    if (out->mean < 0 || (out->variance < 0 && divisor < 0))
        return false;
    const gft_value_kind kind = g->values[out->mean].kind;
    if (kind != g->values[out->variance >= 0 ? out->variance : divisor].kind)
        return false;
    if (kind == GFT_VALUE_CONST)
        find_stored(w, out, divisor, count);
    return out->variance >= 0 || out->stored;
}

graft_status gft_kw_find_normals(gft_kw *w, graft_error *err) {
    const gft_graph *g = w->graph;
    w->normals = gft_arena_array(&w->arena, (size_t)g->node_count + 1, sizeof *w->normals);
    if (!w->normals)
        return gft_fail_memory(err, (size_t)g->node_count * sizeof *w->normals, "a Keras model");
    for (int32_t n = 0; n < g->node_count; n++) {
        if (is_normal(w, n, &w->normals[w->normal_count]))
            w->normal_count++;
    }
    return GRAFT_OK;
}

/* ---- writing ---- */

static json_t *channel_list(const gft_value *value) {
    const graft_tensor_desc flat = gft_desc_f32(gft_shape_1(gft_shape_elems(&value->desc.shape)));
    return gft_kw_numbers(&flat, value->data);
}

static gft_kw_weight of_param(const gft_kw *w, const char *name, const gft_param *param) {
    return (gft_kw_weight){name, param->desc, param->data, false,
                           (gft_param_id)(param - w->model->params.items)};
}

/* The layer's variables; false if it has none. */
static bool variables(gft_kw *w, const gft_kw_normal *n, gft_kw_weight out[3]) {
    static const int64_t zero = 0;
    const gft_params *params = &w->model->params;
    const gft_value *mean = &w->graph->values[n->mean];
    const gft_param *found[3] = {NULL};
    if (n->stored) {
        found[0] = &params->items[gft_params_find(params, n->stored)];
        found[1] = statistic(w, n->stored, "variance");
    } else if (mean->kind == GFT_VALUE_PARAM) {
        found[0] = &params->items[mean->param];
        found[1] = &params->items[w->graph->values[n->variance].param];
    }
    if (!found[0] || !found[1])
        return false;
    found[2] = strrchr(found[0]->name, '/') ? statistic(w, found[0]->name, "count") : NULL;
    out[0] = of_param(w, "mean", found[0]);
    out[1] = of_param(w, "variance", found[1]);
    out[2] = (gft_kw_weight){"count", {GRAFT_S64, gft_shape_0(), NULL}, &zero, false, -1};
    if (found[2])
        out[2] = of_param(w, "count", found[2]);
    for (int k = 0; k < 2; k++) /* Keras has vectors */
        out[k].desc.shape = gft_shape_1(gft_shape_elems(&out[k].desc.shape));
    return true;
}

static void normalization(gft_kw *w, const gft_kw_normal *n) {
    const gft_kw_id x = w->layer_of[n->x];
    gft_kw_weight weights[3];
    const char *name = NULL;
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(-1));
    const bool own = variables(w, n, weights);
    if (!own) {
        gft_kw_set(w, config, "mean", channel_list(&w->graph->values[n->mean]));
        gft_kw_set(w, config, "variance", channel_list(&w->graph->values[n->variance]));
    }
    if (n->stored)
        name =
            gft_arena_strndup(&w->arena, n->stored, (size_t)(strrchr(n->stored, '/') - n->stored));
    const gft_kw_spec spec = {.class_name = "Normalization",
                              .name = name,
                              .config = config,
                              .inputs = &x,
                              .input_count = 1};
    const gft_kw_id id = gft_kw_add(w, &spec);
    for (int k = 0; own && k < 3; k++)
        gft_kw_add_weight_data(w, id, &weights[k]);
    gft_kw_done(w, id);
}

bool gft_kw_emit_normal(gft_kw *w, gft_node_id node) {
    for (int32_t i = 0; i < w->normal_count; i++) {
        if (w->normals[i].div == node)
            normalization(w, &w->normals[i]);
        if (w->normals[i].div == node || w->normals[i].sub == node)
            return true;
    }
    return false;
}
