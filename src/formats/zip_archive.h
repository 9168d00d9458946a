/*
 * Reading zip archives (wheels, .keras files) through libarchive: members in the order they lie in
 * the file, or one by its name. Sizes are capped by the caller; nothing is written to disk here.
 */
#ifndef GFT_FORMATS_ZIP_ARCHIVE_H
#define GFT_FORMATS_ZIP_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define GFT_ZIP_MAX_MEMBERS 1000000

/* An open archive. One thread at a time. */
typedef struct gft_zip gft_zip;

/**
 * One member. `name` is as stored (it may hold "..": check before using it as a path), borrowed
 * until the next call.
 */
typedef struct gft_zip_entry {
    const char *name;
    uint64_t bytes; /* declared; 0 if the archive does not say */
    bool is_dir;
} gft_zip_entry;

/**
 * Opens a zip file. NOT_FOUND and the like for the file; DATA_LOSS if it is no zip archive or ends
 * early.
 */
GRAFT_MUST_CHECK graft_status gft_zip_open(const char *path, gft_zip **out, graft_error *err);
/** The same over bytes, which are borrowed until gft_zip_close; `where` names them in messages. */
GRAFT_MUST_CHECK graft_status gft_zip_open_memory(const void *bytes, size_t count,
                                                  const char *where, gft_zip **out,
                                                  graft_error *err);
void gft_zip_close(gft_zip *zip); /* accepts NULL */

/** Moves to the next member; *more = false (entry untouched) past the last. */
GRAFT_MUST_CHECK graft_status gft_zip_next(gft_zip *zip, gft_zip_entry *entry, bool *more,
                                           graft_error *err);
/**
 * Reads the member moved to, once; its checksum is verified. NUL-terminated beyond `count`;
 * gft_free(*data).
 * @return OK; RESOURCE_EXHAUSTED if it is larger than max_bytes; DATA_LOSS if it is damaged
 */
GRAFT_MUST_CHECK graft_status gft_zip_read(gft_zip *zip, size_t max_bytes, uint8_t **data,
                                           size_t *count, graft_error *err);

/**
 * Opens, finds one member by its exact name and reads it; NOT_FOUND names member and file.
 * gft_free(*data).
 */
GRAFT_MUST_CHECK graft_status gft_zip_read_member(const char *path, const char *name,
                                                  size_t max_bytes, uint8_t **data, size_t *count,
                                                  graft_error *err);

#endif
