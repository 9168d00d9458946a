/*
 * Ops that move pictures and pieces as TensorFlow's nodes: Tile, DepthToSpace, SpaceToBatchND,
 * MirrorPad, Shape.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

graft_status gft_tf_emit_shape_of(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_node *node = gft_tf_add(e->nodes, "Shape");
    gft_tf_input(e->nodes, node, gft_tf_in(e, 0));
    gft_tf_attr_type(e->nodes, node, "T", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_type(e->nodes, node, "out_type", gft_tf_out_desc(e)->dtype);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_tile(gft_tf_emit *e, graft_error *err) {
    const gft_tile_attrs *attrs = e->node->attrs;
    const graft_tensor_desc *x = gft_tf_in_desc(e, 0);
    if (!gft_tf_fits_s32(attrs->multiples, (size_t)x->shape.rank))
        return gft_tf_cannot(e, "a multiple is larger than int32 holds", err);
    const char *multiples =
        gft_tf_const_ints(e->nodes, "multiples", attrs->multiples, (size_t)x->shape.rank);
    gft_tf_node *node = gft_tf_add(e->nodes, "Tile");
    gft_tf_input(e->nodes, node, gft_tf_in(e, 0));
    gft_tf_input(e->nodes, node, multiples);
    gft_tf_attr_type(e->nodes, node, "T", x->dtype);
    gft_tf_attr_type(e->nodes, node, "Tmultiples", GRAFT_S32);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_depth_to_space(gft_tf_emit *e, graft_error *err) {
    const gft_block_attrs *attrs = e->node->attrs;
    if (attrs->block < 2)
        return gft_tf_cannot(e, "its block is 1", err);
    gft_tf_node *node = gft_tf_add(
        e->nodes, e->node->op == &gft_op_depth_to_space ? "DepthToSpace" : "SpaceToDepth");
    gft_tf_input(e->nodes, node, gft_tf_in(e, 0));
    gft_tf_attr_type(e->nodes, node, "T", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_int(e->nodes, node, "block_size", attrs->block);
    gft_tf_attr_text(e->nodes, node, "data_format", "NHWC");
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

/* Pairs of before and after as an (n,2) constant; NULL if one does not fit. */
static const char *pairs(gft_tf_nodes *nodes, const int64_t *values, int32_t n) {
    int32_t *data = gft_arena_array(nodes->pb->arena, 2 * (size_t)n, sizeof *data);
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_2(n, 2), NULL};
    nodes->pb->failed = nodes->pb->failed || !data;
    if (!data || !gft_tf_fits_s32(values, 2 * (size_t)n))
        return NULL;
    for (int32_t i = 0; i < 2 * n; i++)
        data[i] = (int32_t)values[i];
    return gft_tf_const(nodes, "paddings", &desc, data);
}

graft_status gft_tf_emit_space_to_batch(gft_tf_emit *e, graft_error *err) {
    const gft_space_batch_attrs *attrs = e->node->attrs;
    const bool to_batch = e->node->op == &gft_op_space_to_batch;
    const int64_t block[2] = {attrs->block_h, attrs->block_w};
    const int64_t around[4] = {attrs->pads.top, attrs->pads.bottom, attrs->pads.left,
                               attrs->pads.right};
    if (around[1] < 0 || around[3] < 0)
        return gft_tf_cannot(e, "its padding goes up to whole blocks", err);
    const char *shape = gft_tf_const_ints(e->nodes, "block_shape", block, 2);
    const char *pads = pairs(e->nodes, around, 2);
    if (!pads && !e->nodes->pb->failed)
        return gft_tf_cannot(e, "its padding is larger than int32 holds", err);
    gft_tf_node *node = gft_tf_add(e->nodes, to_batch ? "SpaceToBatchND" : "BatchToSpaceND");
    gft_tf_input(e->nodes, node, gft_tf_in(e, 0));
    gft_tf_input(e->nodes, node, shape);
    gft_tf_input(e->nodes, node, pads);
    gft_tf_attr_type(e->nodes, node, "T", gft_tf_in_desc(e, 0)->dtype);
    gft_tf_attr_type(e->nodes, node, "Tblock_shape", GRAFT_S32);
    gft_tf_attr_type(e->nodes, node, to_batch ? "Tpaddings" : "Tcrops", GRAFT_S32);
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}

graft_status gft_tf_emit_mirror_pad(gft_tf_emit *e, graft_error *err) {
    const gft_mirror_pad_attrs *attrs = e->node->attrs;
    const graft_tensor_desc *x = gft_tf_in_desc(e, 0);
    int64_t amounts[2 * GRAFT_MAX_RANK];
    for (int32_t i = 0; i < x->shape.rank; i++) {
        amounts[2 * i] = attrs->before[i];
        amounts[2 * i + 1] = attrs->after[i];
    }
    const char *paddings = pairs(e->nodes, amounts, x->shape.rank);
    if (!paddings && !e->nodes->pb->failed)
        return gft_tf_cannot(e, "its padding is larger than int32 holds", err);
    gft_tf_node *node = gft_tf_add(e->nodes, "MirrorPad");
    gft_tf_input(e->nodes, node, gft_tf_in(e, 0));
    gft_tf_input(e->nodes, node, paddings);
    gft_tf_attr_type(e->nodes, node, "T", x->dtype);
    gft_tf_attr_type(e->nodes, node, "Tpaddings", GRAFT_S32);
    gft_tf_attr_text(e->nodes, node, "mode", attrs->symmetric ? "SYMMETRIC" : "REFLECT");
    gft_tf_set_out(e, gft_tf_output(e->nodes, node, 0));
    return GRAFT_OK;
}
