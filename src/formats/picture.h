/*
 * Pictures: bytes of a JPEG, PNG, BMP or WebP file to RGB pixels, told by content and not by name;
 * PNG writing.
 *
 * Pixels equal PIL's (Image.open(...).convert('RGB')) except where a decoder's file says otherwise.
 * EXIF orientation and colour profiles are not applied, as in TensorFlow and Keras. Alpha is
 * dropped, 16-bit samples keep their high byte.
 */
#ifndef GFT_FORMATS_PICTURE_H
#define GFT_FORMATS_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define GFT_PICTURE_MAX_SIDE 65500
#define GFT_PICTURE_MAX_PIXELS 100000000

/* uint8, height x width x channels, rows without gaps. Owned: gft_picture_deinit. */
typedef struct gft_picture {
    uint8_t *pixels;
    int32_t height;
    int32_t width;
    int32_t channels; /* 3 */
} gft_picture;

/** Frees the pixels; the picture may be zero-initialised or freed before. */
void gft_picture_deinit(gft_picture *picture);

/**
 * Decodes a picture.
 *
 * @param where   names the bytes in messages
 * @param picture [out] untouched on error
 * @return OK; INVALID_ARGUMENT for bytes that are no picture or a picture past the limits;
 * UNIMPLEMENTED for a kind or
 *         variant that is not read; DATA_LOSS for a damaged or truncated one; RESOURCE_EXHAUSTED
 */
GRAFT_MUST_CHECK graft_status gft_picture_decode(const void *bytes, size_t count, const char *where,
                                                 gft_picture *picture, graft_error *err);

/** Writes a PNG file atomically; channels 1 (grey) or 3 (RGB). */
GRAFT_MUST_CHECK graft_status gft_picture_write_png(const char *path, const uint8_t *pixels,
                                                    int32_t height, int32_t width, int32_t channels,
                                                    graft_error *err);

#endif
