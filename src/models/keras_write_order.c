/*
 * The order of a model's layers, as Keras finds it when it builds the model again (map_graph in
 * keras/src/ops/function.py, and the same in tf_keras): by the longest way to an output, then by a
 * depth-first walk from the outputs. Weights files count layers in this order, legacy ones list
 * them in it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "models/keras_names.h"
#include "models/keras_write.h"

typedef struct place {
    gft_kw_id layer;
    int32_t depth;       /* calls to the farthest output */
    int32_t layer_depth; /* the largest of the layer's calls, on the first of them */
    int32_t first;       /* when the walk came to it; -1: never */
} place;

typedef struct visit {
    gft_kw_id layer;
    int32_t next; /* argument to go into */
} visit;

typedef struct walk {
    place *places;
    gft_kw_id *finished; /* producers first */
    visit *stack;
    int32_t finished_count, depth, seen;
} walk;

static void enter(walk *k, gft_kw_id layer) {
    if (k->places[layer].first >= 0)
        return;
    k->places[layer].first = k->seen++;
    k->stack[k->depth++] = (visit){layer, 0};
}

static void walk_from(const gft_kw *w, walk *k, gft_kw_id output) {
    enter(k, output);
    while (k->depth > 0) {
        visit *top = &k->stack[k->depth - 1];
        const gft_kw_layer *layer = &w->layers[top->layer];
        if (top->next == layer->arg_count) {
            k->finished[k->finished_count++] = top->layer;
            k->depth--;
            continue;
        }
        const gft_kw_id input = layer->args[top->next++].input;
        if (input >= 0)
            enter(k, input);
    }
}

/* ---- layers that are called several times ---- */

/* The same variables used in the same way. */
static bool same_layer(const gft_kw_layer *a, const gft_kw_layer *b) {
    if (a->weight_count == 0 || a->weight_count != b->weight_count ||
        strcmp(a->class_name, b->class_name) != 0 || !json_equal(a->config, b->config))
        return false;
    for (int32_t i = 0; i < a->weight_count; i++) {
        if (a->weights[i].param < 0 || a->weights[i].param != b->weights[i].param)
            return false;
    }
    return true;
}

/* Calls are numbered in the order of the list: what a call takes comes before it. */
static void find_calls(gft_kw *w, const walk *k) {
    for (int32_t i = 0; i < w->count; i++) {
        gft_kw_layer *layer = &w->layers[i];
        for (int32_t j = 0; j < i && k->places[i].first >= 0 && layer->weight_count > 0; j++) {
            if (k->places[j].first < 0 || w->layers[j].same >= 0 ||
                !same_layer(&w->layers[j], layer))
                continue;
            gft_kw_layer *last = &w->layers[j];
            while (last->next_call >= 0)
                last = &w->layers[last->next_call];
            last->next_call = i;
            layer->same = j;
            layer->call = last->call + 1;
            break;
        }
    }
}

static gft_kw_id root(const gft_kw *w, gft_kw_id layer) {
    return w->layers[layer].same >= 0 ? w->layers[layer].same : layer;
}

/*
 * A call is one farther than the farthest of those that take its result, and no nearer than the
 * calls of the same layer that have been seen before.
 */
static void measure(const gft_kw *w, walk *k) {
    for (int32_t i = k->finished_count - 1; i >= 0; i--) {
        const gft_kw_id id = k->finished[i];
        const gft_kw_layer *layer = &w->layers[id];
        place *whole = &k->places[root(w, id)];
        if (whole->layer_depth < k->places[id].depth)
            whole->layer_depth = k->places[id].depth;
        if (k->places[id].first < whole->first)
            whole->first = k->places[id].first;
        for (int32_t a = 0; a < layer->arg_count; a++) {
            const gft_kw_id input = layer->args[a].input;
            if (input >= 0 && k->places[input].depth < whole->layer_depth + 1)
                k->places[input].depth = whole->layer_depth + 1;
        }
    }
}

/* ---- the order ---- */

static int by_place(const void *a, const void *b) {
    const place *x = a;
    const place *y = b;
    if (x->layer_depth != y->layer_depth)
        return x->layer_depth > y->layer_depth ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->layer < y->layer ? -1 : x->layer > y->layer;
}

/* Layers that no output needs are left out, inputs are not. */
static graft_status list_layers(gft_kw *w, walk *k, graft_error *err) {
    w->order = gft_arena_array(&w->arena, (size_t)w->count, sizeof *w->order);
    if (!w->order)
        return gft_fail_memory(err, (size_t)w->count * sizeof *w->order, "an order of layers");
    qsort(k->places, (size_t)w->count, sizeof *k->places, by_place);
    for (int32_t i = 0; i < w->count; i++) {
        const gft_kw_layer *layer = &w->layers[k->places[i].layer];
        if (layer->same < 0 && (k->places[i].first >= 0 || layer->model_input))
            w->order[w->order_count++] = k->places[i].layer;
    }
    return GRAFT_OK;
}

/* Operations are no layers and are not counted. */
static graft_status number_layers(gft_kw *w, graft_error *err) {
    gft_keras_counter counter = {0};
    graft_status status = GRAFT_OK;
    for (int32_t i = 0; i < w->order_count; i++) {
        gft_kw_layer *layer = &w->layers[w->order[i]];
        GFT_GOTO(gft_keras_next_place(&counter, layer->class_name, &w->arena, &layer->place, err));
    }
done:
    gft_keras_counter_deinit(&counter);
    return status;
}

graft_status gft_kw_order(gft_kw *w, graft_error *err) {
    const size_t count = (size_t)w->count + 1;
    walk k = {.places = gft_calloc(count, sizeof *k.places),
              .finished = gft_calloc(count, sizeof *k.finished),
              .stack = gft_calloc(count, sizeof *k.stack)};
    graft_status status = GRAFT_OK;
    if (!k.places || !k.finished || !k.stack) {
        status = gft_fail_memory(err, count * 32, "an order of layers");
        goto done;
    }
    for (int32_t i = 0; i < w->count; i++)
        k.places[i] = (place){i, 0, 0, -1};
    for (int32_t i = 0; i < w->graph->output_count; i++)
        walk_from(w, &k, w->layer_of[w->graph->outputs[i].value]);
    find_calls(w, &k);
    measure(w, &k);
    GFT_GOTO(list_layers(w, &k, err));
    GFT_GOTO(number_layers(w, err));
done:
    gft_free(k.places);
    gft_free(k.finished);
    gft_free(k.stack);
    return status;
}
