/*
 * graft diff: two models of any format on the same input, layer by layer where names allow.
 */
#include <stdio.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {"diff",
                              "A B",
                              "run two models on the same input and compare them layer by layer",
                              "graft diff model model.tflite --input cat.jpg",
                              2,
                              2};

static void print_row(const graft_diff_row *row) {
    char text[128];
    const graft_tensor_desc desc = {GRAFT_F32, row->shape, NULL};
    const bool renamed = strcmp(row->name_a, row->name_b) != 0;
    printf("%c %-44s %-16s %-24s %10.3g %10.3g %10.3g%s%s\n", row->differs ? '!' : ' ', row->name_a,
           row->op, strchr(cli_desc_text(&desc, text), '['), row->max_error, row->mean_error,
           row->range, renamed ? "  = " : "", renamed ? row->name_b : "");
}

static void print_text(const graft_diff *diff, bool all) {
    printf("  %-44s %-16s %-24s %10s %10s %10s\n", "name", "op", "shape", "max error", "mean error",
           "range");
    for (int32_t i = 0; i < diff->count; i++) {
        const graft_diff_row *row = &diff->rows[i];
        if (all || row->is_output || i == diff->first)
            print_row(row);
    }
    int32_t differing = 0;
    for (int32_t i = 0; i < diff->count; i++)
        differing += diff->rows[i].differs;
    if (diff->first < 0)
        printf("equal within the tolerance: %d values compared", (int)diff->count);
    else
        printf("%d of %d values differ; the first is %s", (int)differing, (int)diff->count,
               diff->rows[diff->first].name_a);
    printf("; without a partner: %d in A, %d in B\n", (int)diff->only_a, (int)diff->only_b);
}

static void print_json(const graft_diff *diff) {
    cli_json j = {0};
    cli_json_open(&j, NULL, '{');
    cli_json_bool(&j, "equal", diff->first < 0);
    cli_json_text(&j, "first", diff->first < 0 ? NULL : diff->rows[diff->first].name_a);
    cli_json_int(&j, "only_a", diff->only_a);
    cli_json_int(&j, "only_b", diff->only_b);
    cli_json_open(&j, "values", '[');
    for (int32_t i = 0; i < diff->count; i++) {
        const graft_diff_row *row = &diff->rows[i];
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "a", row->name_a);
        cli_json_text(&j, "b", row->name_b);
        cli_json_text(&j, "op", row->op);
        cli_json_bool(&j, "output", row->is_output);
        cli_json_real(&j, "max_error", row->max_error);
        cli_json_real(&j, "mean_error", row->mean_error);
        cli_json_real(&j, "range", row->range);
        cli_json_bool(&j, "differs", row->differs);
        cli_json_close(&j, '}');
    }
    cli_json_close(&j, ']');
    cli_json_close(&j, '}');
}

static bool is_arrays(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".npz") == 0 || strcmp(dot, ".npy") == 0);
}

static graft_status compare(char *const paths[2], const char *input, graft_diff_options *options,
                            bool json, bool all, bool *equal, graft_error *err) {
    graft_model *a = NULL;
    graft_model *b = NULL;
    graft_tensor *in = NULL;
    int32_t in_count = 0;
    graft_diff diff = {.first = -1};
    graft_status status = graft_model_open(paths[0], &a, err);
    if (status == GRAFT_OK)
        status = graft_model_open(paths[1], &b, err);
    if (status == GRAFT_OK && input && is_arrays(input))
        status = graft_arrays_read(input, &in, &in_count, err);
    else if (status == GRAFT_OK)
        options->picture = input;
    if (status == GRAFT_OK)
        status = graft_model_diff(a, b, options, in, in_count, &diff, err);
    if (status == GRAFT_OK) {
        *equal = diff.first < 0;
        if (json)
            print_json(&diff);
        else
            print_text(&diff, all);
    }
    graft_diff_deinit(&diff);
    graft_arrays_free(in, in_count);
    graft_model_free(a);
    graft_model_free(b);
    return status;
}

int cli_diff(int argc, char **argv) {
    graft_diff_options o = {.tolerance = 2e-5};
    const char *input = NULL;
    int32_t seed = 0;
    bool json = false;
    bool outputs = false;
    bool equal = false;
    const cli_option options[] = {
        {"input", CLI_TEXT, &input, "FILE", "picture, .npz or .npy; default: seeded random values",
         0, 0},
        {"tolerance", CLI_REAL, &o.tolerance, "F",
         "largest error that counts as equal, as a part of the range of a value", 0, 1},
        {"per-op", CLI_FLAG, &o.per_op, NULL, "every op, not the last one of each layer", 0, 0},
        {"outputs", CLI_FLAG, &outputs, NULL, "show the outputs and the first difference alone", 0,
         0},
        {"signature", CLI_TEXT, &o.signature_a, "S", "of both; default: serving_default", 0, 0},
        {"signature-b", CLI_TEXT, &o.signature_b, "S", "of B, where it has another name", 0, 0},
        {"seed", CLI_INT, &seed, "N", "of the random values", 0, 0x7fffffff},
        {"threads", CLI_INT, &o.threads, "N", "0: the cores there are", 0, 4096},
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    graft_error err = {0};
    o.seed = (uint64_t)seed;
    if (!o.signature_b)
        o.signature_b = o.signature_a;
    if (compare(args.items, input, &o, json, !outputs, &equal, &err) != GRAFT_OK)
        return cli_fail("diff", &err);
    return equal ? CLI_OK : CLI_FAILED;
}
