/* SHA-256 (OpenSSL's EVP) of bytes and files, as 64 lower-case hex digits. */
#ifndef GFT_HUB_SHA256_H
#define GFT_HUB_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define GFT_SHA256_TEXT 65

GRAFT_MUST_CHECK graft_status gft_sha256(const void *data, size_t bytes, char out[GFT_SHA256_TEXT],
                                         graft_error *err);
GRAFT_MUST_CHECK graft_status gft_sha256_file(const char *path, char out[GFT_SHA256_TEXT],
                                              graft_error *err);
/** 64 lower-case hex digits. */
bool gft_sha256_valid(const char *text);

#endif
