/* One plan, eight threads, a run each: made, run and let go at the same time. For the thread
 * sanitizer. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/pool.h"
#include "tiny_ops.h"

#define THREADS 8
#define ROUNDS 60

typedef struct worker {
    gft_plan *plan;
    gft_pool *shared; /* also shared by all: a second user runs inline */
    int number;
    atomic_int *wrong;
} worker;

static void *work(void *argument) {
    worker *w = argument;
    for (int round = 0; round < ROUNDS; round++) {
        gft_plan *mine = gft_plan_ref(w->plan);
        gft_run *run = NULL;
        if (gft_run_new(mine, round % 2 ? w->shared : NULL, &run, NULL) != GRAFT_OK) {
            atomic_fetch_add(w->wrong, 1);
            gft_plan_unref(mine);
            break;
        }
        gft_plan_unref(mine);
        float x[20 * 6];
        float expected = 0;
        for (int i = 0; i < 120; i++) {
            x[i] = (float)((i * 7 + w->number + round) % 5);
            expected += 6 * x[i] + 1.0f * (i % 6 == 0 ? 6 : 0);
        }
        const void *inputs[] = {x};
        for (int again = 0; again < 3; again++) {
            if (gft_run_execute(run, inputs, NULL, NULL) != GRAFT_OK ||
                *(const float *)gft_run_output(run, 0) != expected)
                atomic_fetch_add(w->wrong, 1);
        }
        gft_run_free(run);
    }
    gft_plan_unref(w->plan);
    return NULL;
}

static void shared_plan(void **state) {
    (void)state;
    gft_params params;
    gft_params_init(&params);
    gft_graph *g = NULL;
    OK(gft_graph_new(&params, &g, err));
    gft_rng rng = gft_rng_make(4, GFT_RNG_TEST, 0);
    gft_value_id x = add_input(g, "x", f32_2(20, 6));
    gft_value_id w = add_param(g, "w", f32_2(6, 6), true, &rng);
    float *ones = params.items[0].data;
    for (int i = 0; i < 36; i++)
        ones[i] = 1;
    float *numbers = random_floats(&rng, 120);
    for (int i = 0; i < 120; i++)
        numbers[i] = 1;
    graft_tensor_desc desc = f32_2(20, 6);
    gft_value_id c = -1;
    OK(gft_graph_const(g, "c", &desc, numbers, true, &c, err));
    gft_value_id y = add_op(g, &tiny_matmul, "mm", NULL, x, w);
    y = add_op(g, &tiny_relu, "act", NULL, y, -1);
    y = add_op(g, &tiny_add, "plus", NULL, y, c);
    y = add_op(g, &tiny_sum, "sum", NULL, y, -1);
    OK(gft_graph_output(g, "y", y, err));
    gft_plan *plan = NULL;
    OK(gft_plan_new(g, NULL, NULL, &plan, err));
    gft_graph_free(g);
    gft_free(numbers);
    gft_pool *pool = NULL;
    OK(gft_pool_new(3, &pool, err));
    atomic_int wrong = 0;
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){gft_plan_ref(plan), pool, i, &wrong};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    gft_plan_unref(plan); /* the last thread frees it */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    gft_pool_free(pool);
    gft_params_deinit(&params);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shared_plan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
