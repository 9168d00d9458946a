/*
 * Convolutions and matrix products of integers: x, int8 weights with zero point 0, and int32 biases
 * of scale x * w. What cannot be one (uint8 weights, other biases, sums that 32 bits do not hold)
 * stays a float op.
 */
#include "graph/rewrite_join_quantized_priv.h"

typedef struct weights {
    gft_node_id dequantize, reshape; /* reshape: between dequantize and the product, or -1 */
    const int8_t *data;              /* rows of `channels` */
    int64_t rows, channels;
    const float *scales;
    int64_t scale_count; /* 1 or channels */
} weights;

static bool all_zero(const gft_graph *graph, gft_value_id id) {
    const int32_t *zero = gft_graph_fixed_data(graph, id, false);
    const int64_t count = gft_shape_elems(&graph->values[id].desc.shape);
    for (int64_t i = 0; zero && i < count; i++) {
        if (zero[i] != 0)
            return false;
    }
    return zero != NULL;
}

/*
 * Whether scales along this axis are one for each index of the last dimensions, `channels` of them.
 */
static bool along_channels(const graft_shape *shape, int32_t axis, int64_t channels) {
    if (!gft_axis_normalise(axis, shape->rank, &axis) || shape->dims[axis] != channels)
        return false;
    for (int32_t i = axis + 1; i < shape->rank; i++) {
        if (shape->dims[i] != 1)
            return false;
    }
    return true;
}

static bool find_weights(const gft_graph *graph, gft_value_id value, int64_t channels,
                         weights *out) {
    const gft_node *reshape = gft_graph_producer(graph, value, GFT_KIND_RESHAPE);
    out->reshape = reshape ? graph->values[value].node : -1;
    if (reshape)
        value = reshape->inputs[0];
    const gft_node *node = gft_graph_producer(graph, value, GFT_KIND_DEQUANTIZE);
    if (!node || node->input_count != 3)
        return false;
    const graft_tensor_desc *desc = &graph->values[node->inputs[0]].desc;
    const gft_quantize_attrs *attrs = node->attrs;
    const int64_t elems = gft_shape_elems(&desc->shape);
    out->dequantize = graph->values[value].node;
    out->data = gft_graph_fixed_data(graph, node->inputs[0], false);
    out->scales = gft_graph_fixed_data(graph, node->inputs[1], false);
    out->scale_count = gft_shape_elems(&graph->values[node->inputs[1]].desc.shape);
    if (desc->dtype != GRAFT_S8 || !out->data || !out->scales ||
        !all_zero(graph, node->inputs[2]) || channels <= 0 || elems <= 0 || elems % channels != 0)
        return false;
    out->channels = channels;
    out->rows = elems / channels;
    return out->scale_count == 1 ||
           (out->scale_count == channels && along_channels(&desc->shape, attrs->axis, channels));
}

static bool usable_multipliers(const weights *w, gft_qparams x, gft_qparams y) {
    for (int64_t c = 0; c < w->scale_count; c++) {
        const float multiplier = x.scale * w->scales[c] / y.scale;
        if (!(w->scales[c] >= 0.0f && multiplier >= 0.0f && multiplier < GFT_JOIN_MULTIPLIER))
            return false;
    }
    return true;
}

/* int32 biases: their scales are those of the sums, to rounding. */
static bool find_bias(const gft_graph *graph, gft_value_id value, const weights *w, float x_scale,
                      gft_value_id *integers) {
    const gft_node *node = gft_graph_producer(graph, value, GFT_KIND_DEQUANTIZE);
    if (!node || node->input_count != 3)
        return false;
    const graft_tensor_desc *desc = &graph->values[node->inputs[0]].desc;
    const float *scales = gft_graph_fixed_data(graph, node->inputs[1], false);
    const int64_t count = gft_shape_elems(&graph->values[node->inputs[1]].desc.shape);
    *integers = node->inputs[0];
    if (desc->dtype != GRAFT_S32 || desc->shape.rank != 1 || desc->shape.dims[0] != w->channels ||
        !scales || !all_zero(graph, node->inputs[2]) ||
        !gft_graph_fixed_data(graph, node->inputs[0], false) ||
        (count != 1 && count != w->channels))
        return false;
    for (int64_t c = 0; c < w->channels; c++) {
        const float expected = x_scale * w->scales[w->scale_count == 1 ? 0 : c];
        if (!(fabsf(scales[count == 1 ? 0 : c] - expected) <= 1e-5f * expected))
            return false;
    }
    return true;
}

/* Whether 32 bits hold every sum: rows of weights times what x may be, and the bias. */
static bool sums_fit(const weights *w, const int32_t *bias) {
    const int64_t most = INT32_MAX;
    int64_t largest = 0;
    for (int64_t c = 0; bias && c < w->channels; c++) {
        const int64_t size = bias[c] < 0 ? -(int64_t)bias[c] : bias[c];
        largest = size > largest ? size : largest;
    }
    if (w->rows <= (most - largest) / (255 * 128))
        return true;
    for (int64_t c = 0; c < w->channels; c++) {
        int64_t sum = 0;
        for (int64_t r = 0; r < w->rows && sum <= most; r++) {
            const int32_t v = w->data[r * w->channels + c];
            sum += v < 0 ? -v : v;
        }
        const int64_t size = !bias ? 0 : bias[c] < 0 ? -(int64_t)bias[c] : bias[c];
        if (sum > (most - size) / 255)
            return false;
    }
    return true;
}

/* x, weights (reshaped as the float ones were), their scales, bias. */
static graft_status take_inputs(gft_joiner *j, const gft_node *node, const weights *w,
                                gft_value_id *inputs, graft_error *err) {
    gft_graph *graph = j->graph;
    const gft_node dequantize = graph->nodes[w->dequantize];
    inputs[1] = dequantize.inputs[0];
    inputs[2] = dequantize.inputs[1];
    if (w->reshape < 0)
        return GRAFT_OK;
    const gft_node reshape = graph->nodes[w->reshape];
    const gft_shape_attrs attrs = {.shape = graph->values[node->inputs[1]].desc.shape};
    return gft_graph_add(graph, reshape.op, reshape.name, &attrs, &inputs[1], 1, &inputs[1], err);
}

graft_status gft_join_product(gft_joiner *j, const gft_join_end *end, gft_node_id id,
                              const gft_join *join, bool *done, graft_error *err) {
    const gft_graph *graph = j->graph;
    const gft_node node = graph->nodes[id];
    const gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(&node);
    const graft_shape *y = &graph->values[node.outputs[0]].desc.shape;
    const int32_t extra = epilogue->has_bias ? 3 : 2;
    const bool plain =
        !epilogue->has_residual && !epilogue->has_input_scale && !epilogue->activation;
    gft_join_value x;
    weights w;
    gft_value_id inputs[4];
    int32_t lo;
    int32_t hi;
    *done = false;
    if (!plain || node.input_count != extra || y->rank < 1 ||
        !gft_join_source(j, node.inputs[0], &x) || x.dtype != end->y.dtype ||
        !find_weights(graph, node.inputs[1], y->dims[y->rank - 1], &w) ||
        !usable_multipliers(&w, x.params, end->y.params) || !gft_join_bounds(j, end, &lo, &hi))
        return GRAFT_OK;
    if (epilogue->has_bias && !find_bias(graph, node.inputs[2], &w, x.params.scale, &inputs[3]))
        return GRAFT_OK;
    if (!sums_fit(&w, epilogue->has_bias ? gft_graph_fixed_data(graph, inputs[3], false) : NULL))
        return GRAFT_OK;
    inputs[0] = x.integers;
    *done = true;
    GFT_TRY(take_inputs(j, &node, &w, inputs, err));
    if (join->way == GFT_JOIN_DENSE) {
        const gft_qdense_attrs attrs = {epilogue->has_bias, x.params, end->y.params, lo, hi};
        return gft_join_replace(j, end, id, join->integer, &attrs, inputs, extra + 1, err);
    }
    const gft_qconv2d_attrs attrs = {*(const gft_conv2d_attrs *)node.attrs, x.params, end->y.params,
                                     lo, hi};
    return gft_join_replace(j, end, id, join->integer, &attrs, inputs, extra + 1, err);
}
