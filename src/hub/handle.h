/*
 * Handles: "publisher/model/.../version". Parsing, one spelling for each, and the words for wrong
 * ones.
 *
 * Three or more parts of letters, digits, '-', '_' and '.', the last a version: 1 or more without
 * leading zeros. A part in between is no bare number, so that no module lies inside another's
 * directory. URLs of tfhub.dev and kaggle.com are read as the handle they name.
 */
#ifndef GFT_HUB_HANDLE_H
#define GFT_HUB_HANDLE_H

#include <stdbool.h>

#include "base/error.h"

#define GFT_HANDLE_MAX_BYTES 255
#define GFT_HANDLE_MAX_PART 100
#define GFT_HANDLE_MIN_PARTS 3
#define GFT_HANDLE_MAX_PARTS 12
#define GFT_HANDLE_MAX_VERSION 999999999

typedef struct gft_handle {
    char text[GFT_HANDLE_MAX_BYTES + 1]; /* the one spelling, a relative path */
    int parts;
    bool versioned; /* false: the last part is "latest" or no number */
} gft_handle;

/**
 * Parses a handle with or without its version.
 *
 * @param out [out] unspecified on error
 * @return OK; INVALID_ARGUMENT says what is wrong with it. A missing version is no error here.
 */
GRAFT_MUST_CHECK graft_status gft_handle_parse(const char *text, gft_handle *out, graft_error *err);
/**
 * As gft_handle_parse, and refuses a missing version or `latest` with the versions that are known.
 */
GRAFT_MUST_CHECK graft_status gft_handle_parse_versioned(const char *text, gft_handle *out,
                                                         graft_error *err);
/** "/x", "./x", "../x", "~x", "x/" or empty: nobody means a handle. */
bool gft_handle_looks_like_path(const char *text);

#endif
