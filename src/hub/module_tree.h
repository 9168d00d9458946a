/*
 * A module's files, and the one hash that stands for them.
 *
 * Module tree hash: the files of the directory and its sub-directories, regular files only, without
 * assets.extra/module.json, sorted by the bytes of their relative paths ('/' between the parts).
 * For each one line
 *
 *     <sha256 of the contents, 64 lower-case hex digits> <size in bytes, decimal> <relative path>\n
 *
 * The hash is the SHA-256 of these lines together (UTF-8, no header, the last line ends in a
 * newline too), in lower-case hex. Names, times, owners and modes of directories do not count; an
 * empty directory does not count.
 */
#ifndef GFT_HUB_MODULE_TREE_H
#define GFT_HUB_MODULE_TREE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "hub/sha256.h"

#define GFT_TREE_MAX_FILES 100000
#define GFT_TREE_MAX_DEPTH 16

typedef struct gft_tree_file {
    const char *path; /* relative */
    uint64_t bytes;
    char sha256[GFT_SHA256_TEXT]; /* "" until hashed */
} gft_tree_file;

/* Zeroed is empty; text is in the arena. */
typedef struct gft_tree {
    gft_arena arena;
    gft_tree_file *files; /* sorted by path */
    size_t count, capacity;
} gft_tree;

void gft_tree_deinit(gft_tree *tree);
/** Lists a directory. FAILED_PRECONDITION for links and devices: a module holds regular files. */
GRAFT_MUST_CHECK graft_status gft_tree_list(const char *dir, gft_tree *tree, graft_error *err);
/** Hashes every file. */
GRAFT_MUST_CHECK graft_status gft_tree_hash_files(const char *dir, gft_tree *tree,
                                                  graft_error *err);
/** The module tree hash of files that are hashed. */
GRAFT_MUST_CHECK graft_status gft_tree_hash(const gft_tree *tree, char out[GFT_SHA256_TEXT],
                                            graft_error *err);
/** Appends a file; used by readers of module.json too. */
GRAFT_MUST_CHECK graft_status gft_tree_add(gft_tree *tree, const char *path, uint64_t bytes,
                                           const char *sha256, graft_error *err);
void gft_tree_sort(gft_tree *tree);
uint64_t gft_tree_bytes(const gft_tree *tree);
/** Makes every file and directory read-only, or its owner's to write again. */
GRAFT_MUST_CHECK graft_status gft_tree_protect(const char *dir, bool read_only, graft_error *err);

#endif
