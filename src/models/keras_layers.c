/*
 * The table of Keras' layers, and what their functions share: configurations, nodes, variables,
 * constants.
 */
#include "models/keras_layers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/float16.h"
#include "base/shape.h"
#include "base/size.h"

#define MAX_CONSTANT ((int64_t)1 << 24) /* numbers written as JSON */

static graft_status call_input(gft_keras_call *c, graft_error *err) {
    return gft_keras_wrong(c, err, "it is no input of the model it lies in");
}

#define LAYER(name, fn)                                                                            \
    { .class_name = name, .call = gft_keras_call_##fn }
#define WEIGHTS(name, fn, vars)                                                                    \
    { .class_name = name, .call = gft_keras_call_##fn, .variables = gft_keras_variables_##vars }
#define SAME(name)                                                                                 \
    { .class_name = name, .call = gft_keras_call_identity }

static const gft_keras_kind LAYERS[] = {
    {.class_name = "InputLayer", .call = call_input, .any_dtype = true},
    {"Conv1D", gft_keras_call_conv, gft_keras_variables_kernel, NULL, 1, false},
    {"Conv2D", gft_keras_call_conv, gft_keras_variables_kernel, NULL, 2, false},
    {"Convolution1D", gft_keras_call_conv, gft_keras_variables_kernel, NULL, 1, false},
    {"Convolution2D", gft_keras_call_conv, gft_keras_variables_kernel, NULL, 2, false},
    {"DepthwiseConv1D", gft_keras_call_depthwise, gft_keras_variables_depthwise, NULL, 1, false},
    {"DepthwiseConv2D", gft_keras_call_depthwise, gft_keras_variables_depthwise, NULL, 2, false},
    {"SeparableConv1D", gft_keras_call_separable, gft_keras_variables_separable, NULL, 1, false},
    {"SeparableConv2D", gft_keras_call_separable, gft_keras_variables_separable, NULL, 2, false},
    {"Conv1DTranspose", gft_keras_call_conv_transpose, gft_keras_variables_kernel, NULL, 1, false},
    {"Conv2DTranspose", gft_keras_call_conv_transpose, gft_keras_variables_kernel, NULL, 2, false},
    {"Deconvolution2D", gft_keras_call_conv_transpose, gft_keras_variables_kernel, NULL, 2, false},
    WEIGHTS("Dense", dense, kernel),
    {"Embedding", gft_keras_call_embedding, gft_keras_variables_embedding, NULL, 0, true},
    WEIGHTS("BatchNormalization", batch_norm, batch_norm),
    WEIGHTS("BatchNormalizationV1", batch_norm, batch_norm),
    WEIGHTS("SyncBatchNormalization", batch_norm, batch_norm),
    WEIGHTS("LayerNormalization", layer_norm, scale_center),
    WEIGHTS("GroupNormalization", group_norm, scale_center),
    WEIGHTS("Normalization", normalization, normalization),
    LAYER("UnitNormalization", unit_norm),
    LAYER("Rescaling", rescaling),
    {"MaxPooling1D", gft_keras_call_pool, NULL, &gft_op_max_pool, 1, false},
    {"MaxPooling2D", gft_keras_call_pool, NULL, &gft_op_max_pool, 2, false},
    {"MaxPool1D", gft_keras_call_pool, NULL, &gft_op_max_pool, 1, false},
    {"MaxPool2D", gft_keras_call_pool, NULL, &gft_op_max_pool, 2, false},
    {"AveragePooling1D", gft_keras_call_pool, NULL, &gft_op_avg_pool, 1, false},
    {"AveragePooling2D", gft_keras_call_pool, NULL, &gft_op_avg_pool, 2, false},
    {"AvgPool1D", gft_keras_call_pool, NULL, &gft_op_avg_pool, 1, false},
    {"AvgPool2D", gft_keras_call_pool, NULL, &gft_op_avg_pool, 2, false},
    {"GlobalMaxPooling1D", gft_keras_call_global_pool, NULL, &gft_op_reduce_max, 1, false},
    {"GlobalMaxPooling2D", gft_keras_call_global_pool, NULL, &gft_op_reduce_max, 2, false},
    {"GlobalMaxPool1D", gft_keras_call_global_pool, NULL, &gft_op_reduce_max, 1, false},
    {"GlobalMaxPool2D", gft_keras_call_global_pool, NULL, &gft_op_reduce_max, 2, false},
    {"GlobalAveragePooling1D", gft_keras_call_global_pool, NULL, &gft_op_reduce_mean, 1, false},
    {"GlobalAveragePooling2D", gft_keras_call_global_pool, NULL, &gft_op_reduce_mean, 2, false},
    {"GlobalAvgPool1D", gft_keras_call_global_pool, NULL, &gft_op_reduce_mean, 1, false},
    {"GlobalAvgPool2D", gft_keras_call_global_pool, NULL, &gft_op_reduce_mean, 2, false},
    {"ZeroPadding1D", gft_keras_call_pad, NULL, NULL, 1, false},
    {"ZeroPadding2D", gft_keras_call_pad, NULL, NULL, 2, false},
    {"Cropping1D", gft_keras_call_crop, NULL, NULL, 1, false},
    {"Cropping2D", gft_keras_call_crop, NULL, NULL, 2, false},
    {"UpSampling1D", gft_keras_call_upsampling, NULL, NULL, 1, false},
    {"UpSampling2D", gft_keras_call_upsampling, NULL, NULL, 2, false},
    LAYER("Activation", activation),
    LAYER("ReLU", activation_layer),
    LAYER("LeakyReLU", activation_layer),
    LAYER("ELU", activation_layer),
    LAYER("ThresholdedReLU", activation_layer),
    LAYER("Softmax", softmax),
    WEIGHTS("PReLU", prelu, prelu),
    {"Add", gft_keras_call_merge, NULL, &gft_op_add, 0, false},
    {"Subtract", gft_keras_call_merge, NULL, &gft_op_sub, 2, false},
    {"Multiply", gft_keras_call_merge, NULL, &gft_op_mul, 0, false},
    {"Maximum", gft_keras_call_merge, NULL, &gft_op_maximum, 0, false},
    {"Minimum", gft_keras_call_merge, NULL, &gft_op_minimum, 0, false},
    LAYER("Average", average),
    {.class_name = "Concatenate", .call = gft_keras_call_concatenate, .any_dtype = true},
    LAYER("Dot", dot),
    {.class_name = "Reshape", .call = gft_keras_call_reshape, .any_dtype = true},
    {.class_name = "Flatten", .call = gft_keras_call_flatten, .any_dtype = true},
    {.class_name = "Permute", .call = gft_keras_call_permute, .any_dtype = true},
    LAYER("RepeatVector", repeat),
    {.class_name = "Dropout", .call = gft_keras_call_dropout},
    LAYER("Resizing", resizing),
    LAYER("CenterCrop", center_crop),
    LAYER("RandomCrop", random_crop),
    {.class_name = "TFOpLambda", .call = gft_keras_call_lambda_op, .any_dtype = true},
    {.class_name = "SlicingOpLambda", .call = gft_keras_call_lambda_op, .any_dtype = true},
    {.class_name = "Identity", .call = gft_keras_call_identity, .any_dtype = true},
    /* what only training does */
    SAME("SpatialDropout1D"),
    SAME("SpatialDropout2D"),
    SAME("GaussianNoise"),
    SAME("GaussianDropout"),
    SAME("AlphaDropout"),
    SAME("ActivityRegularization"),
    SAME("RandomFlip"),
    SAME("RandomRotation"),
    SAME("RandomZoom"),
    SAME("RandomTranslation"),
    SAME("RandomContrast"),
    SAME("RandomBrightness"),
    SAME("RandomHeight"),
    SAME("RandomWidth"),
    SAME("RandomHue"),
    SAME("RandomSaturation"),
    SAME("RandomColorJitter"),
    SAME("RandomColorDegeneration"),
    SAME("RandomGrayscale"),
    SAME("RandomSharpness"),
    SAME("RandomShear"),
    SAME("RandomPerspective"),
    SAME("RandomPosterization"),
    SAME("RandomInvert"),
    SAME("RandomGaussianBlur"),
    SAME("RandomErasing"),
    SAME("RandomElasticTransform"),
    SAME("RandAugment"),
    SAME("AugMix"),
    SAME("CutMix"),
    SAME("MixUp"),
};

const gft_keras_kind *gft_keras_find_kind(const char *class_name, bool operation) {
    if (operation)
        return gft_keras_find_operation(class_name);
    for (size_t i = 0; i < sizeof LAYERS / sizeof LAYERS[0]; i++) {
        if (strcmp(LAYERS[i].class_name, class_name) == 0)
            return &LAYERS[i];
    }
    return NULL;
}

void gft_keras_add_variable(gft_keras_layer *layer, const char *name, bool trainable) {
    if (layer->variable_count < GFT_KERAS_MAX_VARIABLES)
        layer->variables[layer->variable_count++] =
            (gft_keras_variable){.name = name, .trainable = trainable, .param = -1};
}

/* ---- failures ---- */

graft_status gft_keras_refuse(const gft_keras_call *c, graft_error *err, const char *format, ...) {
    char text[256];
    va_list args;
    (void)c; /* the layer's name is put before it by who called */
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s", text);
}

graft_status gft_keras_wrong(const gft_keras_call *c, graft_error *err, const char *format, ...) {
    char text[256];
    va_list args;
    (void)c;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s", text);
}

graft_status gft_keras_expect(const gft_keras_call *c, int32_t inputs, int32_t rank,
                              graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    if (c->input_count != inputs)
        return gft_keras_wrong(c, err, "it is given %d tensors, expected %d", (int)c->input_count,
                               (int)inputs);
    const graft_tensor_desc *x = gft_keras_desc(c, c->inputs[0]);
    if (rank >= 0 && x->shape.rank != rank)
        return gft_keras_wrong(c, err, "its input is %s, expected rank %d", gft_desc_text(x, text),
                               (int)rank);
    return GRAFT_OK;
}

/* ---- configuration ---- */

int64_t gft_keras_int(const json_t *config, const char *key, int64_t otherwise) {
    const json_t *value = json_object_get(config, key);
    if (!json_is_number(value))
        return otherwise;
    return (int64_t)fmax(fmin(json_number_value(value), INT32_MAX), INT32_MIN);
}

double gft_keras_number(const json_t *config, const char *key, double otherwise) {
    const json_t *value = json_object_get(config, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool gft_keras_bool(const json_t *config, const char *key, bool otherwise) {
    const json_t *value = json_object_get(config, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

const char *gft_keras_text(const json_t *config, const char *key, const char *otherwise) {
    const char *value = json_string_value(json_object_get(config, key));
    return value ? value : otherwise;
}

graft_status gft_keras_ints(const gft_keras_call *c, const json_t *value, const char *what,
                            int64_t *out, int32_t most, int32_t *count, graft_error *err) {
    const bool list = json_is_array(value);
    const size_t n = list ? json_array_size(value) : json_is_integer(value);
    *count = 0;
    if (!value || json_is_null(value))
        return GRAFT_OK;
    if (n == 0 || n > (size_t)most)
        return list && n == 0
                   ? GRAFT_OK
                   : gft_keras_wrong(c, err, "%s is no list of up to %d numbers", what, (int)most);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = list ? json_array_get(value, i) : value;
        if (!json_is_integer(item) || json_integer_value(item) > INT32_MAX ||
            json_integer_value(item) < INT32_MIN)
            return gft_keras_wrong(c, err, "%s holds something that is no number", what);
        out[i] = json_integer_value(item);
    }
    *count = (int32_t)n;
    return GRAFT_OK;
}

graft_status gft_keras_pair(const gft_keras_call *c, const char *key, int64_t otherwise,
                            int64_t out[2], graft_error *err) {
    int32_t count;
    out[0] = out[1] = otherwise;
    GFT_TRY(gft_keras_ints(c, json_object_get(c->config, key), key, out, 2, &count, err));
    if (count == 1)
        out[1] = out[0];
    return GRAFT_OK;
}

/* ---- nodes ---- */

graft_status gft_keras_add(gft_keras_call *c, const gft_op *op, const char *part, const void *attrs,
                           const gft_value_id *inputs, int32_t count, gft_value_id *out,
                           graft_error *err) {
    const char *name = c->layer->path;
    if (part)
        name = gft_arena_format(c->r->arena, "%s/%s", c->layer->path, part);
    if (!name)
        return gft_fail_memory(err, strlen(c->layer->path), "a node's name");
    return gft_graph_add(c->graph, op, name, attrs, inputs, count, out, err);
}

graft_status gft_keras_finish(gft_keras_call *c, const gft_op *op, const char *part,
                              const void *attrs, const gft_value_id *inputs, int32_t count,
                              graft_error *err) {
    gft_value_id out = -1;
    GFT_TRY(gft_keras_add(c, op, part, attrs, inputs, count, &out, err));
    gft_keras_done(c, out);
    return GRAFT_OK;
}

graft_status gft_keras_reshape(gft_keras_call *c, gft_value_id x, const graft_shape *shape,
                               const char *part, gft_value_id *out, graft_error *err) {
    const gft_shape_attrs attrs = {.shape = *shape};
    return gft_keras_add(c, &gft_op_reshape, part, &attrs, &x, 1, out, err);
}

graft_status gft_keras_binary(gft_keras_call *c, const gft_op *op, const char *part, gft_value_id a,
                              gft_value_id b, gft_value_id *out, graft_error *err) {
    return gft_keras_add(c, op, part, NULL, (gft_value_id[]){a, b}, 2, out, err);
}

graft_status gft_keras_with_scalar(gft_keras_call *c, const gft_op *op, const char *part,
                                   gft_value_id a, float b, gft_value_id *out, graft_error *err) {
    gft_value_id constant = -1;
    GFT_TRY(gft_graph_const_f32(c->graph, b, &constant, err));
    return gft_keras_binary(c, op, part, a, constant, out, err);
}

graft_status gft_keras_axis(const gft_keras_call *c, int64_t axis, int32_t rank, int32_t *out,
                            graft_error *err) {
    if (!gft_axis_normalise(axis, rank, out))
        return gft_keras_wrong(c, err, "axis %lld of a tensor of rank %d", (long long)axis,
                               (int)rank);
    return GRAFT_OK;
}

graft_status gft_keras_picture_size(const gft_keras_call *c, gft_value_id x, int64_t size[2],
                                    graft_error *err) {
    const graft_shape *shape = &gft_keras_desc(c, x)->shape;
    char text[GFT_DESC_TEXT_BYTES];
    if (shape->rank != 4)
        return gft_keras_wrong(c, err, "its input is %s, expected pictures",
                               gft_shape_text(shape, text));
    size[0] = shape->dims[1];
    size[1] = shape->dims[2];
    if (size[0] < 0 || size[1] < 0)
        return gft_keras_refuse(c, err, "it needs a known height and width, its input is %s",
                                gft_shape_text(shape, text));
    return GRAFT_OK;
}

graft_status gft_keras_crop(gft_keras_call *c, gft_value_id x, int64_t top, int64_t left,
                            int64_t height, int64_t width, gft_value_id *out, graft_error *err) {
    const gft_slice_attrs attrs = {.begin = {0, top, left, 0}, .size = {-1, height, width, -1}};
    return gft_keras_add(c, &gft_op_slice, "crop", &attrs, &x, 1, out, err);
}

/* ---- variables ---- */

static gft_keras_variable *find_variable(const gft_keras_call *c, const char *name) {
    for (int32_t i = 0; i < c->layer->variable_count; i++) {
        if (strcmp(c->layer->variables[i].name, name) == 0)
            return &c->layer->variables[i];
    }
    return NULL;
}

graft_shape gft_keras_variable_shape(const gft_keras_call *c, const char *name) {
    const gft_keras_variable *v = find_variable(c, name);
    return v && v->tensor.desc.dtype != GRAFT_DTYPE_NONE ? v->tensor.desc.shape
                                                         : (graft_shape){-1, {0}};
}

graft_status gft_keras_variable_of(gft_keras_call *c, const char *name, const graft_shape *shape,
                                   gft_param_kind kind, gft_value_id *out, graft_error *err) {
    gft_keras_variable *v = find_variable(c, name);
    gft_params *params = &c->r->model->params;
    char found[GFT_DESC_TEXT_BYTES];
    char expected[GFT_DESC_TEXT_BYTES];
    if (!v)
        return gft_keras_wrong(c, err, "it has no variable '%s'", name);
    if (v->param < 0) {
        if (v->tensor.desc.dtype == GRAFT_DTYPE_NONE)
            return gft_fail(err, GRAFT_NOT_FOUND, "there is no '%s' in the file, expected %s", name,
                            gft_shape_text(shape, expected));
        if (!gft_shape_matches(shape, &v->tensor.desc.shape))
            return gft_fail(err, GRAFT_DATA_LOSS, "'%s' has shape %s, expected %s", name,
                            gft_shape_text(&v->tensor.desc.shape, found),
                            gft_shape_text(shape, expected));
        GFT_TRY(gft_keras_as_float(&v->tensor, &params->arena, err));
        const char *full = gft_arena_format(c->r->arena, "%s/%s", c->layer->path, name);
        if (!full)
            return gft_fail_memory(err, strlen(c->layer->path), "a parameter's name");
        GFT_TRY(gft_params_add(params, full, &v->tensor.desc, kind, v->trainable, v->tensor.data,
                               &v->param, err));
    } else if (!gft_shape_matches(shape, &params->items[v->param].desc.shape)) {
        return gft_keras_wrong(c, err, "'%s' has shape %s, this call expects %s", name,
                               gft_shape_text(&params->items[v->param].desc.shape, found),
                               gft_shape_text(shape, expected));
    }
    return gft_graph_param(c->graph, v->param, out, err);
}

/* ---- constants ---- */

graft_status gft_keras_fill(gft_keras_call *c, int64_t count, float value, gft_value_id *out,
                            graft_error *err) {
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(count));
    if (count < 0 || count > MAX_CONSTANT)
        return gft_keras_wrong(c, err, "it has %lld channels", (long long)count);
    float *data = gft_arena_array(&c->graph->arena, (size_t)count, sizeof *data);
    if (!data)
        return gft_fail_memory(err, (size_t)count * sizeof *data, "a constant");
    for (int64_t i = 0; i < count; i++)
        data[i] = value;
    return gft_graph_const(c->graph, NULL, &desc, data, false, out, err);
}

/* {"class_name": "__numpy__" or "__tensor__", "config": {"value": ..., "dtype": ...}} */
static const json_t *unwrap(const json_t *json, graft_dtype *dtype) {
    const char *class_name = json_string_value(json_object_get(json, "class_name"));
    if (!class_name || strncmp(class_name, "__", 2) != 0)
        return json;
    const json_t *config = json_object_get(json, "config");
    const char *type = gft_keras_text(config, "dtype", "");
    if (strncmp(type, "int", 3) == 0)
        *dtype = strcmp(type, "int64") == 0 ? GRAFT_S64 : GRAFT_S32;
    return json_object_get(config, "value");
}

/* Shape by the first element of each level; all others must agree. */
static graft_status nested_shape(const gft_keras_call *c, const json_t *json, graft_shape *out,
                                 graft_error *err) {
    *out = (graft_shape){0, {0}};
    int64_t elems = 1;
    while (json_is_array(json)) {
        if (out->rank == GRAFT_MAX_RANK)
            return gft_keras_wrong(c, err, "a constant of rank over %d", GRAFT_MAX_RANK);
        const int64_t n = (int64_t)json_array_size(json);
        out->dims[out->rank++] = n;
        if (!gft_i64_mul(elems, n, &elems) || elems > MAX_CONSTANT)
            return gft_keras_wrong(c, err, "a constant of too many numbers");
        json = json_array_get(json, 0);
    }
    return GRAFT_OK;
}

/* The number at a row-major position; NULL if the lists are not all of one shape. */
static const json_t *element(const json_t *json, const graft_shape *shape, int64_t index) {
    int64_t strides[GRAFT_MAX_RANK];
    gft_shape_strides(shape, strides);
    for (int32_t i = 0; i < shape->rank; i++) {
        if (!json_is_array(json) || (int64_t)json_array_size(json) != shape->dims[i])
            return NULL;
        json = json_array_get(json, (size_t)(index / strides[i]));
        index %= strides[i];
    }
    return json_is_number(json) || json_is_boolean(json) ? json : NULL;
}

static void store(graft_dtype dtype, void *data, int64_t i, const json_t *number) {
    const double value = json_is_boolean(number) ? json_is_true(number) : json_number_value(number);
    if (dtype == GRAFT_F32)
        ((float *)data)[i] = (float)value;
    else if (dtype == GRAFT_S32)
        ((int32_t *)data)[i] = (int32_t)fmax(fmin(value, INT32_MAX), INT32_MIN);
    else
        ((int64_t *)data)[i] = json_is_integer(number) ? json_integer_value(number)
                                                       : (int64_t)fmax(fmin(value, 1e18), -1e18);
}

graft_status gft_keras_constant(gft_keras_call *c, const json_t *json, graft_dtype dtype,
                                gft_value_id *out, graft_error *err) {
    graft_dtype own = dtype;
    json = unwrap(json, &own);
    graft_tensor_desc desc = {.dtype = dtype == GRAFT_F32 ? GRAFT_F32 : own};
    GFT_TRY(nested_shape(c, json, &desc.shape, err));
    if (desc.dtype != GRAFT_F32 && desc.dtype != GRAFT_S32 && desc.dtype != GRAFT_S64)
        return gft_keras_refuse(c, err, "a constant of type %s", graft_dtype_name(desc.dtype));
    const int64_t elems = gft_shape_elems(&desc.shape);
    const size_t bytes = (size_t)elems * graft_dtype_bytes(desc.dtype);
    void *data = gft_arena_alloc(&c->graph->arena, bytes);
    if (!data)
        return gft_fail_memory(err, bytes, "a constant");
    for (int64_t i = 0; i < elems; i++) {
        const json_t *number = element(json, &desc.shape, i);
        if (!number)
            return gft_keras_wrong(c, err, "a constant that is not made of numbers");
        store(desc.dtype, data, i, number);
    }
    return gft_graph_const(c->graph, NULL, &desc, data, false, out, err);
}
