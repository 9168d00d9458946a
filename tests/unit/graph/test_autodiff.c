/* Differentiation of graphs of small ops against central differences; what has no gradient is
 * named. */
#include "tiny_gradients.h"

#define ROWS 4
#define COLS 3

typedef struct fixture {
    gft_params params;
    gft_graph *graph;
    gft_rng rng;
} fixture;

static int setup(void **state) {
    fixture *f = gft_calloc(1, sizeof *f);
    gft_params_init(&f->params);
    OK(gft_graph_new(&f->params, &f->graph, err));
    f->rng = gft_rng_make(9, GFT_RNG_TEST, 0);
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

/* Outputs are the loss and then the gradients of the parameters, in order. */
static void compare(fixture *f, const float *x) {
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    gft_plan_options options = {.training = true};
    OK(gft_plan_new(f->graph, NULL, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    const void *inputs[] = {x};
    for (int32_t p = 0; p < f->params.count; p++) {
        float *data = f->params.items[p].data;
        int64_t n = tiny_elems(&f->params.items[p].desc);
        float analytic[64];
        OK(gft_run_execute(run, inputs, NULL, err));
        memcpy(analytic, gft_run_output(run, p + 1), (size_t)n * sizeof(float));
        for (int64_t i = 0; i < n; i++) {
            const float h = 1e-2f;
            float kept = data[i];
            data[i] = kept + h;
            OK(gft_run_execute(run, inputs, NULL, err));
            double up = (double)*(const float *)gft_run_output(run, 0);
            data[i] = kept - h;
            OK(gft_run_execute(run, inputs, NULL, err));
            double down = (double)*(const float *)gft_run_output(run, 0);
            data[i] = kept;
            double numeric = (up - down) / (2 * (double)h);
            if (fabs(numeric - (double)analytic[i]) > 2e-3 * (1 + fabs(numeric)))
                fail_msg("%s[%d]: %g, expected %g", f->params.items[p].name, (int)i,
                         (double)analytic[i], numeric);
        }
    }
    gft_run_free(run);
    gft_plan_unref(plan);
}

static gft_value_id loss_of(fixture *f, gft_value_id *wrt) {
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_2(ROWS, COLS));
    wrt[0] = add_param(g, "w", f32_2(COLS, COLS), true, &f->rng);
    wrt[1] = add_param(g, "b", f32_2(ROWS, COLS), true, &f->rng);
    gft_value_id h = add_op(g, &tiny_matmul, "mm", NULL, x, wrt[0]);
    h = add_op(g, &tiny_add, "plus", NULL, h, wrt[1]);
    h = add_op(g, &tiny_mul, "square", NULL, h, h);      /* one value twice in one node */
    h = add_op(g, &tiny_matmul, "mm2", NULL, h, wrt[0]); /* one parameter twice */
    gft_value_id two[2];
    OK(gft_graph_add(g, &tiny_split, "split", NULL, &h, 1, two, err));
    gft_value_id a = add_op(g, &tiny_mul, "times", NULL, two[0], wrt[1]);
    gft_value_id b = add_op(g, &tiny_mul, "more", NULL, two[1], two[1]);
    gft_value_id sum = add_op(g, &tiny_add, "join", NULL, a, b);
    gft_shape_attrs flat = {.shape = gft_shape_1(ROWS * COLS)};
    sum = add_op(g, &tiny_reshape, "flat", &flat, sum, -1);
    return add_op(g, &tiny_sum, "loss", NULL, sum, -1);
}

static void against_differences(void **state) {
    fixture *f = *state;
    gft_value_id wrt[2];
    gft_value_id grads[2] = {-1, -1};
    gft_value_id loss = loss_of(f, wrt);
    OK(gft_autodiff(f->graph, loss, wrt, 2, &tiny_gradients, grads, err));
    OK(gft_graph_output(f->graph, "loss", loss, err));
    OK(gft_graph_output(f->graph, "dw", grads[0], err));
    OK(gft_graph_output(f->graph, "db", grads[1], err));
    float *x = random_floats(&f->rng, ROWS * COLS);
    compare(f, x);
    gft_free(x);
}

static void relu_kink_and_intermediate(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(4));
    gft_value_id w = add_param(g, "w", f32_1(4), true, &f->rng);
    gft_value_id h = add_op(g, &tiny_mul, "h", NULL, x, w);
    gft_value_id r = add_op(g, &tiny_relu, "r", NULL, h, -1);
    gft_value_id loss = add_op(g, &tiny_sum, "loss", NULL, r, -1);
    gft_value_id other = add_param(g, "unrelated", f32_1(4), true, &f->rng);
    gft_value_id wrt[6] = {w, x, h, r, loss, other};
    gft_value_id grads[6];
    OK(gft_autodiff(g, loss, wrt, 6, &tiny_gradients, grads, err));
    assert_int_equal(grads[5], -1);
    const char *names[] = {"dw", "dx", "dh", "dr", "dloss"};
    for (int i = 0; i < 5; i++)
        OK(gft_graph_output(g, names[i], grads[i], err));
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    gft_plan_options options = {.training = true};
    OK(gft_plan_new(g, NULL, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    const float data[4] = {1, -2, 3, -4};
    const float weights[4] = {1, 1, -1, -1};
    memcpy(f->params.items[0].data, weights, sizeof weights);
    const void *inputs[] = {data};
    OK(gft_run_execute(run, inputs, NULL, err));
    const float expected[5][4] = {{1, 0, 0, -4}, {1, 0, 0, -1}, {1, 0, 0, 1}, {1, 1, 1, 1}, {1}};
    for (int i = 0; i < 5; i++)
        assert_floats(gft_run_output(run, i), expected[i], i < 4 ? 4 : 1);
    gft_run_free(run);
    gft_plan_unref(plan);
}

/* Nodes off the path ask for no gradient, so they may have none; on it they are named. */
static void missing_gradient(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(4));
    gft_value_id w = add_param(g, "w", f32_1(4), true, &f->rng);
    gft_value_id noisy = add_op(g, &tiny_random, "noisy", NULL, x, -1);
    gft_value_id h = add_op(g, &tiny_mul, "h", NULL, noisy, w);
    gft_value_id loss = add_op(g, &tiny_sum, "loss", NULL, h, -1);
    gft_value_id grads[2];
    gft_value_id wrt[2] = {w, x};
    int32_t before = g->node_count;
    OK(gft_autodiff(g, loss, wrt, 1, &tiny_gradients, grads, err));
    assert_int_equal(g->node_count, before + 4); /* seed, ones, scale, dw: none for x */
    FAILS(GRAFT_UNIMPLEMENTED, "tiny_random 'noisy'",
          gft_autodiff(g, loss, wrt, 2, &tiny_gradients, grads, err));
    FAILS(GRAFT_INVALID_ARGUMENT, "loss", gft_autodiff(g, -1, wrt, 1, &tiny_gradients, grads, err));
    wrt[0] = 1000;
    FAILS(GRAFT_INVALID_ARGUMENT, "value 1000",
          gft_autodiff(g, loss, wrt, 1, &tiny_gradients, grads, err));
}

static graft_status wrong_shape(gft_grad *g, graft_error *err) {
    gft_value_id scalar;
    GFT_TRY(gft_graph_const_f32(g->graph, 1, &scalar, err));
    g->input_grads[0] = scalar;
    return GRAFT_OK;
}

static graft_status fails(gft_grad *g, graft_error *err) {
    (void)g;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "not for this stride");
}

static void bad_gradients(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(4));
    gft_value_id r = add_op(g, &tiny_relu, "r", NULL, x, -1);
    gft_gradient_entry entry = {&tiny_relu, wrong_shape};
    gft_gradients table = {&entry, 1, &tiny_add, &tiny_ones};
    gft_value_id grad;
    FAILS(GRAFT_INTERNAL, "tiny_relu 'r'", gft_autodiff(g, r, &x, 1, &table, &grad, err));
    entry.fn = fails;
    FAILS(GRAFT_UNIMPLEMENTED, "tiny_relu 'r': not for this stride",
          gft_autodiff(g, r, &x, 1, &table, &grad, err));
}

static void layers_are_inherited(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(4));
    gft_value_id w = add_param(g, "w", f32_1(4), true, &f->rng);
    gft_graph_set_layer(g, "head");
    gft_value_id y = add_op(g, &tiny_mul, "y", NULL, x, w);
    gft_graph_set_layer(g, NULL);
    gft_value_id grad;
    OK(gft_autodiff(g, y, &w, 1, &tiny_gradients, &grad, err));
    assert_string_equal(g->nodes[g->values[grad].node].layer, "head");
    assert_null(g->layer);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(against_differences), T(relu_kink_and_intermediate),
                                       T(missing_gradient), T(bad_gradients),
                                       T(layers_are_inherited)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
