/*
 * Layers, blocks and the freeze line (freeze.h).
 */
#include "train/freeze.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/words.h"

graft_status gft_fine_tune_parse(const char *text, gft_fine_tune *out, graft_error *err) {
    static const char expected[] = "expected none, last:N, last:P%, all, gradual or gradual:N";
    gft_fine_tune f = {GFT_FINE_NONE, 0};
    char number[32];
    const char *colon = strchr(text, ':');
    size_t head = colon ? (size_t)(colon - text) : strlen(text);
    if (head == 4 && strncmp(text, "none", 4) == 0 && !colon)
        f.mode = GFT_FINE_NONE;
    else if (head == 3 && strncmp(text, "all", 3) == 0 && !colon)
        f.mode = GFT_FINE_ALL;
    else if (head == 4 && strncmp(text, "last", 4) == 0 && colon)
        f.mode = GFT_FINE_LAST;
    else if (head == 7 && strncmp(text, "gradual", 7) == 0)
        f.mode = GFT_FINE_GRADUAL;
    else
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "fine-tune: '%s' is not known; %s", text,
                        expected);
    if (colon) {
        size_t length = strlen(colon + 1);
        if (length > 0 && length < sizeof number && f.mode == GFT_FINE_LAST &&
            colon[length] == '%') {
            f.mode = GFT_FINE_LAST_PERCENT;
            length--;
        }
        if (length == 0 || length >= sizeof number)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "fine-tune: '%s' lacks its number; %s",
                            text, expected);
        memcpy(number, colon + 1, length);
        number[length] = '\0';
        bool ok = gft_words_f64(number, &f.amount) && f.amount > 0;
        ok = ok &&
             (f.mode == GFT_FINE_LAST_PERCENT ? f.amount <= 100
                                              : f.amount == floor(f.amount) && f.amount <= 1e6);
        if (!ok)
            return gft_fail(
                err, GRAFT_INVALID_ARGUMENT, "fine-tune: '%s': %s is not %s", text, number,
                f.mode == GFT_FINE_LAST_PERCENT ? "in (0,100]" : "a whole number above 0");
    }
    *out = f;
    return GRAFT_OK;
}

static bool same_block(const char *a, const char *b) {
    size_t na = strcspn(a, "_/");
    size_t nb = strcspn(b, "_/");
    return na == nb && strncmp(a, b, na) == 0;
}

static int32_t layer_index(gft_layers *l, const char *name) {
    /*
     * layers are runs, so the last one is the usual answer; look back for graphs that interleave
     * them
     */
    for (int32_t i = l->count - 1; i >= 0; i--)
        if (strcmp(l->names[i], name) == 0)
            return i;
    l->names[l->count] = name;
    if (l->count == 0)
        l->block[0] = 0;
    else
        l->block[l->count] =
            l->block[l->count - 1] + (same_block(l->names[l->count - 1], name) ? 0 : 1);
    return l->count++;
}

graft_status gft_layers_make(const gft_graph *graph, gft_node_id first_head, gft_layers *out,
                             graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_layers l = {0};
    int32_t count = 0;
    size_t nodes = (size_t)graph->node_count + 1;
    size_t params = (size_t)graph->params->count + 1;
    gft_node_id *order = gft_calloc(nodes, sizeof *order);
    l.names = gft_calloc(nodes, sizeof *l.names);
    l.block = gft_calloc(nodes, sizeof *l.block);
    l.layer_of_param = gft_malloc(params * sizeof *l.layer_of_param);
    l.declared = gft_calloc(params, sizeof *l.declared);
    if (!order || !l.names || !l.block || !l.layer_of_param || !l.declared) {
        status = gft_fail_memory(err, nodes * sizeof *l.names, "layer list");
        goto done;
    }
    memset(l.layer_of_param, 0xff, params * sizeof *l.layer_of_param);
    for (int32_t i = 0; i < graph->params->count; i++)
        l.declared[i] = graph->params->items[i].trainable;
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    for (int32_t k = 0; k < count; k++) {
        const gft_node *node = gft_graph_node(graph, order[k]);
        if (order[k] >= first_head)
            continue;
        int32_t layer = layer_index(&l, node->layer);
        for (int32_t i = 0; i < node->input_count; i++) {
            const gft_value *v = gft_graph_value(graph, node->inputs[i]);
            if (v->kind == GFT_VALUE_PARAM)
                l.layer_of_param[v->param] = layer;
        }
    }
    l.block_count = l.count ? l.block[l.count - 1] + 1 : 0;
    *out = l;
    memset(&l, 0, sizeof l);
done:
    gft_free(order);
    gft_layers_deinit(&l);
    return status;
}

void gft_layers_restore(const gft_layers *layers, gft_params *params) {
    for (int32_t i = 0; i < params->count; i++)
        params->items[i].trainable = layers->declared[i];
}

void gft_layers_deinit(gft_layers *layers) {
    gft_free(layers->names);
    gft_free(layers->block);
    gft_free(layers->layer_of_param);
    gft_free(layers->declared);
    memset(layers, 0, sizeof *layers);
}

int32_t gft_layers_first_trained(const gft_layers *l, const gft_fine_tune *f, int32_t blocks) {
    int32_t first = l->count;
    switch (f->mode) {
    case GFT_FINE_NONE:
        return l->count;
    case GFT_FINE_ALL:
        return 0;
    case GFT_FINE_LAST:
        return f->amount >= l->count ? 0 : l->count - (int32_t)f->amount;
    case GFT_FINE_LAST_PERCENT:
        /* as Keras users write it: base.layers[-int(len * fraction):], at least one layer */
        first = (int32_t)floor((double)l->count * f->amount / 100.0);
        return l->count - (first > 0 ? first : 1);
    case GFT_FINE_GRADUAL:
        while (first > 0 && l->block[first - 1] >= l->block_count - blocks)
            first--;
        return first;
    }
    return l->count;
}

void gft_layers_apply(const gft_layers *l, gft_params *params, int32_t first) {
    for (int32_t i = 0; i < params->count; i++) {
        gft_param *p = &params->items[i];
        if (l->layer_of_param[i] >= 0)
            p->trainable = l->layer_of_param[i] >= first && l->declared[i];
    }
}
