/*
 * Keras files that are written: configuration, order and numbering of layers, names, frozen layers,
 * metadata, weights; read back, they compute the same. What Keras says of them:
 * tests/interop/test_keras_write.py.
 */
#include "models_test.h"
#include "savedmodel_maker.h"

#include <jansson.h>

#include "base/buffer.h"
#include "formats/hdf5_file.h"
#include "formats/zip_archive.h"
#include "graph/plan.h"
#include "models/keras_names.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char paths[8][128];
    static int next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

/* ---- looking into files ---- */

static json_t *member(const char *path, const char *name) {
    uint8_t *data = NULL;
    size_t bytes = 0;
    OK(gft_zip_read_member(path, name, 1 << 24, &data, &bytes, err));
    json_t *root = json_loadb((const char *)data, bytes, 0, NULL);
    gft_free(data);
    assert_non_null(root);
    return root;
}

static json_t *legacy_config(const char *path) {
    gft_map map;
    gft_hdf5 *file = NULL;
    gft_arena arena;
    const char *text = NULL;
    gft_arena_init(&arena);
    OK(gft_map_open(path, &map, err));
    OK(gft_hdf5_open_memory(map.data, map.bytes, path, &file, err));
    OK(gft_hdf5_text(file, gft_hdf5_root(file), "model_config", &arena, &text, err));
    assert_non_null(text);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    gft_hdf5_close(file);
    gft_map_close(&map);
    gft_arena_deinit(&arena);
    return root;
}

static json_t *layers_of(const json_t *root) {
    return json_object_get(json_object_get(root, "config"), "layers");
}

static json_t *layer(const json_t *root, const char *name) {
    size_t i;
    json_t *entry;
    json_array_foreach(layers_of(root), i, entry) {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0)
            return entry;
    }
    fail_msg("no layer '%s'", name);
    return NULL;
}

static const char *class_of(const json_t *root, const char *name) {
    return json_string_value(json_object_get(layer(root, name), "class_name"));
}

static json_t *setting(const json_t *root, const char *name, const char *key) {
    return json_object_get(json_object_get(layer(root, name), "config"), key);
}

/* A dataset of a weights file; rank -1 in *shape if it is not there. */
static void dataset(const char *path, const char *name, graft_shape *shape, float *first) {
    gft_map map;
    gft_hdf5 *file = NULL;
    gft_hdf5_object object;
    graft_tensor t;
    gft_arena arena;
    gft_arena_init(&arena);
    OK(gft_map_open(path, &map, err));
    OK(gft_hdf5_open_memory(map.data, map.bytes, path, &file, err));
    OK(gft_hdf5_find(file, gft_hdf5_root(file), name, &object, err));
    shape->rank = -1;
    if (object != GFT_HDF5_NONE) {
        OK(gft_hdf5_read(file, object, &arena, &t, err));
        *shape = t.desc.shape;
        *first = t.bytes >= sizeof *first ? *(float *)t.data : 0.0f;
    }
    gft_hdf5_close(file);
    gft_map_close(&map);
    gft_arena_deinit(&arena);
}

static void assert_dataset(const char *path, const char *name, float first) {
    graft_shape shape;
    float found = 0;
    dataset(path, name, &shape, &found);
    if (shape.rank < 0)
        fail_msg("no dataset '%s'", name);
    assert_float_equal(found, first, 0);
}

static void assert_no_dataset(const char *path, const char *name) {
    graft_shape shape;
    float found = 0;
    dataset(path, name, &shape, &found);
    assert_int_equal(shape.rank, -1);
}

/* ---- small graphs ---- */

typedef struct sketch {
    graft_model *model;
    maker m;
} sketch;

static sketch sketch_new(void) {
    sketch s = {0};
    OK(gft_model_new(&s.model, err));
    s.m = (maker){.model = s.model, .rng = gft_rng_make(3, GFT_RNG_TEST, 0)};
    OK(gft_graph_new(&s.model->params, &s.m.graph, err));
    return s;
}

static graft_model *sketch_done(sketch *s) {
    assert_int_equal(s->m.status, GRAFT_OK);
    OK(gft_model_add_signature(s->model, "serving_default", s->m.graph, err));
    return s->model;
}

static gft_value_id conv1(maker *m, gft_value_id x, const char *name) {
    return make_conv(m, x, name, &gft_op_conv2d, gft_shape_4(1, 1, 4, 4),
                     MAKER_CONV(1, GFT_PAD_SAME), 0);
}

static float first_of(const graft_model *model, const char *name) {
    const gft_param_id id = gft_params_find(&model->params, name);
    assert_true(id >= 0);
    return *(const float *)model->params.items[id].data;
}

/* ---- names ---- */

static void snake_case(void **state) {
    (void)state;
    static const char *const words[][2] = {
        {"Conv2D", "conv2d"},
        {"DepthwiseConv2D", "depthwise_conv2d"},
        {"Conv2DTranspose", "conv2d_transpose"},
        {"BatchNormalization", "batch_normalization"},
        {"ReLU", "re_lu"},
        {"PReLU", "p_re_lu"},
        {"ELU", "elu"},
        {"GlobalAveragePooling2D", "global_average_pooling2d"},
        {"LSTM", "lstm"},
        {"GRUCell", "gru_cell"},
        {"Dense", "dense"},
        {"", ""},
        {"aB", "a_b"},
    };
    char text[GFT_KERAS_CLASS_BYTES];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        gft_keras_snake_case(words[i][0], text);
        assert_string_equal(text, words[i][1]);
    }
    char large[4 * GFT_KERAS_CLASS_BYTES];
    memset(large, 'A', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    gft_keras_snake_case(large, text);
    assert_true(strlen(text) < sizeof text);
}

/* ---- a picture classifier ---- */

static void classifier(void **state) {
    (void)state;
    graft_model *model = NULL;
    const char *path = in_folder("cnn.keras");
    OK(make_model("cnn", &model, err));
    OK(gft_model_make_card(model, NULL, err));
    OK(gft_keras_write(model, path, err));
    json_t *root = member(path, "config.json");
    assert_string_equal(json_string_value(json_object_get(root, "module")),
                        "keras.src.models.functional");
    /* (x - 127) / 128 of one layer is one Rescaling */
    assert_string_equal(class_of(root, "normalization"), "Rescaling");
    assert_float_equal(json_number_value(setting(root, "normalization", "scale")), 1.0 / 128, 1e-9);
    assert_float_equal(json_number_value(setting(root, "normalization", "offset")), -127.0 / 128,
                       1e-6);
    assert_string_equal(class_of(root, "stem_conv"), "Conv2D");
    assert_true(json_is_false(setting(root, "stem_conv", "use_bias")));
    assert_string_equal(json_string_value(setting(root, "stem_conv", "padding")), "same");
    assert_string_equal(class_of(root, "stem_bn"), "BatchNormalization");
    assert_float_equal(json_number_value(setting(root, "stem_bn", "momentum")), 0.9, 1e-12);
    assert_float_equal(json_number_value(setting(root, "stem_bn", "epsilon")), 1e-3, 1e-12);
    assert_float_equal(json_number_value(setting(root, "stem_activation", "max_value")), 6, 0);
    /* explicit padding stands in front */
    assert_string_equal(class_of(root, "block_depthwise_pad"), "ZeroPadding2D");
    assert_string_equal(json_string_value(setting(root, "block_depthwise", "padding")), "valid");
    assert_true(json_is_true(setting(root, "se", "keepdims")));
    assert_float_equal(json_number_value(setting(root, "head_dropout", "rate")), 0.25, 1e-9);
    assert_int_equal(json_integer_value(setting(root, "head_predictions", "units")), 4);
    json_t *shape = setting(root, "inputs", "batch_shape");
    assert_true(json_is_null(json_array_get(shape, 0)));
    assert_int_equal(json_integer_value(json_array_get(shape, 1)), 32);
    json_decref(root);
    root = member(path, "metadata.json");
    json_t *graft = json_object_get(root, "graft");
    assert_int_equal(json_array_size(json_object_get(graft, "labels")), 4);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(graft, "card"), "format")),
        "graft-model");
    json_decref(root);
    graft_model_free(model);
}

static void legacy(void **state) {
    (void)state;
    graft_model *model = NULL;
    const char *path = in_folder("cnn.h5");
    OK(make_model("cnn", &model, err));
    OK(gft_keras_h5_write(model, path, err));
    json_t *root = legacy_config(path);
    assert_null(json_object_get(root, "module"));
    assert_null(json_object_get(layer(root, "stem_conv"), "module"));
    assert_non_null(setting(root, "inputs", "batch_input_shape"));
    assert_null(setting(root, "inputs", "batch_shape"));
    /* Keras 2's hard_sigmoid is another function: it is put together */
    size_t i;
    json_t *entry;
    json_array_foreach(layers_of(root), i, entry) {
        json_t *activation = json_object_get(json_object_get(entry, "config"), "activation");
        const char *word = activation ? json_string_value(activation) : "";
        assert_null(strstr(word, "hard"));
        assert_string_not_equal(word, "silu");
    }
    json_t *calls = json_object_get(layer(root, "block_add"), "inbound_nodes");
    assert_int_equal(json_array_size(json_array_get(calls, 0)), 2);
    json_decref(root);
    assert_dataset(path, "model_weights/stem_conv/stem_conv/kernel:0",
                   first_of(model, "stem/conv/kernel"));
    assert_dataset(path, "model_weights/block_bn/block_bn/moving_variance:0",
                   first_of(model, "block/bn/moving_variance"));
    graft_model_free(model);
}

/* ---- order and numbering ---- */

/*
 * Two branches, the second of which is made first and is shorter: Keras orders by the way to the
 * output, and so by (a, b, c, d), the join's first argument first where ways are equally long.
 */
static void numbering(void **state) {
    (void)state;
    sketch s = sketch_new();
    maker *m = &s.m;
    gft_value_id x = make_picture(m);
    gft_value_id d = conv1(m, x, "d");
    gft_value_id a = conv1(m, x, "a");
    gft_value_id b = conv1(m, a, "b");
    gft_graph_set_layer(m->graph, NULL);
    gft_value_id sum = MAKE_NODE(m, add, "sum", NULL, b, d);
    gft_value_id e = conv1(m, x, "e"); /* as far from the output as b and d */
    gft_graph_set_layer(m->graph, NULL);
    make_output(m, "y", MAKE_NODE(m, mul, "product", NULL, e, sum));
    graft_model *model = sketch_done(&s);
    const char *path = in_folder("branches.weights.h5");
    OK(gft_keras_weights_write(model, path, err));
    /* depths: a 3, b 2, d 2, e 1 */
    assert_dataset(path, "layers/conv2d/vars/0", first_of(model, "a/kernel"));
    assert_dataset(path, "layers/conv2d_1/vars/0", first_of(model, "b/kernel"));
    assert_dataset(path, "layers/conv2d_2/vars/0", first_of(model, "d/kernel"));
    assert_dataset(path, "layers/conv2d_3/vars/0", first_of(model, "e/kernel"));
    assert_no_dataset(path, "layers/conv2d_4/vars/0");
    graft_model_free(model);
}

/*
 * conv "twice" is called on x and on its own result: one layer, two calls, and as far from the
 * output as the farther of them, so before "side".
 */
static void shared(void **state) {
    (void)state;
    sketch s = sketch_new();
    maker *m = &s.m;
    gft_value_id x = make_picture(m);
    gft_value_id side = conv1(m, x, "side");
    gft_value_id y = conv1(m, x, "twice");
    const gft_conv2d_attrs attrs = MAKER_CONV(1, GFT_PAD_SAME);
    gft_value_id kernel = -1;
    MAKER_DO(m, gft_graph_param(m->graph, gft_params_find(&s.model->params, "twice/kernel"),
                                &kernel, NULL));
    gft_graph_set_layer(m->graph, "twice");
    y = MAKE_NODE(m, conv2d, "twice_again", &attrs, y, kernel);
    gft_graph_set_layer(m->graph, NULL);
    make_output(m, "y", MAKE_NODE(m, add, "sum", NULL, side, y));
    graft_model *model = sketch_done(&s);
    for (int old = 0; old < 2; old++) {
        const char *path = in_folder(old ? "shared.h5" : "shared.keras");
        if (old)
            OK(gft_keras_h5_write(model, path, err));
        else
            OK(gft_keras_write(model, path, err));
        json_t *root = old ? legacy_config(path) : member(path, "config.json");
        assert_int_equal(json_array_size(layers_of(root)), 4);
        assert_int_equal(json_array_size(json_object_get(layer(root, "twice"), "inbound_nodes")),
                         2);
        json_decref(root);
    }
    OK(gft_keras_weights_write(model, in_folder("shared.weights.h5"), err));
    assert_dataset(in_folder("shared.weights.h5"), "layers/conv2d/vars/0",
                   first_of(model, "twice/kernel"));
    assert_dataset(in_folder("shared.weights.h5"), "layers/conv2d_1/vars/0",
                   first_of(model, "side/kernel"));
    assert_no_dataset(in_folder("shared.weights.h5"), "layers/conv2d_2/vars/0");
    graft_model_free(model);
}

static void separable(void **state) {
    (void)state;
    sketch s = sketch_new();
    maker *m = &s.m;
    gft_value_id x = make_picture(m);
    for (int i = 0; i < 2; i++) { /* the second has a batch norm between and is two layers */
        char name[96];
        const char *layer_name = i ? "apart" : "joined";
        gft_graph_set_layer(m->graph, layer_name);
        gft_conv2d_attrs attrs = MAKER_CONV(1, GFT_PAD_SAME);
        gft_value_id k = make_param(m, make_name(name, layer_name, "depthwise_kernel"),
                                    gft_shape_4(3, 3, 4, 1), GFT_PARAM_WEIGHT, 0, 1);
        x = MAKE_NODE(m, depthwise_conv2d, make_name(name, layer_name, "depthwise"), &attrs, x, k);
        if (i)
            x = make_batch_norm(m, x, "between", 4, true);
        gft_graph_set_layer(m->graph, layer_name);
        k = make_param(m, make_name(name, layer_name, "pointwise_kernel"), gft_shape_4(1, 1, 4, 4),
                       GFT_PARAM_WEIGHT, 0, 1);
        x = MAKE_NODE(m, conv2d, layer_name, &attrs, x, k);
    }
    gft_graph_set_layer(m->graph,
                        "joined"); /* no activation of the layer: something lies between */
    make_output(m, "y", MAKE_NODE(m, relu, "last", NULL, x));
    graft_model *model = sketch_done(&s);
    const char *path = in_folder("separable.keras");
    OK(gft_keras_write(model, path, err));
    json_t *root = member(path, "config.json");
    assert_string_equal(class_of(root, "joined"), "SeparableConv2D");
    assert_int_equal(json_integer_value(setting(root, "joined", "filters")), 4);
    assert_string_equal(class_of(root, "apart"), "DepthwiseConv2D");
    assert_string_equal(class_of(root, "last"), "ReLU");
    json_decref(root);
    OK(gft_keras_weights_write(model, in_folder("separable.weights.h5"), err));
    path = in_folder("separable.weights.h5");
    assert_dataset(path, "layers/separable_conv2d/vars/0",
                   first_of(model, "joined/depthwise_kernel"));
    assert_dataset(path, "layers/separable_conv2d/vars/1",
                   first_of(model, "joined/pointwise_kernel"));
    assert_dataset(path, "layers/depthwise_conv2d/vars/0",
                   first_of(model, "apart/depthwise_kernel"));
    assert_dataset(path, "layers/conv2d/vars/0", first_of(model, "apart/pointwise_kernel"));
    graft_model_free(model);
}

/* (x - mean) / max(sqrt(variance), 1e-7): parameters are variables, constants are configuration. */
static graft_model *normalizing(bool params) {
    static const float numbers[4] = {1, 4, 9, 16};
    const graft_tensor_desc four = gft_desc_f32(gft_shape_1(4));
    const graft_tensor_desc whole = {GRAFT_S64, gft_shape_0(), NULL};
    sketch s = sketch_new();
    maker *m = &s.m;
    gft_value_id x = make_picture(m);
    gft_value_id mean = -1;
    gft_value_id variance = -1;
    gft_param_id count;
    gft_graph_set_layer(m->graph, "norm");
    if (params) {
        mean = make_param(m, "norm/mean", four.shape, GFT_PARAM_STATISTIC, 0, 1);
        variance = make_param(m, "norm/variance", four.shape, GFT_PARAM_STATISTIC, 2, 1);
        OK(gft_params_add(&s.model->params, "norm/count", &whole, GFT_PARAM_STATISTIC, false, NULL,
                          &count, err));
    } else {
        OK(gft_graph_const(m->graph, "mean", &four, numbers, true, &mean, err));
        OK(gft_graph_const(m->graph, "variance", &four, numbers, true, &variance, err));
    }
    const gft_shape_attrs as = {.shape = gft_shape_4(1, 1, 1, 4)};
    gft_value_id root = MAKE_NODE(m, sqrt, "norm/sqrt", NULL,
                                  MAKE_NODE(m, reshape, "norm/variance", &as, variance));
    gft_value_id least = make_const(m, 1e-7f);
    x = MAKE_NODE(m, sub, "norm", NULL, x, MAKE_NODE(m, reshape, "norm/mean", &as, mean));
    x = MAKE_NODE(m, div, "norm/div", NULL, x,
                  MAKE_NODE(m, maximum, "norm/max", NULL, root, least));
    make_output(m, "y", conv1(m, x, "conv"));
    return sketch_done(&s);
}

static void normalization(void **state) {
    (void)state;
    graft_model *model = normalizing(true);
    OK(gft_keras_write(model, in_folder("norm.keras"), err));
    json_t *root = member(in_folder("norm.keras"), "config.json");
    assert_string_equal(class_of(root, "norm"), "Normalization");
    assert_null(setting(root, "norm", "mean"));
    assert_true(json_is_true(setting(root, "norm", "trainable")));
    json_decref(root);
    OK(gft_keras_weights_write(model, in_folder("norm.weights.h5"), err));
    assert_dataset(in_folder("norm.weights.h5"), "layers/normalization/vars/0",
                   first_of(model, "norm/mean"));
    graft_shape shape;
    float first;
    dataset(in_folder("norm.weights.h5"), "layers/normalization/vars/2", &shape, &first);
    assert_int_equal(shape.rank, 0);
    graft_model_free(model);
    model = normalizing(false);
    OK(gft_keras_write(model, in_folder("norm.keras"), err));
    root = member(in_folder("norm.keras"), "config.json");
    assert_string_equal(class_of(root, "norm"), "Normalization");
    assert_float_equal(json_number_value(json_array_get(setting(root, "norm", "variance"), 2)), 9,
                       0);
    json_decref(root);
    OK(gft_keras_weights_write(model, in_folder("norm.weights.h5"), err));
    assert_no_dataset(in_folder("norm.weights.h5"), "layers/normalization/vars/0");
    graft_model_free(model);
}

/*
 * An exported function: numbers as constants, the divisor computed already, and variables that no
 * node uses.
 */
static void exported_normalization(void **state) {
    (void)state;
    static const float mean[4] = {1, 4, 9, 16};
    static const float roots[2][4] = {{2, 3, 4, 5}, {2, 3, 4, 6}};
    static const float squares[4] = {4, 9, 16, 25};
    const graft_tensor_desc four = gft_desc_f32(gft_shape_1(4));
    const graft_tensor_desc spread = gft_desc_f32(gft_shape_4(1, 1, 1, 4));
    const graft_tensor_desc whole = {GRAFT_S64, gft_shape_0(), NULL};
    for (int other = 0; other < 2; other++) {
        sketch s = sketch_new();
        gft_param_id id;
        gft_value_id m = -1;
        gft_value_id d = -1;
        gft_value_id x = make_picture(&s.m);
        OK(gft_params_add(&s.model->params, "n/mean", &four, GFT_PARAM_STATISTIC, false,
                          (void *)(uintptr_t)mean, &id, err));
        OK(gft_params_add(&s.model->params, "n/variance", &four, GFT_PARAM_STATISTIC, false,
                          (void *)(uintptr_t)squares, &id, err));
        OK(gft_params_add(&s.model->params, "n/count", &whole, GFT_PARAM_STATISTIC, false, NULL,
                          &id, err));
        OK(gft_graph_const(s.m.graph, "m", &spread, mean, true, &m, err));
        OK(gft_graph_const(s.m.graph, "d", &spread, roots[other], true, &d, err));
        gft_graph_set_layer(s.m.graph, "net_1/n_1");
        x = MAKE_NODE(&s.m, sub, "net_1/n_1", NULL, x, m);
        make_output(&s.m, "y", MAKE_NODE(&s.m, div, "net_1/n_1/div", NULL, x, d));
        graft_model *model = sketch_done(&s);
        const char *path = in_folder("exported.weights.h5");
        OK(gft_keras_weights_write(model, path, err));
        if (other) { /* not these variables' numbers */
            assert_no_dataset(path, "layers/normalization/vars/0");
        } else {
            assert_dataset(path, "layers/normalization/vars/0", 1);
            assert_dataset(path, "layers/normalization/vars/1", 4);
        }
        graft_model_free(model);
    }
}

/* ---- frozen, fused, named ---- */

static void frozen(void **state) {
    (void)state;
    graft_model *model = NULL;
    OK(make_model("cnn", &model, err));
    for (int32_t i = 0; i < model->params.count; i++) {
        gft_param *p = &model->params.items[i];
        if (strncmp(p->name, "stem/", 5) == 0 || strcmp(p->name, "block/project/kernel") == 0)
            p->trainable = false;
    }
    OK(gft_keras_write(model, in_folder("frozen.keras"), err));
    json_t *root = member(in_folder("frozen.keras"), "config.json");
    assert_true(json_is_false(setting(root, "stem_conv", "trainable")));
    assert_true(json_is_false(setting(root, "stem_bn", "trainable")));
    assert_true(json_is_true(setting(root, "block_bn", "trainable")));
    /* Keras freezes whole layers: one with a trainable bias is not frozen */
    assert_true(json_is_true(setting(root, "block_project", "trainable")));
    assert_true(json_is_true(setting(root, "head_dropout", "trainable")));
    json_decref(root);
    graft_model_free(model);
}

/* A graph as an exported function has it: scopes around names, "_1" behind them. */
static void exported_names(void **state) {
    (void)state;
    sketch s = sketch_new();
    maker *m = &s.m;
    gft_value_id x = make_picture(m);
    for (int i = 0; i < 2; i++) {
        char layer_name[32];
        char param[64];
        (void)snprintf(layer_name, sizeof layer_name, "net_1/conv_%d_1", i);
        (void)snprintf(param, sizeof param, "scope/conv_%d/kernel", i);
        const gft_conv2d_attrs attrs = MAKER_CONV(1, GFT_PAD_SAME);
        gft_value_id k = make_param(m, param, gft_shape_4(1, 1, 4, 4), GFT_PARAM_WEIGHT, 0, 1);
        gft_graph_set_layer(m->graph, layer_name);
        x = MAKE_NODE(m, conv2d, layer_name, &attrs, x, k);
        (void)snprintf(layer_name, sizeof layer_name, "net_1/act_%d_1", i);
        gft_graph_set_layer(m->graph, layer_name);
        x = MAKE_NODE(m, relu, layer_name, NULL, x);
    }
    make_output(m, "y", x);
    graft_model *model = sketch_done(&s);
    OK(gft_keras_write(model, in_folder("names.keras"), err));
    json_t *root = member(in_folder("names.keras"), "config.json");
    assert_string_equal(class_of(root, "conv_0"), "Conv2D");
    assert_string_equal(class_of(root, "conv_1"), "Conv2D");
    assert_string_equal(class_of(root, "act_1"), "ReLU");
    json_decref(root);
    graft_model_free(model);
}

/*
 * An activation belongs to the layer in front if both are one layer of the graph and nothing else
 * looks between.
 */
static void fused_activation(void **state) {
    (void)state;
    for (int tapped = 0; tapped < 2; tapped++) {
        sketch s = sketch_new();
        maker *m = &s.m;
        const gft_axis_attrs last = {.axis = -1};
        gft_value_id x = make_dense(m, make_rows(m), "hidden", 6, 5);
        x = MAKE_NODE(m, silu, "hidden/silu", NULL, x);
        x = make_dense(m, x, "scores", 5, 3);
        if (tapped)
            make_output(m, "logits", x);
        make_output(m, "probabilities", MAKE_NODE(m, softmax, "scores/softmax", &last, x));
        graft_model *model = sketch_done(&s);
        OK(gft_keras_write(model, in_folder("fused.keras"), err));
        OK(gft_keras_h5_write(model, in_folder("fused.h5"), err));
        json_t *root = member(in_folder("fused.keras"), "config.json");
        assert_string_equal(json_string_value(setting(root, "hidden", "activation")), "silu");
        assert_int_equal(json_array_size(layers_of(root)), tapped ? 4 : 3);
        json_t *outputs = json_object_get(json_object_get(root, "config"), "output_layers");
        assert_int_equal(json_array_size(outputs), tapped ? 2 : 3); /* of three parts, or two */
        json_decref(root);
        root = legacy_config(in_folder("fused.h5"));
        assert_string_equal(json_string_value(setting(root, "hidden", "activation")), "swish");
        json_decref(root);
        graft_model_free(model);
    }
}

/* ---- all kinds: equal bytes, read back ---- */

static bool same_files(const char *a, const char *b) {
    uint8_t *data[2] = {NULL};
    size_t bytes[2];
    OK(gft_file_read(a, SIZE_MAX / 2, &data[0], &bytes[0], err));
    OK(gft_file_read(b, SIZE_MAX / 2, &data[1], &bytes[1], err));
    const bool same = bytes[0] == bytes[1] && memcmp(data[0], data[1], bytes[0]) == 0;
    gft_free(data[0]);
    gft_free(data[1]);
    return same;
}

typedef graft_status (*write_fn)(const graft_model *model, const char *path, graft_error *err);

static void every_kind(void **state) {
    (void)state;
    static const struct {
        const char *extension;
        write_fn write;
    } formats[] = {{"keras", gft_keras_write},
                   {"h5", gft_keras_h5_write},
                   {"weights.h5", gft_keras_weights_write}};
    int written = 0;
    for (size_t k = 0; k < MAKER_KINDS; k++) {
        graft_model *model = NULL;
        graft_model *again = NULL;
        OK(make_model(maker_kinds[k].name, &model, err));
        OK(make_model(maker_kinds[k].name, &again, err));
        for (size_t f = 0; f < 3; f++) {
            char names[2][160];
            graft_error why = {0};
            for (int i = 0; i < 2; i++)
                (void)snprintf(names[i], sizeof names[i], "%s/%s_%d.%s", folder,
                               maker_kinds[k].name, i, formats[f].extension);
            const graft_status status = formats[f].write(model, names[0], &why);
            if (status != GRAFT_OK) { /* said which node, and nothing left */
                assert_int_equal(status, GRAFT_UNIMPLEMENTED);
                assert_non_null(strstr(why.message, "node '"));
                assert_false(gft_file_exists(names[0]));
                continue;
            }
            OK(formats[f].write(again, names[1], err));
            assert_true(same_files(names[0], names[1]));
            written++;
        }
        graft_model_free(model);
        graft_model_free(again);
    }
    assert_true(written >=
                (int)(3 * MAKER_KINDS) - 6); /* resizing with aligned corners, counted padding */
}

static float *run(const graft_model *model, const gft_graph *graph, int32_t *elems) {
    const gft_plan_options options = {0};
    gft_plan *plan = NULL;
    gft_run *r = NULL;
    (void)model;
    graft_shape shape = gft_graph_value(graph, graph->inputs[0].value)->desc.shape;
    shape.dims[0] = 2;
    const int64_t count = gft_shape_elems(&shape);
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(i * 37 % 256);
    const void *inputs[1] = {x};
    OK(gft_plan_new(graph, &shape, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &r, err));
    OK(gft_run_execute(r, inputs, NULL, err));
    *elems = (int32_t)gft_shape_elems(&gft_plan_output_desc(plan, 0)->shape);
    float *y = malloc((size_t)*elems * sizeof *y);
    memcpy(y, gft_run_output(r, 0), (size_t)*elems * sizeof *y);
    gft_run_free(r);
    gft_plan_unref(plan);
    free(x);
    return y;
}

static void read_back(void **state) {
    (void)state;
    static const char *const kinds[] = {"cnn", "conv_dilated", "conv_uneven", "conv_epilogue",
                                        "depthwise"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        graft_model *model = NULL;
        OK(make_model(kinds[k], &model, err));
        int32_t count = 0;
        float *wanted = run(model, model->signatures[0].graph, &count);
        for (int legacy_format = 0; legacy_format < 2; legacy_format++) {
            const char *path = in_folder(legacy_format ? "back.h5" : "back.keras");
            graft_model *back = NULL;
            int32_t found = 0;
            if (legacy_format)
                OK(gft_keras_h5_write(model, path, err));
            else
                OK(gft_keras_write(model, path, err));
            OK(gft_keras_read(path, &back, err));
            float *y = run(back, back->signatures[0].graph, &found);
            assert_int_equal(found, count);
            for (int32_t i = 0; i < count; i++)
                assert_float_equal(y[i], wanted[i], 1e-4f * (1.0f + fabsf(wanted[i])));
            assert_int_equal(back->label_count, model->label_count);
            free(y);
            graft_model_free(back);
        }
        free(wanted);
        graft_model_free(model);
    }
}

/* The 1st, 2nd, ... allocation fails until all succeed: one clear status, nothing left behind. */
static void out_of_memory(void **state) {
    (void)state;
    static const write_fn writers[] = {gft_keras_write, gft_keras_h5_write,
                                       gft_keras_weights_write};
    graft_model *model = NULL;
    OK(make_model("pair", &model, err));
    for (size_t f = 0; f < 3; f++) {
        const char *path = in_folder("memory");
        for (int64_t n = 1;; n++) {
            graft_error why = {0};
            assert_true(n < 100000);
            gft_alloc_fail_after(n);
            const graft_status status = writers[f](model, path, &why);
            gft_alloc_fail_after(0);
            if (status == GRAFT_OK)
                break;
            assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
            assert_false(gft_file_exists(path));
        }
        OK(gft_tree_remove(path, err));
    }
    graft_model_free(model);
}

/* ---- refusals ---- */

static void refusals(void **state) {
    (void)state;
    graft_model *model = NULL;
    OK(gft_model_new(&model, err));
    FAILS(gft_keras_write(model, in_folder("none.keras"), err), GRAFT_FAILED_PRECONDITION,
          "without signatures");
    graft_model_free(model);
    sketch s = sketch_new();
    gft_value_id x = make_input(&s.m, "x", GRAFT_F32, gft_shape_0());
    make_output(&s.m, "y", MAKE_NODE(&s.m, relu, "r", NULL, x));
    model = sketch_done(&s);
    FAILS(gft_keras_write(model, in_folder("none.keras"), err), GRAFT_UNIMPLEMENTED,
          "input 'x' is a scalar");
    graft_model_free(model);
    s = sketch_new();
    (void)make_rows(&s.m);
    make_output(&s.m, "y", MAKE_NODE(&s.m, exp, "constant", NULL, make_const(&s.m, 1.0f)));
    model = sketch_done(&s);
    FAILS(gft_keras_h5_write(model, in_folder("none.h5"), err), GRAFT_UNIMPLEMENTED,
          "output 'y' does not depend on the inputs");
    graft_model_free(model);
    s = sketch_new();
    x = make_picture(&s.m);
    gft_conv2d_attrs attrs = MAKER_CONV(2, GFT_PAD_SAME);
    attrs.dilation_h = attrs.dilation_w = 2;
    make_output(&s.m, "y",
                make_conv(&s.m, x, "both", &gft_op_conv2d, gft_shape_4(3, 3, 4, 4), attrs, 0));
    model = sketch_done(&s);
    FAILS(gft_keras_write(model, in_folder("none.keras"), err), GRAFT_UNIMPLEMENTED,
          "node 'both': op 'conv2d'");
    assert_false(gft_file_exists(in_folder("none.keras")));
    graft_model_free(model);
}

static int make_folder(void **state) {
    (void)state;
    (void)make_dir(folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    OK(gft_tree_remove(folder, err));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snake_case),       cmocka_unit_test(classifier),
        cmocka_unit_test(legacy),           cmocka_unit_test(numbering),
        cmocka_unit_test(shared),           cmocka_unit_test(separable),
        cmocka_unit_test(normalization),    cmocka_unit_test(exported_normalization),
        cmocka_unit_test(frozen),           cmocka_unit_test(exported_names),
        cmocka_unit_test(fused_activation), cmocka_unit_test(every_kind),
        cmocka_unit_test(read_back),        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
