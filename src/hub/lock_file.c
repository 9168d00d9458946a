/*
 * Reading and writing graft.lock (lock_file.h).
 */
#include "hub/lock_file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/sha256.h"

#define FORMAT_NAME "graft-lock"
#define FORMAT_VERSION 1
#define MAX_BYTES ((size_t)16 << 20)

/* *root = NULL when there is no file. */
static graft_status read_lock(const char *path, json_t **root, graft_error *err) {
    uint8_t *text = NULL;
    size_t bytes = 0;
    json_error_t bad;
    *root = NULL;
    if (!gft_file_exists(path))
        return GRAFT_OK;
    GFT_TRY(gft_file_read(path, MAX_BYTES, &text, &bytes, err));
    json_t *json = json_loadb((const char *)text, bytes, JSON_REJECT_DUPLICATES, &bad);
    gft_free(text);
    if (!json)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: line %d: %s", path, bad.line, bad.text);
    const char *format = json_string_value(json_object_get(json, "format"));
    const json_t *version = json_object_get(json, "version");
    graft_status status = GRAFT_OK;
    if (!format || strcmp(format, FORMAT_NAME) != 0 || !json_is_integer(version) ||
        !json_is_object(json_object_get(json, "modules")))
        status = gft_fail(err, GRAFT_DATA_LOSS, "%s: is no lock file of graft", path);
    else if (json_integer_value(version) != FORMAT_VERSION)
        status = gft_fail(err, GRAFT_UNIMPLEMENTED,
                          "%s: version %lld, this build reads %d; use a newer graft", path,
                          (long long)json_integer_value(version), FORMAT_VERSION);
    if (status == GRAFT_OK)
        *root = json;
    else
        json_decref(json);
    return status;
}

/* *pinned tells whether there is an entry; an entry that differs is an error. */
static graft_status check_entry(const json_t *root, const char *path, const char *handle,
                                const char *sha256, bool *pinned, graft_error *err) {
    const json_t *entry = json_object_get(json_object_get(root, "modules"), handle);
    *pinned = entry != NULL;
    if (!entry)
        return GRAFT_OK;
    const char *wanted = json_string_value(json_object_get(entry, "sha256"));
    if (!wanted || !gft_sha256_valid(wanted))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: '%s' has no proper sha256", path, handle);
    if (strcmp(wanted, sha256) != 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "%s pins module '%s' to sha256 %.16s..., the store holds %.16s...; install "
                        "the pinned one or lock anew",
                        path, handle, wanted, sha256);
    return GRAFT_OK;
}

graft_status gft_lock_check(const char *dir, const char *handle, const char *sha256,
                            graft_error *err) {
    json_t *root = NULL;
    bool pinned;
    char *path = gft_path_join(dir, GFT_LOCK_NAME);
    if (!path)
        return gft_fail_memory(err, strlen(dir) + 16, "a path");
    graft_status status = read_lock(path, &root, err);
    if (status == GRAFT_OK && root)
        status = check_entry(root, path, handle, sha256, &pinned, err);
    json_decref(root);
    gft_free(path);
    return status;
}

static graft_status write_lock(const char *path, const json_t *root, graft_error *err) {
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
    char *line = text ? gft_format("%s\n", text) : NULL;
    graft_status status = line ? gft_file_write(path, line, strlen(line), err)
                               : gft_fail_memory(err, 4096, "a lock file");
    gft_free(line);
    free(text); /* jansson's own allocation */
    return status;
}

graft_status gft_lock_pin(const char *dir, const char *handle, const char *sha256,
                          const char *source, graft_error *err) {
    graft_status status;
    json_t *root = NULL;
    bool pinned = false;
    char *path = gft_path_join(dir, GFT_LOCK_NAME);
    if (!path)
        return gft_fail_memory(err, strlen(dir) + 16, "a path");
    GFT_GOTO(read_lock(path, &root, err));
    if (!root)
        root = json_pack("{s:s, s:i, s:{}}", "format", FORMAT_NAME, "version", FORMAT_VERSION,
                         "modules");
    if (!root) {
        status = gft_fail_memory(err, 256, "a lock file");
        goto done;
    }
    GFT_GOTO(check_entry(root, path, handle, sha256, &pinned, err));
    if (pinned)
        goto done;
    json_t *entry = json_pack("{s:s, s:s}", "sha256", sha256, "source", source);
    if (json_object_set_new(json_object_get(root, "modules"), handle, entry) != 0) {
        status = gft_fail_memory(err, 256, "a lock file");
        goto done;
    }
    GFT_GOTO(write_lock(path, root, err));
done:
    json_decref(root);
    gft_free(path);
    return status;
}
