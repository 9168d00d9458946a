/*
 * Layers, blocks and the freeze line on a small chain of dense layers.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "ops/ops.h"
#include "train/freeze.h"
#include "train/split.h"

static const char *const layer_names[] = {"stem_conv",  "stem_bn",      "block1a_conv",
                                          "block1a_bn", "block2a_conv", "top_conv"};
enum { LAYERS = 6, WIDTH = 4 };

typedef struct chain {
    gft_params params;
    gft_graph *graph;
    gft_value_id logits;
    gft_node_id first_head;
} chain;

static gft_value_id dense(chain *c, gft_value_id x, const char *layer) {
    char name[64];
    gft_param_id id;
    graft_tensor_desc desc = gft_desc_f32(gft_shape_2(WIDTH, WIDTH));
    gft_value_id in[2] = {x, -1};
    gft_value_id out = -1;
    gft_dense_attrs attrs = {0};
    (void)snprintf(name, sizeof name, "%s/kernel", layer);
    assert_int_equal(
        gft_params_add(&c->params, name, &desc, GFT_PARAM_WEIGHT, true, NULL, &id, NULL), GRAFT_OK);
    assert_int_equal(gft_graph_param(c->graph, id, &in[1], NULL), GRAFT_OK);
    gft_graph_set_layer(c->graph, layer);
    assert_int_equal(gft_graph_add(c->graph, &gft_op_dense, layer, &attrs, in, 2, &out, NULL),
                     GRAFT_OK);
    return out;
}

static void make(chain *c) {
    gft_value_id x;
    graft_tensor_desc desc = gft_desc_f32(gft_shape_2(-1, WIDTH));
    gft_params_init(&c->params);
    assert_int_equal(gft_graph_new(&c->params, &c->graph, NULL), GRAFT_OK);
    assert_int_equal(gft_graph_input(c->graph, "inputs", &desc, &x, NULL), GRAFT_OK);
    for (int i = 0; i < LAYERS; i++)
        x = dense(c, x, layer_names[i]);
    c->first_head = c->graph->node_count;
    c->logits = dense(c, x, "head/predictions");
    assert_int_equal(gft_graph_output(c->graph, "probabilities", c->logits, NULL), GRAFT_OK);
}

static void drop(chain *c) {
    gft_graph_free(c->graph);
    gft_params_deinit(&c->params);
}

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *text;
        gft_fine_tune_mode mode;
        double amount;
    } good[] = {{"none", GFT_FINE_NONE, 0},       {"all", GFT_FINE_ALL, 0},
                {"last:3", GFT_FINE_LAST, 3},     {"last:30%", GFT_FINE_LAST_PERCENT, 30},
                {"gradual", GFT_FINE_GRADUAL, 0}, {"gradual:2", GFT_FINE_GRADUAL, 2}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        gft_fine_tune f;
        assert_int_equal(gft_fine_tune_parse(good[i].text, &f, NULL), GRAFT_OK);
        assert_int_equal(f.mode, good[i].mode);
        assert_true(f.amount == good[i].amount);
    }
    static const char *const wrong[] = {
        "",          "lst:3",   "last",   "last:",      "last:0", "last:2.5",
        "last:101%", "last:x%", "none:1", "gradual:-1", "last:%"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        gft_fine_tune f;
        graft_error err = {0};
        assert_int_equal(gft_fine_tune_parse(wrong[i], &f, &err), GRAFT_INVALID_ARGUMENT);
    }
}

static void test_layers(void **state) {
    (void)state;
    chain c;
    gft_layers l;
    make(&c);
    assert_int_equal(gft_layers_make(c.graph, c.first_head, &l, NULL), GRAFT_OK);
    assert_int_equal(l.count, LAYERS);
    assert_int_equal(l.block_count, 4); /* stem, block1a, block2a, top */
    for (int i = 0; i < LAYERS; i++)
        assert_string_equal(l.names[i], layer_names[i]);
    const gft_fine_tune last2 = {GFT_FINE_LAST, 2};
    const gft_fine_tune third = {GFT_FINE_LAST_PERCENT, 34};
    const gft_fine_tune tiny = {GFT_FINE_LAST_PERCENT, 1};
    const gft_fine_tune gradual = {GFT_FINE_GRADUAL, 0};
    const gft_fine_tune many = {GFT_FINE_LAST, 100};
    assert_int_equal(gft_layers_first_trained(&l, &last2, 0), 4);
    assert_int_equal(gft_layers_first_trained(&l, &third, 0), 4);
    assert_int_equal(gft_layers_first_trained(&l, &tiny, 0), 5);
    assert_int_equal(gft_layers_first_trained(&l, &many, 0), 0);
    assert_int_equal(gft_layers_first_trained(&l, &gradual, 1), 5);
    assert_int_equal(gft_layers_first_trained(&l, &gradual, 3), 2);
    gft_layers_apply(&l, &c.params, 4);
    for (int i = 0; i <= LAYERS; i++)
        assert_int_equal(c.params.items[i].trainable, i >= 4);
    gft_layers_deinit(&l);
    drop(&c);
}

static void check_split(chain *c, int32_t first_layer, bool frozen) {
    gft_layers l;
    gft_split s;
    assert_int_equal(gft_layers_make(c->graph, c->first_head, &l, NULL), GRAFT_OK);
    gft_layers_apply(&l, &c->params, first_layer);
    assert_int_equal(gft_split_make(c->graph, c->first_head, &s, NULL), GRAFT_OK);
    assert_int_equal(s.frozen != NULL, frozen);
    if (s.frozen)
        assert_int_equal(s.frozen->node_count, first_layer);
    assert_int_equal(s.trained->node_count, LAYERS + 1 - first_layer);
    assert_int_equal(s.crossing_count, 1);
    assert_true(s.map[c->logits] >= 0);
    gft_split_deinit(&s);
    gft_layers_restore(&l, &c->params);
    for (int32_t i = 0; i < c->params.count; i++)
        assert_true(c->params.items[i].trainable);
    gft_layers_deinit(&l);
}

static void test_split(void **state) {
    (void)state;
    chain c;
    make(&c);
    check_split(&c, LAYERS, true);
    check_split(&c, 3, true);
    check_split(&c, 0, false);
    drop(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_split)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
