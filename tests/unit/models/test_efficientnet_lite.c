/*
 * EfficientNet-Lite: sizes and names of all variants, and Lite0 on a picture against naive loops.
 */
#include "models_test.h"

#include "models/builder.h"

typedef struct published {
    int32_t size, blocks;
    int64_t trainable;  /* classification with 1000 classes */
    int64_t last_width; /* channels of stage 6 */
} published;

/* Block counts and parameters of the published models (4.7, 5.4, 6.1, 8.2 and 13.0 million). */
static const published PUBLISHED[] = {
    {224, 16, 4652008, 192}, {240, 21, 0, 192}, {260, 21, 0, 208},
    {280, 24, 0, 232},       {300, 30, 0, 272},
};

static graft_model *build(int32_t variant, int32_t classes) {
    graft_model *model = NULL;
    seeded_weights weights = {0};
    OK(gft_model_new(&model, err));
    OK(gft_efficientnet_lite_build(model, variant, classes, seeded_source, &weights, err));
    assert_int_equal(weights.count, model->params.count);
    gft_arena_deinit(&weights.arena);
    return model;
}

static void variants(void **state) {
    (void)state;
    static const double MILLIONS[] = {4.65, 5.4, 6.1, 8.2, 13.0};
    static const double MACS[] = {390, 603, 860, 1383,
                                  2553}; /* millions, published: 407 to 2,640 */
    for (int32_t v = 0; v < 5; v++) {
        graft_model *model = build(v, 1000);
        const gft_graph *g = model->signatures[0].graph;
        int32_t blocks = 0;
        int64_t macs = 0;
        graft_layer_info *layers = NULL;
        int32_t count = 0;
        OK(graft_model_layers(model, 0, &layers, &count, err));
        for (int32_t i = 0; i < count; i++) {
            if (strstr(layers[i].name, "_dwconv"))
                blocks++;
            if (!strstr(layers[i].op, "batch_norm"))
                macs += layers[i].macs;
        }
        assert_int_equal(blocks, PUBLISHED[v].blocks);
        assert_true(fabs((double)macs * 1e-6 / MACS[v] - 1) < 0.05);
        graft_layers_free(layers);
        int64_t trainable = graft_model_parameter_count(model, true);
        if (PUBLISHED[v].trainable)
            assert_int_equal(trainable, PUBLISHED[v].trainable);
        assert_true(fabs((double)trainable * 1e-6 / MILLIONS[v] - 1) < 0.02);
        gft_param_id top = gft_params_find(&model->params, "block6a_project_conv/kernel");
        assert_true(top >= 0);
        assert_int_equal(model->params.items[top].desc.shape.dims[3], PUBLISHED[v].last_width);
        assert_int_equal(model->params.items[0].desc.shape.dims[3], 32); /* stem */
        assert_int_equal(gft_graph_value(g, g->inputs[0].value)->desc.shape.dims[1],
                         PUBLISHED[v].size);
        assert_int_equal(model->preprocess.height, PUBLISHED[v].size);
        assert_int_equal(model->preprocess.mode, GRAFT_RESIZE_CROP);
        graft_model_free(model);
    }
}

static void layer_names(void **state) {
    (void)state;
    static const char *const FIRST[] = {"normalization",
                                        "stem_conv",
                                        "stem_bn",
                                        "stem_activation",
                                        "block1a_dwconv",
                                        "block1a_bn",
                                        "block1a_activation",
                                        "block1a_project_conv",
                                        "block1a_project_bn",
                                        "block2a_expand_conv",
                                        "block2a_expand_bn",
                                        "block2a_expand_activation",
                                        "block2a_dwconv",
                                        "block2a_bn",
                                        "block2a_activation",
                                        "block2a_project_conv",
                                        "block2a_project_bn",
                                        "block2b_expand_conv"};
    static const char *const LAST[] = {"top_conv", "top_bn",      "top_activation",
                                       "avg_pool", "top_dropout", "predictions"};
    graft_model *model = build(0, 10);
    graft_layer_info *layers = NULL;
    int32_t count = 0;
    OK(graft_model_layers(model, 0, &layers, &count, err));
    for (int i = 0; i < 18; i++)
        assert_string_equal(layers[i].name, FIRST[i]);
    for (int i = 0; i < 6; i++)
        assert_string_equal(layers[count - 6 + i].name, LAST[i]);
    assert_string_equal(layers[count - 1].op, "dense+bias_add+softmax");
    assert_int_equal(layers[count - 1].parameters, 1280 * 10 + 10);
    assert_int_equal(layers[2].parameters, 4 * 32);
    assert_true(layers[2].trainable);
    assert_false(layers[0].trainable);
    assert_int_equal(layers[1].output.shape.dims[0], 1);
    assert_int_equal(layers[1].output.shape.dims[1], 112);
    assert_int_equal(layers[1].macs, (int64_t)112 * 112 * 32 * 27);
    graft_layers_free(layers);
    int32_t adds = 0;
    for (int32_t i = 0; i < model->signatures[0].graph->node_count; i++)
        adds += strstr(model->signatures[0].graph->nodes[i].name, "_add") != NULL;
    assert_int_equal(adds, 9); /* all but the first block of each stage */
    gft_param_id mean = gft_params_find(&model->params, "block2b_bn/moving_mean");
    assert_false(model->params.items[mean].trainable);
    assert_int_equal(model->params.items[mean].kind, GFT_PARAM_STATISTIC);
    graft_model_free(model);
}

static graft_status failing_source(void *context, const char *name, const graft_tensor_desc *desc,
                                   const void **data, graft_error *err) {
    if (strcmp(name, "block3b_bn/beta") == 0)
        return gft_fail(err, GRAFT_NOT_FOUND, "no tensor '%s'", name);
    return seeded_source(context, name, desc, data, err);
}

static void failures(void **state) {
    (void)state;
    graft_model *model = NULL;
    seeded_weights weights = {0};
    OK(gft_model_new(&model, err));
    FAILS(gft_efficientnet_lite_build(model, 5, 0, seeded_source, &weights, err),
          GRAFT_INVALID_ARGUMENT, "variant 5");
    FAILS(gft_efficientnet_lite_build(model, 0, -1, seeded_source, &weights, err),
          GRAFT_INVALID_ARGUMENT, "-1 classes");
    FAILS(gft_efficientnet_lite_build(model, 0, 0, failing_source, &weights, err), GRAFT_NOT_FOUND,
          "block3b_bn/beta");
    assert_int_equal(model->signature_count, 0);
    gft_arena_deinit(&weights.arena);
    graft_model_free(model);
}

/* ---- the first block in naive loops ---- */

typedef struct map {
    int h, w, c;
    double *v;
} map;

static map map_new(int h, int w, int c) {
    return (map){h, w, c, calloc((size_t)h * (size_t)w * (size_t)c, sizeof(double))};
}

static const float *weights_of(const graft_model *m, const char *layer, const char *part) {
    char name[128];
    snprintf(name, sizeof name, "%s/%s", layer, part);
    gft_param_id id = gft_params_find(&m->params, name);
    assert_true(id >= 0);
    return m->params.items[id].data;
}

/* SAME padding as TensorFlow's: the odd cell goes to the end. filters 0: depthwise. */
static map naive_conv(const graft_model *m, map x, const char *layer, int k, int stride,
                      int filters) {
    const float *w = weights_of(m, layer, filters ? "kernel" : "depthwise_kernel");
    int oh = (x.h + stride - 1) / stride;
    int ow = (x.w + stride - 1) / stride;
    int top = ((oh - 1) * stride + k - x.h) / 2;
    int left = ((ow - 1) * stride + k - x.w) / 2;
    map y = map_new(oh, ow, filters ? filters : x.c);
    for (int i = 0; i < oh; i++)
        for (int j = 0; j < ow; j++)
            for (int o = 0; o < y.c; o++) {
                double sum = 0;
                for (int a = 0; a < k; a++)
                    for (int b = 0; b < k; b++) {
                        int r = i * stride + a - top;
                        int s = j * stride + b - left;
                        if (r < 0 || s < 0 || r >= x.h || s >= x.w)
                            continue;
                        const double *from =
                            x.v + ((size_t)r * (size_t)x.w + (size_t)s) * (size_t)x.c;
                        const float *f = w + (a * k + b) * x.c * (filters ? filters : 1);
                        if (!filters)
                            sum += from[o] * (double)f[o];
                        for (int c = 0; c < x.c && filters; c++)
                            sum += from[c] * (double)f[c * filters + o];
                    }
                y.v[(i * ow + j) * y.c + o] = sum;
            }
    free(x.v);
    return y;
}

static void naive_bn(const graft_model *m, map x, const char *layer, bool relu6) {
    const float *gamma = weights_of(m, layer, "gamma");
    const float *beta = weights_of(m, layer, "beta");
    const float *mean = weights_of(m, layer, "moving_mean");
    const float *variance = weights_of(m, layer, "moving_variance");
    for (int i = 0; i < x.h * x.w * x.c; i++) {
        int c = i % x.c;
        double y =
            (x.v[i] - (double)mean[c]) / sqrt((double)variance[c] + 1e-3) * (double)gamma[c] +
            (double)beta[c];
        x.v[i] = relu6 ? fmin(fmax(y, 0), 6) : y;
    }
}

/* Stem and blocks 1a and 2a of Lite0 in double; the graph is cut there and run. */
static void numbers(void **state) {
    (void)state;
    graft_model *model = build(0, 0);
    gft_graph *g = model->signatures[0].graph;
    graft_session *session = NULL;
    graft_tensor out;
    for (int32_t i = 0; i < g->node_count; i++) {
        if (strcmp(g->nodes[i].name, "block2a_project_bn") == 0)
            g->outputs[0].value = g->nodes[i].outputs[0];
    }
    float *picture = malloc(sizeof(float) * 224 * 224 * 3);
    map x = map_new(224, 224, 3);
    for (int i = 0; i < 224 * 224 * 3; i++) {
        picture[i] = (float)((i * 31 + i / 672 * 7) % 256);
        x.v[i] = ((double)picture[i] - 127) / 128;
    }
    x = naive_conv(model, x, "stem_conv", 3, 2, 32);
    naive_bn(model, x, "stem_bn", true);
    x = naive_conv(model, x, "block1a_dwconv", 3, 1, 0);
    naive_bn(model, x, "block1a_bn", true);
    x = naive_conv(model, x, "block1a_project_conv", 1, 1, 16);
    naive_bn(model, x, "block1a_project_bn", false);
    x = naive_conv(model, x, "block2a_expand_conv", 1, 1, 96);
    naive_bn(model, x, "block2a_expand_bn", true);
    x = naive_conv(model, x, "block2a_dwconv", 3, 2, 0);
    naive_bn(model, x, "block2a_bn", true);
    x = naive_conv(model, x, "block2a_project_conv", 1, 1, 24);
    naive_bn(model, x, "block2a_project_bn", false);
    graft_tensor in = {"inputs", gft_desc_f32(gft_shape_4(1, 224, 224, 3)), picture,
                       sizeof(float) * 224 * 224 * 3};
    OK(graft_session_new(model, 0, 2, &session, err));
    OK(graft_session_run(session, &in, 1, &out, 1, err));
    assert_int_equal(out.bytes, sizeof(float) * 56 * 56 * 24);
    const float *y = out.data;
    double low = x.v[0];
    double high = x.v[0];
    double worst = 0;
    for (int i = 0; i < 56 * 56 * 24; i++) {
        low = fmin(low, x.v[i]);
        high = fmax(high, x.v[i]);
        worst = fmax(worst, fabs(x.v[i] - (double)y[i]));
    }
    if (!(worst <= 2e-5 * (high - low)) || !(high - low > 1))
        fail_msg("worst %g of a range of %g", worst, high - low);
    graft_session_free(session);
    free(x.v);
    free(picture);
    graft_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants),
        cmocka_unit_test(layer_names),
        cmocka_unit_test(failures),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
