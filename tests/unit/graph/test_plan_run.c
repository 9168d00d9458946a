/* Plans and runs: results, views, taps, phases, the caller's memory, profiles, training, errors,
 * lost allocations. */
#include "base/pool.h"
#include "graph/plan_priv.h"
#include "tiny_ops.h"

typedef struct fixture {
    gft_params params;
    gft_graph *graph;
    gft_rng rng;
} fixture;

static int setup(void **state) {
    fixture *f = gft_calloc(1, sizeof *f);
    gft_params_init(&f->params);
    OK(gft_graph_new(&f->params, &f->graph, err));
    f->rng = gft_rng_make(3, GFT_RNG_TEST, 0);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    gft_graph_free(f->graph);
    gft_params_deinit(&f->params);
    gft_free(f);
    return 0;
}

/* relu(x w + c) and its sum; x (n,3), w (3,4) */
static void small_net(fixture *f, bool trainable) {
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_2(-1, 3));
    gft_value_id w = add_param(g, "w", f32_2(3, 4), trainable, &f->rng);
    gft_value_id mm = add_op(g, &tiny_matmul, "mm", NULL, x, w);
    gft_value_id act = add_op(g, &tiny_relu, "act", NULL, mm, -1);
    gft_value_id sum = add_op(g, &tiny_sum, "sum", NULL, act, -1);
    OK(gft_graph_output(g, "act", act, err));
    OK(gft_graph_output(g, "sum", sum, err));
}

static void small_reference(const float *x, const float *w, int64_t n, float *act, double *sum) {
    *sum = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < 4; j++) {
            float v = 0;
            for (int64_t k = 0; k < 3; k++)
                v += x[i * 3 + k] * w[k * 4 + j];
            act[i * 4 + j] = v > 0 ? v : 0;
            *sum += (double)act[i * 4 + j];
        }
    }
}

static void shapes_and_threads(void **state) {
    fixture *f = *state;
    small_net(f, true);
    for (int threads = 1; threads <= 7; threads += 3) {
        gft_pool *pool = NULL;
        OK(gft_pool_new(threads, &pool, err));
        for (int64_t n = 0; n < 40; n += 13) {
            graft_shape shape = gft_shape_2(n, 3);
            gft_plan *plan = NULL;
            gft_run *run = NULL;
            OK(gft_plan_new(f->graph, &shape, NULL, &plan, err));
            assert_int_equal(gft_plan_input_count(plan), 1);
            assert_int_equal(gft_plan_output_count(plan), 2);
            assert_string_equal(gft_plan_input_name(plan, 0), "x");
            assert_string_equal(gft_plan_output_name(plan, 1), "sum");
            assert_int_equal(gft_plan_input_desc(plan, 0)->shape.dims[0], n);
            assert_int_equal(gft_plan_output_desc(plan, 0)->shape.dims[0], n);
            assert_true(gft_plan_packed_bytes(plan) >= 12 * sizeof(float));
            OK(gft_run_new(plan, pool, &run, err));
            float *x = random_floats(&f->rng, n * 3);
            float act[160];
            double sum;
            small_reference(x, f->params.items[0].data, n, act, &sum);
            const void *inputs[] = {x};
            OK(gft_run_execute(run, inputs, NULL, err));
            assert_floats(gft_run_output(run, 0), act, n * 4);
            assert_true(fabs((double)*(const float *)gft_run_output(run, 1) - sum) < 1e-5);
            gft_free(x);
            gft_run_free(run);
            gft_plan_unref(plan);
        }
        gft_pool_free(pool);
    }
}

static void packed_constants_go(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_2(1, 64));
    float *numbers = random_floats(&f->rng, 64 * 64);
    graft_tensor_desc desc = f32_2(64, 64);
    gft_value_id c = -1;
    OK(gft_graph_const(g, "c", &desc, numbers, true, &c, err));
    gft_free(numbers);
    gft_value_id y = add_op(g, &tiny_matmul, "y", NULL, x, c);
    OK(gft_graph_output(g, "y", y, err));
    gft_plan *plan = NULL;
    OK(gft_plan_new(g, NULL, NULL, &plan, err));
    int32_t kept = 0;
    for (int32_t i = 0; i < plan->graph->value_count; i++)
        kept += plan->graph->values[i].owned != NULL;
    assert_int_equal(kept, 0);
    gft_plan_unref(plan);
    /* used by an op that does not pack, it stays */
    gft_value_id z = add_op(g, &tiny_relu, "z", NULL, c, -1);
    OK(gft_graph_output(g, "z", z, err));
    gft_plan_options exact = {.no_rewrite = true};
    OK(gft_plan_new(g, NULL, &exact, &plan, err));
    kept = 0;
    for (int32_t i = 0; i < plan->graph->value_count; i++)
        kept += plan->graph->values[i].owned != NULL;
    assert_int_equal(kept, 1);
    gft_plan_unref(plan);
}

/* The caller's memory: inputs are not written, outputs are computed in place where that is
 * possible. */
static void callers_memory(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(8));
    gft_value_id w = add_param(g, "w", f32_1(8), true, &f->rng);
    gft_shape_attrs flat = {.shape = gft_shape_2(2, 4)};
    gft_value_id r = add_op(g, &tiny_relu, "r", NULL, x, -1);
    gft_value_id view = add_op(g, &tiny_reshape, "view", &flat, r, -1);
    gft_value_id in_view = add_op(g, &tiny_reshape, "in_view", &flat, x, -1);
    gft_value_id late = add_op(g, &tiny_add, "late", NULL, x, x);
    const gft_value_id all[] = {r, view, x, in_view, w, late};
    const char *names[] = {"r", "view", "x", "in_view", "w", "late"};
    for (int i = 0; i < 6; i++)
        OK(gft_graph_output(g, names[i], all[i], err));
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    OK(gft_plan_new(g, NULL, NULL, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    float data[8];
    float relu[8];
    float twice[8];
    for (int i = 0; i < 8; i++) {
        data[i] = (float)(i - 4);
        relu[i] = i > 4 ? data[i] : 0;
        twice[i] = 2 * data[i];
    }
    float before[8];
    memcpy(before, data, sizeof data);
    const void *inputs[] = {data};
    const void *expected[] = {relu, relu, data, data, f->params.items[0].data, twice};
    OK(gft_run_execute(run, inputs, NULL, err));
    for (int i = 0; i < 6; i++)
        assert_floats(gft_run_output(run, i), expected[i], 8);
    /* what is left in the workspace does not lie in the caller's input */
    assert_ptr_not_equal(gft_run_output(run, 2), data);
    assert_ptr_not_equal(gft_run_output(run, 3), data);

    float mine[6][9];
    void *outputs[6];
    memset(mine, 0x55, sizeof mine);
    for (int i = 0; i < 6; i++)
        outputs[i] = mine[i] + 1; /* need not be aligned */
    OK(gft_run_execute(run, inputs, outputs, err));
    for (int i = 0; i < 6; i++) {
        assert_ptr_equal(gft_run_output(run, i), outputs[i]);
        assert_floats(outputs[i], expected[i], 8);
    }
    assert_memory_equal(data, before, sizeof data);

    /* an output over the input: every result as if it were elsewhere */
    void *over[6] = {data, NULL, NULL, NULL, NULL, NULL};
    OK(gft_run_execute(run, inputs, over, err));
    assert_floats(data, relu, 8);
    assert_floats(gft_run_output(run, 5), twice, 8);

    FAILS(GRAFT_INVALID_ARGUMENT, "input 'x'", gft_run_execute(run, NULL, NULL, err));
    const void *none[] = {NULL};
    FAILS(GRAFT_INVALID_ARGUMENT, "input 'x'", gft_run_execute(run, none, NULL, err));
    gft_run_free(run);
    gft_plan_unref(plan);
}

static void taps(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(4));
    gft_value_id y = add_op(g, &tiny_relu, "first", NULL, x, -1);
    gft_value_id out[2];
    OK(gft_graph_add(g, &tiny_split, "two", NULL, &y, 1, out, err));
    gft_value_id z = add_op(g, &tiny_add, "last", NULL, out[0], out[1]);
    OK(gft_graph_output(g, "z", z, err));
    gft_plan_options keep = {.keep_all = true};
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    OK(gft_plan_new(g, NULL, &keep, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    const float data[4] = {-1, 2, -3, 4};
    const void *inputs[] = {data};
    float mine[4];
    void *outputs[] = {mine};
    OK(gft_run_execute(run, inputs, outputs, err));
    const float *first = gft_run_value(run, "first", 0);
    const float *twice = gft_run_value(run, "two", 1);
    const float *last = gft_run_value(run, "last", 0);
    for (int i = 0; i < 4; i++) {
        float v = data[i] > 0 ? data[i] : 0;
        assert_true(first[i] == v && twice[i] == 2 * v && last[i] == 3 * v && mine[i] == 3 * v);
    }
    assert_null(gft_run_value(run, "two", 2));
    assert_null(gft_run_value(run, "nobody", 0));
    assert_int_equal(gft_plan_value_desc(plan, "two", 1)->shape.dims[0], 4);
    assert_null(gft_plan_value_desc(plan, "nobody", 0));
    gft_run_free(run);
    gft_plan_unref(plan);
    OK(gft_plan_new(g, NULL, NULL, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    OK(gft_run_execute(run, inputs, outputs, err));
    assert_null(gft_run_value(run, "first", 0));
    gft_run_free(run);
    gft_plan_unref(plan);
}

static void profile(void **state) {
    fixture *f = *state;
    small_net(f, true);
    graft_shape shape = gft_shape_2(5, 3);
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    OK(gft_plan_new(f->graph, &shape, NULL, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    assert_int_equal(gft_plan_step_count(plan), 3);
    assert_string_equal(gft_plan_step_name(plan, 0), "mm");
    assert_string_equal(gft_plan_step_op(plan, 2), "tiny_sum");
    assert_int_equal(gft_plan_step_cost(plan, 0).macs, 60);
    const float x[15] = {1};
    const void *inputs[] = {x};
    assert_null(gft_run_step_ns(run));
    gft_run_profile(run, true);
    for (int i = 0; i < 50; i++)
        OK(gft_run_execute(run, inputs, NULL, err));
    const uint64_t *ns = gft_run_step_ns(run);
    assert_true(ns[0] + ns[1] + ns[2] > 0);
    gft_run_profile(run, true);
    assert_true(ns[0] + ns[1] + ns[2] == 0);
    gft_run_profile(run, false);
    assert_null(gft_run_step_ns(run));
    gft_run_free(run);
    gft_plan_unref(plan);
}

static float run_sum(gft_run *run, const float *x) {
    const void *inputs[] = {x};
    OK(gft_run_execute(run, inputs, NULL, err));
    return *(const float *)gft_run_output(run, 1);
}

/* In training parameters are read at each run; otherwise they may be packed. */
static void training_reads_parameters(void **state) {
    fixture *f = *state;
    small_net(f, true);
    graft_shape shape = gft_shape_2(1, 3);
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    gft_plan_options options = {.training = true};
    const float x[3] = {1, 2, 3};
    float *w = f->params.items[0].data;
    for (int training = 0; training < 2; training++) {
        options.training = training != 0;
        for (int i = 0; i < 12; i++)
            w[i] = 1;
        OK(gft_plan_new(f->graph, &shape, &options, &plan, err));
        OK(gft_run_new(plan, NULL, &run, err));
        assert_true(run_sum(run, x) == 24.0f);
        for (int i = 0; i < 12; i++)
            w[i] = 2;
        assert_true(run_sum(run, x) == (training ? 48.0f : 24.0f));
        gft_run_free(run);
        gft_plan_unref(plan);
    }
}

/* A step with a side effect is run although nothing uses it, and what it writes is read anew. */
static void side_effects(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(3));
    gft_value_id s = add_param(g, "running", f32_1(3), false, &f->rng);
    float *running = f->params.items[0].data;
    memset(running, 0, 3 * sizeof *running);
    gft_value_id in[2] = {s, x};
    OK(gft_graph_add(g, &tiny_bump, NULL, NULL, in, 2, NULL, err));
    OK(gft_graph_output(g, "x", x, err));
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    OK(gft_plan_new(g, NULL, NULL, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    const float data[3] = {1, 2, 3};
    const void *inputs[] = {data};
    for (int i = 0; i < 3; i++)
        OK(gft_run_execute(run, inputs, NULL, err));
    assert_true(running[0] == 3 && running[1] == 6 && running[2] == 9);
    gft_run_free(run);
    gft_plan_unref(plan);
}

static void random_numbers(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(3));
    gft_value_id y = add_op(g, &tiny_random, "y", NULL, x, -1);
    OK(gft_graph_output(g, "y", y, err));
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    gft_plan_options options = {.training = true};
    OK(gft_plan_new(g, NULL, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    const float data[3] = {0};
    const void *inputs[] = {data};
    float a[3];
    float b[3];
    float c[3];
    void *to[3][1] = {{a}, {b}, {c}};
    gft_run_set_random(run, 5, 1);
    OK(gft_run_execute(run, inputs, to[0], err));
    gft_run_set_random(run, 5, 2);
    OK(gft_run_execute(run, inputs, to[1], err));
    gft_run_set_random(run, 5, 1);
    OK(gft_run_execute(run, inputs, to[2], err));
    assert_memory_equal(a, c, sizeof a);
    assert_true(memcmp(a, b, sizeof a) != 0);
    gft_run_free(run);
    gft_plan_unref(plan);
}

static void errors(void **state) {
    fixture *f = *state;
    small_net(f, true);
    gft_plan *plan = NULL;
    graft_shape wrong = gft_shape_2(5, 4);
    FAILS(GRAFT_INVALID_ARGUMENT, "input 'x'", gft_plan_new(f->graph, &wrong, NULL, &plan, err));
    FAILS(GRAFT_INVALID_ARGUMENT, "input 'x'", gft_plan_new(f->graph, NULL, NULL, &plan, err));
    graft_shape unknown = gft_shape_2(-1, 3);
    FAILS(GRAFT_INVALID_ARGUMENT, "input 'x'", gft_plan_new(f->graph, &unknown, NULL, &plan, err));
    graft_shape huge = gft_shape_2(INT64_MAX / 2, 3);
    FAILS(GRAFT_INVALID_ARGUMENT, "x", gft_plan_new(f->graph, &huge, NULL, &plan, err));
#ifndef __SANITIZE_THREAD__ /* it ends the program at a size that malloc would refuse */
    /* fits into an int64 but not into memory */
    graft_shape large = gft_shape_2(INT64_C(1) << 45, 3);
    gft_run *run = NULL;
    OK(gft_plan_new(f->graph, &large, NULL, &plan, err));
    FAILS(GRAFT_RESOURCE_EXHAUSTED, "memory", gft_run_new(plan, NULL, &run, err));
    assert_null(run);
    gft_plan_unref(plan);
#endif
}

static void failing_allocations(void **state) {
    fixture *f = *state;
    small_net(f, true);
    gft_graph *g = f->graph;
    float *numbers = random_floats(&f->rng, 4 * 400);
    graft_tensor_desc desc = f32_2(4, 400);
    gft_value_id c = -1;
    OK(gft_graph_const(g, "c", &desc, numbers, false, &c, err));
    gft_value_id folded = add_op(g, &tiny_relu, "folded", NULL, c, -1);
    gft_value_id y = add_op(g, &tiny_matmul, "y", NULL, gft_graph_find_output(g, "act"), folded);
    OK(gft_graph_output(g, "y", y, err));
    graft_shape shape = gft_shape_2(5, 3);
    int64_t failed = 0;
    for (;; failed++) {
        gft_plan *plan = NULL;
        gft_run *run = NULL;
        graft_error error = {0};
        gft_alloc_fail_after(failed + 1);
        graft_status status = gft_plan_new(g, &shape, NULL, &plan, &error);
        if (status == GRAFT_OK)
            status = gft_run_new(plan, NULL, &run, &error);
        gft_alloc_fail_after(0);
        if (status == GRAFT_OK) {
            const float x[15] = {0};
            const void *inputs[] = {x};
            gft_alloc_fail_after(1); /* running allocates nothing */
            status = gft_run_execute(run, inputs, NULL, &error);
            gft_alloc_fail_after(0);
            assert_int_equal(status, GRAFT_OK);
        }
        gft_run_free(run);
        gft_plan_unref(plan);
        if (status == GRAFT_OK)
            break;
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        assert_int_equal(error.code, GRAFT_RESOURCE_EXHAUSTED);
        assert_non_null(strstr(error.message, "memory"));
    }
    assert_true(failed > 20);
    gft_free(numbers);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(shapes_and_threads),
                                       T(packed_constants_go),
                                       T(callers_memory),
                                       T(taps),
                                       T(profile),
                                       T(training_reads_parameters),
                                       T(side_effects),
                                       T(random_numbers),
                                       T(errors),
                                       T(failing_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
