/*
 * Installing a module (gft_hub_install in store.h): under the store's lock the module is written
 * beside its place, hashed, described, compared with graft.lock, renamed, and made read-only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "hub/handle.h"
#include "hub/lock_file.h"
#include "hub/store.h"
#include "hub/store_priv.h"

typedef struct installer {
    gft_handle handle;
    const gft_module_meta *meta;
    gft_module_fill fill;
    void *context;
    char *dir;
    int lock;
    gft_module module; /* as it will be described */
    graft_error *err;
} installer;

/* ---- one installer at a time ---- */

static graft_status take_lock(installer *in) {
    char *home = NULL;
    char *path = NULL;
    GFT_TRY(gft_store_path("", &home, in->err));
    graft_status status = gft_dir_make(home, in->err);
    gft_free(home);
    GFT_TRY(status);
    GFT_TRY(gft_store_path("lock", &path, in->err));
    in->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (in->lock < 0) {
        status = gft_fail_errno(in->err, errno, "open", path);
    } else if (flock(in->lock, LOCK_EX | LOCK_NB) != 0) {
        gft_log(GFT_LOG_INFO, "hub: waiting for another process that installs into %s", path);
        int failed;
        do
            failed = flock(in->lock, LOCK_EX);
        while (failed != 0 && errno == EINTR);
        if (failed)
            status = gft_fail_errno(in->err, errno, "lock", path);
    }
    gft_free(path);
    return status;
}

/* ---- the description ---- */

static graft_status copy_text(char **to, const char *text, graft_error *err) {
    *to = gft_strdup(text ? text : "");
    return *to ? GRAFT_OK : gft_fail_memory(err, 256, "a module's description");
}

static graft_status today(char **out, graft_error *err) {
    char text[32];
    struct tm day;
    time_t now = (time_t)gft_clock_wall_s();
    if (!gmtime_r(&now, &day) || strftime(text, sizeof text, "%Y-%m-%d", &day) == 0)
        text[0] = '\0';
    return copy_text(out, text, err);
}

static graft_status describe(installer *in, const gft_module_meta *meta, const char *dir) {
    graft_module_info *info = &in->module.info;
    char hash[GFT_SHA256_TEXT];
    GFT_TRY(gft_tree_list(dir, &in->module.tree, in->err));
    if (in->module.tree.count == 0)
        return gft_fail(in->err, GRAFT_INTERNAL, "module '%s': nothing was written",
                        in->handle.text);
    GFT_TRY(gft_tree_hash_files(dir, &in->module.tree, in->err));
    GFT_TRY(gft_tree_hash(&in->module.tree, hash, in->err));
    GFT_TRY(copy_text(&info->sha256, hash, in->err));
    GFT_TRY(copy_text(&info->handle, in->handle.text, in->err));
    GFT_TRY(copy_text(&info->path, in->dir, in->err));
    GFT_TRY(copy_text(&info->description, meta->description, in->err));
    GFT_TRY(copy_text(&info->license, meta->license, in->err));
    GFT_TRY(copy_text(&info->source, meta->source, in->err));
    GFT_TRY(copy_text(&info->input, meta->input, in->err));
    GFT_TRY(copy_text(&in->module.source_sha256, meta->source_sha256, in->err));
    GFT_TRY(today(&info->added, in->err));
    info->parameters = meta->parameters;
    info->bytes = gft_tree_bytes(&in->module.tree);
    return GRAFT_OK;
}

/* ---- the directory ---- */

static graft_status write_description(installer *in, const char *dir) {
    char *extra = gft_path_join(dir, "assets.extra");
    if (!extra)
        return gft_fail_memory(in->err, strlen(dir) + 16, "a path");
    graft_status status = gft_dir_make(extra, in->err);
    gft_free(extra);
    GFT_TRY(status);
    return gft_module_write(dir, &in->module, in->err);
}

static graft_status write_module(installer *in) {
    graft_status status;
    gft_staging staging;
    gft_module_meta meta = *in->meta;
    GFT_TRY(gft_staging_open(&staging, in->dir, in->err));
    if (rmdir(staging.temp_path) != 0) { /* fill makes it itself */
        status = gft_fail_errno(in->err, errno, "prepare", staging.temp_path);
        goto done;
    }
    GFT_GOTO(in->fill(in->context, staging.temp_path, &meta, in->err));
    GFT_GOTO(describe(in, &meta, staging.temp_path));
    GFT_GOTO(gft_lock_check(".", in->handle.text, in->module.info.sha256, in->err));
    GFT_GOTO(write_description(in, staging.temp_path));
    if (gft_dir_exists(in->dir))
        GFT_GOTO(gft_tree_protect(in->dir, false, in->err)); /* else it cannot be removed */
    GFT_GOTO(gft_staging_commit(&staging, true, in->err));
    return gft_tree_protect(in->dir, true, in->err);
done:
    gft_staging_abort(&staging);
    return status;
}

/* *there = true: a sound module of the same source, left as it is. */
static graft_status look_at_present(installer *in, bool *there) {
    graft_error why;
    gft_module present = {0};
    *there = false;
    if (!gft_dir_exists(in->dir))
        return GRAFT_OK;
    if (gft_store_check(in->dir, in->handle.text, true, &present, &why) != GRAFT_OK) {
        gft_log(GFT_LOG_WARNING, "hub: installing anew: %s", why.message);
        return GRAFT_OK;
    }
    const char *source = in->meta->source_sha256 ? in->meta->source_sha256 : "";
    if (strcmp(present.source_sha256, source) == 0) {
        in->module = present;
        *there = true;
        return gft_lock_check(".", in->handle.text, present.info.sha256, in->err);
    }
    graft_status status =
        gft_fail(in->err, GRAFT_ALREADY_EXISTS,
                 "module '%s' is in the store from another source (sha256 %.16s..., now %.16s...); "
                 "what a version means does not change",
                 in->handle.text, *present.source_sha256 ? present.source_sha256 : "none",
                 *source ? source : "none");
    gft_module_deinit(&present);
    return status;
}

graft_status gft_hub_install(const char *handle, const gft_module_meta *meta, gft_module_fill fill,
                             void *context, graft_module_info *out, graft_error *err) {
    graft_status status;
    bool there = false;
    installer in = {.meta = meta, .fill = fill, .context = context, .lock = -1, .err = err};
    GFT_TRY(gft_handle_parse_versioned(handle, &in.handle, err));
    GFT_GOTO(gft_hub_module_path(in.handle.text, &in.dir, err));
    GFT_GOTO(take_lock(&in));
    GFT_GOTO(look_at_present(&in, &there));
    if (!there)
        GFT_GOTO(write_module(&in));
    if (out) {
        *out = in.module.info;
        in.module.info = (graft_module_info){0};
    }
done:
    if (in.lock >= 0)
        (void)close(in.lock); /* lets go of the lock too */
    gft_module_deinit(&in.module);
    gft_free(in.dir);
    return status;
}
