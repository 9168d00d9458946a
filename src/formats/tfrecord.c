/*
 * TFRecord framing (tensorflow/core/lib/io/record_writer.cc's format). The length has a checksum of
 * its own, so a damaged length is found before it is believed.
 */
#include "formats/tfrecord.h"

#include <errno.h>

#include "base/crc32c.h"

#define HEAD_BYTES 12
#define TAIL_BYTES 4

gft_tfrecord_reader gft_tfrecord_reader_make(const void *data, size_t bytes, const char *where,
                                             bool tolerate_cut) {
    return (gft_tfrecord_reader){.cursor = gft_cursor_make(data, bytes, where),
                                 .tolerate_cut = tolerate_cut};
}

/* The rest of the file is shorter than a whole record. */
static graft_status cut(gft_tfrecord_reader *r, size_t start, uint64_t needed, graft_error *err) {
    r->cursor.at = start;
    if (r->tolerate_cut) {
        r->was_cut = true;
        return GRAFT_OUT_OF_RANGE;
    }
    return gft_fail(err, GRAFT_DATA_LOSS,
                    "%s: record %llu at byte %zu needs %llu bytes, %zu are left: the file is cut",
                    r->cursor.where, (unsigned long long)r->count, start,
                    (unsigned long long)needed, gft_cursor_left(&r->cursor));
}

static graft_status check(gft_tfrecord_reader *r, size_t start, const char *what, uint32_t stored,
                          const void *p, size_t bytes, graft_error *err) {
    uint32_t found = gft_crc32c_mask(gft_crc32c(p, bytes));
    if (found == stored)
        return GRAFT_OK;
    r->cursor.at = start;
    return gft_fail(
        err, GRAFT_DATA_LOSS,
        "%s: record %llu at byte %zu: checksum of its %s is 0x%08x, expected 0x%08x: damaged or no "
        "TFRecord file",
        r->cursor.where, (unsigned long long)r->count, start, what, found, stored);
}

static graft_status read_record(gft_tfrecord_reader *r, bool check_bytes, const uint8_t **record,
                                size_t *bytes, graft_error *err) {
    gft_cursor *c = &r->cursor;
    size_t start = c->at;
    if (gft_cursor_left(c) == 0)
        return GRAFT_OUT_OF_RANGE;
    if (gft_cursor_left(c) < HEAD_BYTES)
        return cut(r, start, HEAD_BYTES + TAIL_BYTES, err);
    uint64_t length;
    uint32_t crc;
    const uint8_t *p;
    GFT_TRY(gft_cursor_u64(c, &length, "a record length", err));
    GFT_TRY(gft_cursor_u32(c, &crc, "a checksum", err));
    GFT_TRY(check(r, start, "length", crc, c->data + start, 8, err));
    size_t left = gft_cursor_left(c);
    if (left < TAIL_BYTES || length > left - TAIL_BYTES)
        return cut(r, start, length < UINT64_MAX - 16 ? length + HEAD_BYTES + TAIL_BYTES : length,
                   err);
    GFT_TRY(gft_cursor_take(c, (size_t)length, &p, "a record", err));
    GFT_TRY(gft_cursor_u32(c, &crc, "a checksum", err));
    if (check_bytes)
        GFT_TRY(check(r, start, "bytes", crc, p, (size_t)length, err));
    *record = p;
    *bytes = (size_t)length;
    r->count++;
    return GRAFT_OK;
}

graft_status gft_tfrecord_next(gft_tfrecord_reader *r, const uint8_t **record, size_t *bytes,
                               graft_error *err) {
    return read_record(r, true, record, bytes, err);
}

graft_status gft_tfrecord_skip(gft_tfrecord_reader *r, const uint8_t **record, size_t *bytes,
                               graft_error *err) {
    return read_record(r, false, record, bytes, err);
}

static void put_u32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

bool gft_tfrecord_begins(const void *data, size_t bytes) {
    const uint8_t *p = data;
    uint8_t crc[4];
    if (bytes < HEAD_BYTES)
        return false;
    put_u32(crc, gft_crc32c_mask(gft_crc32c(p, 8)));
    for (int i = 0; i < 4; i++) {
        if (crc[i] != p[8 + i])
            return false;
    }
    return true;
}

void gft_tfrecord_frame(const void *record, size_t bytes, uint8_t head[12], uint8_t tail[4]) {
    for (int i = 0; i < 8; i++)
        head[i] = (uint8_t)((uint64_t)bytes >> (8 * i));
    put_u32(head + 8, gft_crc32c_mask(gft_crc32c(head, 8)));
    put_u32(tail, gft_crc32c_mask(gft_crc32c(record, bytes)));
}

graft_status gft_tfrecord_append(gft_buffer *buffer, const void *record, size_t bytes,
                                 graft_error *err) {
    uint8_t head[HEAD_BYTES];
    uint8_t tail[TAIL_BYTES];
    size_t before = buffer->bytes;
    gft_tfrecord_frame(record, bytes, head, tail);
    graft_status status;
    GFT_GOTO(gft_buffer_append(buffer, head, sizeof head, err));
    GFT_GOTO(gft_buffer_append(buffer, record, bytes, err));
    GFT_GOTO(gft_buffer_append(buffer, tail, sizeof tail, err));
done:
    if (status != GRAFT_OK)
        buffer->bytes = before;
    return status;
}

graft_status gft_tfrecord_write(FILE *file, const char *path, const void *record, size_t bytes,
                                graft_error *err) {
    uint8_t head[HEAD_BYTES];
    uint8_t tail[TAIL_BYTES];
    gft_tfrecord_frame(record, bytes, head, tail);
    errno = 0;
    if (fwrite(head, 1, sizeof head, file) != sizeof head ||
        (bytes > 0 && fwrite(record, 1, bytes, file) != bytes) ||
        fwrite(tail, 1, sizeof tail, file) != sizeof tail)
        return gft_fail_errno(err, errno ? errno : EIO, "write", path);
    return GRAFT_OK;
}
