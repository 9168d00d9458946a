/*
 * A small picture backbone with seeded random weights for the command-line tests: 32x32 RGB in, 24
 * features out, with the parts of the real one (normalisation, batch norm, relu6, depthwise,
 * residual). Not installed, not part of the program.
 *
 *   tiny_backbone DIR             writes it as a SavedModel
 *   tiny_backbone --hub HANDLE    installs it in the store ($GRAFT_HOME)
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "hub/store.h"
#include "models/builder.h"

enum { SIZE = 32 };

typedef struct weights {
    gft_rng rng;
    float *data; /* of the parameter asked for last */
} weights;

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name);
    size_t m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Kernels after He; batch norms as after some training, so that folding them matters. */
static graft_status make_weights(void *context, const char *name, const graft_tensor_desc *desc,
                                 const void **data, graft_error *err) {
    weights *w = context;
    size_t bytes = 0;
    const graft_shape *s = &desc->shape;
    if (desc->dtype != GRAFT_F32 || !gft_desc_bytes(desc, &bytes))
        return gft_fail(err, GRAFT_INTERNAL, "%s: not float32", name);
    gft_free(w->data);
    w->data = gft_malloc(bytes);
    if (!w->data)
        return gft_fail_memory(err, bytes, "weights");
    int64_t fan_in = 1;
    for (int32_t i = 0; i + 1 < s->rank && !(ends_with(name, "depthwise_kernel") && i == 2); i++)
        fan_in *= s->dims[i];
    for (size_t i = 0; i < bytes / sizeof(float); i++) {
        double z = gft_rng_normal(&w->rng);
        if (ends_with(name, "kernel"))
            w->data[i] = (float)(z * sqrt(2.0 / (double)fan_in));
        else if (ends_with(name, "gamma"))
            w->data[i] = (float)(1.0 + 0.1 * z);
        else if (ends_with(name, "variance"))
            w->data[i] = (float)(0.3 * exp(0.2 * z));
        else
            w->data[i] = (float)(0.1 * z);
    }
    *data = w->data;
    return GRAFT_OK;
}

static gft_value_id add_conv(gft_builder *b, gft_value_id x, const char *block, const char *part,
                             int64_t filters, gft_window window) {
    char name[64];
    (void)snprintf(name, sizeof name, "%s_%s", block, part);
    x = filters ? gft_build_conv(b, x, name, filters, window)
                : gft_build_depthwise(b, x, name, window);
    (void)snprintf(name, sizeof name, "%s_%s_bn", block, part);
    x = gft_build_batch_norm(b, x, name);
    (void)snprintf(name, sizeof name, "%s_%s_relu", block, part);
    return gft_build_unary(b, x, name, &gft_op_relu6);
}

static graft_status build(graft_model **out, graft_error *err) {
    graft_model *model = NULL;
    weights w = {.rng = gft_rng_make(7, GFT_RNG_TEST, 0)};
    GFT_TRY(gft_model_new(&model, err));
    graft_tensor_desc picture = gft_desc_f32(gft_shape_4(-1, SIZE, SIZE, 3));
    gft_builder b = gft_builder_make(model, make_weights, &w, err);
    gft_value_id x = gft_build_input(&b, "inputs", &picture);
    x = gft_build_normalise(&b, x, "normalization", 127.0f, 1.0f / 128.0f);
    x = add_conv(&b, x, "stem", "conv", 8, (gft_window){3, 2});
    x = add_conv(&b, x, "block1", "dwconv", 0, (gft_window){3, 1});
    gft_value_id y = add_conv(&b, x, "block1", "project", 8, (gft_window){1, 1});
    x = gft_build_add(&b, x, y, "block1_add");
    x = add_conv(&b, x, "block2", "dwconv", 0, (gft_window){5, 2});
    x = add_conv(&b, x, "block2", "project", 24, (gft_window){1, 1});
    gft_build_output(&b, "feature_vector", gft_build_global_pool(&b, x, "avg_pool"));
    graft_status status = gft_builder_finish(&b, "serving_default");
    gft_free(w.data);
    model->has_preprocess = true;
    model->preprocess = graft_preprocess_default(SIZE, SIZE);
    if (status == GRAFT_OK)
        *out = model;
    else
        graft_model_free(model);
    return status;
}

static graft_status fill(void *context, const char *dir, gft_module_meta *meta, graft_error *err) {
    const graft_model *model = context;
    meta->parameters = graft_model_parameter_count(model, false);
    return gft_savedmodel_write(model, dir, false, err);
}

int main(int argc, char **argv) {
    graft_error err = {0};
    graft_model *model = NULL;
    const gft_module_meta meta = {.description = "a small backbone with random weights",
                                  .license = "none",
                                  .source = "tiny_backbone",
                                  .source_sha256 = "",
                                  .input = "float32 RGB 0..255, 32x32"};
    bool hub = argc == 3 && strcmp(argv[1], "--hub") == 0;
    if (argc != 2 && !hub) {
        fprintf(stderr, "usage: tiny_backbone DIR | --hub HANDLE\n");
        return 2;
    }
    graft_status status = build(&model, &err);
    if (status == GRAFT_OK && hub)
        status = gft_hub_install(argv[2], &meta, fill, model, NULL, &err);
    else if (status == GRAFT_OK)
        status = gft_savedmodel_write(model, argv[1], true, &err);
    if (status != GRAFT_OK)
        fprintf(stderr, "tiny_backbone: %s\n", err.message);
    graft_model_free(model);
    return status == GRAFT_OK ? 0 : 1;
}
