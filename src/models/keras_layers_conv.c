/*
 * Convolutions. Those in one dimension are done as pictures of one row; their kernels get the shape
 * of pictures' ones where they are used.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_layers.h"

void gft_keras_variables_kernel(gft_keras_layer *layer, const json_t *config) {
    gft_keras_add_variable(layer, "kernel", true);
    if (gft_keras_bool(config, "use_bias", true))
        gft_keras_add_variable(layer, "bias", true);
}

void gft_keras_variables_depthwise(gft_keras_layer *layer, const json_t *config) {
    gft_keras_add_variable(layer, "depthwise_kernel", true);
    if (gft_keras_bool(config, "use_bias", true))
        gft_keras_add_variable(layer, "bias", true);
}

void gft_keras_variables_separable(gft_keras_layer *layer, const json_t *config) {
    gft_keras_add_variable(layer, "depthwise_kernel", true);
    gft_keras_add_variable(layer, "pointwise_kernel", true);
    if (gft_keras_bool(config, "use_bias", true))
        gft_keras_add_variable(layer, "bias", true);
}

/* A call's numbers; in one dimension height is 1. */
typedef struct conv {
    int32_t rank;
    int64_t kernel[2];
    gft_conv2d_attrs attrs;
    gft_value_id x;
    int64_t channels;
} conv;

static void one_row(int64_t pair[2], int64_t height) {
    pair[1] = pair[0];
    pair[0] = height;
}

static graft_status read_padding(gft_keras_call *c, conv *v, graft_error *err) {
    const char *padding = gft_keras_text(c->config, "padding", "valid");
    if (strcmp(padding, "same") == 0) {
        v->attrs.padding = GFT_PAD_SAME;
    } else if (strcmp(padding, "valid") == 0) {
        v->attrs.padding = GFT_PAD_VALID;
    } else if (strcmp(padding, "causal") == 0 && v->rank == 1) {
        v->attrs.padding = GFT_PAD_EXPLICIT;
        v->attrs.pads.left = (v->kernel[1] - 1) * v->attrs.dilation_w;
    } else {
        return gft_keras_refuse(c, err, "padding '%s'", padding);
    }
    return GRAFT_OK;
}

/* (N,L,C) -> (N,1,L,C) */
static graft_status widen(gft_keras_call *c, conv *v, graft_error *err) {
    const graft_shape *x = &gft_keras_desc(c, v->x)->shape;
    const graft_shape picture = gft_shape_4(x->dims[0], 1, x->dims[1], x->dims[2]);
    return gft_keras_reshape(c, v->x, &picture, "expand", &v->x, err);
}

/* (N,1,L,C) -> (N,L,C) */
static graft_status narrow(gft_keras_call *c, gft_value_id *x, graft_error *err) {
    const graft_shape *shape = &gft_keras_desc(c, *x)->shape;
    const graft_shape row = {3, {shape->dims[0], shape->dims[2], shape->dims[3]}};
    return gft_keras_reshape(c, *x, &row, "squeeze", x, err);
}

static graft_status open_conv(gft_keras_call *c, conv *v, graft_error *err) {
    int64_t strides[2];
    int64_t dilation[2];
    *v = (conv){.rank = c->kind->number};
    GFT_TRY(gft_keras_expect(c, 1, v->rank + 2, err));
    GFT_TRY(gft_keras_pair(c, "kernel_size", 1, v->kernel, err));
    GFT_TRY(gft_keras_pair(c, "strides", 1, strides, err));
    GFT_TRY(gft_keras_pair(c, "dilation_rate", 1, dilation, err));
    if (!json_is_null(json_object_get(c->config, "lora_rank")) &&
        json_object_get(c->config, "lora_rank"))
        return gft_keras_refuse(c, err, "LoRA weights");
    if (v->rank == 1) {
        one_row(v->kernel, 1);
        one_row(strides, 1);
        one_row(dilation, 1);
    }
    v->attrs = (gft_conv2d_attrs){.stride_h = strides[0],
                                  .stride_w = strides[1],
                                  .dilation_h = dilation[0],
                                  .dilation_w = dilation[1],
                                  .groups = 1};
    v->x = c->inputs[0];
    const graft_shape *x = &gft_keras_desc(c, v->x)->shape;
    v->channels = x->dims[x->rank - 1];
    if (v->channels < 1)
        return gft_keras_refuse(c, err, "its input has an unknown number of channels");
    if (v->kernel[0] < 1 || v->kernel[1] < 1 || strides[0] < 1 || strides[1] < 1 ||
        dilation[0] < 1 || dilation[1] < 1)
        return gft_keras_wrong(c, err, "its kernel, strides or dilation are not positive");
    GFT_TRY(read_padding(c, v, err));
    return v->rank == 1 ? widen(c, v, err) : GRAFT_OK;
}

/* A kernel of the last two sizes, as (KH,KW,a,b). */
static graft_status take_kernel(gft_keras_call *c, const conv *v, const char *name,
                                const int64_t size[2], int64_t a, int64_t b, gft_value_id *out,
                                graft_error *err) {
    const graft_shape whole = gft_shape_4(size[0], size[1], a, b);
    const graft_shape row = {3, {size[1], a, b}};
    GFT_TRY(
        gft_keras_variable_of(c, name, v->rank == 1 ? &row : &whole, GFT_PARAM_WEIGHT, out, err));
    return v->rank == 1 ? gft_keras_reshape(c, *out, &whole, name, out, err) : GRAFT_OK;
}

static graft_status take_bias(gft_keras_call *c, int64_t channels, gft_value_id *out,
                              graft_error *err) {
    const graft_shape shape = gft_shape_1(channels);
    return gft_keras_variable_of(c, "bias", &shape, GFT_PARAM_BIAS, out, err);
}

static graft_status close_conv(gft_keras_call *c, const conv *v, gft_value_id y, graft_error *err) {
    if (v->rank == 1)
        GFT_TRY(narrow(c, &y, err));
    GFT_TRY(
        gft_keras_activate(c, json_object_get(c->config, "activation"), "activation", y, &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_conv(gft_keras_call *c, graft_error *err) {
    conv v;
    gft_value_id inputs[3];
    const int64_t filters = gft_keras_int(c->config, "filters", 0);
    const bool bias = gft_keras_bool(c->config, "use_bias", true);
    GFT_TRY(open_conv(c, &v, err));
    v.attrs.groups = gft_keras_int(c->config, "groups", 1);
    if (v.attrs.groups < 1 || v.channels % v.attrs.groups != 0)
        return gft_keras_wrong(c, err, "%lld groups of %lld channels", (long long)v.attrs.groups,
                               (long long)v.channels);
    inputs[0] = v.x;
    GFT_TRY(take_kernel(c, &v, "kernel", v.kernel, v.channels / v.attrs.groups, filters, &inputs[1],
                        err));
    if (bias)
        GFT_TRY(take_bias(c, filters, &inputs[2], err));
    v.attrs.epilogue.has_bias = bias;
    gft_value_id y = -1;
    GFT_TRY(gft_keras_add(c, &gft_op_conv2d, NULL, &v.attrs, inputs, bias ? 3 : 2, &y, err));
    return close_conv(c, &v, y, err);
}

graft_status gft_keras_call_depthwise(gft_keras_call *c, graft_error *err) {
    conv v;
    gft_value_id inputs[3];
    const int64_t times = gft_keras_int(c->config, "depth_multiplier", 1);
    const bool bias = gft_keras_bool(c->config, "use_bias", true);
    GFT_TRY(open_conv(c, &v, err));
    inputs[0] = v.x;
    GFT_TRY(take_kernel(c, &v, "depthwise_kernel", v.kernel, v.channels, times, &inputs[1], err));
    if (bias)
        GFT_TRY(take_bias(c, v.channels * times, &inputs[2], err));
    v.attrs.epilogue.has_bias = bias;
    gft_value_id y = -1;
    GFT_TRY(
        gft_keras_add(c, &gft_op_depthwise_conv2d, NULL, &v.attrs, inputs, bias ? 3 : 2, &y, err));
    return close_conv(c, &v, y, err);
}

graft_status gft_keras_call_separable(gft_keras_call *c, graft_error *err) {
    static const int64_t POINT[2] = {1, 1};
    conv v;
    gft_value_id inputs[3];
    const int64_t times = gft_keras_int(c->config, "depth_multiplier", 1);
    const int64_t filters = gft_keras_int(c->config, "filters", 0);
    const bool bias = gft_keras_bool(c->config, "use_bias", true);
    const gft_conv2d_attrs point = {.stride_h = 1,
                                    .stride_w = 1,
                                    .dilation_h = 1,
                                    .dilation_w = 1,
                                    .padding = GFT_PAD_VALID,
                                    .groups = 1,
                                    .epilogue = {.has_bias = bias}};
    GFT_TRY(open_conv(c, &v, err));
    inputs[0] = v.x;
    GFT_TRY(take_kernel(c, &v, "depthwise_kernel", v.kernel, v.channels, times, &inputs[1], err));
    gft_value_id y = -1;
    GFT_TRY(gft_keras_add(c, &gft_op_depthwise_conv2d, NULL, &v.attrs, inputs, 2, &y, err));
    inputs[0] = y;
    GFT_TRY(take_kernel(c, &v, "pointwise_kernel", POINT, v.channels * times, filters, &inputs[1],
                        err));
    if (bias)
        GFT_TRY(take_bias(c, filters, &inputs[2], err));
    GFT_TRY(gft_keras_add(c, &gft_op_conv2d, "pointwise", &point, inputs, bias ? 3 : 2, &y, err));
    return close_conv(c, &v, y, err);
}

/* ---- transposed ---- */

/* Keras' rule for a dimension's size with output_padding; 0: the op's own rule. */
static int64_t transposed_size(int64_t size, int64_t extent, int64_t stride, bool same,
                               int64_t extra) {
    return extra < 0 ? 0 : (size - 1) * stride + extent - (same ? extent / 2 * 2 : 0) + extra;
}

graft_status gft_keras_call_conv_transpose(gft_keras_call *c, graft_error *err) {
    conv v;
    gft_value_id inputs[2];
    gft_value_id bias = -1;
    gft_value_id y = -1;
    int64_t extra[2];
    const int64_t filters = gft_keras_int(c->config, "filters", 0);
    GFT_TRY(open_conv(c, &v, err));
    GFT_TRY(gft_keras_pair(c, "output_padding", -1, extra, err));
    if (v.rank == 1)
        one_row(extra, extra[0] < 0 ? -1 : 0);
    const graft_shape *x = &gft_keras_desc(c, v.x)->shape;
    const bool same = v.attrs.padding == GFT_PAD_SAME;
    const int64_t extent[2] = {(v.kernel[0] - 1) * v.attrs.dilation_h + 1,
                               (v.kernel[1] - 1) * v.attrs.dilation_w + 1};
    const gft_conv2d_transpose_attrs attrs = {
        .conv = v.attrs,
        .out_h = transposed_size(x->dims[1], extent[0], v.attrs.stride_h, same, extra[0]),
        .out_w = transposed_size(x->dims[2], extent[1], v.attrs.stride_w, same, extra[1])};
    if ((x->dims[1] < 0 || x->dims[2] < 0) && (extra[0] >= 0 || extra[1] >= 0))
        return gft_keras_refuse(c, err, "output_padding for pictures of unknown size");
    inputs[0] = v.x;
    GFT_TRY(take_kernel(c, &v, "kernel", v.kernel, filters, v.channels, &inputs[1], err));
    GFT_TRY(gft_keras_add(c, &gft_op_conv2d_transpose, NULL, &attrs, inputs, 2, &y, err));
    if (gft_keras_bool(c->config, "use_bias", true)) {
        GFT_TRY(take_bias(c, filters, &bias, err));
        GFT_TRY(gft_keras_binary(c, &gft_op_bias_add, "bias", y, bias, &y, err));
    }
    return close_conv(c, &v, y, err);
}
