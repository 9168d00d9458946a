/*
 * Thread pool: each task once, worker numbers never shared, nested and concurrent runs, results
 * free of thread count.
 */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/pool.h"

#define TASKS 1000
#define MAX_THREADS 8

typedef struct grid {
    _Atomic int times[TASKS];
    _Atomic int inside[MAX_THREADS];
    _Atomic int clashes;
    double values[TASKS];
    gft_pool *pool;
} grid;

static void count_task(void *context, int64_t task, int worker) {
    grid *g = context;
    if (worker < 0 || worker >= MAX_THREADS || atomic_fetch_add(&g->inside[worker], 1) != 0)
        atomic_fetch_add(&g->clashes, 1);
    atomic_fetch_add(&g->times[task], 1);
    double sum = 0;
    for (int64_t i = 0; i <= task; i++)
        sum += 1.0 / (double)(i + 1);
    g->values[task] = sum;
    atomic_fetch_sub(&g->inside[worker], 1);
}

static gft_pool *new_pool(int threads) {
    gft_pool *pool = NULL;
    assert_int_equal(gft_pool_new(threads, &pool, NULL), GRAFT_OK);
    return pool;
}

static double run_grid(gft_pool *pool) {
    static grid g;
    memset(&g, 0, sizeof g);
    gft_pool_run(pool, TASKS, count_task, &g);
    double sum = 0;
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(g.times[i], 1);
        sum += g.values[i];
    }
    assert_int_equal(g.clashes, 0);
    return sum;
}

static void each_task_once(void **state) {
    (void)state;
    double alone = run_grid(NULL);
    assert_int_equal(gft_pool_threads(NULL), 1);
    const int threads[] = {1, 2, 3, 7, 8};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        gft_pool *pool = new_pool(threads[i]);
        assert_int_equal(gft_pool_threads(pool), threads[i]);
        for (int round = 0; round < 20; round++) {
            double sum = run_grid(pool);
            assert_memory_equal(&sum, &alone, sizeof sum);
        }
        gft_pool_free(pool);
    }
}

static void add_one(void *context, int64_t task, int worker) {
    (void)task;
    (void)worker;
    atomic_fetch_add((_Atomic int64_t *)context, 1);
}

static void many_small_runs(void **state) {
    (void)state;
    for (int threads = 2; threads <= 4; threads++) {
        gft_pool *pool = new_pool(threads);
        _Atomic int64_t total = 0;
        int64_t want = 0;
        for (int i = 0; i < 20000; i++) {
            gft_pool_run(pool, i % 6, add_one, &total);
            want += i % 6;
            if (i % 4000 == 0) { /* long enough for the workers to fall asleep */
                struct timespec pause = {0, 2000000};
                nanosleep(&pause, NULL);
            }
        }
        assert_true(total == want);
        gft_pool_free(pool);
    }
}

typedef struct plain {
    gft_pool *pool;
    int64_t sums[64]; /* written without atomics: the pool itself must order them */
} plain;

static void plain_task(void *context, int64_t task, int worker) {
    plain *p = context;
    (void)worker;
    p->sums[task] += task;
}

static void runs_are_ordered(void **state) {
    (void)state;
    plain p = {new_pool(4), {0}};
    for (int i = 0; i < 500; i++)
        gft_pool_run(p.pool, 64, plain_task, &p);
    for (int64_t i = 0; i < 64; i++)
        assert_true(p.sums[i] == 500 * i);
    gft_pool_free(p.pool);
}

static void nested_task(void *context, int64_t task, int worker) {
    grid *g = context;
    (void)task;
    (void)worker;
    _Atomic int64_t inner = 0;
    gft_pool_run(g->pool, 10, add_one, &inner);
    if (inner != 10)
        atomic_fetch_add(&g->clashes, 1);
}

static void nested_runs_inline(void **state) {
    (void)state;
    static grid g;
    memset(&g, 0, sizeof g);
    g.pool = new_pool(4);
    gft_pool_run(g.pool, 100, nested_task, &g);
    assert_int_equal(g.clashes, 0);
    gft_pool_free(g.pool);
}

static void *concurrent_main(void *argument) {
    gft_pool *pool = argument;
    int64_t want = 0;
    _Atomic int64_t total = 0;
    for (int i = 0; i < 2000; i++) {
        gft_pool_run(pool, i % 9, add_one, &total);
        want += i % 9;
    }
    return total == want ? argument : NULL;
}

static void concurrent_runs(void **state) {
    (void)state;
    gft_pool *pool = new_pool(3);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, concurrent_main, pool), 0);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, pool);
    }
    gft_pool_free(pool);
}

static void refusals(void **state) {
    (void)state;
    gft_pool *pool = NULL;
    graft_error err;
    assert_int_equal(gft_pool_new(-1, &pool, &err), GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_pool_new(1 << 20, &pool, &err), GRAFT_INVALID_ARGUMENT);
    for (int64_t n = 1; n <= 2; n++) {
        gft_alloc_fail_after(n);
        assert_int_equal(gft_pool_new(3, &pool, &err), GRAFT_RESOURCE_EXHAUSTED);
    }
    gft_alloc_fail_after(0);
    assert_null(pool);
    gft_pool_free(NULL);
    assert_true(gft_cpu_cores() >= 1);
    pool = new_pool(0);
    assert_int_equal(gft_pool_threads(pool), gft_cpu_cores());
    _Atomic int64_t total = 0;
    gft_pool_run(pool, 0, add_one, &total);
    gft_pool_run(pool, -3, add_one, &total);
    assert_true(total == 0);
    gft_pool_free(pool); /* before its workers ran anything */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_once),   cmocka_unit_test(many_small_runs),
        cmocka_unit_test(runs_are_ordered), cmocka_unit_test(nested_runs_inline),
        cmocka_unit_test(concurrent_runs),  cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
