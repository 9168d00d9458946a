/*
 * Operations on pictures: resizing, pooling.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_operations.h"

static bool resize_mode(const char *word, gft_resize_attrs *out) {
    out->half_pixel_centers = strcmp(word, "area") != 0;
    out->mode = strcmp(word, "nearest") == 0   ? GFT_RESIZE_NEAREST
                : strcmp(word, "bicubic") == 0 ? GFT_RESIZE_BICUBIC
                : strcmp(word, "area") == 0    ? GFT_RESIZE_AREA
                                               : GFT_RESIZE_BILINEAR;
    return out->mode != GFT_RESIZE_BILINEAR || strcmp(word, "bilinear") == 0;
}

graft_status gft_keras_call_op_resize(gft_keras_call *c, graft_error *err) {
    static const char *const REFUSED[] = {"antialias", "crop_to_aspect_ratio",
                                          "pad_to_aspect_ratio", "preserve_aspect_ratio"};
    int64_t size[2];
    int32_t count;
    gft_resize_attrs attrs = {0};
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    const char *word = json_string_value(gft_keras_setting(c, -1, "interpolation", "method"));
    const json_t *json = gft_keras_setting(c, 1, "size", NULL);
    const json_t *items = json_object_get(json, "items");
    GFT_TRY(gft_keras_ints(c, items ? items : json, "size", size, 2, &count, err));
    if (count != 2 || size[0] < 1 || size[1] < 1)
        return gft_keras_refuse(c, err, "a size that is not two numbers");
    if (!resize_mode(word ? word : "bilinear", &attrs))
        return gft_keras_refuse(c, err, "interpolation '%s'", word);
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        if (json_is_true(gft_keras_setting(c, -1, REFUSED[i], NULL)))
            return gft_keras_refuse(c, err, "%s", REFUSED[i]);
    }
    attrs.height = size[0];
    attrs.width = size[1];
    GFT_TRY(gft_keras_to_float(c, &x, err));
    return gft_keras_finish(c, &gft_op_resize, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_op_pool(gft_keras_call *c, graft_error *err) {
    int64_t size[2];
    int64_t strides[2];
    int32_t count;
    gft_value_id x = -1;
    const char *padding = json_string_value(gft_keras_setting(c, 3, "padding", NULL));
    GFT_TRY(gft_keras_subject(c, &x, err));
    if (gft_keras_desc(c, x)->shape.rank != 4)
        return gft_keras_refuse(c, err, "other than for pictures");
    GFT_TRY(gft_keras_ints(c, gft_keras_setting(c, 1, "pool_size", NULL), "pool_size", size, 2,
                           &count, err));
    if (count == 0)
        return gft_keras_wrong(c, err, "no pool_size");
    size[1] = count == 1 ? size[0] : size[1];
    GFT_TRY(gft_keras_ints(c, gft_keras_setting(c, 2, "strides", NULL), "strides", strides, 2,
                           &count, err));
    if (count == 0)
        memcpy(strides, size, sizeof strides);
    strides[1] = count == 1 ? strides[0] : strides[1];
    const gft_pool_attrs attrs = {
        .kernel_h = size[0],
        .kernel_w = size[1],
        .stride_h = strides[0],
        .stride_w = strides[1],
        .padding = padding && strcmp(padding, "same") == 0 ? GFT_PAD_SAME : GFT_PAD_VALID};
    return gft_keras_finish(c, c->kind->op, NULL, &attrs, &x, 1, err);
}
