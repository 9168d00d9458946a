/*
 * Layer norm over the last axis, spelled with means, a variance and rsqrt (or a division by sqrt):
 * first x * s - mean * s or (x - mean) * s, s = rsqrt(variance + epsilon), as a layer norm without
 * scale and offset; what multiplies and adds per channel behind it becomes its gamma and beta.
 */
#include "base/alloc.h"
#include "base/shape.h"
#include "models/savedmodel_read_patterns.h"

typedef struct norm {
    gft_value_id x;
    gft_value_id mean;
    gft_value_id gamma; /* -1: none */
    gft_value_id beta;  /* -1: none */
    float epsilon;
} norm;

/* ---- parts ---- */

/* mean over the last axis, which is kept -> what it is the mean of */
static bool mean_of(const gft_sm_joiner *j, gft_value_id id, gft_value_id *x) {
    const gft_node *node = gft_sm_made_by(j, id, &gft_op_reduce_mean);
    if (!node)
        return false;
    const gft_reduce_attrs *attrs = node->attrs;
    const int32_t rank = j->graph->values[node->inputs[0]].desc.shape.rank;
    *x = node->inputs[0];
    return rank > 0 && attrs->keep_dims && attrs->axes == 1u << (rank - 1);
}

/* mean((x - mean)^2) of this x and its mean */
static bool variance_of(const gft_sm_joiner *j, gft_value_id id, norm *n) {
    gft_value_id squares;
    gft_value_id x;
    if (!mean_of(j, id, &squares))
        return false;
    const gft_node *square = gft_sm_made_by(j, squares, &gft_op_square);
    const gft_node *mul = gft_sm_made_by(j, squares, &gft_op_mul);
    if (mul && mul->inputs[0] == mul->inputs[1])
        square = mul;
    const gft_node *sub = square ? gft_sm_made_by(j, square->inputs[0], &gft_op_sub) : NULL;
    for (int i = 0; sub && i < 2; i++) {
        if (mean_of(j, sub->inputs[1 - i], &x) && x == sub->inputs[i]) {
            n->x = x;
            n->mean = sub->inputs[1 - i];
            return true;
        }
    }
    return false;
}

/* `root`(variance + epsilon) */
static bool deviation_of(const gft_sm_joiner *j, gft_value_id id, const gft_op *root, norm *n) {
    const gft_node *node = gft_sm_made_by(j, id, root);
    const gft_node *sum = node ? gft_sm_made_by(j, node->inputs[0], &gft_op_add) : NULL;
    for (int i = 0; sum && i < 2; i++) {
        if (gft_sm_scalar(j, sum->inputs[i], &n->epsilon))
            return variance_of(j, sum->inputs[1 - i], n);
    }
    return false;
}

/* rsqrt(variance + epsilon), perhaps times gamma */
static bool scale_of(const gft_sm_joiner *j, gft_value_id id, norm *n) {
    n->gamma = -1;
    if (deviation_of(j, id, &gft_op_rsqrt, n))
        return true;
    const gft_node *mul = gft_sm_made_by(j, id, &gft_op_mul);
    for (int i = 0; mul && i < 2; i++) {
        if (deviation_of(j, mul->inputs[i], &gft_op_rsqrt, n)) {
            n->gamma = mul->inputs[1 - i];
            return true;
        }
    }
    return false;
}

/* mean * s or -mean * s, of the present mean and scale */
static bool is_shift(const gft_sm_joiner *j, gft_value_id id, gft_value_id scale, const norm *n,
                     bool negative) {
    const gft_node *mul = gft_sm_made_by(j, id, &gft_op_mul);
    for (int i = 0; mul && i < 2; i++) {
        const gft_node *neg = gft_sm_made_by(j, mul->inputs[1 - i], &gft_op_neg);
        const gft_value_id mean = negative && neg ? neg->inputs[0] : mul->inputs[1 - i];
        if (mul->inputs[i] == scale && mean == n->mean && (neg != NULL) == negative)
            return true;
    }
    return false;
}

/* ---- forms ---- */

/* (x - mean) * s, (x - mean) / sqrt(variance + epsilon) */
static bool centred_form(const gft_sm_joiner *j, const gft_node *node, norm *n) {
    const gft_node *sub = NULL;
    *n = (norm){.gamma = -1, .beta = -1};
    if (node->op == &gft_op_div) {
        sub = gft_sm_made_by(j, node->inputs[0], &gft_op_sub);
        if (!sub || !deviation_of(j, node->inputs[1], &gft_op_sqrt, n))
            return false;
        return sub->inputs[0] == n->x && sub->inputs[1] == n->mean;
    }
    for (int i = 0; node->op == &gft_op_mul && i < 2; i++) {
        sub = gft_sm_made_by(j, node->inputs[i], &gft_op_sub);
        if (sub && scale_of(j, node->inputs[1 - i], n) && sub->inputs[0] == n->x &&
            sub->inputs[1] == n->mean)
            return true;
    }
    return false;
}

/* The offset of x * s + offset: -mean s, -mean s + beta, beta - mean s. */
static bool offset_of(const gft_sm_joiner *j, gft_value_id id, gft_value_id scale, norm *n) {
    const gft_node *add = gft_sm_made_by(j, id, &gft_op_add);
    const gft_node *sub = gft_sm_made_by(j, id, &gft_op_sub);
    n->beta = -1;
    if (is_shift(j, id, scale, n, true))
        return true;
    for (int i = 0; add && i < 2; i++) {
        if (is_shift(j, add->inputs[i], scale, n, true)) {
            n->beta = add->inputs[1 - i];
            return true;
        }
    }
    if (!sub || !is_shift(j, sub->inputs[1], scale, n, false))
        return false;
    n->beta = sub->inputs[0];
    return true;
}

/* x * s + offset, x * s - mean * s */
static bool scaled_form(const gft_sm_joiner *j, const gft_node *node, norm *n) {
    const bool add = node->op == &gft_op_add;
    if (!add && node->op != &gft_op_sub)
        return false;
    for (int i = 0; i < (add ? 2 : 1); i++) {
        const gft_node *mul = gft_sm_made_by(j, node->inputs[i], &gft_op_mul);
        for (int k = 0; mul && k < 2; k++) {
            const gft_value_id scale = mul->inputs[k];
            if (!scale_of(j, scale, n) || mul->inputs[1 - k] != n->x)
                continue;
            if (add && offset_of(j, node->inputs[1 - i], scale, n))
                return true;
            n->beta = -1;
            if (!add && is_shift(j, node->inputs[1], scale, n, false))
                return true;
        }
    }
    return false;
}

/* ---- joining ---- */

/* A constant vector of one number; -1 in *id becomes it. */
static graft_status fill(gft_sm_joiner *j, gft_value_id *id, int64_t channels, float number,
                         graft_error *err) {
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(channels));
    if (*id >= 0)
        return GRAFT_OK;
    float *data = gft_malloc((size_t)channels * sizeof *data);
    if (!data)
        return gft_fail_memory(err, (size_t)channels * sizeof *data, "a layer norm");
    for (int64_t i = 0; i < channels; i++)
        data[i] = number;
    graft_status status =
        gft_graph_const(j->graph, number == 0.0f ? "zeros" : "ones", &desc, data, true, id, err);
    gft_free(data);
    return status;
}

static bool is_filled(const gft_sm_joiner *j, gft_value_id id, float number) {
    const gft_value *value = &j->graph->values[id];
    if (value->kind != GFT_VALUE_CONST || value->desc.dtype != GRAFT_F32)
        return false;
    const float *data = value->data;
    for (int64_t i = 0; i < gft_shape_elems(&value->desc.shape); i++) {
        if (data[i] != number)
            return false;
    }
    return true;
}

static graft_status join_norm(gft_sm_joiner *j, gft_node_id id, norm *n, graft_error *err) {
    const graft_shape *shape = &j->graph->values[n->x].desc.shape;
    const gft_value_id y = j->graph->nodes[id].outputs[0];
    const int64_t channels = shape->rank > 0 ? shape->dims[shape->rank - 1] : -1;
    if (channels <= 0 || channels > INT32_MAX || !gft_sm_same_shape(j, n->x, y) ||
        (n->gamma >= 0 && !gft_sm_per_channel(j, &n->gamma, n->x)) ||
        (n->beta >= 0 && !gft_sm_per_channel(j, &n->beta, n->x)))
        return GRAFT_OK;
    GFT_TRY(fill(j, &n->gamma, channels, 1.0f, err));
    GFT_TRY(fill(j, &n->beta, channels, 0.0f, err));
    const gft_norm_attrs attrs = {.epsilon = n->epsilon};
    const gft_value_id inputs[3] = {n->x, n->gamma, n->beta};
    return gft_sm_join(j, id, &gft_op_layer_norm, &attrs, inputs, 3, err);
}

/* norm * gamma, norm + beta, where the norm has none of it yet */
static graft_status extend(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    const bool mul = node->op == &gft_op_mul;
    gft_value_id by;
    const gft_node *before = gft_sm_part(j, node, &gft_op_layer_norm, &by);
    if (!before || !gft_sm_single(j, before) || !is_filled(j, before->inputs[2], 0.0f) ||
        (mul && !is_filled(j, before->inputs[1], 1.0f)) ||
        !gft_sm_per_channel(j, &by, before->inputs[0]))
        return GRAFT_OK;
    const gft_norm_attrs attrs = *(const gft_norm_attrs *)before->attrs;
    const gft_value_id inputs[3] = {before->inputs[0], mul ? by : before->inputs[1],
                                    mul ? before->inputs[2] : by};
    return gft_sm_join(j, id, &gft_op_layer_norm, &attrs, inputs, 3, err);
}

/* reshape(norm(reshape(x))) that gives x its own shape again, last axis kept throughout: norm(x) */
static graft_status drop_reshapes(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *last = &j->graph->nodes[id];
    const gft_node *again = gft_sm_made_by(j, last->inputs[0], &gft_op_reshape);
    const gft_node *before =
        gft_sm_made_by(j, again ? again->inputs[0] : last->inputs[0], &gft_op_layer_norm);
    if (!before || !gft_sm_single(j, before) || (again && !gft_sm_single(j, again)))
        return GRAFT_OK;
    gft_value_id x = before->inputs[0];
    for (int hop = 0; hop < 2 && !gft_sm_same_shape(j, x, last->outputs[0]); hop++) {
        const gft_node *first = gft_sm_made_by(j, x, &gft_op_reshape);
        if (!first)
            return GRAFT_OK;
        x = first->inputs[0];
    }
    const graft_shape *shape = &j->graph->values[x].desc.shape;
    int unknown = 0;
    for (int32_t i = 0; i < shape->rank; i++)
        unknown += shape->dims[i] < 0;
    if (!gft_sm_same_shape(j, x, last->outputs[0]) || shape->rank == 0 || unknown > 1 ||
        shape->dims[shape->rank - 1] != j->graph->values[before->inputs[1]].desc.shape.dims[0])
        return GRAFT_OK;
    const gft_norm_attrs attrs = *(const gft_norm_attrs *)before->attrs;
    const gft_value_id inputs[3] = {x, before->inputs[1], before->inputs[2]};
    return gft_sm_join(j, id, &gft_op_layer_norm, &attrs, inputs, 3, err);
}

graft_status gft_sm_join_layer_norm(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *node = &j->graph->nodes[id];
    norm n;
    if (node->op == &gft_op_reshape)
        return drop_reshapes(j, id, err);
    if (node->op != &gft_op_add && node->op != &gft_op_sub && node->op != &gft_op_mul &&
        node->op != &gft_op_div)
        return GRAFT_OK;
    if (centred_form(j, node, &n) || scaled_form(j, node, &n))
        return join_norm(j, id, &n, err);
    return node->op == &gft_op_add || node->op == &gft_op_mul ? extend(j, id, err) : GRAFT_OK;
}
