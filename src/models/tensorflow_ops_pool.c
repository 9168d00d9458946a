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
    const struct {
        const gft_op *op;
        const char *name;
    } table[] = {{&gft_op_reduce_mean, "Mean"}, {&gft_op_reduce_sum, "Sum"},
                 {&gft_op_reduce_max, "Max"},   {&gft_op_reduce_min, "Min"},
                 {&gft_op_reduce_prod, "Prod"}, {&gft_op_reduce_any, "Any"},
                 {&gft_op_reduce_all, "All"}};
    const graft_dtype dtype = gft_tf_in_desc(e, 0)->dtype;
    const char *name = NULL;
    int64_t axes[GRAFT_MAX_RANK];
    size_t count = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        name = table[i].op == e->node->op ? table[i].name : name;
    for (int32_t i = 0; i < gft_tf_in_desc(e, 0)->shape.rank; i++) {
        if (attrs->axes >> i & 1u)
            axes[count++] = i;
    }
    const char *indices = gft_tf_const_ints(e->nodes, "axes", axes, count);
    gft_tf_node *node = gft_tf_add(e->nodes, name);
    gft_tf_input(e->nodes, node, gft_tf_in(e, 0));
    gft_tf_input(e->nodes, node, indices);
    if (dtype != GRAFT_BOOL)
        gft_tf_attr_type(e->nodes, node, "T", dtype);
    gft_tf_attr_type(e->nodes, node, "Tidx", GRAFT_S32);
    gft_tf_attr_bool(e->nodes, node, "keep_dims", attrs->keep_dims);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

/* Rows or columns as a vector of one: a number, or so many times x's. */
static const char *extent(gft_tf_emit *e, int64_t size, int64_t scale, int64_t axis) {
    gft_tf_nodes *nodes = e->nodes;
    if (scale <= 0)
        return gft_tf_const_ints(nodes, "size", &size, 1);
    const char *own =
        gft_tf_shape_part(nodes, gft_tf_shape_of(nodes, gft_tf_in(e, 0), GRAFT_F32), axis);
    return gft_tf_binary(nodes, "Mul", own, gft_tf_const_ints(nodes, "scale", &scale, 1),
                         GRAFT_S32);
}

graft_status gft_tf_emit_resize(gft_tf_emit *e, graft_error *err) {
    static const char *const names[] = {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic",
                                        "ResizeArea"};
    const gft_resize_attrs *attrs = e->node->attrs;
    gft_tf_nodes *nodes = e->nodes;
    const int64_t size[4] = {attrs->height, attrs->width, attrs->scale_h, attrs->scale_w};
    if (!gft_tf_fits_s32(size, 4))
        return gft_tf_cannot(e, "its size is larger than int32 holds", err);
    if (attrs->mode == GFT_RESIZE_AREA && attrs->half_pixel_centers)
        return gft_tf_cannot(e, "it averages areas around centres", err);
    const char *to;
    if (attrs->scale_h > 0 || attrs->scale_w > 0) {
        const char *parts[2] = {extent(e, attrs->height, attrs->scale_h, 1),
                                extent(e, attrs->width, attrs->scale_w, 2)};
        to = gft_tf_concat(nodes, parts, 2, 0, GRAFT_S32);
    } else {
        to = gft_tf_const_ints(nodes, "size", size, 2);
    }
    gft_tf_node *node = gft_tf_add(nodes, names[attrs->mode]);
    gft_tf_input(nodes, node, gft_tf_in(e, 0));
    gft_tf_input(nodes, node, to);
    gft_tf_attr_type(nodes, node, "T", GRAFT_F32);
    gft_tf_attr_bool(nodes, node, "align_corners", attrs->align_corners);
    if (attrs->mode != GFT_RESIZE_AREA)
        gft_tf_attr_bool(nodes, node, "half_pixel_centers", attrs->half_pixel_centers);
    gft_tf_set_out(e, gft_tf_output(nodes, node, 0));
    return GRAFT_OK;
}
