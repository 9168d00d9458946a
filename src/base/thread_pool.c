/*
 * Thread pool. A run opens a job; workers that notice it join and leave when no task is left; the
 * caller works too, closes the job and waits for those who joined. Nobody waits for a worker that
 * is still asleep, so short jobs do not pay for waking.
 *
 * Tasks are dealt out in equal stretches, one to each thread, so that a thread meets in one step
 * what it made in the step before, in its own cache; who has done with its stretch takes tasks from
 * the ends of the others'. Each thread's stretch and state have a cache line of their own.
 *
 * Joining (set `joined`, then look whether the job is open) and closing (close, then look who has
 * joined) are ordered by sequentially consistent atomics: one side always sees the other. The same
 * pattern protects both sleeps.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MAX_THREADS 1024
#define SPIN_MAX_NS 50000u
#define SPIN_MIN_NS 2000u
#define LOOKS_PER_CLOCK 16

#define CACHE_LINE 64

/* One per thread; the caller's is number 0 and has no thread of its own. */
typedef struct pool_worker {
    _Alignas(CACHE_LINE) _Atomic bool joined;
    _Atomic int64_t left; /* tasks of its stretch; below 0 when several looked in vain */
    _Atomic int64_t end;  /* others take from here, downwards */
    int64_t next;         /* itself from here, upwards */
    gft_pool *pool;
    pthread_t thread;
    int number;
} pool_worker;

struct gft_pool {
    int threads;
    int started;      /* workers to join in gft_pool_free */
    uint64_t spin_ns; /* 0 when there are more threads than cores */
    pool_worker *workers;
    atomic_flag busy; /* a run is going on */
    _Atomic int sleepers;
    _Atomic bool waiting; /* the caller sleeps until nobody is joined */
    _Atomic bool stopping;

    /* What the open job is: written while it is closed and nobody has joined. */
    _Alignas(
        CACHE_LINE) _Atomic uint64_t job; /* odd: open. Grows by one at each opening and closing. */
    gft_task_fn fn;
    void *context;

    _Alignas(CACHE_LINE) pthread_mutex_t mutex;
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

static bool take(pool_worker *from) {
    return atomic_load_explicit(&from->left, memory_order_relaxed) > 0 &&
           atomic_fetch_sub_explicit(&from->left, 1, memory_order_relaxed) > 0;
}

static void run_tasks(gft_pool *pool, int worker) {
    pool_worker *self = &pool->workers[worker];
    while (take(self))
        pool->fn(pool->context, self->next++, worker);
    for (int i = 1; i < pool->threads; i++) {
        pool_worker *other = &pool->workers[(worker + i) % pool->threads];
        while (take(other))
            pool->fn(pool->context,
                     atomic_fetch_sub_explicit(&other->end, 1, memory_order_relaxed) - 1, worker);
    }
}

/* Task numbers 0..tasks-1 in a stretch for each thread. */
static void deal(gft_pool *pool, int64_t tasks) {
    int64_t each = tasks / pool->threads;
    int64_t more = tasks % pool->threads; /* of the first threads' stretches */
    int64_t next = 0;
    for (int i = 0; i < pool->threads; i++) {
        pool_worker *w = &pool->workers[i];
        int64_t count = each + (i < more);
        w->next = next;
        next += count;
        atomic_store_explicit(&w->end, next, memory_order_relaxed);
        atomic_store_explicit(&w->left, count, memory_order_relaxed);
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
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            pause_briefly();
            if (has_news(pool, seen))
                return true;
        }
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

static void leave_job(gft_pool *pool, pool_worker *self) {
    atomic_store(&self->joined, false);
    if (atomic_load(&pool->waiting)) {
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
        atomic_store(&self->joined, true);
        uint64_t job = atomic_load(&pool->job);
        if ((job & 1u) && job != seen) {
            seen = job;
            run_tasks(pool, self->number);
        }
        leave_job(pool, self);
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

static void sleep_until_left(gft_pool *pool, pool_worker *worker) {
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->waiting, true);
    while (atomic_load(&worker->joined))
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->waiting, false);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_until_done(gft_pool *pool) {
    uint64_t end = 0; /* the clock is looked at when somebody is late */
    for (int i = 1; i < pool->threads; i++) {
        pool_worker *worker = &pool->workers[i];
        for (int looks = 1; atomic_load(&worker->joined); looks++) {
            if (pool->spin_ns)
                pause_briefly();
            if (pool->spin_ns && looks % LOOKS_PER_CLOCK)
                continue;
            uint64_t now = gft_clock_ns();
            end = end ? end : now + pool->spin_ns;
            if (now >= end)
                sleep_until_left(pool, worker);
        }
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
    deal(pool, tasks);
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
        pthread_join(pool->workers[i + 1].thread, NULL);
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
        pool_worker *worker = &pool->workers[i + 1];
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
    gft_pool *pool = gft_malloc_aligned(sizeof *pool);
    if (!pool)
        return gft_fail_memory(err, sizeof *pool, "a thread pool");
    memset(pool, 0, sizeof *pool);
    pool->workers = gft_malloc_aligned((size_t)threads * sizeof *pool->workers);
    if (!pool->workers) {
        gft_free(pool);
        return gft_fail_memory(err, (size_t)threads * sizeof(pool_worker), "a thread pool");
    }
    memset(pool->workers, 0, (size_t)threads * sizeof *pool->workers);
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
