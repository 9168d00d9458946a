/*
 * Applying a preprocessing rule: which part of the picture is taken, where in the result it goes,
 * and the resize.
 *
 * crop: the centre as EfficientNet's evaluation takes it, side int(size / (size + padding) *
 * shorter side), offset rounded up. pad: PIL's ImageOps.pad or TensorFlow's resize_with_pad, by
 * flavour.
 */
#include "data/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "formats/picture.h"

/* A result larger than this is a mistake in a rule, not a model's input. */
#define RESULT_MAX_PIXELS (64 << 20)

graft_preprocess graft_preprocess_default(int32_t height, int32_t width) {
    return (graft_preprocess){
        .height = height,
        .width = width,
        .mode = GRAFT_RESIZE_SQUEEZE,
        .interpolation = GRAFT_BICUBIC,
        .flavour = GRAFT_FLAVOUR_PIL,
        .antialias = true,
        .crop_padding = 32,
        .crop_fraction = 0.0,
        .pad_value = 127,
    };
}

graft_status graft_preprocess_check(const graft_preprocess *rule, graft_error *err) {
    const char *where = "preprocessing";
    if (rule->height < 1 || rule->width < 1 || rule->height > GFT_PICTURE_MAX_SIDE ||
        rule->width > GFT_PICTURE_MAX_SIDE ||
        (int64_t)rule->height * rule->width > RESULT_MAX_PIXELS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: found size %d x %d, expected sides from 1 to %d", where, rule->height,
                        rule->width, GFT_PICTURE_MAX_SIDE);
    if ((unsigned)rule->mode > GRAFT_RESIZE_PAD)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found resize mode %d", where,
                        (int)rule->mode);
    if ((unsigned)rule->interpolation > GRAFT_LANCZOS3)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found interpolation %d", where,
                        (int)rule->interpolation);
    if ((unsigned)rule->flavour > GRAFT_FLAVOUR_TF)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found flavour %d", where,
                        (int)rule->flavour);
    if (rule->crop_padding < 0 || rule->crop_padding > GFT_PICTURE_MAX_SIDE)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found crop padding %d, expected 0 to %d",
                        where, rule->crop_padding, GFT_PICTURE_MAX_SIDE);
    if (!(rule->crop_fraction >= 0.0 && rule->crop_fraction <= 1.0))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found crop fraction %g, expected 0 to 1",
                        where, rule->crop_fraction);
    if (rule->pad_value < 0 || rule->pad_value > 255)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found pad value %d, expected 0 to 255",
                        where, rule->pad_value);
    return GRAFT_OK;
}

bool gft_preprocess_gives_u8(const graft_preprocess *rule) {
    return rule->flavour == GRAFT_FLAVOUR_PIL;
}

size_t gft_preprocess_elems(const graft_preprocess *rule) {
    return (size_t)rule->height * (size_t)rule->width * 3;
}

/* Whole part of side * fraction; exact for crop_padding. */
static int64_t crop_side(const graft_preprocess *rule, int64_t side) {
    int64_t cut;
    if (rule->crop_fraction > 0.0) {
        cut = (int64_t)((double)side * rule->crop_fraction + 1e-9);
    } else {
        int64_t size = gft_i64_min(rule->height, rule->width);
        cut = side * size / (size + rule->crop_padding);
    }
    return gft_i64_max(cut, 1);
}

/* The largest box of the result's ratio, cut by the rule, in the centre. */
static gft_view crop_view(const graft_preprocess *rule, const gft_view *view) {
    int64_t height = view->height;
    int64_t width = view->width;
    if (width * rule->height > height * rule->width)
        width = gft_i64_max(height * rule->width / rule->height, 1);
    else
        height = gft_i64_max(width * rule->height / rule->width, 1);
    height = crop_side(rule, height);
    width = crop_side(rule, width);
    int64_t top = (view->height - height + 1) / 2;
    int64_t left = (view->width - width + 1) / 2;
    return (gft_view){view->pixels + (size_t)top * view->stride + 3 * (size_t)left, (int32_t)height,
                      (int32_t)width, view->stride};
}

/* Where in the result the picture goes. */
typedef struct placement {
    int32_t top, left, height, width;
} placement;

static int32_t clamp_side(double side, int32_t most) {
    return side < 1.0 ? 1 : side > most ? most : (int32_t)side;
}

static placement place_pil(const graft_preprocess *rule, const gft_view *view) {
    placement p = {0, 0, rule->height, rule->width};
    double ratio = (double)view->width / view->height;
    double wanted = (double)rule->width / rule->height;
    /* rint rounds halves to even, as Python's round does */
    if (ratio > wanted)
        p.height = clamp_side(rint((double)view->height / view->width * rule->width), rule->height);
    else if (ratio < wanted)
        p.width = clamp_side(rint((double)view->width / view->height * rule->height), rule->width);
    p.top = (int32_t)rint((rule->height - p.height) * 0.5);
    p.left = (int32_t)rint((rule->width - p.width) * 0.5);
    return p;
}

static placement place_tf(const graft_preprocess *rule, const gft_view *view) {
    float height = (float)view->height;
    float width = (float)view->width;
    float ratio = fmaxf(width / (float)rule->width, height / (float)rule->height);
    placement p;
    p.height = clamp_side(floorf(height / ratio), rule->height);
    p.width = clamp_side(floorf(width / ratio), rule->width);
    p.top = (int32_t)fmaxf(floorf(((float)rule->height - height / ratio) / 2), 0.0f);
    p.left = (int32_t)fmaxf(floorf(((float)rule->width - width / ratio) / 2), 0.0f);
    p.top = p.top > rule->height - p.height ? rule->height - p.height : p.top;
    p.left = p.left > rule->width - p.width ? rule->width - p.width : p.left;
    return p;
}

static placement place(const graft_preprocess *rule, const gft_view *view) {
    if (rule->mode != GRAFT_RESIZE_PAD)
        return (placement){0, 0, rule->height, rule->width};
    return rule->flavour == GRAFT_FLAVOUR_PIL ? place_pil(rule, view) : place_tf(rule, view);
}

graft_status gft_preprocess_u8(const graft_preprocess *rule, const gft_view *view, uint8_t *out,
                               graft_error *err) {
    gft_view source = rule->mode == GRAFT_RESIZE_CROP ? crop_view(rule, view) : *view;
    placement p = place(rule, &source);
    size_t stride = (size_t)rule->width * 3;
    if (rule->mode == GRAFT_RESIZE_PAD)
        memset(out, rule->pad_value, gft_preprocess_elems(rule));
    return gft_resize_pil(&source, rule->interpolation, p.height, p.width,
                          out + (size_t)p.top * stride + 3 * (size_t)p.left, stride, err);
}

graft_status gft_preprocess_f32(const graft_preprocess *rule, const gft_view *view, float *out,
                                graft_error *err) {
    gft_view source = rule->mode == GRAFT_RESIZE_CROP ? crop_view(rule, view) : *view;
    placement p = place(rule, &source);
    size_t stride = (size_t)rule->width * 3;
    if (rule->mode == GRAFT_RESIZE_PAD)
        for (size_t i = 0; i < gft_preprocess_elems(rule); i++)
            out[i] = (float)rule->pad_value;
    return gft_resize_tf(&source, rule->interpolation, rule->antialias, p.height, p.width,
                         out + (size_t)p.top * stride + 3 * (size_t)p.left, stride, err);
}

void gft_u8_to_f32(const uint8_t *in, size_t count, float *out) {
    for (size_t i = 0; i < count; i++)
        out[i] = (float)in[i];
}

void gft_f32_to_u8(const float *in, size_t count, uint8_t *out) {
    for (size_t i = 0; i < count; i++) {
        float v = in[i] < 0.0f ? 0.0f : in[i] > 255.0f ? 255.0f : in[i];
        out[i] = (uint8_t)lrintf(v);
    }
}
