/*
 * One op for the nodes TensorFlow writes it with: a bias behind its convolution, and what the files
 * savedmodel_patterns_*.c know (activations, batch norm, layer norm). What is joined has no other
 * use. The new node takes the name the parts have in common.
 */
#include "models/savedmodel_read_patterns.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/savedmodel_read.h"

#define MAX_NODES 20000 /* joining looks at the whole graph each time */
#define MAX_PENDING 64
#define MAX_ADDED 4 /* values that one join makes, at most */

/* ---- looking ---- */

const gft_node *gft_sm_made_by(const gft_sm_joiner *j, gft_value_id id, const gft_op *op) {
    const gft_value *value = &j->graph->values[id];
    if (value->kind != GFT_VALUE_NODE || j->graph->nodes[value->node].op != op)
        return NULL;
    return &j->graph->nodes[value->node];
}

/* Or its square root: tf.sqrt(2.0) stays a node. */
bool gft_sm_scalar(const gft_sm_joiner *j, gft_value_id id, float *out) {
    const gft_node *root = gft_sm_made_by(j, id, &gft_op_sqrt);
    const gft_value *value = &j->graph->values[root ? root->inputs[0] : id];
    if (value->kind != GFT_VALUE_CONST || value->desc.dtype != GRAFT_F32 ||
        gft_shape_elems(&value->desc.shape) != 1)
        return false;
    memcpy(out, value->data, sizeof *out);
    if (root)
        *out = sqrtf(*out);
    return true;
}

static bool near(double value, double wanted) {
    return fabs(value - wanted) <= 1e-6 * fabs(wanted);
}

bool gft_sm_is_scalar(const gft_sm_joiner *j, gft_value_id id, double wanted) {
    float value;
    return gft_sm_scalar(j, id, &value) && near(value, wanted);
}

const gft_node *gft_sm_part(const gft_sm_joiner *j, const gft_node *node, const gft_op *op,
                            gft_value_id *other) {
    for (int i = 0; i < 2; i++) {
        const gft_node *found = gft_sm_made_by(j, node->inputs[i], op);
        if (found) {
            *other = node->inputs[1 - i];
            return found;
        }
    }
    return NULL;
}

bool gft_sm_single(const gft_sm_joiner *j, const gft_node *node) {
    return j->uses[node->outputs[0]] == 1;
}

bool gft_sm_same_shape(const gft_sm_joiner *j, gft_value_id a, gft_value_id b) {
    return gft_shape_equal(&j->graph->values[a].desc.shape, &j->graph->values[b].desc.shape);
}

bool gft_sm_plus(const gft_sm_joiner *j, gft_value_id sum, double c, gft_value_id *x) {
    const gft_node *add = gft_sm_made_by(j, sum, &gft_op_add);
    for (int i = 0; add && i < 2; i++) {
        if (gft_sm_is_scalar(j, add->inputs[i], c)) {
            *x = add->inputs[1 - i];
            return true;
        }
    }
    const gft_node *sub = c < 0 ? gft_sm_made_by(j, sum, &gft_op_sub) : NULL;
    if (!sub || !gft_sm_is_scalar(j, sub->inputs[1], -c))
        return false;
    *x = sub->inputs[0];
    return true;
}

/* Takes a value apart; what is no product is a factor. False if there are too many of them. */
bool gft_sm_factors(const gft_sm_joiner *j, gft_value_id id, gft_sm_product *out) {
    gft_value_id stack[GFT_SM_MAX_FACTORS * 2] = {id};
    int depth = 1;
    *out = (gft_sm_product){.c = 1.0};
    while (depth > 0) {
        const gft_value_id top = stack[--depth];
        const gft_node *mul = gft_sm_made_by(j, top, &gft_op_mul);
        const gft_node *div = gft_sm_made_by(j, top, &gft_op_div);
        const gft_node *neg = gft_sm_made_by(j, top, &gft_op_neg);
        float value;
        if (gft_sm_scalar(j, top, &value)) {
            out->c *= (double)value;
        } else if (mul && depth + 2 <= GFT_SM_MAX_FACTORS * 2) {
            stack[depth++] = mul->inputs[1];
            stack[depth++] = mul->inputs[0];
        } else if (div && gft_sm_scalar(j, div->inputs[1], &value) && value != 0.0f) {
            out->c /= (double)value;
            stack[depth++] = div->inputs[0];
        } else if (neg) {
            out->c = -out->c;
            stack[depth++] = neg->inputs[0];
        } else if (out->count < GFT_SM_MAX_FACTORS) {
            out->factors[out->count++] = top;
        } else {
            return false;
        }
    }
    return true;
}

bool gft_sm_per_channel(const gft_sm_joiner *j, gft_value_id *id, gft_value_id x) {
    const gft_node *reshape = gft_sm_made_by(j, *id, &gft_op_reshape);
    const graft_shape *as = &j->graph->values[*id].desc.shape;
    if (reshape && reshape->input_count == 1 && as->rank > 0 &&
        as->dims[as->rank - 1] == gft_shape_elems(as))
        *id = reshape->inputs[0];
    const gft_value *value = &j->graph->values[*id];
    const graft_shape *shape = &j->graph->values[x].desc.shape;
    return (value->kind == GFT_VALUE_PARAM || value->kind == GFT_VALUE_CONST) &&
           value->desc.shape.rank == 1 && shape->rank >= 2 &&
           shape->dims[shape->rank - 1] == value->desc.shape.dims[0];
}

/* ---- joining ---- */

/* Takes a use away; nodes left without any go, with what only they used. */
static void release(gft_sm_joiner *j, gft_value_id id) {
    gft_value_id stack[MAX_PENDING] = {id};
    int depth = 1;
    while (depth > 0) {
        const gft_value_id top = stack[--depth];
        const gft_value *value = &j->graph->values[top];
        if (--j->uses[top] > 0 || value->kind != GFT_VALUE_NODE)
            continue;
        const gft_node *node = &j->graph->nodes[value->node];
        if (!node->op || node->output_count != 1)
            continue;
        for (int32_t i = 0; i < node->input_count && depth < MAX_PENDING; i++)
            stack[depth++] = node->inputs[i];
        gft_graph_remove(j->graph, value->node);
    }
}

graft_status gft_sm_join(gft_sm_joiner *j, gft_node_id last, const gft_op *op, const void *attrs,
                         const gft_value_id *inputs, int32_t count, graft_error *err) {
    gft_graph *graph = j->graph;
    const gft_node old = graph->nodes[last];
    const gft_value_id y = old.outputs[0];
    const int32_t uses = j->uses[y];
    gft_value_id out;
    const char *slash = strrchr(old.name, '/');
    char *name = gft_strndup(old.name, slash ? (size_t)(slash - old.name) : strlen(old.name));
    if (!name)
        return gft_fail_memory(err, strlen(old.name), "a node's name");
    for (int32_t i = 0; i < count; i++)
        j->uses[inputs[i]]++;
    j->uses[y] = 1;
    release(j, y);
    gft_graph_set_layer(graph, old.layer);
    graft_status status = gft_graph_add(graph, op, name, attrs, inputs, count, &out, err);
    gft_free(name);
    if (status != GRAFT_OK)
        return status;
    j->uses[out] = uses;
    j->joined = true;
    gft_graph_replace(graph, y, out);
    return GRAFT_OK;
}

/* ---- biases ---- */

static gft_epilogue_attrs *epilogue_of(const gft_node *node) {
    if (node->op == &gft_op_conv2d || node->op == &gft_op_depthwise_conv2d)
        return &((gft_conv2d_attrs *)node->attrs)->epilogue;
    return node->op == &gft_op_dense ? &((gft_dense_attrs *)node->attrs)->epilogue : NULL;
}

/* bias_add(conv(x)) -> conv with bias */
static graft_status join_bias(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *add = &j->graph->nodes[id];
    const gft_value *acc = &j->graph->values[add->inputs[0]];
    const gft_value *bias = &j->graph->values[add->inputs[1]];
    if (acc->kind != GFT_VALUE_NODE || bias->kind == GFT_VALUE_NODE || j->uses[add->inputs[0]] != 1)
        return GRAFT_OK;
    const gft_node *conv = &j->graph->nodes[acc->node];
    gft_epilogue_attrs *epilogue = epilogue_of(conv);
    if (!epilogue || epilogue->has_bias || epilogue->has_residual || epilogue->has_input_scale ||
        epilogue->activation)
        return GRAFT_OK;
    const gft_value_id inputs[3] = {conv->inputs[0], conv->inputs[1], add->inputs[1]};
    const gft_value_id y = add->outputs[0];
    const gft_value_id out = conv->outputs[0];
    GFT_TRY(gft_graph_set_inputs(j->graph, acc->node, inputs, 3, err));
    epilogue->has_bias = true;
    gft_graph_remove(j->graph, id);
    gft_graph_replace(j->graph, y, out);
    j->uses[out] = j->uses[y];
    j->uses[y] = 0;
    return GRAFT_OK;
}

/* ---- the pass ---- */

static graft_status join_at(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    if (!node->op || node->output_count != 1)
        return GRAFT_OK;
    if (node->op == &gft_op_bias_add)
        return join_bias(j, id, err);
    j->joined = false;
    if (j->graph->values[node->outputs[0]].desc.dtype != GRAFT_F32)
        return GRAFT_OK;
    GFT_TRY(gft_sm_join_batch_norm(j, id, err));
    if (!j->joined)
        GFT_TRY(gft_sm_join_layer_norm(j, id, err));
    return j->joined ? GRAFT_OK : gft_sm_join_activation(j, id, err);
}

graft_status gft_sm_join_patterns(gft_graph *graph, graft_error *err) {
    const int32_t nodes = graph->node_count;
    if (nodes > MAX_NODES)
        return GRAFT_OK;
    gft_sm_joiner j = {.graph = graph};
    /* each node is joined once at most */
    const size_t room = (size_t)graph->value_count + MAX_ADDED * ((size_t)nodes + 1);
    graft_status status = GRAFT_OK;
    j.uses = gft_calloc(room, sizeof *j.uses);
    if (!j.uses)
        return gft_fail_memory(err, room * sizeof *j.uses, "uses of values");
    for (int32_t n = 0; n < nodes; n++) {
        for (int32_t i = 0; graph->nodes[n].op && i < graph->nodes[n].input_count; i++)
            j.uses[graph->nodes[n].inputs[i]]++;
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        j.uses[graph->outputs[i].value]++;
    for (int32_t n = 0; n < nodes; n++)
        GFT_GOTO(join_at(&j, n, err));
done:
    gft_free(j.uses);
    return status;
}
