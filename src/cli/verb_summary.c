/*
 * graft summary: layers with shapes, parameters and multiply-adds; --ops lists what the source
 * uses.
 */
#include <stdio.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {
    "summary", "MODEL", "layers, shapes, parameters, multiply-adds", "graft summary model --ops",
    1,         1};

static void put_tensors(const graft_model *model, int32_t s, bool inputs) {
    char text[128];
    const char *name;
    graft_tensor_desc desc;
    int32_t count = inputs ? graft_model_input_count(model, s) : graft_model_output_count(model, s);
    for (int32_t i = 0; i < count; i++) {
        bool ok = inputs ? graft_model_input(model, s, i, &name, &desc)
                         : graft_model_output(model, s, i, &name, &desc);
        if (ok)
            printf("  %-7s %s  %s\n", inputs ? "in" : "out", name, cli_desc_text(&desc, text));
    }
}

static void put_signatures(const graft_model *model) {
    for (int32_t s = 0; s < graft_model_signature_count(model); s++) {
        const char *problem = graft_model_signature_problem(model, s);
        printf("signature %s%s%s\n", graft_model_signature_name(model, s),
               problem ? ": not run here: " : "", problem ? problem : "");
        put_tensors(model, s, true);
        put_tensors(model, s, false);
    }
}

static void put_layers(const graft_model *model, const graft_layer_info *layers, int32_t count,
                       bool json) {
    int64_t macs = 0;
    cli_json j = {0};
    char text[128];
    for (int32_t i = 0; i < count; i++)
        macs += layers[i].macs;
    if (!json) {
        printf("\n%-34s %-26s %-24s %12s %14s\n", "layer", "op", "output", "parameters",
               "multiply-adds");
        for (int32_t i = 0; i < count; i++)
            printf("%-34.34s %-26.26s %-24s %12lld %14lld%s\n", layers[i].name, layers[i].op,
                   cli_desc_text(&layers[i].output, text), (long long)layers[i].parameters,
                   (long long)layers[i].macs, layers[i].trainable ? "" : "  frozen");
        printf("\n%d layers, %lld parameters (%lld trainable), %.1f M multiply-adds\n", (int)count,
               (long long)graft_model_parameter_count(model, false),
               (long long)graft_model_parameter_count(model, true), (double)macs * 1e-6);
        return;
    }
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "model", graft_model_name(model));
    cli_json_int(&j, "parameters", graft_model_parameter_count(model, false));
    cli_json_int(&j, "trainable_parameters", graft_model_parameter_count(model, true));
    cli_json_int(&j, "macs", macs);
    cli_json_open(&j, "layers", '[');
    for (int32_t i = 0; i < count; i++) {
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "name", layers[i].name);
        cli_json_text(&j, "op", layers[i].op);
        cli_json_text(&j, "output", cli_desc_text(&layers[i].output, text));
        cli_json_int(&j, "parameters", layers[i].parameters);
        cli_json_int(&j, "macs", layers[i].macs);
        cli_json_bool(&j, "trainable", layers[i].trainable);
        cli_json_close(&j, '}');
    }
    cli_json_close(&j, ']');
    cli_json_close(&j, '}');
}

static void put_ops(const graft_op_info *ops, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        printf("%6d  %-32s", (int)ops[i].count, ops[i].name);
        if (!ops[i].supported)
            printf(" missing%s%s%s%s%s%s", ops[i].node ? ": node '" : "",
                   ops[i].node ? ops[i].node : "", ops[i].node ? "'" : "",
                   ops[i].function ? " in function '" : "", ops[i].function ? ops[i].function : "",
                   ops[i].function ? "'" : "");
        printf("\n");
    }
}

static void put_ops_json(const graft_op_info *ops, int32_t count) {
    cli_json j = {0};
    cli_json_open(&j, NULL, '[');
    for (int32_t i = 0; i < count; i++) {
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "op", ops[i].name);
        cli_json_int(&j, "count", ops[i].count);
        cli_json_bool(&j, "supported", ops[i].supported);
        if (ops[i].node)
            cli_json_text(&j, "node", ops[i].node);
        if (ops[i].function)
            cli_json_text(&j, "function", ops[i].function);
        cli_json_close(&j, '}');
    }
    cli_json_close(&j, ']');
}

static graft_status summarise_ops(const graft_model *model, int32_t signature, bool json,
                                  graft_error *err) {
    graft_op_info *ops = NULL;
    int32_t count = 0;
    graft_status status = graft_model_ops(model, signature, &ops, &count, err);
    if (status == GRAFT_OK && json)
        put_ops_json(ops, count);
    else if (status == GRAFT_OK)
        put_ops(ops, count);
    graft_ops_free(ops);
    return status;
}

/* The ops of every signature. */
static graft_status summarise_all_ops(const graft_model *model, graft_error *err) {
    graft_status status = GRAFT_OK;
    const int32_t signatures = graft_model_signature_count(model);
    for (int32_t s = 0; s < signatures && status == GRAFT_OK; s++) {
        const char *problem = graft_model_signature_problem(model, s);
        printf("%ssignature %s%s%s\n", s > 0 ? "\n" : "", graft_model_signature_name(model, s),
               problem ? ": not run here: " : "", problem ? problem : "");
        status = summarise_ops(model, s, false, err);
    }
    return status;
}

static graft_status summarise(const graft_model *model, int32_t signature, bool json,
                              graft_error *err) {
    graft_layer_info *layers = NULL;
    int32_t count = 0;
    graft_status status = graft_model_layers(model, signature, &layers, &count, err);
    if (status == GRAFT_OK && !json)
        put_signatures(model);
    if (status == GRAFT_OK)
        put_layers(model, layers, count, json);
    graft_layers_free(layers);
    return status;
}

int cli_summary(int argc, char **argv) {
    const char *signature = NULL;
    bool ops = false;
    bool json = false;
    const cli_option options[] = {
        {"signature", CLI_TEXT, &signature, "S", "default: serving_default", 0, 0},
        {"ops", CLI_FLAG, &ops, NULL, "ops of the source, and which are missing here", 0, 0},
        {"json", CLI_FLAG, &json, NULL, "JSON on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    graft_error err = {0};
    graft_model *model = NULL;
    if (graft_model_open(args.items[0], &model, &err) != GRAFT_OK)
        return cli_fail("summary", &err);
    int32_t index = graft_model_find_signature(model, signature);
    graft_status status = GRAFT_OK;
    if (ops && !signature && !json) {
        status = summarise_all_ops(model, &err);
    } else if (index < 0) {
        fprintf(stderr, "graft summary: the model has no signature '%s'\n",
                signature ? signature : "serving_default");
        code = CLI_FAILED;
    } else {
        status =
            ops ? summarise_ops(model, index, json, &err) : summarise(model, index, json, &err);
    }
    if (status != GRAFT_OK)
        code = cli_fail("summary", &err);
    graft_model_free(model);
    return code;
}
