/*
 * module.json to fields and back (module_json.h, store.h). Paths inside are checked: they are
 * joined to the module's directory later.
 */
#include "hub/module_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/store.h"

#define FORMAT_NAME "graft-module"
#define FORMAT_VERSION 1
#define MAX_BYTES ((size_t)64 << 20)

void gft_module_deinit(gft_module *module) {
    graft_module_info_deinit(&module->info);
    gft_free(module->source_sha256);
    gft_tree_deinit(&module->tree);
    *module = (gft_module){0};
}

/* ---- reading ---- */

typedef struct reader {
    const char *where;
    graft_error *err;
} reader;

static graft_status read_text(const reader *r, const json_t *root, const char *key, char **out) {
    const json_t *value = json_object_get(root, key);
    if (value && !json_is_string(value))
        return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: '%s' is not a text", r->where, key);
    *out = gft_strdup(value ? json_string_value(value) : "");
    return *out ? GRAFT_OK : gft_fail_memory(r->err, 256, "a module's description");
}

static graft_status read_count(const reader *r, const json_t *root, const char *key,
                               uint64_t *out) {
    const json_t *value = json_object_get(root, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: '%s' is not a number of 0 or more", r->where,
                        key);
    *out = (uint64_t)json_integer_value(value);
    return GRAFT_OK;
}

/* "a/b": relative, no empty part, no "." or "..". */
static bool safe_path(const char *path) {
    for (const char *part = path;; part++) {
        size_t length = strcspn(part, "/");
        bool dots =
            (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.');
        if (length == 0 || dots)
            return false;
        part += length;
        if (!*part)
            return true;
    }
}

static graft_status read_files(const reader *r, const json_t *root, gft_tree *tree) {
    const json_t *files = json_object_get(root, "files");
    if (!json_is_array(files) || json_array_size(files) == 0)
        return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: 'files' is not a list of files", r->where);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        const char *path = json_string_value(json_object_get(file, "path"));
        const char *sha256 = json_string_value(json_object_get(file, "sha256"));
        uint64_t bytes = 0;
        if (!path || !safe_path(path) || !sha256 || !gft_sha256_valid(sha256))
            return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: file %zu has no proper path and sha256",
                            r->where, i);
        GFT_TRY(read_count(r, file, "bytes", &bytes));
        GFT_TRY(gft_tree_add(tree, path, bytes, sha256, r->err));
    }
    gft_tree_sort(tree);
    return GRAFT_OK;
}

static graft_status read_module(const reader *r, const json_t *root, gft_module *out) {
    uint64_t version = 0;
    uint64_t parameters = 0;
    graft_module_info *info = &out->info;
    const char *format = json_string_value(json_object_get(root, "format"));
    if (!format || strcmp(format, FORMAT_NAME) != 0)
        return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: is not the description of a module",
                        r->where);
    GFT_TRY(read_count(r, root, "version", &version));
    if (version != FORMAT_VERSION)
        return gft_fail(r->err, GRAFT_UNIMPLEMENTED,
                        "%s: version %llu, this build reads %d; use a newer graft", r->where,
                        (unsigned long long)version, FORMAT_VERSION);
    GFT_TRY(read_text(r, root, "handle", &info->handle));
    GFT_TRY(read_text(r, root, "sha256", &info->sha256));
    GFT_TRY(read_text(r, root, "description", &info->description));
    GFT_TRY(read_text(r, root, "license", &info->license));
    GFT_TRY(read_text(r, root, "source", &info->source));
    GFT_TRY(read_text(r, root, "source_sha256", &out->source_sha256));
    GFT_TRY(read_text(r, root, "input", &info->input));
    GFT_TRY(read_text(r, root, "added", &info->added));
    GFT_TRY(read_count(r, root, "parameters", &parameters));
    GFT_TRY(read_count(r, root, "bytes", &info->bytes));
    info->parameters = (int64_t)parameters;
    if (!gft_sha256_valid(info->sha256))
        return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: 'sha256' is not 64 hex digits", r->where);
    return read_files(r, root, &out->tree);
}

graft_status gft_module_parse(const char *text, size_t bytes, const char *where, gft_module *out,
                              graft_error *err) {
    json_error_t bad;
    reader r = {where, err};
    gft_module module = {0};
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: line %d: %s", where, bad.line, bad.text);
    graft_status status = read_module(&r, root, &module);
    json_decref(root);
    if (status != GRAFT_OK) {
        gft_module_deinit(&module);
        return status;
    }
    *out = module;
    return GRAFT_OK;
}

graft_status gft_module_read(const char *dir, gft_module *out, graft_error *err) {
    graft_status status;
    gft_module module = {0};
    uint8_t *text = NULL;
    size_t bytes = 0;
    char *path = gft_path_join(dir, GFT_MODULE_FILE);
    char *copy = gft_strdup(dir);
    if (!path || !copy) {
        status = gft_fail_memory(err, strlen(dir) + 64, "a path");
        goto done;
    }
    GFT_GOTO(gft_file_read(path, MAX_BYTES, &text, &bytes, err));
    GFT_GOTO(gft_module_parse((const char *)text, bytes, path, &module, err));
    module.info.path = copy;
    copy = NULL;
    *out = module;
done:
    gft_free(copy);
    gft_free(text);
    gft_free(path);
    return status;
}

/* ---- writing ---- */

static json_t *files_json(const gft_tree *tree) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < tree->count; i++) {
        const gft_tree_file *file = &tree->files[i];
        json_t *item = json_pack("{s:s, s:I, s:s}", "path", file->path, "bytes",
                                 (json_int_t)file->bytes, "sha256", file->sha256);
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static const char *or_empty(const char *text) {
    return text ? text : "";
}

graft_status gft_module_write(const char *dir, const gft_module *module, graft_error *err) {
    graft_status status = GRAFT_OK;
    const graft_module_info *info = &module->info;
    char *text = NULL;
    char *line = NULL;
    char *path = gft_path_join(dir, GFT_MODULE_FILE);
    json_t *root =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "format",
                  FORMAT_NAME, "version", FORMAT_VERSION, "handle", or_empty(info->handle),
                  "sha256", or_empty(info->sha256), "description", or_empty(info->description),
                  "license", or_empty(info->license), "source", or_empty(info->source),
                  "source_sha256", or_empty(module->source_sha256), "input", or_empty(info->input),
                  "added", or_empty(info->added), "parameters", (json_int_t)info->parameters,
                  "bytes", (json_int_t)info->bytes, "files", files_json(&module->tree));
    if (root)
        text = json_dumps(root, JSON_INDENT(2));
    if (text)
        line = gft_format("%s\n", text);
    if (!path || !line)
        status = gft_fail_memory(err, 4096, "a module's description");
    else
        status = gft_file_write(path, line, strlen(line), err);
    gft_free(line);
    free(text); /* jansson's own allocation */
    json_decref(root);
    gft_free(path);
    return status;
}
