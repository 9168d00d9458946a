/*
 * A graph run at whatever batch size comes: keeps a plan and a workspace for the sizes used last
 * (full batch, rest).
 */
#ifndef GFT_TRAIN_RUNNER_H
#define GFT_TRAIN_RUNNER_H

#include "graph/plan.h"

#define GFT_RUNNER_SLOTS 2

/* One thread at a time. The graph and the pool are borrowed. */
typedef struct gft_runner {
    const gft_graph *graph;
    gft_pool *pool;
    gft_plan_options options;
    struct {
        int64_t batch;
        gft_plan *plan;
        gft_run *run;
    } slots[GFT_RUNNER_SLOTS];
    int32_t next; /* slot to be replaced */
} gft_runner;

gft_runner gft_runner_make(const gft_graph *graph, const gft_plan_options *options, gft_pool *pool);
void gft_runner_deinit(gft_runner *runner);
/**
 * The run for this batch size (inputs' first dimension). Borrowed, valid until the next call with
 * another size.
 */
GRAFT_MUST_CHECK graft_status gft_runner_get(gft_runner *runner, int64_t batch, gft_run **out,
                                             graft_error *err);

#endif
