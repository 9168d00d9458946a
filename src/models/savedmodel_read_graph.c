/*
 * A signature as graph: its inputs are where the walk ends, its outputs the roots, and each node of
 * the walk is read by its op's function. What cannot be read becomes the signature's `problem`, so
 * that the others still load.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/savedmodel_proto.h"
#include "models/savedmodel_read.h"

typedef struct signature_reader {
    gft_sm_reader *r;
    const gft_sm_ends *ends;
    gft_graph *graph;
    gft_sm_tensor *roots;
    gft_sm_site *order;
    size_t order_count;
    graft_op_info *ops;
    int32_t op_count;
    bool decided;            /* control flow, on the way */
    const char *problem;     /* why there is no graph */
    gft_sm_names node_names; /* taken by nodes of the graph */
} signature_reader;

/* ---- inputs and outputs ---- */

/* Where the walk ends. The values are made when it is known that there will be a graph. */
static graft_status mark_input(signature_reader *s, const gft_sm_end *end, graft_error *err) {
    gft_sm_reader *r = s->r;
    int32_t node;
    int32_t output;
    if (!end->tensor)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s' is not a dense tensor", end->key);
    GFT_TRY(gft_sm_parse(r, 0, end->tensor, &node, &output, err));
    gft_sm_state *state = gft_sm_state_of(r, (gft_sm_site){0, node});
    if (output < state->output_count && state->outputs[output].kind != GFT_TF_NONE)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "two inputs are the tensor '%s'", end->tensor);
    if (output >= state->output_count) {
        gft_tf_value *outputs = gft_arena_array(r->arena, (size_t)output + 1, sizeof *outputs);
        if (!outputs)
            return gft_fail_memory(err, ((size_t)output + 1) * sizeof *outputs, "an input");
        if (state->output_count > 0)
            memcpy(outputs, state->outputs, (size_t)state->output_count * sizeof *outputs);
        state->outputs = outputs;
        state->output_count = (int16_t)(output + 1);
    }
    state->outputs[output] = (gft_tf_value){.kind = GFT_TF_GRAPH, .id = -1};
    return GRAFT_OK;
}

static graft_status add_input(signature_reader *s, const gft_sm_end *end, graft_error *err) {
    graft_tensor_desc desc = {end->dtype, end->shape, NULL};
    gft_value_id id;
    int32_t node;
    int32_t output;
    if (gft_dtype_cell_bytes(end->dtype) == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "input '%s' is of a type that does not run here (number %d)", end->key,
                        (int)end->dtype);
    if (end->any_rank && end->dtype != GRAFT_STRING)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s' may be of any rank", end->key);
    if (end->any_rank)
        desc.shape = gft_shape_1(-1); /* as serialized examples are */
    GFT_TRY(gft_sm_parse(s->r, 0, end->tensor, &node, &output, err));
    GFT_TRY(gft_graph_input(s->graph, end->key, &desc, &id, err));
    gft_sm_state_of(s->r, (gft_sm_site){0, node})->outputs[output].id = id;
    return GRAFT_OK;
}

static graft_status find_roots(signature_reader *s, graft_error *err) {
    const gft_sm_ends *ends = s->ends;
    s->roots = gft_arena_array(s->r->arena, ends->output_count, sizeof *s->roots);
    if (!s->roots)
        return gft_fail_memory(err, ends->output_count * sizeof *s->roots, "outputs");
    if (ends->output_count == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it has no outputs");
    for (size_t i = 0; i < ends->output_count; i++) {
        const gft_sm_end *end = &ends->outputs[i];
        if (!end->tensor)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "'%s' is not a dense tensor", end->key);
        GFT_TRY(gft_sm_resolve(s->r, 0, end->tensor, &s->roots[i], err));
    }
    return GRAFT_OK;
}

static graft_status add_outputs(signature_reader *s, graft_error *err) {
    gft_tf_import m = {.graph = s->graph, .arena = s->r->arena, .map = s->r->map};
    for (size_t i = 0; i < s->ends->output_count; i++) {
        const gft_sm_state *state = gft_sm_state_of(s->r, s->roots[i].site);
        const char *key = s->ends->outputs[i].key;
        gft_value_id id;
        if (!state->outputs || s->roots[i].output >= state->output_count)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "output '%s' is one that is not read", key);
        m.name = key;
        GFT_TRY(gft_tf_value_in_graph(&m, &state->outputs[s->roots[i].output], &id, err));
        GFT_TRY(gft_graph_output(s->graph, key, id, err));
    }
    return GRAFT_OK;
}

/* ---- nodes ---- */

/* "block/conv" for "block/conv/Conv2D": the op's name at the end says nothing. */
static char *node_name(signature_reader *s, const Tensorflow__NodeDef *node, char **own_layer) {
    const char *slash = strrchr(node->name, '/');
    const size_t op = strlen(node->op);
    const char *end = slash ? slash + 1 : node->name;
    bool same = slash && strncmp(end, node->op, op) == 0;
    for (const char *c = end + (same ? op : 0); same && *c; c++)
        same = *c == '_' || (*c >= '0' && *c <= '9');
    size_t length = slash ? (size_t)(slash - node->name) : strlen(node->name);
    *own_layer = gft_arena_strndup(s->r->arena, node->name, length);
    char *full = gft_arena_strdup(s->r->arena, node->name);
    int32_t taken;
    if (!same || !*own_layer || !full)
        return full;
    return gft_sm_names_find(&s->node_names, *own_layer, &taken) ? full : *own_layer;
}

static graft_status set_layer(signature_reader *s, const Tensorflow__NodeDef *node, const char *own,
                              graft_error *err) {
    const Tensorflow__AttrValue *layer = gft_tf_find_attr(node, GFT_TF_ATTR_LAYER);
    const char *name = own;
    if (layer && layer->value_case == TENSORFLOW__ATTR_VALUE__VALUE_S && layer->s.len > 0 &&
        layer->s.len < 1024)
        name = gft_arena_strndup(s->r->arena, (const char *)layer->s.data, layer->s.len);
    if (!name)
        return gft_fail_memory(err, 64, "a layer's name");
    gft_graph_set_layer(s->graph, name);
    return GRAFT_OK;
}

static graft_status unread_input(const gft_sm_state *state, int32_t output, const char *text,
                                 graft_error *err) {
    const bool there = state->outputs && output < state->output_count;
    if (there && state->outputs[output].why)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its input '%s' is %s", text,
                        state->outputs[output].why);
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "its input '%s' is an output that is not read", text);
}

/* Values of the first `most` of a node's data inputs. */
static graft_status gather_inputs(signature_reader *s, gft_sm_site site, int32_t most,
                                  gft_tf_import *m, graft_error *err) {
    gft_sm_reader *r = s->r;
    const Tensorflow__NodeDef *node = m->node;
    m->inputs = gft_arena_array(r->arena, node->n_input, sizeof(gft_tf_value *));
    if (!m->inputs)
        return gft_fail_memory(err, node->n_input * sizeof *m->inputs, "inputs of a node");
    for (size_t i = 0; i < node->n_input && m->input_count < most; i++) {
        gft_sm_tensor tensor;
        if (node->input[i][0] == '^')
            continue;
        GFT_TRY(gft_sm_resolve(r, site.frame, node->input[i], &tensor, err));
        const gft_sm_state *state = gft_sm_state_of(r, tensor.site);
        if (!state->outputs || tensor.output >= state->output_count ||
            state->outputs[tensor.output].kind == GFT_TF_NONE)
            return unread_input(state, tensor.output, node->input[i], err);
        m->inputs[m->input_count++] = &state->outputs[tensor.output];
    }
    return GRAFT_OK;
}

/* A variable's handle has no node function: it belongs to the file. */
static graft_status read_variable(signature_reader *s, gft_sm_site site, gft_tf_import *m,
                                  graft_error *err) {
    gft_sm_reader *r = s->r;
    if (site.frame != 0 || r->source_of[site.node] < 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "a variable made inside a function");
    GFT_TRY(gft_sm_source_param(r, r->source_of[site.node], &m->outputs[0].param, err));
    m->outputs[0].kind = GFT_TF_VARIABLE;
    if (strcmp(m->node->op, "VarHandleOp") == 0)
        return GRAFT_OK;
    m->outputs[0].kind = GFT_TF_GRAPH;
    return gft_graph_param(s->graph, m->outputs[0].param, &m->outputs[0].id, err);
}

/* A constant whose value was given with the graph. */
static bool read_given(const gft_sm_reader *r, gft_tf_import *m) {
    int32_t index;
    if (strcmp(m->node->op, "Const") != 0 ||
        !gft_sm_names_find(&r->weight_names, m->node->name, &index))
        return false;
    m->outputs[0].kind = GFT_TF_CONST;
    m->outputs[0].tensor = &r->weights[index];
    return true;
}

/* All partitions of a variable joined: the variable. */
static graft_status read_whole(signature_reader *s, gft_sm_site site, gft_tf_import *m, bool *done,
                               graft_error *err) {
    int32_t source;
    GFT_TRY(gft_sm_whole_variable(s->r, site, &source, err));
    *done = source >= 0;
    if (source < 0)
        return GRAFT_OK;
    GFT_TRY(gft_sm_whole_param(s->r, source, &m->outputs[0].param, err));
    m->outputs[0].kind = GFT_TF_GRAPH;
    return gft_graph_param(s->graph, m->outputs[0].param, &m->outputs[0].id, err);
}

static graft_status read_op(signature_reader *s, gft_sm_site site, gft_tf_import *m,
                            graft_error *err) {
    const char *op = m->node->op;
    bool done = read_given(s->r, m);
    if (!done)
        GFT_TRY(read_whole(s, site, m, &done, err));
    if (done)
        return GRAFT_OK;
    bool rows;
    GFT_TRY(gft_sm_is_row_norm(s->r, site, &rows, err));
    GFT_TRY(gather_inputs(s, site, rows ? 1 : INT32_MAX, m, err));
    if (rows)
        return gft_sm_read_row_norm(m, err);
    if (strcmp(op, "VarHandleOp") == 0 || strcmp(op, "VariableV2") == 0 ||
        strcmp(op, "Variable") == 0)
        return read_variable(s, site, m, err);
    if (strncmp(op, "HashTable", 9) == 0)
        return gft_sm_read_table(s->r, site, &m->outputs[0], err);
    return gft_tf_import_node(m, err);
}

static graft_status read_node(signature_reader *s, gft_sm_site site, graft_error *err) {
    gft_sm_reader *r = s->r;
    gft_sm_state *state = gft_sm_state_of(r, site);
    gft_tf_import m = {
        .graph = s->graph, .arena = r->arena, .map = r->map, .node = gft_sm_node(r, site)};
    char *layer = NULL;
    if (state->outputs)
        return GRAFT_OK; /* an input of the signature */
    m.output_count = gft_tf_import_outputs(m.node);
    if (m.output_count == 0) {
        const char *control = gft_sm_control_problem(m.node);
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s",
                        control ? control : gft_tf_import_why_not(m.node));
    }
    m.outputs = gft_arena_array(r->arena, (size_t)m.output_count, sizeof *m.outputs);
    m.name = node_name(s, m.node, &layer);
    if (!m.outputs || !m.name || !layer)
        return gft_fail_memory(err, (size_t)m.output_count * sizeof *m.outputs, "a node");
    GFT_TRY(set_layer(s, m.node, layer, err));
    for (int32_t i = 0; i < m.output_count; i++)
        m.outputs[i].id = -1;
    const int32_t before = s->graph->node_count;
    GFT_TRY(read_op(s, site, &m, err));
    if (s->graph->node_count > before && m.name == layer)
        (void)gft_sm_names_add(&s->node_names, layer, 1);
    state->outputs = m.outputs;
    state->output_count = (int16_t)m.output_count;
    return GRAFT_OK;
}

/* The op that could not be read is one that is missing. */
static void blame(signature_reader *s, gft_sm_site site) {
    const Tensorflow__NodeDef *node = gft_sm_node(s->r, site);
    for (int32_t i = 0; i < s->op_count; i++) {
        graft_op_info *info = &s->ops[i];
        if (strcmp(info->name, node->op) != 0 || !info->supported)
            continue;
        info->supported = false;
        info->node = node->name;
        info->function = site.frame == 0 ? NULL : gft_sm_where(s->r, site.frame);
    }
}

static graft_status read_nodes(signature_reader *s, graft_error *err) {
    gft_sm_reader *r = s->r;
    for (size_t i = 0; i < s->order_count; i++) {
        graft_error why = {0};
        const Tensorflow__NodeDef *node = gft_sm_node(r, s->order[i]);
        const graft_status status = read_node(s, s->order[i], &why);
        if (status == GRAFT_OK)
            continue;
        blame(s, s->order[i]);
        return gft_fail(err, status, "node '%s' (op '%s') in %s: %s", node->name, node->op,
                        gft_sm_where(r, s->order[i].frame), why.message);
    }
    return GRAFT_OK;
}

static graft_status mark_inputs(signature_reader *s, graft_error *err) {
    gft_sm_reset(s->r);
    for (size_t i = 0; i < s->ends->input_count; i++)
        GFT_TRY(mark_input(s, &s->ends->inputs[i], err));
    return GRAFT_OK;
}

/* What can be said of the source without building anything; marks the variables it uses. */
static graft_status survey(signature_reader *s, graft_error *err) {
    gft_sm_reader *r = s->r;
    gft_free(s->order);
    s->order = NULL;
    GFT_TRY(mark_inputs(s, err));
    GFT_TRY(find_roots(s, err));
    GFT_TRY(gft_sm_walk(r, s->roots, s->ends->output_count, &s->order, &s->order_count, err));
    s->decided = r->decided;
    for (size_t k = 0; k < s->order_count; k++) {
        if (s->order[k].frame == 0 && r->source_of[s->order[k].node] >= 0)
            r->sources[r->source_of[s->order[k].node]].used = true;
    }
    return gft_sm_count_ops(r, s->order, s->order_count, &s->ops, &s->op_count, err);
}

static graft_status build(signature_reader *s, graft_error *err) {
    /* decisions are forgotten when another signature is looked at, and their frames with them */
    GFT_TRY(s->decided ? survey(s, err) : mark_inputs(s, err));
    GFT_TRY(gft_graph_new(&s->r->model->params, &s->graph, err));
    for (size_t i = 0; i < s->ends->input_count; i++)
        GFT_TRY(add_input(s, &s->ends->inputs[i], err));
    GFT_TRY(gft_sm_names_make(s->r->arena, s->order_count, &s->node_names, err));
    GFT_TRY(read_nodes(s, err));
    GFT_TRY(add_outputs(s, err));
    GFT_TRY(gft_sm_join_patterns(s->graph, err));
    if (s->r->constant_weights)
        GFT_TRY(gft_sm_constants_to_params(s->graph, err));
    return gft_graph_sweep(s->graph, err);
}

/* What cannot be done here is the signature's problem, anything else an error. */
static graft_status settle(signature_reader *s, graft_status status, const graft_error *why,
                           graft_error *err) {
    if (status == GRAFT_OK)
        return GRAFT_OK;
    gft_graph_free(s->graph);
    s->graph = NULL;
    if (status != GRAFT_UNIMPLEMENTED && status != GRAFT_INVALID_ARGUMENT &&
        status != GRAFT_NOT_FOUND)
        return gft_fail(err, status, "%s", why->message);
    s->problem = gft_arena_strdup(s->r->arena, why->message);
    return s->problem ? GRAFT_OK : gft_fail_memory(err, sizeof *why, "a message");
}

/* The only input whose rank is left open, or NULL. */
static gft_sm_end *free_end(const gft_sm_ends *ends) {
    gft_sm_end *found = NULL;
    for (size_t i = 0; i < ends->input_count; i++) {
        if (ends->inputs[i].free_rank && found)
            return NULL;
        if (ends->inputs[i].free_rank)
            found = &ends->inputs[i];
    }
    return found;
}

/*
 * Such an input is read once for every rank: ops mean other axes then. Ranks that the ops refuse
 * stay empty; where no feature suggests a rank, the first that can be read is the signature's own.
 */
static graft_status build_ranks(signature_reader *s, gft_sm_end *end, gft_signature *added,
                                graft_error *err) {
    const gft_sm_end kept = *end;
    graft_status status = GRAFT_OK;
    added->free_input = gft_arena_strdup(s->r->arena, end->key);
    if (!added->free_input)
        return gft_fail_memory(err, strlen(end->key), "an input's name");
    for (int32_t rank = 0; rank < GFT_SIGNATURE_RANKS && status == GRAFT_OK; rank++) {
        graft_error why = {0};
        if (added->graph && !kept.any_rank && rank == kept.shape.rank)
            continue;
        end->any_rank = false;
        end->shape = (graft_shape){.rank = rank};
        for (int32_t i = 0; i < rank; i++)
            end->shape.dims[i] = -1;
        s->problem = NULL;
        status = settle(s, build(s, &why), &why, err);
        gft_graph **place = s->graph && !added->graph ? &added->graph : &added->by_rank[rank];
        *place = s->graph;
        s->graph = NULL;
    }
    *end = kept;
    added->problem = added->graph ? NULL : s->problem;
    return status;
}

static graft_status finish(signature_reader *s, const char *name, graft_error *err) {
    graft_error why = {0};
    const bool surveyed = !s->problem;
    if (surveyed)
        GFT_TRY(settle(s, build(s, &why), &why, err));
    gft_graph *graph = s->graph;
    s->graph = NULL;
    GFT_TRY(gft_model_add_signature(s->r->model, name, graph, err));
    gft_signature *added = &s->r->model->signatures[s->r->model->signature_count - 1];
    added->problem = s->problem;
    added->ops = s->ops;
    added->op_count = s->op_count;
    gft_sm_end *end = free_end(s->ends);
    return surveyed && end ? build_ranks(s, end, added, err) : GRAFT_OK;
}

/*
 * All are looked at before the first is built: parameters come in the order of the file, but only
 * those that a signature uses (Keras saves some lists twice).
 */
graft_status gft_sm_read_signatures(gft_sm_reader *r, const char *const *names,
                                    const gft_sm_ends *ends, int32_t count, graft_error *err) {
    graft_status status = GRAFT_OK;
    signature_reader *all = gft_calloc((size_t)count, sizeof *all);
    if (!all)
        return gft_fail_memory(err, (size_t)count * sizeof *all, "signatures");
    for (int32_t i = 0; i < count; i++) {
        graft_error why = {0};
        all[i] = (signature_reader){.r = r, .ends = &ends[i]};
        const graft_status surveyed = survey(&all[i], &why);
        GFT_GOTO(settle(&all[i], surveyed, &why, err));
    }
    if (r->bundle)
        GFT_GOTO(gft_sm_read_used(r, err));
    for (int32_t i = 0; i < count; i++)
        GFT_GOTO(finish(&all[i], names[i], err));
done:
    for (int32_t i = 0; i < count; i++) {
        gft_graph_free(all[i].graph);
        gft_free(all[i].order);
    }
    gft_free(all);
    return status;
}
