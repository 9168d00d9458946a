/*
 * graft export and graft convert: a model of any format that is read in any format that is written.
 */
#include <stdio.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

#define FORMATS "savedmodel, keras, h5, weights, tflite, tflite-f16, tflite-dynamic, tfjs"

static const cli_verb export_verb = {"export",
                                     "MODEL OUT",
                                     "write a model in another format",
                                     "graft export model model.tflite --format tflite",
                                     2,
                                     2};
static const cli_verb convert_verb = {"convert",
                                      "IN OUT",
                                      "one model format to another, told by OUT's name",
                                      "graft convert model model.keras",
                                      2,
                                      2};

/* What is asked for. */
typedef struct request {
    const char *word; /* --format; NULL: told by the name */
    const char *weights;
    bool by_name, overwrite, json;
    graft_format format;
} request;

static bool choose_format(const char *verb, request *r, const char *out) {
    r->format = r->word ? graft_format_named(r->word) : graft_format_of_name(out);
    if (r->format != GRAFT_FORMAT_NONE)
        return true;
    if (r->word)
        fprintf(stderr, "graft %s: no format '%s'; expected one of: " FORMATS "\n", verb, r->word);
    else
        fprintf(stderr,
                "graft %s: the name '%s' tells no format (DIR, .keras, .h5, .weights.h5, .tflite, "
                "model.json); say it with --format\n",
                verb, out);
    return false;
}

/* "DIR/model.json" names TF.js' directory. */
static const char *strip_model_json(const char *out, char *text, size_t size) {
    const char *slash = strrchr(out, '/');
    if (strcmp(slash ? slash + 1 : out, "model.json") != 0)
        return out;
    const int length = slash ? (int)(slash - out) : 1;
    const int n = snprintf(text, size, "%.*s", length, slash ? out : ".");
    return n > 0 && (size_t)n < size ? text : out;
}

static graft_status write_model(const request *r, const char *in, const char *out,
                                graft_error *err) {
    graft_model *model = NULL;
    graft_status status = graft_model_open(in, &model, err);
    if (status == GRAFT_OK && r->weights)
        status = graft_model_load_weights(model, r->weights, r->by_name, err);
    if (status == GRAFT_OK)
        status = graft_model_export(model, r->format, out, r->overwrite, err);
    graft_model_free(model);
    return status;
}

static int export_as(const cli_verb *verb, int argc, char **argv) {
    request r = {0};
    char dir[4096];
    const cli_option options[] = {
        {"format", CLI_TEXT, &r.word, "F", FORMATS "; default: told by OUT's name", 0, 0},
        {"weights", CLI_TEXT, &r.weights, "FILE",
         "put these weights in first: .weights.h5, .h5, .keras or .npz", 0, 0},
        {"by-name", CLI_FLAG, &r.by_name, NULL, "match the layers of an .h5 by name, not by order",
         0, 0},
        {"overwrite", CLI_FLAG, &r.overwrite, NULL, "replace an existing model at OUT", 0, 0},
        {"json", CLI_FLAG, &r.json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    const char *out = args.items[1];
    if (!choose_format(verb->name, &r, out))
        return CLI_USAGE;
    graft_error err = {0};
    if (r.format == GRAFT_FORMAT_TFJS)
        out = strip_model_json(out, dir, sizeof dir);
    if (write_model(&r, args.items[0], out, &err) != GRAFT_OK)
        return cli_fail(verb->name, &err);
    if (r.json) {
        cli_json j = {0};
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "out", args.items[1]);
        cli_json_text(&j, "format", graft_format_name(r.format));
        cli_json_close(&j, '}');
    } else {
        printf("%s: %s written\n", args.items[1], graft_format_name(r.format));
    }
    return CLI_OK;
}

int cli_export(int argc, char **argv) {
    return export_as(&export_verb, argc, argv);
}

int cli_convert(int argc, char **argv) {
    return export_as(&convert_verb, argc, argv);
}
