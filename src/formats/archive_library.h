/*
 * libarchive, loaded when the first archive is opened: with it come libxml2, ICU and others, which
 * would cost every start of the program 1.6 ms of 4.
 */
#ifndef GFT_FORMATS_ARCHIVE_LIBRARY_H
#define GFT_FORMATS_ARCHIVE_LIBRARY_H

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"

/* X(function): what is used of it, under the library's own names and types. */
#define GFT_ARCHIVE_FUNCTIONS(X)                                                                   \
    X(archive_entry_filetype)                                                                      \
    X(archive_entry_pathname)                                                                      \
    X(archive_entry_size)                                                                          \
    X(archive_entry_size_is_set)                                                                   \
    X(archive_errno)                                                                               \
    X(archive_error_string)                                                                        \
    X(archive_read_data_block)                                                                     \
    X(archive_read_free)                                                                           \
    X(archive_read_new)                                                                            \
    X(archive_read_next_header)                                                                    \
    X(archive_read_open_filename)                                                                  \
    X(archive_read_open_memory)                                                                    \
    X(archive_read_support_format_zip_seekable)

typedef struct gft_archive_library {
#define GFT_ARCHIVE_FIELD(function) __typeof__(&function) function;
    GFT_ARCHIVE_FUNCTIONS(GFT_ARCHIVE_FIELD)
#undef GFT_ARCHIVE_FIELD
} gft_archive_library;

/**
 * The library, loaded once for the process; FAILED_PRECONDITION where it is not installed. Safe
 * from any thread.
 */
GRAFT_MUST_CHECK graft_status gft_archive_load(const gft_archive_library **out, graft_error *err);

#endif
