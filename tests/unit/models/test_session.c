/*
 * Sessions: inputs by name, what is said of wrong ones, plans by shape, profiles; arrays on disk.
 */
#include "models_test.h"

#include "models/session.h"

/* y = a * b + a, with a (-1,3), b (3); and the sum of its rows. */
static graft_model *two_inputs(void) {
    graft_model *model = NULL;
    gft_graph *g = NULL;
    gft_value_id a = -1;
    gft_value_id b = -1;
    graft_tensor_desc da = gft_desc_f32(gft_shape_2(-1, 3));
    graft_tensor_desc db = gft_desc_f32(gft_shape_1(3));
    OK(gft_model_new(&model, err));
    OK(gft_graph_new(&model->params, &g, err));
    OK(gft_graph_input(g, "a", &da, &a, err));
    OK(gft_graph_input(g, "b", &db, &b, err));
    gft_value_id y = node(g, &gft_op_mul, "mul", NULL, a, b);
    y = node(g, &gft_op_add, "add", NULL, y, a);
    gft_reduce_attrs rows = {.axes = 2};
    gft_value_id s = node(g, &gft_op_reduce_sum, "sum", &rows, y, -1);
    OK(gft_graph_output(g, "y", y, err));
    OK(gft_graph_output(g, "s", s, err));
    OK(gft_model_add_signature(model, "serving_default", g, err));
    return model;
}

static graft_tensor f32_tensor(const char *name, graft_shape shape, float *data) {
    graft_tensor t = {.name = name, .desc = gft_desc_f32(shape), .data = data};
    assert_true(gft_desc_bytes(&t.desc, &t.bytes));
    return t;
}

static void runs_by_name(void **state) {
    (void)state;
    graft_model *model = two_inputs();
    for (int32_t threads = 1; threads <= 7; threads += 3) {
        graft_session *session = NULL;
        float a[12];
        float b[3] = {1, 2, -3};
        graft_tensor out[2];
        OK(graft_session_new(model, 0, threads, &session, err));
        for (int64_t n = 0; n <= 4; n++) {
            for (int i = 0; i < 12; i++)
                a[i] = (float)(i * n) - 3;
            graft_tensor in[2] = {f32_tensor("b", gft_shape_1(3), b),
                                  f32_tensor("a", gft_shape_2(n, 3), a)};
            OK(graft_session_run(session, in, 2, out, 2, err));
            assert_string_equal(out[0].name, "y");
            assert_int_equal(out[0].desc.shape.dims[0], n);
            assert_int_equal(out[1].bytes, (size_t)n * sizeof(float));
            const float *y = out[0].data;
            const float *s = out[1].data;
            for (int64_t r = 0; r < n; r++) {
                float sum = 0;
                for (int j = 0; j < 3; j++) {
                    assert_true(y[r * 3 + j] == a[r * 3 + j] * b[j] + a[r * 3 + j]);
                    sum += y[r * 3 + j];
                }
                assert_true(fabsf(s[r] - sum) < 1e-5f * (1 + fabsf(sum)));
            }
        }
        graft_session_free(session);
    }
    graft_model_free(model);
}

static void wrong_inputs(void **state) {
    (void)state;
    graft_model *model = two_inputs();
    graft_session *session = NULL;
    float data[16] = {0};
    graft_tensor out[2];
    OK(graft_session_new(model, 0, 1, &session, err));
    graft_tensor a = f32_tensor("a", gft_shape_2(2, 3), data);
    graft_tensor b = f32_tensor("b", gft_shape_1(3), data);
    graft_tensor in[3] = {a, b, b};
    FAILS(graft_session_run(session, in, 1, out, 2, err), GRAFT_INVALID_ARGUMENT,
          "input 'b' is missing");
    FAILS(graft_session_run(session, in, 0, out, 2, err), GRAFT_INVALID_ARGUMENT,
          "'a' float32 [?,3], 'b' float32 [3]");
    FAILS(graft_session_run(session, in, 3, out, 2, err), GRAFT_INVALID_ARGUMENT, "given twice");
    in[2] = f32_tensor("c", gft_shape_1(3), data);
    FAILS(graft_session_run(session, in, 3, out, 2, err), GRAFT_INVALID_ARGUMENT, "no input 'c'");
    FAILS(graft_session_run(session, in, 2, out, 1, err), GRAFT_INVALID_ARGUMENT, "outputs");
    in[1] = f32_tensor("b", gft_shape_1(4), data);
    FAILS(graft_session_run(session, in, 2, out, 2, err), GRAFT_INVALID_ARGUMENT,
          "input 'b': got float32 [4], expected float32 [3]");
    in[1] = f32_tensor("b", gft_shape_2(1, 3), data);
    FAILS(graft_session_run(session, in, 2, out, 2, err), GRAFT_INVALID_ARGUMENT, "[1,3]");
    in[1] = b;
    in[1].desc.dtype = GRAFT_S32;
    FAILS(graft_session_run(session, in, 2, out, 2, err), GRAFT_INVALID_ARGUMENT,
          "got int32 [3], expected float32 [3]");
    in[1] = b;
    in[0].desc.shape.dims[0] = -1;
    FAILS(graft_session_run(session, in, 2, out, 2, err), GRAFT_INVALID_ARGUMENT, "definite size");
    in[0] = a;
    in[0].bytes = 20;
    FAILS(graft_session_run(session, in, 2, out, 2, err), GRAFT_INVALID_ARGUMENT,
          "20 bytes for float32 [2,3], expected 24");
    in[0] = a;
    in[0].data = NULL;
    FAILS(graft_session_run(session, in, 2, out, 2, err), GRAFT_INVALID_ARGUMENT, "0 bytes");
    in[0] = a;
    OK(graft_session_run(session, in, 2, out, 2, err)); /* it still runs */
    graft_session_free(session);
    graft_model_free(model);
}

static void one_input_of_any_name(void **state) {
    (void)state;
    graft_model *model = colour_model(-1, 2, 1, true);
    graft_session *session = NULL;
    float data[12] = {0};
    graft_tensor out;
    OK(graft_session_new(model, 0, 1, &session, err));
    graft_tensor in = f32_tensor("arr_0", gft_shape_4(1, 2, 2, 3), data);
    OK(graft_session_run(session, &in, 1, &out, 1, err));
    in.name = NULL;
    OK(graft_session_run(session, &in, 1, &out, 1, err));
    assert_true(fabsf(((const float *)out.data)[0] - 1.0f / 3.0f) < 1e-6f);
    graft_session_free(session);
    graft_model_free(model);
}

static void plans_are_kept(void **state) {
    (void)state;
    graft_model *model = two_inputs();
    graft_session *session = NULL;
    float data[60] = {0};
    graft_tensor out[2];
    size_t arena = 1;
    size_t packed = 1;
    OK(graft_session_new(model, 0, 1, &session, err));
    graft_session_memory(session, &arena, &packed);
    assert_int_equal(arena + packed, 0);
    graft_tensor in[2] = {f32_tensor("a", gft_shape_2(1, 3), data),
                          f32_tensor("b", gft_shape_1(3), data)};
    const gft_plan *first = NULL;
    for (int64_t n = 1; n <= GFT_SESSION_PLANS; n++) {
        in[0] = f32_tensor("a", gft_shape_2(n, 3), data);
        OK(graft_session_run(session, in, 2, out, 2, err));
        first = first ? first : session->last->plan;
    }
    in[0] = f32_tensor("a", gft_shape_2(1, 3), data);
    OK(graft_session_run(session, in, 2, out, 2, err));
    assert_ptr_equal(session->last->plan, first); /* still there */
    in[0] = f32_tensor("a", gft_shape_2(9, 3), data);
    OK(graft_session_run(session, in, 2, out, 2, err)); /* takes the place of 2, unused longest */
    bool one = false;
    bool two = false;
    for (int i = 0; i < GFT_SESSION_PLANS; i++) {
        one = one || session->plans[i].shapes[0].dims[0] == 1;
        two = two || session->plans[i].shapes[0].dims[0] == 2;
    }
    assert_true(one && !two);
    graft_session_memory(session, &arena, &packed);
    assert_true(arena > 0);
    graft_session_free(session);
    graft_model_free(model);
}

static void profile(void **state) {
    (void)state;
    graft_model *model = two_inputs();
    graft_session *session = NULL;
    const graft_profile_row *rows = NULL;
    static float data[30000];
    graft_tensor out[2];
    OK(graft_session_new(model, 0, 1, &session, err));
    graft_tensor in[2] = {f32_tensor("a", gft_shape_2(10000, 3), data),
                          f32_tensor("b", gft_shape_1(3), data)};
    assert_int_equal(graft_session_profile_rows(session, &rows), 0);
    graft_session_profile(session, true);
    for (int i = 0; i < 3; i++)
        OK(graft_session_run(session, in, 2, out, 2, err));
    int32_t count = graft_session_profile_rows(session, &rows);
    assert_true(count >= 2);
    uint64_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        assert_true(rows[i].name[0] && rows[i].op[0]);
        sum += rows[i].ns;
    }
    assert_true(sum > 0);
    graft_session_profile(session, false);
    OK(graft_session_run(session, in, 2, out, 2, err));
    assert_int_equal(graft_session_profile_rows(session, &rows), 0);
    graft_session_free(session);
    graft_model_free(model);
}

static void out_of_memory(void **state) {
    (void)state;
    graft_model *model = two_inputs();
    float data[6] = {1, 2, 3, 4, 5, 6};
    for (int64_t n = 1; n < 100000; n++) {
        graft_session *session = NULL;
        graft_tensor out[2];
        graft_tensor in[2] = {f32_tensor("a", gft_shape_2(2, 3), data),
                              f32_tensor("b", gft_shape_1(3), data)};
        gft_alloc_fail_after(n);
        graft_status status = graft_session_new(model, 0, 1, &session, NULL);
        if (status == GRAFT_OK)
            status = graft_session_run(session, in, 2, out, 2, NULL);
        gft_alloc_fail_after(0);
        if (session && status != GRAFT_OK) /* it can be used afterwards */
            OK(graft_session_run(session, in, 2, out, 2, err));
        graft_session_free(session);
        if (status == GRAFT_OK) {
            graft_model_free(model);
            return;
        }
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
    }
    fail();
}

/* ---- arrays ---- */

static void arrays(void **state) {
    (void)state;
    char dir[64];
    char path[128];
    float x[6] = {1, 2, 3, 4, 5, 6};
    int64_t k[2] = {7, -8};
    graft_tensor *list = NULL;
    int32_t count = 0;
    make_dir(dir);
    graft_tensor two[2] = {f32_tensor("x", gft_shape_2(2, 3), x), {0}};
    two[1] = (graft_tensor){"k", {GRAFT_S64, gft_shape_1(2), NULL}, k, sizeof k};
    snprintf(path, sizeof path, "%s/both.npz", dir);
    OK(graft_arrays_write(path, two, 2, err));
    OK(graft_arrays_read(path, &list, &count, err));
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "x");
    assert_memory_equal(list[0].data, x, sizeof x);
    assert_string_equal(list[1].name, "k");
    assert_int_equal(list[1].desc.dtype, GRAFT_S64);
    assert_memory_equal(list[1].data, k, sizeof k);
    graft_arrays_free(list, count);
    snprintf(path, sizeof path, "%s/one.two.npy", dir);
    OK(graft_arrays_write(path, two, 1, err));
    OK(graft_arrays_read(path, &list, &count, err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, "one.two");
    assert_memory_equal(list[0].data, x, sizeof x);
    graft_arrays_free(list, count);
    FAILS(graft_arrays_write(path, two, 2, err), GRAFT_INVALID_ARGUMENT, "holds one array");
    snprintf(path, sizeof path, "%s/none.npy", dir);
    FAILS(graft_arrays_read(path, &list, &count, err), GRAFT_NOT_FOUND, "none.npy");
    snprintf(path, sizeof path, "%s/none.npz", dir);
    OK(graft_arrays_write(path, two, 0, err));
    OK(graft_arrays_read(path, &list, &count, err));
    assert_int_equal(count, 0);
    graft_arrays_free(list, count);
    graft_arrays_free(NULL, 0);
    OK(gft_tree_remove(dir, err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_by_name),
        cmocka_unit_test(wrong_inputs),
        cmocka_unit_test(one_input_of_any_name),
        cmocka_unit_test(plans_are_kept),
        cmocka_unit_test(profile),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
