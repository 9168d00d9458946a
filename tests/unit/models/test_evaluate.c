/*
 * Evaluation: every number against a count by hand, classes matched by name, logits, fixed batches,
 * broken pictures.
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

typedef struct shown {
    const char *path;
    int rgb[3];
    int label; /* of {"red", "green", "blue"} */
} shown;

/* Seven pictures, two of them not what their folder says; sorted as the data set sorts them. */
static const shown PICTURES[] = {
    {"blue/1.png", {10, 20, 90}, 2},  {"blue/2.png", {80, 20, 70}, 2},
    {"green/1.png", {10, 99, 20}, 1}, {"green/2.png", {0, 50, 49}, 1},
    {"green/3.png", {30, 31, 90}, 1}, {"red/1.png", {100, 0, 0}, 0},
    {"red/2.png", {60, 50, 40}, 0},
};
#define PICTURE_COUNT 7
static const char *const LABELS[] = {"red", "green", "blue"};

static void write_pictures(const char *below) {
    char path[256];
    static const char *const CLASSES[] = {"red", "green", "blue"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s%s", dir, below, CLASSES[i]);
        OK(gft_dir_make(path, err));
    }
    for (int i = 0; i < PICTURE_COUNT; i++) {
        snprintf(path, sizeof path, "%s/%s%s", dir, below, PICTURES[i].path);
        write_colour(path, 8, 8, PICTURES[i].rgb[0], PICTURES[i].rgb[1], PICTURES[i].rgb[2]);
    }
}

/* What evaluation must give for scores that are softmax of the colours times gain. */
static void by_hand(double gain, double *top1, double *loss, int64_t confusion[9]) {
    int right = 0;
    *loss = 0;
    memset(confusion, 0, 9 * sizeof *confusion);
    for (int i = 0; i < PICTURE_COUNT; i++) {
        const shown *p = &PICTURES[i];
        int best = 0;
        double sum = 0;
        for (int c = 0; c < 3; c++) {
            sum += exp(gain * p->rgb[c]);
            best = p->rgb[c] > p->rgb[best] ? c : best;
        }
        double probability = exp(gain * p->rgb[p->label]) / sum;
        *loss += -log(fmin(fmax(probability, 1e-7), 1 - 1e-7)) / PICTURE_COUNT;
        right += best == p->label;
        confusion[p->label * 3 + best]++;
    }
    *top1 = (double)right / PICTURE_COUNT;
}

static void check(graft_model *model, double gain, const graft_data_options *options) {
    graft_session *session = NULL;
    graft_dataset *dataset = NULL;
    graft_evaluation e = {0};
    double top1;
    double loss;
    int64_t confusion[9];
    by_hand(gain, &top1, &loss, confusion);
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_dataset_open(dir, 0, &dataset, err));
    OK(graft_evaluate(session, dataset, options, NULL, NULL, &e, err));
    assert_int_equal(e.images, PICTURE_COUNT);
    assert_int_equal(e.skipped, 0);
    assert_int_equal(e.classes, 3);
    assert_true(e.top1 == top1);
    assert_true(e.top5 == 1.0);
    if (!(fabs(e.loss - loss) < 1e-5 * (1 + loss)))
        fail_msg("loss %g, expected %g", e.loss, loss);
    for (int i = 0; i < 9; i++)
        assert_int_equal(e.confusion[i], confusion[i]);
    assert_int_equal(e.support[1], 3);
    assert_true(fabs(e.recall[1] - 2.0 / 3) < 1e-12);    /* green: two of three */
    assert_true(fabs(e.precision[0] - 2.0 / 3) < 1e-12); /* red: two of the three said to be */
    assert_true(fabs(e.precision[2] - 0.5) < 1e-12);
    graft_evaluation_deinit(&e);
    graft_dataset_free(dataset);
    graft_session_free(session);
    graft_model_free(model);
}

static graft_model *labelled(graft_model *model) {
    OK(gft_model_set_labels(model, LABELS, 3, err));
    return model;
}

static void numbers(void **state) {
    (void)state;
    write_pictures("");
    check(labelled(colour_model(-1, 8, 0.05f, true)), 0.05, NULL);
    check(labelled(colour_model(-1, 8, 3.0f, true)), 3.0,
          NULL); /* probabilities of 0 and 1: clipped */
    check(labelled(colour_model(-1, 8, 0.05f, false)), 0.05, NULL); /* logits */
    check(labelled(colour_model(2, 8, 0.05f, true)), 0.05, NULL); /* the last batch is filled up */
    check(labelled(colour_model(1, 8, 0.05f, true)), 0.05, NULL);
    graft_data_options options = graft_data_options_default(8, 8);
    options.batch_size = 3;
    options.split = GRAFT_SPLIT_ALL;
    options.shuffle = true; /* none of these may change the result */
    options.augment = "basic";
    options.drop_remainder = true;
    options.as_u8 = true;
    check(labelled(colour_model(-1, 8, 0.05f, true)), 0.05, &options);
}

static void the_test_split_counts(void **state) {
    (void)state;
    write_pictures("test/");
    write_pictures("train/");
    check(labelled(colour_model(-1, 8, 0.05f, true)), 0.05, NULL);
}

typedef struct seen {
    int calls;
    int64_t last, total;
} seen;

static void on_progress(void *context, int64_t done, int64_t total) {
    seen *s = context;
    s->calls++;
    assert_true(done > s->last);
    s->last = done;
    s->total = total;
}

static void broken_pictures(void **state) {
    (void)state;
    char path[128];
    graft_model *model = labelled(colour_model(-1, 8, 0.05f, true));
    graft_session *session = NULL;
    graft_dataset *dataset = NULL;
    graft_evaluation e = {0};
    seen progress = {0};
    write_pictures("");
    snprintf(path, sizeof path, "%s/green/0.png", dir);
    OK(gft_file_write(path, "no picture", 10, err));
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_dataset_open(dir, 0, &dataset, err));
    graft_data_options options = graft_data_options_default(8, 8);
    options.batch_size = 2;
    options.split = GRAFT_SPLIT_ALL;
    OK(graft_evaluate(session, dataset, &options, on_progress, &progress, &e, err));
    assert_int_equal(e.images, PICTURE_COUNT);
    assert_int_equal(e.skipped, 1);
    assert_true(progress.calls >= 3);
    assert_int_equal(progress.last, PICTURE_COUNT + 1);
    assert_int_equal(progress.total, PICTURE_COUNT + 1);
    graft_evaluation_deinit(&e);
    options.strict = true;
    FAILS(graft_evaluate(session, dataset, &options, NULL, NULL, &e, err), GRAFT_INVALID_ARGUMENT,
          "0.png");
    assert_null(e.confusion);
    graft_dataset_free(dataset);
    graft_session_free(session);
    graft_model_free(model);
}

/* A class of the model that the data lacks has no recall; one that the model lacks is an error. */
static void other_classes(void **state) {
    (void)state;
    static const char *const FEWER[] = {"red", "green", "yellow"};
    char path[128];
    graft_evaluation e = {0};
    graft_session *session = NULL;
    graft_dataset *dataset = NULL;
    write_pictures("");
    graft_model *model = colour_model(-1, 8, 0.05f, true);
    OK(gft_model_set_labels(model, FEWER, 3, err));
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_dataset_open(dir, 0, &dataset, err));
    FAILS(graft_evaluate(session, dataset, NULL, NULL, NULL, &e, err), GRAFT_NOT_FOUND, "blue");
    graft_dataset_free(dataset);
    snprintf(path, sizeof path, "%s/blue", dir);
    OK(gft_tree_remove(path, err));
    OK(graft_dataset_open(dir, 0, &dataset, err));
    OK(graft_evaluate(session, dataset, NULL, NULL, NULL, &e, err));
    assert_int_equal(e.classes, 3);
    assert_int_equal(e.images, 5);
    assert_true(isnan(e.recall[2]));
    assert_int_equal(e.confusion[1 * 3 + 2], 1); /* the green one that looks blue */
    assert_true(e.precision[2] == 0);
    graft_evaluation_deinit(&e);
    graft_session_free(session);
    graft_model_free(model);

    graft_dataset_free(dataset); /* its classes are the model's by now */
    OK(graft_dataset_open(dir, 0, &dataset, err));
    model = colour_model(-1, 8, 0.05f, true); /* no labels: the number of classes must agree */
    OK(graft_session_new(model, 0, 1, &session, err));
    FAILS(graft_evaluate(session, dataset, NULL, NULL, NULL, &e, err), GRAFT_FAILED_PRECONDITION,
          "2 classes");
    graft_data_options options = graft_data_options_default(9, 8);
    graft_dataset_free(dataset);
    write_pictures("");
    OK(graft_dataset_open(dir, 0, &dataset, err));
    FAILS(graft_evaluate(session, dataset, &options, NULL, NULL, &e, err), GRAFT_INVALID_ARGUMENT,
          "9x8");
    graft_dataset_free(dataset);
    graft_session_free(session);
    graft_model_free(model);
}

/* Seven classes of which the right one is fifth or sixth. */
static void top_five(void **state) {
    (void)state;
    graft_model *model = NULL;
    gft_graph *g = NULL;
    gft_value_id x = -1;
    gft_value_id k = -1;
    graft_session *session = NULL;
    graft_dataset *dataset = NULL;
    graft_evaluation e = {0};
    char path[128];
    static const char *const SEVEN[] = {"a", "b", "c", "d", "e", "f", "g"};
    static const float KERNEL[21] = {7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    graft_tensor_desc picture = gft_desc_f32(gft_shape_4(-1, 4, 4, 3));
    graft_tensor_desc kernel = gft_desc_f32(gft_shape_2(3, 7));
    OK(gft_model_new(&model, err));
    OK(gft_graph_new(&model->params, &g, err));
    OK(gft_graph_input(g, "inputs", &picture, &x, err));
    gft_reduce_attrs pool = {.axes = 1u << 1 | 1u << 2};
    x = node(g, &gft_op_reduce_mean, "pool", &pool, x, -1);
    OK(gft_graph_const(g, "k", &kernel, KERNEL, true, &k, err));
    OK(gft_graph_output(g, "y", node(g, &gft_op_dense, "dense", NULL, x, k), err));
    OK(gft_model_add_signature(model, "serving_default", g, err));
    OK(gft_model_set_labels(model, SEVEN, 7, err));
    for (int i = 4; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, SEVEN[i]);
        OK(gft_dir_make(path, err));
        snprintf(path, sizeof path, "%s/%s/1.png", dir, SEVEN[i]);
        write_colour(path, 4, 4, 100, 0, 0);
    }
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_dataset_open(dir, 0, &dataset, err));
    OK(graft_evaluate(session, dataset, NULL, NULL, NULL, &e, err));
    assert_true(e.top1 == 0.0);
    assert_true(e.top5 == 0.5);
    assert_int_equal(e.confusion[4 * 7 + 0], 1);
    graft_evaluation_deinit(&e);
    graft_dataset_free(dataset);
    graft_session_free(session);
    graft_model_free(model);
}

#define EVALUATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EVALUATE_TEST(numbers),         EVALUATE_TEST(the_test_split_counts),
        EVALUATE_TEST(broken_pictures), EVALUATE_TEST(other_classes),
        EVALUATE_TEST(top_five),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
