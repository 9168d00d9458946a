/*
 * Operators that TensorFlow has too, handed on as its nodes: the functions that read those compute
 * with shapes and know every corner of their ops (models/tensorflow_ops_import.h).
 */
#include "models/tflite_read.h"

#define MAX_INPUTS 1024
#define MORE_INPUTS 2 /* that gft_tfl_node_ints may add */
#define MAX_OUTPUTS 1024

/* Nodes and their inputs stay: integers that depend on a run remember the node they came from. */
graft_status gft_tfl_node_begin(gft_tfl_op *m, const char *op, int32_t from, int32_t to,
                                gft_tfl_node *out, graft_error *err) {
    gft_tfl_graph *g = m->g;
    const int32_t end = to < 0 ? m->o->input_count : to;
    const size_t room = (size_t)(end - from) + MORE_INPUTS;
    if (end - from > MAX_INPUTS)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it has %d inputs, at most %d are read",
                        end - from, MAX_INPUTS);
    *out = (gft_tfl_node){.m = m, .room = (int32_t)room};
    out->node = GFT_PB_NEW(&g->pb, Tensorflow__NodeDef, TENSORFLOW__NODE_DEF__INIT);
    out->inputs = gft_arena_array(g->reader->arena, room, sizeof *out->inputs);
    if (!out->node || !out->inputs)
        return gft_fail_memory(err, sizeof *out->node + room * sizeof *out->inputs, "a node");
    out->node->op = out->node->name = (char *)(uintptr_t)op;
    for (int32_t i = from; i < end; i++)
        GFT_TRY(gft_tfl_input(m, i, &out->inputs[out->input_count++], err));
    return GRAFT_OK;
}

graft_status gft_tfl_node_ints(gft_tfl_node *node, int32_t rank, const int64_t *values,
                               int32_t count, graft_error *err) {
    gft_arena *arena = node->m->g->reader->arena;
    gft_tf_ints *ints = gft_arena_alloc(arena, sizeof *ints);
    gft_tf_value *value = gft_arena_alloc(arena, sizeof *value);
    if (!ints || !value)
        return gft_fail_memory(err, sizeof *ints, "integers");
    if (node->input_count == node->room || count > GFT_TF_MAX_INTS)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it has too many inputs");
    *ints = (gft_tf_ints){.rank = rank, .count = count, .dtype = GRAFT_S32};
    for (int32_t i = 0; i < count; i++)
        ints->values[i] = values[i];
    *value = (gft_tf_value){.kind = GFT_TF_INTS, .id = -1, .ints = ints};
    node->inputs[node->input_count++] = value;
    return GRAFT_OK;
}

graft_status gft_tfl_node_end(gft_tfl_node *node, int8_t activation, graft_error *err) {
    gft_tfl_op *m = node->m;
    gft_tfl_graph *g = m->g;
    gft_tf_import import = {.graph = g->graph,
                            .arena = g->reader->arena,
                            .map = &g->reader->file->map,
                            .node = node->node,
                            .name = m->name,
                            .inputs = node->inputs,
                            .input_count = node->input_count};
    if (g->pb.failed)
        return gft_fail_memory(err, 256, "a node");
    import.output_count = gft_tf_import_outputs(node->node);
    if (import.output_count == 0 || import.output_count > MAX_OUTPUTS)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "the op is not read");
    import.outputs =
        gft_arena_array(import.arena, (size_t)import.output_count, sizeof *import.outputs);
    if (!import.outputs)
        return gft_fail_memory(err, (size_t)import.output_count * sizeof *import.outputs,
                               "outputs of a node");
    for (int32_t i = 0; i < import.output_count; i++)
        import.outputs[i].id = -1;
    GFT_TRY(gft_tf_import_node(&import, err));
    if (activation != GFT_TFLITE_ACT_NONE) {
        gft_value_id y;
        GFT_TRY(gft_tf_value_in_graph(&import, &import.outputs[0], &y, err));
        GFT_TRY(gft_tfl_activate(m, activation, y, &y, err));
        import.outputs[0] = (gft_tf_value){.kind = GFT_TF_GRAPH, .id = y};
    }
    for (int32_t i = 0; i < import.output_count && i < m->o->output_count; i++) {
        if (import.outputs[i].kind != GFT_TF_NONE)
            GFT_TRY(gft_tfl_set(m, i, &import.outputs[i], err));
    }
    return GRAFT_OK;
}
