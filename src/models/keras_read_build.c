/*
 * The graph of a configuration: calls are carried out as soon as what they take is there, in the
 * order of the layers. A call of a model is a frame on a stack; it runs through that model's calls
 * and gives its outputs to the one below. A model may be called several times, its parameters are
 * made once.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/keras_layers.h"

typedef struct result {
    gft_value_id *values; /* NULL: not carried out yet */
    int32_t count;
} result;

/* A model being called. */
typedef struct frame {
    int32_t level, node; /* node: of the frame below that waits for it */
    result *results;     /* per node */
    int32_t at, left;    /* next node to look at; nodes without a result */
    bool moved;          /* in this round */
    bool inference;      /* called with training=False */
} frame;

typedef struct build {
    gft_keras_reader *r;
    frame frames[GFT_KERAS_MAX_DEPTH + 2];
    int32_t depth;
    int64_t calls;
} build;

static const gft_keras_level *level_of(const build *b, const frame *f) {
    return &b->r->layout->levels[f->level];
}

static const gft_keras_source_level *source_of(const build *b, const frame *f) {
    return &b->r->levels[f->level];
}

static const result *result_of(const build *b, const frame *f, const gft_keras_ref *ref) {
    const gft_keras_source_layer *layer = &source_of(b, f)->layers[ref->layer];
    return &f->results[layer->first_node + ref->node - layer->shift];
}

static bool ready(const build *b, const frame *f, const gft_keras_node *node) {
    for (int32_t i = 0; i < node->ref_count; i++) {
        if (!result_of(b, f, &node->refs[i])->values)
            return false;
    }
    return true;
}

static graft_status value_of(const build *b, const frame *f, const gft_keras_ref *ref,
                             gft_value_id *out, graft_error *err) {
    const result *found = result_of(b, f, ref);
    if (ref->tensor >= found->count)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: output %d of layer '%s', which has %d",
                        b->r->where, (int)ref->tensor, level_of(b, f)->layers[ref->layer].path,
                        (int)found->count);
    *out = found->values[ref->tensor];
    return GRAFT_OK;
}

static graft_status set_result(build *b, frame *f, int32_t node, const gft_value_id *values,
                               int32_t count, graft_error *err) {
    gft_value_id *copy = gft_arena_memdup(b->r->arena, values, (size_t)count * sizeof *values);
    if (!copy)
        return gft_fail_memory(err, (size_t)count * sizeof *values, "outputs");
    f->results[node] = (result){copy, count};
    f->left--;
    f->moved = true;
    return GRAFT_OK;
}

/* ---- inputs of the whole model ---- */

static const json_t *shape_text(const json_t *config) {
    const json_t *shape = json_object_get(config, "batch_shape");
    return shape ? shape : json_object_get(config, "batch_input_shape");
}

/* What a Sequential takes: its first layer's shape, or the one it was built with. */
static const json_t *sequential_shape(const gft_keras_reader *r, int32_t level) {
    for (int depth = 0; depth <= GFT_KERAS_MAX_DEPTH; depth++) {
        const gft_keras_source_level *s = &r->levels[level];
        const gft_keras_level *l = &r->layout->levels[level];
        const int32_t first = s->inputs[0].layer;
        const json_t *shape = shape_text(s->layers[first].config);
        if (!shape && s->sequential && l->count > 1)
            shape = shape_text(s->layers[1].config);
        if (!shape)
            shape = json_object_get(s->config, "build_input_shape");
        if (!shape && level == 0)
            shape = json_object_get(r->root_build, "input_shape");
        if (json_is_array(shape))
            return shape;
        if (!s->sequential || l->count < 2 || l->layers[1].level < 0)
            return NULL;
        level = l->layers[1].level;
        if (r->levels[level].input_count == 0)
            return NULL;
    }
    return NULL;
}

static graft_dtype input_dtype(const json_t *config) {
    static const struct {
        const char *name;
        graft_dtype dtype;
    } NAMES[] = {{"int32", GRAFT_S32},
                 {"int64", GRAFT_S64},
                 {"uint8", GRAFT_U8},
                 {"bool", GRAFT_BOOL},
                 {"string", GRAFT_STRING}};
    const char *word = gft_keras_text(config, "dtype", "float32");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(NAMES[i].name, word) == 0)
            return NAMES[i].dtype;
    }
    return GRAFT_F32;
}

static graft_status input_desc(const build *b, int32_t layer, graft_tensor_desc *out,
                               graft_error *err) {
    const gft_keras_source_level *s = &b->r->levels[0];
    const json_t *config = s->layers[layer].config;
    const char *name = b->r->layout->levels[0].layers[layer].name;
    const json_t *shape = s->sequential ? sequential_shape(b->r, 0) : shape_text(config);
    if (!json_is_array(shape))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "input '%s' has no shape in the file; build the model before it is saved",
                        name);
    if (json_array_size(shape) > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s' has rank %zu, at most is %d", name,
                        json_array_size(shape), GRAFT_MAX_RANK);
    if (gft_keras_bool(config, "sparse", false) || gft_keras_bool(config, "ragged", false))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s' is sparse or ragged", name);
    *out = (graft_tensor_desc){.dtype = input_dtype(config)};
    out->shape.rank = (int32_t)json_array_size(shape);
    for (int32_t i = 0; i < out->shape.rank; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        if (!json_is_null(dim) && (!json_is_integer(dim) || json_integer_value(dim) < 0 ||
                                   json_integer_value(dim) > INT32_MAX))
            return gft_fail(err, GRAFT_DATA_LOSS, "input '%s': its shape is no list of numbers",
                            name);
        out->shape.dims[i] = json_is_null(dim) ? -1 : json_integer_value(dim);
    }
    return GRAFT_OK;
}

/* ---- frames ---- */

static graft_status push(build *b, int32_t level, int32_t node, graft_error *err) {
    const gft_keras_source_level *s = &b->r->levels[level];
    if (b->depth > GFT_KERAS_MAX_DEPTH)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: models nested deeper than %d",
                        b->r->where, GFT_KERAS_MAX_DEPTH);
    result *results = gft_arena_array(b->r->arena, (size_t)s->node_count, sizeof *results);
    if (!results)
        return gft_fail_memory(err, (size_t)s->node_count * sizeof *results, "calls");
    b->frames[b->depth++] =
        (frame){.level = level, .node = node, .results = results, .left = s->node_count};
    return GRAFT_OK;
}

static graft_status start(build *b, graft_error *err) {
    const gft_keras_source_level *s = &b->r->levels[0];
    GFT_TRY(push(b, 0, -1, err));
    frame *f = &b->frames[0];
    for (int32_t i = 0; i < s->input_count; i++) {
        const int32_t layer = s->inputs[i].layer;
        graft_tensor_desc desc;
        gft_value_id value = -1;
        if (f->results[s->layers[layer].first_node].values)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: an input that is listed twice", b->r->where);
        GFT_TRY(input_desc(b, layer, &desc, err));
        GFT_TRY(gft_graph_input(b->r->graph, b->r->layout->levels[0].layers[layer].name, &desc,
                                &value, err));
        GFT_TRY(set_result(b, f, s->layers[layer].first_node, &value, 1, err));
    }
    return GRAFT_OK;
}

/* training=False holds for all that a model calls. */
static bool says_inference(const gft_keras_node *node) {
    for (int32_t i = 0; i < node->arg_count; i++) {
        const gft_keras_arg_text *arg = &node->args[i];
        if (arg->keyword && strcmp(arg->keyword, "training") == 0 && json_is_false(arg->constant))
            return true;
    }
    return false;
}

/* A call of a model: what it is given becomes the results of its input layers. */
static graft_status enter(build *b, frame *f, const gft_keras_node *node, int32_t index,
                          graft_error *err) {
    const gft_keras_layer *layer = &level_of(b, f)->layers[node->layer];
    const gft_keras_source_level *s = &b->r->levels[layer->level];
    if (node->ref_count != s->input_count)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: model '%s' takes %d inputs and is given %d",
                        b->r->where, layer->path, (int)s->input_count, (int)node->ref_count);
    GFT_TRY(push(b, layer->level, index, err));
    frame *inner = &b->frames[b->depth - 1];
    inner->inference = f->inference || says_inference(node);
    for (int32_t i = 0; i < s->input_count; i++) {
        gft_value_id value = -1;
        GFT_TRY(value_of(b, f, &node->refs[i], &value, err));
        const int32_t at = s->layers[s->inputs[i].layer].first_node;
        if (s->layers[s->inputs[i].layer].node_count == 0 || inner->results[at].values)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: model '%s': its inputs are not understood",
                            b->r->where, layer->path);
        GFT_TRY(set_result(b, inner, at, &value, 1, err));
    }
    return GRAFT_OK;
}

static graft_status give_outputs(build *b, graft_error *err) {
    const frame *f = &b->frames[b->depth - 1];
    const gft_keras_source_level *s = source_of(b, f);
    gft_value_id values[GFT_KERAS_MAX_OUTPUTS];
    if (s->output_count > GFT_KERAS_MAX_OUTPUTS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: a model of more than %d outputs",
                        b->r->where, GFT_KERAS_MAX_OUTPUTS);
    for (int32_t i = 0; i < s->output_count; i++)
        GFT_TRY(value_of(b, f, &s->outputs[i], &values[i], err));
    b->depth--;
    return set_result(b, &b->frames[b->depth - 1], f->node, values, s->output_count, err);
}

/* ---- calls ---- */

static graft_status call_inputs(const build *b, const frame *f, const gft_keras_node *node,
                                gft_keras_call *c, graft_error *err) {
    gft_arena *arena = b->r->arena;
    gft_value_id *inputs = gft_arena_array(arena, (size_t)node->ref_count, sizeof *inputs);
    gft_keras_arg *args = gft_arena_array(arena, (size_t)node->arg_count, sizeof *args);
    if (!inputs || !args)
        return gft_fail_memory(err, (size_t)node->arg_count * sizeof *args, "a call");
    for (int32_t i = 0; i < node->ref_count; i++)
        GFT_TRY(value_of(b, f, &node->refs[i], &inputs[i], err));
    for (int32_t i = 0; i < node->arg_count; i++) {
        const gft_keras_arg_text *text = &node->args[i];
        args[i] = (gft_keras_arg){.keyword = text->keyword,
                                  .values = inputs + text->first,
                                  .count = text->count,
                                  .list = text->list,
                                  .constant = text->constant};
    }
    c->inputs = inputs;
    c->input_count = node->ref_count;
    c->args = args;
    c->arg_count = node->arg_count;
    return GRAFT_OK;
}

/* Layers compute in float32; pictures and the like may come in as integers. */
static graft_status cast_inputs(gft_keras_call *c, graft_error *err) {
    const gft_cast_attrs attrs = {.dtype = GRAFT_F32};
    for (int32_t i = 0; i < c->input_count; i++) {
        const graft_dtype dtype = gft_keras_desc(c, c->inputs[i])->dtype;
        if (dtype == GRAFT_STRING)
            return gft_keras_refuse(c, err, "it is given strings");
        gft_value_id value = c->inputs[i];
        if (dtype != GRAFT_F32)
            GFT_TRY(gft_keras_add(c, &gft_op_cast, "cast", &attrs, &value, 1, &value, err));
        ((gft_value_id *)(uintptr_t)c->inputs)[i] = value; /* the call's own array */
    }
    return GRAFT_OK;
}

static graft_status carry_out(build *b, frame *f, const gft_keras_node *node, int32_t index,
                              graft_error *err) {
    gft_keras_layer *layer = &b->r->layout->levels[f->level].layers[node->layer];
    const gft_keras_source_layer *source = &source_of(b, f)->layers[node->layer];
    gft_keras_call c = {.r = b->r,
                        .graph = b->r->graph,
                        .layer = layer,
                        .kind = source->kind,
                        .config = source->config,
                        .module = source->module,
                        .inference = f->inference || says_inference(node)};
    if (!source->kind || !source->kind->call)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "layer '%s' of class %s is not read", layer->path,
                        layer->class_name);
    if (strcmp(gft_keras_text(source->config, "data_format", ""), "channels_first") == 0)
        return gft_keras_refuse(&c, err, "channels_first is not read, save it with channels_last");
    GFT_TRY(call_inputs(b, f, node, &c, err));
    gft_graph_set_layer(b->r->graph, layer->path);
    if (!source->kind->any_dtype)
        GFT_TRY(cast_inputs(&c, err));
    graft_status status = source->kind->call(&c, err);
    if (status != GRAFT_OK)
        return gft_fail_in(err, status, "layer '%s' of class %s", layer->path, layer->class_name);
    return set_result(b, f, index, c.outputs, c.output_count, err);
}

/* The next node of the frame on top that can be carried out. */
static graft_status step(build *b, graft_error *err) {
    frame *f = &b->frames[b->depth - 1];
    const gft_keras_source_level *s = source_of(b, f);
    if (f->at == s->node_count) {
        if (!f->moved)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: layers that wait for each other, or for an input that is not one",
                            b->r->where);
        f->at = 0;
        f->moved = false;
    }
    const int32_t index = f->at++;
    const gft_keras_node *node = &s->nodes[index];
    if (f->results[index].values || !ready(b, f, node))
        return GRAFT_OK;
    if (++b->calls > GFT_KERAS_MAX_CALLS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d calls of layers",
                        b->r->where, GFT_KERAS_MAX_CALLS);
    return level_of(b, f)->layers[node->layer].level >= 0 ? enter(b, f, node, index, err)
                                                          : carry_out(b, f, node, index, err);
}

/* ---- outputs ---- */

/* Named after their layers; a name that is taken gets a number. */
static graft_status name_outputs(build *b, graft_error *err) {
    const gft_keras_source_level *s = &b->r->levels[0];
    gft_graph *graph = b->r->graph;
    for (int32_t i = 0; i < s->output_count; i++) {
        const char *base = b->r->layout->levels[0].layers[s->outputs[i].layer].name;
        const char *name = base;
        gft_value_id value = -1;
        GFT_TRY(value_of(b, &b->frames[0], &s->outputs[i], &value, err));
        for (int n = 1; gft_graph_find_output(graph, name) >= 0; n++) {
            name = gft_arena_format(b->r->arena, "%s_%d", base, n);
            if (!name)
                return gft_fail_memory(err, strlen(base), "an output's name");
        }
        /* an output that is an input needs a node of its own to have a name */
        if (gft_graph_value(graph, value)->kind != GFT_VALUE_NODE) {
            gft_graph_set_layer(graph, base);
            GFT_TRY(gft_graph_add(graph, &gft_op_identity, base, NULL, &value, 1, &value, err));
        }
        GFT_TRY(gft_graph_output(graph, name, value, err));
    }
    return GRAFT_OK;
}

graft_status gft_keras_build_graph(gft_keras_reader *r, graft_error *err) {
    build *b = gft_arena_alloc(r->arena, sizeof *b);
    if (!b)
        return gft_fail_memory(err, sizeof *b, "a model");
    b->r = r;
    GFT_TRY(start(b, err));
    for (;;) {
        frame *f = &b->frames[b->depth - 1];
        if (f->left > 0)
            GFT_TRY(step(b, err));
        else if (b->depth > 1)
            GFT_TRY(give_outputs(b, err));
        else
            break;
    }
    gft_graph_set_layer(r->graph, NULL);
    return name_outputs(b, err);
}
