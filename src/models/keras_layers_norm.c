/*
 * Normalisation layers, and Rescaling.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_layers.h"

#define KERAS_EPSILON 1e-7f /* keras.config.epsilon() */

/* ---- what they share ---- */

void gft_keras_variables_scale_center(gft_keras_layer *layer, const json_t *config) {
    if (gft_keras_bool(config, "scale", true))
        gft_keras_add_variable(layer, "gamma", true);
    if (gft_keras_bool(config, "center", true))
        gft_keras_add_variable(layer, "beta", true);
}

/* gamma and beta of this shape, or a vector of what does nothing. */
static graft_status scale_center(gft_keras_call *c, const graft_shape *shape, gft_value_id out[2],
                                 graft_error *err) {
    if (gft_keras_bool(c->config, "scale", true))
        GFT_TRY(gft_keras_variable_of(c, "gamma", shape, GFT_PARAM_WEIGHT, &out[0], err));
    else
        GFT_TRY(gft_keras_fill(c, shape->dims[0], 1.0f, &out[0], err));
    if (gft_keras_bool(c->config, "center", true))
        return gft_keras_variable_of(c, "beta", shape, GFT_PARAM_BIAS, &out[1], err);
    return gft_keras_fill(c, shape->dims[0], 0.0f, &out[1], err);
}

/* The axes of the config as a mask of x's dimensions. */
static graft_status axes_of(const gft_keras_call *c, const graft_shape *x, int64_t otherwise,
                            uint32_t *mask, graft_error *err) {
    int64_t axes[GRAFT_MAX_RANK] = {otherwise};
    int32_t count;
    GFT_TRY(gft_keras_ints(c, json_object_get(c->config, "axis"), "axis", axes, GRAFT_MAX_RANK,
                           &count, err));
    *mask = 0;
    for (int32_t i = 0; i < (count > 0 ? count : 1); i++) {
        int32_t axis;
        GFT_TRY(gft_keras_axis(c, axes[i], x->rank, &axis, err));
        *mask |= 1u << axis;
    }
    return GRAFT_OK;
}

static graft_status last_channels(const gft_keras_call *c, const graft_shape *x, int64_t *out,
                                  graft_error *err) {
    *out = x->rank > 0 ? x->dims[x->rank - 1] : -1;
    return *out >= 0 ? GRAFT_OK
                     : gft_keras_refuse(c, err, "its input has an unknown number of channels");
}

/* (x - mean) * rsqrt(variance + epsilon), mean and variance over some axes. */
static graft_status standardise(gft_keras_call *c, gft_value_id x, uint32_t axes, float epsilon,
                                gft_value_id *out, graft_error *err) {
    const gft_reduce_attrs over = {.axes = axes, .keep_dims = true};
    gft_value_id mean = -1;
    gft_value_id d = -1;
    gft_value_id v = -1;
    GFT_TRY(gft_keras_add(c, &gft_op_reduce_mean, "mean", &over, &x, 1, &mean, err));
    GFT_TRY(gft_keras_binary(c, &gft_op_sub, "centre", x, mean, &d, err));
    GFT_TRY(gft_keras_add(c, &gft_op_square, "square", NULL, &d, 1, &v, err));
    GFT_TRY(gft_keras_add(c, &gft_op_reduce_mean, "variance", &over, &v, 1, &v, err));
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_add, "epsilon", v, epsilon, &v, err));
    GFT_TRY(gft_keras_add(c, &gft_op_rsqrt, "rsqrt", NULL, &v, 1, &v, err));
    return gft_keras_binary(c, &gft_op_mul, "scaled", d, v, out, err);
}

static graft_status scaled(gft_keras_call *c, gft_value_id x, const gft_value_id weights[2],
                           graft_error *err) {
    GFT_TRY(gft_keras_binary(c, &gft_op_mul, "gamma", x, weights[0], &x, err));
    return gft_keras_finish(c, &gft_op_add, NULL, NULL, (gft_value_id[]){x, weights[1]}, 2, err);
}

/* ---- batch norm ---- */

void gft_keras_variables_batch_norm(gft_keras_layer *layer, const json_t *config) {
    gft_keras_variables_scale_center(layer, config);
    gft_keras_add_variable(layer, "moving_mean", false);
    gft_keras_add_variable(layer, "moving_variance", false);
}

graft_status gft_keras_call_batch_norm(gft_keras_call *c, graft_error *err) {
    const gft_batch_norm_attrs attrs = {
        .epsilon = (float)gft_keras_number(c->config, "epsilon", 1e-3),
        .momentum = (float)gft_keras_number(c->config, "momentum", 0.99),
        .train = c->layer->trainable && !c->inference};
    gft_value_id inputs[5] = {-1, -1, -1, -1, -1};
    uint32_t axes;
    int64_t channels;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    GFT_TRY(axes_of(c, &x, -1, &axes, err));
    if (axes != 1u << (x.rank - 1))
        return gft_keras_refuse(c, err, "an axis that is not the last");
    GFT_TRY(last_channels(c, &x, &channels, err));
    const graft_shape shape = gft_shape_1(channels);
    inputs[0] = c->inputs[0];
    GFT_TRY(scale_center(c, &shape, &inputs[1], err));
    GFT_TRY(gft_keras_variable_of(c, "moving_mean", &shape, GFT_PARAM_STATISTIC, &inputs[3], err));
    GFT_TRY(
        gft_keras_variable_of(c, "moving_variance", &shape, GFT_PARAM_STATISTIC, &inputs[4], err));
    return gft_keras_finish(c, &gft_op_batch_norm, NULL, &attrs, inputs, 5, err);
}

/* ---- layer norm, group norm, unit norm ---- */

/* gamma's and beta's shape: x's dimensions along the axes; broadcast against x if padded with 1. */
static graft_status axes_shape(const gft_keras_call *c, const graft_shape *x, uint32_t axes,
                               graft_shape *packed, graft_shape *spread, graft_error *err) {
    *packed = (graft_shape){0, {0}};
    *spread = (graft_shape){x->rank, {0}};
    for (int32_t i = 0; i < x->rank; i++) {
        const bool on = axes >> i & 1u;
        spread->dims[i] = on ? x->dims[i] : 1;
        if (on && x->dims[i] < 0)
            return gft_keras_refuse(c, err, "dimension %d of its input is not known", (int)i);
        if (on)
            packed->dims[packed->rank++] = x->dims[i];
    }
    return GRAFT_OK;
}

graft_status gft_keras_call_layer_norm(gft_keras_call *c, graft_error *err) {
    const float epsilon = (float)gft_keras_number(c->config, "epsilon", 1e-3);
    gft_value_id inputs[3] = {-1, -1, -1};
    graft_shape packed;
    graft_shape spread;
    uint32_t axes;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    if (gft_keras_bool(c->config, "rms_scaling", false))
        return gft_keras_refuse(c, err, "rms_scaling");
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    GFT_TRY(axes_of(c, &x, -1, &axes, err));
    GFT_TRY(axes_shape(c, &x, axes, &packed, &spread, err));
    inputs[0] = c->inputs[0];
    if (axes == 1u << (x.rank - 1)) {
        const gft_norm_attrs attrs = {.epsilon = epsilon};
        GFT_TRY(scale_center(c, &packed, &inputs[1], err));
        return gft_keras_finish(c, &gft_op_layer_norm, NULL, &attrs, inputs, 3, err);
    }
    gft_value_id y = -1;
    GFT_TRY(standardise(c, inputs[0], axes, epsilon, &y, err));
    if (gft_keras_bool(c->config, "scale", true)) {
        gft_value_id gamma = -1;
        GFT_TRY(gft_keras_variable_of(c, "gamma", &packed, GFT_PARAM_WEIGHT, &gamma, err));
        GFT_TRY(gft_keras_reshape(c, gamma, &spread, "gamma", &gamma, err));
        GFT_TRY(gft_keras_binary(c, &gft_op_mul, "mul", y, gamma, &y, err));
    }
    if (gft_keras_bool(c->config, "center", true)) {
        gft_value_id beta = -1;
        GFT_TRY(gft_keras_variable_of(c, "beta", &packed, GFT_PARAM_BIAS, &beta, err));
        GFT_TRY(gft_keras_reshape(c, beta, &spread, "beta", &beta, err));
        GFT_TRY(gft_keras_binary(c, &gft_op_add, "add", y, beta, &y, err));
    }
    gft_keras_done(c, y);
    return GRAFT_OK;
}

/* (N,...,C) -> (N,all,groups,C/groups): each group is one row of numbers. */
graft_status gft_keras_call_group_norm(gft_keras_call *c, graft_error *err) {
    const float epsilon = (float)gft_keras_number(c->config, "epsilon", 1e-3);
    int64_t groups = gft_keras_int(c->config, "groups", 32);
    int64_t channels;
    uint32_t axes;
    gft_value_id weights[2] = {-1, -1};
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    GFT_TRY(axes_of(c, &x, -1, &axes, err));
    if (axes != 1u << (x.rank - 1) || x.rank < 2)
        return gft_keras_refuse(c, err, "an axis that is not the last");
    GFT_TRY(last_channels(c, &x, &channels, err));
    groups = groups == -1 ? channels : groups;
    if (groups < 1 || channels % groups != 0)
        return gft_keras_wrong(c, err, "%lld groups of %lld channels", (long long)groups,
                               (long long)channels);
    const graft_shape grouped = gft_shape_4(x.dims[0], -1, groups, channels / groups);
    GFT_TRY(gft_keras_reshape(c, c->inputs[0], &grouped, "groups", &y, err));
    GFT_TRY(standardise(c, y, 1u << 1 | 1u << 3, epsilon, &y, err));
    const gft_shape_attrs back = {.shape = x};
    GFT_TRY(gft_keras_add(c, &gft_op_reshape, "back", &back, (gft_value_id[]){y, c->inputs[0]}, 2,
                          &y, err));
    const graft_shape vector = gft_shape_1(channels);
    GFT_TRY(scale_center(c, &vector, weights, err));
    return scaled(c, y, weights, err);
}

graft_status gft_keras_call_unit_norm(gft_keras_call *c, graft_error *err) {
    const gft_norm_attrs attrs = {.epsilon = 1e-24f};
    uint32_t axes;
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    GFT_TRY(axes_of(c, &x, -1, &axes, err));
    if (axes == 1u << (x.rank - 1))
        return gft_keras_finish(c, &gft_op_l2_normalise, NULL, &attrs, c->inputs, 1, err);
    const gft_reduce_attrs over = {.axes = axes, .keep_dims = true};
    GFT_TRY(gft_keras_add(c, &gft_op_square, "square", NULL, c->inputs, 1, &y, err));
    GFT_TRY(gft_keras_add(c, &gft_op_reduce_sum, "sum", &over, &y, 1, &y, err));
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_maximum, "epsilon", y, attrs.epsilon, &y, err));
    GFT_TRY(gft_keras_add(c, &gft_op_rsqrt, "rsqrt", NULL, &y, 1, &y, err));
    return gft_keras_finish(c, &gft_op_mul, NULL, NULL, (gft_value_id[]){c->inputs[0], y}, 2, err);
}

/* ---- normalisation by numbers that were adapted or are given ---- */

static bool given(const json_t *config) {
    const json_t *mean = json_object_get(config, "mean");
    return mean && !json_is_null(mean);
}

void gft_keras_variables_normalization(gft_keras_layer *layer, const json_t *config) {
    if (given(config))
        return;
    gft_keras_add_variable(layer, "mean", false);
    gft_keras_add_variable(layer, "variance", false);
    gft_keras_add_variable(layer, "count",
                           false); /* how many it was adapted to: not computed with */
}

/* mean or variance, from the config or the file, so that it broadcasts against x. */
static graft_status statistic(gft_keras_call *c, const char *name, const graft_shape *packed,
                              const graft_shape *spread, gft_value_id *out, graft_error *err) {
    if (given(c->config)) {
        GFT_TRY(gft_keras_constant(c, json_object_get(c->config, name), GRAFT_F32, out, err));
    } else {
        GFT_TRY(gft_keras_variable_of(c, name, packed, GFT_PARAM_STATISTIC, out, err));
    }
    const graft_shape *found = &gft_keras_desc(c, *out)->shape;
    if (found->rank <= 1 && (packed->rank == 0 || spread->dims[spread->rank - 1] != 1))
        return GRAFT_OK; /* along the last axis, or one number: broadcasts as it is */
    if (gft_shape_elems(found) != gft_shape_elems(spread))
        return GRAFT_OK;
    return gft_keras_reshape(c, *out, spread, name, out, err);
}

graft_status gft_keras_call_normalization(gft_keras_call *c, graft_error *err) {
    const json_t *axis = json_object_get(c->config, "axis");
    gft_value_id mean = -1;
    gft_value_id deviation = -1;
    graft_shape packed;
    graft_shape spread;
    uint32_t axes = 0;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    if (!json_is_null(axis) && !(json_is_array(axis) && json_array_size(axis) == 0))
        GFT_TRY(axes_of(c, &x, -1, &axes, err));
    GFT_TRY(axes_shape(c, &x, axes, &packed, &spread, err));
    GFT_TRY(statistic(c, "mean", &packed, &spread, &mean, err));
    GFT_TRY(statistic(c, "variance", &packed, &spread, &deviation, err));
    GFT_TRY(gft_keras_add(c, &gft_op_sqrt, "sqrt", NULL, &deviation, 1, &deviation, err));
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_maximum, "maximum", deviation, KERAS_EPSILON,
                                  &deviation, err));
    gft_value_id y = c->inputs[0];
    if (gft_keras_bool(c->config, "invert", false)) {
        GFT_TRY(gft_keras_binary(c, &gft_op_mul, "mul", y, deviation, &y, err));
        return gft_keras_finish(c, &gft_op_add, NULL, NULL, (gft_value_id[]){y, mean}, 2, err);
    }
    GFT_TRY(gft_keras_binary(c, &gft_op_sub, NULL, y, mean, &y, err));
    return gft_keras_finish(c, &gft_op_div, "div", NULL, (gft_value_id[]){y, deviation}, 2, err);
}

/* ---- rescaling ---- */

static bool is_number(const json_t *json, double value) {
    return json_is_number(json) && json_number_value(json) == value;
}

/* x * scale + offset, each a number or one per channel. */
graft_status gft_keras_call_rescaling(gft_keras_call *c, graft_error *err) {
    const json_t *scale = json_object_get(c->config, "scale");
    const json_t *offset = json_object_get(c->config, "offset");
    gft_value_id y = c->input_count > 0 ? c->inputs[0] : -1;
    gft_value_id constant = -1;
    bool any = false;
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    if (scale && !is_number(scale, 1.0)) {
        GFT_TRY(gft_keras_constant(c, scale, GRAFT_F32, &constant, err));
        GFT_TRY(gft_keras_binary(c, &gft_op_mul, NULL, y, constant, &y, err));
        any = true;
    }
    if (offset && !is_number(offset, 0.0)) {
        GFT_TRY(gft_keras_constant(c, offset, GRAFT_F32, &constant, err));
        GFT_TRY(gft_keras_binary(c, &gft_op_add, any ? "add" : NULL, y, constant, &y, err));
        any = true;
    }
    if (!any)
        return gft_keras_call_identity(c, err);
    gft_keras_done(c, y);
    return GRAFT_OK;
}
