/*
 * Times whole training steps of a network: all layers trained, batch norms with the statistics of
 * the batch, synthetic pictures. Prints pictures per second, peak memory against what the plan
 * said, and where the time goes.
 *
 *   train_step_bench MODEL [--batch N] [--threads N] [--steps N] [--optimizer TEXT]
 *                    [--frozen-norms] [--layers]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/shape.h"
#include "models/model.h"
#include "train/reach.h"
#include "train/step.h"

typedef struct options {
    const char *model;
    int64_t batch;
    int threads, steps;
    const char *optimizer;
    bool frozen_norms, layers;
} options;

typedef struct tally {
    const char *op;
    uint64_t ns;
    double macs;
    int32_t steps;
} tally;

static double peak_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024.0;
}

static int by_time(const void *a, const void *b) {
    const tally *x = a;
    const tally *y = b;
    return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

static void print_profile(const gft_plan *plan, const uint64_t *ns, int rounds, bool layers) {
    tally sums[128] = {{0}};
    int32_t count = 0;
    double total = 0;
    for (int32_t i = 0; i < gft_plan_step_count(plan); i++) {
        const char *op = gft_plan_step_op(plan, i);
        double macs = (double)gft_plan_step_cost(plan, i).macs;
        if (layers)
            printf("  %8.2f ms %7.1f GFLOP/s  %-30s %s\n", (double)ns[i] / 1e6 / rounds,
                   ns[i] ? 2 * macs * rounds / (double)ns[i] : 0.0, op,
                   gft_plan_step_name(plan, i));
        int32_t k = 0;
        while (k < count && strcmp(sums[k].op, op) != 0)
            k++;
        if (k == 128)
            continue;
        count += k == count;
        sums[k].op = op;
        sums[k].ns += ns[i];
        sums[k].macs += macs;
        sums[k].steps++;
        total += (double)ns[i];
    }
    qsort(sums, (size_t)count, sizeof *sums, by_time);
    for (int32_t k = 0; k < count; k++)
        printf("  %8.1f ms %5.1f %%  %7.1f GFLOP/s  %3d x %s\n", (double)sums[k].ns / 1e6 / rounds,
               100.0 * (double)sums[k].ns / total, 2 * sums[k].macs * rounds / (double)sums[k].ns,
               (int)sums[k].steps, sums[k].op);
    printf("  %8.1f ms          all steps of the plan\n", total / 1e6 / rounds);
}

static bool parse(int argc, char **argv, options *o) {
    *o = (options){NULL, 32, 2, 3, "sgd:momentum=0.9", false, false};
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--batch") == 0)
            o->batch = strtol(next, NULL, 10), i++;
        else if (strcmp(argv[i], "--threads") == 0)
            o->threads = (int)strtol(next, NULL, 10), i++;
        else if (strcmp(argv[i], "--steps") == 0)
            o->steps = (int)strtol(next, NULL, 10), i++;
        else if (strcmp(argv[i], "--optimizer") == 0)
            o->optimizer = next, i++;
        else if (strcmp(argv[i], "--frozen-norms") == 0)
            o->frozen_norms = true;
        else if (strcmp(argv[i], "--layers") == 0)
            o->layers = true;
        else
            o->model = argv[i];
    }
    return o->model && o->batch > 0 && o->steps > 0;
}

/* What the file calls trainable; every weight and bias if it calls nothing so. */
static void train_all(gft_params *params) {
    int32_t declared = 0;
    for (int32_t i = 0; i < params->count; i++)
        declared += params->items[i].trainable;
    for (int32_t i = 0; i < params->count && declared == 0; i++)
        params->items[i].trainable = params->items[i].kind != GFT_PARAM_STATISTIC &&
                                     params->items[i].desc.dtype == GRAFT_F32;
}

static graft_status run_steps(const options *o, gft_step *step, const float *pictures,
                              int32_t *labels, graft_error *err) {
    double best = 1e9;
    const float *const crossings[1] = {pictures};
    for (int i = 0; i <= o->steps; i++) {
        double loss;
        int64_t correct;
        bool updated;
        gft_run *run;
        uint64_t start = gft_clock_ns();
        GFT_TRY(gft_step_run(step, crossings, labels, o->batch, 0.01, i + 1, 1, (uint64_t)i, &loss,
                             &correct, &updated, err));
        double ms = (double)(gft_clock_ns() - start) / 1e6;
        printf("step %d: loss %.6f, %.1f ms%s\n", i, loss, ms,
               i == 0 ? " (first, with planning)" : "");
        best = i > 0 && ms < best ? ms : best;
        GFT_TRY(gft_runner_get(&step->runner, o->batch, &run, err));
        if (i == 0)
            gft_run_profile(run, true);
        if (i < o->steps)
            continue;
        const gft_plan *plan = step->runner.slots[0].plan;
        print_profile(plan, gft_run_step_ns(run), o->steps, o->layers);
        printf("best step %.1f ms, %.1f pictures/s; plan %.0f MB, peak memory %.0f MB\n", best,
               (double)o->batch * 1000.0 / best, (double)gft_plan_arena_bytes(plan) / 1048576.0,
               peak_mb());
    }
    return GRAFT_OK;
}

static graft_status bench(const options *o, graft_error *err) {
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    gft_split split = {0};
    gft_master *master = NULL;
    gft_step step = {0};
    gft_pool *pool = NULL;
    gft_optimizer optimizer;
    gft_reach reach;
    float *pictures = NULL;
    int32_t *labels = NULL;
    GFT_TRY(gft_optimizer_parse(o->optimizer, &optimizer, err));
    GFT_GOTO(graft_model_open(o->model, &model, err));
    GFT_GOTO(gft_pool_new(o->threads, &pool, err));
    train_all(&model->params);
    gft_graph *graph = model->signatures[0].graph;
    GFT_GOTO(gft_split_make(graph, 0, &split, err));
    gft_value_id logits = graph->outputs[0].value;
    GFT_GOTO(gft_reach_apply(&split, logits, &reach, err));
    if (reach.dropped > 0)
        printf("not trained, as the loss does not depend on them: '%s', %d in all\n", reach.first,
               (int)reach.dropped);
    if (!o->frozen_norms)
        GFT_GOTO(gft_split_train_norms(&split, err));
    const graft_shape *out = &graph->values[logits].desc.shape;
    int64_t classes = out->dims[out->rank - 1];
    graft_shape in = split.crossings[0].shape;
    in.dims[0] = o->batch;
    int64_t elems = gft_shape_elems(&in);
    pictures = gft_malloc((size_t)elems * sizeof *pictures);
    labels = gft_malloc((size_t)o->batch * sizeof *labels);
    if (!pictures || !labels) {
        status = gft_fail_memory(err, (unsigned long long)elems * sizeof *pictures, "pictures");
        goto done;
    }
    gft_rng rng = gft_rng_make(7, GFT_RNG_INIT, 0);
    for (int64_t i = 0; i < elems; i++)
        pictures[i] = gft_rng_uniform(&rng) * 2.0f - 1.0f;
    for (int64_t i = 0; i < o->batch; i++)
        labels[i] = (int32_t)(i * 31 % classes);
    GFT_GOTO(gft_master_new(&model->params, gft_optimizer_slots(&optimizer), &master, err));
    GFT_GOTO(
        gft_step_make(&split, logits, master, &optimizer, 0.0f, o->batch, pool, NULL, &step, err));
    GFT_GOTO(run_steps(o, &step, pictures, labels, err));
done:
    gft_free(pictures);
    gft_free(labels);
    gft_step_deinit(&step);
    gft_master_free(master);
    gft_split_deinit(&split);
    gft_pool_free(pool);
    graft_model_free(model);
    return status;
}

int main(int argc, char **argv) {
    options o;
    graft_error err = {0};
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: train_step_bench MODEL [--batch N] [--threads N] [--steps N] "
                        "[--optimizer TEXT] [--frozen-norms] [--layers]\n");
        return 2;
    }
    if (bench(&o, &err) != GRAFT_OK) {
        fprintf(stderr, "train_step_bench: %s\n", err.message);
        return 1;
    }
    return 0;
}
