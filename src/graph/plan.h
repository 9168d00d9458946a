/*
 * Plan: one graph with concrete shapes, ready to run: steps in order, kernels chosen, weights
 * packed, every buffer an offset into one arena. Immutable after creation and shared by threads.
 * Run: a plan with its workspace, one caller at a time.
 */
#ifndef GFT_GRAPH_PLAN_H
#define GFT_GRAPH_PLAN_H

#include "base/pool.h"
#include "graph/graph.h"

typedef struct gft_plan gft_plan;
typedef struct gft_run gft_run;

typedef struct gft_plan_options {
    bool
        training; /* trainable parameters are read at each run from their present data, not packed; dropout is active */
    bool no_fuse; /* skip fusing rewrites */
    bool keep_all;   /* every node output keeps its own buffer (taps for diff and tests) */
    bool no_rewrite; /* the graph exactly as it is */
    graft_dtype
        precision; /* BF16 or F16: 16-bit products and activations; NONE or F32: as the graph says */
    const struct gft_precision_table *half_ops; /* what for (ops/precision.h) */
    gft_pool *pool; /* threads that weights are packed with; not kept. NULL: the caller's alone */
    bool
        no_winograd; /* 3x3 convolutions term by term: errors of 1e-6 of the range instead of some 1e-5 at worst, and a
                         NaN or infinity reaches only the results that it is a term of */
} gft_plan_options;

/**
 * Makes a plan. The graph is copied; parameters must outlive the plan, and those that count as
 * constants must not change.
 *
 * @param input_shapes concrete, one per graph input, in order
 * Errors: INVALID_ARGUMENT naming the node for shapes that do not fit; RESOURCE_EXHAUSTED.
 */
GRAFT_MUST_CHECK graft_status gft_plan_new(const gft_graph *graph, const graft_shape *input_shapes,
                                           const gft_plan_options *options, gft_plan **out,
                                           graft_error *err);
gft_plan *gft_plan_ref(gft_plan *plan); /* atomic count; safe from any thread */
void gft_plan_unref(gft_plan *plan);

size_t
gft_plan_arena_bytes(const gft_plan *plan); /* activations and scratch, known before running */
size_t gft_plan_packed_bytes(const gft_plan *plan); /* packed weights and op state */
int32_t gft_plan_input_count(const gft_plan *plan);
int32_t gft_plan_output_count(const gft_plan *plan);
const char *gft_plan_input_name(const gft_plan *plan, int32_t i);
const char *gft_plan_output_name(const gft_plan *plan, int32_t i);
const graft_tensor_desc *gft_plan_input_desc(const gft_plan *plan, int32_t i); /* concrete */
const graft_tensor_desc *gft_plan_output_desc(const gft_plan *plan, int32_t i);

/**
 * Descriptor of a node's output by the node's name; NULL if the plan has no such node (fused or
 * dropped).
 */
const graft_tensor_desc *gft_plan_value_desc(const gft_plan *plan, const char *node,
                                             int32_t output);

/* Steps, for profiles and summaries. */
int32_t gft_plan_step_count(const gft_plan *plan);
const char *gft_plan_step_name(const gft_plan *plan, int32_t i);
const char *gft_plan_step_op(const gft_plan *plan, int32_t i);
gft_cost gft_plan_step_cost(const gft_plan *plan, int32_t i);

/**
 * Workspace for a plan (keeps a reference). pool may be NULL and must outlive the run; it may be
 * shared by runs.
 */
GRAFT_MUST_CHECK graft_status gft_run_new(gft_plan *plan, gft_pool *pool, gft_run **out,
                                          graft_error *err);
void gft_run_free(gft_run *run);

/**
 * Runs once. inputs[i]: dense data of input i, borrowed for the call, not copied, not written.
 * outputs[i]: where output i
 * goes, or NULL to leave it in the workspace (gft_run_output); outputs itself may be NULL. Does not
 * allocate. Strings are views: outputs may point into bytes of the inputs.
 *
 * @return OK; INVALID_ARGUMENT for missing data; what an op that parses strings says of them
 */
GRAFT_MUST_CHECK graft_status gft_run_execute(gft_run *run, const void *const *inputs,
                                              void *const *outputs, graft_error *err);
/** Data of output i after the last execute; valid until the next one. */
const void *gft_run_output(const gft_run *run, int32_t i);
/**
 * Data of a node's output after the last execute, by the node's name; NULL without keep_all or if
 * there is none.
 */
const void *gft_run_value(const gft_run *run, const char *node, int32_t output);
/** Seed and step for random ops; default 0, 0. */
void gft_run_set_random(gft_run *run, uint64_t seed, uint64_t step);
/**
 * From now on step times are added up; nanoseconds per step since then (NULL: profiling is off).
 */
void gft_run_profile(gft_run *run, bool on);
const uint64_t *gft_run_step_ns(const gft_run *run);

#endif
