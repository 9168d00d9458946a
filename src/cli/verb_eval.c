/*
 * graft eval: accuracy, loss, per-class precision and recall, confusion matrix.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/eval_report.h"
#include "cli/json_out.h"
#include "cli/progress.h"
#include "cli/verbs.h"

static const cli_verb verb = {"eval",
                              "MODEL DATA",
                              "accuracy, loss and confusion matrix on labelled pictures",
                              "graft eval model pictures --html report.html",
                              2,
                              2};

static void print_json(const graft_model *model, const graft_evaluation *e) {
    cli_json j = {0};
    cli_json_open(&j, NULL, '{');
    cli_json_int(&j, "images", e->images);
    cli_json_real(&j, "top1", e->top1);
    cli_json_real(&j, "top5", e->top5);
    cli_json_real(&j, "loss", e->loss);
    cli_json_open(&j, "classes", '[');
    for (int32_t i = 0; i < e->classes; i++) {
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "name", graft_model_label(model, i));
        cli_json_real(&j, "precision", e->precision[i]);
        cli_json_real(&j, "recall", e->recall[i]);
        cli_json_int(&j, "support", e->support[i]);
        cli_json_close(&j, '}');
    }
    cli_json_close(&j, ']');
    cli_json_open(&j, "confusion", '[');
    for (int32_t i = 0; i < e->classes; i++) {
        cli_json_open(&j, NULL, '[');
        for (int32_t k = 0; k < e->classes; k++)
            cli_json_int(&j, NULL, e->confusion[(int64_t)i * e->classes + k]);
        cli_json_close(&j, ']');
    }
    cli_json_close(&j, ']');
    cli_json_int(&j, "skipped", e->skipped);
    cli_json_close(&j, '}');
}

static void print_share(double value) {
    if (isfinite(value))
        printf(" %9.4f", value);
    else
        printf(" %9s", "-");
}

static void print_text(const graft_model *model, const graft_evaluation *e) {
    enum { WIDE = 20 }; /* more classes than this: no matrix on the terminal */
    printf("%lld pictures: top-1 %.2f %%, top-5 %.2f %%, loss %.4f", (long long)e->images,
           100 * e->top1, 100 * e->top5, e->loss);
    if (e->skipped > 0)
        printf(", %lld broken ones skipped", (long long)e->skipped);
    printf("\n\n%-28s %9s %9s %9s\n", "class", "precision", "recall", "support");
    for (int32_t i = 0; i < e->classes; i++) {
        printf("%-28.28s", graft_model_label(model, i));
        print_share(e->precision[i]);
        print_share(e->recall[i]);
        printf(" %9lld\n", (long long)e->support[i]);
    }
    if (e->classes > WIDE)
        return;
    printf("\nconfusion (rows: true class, columns: predicted, in the order above)\n");
    for (int32_t i = 0; i < e->classes; i++) {
        printf("%-28.28s", graft_model_label(model, i));
        for (int32_t k = 0; k < e->classes; k++)
            printf(" %5lld", (long long)e->confusion[(int64_t)i * e->classes + k]);
        printf("\n");
    }
}

static void on_progress(void *context, int64_t done, int64_t total) {
    cli_progress_show(context, "eval", done, total);
}

static void on_broken(void *context, int64_t id, const char *path, const char *reason) {
    (void)id;
    cli_progress_clear(context);
    fprintf(stderr, "warning: skipped %s: %s\n", path, reason);
}

typedef struct eval_flags {
    const char *split, *html;
    int32_t batch, threads;
    graft_dtype precision;
    bool strict, json;
} eval_flags;

/* The split of this name; GRAFT_SPLIT_ALL for "all", and -2 for a name that is none. */
static int find_split(const char *name) {
    for (int s = GRAFT_SPLIT_ALL; s <= GRAFT_SPLIT_TEST; s++)
        if (strcmp(graft_split_name((graft_split)s), name) == 0)
            return s;
    return GRAFT_SPLIT_ALL - 1;
}

/*
 * Without a name: the test pictures if there are any; a data set without splits is evaluated whole.
 */
static graft_split choose_split(const graft_dataset *data, const char *name) {
    if (name)
        return (graft_split)find_split(name);
    return graft_dataset_count(data, GRAFT_SPLIT_TEST) > 0 ? GRAFT_SPLIT_TEST : GRAFT_SPLIT_ALL;
}

static graft_status eval(const graft_model *model, graft_dataset *data, const eval_flags *f,
                         graft_evaluation *out, graft_error *err) {
    graft_session *session = NULL;
    graft_preprocess rule;
    cli_progress progress = cli_progress_make(f->json);
    if (!graft_model_preprocess(model, &rule))
        rule = graft_preprocess_default(224, 224);
    graft_data_options options = graft_data_options_default(rule.height, rule.width);
    options.preprocess = rule;
    options.split = choose_split(data, f->split);
    options.batch_size = f->batch;
    options.threads = f->threads;
    options.strict = f->strict;
    options.on_broken = on_broken;
    options.context = &progress;
    graft_status status = graft_session_new(model, graft_model_find_signature(model, NULL),
                                            f->threads, &session, err);
    if (status == GRAFT_OK)
        status = graft_session_set_precision(session, f->precision, err);
    if (status == GRAFT_OK)
        status = graft_evaluate(session, data, &options, on_progress, &progress, out, err);
    cli_progress_clear(&progress);
    graft_session_free(session);
    return status;
}

int cli_eval(int argc, char **argv) {
    eval_flags f = {.batch = 32};
    const char *precision = NULL;
    const cli_option options[] = {
        {"split", CLI_TEXT, &f.split, "S", "train, val, test or all; test if there is one", 0, 0},
        {"html", CLI_TEXT, &f.html, "FILE", "report with coloured confusion matrix", 0, 0},
        {"batch-size", CLI_INT, &f.batch, "N", "pictures at a time", 1, 65536},
        {"threads", CLI_INT, &f.threads, "N", "0: the cores there are", 0, 4096},
        {"precision", CLI_TEXT, &precision, "P",
         "f32, bf16 or f16: of products and of what lies between them", 0, 0},
        {"strict", CLI_FLAG, &f.strict, NULL, "a broken picture is an error", 0, 0},
        {"json", CLI_FLAG, &f.json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    code = cli_precision("eval", precision, &f.precision);
    if (code != CLI_OK)
        return code;
    if (f.split && find_split(f.split) < GRAFT_SPLIT_ALL) {
        fprintf(
            stderr,
            "graft eval: --split takes train, val, test or all, not '%s'; see graft eval --help\n",
            f.split);
        return CLI_USAGE;
    }
    graft_error err = {0};
    graft_model *model = NULL;
    graft_dataset *data = NULL;
    graft_evaluation e = {0};
    graft_status status = graft_model_open(args.items[0], &model, &err);
    if (status == GRAFT_OK)
        status = graft_dataset_open(
            args.items[1], GRAFT_DATASET_ONE_CLASS_OK | GRAFT_DATASET_EMPTY_CLASS_OK, &data, &err);
    if (status == GRAFT_OK)
        status = eval(model, data, &f, &e, &err);
    if (status == GRAFT_OK && f.html)
        code = cli_eval_html(f.html, args.items[0], args.items[1], model, &e);
    if (status != GRAFT_OK)
        code = cli_fail("eval", &err);
    else if (code == CLI_OK && f.json)
        print_json(model, &e);
    else if (code == CLI_OK)
        print_text(model, &e);
    graft_evaluation_deinit(&e);
    graft_dataset_free(data);
    graft_model_free(model);
    return code;
}
