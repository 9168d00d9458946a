/*
 * Inside of plans and runs, shared by plan*.c.
 *
 * Every value of the planned graph lies in a place: a block of the arena, a graph input, or fixed
 * data (a parameter or constant). Several values may share one place: views, and results that were
 * computed in place.
 */
#ifndef GFT_GRAPH_PLAN_PRIV_H
#define GFT_GRAPH_PLAN_PRIV_H

#include <stdatomic.h>

#include "base/alloc.h"
#include "graph/plan.h"

typedef enum gft_place_kind { GFT_PLACE_ARENA, GFT_PLACE_INPUT, GFT_PLACE_FIXED } gft_place_kind;

/* A block of the arena is alive from step `first` to step `last`, both included. */
typedef struct gft_block {
    size_t bytes;
    size_t offset; /* filled in by gft_plan_place */
    int32_t first, last;
} gft_block;

typedef struct gft_place {
    gft_place_kind kind;
    gft_block block;    /* GFT_PLACE_ARENA */
    int32_t input;      /* GFT_PLACE_INPUT: which */
    void *data;         /* GFT_PLACE_FIXED; NULL when every user has packed it */
    gft_value_id value; /* GFT_PLACE_FIXED: whose data it is */
    int32_t output;     /* GFT_PLACE_ARENA: the graph output that may lie in the caller's memory
                           instead, or -1 */
} gft_place;

typedef struct gft_step {
    const gft_op *op;
    gft_node_id node;
    const char *name;
    const void *attrs;
    const void *state;
    graft_tensor_desc *inputs;
    graft_tensor_desc *outputs;
    int32_t *input_places; /* -1: only the shape is looked at */
    int32_t *output_places;
    int32_t input_count, output_count;
    int32_t phases;
    int64_t tasks[GFT_MAX_PHASES];
    uint32_t packed_inputs;
    gft_block scratch;
    gft_cost cost;
} gft_step;

typedef struct gft_plan_output {
    const graft_tensor_desc *desc;
    size_t bytes;
    int32_t place;
    int32_t copy; /* place of a copy, for an output that is a graph input; else -1 */
} gft_plan_output;

struct gft_plan {
    atomic_int references;
    bool training;
    bool no_winograd;
    bool keep_all;
    gft_graph *graph; /* the rewritten copy */
    gft_arena memory; /* everything below */
    gft_arena packed; /* op state */
    gft_step *steps;
    int32_t step_count;
    int32_t *place_of; /* per value: its place, or -1 */
    gft_place *places;
    int32_t place_count;
    gft_plan_output *outputs;
    int32_t max_inputs, max_outputs; /* of one step */
    size_t arena_bytes;
    size_t worker_scratch_bytes; /* of one worker, a multiple of GFT_ALIGN */
};

/** Gives every block an offset such that no two that are alive together overlap (plan_place.c);
 * total: bytes needed. */
GRAFT_MUST_CHECK graft_status gft_plan_place(gft_block *const *blocks, int32_t count, size_t *total,
                                             graft_error *err);
/**
 * Prepares every op (kernel chosen, weights packed, grid fixed), as many at a time as the pool has
 * threads (plan_prepare.c).
 */
GRAFT_MUST_CHECK graft_status gft_plan_prepare_steps(gft_plan *plan, gft_pool *pool,
                                                     graft_error *err);
/** Steps of the plan's graph (plan_steps.c). order: live nodes. */
GRAFT_MUST_CHECK graft_status gft_plan_make_steps(gft_plan *plan, const gft_node_id *order,
                                                  int32_t count, graft_error *err);
/** Places of all values, and offsets (plan_memory.c). */
GRAFT_MUST_CHECK graft_status gft_plan_make_places(gft_plan *plan, const gft_node_id *order,
                                                   int32_t count, graft_error *err);

#endif
