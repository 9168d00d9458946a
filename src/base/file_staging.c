/*
 * A directory that appears as a whole: filled under another name beside its place, then renamed. An
 * existing one is exchanged in one step where the system can (renameat2), otherwise moved aside
 * first and put back on failure.
 */
#define _GNU_SOURCE /* renameat2 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

static void release(gft_staging *staging) {
    gft_free(staging->path);
    gft_free(staging->temp_path);
    *staging = (gft_staging){NULL, NULL};
}

graft_status gft_staging_open(gft_staging *staging, const char *path, graft_error *err) {
    *staging = (gft_staging){NULL, NULL};
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "folder: an empty name");
    staging->path = gft_strndup(path, length);
    if (staging->path)
        staging->temp_path = gft_format("%s.partial-%ld", staging->path, (long)getpid());
    if (!staging->temp_path) {
        release(staging);
        return gft_fail_memory(err, length + 32, "a folder name");
    }
    graft_status status =
        gft_tree_remove(staging->temp_path, err); /* left by a process that died */
    if (status == GRAFT_OK)
        status = gft_dir_make(staging->temp_path, err);
    if (status != GRAFT_OK)
        release(staging);
    return status;
}

/* Swaps the new folder in and leaves the old one at temp_path. */
static graft_status exchange(gft_staging *staging, graft_error *err) {
#if defined(RENAME_EXCHANGE)
    if (renameat2(AT_FDCWD, staging->temp_path, AT_FDCWD, staging->path, RENAME_EXCHANGE) == 0)
        return GRAFT_OK;
    if (errno != EINVAL && errno != ENOSYS)
        return gft_fail_errno(err, errno, "replace", staging->path);
#endif
    char *aside = gft_format("%s.old-%ld", staging->path, (long)getpid());
    if (!aside)
        return gft_fail_memory(err, strlen(staging->path) + 32, "a folder name");
    graft_status status = GRAFT_OK;
    if (rename(staging->path, aside) != 0) {
        status = gft_fail_errno(err, errno, "move aside", staging->path);
    } else if (rename(staging->temp_path, staging->path) != 0) {
        status = gft_fail_errno(err, errno, "replace", staging->path);
        (void)rename(aside, staging->path);
    } else if (rename(aside, staging->temp_path) != 0) {
        status = gft_fail_errno(err, errno, "remove", aside);
    }
    gft_free(aside);
    return status;
}

graft_status gft_staging_commit(gft_staging *staging, bool replace, graft_error *err) {
    if (!staging->path)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "folder: nothing is being written");
    struct stat st;
    bool there = lstat(staging->path, &st) == 0;
    graft_status status = GRAFT_OK;
    if (there && !replace)
        status = gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: exists already", staging->path);
    else if (there && !S_ISDIR(st.st_mode))
        status =
            gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: exists and is not a folder", staging->path);
    else if (there)
        status = exchange(staging, err);
    else if (rename(staging->temp_path, staging->path) != 0)
        status = gft_fail_errno(err, errno, "make the folder", staging->path);
    /* Removes what is left beside it: the old folder, or the new one after a failure. */
    gft_staging_abort(staging);
    return status;
}

void gft_staging_abort(gft_staging *staging) {
    graft_status status = staging->temp_path ? gft_tree_remove(staging->temp_path, NULL) : GRAFT_OK;
    (void)status; /* nothing more can be done: the name of what is left says what it is */
    release(staging);
}
