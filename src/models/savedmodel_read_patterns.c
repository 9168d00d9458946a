/*
 * One op for the nodes TensorFlow writes it with: a bias behind its convolution, batch norm as
 * Keras 3 exports it (or as the writer does for rows), x * sigmoid(x), relu6(x + 3) / 6. What is
 * joined has no other use. The new node takes the name the parts have in common.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/savedmodel_read.h"
#include "ops/ops.h"

#define MAX_NODES 20000 /* joining looks at the whole graph each time */
#define MAX_PARTS 16

typedef struct joiner {
    gft_graph *graph;
    int32_t *uses; /* per value */
    graft_error *err;
} joiner;

/* ---- looking ---- */

static const gft_node *made_by(const joiner *j, gft_value_id id, const gft_op *op) {
    const gft_value *value = &j->graph->values[id];
    if (value->kind != GFT_VALUE_NODE || j->graph->nodes[value->node].op != op)
        return NULL;
    return &j->graph->nodes[value->node];
}

static bool scalar(const joiner *j, gft_value_id id, float *out) {
    const gft_value *value = &j->graph->values[id];
    if (value->kind != GFT_VALUE_CONST || value->desc.dtype != GRAFT_F32 ||
        gft_shape_elems(&value->desc.shape) != 1)
        return false;
    memcpy(out, value->data, sizeof *out);
    return true;
}

static bool is_scalar(const joiner *j, gft_value_id id, float wanted) {
    float value;
    return scalar(j, id, &value) && fabsf(value - wanted) <= 1e-6f * fabsf(wanted);
}

/* The input of a commutative node that is made by `op`, and the other one. */
static const gft_node *part(const joiner *j, const gft_node *node, const gft_op *op,
                            gft_value_id *other) {
    for (int i = 0; i < 2; i++) {
        const gft_node *found = made_by(j, node->inputs[i], op);
        if (found) {
            *other = node->inputs[1 - i];
            return found;
        }
    }
    return NULL;
}

static bool single(const joiner *j, const gft_node *node) {
    return j->uses[node->outputs[0]] == 1;
}

/* ---- joining ---- */

/* Takes a use away; nodes left without any go, with what only they used. */
static void release(joiner *j, gft_value_id id) {
    gft_value_id stack[MAX_PARTS * 2] = {id};
    int depth = 1;
    while (depth > 0) {
        const gft_value_id top = stack[--depth];
        const gft_value *value = &j->graph->values[top];
        if (--j->uses[top] > 0 || value->kind != GFT_VALUE_NODE)
            continue;
        const gft_node *node = &j->graph->nodes[value->node];
        for (int32_t i = 0; i < node->input_count && depth < MAX_PARTS * 2; i++)
            stack[depth++] = node->inputs[i];
        gft_graph_remove(j->graph, value->node);
    }
}

/* Puts op(inputs) in the place of `last` and what only it used. */
static graft_status join(joiner *j, gft_node_id last, const gft_op *op, const void *attrs,
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
    gft_graph_replace(graph, y, out);
    return GRAFT_OK;
}

/* ---- patterns ---- */

static gft_epilogue_attrs *epilogue_of(const gft_node *node) {
    if (node->op == &gft_op_conv2d || node->op == &gft_op_depthwise_conv2d)
        return &((gft_conv2d_attrs *)node->attrs)->epilogue;
    return node->op == &gft_op_dense ? &((gft_dense_attrs *)node->attrs)->epilogue : NULL;
}

/* bias_add(conv(x)) -> conv with bias */
static graft_status join_bias(joiner *j, gft_node_id id, graft_error *err) {
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

/* relu6(x + 3) -> x */
static bool shifted_relu6(const joiner *j, const gft_node *relu6, gft_value_id *x) {
    const gft_node *add = made_by(j, relu6->inputs[0], &gft_op_add);
    if (!add || !single(j, add) || !single(j, relu6))
        return false;
    for (int i = 0; i < 2; i++) {
        if (is_scalar(j, add->inputs[i], 3.0f)) {
            *x = add->inputs[1 - i];
            return true;
        }
    }
    return false;
}

static graft_status join_mul(joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *mul = &j->graph->nodes[id];
    gft_value_id other;
    gft_value_id x;
    gft_value_id beside;
    const gft_node *inner = part(j, mul, &gft_op_sigmoid, &other);
    if (inner && single(j, inner) && inner->inputs[0] == other)
        return join(j, id, &gft_op_silu, NULL, &other, 1, err);
    inner = part(j, mul, &gft_op_hard_sigmoid, &other);
    if (inner && single(j, inner) && inner->inputs[0] == other)
        return join(j, id, &gft_op_hard_swish, NULL, &other, 1, err);
    inner = part(j, mul, &gft_op_relu6, &other);
    if (inner && is_scalar(j, other, 1.0f / 6.0f) && shifted_relu6(j, inner, &x))
        return join(j, id, &gft_op_hard_sigmoid, NULL, &x, 1, err);
    inner = part(j, mul, &gft_op_mul, &other); /* (x * relu6(x + 3)) / 6 */
    if (inner && single(j, inner) && is_scalar(j, other, 1.0f / 6.0f)) {
        const gft_node *relu6 = part(j, inner, &gft_op_relu6, &beside);
        if (relu6 && shifted_relu6(j, relu6, &x) && x == beside)
            return join(j, id, &gft_op_hard_swish, NULL, &x, 1, err);
    }
    return GRAFT_OK;
}

static graft_status join_div(joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *div = &j->graph->nodes[id];
    const gft_node *relu6 = made_by(j, div->inputs[0], &gft_op_relu6);
    gft_value_id x;
    if (relu6 && is_scalar(j, div->inputs[1], 6.0f) && shifted_relu6(j, relu6, &x))
        return join(j, id, &gft_op_hard_sigmoid, NULL, &x, 1, err);
    return GRAFT_OK;
}

/* A batch norm's scale: rsqrt(variance + epsilon) * gamma. */
typedef struct scale {
    gft_value_id gamma, variance;
    float epsilon;
} scale;

static bool scale_of(const joiner *j, gft_value_id id, scale *out) {
    const gft_node *mul = made_by(j, id, &gft_op_mul);
    const gft_node *root = mul ? part(j, mul, &gft_op_rsqrt, &out->gamma) : NULL;
    const gft_node *sum = root && single(j, root) ? made_by(j, root->inputs[0], &gft_op_add) : NULL;
    if (!sum || !single(j, sum))
        return false;
    for (int i = 0; i < 2; i++) {
        if (scalar(j, sum->inputs[i], &out->epsilon)) {
            out->variance = sum->inputs[1 - i];
            return true;
        }
    }
    return false;
}

/*
 * A number per channel that is there before the graph runs; Keras reshapes it to (1,1,1,C), which
 * is undone in *id.
 */
static bool per_channel(const joiner *j, gft_value_id *id, gft_value_id x) {
    const gft_node *reshape = made_by(j, *id, &gft_op_reshape);
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

/* x * s + (beta - mean * s) */
static bool keras_form(const joiner *j, const gft_node *add, gft_value_id inputs[5],
                       float *epsilon) {
    scale s;
    scale t;
    gft_value_id product;
    const gft_node *offset = part(j, add, &gft_op_sub, &product);
    const gft_node *scaled = offset ? made_by(j, product, &gft_op_mul) : NULL;
    const gft_node *centre = offset ? made_by(j, offset->inputs[1], &gft_op_mul) : NULL;
    if (!scaled || !centre || !single(j, scaled) || !single(j, centre) || !single(j, offset))
        return false;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2; k++) {
            const gft_value_id by = scaled->inputs[i];
            if (by != centre->inputs[k] || !scale_of(j, by, &s) || j->uses[by] != 2)
                continue;
            inputs[0] = scaled->inputs[1 - i];
            inputs[2] = offset->inputs[0];
            inputs[3] = centre->inputs[1 - k];
            t = s;
            inputs[1] = t.gamma;
            inputs[4] = t.variance;
            *epsilon = t.epsilon;
            return true;
        }
    }
    return false;
}

/* (x - mean) * s + beta */
static bool rows_form(const joiner *j, const gft_node *add, gft_value_id inputs[5],
                      float *epsilon) {
    scale s;
    const gft_node *mul = part(j, add, &gft_op_mul, &inputs[2]);
    if (!mul || !single(j, mul))
        return false;
    for (int i = 0; i < 2; i++) {
        const gft_node *centred = made_by(j, mul->inputs[i], &gft_op_sub);
        if (!centred || !single(j, centred) || j->uses[mul->inputs[1 - i]] != 1 ||
            !scale_of(j, mul->inputs[1 - i], &s))
            continue;
        inputs[0] = centred->inputs[0];
        inputs[1] = s.gamma;
        inputs[3] = centred->inputs[1];
        inputs[4] = s.variance;
        *epsilon = s.epsilon;
        return true;
    }
    return false;
}

static graft_status join_add(joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *add = &j->graph->nodes[id];
    gft_value_id inputs[5];
    gft_batch_norm_attrs attrs = {.momentum = 0.99f};
    if (!keras_form(j, add, inputs, &attrs.epsilon) && !rows_form(j, add, inputs, &attrs.epsilon))
        return GRAFT_OK;
    for (int i = 1; i < 5; i++) {
        if (!per_channel(j, &inputs[i], inputs[0]))
            return GRAFT_OK;
    }
    attrs.train = gft_tf_mark_batch_norm(j->graph, inputs);
    return join(j, id, &gft_op_batch_norm, &attrs, inputs, 5, err);
}

/* ---- the pass ---- */

static graft_status join_at(joiner *j, gft_node_id id, graft_error *err) {
    const gft_op *op = j->graph->nodes[id].op;
    if (op == &gft_op_bias_add)
        return join_bias(j, id, err);
    if (op == &gft_op_mul)
        return join_mul(j, id, err);
    if (op == &gft_op_div)
        return join_div(j, id, err);
    return op == &gft_op_add ? join_add(j, id, err) : GRAFT_OK;
}

graft_status gft_sm_join_patterns(gft_graph *graph, graft_error *err) {
    const int32_t nodes = graph->node_count;
    if (nodes > MAX_NODES)
        return GRAFT_OK;
    joiner j = {.graph = graph};
    const size_t room =
        (size_t)graph->value_count + (size_t)nodes + 1; /* each node is joined once at most */
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
