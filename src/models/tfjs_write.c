/*
 * TF.js graph models, written: a directory with model.json and its shards. The graph is simplified
 * for inference on a clone (constants computed, batch norms in filters), then written with
 * TensorFlow's nodes; batch and picture size stay as free as they are. Same model, same bytes.
 */
#include "models/tfjs_write.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "formats/json_text.h"
#include "graft/system.h"
#include "graph/rewrite.h"
#include "models/tensorflow_ops.h"

#define MAX_JSON_BYTES ((size_t)256 << 20) /* what the reader takes */

/* ---- graph ---- */

static graft_status simplify(gft_tfjs_writer *w, graft_error *err) {
    const gft_rewrite_options options = {.fuse = true};
    const int32_t index = graft_model_find_signature(w->model, NULL);
    if (index < 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "tfjs: the model has no signature serving_default");
    const gft_signature *s = &w->model->signatures[index];
    if (!s->graph)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "tfjs: signature '%s' cannot be written: %s",
                        s->name, s->problem ? s->problem : "it has no graph");
    GFT_TRY(gft_graph_clone(s->graph, &w->graph, err));
    GFT_TRY(gft_rewrite_drop_identity(w->graph, &options, err));
    GFT_TRY(gft_graph_sweep(w->graph, err));
    GFT_TRY(gft_rewrite_fold(w->graph, &options, err));
    GFT_TRY(gft_tfjs_adapt(w->graph, err));
    return gft_graph_sweep(w->graph, err);
}

/* ---- nodes ---- */

static void write_inputs(gft_tfjs_writer *w, const char **values) {
    for (int32_t i = 0; i < w->graph->input_count; i++) {
        const gft_binding *in = &w->graph->inputs[i];
        const graft_tensor_desc *desc = &w->graph->values[in->value].desc;
        gft_tf_node *node = gft_tf_add_named(&w->nodes, "Placeholder", in->name);
        gft_tf_attr_type(&w->nodes, node, "dtype", desc->dtype);
        gft_tf_attr_shape(&w->nodes, node, "shape", &desc->shape);
        w->inputs[i] = values[in->value] = gft_tf_output(&w->nodes, node, 0);
    }
}

/*
 * What a constant without a name is for: "conv/kernel", "conv/bias" after batch norms are folded.
 */
static void name_constants(gft_tfjs_writer *w, const char **names) {
    for (int32_t i = 0; i < w->graph->node_count; i++) {
        const gft_node *node = &w->graph->nodes[i];
        if (!node->op)
            continue;
        const bool product = node->op->kind == GFT_KIND_CONV2D ||
                             node->op->kind == GFT_KIND_DEPTHWISE ||
                             node->op->kind == GFT_KIND_DENSE;
        const char *filter = node->op->kind == GFT_KIND_DEPTHWISE ? "depthwise_kernel" : "kernel";
        for (int32_t k = 1; product && k < node->input_count && k < 3; k++) {
            const gft_value *value = &w->graph->values[node->inputs[k]];
            if (value->kind == GFT_VALUE_CONST && !value->name)
                names[node->inputs[k]] =
                    gft_pb_string(&w->pb, "%s/%s", node->name, k == 1 ? filter : "bias");
        }
    }
}

static graft_status write_constants(gft_tfjs_writer *w, const char **values, graft_error *err) {
    const gft_graph *graph = w->graph;
    const char **names = gft_arena_array(&w->arena, (size_t)graph->value_count + 1, sizeof *names);
    if (!names)
        return gft_fail_memory(err, (size_t)graph->value_count * sizeof *names, "names");
    name_constants(w, names);
    for (int32_t i = 0; i < graph->value_count; i++) {
        const gft_value *value = &graph->values[i];
        if ((value->kind != GFT_VALUE_CONST && value->kind != GFT_VALUE_PARAM) ||
            gft_graph_uses(graph, i) == 0)
            continue;
        const char *name = value->kind == GFT_VALUE_PARAM ? graph->params->items[value->param].name
                           : names[i]                     ? names[i]
                                                          : value->name;
        values[i] = gft_tf_const(&w->nodes, name && *name ? name : "Const", &value->desc,
                                 gft_graph_value_data(graph, i));
        if (!values[i] && !w->pb.failed)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "tfjs: constant '%s' of type %s cannot be written",
                            name && *name ? name : "?", graft_dtype_name(value->desc.dtype));
    }
    return GRAFT_OK;
}

static void write_outputs(gft_tfjs_writer *w, const char *const *values) {
    for (int32_t i = 0; i < w->graph->output_count; i++) {
        const gft_binding *out = &w->graph->outputs[i];
        gft_tf_node *node = gft_tf_add_named(&w->nodes, "Identity", out->name);
        gft_tf_input(&w->nodes, node, values[out->value]);
        gft_tf_attr_type(&w->nodes, node, "T", w->graph->values[out->value].desc.dtype);
        w->outputs[i] = gft_tf_output(&w->nodes, node, 0);
    }
}

static graft_status write_nodes(gft_tfjs_writer *w, graft_error *err) {
    const gft_graph *graph = w->graph;
    gft_tf_emit emit = {.nodes = &w->nodes, .graph = graph};
    int32_t count = 0;
    gft_node_id *order = gft_arena_array(&w->arena, (size_t)graph->node_count + 1, sizeof *order);
    const size_t params = graph->params ? (size_t)graph->params->count : 0;
    emit.values = gft_arena_array(&w->arena, (size_t)graph->value_count + 1, sizeof *emit.values);
    emit.handles = gft_arena_array(&w->arena, params + 1, sizeof *emit.handles);
    w->inputs = gft_arena_array(&w->arena, (size_t)graph->input_count + 1, sizeof *w->inputs);
    w->outputs = gft_arena_array(&w->arena, (size_t)graph->output_count + 1, sizeof *w->outputs);
    if (!order || !emit.values || !emit.handles || !w->inputs || !w->outputs)
        return gft_fail_memory(err, (size_t)graph->value_count * sizeof(char *), "a TF.js model");
    GFT_TRY(gft_graph_order(graph, order, &count, err));
    write_inputs(w, emit.values);
    GFT_TRY(write_constants(w, emit.values, err));
    for (int32_t i = 0; i < count; i++) {
        emit.node = &graph->nodes[order[i]];
        GFT_TRY(gft_tf_emit_node(&emit, err));
    }
    write_outputs(w, emit.values);
    gft_tfjs_fuse(&w->nodes, w->outputs, (size_t)graph->output_count);
    gft_tf_sort_attrs(&w->nodes);
    return w->pb.failed ? gft_fail_memory(err, w->arena.used_bytes, "a TF.js model")
                        : gft_tfjs_check_ops(&w->nodes, err);
}

/* ---- model.json ---- */

/* The card as one line; made now if the model has none. */
static graft_status write_card(const gft_tfjs_writer *w, gft_buffer *out, graft_error *err) {
    graft_model copy = *w->model; /* only its card is changed, in an arena of its own */
    graft_status status = GRAFT_OK;
    json_t *card = NULL;
    gft_arena_init(&copy.arena);
    if (!copy.card)
        GFT_GOTO(gft_model_make_card(&copy, NULL, err));
    GFT_GOTO(gft_json_parse(copy.card, strlen(copy.card), "the model's card", &card, err));
    char *text = json_dumps(card, JSON_COMPACT);
    status = text ? gft_buffer_append_str(out, text, err) : gft_fail_memory(err, 256, "a card");
    free(text); /* jansson's own allocation */
done:
    json_decref(card);
    gft_arena_deinit(&copy.arena);
    return status;
}

static graft_status write_metadata(const gft_tfjs_writer *w, gft_buffer *out, graft_error *err) {
    GFT_TRY(gft_buffer_append_str(out, ",\n\"userDefinedMetadata\":{", err));
    for (int32_t i = 0; i < w->model->label_count; i++) {
        GFT_TRY(gft_buffer_append_str(out, i == 0 ? "\"labels\":[" : ",", err));
        GFT_TRY(gft_json_quote(out, w->model->labels[i], err));
    }
    GFT_TRY(
        gft_buffer_append_str(out, w->model->label_count > 0 ? "],\"graft\":" : "\"graft\":", err));
    GFT_TRY(write_card(w, out, err));
    return gft_buffer_append_str(out, "}", err);
}

static graft_status write_json(const gft_tfjs_writer *w, gft_buffer *out, graft_error *err) {
    GFT_TRY(gft_buffer_format(out, err,
                              "{\"format\":\"graph-model\",\"generatedBy\":\"Graft %s\","
                              "\"convertedBy\":\"Graft %s\",\n\"signature\":",
                              graft_version(), graft_version()));
    GFT_TRY(gft_tfjs_write_signature(w, out, err));
    GFT_TRY(write_metadata(w, out, err));
    GFT_TRY(gft_buffer_append_str(out, ",\n\"modelTopology\":", err));
    GFT_TRY(gft_tfjs_write_topology(w, out, err));
    GFT_TRY(gft_buffer_append_str(out, ",\n", err));
    GFT_TRY(gft_tfjs_write_manifest(w, out, err));
    return gft_buffer_append_str(out, "}\n", err);
}

/* ---- directory ---- */

/* Only a TF.js model is swapped out: a mistyped name must not cost a folder of something else. */
static graft_status check_place(const char *dir, bool replace, graft_error *err) {
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    bool model = false;
    if (gft_file_exists(dir))
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: a file, expected the name of a directory",
                        dir);
    if (!gft_dir_exists(dir))
        return GRAFT_OK;
    if (!replace)
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: exists already", dir);
    GFT_TRY(gft_dir_list(dir, &entries, &count, err));
    for (size_t i = 0; i < count; i++)
        model = model || strcmp(entries[i].name, "model.json") == 0;
    gft_dir_list_free(entries, count);
    return count == 0 || model
               ? GRAFT_OK
               : gft_fail(err, GRAFT_ALREADY_EXISTS,
                          "%s: exists and is not a TF.js model, it is not replaced", dir);
}

static graft_status write_dir(const gft_tfjs_writer *w, const char *dir, bool replace,
                              graft_error *err) {
    gft_staging staging = {0};
    gft_buffer text;
    graft_status status;
    char *path = NULL;
    gft_buffer_init(&text, MAX_JSON_BYTES);
    GFT_GOTO(write_json(w, &text, err));
    GFT_GOTO(gft_staging_open(&staging, dir, err));
    path = gft_path_join(staging.temp_path, "model.json");
    if (!path)
        GFT_GOTO(gft_fail_memory(err, strlen(dir), "a file name"));
    GFT_GOTO(gft_file_write(path, text.data, text.bytes, err));
    GFT_GOTO(gft_tfjs_write_shards(w, staging.temp_path, err));
    GFT_GOTO(gft_staging_commit(&staging, replace, err));
done:
    gft_staging_abort(&staging);
    gft_free(path);
    gft_buffer_deinit(&text);
    return status;
}

/* The directory that DIR or DIR/model.json names. */
static graft_status directory_of(const char *path, char **out, graft_error *err) {
    char extension[16];
    const bool file = strcmp(gft_path_extension(path, extension), "json") == 0;
    if (file && (strcmp(gft_path_base(path), "model.json") != 0 || gft_path_base(path) == path))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: a TF.js model is a directory, expected DIR or DIR/model.json", path);
    *out = file ? gft_path_dir(path) : gft_strdup(path);
    return *out ? GRAFT_OK : gft_fail_memory(err, strlen(path) + 1, "a file name");
}

graft_status gft_tfjs_write(const graft_model *model, const char *path, bool replace,
                            graft_error *err) {
    gft_tfjs_writer w = {.model = model};
    graft_status status;
    char *dir = NULL;
    gft_arena_init(&w.arena);
    w.pb.arena = &w.arena;
    w.nodes.pb = &w.pb;
    GFT_GOTO(directory_of(path, &dir, err));
    GFT_GOTO(check_place(dir, replace, err));
    GFT_GOTO(simplify(&w, err));
    GFT_GOTO(write_nodes(&w, err));
    GFT_GOTO(gft_tfjs_collect_weights(&w, err));
    GFT_GOTO(write_dir(&w, dir, replace, err));
done:
    gft_graph_free(w.graph);
    gft_arena_deinit(&w.arena);
    gft_free(dir);
    return status;
}
