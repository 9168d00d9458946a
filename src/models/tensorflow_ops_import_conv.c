/*
 * Convolutions, matrix products and normalisation, read. Kinds of parameters (bias, statistic)
 * follow from their use.
 */
#include <string.h>

#include "base/shape.h"
#include "models/savedmodel_proto.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

static graft_status need_nhwc(const gft_tf_import *m, graft_error *err) {
    if (!gft_tf_text_is(m->node, "data_format", "NHWC", "NHWC"))
        return gft_tf_refuse("its data format is not NHWC", err);
    return GRAFT_OK;
}

/* The parameter behind a value, NULL if it is none. */
static gft_param *param_of(const gft_tf_import *m, gft_value_id id) {
    const gft_value *value = gft_graph_value(m->graph, id);
    return value->kind == GFT_VALUE_PARAM ? &m->graph->params->items[value->param] : NULL;
}

static void set_kind(const gft_tf_import *m, gft_value_id id, gft_param_kind kind) {
    gft_param *param = param_of(m, id);
    if (param)
        param->kind = kind;
}

/* The two inner numbers of [1,h,w,1]. */
static graft_status inner_pair(const gft_tf_import *m, const char *key, int64_t *h, int64_t *w,
                               graft_error *err) {
    size_t count;
    const int64_t *v = gft_tf_get_ints(m->node, key, &count);
    *h = *w = 1;
    if (count == 0)
        return GRAFT_OK;
    if (count != 4 || v[0] != 1 || v[3] != 1)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its %s are not of the form [1,h,w,1]", key);
    *h = v[1];
    *w = v[2];
    return GRAFT_OK;
}

static graft_status padding_of(const gft_tf_import *m, gft_padding *padding, gft_pads *pads,
                               graft_error *err) {
    size_t count;
    if (gft_tf_text_is(m->node, "padding", "", "SAME")) {
        *padding = GFT_PAD_SAME;
    } else if (gft_tf_text_is(m->node, "padding", "", "VALID")) {
        *padding = GFT_PAD_VALID;
    } else if (gft_tf_text_is(m->node, "padding", "", "EXPLICIT")) {
        const int64_t *p = gft_tf_get_ints(m->node, "explicit_paddings", &count);
        if (count != 8 || p[0] != 0 || p[1] != 0 || p[6] != 0 || p[7] != 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "its explicit_paddings are not those of rows and columns");
        *padding = GFT_PAD_EXPLICIT;
        *pads = (gft_pads){p[2], p[3], p[4], p[5]};
    } else {
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "its padding is none of SAME, VALID, EXPLICIT");
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_conv2d(gft_tf_import *m, graft_error *err) {
    const bool depthwise = strcmp(m->node->op, "Conv2D") != 0;
    gft_conv2d_attrs attrs = {0};
    graft_tensor_desc x;
    graft_tensor_desc filter;
    GFT_TRY(need_nhwc(m, err));
    GFT_TRY(inner_pair(m, "strides", &attrs.stride_h, &attrs.stride_w, err));
    GFT_TRY(inner_pair(m, "dilations", &attrs.dilation_h, &attrs.dilation_w, err));
    GFT_TRY(padding_of(m, &attrs.padding, &attrs.pads, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    GFT_TRY(gft_tf_desc_of(m, 1, &filter, err));
    if (!depthwise && x.shape.rank == 4 && filter.shape.rank == 4 && filter.shape.dims[2] > 0 &&
        x.shape.dims[3] > filter.shape.dims[2])
        attrs.groups = x.shape.dims[3] / filter.shape.dims[2];
    return gft_tf_append_same(m, depthwise ? &gft_op_depthwise_conv2d : &gft_op_conv2d, &attrs, 2,
                              err);
}

/* A kernel by which every row is multiplied: the same numbers for the whole batch. */
static bool is_kernel(const gft_tf_import *m, gft_value_id id) {
    const gft_value *value = gft_graph_value(m->graph, id);
    return value->kind != GFT_VALUE_INPUT && value->kind != GFT_VALUE_NODE &&
           value->desc.shape.rank == 2;
}

static graft_status product(gft_tf_import *m, bool transpose_a, bool transpose_b,
                            graft_error *err) {
    const gft_matmul_attrs attrs = {transpose_a, transpose_b};
    const gft_dense_attrs dense = {{0}};
    gft_value_id b;
    GFT_TRY(gft_tf_take(m, 1, &b, err));
    if (!transpose_a && !transpose_b && is_kernel(m, b))
        return gft_tf_append_same(m, &gft_op_dense, &dense, 2, err);
    return gft_tf_append_same(m, &gft_op_matmul, &attrs, 2, err);
}

graft_status gft_tf_import_matmul(gft_tf_import *m, graft_error *err) {
    return product(m, gft_tf_get_bool(m->node, "transpose_a", false),
                   gft_tf_get_bool(m->node, "transpose_b", false), err);
}

graft_status gft_tf_import_batch_matmul(gft_tf_import *m, graft_error *err) {
    return product(m, gft_tf_get_bool(m->node, "adj_x", false),
                   gft_tf_get_bool(m->node, "adj_y", false), err);
}

graft_status gft_tf_import_bias_add(gft_tf_import *m, graft_error *err) {
    gft_value_id bias;
    GFT_TRY(need_nhwc(m, err));
    GFT_TRY(gft_tf_take(m, 1, &bias, err));
    set_kind(m, bias, GFT_PARAM_BIAS);
    return gft_tf_append_same(m, &gft_op_bias_add, NULL, 2, err);
}

bool gft_tf_mark_batch_norm(const gft_graph *graph, const gft_value_id *inputs) {
    gft_param *params[5] = {NULL};
    for (int i = 1; i < 5; i++) {
        const gft_value *value = gft_graph_value(graph, inputs[i]);
        params[i] = value->kind == GFT_VALUE_PARAM ? &graph->params->items[value->param] : NULL;
    }
    if (params[2])
        params[2]->kind = GFT_PARAM_BIAS;
    for (int i = 3; i < 5; i++) {
        if (params[i]) {
            params[i]->kind = GFT_PARAM_STATISTIC;
            params[i]->trainable = false;
        }
    }
    const bool learns = (params[1] && params[1]->trainable) || (params[2] && params[2]->trainable);
    return params[3] && params[4] && (learns || (!params[1] && !params[2]));
}

graft_status gft_tf_import_batch_norm(gft_tf_import *m, graft_error *err) {
    gft_value_id inputs[5];
    gft_value_id out;
    GFT_TRY(need_nhwc(m, err));
    if (gft_tf_get_bool(m->node, "is_training", true))
        return gft_tf_refuse("it is in training mode (statistics of the batch)", err);
    for (int32_t i = 0; i < 5; i++)
        GFT_TRY(gft_tf_take(m, i, &inputs[i], err));
    const float momentum = gft_tf_get_float(m->node, GFT_TF_ATTR_MOMENTUM, 0.99f);
    const bool trains = gft_tf_mark_batch_norm(m->graph, inputs);
    const gft_batch_norm_attrs attrs = {
        .epsilon = gft_tf_get_float(m->node, "epsilon", 1e-4f),
        .momentum = momentum >= 0.0f && momentum <= 1.0f ? momentum : 0.99f,
        .train = gft_tf_get_bool(m->node, GFT_TF_ATTR_TRAIN, trains),
    };
    GFT_TRY(gft_tf_append(m, &gft_op_batch_norm, &attrs, inputs, 5, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

graft_status gft_tf_import_pool(gft_tf_import *m, graft_error *err) {
    gft_pool_attrs attrs = {0};
    GFT_TRY(need_nhwc(m, err));
    GFT_TRY(inner_pair(m, "ksize", &attrs.kernel_h, &attrs.kernel_w, err));
    GFT_TRY(inner_pair(m, "strides", &attrs.stride_h, &attrs.stride_w, err));
    GFT_TRY(padding_of(m, &attrs.padding, &attrs.pads, err));
    const bool max = strcmp(m->node->op, "MaxPool") == 0;
    return gft_tf_append_same(m, max ? &gft_op_max_pool : &gft_op_avg_pool, &attrs, 1, err);
}

graft_status gft_tf_import_resize(gft_tf_import *m, graft_error *err) {
    gft_tf_ints size;
    GFT_TRY(gft_tf_need_known(m, 1, "sizes", &size, err));
    if (size.count != 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its size has %d numbers, expected 2",
                        size.count);
    const gft_resize_attrs attrs = {
        .height = size.values[0],
        .width = size.values[1],
        .mode =
            strcmp(m->node->op, "ResizeBilinear") == 0 ? GFT_RESIZE_BILINEAR : GFT_RESIZE_NEAREST,
        .align_corners = gft_tf_get_bool(m->node, "align_corners", false),
        .half_pixel_centers = gft_tf_get_bool(m->node, "half_pixel_centers", false),
    };
    return gft_tf_append_same(m, &gft_op_resize, &attrs, 1, err);
}
