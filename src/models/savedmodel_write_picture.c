/*
 * Crop, resize and pad of one picture as TensorFlow's nodes: the rules of data/preprocess.c,
 * computed at run time from the picture's size with scalar nodes of the same element types.
 */
#include "models/savedmodel_write_picture.h"

#include "base/shape.h"
#include "base/size.h"

typedef struct picture {
    gft_tf_nodes *nodes;
    const graft_preprocess *rule;
    const char *pixels;               /* uint8 (h,w,3), then float32 (1,h,w,3) */
    const char *height, *width;       /* int64 scalars */
    const char *top, *left;           /* pad: where it goes, int64 */
    const char *to_height, *to_width; /* int64: size after the resize */
} picture;

/* ---- scalars ---- */

static const char *whole(gft_tf_nodes *nodes, int64_t value) {
    const graft_tensor_desc desc = {GRAFT_S64, {0, {0}}, NULL};
    return gft_tf_const(nodes, "whole", &desc, gft_pb_new(nodes->pb, sizeof value, &value));
}

static const char *real(gft_tf_nodes *nodes, double value, graft_dtype dtype) {
    const graft_tensor_desc desc = {dtype, {0, {0}}, NULL};
    const float single = (float)value;
    return gft_tf_const(nodes, "real", &desc,
                        dtype == GRAFT_F64 ? gft_pb_new(nodes->pb, sizeof value, &value)
                                           : gft_pb_new(nodes->pb, sizeof single, &single));
}

static const char *s64(gft_tf_nodes *nodes, const char *op, const char *a, const char *b) {
    return gft_tf_binary(nodes, op, a, b, GRAFT_S64);
}

static const char *choose(gft_tf_nodes *nodes, const char *condition, const char *yes,
                          const char *no) {
    gft_tf_node *node = gft_tf_add(nodes, "SelectV2");
    gft_tf_input(nodes, node, condition);
    gft_tf_input(nodes, node, yes);
    gft_tf_input(nodes, node, no);
    gft_tf_attr_type(nodes, node, "T", GRAFT_S64);
    return gft_tf_output(nodes, node, 0);
}

static const char *pack(gft_tf_nodes *nodes, const char *const *parts, int count,
                        graft_dtype dtype) {
    gft_tf_node *node = gft_tf_add(nodes, "Pack");
    for (int i = 0; i < count; i++)
        gft_tf_input(nodes, node, parts[i]);
    gft_tf_attr_type(nodes, node, "T", dtype);
    gft_tf_attr_int(nodes, node, "N", count);
    gft_tf_attr_int(nodes, node, "axis", 0);
    return gft_tf_output(nodes, node, 0);
}

/* Element `axis` of the picture's shape, int64. */
static const char *size_along(gft_tf_nodes *nodes, const char *shape, int64_t axis) {
    const int64_t end = axis + 1;
    const int64_t one = 1;
    const char *begin = gft_tf_const_ints(nodes, "begin", &axis, 1);
    const char *stop = gft_tf_const_ints(nodes, "end", &end, 1);
    const char *step = gft_tf_const_ints(nodes, "step", &one, 1);
    gft_tf_node *node = gft_tf_add(nodes, "StridedSlice");
    gft_tf_input(nodes, node, shape);
    gft_tf_input(nodes, node, begin);
    gft_tf_input(nodes, node, stop);
    gft_tf_input(nodes, node, step);
    gft_tf_attr_type(nodes, node, "T", GRAFT_S32);
    gft_tf_attr_type(nodes, node, "Index", GRAFT_S32);
    gft_tf_attr_int(nodes, node, "begin_mask", 0);
    gft_tf_attr_int(nodes, node, "end_mask", 0);
    gft_tf_attr_int(nodes, node, "ellipsis_mask", 0);
    gft_tf_attr_int(nodes, node, "new_axis_mask", 0);
    gft_tf_attr_int(nodes, node, "shrink_axis_mask", 1);
    return gft_tf_cast(nodes, gft_tf_output(nodes, node, 0), GRAFT_S32, GRAFT_S64);
}

/* ---- crop ---- */

static const char *crop_side(picture *p, const char *side) {
    gft_tf_nodes *n = p->nodes;
    const char *cut;
    if (p->rule->crop_fraction > 0.0) {
        const char *part = gft_tf_binary(n, "Mul", gft_tf_cast(n, side, GRAFT_S64, GRAFT_F64),
                                         real(n, p->rule->crop_fraction, GRAFT_F64), GRAFT_F64);
        part = gft_tf_binary(n, "AddV2", part, real(n, 1e-9, GRAFT_F64), GRAFT_F64);
        cut = gft_tf_cast(n, part, GRAFT_F64, GRAFT_S64);
    } else {
        const int64_t size = gft_i64_min(p->rule->height, p->rule->width);
        cut = s64(n, "FloorDiv", s64(n, "Mul", side, whole(n, size)),
                  whole(n, size + p->rule->crop_padding));
    }
    return s64(n, "Maximum", cut, whole(n, 1));
}

static const char *centred(gft_tf_nodes *n, const char *all, const char *part) {
    const char *rest = s64(n, "AddV2", s64(n, "Sub", all, part), whole(n, 1));
    return s64(n, "FloorDiv", rest, whole(n, 2));
}

static void crop(picture *p) {
    gft_tf_nodes *n = p->nodes;
    const char *to_h = whole(n, p->rule->height);
    const char *to_w = whole(n, p->rule->width);
    const char *wide =
        s64(n, "Greater", s64(n, "Mul", p->width, to_h), s64(n, "Mul", p->height, to_w));
    const char *fit_w = s64(n, "FloorDiv", s64(n, "Mul", p->height, to_w), to_h);
    const char *fit_h = s64(n, "FloorDiv", s64(n, "Mul", p->width, to_h), to_w);
    const char *width = choose(n, wide, s64(n, "Maximum", fit_w, whole(n, 1)), p->width);
    const char *height = choose(n, wide, p->height, s64(n, "Maximum", fit_h, whole(n, 1)));
    height = crop_side(p, height);
    width = crop_side(p, width);
    const char *begin[3] = {centred(n, p->height, height), centred(n, p->width, width),
                            whole(n, 0)};
    const char *size[3] = {height, width, whole(n, 3)};
    const char *from = pack(n, begin, 3, GRAFT_S64);
    const char *extent = pack(n, size, 3, GRAFT_S64);
    gft_tf_node *slice = gft_tf_add(n, "Slice");
    gft_tf_input(n, slice, p->pixels);
    gft_tf_input(n, slice, from);
    gft_tf_input(n, slice, extent);
    gft_tf_attr_type(n, slice, "T", GRAFT_U8);
    gft_tf_attr_type(n, slice, "Index", GRAFT_S64);
    p->pixels = gft_tf_output(n, slice, 0);
    p->height = height;
    p->width = width;
}

/* ---- pad: where the picture goes ---- */

static const char *clamp_side(gft_tf_nodes *n, const char *side, graft_dtype from, int32_t most) {
    const char *value = s64(n, "Maximum", gft_tf_cast(n, side, from, GRAFT_S64), whole(n, 1));
    return s64(n, "Minimum", value, whole(n, most));
}

/* rint(a / b * wanted), kept in 1..most; `most` itself where not taken. */
static const char *pil_side(picture *p, const char *taken, const char *a, const char *b,
                            int32_t wanted, int32_t most) {
    gft_tf_nodes *n = p->nodes;
    const char *share = gft_tf_binary(n, "RealDiv", a, b, GRAFT_F64);
    const char *side = gft_tf_binary(n, "Mul", share, real(n, wanted, GRAFT_F64), GRAFT_F64);
    return choose(n, taken,
                  clamp_side(n, gft_tf_unary(n, "Rint", side, GRAFT_F64), GRAFT_F64, most),
                  whole(n, most));
}

static const char *pil_offset(gft_tf_nodes *n, int32_t all, const char *part) {
    const char *rest = gft_tf_cast(n, s64(n, "Sub", whole(n, all), part), GRAFT_S64, GRAFT_F64);
    const char *half = gft_tf_binary(n, "Mul", rest, real(n, 0.5, GRAFT_F64), GRAFT_F64);
    return gft_tf_cast(n, gft_tf_unary(n, "Rint", half, GRAFT_F64), GRAFT_F64, GRAFT_S64);
}

static void place_pil(picture *p) {
    gft_tf_nodes *n = p->nodes;
    const graft_preprocess *rule = p->rule;
    const char *h = gft_tf_cast(n, p->height, GRAFT_S64, GRAFT_F64);
    const char *w = gft_tf_cast(n, p->width, GRAFT_S64, GRAFT_F64);
    const char *ratio = gft_tf_binary(n, "RealDiv", w, h, GRAFT_F64);
    const char *wanted = real(n, (double)rule->width / rule->height, GRAFT_F64);
    p->to_height = pil_side(p, gft_tf_binary(n, "Greater", ratio, wanted, GRAFT_F64), h, w,
                            rule->width, rule->height);
    p->to_width = pil_side(p, gft_tf_binary(n, "Greater", wanted, ratio, GRAFT_F64), w, h,
                           rule->height, rule->width);
    p->top = pil_offset(n, rule->height, p->to_height);
    p->left = pil_offset(n, rule->width, p->to_width);
}

static const char *tf_offset(gft_tf_nodes *n, int32_t all, const char *exact, const char *side) {
    const char *rest = gft_tf_binary(n, "Sub", real(n, all, GRAFT_F32), exact, GRAFT_F32);
    const char *half = gft_tf_binary(n, "RealDiv", rest, real(n, 2.0, GRAFT_F32), GRAFT_F32);
    const char *offset =
        gft_tf_cast(n, gft_tf_unary(n, "Floor", half, GRAFT_F32), GRAFT_F32, GRAFT_S64);
    return s64(n, "Minimum", s64(n, "Maximum", offset, whole(n, 0)),
               s64(n, "Sub", whole(n, all), side));
}

static void place_tf(picture *p) {
    gft_tf_nodes *n = p->nodes;
    const graft_preprocess *rule = p->rule;
    const char *h = gft_tf_cast(n, p->height, GRAFT_S64, GRAFT_F32);
    const char *w = gft_tf_cast(n, p->width, GRAFT_S64, GRAFT_F32);
    const char *ratio = gft_tf_binary(
        n, "Maximum", gft_tf_binary(n, "RealDiv", w, real(n, rule->width, GRAFT_F32), GRAFT_F32),
        gft_tf_binary(n, "RealDiv", h, real(n, rule->height, GRAFT_F32), GRAFT_F32), GRAFT_F32);
    const char *exact_h = gft_tf_binary(n, "RealDiv", h, ratio, GRAFT_F32);
    const char *exact_w = gft_tf_binary(n, "RealDiv", w, ratio, GRAFT_F32);
    p->to_height =
        clamp_side(n, gft_tf_unary(n, "Floor", exact_h, GRAFT_F32), GRAFT_F32, rule->height);
    p->to_width =
        clamp_side(n, gft_tf_unary(n, "Floor", exact_w, GRAFT_F32), GRAFT_F32, rule->width);
    p->top = tf_offset(n, rule->height, exact_h, p->to_height);
    p->left = tf_offset(n, rule->width, exact_w, p->to_width);
}

static void place(picture *p) {
    if (p->rule->mode != GRAFT_RESIZE_PAD) {
        p->to_height = whole(p->nodes, p->rule->height);
        p->to_width = whole(p->nodes, p->rule->width);
    } else if (p->rule->flavour == GRAFT_FLAVOUR_PIL) {
        place_pil(p);
    } else {
        place_tf(p);
    }
}

/* ---- resize ---- */

static const char *size_vector(gft_tf_nodes *n, const char *height, const char *width) {
    const char *parts[2] = {gft_tf_cast(n, height, GRAFT_S64, GRAFT_S32),
                            gft_tf_cast(n, width, GRAFT_S64, GRAFT_S32)};
    return pack(n, parts, 2, GRAFT_S32);
}

static const char *factor(gft_tf_nodes *n, const char *to, const char *from) {
    return gft_tf_binary(n, "RealDiv", gft_tf_cast(n, to, GRAFT_S64, GRAFT_F32),
                         gft_tf_cast(n, from, GRAFT_S64, GRAFT_F32), GRAFT_F32);
}

static void scale_and_translate(picture *p, const char *height, const char *width, bool antialias) {
    static const char *const kernels[] = {"box", "triangle", "keyscubic", "box", "lanczos3"};
    gft_tf_nodes *n = p->nodes;
    const char *scales[2] = {factor(n, height, p->height), factor(n, width, p->width)};
    const char *zeros[2] = {real(n, 0.0, GRAFT_F32), real(n, 0.0, GRAFT_F32)};
    const char *size = size_vector(n, height, width);
    const char *scale = pack(n, scales, 2, GRAFT_F32);
    const char *shift = pack(n, zeros, 2, GRAFT_F32);
    gft_tf_node *node = gft_tf_add(n, "ScaleAndTranslate");
    gft_tf_input(n, node, p->pixels);
    gft_tf_input(n, node, size);
    gft_tf_input(n, node, scale);
    gft_tf_input(n, node, shift);
    gft_tf_attr_type(n, node, "T", GRAFT_F32);
    gft_tf_attr_text(n, node, "kernel_type", kernels[p->rule->interpolation]);
    gft_tf_attr_bool(n, node, "antialias", antialias);
    p->pixels = gft_tf_output(n, node, 0);
    p->height = height;
    p->width = width;
}

/* To the 8-bit value PIL would store. */
static void round_to_byte(picture *p) {
    gft_tf_nodes *n = p->nodes;
    const char *up = gft_tf_binary(n, "AddV2", p->pixels, real(n, 0.5, GRAFT_F32), GRAFT_F32);
    const char *y = gft_tf_unary(n, "Floor", up, GRAFT_F32);
    y = gft_tf_binary(n, "Maximum", y, real(n, 0.0, GRAFT_F32), GRAFT_F32);
    p->pixels = gft_tf_binary(n, "Minimum", y, real(n, 255.0, GRAFT_F32), GRAFT_F32);
}

/*
 * Pillow 13 shrinks the height first when that takes away more than twice as many lines as there go
 * columns.
 */
static void resize_pil(picture *p) {
    gft_tf_nodes *n = p->nodes;
    const char *lines = s64(n, "Sub", p->height, p->to_height);
    const char *columns = s64(n, "Sub", p->width, p->to_width);
    gft_tf_node *first = gft_tf_add(n, "LogicalAnd");
    gft_tf_input(n, first, s64(n, "Greater", lines, whole(n, 0)));
    gft_tf_input(n, first, s64(n, "Greater", lines, s64(n, "Mul", columns, whole(n, 2))));
    const char *height_first = gft_tf_output_named(n, first, "z", 0);
    const char *height = choose(n, height_first, p->to_height, p->height);
    const char *width = choose(n, height_first, p->width, p->to_width);
    scale_and_translate(p, height, width, true);
    round_to_byte(p);
    scale_and_translate(p, p->to_height, p->to_width, true);
    round_to_byte(p);
}

static void resize_op(picture *p, const char *op, bool half_pixel) {
    gft_tf_nodes *n = p->nodes;
    const char *size = size_vector(n, p->to_height, p->to_width);
    gft_tf_node *node = gft_tf_add(n, op);
    gft_tf_input(n, node, p->pixels);
    gft_tf_input(n, node, size);
    gft_tf_attr_type(n, node, "T", GRAFT_F32);
    gft_tf_attr_bool(n, node, "align_corners", false);
    if (half_pixel)
        gft_tf_attr_bool(n, node, "half_pixel_centers", true);
    p->pixels = gft_tf_output(n, node, 0);
}

static void resize(picture *p) {
    const graft_preprocess *rule = p->rule;
    const bool smooth =
        rule->interpolation == GRAFT_BILINEAR || rule->interpolation == GRAFT_BICUBIC;
    if (rule->interpolation == GRAFT_NEAREST) {
        resize_op(p, "ResizeNearestNeighbor", true);
    } else if (rule->flavour == GRAFT_FLAVOUR_PIL) {
        resize_pil(p);
    } else if (rule->interpolation == GRAFT_LANCZOS3 || (rule->antialias && smooth)) {
        scale_and_translate(p, p->to_height, p->to_width, rule->antialias);
    } else if (rule->interpolation == GRAFT_AREA) {
        resize_op(p, "ResizeArea", false);
    } else {
        resize_op(p, rule->interpolation == GRAFT_BICUBIC ? "ResizeBicubic" : "ResizeBilinear",
                  true);
    }
}

static void pad(picture *p) {
    gft_tf_nodes *n = p->nodes;
    const char *bottom =
        s64(n, "Sub", s64(n, "Sub", whole(n, p->rule->height), p->to_height), p->top);
    const char *right =
        s64(n, "Sub", s64(n, "Sub", whole(n, p->rule->width), p->to_width), p->left);
    const char *zero = whole(n, 0);
    const char *amounts[8] = {zero, zero, p->top, bottom, p->left, right, zero, zero};
    const int64_t shape[2] = {4, 2};
    const char *paddings = gft_tf_reshape(n, pack(n, amounts, 8, GRAFT_S64),
                                          gft_tf_const_ints(n, "pairs", shape, 2), GRAFT_S64);
    const char *value = real(n, p->rule->pad_value, GRAFT_F32);
    gft_tf_node *node = gft_tf_add(n, "PadV2");
    gft_tf_input(n, node, p->pixels);
    gft_tf_input(n, node, paddings);
    gft_tf_input(n, node, value);
    gft_tf_attr_type(n, node, "T", GRAFT_F32);
    gft_tf_attr_type(n, node, "Tpaddings", GRAFT_S64);
    p->pixels = gft_tf_output(n, node, 0);
}

const char *gft_sm_resize_picture(gft_tf_nodes *nodes, const graft_preprocess *rule,
                                  const char *pixels) {
    picture p = {.nodes = nodes, .rule = rule, .pixels = pixels};
    const char *shape = gft_tf_shape_of(nodes, pixels, GRAFT_U8);
    const int64_t first = 0;
    p.height = size_along(nodes, shape, 0);
    p.width = size_along(nodes, shape, 1);
    if (rule->mode == GRAFT_RESIZE_CROP)
        crop(&p);
    place(&p);
    p.pixels = gft_tf_cast(nodes, p.pixels, GRAFT_U8, GRAFT_F32);
    gft_tf_node *batch = gft_tf_add(nodes, "ExpandDims");
    gft_tf_input(nodes, batch, p.pixels);
    gft_tf_input(nodes, batch, gft_tf_const_s32(nodes, "batch", (int32_t)first));
    gft_tf_attr_type(nodes, batch, "T", GRAFT_F32);
    gft_tf_attr_type(nodes, batch, "Tdim", GRAFT_S32);
    p.pixels = gft_tf_output(nodes, batch, 0);
    resize(&p);
    if (rule->mode == GRAFT_RESIZE_PAD)
        pad(&p);
    const int64_t result[3] = {rule->height, rule->width, 3};
    return gft_tf_reshape(nodes, p.pixels, gft_tf_const_ints(nodes, "shape", result, 3), GRAFT_F32);
}
