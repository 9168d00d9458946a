/*
 * Helpers of the model tests: models with seeded weights, pictures on disk, failures that name
 * themselves.
 */
#ifndef GFT_TESTS_MODELS_TEST_H
#define GFT_TESTS_MODELS_TEST_H

#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/shape.h"
#include "models/model.h"
#include "ops/ops.h"

#define OK(expression)                                                                             \
    do {                                                                                           \
        graft_error error_ = {0};                                                                  \
        graft_error *err = &error_;                                                                \
        if ((expression) != GRAFT_OK)                                                              \
            fail_msg("%s: %s", #expression, error_.message);                                       \
    } while (0)

/* The call fails with this status, and its message holds `part`. */
#define FAILS(expression, status, part)                                                            \
    do {                                                                                           \
        graft_error error_ = {0};                                                                  \
        graft_error *err = &error_;                                                                \
        assert_int_equal(expression, status);                                                      \
        if (!strstr(error_.message, part))                                                         \
            fail_msg("'%s' is not in: %s", part, error_.message);                                  \
    } while (0)

/* Weights that are a function of the parameter's name: He-like for kernels, near one for scales. */
typedef struct seeded_weights {
    gft_arena arena;
    int count;
} seeded_weights;

static inline uint64_t hash_name(const char *name) {
    uint64_t h = 1469598103934665603u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

static inline graft_status seeded_source(void *context, const char *name,
                                         const graft_tensor_desc *desc, const void **data,
                                         graft_error *err) {
    seeded_weights *w = context;
    int64_t elems = gft_shape_elems(&desc->shape);
    float *values = gft_arena_alloc(&w->arena, (size_t)elems * sizeof *values);
    if (!values)
        return gft_fail_memory(err, (size_t)elems * sizeof *values, "weights");
    const char *part = strrchr(name, '/') + 1;
    const int64_t *d = desc->shape.dims;
    float centre = strcmp(part, "gamma") == 0 || strcmp(part, "moving_variance") == 0 ? 1.0f : 0.0f;
    float spread = 0.1f;
    if (strcmp(part, "kernel") == 0)
        spread = sqrtf(6.0f / (float)(desc->shape.rank == 4 ? d[0] * d[1] * d[2] : d[0]));
    else if (strcmp(part, "depthwise_kernel") == 0)
        spread = sqrtf(6.0f / (float)(d[0] * d[1]));
    gft_rng rng = gft_rng_make(hash_name(name), GFT_RNG_TEST, 0);
    for (int64_t i = 0; i < elems; i++)
        values[i] = centre + spread * (2.0f * gft_rng_uniform(&rng) - 1.0f);
    w->count++;
    *data = values;
    return GRAFT_OK;
}

static inline gft_value_id node(gft_graph *g, const gft_op *op, const char *name, const void *attrs,
                                gft_value_id a, gft_value_id b) {
    gft_value_id in[2] = {a, b};
    gft_value_id out = -1;
    OK(gft_graph_add(g, op, name, attrs, in, b < 0 ? 1 : 2, &out, err));
    return out;
}

/*
 * A classifier of colours: the mean of each channel times `gain`, softmax over red, green, blue
 * (logits if not). Pictures are (batch,size,size,3); size or batch may be -1.
 */
static inline graft_model *colour_model(int64_t batch, int64_t size, float gain, bool softmax) {
    graft_model *model = NULL;
    gft_graph *g = NULL;
    gft_value_id x = -1;
    gft_value_id c = -1;
    graft_tensor_desc picture = gft_desc_f32(gft_shape_4(batch, size, size, 3));
    OK(gft_model_new(&model, err));
    OK(gft_graph_new(&model->params, &g, err));
    OK(gft_graph_input(g, "inputs", &picture, &x, err));
    gft_reduce_attrs pool = {.axes = 1u << 1 | 1u << 2};
    x = node(g, &gft_op_reduce_mean, "pool", &pool, x, -1);
    OK(gft_graph_const_f32(g, gain, &c, err));
    x = node(g, &gft_op_mul, "gain", NULL, x, c);
    gft_axis_attrs last = {-1};
    if (softmax)
        x = node(g, &gft_op_softmax, "softmax", &last, x, -1);
    OK(gft_graph_output(g, "scores", x, err));
    OK(gft_model_add_signature(model, "serving_default", g, err));
    return model;
}

static inline void write_colour(const char *path, int height, int width, int r, int g, int b) {
    uint8_t *pixels = malloc((size_t)height * (size_t)width * 3);
    for (int i = 0; i < height * width; i++) {
        pixels[3 * i] = (uint8_t)r;
        pixels[3 * i + 1] = (uint8_t)g;
        pixels[3 * i + 2] = (uint8_t)b;
    }
    OK(graft_picture_write_png(path, pixels, height, width, 3, err));
    free(pixels);
}

static inline char *make_dir(char out[64]) {
    strcpy(out, "/tmp/graft-models-XXXXXX");
    assert_non_null(mkdtemp(out));
    return out;
}

#endif
