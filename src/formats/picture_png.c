/*
 * PNG (ISO/IEC 15948) through libspng: every colour type and depth to 8-bit RGB, interlaced or not;
 * and writing.
 *
 * Palette and grey are expanded, alpha and tRNS dropped, 16-bit samples keep their high byte, gamma
 * is left alone: what PIL's convert('RGB') and TensorFlow's decode_png(channels=3) do. PIL alone
 * differs for 16-bit grey, which it clips at 255; Graft does as TensorFlow there. Only the first
 * picture of an animated file is read.
 */
#include <spng.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"
#include "formats/picture_priv.h"

#define PNG_MAX_CHUNK_BYTES (64u << 20)

/* zlib's out-of-memory inside the pixel stream reaches us as a damaged stream; the allocator knows better. It is given
 * no context by libspng, so the note is per thread, set and read within one call of ours. */
static _Thread_local bool alloc_failed;

static void *noting(void *p) {
    if (!p)
        alloc_failed = true;
    return p;
}

static void *png_malloc(size_t bytes) {
    return noting(gft_malloc(bytes));
}
static void *png_realloc(void *p, size_t bytes) {
    return noting(gft_realloc(p, bytes));
}
static void *png_calloc(size_t count, size_t bytes) {
    return noting(gft_calloc(count, bytes));
}

static spng_ctx *context_new(int flags) {
    struct spng_alloc alloc = {png_malloc, png_realloc, png_calloc, gft_free};
    alloc_failed = false;
    return spng_ctx_new2(&alloc, flags);
}

static graft_status fail_png(int code, const char *where, size_t count, graft_error *err) {
    if (alloc_failed)
        return gft_fail_memory(err, count, where);
    switch (code) {
    case SPNG_IO_EOF:
    case SPNG_EOF:
    case SPNG_EIDAT_TOO_SHORT:
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: the PNG file ends early (%zu bytes): %s", where,
                        count, spng_strerror(code));
    default:
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: damaged PNG: %s", where, spng_strerror(code));
    }
}

graft_status gft_picture_decode_png(const uint8_t *bytes, size_t count, const char *where,
                                    gft_picture *picture, graft_error *err) {
    spng_ctx *context = context_new(0);
    if (!context)
        return gft_fail_memory(err, count, where);
    gft_picture made = {0};
    struct spng_ihdr header;
    size_t pixel_bytes;
    graft_status status = GRAFT_OK;

    /*
     * A damaged side chunk (text, colour profile) does not spoil the pixels; a damaged IDAT does.
     */
    int code = spng_set_crc_action(context, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (code == 0)
        code = spng_set_chunk_limits(context, PNG_MAX_CHUNK_BYTES, PNG_MAX_CHUNK_BYTES);
    if (code == 0)
        code = spng_set_png_buffer(context, bytes, count);
    if (code == 0)
        code = spng_get_ihdr(context, &header);
    if (code == 0) {
        GFT_GOTO(gft_picture_init(&made, header.height, header.width, where, err));
        code = spng_decoded_image_size(context, SPNG_FMT_RGB8, &pixel_bytes);
    }
    if (code == 0 && pixel_bytes != (size_t)made.height * (size_t)made.width * 3)
        code = SPNG_EINTERNAL;
    if (code == 0)
        code = spng_decode_image(context, made.pixels, pixel_bytes, SPNG_FMT_RGB8, 0);
    if (code != 0)
        GFT_GOTO(fail_png(code, where, count, err));
    *picture = made;
    memset(&made, 0, sizeof made);
done:
    spng_ctx_free(context);
    gft_picture_deinit(&made);
    return status;
}

static int sink(spng_ctx *context, void *user, void *data, size_t bytes) {
    (void)context;
    return gft_writer_write(user, data, bytes, NULL) == GRAFT_OK ? 0 : SPNG_IO_ERROR;
}

graft_status gft_picture_write_png(const char *path, const uint8_t *pixels, int32_t height,
                                   int32_t width, int32_t channels, graft_error *err) {
    if (height < 1 || width < 1 || (int64_t)height * width > GFT_PICTURE_MAX_PIXELS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: cannot write a picture of %d x %d", path,
                        width, height);
    if (channels != 1 && channels != 3)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found %d channels, expected 1 or 3", path,
                        channels);
    gft_writer writer;
    GFT_TRY(gft_writer_open(&writer, path, err));
    graft_status status = GRAFT_OK;
    struct spng_ihdr header = {
        .width = (uint32_t)width,
        .height = (uint32_t)height,
        .bit_depth = 8,
        .color_type = channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR,
    };
    size_t bytes = (size_t)height * (size_t)width * (size_t)channels;
    spng_ctx *context = context_new(SPNG_CTX_ENCODER);
    int code = context ? spng_set_png_stream(context, sink, &writer) : SPNG_EMEM;
    if (code == 0)
        code = spng_set_ihdr(context, &header);
    if (code == 0)
        code = spng_encode_image(context, pixels, bytes, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    spng_ctx_free(context);
    if (code != 0 && alloc_failed)
        GFT_GOTO(gft_fail_memory(err, bytes, path));
    if (code == SPNG_IO_ERROR)
        GFT_GOTO(gft_fail(err, GRAFT_UNAVAILABLE,
                          "%s: cannot write the picture (is the disk full?)", path));
    if (code != 0)
        GFT_GOTO(gft_fail(err, GRAFT_INTERNAL, "%s: %s", path, spng_strerror(code)));
    return gft_writer_commit(&writer, err);
done:
    gft_writer_abort(&writer);
    return status;
}
