/*
 * Plans by batch size (runner.h).
 */
#include "train/runner.h"

gft_runner gft_runner_make(const gft_graph *graph, const gft_plan_options *options,
                           gft_pool *pool) {
    return (gft_runner){.graph = graph, .pool = pool, .options = *options};
}

static void clear_slot(gft_runner *runner, int32_t i) {
    gft_run_free(runner->slots[i].run);
    gft_plan_unref(runner->slots[i].plan);
    runner->slots[i].run = NULL;
    runner->slots[i].plan = NULL;
    runner->slots[i].batch = 0;
}

void gft_runner_deinit(gft_runner *runner) {
    for (int32_t i = 0; i < GFT_RUNNER_SLOTS; i++)
        clear_slot(runner, i);
}

/* Plans stay, workspaces do not: only the size in use has one, since they are what training needs
 * most memory for, and sizes change just twice an epoch. */
static graft_status use_slot(gft_runner *runner, int32_t index, gft_run **out, graft_error *err) {
    for (int32_t i = 0; i < GFT_RUNNER_SLOTS; i++) {
        if (i != index) {
            gft_run_free(runner->slots[i].run);
            runner->slots[i].run = NULL;
        }
    }
    if (!runner->slots[index].run)
        GFT_TRY(
            gft_run_new(runner->slots[index].plan, runner->pool, &runner->slots[index].run, err));
    *out = runner->slots[index].run;
    return GRAFT_OK;
}

graft_status gft_runner_get(gft_runner *runner, int64_t batch, gft_run **out, graft_error *err) {
    for (int32_t i = 0; i < GFT_RUNNER_SLOTS; i++)
        if (runner->slots[i].plan && runner->slots[i].batch == batch)
            return use_slot(runner, i, out, err);
    graft_shape shapes[16];
    const gft_graph *g = runner->graph;
    if (g->input_count > 16)
        return gft_fail(err, GRAFT_INTERNAL, "runner: a graph with %d inputs", (int)g->input_count);
    for (int32_t i = 0; i < g->input_count; i++) {
        shapes[i] = gft_graph_value(g, g->inputs[i].value)->desc.shape;
        if (shapes[i].rank > 0)
            shapes[i].dims[0] = batch;
    }
    int32_t i = runner->next;
    runner->next = (i + 1) % GFT_RUNNER_SLOTS;
    clear_slot(runner, i);
    GFT_TRY(gft_plan_new(g, shapes, &runner->options, &runner->slots[i].plan, err));
    runner->slots[i].batch = batch;
    return use_slot(runner, i, out, err);
}
