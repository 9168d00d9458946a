/*
 * Preparing the steps of a plan, several at a time: each worker packs into an arena of its own, and
 * they are joined at the end. What a step needs to know does not depend on which worker prepared
 * it.
 *
 * A filter that is a product not made yet (graph_scaled.c) is made in a worker's scratch memory,
 * packed from there and forgotten: it is never written to memory as a whole. Ops that keep it as it
 * is get it made for good, before or after.
 */
#include <string.h>

#include "base/map_list.h"
#include "base/size.h"
#include "graph/graph_priv.h"
#include "graph/plan_priv.h"

typedef struct prepare_worker {
    gft_arena packed;
    const void **constants;
    size_t constants_bytes;
    float *filter;
    size_t filter_bytes;
    size_t scratch_bytes; /* the most that a step wants for each worker of a run */
    int32_t failed;       /* the first step that failed, -1 */
    graft_status status;
    graft_error error;
} prepare_worker;

typedef struct prepare_job {
    gft_plan *plan;
    prepare_worker *workers;
} prepare_job;

static graft_status check_prepared(const gft_prepare *p, const gft_op *op, graft_error *err) {
    if (p->phases < 1 || p->phases > GFT_MAX_PHASES)
        return gft_fail(err, GRAFT_INTERNAL, "%s '%s': %d phases, expected 1 to %d", op->name,
                        p->node, (int)p->phases, GFT_MAX_PHASES);
    for (int32_t i = 0; i < p->phases; i++) {
        if (p->tasks[i] < 0)
            return gft_fail(err, GRAFT_INTERNAL, "%s '%s': %lld tasks in phase %d", op->name,
                            p->node, (long long)p->tasks[i], (int)i);
    }
    if (p->worker_scratch_bytes > SIZE_MAX / 2)
        return gft_fail_memory(err, p->worker_scratch_bytes, "a worker's scratch");
    return GRAFT_OK;
}

static graft_status prepare(const gft_plan *plan, gft_step *step, const void *const *constants,
                            prepare_worker *w, graft_error *err) {
    gft_prepare p = {.node = step->name,
                     .attrs = step->attrs,
                     .inputs = step->inputs,
                     .input_count = step->input_count,
                     .outputs = step->outputs,
                     .output_count = step->output_count,
                     .constants = constants,
                     .arena = &w->packed,
                     .no_winograd = plan->no_winograd,
                     .phases = 1,
                     .tasks = {1, 1, 1}};
    graft_status status = step->op->prepare ? step->op->prepare(&p, err) : GRAFT_OK;
    if (status != GRAFT_OK)
        return gft_graph_blame(err, status, step->op->name, step->name);
    GFT_TRY(check_prepared(&p, step->op, err));
    step->state = p.state;
    step->phases = p.phases;
    for (int32_t i = 0; i < GFT_MAX_PHASES; i++)
        step->tasks[i] = p.tasks[i];
    step->packed_inputs = p.packed_inputs;
    step->scratch.bytes = p.scratch_bytes;
    w->scratch_bytes =
        gft_size_max(w->scratch_bytes, gft_size_align(p.worker_scratch_bytes, GFT_ALIGN));
    return GRAFT_OK;
}

/* Data of a mapped file that was packed is not looked at again. */
static void let_packed_go(const gft_plan *plan, const gft_step *step) {
    const gft_graph *graph = plan->graph;
    for (int32_t i = 0; i < step->input_count && i < 32; i++) {
        const gft_value_id id = graph->nodes[step->node].inputs[i];
        const gft_value *value = &graph->values[id];
        size_t bytes;
        if ((step->packed_inputs >> i & 1u) && gft_desc_bytes(&value->desc, &bytes))
            gft_map_let_go(value->scaled ? (const void *)value->scaled
                                         : gft_graph_value_data(graph, id),
                           bytes);
    }
}

/* At least this many bytes; what was there is lost. */
static graft_status reserve(void *memory, size_t *capacity, size_t bytes, graft_error *err) {
    void *p = NULL;
    memcpy(&p, memory, sizeof p);
    if (*capacity >= bytes)
        return GRAFT_OK;
    gft_free(p);
    p = gft_malloc_aligned(bytes);
    memcpy(memory, &p, sizeof p);
    *capacity = p ? bytes : 0;
    return p ? GRAFT_OK : gft_fail_memory(err, bytes, "preparing a step");
}

/* True if the step's filter is a product that is still to be made. */
static bool has_product(const gft_plan *plan, const gft_step *step) {
    if (step->input_count < 2)
        return false;
    const gft_value *value = &plan->graph->values[plan->graph->nodes[step->node].inputs[1]];
    return value->scaled && !value->data;
}

static graft_status prepare_step(const gft_plan *plan, gft_step *step, prepare_worker *w,
                                 graft_error *err) {
    const gft_graph *graph = plan->graph;
    const gft_node *node = &graph->nodes[step->node];
    const bool product = has_product(plan, step);
    GFT_TRY(reserve(&w->constants, &w->constants_bytes,
                    ((size_t)step->input_count + 1) * sizeof(void *), err));
    for (int32_t i = 0; i < step->input_count; i++) {
        const gft_value *value = &graph->values[node->inputs[i]];
        w->constants[i] = value->scaled
                              ? value->data
                              : gft_graph_fixed_data(graph, node->inputs[i], plan->training);
    }
    if (product) {
        const gft_value *filter = &graph->values[node->inputs[1]];
        size_t bytes = 0;
        if (!gft_desc_bytes(&filter->desc, &bytes))
            return gft_fail(err, GRAFT_INTERNAL, "%s '%s': a filter without a size", node->op->name,
                            node->name);
        GFT_TRY(reserve(&w->filter, &w->filter_bytes, bytes, err));
        gft_graph_scale(filter, w->filter);
        w->constants[1] = w->filter;
    }
    GFT_TRY(prepare(plan, step, w->constants, w, err));
    let_packed_go(plan, step);
    return GRAFT_OK;
}

static void prepare_task(void *context, int64_t task, int worker) {
    const prepare_job *job = context;
    prepare_worker *w = &job->workers[worker];
    graft_error error = {0};
    const graft_status status = prepare_step(job->plan, &job->plan->steps[task], w, &error);
    if (status == GRAFT_OK || (w->failed >= 0 && w->failed < task))
        return;
    w->failed = (int32_t)task;
    w->status = status;
    w->error = error;
}

/* Only convolutions and products pack their filters; every other product is made for good. */
static graft_status settle_others(gft_plan *plan, graft_error *err) {
    for (int32_t i = 0; i < plan->step_count; i++) {
        const gft_step *step = &plan->steps[i];
        const gft_node *node = &plan->graph->nodes[step->node];
        const bool packs = step->op->kind == GFT_KIND_CONV2D || step->op->kind == GFT_KIND_DENSE;
        for (int32_t k = 0; k < step->input_count; k++) {
            if (!packs || k != 1)
                GFT_TRY(gft_graph_settle(plan->graph, node->inputs[k], err));
        }
    }
    return GRAFT_OK;
}

/* Steps that did not pack theirs are prepared again, over data that stays. */
static graft_status prepare_again(gft_plan *plan, prepare_worker *w, graft_error *err) {
    for (int32_t i = 0; i < plan->step_count; i++) {
        gft_step *step = &plan->steps[i];
        if (!has_product(plan, step) || (step->packed_inputs & 1u << 1))
            continue;
        GFT_TRY(gft_graph_settle(plan->graph, plan->graph->nodes[step->node].inputs[1], err));
        GFT_TRY(prepare_step(plan, step, w, err));
    }
    return GRAFT_OK;
}

static graft_status join(const prepare_job *job, int count, graft_error *err) {
    const prepare_worker *first = NULL;
    for (int i = 0; i < count; i++) {
        const prepare_worker *w = &job->workers[i];
        if (w->failed >= 0 && (!first || w->failed < first->failed))
            first = w;
    }
    if (first)
        return gft_fail(err, first->status, "%s", first->error.message);
    return prepare_again(job->plan, &job->workers[0], err);
}

graft_status gft_plan_prepare_steps(gft_plan *plan, gft_pool *pool, graft_error *err) {
    const int count = gft_pool_threads(pool);
    prepare_job job = {plan, gft_calloc((size_t)count, sizeof *job.workers)};
    if (!job.workers)
        return gft_fail_memory(err, (size_t)count * sizeof *job.workers, "preparing a plan");
    for (int i = 0; i < count; i++)
        job.workers[i].failed = -1;
    graft_status status = settle_others(plan, err);
    if (status == GRAFT_OK) {
        gft_pool_run(pool, plan->step_count, prepare_task, &job);
        status = join(&job, count, err);
    }
    for (int i = 0; i < count; i++) {
        prepare_worker *w = &job.workers[i];
        plan->worker_scratch_bytes = gft_size_max(plan->worker_scratch_bytes, w->scratch_bytes);
        gft_arena_adopt(&plan->packed, &w->packed);
        gft_free(w->constants);
        gft_free(w->filter);
    }
    gft_free(job.workers);
    return status;
}
