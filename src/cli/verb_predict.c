/*
 * graft predict: labels and scores of pictures.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {
    "predict",
    "MODEL FILE...",
    "labels and scores of pictures",
    "graft predict google/efficientnet/lite0/classification/1 cat.jpg --top 5",
    2,
    -1};

#define MAX_TOP 1000

static void print_text(const char *file, const graft_prediction *p, int32_t count) {
    printf("%s\n", file);
    for (int32_t i = 0; i < count; i++)
        printf("  %8.4f  %s\n", (double)p[i].score, p[i].label);
}

static void print_json(cli_json *j, const char *file, const graft_prediction *p, int32_t count) {
    cli_json_open(j, NULL, '{');
    cli_json_text(j, "file", file);
    cli_json_open(j, "predictions", '[');
    for (int32_t i = 0; i < count; i++) {
        cli_json_open(j, NULL, '{');
        cli_json_text(j, "label", p[i].label);
        cli_json_int(j, "index", p[i].index);
        cli_json_real(j, "score", (double)p[i].score);
        cli_json_close(j, '}');
    }
    cli_json_close(j, ']');
    cli_json_close(j, '}');
}

/*
 * A file that cannot be read is named and passed over; the exit code then says that not all went
 * well.
 */
static int predict_all(graft_session *session, const cli_args *args, int32_t top, bool json) {
    static graft_prediction best[MAX_TOP];
    int code = CLI_OK;
    cli_json j = {0};
    if (json)
        cli_json_open(&j, NULL, '[');
    for (int32_t i = 1; i < args->count; i++) {
        graft_error err = {0};
        int32_t count = 0;
        if (graft_predict_file(session, args->items[i], top, best, &count, &err) != GRAFT_OK)
            code = cli_fail("predict", &err);
        else if (json)
            print_json(&j, args->items[i], best, count);
        else
            print_text(args->items[i], best, count);
    }
    if (json)
        cli_json_close(&j, ']');
    return code;
}

int cli_predict(int argc, char **argv) {
    int32_t top = 5;
    int32_t threads = 0;
    bool json = false;
    const char *precision_text = NULL;
    graft_dtype precision = GRAFT_F32;
    const cli_option options[] = {
        {"top", CLI_INT, &top, "K", "how many labels", 1, MAX_TOP},
        {"threads", CLI_INT, &threads, "N", "0: the cores there are", 0, 4096},
        {"precision", CLI_TEXT, &precision_text, "P",
         "f32, bf16 or f16: of products and of what lies between them", 0, 0},
        {"json", CLI_FLAG, &json, NULL, "a list of {file, predictions} on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    code = cli_precision("predict", precision_text, &precision);
    if (code != CLI_OK)
        return code;
    graft_error err = {0};
    graft_model *model = NULL;
    graft_session *session = NULL;
    if (graft_model_open(args.items[0], &model, &err) != GRAFT_OK)
        return cli_fail("predict", &err);
    if (graft_session_new(model, graft_model_find_signature(model, NULL), threads, &session,
                          &err) == GRAFT_OK &&
        graft_session_set_precision(session, precision, &err) == GRAFT_OK)
        code = predict_all(session, &args, top, json);
    else
        code = cli_fail("predict", &err);
    graft_session_free(session);
    graft_model_free(model);
    return code;
}
