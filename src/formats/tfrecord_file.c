/*
 * Reading whole TFRecord files. Unpacking goes through one window of output, so its memory does not
 * depend on the file until the bytes are kept.
 */
#include "formats/tfrecord_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/size.h"

#define WINDOW_BYTES ((size_t)256 << 10)
#define MEMORY_BYTES ((size_t)64 << 20)  /* more is kept in a file */
#define MAX_UNPACKED ((uint64_t)1 << 40) /* of one file */
#define FEED_BYTES ((size_t)1 << 30)     /* zlib counts in unsigned int */
#define AUTO_WINDOW (MAX_WBITS + 32)     /* gzip or zlib, by the header */

/* ---- what it is ---- */

gft_tfrecord_compression gft_tfrecord_told(const void *data, size_t bytes) {
    const uint8_t *p = data;
    if (gft_tfrecord_begins(p, bytes))
        return GFT_TFRECORD_PLAIN;
    if (bytes >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8)
        return GFT_TFRECORD_GZIP;
    if (bytes >= 2 && (p[0] & 15) == 8 && p[0] >> 4 <= 7 && (p[0] * 256 + p[1]) % 31 == 0)
        return GFT_TFRECORD_ZLIB;
    return GFT_TFRECORD_PLAIN;
}

/* ---- unpacking ---- */

typedef graft_status (*take_fn)(void *context, const uint8_t *p, size_t bytes, graft_error *err);

static void *zlib_take(void *context, unsigned items, unsigned bytes) {
    (void)context;
    return gft_calloc(items, bytes);
}
static void zlib_free(void *context, void *p) {
    (void)context;
    gft_free(p);
}

static graft_status damaged(const char *where, uint64_t at, const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: compressed TFRecord file: %s near byte %llu", where,
                    what, (unsigned long long)at);
}

/* Feeds the stream until it is used up; another member may follow one that has ended. */
static graft_status pump(z_stream *z, const uint8_t *data, size_t bytes, const char *where,
                         uint8_t *window, take_fn take, void *context, graft_error *err) {
    size_t at = 0;
    uint64_t given = 0;
    int result = Z_OK;
    while (at < bytes || result == Z_OK) {
        if (result == Z_STREAM_END && inflateReset(z) != Z_OK)
            return gft_fail(err, GRAFT_INTERNAL, "%s: unpacking", where);
        const size_t feed = gft_size_min(bytes - at, FEED_BYTES);
        z->next_in = (Bytef *)(uintptr_t)(data + at);
        z->avail_in = (uInt)feed;
        z->next_out = window;
        z->avail_out = (uInt)WINDOW_BYTES;
        result = inflate(z, Z_NO_FLUSH);
        at += feed - z->avail_in;
        const size_t made = WINDOW_BYTES - z->avail_out;
        if (result == Z_MEM_ERROR)
            return gft_fail_memory(err, WINDOW_BYTES, "decompression");
        if (result == Z_BUF_ERROR || (result == Z_OK && made == 0 && z->avail_in == feed))
            return damaged(where, at, "it ends early", err);
        if (result != Z_OK && result != Z_STREAM_END)
            return damaged(where, at, "damaged bytes", err);
        given += made;
        if (given > MAX_UNPACKED)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %llu bytes when unpacked",
                            where, (unsigned long long)MAX_UNPACKED);
        GFT_TRY(take(context, window, made, err));
    }
    return GRAFT_OK;
}

static graft_status unpack(const void *data, size_t bytes, const char *where, take_fn take,
                           void *context, graft_error *err) {
    z_stream z = {.zalloc = zlib_take, .zfree = zlib_free};
    uint8_t *window = gft_malloc(WINDOW_BYTES);
    if (!window || inflateInit2(&z, AUTO_WINDOW) != Z_OK) {
        gft_free(window);
        return gft_fail_memory(err, WINDOW_BYTES, "decompression");
    }
    const graft_status status = pump(&z, data, bytes, where, window, take, context, err);
    inflateEnd(&z);
    gft_free(window);
    return status;
}

static graft_status take_buffer(void *context, const uint8_t *p, size_t bytes, graft_error *err) {
    return gft_buffer_append(context, p, bytes, err);
}

graft_status gft_tfrecord_unpack(const void *data, size_t bytes, const char *where, gft_buffer *out,
                                 graft_error *err) {
    return unpack(data, bytes, where, take_buffer, out, err);
}

/* ---- files ---- */

/* Where unpacked bytes of a file go: memory, and from MEMORY_BYTES on a file without a name. */
typedef struct keep {
    gft_buffer *memory;
    int fd; /* -1: none yet */
    uint64_t written;
    const char *path; /* of the source, for messages */
} keep;

static graft_status write_all(keep *k, const uint8_t *p, size_t bytes, graft_error *err) {
    while (bytes > 0) {
        const ssize_t n = write(k->fd, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return gft_fail_errno(err, n < 0 ? errno : EIO, "unpack", k->path);
        p += n;
        bytes -= (size_t)n;
        k->written += (uint64_t)n;
    }
    return GRAFT_OK;
}

static graft_status open_unnamed(keep *k, graft_error *err) {
    const char *folder = getenv("TMPDIR");
    char *name = gft_format("%s/graft-records-XXXXXX", folder && *folder ? folder : "/tmp");
    if (!name)
        return gft_fail_memory(err, 64, "a file name");
    k->fd = mkstemp(name);
    const int failed = errno;
    if (k->fd >= 0)
        (void)unlink(name);
    graft_status status = k->fd >= 0 ? GRAFT_OK : gft_fail_errno(err, failed, "make", name);
    gft_free(name);
    return status;
}

static graft_status take_keep(void *context, const uint8_t *p, size_t bytes, graft_error *err) {
    keep *k = context;
    if (k->fd < 0 && k->memory->bytes + bytes <= MEMORY_BYTES)
        return gft_buffer_append(k->memory, p, bytes, err);
    if (k->fd < 0) {
        GFT_TRY(open_unnamed(k, err));
        GFT_TRY(write_all(k, k->memory->data, k->memory->bytes, err));
        gft_buffer_deinit(k->memory);
        gft_buffer_init(k->memory, MEMORY_BYTES);
    }
    return write_all(k, p, bytes, err);
}

static graft_status map_kept(const keep *k, gft_tfrecord_file *file, graft_error *err) {
    if (k->fd < 0) {
        file->data = file->memory.data ? file->memory.data : (const uint8_t *)"";
        file->bytes = file->memory.bytes;
        return GRAFT_OK;
    }
    void *p = mmap(NULL, (size_t)k->written, PROT_READ, MAP_PRIVATE, k->fd, 0);
    if (p == MAP_FAILED)
        return gft_fail_errno(err, errno, "map what was unpacked from", k->path);
    file->data = p;
    file->bytes = file->spilled = (size_t)k->written;
    return GRAFT_OK;
}

static graft_status unpack_file(const char *path, gft_tfrecord_file *file, graft_error *err) {
    keep k = {.memory = &file->memory, .fd = -1, .path = path};
    graft_status status = unpack(file->map.data, file->map.bytes, path, take_keep, &k, err);
    if (status == GRAFT_OK)
        status = map_kept(&k, file, err);
    if (k.fd >= 0)
        close(k.fd);
    return status;
}

graft_status gft_tfrecord_file_open(const char *path, gft_tfrecord_file *out, graft_error *err) {
    gft_tfrecord_file file = {.data = NULL};
    gft_buffer_init(&file.memory, MEMORY_BYTES);
    GFT_TRY(gft_map_open(path, &file.map, err));
    file.data = file.map.data;
    file.bytes = file.map.bytes;
    file.compression = gft_tfrecord_told(file.data, file.bytes);
    if (file.compression != GFT_TFRECORD_PLAIN) {
        const graft_status status = unpack_file(path, &file, err);
        gft_map_close(&file.map);
        if (status != GRAFT_OK) {
            gft_tfrecord_file_close(&file);
            return status;
        }
    }
    *out = file;
    return GRAFT_OK;
}

void gft_tfrecord_file_close(gft_tfrecord_file *file) {
    if (file->spilled > 0)
        munmap((void *)(uintptr_t)file->data, file->spilled);
    gft_buffer_deinit(&file->memory);
    if (file->map.data)
        gft_map_close(&file->map);
    *file = (gft_tfrecord_file){.data = NULL};
}
