/*
 * Building blocks of the Keras writer: names, layers, arguments, constants as JSON.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/float16.h"
#include "base/shape.h"
#include "base/words.h"
#include "models/keras_write.h"

#define MAX_CONSTANT ((int64_t)1 << 22) /* numbers in a configuration */

/* ---- failures ---- */

gft_kw_id gft_kw_no_memory(gft_kw *w) {
    if (w->status == GRAFT_OK)
        w->status = gft_fail_memory(w->err, 4096, "a Keras model");
    return -1;
}

gft_kw_id gft_kw_cannot(gft_kw *w, const char *why) {
    if (w->status == GRAFT_OK)
        w->status = gft_fail(w->err, GRAFT_UNIMPLEMENTED,
                             "node '%s': op '%s' cannot be written as a Keras layer: %s",
                             w->node->name, w->node->op->name, why);
    return -1;
}

/* ---- the node ---- */

const graft_tensor_desc *gft_kw_in_desc(const gft_kw *w, int32_t i) {
    return &w->graph->values[w->node->inputs[i]].desc;
}

const graft_tensor_desc *gft_kw_out_desc(const gft_kw *w) {
    return &w->graph->values[w->node->outputs[0]].desc;
}

const void *gft_kw_fixed(const gft_kw *w, int32_t i) {
    return i < w->node->input_count ? gft_graph_value_data(w->graph, w->node->inputs[i]) : NULL;
}

gft_kw_id gft_kw_in(gft_kw *w, int32_t i) {
    if (w->status != GRAFT_OK)
        return -1;
    const gft_kw_id layer = w->layer_of[w->node->inputs[i]];
    return layer >= 0 ? layer : gft_kw_cannot(w, "its input is a constant");
}

gft_param_id gft_kw_param(const gft_kw *w, int32_t i) {
    return w->param_of[w->node->inputs[i]];
}

bool gft_kw_single(const gft_kw *w, gft_value_id value) {
    return w->uses[value] == 1;
}

/* ---- names ---- */

static bool ends_with(const char *text, size_t length, const char *end) {
    const size_t n = strlen(end);
    return length > n && strncmp(text + length - n, end, n) == 0;
}

/* "conv" of the parameter "conv/kernel", where the node has one. */
static const char *parameter_layer(const gft_kw *w, size_t *length) {
    static const char *const known[] = {
        "/kernel",
        "/depthwise_kernel",
        "/pointwise_kernel",
        "/bias",
        "/gamma",
        "/beta",
        "/moving_mean",
        "/moving_variance",
        "/alpha",
        "/embeddings",
        "/variance",
        "/mean",
    };
    for (int32_t i = 0; i < w->node->input_count; i++) {
        const gft_param_id param = gft_kw_param(w, i);
        if (param < 0)
            continue;
        const char *name = w->graph->params->items[param].name;
        const size_t n = strlen(name);
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
            if (ends_with(name, n, known[k])) {
                *length = n - strlen(known[k]);
                return name;
            }
        }
    }
    return NULL;
}

/* The layer's name without what an exported function puts around it. */
static const char *plain_name(const gft_kw *w, const char *name, size_t *length) {
    const size_t prefix = strlen(w->prefix);
    *length = strlen(name);
    if (prefix > 0 && strncmp(name, w->prefix, prefix) == 0 && *length > prefix) {
        name += prefix;
        *length -= prefix;
        if (w->numbered && ends_with(name, *length, "_1"))
            *length -= 2;
    }
    return name;
}

static bool taken(const gft_kw *w, const char *name) {
    return json_object_get(w->names, name) != NULL;
}

/* What Keras 3 (no '/') and the scopes of Keras 2 (few characters) take. */
static void clean(char *name) {
    for (char *c = name; *c; c++) {
        const bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        const bool digit = *c >= '0' && *c <= '9';
        *c = letter || digit || (c > name && (*c == '-' || *c == '>')) || *c == '.' ? *c : '_';
    }
}

static char *cleaned(gft_kw *w, const char *name, size_t length, const char *suffix) {
    char *text = gft_arena_format(&w->arena, "%.*s%s", (int)length, name, suffix ? suffix : "");
    if (text)
        clean(text);
    if (text && (text[0] == '_' || text[0] == '\0'))
        text = gft_arena_format(&w->arena, "layer%s", text);
    return text;
}

/* A name that no layer has. */
static const char *claim(gft_kw *w, const char *name, size_t length, const char *suffix) {
    const char *text = cleaned(w, name, length, suffix);
    const char *unique = text;
    for (int n = 1; unique && taken(w, unique); n++)
        unique = gft_arena_format(&w->arena, "%s_%d", text, n);
    if (!unique || json_object_set_new_nocheck(w->names, unique, json_true()) != 0)
        (void)gft_kw_no_memory(w);
    return unique;
}

static bool free_name(gft_kw *w, const char *name, size_t length) {
    const char *text = cleaned(w, name, length, NULL);
    return text && !taken(w, text);
}

/* What is behind the last '/' of a name of this length. */
static const char *last_part(const char *name, size_t *length) {
    size_t at = *length;
    while (at > 0 && name[at - 1] != '/')
        at--;
    *length -= at;
    return name + at;
}

/*
 * The parameters' layer (without the scopes that an exported function's variables have), else the
 * node's, else (another node of the layer has that) the node's own name.
 */
static const char *layer_name(gft_kw *w, const gft_kw_spec *spec) {
    size_t length = 0;
    const char *name = spec->name;
    if (name)
        return claim(w, name, strlen(name), spec->suffix);
    name = parameter_layer(w, &length);
    if (name && w->prefix[0]) {
        size_t short_length = length;
        const char *short_name = last_part(name, &short_length);
        if (spec->suffix || free_name(w, short_name, short_length))
            return claim(w, short_name, short_length, spec->suffix);
    }
    const bool by_parameter = name != NULL;
    if (!name)
        name = plain_name(w, w->node->layer, &length);
    const bool other =
        strcmp(w->node->name, w->node->layer) != 0 && json_object_get(w->mains, w->node->layer);
    if (!spec->suffix && ((other && !by_parameter) || !free_name(w, name, length)))
        name = plain_name(w, w->node->name, &length);
    return claim(w, name, length, spec->suffix);
}

/* ---- layers ---- */

static gft_kw_layer *new_layer(gft_kw *w, gft_kw_id *id) {
    if (w->count == w->capacity) {
        const int32_t capacity = w->capacity ? w->capacity * 2 : 64;
        gft_kw_layer *layers = gft_realloc(w->layers, (size_t)capacity * sizeof *layers);
        if (!layers)
            return NULL;
        w->layers = layers;
        w->capacity = capacity;
    }
    *id = w->count;
    w->layers[w->count] = (gft_kw_layer){.value = -1, .same = -1, .next_call = -1};
    return &w->layers[w->count++];
}

gft_kw_id gft_kw_add(gft_kw *w, const gft_kw_spec *spec) {
    gft_kw_id id = -1;
    json_t *config = spec->config ? spec->config : json_object();
    const char *name = w->status == GRAFT_OK ? layer_name(w, spec) : NULL;
    gft_kw_layer *layer = w->status == GRAFT_OK ? new_layer(w, &id) : NULL;
    if (!layer || !config) {
        json_decref(config);
        return gft_kw_no_memory(w);
    }
    layer->name = name;
    layer->module = spec->module ? spec->module : GFT_KW_LAYERS;
    layer->class_name = spec->class_name;
    layer->config = config;
    layer->list = spec->list;
    layer->output = spec->output;
    layer->group = w->node ? w->node->layer : "";
    if (w->node && spec->output.dtype == GRAFT_DTYPE_NONE)
        layer->output = *gft_kw_out_desc(w);
    const int32_t room = spec->input_count + (w->node ? w->node->input_count : 0) + 1;
    layer->args = gft_arena_array(&w->arena, (size_t)room, sizeof *layer->args);
    if (!layer->args)
        return gft_kw_no_memory(w);
    for (int32_t i = 0; i < spec->input_count; i++) {
        if (spec->inputs[i] < 0)
            return gft_kw_cannot(w, "its input is a constant");
        layer->args[layer->arg_count++] = (gft_kw_arg){spec->inputs[i], NULL};
    }
    return id;
}

gft_kw_id gft_kw_add1(gft_kw *w, const char *class_name, const char *suffix, json_t *config,
                      gft_kw_id input) {
    const gft_kw_spec spec = {.class_name = class_name,
                              .suffix = suffix,
                              .config = config,
                              .inputs = &input,
                              .input_count = 1};
    return gft_kw_add(w, &spec);
}

void gft_kw_add_constant(gft_kw *w, gft_kw_id id, json_t *constant) {
    if (id < 0 || w->status != GRAFT_OK || !constant) {
        json_decref(constant);
        if (id >= 0)
            (void)gft_kw_no_memory(w);
        return;
    }
    gft_kw_layer *layer = &w->layers[id];
    layer->args[layer->arg_count++] = (gft_kw_arg){-1, constant};
}

gft_kw_id gft_kw_add_op(gft_kw *w, const char *module, const char *class_name, json_t *config) {
    const gft_kw_spec spec = {.module = module, .class_name = class_name, .config = config};
    const gft_kw_id id = gft_kw_add(w, &spec);
    for (int32_t i = 0; id >= 0 && i < w->node->input_count; i++) {
        gft_kw_layer *layer = &w->layers[id];
        const void *data = gft_kw_fixed(w, i);
        if (!data)
            layer->args[layer->arg_count++] = (gft_kw_arg){gft_kw_in(w, i), NULL};
        else if (gft_shape_elems(&gft_kw_in_desc(w, i)->shape) > MAX_CONSTANT)
            return gft_kw_cannot(w, "its constant is too large for a configuration");
        else
            gft_kw_add_constant(w, id, gft_kw_constant(gft_kw_in_desc(w, i), data));
    }
    return w->status == GRAFT_OK ? id : -1;
}

void gft_kw_add_weight_data(gft_kw *w, gft_kw_id id, const gft_kw_weight *weight) {
    if (id < 0 || w->status != GRAFT_OK)
        return;
    gft_kw_layer *layer = &w->layers[id];
    if (layer->weight_count < GFT_KW_MAX_WEIGHTS)
        layer->weights[layer->weight_count++] = *weight;
}

void gft_kw_add_weight(gft_kw *w, gft_kw_id id, const char *name, int32_t i,
                       const graft_shape *shape) {
    const gft_value *value = &w->graph->values[w->node->inputs[i]];
    const gft_param_id param = gft_kw_param(w, i);
    gft_kw_weight weight = {.name = name, .desc = value->desc, .param = param};
    weight.data = gft_graph_value_data(w->graph, w->node->inputs[i]);
    weight.trainable = param >= 0 ? w->graph->params->items[param].trainable : !w->has_params;
    if (!weight.data) {
        (void)gft_kw_cannot(w, "one of its weights is computed when the graph runs");
        return;
    }
    if (shape)
        weight.desc.shape = *shape;
    weight.desc.quant = NULL;
    gft_kw_add_weight_data(w, id, &weight);
}

void gft_kw_done(gft_kw *w, gft_kw_id id) {
    if (id < 0 || w->status != GRAFT_OK)
        return;
    w->layer_of[w->node->outputs[0]] = id;
    w->layers[id].value = w->node->outputs[0];
}

/* ---- JSON ---- */

void gft_kw_set(gft_kw *w, json_t *object, const char *key, json_t *value) {
    if (!object || !value) {
        json_decref(value);
        (void)gft_kw_no_memory(w);
        return;
    }
    if (json_object_set_new(object, key, value) != 0)
        (void)gft_kw_no_memory(w);
}

json_t *gft_kw_ints(const int64_t *values, int32_t count) {
    json_t *list = json_array();
    for (int32_t i = 0; list && i < count; i++) {
        if (json_array_append_new(list, json_integer(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *gft_kw_pair(int64_t a, int64_t b) {
    return gft_kw_ints((const int64_t[]){a, b}, 2);
}

json_t *gft_kw_float(float value) {
    char text[64];
    if (isinf(value)) /* which JSON has not */
        value = value > 0 ? FLT_MAX : -FLT_MAX;
    double number = (double)value;
    for (int digits = 1; digits <= 9; digits++) {
        double shorter = 0;
        (void)snprintf(text, sizeof text, "%.*e", digits - 1, (double)value);
        for (char *c = text; *c; c++)
            *c = *c == ',' ? '.' : *c; /* whatever the locale */
        if (gft_words_f64(text, &shorter) && (float)shorter == value) {
            number = shorter;
            break;
        }
    }
    return json_real(number);
}

/* One number; NULL for what is none. */
static json_t *number_at(graft_dtype dtype, const void *data, size_t i) {
    float f = 0;
    switch (dtype) {
    case GRAFT_F32:
        f = ((const float *)data)[i];
        break;
    case GRAFT_F64:
        return json_real(((const double *)data)[i]);
    case GRAFT_F16:
        f = gft_f32_from_f16(((const uint16_t *)data)[i]);
        break;
    case GRAFT_S32:
        return json_integer(((const int32_t *)data)[i]);
    case GRAFT_S64:
        return json_integer((json_int_t)((const int64_t *)data)[i]);
    case GRAFT_U8:
        return json_integer(((const uint8_t *)data)[i]);
    case GRAFT_S8:
        return json_integer(((const int8_t *)data)[i]);
    case GRAFT_S16:
        return json_integer(((const int16_t *)data)[i]);
    case GRAFT_BOOL:
        return json_boolean(((const uint8_t *)data)[i] != 0);
    default:
        return NULL;
    }
    return gft_kw_float(f);
}

/* Lists level by level, from the innermost out: list[i] takes its share of the level below. */
json_t *gft_kw_numbers(const graft_tensor_desc *desc, const void *data) {
    const graft_shape *shape = &desc->shape;
    const int64_t elems = gft_shape_elems(shape);
    if (elems < 0 || elems > MAX_CONSTANT)
        return NULL;
    if (shape->rank == 0)
        return number_at(desc->dtype, data, 0);
    json_t *outer = json_array();
    json_t *path[GRAFT_MAX_RANK] = {outer};
    for (int64_t i = 0; outer && i < elems; i++) {
        int64_t below = elems;
        for (int32_t d = 0; d < shape->rank; d++) { /* lists that begin here */
            below /= shape->dims[d];
            if (d + 1 < shape->rank && i % below == 0) {
                path[d + 1] = json_array();
                if (json_array_append_new(path[d], path[d + 1]) != 0)
                    goto memory;
            }
        }
        if (json_array_append_new(path[shape->rank - 1], number_at(desc->dtype, data, (size_t)i)) !=
            0)
            goto memory;
    }
    return outer;
memory:
    json_decref(outer);
    return NULL;
}

json_t *gft_kw_constant(const graft_tensor_desc *desc, const void *data) {
    json_t *value = gft_kw_numbers(desc, data);
    if (!value || (desc->shape.rank == 0 && desc->dtype == GRAFT_F32))
        return value;
    return json_pack("{s:s, s:{s:o, s:s}}", "class_name", "__numpy__", "config", "value", value,
                     "dtype", graft_dtype_name(desc->dtype));
}
