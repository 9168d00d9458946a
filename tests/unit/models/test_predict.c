/*
 * Predictions: the model's rule is followed, best first, labels or numbers, and models that are no
 * classifiers.
 */
#include "models_test.h"

static char dir[64];

static int setup(void **state) {
    (void)state;
    make_dir(dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    return gft_tree_remove(dir, NULL) == GRAFT_OK ? 0 : 1;
}

static const char *file(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void best_first(void **state) {
    (void)state;
    static const char *const LABELS[] = {"red", "green", "blue"};
    graft_model *model = colour_model(-1, 8, 0.01f, true);
    graft_session *session = NULL;
    graft_prediction p[5];
    int32_t count = 0;
    write_colour(file("a.png"), 20, 30, 100, 50, 200);
    OK(gft_model_set_labels(model, LABELS, 3, err));
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_predict_file(session, file("a.png"), 5, p, &count, err));
    assert_int_equal(count, 3);
    assert_string_equal(p[0].label, "blue");
    assert_int_equal(p[0].index, 2);
    assert_string_equal(p[1].label, "red");
    assert_string_equal(p[2].label, "green");
    double sum = exp(1.0) + exp(0.5) + exp(2.0);
    assert_true(fabs((double)p[0].score - exp(2.0) / sum) < 1e-6);
    assert_true(fabs((double)p[2].score - exp(0.5) / sum) < 1e-6);
    p[1].label = "untouched";
    OK(graft_predict_file(session, file("a.png"), 1, p, &count, err));
    assert_int_equal(count, 1);
    assert_string_equal(p[0].label, "blue");
    assert_string_equal(p[1].label, "untouched");
    FAILS(graft_predict_file(session, file("a.png"), 0, p, &count, err), GRAFT_INVALID_ARGUMENT,
          "best 0");
    FAILS(graft_predict_file(session, file("b.png"), 1, p, &count, err), GRAFT_NOT_FOUND, "b.png");
    OK(gft_file_write(file("c.png"), "text", 4, err));
    FAILS(graft_predict_file(session, file("c.png"), 1, p, &count, err), GRAFT_INVALID_ARGUMENT,
          "c.png");
    graft_session_free(session);
    graft_model_free(model);
}

/* Equal scores stand in the order of their indices; without labels the index is the label. */
static void ties_and_numbers(void **state) {
    (void)state;
    graft_model *model = colour_model(-1, 8, 1, false);
    graft_session *session = NULL;
    graft_prediction p[3];
    int32_t count = 0;
    write_colour(file("a.png"), 8, 8, 7, 9, 9);
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_predict_file(session, file("a.png"), 3, p, &count, err));
    assert_string_equal(p[0].label, "1");
    assert_string_equal(p[1].label, "2");
    assert_string_equal(p[2].label, "0");
    assert_true(p[0].score == 9.0f && p[2].score == 7.0f); /* as the model gives them */
    graft_session_free(session);
    graft_model_free(model);
}

/*
 * A picture red on its left and right edges, green inside: crop sees green only, squeeze sees both.
 */
static void the_rule_is_followed(void **state) {
    (void)state;
    enum { H = 32, W = 96 };
    static uint8_t pixels[H * W * 3];
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            pixels[(y * W + x) * 3 + (x >= 32 && x < 64)] = 240;
    OK(graft_picture_write_png(file("a.png"), pixels, H, W, 3, err));
    for (int crop = 0; crop < 2; crop++) {
        graft_model *model = colour_model(-1, 16, 1, false);
        graft_session *session = NULL;
        graft_prediction p[3];
        int32_t count = 0;
        model->has_preprocess = crop;
        model->preprocess = graft_preprocess_default(16, 16);
        model->preprocess.mode = GRAFT_RESIZE_CROP;
        OK(graft_session_new(model, 0, 1, &session, err));
        OK(graft_predict_file(session, file("a.png"), 3, p, &count, err));
        assert_int_equal(p[0].index, crop ? 1 : 0);
        float red = p[0].index == 0 ? p[0].score : p[1].score;
        if (crop)
            assert_true(red == 0.0f);
        else
            assert_true(fabsf(red - 160.0f) < 8.0f);
        graft_session_free(session);
        graft_model_free(model);
    }
}

static void fixed_batches(void **state) {
    (void)state;
    graft_model *model = colour_model(4, 8, 1, false);
    graft_session *session = NULL;
    graft_prediction p[1];
    int32_t count = 0;
    write_colour(file("a.png"), 8, 8, 1, 2, 3);
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_predict_file(session, file("a.png"), 1, p, &count, err));
    assert_int_equal(p[0].index, 2);
    assert_true(p[0].score == 3.0f);
    graft_session_free(session);
    graft_model_free(model);
}

static void expect_refusal(graft_model *model, const char *part) {
    graft_session *session = NULL;
    graft_prediction p[1];
    int32_t count = 0;
    OK(graft_session_new(model, 0, 1, &session, err));
    FAILS(graft_predict_file(session, file("a.png"), 1, p, &count, err), GRAFT_FAILED_PRECONDITION,
          part);
    graft_session_free(session);
    graft_model_free(model);
}

static void no_classifiers(void **state) {
    (void)state;
    write_colour(file("a.png"), 8, 8, 1, 2, 3);
    graft_model *model = colour_model(-1, -1, 1, true);
    expect_refusal(model, "no size");
    model = colour_model(-1, 8, 1, true);
    model->has_preprocess = true;
    model->preprocess = graft_preprocess_default(16, 16);
    expect_refusal(model, "16x16");
    model = colour_model(-1, 8, 1, true);
    static const char *const LABELS[] = {"a", "b"};
    OK(gft_model_set_labels(model, LABELS, 2, err));
    expect_refusal(model, "3 scores for 2 labels");
    model = colour_model(-1, 8, NAN, true);
    expect_refusal(model, "not a number");
    model = colour_model(-1, 8, 1, true); /* the output is the picture itself */
    model->signatures[0].graph->outputs[0].value = model->signatures[0].graph->inputs[0].value;
    expect_refusal(model, "no output of its signature is scores");
    OK(gft_model_new(&model, err));
    gft_graph *g = NULL;
    gft_value_id x = -1;
    graft_tensor_desc desc = gft_desc_f32(gft_shape_2(-1, 8));
    OK(gft_graph_new(&model->params, &g, err));
    OK(gft_graph_input(g, "x", &desc, &x, err));
    OK(gft_graph_output(g, "y", node(g, &gft_op_relu, "relu", NULL, x, -1), err));
    OK(gft_model_add_signature(model, "serving_default", g, err));
    expect_refusal(model, "float32 [?,8]");
}

#define PREDICT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PREDICT_TEST(best_first),           PREDICT_TEST(ties_and_numbers),
        PREDICT_TEST(the_rule_is_followed), PREDICT_TEST(fixed_batches),
        PREDICT_TEST(no_classifiers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
