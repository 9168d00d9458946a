/*
 * Convolutions, matrix products and pools, read. Filters are turned from TFLite's layouts into
 * Graft's; biases go into the products, fused activations become nodes of their own behind them.
 */
#include "base/shape.h"
#include "models/tflite_read.h"

static graft_status read_padding(int8_t padding, gft_padding *out, graft_error *err) {
    if (padding != GFT_TFLITE_PADDING_SAME && padding != GFT_TFLITE_PADDING_VALID)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its padding is number %d", padding);
    *out = padding == GFT_TFLITE_PADDING_SAME ? GFT_PAD_SAME : GFT_PAD_VALID;
    return GRAFT_OK;
}

/* x, filter, and the bias if there is one. */
typedef struct product {
    gft_value_id inputs[3];
    int32_t count;
    graft_shape x;
} product;

static graft_status take_product(gft_tfl_op *m, gft_tfl_layout layout, const char *part,
                                 product *out, graft_error *err) {
    gft_param_id filter;
    gft_param_id bias;
    GFT_TRY(gft_tfl_take(m, 0, &out->inputs[0], err));
    out->x = m->g->graph->values[out->inputs[0]].desc.shape;
    const int64_t channels = out->x.rank > 0 ? out->x.dims[out->x.rank - 1] : 0;
    GFT_TRY(gft_tfl_weight(m, 1, layout, part, -1, channels, &out->inputs[1], &filter, err));
    out->count = 2;
    if (!gft_tfl_has(m, 2))
        return GRAFT_OK;
    GFT_TRY(gft_tfl_weight(m, 2, GFT_TFL_AS_IS, "bias", filter, 0, &out->inputs[2], &bias, err));
    out->count = 3;
    return GRAFT_OK;
}

/* Sets the output, with its activation. */
static graft_status finish(gft_tfl_op *m, int8_t activation, gft_value_id y, graft_error *err) {
    GFT_TRY(gft_tfl_activate(m, activation, y, &y, err));
    return gft_tfl_set_id(m, 0, y, err);
}

graft_status gft_tfl_read_conv2d(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    gft_conv2d_attrs attrs = {
        .stride_h = gft_fb_i32(o, GFT_TFLITE_CONV_2D_STRIDE_H, 0),
        .stride_w = gft_fb_i32(o, GFT_TFLITE_CONV_2D_STRIDE_W, 0),
        .dilation_h = gft_fb_i32(o, GFT_TFLITE_CONV_2D_DILATION_H_FACTOR, 1),
        .dilation_w = gft_fb_i32(o, GFT_TFLITE_CONV_2D_DILATION_W_FACTOR, 1),
    };
    product p;
    gft_value_id y;
    GFT_TRY(read_padding(gft_fb_i8(o, GFT_TFLITE_CONV_2D_PADDING, 0), &attrs.padding, err));
    const char *depthwise = gft_arena_format(m->g->reader->arena, "%s/depthwise_kernel", m->layer);
    if (!depthwise)
        return gft_fail_memory(err, 64, "a parameter's name");
    const bool separable = gft_params_find(&m->g->reader->model->params, depthwise) >= 0;
    GFT_TRY(take_product(m, GFT_TFL_CONV, separable ? "pointwise_kernel" : "kernel", &p, err));
    const graft_shape *filter = &m->g->graph->values[p.inputs[1]].desc.shape;
    if (p.x.rank == 4 && filter->rank == 4 && filter->dims[2] > 0 && p.x.dims[3] > filter->dims[2])
        attrs.groups = p.x.dims[3] / filter->dims[2];
    attrs.epilogue.has_bias = p.count == 3;
    GFT_TRY(gft_tfl_append(m, &gft_op_conv2d, &attrs, p.inputs, p.count, &y, err));
    return finish(m, gft_fb_i8(o, GFT_TFLITE_CONV_2D_ACTIVATION, 0), y, err);
}

graft_status gft_tfl_read_depthwise(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    gft_conv2d_attrs attrs = {
        .stride_h = gft_fb_i32(o, GFT_TFLITE_DEPTHWISE_CONV_2D_STRIDE_H, 0),
        .stride_w = gft_fb_i32(o, GFT_TFLITE_DEPTHWISE_CONV_2D_STRIDE_W, 0),
        .dilation_h = gft_fb_i32(o, GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_H_FACTOR, 1),
        .dilation_w = gft_fb_i32(o, GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_W_FACTOR, 1),
    };
    product p;
    gft_value_id y;
    GFT_TRY(
        read_padding(gft_fb_i8(o, GFT_TFLITE_DEPTHWISE_CONV_2D_PADDING, 0), &attrs.padding, err));
    GFT_TRY(take_product(m, GFT_TFL_DEPTHWISE, "depthwise_kernel", &p, err));
    attrs.epilogue.has_bias = p.count == 3;
    GFT_TRY(gft_tfl_append(m, &gft_op_depthwise_conv2d, &attrs, p.inputs, p.count, &y, err));
    return finish(m, gft_fb_i8(o, GFT_TFLITE_DEPTHWISE_CONV_2D_ACTIVATION, 0), y, err);
}

/* ---- fully connected ---- */

/* x as rows of the kernel's length; without keep_num_dims every input becomes a matrix. */
static graft_status make_rows(gft_tfl_op *m, bool keep, product *p, graft_error *err) {
    const graft_shape *kernel = &m->g->graph->values[p->inputs[1]].desc.shape;
    if (kernel->rank != 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its weights are no matrix");
    const int64_t width = kernel->dims[0];
    const int64_t last = p->x.rank > 0 ? p->x.dims[p->x.rank - 1] : 0;
    if (last == width && (p->x.rank == 2 || (keep && p->x.rank > 2)))
        return GRAFT_OK;
    if (keep && last != width)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "rows of %lld for weights of %lld",
                        (long long)last, (long long)width);
    const gft_shape_attrs rows = {.shape = gft_shape_2(-1, width)};
    return gft_tfl_append(m, &gft_op_reshape, &rows, p->inputs, 1, &p->inputs[0], err);
}

graft_status gft_tfl_read_fully_connected(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    gft_dense_attrs attrs = {{0}};
    product p;
    gft_value_id y;
    if (gft_fb_i8(o, GFT_TFLITE_FULLY_CONNECTED_WEIGHTS_FORMAT, 0) != GFT_TFLITE_FC_DEFAULT)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its weights are shuffled");
    GFT_TRY(take_product(m, GFT_TFL_DENSE, "kernel", &p, err));
    GFT_TRY(make_rows(m, gft_fb_bool(o, GFT_TFLITE_FULLY_CONNECTED_KEEP_NUM_DIMS, false), &p, err));
    attrs.epilogue.has_bias = p.count == 3;
    GFT_TRY(gft_tfl_append(m, &gft_op_dense, &attrs, p.inputs, p.count, &y, err));
    return finish(m, gft_fb_i8(o, GFT_TFLITE_FULLY_CONNECTED_ACTIVATION, 0), y, err);
}

graft_status gft_tfl_read_batch_matmul(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    gft_tf_attr_bool(&m->g->nodes, node.node, "adj_x",
                     gft_fb_bool(&m->o->options, GFT_TFLITE_BATCH_MATMUL_ADJ_X, false));
    gft_tf_attr_bool(&m->g->nodes, node.node, "adj_y",
                     gft_fb_bool(&m->o->options, GFT_TFLITE_BATCH_MATMUL_ADJ_Y, false));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

/* ---- transposed convolution: output shape, filter (O,H,W,I), x, bias ---- */

/* Rows and columns of the result; 0 where they follow from the strides. */
static graft_status output_size(gft_tfl_op *m, int64_t *h, int64_t *w, graft_error *err) {
    gft_tf_value *shape;
    gft_tf_import as = {.graph = m->g->graph, .inputs = &shape, .input_count = 1};
    gft_tf_ints ints;
    GFT_TRY(gft_tfl_input(m, 0, &shape, err));
    GFT_TRY(gft_tf_need_ints(&as, 0, "output dimensions", &ints, err));
    if (ints.count != 4)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "an output shape of %d numbers", ints.count);
    *h = ints.values[1] == GFT_TF_UNKNOWN ? 0 : ints.values[1];
    *w = ints.values[2] == GFT_TF_UNKNOWN ? 0 : ints.values[2];
    return GRAFT_OK;
}

graft_status gft_tfl_read_transpose_conv(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    gft_conv2d_transpose_attrs attrs = {
        .conv.stride_h = gft_fb_i32(o, GFT_TFLITE_TRANSPOSE_CONV_STRIDE_H, 0),
        .conv.stride_w = gft_fb_i32(o, GFT_TFLITE_TRANSPOSE_CONV_STRIDE_W, 0),
    };
    gft_value_id inputs[2];
    gft_value_id bias;
    gft_value_id y;
    gft_param_id filter;
    gft_param_id ignored;
    GFT_TRY(
        read_padding(gft_fb_i8(o, GFT_TFLITE_TRANSPOSE_CONV_PADDING, 0), &attrs.conv.padding, err));
    GFT_TRY(output_size(m, &attrs.out_h, &attrs.out_w, err));
    GFT_TRY(gft_tfl_take(m, 2, &inputs[0], err));
    GFT_TRY(gft_tfl_weight(m, 1, GFT_TFL_TRANSPOSE, "kernel", -1, 0, &inputs[1], &filter, err));
    GFT_TRY(gft_tfl_append(m, &gft_op_conv2d_transpose, &attrs, inputs, 2, &y, err));
    if (gft_tfl_has(m, 3)) {
        GFT_TRY(gft_tfl_weight(m, 3, GFT_TFL_AS_IS, "bias", filter, 0, &bias, &ignored, err));
        const gft_value_id pair[2] = {y, bias};
        GFT_TRY(gft_tfl_append(m, &gft_op_bias_add, NULL, pair, 2, &y, err));
    }
    return finish(m, gft_fb_i8(o, GFT_TFLITE_TRANSPOSE_CONV_ACTIVATION, 0), y, err);
}

/* ---- pools ---- */

static graft_status pool_attrs(const gft_tfl_op *m, gft_pool_attrs *out, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    *out = (gft_pool_attrs){
        .kernel_h = gft_fb_i32(o, GFT_TFLITE_POOL_2D_FILTER_HEIGHT, 0),
        .kernel_w = gft_fb_i32(o, GFT_TFLITE_POOL_2D_FILTER_WIDTH, 0),
        .stride_h = gft_fb_i32(o, GFT_TFLITE_POOL_2D_STRIDE_H, 0),
        .stride_w = gft_fb_i32(o, GFT_TFLITE_POOL_2D_STRIDE_W, 0),
    };
    return read_padding(gft_fb_i8(o, GFT_TFLITE_POOL_2D_PADDING, 0), &out->padding, err);
}

graft_status gft_tfl_read_pool(gft_tfl_op *m, graft_error *err) {
    gft_pool_attrs attrs;
    gft_value_id x;
    gft_value_id y;
    GFT_TRY(pool_attrs(m, &attrs, err));
    GFT_TRY(gft_tfl_take(m, 0, &x, err));
    GFT_TRY(gft_tfl_append(m, m->entry->graph_op, &attrs, &x, 1, &y, err));
    return finish(m, gft_fb_i8(&m->o->options, GFT_TFLITE_POOL_2D_ACTIVATION, 0), y, err);
}

/* The root of the mean of squares. */
graft_status gft_tfl_read_l2_pool(gft_tfl_op *m, graft_error *err) {
    gft_pool_attrs attrs;
    gft_value_id x;
    GFT_TRY(pool_attrs(m, &attrs, err));
    GFT_TRY(gft_tfl_take(m, 0, &x, err));
    GFT_TRY(gft_tfl_append(m, &gft_op_square, NULL, &x, 1, &x, err));
    GFT_TRY(gft_tfl_append(m, &gft_op_avg_pool, &attrs, &x, 1, &x, err));
    GFT_TRY(gft_tfl_append(m, &gft_op_sqrt, NULL, &x, 1, &x, err));
    return finish(m, gft_fb_i8(&m->o->options, GFT_TFLITE_POOL_2D_ACTIVATION, 0), x, err);
}
