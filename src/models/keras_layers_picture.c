/*
 * Layers that change a picture's size: Resizing, CenterCrop, RandomCrop (at inference), UpSampling.
 * Sizes are Keras' arithmetic, truncations included.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_layers.h"

static graft_status interpolation(const gft_keras_call *c, gft_resize_attrs *out,
                                  graft_error *err) {
    static const struct {
        const char *word;
        gft_resize_mode mode;
    } WORDS[] = {{"bilinear", GFT_RESIZE_BILINEAR},
                 {"nearest", GFT_RESIZE_NEAREST},
                 {"bicubic", GFT_RESIZE_BICUBIC},
                 {"area", GFT_RESIZE_AREA}};
    const char *word = gft_keras_text(c->config, "interpolation", "bilinear");
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(WORDS[i].word, word) != 0)
            continue;
        out->mode = WORDS[i].mode;
        out->half_pixel_centers = out->mode != GFT_RESIZE_AREA;
        return GRAFT_OK;
    }
    return gft_keras_refuse(c, err, "interpolation '%s'", word);
}

static graft_status resize_to(gft_keras_call *c, gft_value_id x, int64_t height, int64_t width,
                              const char *part, gft_value_id *out, graft_error *err) {
    gft_resize_attrs attrs = {.height = height, .width = width};
    GFT_TRY(interpolation(c, &attrs, err));
    return gft_keras_add(c, &gft_op_resize, part, &attrs, &x, 1, out, err);
}

/* The middle part with the proportions of height x width. */
static graft_status crop_to_ratio(gft_keras_call *c, gft_value_id x, int64_t height, int64_t width,
                                  gft_value_id *out, graft_error *err) {
    int64_t size[2];
    GFT_TRY(gft_keras_picture_size(c, x, size, err));
    int64_t h = (int64_t)((float)(size[1] * height) / (float)width);
    int64_t w = (int64_t)((float)(size[0] * width) / (float)height);
    h = h > size[0] ? size[0] : h < 1 ? 1 : h;
    w = w > size[1] ? size[1] : w < 1 ? 1 : w;
    return gft_keras_crop(c, x, (size[0] - h) / 2, (size[1] - w) / 2, h, w, out, err);
}

/* A frame around it, so that it has these proportions. */
static graft_status pad_to_ratio(gft_keras_call *c, gft_value_id x, int64_t height, int64_t width,
                                 gft_value_id *out, graft_error *err) {
    int64_t size[2];
    gft_pad_attrs attrs = {.value = (float)gft_keras_number(c->config, "fill_value", 0.0)};
    const char *mode = gft_keras_text(c->config, "fill_mode", "constant");
    GFT_TRY(gft_keras_picture_size(c, x, size, err));
    if (strcmp(mode, "constant") != 0)
        return gft_keras_refuse(c, err, "fill_mode '%s'", mode);
    int64_t h = (int64_t)((float)(size[1] * height) / (float)width);
    int64_t w = (int64_t)((float)(size[0] * width) / (float)height);
    h = h < size[0] ? size[0] : h;
    w = w < size[1] ? size[1] : w;
    attrs.before[1] = (h - size[0]) / 2;
    attrs.after[1] = attrs.before[1]; /* as Keras does it: an odd row is left out */
    attrs.before[2] = (w - size[1]) / 2;
    attrs.after[2] = attrs.before[2];
    return gft_keras_add(c, &gft_op_pad, "pad", &attrs, &x, 1, out, err);
}

static graft_status target_size(const gft_keras_call *c, int64_t out[2], graft_error *err) {
    out[0] = gft_keras_int(c->config, "height", 0);
    out[1] = gft_keras_int(c->config, "width", 0);
    return out[0] > 0 && out[1] > 0 ? GRAFT_OK
                                    : gft_keras_wrong(c, err, "its size is %lldx%lld",
                                                      (long long)out[0], (long long)out[1]);
}

graft_status gft_keras_call_resizing(gft_keras_call *c, graft_error *err) {
    int64_t size[2];
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, 4, err));
    GFT_TRY(target_size(c, size, err));
    if (gft_keras_bool(c->config, "antialias", false))
        return gft_keras_refuse(c, err, "antialias");
    y = c->inputs[0];
    if (gft_keras_bool(c->config, "crop_to_aspect_ratio", false))
        GFT_TRY(crop_to_ratio(c, y, size[0], size[1], &y, err));
    else if (gft_keras_bool(c->config, "pad_to_aspect_ratio", false))
        GFT_TRY(pad_to_ratio(c, y, size[0], size[1], &y, err));
    GFT_TRY(resize_to(c, y, size[0], size[1], NULL, &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_center_crop(gft_keras_call *c, graft_error *err) {
    int64_t size[2];
    int64_t have[2];
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, 4, err));
    GFT_TRY(target_size(c, size, err));
    GFT_TRY(gft_keras_picture_size(c, c->inputs[0], have, err));
    if (have[0] >= size[0] && have[1] >= size[1]) {
        GFT_TRY(gft_keras_crop(c, c->inputs[0], (have[0] - size[0]) / 2, (have[1] - size[1]) / 2,
                               size[0], size[1], &y, err));
    } else {
        GFT_TRY(crop_to_ratio(c, c->inputs[0], size[0], size[1], &y, err));
        GFT_TRY(resize_to(c, y, size[0], size[1], NULL, &y, err));
    }
    gft_keras_done(c, y);
    return GRAFT_OK;
}

/* Keras 3 leaves the picture alone when it does not train; Keras 2 cuts the middle out. */
graft_status gft_keras_call_random_crop(gft_keras_call *c, graft_error *err) {
    int64_t size[2];
    gft_value_id y = -1;
    if (!c->r->keras2)
        return gft_keras_call_identity(c, err);
    GFT_TRY(gft_keras_expect(c, 1, 4, err));
    GFT_TRY(target_size(c, size, err));
    GFT_TRY(crop_to_ratio(c, c->inputs[0], size[0], size[1], &y, err));
    GFT_TRY(resize_to(c, y, size[0], size[1], NULL, &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

/* ---- up-sampling ---- */

/* (N,L,C): each step's numbers `times` over, then as so many more steps. */
static graft_status repeat_steps(gft_keras_call *c, int64_t times, graft_error *err) {
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, 3, err));
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    const graft_shape longer = {3, {x.dims[0], x.dims[1] < 0 ? -1 : x.dims[1] * times, x.dims[2]}};
    const gft_axis_attrs last = {.axis = 2};
    gft_value_id copies[64];
    if (times > (int64_t)(sizeof copies / sizeof copies[0]) || x.dims[2] < 0)
        return gft_keras_refuse(c, err, "size %lld", (long long)times);
    for (int64_t i = 0; i < times; i++)
        copies[i] = c->inputs[0];
    GFT_TRY(gft_keras_add(c, &gft_op_concat, NULL, &last, copies, (int32_t)times, &y, err));
    GFT_TRY(gft_keras_reshape(c, y, &longer, "steps", &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_upsampling(gft_keras_call *c, graft_error *err) {
    int64_t times[2];
    int64_t size[2];
    gft_value_id y = -1;
    gft_resize_attrs attrs = {.mode = GFT_RESIZE_NEAREST, .half_pixel_centers = true};
    GFT_TRY(gft_keras_pair(c, "size", 2, times, err));
    if (times[0] < 1 || times[1] < 1)
        return gft_keras_wrong(c, err, "its size is not positive");
    if (c->kind->number == 1)
        return repeat_steps(c, times[0], err);
    GFT_TRY(gft_keras_expect(c, 1, 4, err));
    GFT_TRY(gft_keras_picture_size(c, c->inputs[0], size, err));
    if (strcmp(gft_keras_text(c->config, "interpolation", "nearest"), "nearest") != 0)
        GFT_TRY(interpolation(c, &attrs, err));
    attrs.height = size[0] * times[0];
    attrs.width = size[1] * times[1];
    GFT_TRY(gft_keras_add(c, &gft_op_resize, NULL, &attrs, c->inputs, 1, &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}
