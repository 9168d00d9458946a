/*
 * Dense, Embedding, Dot.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_layers.h"

graft_status gft_keras_call_dense(gft_keras_call *c, graft_error *err) {
    const int64_t units = gft_keras_int(c->config, "units", 0);
    const bool bias = gft_keras_bool(c->config, "use_bias", true);
    const json_t *quantised = json_object_get(c->config, "quantization_config");
    const json_t *lora = json_object_get(c->config, "lora_rank");
    gft_value_id inputs[3];
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    if ((quantised && !json_is_null(quantised)) || (lora && !json_is_null(lora)))
        return gft_keras_refuse(c, err, "quantised or LoRA weights");
    const graft_shape *x = &gft_keras_desc(c, c->inputs[0])->shape;
    if (x->rank < 2 || x->dims[x->rank - 1] < 0)
        return gft_keras_refuse(c, err, "its input has an unknown number of channels");
    const graft_shape kernel = gft_shape_2(x->dims[x->rank - 1], units);
    const graft_shape vector = gft_shape_1(units);
    const gft_dense_attrs attrs = {.epilogue = {.has_bias = bias}};
    inputs[0] = c->inputs[0];
    GFT_TRY(gft_keras_variable_of(c, "kernel", &kernel, GFT_PARAM_WEIGHT, &inputs[1], err));
    if (bias)
        GFT_TRY(gft_keras_variable_of(c, "bias", &vector, GFT_PARAM_BIAS, &inputs[2], err));
    GFT_TRY(gft_keras_add(c, &gft_op_dense, NULL, &attrs, inputs, bias ? 3 : 2, &y, err));
    GFT_TRY(
        gft_keras_activate(c, json_object_get(c->config, "activation"), "activation", y, &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

/* ---- embedding ---- */

void gft_keras_variables_embedding(gft_keras_layer *layer, const json_t *config) {
    (void)config;
    gft_keras_add_variable(layer, "embeddings", true);
}

graft_status gft_keras_call_embedding(gft_keras_call *c, graft_error *err) {
    const graft_shape shape = gft_shape_2(gft_keras_int(c->config, "input_dim", 0),
                                          gft_keras_int(c->config, "output_dim", 0));
    const gft_axis_attrs attrs = {.axis = 0};
    const gft_cast_attrs cast = {.dtype = GRAFT_S32};
    gft_value_id inputs[2] = {-1, -1};
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    if (gft_keras_bool(c->config, "mask_zero", false))
        return gft_keras_refuse(c, err, "masks (mask_zero) are not carried on");
    inputs[1] = c->inputs[0];
    const graft_dtype dtype = gft_keras_desc(c, inputs[1])->dtype;
    if (dtype != GRAFT_S32 && dtype != GRAFT_S64)
        GFT_TRY(gft_keras_add(c, &gft_op_cast, "cast", &cast, &inputs[1], 1, &inputs[1], err));
    GFT_TRY(gft_keras_variable_of(c, "embeddings", &shape, GFT_PARAM_WEIGHT, &inputs[0], err));
    return gft_keras_finish(c, &gft_op_gather, NULL, &attrs, inputs, 2, err);
}

/* ---- dot ---- */

/* (B,F) as a matrix of one row; (B,M,K) with the summed axis where matmul wants it. */
static graft_status as_matrix(gft_keras_call *c, gft_value_id x, bool left, const char *part,
                              gft_value_id *out, graft_error *err) {
    const graft_shape *s = &gft_keras_desc(c, x)->shape;
    *out = x;
    if (s->rank == 3)
        return GRAFT_OK;
    const graft_shape shape = {3, {s->dims[0], left ? 1 : s->dims[1], left ? s->dims[1] : 1}};
    return gft_keras_reshape(c, x, &shape, part, out, err);
}

graft_status gft_keras_call_dot(gft_keras_call *c, graft_error *err) {
    int64_t axes[2];
    int32_t axis[2];
    gft_value_id x[2];
    gft_matmul_attrs attrs = {false, false};
    const gft_norm_attrs norm = {.epsilon = 1e-12f};
    GFT_TRY(gft_keras_expect(c, 2, -1, err));
    GFT_TRY(gft_keras_pair(c, "axes", -1, axes, err));
    const graft_shape a = gft_keras_desc(c, c->inputs[0])->shape;
    const graft_shape b = gft_keras_desc(c, c->inputs[1])->shape;
    if (a.rank < 2 || a.rank > 3 || b.rank < 2 || b.rank > 3)
        return gft_keras_refuse(c, err, "inputs of rank %d and %d, known are 2 and 3", (int)a.rank,
                                (int)b.rank);
    GFT_TRY(gft_keras_axis(c, axes[0], a.rank, &axis[0], err));
    GFT_TRY(gft_keras_axis(c, axes[1], b.rank, &axis[1], err));
    x[0] = c->inputs[0];
    x[1] = c->inputs[1];
    for (int i = 0; i < 2 && gft_keras_bool(c->config, "normalize", false); i++) {
        if (axis[i] != gft_keras_desc(c, x[i])->shape.rank - 1)
            return gft_keras_refuse(c, err, "normalised along an axis that is not the last");
        GFT_TRY(gft_keras_add(c, &gft_op_l2_normalise, "normalise", &norm, &x[i], 1, &x[i], err));
    }
    GFT_TRY(as_matrix(c, x[0], true, "left", &x[0], err));
    GFT_TRY(as_matrix(c, x[1], false, "right", &x[1], err));
    attrs.transpose_a = a.rank == 3 && axis[0] == 1;
    attrs.transpose_b = b.rank == 3 && axis[1] == 2;
    gft_value_id y = -1;
    GFT_TRY(gft_keras_add(c, &gft_op_matmul, NULL, &attrs, x, 2, &y, err));
    if (a.rank == 3 && b.rank == 3) {
        gft_keras_done(c, y);
        return GRAFT_OK;
    }
    const graft_shape *m = &gft_keras_desc(c, y)->shape;
    graft_shape flat = gft_shape_2(m->dims[0], a.rank == 3 ? m->dims[1] : m->dims[2]);
    if (a.rank == 2 && b.rank == 2)
        flat.dims[1] = 1;
    GFT_TRY(gft_keras_reshape(c, y, &flat, "squeeze", &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}
