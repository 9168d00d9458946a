/*
 * graft.lock: which modules a project uses, handle -> sha256 -> source, kept beside the project's
 * files.
 *
 *   {"format": "graft-lock", "version": 1,
 *    "modules": {"google/efficientnet/lite0/feature-vector/1": {"sha256": "...", "source": "..."}}}
 *
 * Keys are sorted, so that two people's additions merge line by line.
 */
#ifndef GFT_HUB_LOCK_FILE_H
#define GFT_HUB_LOCK_FILE_H

#include "base/error.h"

#define GFT_LOCK_NAME "graft.lock"

/**
 * Compares a module with the lock in a directory; no file or no entry is OK.
 * @return OK; FAILED_PRECONDITION if the module is pinned to another sha256; DATA_LOSS for a bad
 * file
 */
GRAFT_MUST_CHECK graft_status gft_lock_check(const char *dir, const char *handle,
                                             const char *sha256, graft_error *err);
/**
 * Adds the entry (checked as above) and writes the file atomically; nothing is written if it is
 * there.
 */
GRAFT_MUST_CHECK graft_status gft_lock_pin(const char *dir, const char *handle, const char *sha256,
                                           const char *source, graft_error *err);

#endif
