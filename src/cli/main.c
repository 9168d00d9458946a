/*
 * graft: the program. Finds the verb, runs it, returns its exit code: 0 ok, 1 failed, 2 usage.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"

static const cli_subverb verbs[] = {
    {"train", cli_train, "train a head on a backbone, fine-tune, write a SavedModel"},
    {"eval", cli_eval, "accuracy, loss and confusion matrix on labelled pictures"},
    {"predict", cli_predict, "labels and scores of pictures"},
    {"run", cli_run, "run any model on named arrays (.npz)"},
    {"summary", cli_summary, "layers, shapes, parameters, multiply-adds"},
    {"export", cli_export, "write a model in another format"},
    {"convert", cli_convert, "one model format to another, told by the name"},
    {"diff", cli_diff, "two models on the same input, layer by layer"},
    {"bench", cli_bench, "latency, throughput, memory, per-op profile"},
    {"hub", cli_hub, "versioned, verified modules: add, list, show, verify, lock"},
    {"data", cli_data, "data sets: import, show"},
    {"doctor", cli_doctor, "processor, libraries, store: what this build has"},
    {NULL, NULL, NULL},
};

static void print_log(void *context, graft_log_severity severity, const char *message) {
    (void)context;
    if (severity >= GRAFT_LOG_WARNING)
        fprintf(stderr, "graft: %s\n", message);
}

int cli_fail(const char *verb, const graft_error *err) {
    fprintf(stderr, "graft %s: %s\n", verb,
            err->message[0] ? err->message : graft_status_name(err->code));
    return CLI_FAILED;
}

const char *cli_desc_text(const graft_tensor_desc *desc, char out[128]) {
    int at = snprintf(out, 128, "%s [", graft_dtype_name(desc->dtype));
    for (int32_t i = 0; i < desc->shape.rank && at > 0 && at < 100; i++) {
        if (desc->shape.dims[i] < 0)
            at += snprintf(out + at, 128 - (size_t)at, "%s?", i ? "," : "");
        else
            at += snprintf(out + at, 128 - (size_t)at, "%s%lld", i ? "," : "",
                           (long long)desc->shape.dims[i]);
    }
    (void)snprintf(out + at, 128 - (size_t)at, "]");
    return out;
}

static void show_verbs(const char *title, const cli_subverb *table) {
    printf("%s\n\n", title);
    for (const cli_subverb *v = table; v->name; v++)
        printf("  %-10s %s\n", v->name, v->summary);
}

int cli_dispatch(const char *verb, const cli_subverb *table, int argc, char **argv) {
    const char *words[32];
    size_t count = 0;
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "graft%s%s", verb[0] ? " " : "", verb);
    for (const cli_subverb *v = table; v->name && count < 32; v++) {
        words[count++] = v->name;
        if (argc > 0 && strcmp(v->name, argv[0]) == 0)
            return v->run(argc - 1, argv + 1);
    }
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 ||
                     strcmp(argv[0], "help") == 0)) {
        char title[160];
        (void)snprintf(title, sizeof title, "Usage: %s VERB ...    (%s VERB --help tells more)",
                       prefix, prefix);
        show_verbs(title, table);
        return CLI_OK;
    }
    if (argc == 0) {
        fprintf(stderr, "%s: expected a verb; see %s --help\n", prefix, prefix);
        return CLI_USAGE;
    }
    const char *near = graft_nearest_word(argv[0], words, count);
    fprintf(stderr, "%s: unknown verb '%s'%s%s%s; see %s --help\n", prefix, argv[0],
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", prefix);
    return CLI_USAGE;
}

int main(int argc, char **argv) {
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe shows as a write error */
    (void)signal(SIGXFSZ, SIG_IGN); /* and so does a file that may not grow */
    graft_log_to(print_log, NULL);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)) {
        printf("graft %s (%s kernels)\n", graft_version(), graft_cpu_level());
        return CLI_OK;
    }
    int code = cli_dispatch("", verbs, argc - 1, argv + 1);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "graft: standard output cannot be written\n");
        return CLI_FAILED;
    }
    return code;
}
