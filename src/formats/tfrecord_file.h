/*
 * TFRecord files as a whole: opened whether they are compressed or not (told by content, as tf.data
 * cannot), and written with compression. Framing is formats/tfrecord.h.
 */
#ifndef GFT_FORMATS_TFRECORD_FILE_H
#define GFT_FORMATS_TFRECORD_FILE_H

#include "base/buffer.h"
#include "base/file.h"
#include "formats/tfrecord.h"

typedef enum gft_tfrecord_compression {
    GFT_TFRECORD_PLAIN,
    GFT_TFRECORD_GZIP, /* RFC 1952 */
    GFT_TFRECORD_ZLIB  /* RFC 1950 */
} gft_tfrecord_compression;

/**
 * By the first bytes: a record's length with a right checksum is never taken for a compressed
 * stream.
 */
gft_tfrecord_compression gft_tfrecord_told(const void *data, size_t bytes);

/**
 * Unpacks a compressed stream (several gzip members behind one another too) behind what is in
 * `out`.
 */
GRAFT_MUST_CHECK graft_status gft_tfrecord_unpack(const void *data, size_t bytes, const char *where,
                                                  gft_buffer *out, graft_error *err);

/*
 * A file open for reading. Plain files are mapped; a compressed one is unpacked into memory, a
 * large one into a file without a name in $TMPDIR (or /tmp), which is mapped.
 */
typedef struct gft_tfrecord_file {
    const uint8_t *data; /* records, borrowed while the file is open */
    size_t bytes;
    gft_tfrecord_compression compression;
    gft_map map;
    gft_buffer memory;
    size_t spilled; /* bytes mapped from the file without a name */
} gft_tfrecord_file;

GRAFT_MUST_CHECK graft_status gft_tfrecord_file_open(const char *path, gft_tfrecord_file *out,
                                                     graft_error *err);
void gft_tfrecord_file_close(gft_tfrecord_file *file); /* accepts a zeroed one */

/* A file being written beside its place; nothing is there before gft_tfrecord_writer_commit. */
typedef struct gft_tfrecord_writer gft_tfrecord_writer;

GRAFT_MUST_CHECK graft_status gft_tfrecord_writer_open(const char *path,
                                                       gft_tfrecord_compression compression,
                                                       gft_tfrecord_writer **out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_tfrecord_writer_add(gft_tfrecord_writer *writer,
                                                      const void *record, size_t bytes,
                                                      graft_error *err);
GRAFT_MUST_CHECK graft_status gft_tfrecord_writer_commit(gft_tfrecord_writer *writer,
                                                         graft_error *err);
void gft_tfrecord_writer_free(gft_tfrecord_writer *writer); /* uncommitted: nothing is left */

#endif
