/*
 * Pictures for tests, made by the libraries themselves: a pattern, and its JPEG, PNG, WebP and BMP
 * bytes. Buffers come from malloc; free() them.
 */
#ifndef GFT_TESTS_PICTURE_MAKER_H
#define GFT_TESTS_PICTURE_MAKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <spng.h>
#include <webp/encode.h>

typedef struct made_bytes {
    unsigned char *data;
    size_t bytes;
} made_bytes;

/* Smooth colours with some texture; `seed` makes pictures different. */
static inline unsigned char *make_pattern(int height, int width, int channels, unsigned seed) {
    unsigned char *p = malloc((size_t)height * (size_t)width * (size_t)channels);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                p[(y * width + x) * channels + c] =
                    (unsigned char)(seed * 40 + (unsigned)(x * (c + 2) + y * (3 - c)) +
                                    (unsigned)((x * y) % 7));
    return p;
}

static inline made_bytes make_jpeg(const unsigned char *pixels, int height, int width, int channels,
                                   int progressive) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long bytes = 0;
    memset(&c, 0, sizeof c);
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out, &bytes);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = channels;
    c.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 95, TRUE);
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < height; y++) {
        unsigned char *row = malloc((size_t)(width * channels));
        memcpy(row, pixels + (size_t)(y * width * channels), (size_t)(width * channels));
        jpeg_write_scanlines(&c, &row, 1);
        free(row);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return (made_bytes){out, bytes};
}

/*
 * color_type and bit_depth as in PNG; `palette` may be NULL. Pixels are packed as PNG wants them.
 */
static inline made_bytes make_png(const void *pixels, size_t pixel_bytes, int height, int width,
                                  int color_type, int bit_depth, int interlaced,
                                  struct spng_plte *palette, struct spng_trns *trns) {
    spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr header = {.width = (uint32_t)width,
                               .height = (uint32_t)height,
                               .bit_depth = (uint8_t)bit_depth,
                               .color_type = (uint8_t)color_type,
                               .interlace_method = (uint8_t)interlaced};
    made_bytes out = {NULL, 0};
    int code = spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
    code = code ? code : spng_set_ihdr(ctx, &header);
    if (palette)
        code = code ? code : spng_set_plte(ctx, palette);
    if (trns)
        code = code ? code : spng_set_trns(ctx, trns);
    code = code ? code
                : spng_encode_image(ctx, pixels, pixel_bytes, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    if (code == 0)
        out.data = spng_get_png_buffer(ctx, &out.bytes, &code);
    if (code != 0)
        fprintf(stderr, "make_png: %s\n", spng_strerror(code));
    spng_ctx_free(ctx);
    return out;
}

static inline made_bytes make_webp_lossless(const unsigned char *rgb, int height, int width) {
    uint8_t *out = NULL;
    size_t bytes = WebPEncodeLosslessRGB(rgb, width, height, width * 3, &out);
    return (made_bytes){out, bytes};
}

static inline void put_le(unsigned char *p, unsigned value, int bytes) {
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(value >> (8 * i));
}

/* A BMP file of these raw parts; header 40 bytes. `extra` are masks and palette. */
static inline made_bytes make_bmp(int height, int width, int bits, unsigned compression,
                                  const void *extra, size_t extra_bytes, const void *pixels,
                                  size_t pixel_bytes) {
    made_bytes out = {calloc(1, 54 + extra_bytes + pixel_bytes), 54 + extra_bytes + pixel_bytes};
    memcpy(out.data, "BM", 2);
    put_le(out.data + 2, (unsigned)out.bytes, 4);
    put_le(out.data + 10, 54 + (unsigned)extra_bytes, 4);
    put_le(out.data + 14, 40, 4);
    put_le(out.data + 18, (unsigned)width, 4);
    put_le(out.data + 22, (unsigned)height, 4);
    put_le(out.data + 26, 1, 2);
    put_le(out.data + 28, (unsigned)bits, 2);
    put_le(out.data + 30, compression, 4);
    if (extra_bytes)
        memcpy(out.data + 54, extra, extra_bytes);
    memcpy(out.data + 54 + extra_bytes, pixels, pixel_bytes);
    return out;
}

#endif
