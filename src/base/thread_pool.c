/*
 * Thread pool. A run opens a job; workers that notice it join, take task numbers from one counter
 * and leave; the caller works too, closes the job when the numbers are used up and waits for those
 * who joined. Nobody waits for a worker that is still asleep, so short jobs do not pay for waking.
 *
 * Joining (active + 1, then look whether the job is open) and closing (close, then look whether
 * active is 0) are ordered by sequentially consistent atomics: one side always sees the other. The
 * same pattern protects both sleeps.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MAX_THREADS 1024
#define SPIN_MAX_NS 50000u
#define SPIN_MIN_NS 2000u
#define PAUSES_PER_LOOK 16

typedef struct pool_worker {
    gft_pool *pool;
    pthread_t thread;
    int number;
} pool_worker;

struct gft_pool {
    int threads;
    int started;      /* workers to join in gft_pool_free */
    uint64_t spin_ns; /* 0 when there are more threads than cores */
    pool_worker *workers;

    atomic_flag busy;     /* a run is going on */
    _Atomic uint64_t job; /* odd: open. Grows by one at each opening and closing. */
    _Atomic int64_t next; /* next task number */
    _Atomic int active;   /* workers that joined */
    _Atomic int sleepers;
    _Atomic bool waiting; /* the caller sleeps until active is 0 */
    _Atomic bool stopping;

    /* What the open job is: written while it is closed and nobody is active. */
    gft_task_fn fn;
    void *context;
    int64_t tasks;

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_cond_t done;
};

static void pause_briefly(void) {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_tasks(gft_pool *pool, int worker) {
    for (;;) {
        int64_t task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (task >= pool->tasks)
            return;
        pool->fn(pool->context, task, worker);
    }
}

static bool has_news(gft_pool *pool, uint64_t seen) {
    uint64_t job = atomic_load(&pool->job);
    return ((job & 1u) && job != seen) || atomic_load(&pool->stopping);
}

/* Spins for at most spin_ns until there is news; false if there was none. */
static bool spin_for_news(gft_pool *pool, uint64_t seen, uint64_t spin_ns) {
    if (has_news(pool, seen))
        return true;
    if (spin_ns == 0)
        return false;
    uint64_t end = gft_clock_ns() + spin_ns;
    do {
        for (int i = 0; i < PAUSES_PER_LOOK; i++)
            pause_briefly();
        if (has_news(pool, seen))
            return true;
    } while (gft_clock_ns() < end);
    return false;
}

static void sleep_for_news(gft_pool *pool, uint64_t seen) {
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_news(pool, seen))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void leave_job(gft_pool *pool) {
    if (atomic_fetch_sub(&pool->active, 1) == 1 && atomic_load(&pool->waiting)) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->mutex);
    }
}

static void *worker_main(void *argument) {
    pool_worker *self = argument;
    gft_pool *pool = self->pool;
    uint64_t seen = 0;
    uint64_t spin_ns = pool->spin_ns;
    while (!atomic_load(&pool->stopping)) {
        if (spin_for_news(pool, seen, spin_ns)) {
            spin_ns = pool->spin_ns;
        } else {
            /* Spinning was in vain: spin less next time, as jobs seem to be far apart. */
            if (spin_ns > SPIN_MIN_NS)
                spin_ns /= 2;
            sleep_for_news(pool, seen);
        }
        atomic_fetch_add(&pool->active, 1);
        uint64_t job = atomic_load(&pool->job);
        if ((job & 1u) && job != seen) {
            seen = job;
            run_tasks(pool, self->number);
        }
        leave_job(pool);
    }
    return NULL;
}

static void wake_workers(gft_pool *pool, int64_t wanted) {
    int sleepers = atomic_load(&pool->sleepers);
    if (sleepers == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    if (wanted >= sleepers) {
        pthread_cond_broadcast(&pool->wake);
    } else {
        for (int64_t i = 0; i < wanted; i++)
            pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_until_done(gft_pool *pool) {
    uint64_t end = pool->spin_ns ? gft_clock_ns() + pool->spin_ns : 0;
    while (atomic_load(&pool->active) != 0) {
        for (int i = 0; i < PAUSES_PER_LOOK && pool->spin_ns; i++)
            pause_briefly();
        if (pool->spin_ns && gft_clock_ns() < end)
            continue;
        pthread_mutex_lock(&pool->mutex);
        atomic_store(&pool->waiting, true);
        while (atomic_load(&pool->active) != 0)
            pthread_cond_wait(&pool->done, &pool->mutex);
        atomic_store(&pool->waiting, false);
        pthread_mutex_unlock(&pool->mutex);
    }
}

void gft_pool_run(gft_pool *pool, int64_t tasks, gft_task_fn fn, void *context) {
    bool alone = !pool || pool->threads == 1 || tasks <= 1;
    if (alone || atomic_flag_test_and_set_explicit(&pool->busy, memory_order_acquire)) {
        for (int64_t task = 0; task < tasks; task++)
            fn(context, task, 0);
        return;
    }
    /* Nobody reads these now: a worker that is late for the last job sees it closed and leaves. */
    pool->fn = fn;
    pool->context = context;
    pool->tasks = tasks;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_fetch_add(&pool->job, 1); /* open */
    wake_workers(pool, tasks - 1);
    run_tasks(pool, 0);
    atomic_fetch_add(&pool->job, 1); /* closed */
    wait_until_done(pool);
    atomic_flag_clear_explicit(&pool->busy, memory_order_release);
}

static void stop_workers(gft_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stopping, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

void gft_pool_free(gft_pool *pool) {
    if (!pool)
        return;
    stop_workers(pool);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    gft_free(pool->workers);
    gft_free(pool);
}

static graft_status start_workers(gft_pool *pool, graft_error *err) {
    for (int i = 0; i < pool->threads - 1; i++) {
        pool_worker *worker = &pool->workers[i];
        worker->pool = pool;
        worker->number = i + 1;
        int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (failed)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                            "thread pool: thread %d of %d cannot be started (error %d)", i + 2,
                            pool->threads, failed);
        pool->started = i + 1;
    }
    return GRAFT_OK;
}

graft_status gft_pool_new(int threads, gft_pool **out, graft_error *err) {
    if (threads < 0 || threads > MAX_THREADS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "thread pool: %d threads asked for, expected 0 to %d", threads,
                        MAX_THREADS);
    int cores = gft_cpu_cores();
    if (threads == 0)
        threads = cores < MAX_THREADS ? cores : MAX_THREADS;
    gft_pool *pool = gft_calloc(1, sizeof *pool);
    if (!pool)
        return gft_fail_memory(err, sizeof *pool, "a thread pool");
    pool->workers = gft_calloc((size_t)threads, sizeof *pool->workers);
    if (!pool->workers) {
        gft_free(pool);
        return gft_fail_memory(err, (size_t)threads * sizeof(pool_worker), "a thread pool");
    }
    pool->threads = threads;
    pool->spin_ns = threads <= cores ? SPIN_MAX_NS : 0;
    atomic_flag_clear(&pool->busy);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    graft_status status = start_workers(pool, err);
    if (status != GRAFT_OK) {
        gft_pool_free(pool);
        return status;
    }
    *out = pool;
    return GRAFT_OK;
}

int gft_pool_threads(const gft_pool *pool) {
    return pool ? pool->threads : 1;
}

/*
 * Cores a container's quota pays for (cgroup v2 cpu.max: "quota period"), or 0 where there is no
 * quota.
 */
static int quota_cores(void) {
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (!file)
        return 0;
    long long quota = 0;
    long long period = 0;
    int found = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    if (found != 2 || quota <= 0 || period <= 0 || quota / period >= MAX_THREADS)
        return 0;
    return (int)((quota + period - 1) / period);
}

int gft_cpu_cores(void) {
    long cores = 0;
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cores = CPU_COUNT(&set);
#endif
    if (cores < 1)
        cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1)
        cores = 1;
    int quota = quota_cores();
    return quota > 0 && quota < cores ? quota : (int)cores;
}
