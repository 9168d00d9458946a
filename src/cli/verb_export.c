/*
 * graft export: a model in another format. SavedModel so far.
 */
#include <stdio.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {"export",
                              "MODEL OUT",
                              "write a model in another format",
                              "graft export model exported --format savedmodel",
                              2,
                              2};

int cli_export(int argc, char **argv) {
    const char *format = "savedmodel";
    bool overwrite = false;
    bool json = false;
    const cli_option options[] = {
        {"format", CLI_TEXT, &format, "F", "savedmodel", 0, 0},
        {"overwrite", CLI_FLAG, &overwrite, NULL, "replace an existing model at OUT", 0, 0},
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    if (strcmp(format, "savedmodel") != 0) {
        fprintf(stderr, "graft export: this build writes the format savedmodel, not '%s'\n",
                format);
        return CLI_USAGE;
    }
    graft_error err = {0};
    graft_model *model = NULL;
    if (graft_model_open(args.items[0], &model, &err) != GRAFT_OK)
        return cli_fail("export", &err);
    if (graft_model_save(model, args.items[1], overwrite, &err) != GRAFT_OK) {
        code = cli_fail("export", &err);
    } else if (json) {
        cli_json j = {0};
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "out", args.items[1]);
        cli_json_text(&j, "format", format);
        cli_json_close(&j, '}');
    } else {
        printf("%s: SavedModel written\n", args.items[1]);
    }
    graft_model_free(model);
    return code;
}
