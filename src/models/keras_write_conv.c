/*
 * Layers with weights: convolutions (a depthwise one and the 1x1 one behind it under one name are a
 * SeparableConv2D), Dense, BatchNormalization, LayerNormalization, Embedding, PReLU.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "models/keras_write.h"

/* ---- what stands before and behind a product ---- */

/* Input 0 multiplied by the epilogue's input_scale. */
static gft_kw_id scaled_input(gft_kw *w, const gft_epilogue_attrs *epilogue) {
    const gft_kw_id x = gft_kw_in(w, 0);
    if (!epilogue->has_input_scale)
        return x;
    return gft_kw_merge(w, "Multiply", "_scaled", x, gft_kw_in(w, w->node->input_count - 1),
                        gft_kw_in_desc(w, 0));
}

/* Residual and activation; the bias is the layer's own. */
static void finish(gft_kw *w, gft_kw_id layer, const gft_epilogue_attrs *epilogue) {
    gft_kw_id y = layer;
    if (epilogue->has_residual)
        y = gft_kw_merge(w, "Add", "_residual", y, gft_kw_in(w, 2 + (epilogue->has_bias ? 1 : 0)),
                         gft_kw_out_desc(w));
    if (y >= 0 && y == layer)
        w->layers[y].takes_activation = true;
    if (epilogue->activation)
        y = gft_kw_activate(w, y, epilogue->activation, epilogue->alpha, "_activation");
    gft_kw_done(w, y);
}

/* ---- convolutions ---- */

static int64_t or_one(int64_t n) {
    return n > 0 ? n : 1;
}

/* Strides, padding, dilation; bias said where there is none. */
static json_t *window(gft_kw *w, const gft_conv2d_attrs *attrs, int64_t kh, int64_t kw, bool bias) {
    json_t *config = json_object();
    const bool dilated = or_one(attrs->dilation_h) > 1 || or_one(attrs->dilation_w) > 1;
    gft_kw_set(w, config, "kernel_size", gft_kw_pair(kh, kw));
    gft_kw_set(w, config, "strides", gft_kw_pair(attrs->stride_h, attrs->stride_w));
    gft_kw_set(w, config, "padding",
               json_string(attrs->padding == GFT_PAD_SAME ? "same" : "valid"));
    if (dilated)
        gft_kw_set(w, config, "dilation_rate",
                   gft_kw_pair(or_one(attrs->dilation_h), or_one(attrs->dilation_w)));
    gft_kw_set(w, config, "use_bias", json_boolean(bias));
    return config;
}

/* Padding that the layer cannot say stands in front of it. */
static gft_kw_id conv_input(gft_kw *w, const gft_conv2d_attrs *attrs) {
    const gft_kw_id x = scaled_input(w, &attrs->epilogue);
    return attrs->padding == GFT_PAD_EXPLICIT ? gft_kw_zero_padding(w, x, &attrs->pads, "_pad") : x;
}

static gft_kw_id conv_layer(gft_kw *w, const char *class_name, json_t *config, gft_kw_id x) {
    return gft_kw_add1(w, class_name, NULL, config, x);
}

/* Weights of one layer: "conv/depthwise_kernel" and "conv/pointwise_kernel". */
static bool same_layer(const gft_kw *w, const gft_node *a, const gft_node *b) {
    const gft_param_id x = w->param_of[a->inputs[1]];
    const gft_param_id y = w->param_of[b->inputs[1]];
    if (strcmp(a->layer, b->layer) == 0)
        return true;
    if (x < 0 || y < 0)
        return false;
    const char *first = w->graph->params->items[x].name;
    const char *second = w->graph->params->items[y].name;
    const char *end = strrchr(first, '/');
    return end && strncmp(first, second, (size_t)(end - first) + 1) == 0 &&
           !strchr(second + (end - first) + 1, '/');
}

/* The depthwise node in front of a 1x1 convolution of the same layer, NULL if there is none. */
static const gft_node *separable_part(const gft_kw *w) {
    const gft_conv2d_attrs *attrs = w->node->attrs;
    const gft_value *x = &w->graph->values[w->node->inputs[0]];
    const gft_node *depthwise = x->kind == GFT_VALUE_NODE ? &w->graph->nodes[x->node] : NULL;
    const gft_kw_id id = w->layer_of[w->node->inputs[0]];
    if (!depthwise || depthwise->op != &gft_op_depthwise_conv2d || id < 0 ||
        !gft_kw_single(w, w->node->inputs[0]) || attrs->epilogue.has_input_scale)
        return NULL;
    const gft_conv2d_attrs *first = depthwise->attrs;
    const gft_kw_layer *layer = &w->layers[id];
    const graft_shape *filter = &gft_kw_in_desc(w, 1)->shape;
    const bool plain = filter->dims[0] == 1 && filter->dims[1] == 1 && attrs->stride_h == 1 &&
                       attrs->stride_w == 1 && or_one(attrs->groups) == 1 &&
                       attrs->padding != GFT_PAD_EXPLICIT;
    const bool even = first->stride_h == first->stride_w && layer->takes_activation &&
                      strcmp(layer->class_name, "DepthwiseConv2D") == 0 && layer->weight_count == 1;
    return plain && even && same_layer(w, depthwise, w->node) ? depthwise : NULL;
}

/* The DepthwiseConv2D that is there already takes the 1x1 convolution in. */
static void separable(gft_kw *w) {
    const gft_conv2d_attrs *attrs = w->node->attrs;
    const gft_kw_id id = w->layer_of[w->node->inputs[0]];
    const bool bias = attrs->epilogue.has_bias;
    gft_kw_layer *layer = &w->layers[id];
    layer->class_name = "SeparableConv2D";
    layer->output = *gft_kw_out_desc(w);
    layer->takes_activation = false;
    layer->weights[0].name = "depthwise_kernel";
    gft_kw_set(w, layer->config, "filters", json_integer(gft_kw_in_desc(w, 1)->shape.dims[3]));
    gft_kw_set(w, layer->config, "use_bias", json_boolean(bias));
    gft_kw_add_weight(w, id, "pointwise_kernel", 1, NULL);
    if (bias)
        gft_kw_add_weight(w, id, "bias", 2, NULL);
    finish(w, id, &attrs->epilogue);
}

static bool dilated_strides(const gft_conv2d_attrs *attrs) {
    return (attrs->dilation_h > 1 || attrs->dilation_w > 1) &&
           (attrs->stride_h > 1 || attrs->stride_w > 1);
}

void gft_kw_emit_conv2d(gft_kw *w) {
    const gft_conv2d_attrs *attrs = w->node->attrs;
    const graft_shape *filter = &gft_kw_in_desc(w, 1)->shape;
    const bool bias = attrs->epilogue.has_bias;
    if (!gft_kw_fixed(w, 1)) {
        (void)gft_kw_cannot(w, "its filter is computed when the graph runs");
        return;
    }
    if (separable_part(w)) {
        separable(w);
        return;
    }
    if (dilated_strides(attrs)) {
        (void)gft_kw_cannot(w, "it has strides and dilation, of which Keras takes one");
        return;
    }
    const gft_kw_id x = conv_input(w, attrs);
    json_t *config = window(w, attrs, filter->dims[0], filter->dims[1], bias);
    gft_kw_set(w, config, "filters", json_integer(filter->dims[3]));
    if (or_one(attrs->groups) > 1)
        gft_kw_set(w, config, "groups", json_integer(attrs->groups));
    const gft_kw_id id = conv_layer(w, "Conv2D", config, x);
    gft_kw_add_weight(w, id, "kernel", 1, NULL);
    if (bias)
        gft_kw_add_weight(w, id, "bias", 2, NULL);
    finish(w, id, &attrs->epilogue);
}

/*
 * Unequal strides and dilation with strides are more than Keras' depthwise layer takes: a
 * convolution with a group per channel does the same with the same numbers.
 */
static void depthwise_groups(gft_kw *w, const gft_conv2d_attrs *attrs, const graft_shape *filter) {
    const int64_t channels = filter->dims[2];
    const int64_t multiplier = filter->dims[3];
    const graft_shape shape =
        gft_shape_4(filter->dims[0], filter->dims[1], 1, channels * multiplier);
    if (dilated_strides(attrs)) {
        (void)gft_kw_cannot(w, "it has strides and dilation, of which Keras takes one");
        return;
    }
    const gft_kw_id x = conv_input(w, attrs);
    json_t *config = window(w, attrs, filter->dims[0], filter->dims[1], attrs->epilogue.has_bias);
    gft_kw_set(w, config, "filters", json_integer(channels * multiplier));
    gft_kw_set(w, config, "groups", json_integer(channels));
    const gft_kw_id id = conv_layer(w, "Conv2D", config, x);
    gft_kw_add_weight(w, id, "kernel", 1, &shape);
    if (attrs->epilogue.has_bias)
        gft_kw_add_weight(w, id, "bias", 2, NULL);
    finish(w, id, &attrs->epilogue);
}

void gft_kw_emit_depthwise_conv2d(gft_kw *w) {
    const gft_conv2d_attrs *attrs = w->node->attrs;
    const graft_shape *filter = &gft_kw_in_desc(w, 1)->shape;
    const bool bias = attrs->epilogue.has_bias;
    if (!gft_kw_fixed(w, 1)) {
        (void)gft_kw_cannot(w, "its filter is computed when the graph runs");
        return;
    }
    if (attrs->stride_h != attrs->stride_w || dilated_strides(attrs)) {
        depthwise_groups(w, attrs, filter);
        return;
    }
    const gft_kw_id x = conv_input(w, attrs);
    json_t *config = window(w, attrs, filter->dims[0], filter->dims[1], bias);
    if (filter->dims[3] != 1)
        gft_kw_set(w, config, "depth_multiplier", json_integer(filter->dims[3]));
    const gft_kw_id id = conv_layer(w, "DepthwiseConv2D", config, x);
    gft_kw_add_weight(w, id, w->legacy ? "depthwise_kernel" : "kernel", 1, NULL);
    if (bias)
        gft_kw_add_weight(w, id, "bias", 2, NULL);
    finish(w, id, &attrs->epilogue);
}

/* The size Keras gives: SAME in * stride, else as far as the last window reaches. */
static bool usual_size(int64_t asked, int64_t in, int64_t stride, int64_t extent, bool same) {
    if (!same && extent < stride)
        return false;
    return asked == 0 || (in >= 0 && asked == (same ? in : in - 1) * stride + (same ? 0 : extent));
}

void gft_kw_emit_conv2d_transpose(gft_kw *w) {
    const gft_conv2d_transpose_attrs *attrs = w->node->attrs;
    const gft_conv2d_attrs *conv = &attrs->conv;
    const graft_shape *x = &gft_kw_in_desc(w, 0)->shape;
    const graft_shape *filter = &gft_kw_in_desc(w, 1)->shape;
    const bool same = conv->padding == GFT_PAD_SAME;
    const int64_t extent_h = (filter->dims[0] - 1) * or_one(conv->dilation_h) + 1;
    const int64_t extent_w = (filter->dims[1] - 1) * or_one(conv->dilation_w) + 1;
    if (!gft_kw_fixed(w, 1)) {
        (void)gft_kw_cannot(w, "its filter is computed when the graph runs");
        return;
    }
    if (conv->padding == GFT_PAD_EXPLICIT || dilated_strides(conv) ||
        !usual_size(attrs->out_h, x->dims[1], conv->stride_h, extent_h, same) ||
        !usual_size(attrs->out_w, x->dims[2], conv->stride_w, extent_w, same)) {
        (void)gft_kw_cannot(w, "its size is none that Keras gives");
        return;
    }
    json_t *config = window(w, conv, filter->dims[0], filter->dims[1], false);
    gft_kw_set(w, config, "filters", json_integer(filter->dims[2]));
    const gft_kw_id id = conv_layer(w, "Conv2DTranspose", config, gft_kw_in(w, 0));
    gft_kw_add_weight(w, id, "kernel", 1, NULL);
    gft_kw_done(w, id);
    if (id >= 0 && w->status == GRAFT_OK)
        w->layers[id].takes_activation = true;
}

/* A bias right behind a transposed convolution belongs to it. */
bool gft_kw_take_bias(gft_kw *w) {
    const gft_value_id x = w->node->inputs[0];
    const gft_kw_id id = w->layer_of[x];
    if (id < 0 || !gft_kw_fixed(w, 1) || !gft_kw_single(w, x) || w->layers[id].value != x ||
        !w->layers[id].takes_activation || w->layers[id].weight_count != 1 ||
        strcmp(w->layers[id].class_name, "Conv2DTranspose") != 0)
        return false;
    gft_kw_set(w, w->layers[id].config, "use_bias", json_true());
    gft_kw_add_weight(w, id, "bias", 1, NULL);
    gft_kw_done(w, id);
    return true;
}

/* ---- matrix products ---- */

static gft_kw_id dense_layer(gft_kw *w, gft_kw_id x, int64_t units, bool bias) {
    json_t *config = json_object();
    gft_kw_set(w, config, "units", json_integer(units));
    gft_kw_set(w, config, "use_bias", json_boolean(bias));
    return conv_layer(w, "Dense", config, x);
}

void gft_kw_emit_dense(gft_kw *w) {
    const gft_dense_attrs *attrs = w->node->attrs;
    const bool bias = attrs->epilogue.has_bias;
    const graft_shape *kernel = &gft_kw_in_desc(w, 1)->shape;
    if (!gft_kw_fixed(w, 1)) {
        (void)gft_kw_cannot(w, "its kernel is computed when the graph runs");
        return;
    }
    if (gft_kw_in_desc(w, 0)->shape.rank < 2) {
        (void)gft_kw_cannot(w, "its input is a vector, expected a batch");
        return;
    }
    const gft_kw_id id = dense_layer(w, scaled_input(w, &attrs->epilogue), kernel->dims[1], bias);
    gft_kw_add_weight(w, id, "kernel", 1, NULL);
    if (bias)
        gft_kw_add_weight(w, id, "bias", 2, NULL);
    finish(w, id, &attrs->epilogue);
}

/* The last two dimensions of an input exchanged, by Keras' own operation. */
static gft_kw_id transposed(gft_kw *w, int32_t i, gft_kw_id x, const char *suffix) {
    graft_tensor_desc desc = *gft_kw_in_desc(w, i);
    const int32_t rank = desc.shape.rank;
    int64_t axes[GRAFT_MAX_RANK];
    for (int32_t d = 0; d < rank; d++)
        axes[d] = d;
    axes[rank - 2] = rank - 1;
    axes[rank - 1] = rank - 2;
    const int64_t last = desc.shape.dims[rank - 1];
    desc.shape.dims[rank - 1] = desc.shape.dims[rank - 2];
    desc.shape.dims[rank - 2] = last;
    json_t *config = json_object();
    gft_kw_set(w, config, "axes", gft_kw_ints(axes, rank));
    const gft_kw_spec spec = {.module = GFT_KW_NUMPY,
                              .class_name = "Transpose",
                              .suffix = suffix,
                              .config = config,
                              .inputs = &x,
                              .input_count = 1,
                              .output = desc};
    return gft_kw_add(w, &spec);
}

/* A constant matrix behind rows is a Dense without bias; all else is Keras' operation. */
void gft_kw_emit_matmul(gft_kw *w) {
    const gft_matmul_attrs *attrs = w->node->attrs;
    const graft_shape *b = &gft_kw_in_desc(w, 1)->shape;
    if (gft_kw_fixed(w, 1) && b->rank == 2 && !attrs->transpose_a && !attrs->transpose_b &&
        gft_kw_in_desc(w, 0)->shape.rank >= 2) {
        const gft_kw_id id = dense_layer(w, gft_kw_in(w, 0), b->dims[1], false);
        gft_kw_add_weight(w, id, "kernel", 1, NULL);
        gft_kw_done(w, id);
        return;
    }
    if (!attrs->transpose_a && !attrs->transpose_b) {
        gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Matmul", NULL));
        return;
    }
    gft_kw_id inputs[2] = {gft_kw_in(w, 0), gft_kw_in(w, 1)};
    if (attrs->transpose_a && inputs[0] >= 0)
        inputs[0] = transposed(w, 0, inputs[0], "_a");
    if (attrs->transpose_b && inputs[1] >= 0)
        inputs[1] = transposed(w, 1, inputs[1], "_b");
    const gft_kw_spec spec = {
        .module = GFT_KW_NUMPY, .class_name = "Matmul", .inputs = inputs, .input_count = 2};
    gft_kw_done(w, gft_kw_add(w, &spec));
}

/* ---- normalisation ---- */

/*
 * A constant of nothing but this number, beside statistics that are parameters: the layer has no
 * such weight.
 */
static bool left_out(const gft_kw *w, int32_t i, float number, int32_t beside) {
    const gft_value *value = &w->graph->values[w->node->inputs[i]];
    const int64_t elems = gft_shape_elems(&value->desc.shape);
    if (value->kind != GFT_VALUE_CONST || gft_kw_param(w, beside) < 0 ||
        value->desc.dtype != GRAFT_F32)
        return false;
    for (int64_t k = 0; k < elems; k++) {
        if (((const float *)value->data)[k] != number)
            return false;
    }
    return true;
}

void gft_kw_emit_batch_norm(gft_kw *w) {
    static const char *const names[] = {"", "gamma", "beta", "moving_mean", "moving_variance"};
    const gft_batch_norm_attrs *attrs = w->node->attrs;
    const bool scale = !left_out(w, 1, 1.0f, 3);
    const bool center = !left_out(w, 2, 0.0f, 3);
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(-1));
    gft_kw_set(w, config, "momentum", gft_kw_float(attrs->momentum));
    gft_kw_set(w, config, "epsilon", gft_kw_float(attrs->epsilon));
    if (!scale)
        gft_kw_set(w, config, "scale", json_false());
    if (!center)
        gft_kw_set(w, config, "center", json_false());
    const gft_kw_id id = gft_kw_add1(w, "BatchNormalization", NULL, config, gft_kw_in(w, 0));
    for (int32_t i = 1; i < 5; i++) {
        if ((i == 1 && !scale) || (i == 2 && !center))
            continue;
        gft_kw_add_weight(w, id, names[i], i, NULL);
        if (i > 2 && id >= 0 && w->status == GRAFT_OK)
            w->layers[id].weights[w->layers[id].weight_count - 1].trainable = false;
    }
    gft_kw_done(w, id);
}

void gft_kw_emit_layer_norm(gft_kw *w) {
    const gft_norm_attrs *attrs = w->node->attrs;
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(-1));
    gft_kw_set(w, config, "epsilon", gft_kw_float(attrs->epsilon));
    const gft_kw_id id = gft_kw_add1(w, "LayerNormalization", NULL, config, gft_kw_in(w, 0));
    gft_kw_add_weight(w, id, "gamma", 1, NULL);
    gft_kw_add_weight(w, id, "beta", 2, NULL);
    gft_kw_done(w, id);
}

/* ---- tables ---- */

void gft_kw_emit_gather(gft_kw *w) {
    const gft_axis_attrs *attrs = w->node->attrs;
    const graft_tensor_desc *table = gft_kw_in_desc(w, 0);
    json_t *config = json_object();
    if (gft_kw_fixed(w, 0) && attrs->axis == 0 && table->shape.rank == 2 &&
        table->dtype == GRAFT_F32) {
        gft_kw_set(w, config, "input_dim", json_integer(table->shape.dims[0]));
        gft_kw_set(w, config, "output_dim", json_integer(table->shape.dims[1]));
        const gft_kw_id id = gft_kw_add1(w, "Embedding", NULL, config, gft_kw_in(w, 1));
        gft_kw_add_weight(w, id, "embeddings", 0, NULL);
        gft_kw_done(w, id);
        return;
    }
    gft_kw_set(w, config, "axis", json_integer(attrs->axis));
    gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Take", config));
}

/* Keras' alpha has a dimension for each of the input's but the batch; shared ones are 1. */
void gft_kw_emit_prelu(gft_kw *w) {
    const graft_shape *x = &gft_kw_in_desc(w, 0)->shape;
    const graft_shape *alpha = &gft_kw_in_desc(w, 1)->shape;
    graft_shape shape = {x->rank - 1, {0}};
    json_t *shared = json_array();
    if (!gft_kw_fixed(w, 1) || x->rank < 2 || alpha->rank > x->rank) {
        json_decref(shared);
        (void)gft_kw_cannot(w, "its slopes are no weights of a layer");
        return;
    }
    for (int32_t d = 1; d < x->rank; d++) {
        const int32_t from = d - (x->rank - alpha->rank);
        shape.dims[d - 1] = from >= 0 ? alpha->dims[from] : 1;
        if (shape.dims[d - 1] == 1 && json_array_append_new(shared, json_integer(d)) != 0)
            (void)gft_kw_no_memory(w);
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "shared_axes", shared);
    const gft_kw_id id = gft_kw_add1(w, "PReLU", NULL, config, gft_kw_in(w, 0));
    gft_kw_add_weight(w, id, "alpha", 1, &shape);
    gft_kw_done(w, id);
}
