/*
 * Checkpoints: what is written is read back bit for bit; other settings and damage are told; a cut
 * write loses nothing.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "train/checkpoint.h"

static char dir[] = "/tmp/graft-checkpoint-XXXXXX";

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state) {
    (void)state;
    return gft_tree_remove(dir, NULL) == GRAFT_OK ? 0 : -1;
}

static void make_params(gft_params *params) {
    graft_tensor_desc a = gft_desc_f32(gft_shape_2(3, 5));
    graft_tensor_desc b = gft_desc_f32(gft_shape_1(7));
    gft_param_id id;
    gft_params_init(params);
    assert_int_equal(
        gft_params_add(params, "head/kernel", &a, GFT_PARAM_WEIGHT, true, NULL, &id, NULL),
        GRAFT_OK);
    assert_int_equal(gft_params_add(params, "frozen", &b, GFT_PARAM_WEIGHT, false, NULL, &id, NULL),
                     GRAFT_OK);
    assert_int_equal(gft_params_add(params, "head/bias", &b, GFT_PARAM_BIAS, true, NULL, &id, NULL),
                     GRAFT_OK);
}

static void fill(gft_master *m, float seed) {
    for (int32_t i = 0; i < m->count; i++) {
        int64_t n = gft_shape_elems(&m->params->items[m->ids[i]].desc.shape);
        for (int64_t k = 0; k < n; k++) {
            size_t at = m->offsets[i] + (size_t)k;
            m->weights[at] = seed + (float)at;
            m->best[at] = seed - (float)at;
            m->slots[0][at] = seed * (float)at;
            m->slots[1][at] = seed / (float)(at + 1);
        }
    }
}

static void test_round_trip(void **state) {
    (void)state;
    gft_params params;
    gft_master *m;
    gft_master *back;
    gft_train_state s = {.stage = 1,
                         .epoch = 3,
                         .total_epochs = 9,
                         .wait = 2,
                         .iterations = 77,
                         .global_step = 1234567890123,
                         .best_val_loss = 0.1,
                         .best_val_accuracy = 1.0 / 3,
                         .stage_start_val_loss = INFINITY,
                         .train_loss = 0.7,
                         .train_accuracy = 0.5,
                         .loss_scale = {16384.0, 1999}};
    gft_train_state t;
    bool found = true;
    make_params(&params);
    assert_int_equal(gft_checkpoint_read(dir, "settings", &t, &found, NULL), GRAFT_OK);
    assert_false(found);
    assert_int_equal(gft_master_new(&params, 2, &m, NULL), GRAFT_OK);
    assert_int_equal(m->count, 2);
    fill(m, 0.5f);
    assert_int_equal(gft_checkpoint_write(dir, &s, "settings", m, NULL), GRAFT_OK);
    s.epoch = 4;
    fill(m, 0.25f);
    assert_int_equal(gft_checkpoint_write(dir, &s, "settings", m, NULL), GRAFT_OK);
    assert_int_equal(gft_checkpoint_read(dir, "settings", &t, &found, NULL), GRAFT_OK);
    assert_true(found);
    assert_int_equal(t.epoch, 4);
    assert_int_equal(t.global_step, s.global_step);
    assert_true(t.loss_scale.scale == 16384.0 && t.loss_scale.good == 1999);
    assert_true(t.best_val_accuracy == s.best_val_accuracy);
    assert_true(isinf(t.stage_start_val_loss));
    gft_master_free(m);
    assert_int_equal(gft_master_new(&params, 2, &back, NULL), GRAFT_OK);
    assert_int_equal(gft_master_new(&params, 2, &m, NULL), GRAFT_OK);
    fill(m, 0.25f);
    assert_int_equal(gft_checkpoint_load(dir, back, NULL), GRAFT_OK);
    size_t bytes = (size_t)m->elems * sizeof(float);
    assert_memory_equal(back->weights, m->weights, bytes);
    assert_memory_equal(back->best, m->best, bytes);
    assert_memory_equal(back->slots[0], m->slots[0], bytes);
    assert_memory_equal(back->slots[1], m->slots[1], bytes);
    gft_master_free(m);
    gft_master_free(back);
    gft_params_deinit(&params);
    /* only the last one is kept: state, index, data */
    gft_dir_entry *entries;
    size_t count;
    assert_int_equal(gft_dir_list(dir, &entries, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 3);
    gft_dir_list_free(entries, count);
}

static void test_wrong(void **state) {
    (void)state;
    graft_error err = {0};
    gft_train_state t;
    bool found;
    assert_int_equal(gft_checkpoint_read(dir, "other settings", &t, &found, &err),
                     GRAFT_FAILED_PRECONDITION);
    assert_non_null(strstr(err.message, "other settings"));
    char *path = gft_path_join(dir, "state.json");
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{\"checkpoint\": \"epoch-1-00004.\"}",
        "{\"checkpoint\": \"epoch-1-00004.\", \"settings\": \"settings\", \"stage\": -1}",
        "{\"checkpoint\": 1, \"settings\": \"settings\"}"};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        assert_int_equal(gft_file_write(path, damaged[i], strlen(damaged[i]), NULL), GRAFT_OK);
        assert_int_equal(gft_checkpoint_read(dir, "settings", &t, &found, &err), GRAFT_DATA_LOSS);
    }
    gft_free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_wrong)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
