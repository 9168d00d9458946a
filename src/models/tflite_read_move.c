/*
 * Operators that move values or compute shapes, read: TensorFlow's nodes with the options as
 * attributes.
 */
#include "base/shape.h"
#include "models/tflite_read.h"

graft_status gft_tfl_read_concatenation(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    const int64_t axis = gft_fb_i32(o, GFT_TFLITE_CONCATENATION_AXIS, 0);
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, -1, &node, err));
    GFT_TRY(gft_tfl_node_ints(&node, 0, &axis, 1, err));
    gft_tf_attr_int(&m->g->nodes, node.node, "N", m->o->input_count);
    return gft_tfl_node_end(&node, gft_fb_i8(o, GFT_TFLITE_CONCATENATION_ACTIVATION, 0), err);
}

/* SPLIT: axis, x. SPLIT_V: x, sizes, axis. As TensorFlow has them. */
graft_status gft_tfl_read_split(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, -1, &node, err));
    gft_tf_attr_int(&m->g->nodes, node.node, "num_split", m->o->output_count);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_pack(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, -1, &node, err));
    gft_tf_attr_int(&m->g->nodes, node.node, "axis",
                    gft_fb_i32(&m->o->options, GFT_TFLITE_PACK_AXIS, 0));
    gft_tf_attr_int(&m->g->nodes, node.node, "N", m->o->input_count);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_unpack(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 1, &node, err));
    gft_tf_attr_int(&m->g->nodes, node.node, "axis",
                    gft_fb_i32(&m->o->options, GFT_TFLITE_UNPACK_AXIS, 0));
    gft_tf_attr_int(&m->g->nodes, node.node, "num", m->o->output_count);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_gather(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    const int64_t axis = gft_fb_i32(o, GFT_TFLITE_GATHER_AXIS, 0);
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    GFT_TRY(gft_tfl_node_ints(&node, 0, &axis, 1, err));
    gft_tf_attr_int(&m->g->nodes, node.node, "batch_dims",
                    gft_fb_i32(o, GFT_TFLITE_GATHER_BATCH_DIMS, 0));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_strided_slice(gft_tfl_op *m, graft_error *err) {
    static const struct {
        const char *key;
        int field;
    } masks[] = {{"begin_mask", GFT_TFLITE_STRIDED_SLICE_BEGIN_MASK},
                 {"end_mask", GFT_TFLITE_STRIDED_SLICE_END_MASK},
                 {"ellipsis_mask", GFT_TFLITE_STRIDED_SLICE_ELLIPSIS_MASK},
                 {"new_axis_mask", GFT_TFLITE_STRIDED_SLICE_NEW_AXIS_MASK},
                 {"shrink_axis_mask", GFT_TFLITE_STRIDED_SLICE_SHRINK_AXIS_MASK}};
    gft_tfl_node node;
    if (gft_fb_bool(&m->o->options, GFT_TFLITE_STRIDED_SLICE_OFFSET, false))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its ends are offsets from its beginnings");
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 4, &node, err));
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        gft_tf_attr_int(&m->g->nodes, node.node, masks[i].key,
                        gft_fb_i32(&m->o->options, masks[i].field, 0));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

/*
 * The shape is an input, or in old files an option; one that cannot be computed here is the file's
 * own, if it is known.
 */
graft_status gft_tfl_read_reshape(gft_tfl_op *m, graft_error *err) {
    gft_fb_vector option;
    gft_tf_ints ints = {.rank = 1, .dtype = GRAFT_S32};
    gft_tf_ints given;
    gft_tfl_node node;
    bool known = false;
    GFT_TRY(gft_fb_vector_in(&m->o->options, GFT_TFLITE_RESHAPE_NEW_SHAPE, 4, &option, err));
    if (gft_tfl_has(m, 1)) {
        gft_tf_value *shape;
        const gft_tf_import as = {.inputs = &shape, .input_count = 1};
        GFT_TRY(gft_tfl_input(m, 1, &shape, err));
        known = gft_tf_ints_of(&as, 0, &given);
    }
    if (known) {
        GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
        return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
    }
    const graft_shape *out =
        m->o->output_count > 0 ? &gft_tfl_tensor(m->g, m->o->outputs[0])->shape : NULL;
    ints.count = option.count > 0 ? (int32_t)option.count : out ? out->rank : 0;
    if (ints.count > GRAFT_MAX_RANK || (!out && option.count == 0))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its shape is not known");
    for (int32_t i = 0; i < ints.count; i++)
        ints.values[i] = option.count > 0 ? gft_fb_vector_i32(&option, (uint32_t)i) : out->dims[i];
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 1, &node, err));
    GFT_TRY(gft_tfl_node_ints(&node, 1, ints.values, ints.count, err));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_squeeze(gft_tfl_op *m, graft_error *err) {
    gft_fb_vector dims;
    int64_t values[GRAFT_MAX_RANK];
    gft_tfl_node node;
    GFT_TRY(gft_fb_vector_in(&m->o->options, GFT_TFLITE_SQUEEZE_SQUEEZE_DIMS, 4, &dims, err));
    if (dims.count > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "it drops %u dimensions",
                        (unsigned)dims.count);
    for (uint32_t i = 0; i < dims.count; i++)
        values[i] = gft_fb_vector_i32(&dims, i);
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 1, &node, err));
    gft_tf_attr_ints(&m->g->nodes, node.node, "squeeze_dims", values, dims.count);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_shape(gft_tfl_op *m, graft_error *err) {
    const bool wide = gft_fb_i8(&m->o->options, GFT_TFLITE_SHAPE_OUT_TYPE, 0) ==
                      GFT_TFLITE_TYPE_INT64; /* otherwise INT32, or unset */
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 1, &node, err));
    gft_tf_attr_type(&m->g->nodes, node.node, "out_type", wide ? GRAFT_S64 : GRAFT_S32);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

/* RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR: the fields have other numbers. */
graft_status gft_tfl_read_resize(gft_tfl_op *m, graft_error *err) {
    const bool bilinear = m->o->op == GFT_TFLITE_OP_RESIZE_BILINEAR;
    const int align = bilinear ? GFT_TFLITE_RESIZE_BILINEAR_ALIGN_CORNERS
                               : GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_ALIGN_CORNERS;
    const int half = bilinear ? GFT_TFLITE_RESIZE_BILINEAR_HALF_PIXEL_CENTERS
                              : GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_HALF_PIXEL_CENTERS;
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    gft_tf_attr_bool(&m->g->nodes, node.node, "align_corners",
                     gft_fb_bool(&m->o->options, align, false));
    gft_tf_attr_bool(&m->g->nodes, node.node, "half_pixel_centers",
                     gft_fb_bool(&m->o->options, half, false));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_mirror_pad(gft_tfl_op *m, graft_error *err) {
    const bool symmetric =
        gft_fb_i8(&m->o->options, GFT_TFLITE_MIRROR_PAD_MODE, 0) == GFT_TFLITE_MIRROR_SYMMETRIC;
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    gft_tf_attr_text(&m->g->nodes, node.node, "mode", symmetric ? "SYMMETRIC" : "REFLECT");
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

/* DEPTH_TO_SPACE, SPACE_TO_DEPTH: the size is field 0 of both. */
graft_status gft_tfl_read_block(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 1, &node, err));
    gft_tf_attr_int(&m->g->nodes, node.node, "block_size",
                    gft_fb_i32(&m->o->options, GFT_TFLITE_DEPTH_TO_SPACE_BLOCK_SIZE, 0));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_one_hot(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 4, &node, err));
    gft_tf_attr_int(&m->g->nodes, node.node, "axis",
                    gft_fb_i32(&m->o->options, GFT_TFLITE_ONE_HOT_AXIS, 0));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_top_k(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    gft_tf_attr_bool(&m->g->nodes, node.node, "sorted", true);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}
