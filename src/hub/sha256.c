/*
 * SHA-256 through OpenSSL's EVP; files are mapped and hashed in one go.
 */
#include "hub/sha256.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/file.h"

graft_status gft_sha256(const void *data, size_t bytes, char out[GFT_SHA256_TEXT],
                        graft_error *err) {
    static const char HEX[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (EVP_Digest(data, bytes, digest, &length, EVP_sha256(), NULL) != 1 || length != 32)
        return gft_fail(err, GRAFT_INTERNAL, "sha256: OpenSSL refuses to compute it");
    for (unsigned int i = 0; i < length; i++) {
        out[2 * i] = HEX[digest[i] >> 4];
        out[2 * i + 1] = HEX[digest[i] & 15];
    }
    out[64] = '\0';
    return GRAFT_OK;
}

graft_status gft_sha256_file(const char *path, char out[GFT_SHA256_TEXT], graft_error *err) {
    gft_map map;
    GFT_TRY(gft_map_open(path, &map, err));
    graft_status status = gft_sha256(map.data, map.bytes, out, err);
    gft_map_close(&map);
    return status;
}

bool gft_sha256_valid(const char *text) {
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}
