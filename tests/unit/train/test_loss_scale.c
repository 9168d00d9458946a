/*
 * The loss scale of training in IEEE half: Keras' rule, and steps whose gradients overflow, which
 * change nothing but the scale: neither weights nor slots nor running statistics.
 */
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/shape.h"
#include "ops/ops.h"
#include "train/step.h"

enum { BATCH = 6, CHANNELS = 5, CLASSES = 3 };

#define OK(call)                                                                                   \
    do {                                                                                           \
        graft_error err_ = {0};                                                                    \
        graft_error *err = &err_;                                                                  \
        if ((call) != GRAFT_OK)                                                                    \
            fail_msg("%s: %s", #call, err_.message);                                               \
    } while (0)

static void test_rule(void **state) {
    (void)state;
    gft_loss_scale s = gft_loss_scale_first();
    assert_true(s.scale == 32768.0);
    for (int i = 0; i < 1999; i++)
        gft_loss_scale_update(&s, true);
    assert_true(s.scale == 32768.0);
    gft_loss_scale_update(&s, true);
    assert_true(s.scale == 65536.0);
    assert_int_equal(s.good, 0);
    for (int i = 0; i < 1999; i++)
        gft_loss_scale_update(&s, true);
    gft_loss_scale_update(&s, false); /* counting begins anew */
    assert_true(s.scale == 32768.0);
    for (int i = 0; i < 1999; i++)
        gft_loss_scale_update(&s, true);
    assert_true(s.scale == 32768.0);
    s = (gft_loss_scale){0x1p127, 1999}; /* what float32 cannot hold is not reached */
    gft_loss_scale_update(&s, true);
    assert_true(s.scale == 0x1p127);
}

static void test_take(void **state) {
    (void)state;
    const gft_loss_scale s = {1024.0, 0};
    const float odd[] = {INFINITY, -INFINITY, NAN};
    float grads[37];
    for (int i = 0; i < 37; i++)
        grads[i] = 1024.0f * (float)(i - 18) / 3.0f;
    assert_true(gft_loss_scale_take(&s, grads, 37));
    for (int i = 0; i < 37; i++)
        assert_true(grads[i] == 1024.0f * (float)(i - 18) / 3.0f / 1024.0f);
    for (int i = 0; i < 37; i++) {
        float kept = grads[i];
        grads[i] = odd[i % 3];
        assert_false(gft_loss_scale_take(&s, grads, 37));
        grads[i] = kept;
    }
    assert_true(gft_loss_scale_take(&s, grads, 0));
}

typedef struct small_net {
    gft_params params;
    gft_graph *graph;
    gft_split split;
    gft_master *master;
    gft_pool *pool;
    gft_loss_scale scale;
    gft_step step;
} small_net;

static gft_value_id param(small_net *n, const char *name, graft_shape shape, gft_param_kind kind,
                          bool trainable, float value) {
    graft_tensor_desc desc = gft_desc_f32(shape);
    gft_param_id p;
    gft_value_id id;
    OK(gft_params_add(&n->params, name, &desc, kind, trainable, NULL, &p, err));
    float *data = n->params.items[p].data;
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++)
        data[i] = value + 0.1f * (float)(i % 7);
    OK(gft_graph_param(n->graph, p, &id, err));
    return id;
}

/* Batch norm in training mode and a dense layer, as a step in IEEE half. */
static void make_net(small_net *n) {
    graft_tensor_desc desc = gft_desc_f32(gft_shape_2(-1, CHANNELS));
    const graft_shape channels = gft_shape_1(CHANNELS);
    gft_batch_norm_attrs norm = {.epsilon = 1e-3f, .momentum = 0.9f, .train = true};
    gft_dense_attrs dense = {.epilogue = {.has_bias = true}};
    gft_optimizer adam;
    gft_value_id in[5];
    gft_value_id logits;
    memset(n, 0, sizeof *n);
    gft_params_init(&n->params);
    OK(gft_graph_new(&n->params, &n->graph, err));
    OK(gft_graph_input(n->graph, "x", &desc, &in[0], err));
    in[1] = param(n, "gamma", channels, GFT_PARAM_WEIGHT, true, 1.0f);
    in[2] = param(n, "beta", channels, GFT_PARAM_WEIGHT, true, 0.0f);
    in[3] = param(n, "mean", channels, GFT_PARAM_WEIGHT, false, 0.2f);
    in[4] = param(n, "variance", channels, GFT_PARAM_WEIGHT, false, 0.7f);
    OK(gft_graph_add(n->graph, &gft_op_batch_norm, "norm", &norm, in, 5, &in[0], err));
    in[1] = param(n, "kernel", gft_shape_2(CHANNELS, CLASSES), GFT_PARAM_WEIGHT, true, -0.3f);
    in[2] = param(n, "bias", gft_shape_1(CLASSES), GFT_PARAM_WEIGHT, true, 0.0f);
    OK(gft_graph_add(n->graph, &gft_op_dense, "dense", &dense, in, 3, &logits, err));
    OK(gft_graph_output(n->graph, "logits", logits, err));
    OK(gft_split_make(n->graph, 0, &n->split, err));
    OK(gft_split_train_norms(&n->split, err));
    OK(gft_optimizer_parse("adam", &adam, err));
    OK(gft_master_new(&n->params, gft_optimizer_slots(&adam), &n->master, err));
    OK(gft_pool_new(2, &n->pool, err));
    n->scale = gft_loss_scale_first();
    const gft_step_precision precision = {GRAFT_F16, &n->scale};
    OK(gft_step_make(&n->split, logits, n->master, &adam, 0.0f, BATCH, n->pool, &precision,
                     &n->step, err));
}

static void free_net(small_net *n) {
    gft_step_deinit(&n->step);
    gft_pool_free(n->pool);
    gft_master_free(n->master);
    gft_split_deinit(&n->split);
    gft_graph_free(n->graph);
    gft_params_deinit(&n->params);
}

static bool run_step(small_net *n, double *loss) {
    float x[BATCH * CHANNELS];
    int32_t labels[BATCH];
    gft_rng rng = gft_rng_make(91, GFT_RNG_TEST, 0);
    int64_t correct;
    bool updated = false;
    for (int i = 0; i < BATCH * CHANNELS; i++)
        x[i] = 2.0f * gft_rng_uniform(&rng);
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    const float *crossings[] = {x};
    OK(gft_step_run(&n->step, crossings, labels, BATCH, 1e-2, 1, 5, 1, loss, &correct, &updated,
                    err));
    return updated;
}

static const float *statistics(const small_net *n, const char *name) {
    return n->params.items[gft_params_find(&n->params, name)].data;
}

static void test_skipped_step(void **state) {
    (void)state;
    small_net n;
    double loss;
    float mean[CHANNELS];
    float variance[CHANNELS];
    make_net(&n);
    size_t bytes = (size_t)n.master->elems * sizeof(float);
    float *kept = gft_malloc(3 * bytes + 1);
    assert_non_null(kept);
    float *const arrays[] = {n.master->weights, n.master->slots[0], n.master->slots[1]};
    for (int round = 0; round < 4; round++) {
        bool overflow = round % 2;
        n.scale.scale = overflow ? 0x1p90 : 32768.0;
        memcpy(mean, statistics(&n, "mean"), sizeof mean);
        memcpy(variance, statistics(&n, "variance"), sizeof variance);
        for (int i = 0; i < 3; i++)
            memcpy((char *)kept + (size_t)i * bytes, arrays[i], bytes);
        assert_true(run_step(&n, &loss) == !overflow);
        assert_true(isfinite(loss));
        assert_true(n.scale.scale == (overflow ? 0x1p89 : 32768.0));
        for (int i = 0; i < 3; i++)
            assert_true((memcmp((char *)kept + (size_t)i * bytes, arrays[i], bytes) == 0) ==
                        overflow);
        assert_true((memcmp(mean, statistics(&n, "mean"), sizeof mean) == 0) == overflow);
        assert_true((memcmp(variance, statistics(&n, "variance"), sizeof variance) == 0) ==
                    overflow);
    }
    gft_free(kept);
    free_net(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rule), cmocka_unit_test(test_take),
                                       cmocka_unit_test(test_skipped_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
