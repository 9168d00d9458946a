/*
 * Thread pool: hands out slices of a task grid. The grid is fixed by the caller from shapes alone,
 * never from the number of threads, so results do not depend on it.
 *
 * Workers spin briefly, then sleep. One gft_pool_run at a time per pool (a second caller runs its
 * tasks inline). NULL is a valid pool: everything runs on the calling thread.
 */
#ifndef GFT_BASE_POOL_H
#define GFT_BASE_POOL_H

#include <stdint.h>

#include "base/error.h"

typedef struct gft_pool gft_pool;

/**
 * Called with each task index once; `worker` is 0..threads-1 and unique among tasks running at the
 * same time.
 */
typedef void (*gft_task_fn)(void *context, int64_t task, int worker);

/** Starts threads - 1 workers (the caller is worker 0). threads = 0 takes the cores there are. */
GRAFT_MUST_CHECK graft_status gft_pool_new(int threads, gft_pool **out, graft_error *err);
void gft_pool_free(gft_pool *pool);
int gft_pool_threads(const gft_pool *pool); /* 1 for NULL */

/**
 * Runs fn for tasks 0..tasks-1 and returns when all are done. Must not be called from inside fn on
 * the same pool.
 */
void gft_pool_run(gft_pool *pool, int64_t tasks, gft_task_fn fn, void *context);

int gft_cpu_cores(void); /* cores this process may run on */

#endif
