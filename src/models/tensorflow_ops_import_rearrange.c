/*
 * Pictures and pieces, read: DepthToSpace, SpaceToDepth, SpaceToBatchND and BatchToSpaceND (around
 * a convolution they are its dilation), MirrorPad, ReverseV2.
 */
#include <string.h>

#include "base/shape.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

graft_status gft_tf_import_depth_to_space(gft_tf_import *m, graft_error *err) {
    const gft_block_attrs attrs = {gft_tf_get_int(m->node, "block_size", 0)};
    const bool to_space = strcmp(m->node->op, "DepthToSpace") == 0;
    gft_value_id x;
    if (gft_tf_text_is(m->node, "data_format", "NHWC", "NCHW_VECT_C"))
        return gft_tf_refuse("its data format is NCHW_VECT_C", err);
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_tf_to_nhwc(m, x, &x, err));
    GFT_TRY(gft_tf_append(m, to_space ? &gft_op_depth_to_space : &gft_op_space_to_depth, &attrs, &x,
                          1, &x, err));
    GFT_TRY(gft_tf_from_nhwc(m, x, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/*
 * Blocks and pads of one or two dimensions; of one, as its width. Where pictures are of any size,
 * the pads at the end are known in a run only: -1.
 */
static graft_status blocks_of(const gft_tf_import *m, gft_space_batch_attrs *a, int32_t *dims,
                              graft_error *err) {
    gft_tf_ints block;
    gft_tf_ints pads;
    GFT_TRY(gft_tf_need_known(m, 1, "blocks", &block, err));
    GFT_TRY(gft_tf_need_ints(m, 2, "paddings", &pads, err));
    *dims = block.count;
    if (block.count < 1 || block.count > 2 || pads.count != 2 * block.count)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it has %d block dimensions, 1 and 2 are read",
                        block.count);
    for (int32_t i = 0; i < pads.count; i++) {
        if (pads.values[i] == GFT_TF_UNKNOWN && i % 2 == 0)
            return gft_tf_refuse("its paddings depend on a dimension that is not known", err);
        pads.values[i] = pads.values[i] == GFT_TF_UNKNOWN ? -1 : pads.values[i];
    }
    const int32_t w = block.count - 1;
    a->block_h = w == 0 ? 1 : block.values[0];
    a->block_w = block.values[w];
    a->pads = (gft_pads){w == 0 ? 0 : pads.values[0], w == 0 ? 0 : pads.values[1],
                         pads.values[2 * w], pads.values[2 * w + 1]};
    return GRAFT_OK;
}

/* (N,W,C) as (N,1,W,C) and back. */
static graft_status flat(gft_tf_import *m, gft_value_id x, bool widen, gft_value_id *out,
                         graft_error *err) {
    const graft_shape *s = &m->graph->values[x].desc.shape;
    const gft_shape_attrs attrs = {
        .shape = widen ? gft_shape_4(s->dims[0], 1, s->dims[1], s->dims[2])
                       : (graft_shape){3, {s->dims[0], s->dims[2], s->dims[3]}}};
    return gft_tf_append(m, &gft_op_reshape, &attrs, &x, 1, out, err);
}

graft_status gft_tf_import_space_to_batch(gft_tf_import *m, graft_error *err) {
    gft_space_batch_attrs attrs = {0};
    int32_t dims;
    gft_value_id x;
    GFT_TRY(blocks_of(m, &attrs, &dims, err));
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    const int32_t rank = m->graph->values[x].desc.shape.rank;
    if (rank != dims + 2)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%d block dimensions of a tensor of rank %d",
                        dims, rank);
    if (dims == 1)
        GFT_TRY(flat(m, x, true, &x, err));
    GFT_TRY(gft_tf_append(m, &gft_op_space_to_batch, &attrs, &x, 1, &x, err));
    if (dims == 1)
        GFT_TRY(flat(m, x, false, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/*
 * space_to_batch, a convolution of stride 1 without padding, batch_to_space: the convolution with
 * the blocks as dilation. What was padded and not cropped away is the convolution's padding.
 */
static graft_status dilated(gft_tf_import *m, gft_value_id x, const gft_space_batch_attrs *crops,
                            bool *done, gft_value_id *out, graft_error *err) {
    const gft_node *conv = gft_graph_producer(m->graph, x, GFT_KIND_CONV2D);
    *done = false;
    if (!conv)
        conv = gft_graph_producer(m->graph, x, GFT_KIND_DEPTHWISE);
    if (!conv || conv->input_count != 2)
        return GRAFT_OK;
    gft_conv2d_attrs attrs = *(const gft_conv2d_attrs *)conv->attrs;
    const gft_node *cut = gft_graph_producer(m->graph, conv->inputs[0], GFT_KIND_OTHER);
    if (!cut || cut->op != &gft_op_space_to_batch || attrs.padding != GFT_PAD_VALID ||
        attrs.stride_h != 1 || attrs.stride_w != 1 || attrs.dilation_h > 1 || attrs.dilation_w > 1)
        return GRAFT_OK;
    const gft_space_batch_attrs *pads = cut->attrs;
    const gft_pads rest = {pads->pads.top - crops->pads.top, pads->pads.bottom - crops->pads.bottom,
                           pads->pads.left - crops->pads.left,
                           pads->pads.right - crops->pads.right};
    const graft_shape *filter = &m->graph->values[conv->inputs[1]].desc.shape;
    const int64_t total_h = (filter->dims[0] - 1) * pads->block_h;
    const int64_t total_w = (filter->dims[1] - 1) * pads->block_w;
    const bool open = pads->pads.bottom < 0 || pads->pads.right < 0 || crops->pads.bottom < 0 ||
                      crops->pads.right < 0;
    if (pads->block_h != crops->block_h || pads->block_w != crops->block_w || rest.top < 0 ||
        rest.left < 0 || (!open && (rest.bottom < 0 || rest.right < 0)))
        return GRAFT_OK;
    if (open && (rest.top != total_h / 2 || rest.left != total_w / 2))
        return GRAFT_OK; /* for pictures of any size, SAME is what is written like this */
    attrs.dilation_h = pads->block_h;
    attrs.dilation_w = pads->block_w;
    const bool padded = rest.top + rest.bottom + rest.left + rest.right > 0;
    attrs.padding = open ? GFT_PAD_SAME : padded ? GFT_PAD_EXPLICIT : GFT_PAD_VALID;
    attrs.pads = open ? (gft_pads){0, 0, 0, 0} : rest;
    const gft_value_id inputs[2] = {cut->inputs[0], conv->inputs[1]};
    *done = true;
    return gft_tf_append(m, conv->op, &attrs, inputs, 2, out, err);
}

graft_status gft_tf_import_batch_to_space(gft_tf_import *m, graft_error *err) {
    gft_space_batch_attrs attrs = {0};
    int32_t dims;
    bool done = false;
    gft_value_id x;
    GFT_TRY(blocks_of(m, &attrs, &dims, err));
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    const int32_t rank = m->graph->values[x].desc.shape.rank;
    if (rank != dims + 2)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%d block dimensions of a tensor of rank %d",
                        dims, rank);
    if (dims == 2)
        GFT_TRY(dilated(m, x, &attrs, &done, &x, err));
    if (!done && (attrs.pads.bottom < 0 || attrs.pads.right < 0))
        return gft_tf_refuse("what it crops depends on a dimension that is not known", err);
    if (dims == 1)
        GFT_TRY(flat(m, x, true, &x, err));
    if (!done)
        GFT_TRY(gft_tf_append(m, &gft_op_batch_to_space, &attrs, &x, 1, &x, err));
    if (dims == 1)
        GFT_TRY(flat(m, x, false, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

graft_status gft_tf_import_mirror_pad(gft_tf_import *m, graft_error *err) {
    gft_tf_ints amounts;
    graft_tensor_desc x;
    gft_mirror_pad_attrs attrs = {.symmetric =
                                      gft_tf_text_is(m->node, "mode", "REFLECT", "SYMMETRIC")};
    GFT_TRY(gft_tf_need_known(m, 1, "paddings", &amounts, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (amounts.count != 2 * x.shape.rank)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "has %d padding amounts for a tensor of rank %d", amounts.count,
                        x.shape.rank);
    for (int32_t i = 0; i < x.shape.rank; i++) {
        attrs.before[i] = amounts.values[2 * i];
        attrs.after[i] = amounts.values[2 * i + 1];
    }
    return gft_tf_append_same(m, &gft_op_mirror_pad, &attrs, 1, err);
}

/* A slice with steps of -1. */
graft_status gft_tf_import_reverse(gft_tf_import *m, graft_error *err) {
    gft_tf_ints axes;
    graft_tensor_desc x;
    gft_strided_slice_attrs attrs = {.shrink_mask = 0};
    GFT_TRY(gft_tf_need_known(m, 1, "axes", &axes, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    for (int32_t i = 0; i < x.shape.rank; i++) {
        attrs.end[i] = INT64_MAX;
        attrs.stride[i] = 1;
    }
    for (int32_t i = 0; i < axes.count; i++) {
        int32_t axis;
        if (!gft_axis_normalise(axes.values[i], x.shape.rank, &axis))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %lld of a tensor of rank %d",
                            (long long)axes.values[i], x.shape.rank);
        attrs.begin[axis] = INT64_MAX;
        attrs.end[axis] = INT64_MIN;
        attrs.stride[axis] = -1;
    }
    return gft_tf_append_same(m, &gft_op_strided_slice, &attrs, 1, err);
}
