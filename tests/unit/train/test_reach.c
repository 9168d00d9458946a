/*
 * Parameters that the loss does not depend on: found however they hide, named, left as they are by
 * the optimiser and its weight decay, while the others are trained.
 */
#include "cmocka_all.h"

#include <string.h>

#include "base/pool.h"
#include "ops/ops.h"
#include "train/reach.h"
#include "train/step.h"

enum { WIDTH = 4, ROWS = 2 };

typedef struct net {
    gft_params params;
    gft_graph *graph;
    gft_value_id x, logits;
} net;

static gft_value_id param(net *n, const char *name) {
    gft_param_id id;
    gft_value_id value = -1;
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_2(WIDTH, WIDTH));
    assert_int_equal(
        gft_params_add(&n->params, name, &desc, GFT_PARAM_WEIGHT, true, NULL, &id, NULL), GRAFT_OK);
    float *data = n->params.items[id].data;
    for (int i = 0; i < WIDTH * WIDTH; i++)
        data[i] = 0.25f * (float)((i * 7 + id) % 5) - 0.5f;
    assert_int_equal(gft_graph_param(n->graph, id, &value, NULL), GRAFT_OK);
    return value;
}

static gft_value_id add(net *n, const gft_op *op, const char *name, const void *attrs,
                        gft_value_id a, gft_value_id b) {
    const gft_value_id in[2] = {a, b};
    gft_value_id out = -1;
    assert_int_equal(gft_graph_add(n->graph, op, name, attrs, in, b < 0 ? 1 : 2, &out, NULL),
                     GRAFT_OK);
    return out;
}

static gft_value_id dense(net *n, gft_value_id x, const char *name) {
    const gft_dense_attrs attrs = {0};
    return add(n, &gft_op_dense, name, &attrs, x, param(n, name));
}

/* "taken" makes the logits; "rounded" only through whole numbers; "beside" another output. */
static void make(net *n, bool taken) {
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_2(-1, WIDTH));
    const gft_cast_attrs whole = {GRAFT_S32};
    const gft_cast_attrs real = {GRAFT_F32};
    gft_params_init(&n->params);
    assert_int_equal(gft_graph_new(&n->params, &n->graph, NULL), GRAFT_OK);
    assert_int_equal(gft_graph_input(n->graph, "inputs", &desc, &n->x, NULL), GRAFT_OK);
    gft_graph_set_layer(n->graph, "layer");
    (void)param(n, "unused");
    gft_value_id rounded = dense(n, n->x, "rounded");
    rounded = add(n, &gft_op_cast, "whole", &whole, rounded, -1);
    rounded = add(n, &gft_op_cast, "real", &real, rounded, -1);
    const gft_value_id other = taken ? dense(n, n->x, "taken") : n->x;
    n->logits = add(n, &gft_op_add, "sum", NULL, rounded, other);
    const gft_value_id beside = dense(n, n->x, "beside");
    assert_int_equal(gft_graph_output(n->graph, "logits", n->logits, NULL), GRAFT_OK);
    assert_int_equal(gft_graph_output(n->graph, "beside", beside, NULL), GRAFT_OK);
}

static void drop(net *n) {
    gft_graph_free(n->graph);
    gft_params_deinit(&n->params);
}

static const float *data_of(const net *n, const char *name) {
    return n->params.items[gft_params_find(&n->params, name)].data;
}

static void train_once(net *n, gft_split *split) {
    static const float x[ROWS * WIDTH] = {1, -2, 3, 0.5f, -1, 2, 0.25f, 1};
    static const int32_t labels[ROWS] = {1, 3};
    const float *const crossings[1] = {x};
    gft_optimizer optimizer;
    gft_master *master;
    gft_step step;
    gft_pool *pool;
    double loss;
    int64_t correct;
    bool updated;
    assert_int_equal(gft_optimizer_parse("adamw:weight_decay=0.1", &optimizer, NULL), GRAFT_OK);
    assert_int_equal(gft_pool_new(1, &pool, NULL), GRAFT_OK);
    assert_int_equal(gft_master_new(&n->params, gft_optimizer_slots(&optimizer), &master, NULL),
                     GRAFT_OK);
    assert_int_equal(master->count, 1);
    assert_int_equal(
        gft_step_make(split, n->logits, master, &optimizer, 0, ROWS, pool, NULL, &step, NULL),
        GRAFT_OK);
    assert_int_equal(
        gft_step_run(&step, crossings, labels, ROWS, 0.1, 1, 1, 0, &loss, &correct, &updated, NULL),
        GRAFT_OK);
    assert_true(updated);
    gft_step_deinit(&step);
    gft_master_free(master);
    gft_pool_free(pool);
}

static void test_left_as_they_are(void **state) {
    (void)state;
    static const char *const names[] = {"unused", "rounded", "beside"};
    net n;
    net same;
    gft_split split;
    gft_reach reach;
    make(&n, true);
    make(&same, true);
    assert_int_equal(gft_split_make(n.graph, 0, &split, NULL), GRAFT_OK);
    const int32_t outputs = split.trained->output_count;
    assert_int_equal(gft_reach_apply(&split, n.logits, &reach, NULL), GRAFT_OK);
    assert_int_equal(split.trained->output_count, outputs);
    assert_int_equal(reach.dropped, 3);
    assert_string_equal(reach.first, "unused");
    /* a second time there is nothing left to drop */
    assert_int_equal(gft_reach_apply(&split, n.logits, &reach, NULL), GRAFT_OK);
    assert_int_equal(reach.dropped, 0);
    assert_null(reach.first);
    train_once(&n, &split);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(data_of(&n, names[i]), data_of(&same, names[i]),
                            WIDTH * WIDTH * sizeof(float));
    assert_memory_not_equal(data_of(&n, "taken"), data_of(&same, "taken"),
                            WIDTH * WIDTH * sizeof(float));
    gft_split_deinit(&split);
    drop(&n);
    drop(&same);
}

static void test_nothing_left(void **state) {
    (void)state;
    net n;
    gft_split split;
    gft_reach reach;
    gft_master *master = NULL;
    graft_error err = {0};
    make(&n, false);
    assert_int_equal(gft_split_make(n.graph, 0, &split, NULL), GRAFT_OK);
    assert_int_equal(gft_reach_apply(&split, n.logits, &reach, NULL), GRAFT_OK);
    assert_int_equal(reach.dropped, 3);
    assert_int_equal(gft_master_new(&n.params, 0, &master, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "nothing to train"));
    gft_split_deinit(&split);
    drop(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_left_as_they_are),
                                       cmocka_unit_test(test_nothing_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
