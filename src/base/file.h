/*
 * Files: mapped reading, bounded reading, writing that is never half done (write beside, fsync,
 * rename).
 */
#ifndef GFT_BASE_FILE_H
#define GFT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* A file mapped read-only. Empty files give data = "" and bytes = 0. */
typedef struct gft_map {
    const uint8_t *data;
    size_t bytes;
} gft_map;

GRAFT_MUST_CHECK graft_status gft_map_open(const char *path, gft_map *out, graft_error *err);
void gft_map_close(gft_map *map);

/**
 * Reads a whole file, NUL-terminated beyond `bytes`; RESOURCE_EXHAUSTED if larger than max_bytes.
 * gft_free(*data).
 */
GRAFT_MUST_CHECK graft_status gft_file_read(const char *path, size_t max_bytes, uint8_t **data,
                                            size_t *bytes, graft_error *err);

/** Copies up to max_bytes from the beginning of a file; *bytes says how many there were. */
GRAFT_MUST_CHECK graft_status gft_file_peek(const char *path, void *out, size_t max_bytes,
                                            size_t *bytes, graft_error *err);

/**
 * Replaces path atomically by these bytes. A failure (disk full) leaves the old file and no
 * temporary one.
 */
GRAFT_MUST_CHECK graft_status gft_file_write(const char *path, const void *data, size_t bytes,
                                             graft_error *err);

/*
 * A file being written beside its final place. gft_writer_commit makes it appear, gft_writer_abort
 * removes it.
 */
typedef struct gft_writer {
    FILE *file;
    char *path;
    char *temp_path;
    uint64_t bytes;
} gft_writer;
GRAFT_MUST_CHECK graft_status gft_writer_open(gft_writer *writer, const char *path,
                                              graft_error *err);
GRAFT_MUST_CHECK graft_status gft_writer_write(gft_writer *writer, const void *data, size_t bytes,
                                               graft_error *err);
GRAFT_MUST_CHECK graft_status gft_writer_pad(gft_writer *writer, size_t alignment,
                                             graft_error *err); /* zeros */
GRAFT_MUST_CHECK graft_status gft_writer_commit(gft_writer *writer, graft_error *err);
void gft_writer_abort(gft_writer *writer); /* harmless after commit */

/**
 * A directory being written beside its final place ("path.partial-<pid>"): fill staging, then
 * commit renames it into place. `replace` lets commit swap out an existing directory of ours;
 * otherwise ALREADY_EXISTS.
 */
typedef struct gft_staging {
    char *path;
    char *temp_path;
} gft_staging;
GRAFT_MUST_CHECK graft_status gft_staging_open(gft_staging *staging, const char *path,
                                               graft_error *err);
GRAFT_MUST_CHECK graft_status gft_staging_commit(gft_staging *staging, bool replace,
                                                 graft_error *err);
void gft_staging_abort(gft_staging *staging);

bool gft_file_exists(const char *path);
bool gft_dir_exists(const char *path);
GRAFT_MUST_CHECK graft_status gft_dir_make(const char *path, graft_error *err); /* with parents */
GRAFT_MUST_CHECK graft_status gft_tree_remove(const char *path,
                                              graft_error *err); /* no link is followed */

typedef struct gft_dir_entry {
    char *name;
    bool is_dir;
    uint64_t bytes;
} gft_dir_entry;
/** Entries but "." and "..", sorted by bytes of their names. Free with gft_dir_list_free. */
GRAFT_MUST_CHECK graft_status gft_dir_list(const char *path, gft_dir_entry **entries, size_t *count,
                                           graft_error *err);
void gft_dir_list_free(gft_dir_entry *entries, size_t count);

/** "a/b" from "a" and "b"; NULL when out of memory; gft_free. */
char *gft_path_join(const char *a, const char *b);
/** The directory a file lies in, "." if the path names none; NULL when out of memory; gft_free. */
char *gft_path_dir(const char *path);
/** The part after the last '/', borrowed. */
const char *gft_path_base(const char *path);
/**
 * Lower-case extension without dot, borrowed from a static empty string if there is none (into
 * out).
 */
const char *gft_path_extension(const char *path, char out[16]);

#endif
