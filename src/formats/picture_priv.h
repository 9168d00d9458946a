/* Private to the picture decoders: one function per format, and what they share. */
#ifndef GFT_FORMATS_PICTURE_PRIV_H
#define GFT_FORMATS_PICTURE_PRIV_H

#include "formats/picture.h"

/**
 * Checks a declared size against the limits and allocates the pixels; INVALID_ARGUMENT or
 * RESOURCE_EXHAUSTED.
 */
GRAFT_MUST_CHECK graft_status gft_picture_init(gft_picture *picture, uint64_t height,
                                               uint64_t width, const char *where, graft_error *err);

GRAFT_MUST_CHECK graft_status gft_picture_decode_jpeg(const uint8_t *bytes, size_t count,
                                                      const char *where, gft_picture *picture,
                                                      graft_error *err);
GRAFT_MUST_CHECK graft_status gft_picture_decode_png(const uint8_t *bytes, size_t count,
                                                     const char *where, gft_picture *picture,
                                                     graft_error *err);
GRAFT_MUST_CHECK graft_status gft_picture_decode_bmp(const uint8_t *bytes, size_t count,
                                                     const char *where, gft_picture *picture,
                                                     graft_error *err);
GRAFT_MUST_CHECK graft_status gft_picture_decode_webp(const uint8_t *bytes, size_t count,
                                                      const char *where, gft_picture *picture,
                                                      graft_error *err);

#endif
