/*
 * graft doctor: what this build and this machine have.
 */
#include <stdio.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {
    "doctor", "", "processor, libraries, store: what this build has", "graft doctor", 0, 0};

static void print_json(int32_t modules, const char *store_problem) {
    cli_json j = {0};
    const char *name;
    const char *value;
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "version", graft_version());
    cli_json_text(&j, "cpu", graft_cpu_name());
    cli_json_int(&j, "cores", graft_cpu_count());
    cli_json_text(&j, "kernels", graft_cpu_level());
    cli_json_text(&j, "kernels_best", graft_cpu_level_best());
    cli_json_open(&j, "features", '{');
    for (size_t i = 0; graft_build_feature(i, &name, &value); i++)
        cli_json_text(&j, name, value);
    cli_json_close(&j, '}');
    cli_json_text(&j, "store", graft_hub_home());
    cli_json_int(&j, "modules", modules);
    cli_json_text(&j, "store_problem", store_problem);
    cli_json_close(&j, '}');
}

int cli_doctor(int argc, char **argv) {
    bool json = false;
    const cli_option options[] = {
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    graft_error err = {0};
    graft_module_info *modules = NULL;
    int32_t count = 0;
    const char *name;
    const char *value;
    bool store_ok = graft_hub_list(&modules, &count, &err) == GRAFT_OK;
    if (json) {
        print_json(count, store_ok ? NULL : err.message);
    } else {
        printf("graft      %s\nprocessor  %s, %d cores\nkernels    %s%s%s%s\n", graft_version(),
               graft_cpu_name(), (int)graft_cpu_count(), graft_cpu_level(),
               strcmp(graft_cpu_level(), graft_cpu_level_best()) ? " (the processor has " : "",
               strcmp(graft_cpu_level(), graft_cpu_level_best()) ? graft_cpu_level_best() : "",
               strcmp(graft_cpu_level(), graft_cpu_level_best()) ? ")" : "");
        for (size_t i = 0; graft_build_feature(i, &name, &value); i++)
            printf("%-10s %s\n", name, value);
        printf("store      %s, %d modules%s%s\n", graft_hub_home(), (int)count,
               store_ok ? "" : ": ", store_ok ? "" : err.message);
    }
    graft_modules_free(modules, count);
    return store_ok ? CLI_OK : CLI_FAILED;
}
