/*
 * Convolutions, matrix products and normalisation, read. Kinds of parameters (bias, statistic)
 * follow from their use.
 */
#include <string.h>

#include "base/shape.h"
#include "models/savedmodel_proto.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

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

/* The numbers of height and width: of [1,h,w,1], or [1,1,h,w] for NCHW. */
static graft_status inner_pair(const gft_tf_import *m, const char *key, int64_t *h, int64_t *w,
                               graft_error *err) {
    size_t count;
    const int64_t *v = gft_tf_get_ints(m->node, key, &count);
    *h = *w = 1;
    if (count == 0)
        return GRAFT_OK;
    const int at = gft_tf_is_nchw(m) ? 2 : 1;
    if (count != 4 || v[0] != 1 || v[at == 2 ? 1 : 3] != 1)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its %s are not those of rows and columns alone",
                        key);
    *h = v[at];
    *w = v[at + 1];
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
        const int at = gft_tf_is_nchw(m) ? 4 : 2;
        const int other = at == 4 ? 2 : 6;
        if (count != 8 || p[0] != 0 || p[1] != 0 || p[other] != 0 || p[other + 1] != 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "its explicit_paddings are not those of rows and columns");
        *padding = GFT_PAD_EXPLICIT;
        *pads = (gft_pads){p[at], p[at + 1], p[at + 2], p[at + 3]};
    } else {
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "its padding is none of SAME, VALID, EXPLICIT");
    }
    return GRAFT_OK;
}

/* Conv2D, DepthwiseConv2dNative and what Grappler makes of them. */
graft_status gft_tf_import_conv2d(gft_tf_import *m, graft_error *err) {
    const bool depthwise = strstr(m->node->op, "Depthwise") != NULL;
    gft_conv2d_attrs attrs = {0};
    gft_value_id inputs[2];
    gft_value_id out;
    GFT_TRY(inner_pair(m, "strides", &attrs.stride_h, &attrs.stride_w, err));
    GFT_TRY(inner_pair(m, "dilations", &attrs.dilation_h, &attrs.dilation_w, err));
    GFT_TRY(padding_of(m, &attrs.padding, &attrs.pads, err));
    GFT_TRY(gft_tf_take(m, 0, &inputs[0], err));
    GFT_TRY(gft_tf_take(m, 1, &inputs[1], err));
    GFT_TRY(gft_tf_to_nhwc(m, inputs[0], &inputs[0], err));
    const graft_shape *x = &m->graph->values[inputs[0]].desc.shape;
    const graft_shape *filter = &m->graph->values[inputs[1]].desc.shape;
    if (!depthwise && x->rank == 4 && filter->rank == 4 && filter->dims[2] > 0 &&
        x->dims[3] > filter->dims[2])
        attrs.groups = x->dims[3] / filter->dims[2];
    GFT_TRY(gft_tf_append(m, depthwise ? &gft_op_depthwise_conv2d : &gft_op_conv2d, &attrs, inputs,
                          2, &out, err));
    GFT_TRY(gft_tf_fused_tail(m, 2, &out, err));
    GFT_TRY(gft_tf_from_nhwc(m, out, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

/* The size is one that follows from the others, or known, or left to the rule when it is not. */
graft_status gft_tf_import_conv2d_transpose(gft_tf_import *m, graft_error *err) {
    gft_conv2d_transpose_attrs attrs = {0};
    gft_tf_ints size;
    gft_value_id inputs[2];
    gft_value_id out;
    GFT_TRY(inner_pair(m, "strides", &attrs.conv.stride_h, &attrs.conv.stride_w, err));
    GFT_TRY(inner_pair(m, "dilations", &attrs.conv.dilation_h, &attrs.conv.dilation_w, err));
    GFT_TRY(padding_of(m, &attrs.conv.padding, &attrs.conv.pads, err));
    GFT_TRY(gft_tf_need_ints(m, 0, "sizes", &size, err));
    GFT_TRY(gft_tf_take(m, 1, &inputs[1], err));
    GFT_TRY(gft_tf_take(m, 2, &inputs[0], err));
    GFT_TRY(gft_tf_to_nhwc(m, inputs[0], &inputs[0], err));
    const int32_t at = size.count == 2 ? 0 : gft_tf_is_nchw(m) ? 2 : 1;
    if (size.count != 4 && size.count != 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its size has %d numbers, expected 4",
                        size.count);
    attrs.out_h = size.values[at] == GFT_TF_UNKNOWN ? 0 : size.values[at];
    attrs.out_w = size.values[at + 1] == GFT_TF_UNKNOWN ? 0 : size.values[at + 1];
    GFT_TRY(gft_tf_append(m, &gft_op_conv2d_transpose, &attrs, inputs, 2, &out, err));
    GFT_TRY(gft_tf_from_nhwc(m, out, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
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
    gft_value_id inputs[2];
    gft_value_id out;
    GFT_TRY(gft_tf_take(m, 0, &inputs[0], err));
    GFT_TRY(gft_tf_take(m, 1, &inputs[1], err));
    set_kind(m, inputs[1], GFT_PARAM_BIAS);
    if (m->graph->values[inputs[0]].desc.shape.rank == 2) /* NCHW's second is the last */
        return gft_tf_append_same(m, &gft_op_bias_add, NULL, 2, err);
    GFT_TRY(gft_tf_to_nhwc(m, inputs[0], &inputs[0], err));
    GFT_TRY(gft_tf_append(m, &gft_op_bias_add, NULL, inputs, 2, &out, err));
    GFT_TRY(gft_tf_from_nhwc(m, out, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
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
    if (gft_tf_get_bool(m->node, "is_training", true))
        return gft_tf_refuse("it is in training mode (statistics of the batch)", err);
    for (int32_t i = 0; i < 5; i++)
        GFT_TRY(gft_tf_take(m, i, &inputs[i], err));
    GFT_TRY(gft_tf_to_nhwc(m, inputs[0], &inputs[0], err));
    const float momentum = gft_tf_get_float(m->node, GFT_TF_ATTR_MOMENTUM, 0.99f);
    const bool trains = gft_tf_mark_batch_norm(m->graph, inputs);
    const gft_batch_norm_attrs attrs = {
        .epsilon = gft_tf_get_float(m->node, "epsilon", 1e-4f),
        .momentum = momentum >= 0.0f && momentum <= 1.0f ? momentum : 0.99f,
        .train = gft_tf_get_bool(m->node, GFT_TF_ATTR_TRAIN, trains),
    };
    GFT_TRY(gft_tf_append(m, &gft_op_batch_norm, &attrs, inputs, 5, &out, err));
    if (gft_tf_get_int(m->node, "num_side_inputs", 0) > 0) { /* _FusedBatchNormEx: a residual */
        gft_value_id pair[2] = {out, -1};
        GFT_TRY(gft_tf_take(m, 5, &pair[1], err));
        GFT_TRY(gft_tf_to_nhwc(m, pair[1], &pair[1], err));
        GFT_TRY(gft_tf_append(m, &gft_op_add, NULL, pair, 2, &out, err));
    }
    if (gft_tf_text_is(m->node, "activation_mode", "Identity", "Relu"))
        GFT_TRY(gft_tf_append(m, &gft_op_relu, NULL, &out, 1, &out, err));
    GFT_TRY(gft_tf_from_nhwc(m, out, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

graft_status gft_tf_import_pool(gft_tf_import *m, graft_error *err) {
    gft_pool_attrs attrs = {0};
    gft_value_id x;
    GFT_TRY(inner_pair(m, "ksize", &attrs.kernel_h, &attrs.kernel_w, err));
    GFT_TRY(inner_pair(m, "strides", &attrs.stride_h, &attrs.stride_w, err));
    GFT_TRY(padding_of(m, &attrs.padding, &attrs.pads, err));
    const bool max = strcmp(m->node->op, "MaxPool") == 0;
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_tf_to_nhwc(m, x, &x, err));
    GFT_TRY(gft_tf_append(m, max ? &gft_op_max_pool : &gft_op_avg_pool, &attrs, &x, 1, &x, err));
    GFT_TRY(gft_tf_from_nhwc(m, x, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* Rows or columns of a size that is not known but `times` those of x. */
static bool times_own(const gft_tf_import *m, const gft_tf_ints *size, int32_t i, int64_t *times) {
    const gft_tf_dim *from = &size->dims[i];
    *times = from->times;
    return m->inputs[0]->kind == GFT_TF_GRAPH && from->value == m->inputs[0]->id + 1 &&
           from->dim == i + 1 && from->times >= 1;
}

graft_status gft_tf_import_resize(gft_tf_import *m, graft_error *err) {
    const struct {
        const char *op;
        gft_resize_mode mode;
    } modes[] = {{"ResizeBilinear", GFT_RESIZE_BILINEAR},
                 {"ResizeNearestNeighbor", GFT_RESIZE_NEAREST},
                 {"ResizeBicubic", GFT_RESIZE_BICUBIC},
                 {"ResizeArea", GFT_RESIZE_AREA}};
    gft_tf_ints size;
    graft_tensor_desc x;
    GFT_TRY(gft_tf_need_ints(m, 1, "sizes", &size, err));
    if (size.count != 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its size has %d numbers, expected 2",
                        size.count);
    gft_resize_attrs attrs = {
        .height = size.values[0],
        .width = size.values[1],
        .align_corners = gft_tf_get_bool(m->node, "align_corners", false),
        .half_pixel_centers = gft_tf_get_bool(m->node, "half_pixel_centers", false),
    };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].op, m->node->op) == 0)
            attrs.mode = modes[i].mode;
    }
    for (int32_t i = 0; i < 2; i++) {
        int64_t times;
        if (size.values[i] != GFT_TF_UNKNOWN)
            continue;
        if (!times_own(m, &size, i, &times))
            return gft_tf_refuse("its size depends on a dimension that is not known", err);
        *(i == 0 ? &attrs.height : &attrs.width) = 0;
        *(i == 0 ? &attrs.scale_h : &attrs.scale_w) = times;
    }
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (x.dtype == GRAFT_F32)
        return gft_tf_append_same(m, &gft_op_resize, &attrs, 1, err);
    /* TensorFlow resizes other types too, with a result in float32 (nearest: of the same type) */
    const gft_cast_attrs to_float = {GRAFT_F32};
    const gft_cast_attrs back = {x.dtype};
    gft_value_id v;
    GFT_TRY(gft_tf_take(m, 0, &v, err));
    GFT_TRY(gft_tf_append(m, &gft_op_cast, &to_float, &v, 1, &v, err));
    GFT_TRY(gft_tf_append(m, &gft_op_resize, &attrs, &v, 1, &v, err));
    if (attrs.mode == GFT_RESIZE_NEAREST)
        GFT_TRY(gft_tf_append(m, &gft_op_cast, &back, &v, 1, &v, err));
    gft_tf_set_graph(m, 0, v);
    return GRAFT_OK;
}
