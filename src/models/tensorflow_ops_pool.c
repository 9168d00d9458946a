/*
 * Pooling, reduction and resizing as TensorFlow's nodes. Explicit padding becomes PadV2 before a
 * VALID pool: -inf for the maximum; for the average zeros, and the result is corrected by the share
 * of real cells in each window.
 */
#include "models/tensorflow_ops.h"

#include <math.h>

#include "base/shape.h"
#include "ops/ops.h"

static const char *pool(gft_tf_nodes *nodes, const char *op, const char *x,
                        const gft_pool_attrs *attrs) {
    const int64_t kernel[4] = {1, attrs->kernel_h, attrs->kernel_w, 1};
    const int64_t strides[4] = {1, attrs->stride_h, attrs->stride_w, 1};
    gft_tf_node *node = gft_tf_add(nodes, op);
    gft_tf_input(nodes, node, x);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_ints(nodes, node, "ksize", kernel, 4);
    gft_tf_attr_ints(nodes, node, "strides", strides, 4);
    gft_tf_attr_text(nodes, node, "padding", attrs->padding == GFT_PAD_SAME ? "SAME" : "VALID");
    gft_tf_attr_text(nodes, node, "data_format", "NHWC");
    return gft_tf_output(nodes, node, 0);
}

graft_status gft_tf_emit_pool(gft_tf_emit *e, graft_error *err) {
    const gft_pool_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const bool max = e->node->op == &gft_op_max_pool;
    const char *op = max ? "MaxPool" : "AvgPool";
    const char *x = gft_tf_in(e, 0);
    const gft_pads *p = &attrs->pads;
    if (attrs->padding != GFT_PAD_EXPLICIT ||
        (p->top == 0 && p->bottom == 0 && p->left == 0 && p->right == 0)) {
        gft_tf_set_out(e, pool(nodes, op, x, attrs));
        return GRAFT_OK;
    }
    const gft_pad_attrs around = {.before = {0, p->top, p->left, 0},
                                  .after = {0, p->bottom, p->right, 0}};
    const char *value = gft_tf_const_f32(nodes, "padding", max ? -INFINITY : 0.0f);
    const char *y = pool(nodes, op, gft_tf_pad(nodes, x, &around, 4, value, GRAFT_F32), attrs);
    if (!max) {
        const char *ones = gft_tf_unary(nodes, "OnesLike", x, GRAFT_F32);
        const char *share =
            pool(nodes, op, gft_tf_pad(nodes, ones, &around, 4, value, GRAFT_F32), attrs);
        y = gft_tf_binary(nodes, "RealDiv", y, share, GRAFT_F32);
    }
    if (!y && !nodes->pb->failed)
        return gft_tf_cannot(e, "its padding is larger than int32 holds", err);
    gft_tf_set_out(e, y);
    return GRAFT_OK;
}

graft_status gft_tf_emit_reduce(gft_tf_emit *e, graft_error *err) {
    (void)err;
    const gft_reduce_attrs *attrs = e->node->attrs;
    const char *op = e->node->op == &gft_op_reduce_mean  ? "Mean"
                     : e->node->op == &gft_op_reduce_sum ? "Sum"
                                                         : "Max";
    int64_t axes[GRAFT_MAX_RANK];
    size_t count = 0;
    for (int32_t i = 0; i < gft_tf_in_desc(e, 0)->shape.rank; i++) {
        if (attrs->axes >> i & 1u)
            axes[count++] = i;
    }
    gft_tf_set_out(e, gft_tf_reduce(e->nodes, op, gft_tf_in(e, 0), axes, count, attrs->keep_dims));
    return GRAFT_OK;
}

graft_status gft_tf_emit_resize(gft_tf_emit *e, graft_error *err) {
    const gft_resize_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const int64_t size[2] = {attrs->height, attrs->width};
    if (!gft_tf_fits_s32(size, 2))
        return gft_tf_cannot(e, "its size is larger than int32 holds", err);
    const char *to = gft_tf_const_ints(nodes, "size", size, 2);
    gft_tf_node *node = gft_tf_add(
        nodes, attrs->mode == GFT_RESIZE_BILINEAR ? "ResizeBilinear" : "ResizeNearestNeighbor");
    gft_tf_input(nodes, node, gft_tf_in(e, 0));
    gft_tf_input(nodes, node, to);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_bool(nodes, node, "align_corners", attrs->align_corners);
    gft_tf_attr_bool(nodes, node, "half_pixel_centers", attrs->half_pixel_centers);
    gft_tf_set_out(e, gft_tf_output(nodes, node, 0));
    return GRAFT_OK;
}
