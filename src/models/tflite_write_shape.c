/*
 * Ops that move or select values as TFLite's operators: reshape, transpose, slices, pad, concat,
 * gather, broadcast, resize. Shapes and axes are int32 constants; where two dimensions are unknown
 * they are taken from the input at run time.
 */
#include "base/size.h"
#include "models/tflite_write.h"
#include "ops/ops.h"

/* ---- shapes at run time ---- */

static int32_t shape_of(gft_tflw_walk *w, int32_t x) {
    if (!gft_tflw_ok(w) || x < 0)
        return -1;
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_1(w->g->tensors[x].shape.rank), NULL};
    const int32_t y = gft_tflw_between(w, "shape", &desc, -1);
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_SHAPE, &x, 1, y);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_SHAPE);
    gft_tflw_option_i(op, GFT_TFLITE_SHAPE_OUT_TYPE, 1, GFT_TFLITE_TYPE_INT32, 0);
    return y;
}

int32_t gft_tflw_dim_of(gft_tflw_walk *w, int32_t x, int32_t i) {
    const int32_t begin = i;
    const int32_t end = i + 1;
    const int32_t one = 1;
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_1(1), NULL};
    const int32_t inputs[4] = {shape_of(w, x), gft_tflw_const_i32(w, "begin", &begin, 1),
                               gft_tflw_const_i32(w, "end", &end, 1),
                               gft_tflw_const_i32(w, "stride", &one, 1)};
    const int32_t y = gft_tflw_between(w, "dimension", &desc, -1);
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_STRIDED_SLICE, inputs, 4, y),
                     GFT_TFLITE_OPTIONS_STRIDED_SLICE);
    return y;
}

int32_t gft_tflw_join(gft_tflw_walk *w, const int32_t *parts, int32_t count, int64_t total) {
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_1(total), NULL};
    const int32_t y = gft_tflw_between(w, "joined", &desc, -1);
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_CONCATENATION, parts, count, y),
                     GFT_TFLITE_OPTIONS_CONCATENATION);
    return y;
}

static int32_t unknown_dims(const graft_shape *shape) {
    int32_t count = 0;
    for (int32_t i = 0; i < shape->rank; i++)
        count += shape->dims[i] < 0;
    return count;
}

/* ---- reshape, broadcast ---- */

static void reshape(gft_tflw_walk *w, int32_t x, int32_t shape, int32_t out) {
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_RESHAPE, (const int32_t[]){x, shape}, 2, out),
                     GFT_TFLITE_OPTIONS_RESHAPE);
}

void gft_tflw_emit_reshape(gft_tflw_walk *w) {
    const graft_shape *y = &gft_tflw_out_desc(w)->shape;
    const int32_t x = gft_tflw_in(w, 0);
    int32_t shape = -1;
    if (unknown_dims(y) <= 1) {
        shape = gft_tflw_const_i64s(w, "shape", y->dims, y->rank);
    } else if (w->node->input_count > 1) {
        shape = shape_of(w, gft_tflw_in(w, 1));
    } else if (unknown_dims(y) == 2 && y->dims[0] < 0) {
        const int32_t rest = gft_tflw_const_i64s(w, "shape", y->dims + 1, y->rank - 1);
        shape = gft_tflw_join(w, (const int32_t[]){gft_tflw_dim_of(w, x, 0), rest}, 2, y->rank);
    } else {
        gft_tflw_cannot(w, "more than two dimensions of its result are unknown");
    }
    reshape(w, x, shape, gft_tflw_out(w, 0));
}

/* A tensor of its own for a result that is an input or constant of the graph. */
void gft_tflw_emit_identity(gft_tflw_walk *w) {
    const graft_shape *y = &gft_tflw_out_desc(w)->shape;
    const int32_t x = gft_tflw_in(w, 0);
    const int32_t shape =
        unknown_dims(y) <= 1 ? gft_tflw_const_i64s(w, "shape", y->dims, y->rank) : shape_of(w, x);
    reshape(w, x, shape, gft_tflw_out(w, 0));
}

void gft_tflw_emit_broadcast_to(gft_tflw_walk *w) {
    const gft_shape_attrs *attrs = w->node->attrs;
    const graft_shape *y = &gft_tflw_out_desc(w)->shape;
    const graft_shape *from = &gft_tflw_in_desc(w, 0)->shape;
    const int32_t x = gft_tflw_in(w, 0);
    int32_t shape = -1;
    if (attrs->mean) {
        gft_tflw_cannot(w, "it is the gradient of a mean");
    } else if (unknown_dims(y) == 0) {
        shape = gft_tflw_const_i64s(w, "shape", y->dims, y->rank);
    } else if (w->node->input_count > 1) {
        shape = shape_of(w, gft_tflw_in(w, 1));
    } else {
        int32_t parts[GRAFT_MAX_RANK] = {0};
        for (int32_t i = 0; i < y->rank; i++)
            parts[i] = y->dims[i] < 0 ? gft_tflw_dim_of(w, x, i - (y->rank - from->rank))
                                      : gft_tflw_const_i64s(w, "dim", &y->dims[i], 1);
        shape = y->rank == 1 ? parts[0] : gft_tflw_join(w, parts, y->rank, y->rank);
    }
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_BROADCAST_TO, (const int32_t[]){x, shape}, 2,
                                  gft_tflw_out(w, 0)),
                     GFT_TFLITE_OPTIONS_BROADCAST_TO);
}

/* ---- moving ---- */

void gft_tflw_emit_transpose(gft_tflw_walk *w) {
    const gft_transpose_attrs *attrs = w->node->attrs;
    (void)gft_tflw_transpose(w, gft_tflw_in(w, 0), attrs->perm, gft_tflw_out(w, 0), "transpose");
}

/* Numbers may be negative (cropping): what is cut off goes first. */
void gft_tflw_emit_pad(gft_tflw_walk *w) {
    const gft_pad_attrs *a = w->node->attrs;
    const graft_tensor_desc *x = gft_tflw_in_desc(w, 0);
    const int32_t rank = x->shape.rank;
    int64_t before[GRAFT_MAX_RANK];
    int64_t after[GRAFT_MAX_RANK];
    int64_t begin[GRAFT_MAX_RANK];
    int64_t size[GRAFT_MAX_RANK];
    graft_tensor_desc cut = *x;
    bool crops = false;
    bool pads = false;
    for (int32_t i = 0; i < rank; i++) {
        before[i] = gft_i64_max(a->before[i], 0);
        after[i] = gft_i64_max(a->after[i], 0);
        begin[i] = gft_i64_max(-a->before[i], 0);
        const int64_t end = gft_i64_max(-a->after[i], 0);
        if (x->shape.dims[i] < 0 && end > 0)
            gft_tflw_cannot(w, "it cuts off the end of a dimension whose size is not known");
        size[i] = x->shape.dims[i] < 0 ? -1 : x->shape.dims[i] - begin[i] - end;
        cut.shape.dims[i] = size[i];
        crops = crops || begin[i] > 0 || end > 0;
        pads = pads || before[i] > 0 || after[i] > 0;
    }
    if (a->value != 0.0f && (x->dtype != GRAFT_F32 || gft_tflw_role_of(w)->integer))
        gft_tflw_cannot(w, "it pads integers with another number than zero");
    const int32_t out = gft_tflw_out(w, 0);
    int32_t y = gft_tflw_in(w, 0);
    if (crops) {
        const int32_t cropped = pads ? gft_tflw_between(w, "cut", &cut, y) : out;
        const int32_t inputs[3] = {y, gft_tflw_const_i64s(w, "begin", begin, rank),
                                   gft_tflw_const_i64s(w, "size", size, rank)};
        gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_SLICE, inputs, 3, cropped),
                         GFT_TFLITE_OPTIONS_SLICE);
        y = cropped;
    }
    if (pads || !crops)
        (void)gft_tflw_pad(w, y, before, after, a->value != 0.0f ? &a->value : NULL, out, "pad");
}

void gft_tflw_emit_mirror_pad(gft_tflw_walk *w) {
    const gft_mirror_pad_attrs *a = w->node->attrs;
    const int32_t rank = gft_tflw_in_desc(w, 0)->shape.rank;
    int32_t pairs[2 * GRAFT_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        pairs[2 * i] = (int32_t)gft_i64_min(a->before[i], INT32_MAX);
        pairs[2 * i + 1] = (int32_t)gft_i64_min(a->after[i], INT32_MAX);
    }
    const int32_t inputs[2] = {gft_tflw_in(w, 0), gft_tflw_pairs(w, "pads", pairs, rank)};
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_MIRROR_PAD, inputs, 2, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_MIRROR_PAD);
    gft_tflw_option_i(op, GFT_TFLITE_MIRROR_PAD_MODE, 1,
                      a->symmetric ? GFT_TFLITE_MIRROR_SYMMETRIC : GFT_TFLITE_MIRROR_REFLECT, 0);
}

void gft_tflw_emit_slice(gft_tflw_walk *w) {
    const gft_slice_attrs *a = w->node->attrs;
    const int32_t rank = gft_tflw_in_desc(w, 0)->shape.rank;
    const int32_t inputs[3] = {gft_tflw_in(w, 0), gft_tflw_const_i64s(w, "begin", a->begin, rank),
                               gft_tflw_const_i64s(w, "size", a->size, rank)};
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_SLICE, inputs, 3, gft_tflw_out(w, 0)),
                     GFT_TFLITE_OPTIONS_SLICE);
}

/* Ends beyond the last index become masks. */
void gft_tflw_emit_strided_slice(gft_tflw_walk *w) {
    const gft_strided_slice_attrs *a = w->node->attrs;
    const int32_t rank = gft_tflw_in_desc(w, 0)->shape.rank;
    int64_t begin[GRAFT_MAX_RANK];
    int64_t end[GRAFT_MAX_RANK];
    int64_t stride[GRAFT_MAX_RANK];
    uint32_t begin_mask = 0;
    uint32_t end_mask = 0;
    for (int32_t i = 0; i < rank; i++) {
        const bool shrunk = a->shrink_mask >> i & 1u;
        begin[i] = a->begin[i];
        end[i] = a->end[i];
        stride[i] = shrunk ? 1 : gft_i64_max(-INT32_MAX, gft_i64_min(a->stride[i], INT32_MAX));
        if (shrunk) {
            end[i] = begin[i] + 1;
        } else if (end[i] > INT32_MAX || end[i] < INT32_MIN) {
            end[i] = 0;
            end_mask |= 1u << i;
        }
        if (begin[i] > INT32_MAX || begin[i] < INT32_MIN) {
            begin[i] = 0;
            begin_mask |= 1u << i;
        }
    }
    const int32_t inputs[4] = {gft_tflw_in(w, 0), gft_tflw_const_i64s(w, "begin", begin, rank),
                               gft_tflw_const_i64s(w, "end", end, rank),
                               gft_tflw_const_i64s(w, "stride", stride, rank)};
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_STRIDED_SLICE, inputs, 4, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_STRIDED_SLICE);
    gft_tflw_option_i(op, GFT_TFLITE_STRIDED_SLICE_BEGIN_MASK, 4, begin_mask, 0);
    gft_tflw_option_i(op, GFT_TFLITE_STRIDED_SLICE_END_MASK, 4, end_mask, 0);
    gft_tflw_option_i(op, GFT_TFLITE_STRIDED_SLICE_SHRINK_AXIS_MASK, 4, a->shrink_mask, 0);
}

void gft_tflw_emit_concat(gft_tflw_walk *w) {
    const gft_axis_attrs *attrs = w->node->attrs;
    const int32_t count = w->node->input_count;
    int32_t *inputs = gft_tflw_memory(w, (size_t)count, sizeof *inputs);
    int32_t axis = 0;
    if (!gft_axis_normalise(attrs->axis, gft_tflw_out_desc(w)->shape.rank, &axis))
        gft_tflw_cannot(w, "its axis is not one of its input");
    for (int32_t i = 0; i < count && inputs; i++)
        inputs[i] = gft_tflw_in(w, i);
    gft_tflw_op *op =
        gft_tflw_add(w, GFT_TFLITE_OP_CONCATENATION, inputs, count, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_CONCATENATION);
    gft_tflw_option_i(op, GFT_TFLITE_CONCATENATION_AXIS, 4, axis, 0);
}

void gft_tflw_emit_gather(gft_tflw_walk *w) {
    const gft_axis_attrs *attrs = w->node->attrs;
    int32_t axis = 0;
    if (!gft_axis_normalise(attrs->axis, gft_tflw_in_desc(w, 0)->shape.rank, &axis))
        gft_tflw_cannot(w, "its axis is not one of its input");
    const int32_t inputs[2] = {gft_tflw_in(w, 0), gft_tflw_in(w, 1)};
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_GATHER, inputs, 2, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_GATHER);
    gft_tflw_option_i(op, GFT_TFLITE_GATHER_AXIS, 4, axis, 0);
}

void gft_tflw_emit_tile(gft_tflw_walk *w) {
    const gft_tile_attrs *a = w->node->attrs;
    const int32_t inputs[2] = {
        gft_tflw_in(w, 0),
        gft_tflw_const_i64s(w, "multiples", a->multiples, gft_tflw_in_desc(w, 0)->shape.rank)};
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_TILE, inputs, 2, gft_tflw_out(w, 0)),
                     GFT_TFLITE_OPTIONS_TILE);
}

void gft_tflw_emit_block(gft_tflw_walk *w) {
    const gft_block_attrs *a = w->node->attrs;
    const gft_tflw_entry *entry = gft_tflw_find(w->node->op);
    const int32_t x = gft_tflw_in(w, 0);
    gft_tflw_op *op = gft_tflw_add(w, entry->tflite, &x, 1, gft_tflw_out(w, 0));
    gft_tflw_options(op, entry->options);
    gft_tflw_option_i(op, GFT_TFLITE_SPACE_TO_DEPTH_BLOCK_SIZE, 4, a->block, 0);
}

void gft_tflw_emit_space_batch(gft_tflw_walk *w) {
    const gft_space_batch_attrs *a = w->node->attrs;
    const gft_tflw_entry *entry = gft_tflw_find(w->node->op);
    const int64_t block[2] = {a->block_h, a->block_w};
    const int32_t pads[4] = {(int32_t)a->pads.top, (int32_t)a->pads.bottom, (int32_t)a->pads.left,
                             (int32_t)a->pads.right};
    const int32_t inputs[3] = {gft_tflw_in(w, 0), gft_tflw_const_i64s(w, "block", block, 2),
                               gft_tflw_pairs(w, "pads", pads, 2)};
    gft_tflw_options(gft_tflw_add(w, entry->tflite, inputs, 3, gft_tflw_out(w, 0)), entry->options);
}

void gft_tflw_emit_resize(gft_tflw_walk *w) {
    const gft_resize_attrs *a = w->node->attrs;
    const int64_t size[2] = {a->height, a->width};
    const bool nearest = a->mode == GFT_RESIZE_NEAREST;
    if (!nearest && a->mode != GFT_RESIZE_BILINEAR)
        gft_tflw_cannot(w, "only bilinear and nearest are there");
    const int32_t inputs[2] = {gft_tflw_in(w, 0), gft_tflw_const_i64s(w, "size", size, 2)};
    gft_tflw_op *op = gft_tflw_add(
        w, nearest ? GFT_TFLITE_OP_RESIZE_NEAREST_NEIGHBOR : GFT_TFLITE_OP_RESIZE_BILINEAR, inputs,
        2, gft_tflw_out(w, 0));
    gft_tflw_options(op, nearest ? GFT_TFLITE_OPTIONS_RESIZE_NEAREST_NEIGHBOR
                                 : GFT_TFLITE_OPTIONS_RESIZE_BILINEAR);
    gft_tflw_option_i(op,
                      nearest ? GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_ALIGN_CORNERS
                              : GFT_TFLITE_RESIZE_BILINEAR_ALIGN_CORNERS,
                      1, a->align_corners, 0);
    gft_tflw_option_i(op,
                      nearest ? GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_HALF_PIXEL_CENTERS
                              : GFT_TFLITE_RESIZE_BILINEAR_HALF_PIXEL_CENTERS,
                      1, a->half_pixel_centers, 0);
}

/* ---- choosing ---- */

void gft_tflw_emit_arg(gft_tflw_walk *w) {
    const gft_arg_attrs *a = w->node->attrs;
    const gft_tflw_entry *entry = gft_tflw_find(w->node->op);
    int32_t axis = 0;
    if (!gft_axis_normalise(a->axis, gft_tflw_in_desc(w, 0)->shape.rank, &axis))
        gft_tflw_cannot(w, "its axis is not one of its input");
    const int32_t inputs[2] = {gft_tflw_in(w, 0), gft_tflw_const_s32(w, "axis", axis)};
    gft_tflw_op *op = gft_tflw_add(w, entry->tflite, inputs, 2, gft_tflw_out(w, 0));
    gft_tflw_options(op, entry->options);
    gft_tflw_option_i(op, GFT_TFLITE_ARG_MAX_OUTPUT_TYPE, 1, gft_tflw_type(a->dtype), 0);
}

void gft_tflw_emit_top_k(gft_tflw_walk *w) {
    const gft_top_k_attrs *a = w->node->attrs;
    const int32_t k = (int32_t)gft_i64_min(a->k, INT32_MAX);
    const int32_t inputs[2] = {gft_tflw_in(w, 0), gft_tflw_const_s32(w, "k", k)};
    const int32_t outputs[2] = {gft_tflw_out(w, 0), gft_tflw_out(w, 1)};
    gft_tflw_options(gft_tflw_add_many(w, GFT_TFLITE_OP_TOPK_V2, inputs, 2, outputs, 2),
                     GFT_TFLITE_OPTIONS_TOPK_V2);
}

void gft_tflw_emit_cumsum(gft_tflw_walk *w) {
    const gft_cumsum_attrs *a = w->node->attrs;
    int32_t axis = 0;
    if (!gft_axis_normalise(a->axis, gft_tflw_in_desc(w, 0)->shape.rank, &axis))
        gft_tflw_cannot(w, "its axis is not one of its input");
    const int32_t inputs[2] = {gft_tflw_in(w, 0), gft_tflw_const_s32(w, "axis", axis)};
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_CUMSUM, inputs, 2, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_CUMSUM);
    gft_tflw_option_i(op, GFT_TFLITE_CUMSUM_EXCLUSIVE, 1, a->exclusive, 0);
    gft_tflw_option_i(op, GFT_TFLITE_CUMSUM_REVERSE, 1, a->reverse, 0);
}

void gft_tflw_emit_one_hot(gft_tflw_walk *w) {
    const gft_one_hot_attrs *a = w->node->attrs;
    if (a->dtype != GRAFT_F32) {
        gft_tflw_cannot(w, "its values are not float32");
        return;
    }
    const int32_t inputs[4] = {gft_tflw_in(w, 0), gft_tflw_const_s32(w, "depth", (int32_t)a->depth),
                               gft_tflw_const_f32(w, "on", (float)a->on),
                               gft_tflw_const_f32(w, "off", (float)a->off)};
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_ONE_HOT, inputs, 4, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_ONE_HOT);
    gft_tflw_option_i(op, GFT_TFLITE_ONE_HOT_AXIS, 4, a->axis, 0);
}

void gft_tflw_emit_gather_nd(gft_tflw_walk *w) {
    const gft_gather_nd_attrs *a = w->node->attrs;
    if (a->batch_dims != 0) {
        gft_tflw_cannot(w, "it walks batch dimensions together");
        return;
    }
    const int32_t inputs[2] = {gft_tflw_in(w, 0), gft_tflw_in(w, 1)};
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_GATHER_ND, inputs, 2, gft_tflw_out(w, 0)),
                     GFT_TFLITE_OPTIONS_GATHER_ND);
}
