/*
 * Batch norm spelled out: as Keras 3 exports it and TensorFlow 1 wrote it, x * s + (beta - mean *
 * s), and as the writer does for rows, (x - mean) * s + beta; s = rsqrt(variance + epsilon) *
 * gamma.
 */
#include "models/savedmodel_read_patterns.h"
#include "models/tensorflow_ops_import.h"

typedef struct scale {
    gft_value_id gamma, variance;
    float epsilon;
} scale;

static bool scale_of(const gft_sm_joiner *j, gft_value_id id, scale *out) {
    const gft_node *mul = gft_sm_made_by(j, id, &gft_op_mul);
    const gft_node *root = mul ? gft_sm_part(j, mul, &gft_op_rsqrt, &out->gamma) : NULL;
    const gft_node *sum =
        root && gft_sm_single(j, root) ? gft_sm_made_by(j, root->inputs[0], &gft_op_add) : NULL;
    if (!sum || !gft_sm_single(j, sum))
        return false;
    for (int i = 0; i < 2; i++) {
        if (gft_sm_scalar(j, sum->inputs[i], &out->epsilon)) {
            out->variance = sum->inputs[1 - i];
            return true;
        }
    }
    return false;
}

/* x * s + (beta - mean * s) */
static bool keras_form(const gft_sm_joiner *j, const gft_node *add, gft_value_id inputs[5],
                       float *epsilon) {
    scale s;
    gft_value_id product;
    const gft_node *offset = gft_sm_part(j, add, &gft_op_sub, &product);
    const gft_node *scaled = offset ? gft_sm_made_by(j, product, &gft_op_mul) : NULL;
    const gft_node *centre = offset ? gft_sm_made_by(j, offset->inputs[1], &gft_op_mul) : NULL;
    if (!scaled || !centre || !gft_sm_single(j, scaled) || !gft_sm_single(j, centre) ||
        !gft_sm_single(j, offset))
        return false;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2; k++) {
            const gft_value_id by = scaled->inputs[i];
            if (by != centre->inputs[k] || !scale_of(j, by, &s) || j->uses[by] != 2)
                continue;
            inputs[0] = scaled->inputs[1 - i];
            inputs[1] = s.gamma;
            inputs[2] = offset->inputs[0];
            inputs[3] = centre->inputs[1 - k];
            inputs[4] = s.variance;
            *epsilon = s.epsilon;
            return true;
        }
    }
    return false;
}

/* (x - mean) * s + beta */
static bool rows_form(const gft_sm_joiner *j, const gft_node *add, gft_value_id inputs[5],
                      float *epsilon) {
    scale s;
    const gft_node *mul = gft_sm_part(j, add, &gft_op_mul, &inputs[2]);
    if (!mul || !gft_sm_single(j, mul))
        return false;
    for (int i = 0; i < 2; i++) {
        const gft_node *centred = gft_sm_made_by(j, mul->inputs[i], &gft_op_sub);
        if (!centred || !gft_sm_single(j, centred) || j->uses[mul->inputs[1 - i]] != 1 ||
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

graft_status gft_sm_join_batch_norm(gft_sm_joiner *j, gft_node_id id, graft_error *err) {
    const gft_node *add = &j->graph->nodes[id];
    gft_value_id inputs[5];
    gft_batch_norm_attrs attrs = {.momentum = 0.99f};
    if (add->op != &gft_op_add ||
        (!keras_form(j, add, inputs, &attrs.epsilon) && !rows_form(j, add, inputs, &attrs.epsilon)))
        return GRAFT_OK;
    for (int i = 1; i < 5; i++) {
        if (!gft_sm_per_channel(j, &inputs[i], inputs[0]))
            return GRAFT_OK;
    }
    attrs.train = gft_tf_mark_batch_norm(j->graph, inputs);
    return gft_sm_join(j, id, &gft_op_batch_norm, &attrs, inputs, 5, err);
}
