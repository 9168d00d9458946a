/*
 * The configuration of a flat Functional model. Keras 3: modules, arguments of calls as objects.
 * Legacy: class names alone and [layer, node, tensor] triples, which Keras 3 and tf_keras both
 * read; an operation, which tf_keras has not, is written as in Keras 3 there too.
 */
#include <string.h>

#include "models/keras_write.h"

/* A failure anywhere makes NULL of the whole. */
typedef struct maker {
    const gft_kw *w;
    bool failed;
} maker;

static json_t *checked(maker *m, json_t *value) {
    m->failed = m->failed || !value;
    return value;
}

static void put(maker *m, json_t *object, const char *key, json_t *value) {
    if (!object || !value || json_object_set_new(object, key, value) != 0)
        m->failed = true;
}

static void append(maker *m, json_t *list, json_t *value) {
    if (!list || !value || json_array_append_new(list, value) != 0)
        m->failed = true;
}

static json_t *dims(maker *m, const graft_shape *shape) {
    json_t *list = checked(m, json_array());
    for (int32_t i = 0; i < shape->rank; i++)
        append(m, list, shape->dims[i] < 0 ? json_null() : json_integer(shape->dims[i]));
    return list;
}

/* ---- calls ---- */

/* The layer that has the name, and which call of it. */
static const char *called(const maker *m, gft_kw_id id, int *call) {
    const gft_kw_layer *layer = &m->w->layers[id];
    *call = (int)layer->call;
    return layer->same >= 0 ? m->w->layers[layer->same].name : layer->name;
}

static json_t *triple(maker *m, gft_kw_id layer) {
    int number;
    const char *name = called(m, layer, &number);
    return checked(m, json_pack("[s, i, i]", name, number, 0));
}

static json_t *tensor(maker *m, gft_kw_id id) {
    const graft_tensor_desc *desc = &m->w->layers[id].output;
    return checked(m, json_pack("{s:s, s:{s:o, s:s, s:o}}", "class_name", "__keras_tensor__",
                                "config", "shape", dims(m, &desc->shape), "dtype",
                                graft_dtype_name(desc->dtype), "keras_history", triple(m, id)));
}

static json_t *call(maker *m, const gft_kw_layer *layer) {
    json_t *args = checked(m, json_array());
    for (int32_t i = 0; i < layer->arg_count; i++) {
        const gft_kw_arg *arg = &layer->args[i];
        append(m, args, arg->input >= 0 ? tensor(m, arg->input) : json_incref(arg->constant));
    }
    if (layer->list) {
        json_t *outer = checked(m, json_array());
        append(m, outer, args);
        args = outer;
    }
    return checked(m, json_pack("{s:o, s:{}}", "args", args, "kwargs"));
}

/* [["a", 0, 0, {}], ["b", 0, 0, {}]] */
static json_t *legacy_call(maker *m, const gft_kw_layer *layer) {
    json_t *inputs = checked(m, json_array());
    for (int32_t i = 0; i < layer->arg_count; i++) {
        int number;
        const char *name = called(m, layer->args[i].input, &number);
        append(m, inputs, json_pack("[s, i, i, {}]", name, number, 0));
    }
    return inputs;
}

static json_t *calls(maker *m, const gft_kw_layer *layer, bool old) {
    json_t *list = checked(m, json_array());
    const gft_kw_layer *next = layer->model_input ? NULL : layer;
    while (next) {
        append(m, list, old ? legacy_call(m, next) : call(m, next));
        next = next->next_call >= 0 ? &m->w->layers[next->next_call] : NULL;
    }
    return list;
}

/* ---- layers ---- */

/* Frozen: it has weights that could be trained and none is. */
static bool frozen(const gft_kw_layer *layer) {
    bool any = false;
    for (int32_t i = 0; i < layer->weight_count; i++)
        any = any || layer->weights[i].trainable;
    return layer->weight_count > 0 && !any && strcmp(layer->class_name, "Normalization") != 0;
}

static json_t *layer_config(maker *m, const gft_kw_layer *layer) {
    json_t *config = checked(m, json_pack("{s:s}", "name", layer->name));
    const bool operation = strcmp(layer->module, GFT_KW_LAYERS) != 0;
    if (layer->model_input) {
        put(m, config, m->w->legacy ? "batch_input_shape" : "batch_shape",
            dims(m, &layer->output.shape));
        put(m, config, "dtype", json_string(graft_dtype_name(layer->output.dtype)));
        return config;
    }
    if (!operation) {
        put(m, config, "trainable", json_boolean(!frozen(layer)));
        put(m, config, "dtype", json_string("float32"));
    }
    if (config && json_object_update(config, layer->config) != 0)
        m->failed = true;
    return config;
}

static json_t *layer_entry(maker *m, const gft_kw_layer *layer) {
    json_t *entry = checked(m, json_object());
    const bool old = m->w->legacy && strcmp(layer->module, GFT_KW_LAYERS) == 0;
    if (!old)
        put(m, entry, "module", json_string(layer->module));
    put(m, entry, "class_name", json_string(layer->class_name));
    put(m, entry, "config", layer_config(m, layer));
    put(m, entry, "name", json_string(layer->name));
    put(m, entry, "inbound_nodes", calls(m, layer, old));
    return entry;
}

/* ---- the model ---- */

/* One as it is, several as a list. */
static json_t *ends(maker *m, const gft_binding *bindings, int32_t count) {
    const gft_kw *w = m->w;
    if (count == 1)
        return triple(m, w->layer_of[bindings[0].value]);
    json_t *list = checked(m, json_array());
    for (int32_t i = 0; i < count; i++)
        append(m, list, triple(m, w->layer_of[bindings[i].value]));
    return list;
}

json_t *gft_kw_config(const gft_kw *w) {
    maker m = {w, false};
    const gft_graph *g = w->graph;
    json_t *layers = checked(&m, json_array());
    for (int32_t i = 0; i < w->order_count; i++)
        append(&m, layers, layer_entry(&m, &w->layers[w->order[i]]));
    json_t *config = checked(&m, json_object());
    put(&m, config, "name", json_string("model"));
    put(&m, config, "trainable", json_true());
    put(&m, config, "layers", layers);
    put(&m, config, "input_layers", ends(&m, g->inputs, g->input_count));
    put(&m, config, "output_layers", ends(&m, g->outputs, g->output_count));
    json_t *root = checked(&m, json_object());
    if (!w->legacy)
        put(&m, root, "module", json_string("keras.src.models.functional"));
    put(&m, root, "class_name", json_string("Functional"));
    put(&m, root, "config", config);
    if (m.failed) {
        json_decref(root);
        return NULL;
    }
    return root;
}
