/*
 * One stage of training: the freeze line is drawn, features are cached, then epochs of steps,
 * validation and a checkpoint each. Head training and every kind of fine-tuning are this same stage
 * with another line, rate and number of epochs.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/shape.h"
#include "ops/precision.h"
#include "train/batches.h"
#include "train/reach.h"
#include "train/step.h"
#include "train/trainer.h"

typedef struct stage {
    gft_trainer *t;
    const gft_stage_plan *plan;
    gft_split split;
    gft_runner frozen;
    gft_master *master;
    gft_step step;
    gft_batches train, validation;
    uint64_t started_ns; /* of what progress is shown for */
    const char *doing;
} stage;

/* Of what is run without gradients. */
static gft_plan_options plan_options(const gft_trainer *t) {
    return (gft_plan_options){.precision = t->precision, .half_ops = gft_ops_precision()};
}

static bool on_features(void *context, int64_t done, int64_t total) {
    stage *s = context;
    return gft_report_progress(s->t, s->doing, done, total, s->started_ns);
}

static void on_broken(void *context, int64_t id, const char *path, const char *reason) {
    (void)id;
    gft_report_info(context, GRAFT_TRAIN_WARNING, "skipped %s: %s", path, reason);
}

static uint64_t memory_budget(const graft_train_options *o) {
    if (o->memory_budget > 0)
        return o->memory_budget;
    long pages = sysconf(_SC_AVPHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / 4 : (uint64_t)256 << 20;
}

static graft_status open_batches(stage *s, graft_split which, gft_batches *out, graft_error *err) {
    const graft_train_options *o = s->t->options;
    bool train = which == GRAFT_SPLIT_TRAIN;
    bool augmented = train && strcmp(o->augment, "none") != 0;
    graft_data_options data = graft_data_options_default(s->t->rule.height, s->t->rule.width);
    data.preprocess = s->t->rule;
    data.split = which;
    data.batch_size = o->batch_size;
    data.seed = o->seed;
    data.augment = train ? o->augment : "none";
    data.strict = o->strict;
    data.threads = o->threads;
    data.on_broken = on_broken;
    data.context = s->t;
    gft_batches_options options = {.data = &data, .progress = on_features, .context = s};
    options.cache = s->split.frozen != NULL && !augmented;
    data.shuffle = train && o->shuffle && !options.cache;
    options.memory_bytes = memory_budget(o);
    char *spill = gft_format("%s/%s.features", s->t->checkpoint_dir, graft_split_name(which));
    if (!spill)
        return gft_fail_memory(err, strlen(s->t->checkpoint_dir), "path");
    options.spill_path = spill;
    s->doing = train ? "features" : "validation features";
    s->started_ns = gft_clock_ns();
    graft_status status = gft_batches_make(s->t->dataset, &s->split,
                                           s->split.frozen ? &s->frozen : NULL, &options, out, err);
    gft_free(spill);
    return status;
}

/* ---- evaluation of the weights as they are ---- */

static void add_row(const float *logits, int32_t k, int32_t label, double smoothing, double *loss,
                    int64_t *correct) {
    double max = (double)logits[gft_step_argmax(logits, k)];
    double sum = 0;
    double all = 0;
    for (int32_t i = 0; i < k; i++) {
        sum += exp((double)logits[i] - max);
        all += (double)logits[i] - max;
    }
    double log_sum = log(sum);
    double picked = (double)logits[label] - max - log_sum;
    double mean = all / k - log_sum;
    *loss -= (1.0 - smoothing) * picked + smoothing * mean;
    *correct += gft_step_argmax(logits, k) == label;
}

static graft_status evaluate(stage *s, gft_batches *batches, double *loss, double *accuracy,
                             graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_plan_options inference = plan_options(s->t);
    gft_runner runner = gft_runner_make(s->step.evaluation, &inference, s->t->pool);
    double sum = 0;
    int64_t correct = 0;
    int64_t total = 0;
    GFT_GOTO(gft_batches_begin(batches, 0, false, 0, err));
    for (;;) {
        int64_t n;
        gft_run *run;
        const void *inputs[GFT_SPLIT_MAX_CROSSINGS];
        GFT_GOTO(gft_batches_next(batches, &n, err));
        if (n == 0)
            break;
        for (int32_t i = 0; i < s->split.crossing_count; i++)
            inputs[i] = batches->crossings[i];
        GFT_GOTO(gft_runner_get(&runner, n, &run, err));
        GFT_GOTO(gft_run_execute(run, inputs, (void *const[1]){NULL}, err));
        const float *logits = gft_run_output(run, 0);
        for (int64_t i = 0; i < n; i++)
            add_row(logits + i * s->step.classes, s->step.classes, batches->labels[i],
                    s->t->options->label_smoothing, &sum, &correct);
        total += n;
    }
    *loss = total ? sum / (double)total : NAN;
    *accuracy = total ? (double)correct / (double)total : NAN;
done:
    gft_runner_deinit(&runner);
    return status;
}

/* ---- one epoch ---- */

static graft_status train_epoch(stage *s, double *loss, double *accuracy, graft_error *err) {
    gft_trainer *t = s->t;
    double sum = 0;
    int64_t correct = 0;
    int64_t seen = 0;
    uint64_t since = gft_clock_ns();
    GFT_TRY(gft_batches_begin(&s->train, t->state.total_epochs, t->options->shuffle,
                              t->options->seed, err));
    for (;;) {
        int64_t n;
        double batch_loss;
        bool updated;
        int64_t batch_correct;
        GFT_TRY(gft_batches_next(&s->train, &n, err));
        if (n == 0)
            break;
        t->state.iterations++;
        GFT_TRY(gft_step_run(&s->step, (const float *const *)s->train.crossings, s->train.labels, n,
                             s->plan->lr, t->state.iterations, t->options->seed,
                             (uint64_t)t->state.global_step, &batch_loss, &batch_correct, &updated,
                             err));
        t->state.iterations -= !updated; /* Keras' optimiser does not count a skipped step */
        t->state.global_step++;
        bool finite = isfinite(batch_loss);
        sum += finite ? batch_loss * (double)n : 0.0;
        correct += batch_correct;
        seen += n;
        if (!finite && (updated || t->state.loss_scale.scale < 1.0)) /* not for the scale's sake */
            return gft_fail(
                err, GRAFT_OUT_OF_RANGE,
                "%s: the loss is no longer finite in epoch %d; try a lower learning rate",
                s->plan->name, (int)t->state.epoch + 1);
        if (!gft_report_progress(t, s->plan->name, seen, s->train.total, since))
            return gft_fail(err, GRAFT_CANCELLED, "training was stopped in epoch %d",
                            (int)t->state.epoch + 1);
    }
    t->pictures += seen;
    *loss = seen ? sum / (double)seen : NAN;
    *accuracy = seen ? (double)correct / (double)seen : NAN;
    return GRAFT_OK;
}

/*
 * Best weights and early stopping look at the validation loss, as Keras'
 * EarlyStopping(restore_best_weights) does.
 */
static void judge(stage *s, double val_loss, double val_accuracy) {
    gft_train_state *state = &s->t->state;
    int32_t patience = s->t->options->early_stopping;
    if (val_loss < state->best_val_loss) {
        state->best_val_loss = val_loss;
        state->best_val_accuracy = val_accuracy;
        state->wait = 0;
        gft_master_save_best(s->master);
    } else {
        state->wait++;
    }
    if (patience > 0 && state->wait >= patience)
        state->stage_done = true;
}

static graft_status run_epoch(stage *s, graft_error *err) {
    gft_trainer *t = s->t;
    uint64_t began = gft_clock_ns();
    graft_train_event event = {.kind = GRAFT_TRAIN_EPOCH,
                               .stage = s->plan->name,
                               .epochs = s->plan->epochs,
                               .lr = s->plan->lr,
                               .val_loss = NAN,
                               .val_accuracy = NAN};
    GFT_TRY(train_epoch(s, &event.loss, &event.accuracy, err));
    if (t->has_validation) {
        GFT_TRY(evaluate(s, &s->validation, &event.val_loss, &event.val_accuracy, err));
        judge(s, event.val_loss, event.val_accuracy);
    }
    t->state.train_loss = event.loss;
    t->state.train_accuracy = event.accuracy;
    t->state.epoch++;
    t->state.total_epochs++;
    t->state.stage_done = t->state.stage_done || t->state.epoch >= s->plan->epochs;
    GFT_TRY(gft_checkpoint_write(t->checkpoint_dir, &t->state, t->fingerprint, s->master, err));
    event.epoch = t->state.epoch;
    event.seconds = (double)(gft_clock_ns() - began) * 1e-9;
    return gft_report_epoch(t, &event, err);
}

/* ---- the stage ---- */

/* Draws the freeze line. Parameters without a gradient are told about and left as they are. */
static graft_status draw_line(stage *s, graft_error *err) {
    gft_trainer *t = s->t;
    gft_reach reach;
    gft_layers_apply(&t->layers, &t->model->params, s->plan->first_layer);
    GFT_TRY(gft_split_make(t->graph, t->first_head, &s->split, err));
    GFT_TRY(gft_reach_apply(&s->split, t->logits, &reach, err));
    if (reach.dropped == 1)
        gft_report_info(t, GRAFT_TRAIN_WARNING,
                        "the loss does not depend on '%s': it stays as it is", reach.first);
    else if (reach.dropped > 1)
        gft_report_info(t, GRAFT_TRAIN_WARNING,
                        "the loss does not depend on '%s' and %d more parameters: they stay as "
                        "they are",
                        reach.first, (int)reach.dropped - 1);
    return GRAFT_OK;
}

static graft_status open_stage(stage *s, graft_error *err) {
    gft_trainer *t = s->t;
    gft_plan_options inference = plan_options(t);
    const gft_step_precision precision = {t->precision,
                                          t->precision == GRAFT_F16 ? &t->state.loss_scale : NULL};
    GFT_TRY(draw_line(s, err));
    if (s->split.frozen)
        s->frozen = gft_runner_make(s->split.frozen, &inference, t->pool);
    GFT_TRY(gft_master_new(&t->model->params, gft_optimizer_slots(&t->optimizer), &s->master, err));
    if (t->resuming)
        GFT_TRY(gft_checkpoint_load(t->checkpoint_dir, s->master, err));
    GFT_TRY(gft_step_make(&s->split, t->logits, s->master, &t->optimizer,
                          (float)t->options->label_smoothing, t->options->batch_size, t->pool,
                          &precision, &s->step, err));
    GFT_TRY(gft_dir_make(t->checkpoint_dir, err)); /* features may spill there */
    GFT_TRY(open_batches(s, GRAFT_SPLIT_TRAIN, &s->train, err));
    if (t->has_validation)
        GFT_TRY(open_batches(s, GRAFT_SPLIT_VALIDATION, &s->validation, err));
    if (s->train.cached) /* the frozen side has done its work: its plans and workspace can go */
        gft_runner_deinit(&s->frozen);
    return GRAFT_OK;
}

static void close_stage(stage *s) {
    gft_batches_deinit(&s->train);
    gft_batches_deinit(&s->validation);
    gft_step_deinit(&s->step);
    gft_runner_deinit(&s->frozen);
    gft_master_free(s->master);
    gft_split_deinit(&s->split);
}

static void enter(gft_trainer *t, const gft_stage_plan *plan) {
    t->state.stage = plan->index;
    t->state.epoch = 0;
    t->state.iterations = 0;
    t->state.loss_scale = gft_loss_scale_first();
    t->state.wait = 0;
    t->state.stage_done = plan->epochs == 0;
    t->state.stage_start_val_loss = t->state.best_val_loss;
}

/*
 * Accuracy of the finished weights on the training pictures; with augmentation or nothing frozen
 * the last epoch's own.
 */
static graft_status final_figures(stage *s, graft_error *err) {
    gft_trainer *t = s->t;
    double loss = t->state.train_loss;
    double accuracy = t->state.train_accuracy;
    if (s->train.cached)
        GFT_TRY(evaluate(s, &s->train, &loss, &accuracy, err));
    t->result.train_loss = loss;
    t->result.train_top1 = accuracy;
    t->result.train_images = s->train.total - (s->train.cached ? 0 : s->train.skipped);
    t->result.val_images =
        t->has_validation ? s->validation.total - (s->validation.cached ? 0 : s->validation.skipped)
                          : 0;
    t->result.skipped = s->train.skipped + s->validation.skipped;
    return GRAFT_OK;
}

graft_status gft_stage_run(gft_trainer *t, const gft_stage_plan *plan, graft_error *err) {
    graft_status status = GRAFT_OK;
    stage s = {.t = t, .plan = plan};
    if (!t->resuming)
        enter(t, plan);
    GFT_GOTO(open_stage(&s, err));
    t->resuming = false;
    while (!t->state.stage_done)
        GFT_GOTO(run_epoch(&s, err));
    if (t->has_validation && isfinite(t->state.best_val_loss))
        gft_master_restore_best(s.master);
    GFT_GOTO(final_figures(&s, err));
done:
    close_stage(&s);
    return status;
}
