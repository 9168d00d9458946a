/*
 * Family builders' helpers (builder.h): each appends the nodes of one layer, taking its parameters
 * from the source.
 */
#include "models/builder.h"

#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"

gft_builder gft_builder_make(graft_model *model, gft_weight_source source, void *context,
                             graft_error *err) {
    gft_builder b = {.model = model,
                     .source = source,
                     .context = context,
                     .epsilon = 1e-3f,
                     .momentum = 0.99f,
                     .err = err};
    b.status = gft_graph_new(&model->params, &b.graph, err);
    return b;
}

graft_status gft_builder_finish(gft_builder *b, const char *signature) {
    gft_graph *graph = b->graph;
    b->graph = NULL;
    if (b->status != GRAFT_OK) {
        gft_graph_free(graph);
        return b->status;
    }
    gft_graph_set_layer(graph, NULL);
    return gft_model_add_signature(b->model, signature, graph, b->err);
}

/* Keeps the first failure; true while all is well. */
static bool keep(gft_builder *b, graft_status status) {
    if (b->status == GRAFT_OK)
        b->status = status;
    return b->status == GRAFT_OK;
}

static bool fine(const gft_builder *b, gft_value_id x) {
    return b->status == GRAFT_OK && x >= 0;
}

gft_value_id gft_build_input(gft_builder *b, const char *name, const graft_tensor_desc *desc) {
    gft_value_id out = -1;
    if (b->status != GRAFT_OK || !keep(b, gft_graph_input(b->graph, name, desc, &out, b->err)))
        return -1;
    return out;
}

void gft_build_output(gft_builder *b, const char *name, gft_value_id value) {
    if (fine(b, value))
        (void)keep(b, gft_graph_output(b->graph, name, value, b->err));
}

/* The source's values are copied: it may unmap its file once the model is built. */
static graft_status fill(gft_builder *b, gft_param *param) {
    const void *data = NULL;
    size_t bytes = 0;
    GFT_TRY(b->source(b->context, param->name, &param->desc, &data, b->err));
    if (!gft_desc_bytes(&param->desc, &bytes))
        return gft_fail(b->err, GRAFT_INVALID_ARGUMENT, "parameter '%s': its size is not known",
                        param->name);
    if (bytes)
        memcpy(param->data, data, bytes);
    return GRAFT_OK;
}

gft_value_id gft_build_param(gft_builder *b, const char *layer, const char *part, graft_shape shape,
                             gft_param_kind kind) {
    if (b->status != GRAFT_OK)
        return -1;
    gft_param_id id = -1;
    gft_value_id out = -1;
    graft_tensor_desc desc = gft_desc_f32(shape);
    char *name = gft_format("%s/%s", layer, part);
    if (!name) {
        (void)keep(b, gft_fail_memory(b->err, strlen(layer) + 64, "a parameter's name"));
        return -1;
    }
    bool trainable = kind != GFT_PARAM_STATISTIC;
    if (keep(b,
             gft_params_add(&b->model->params, name, &desc, kind, trainable, NULL, &id, b->err)) &&
        keep(b, fill(b, &b->model->params.items[id])) &&
        !keep(b, gft_graph_param(b->graph, id, &out, b->err)))
        out = -1;
    gft_free(name);
    return out;
}

gft_value_id gft_build_node(gft_builder *b, const gft_op *op, const char *name, const void *attrs,
                            const gft_value_id *inputs, int32_t count) {
    gft_value_id out = -1;
    for (int32_t i = 0; i < count; i++) {
        if (!fine(b, inputs[i]))
            return -1;
    }
    if (!keep(b, gft_graph_add(b->graph, op, name, attrs, inputs, count, &out, b->err)))
        return -1;
    return out;
}

/* A node "layer/part". */
static gft_value_id part_node(gft_builder *b, const gft_op *op, const char *layer, const char *part,
                              const void *attrs, const gft_value_id *inputs, int32_t count) {
    char *name = gft_format("%s/%s", layer, part);
    if (!name) {
        (void)keep(b, gft_fail_memory(b->err, strlen(layer) + 64, "a node's name"));
        return -1;
    }
    gft_value_id out = gft_build_node(b, op, name, attrs, inputs, count);
    gft_free(name);
    return out;
}

static void open_layer(gft_builder *b, const char *layer) {
    if (b->graph)
        gft_graph_set_layer(b->graph, layer);
}

int64_t gft_build_channels(const gft_builder *b, gft_value_id x) {
    if (!fine(b, x))
        return 0;
    const graft_shape *shape = &gft_graph_value(b->graph, x)->desc.shape;
    return shape->rank > 0 ? shape->dims[shape->rank - 1] : 0;
}

gft_value_id gft_build_normalise(gft_builder *b, gft_value_id x, const char *layer, float offset,
                                 float scale) {
    gft_value_id constants[2] = {-1, -1};
    if (!fine(b, x))
        return -1;
    open_layer(b, layer);
    if (!keep(b, gft_graph_const_f32(b->graph, offset, &constants[0], b->err)) ||
        !keep(b, gft_graph_const_f32(b->graph, scale, &constants[1], b->err)))
        return -1;
    x = part_node(b, &gft_op_sub, layer, "sub", NULL, (gft_value_id[]){x, constants[0]}, 2);
    return part_node(b, &gft_op_mul, layer, "mul", NULL, (gft_value_id[]){x, constants[1]}, 2);
}

gft_value_id gft_build_conv(gft_builder *b, gft_value_id x, const char *layer, int64_t filters,
                            gft_window window) {
    open_layer(b, layer);
    graft_shape shape =
        gft_shape_4(window.kernel, window.kernel, gft_build_channels(b, x), filters);
    gft_value_id kernel = gft_build_param(b, layer, "kernel", shape, GFT_PARAM_WEIGHT);
    gft_conv2d_attrs attrs = {.stride_h = window.stride,
                              .stride_w = window.stride,
                              .dilation_h = 1,
                              .dilation_w = 1,
                              .padding = GFT_PAD_SAME,
                              .groups = 1};
    return gft_build_node(b, &gft_op_conv2d, layer, &attrs, (gft_value_id[]){x, kernel}, 2);
}

gft_value_id gft_build_depthwise(gft_builder *b, gft_value_id x, const char *layer,
                                 gft_window window) {
    open_layer(b, layer);
    graft_shape shape = gft_shape_4(window.kernel, window.kernel, gft_build_channels(b, x), 1);
    gft_value_id kernel = gft_build_param(b, layer, "depthwise_kernel", shape, GFT_PARAM_WEIGHT);
    gft_conv2d_attrs attrs = {.stride_h = window.stride,
                              .stride_w = window.stride,
                              .dilation_h = 1,
                              .dilation_w = 1,
                              .padding = GFT_PAD_SAME,
                              .groups = 1};
    return gft_build_node(b, &gft_op_depthwise_conv2d, layer, &attrs, (gft_value_id[]){x, kernel},
                          2);
}

gft_value_id gft_build_batch_norm(gft_builder *b, gft_value_id x, const char *layer) {
    open_layer(b, layer);
    graft_shape shape = gft_shape_1(gft_build_channels(b, x));
    gft_value_id inputs[5] = {
        x,
        gft_build_param(b, layer, "gamma", shape, GFT_PARAM_WEIGHT),
        gft_build_param(b, layer, "beta", shape, GFT_PARAM_BIAS),
        gft_build_param(b, layer, "moving_mean", shape, GFT_PARAM_STATISTIC),
        gft_build_param(b, layer, "moving_variance", shape, GFT_PARAM_STATISTIC),
    };
    gft_batch_norm_attrs attrs = {b->epsilon, b->momentum, true};
    return gft_build_node(b, &gft_op_batch_norm, layer, &attrs, inputs, 5);
}

gft_value_id gft_build_unary(gft_builder *b, gft_value_id x, const char *layer, const gft_op *op) {
    open_layer(b, layer);
    return gft_build_node(b, op, layer, NULL, &x, 1);
}

gft_value_id gft_build_add(gft_builder *b, gft_value_id x, gft_value_id y, const char *layer) {
    open_layer(b, layer);
    return gft_build_node(b, &gft_op_add, layer, NULL, (gft_value_id[]){x, y}, 2);
}

gft_value_id gft_build_global_pool(gft_builder *b, gft_value_id x, const char *layer) {
    open_layer(b, layer);
    gft_reduce_attrs attrs = {.axes = 1u << 1 | 1u << 2};
    return gft_build_node(b, &gft_op_reduce_mean, layer, &attrs, &x, 1);
}

gft_value_id gft_build_dropout(gft_builder *b, gft_value_id x, const char *layer, float rate,
                               uint64_t key) {
    open_layer(b, layer);
    gft_dropout_attrs attrs = {rate, key};
    return gft_build_node(b, &gft_op_dropout, layer, &attrs, &x, 1);
}

gft_value_id gft_build_dense(gft_builder *b, gft_value_id x, const char *layer, int64_t units) {
    open_layer(b, layer);
    gft_value_id kernel = gft_build_param(
        b, layer, "kernel", gft_shape_2(gft_build_channels(b, x), units), GFT_PARAM_WEIGHT);
    gft_value_id bias = gft_build_param(b, layer, "bias", gft_shape_1(units), GFT_PARAM_BIAS);
    x = part_node(b, &gft_op_dense, layer, "MatMul", NULL, (gft_value_id[]){x, kernel}, 2);
    return part_node(b, &gft_op_bias_add, layer, "BiasAdd", NULL, (gft_value_id[]){x, bias}, 2);
}
