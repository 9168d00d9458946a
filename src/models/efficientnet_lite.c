/*
 * EfficientNet-Lite0 to Lite4 (M. Tan; tensorflow/tpu efficientnet/lite): EfficientNet without
 * squeeze-excite, ReLU6 for swish, stem and head of fixed width, first and last stage of fixed
 * depth. Layers bear the names of Keras' EfficientNet.
 */
#include <math.h>
#include <stdio.h>

#include "base/shape.h"
#include "models/builder.h"

typedef struct variant {
    double width, depth;
    int32_t size;
    float dropout;
} variant;

static const variant VARIANTS[] = {
    {1.0, 1.0, 224, 0.2f}, {1.0, 1.1, 240, 0.2f}, {1.1, 1.2, 260, 0.3f},
    {1.2, 1.4, 280, 0.3f}, {1.4, 1.8, 300, 0.3f},
};
#define VARIANT_COUNT ((int32_t)(sizeof VARIANTS / sizeof VARIANTS[0]))

typedef struct stage {
    int32_t repeats;
    gft_window window; /* stride: of the first block */
    int64_t expand, filters;
} stage;

static const stage STAGES[] = {
    {1, {3, 1}, 1, 16},  {2, {3, 2}, 6, 24},  {2, {5, 2}, 6, 40},  {3, {3, 2}, 6, 80},
    {3, {5, 1}, 6, 112}, {4, {5, 2}, 6, 192}, {1, {3, 1}, 6, 320},
};
#define STAGE_COUNT ((int32_t)(sizeof STAGES / sizeof STAGES[0]))
#define STEM_FILTERS 32
#define TOP_FILTERS 1280
#define MAX_NAME 64

/* Nearest multiple of 8, never more than 10 % below. */
static int64_t scaled_filters(int64_t filters, double width) {
    double wanted = (double)filters * width;
    int64_t rounded = (int64_t)(wanted + 4) / 8 * 8;
    if (rounded < 8)
        rounded = 8;
    return (double)rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

static int32_t scaled_repeats(int32_t i, double depth) {
    bool fixed = i == 0 || i == STAGE_COUNT - 1;
    return fixed ? STAGES[i].repeats : (int32_t)ceil(depth * STAGES[i].repeats);
}

/* "block2a_" and what follows. */
static const char *named(char out[MAX_NAME], const char *block, const char *part) {
    (void)snprintf(out, MAX_NAME, "%s_%s", block, part);
    return out;
}

static gft_value_id add_block(gft_builder *b, gft_value_id x, const char *block, const stage *s,
                              gft_window window, int64_t filters) {
    char name[MAX_NAME];
    gft_value_id shortcut = x;
    int64_t channels = gft_build_channels(b, x);
    if (s->expand != 1) {
        x = gft_build_conv(b, x, named(name, block, "expand_conv"), channels * s->expand,
                           (gft_window){1, 1});
        x = gft_build_batch_norm(b, x, named(name, block, "expand_bn"));
        x = gft_build_unary(b, x, named(name, block, "expand_activation"), &gft_op_relu6);
    }
    x = gft_build_depthwise(b, x, named(name, block, "dwconv"), window);
    x = gft_build_batch_norm(b, x, named(name, block, "bn"));
    x = gft_build_unary(b, x, named(name, block, "activation"), &gft_op_relu6);
    x = gft_build_conv(b, x, named(name, block, "project_conv"), filters, (gft_window){1, 1});
    x = gft_build_batch_norm(b, x, named(name, block, "project_bn"));
    if (window.stride == 1 && channels == filters)
        x = gft_build_add(b, x, shortcut, named(name, block, "add"));
    return x;
}

static gft_value_id add_features(gft_builder *b, const variant *v) {
    graft_tensor_desc picture = gft_desc_f32(gft_shape_4(-1, v->size, v->size, 3));
    gft_value_id x = gft_build_input(b, "inputs", &picture);
    x = gft_build_normalise(b, x, "normalization", 127.0f, 1.0f / 128.0f);
    x = gft_build_conv(b, x, "stem_conv", STEM_FILTERS, (gft_window){3, 2});
    x = gft_build_batch_norm(b, x, "stem_bn");
    x = gft_build_unary(b, x, "stem_activation", &gft_op_relu6);
    for (int32_t i = 0; i < STAGE_COUNT; i++) {
        int32_t repeats = scaled_repeats(i, v->depth);
        for (int32_t j = 0; j < repeats; j++) {
            char block[32];
            gft_window window = {STAGES[i].window.kernel, j == 0 ? STAGES[i].window.stride : 1};
            (void)snprintf(block, sizeof block, "block%d%c", (int)(i + 1), (char)('a' + j));
            x = add_block(b, x, block, &STAGES[i], window,
                          scaled_filters(STAGES[i].filters, v->width));
        }
    }
    x = gft_build_conv(b, x, "top_conv", TOP_FILTERS, (gft_window){1, 1});
    x = gft_build_batch_norm(b, x, "top_bn");
    x = gft_build_unary(b, x, "top_activation", &gft_op_relu6);
    return gft_build_global_pool(b, x, "avg_pool");
}

graft_status gft_efficientnet_lite_build(graft_model *model, int32_t variant_number,
                                         int32_t classes, gft_weight_source source, void *context,
                                         graft_error *err) {
    if (variant_number < 0 || variant_number >= VARIANT_COUNT)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "efficientnet_lite: variant %d, expected 0..%d", (int)variant_number,
                        (int)(VARIANT_COUNT - 1));
    if (classes < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "efficientnet_lite: %d classes, expected 0 (features) or more",
                        (int)classes);
    const variant *v = &VARIANTS[variant_number];
    gft_builder b = gft_builder_make(model, source, context, err);
    gft_value_id x = add_features(&b, v);
    if (classes == 0) {
        gft_build_output(&b, "feature_vector", x);
    } else {
        x = gft_build_dropout(&b, x, "top_dropout", v->dropout, 1);
        x = gft_build_dense(&b, x, "predictions", classes);
        gft_axis_attrs last = {-1};
        x = gft_build_node(&b, &gft_op_softmax, "predictions/Softmax", &last, &x, 1);
        gft_build_output(&b, "probabilities", x);
    }
    GFT_TRY(gft_builder_finish(&b, "serving_default"));
    /*
     * The published evaluation rule: centre square of size/(size+32) of the shorter side, bicubic.
     */
    model->has_preprocess = true;
    model->preprocess = graft_preprocess_default(v->size, v->size);
    model->preprocess.mode = GRAFT_RESIZE_CROP;
    model->preprocess.crop_padding = 32;
    model->preprocess.crop_fraction = 0;
    return GRAFT_OK;
}
