/*
 * Running a plan: the workspace of one caller, and the loop over steps, phases and tasks. Nothing
 * is allocated while it runs: operand pointers are looked up in the table of places, which changes
 * only where the caller's data lies.
 */
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "graph/graph_priv.h"
#include "graph/plan_priv.h"

struct gft_run {
    gft_plan *plan;
    gft_pool *pool;
    uint8_t *arena;
    uint8_t *worker_scratch;
    void **places;            /* per place of the plan: where it lies now */
    const void **inputs;      /* operands of the step that runs */
    void **outputs;           /* likewise */
    const void **output_data; /* per graph output: after the last execute */
    uint64_t *step_ns;
    bool profile;
    uint64_t seed;
    uint64_t step;
    gft_exec_failure failure;
};

static void reset_places(gft_run *run) {
    const gft_plan *plan = run->plan;
    for (int32_t i = 0; i < plan->place_count; i++) {
        const gft_place *place = &plan->places[i];
        if (place->kind == GFT_PLACE_ARENA)
            run->places[i] = run->arena + place->block.offset;
        else
            run->places[i] = place->data; /* NULL for inputs */
    }
}

graft_status gft_run_new(gft_plan *plan, gft_pool *pool, gft_run **out, graft_error *err) {
    gft_run *run = gft_calloc(1, sizeof *run);
    if (!run)
        return gft_fail_memory(err, sizeof *run, "a run");
    atomic_flag_clear(&run->failure.taken);
    run->plan = gft_plan_ref(plan);
    run->pool = pool;
    graft_status status = GRAFT_OK;
    size_t workers = (size_t)gft_pool_threads(pool);
    size_t scratch_bytes = 0;
    size_t pointers = (size_t)plan->place_count + (size_t)plan->max_inputs +
                      (size_t)plan->max_outputs + (size_t)plan->graph->output_count;
    if (!gft_size_mul(workers, plan->worker_scratch_bytes, &scratch_bytes)) {
        status = gft_fail_memory(err, SIZE_MAX, "the scratch of a run");
        goto done;
    }
    run->arena = gft_malloc_aligned(plan->arena_bytes);
    run->worker_scratch = gft_malloc_aligned(scratch_bytes);
    run->places = gft_calloc(pointers + 1, sizeof *run->places);
    run->step_ns = gft_calloc((size_t)plan->step_count + 1, sizeof *run->step_ns);
    if (!run->arena || !run->worker_scratch || !run->places || !run->step_ns) {
        status = gft_fail_memory(err, (unsigned long long)plan->arena_bytes + scratch_bytes,
                                 "the workspace of a run");
        goto done;
    }
    run->outputs = run->places + plan->place_count;
    run->inputs = (const void **)(void *)(run->outputs + plan->max_outputs);
    run->output_data = run->inputs + plan->max_inputs;
    reset_places(run);
    *out = run;
    return GRAFT_OK;
done:
    gft_run_free(run);
    return status;
}

void gft_run_free(gft_run *run) {
    if (!run)
        return;
    gft_free(run->arena);
    gft_free(run->worker_scratch);
    gft_free(run->places);
    gft_free(run->step_ns);
    gft_plan_unref(run->plan);
    gft_free(run);
}

/* ---- the caller's memory ---- */

static bool overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes) {
    uintptr_t x = (uintptr_t)a;
    uintptr_t y = (uintptr_t)b;
    return a_bytes && b_bytes && x < y + b_bytes && y < x + a_bytes;
}

/* Computing straight into memory that an input lies in would change what later steps read. */
static bool touches_input(const gft_run *run, const void *const *inputs, const void *output,
                          size_t bytes) {
    for (int32_t i = 0; i < run->plan->graph->input_count; i++) {
        size_t input_bytes = 0;
        if (!gft_desc_bytes(gft_plan_input_desc(run->plan, i), &input_bytes) ||
            overlap(inputs[i], input_bytes, output, bytes))
            return true;
    }
    return false;
}

static graft_status bind_inputs(gft_run *run, const void *const *inputs, graft_error *err) {
    const gft_plan *plan = run->plan;
    for (int32_t i = 0; i < plan->graph->input_count; i++) {
        const gft_binding *input = &plan->graph->inputs[i];
        size_t bytes = 0;
        bool known = gft_desc_bytes(&plan->graph->values[input->value].desc, &bytes);
        if (!inputs || ((!known || bytes > 0) && !inputs[i]))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input '%s': no data was given",
                            input->name);
        /* Nothing writes to it: the table has one type for all. */
        run->places[plan->place_of[input->value]] = (void *)(uintptr_t)inputs[i];
    }
    return GRAFT_OK;
}

static void bind_outputs(gft_run *run, const void *const *inputs, void *const *outputs) {
    const gft_plan *plan = run->plan;
    for (int32_t i = 0; i < plan->graph->output_count; i++) {
        const gft_plan_output *output = &plan->outputs[i];
        const gft_place *place = &plan->places[output->place];
        if (place->kind != GFT_PLACE_ARENA || place->output != i)
            continue;
        void *target = outputs ? outputs[i] : NULL;
        if (target && touches_input(run, inputs, target, output->bytes))
            target = NULL;
        run->places[output->place] = target ? target : run->arena + place->block.offset;
    }
}

static void deliver_outputs(gft_run *run, void *const *outputs) {
    const gft_plan *plan = run->plan;
    for (int32_t i = 0; i < plan->graph->output_count; i++) {
        const gft_plan_output *output = &plan->outputs[i];
        void *data = run->places[output->place];
        void *target = outputs ? outputs[i] : NULL;
        if (!target && output->copy >= 0)
            target = run->places[output->copy];
        if (target && target != data && output->bytes)
            memmove(target, data, output->bytes);
        run->output_data[i] = target ? target : data;
    }
}

/* ---- steps ---- */

typedef struct task_context {
    gft_exec exec;
    void (*run)(const gft_exec *exec);
    uint8_t *worker_scratch;
    size_t worker_bytes;
} task_context;

static void run_task(void *context, int64_t task, int worker) {
    const task_context *c = context;
    gft_exec exec = c->exec;
    exec.task = task;
    exec.worker = worker;
    exec.worker_scratch = c->worker_scratch + (size_t)worker * c->worker_bytes;
    c->run(&exec);
}

static void run_step(gft_run *run, const gft_step *step) {
    for (int32_t i = 0; i < step->input_count; i++) {
        int32_t place = step->input_places[i];
        run->inputs[i] = place >= 0 ? run->places[place] : NULL;
    }
    for (int32_t i = 0; i < step->output_count; i++)
        run->outputs[i] = run->places[step->output_places[i]];
    task_context context = {.exec = {.state = step->state,
                                     .attrs = step->attrs,
                                     .inputs_desc = step->inputs,
                                     .outputs_desc = step->outputs,
                                     .inputs = run->inputs,
                                     .outputs = run->outputs,
                                     .input_count = step->input_count,
                                     .output_count = step->output_count,
                                     .scratch = run->arena + step->scratch.offset,
                                     .seed = run->seed,
                                     .step = run->step,
                                     .failure = &run->failure},
                            .run = step->op->run,
                            .worker_scratch = run->worker_scratch,
                            .worker_bytes = run->plan->worker_scratch_bytes};
    for (int32_t phase = 0; phase < step->phases; phase++) {
        context.exec.phase = phase;
        if (step->tasks[phase] == 1 || !run->pool) {
            for (int64_t task = 0; task < step->tasks[phase]; task++)
                run_task(&context, task, 0);
        } else {
            gft_pool_run(run->pool, step->tasks[phase], run_task, &context);
        }
    }
}

/* The failure of a step becomes the run's; the next run begins without one. */
static graft_status take_failure(gft_run *run, const gft_step *step, graft_error *err) {
    const graft_error failed = run->failure.error;
    run->failure.error.code = GRAFT_OK;
    atomic_flag_clear(&run->failure.taken);
    return gft_fail(err, failed.code, "%s '%s': %s", step->op->name, step->name, failed.message);
}

graft_status gft_run_execute(gft_run *run, const void *const *inputs, void *const *outputs,
                             graft_error *err) {
    GFT_TRY(bind_inputs(run, inputs, err));
    bind_outputs(run, inputs, outputs);
    const gft_plan *plan = run->plan;
    for (int32_t i = 0; i < plan->step_count; i++) {
        const uint64_t start = run->profile ? gft_clock_ns() : 0;
        run_step(run, &plan->steps[i]);
        if (run->profile)
            run->step_ns[i] += gft_clock_ns() - start;
        if (run->failure.error.code != GRAFT_OK)
            return take_failure(run, &plan->steps[i], err);
    }
    deliver_outputs(run, outputs);
    return GRAFT_OK;
}

const void *gft_run_output(const gft_run *run, int32_t i) {
    return run->output_data[i];
}

const void *gft_run_value(const gft_run *run, const char *node, int32_t output) {
    const gft_graph *graph = run->plan->graph;
    gft_node_id id = gft_graph_names_find(graph, node);
    if (!run->plan->keep_all || id < 0 || output < 0 || output >= graph->nodes[id].output_count)
        return NULL;
    int32_t place = run->plan->place_of[graph->nodes[id].outputs[output]];
    return place >= 0 ? run->places[place] : NULL;
}

void gft_run_set_random(gft_run *run, uint64_t seed, uint64_t step) {
    run->seed = seed;
    run->step = step;
}

void gft_run_profile(gft_run *run, bool on) {
    run->profile = on;
    if (on)
        memset(run->step_ns, 0, (size_t)run->plan->step_count * sizeof *run->step_ns);
}

const uint64_t *gft_run_step_ns(const gft_run *run) {
    return run->profile ? run->step_ns : NULL;
}
