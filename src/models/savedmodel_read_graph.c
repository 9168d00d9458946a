/*
 * A signature as graph: its inputs are placeholders, its outputs the roots of a walk, and each node
 * of the walk is read by its op's function. What cannot be read becomes the signature's `problem`,
 * so that the others still load.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "formats/tensor_proto.h"
#include "models/savedmodel_proto.h"
#include "models/savedmodel_read.h"

typedef struct signature_reader {
    gft_sm_reader *r;
    const Tensorflow__SignatureDef *def;
    gft_graph *graph;
    gft_sm_tensor *roots;
    gft_sm_site *order;
    size_t order_count;
    graft_op_info *ops;
    int32_t op_count;
    gft_sm_names node_names; /* taken by nodes of the graph */
} signature_reader;

/* ---- inputs and outputs ---- */

static graft_status tensor_of(signature_reader *s, const Tensorflow__TensorInfo *info,
                              const char *key, gft_sm_tensor *out, graft_error *err) {
    if (!info || info->encoding_case != TENSORFLOW__TENSOR_INFO__ENCODING_NAME)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "'%s' is not a dense tensor", key);
    return gft_sm_resolve(s->r, 0, info->name, out, err);
}

/*
 * The shape of an input: the signature's, else what its node says; NULL if neither knows the rank.
 */
static const Tensorflow__TensorShapeProto *input_shape(const Tensorflow__TensorInfo *info,
                                                       const Tensorflow__NodeDef *node) {
    const Tensorflow__AttrValue *shape = gft_tf_find_attr(node, "shape");
    const Tensorflow__AttrValue *inferred = gft_tf_find_attr(node, "_output_shapes");
    if (info->tensor_shape && !info->tensor_shape->unknown_rank)
        return info->tensor_shape;
    if (shape && shape->value_case == TENSORFLOW__ATTR_VALUE__VALUE_SHAPE &&
        !shape->shape->unknown_rank)
        return shape->shape;
    if (inferred && inferred->value_case == TENSORFLOW__ATTR_VALUE__VALUE_LIST &&
        inferred->list->n_shape > 0 && !inferred->list->shape[0]->unknown_rank)
        return inferred->list->shape[0];
    return NULL;
}

static graft_status add_input(signature_reader *s,
                              const Tensorflow__SignatureDef__InputsEntry *entry,
                              graft_error *err) {
    gft_sm_reader *r = s->r;
    graft_tensor_desc desc = {0};
    gft_sm_tensor tensor;
    gft_value_id id;
    const Tensorflow__TensorInfo *info = entry->value;
    if (!info || info->encoding_case != TENSORFLOW__TENSOR_INFO__ENCODING_NAME)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s' is not a dense tensor", entry->key);
    if (graft_dtype_bytes((graft_dtype)info->dtype) == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "input '%s' is of type %s, which does not run here", entry->key,
                        info->dtype == GRAFT_STRING ? "string" : "unknown or resource");
    desc.dtype = (graft_dtype)info->dtype;
    const size_t length = strcspn(info->name, ":");
    char *node = gft_arena_strndup(r->arena, info->name, length);
    int32_t index;
    if (!node)
        return gft_fail_memory(err, length, "a name");
    if (!gft_sm_names_find(&r->main.names, node, &index) || index < 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: input '%s': there is no node '%s'", r->dir,
                        entry->key, node);
    tensor = (gft_sm_tensor){{0, index}, 0};
    const Tensorflow__TensorShapeProto *shape = input_shape(info, gft_sm_node(r, tensor.site));
    if (!shape)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "input '%s' may be of any rank", entry->key);
    GFT_TRY(gft_tensor_proto_shape(shape, entry->key, &desc.shape, err));
    gft_sm_state *state = gft_sm_state_of(r, tensor.site);
    if (state->outputs)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "two inputs are the node '%s'", node);
    GFT_TRY(gft_graph_input(s->graph, entry->key, &desc, &id, err));
    state->outputs = gft_arena_array(r->arena, 1, sizeof *state->outputs);
    if (!state->outputs)
        return gft_fail_memory(err, sizeof *state->outputs, "an input");
    state->outputs[0] = (gft_tf_value){.kind = GFT_TF_GRAPH, .id = id};
    state->output_count = 1;
    return GRAFT_OK;
}

static int by_key(const void *a, const void *b) {
    const Tensorflow__SignatureDef__OutputsEntry *const *x = a;
    const Tensorflow__SignatureDef__OutputsEntry *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static int by_input_key(const void *a, const void *b) {
    const Tensorflow__SignatureDef__InputsEntry *const *x = a;
    const Tensorflow__SignatureDef__InputsEntry *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* Inputs in the order of their names: a map has none of its own. */
static graft_status add_inputs(signature_reader *s, graft_error *err) {
    const size_t count = s->def->n_inputs;
    Tensorflow__SignatureDef__InputsEntry **sorted =
        gft_arena_memdup(s->r->arena, s->def->inputs, count * sizeof *sorted);
    if (!sorted)
        return gft_fail_memory(err, count * sizeof *sorted, "inputs");
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, by_input_key);
    for (size_t i = 0; i < count; i++)
        GFT_TRY(add_input(s, sorted[i], err));
    return GRAFT_OK;
}

static graft_status find_roots(signature_reader *s,
                               Tensorflow__SignatureDef__OutputsEntry ***sorted, graft_error *err) {
    const size_t count = s->def->n_outputs;
    *sorted = gft_arena_memdup(s->r->arena, s->def->outputs, count * sizeof **sorted);
    s->roots = gft_arena_array(s->r->arena, count, sizeof *s->roots);
    if (!*sorted || !s->roots)
        return gft_fail_memory(err, count * sizeof *s->roots, "outputs");
    if (count > 1)
        qsort(*sorted, count, sizeof **sorted, by_key);
    for (size_t i = 0; i < count; i++)
        GFT_TRY(tensor_of(s, (*sorted)[i]->value, (*sorted)[i]->key, &s->roots[i], err));
    return GRAFT_OK;
}

/* ---- what ops there are ---- */

static int by_op_name(const void *a, const void *b) {
    return strcmp(((const graft_op_info *)a)->name, ((const graft_op_info *)b)->name);
}

static graft_status count_ops(signature_reader *s, graft_error *err) {
    gft_sm_reader *r = s->r;
    gft_sm_names seen;
    gft_arena scratch;
    gft_arena_init(&scratch);
    graft_status status;
    GFT_GOTO(gft_sm_names_make(&scratch, s->order_count, &seen, err));
    for (size_t i = 0; i < s->order_count; i++) {
        const Tensorflow__NodeDef *node = gft_sm_node(r, s->order[i]);
        if (gft_sm_names_add(&seen, node->op, s->op_count))
            s->op_count++;
    }
    s->ops = gft_arena_array(r->arena, (size_t)s->op_count, sizeof *s->ops);
    if (!s->ops) {
        status = gft_fail_memory(err, (size_t)s->op_count * sizeof *s->ops, "a list of ops");
        goto done;
    }
    for (size_t i = 0; i < s->order_count; i++) {
        const Tensorflow__NodeDef *node = gft_sm_node(r, s->order[i]);
        int32_t at = 0;
        (void)gft_sm_names_find(&seen, node->op, &at);
        const bool known =
            gft_tf_import_outputs(node) > 0 || gft_sm_state_of(r, s->order[i])->outputs;
        const bool before = s->ops[at].count > 0 ? s->ops[at].supported : true;
        s->ops[at] = (graft_op_info){
            .name = node->op, .count = s->ops[at].count + 1, .supported = before && known};
    }
    if (s->op_count > 1)
        qsort(s->ops, (size_t)s->op_count, sizeof *s->ops, by_op_name);
done:
    gft_arena_deinit(&scratch);
    return status;
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

/* Values of a node's data inputs. */
static graft_status gather_inputs(signature_reader *s, gft_sm_site site, gft_tf_import *m,
                                  graft_error *err) {
    gft_sm_reader *r = s->r;
    const Tensorflow__NodeDef *node = m->node;
    m->inputs = gft_arena_array(r->arena, node->n_input, sizeof(gft_tf_value *));
    if (!m->inputs)
        return gft_fail_memory(err, node->n_input * sizeof *m->inputs, "inputs of a node");
    for (size_t i = 0; i < node->n_input; i++) {
        gft_sm_tensor tensor;
        if (node->input[i][0] == '^')
            continue;
        GFT_TRY(gft_sm_resolve(r, site.frame, node->input[i], &tensor, err));
        const gft_sm_state *state = gft_sm_state_of(r, tensor.site);
        if (!state->outputs || tensor.output >= state->output_count ||
            state->outputs[tensor.output].kind == GFT_TF_NONE)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "its input '%s' is an output that is not read", node->input[i]);
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

static graft_status read_node(signature_reader *s, gft_sm_site site, graft_error *err) {
    gft_sm_reader *r = s->r;
    gft_sm_state *state = gft_sm_state_of(r, site);
    gft_tf_import m = {
        .graph = s->graph, .arena = r->arena, .map = r->map, .node = gft_sm_node(r, site)};
    char *layer = NULL;
    if (state->outputs)
        return GRAFT_OK; /* an input of the signature */
    m.output_count = gft_tf_import_outputs(m.node);
    if (m.output_count == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "the op is not read");
    m.outputs = gft_arena_array(r->arena, (size_t)m.output_count, sizeof *m.outputs);
    m.name = node_name(s, m.node, &layer);
    if (!m.outputs || !m.name || !layer)
        return gft_fail_memory(err, (size_t)m.output_count * sizeof *m.outputs, "a node");
    GFT_TRY(gather_inputs(s, site, &m, err));
    GFT_TRY(set_layer(s, m.node, layer, err));
    for (int32_t i = 0; i < m.output_count; i++)
        m.outputs[i].id = -1;
    const int32_t before = s->graph->node_count;
    if (strcmp(m.node->op, "VarHandleOp") == 0 || strncmp(m.node->op, "Variable", 8) == 0)
        GFT_TRY(read_variable(s, site, &m, err));
    else
        GFT_TRY(gft_tf_import_node(&m, err));
    if (s->graph->node_count > before && m.name == layer)
        (void)gft_sm_names_add(&s->node_names, layer, 1);
    state->outputs = m.outputs;
    state->output_count = (int16_t)m.output_count;
    return GRAFT_OK;
}

static graft_status read_nodes(signature_reader *s, graft_error *err) {
    gft_sm_reader *r = s->r;
    for (size_t i = 0; i < s->order_count; i++) {
        graft_error why = {0};
        const Tensorflow__NodeDef *node = gft_sm_node(r, s->order[i]);
        const graft_status status = read_node(s, s->order[i], &why);
        if (status != GRAFT_OK)
            return gft_fail(err, status, "node '%s' (op '%s') in %s: %s", node->name, node->op,
                            gft_sm_where(r, s->order[i].frame), why.message);
    }
    return GRAFT_OK;
}

static graft_status add_outputs(signature_reader *s,
                                Tensorflow__SignatureDef__OutputsEntry **sorted, graft_error *err) {
    gft_tf_import m = {.graph = s->graph, .arena = s->r->arena, .map = s->r->map};
    for (size_t i = 0; i < s->def->n_outputs; i++) {
        const gft_sm_state *state = gft_sm_state_of(s->r, s->roots[i].site);
        gft_value_id id;
        if (!state->outputs || s->roots[i].output >= state->output_count)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "output '%s' is one that is not read",
                            sorted[i]->key);
        m.name = sorted[i]->key;
        GFT_TRY(gft_tf_value_in_graph(&m, &state->outputs[s->roots[i].output], &id, err));
        GFT_TRY(gft_graph_output(s->graph, sorted[i]->key, id, err));
    }
    return GRAFT_OK;
}

static graft_status build(signature_reader *s, graft_error *err) {
    Tensorflow__SignatureDef__OutputsEntry **sorted = NULL;
    gft_sm_reset(s->r);
    GFT_TRY(gft_graph_new(&s->r->model->params, &s->graph, err));
    const graft_status inputs = add_inputs(s, err);
    if (inputs != GRAFT_OK && inputs != GRAFT_UNIMPLEMENTED)
        return inputs;
    if (s->def->n_outputs == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it has no outputs");
    if (inputs != GRAFT_OK)
        return inputs;
    GFT_TRY(find_roots(s, &sorted, err));
    GFT_TRY(gft_sm_walk(s->r, s->roots, s->def->n_outputs, &s->order, &s->order_count, err));
    GFT_TRY(count_ops(s, err));
    GFT_TRY(gft_sm_names_make(s->r->arena, s->order_count, &s->node_names, err));
    GFT_TRY(read_nodes(s, err));
    GFT_TRY(add_outputs(s, sorted, err));
    GFT_TRY(gft_sm_join_patterns(s->graph, err));
    return gft_graph_sweep(s->graph, err);
}

graft_status gft_sm_read_signature(gft_sm_reader *r, const char *name,
                                   const Tensorflow__SignatureDef *def, graft_error *err) {
    signature_reader s = {.r = r, .def = def};
    graft_error why = {0};
    const char *problem = NULL;
    graft_status status = build(&s, &why);
    if (status == GRAFT_UNIMPLEMENTED || status == GRAFT_INVALID_ARGUMENT ||
        status == GRAFT_NOT_FOUND) {
        gft_graph_free(s.graph);
        s.graph = NULL;
        problem = gft_arena_strdup(r->arena, why.message);
        status = problem ? GRAFT_OK : gft_fail_memory(&why, sizeof why, "a message");
    }
    if (status != GRAFT_OK) {
        status = gft_fail(err, status, "%s", why.message);
        goto done;
    }
    gft_graph *graph = s.graph;
    s.graph = NULL;
    GFT_GOTO(gft_model_add_signature(r->model, name, graph, err));
    gft_signature *added = &r->model->signatures[r->model->signature_count - 1];
    added->problem = problem;
    added->ops = s.ops;
    added->op_count = s.op_count;
done:
    gft_graph_free(s.graph);
    gft_free(s.order);
    return status;
}

graft_status gft_sm_mark_used(gft_sm_reader *r, const Tensorflow__SignatureDef *def,
                              graft_error *err) {
    gft_sm_site *order = NULL;
    size_t count = 0;
    gft_sm_reset(r);
    for (size_t i = 0; i < def->n_outputs; i++) {
        const Tensorflow__TensorInfo *info = def->outputs[i]->value;
        gft_sm_tensor root;
        if (!info || info->encoding_case != TENSORFLOW__TENSOR_INFO__ENCODING_NAME)
            continue;
        GFT_TRY(gft_sm_resolve(r, 0, info->name, &root, err));
        GFT_TRY(gft_sm_walk(r, &root, 1, &order, &count, err));
        for (size_t k = 0; k < count; k++) {
            if (order[k].frame == 0 && r->source_of[order[k].node] >= 0)
                r->sources[r->source_of[order[k].node]].used = true;
        }
        gft_free(order);
    }
    return GRAFT_OK;
}
