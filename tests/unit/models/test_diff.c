/*
 * Two models layer by layer: equal ones, one altered weight, other names, inputs that do not fit.
 */
#include "models_test.h"

#include "graft/diff.h"

static graft_model *make_lite(uint64_t change) {
    seeded_weights weights = {0};
    graft_model *model = NULL;
    gft_arena_init(&weights.arena);
    OK(gft_model_new(&model, err));
    OK(gft_efficientnet_lite_build(model, 0, 10, seeded_source, &weights, err));
    gft_arena_deinit(&weights.arena);
    if (change) {
        const gft_param_id id = gft_params_find(&model->params, "block3b_project_conv/kernel");
        assert_true(id >= 0);
        ((float *)model->params.items[id].data)[0] += 1.0f;
    }
    return model;
}

static graft_tensor picture(float *values, int64_t size) {
    const graft_tensor t = {.name = "images",
                            .desc = {GRAFT_F32, gft_shape_4(1, size, size, 3), NULL},
                            .data = values,
                            .bytes = (size_t)(size * size * 3) * sizeof *values};
    for (int64_t i = 0; i < size * size * 3; i++)
        values[i] = (float)(i * 2654435761u % 256u);
    return t;
}

static const graft_diff_row *find(const graft_diff *diff, const char *name) {
    for (int32_t i = 0; i < diff->count; i++) {
        if (strcmp(diff->rows[i].name_a, name) == 0)
            return &diff->rows[i];
    }
    return NULL;
}

static void test_equal(void **state) {
    (void)state;
    graft_model *a = make_lite(0);
    graft_model *b = make_lite(0);
    graft_diff diff;
    const graft_diff_options options = {.threads = 1, .seed = 4};
    OK(graft_model_diff(a, b, &options, NULL, 0, &diff, err));
    assert_int_equal(diff.first, -1);
    assert_int_equal(diff.only_a, 0);
    assert_int_equal(diff.only_b, 0);
    assert_true(diff.count > 60);
    assert_true(diff.rows[diff.count - 1].is_output);
    assert_true(diff.rows[diff.count - 1].range > 0);
    graft_diff_deinit(&diff);
    graft_model_free(a);
    graft_model_free(b);
}

static void test_first_difference(void **state) {
    (void)state;
    graft_model *a = make_lite(0);
    graft_model *b = make_lite(1);
    float *values = gft_malloc(224 * 224 * 3 * sizeof *values);
    const graft_tensor in = picture(values, 224);
    graft_diff diff;
    graft_diff_options options = {.threads = 1};
    OK(graft_model_diff(a, b, &options, &in, 1, &diff, err));
    assert_true(diff.first >= 0);
    assert_string_equal(diff.rows[diff.first].name_a, "block3b_project_conv");
    assert_false(find(&diff, "block3a_project_conv")->differs);
    assert_true(find(&diff, "block3b_add")->max_error > 0);
    const int32_t layers = diff.count;
    graft_diff_deinit(&diff);

    options.tolerance = 1e9;
    options.per_op = true;
    OK(graft_model_diff(a, b, &options, &in, 1, &diff, err));
    assert_int_equal(diff.first, -1);
    assert_true(diff.count >= layers);
    graft_diff_deinit(&diff);
    gft_free(values);
    graft_model_free(a);
    graft_model_free(b);
}

static void test_refused(void **state) {
    (void)state;
    graft_model *a = make_lite(0);
    float *values = gft_malloc(224 * 224 * 3 * sizeof *values);
    graft_tensor in[2] = {picture(values, 200), picture(values, 224)};
    graft_diff diff;
    FAILS(graft_model_diff(a, a, NULL, in, 1, &diff, err), GRAFT_INVALID_ARGUMENT, "input");
    FAILS(graft_model_diff(a, a, NULL, in, 2, &diff, err), GRAFT_INVALID_ARGUMENT, "2 inputs");
    const graft_diff_options wrong = {.signature_b = "other"};
    FAILS(graft_model_diff(a, a, &wrong, NULL, 0, &diff, err), GRAFT_NOT_FOUND, "other");
    gft_free(values);
    graft_model_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_first_difference),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
