/*
 * One member of a zip archive that is mapped: found through the central directory and, if it is
 * stored, used where it lies. For archives that are read as a whole see zip_archive.h.
 */
#ifndef GFT_FORMATS_ZIP_MEMBER_H
#define GFT_FORMATS_ZIP_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct gft_zip_member {
    const uint8_t *data;
    size_t bytes;
    uint8_t *owned; /* inflated: memory behind data, gft_free it; NULL: data lies in the archive */
} gft_zip_member;

/**
 * Finds a member by its exact name (the last one of that name) and makes its bytes available.
 *
 * @param max_bytes limit for what is inflated
 * @return OK; NOT_FOUND; DATA_LOSS for a damaged archive, and if the checksum of an inflated member
 * is wrong (that of a stored one is not looked at); UNIMPLEMENTED for encryption and other methods
 */
GRAFT_MUST_CHECK graft_status gft_zip_member_find(const void *zip, size_t zip_bytes,
                                                  const char *where, const char *name,
                                                  size_t max_bytes, gft_zip_member *out,
                                                  graft_error *err);

#endif
