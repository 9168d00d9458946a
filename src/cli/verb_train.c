/*
 * graft train: pictures in, SavedModel out.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/progress.h"
#include "cli/verbs.h"

static const cli_verb verb = {
    "train",
    "DATA",
    "train a head on a frozen backbone, fine-tune, write a SavedModel",
    "graft train pictures --backbone google/efficientnet/lite0/feature-vector/1 --out model "
    "--fine-tune last:30%",
    1,
    1};

static volatile sig_atomic_t stopped;

static void on_interrupt(int number) {
    (void)number;
    stopped = 1;
}

typedef struct train_context {
    cli_progress progress;
    bool quiet;
} train_context;

static void show_epoch(const graft_train_event *e) {
    fprintf(stderr, "%s epoch %d/%d  loss %.4f  accuracy %.4f", e->stage, (int)e->epoch,
            (int)e->epochs, e->loss, e->accuracy);
    if (isfinite(e->val_loss))
        fprintf(stderr, "  val_loss %.4f  val_accuracy %.4f", e->val_loss, e->val_accuracy);
    fprintf(stderr, "  lr %g  %.2f s\n", e->lr, e->seconds);
}

static bool on_event(void *context, const graft_train_event *e) {
    train_context *c = context;
    if (e->kind == GRAFT_TRAIN_PROGRESS) {
        cli_progress_show(&c->progress, e->stage, e->done, e->total);
        return !stopped;
    }
    cli_progress_clear(&c->progress);
    if (e->kind == GRAFT_TRAIN_WARNING)
        fprintf(stderr, "warning: %s\n", e->message);
    else if (!c->quiet && e->kind == GRAFT_TRAIN_INFO)
        fprintf(stderr, "%s\n", e->message);
    else if (!c->quiet && e->kind == GRAFT_TRAIN_EPOCH)
        show_epoch(e);
    return !stopped;
}

static void print_json(const char *out, const graft_train_result *r) {
    cli_json j = {0};
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "out", out);
    cli_json_real(&j, "train_top1", r->train_top1);
    cli_json_real(&j, "val_top1", r->val_top1);
    cli_json_real(&j, "val_loss", r->val_loss);
    cli_json_int(&j, "epochs", r->epochs);
    cli_json_real(&j, "seconds", r->seconds);
    cli_json_real(&j, "images_per_s", r->images_per_s);
    cli_json_real(&j, "peak_rss_mb", r->peak_rss_mb);
    cli_json_real(&j, "train_loss", r->train_loss);
    cli_json_int(&j, "train_images", r->train_images);
    cli_json_int(&j, "val_images", r->val_images);
    cli_json_int(&j, "skipped", r->skipped);
    cli_json_close(&j, '}');
}

static void print_text(const char *out, const graft_train_result *r) {
    printf("trained on %lld pictures in %.1f s (%d epochs), peak memory %.0f MB",
           (long long)r->train_images, r->seconds, (int)r->epochs, r->peak_rss_mb);
    if (r->skipped > 0)
        printf(", %lld broken pictures skipped", (long long)r->skipped);
    printf("\ntrain accuracy %.2f %%", 100 * r->train_top1);
    if (isfinite(r->val_top1))
        printf(", validation accuracy %.2f %% (loss %.4f)", 100 * r->val_top1, r->val_loss);
    printf("\nmodel: %s\n", out);
}

static void print_plan(const graft_dataset *data, const graft_train_options *o) {
    printf("data:      %lld train, %lld validation, %lld test pictures in %d classes\n",
           (long long)graft_dataset_count(data, GRAFT_SPLIT_TRAIN),
           (long long)graft_dataset_count(data, GRAFT_SPLIT_VALIDATION),
           (long long)graft_dataset_count(data, GRAFT_SPLIT_TEST),
           (int)graft_dataset_class_count(data));
    printf("backbone:  %s\nhead:      %s%ssoftmax over %d classes\n", o->backbone, o->head,
           o->head[0] ? ", then " : "", (int)graft_dataset_class_count(data));
    printf("head:      %d epochs, batch %d, %s, lr %g\n", (int)o->epochs, (int)o->batch_size,
           o->optimizer, o->lr);
    printf("fine-tune: %s", o->fine_tune);
    if (strcmp(o->fine_tune, "none") != 0)
        printf(", %d epochs, lr %g", (int)o->fine_tune_epochs, o->fine_tune_lr);
    printf("\nout:       %s\n", o->out);
}

static int run(const char *data_path, const graft_train_options *o, bool json, bool plan) {
    graft_error err = {0};
    graft_dataset *data = NULL;
    graft_train_result result;
    train_context context = {cli_progress_make(json), json};
    if (graft_dataset_open(data_path, 0, &data, &err) != GRAFT_OK)
        return cli_fail("train", &err);
    if (plan) {
        print_plan(data, o);
        graft_dataset_free(data);
        return CLI_OK;
    }
    (void)signal(SIGINT, on_interrupt);
    (void)signal(SIGTERM, on_interrupt);
    graft_status status = graft_train(data, o, on_event, &context, &result, &err);
    cli_progress_clear(&context.progress);
    graft_dataset_free(data);
    if (status == GRAFT_CANCELLED)
        fprintf(stderr,
                "stopped; the same command with --resume goes on after the last finished epoch\n");
    if (status != GRAFT_OK)
        return cli_fail("train", &err);
    if (json)
        print_json(o->out, &result);
    else
        print_text(o->out, &result);
    return CLI_OK;
}

int cli_train(int argc, char **argv) {
    graft_train_options o = graft_train_options_default();
    bool json = false;
    bool plan = false;
    bool no_shuffle = false;
    int32_t seed = 1;
    const cli_option options[] = {
        {"backbone", CLI_TEXT, &o.backbone, "H",
         "hub handle or SavedModel directory with one feature vector", 0, 0},
        {"out", CLI_TEXT, &o.out, "DIR", "model directory to write", 0, 0},
        {"head", CLI_TEXT, &o.head, "SPEC", "layers before the softmax, none for no more", 0, 0},
        {"epochs", CLI_INT, &o.epochs, "N", "epochs of the head", 0, 1e6},
        {"batch-size", CLI_INT, &o.batch_size, "N", "pictures per step", 1, 65536},
        {"lr", CLI_REAL, &o.lr, "F", "learning rate of the head", 0, 1000},
        {"optimizer", CLI_TEXT, &o.optimizer, "O",
         "adam, adamw, sgd, rmsprop; options behind a colon: sgd:momentum=0.9", 0, 0},
        {"fine-tune", CLI_TEXT, &o.fine_tune, "MODE", "none, last:N, last:P%, all, gradual[:N]", 0,
         0},
        {"fine-tune-epochs", CLI_INT, &o.fine_tune_epochs, "N",
         "epochs of fine-tuning (gradual: per block)", 0, 1e6},
        {"fine-tune-lr", CLI_REAL, &o.fine_tune_lr, "F", "learning rate of fine-tuning", 0, 1000},
        {"precision", CLI_TEXT, &o.precision, "P",
         "f32, bf16 or f16 (loss scaled): of products and of what lies between them", 0, 0},
        {"augment", CLI_TEXT, &o.augment, "A", "none, flip, basic", 0, 0},
        {"label-smoothing", CLI_REAL, &o.label_smoothing, "F", "0 to 1", 0, 1},
        {"resize", CLI_TEXT, &o.resize, "R", "squeeze, crop, pad", 0, 0},
        {"validation-split", CLI_REAL, &o.validation_split, "F",
         "share of train/ kept for validation", 0, 0.9},
        {"early-stopping", CLI_INT, &o.early_stopping, "N",
         "epochs without a better validation loss, 0: off", 0, 1e6},
        {"initial-head", CLI_TEXT, &o.initial_head, "FILE", "head weights to start from (.npz)", 0,
         0},
        {"no-shuffle", CLI_FLAG, &no_shuffle, NULL, "pictures in the same order each epoch", 0, 0},
        {"memory-budget", CLI_SIZE, &o.memory_budget, "SIZE",
         "cached features beyond it go to a file; a quarter of what is free", 0, 0},
        {"strict", CLI_FLAG, &o.strict, NULL, "a broken picture is an error", 0, 0},
        {"resume", CLI_FLAG, &o.resume, NULL,
         "go on after the last finished epoch of a run that was cut", 0, 0},
        {"overwrite", CLI_FLAG, &o.overwrite, NULL, "replace an existing model at --out", 0, 0},
        {"seed", CLI_INT, &seed, "N", "of weights, order, dropout", 0, 2147483647},
        {"logdir", CLI_TEXT, &o.logdir, "DIR", "TensorBoard event files", 0, 0},
        {"threads", CLI_INT, &o.threads, "N", "0: the cores there are", 0, 4096},
        {"plan", CLI_FLAG, &plan, NULL, "only say what would be done", 0, 0},
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    if (!o.backbone || !o.out) {
        fprintf(stderr, "graft train: --%s is needed; see graft train --help\n",
                o.backbone ? "out" : "backbone");
        return CLI_USAGE;
    }
    o.seed = (uint64_t)seed;
    o.shuffle = !no_shuffle;
    if (strcmp(o.head, "none") == 0)
        o.head = "";
    graft_error err = {0};
    if (graft_train_options_check(&o, &err) != GRAFT_OK) {
        (void)cli_fail("train", &err);
        return CLI_USAGE;
    }
    return run(args.items[0], &o, json, plan);
}
