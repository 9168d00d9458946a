/*
 * The main graph of a SavedModel: variables, a placeholder per input and a call per signature,
 * nodes that save and restore. Loaders without an object graph (TensorFlow Serving, the C API,
 * TFLite's converter) see this alone.
 */
#include "models/savedmodel_write.h"

#include <string.h>

static void write_variables(gft_sm_writer *w) {
    gft_tf_nodes *nodes = &w->main;
    for (int32_t i = 0; i < w->variable_count; i++) {
        const gft_param *param = w->variables[i].param;
        gft_tf_node *node = gft_tf_add_named(nodes, "VarHandleOp", param->name);
        gft_tf_attr_type(nodes, node, "dtype", param->desc.dtype);
        gft_tf_attr_shape(nodes, node, "shape", &param->desc.shape);
        /* Without it all variables are one; the TFLite converter wants it to be the node's name. */
        if (node)
            gft_tf_attr_text(nodes, node, "shared_name", node->name);
        w->variables[i].handle = gft_tf_output(nodes, node, 0);
    }
}

static Tensorflow__TensorInfo *tensor_info(gft_pb *pb, const char *name,
                                           const graft_tensor_desc *desc) {
    Tensorflow__TensorInfo *info =
        GFT_PB_NEW(pb, Tensorflow__TensorInfo, TENSORFLOW__TENSOR_INFO__INIT);
    if (!info || !name)
        return NULL;
    info->encoding_case = TENSORFLOW__TENSOR_INFO__ENCODING_NAME;
    info->name = strchr(name, ':') ? (char *)(uintptr_t)name : gft_pb_string(pb, "%s:0", name);
    info->dtype = (int32_t)desc->dtype;
    info->tensor_shape = gft_pb_shape(pb, &desc->shape);
    return info;
}

/* Both maps have entries of the same layout. */
static void add_info(gft_pb *pb, Tensorflow__SignatureDef *def, bool input, const char *key,
                     Tensorflow__TensorInfo *info) {
    if (!def)
        return;
    if (input) {
        Tensorflow__SignatureDef__InputsEntry *entry =
            GFT_PB_NEW(pb, Tensorflow__SignatureDef__InputsEntry,
                       TENSORFLOW__SIGNATURE_DEF__INPUTS_ENTRY__INIT);
        if (!entry)
            return;
        entry->key = (char *)(uintptr_t)key;
        entry->value = info;
        GFT_PB_PUSH(pb, def, inputs, entry);
        return;
    }
    Tensorflow__SignatureDef__OutputsEntry *entry = GFT_PB_NEW(
        pb, Tensorflow__SignatureDef__OutputsEntry, TENSORFLOW__SIGNATURE_DEF__OUTPUTS_ENTRY__INIT);
    if (!entry)
        return;
    entry->key = (char *)(uintptr_t)key;
    entry->value = info;
    GFT_PB_PUSH(pb, def, outputs, entry);
}

static void write_signature(gft_sm_writer *w, const gft_sm_signature *s) {
    gft_pb *pb = &w->pb;
    gft_tf_nodes *nodes = &w->main;
    Tensorflow__SignatureDef *def =
        GFT_PB_NEW(pb, Tensorflow__SignatureDef, TENSORFLOW__SIGNATURE_DEF__INIT);
    Tensorflow__MetaGraphDef__SignatureDefEntry *entry =
        GFT_PB_NEW(pb, Tensorflow__MetaGraphDef__SignatureDefEntry,
                   TENSORFLOW__META_GRAPH_DEF__SIGNATURE_DEF_ENTRY__INIT);
    if (!def || !entry)
        return;
    const char **placeholders =
        gft_arena_array(&w->arena, (size_t)s->input_count, sizeof *placeholders);
    for (int32_t i = 0; placeholders && i < s->input_count; i++) {
        gft_tf_node *node = gft_tf_add_named(nodes, "Placeholder",
                                             gft_pb_string(pb, "%s_%s", s->key, s->inputs[i].name));
        gft_tf_attr_type(nodes, node, "dtype", s->inputs[i].desc.dtype);
        gft_tf_attr_shape(nodes, node, "shape", &s->inputs[i].desc.shape);
        placeholders[i] = gft_tf_output(nodes, node, 0);
        add_info(pb, def, true, s->inputs[i].name,
                 tensor_info(pb, placeholders[i], &s->inputs[i].desc));
    }
    gft_tf_node *call = gft_sm_call(nodes, "StatefulPartitionedCall", s->wrapper);
    for (int32_t i = 0; placeholders && i < s->input_count; i++)
        gft_tf_input(nodes, call, placeholders[i]);
    for (int32_t i = 0; i < s->capture_count; i++)
        gft_tf_input(nodes, call, w->variables[s->captures[i]].handle);
    gft_sm_call_types(w, nodes, call, s, s->jpeg);
    for (int32_t i = 0; i < s->output_count; i++)
        add_info(pb, def, false, s->outputs[i].name,
                 tensor_info(pb, gft_tf_output(nodes, call, i), &s->outputs[i].desc));
    def->method_name = gft_pb_string(pb, "tensorflow/serving/predict");
    entry->key = (char *)(uintptr_t)s->key;
    entry->value = def;
    GFT_PB_PUSH(pb, w->meta, signature_def, entry);
    pb->failed = pb->failed || !placeholders;
}

/* Constants naming the tensors of the checkpoint and their slices (all whole). */
static void checkpoint_names(gft_sm_writer *w, const char *scope, const char **names,
                             const char **slices) {
    const char **keys = gft_arena_array(&w->arena, (size_t)w->variable_count, sizeof *keys);
    const char **empty = gft_arena_array(&w->arena, (size_t)w->variable_count, sizeof *empty);
    if (!keys || !empty) {
        w->pb.failed = true;
        return;
    }
    for (int32_t i = 0; i < w->variable_count; i++) {
        keys[i] = w->variables[i].key;
        empty[i] = "";
    }
    w->main.scope = scope;
    *names = gft_tf_const_strings(&w->main, "tensor_names", keys, (size_t)w->variable_count);
    *slices = gft_tf_const_strings(&w->main, "shape_and_slices", empty, (size_t)w->variable_count);
    w->main.scope = NULL;
}

static graft_dtype *variable_types(gft_sm_writer *w) {
    graft_dtype *types = gft_arena_array(&w->arena, (size_t)w->variable_count, sizeof *types);
    for (int32_t i = 0; types && i < w->variable_count; i++)
        types[i] = w->variables[i].param->desc.dtype;
    w->pb.failed = w->pb.failed || !types;
    return types;
}

static const char *write_filename(gft_tf_nodes *nodes) {
    const graft_shape scalar = {0, {0}};
    gft_tf_node *node = gft_tf_add_named(nodes, "Placeholder", "saver_filename");
    gft_tf_attr_type(nodes, node, "dtype", GRAFT_STRING);
    gft_tf_attr_shape(nodes, node, "shape", &scalar);
    return gft_tf_output(nodes, node, 0);
}

static gft_tf_node *write_save(gft_sm_writer *w, const char *filename) {
    gft_tf_nodes *nodes = &w->main;
    const char *names = NULL;
    const char *slices = NULL;
    gft_tf_node *save = NULL;
    if (w->variable_count > 0) { /* SaveV2 and RestoreV2 want at least one tensor */
        checkpoint_names(w, "save", &names, &slices);
        const char **read = gft_arena_array(&w->arena, (size_t)w->variable_count, sizeof *read);
        const graft_dtype *types = variable_types(w);
        if (!read || !types)
            return NULL;
        for (int32_t i = 0; i < w->variable_count; i++) {
            gft_tf_node *node = gft_tf_add_named(nodes, "ReadVariableOp", "save/ReadVariableOp");
            gft_tf_input(nodes, node, w->variables[i].handle);
            gft_tf_attr_type(nodes, node, "dtype", types[i]);
            read[i] = gft_tf_output(nodes, node, 0);
        }
        save = gft_tf_add_named(nodes, "SaveV2", "save/SaveV2");
        gft_tf_input(nodes, save, filename);
        gft_tf_input(nodes, save, names);
        gft_tf_input(nodes, save, slices);
        for (int32_t i = 0; i < w->variable_count; i++)
            gft_tf_input(nodes, save, read[i]);
        gft_tf_attr_types(nodes, save, "dtypes", types, (size_t)w->variable_count);
    }
    gft_tf_node *done = gft_tf_add_named(nodes, "Identity", "save/done");
    gft_tf_input(nodes, done, filename);
    gft_tf_control_input(nodes, done, save);
    gft_tf_attr_type(nodes, done, "T", GRAFT_STRING);
    return done;
}

static gft_tf_node *write_restore(gft_sm_writer *w, const char *filename) {
    gft_tf_nodes *nodes = &w->main;
    gft_tf_node *restore = NULL;
    gft_tf_node **assigns =
        gft_arena_array(&w->arena, (size_t)w->variable_count + 1, sizeof(gft_tf_node *));
    const graft_dtype *types = variable_types(w);
    if (!assigns || !types) {
        w->pb.failed = true;
        return NULL;
    }
    if (w->variable_count > 0) {
        const char *names = NULL;
        const char *slices = NULL;
        checkpoint_names(w, "restore", &names, &slices);
        restore = gft_tf_add_named(nodes, "RestoreV2", "restore/RestoreV2");
        gft_tf_input(nodes, restore, filename);
        gft_tf_input(nodes, restore, names);
        gft_tf_input(nodes, restore, slices);
        gft_tf_attr_types(nodes, restore, "dtypes", types, (size_t)w->variable_count);
    }
    for (int32_t i = 0; i < w->variable_count; i++) {
        assigns[i] = gft_tf_add_named(nodes, "AssignVariableOp", "restore/AssignVariableOp");
        gft_tf_input(nodes, assigns[i], w->variables[i].handle);
        gft_tf_input(nodes, assigns[i], gft_tf_output(nodes, restore, i));
        gft_tf_attr_type(nodes, assigns[i], "dtype", types[i]);
    }
    gft_tf_node *all = gft_tf_add_named(nodes, "NoOp", "restore/all");
    for (int32_t i = 0; i < w->variable_count; i++)
        gft_tf_control_input(nodes, all, assigns[i]);
    return all;
}

void gft_sm_write_graph(gft_sm_writer *w) {
    gft_pb *pb = &w->pb;
    Tensorflow__GraphDef *graph = w->meta->graph_def;
    w->main.pb = pb;
    write_variables(w);
    for (int32_t i = 0; i < w->signature_count; i++)
        write_signature(w, &w->signatures[i]);
    const char *filename = write_filename(&w->main);
    gft_tf_node *save = write_save(w, filename);
    gft_tf_node *restore = write_restore(w, filename);
    gft_tf_sort_attrs(&w->main);
    graph->n_node = w->main.count;
    graph->node = w->main.items;
    graph->versions = GFT_PB_NEW(pb, Tensorflow__VersionDef, TENSORFLOW__VERSION_DEF__INIT);
    Tensorflow__SaverDef *saver = GFT_PB_NEW(pb, Tensorflow__SaverDef, TENSORFLOW__SAVER_DEF__INIT);
    if (!graph->versions || !saver || !save || !restore)
        return;
    graph->versions->producer = 2474;
    graph->versions->min_consumer = 12;
    saver->filename_tensor_name = gft_pb_string(pb, "%s:0", filename);
    saver->save_tensor_name = gft_pb_string(pb, "%s:0", save->name);
    saver->restore_op_name = restore->name;
    saver->version = 2; /* V2: TensorBundle */
    w->meta->saver_def = saver;
}
