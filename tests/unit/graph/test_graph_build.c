/* Building and editing graphs: parameters, names, errors, order, copies, sweeping, shapes, costs.
 */
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
    f->rng = gft_rng_make(1, GFT_RNG_TEST, 0);
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

static void params(void **state) {
    fixture *f = *state;
    gft_param_id id = -1;
    graft_tensor_desc desc = f32_2(3, 5);
    float own[4];
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "p%d", i);
        OK(gft_params_add(&f->params, name, &desc, GFT_PARAM_WEIGHT, true, i == 7 ? own : NULL, &id,
                          err));
        assert_int_equal(id, i);
    }
    assert_int_equal(gft_params_find(&f->params, "p123"), 123);
    assert_int_equal(gft_params_find(&f->params, "q"), -1);
    assert_ptr_equal(f->params.items[7].data, own);
    const float *zeros = f->params.items[9].data;
    for (int i = 0; i < 15; i++)
        assert_true(zeros[i] == 0.0f);
    assert_int_equal((uintptr_t)zeros % GFT_ALIGN, 0);
    FAILS(GRAFT_ALREADY_EXISTS, "p3",
          gft_params_add(&f->params, "p3", &desc, GFT_PARAM_WEIGHT, true, NULL, &id, err));
    desc.shape.dims[0] = -1;
    FAILS(GRAFT_INVALID_ARGUMENT, "new",
          gft_params_add(&f->params, "new", &desc, GFT_PARAM_WEIGHT, true, NULL, &id, err));
    assert_int_equal(f->params.count, 200);
}

static void builder_errors(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_2(2, 3));
    gft_value_id y = add_input(g, "y", f32_2(2, 4));
    gft_value_id in[3] = {x, y, x};
    gft_value_id out[1] = {-7};
    graft_tensor_desc desc = f32_1(2);
    FAILS(GRAFT_INVALID_ARGUMENT, "tiny_add 'sum': shapes [2,3] and [2,4] differ",
          gft_graph_add(g, &tiny_add, "sum", NULL, in, 2, out, err));
    FAILS(GRAFT_INVALID_ARGUMENT, "tiny_matmul 'mm': ranks 1",
          gft_graph_add(g, &tiny_matmul, "mm", NULL,
                        (gft_value_id[]){add_input(g, "z", f32_1(3)), x}, 2, out, err));
    FAILS(GRAFT_INVALID_ARGUMENT, "tiny_add 'sum': 3 inputs, expected 2",
          gft_graph_add(g, &tiny_add, "sum", NULL, in, 3, out, err));
    in[1] = 99;
    FAILS(GRAFT_INVALID_ARGUMENT, "input 1",
          gft_graph_add(g, &tiny_add, "sum", NULL, in, 2, out, err));
    in[1] = -1;
    FAILS(GRAFT_INVALID_ARGUMENT, "input 1",
          gft_graph_add(g, &tiny_add, "sum", NULL, in, 2, out, err));
    assert_int_equal(out[0], -7);
    assert_int_equal(g->node_count, 0);
    FAILS(GRAFT_ALREADY_EXISTS, "'x'", gft_graph_input(g, "x", &desc, out, err));
    FAILS(GRAFT_INVALID_ARGUMENT, "value 50", gft_graph_output(g, "o", 50, err));
    OK(gft_graph_output(g, "o", x, err));
    FAILS(GRAFT_ALREADY_EXISTS, "'o'", gft_graph_output(g, "o", x, err));
    FAILS(GRAFT_INVALID_ARGUMENT, "parameter 0", gft_graph_param(g, 0, out, err));
    desc.shape.dims[0] = -1;
    FAILS(GRAFT_INVALID_ARGUMENT, "'c'", gft_graph_const(g, "c", &desc, NULL, true, out, err));
    assert_int_equal(gft_graph_find_output(g, "o"), x);
    assert_int_equal(gft_graph_find_output(g, "p"), -1);
}

static void naming(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(2));
    for (int i = 0; i < 5000; i++)
        add_op(g, &tiny_relu, NULL, NULL, x, -1);
    assert_string_equal(g->nodes[0].name, "tiny_relu");
    assert_string_equal(g->nodes[1].name, "tiny_relu_1");
    assert_string_equal(g->nodes[4999].name, "tiny_relu_4999");
    add_op(g, &tiny_relu, "tiny_relu_3", NULL, x, -1);
    assert_string_equal(g->nodes[5000].name, "tiny_relu_3_1");
    /* a removed node gives its name back */
    gft_graph_remove(g, 17);
    add_op(g, &tiny_relu, "tiny_relu_17", NULL, x, -1);
    assert_string_equal(g->nodes[5001].name, "tiny_relu_17");
    /* layers */
    assert_string_equal(g->nodes[5001].layer, "tiny_relu_17");
    gft_graph_set_layer(g, "block1");
    add_op(g, &tiny_relu, "a", NULL, x, -1);
    gft_graph_set_layer(g, NULL);
    add_op(g, &tiny_relu, "b", NULL, x, -1);
    assert_string_equal(g->nodes[5002].layer, "block1");
    assert_string_equal(g->nodes[5003].layer, "b");
}

static void values(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id w = add_param(g, "w", f32_1(3), false, &f->rng);
    gft_value_id again = -1;
    OK(gft_graph_param(g, 0, &again, err));
    assert_int_equal(w, again);
    float numbers[3] = {1, 2, 3};
    graft_tensor_desc desc = f32_1(3);
    gft_value_id copied = -1;
    gft_value_id borrowed = -1;
    OK(gft_graph_const(g, "c", &desc, numbers, true, &copied, err));
    OK(gft_graph_const(g, NULL, &desc, numbers, false, &borrowed, err));
    assert_ptr_equal(gft_graph_value_data(g, borrowed), numbers);
    assert_ptr_not_equal(gft_graph_value_data(g, copied), numbers);
    assert_memory_equal(gft_graph_value_data(g, copied), numbers, sizeof numbers);
    OK(gft_graph_own_constants(g, err));
    assert_ptr_not_equal(gft_graph_value_data(g, borrowed), numbers);
    assert_memory_equal(gft_graph_value_data(g, borrowed), numbers, sizeof numbers);
    assert_ptr_equal(gft_graph_value_data(g, w), f->params.items[0].data);

    gft_value_id y = add_op(g, &tiny_add, "y", NULL, w, w);
    assert_int_equal(gft_graph_uses(g, w), 2);
    assert_null(gft_graph_value_data(g, y));
    assert_non_null(gft_graph_producer(g, y, GFT_KIND_ADD));
    assert_null(gft_graph_producer(g, y, GFT_KIND_MUL));
    assert_null(gft_graph_producer(g, w, GFT_KIND_ADD));
    OK(gft_graph_output(g, "y", y, err));
    assert_int_equal(gft_graph_uses(g, y), 1);
    gft_graph_replace(g, w, copied);
    gft_graph_replace(g, y, borrowed);
    assert_int_equal(gft_graph_uses(g, w), 0);
    assert_int_equal(gft_graph_uses(g, copied), 2);
    assert_int_equal(gft_graph_find_output(g, "y"), borrowed);

    /* a parameter that a side effect writes is not constant any more */
    assert_non_null(gft_graph_fixed_data(g, w, true));
    gft_value_id in[2] = {w, copied};
    OK(gft_graph_add(g, &tiny_bump, NULL, NULL, in, 2, NULL, err));
    assert_null(gft_graph_fixed_data(g, w, false));
    gft_value_id t = add_param(g, "t", f32_1(3), true, &f->rng);
    assert_non_null(gft_graph_fixed_data(g, t, false));
    assert_null(gft_graph_fixed_data(g, t, true));
}

static void order_and_cycle(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(2));
    gft_value_id a = add_op(g, &tiny_relu, "a", NULL, x, -1);
    gft_value_id b = add_op(g, &tiny_relu, "b", NULL, a, -1);
    gft_value_id c = add_op(g, &tiny_relu, "c", NULL, x, -1);
    gft_value_id d = add_op(g, &tiny_add, "d", NULL, b, c);
    /* a now needs d's sibling c, which has a higher index */
    g->nodes[0].inputs[0] = c;
    gft_node_id order[4];
    int32_t count = 0;
    OK(gft_graph_order(g, order, &count, err));
    assert_int_equal(count, 4);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 0);
    assert_int_equal(order[2], 1);
    assert_int_equal(order[3], 3);
    g->nodes[2].inputs[0] = d;
    FAILS(GRAFT_INVALID_ARGUMENT, "cycle", gft_graph_order(g, order, &count, err));
    g->nodes[2].inputs[0] = x;
    gft_graph_remove(g, 2);
    FAILS(GRAFT_INTERNAL, "removed", gft_graph_order(g, order, &count, err));
}

static void sweep(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_1(2));
    gft_value_id w = add_param(g, "w", f32_1(2), true, &f->rng);
    gft_value_id used = add_op(g, &tiny_relu, "used", NULL, x, -1);
    gft_value_id dead = add_op(g, &tiny_relu, "dead", NULL, used, -1);
    add_op(g, &tiny_relu, "deader", NULL, dead, -1);
    gft_value_id fed = add_op(g, &tiny_relu, "feeds_effect", NULL, x, -1);
    gft_value_id in[2] = {w, fed};
    OK(gft_graph_add(g, &tiny_bump, "effect", NULL, in, 2, NULL, err));
    OK(gft_graph_output(g, "y", used, err));
    OK(gft_graph_sweep(g, err));
    int32_t live = 0;
    for (int32_t i = 0; i < g->node_count; i++) {
        live += g->nodes[i].op != NULL;
        if (g->nodes[i].op)
            assert_null(strstr(g->nodes[i].name, "dead"));
    }
    assert_int_equal(live, 3);
}

static void clone(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    float numbers[2] = {3, 4};
    graft_tensor_desc desc = f32_1(2);
    gft_value_id c = -1;
    OK(gft_graph_const(g, "c", &desc, numbers, true, &c, err));
    gft_value_id x = add_input(g, "x", f32_1(2));
    gft_value_id unused = add_input(g, "unused", f32_1(7));
    gft_value_id w = add_param(g, "w", f32_1(2), true, &f->rng);
    (void)unused;
    gft_graph_set_layer(g, "layer");
    gft_value_id gone = add_op(g, &tiny_relu, "gone", NULL, x, -1);
    gft_value_id a = add_op(g, &tiny_add, "a", NULL, x, w);
    gft_value_id b = add_op(g, &tiny_mul, "b", NULL, a, c);
    (void)gone;
    gft_graph_remove(g, 0);
    gft_shape_attrs to = {.shape = gft_shape_2(1, 2)};
    gft_value_id r = add_op(g, &tiny_reshape, "r", &to, b, -1);
    OK(gft_graph_output(g, "r", r, err));
    OK(gft_graph_output(g, "x", x, err));
    OK(gft_graph_output(g, "w", w, err));
    gft_graph *copy = NULL;
    OK(gft_graph_clone(g, &copy, err));
    assert_int_equal(copy->node_count, 3);
    assert_string_equal(copy->nodes[0].name, "a");
    assert_string_equal(copy->nodes[1].layer, "layer");
    assert_int_equal(copy->input_count, 2);
    assert_string_equal(copy->inputs[1].name, "unused");
    assert_int_equal(copy->output_count, 3);
    const gft_value *y = gft_graph_value(copy, gft_graph_find_output(copy, "r"));
    assert_int_equal(y->desc.shape.rank, 2);
    const gft_shape_attrs *attrs = copy->nodes[2].attrs;
    assert_int_equal(attrs->shape.dims[1], 2);
    assert_int_equal(copy->values[gft_graph_find_output(copy, "x")].kind, GFT_VALUE_INPUT);
    assert_int_equal(copy->values[gft_graph_find_output(copy, "w")].kind, GFT_VALUE_PARAM);
    /* deep: attributes and inputs are its own */
    ((gft_shape_attrs *)g->nodes[3].attrs)->shape.dims[1] = 99;
    assert_int_equal(attrs->shape.dims[1], 2);
    gft_graph_free(copy);
}

static void shapes_and_cost(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id x = add_input(g, "x", f32_2(-1, 3));
    gft_value_id w = add_param(g, "w", f32_2(3, 4), true, &f->rng);
    gft_value_id y = add_op(g, &tiny_matmul, "y", NULL, x, w);
    gft_value_id z = add_op(g, &tiny_relu, "z", NULL, y, -1);
    OK(gft_graph_output(g, "z", z, err));
    assert_int_equal(g->values[z].desc.shape.dims[0], -1);
    gft_cost cost = gft_graph_cost(g);
    assert_int_equal(cost.macs, 12);
    assert_int_equal(cost.bytes, 4 * (3 + 12 + 4 + 4 + 4));
    graft_shape seven = gft_shape_2(7, 3);
    OK(gft_graph_reinfer(g, &seven, err));
    assert_int_equal(g->values[z].desc.shape.dims[0], 7);
    assert_int_equal(gft_graph_cost(g).macs, 84);
    graft_shape wrong = gft_shape_2(7, 4);
    FAILS(GRAFT_INVALID_ARGUMENT, "input 'x': shape [7,4], expected [7,3]",
          gft_graph_reinfer(g, &wrong, err));
}

/* Graphs built in random order of use stay consistent when they are copied again and again. */
static void random_clones(void **state) {
    fixture *f = *state;
    gft_graph *g = f->graph;
    gft_value_id made[200];
    made[0] = add_input(g, "x", f32_1(2));
    for (int i = 1; i < 200; i++) {
        gft_value_id a = made[gft_rng_below(&f->rng, (uint32_t)i)];
        gft_value_id b = made[gft_rng_below(&f->rng, (uint32_t)i)];
        made[i] = add_op(g, i % 3 ? &tiny_add : &tiny_mul, NULL, NULL, a, b);
    }
    OK(gft_graph_output(g, "y", made[199], err));
    gft_graph *first = NULL;
    gft_graph *second = NULL;
    OK(gft_graph_clone(g, &first, err));
    OK(gft_graph_clone(first, &second, err));
    assert_int_equal(second->node_count, 199);
    for (int i = 0; i < 199; i++) {
        assert_string_equal(second->nodes[i].name, g->nodes[i].name);
        for (int k = 0; k < 2; k++) {
            gft_value_id p = second->nodes[i].inputs[k];
            gft_value_id q = g->nodes[i].inputs[k];
            assert_int_equal(second->values[p].node, g->values[q].node);
        }
    }
    OK(gft_graph_sweep(second, err));
    gft_graph_free(first);
    gft_graph_free(second);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(params), T(builder_errors),  T(naming),
                                       T(values), T(order_and_cycle), T(sweep),
                                       T(clone),  T(shapes_and_cost), T(random_clones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
