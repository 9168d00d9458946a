/* Heads: the text, the layers it makes, how their weights begin. */
#include "models_test.h"

#include "graph/plan.h"

typedef struct fixture {
    gft_params params;
    gft_graph *graph;
    gft_value_id features, logits, probabilities;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    graft_tensor_desc desc = gft_desc_f32(gft_shape_2(-1, 5));
    gft_params_init(&f->params);
    OK(gft_graph_new(&f->params, &f->graph, err));
    OK(gft_graph_input(f->graph, "features", &desc, &f->features, err));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    gft_graph_free(f->graph);
    gft_params_deinit(&f->params);
    free(f);
    return 0;
}

static void texts(void **state) {
    (void)state;
    static const char *const GOOD[] = {"",
                                       "none",
                                       "dense:1",
                                       "dense:128,relu/dropout:0.5",
                                       "dropout:0",
                                       "dense:8,linear/dense:4,hard_swish/dense:2,swish",
                                       "dense:65536,sigmoid"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        OK(gft_head_check(GOOD[i], err));
    OK(gft_head_check(NULL, err));
    static const struct {
        const char *text, *part;
    } BAD[] = {
        {"dense", "dense:N"},
        {"dense:", "number of units"},
        {"dense:0", "1 to 65536"},
        {"dense:65537", "1 to 65536"},
        {"dense:-4", "1 to 65536"},
        {"dense:4.5", "1 to 65536"},
        {"dense:4,", "activation ''"},
        {"dense:4,gelu", "activation 'gelu'"},
        {"dropout:1", "below 1"},
        {"dropout:nan", "below 1"},
        {"dropout:-0.1", "below 1"},
        {"dense:4/", "''"},
        {"/dense:4", "''"},
        {"conv:3", "'conv:3'"},
        {"dense:00000000000000000000000000000000004", "too long"},
        {"dense:1/dense:1/dense:1/dense:1/dense:1/dense:1/dense:1/dense:1/dense:1/dense:1/dense:1/"
         "dense:1/dense:1/dense:1/dense:1/dense:1/dense:1",
         "more than 16"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        FAILS(gft_head_check(BAD[i].text, err), GRAFT_INVALID_ARGUMENT, BAD[i].part);
}

static gft_param *param(fixture *f, const char *name) {
    gft_param_id id = gft_params_find(&f->params, name);
    if (id < 0)
        fail_msg("no parameter '%s'", name);
    return &f->params.items[id];
}

static void layers_and_parameters(void **state) {
    fixture *f = *state;
    OK(gft_head_append(f->graph, f->features, "dense:4,relu/dropout:0.5/dense:3/dropout:0.1", 2, 7,
                       &f->logits, &f->probabilities, err));
    static const char *const LAYERS[] = {"head/dense",      "head/dense",       "head/dense",
                                         "head/dropout",    "head/dense_1",     "head/dense_1",
                                         "head/dropout_1",  "head/predictions", "head/predictions",
                                         "head/predictions"};
    assert_int_equal(f->graph->node_count, 10);
    for (int i = 0; i < 10; i++)
        assert_string_equal(f->graph->nodes[i].layer, LAYERS[i]);
    const gft_dropout_attrs *first = f->graph->nodes[3].attrs;
    const gft_dropout_attrs *second = f->graph->nodes[6].attrs;
    assert_true(first->rate == 0.5f && second->rate == 0.1f && first->key != second->key);
    assert_int_equal(f->params.count, 6);
    assert_int_equal(param(f, "head/dense_1/kernel")->desc.shape.dims[0], 4);
    assert_int_equal(param(f, "head/dense_1/kernel")->desc.shape.dims[1], 3);
    assert_int_equal(param(f, "head/predictions/bias")->kind, GFT_PARAM_BIAS);
    assert_true(param(f, "head/predictions/kernel")->trainable);
    assert_int_equal(gft_graph_value(f->graph, f->logits)->desc.shape.dims[1], 2);
    assert_int_equal(gft_graph_value(f->graph, f->probabilities)->desc.shape.dims[1], 2);
    assert_null(f->graph->layer); /* what is added next is no part of the head */
}

static void computes_what_it_says(void **state) {
    fixture *f = *state;
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    gft_plan_options options = {0};
    OK(gft_head_append(f->graph, f->features, "dense:4,relu/dropout:0.5", 3, 7, &f->logits,
                       &f->probabilities, err));
    OK(gft_graph_output(f->graph, "p", f->probabilities, err));
    float *bias = param(f, "head/predictions/bias")->data;
    bias[1] = 0.25f;
    const float *k1 = param(f, "head/dense/kernel")->data;
    const float *k2 = param(f, "head/predictions/kernel")->data;
    const float x[5] = {1, -2, 3, 0.5f, -0.25f};
    double h[4];
    double z[3];
    double sum = 0;
    for (int j = 0; j < 4; j++) {
        h[j] = 0;
        for (int i = 0; i < 5; i++)
            h[j] += (double)x[i] * (double)k1[i * 4 + j];
        h[j] = h[j] > 0 ? h[j] : 0;
    }
    for (int j = 0; j < 3; j++) {
        z[j] = (double)bias[j];
        for (int i = 0; i < 4; i++)
            z[j] += h[i] * (double)k2[i * 3 + j];
        sum += exp(z[j]);
    }
    graft_shape shape = gft_shape_2(1, 5);
    OK(gft_plan_new(f->graph, &shape, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    const void *in[1] = {x};
    OK(gft_run_execute(run, in, NULL, err));
    const float *p = gft_run_output(run, 0);
    for (int j = 0; j < 3; j++)
        assert_true(fabs((double)p[j] - exp(z[j]) / sum) < 1e-6);
    gft_run_free(run);
    gft_plan_unref(plan);
}

/*
 * Glorot: within the limit and spread over it, other seeds and layers give other numbers, the same
 * seed the same.
 */
static void weights_begin(void **state) {
    fixture *f = *state;
    OK(gft_head_append(f->graph, f->features, "dense:400/dense:400", 2, 7, &f->logits,
                       &f->probabilities, err));
    const gft_param *kernel = param(f, "head/dense_1/kernel");
    const float *a = kernel->data;
    double limit = sqrt(6.0 / 800.0);
    double sum = 0;
    double squares = 0;
    float highest = 0;
    for (int i = 0; i < 160000; i++) {
        highest = fmaxf(highest, fabsf(a[i]));
        sum += (double)a[i];
        squares += (double)a[i] * (double)a[i];
    }
    assert_true((double)highest <= limit && (double)highest > 0.999 * limit);
    assert_true(fabs(sum / 160000) < 0.01 * limit);
    assert_true(fabs(squares / 160000 - limit * limit / 3) < 0.01 * limit * limit);
    const float *bias = param(f, "head/dense/bias")->data;
    for (int i = 0; i < 400; i++)
        assert_true(bias[i] == 0);

    void *again = NULL;
    assert_int_equal(setup(&again), 0);
    fixture *g = again;
    OK(gft_head_append(g->graph, g->features, "dense:400/dense:400", 2, 7, &g->logits,
                       &g->probabilities, err));
    assert_memory_equal(param(g, "head/dense_1/kernel")->data, a, 160000 * sizeof *a);
    teardown(&again);
    assert_int_equal(setup(&again), 0);
    g = again;
    OK(gft_head_append(g->graph, g->features, "dense:400/dense:400", 2, 8, &g->logits,
                       &g->probabilities, err));
    assert_memory_not_equal(param(g, "head/dense_1/kernel")->data, a, 160000 * sizeof *a);
    teardown(&again);
}

static void wrong_places(void **state) {
    fixture *f = *state;
    gft_value_id picture = -1;
    graft_tensor_desc desc = gft_desc_f32(gft_shape_4(-1, 4, 4, 3));
    OK(gft_graph_input(f->graph, "picture", &desc, &picture, err));
    FAILS(gft_head_append(f->graph, picture, "", 2, 1, &f->logits, &f->probabilities, err),
          GRAFT_INVALID_ARGUMENT, "float32 [?,4,4,3]");
    FAILS(gft_head_append(f->graph, f->features, "", 1, 1, &f->logits, &f->probabilities, err),
          GRAFT_INVALID_ARGUMENT, "1 classes");
    FAILS(gft_head_append(f->graph, 99, "", 2, 1, &f->logits, &f->probabilities, err),
          GRAFT_INVALID_ARGUMENT, "99");
    FAILS(
        gft_head_append(f->graph, f->features, "dense:x", 2, 1, &f->logits, &f->probabilities, err),
        GRAFT_INVALID_ARGUMENT, "dense:x");
    OK(gft_head_append(f->graph, f->features, "", 2, 1, &f->logits, &f->probabilities, err));
    FAILS(gft_head_append(f->graph, f->features, "", 2, 1, &f->logits, &f->probabilities, err),
          GRAFT_ALREADY_EXISTS, "head/predictions/kernel"); /* one head on a model */
}

#define HEAD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),          HEAD_TEST(layers_and_parameters),
        HEAD_TEST(computes_what_it_says), HEAD_TEST(weights_begin),
        HEAD_TEST(wrong_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
