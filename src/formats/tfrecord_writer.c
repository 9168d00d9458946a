/*
 * Writing TFRecord files, plain or through one deflate stream (gzip without a time stamp: the same
 * records give the same bytes).
 */
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "formats/tfrecord_file.h"

#define WINDOW_BYTES ((size_t)64 << 10)
#define GZIP_WINDOW (MAX_WBITS + 16)
#define FEED_BYTES ((size_t)1 << 30)

struct gft_tfrecord_writer {
    gft_writer file;
    bool compressed;
    z_stream z;
    uint8_t window[WINDOW_BYTES];
};

static void *zlib_take(void *context, unsigned items, unsigned bytes) {
    (void)context;
    return gft_calloc(items, bytes);
}
static void zlib_free(void *context, void *p) {
    (void)context;
    gft_free(p);
}

graft_status gft_tfrecord_writer_open(const char *path, gft_tfrecord_compression compression,
                                      gft_tfrecord_writer **out, graft_error *err) {
    gft_tfrecord_writer *w = gft_calloc(1, sizeof *w);
    if (!w)
        return gft_fail_memory(err, sizeof *w, path);
    if (compression != GFT_TFRECORD_PLAIN) {
        w->z = (z_stream){.zalloc = zlib_take, .zfree = zlib_free};
        if (deflateInit2(&w->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                         compression == GFT_TFRECORD_GZIP ? GZIP_WINDOW : MAX_WBITS, 8,
                         Z_DEFAULT_STRATEGY) != Z_OK) {
            gft_free(w);
            return gft_fail_memory(err, (size_t)1 << 18, "compression");
        }
        w->compressed = true;
    }
    const graft_status status = gft_writer_open(&w->file, path, err);
    if (status != GRAFT_OK) {
        gft_tfrecord_writer_free(w);
        return status;
    }
    *out = w;
    return GRAFT_OK;
}

/* Runs the stream over the input it has, until there is no output left. */
static graft_status squeeze(gft_tfrecord_writer *w, int flush, graft_error *err) {
    int result;
    do {
        w->z.next_out = w->window;
        w->z.avail_out = (uInt)WINDOW_BYTES;
        result = deflate(&w->z, flush);
        if (result == Z_STREAM_ERROR)
            return gft_fail(err, GRAFT_INTERNAL, "%s: compression", w->file.path);
        GFT_TRY(gft_writer_write(&w->file, w->window, WINDOW_BYTES - w->z.avail_out, err));
    } while (w->z.avail_out == 0);
    return GRAFT_OK;
}

static graft_status put(gft_tfrecord_writer *w, const void *data, size_t bytes, graft_error *err) {
    const uint8_t *p = data;
    if (!w->compressed)
        return gft_writer_write(&w->file, data, bytes, err);
    while (bytes > 0) {
        const size_t part = bytes < FEED_BYTES ? bytes : FEED_BYTES;
        w->z.next_in = (Bytef *)(uintptr_t)p;
        w->z.avail_in = (uInt)part;
        GFT_TRY(squeeze(w, Z_NO_FLUSH, err));
        p += part;
        bytes -= part;
    }
    return GRAFT_OK;
}

graft_status gft_tfrecord_writer_add(gft_tfrecord_writer *w, const void *record, size_t bytes,
                                     graft_error *err) {
    uint8_t head[12];
    uint8_t tail[4];
    gft_tfrecord_frame(record, bytes, head, tail);
    GFT_TRY(put(w, head, sizeof head, err));
    GFT_TRY(put(w, record, bytes, err));
    return put(w, tail, sizeof tail, err);
}

graft_status gft_tfrecord_writer_commit(gft_tfrecord_writer *w, graft_error *err) {
    if (w->compressed) {
        w->z.avail_in = 0;
        GFT_TRY(squeeze(w, Z_FINISH, err));
    }
    return gft_writer_commit(&w->file, err);
}

void gft_tfrecord_writer_free(gft_tfrecord_writer *w) {
    if (!w)
        return;
    if (w->compressed)
        deflateEnd(&w->z);
    if (w->file.path)
        gft_writer_abort(&w->file);
    gft_free(w);
}
