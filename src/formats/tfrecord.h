/*
 * TFRecord files: length-framed records with masked crc32c, as tf.io.TFRecordWriter and TensorBoard
 * write them. A record: u64 length, u32 crc of the length, the bytes, u32 crc of the bytes.
 */
#ifndef GFT_FORMATS_TFRECORD_H
#define GFT_FORMATS_TFRECORD_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/cursor.h"
#include "base/error.h"

/* Reads records one after another from borrowed bytes (a mapped file). One thread at a time. */
typedef struct gft_tfrecord_reader {
    gft_cursor cursor;
    uint64_t count;    /* records given so far */
    bool tolerate_cut; /* a cut last record ends the file instead of failing */
    bool was_cut;      /* ... and did so */
} gft_tfrecord_reader;

/** @param tolerate_cut  for files that another process is still writing, such as event files */
gft_tfrecord_reader gft_tfrecord_reader_make(const void *data, size_t bytes, const char *where,
                                             bool tolerate_cut);
/**
 * Gives the next record, borrowed from the input.
 *
 * @return OUT_OF_RANGE at the end (err untouched); DATA_LOSS for a wrong checksum or a cut record
 */
GRAFT_MUST_CHECK graft_status gft_tfrecord_next(gft_tfrecord_reader *reader, const uint8_t **record,
                                                size_t *bytes, graft_error *err);

/**
 * As gft_tfrecord_next, but the record's own checksum is not looked at: its bytes are not touched.
 */
GRAFT_MUST_CHECK graft_status gft_tfrecord_skip(gft_tfrecord_reader *reader, const uint8_t **record,
                                                size_t *bytes, graft_error *err);
/** True if these bytes, the first of a file, begin with a record: a length and its checksum. */
bool gft_tfrecord_begins(const void *data, size_t bytes);

/** Gives the twelve bytes before a record and the four behind it. */
void gft_tfrecord_frame(const void *record, size_t bytes, uint8_t head[12], uint8_t tail[4]);

/** Appends a framed record to a buffer. */
GRAFT_MUST_CHECK graft_status gft_tfrecord_append(gft_buffer *buffer, const void *record,
                                                  size_t bytes, graft_error *err);
/** Writes a framed record to a stream; `path` is for messages. */
GRAFT_MUST_CHECK graft_status gft_tfrecord_write(FILE *file, const char *path, const void *record,
                                                 size_t bytes, graft_error *err);

#endif
