/*
 * Which tensor of the checkpoint a variable holds: what the restore nodes say (RestoreV2 ->
 * AssignVariableOp), in the main graph or in the restore function. This is what TensorFlow's C++
 * loader goes by, and every SavedModel that loader takes has them. A partition of a variable is
 * restored from a slice of a tensor ("10 4 0,5:-").
 */
#include <string.h>

#include "base/alloc.h"
#include "formats/tensor_proto.h"
#include "models/savedmodel_read.h"

static bool is_variable(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "VarHandleOp") == 0 || strcmp(node->op, "VariableV2") == 0 ||
           strcmp(node->op, "Variable") == 0;
}

static bool is_assign(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "AssignVariableOp") == 0 || strcmp(node->op, "Assign") == 0;
}

/* ---- restore nodes ---- */

/*
 * Element `output` of a RestoreV2's input `input` (1: keys, 2: slices); NULL if its strings are no
 * constant. The list is unpacked once for all outputs.
 */
static graft_status restored_text(gft_sm_reader *r, gft_sm_tensor restore, int32_t input,
                                  const char **text, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, restore.site);
    const char *from = gft_sm_data_input(node, input);
    gft_sm_tensor names;
    ProtobufCBinaryData *strings = NULL;
    size_t count = 0;
    *text = NULL;
    if (!from)
        return GRAFT_OK;
    GFT_TRY(gft_sm_resolve(r, restore.site.frame, from, &names, err));
    const Tensorflow__AttrValue *value = gft_tf_find_attr(gft_sm_node(r, names.site), "value");
    if (!value || value->value_case != TENSORFLOW__ATTR_VALUE__VALUE_TENSOR)
        return GRAFT_OK;
    gft_sm_state *state = gft_sm_state_of(r, names.site);
    if (!state->outputs) {
        gft_tf_value *cache = gft_arena_array(r->arena, 1, sizeof *cache);
        graft_tensor *tensor = gft_arena_array(r->arena, 1, sizeof *tensor);
        if (!cache || !tensor)
            return gft_fail_memory(err, sizeof *cache + sizeof *tensor, "names of variables");
        GFT_TRY(
            gft_tensor_proto_strings(value->tensor, node->name, r->arena, &strings, &count, err));
        *tensor = (graft_tensor){.data = strings, .bytes = count};
        cache->tensor = tensor;
        state->outputs = cache;
        state->output_count = 1;
    }
    strings = state->outputs->tensor->data;
    count = state->outputs->tensor->bytes;
    if (restore.output < 0 || (size_t)restore.output >= count)
        return GRAFT_OK;
    *text = gft_arena_strndup(r->arena, (const char *)strings[restore.output].data,
                              strings[restore.output].len);
    return *text ? GRAFT_OK
                 : gft_fail_memory(err, strings[restore.output].len, "a variable's name");
}

/* One Assign: from a RestoreV2 to a variable of the main graph, or nothing of interest. */
static graft_status read_assign(gft_sm_reader *r, gft_sm_site site, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    gft_sm_tensor handle;
    gft_sm_tensor value;
    if (node->n_input < 2 || node->input[0][0] == '^' || node->input[1][0] == '^')
        return GRAFT_OK;
    GFT_TRY(gft_sm_resolve(r, site.frame, node->input[1], &value, err));
    if (strcmp(gft_sm_node(r, value.site)->op, "RestoreV2") != 0)
        return GRAFT_OK;
    GFT_TRY(gft_sm_resolve(r, site.frame, node->input[0], &handle, err));
    if (handle.site.frame != 0 || r->source_of[handle.site.node] < 0)
        return GRAFT_OK;
    gft_sm_source *source = &r->sources[r->source_of[handle.site.node]];
    if (source->key)
        return GRAFT_OK;
    GFT_TRY(restored_text(r, value, 2, &source->slice, err));
    if (source->slice && source->slice[0] == '\0')
        source->slice = NULL;
    return restored_text(r, value, 1, &source->key, err);
}

static graft_status read_assigns(gft_sm_reader *r, int32_t frame, graft_error *err) {
    const int32_t count = r->frames[frame].body->node_count;
    for (int32_t i = 0; i < count; i++) {
        const gft_sm_site site = {frame, i};
        if (is_assign(gft_sm_node(r, site)))
            GFT_TRY(read_assign(r, site, err));
    }
    return GRAFT_OK;
}

/* The restore node's own function, where TensorFlow 2 keeps the assignments. */
static graft_status read_restore_function(gft_sm_reader *r, graft_error *err) {
    const char *name = r->meta->saver_def ? r->meta->saver_def->restore_op_name : "";
    int32_t node;
    int32_t frame;
    if (!gft_sm_names_find(&r->main.names, name, &node) || node < 0)
        return GRAFT_OK;
    GFT_TRY(gft_sm_callee(r, (gft_sm_site){0, node}, &frame, err));
    return frame < 0 ? GRAFT_OK : read_assigns(r, frame, err);
}

/* Without a restore node: the shared name is the key, perhaps with the suffix of objects. */
static graft_status key_by_name(gft_sm_reader *r, gft_sm_source *source, graft_error *err) {
    const Tensorflow__NodeDef *node = r->main.nodes[source->node];
    const Tensorflow__AttrValue *shared = gft_tf_find_attr(node, "shared_name");
    const char *name = node->name;
    if (shared && shared->value_case == TENSORFLOW__ATTR_VALUE__VALUE_S && shared->s.len > 0)
        name = gft_arena_strndup(r->arena, (const char *)shared->s.data, shared->s.len);
    const char *full = name ? gft_arena_format(r->arena, "%s" GFT_SM_KEY_SUFFIX, name) : NULL;
    if (!full)
        return gft_fail_memory(err, 64, "a variable's name");
    if (gft_bundle_find(r->bundle, full))
        source->key = full;
    else if (gft_bundle_find(r->bundle, name))
        source->key = name;
    return GRAFT_OK;
}

/* ---- all of them ---- */

graft_status gft_sm_open_variables(gft_sm_reader *r, graft_error *err) {
    r->source_of = gft_arena_array(r->arena, (size_t)r->main.node_count, sizeof *r->source_of);
    r->sources = gft_arena_array(r->arena, (size_t)r->main.node_count, sizeof *r->sources);
    if (!r->source_of || !r->sources)
        return gft_fail_memory(err, (size_t)r->main.node_count * sizeof *r->sources, "variables");
    for (int32_t i = 0; i < r->main.node_count; i++) {
        r->source_of[i] = -1;
        if (!is_variable(r->main.nodes[i]))
            continue;
        r->source_of[i] = r->source_count;
        r->sources[r->source_count++] = (gft_sm_source){.node = i, .param = -1};
    }
    GFT_TRY(gft_sm_names_make(r->arena, (size_t)r->source_count, &r->params, err));
    if (r->source_count == 0 || !r->bundle)
        return GRAFT_OK;
    GFT_TRY(read_assigns(r, 0, err));
    GFT_TRY(read_restore_function(r, err));
    for (int32_t i = 0; i < r->source_count; i++) {
        if (!r->sources[i].key)
            GFT_TRY(key_by_name(r, &r->sources[i], err));
    }
    return gft_sm_read_objects(r, err);
}
