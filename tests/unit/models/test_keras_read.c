/*
 * Keras files read: models of tests/fuzz/corpus/keras give what Keras 3.15 and tf_keras 2.21
 * computed with them (keras_recorded.h), weights go into models by number, name and order, and what
 * cannot be read says why.
 */
#include "models_test.h"

#include <jansson.h>

#include "formats/npy.h"
#include "keras_recorded.h"
#include "models/keras_names.h"
#include "models/keras_read.h"

#define FILE_OF(name) GFT_TEST_DIR "/fuzz/corpus/keras/" name

static graft_model *open_model(const char *path) {
    graft_model *model = NULL;
    OK(gft_keras_read(path, &model, err));
    const char *problem = graft_model_signature_problem(model, 0);
    if (problem)
        fail_msg("%s: %s", path, problem);
    return model;
}

/* Runs a model of one input, pictures (2,h,w,c), on the numbers of the script. */
static void expect(const graft_model *model, int64_t h, int64_t w, int64_t c, int32_t output,
                   const float *wanted, size_t count) {
    graft_session *session = NULL;
    graft_tensor outputs[2];
    const int32_t output_count = graft_model_output_count(model, 0);
    const int64_t elems = 2 * h * w * c;
    float *x = malloc((size_t)elems * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < elems; i++)
        x[i] = (float)((double)(i * 37 % 101) / 50.0 - 1.0);
    const graft_tensor input = {.name = "im",
                                .desc = gft_desc_f32(gft_shape_4(2, h, w, c)),
                                .data = x,
                                .bytes = (size_t)elems * sizeof *x};
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_session_run(session, &input, 1, outputs, output_count, err));
    assert_int_equal(outputs[output].bytes, count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        assert_float_equal(((const float *)outputs[output].data)[i], wanted[i], 1e-5);
    graft_session_free(session);
    free(x);
}
#define EXPECT(model, output, wanted)                                                              \
    expect(model, 4, 4, 2, output, wanted, sizeof wanted / sizeof *wanted)

static void sequential(void **state) {
    (void)state;
    static const char *const FILES[] = {FILE_OF("seq.keras"), FILE_OF("seq.h5")};
    for (size_t i = 0; i < 2; i++) {
        graft_model *model = open_model(FILES[i]);
        const char *name;
        graft_tensor_desc desc;
        assert_true(graft_model_input(model, 0, 0, &name, &desc));
        assert_string_equal(name, "im");
        assert_int_equal(desc.shape.dims[0], -1);
        assert_true(graft_model_output(model, 0, 0, &name, &desc));
        assert_string_equal(name, "d");
        const gft_param_id mean = gft_params_find(&model->params, "bn/moving_mean");
        assert_true(mean >= 0);
        assert_false(model->params.items[mean].trainable);
        assert_int_equal(model->params.items[mean].kind, GFT_PARAM_STATISTIC);
        assert_true(gft_params_find(&model->params, "dw/depthwise_kernel") >= 0);
        EXPECT(model, 0, seq_0);
        graft_model_free(model);
    }
}

static void functional(void **state) {
    (void)state;
    graft_model *model = open_model(FILE_OF("functional.keras"));
    const char *name;
    graft_tensor_desc desc;
    assert_int_equal(graft_model_output_count(model, 0), 2);
    assert_true(graft_model_output(model, 0, 0, &name, &desc));
    assert_string_equal(name, "head");
    assert_true(graft_model_output(model, 0, 1, &name, &desc));
    assert_string_equal(name, "mx");
    assert_true(gft_params_find(&model->params, "inner/ic/kernel") >= 0);
    assert_true(gft_params_find(&model->params, "head/pr/alpha") >= 0);
    EXPECT(model, 0, functional_0);
    EXPECT(model, 1, functional_1);
    graft_model_free(model);
}

static void keras_2(void **state) {
    (void)state;
    graft_model *model = open_model(FILE_OF("keras2.h5"));
    EXPECT(model, 0, keras2_0);
    graft_model_free(model);
}

static graft_status find_nothing(void *context, gft_keras_layout *layout, gft_arena *arena,
                                 graft_error *err) {
    (void)context;
    (void)layout;
    (void)arena;
    (void)err;
    return GRAFT_OK;
}

static graft_model *from_json(const char *text) {
    graft_model *model = NULL;
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    OK(gft_model_new(&model, err));
    OK(gft_keras_read_config(model, root, false, find_nothing, NULL, "config", err));
    json_decref(root);
    return model;
}

static void without_weights(void **state) {
    (void)state;
    uint8_t *text;
    size_t bytes;
    OK(gft_file_read(FILE_OF("weightless.json"), 1 << 20, &text, &bytes, err));
    graft_model *model = from_json((const char *)text);
    const char *problem = graft_model_signature_problem(model, 0);
    if (problem)
        fail_msg("%s", problem);
    expect(model, 8, 6, 4, 0, weightless_0, sizeof weightless_0 / sizeof *weightless_0);
    expect(model, 8, 6, 4, 1, weightless_1, sizeof weightless_1 / sizeof *weightless_1);
    graft_model_free(model);
    gft_free(text);
}

/* ---- weights ---- */

static void spoil(graft_model *model) {
    for (int32_t i = 0; i < model->params.count; i++) {
        gft_param *param = &model->params.items[i];
        size_t bytes;
        assert_true(gft_desc_bytes(&param->desc, &bytes));
        param->data = gft_arena_alloc(&model->params.arena, bytes); /* zeros */
        assert_non_null(param->data);
    }
}

static void weights_by_number(void **state) {
    (void)state;
    static const char *const FILES[] = {FILE_OF("functional.weights.h5"),
                                        FILE_OF("functional.keras")};
    for (size_t i = 0; i < 4; i++) {
        graft_model *model = open_model(FILE_OF("functional.keras"));
        spoil(model);
        if (i >= 2)
            model->keras = NULL; /* then found by the names of layers */
        OK(gft_keras_load_weights(model, FILES[i % 2], false, err));
        EXPECT(model, 0, functional_0);
        graft_model_free(model);
    }
}

static void weights_of_keras_2(void **state) {
    (void)state;
    static const char *const FILES[] = {FILE_OF("keras2_weights.h5"), FILE_OF("keras2.h5")};
    for (size_t i = 0; i < 8; i++) {
        graft_model *model = open_model(FILE_OF("keras2.h5"));
        spoil(model);
        if (i >= 4)
            model->keras = NULL;
        OK(gft_keras_load_weights(model, FILES[i % 2], i / 2 % 2 == 1, err));
        EXPECT(model, 0, keras2_0);
        graft_model_free(model);
    }
}

static void weights_of_numpy(void **state) {
    (void)state;
    char dir[] = "/tmp/graft-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = gft_path_join(dir, "w.npz");
    graft_model *model = open_model(FILE_OF("seq.keras"));
    graft_tensor tensors[16];
    for (int32_t i = 0; i < model->params.count; i++) {
        const gft_param *param = &model->params.items[i];
        size_t bytes;
        assert_true(gft_desc_bytes(&param->desc, &bytes));
        tensors[i] = (graft_tensor){param->name, param->desc, param->data, bytes};
    }
    OK(gft_npz_write(path, tensors, (size_t)model->params.count, err));
    spoil(model);
    OK(gft_keras_load_weights(model, path, false, err));
    EXPECT(model, 0, seq_0);
    tensors[0].desc.shape = gft_shape_1(gft_shape_elems(&tensors[0].desc.shape));
    OK(gft_npz_write(path, tensors, (size_t)model->params.count, err));
    FAILS(gft_keras_load_weights(model, path, false, err), GRAFT_INVALID_ARGUMENT,
          "the model expects [2,2,2,3]");
    EXPECT(model, 0, seq_0);
    graft_model_free(model);
    OK(gft_tree_remove(dir, err));
    gft_free(path);
}

static void weights_that_do_not_fit(void **state) {
    (void)state;
    graft_model *model = open_model(FILE_OF("seq.keras"));
    const void *before = model->params.items[0].data;
    FAILS(gft_keras_load_weights(model, FILE_OF("functional.weights.h5"), false, err),
          GRAFT_INVALID_ARGUMENT, "nothing in it for 'kernel' of layer 'c' (Conv2D)");
    FAILS(gft_keras_load_weights(model, FILE_OF("functional.weights.h5"), true, err),
          GRAFT_INVALID_ARGUMENT, "by_name");
    FAILS(gft_keras_load_weights(model, FILE_OF("keras2_weights.h5"), false, err), GRAFT_DATA_LOSS,
          "layer 'c' has 2 variables, 'inner' in the file has 6");
    FAILS(gft_keras_load_weights(model, FILE_OF("nothing.h5"), false, err), GRAFT_NOT_FOUND,
          "nothing.h5");
    FAILS(gft_keras_load_weights(model, FILE_OF("weightless.json"), false, err), GRAFT_DATA_LOSS,
          "not an HDF5 file");
    assert_ptr_equal(before, model->params.items[0].data);
    EXPECT(model, 0, seq_0);
    graft_model_free(model);
}

/* ---- what is not read ---- */

static void problems(void **state) {
    (void)state;
    static const struct {
        const char *layer, *problem;
    } CASES[] = {
        {"{\"class_name\":\"LSTM\",\"config\":{\"name\":\"l\",\"units\":3}}",
         "layer 'l' of class LSTM is not read"},
        {"{\"class_name\":\"MaxPooling2D\",\"config\":{\"name\":\"p\",\"data_format\":\"channels_"
         "first\"}}",
         "channels_first"},
        {"{\"class_name\":\"Activation\",\"config\":{\"name\":\"a\",\"activation\":\"sparsemax\"}}",
         "layer 'a' of class Activation: activation 'sparsemax'"},
        {"{\"class_name\":\"Resizing\",\"config\":{\"name\":\"r\",\"height\":3,\"width\":3,"
         "\"interpolation\":\"lanczos3\"}}",
         "lanczos3"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":["
                       "{\"class_name\":\"InputLayer\",\"config\":{\"name\":\"im\",\"batch_shape\":"
                       "[null,4,4,2]}},%s]}}",
                       CASES[i].layer);
        graft_model *model = from_json(text);
        const char *problem = graft_model_signature_problem(model, 0);
        assert_non_null(problem);
        if (!strstr(problem, CASES[i].problem))
            fail_msg("'%s' is not in: %s", CASES[i].problem, problem);
        assert_true(model->signatures[0].op_count == 2);
        graft_model_free(model);
    }
}

static void damaged_configurations(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
        graft_status status;
    } CASES[] = {
        {"{\"class_name\":\"MyModel\",\"config\":{}}", "class 'MyModel', whose code",
         GRAFT_UNIMPLEMENTED},
        {"{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[]}}",
         "a model of 0 layers", GRAFT_DATA_LOSS},
        {"{\"class_name\":\"Functional\",\"config\":{\"name\":\"f\",\"layers\":[{\"class_name\":"
         "\"ReLU\",\"config\":{\"name\":\"a\"},\"name\":\"a\",\"inbound_nodes\":[[[\"a\",0,0,{}]]]}"
         "],"
         "\"input_layers\":[],\"output_layers\":[[\"a\",0,0]]}}",
         "wait for each other", GRAFT_DATA_LOSS},
        {"{\"class_name\":\"Functional\",\"config\":{\"name\":\"f\",\"layers\":[{\"class_name\":"
         "\"ReLU\",\"config\":{\"name\":\"a\"},\"name\":\"a\",\"inbound_nodes\":[[[\"b\",0,0,{}]]]}"
         "],"
         "\"input_layers\":[],\"output_layers\":[[\"a\",0,0]]}}",
         "layer 'b', which there is not", GRAFT_DATA_LOSS},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        graft_model *model = NULL;
        json_t *root = json_loads(CASES[i].text, 0, NULL);
        OK(gft_model_new(&model, err));
        FAILS(gft_keras_read_config(model, root, false, find_nothing, NULL, "config", err),
              CASES[i].status, CASES[i].part);
        json_decref(root);
        graft_model_free(model);
    }
}

static void damaged_files(void **state) {
    (void)state;
    char dir[] = "/tmp/graft-test-XXXXXX";
    uint8_t *data;
    size_t bytes;
    assert_non_null(mkdtemp(dir));
    char *path = gft_path_join(dir, "cut.keras");
    OK(gft_file_read(FILE_OF("seq.keras"), 1 << 20, &data, &bytes, err));
    for (size_t cut = 0; cut < bytes; cut += 997) {
        graft_model *model = NULL;
        graft_error error;
        OK(gft_file_write(path, data, cut, err));
        assert_int_equal(gft_keras_read(path, &model, &error), GRAFT_DATA_LOSS);
        assert_true(strlen(error.message) > 10);
    }
    gft_free(data);
    FAILS(gft_keras_read(FILE_OF("functional.weights.h5"), &(graft_model *){NULL}, err),
          GRAFT_INVALID_ARGUMENT, "holds no model");
    OK(gft_tree_remove(dir, err));
    gft_free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequential),        cmocka_unit_test(functional),
        cmocka_unit_test(keras_2),           cmocka_unit_test(without_weights),
        cmocka_unit_test(weights_by_number), cmocka_unit_test(weights_of_keras_2),
        cmocka_unit_test(weights_of_numpy),  cmocka_unit_test(weights_that_do_not_fit),
        cmocka_unit_test(problems),          cmocka_unit_test(damaged_configurations),
        cmocka_unit_test(damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
