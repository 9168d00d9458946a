/*
 * graft run: any model on named arrays.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {"run",
                              "MODEL",
                              "run any model on named arrays (.npz or .npy)",
                              "graft run model --input in.npz --output out.npz",
                              1,
                              1};

static void report(const graft_tensor *outputs, int32_t count, const char *file, bool json) {
    cli_json j = {0};
    char text[128];
    if (!json) {
        for (int32_t i = 0; i < count; i++)
            printf("%s  %s\n", outputs[i].name, cli_desc_text(&outputs[i].desc, text));
        return;
    }
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "output", file);
    cli_json_open(&j, "tensors", '[');
    for (int32_t i = 0; i < count; i++) {
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "name", outputs[i].name);
        cli_json_text(&j, "dtype", graft_dtype_name(outputs[i].desc.dtype));
        cli_json_open(&j, "shape", '[');
        for (int32_t d = 0; d < outputs[i].desc.shape.rank; d++)
            cli_json_int(&j, NULL, outputs[i].desc.shape.dims[d]);
        cli_json_close(&j, ']');
        cli_json_close(&j, '}');
    }
    cli_json_close(&j, ']');
    cli_json_close(&j, '}');
}

static graft_status run(const graft_model *model, int32_t signature, const char *input,
                        const char *output, int32_t threads, bool json, graft_error *err) {
    graft_session *session = NULL;
    graft_tensor *in = NULL;
    int32_t in_count = 0;
    int32_t out_count = graft_model_output_count(model, signature);
    graft_tensor *out = calloc((size_t)out_count + 1, sizeof *out);
    graft_status status = GRAFT_RESOURCE_EXHAUSTED;
    if (out)
        status = graft_arrays_read(input, &in, &in_count, err);
    if (status == GRAFT_OK)
        status = graft_session_new(model, signature, threads, &session, err);
    if (status == GRAFT_OK)
        status = graft_session_run(session, in, in_count, out, out_count, err);
    if (status == GRAFT_OK)
        status = graft_arrays_write(output, out, out_count, err);
    if (status == GRAFT_OK)
        report(out, out_count, output, json);
    graft_session_free(session);
    graft_arrays_free(in, in_count);
    free(out);
    return status;
}

int cli_run(int argc, char **argv) {
    const char *input = NULL;
    const char *output = NULL;
    const char *signature = NULL;
    int32_t threads = 0;
    bool json = false;
    const cli_option options[] = {
        {"input", CLI_TEXT, &input, "FILE", ".npz with arrays by input name, or one .npy", 0, 0},
        {"output", CLI_TEXT, &output, "FILE", ".npz to write, arrays by output name", 0, 0},
        {"signature", CLI_TEXT, &signature, "S", "default: serving_default", 0, 0},
        {"threads", CLI_INT, &threads, "N", "0: the cores there are", 0, 4096},
        {"json", CLI_FLAG, &json, NULL, "names, types and shapes of the outputs on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    if (!input || !output) {
        fprintf(stderr, "graft run: --%s is needed; see graft run --help\n",
                input ? "output" : "input");
        return CLI_USAGE;
    }
    graft_error err = {0};
    graft_model *model = NULL;
    if (graft_model_open(args.items[0], &model, &err) != GRAFT_OK)
        return cli_fail("run", &err);
    int32_t index = graft_model_find_signature(model, signature);
    if (index < 0) {
        fprintf(stderr, "graft run: the model has no signature '%s'; it has:",
                signature ? signature : "serving_default");
        for (int32_t i = 0; i < graft_model_signature_count(model); i++)
            fprintf(stderr, " %s", graft_model_signature_name(model, i));
        fprintf(stderr, "\n");
        code = CLI_FAILED;
    } else if (run(model, index, input, output, threads, json, &err) != GRAFT_OK) {
        code = cli_fail("run", &err);
    }
    graft_model_free(model);
    return code;
}
