/*
 * Sums, products and the like: merge layers for two tensors, Rescaling where one side is a
 * constant, Normalization for (x - mean) / max(sqrt(variance), epsilon), Keras' operations for what
 * is left.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/keras_write.h"

#define KERAS_EPSILON 1e-7f

/* ---- two tensors ---- */

/* Merge layers want equal ranks and one batch; they broadcast dimensions of 1. */
static bool mergeable(const graft_tensor_desc *a, const graft_tensor_desc *b) {
    return a->dtype == GRAFT_F32 && b->dtype == GRAFT_F32 && a->shape.rank == b->shape.rank &&
           a->shape.rank >= 2 && a->shape.dims[0] == b->shape.dims[0];
}

gft_kw_id gft_kw_merge(gft_kw *w, const char *class_name, const char *suffix, gft_kw_id a,
                       gft_kw_id b, const graft_tensor_desc *output) {
    const gft_kw_id inputs[2] = {a, b};
    if (w->status != GRAFT_OK)
        return -1;
    const bool layer = mergeable(&w->layers[a].output, &w->layers[b].output);
    const gft_kw_spec spec = {.module = layer ? GFT_KW_LAYERS : GFT_KW_NUMPY,
                              .class_name = class_name,
                              .suffix = suffix,
                              .inputs = inputs,
                              .input_count = 2,
                              .list = layer,
                              .output = *output};
    return gft_kw_add(w, &spec);
}

static void two_tensors(gft_kw *w) {
    static const struct {
        const gft_op *op;
        const char *name;
    } table[] = {
        {&gft_op_add, "Add"},    {&gft_op_sub, "Subtract"},    {&gft_op_mul, "Multiply"},
        {&gft_op_div, "Divide"}, {&gft_op_maximum, "Maximum"}, {&gft_op_minimum, "Minimum"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op != w->node->op)
            continue;
        const bool fixed = gft_kw_fixed(w, 0) || gft_kw_fixed(w, 1);
        if (fixed || w->node->op == &gft_op_div)
            gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, table[i].name, NULL));
        else
            gft_kw_done(w, gft_kw_merge(w, table[i].name, NULL, gft_kw_in(w, 0), gft_kw_in(w, 1),
                                        gft_kw_out_desc(w)));
    }
}

/* ---- a constant: Rescaling ---- */

gft_kw_id gft_kw_rescale(gft_kw *w, gft_kw_id x, float scale, float offset, const char *suffix,
                         const graft_tensor_desc *output) {
    json_t *config = json_object();
    gft_kw_set(w, config, "scale", gft_kw_float(scale));
    gft_kw_set(w, config, "offset", gft_kw_float(offset));
    const gft_kw_spec spec = {.class_name = "Rescaling",
                              .suffix = suffix,
                              .config = config,
                              .inputs = &x,
                              .input_count = 1,
                              .output = *output};
    return gft_kw_add(w, &spec);
}

/* f of every number of a constant, as JSON. */
static json_t *mapped(gft_kw *w, const graft_tensor_desc *desc, const float *data,
                      float (*f)(float)) {
    const int64_t elems = gft_shape_elems(&desc->shape);
    float *copy = gft_arena_array(&w->arena, (size_t)elems, sizeof *copy);
    if (!copy)
        return NULL;
    for (int64_t i = 0; i < elems; i++)
        copy[i] = f(data[i]);
    return gft_kw_numbers(desc, copy);
}

static float same(float v) {
    return v;
}
static float negative(float v) {
    return -v;
}
static float inverse(float v) {
    return 1.0f / v;
}

typedef struct affine {
    bool scale; /* the constant is the scale, else the offset */
    float (*f)(float);
    float other; /* the other of the two */
} affine;

/* x op constant (at 1) or constant op x (at 0) as scale and offset. */
static bool as_affine(const gft_op *op, int32_t at, affine *out) {
    if (op == &gft_op_add)
        *out = (affine){false, same, 1.0f};
    else if (op == &gft_op_sub)
        *out = at == 1 ? (affine){false, negative, 1.0f} : (affine){false, same, -1.0f};
    else if (op == &gft_op_mul)
        *out = (affine){true, same, 0.0f};
    else if (op == &gft_op_div && at == 1)
        *out = (affine){true, inverse, 0.0f};
    else
        return false;
    return true;
}

/*
 * x * scale, then + offset, of one layer of the graph (or x + offset, then * scale) are one
 * Rescaling: the layer in front takes the second constant in.
 */
static bool join_rescaling(gft_kw *w, gft_kw_id x, const affine *a, const graft_tensor_desc *desc,
                           const float *data) {
    gft_kw_layer *layer = &w->layers[x];
    const bool own = layer->value >= 0 && gft_kw_single(w, layer->value) &&
                     strcmp(layer->group, w->node->layer) == 0;
    const bool scalar = gft_shape_elems(&desc->shape) == 1;
    if (!own || !(layer->scales || layer->shifts))
        return false;
    if (layer->scales && !layer->shifts && !a->scale && a->other == 1.0f) {
        gft_kw_set(w, layer->config, "offset",
                   scalar ? gft_kw_float(a->f(data[0])) : mapped(w, desc, data, a->f));
    } else if (layer->shifts && !layer->scales && a->scale && scalar && layer->offset != 0.0f) {
        const float scale = a->f(data[0]);
        gft_kw_set(w, layer->config, "scale", gft_kw_float(scale));
        gft_kw_set(w, layer->config, "offset", gft_kw_float(layer->offset * scale));
    } else {
        return false;
    }
    layer->scales = layer->shifts = false; /* complete */
    layer->output = *gft_kw_out_desc(w);
    gft_kw_done(w, x);
    return true;
}

/* False if the constant makes the result larger than x, or is no float. */
static bool rescaling(gft_kw *w, int32_t at) {
    const graft_tensor_desc *desc = gft_kw_in_desc(w, at);
    const graft_tensor_desc *x_desc = gft_kw_in_desc(w, 1 - at);
    const float *data = gft_kw_fixed(w, at);
    affine a;
    if (!as_affine(w->node->op, at, &a) || desc->dtype != GRAFT_F32 ||
        desc->shape.rank > x_desc->shape.rank ||
        !gft_shape_equal(&x_desc->shape, &gft_kw_out_desc(w)->shape))
        return false;
    const gft_kw_id x = gft_kw_in(w, 1 - at);
    if (x < 0 || join_rescaling(w, x, &a, desc, data))
        return true;
    const bool scalar = gft_shape_elems(&desc->shape) == 1;
    json_t *number = scalar ? gft_kw_float(a.f(data[0])) : mapped(w, desc, data, a.f);
    json_t *config = json_object();
    if (!number) {
        json_decref(config);
        (void)gft_kw_cannot(w, "its constant is too large for a configuration");
        return true;
    }
    gft_kw_set(w, config, a.scale ? "scale" : "offset", number);
    gft_kw_set(w, config, a.scale ? "offset" : "scale", gft_kw_float(a.other));
    const gft_kw_id id = gft_kw_add1(w, "Rescaling", NULL, config, x);
    gft_kw_done(w, id);
    if (id >= 0 && w->status == GRAFT_OK) {
        gft_kw_layer *layer = &w->layers[id];
        layer->scales = a.scale;
        layer->shifts = !a.scale && a.other == 1.0f;
        layer->offset = !a.scale && scalar ? a.f(data[0]) : 0.0f;
    }
    return true;
}

void gft_kw_emit_binary(gft_kw *w) {
    const int32_t at = gft_kw_fixed(w, 1) ? 1 : gft_kw_fixed(w, 0) ? 0 : -1;
    if (at >= 0 && gft_kw_fixed(w, 1 - at)) {
        (void)gft_kw_cannot(w, "both its inputs are constants");
        return;
    }
    if (at < 0 || !rescaling(w, at))
        two_tensors(w);
}

/* A bias that no layer in front has taken in. */
void gft_kw_emit_bias_add(gft_kw *w) {
    const graft_tensor_desc *desc = gft_kw_in_desc(w, 1);
    const float *data = gft_kw_fixed(w, 1);
    if (!data) {
        gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Add", NULL));
        return;
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "scale", gft_kw_float(1.0f));
    gft_kw_set(w, config, "offset", mapped(w, desc, data, same));
    gft_kw_done(w, gft_kw_add1(w, "Rescaling", NULL, config, gft_kw_in(w, 0)));
}

/* ---- Normalization ---- */

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
static gft_value_id deviation(const gft_graph *g, gft_value_id id, int64_t count) {
    const gft_node *maximum = maker(g, id, &gft_op_maximum);
    for (int i = 0; maximum && i < 2; i++) {
        const gft_node *root = maker(g, maximum->inputs[i], &gft_op_sqrt);
        if (root && is_epsilon(g, maximum->inputs[1 - i]))
            return channels(g, root->inputs[0], count);
    }
    return -1;
}

graft_status gft_kw_find_normals(gft_kw *w, graft_error *err) {
    const gft_graph *g = w->graph;
    w->normals = gft_arena_array(&w->arena, (size_t)g->node_count + 1, sizeof *w->normals);
    if (!w->normals)
        return gft_fail_memory(err, (size_t)g->node_count * sizeof *w->normals, "a Keras model");
    for (int32_t n = 0; n < g->node_count; n++) {
        const gft_node *div = &g->nodes[n];
        const gft_node *sub = div->op == &gft_op_div ? maker(g, div->inputs[0], &gft_op_sub) : NULL;
        if (!sub || gft_graph_uses(g, sub->outputs[0]) != 1)
            continue;
        const graft_shape *shape = &g->values[sub->outputs[0]].desc.shape;
        const int64_t count = shape->rank > 1 ? shape->dims[shape->rank - 1] : 0;
        const gft_kw_normal found = {(gft_node_id)(sub - g->nodes), n, sub->inputs[0],
                                     channels(g, sub->inputs[1], count),
                                     deviation(g, div->inputs[1], count)};
        if (found.mean >= 0 && found.variance >= 0 &&
            g->values[found.mean].kind == g->values[found.variance].kind)
            w->normals[w->normal_count++] = found;
    }
    return GRAFT_OK;
}

/*
 * "name" of parameters name/mean, name/variance, name/count that hold these numbers; NULL if there
 * are none.
 */
static const char *stored_statistics(gft_kw *w, const gft_value *mean, const gft_value *variance,
                                     gft_kw_weight out[3]) {
    static const char *const parts[] = {"mean", "variance", "count"};
    const gft_params *params = &w->model->params;
    const size_t bytes = (size_t)gft_shape_elems(&mean->desc.shape) * sizeof(float);
    for (int32_t i = 0; i < params->count; i++) {
        const char *slash = strrchr(params->items[i].name, '/');
        if (!slash || strcmp(slash + 1, "mean") != 0)
            continue;
        const char *name = gft_arena_strndup(&w->arena, params->items[i].name,
                                             (size_t)(slash - params->items[i].name));
        const gft_param *found[3] = {NULL};
        for (int k = 0; name && k < 3; k++) {
            const char *full = gft_arena_format(&w->arena, "%s/%s", name, parts[k]);
            const gft_param_id id = full ? gft_params_find(params, full) : -1;
            found[k] = id >= 0 ? &params->items[id] : NULL;
        }
        if (!found[0] || !found[1] || !found[2] ||
            gft_shape_elems(&found[0]->desc.shape) * (int64_t)sizeof(float) != (int64_t)bytes ||
            gft_shape_elems(&found[1]->desc.shape) * (int64_t)sizeof(float) != (int64_t)bytes ||
            memcmp(found[0]->data, mean->data, bytes) != 0 ||
            memcmp(found[1]->data, variance->data, bytes) != 0)
            continue;
        for (int k = 0; k < 3; k++)
            out[k] = (gft_kw_weight){parts[k], found[k]->desc, found[k]->data, false,
                                     (gft_param_id)(found[k] - params->items)};
        return name;
    }
    return NULL;
}

static json_t *channel_list(const gft_value *value) {
    const graft_tensor_desc flat = gft_desc_f32(gft_shape_1(gft_shape_elems(&value->desc.shape)));
    return gft_kw_numbers(&flat, value->data);
}

/* Parameters are variables of the layer, constants belong to its configuration. */
static void normalization(gft_kw *w, const gft_kw_normal *normal) {
    static const int64_t zero = 0;
    const gft_value *mean = &w->graph->values[normal->mean];
    const gft_value *variance = &w->graph->values[normal->variance];
    const bool params = mean->kind == GFT_VALUE_PARAM && variance->kind == GFT_VALUE_PARAM;
    const gft_kw_id x = w->layer_of[normal->x];
    gft_kw_weight weights[3] = {{0}};
    const char *name = NULL;
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(-1));
    if (params) {
        const graft_tensor_desc desc =
            gft_desc_f32(gft_shape_1(gft_shape_elems(&mean->desc.shape)));
        const graft_tensor_desc count = {GRAFT_S64, gft_shape_0(), NULL};
        weights[0] = (gft_kw_weight){"mean", desc, gft_graph_value_data(w->graph, normal->mean),
                                     false, mean->param};
        weights[1] =
            (gft_kw_weight){"variance", desc, gft_graph_value_data(w->graph, normal->variance),
                            false, variance->param};
        weights[2] = (gft_kw_weight){"count", count, &zero, false, -1};
    } else {
        name = stored_statistics(w, mean, variance, weights);
    }
    if (!weights[0].data) {
        gft_kw_set(w, config, "mean", channel_list(mean));
        gft_kw_set(w, config, "variance", channel_list(variance));
    }
    const gft_kw_spec spec = {.class_name = "Normalization",
                              .name = name,
                              .config = config,
                              .inputs = &x,
                              .input_count = 1};
    const gft_kw_id id = gft_kw_add(w, &spec);
    for (int k = 0; weights[0].data && k < 3; k++)
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
