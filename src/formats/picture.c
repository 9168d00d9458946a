/*
 * Pictures: tells the format by its first bytes and hands over to that format's decoder. Owns the
 * limits on size.
 */
#include "formats/picture.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "formats/picture_priv.h"

void gft_picture_deinit(gft_picture *picture) {
    gft_free(picture->pixels);
    memset(picture, 0, sizeof *picture);
}

graft_status gft_picture_init(gft_picture *picture, uint64_t height, uint64_t width,
                              const char *where, graft_error *err) {
    if (height == 0 || width == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: the picture is empty (%llu x %llu)",
                        where, (unsigned long long)width, (unsigned long long)height);
    if (height > GFT_PICTURE_MAX_SIDE || width > GFT_PICTURE_MAX_SIDE ||
        height * width > GFT_PICTURE_MAX_PIXELS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: the picture says it is %llu x %llu, expected sides up to %d and at "
                        "most %d megapixels",
                        where, (unsigned long long)width, (unsigned long long)height,
                        GFT_PICTURE_MAX_SIDE, GFT_PICTURE_MAX_PIXELS / 1000000);
    size_t bytes;
    if (!gft_size_mul((size_t)height * (size_t)width, 3, &bytes))
        return gft_fail_memory(err, height * width, where);
    uint8_t *pixels = gft_malloc_aligned(bytes);
    if (!pixels)
        return gft_fail_memory(err, bytes, where);
    *picture = (gft_picture){pixels, (int32_t)height, (int32_t)width, 3};
    return GRAFT_OK;
}

static bool begins(const uint8_t *bytes, size_t count, const char *with, size_t n) {
    return count >= n && memcmp(bytes, with, n) == 0;
}

/* Formats people do have and that are not read: a sentence instead of "not a picture". */
static const char *foreign_format(const uint8_t *b, size_t n) {
    if (begins(b, n, "GIF8", 4))
        return "GIF";
    if (begins(b, n, "II*\0", 4) || begins(b, n, "MM\0*", 4))
        return "TIFF";
    if (n >= 12 && memcmp(b + 4, "ftyp", 4) == 0)
        return memcmp(b + 8, "avi", 3) == 0 ? "AVIF" : "HEIF";
    if (begins(b, n, "\x00\x00\x00\x0cjP  ", 8) || begins(b, n, "\xff\x4f\xff\x51", 4))
        return "JPEG 2000";
    if (begins(b, n, "\xff\x0a", 2) || begins(b, n, "\x00\x00\x00\x0cJXL ", 8))
        return "JPEG XL";
    return NULL;
}

graft_status gft_picture_decode(const void *bytes, size_t count, const char *where,
                                gft_picture *picture, graft_error *err) {
    const uint8_t *b = bytes;
    if (count == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: the file is empty, expected a picture",
                        where);
    if (begins(b, count, "\xff\xd8\xff", 3))
        return gft_picture_decode_jpeg(b, count, where, picture, err);
    if (begins(b, count, "\x89PNG\r\n\x1a\n", 8))
        return gft_picture_decode_png(b, count, where, picture, err);
    if (begins(b, count, "BM", 2))
        return gft_picture_decode_bmp(b, count, where, picture, err);
    if (count >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WEBP", 4) == 0)
        return gft_picture_decode_webp(b, count, where, picture, err);
    const char *foreign = foreign_format(b, count);
    if (foreign)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: found a %s picture, expected JPEG, PNG, BMP or WebP; convert it first",
                        where, foreign);
    char head[16] = "";
    size_t shown = gft_size_min(count, 4);
    for (size_t i = 0; i < shown; i++) {
        static const char digits[] = "0123456789abcdef";
        head[3 * i] = digits[b[i] >> 4];
        head[3 * i + 1] = digits[b[i] & 15];
        head[3 * i + 2] = i + 1 < shown ? ' ' : '\0';
    }
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "%s: not a picture: begins with the bytes %s, expected JPEG, PNG, BMP or WebP",
                    where, head);
}
