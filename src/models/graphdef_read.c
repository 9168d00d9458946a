/*
 * Frozen graphs (GraphDef): the placeholders are inputs, what nothing takes are outputs, unless
 * others are chosen by name.
 */
#include "models/graphdef_read.h"

#include <string.h>

#include "base/alloc.h"
#include "formats/saved_model_file.h"
#include "models/savedmodel_read.h"

/* ---- what is there ---- */

/* Nodes that are no result although nothing takes them. */
static bool no_result(const Tensorflow__NodeDef *node) {
    static const char *const OPS[] = {"Assert",     "Const",       "NoOp",
                                      "SaveV2",     "Placeholder", "PlaceholderV2",
                                      "Print",      "PrintV2",     "PlaceholderWithDefault",
                                      "VarHandleOp"};
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (strcmp(OPS[i], node->op) == 0)
            return true;
    }
    return strstr(node->op, "Summary") || strncmp(node->op, "Assign", 6) == 0;
}

static graft_status mark_taken(const gft_sm_reader *r, bool *taken, graft_error *err) {
    for (int32_t i = 0; i < r->main.node_count; i++) {
        const Tensorflow__NodeDef *node = r->main.nodes[i];
        for (size_t k = 0; k < node->n_input; k++) {
            int32_t from;
            int32_t output;
            GFT_TRY(gft_sm_parse(r, 0, node->input[k] + (node->input[k][0] == '^'), &from, &output,
                                 err));
            taken[from] = true;
        }
    }
    return GRAFT_OK;
}

static graft_status find_outputs(gft_sm_reader *r, gft_sm_ends *ends, graft_error *err) {
    const size_t count = (size_t)r->main.node_count;
    size_t n = 0;
    bool *taken = gft_arena_array(r->arena, count, sizeof *taken);
    if (!taken)
        return gft_fail_memory(err, count, "nodes");
    GFT_TRY(mark_taken(r, taken, err));
    for (size_t i = 0; i < count; i++)
        n += !taken[i] && !no_result(r->main.nodes[i]);
    ends->outputs = gft_arena_array(r->arena, n, sizeof *ends->outputs);
    if (!ends->outputs)
        return gft_fail_memory(err, n * sizeof *ends->outputs, "outputs");
    for (size_t i = 0; i < count; i++) {
        const Tensorflow__NodeDef *node = r->main.nodes[i];
        if (!taken[i] && !no_result(node))
            ends->outputs[ends->output_count++] =
                (gft_sm_end){.key = node->name, .tensor = node->name};
    }
    return GRAFT_OK;
}

static bool is_placeholder(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "Placeholder") == 0 || strcmp(node->op, "PlaceholderV2") == 0;
}

/* The placeholders that the outputs need, in the order of the file. */
static graft_status find_inputs(gft_sm_reader *r, gft_sm_ends *ends, graft_error *err) {
    gft_sm_site *order = NULL;
    size_t count = 0;
    gft_sm_tensor *roots = gft_arena_array(r->arena, ends->output_count, sizeof *roots);
    bool *needed = gft_arena_array(r->arena, (size_t)r->main.node_count, sizeof *needed);
    if (!roots || !needed)
        return gft_fail_memory(err, ends->output_count * sizeof *roots, "outputs");
    gft_sm_reset(r);
    for (size_t i = 0; i < ends->output_count; i++)
        GFT_TRY(gft_sm_resolve(r, 0, ends->outputs[i].tensor, &roots[i], err));
    GFT_TRY(gft_sm_walk(r, roots, ends->output_count, &order, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (order[i].frame == 0 && is_placeholder(gft_sm_node(r, order[i]))) {
            needed[order[i].node] = true;
            ends->input_count++;
        }
    }
    gft_free(order);
    ends->inputs = gft_arena_array(r->arena, ends->input_count, sizeof *ends->inputs);
    if (!ends->inputs)
        return gft_fail_memory(err, ends->input_count * sizeof *ends->inputs, "inputs");
    size_t n = 0;
    for (int32_t i = 0; i < r->main.node_count; i++) {
        const char *name = r->main.nodes[i]->name;
        if (needed[i])
            ends->inputs[n++] = (gft_sm_end){.key = name, .tensor = name, .any_rank = true};
    }
    return GRAFT_OK;
}

/* ---- what is chosen ---- */

static graft_status check_there(const gft_sm_reader *r, const char *tensor, const char *what,
                                graft_error *err) {
    int32_t node;
    int32_t output;
    if (!tensor || gft_sm_parse(r, 0, tensor, &node, &output, NULL) != GRAFT_OK)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: the %s '%.200s' is not in the graph", r->dir,
                        what, tensor ? tensor : "");
    return GRAFT_OK;
}

static graft_status chosen_ends(const gft_sm_reader *r, const gft_graphdef_end *from, size_t count,
                                bool inputs, gft_sm_end **out, graft_error *err) {
    gft_sm_end *ends = gft_arena_array(r->arena, count, sizeof *ends);
    if (!ends)
        return gft_fail_memory(err, count * sizeof *ends, "a signature");
    for (size_t i = 0; i < count; i++) {
        GFT_TRY(check_there(r, from[i].tensor, inputs ? "input" : "output", err));
        ends[i] = (gft_sm_end){.key = from[i].name ? from[i].name : from[i].tensor,
                               .tensor = from[i].tensor,
                               .dtype = from[i].dtype,
                               .any_rank = !from[i].shape};
        if (from[i].shape)
            ends[i].shape = *from[i].shape;
    }
    *out = ends;
    return GRAFT_OK;
}

/* An inner tensor as input: its dtype and shape are what the graph before it makes of it. */
static graft_status describe_inner(gft_sm_reader *r, gft_sm_end *end, graft_error *err) {
    gft_sm_end output = {.key = end->key, .tensor = end->tensor};
    gft_sm_ends ends = {.outputs = &output, .output_count = 1};
    const int32_t before = r->model->signature_count;
    GFT_TRY(find_inputs(r, &ends, err));
    for (size_t i = 0; i < ends.input_count; i++)
        GFT_TRY(gft_sm_end_from_node(r, &ends.inputs[i], err));
    static const char *const name = "graft/inner";
    GFT_TRY(gft_sm_read_signatures(r, &name, &ends, 1, err));
    gft_signature *made = &r->model->signatures[before];
    if (made->graph) {
        const gft_value *value = gft_graph_value(made->graph, made->graph->outputs[0].value);
        end->dtype = value->desc.dtype;
        end->shape = value->desc.shape;
        end->any_rank = false;
    }
    gft_graph_free(made->graph);
    *made = (gft_signature){.name = NULL};
    r->model->signature_count = before;
    return GRAFT_OK;
}

static graft_status describe_inputs(gft_sm_reader *r, gft_sm_ends *ends, graft_error *err) {
    for (size_t i = 0; i < ends->input_count; i++) {
        gft_sm_end *end = &ends->inputs[i];
        int32_t node;
        int32_t output;
        GFT_TRY(gft_sm_end_from_node(r, end, err));
        GFT_TRY(gft_sm_parse(r, 0, end->tensor, &node, &output, err));
        if (end->any_rank && !is_placeholder(r->main.nodes[node]))
            GFT_TRY(describe_inner(r, end, err));
    }
    return GRAFT_OK;
}

/* ---- building ---- */

static graft_status name_weights(gft_sm_reader *r, const gft_graphdef_source *source,
                                 graft_error *err) {
    r->weights = source->weights;
    if (source->weight_count == 0)
        return GRAFT_OK;
    if (source->weight_count > INT32_MAX)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %zu weights", r->dir,
                        source->weight_count);
    GFT_TRY(gft_sm_names_make(r->arena, source->weight_count, &r->weight_names, err));
    for (size_t i = 0; i < source->weight_count; i++)
        (void)gft_sm_names_add(&r->weight_names, source->weights[i].name, (int32_t)i);
    return GRAFT_OK;
}

static graft_status build(gft_sm_reader *r, const gft_graphdef_source *source, graft_error *err) {
    gft_sm_ends ends = {0};
    GFT_TRY(gft_sm_open_graph(r, err));
    GFT_TRY(name_weights(r, source, err));
    GFT_TRY(gft_sm_open_variables(r, err));
    if (source->outputs) {
        ends.output_count = source->output_count;
        GFT_TRY(chosen_ends(r, source->outputs, source->output_count, false, &ends.outputs, err));
    } else {
        GFT_TRY(find_outputs(r, &ends, err));
    }
    if (source->inputs) {
        ends.input_count = source->input_count;
        GFT_TRY(chosen_ends(r, source->inputs, source->input_count, true, &ends.inputs, err));
    } else {
        GFT_TRY(find_inputs(r, &ends, err));
    }
    GFT_TRY(describe_inputs(r, &ends, err));
    const char *name = source->name ? source->name : "serving_default";
    return gft_sm_read_signatures(r, &name, &ends, 1, err);
}

graft_status gft_graphdef_build(graft_model *model, const gft_graphdef_source *source,
                                graft_error *err) {
    Tensorflow__MetaGraphDef meta = TENSORFLOW__META_GRAPH_DEF__INIT;
    meta.graph_def = (Tensorflow__GraphDef *)(uintptr_t)source->graph;
    gft_sm_reader r = {.dir = source->where,
                       .model = model,
                       .arena = source->arena,
                       .map = source->map,
                       .meta = &meta,
                       .constant_weights = true};
    graft_status status = build(&r, source, err);
    gft_free(r.frames);
    return status;
}

/* ---- files ---- */

static void close_file(void *object) {
    gft_proto_file_close(object);
    gft_free(object);
}

typedef struct name_list {
    gft_graphdef_end *items;
    size_t count;
} name_list;

static graft_status list_of(gft_arena *arena, const char *const *names, int32_t count,
                            name_list *out, graft_error *err) {
    *out = (name_list){NULL, 0};
    if (!names)
        return GRAFT_OK;
    out->items = gft_arena_array(arena, (size_t)count, sizeof *out->items);
    if (!out->items)
        return gft_fail_memory(err, (size_t)count * sizeof *out->items, "names of tensors");
    for (int32_t i = 0; i < count; i++) {
        out->items[i].tensor = gft_arena_strdup(arena, names[i]);
        if (!out->items[i].tensor)
            return gft_fail_memory(err, strlen(names[i]), "a tensor's name");
    }
    out->count = (size_t)count;
    return GRAFT_OK;
}

/* "a,b" as list, cut up in place. */
static graft_status split(gft_arena *arena, char *text, const char ***out, int32_t *count,
                          graft_error *err) {
    int32_t commas = 1;
    for (const char *c = text; *c; c++)
        commas += *c == ',';
    *out = gft_arena_array(arena, (size_t)commas, sizeof **out);
    if (!*out)
        return gft_fail_memory(err, (size_t)commas * sizeof **out, "names of tensors");
    *count = 0;
    for (char *at = text; at;) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma++ = '\0';
        (*out)[(*count)++] = at;
        at = comma;
    }
    return GRAFT_OK;
}

static graft_status read_file(graft_model *model, const char *path, const char *const *inputs,
                              int32_t input_count, const char *const *outputs, int32_t output_count,
                              graft_error *err) {
    gft_proto_file *file = gft_calloc(1, sizeof *file);
    name_list in;
    name_list out;
    if (!file)
        return gft_fail_memory(err, sizeof *file, "a frozen graph");
    graft_status status = gft_graph_def_load(path, file, err);
    if (status != GRAFT_OK) {
        gft_free(file);
        return status;
    }
    GFT_TRY(gft_model_keep_open(model, close_file, file, err));
    GFT_TRY(list_of(&file->arena, inputs, input_count, &in, err));
    GFT_TRY(list_of(&file->arena, outputs, output_count, &out, err));
    const gft_graphdef_source source = {
        .graph = (const Tensorflow__GraphDef *)file->message,
        .map = &file->map,
        .arena = &file->arena,
        .where = gft_arena_strdup(&file->arena, path),
        .inputs = in.items,
        .input_count = in.count,
        .outputs = out.items,
        .output_count = out.count,
    };
    if (!source.where)
        return gft_fail_memory(err, strlen(path), "a file name");
    return gft_graphdef_build(model, &source, err);
}

graft_status graft_model_open_graph(const char *path, const char *const *inputs,
                                    int32_t input_count, const char *const *outputs,
                                    int32_t output_count, graft_model **out, graft_error *err) {
    graft_model *model = NULL;
    if (input_count < 0 || output_count < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: %d inputs, %d outputs", path, input_count,
                        output_count);
    GFT_TRY(gft_model_new(&model, err));
    graft_status status = read_file(model, path, inputs, input_count, outputs, output_count, err);
    if (status == GRAFT_OK && !model->name) {
        model->name = gft_arena_strdup(&model->arena, path);
        if (!model->name)
            status = gft_fail_memory(err, strlen(path), "a model's name");
    }
    if (status == GRAFT_OK)
        *out = model;
    else
        graft_model_free(model);
    return status;
}

graft_status gft_graphdef_read(const char *path, graft_model **out, graft_error *err) {
    return graft_model_open_graph(path, NULL, 0, NULL, 0, out, err);
}

graft_status gft_graphdef_read_chosen(const char *text, graft_model **out, graft_error *err) {
    gft_arena arena;
    const char **inputs = NULL;
    const char **outputs = NULL;
    int32_t input_count = 0;
    int32_t output_count = 0;
    graft_status status = GRAFT_OK;
    gft_arena_init(&arena);
    char *path = gft_arena_strdup(&arena, text);
    if (!path) {
        status = gft_fail_memory(err, strlen(text), "a file name");
        goto done;
    }
    char *names = strrchr(path, '#');
    char *from = names ? strchr(names, '@') : NULL;
    if (names)
        *names++ = '\0';
    if (from) {
        *from++ = '\0';
        GFT_GOTO(split(&arena, from, &inputs, &input_count, err));
    }
    if (names && *names)
        GFT_GOTO(split(&arena, names, &outputs, &output_count, err));
    GFT_GOTO(graft_model_open_graph(path, inputs, input_count, outputs, output_count, out, err));
done:
    gft_arena_deinit(&arena);
    return status;
}
