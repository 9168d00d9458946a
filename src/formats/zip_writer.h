/*
 * Writing a zip archive (APPNOTE 4.3) of stored members, with zip64 fields where a size needs them
 * and a fixed time stamp, so that the same members give the same bytes. The file appears when it is
 * committed.
 */
#ifndef GFT_FORMATS_ZIP_WRITER_H
#define GFT_FORMATS_ZIP_WRITER_H

#include "base/arena.h"
#include "base/file.h"

/* A piece of a member, for members that are larger than what one wants to hold. */
typedef graft_status (*gft_zip_sink)(void *sink, const void *data, size_t bytes, graft_error *err);
/*
 * Gives a member's bytes to the sink; called twice (checksum, writing) and gives the same both
 * times.
 */
typedef graft_status (*gft_zip_source)(void *context, gft_zip_sink put, void *sink,
                                       graft_error *err);

typedef struct gft_zip_member gft_zip_member;

/* One archive. Zero-initialised is closed. */
typedef struct gft_zip_writer {
    gft_writer out;
    gft_arena arena; /* names */
    gft_zip_member *members;
    size_t count, capacity;
} gft_zip_writer;

GRAFT_MUST_CHECK graft_status gft_zip_writer_open(gft_zip_writer *zip, const char *path,
                                                  graft_error *err);
/** A member from memory. ALREADY_EXISTS for a name that is there. */
GRAFT_MUST_CHECK graft_status gft_zip_writer_add(gft_zip_writer *zip, const char *name,
                                                 const void *data, size_t bytes, graft_error *err);
/**
 * A member from a source. alignment: its bytes begin at a multiple of it in the archive (a power of
 * two up to 4096; 1: anywhere), so that a reader can use them where they lie.
 */
GRAFT_MUST_CHECK graft_status gft_zip_writer_stream(gft_zip_writer *zip, const char *name,
                                                    size_t alignment, gft_zip_source source,
                                                    void *context, graft_error *err);
/** Writes the directory and lets the file appear. */
GRAFT_MUST_CHECK graft_status gft_zip_writer_commit(gft_zip_writer *zip, graft_error *err);
void gft_zip_writer_abort(gft_zip_writer *zip); /* harmless after commit */

#endif
