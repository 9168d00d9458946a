/*
 * tf.Example: a map from names to lists of byte strings, floats or integers
 * (tensorflow/core/example/example.proto and feature.proto), read in place by a bounded walk over
 * the wire format, and written.
 */
#ifndef GFT_FORMATS_EXAMPLE_H
#define GFT_FORMATS_EXAMPLE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/cursor.h"
#include "graft/tensor.h"

typedef enum gft_feature_kind {
    GFT_FEATURE_NONE, /* there is no such feature, or it holds no list */
    GFT_FEATURE_BYTES,
    GFT_FEATURE_FLOAT,
    GFT_FEATURE_INT64
} gft_feature_kind;

/* One feature, borrowed from the serialized example. */
typedef struct gft_feature {
    gft_feature_kind kind;
    gft_cursor lists; /* the messages that hold its values */
} gft_feature;

/* Gives features one after another. */
typedef struct gft_example_reader {
    gft_cursor example, features;
} gft_example_reader;

/** @param where names the record in messages, borrowed */
gft_example_reader gft_example_reader_make(const void *data, size_t bytes, const char *where);
/**
 * The next feature; *more false (and the rest untouched) behind the last. DATA_LOSS for bytes that
 * are no tf.Example.
 */
GRAFT_MUST_CHECK graft_status gft_example_next(gft_example_reader *reader, graft_string_view *key,
                                               gft_feature *feature, bool *more, graft_error *err);
/**
 * The feature of this name (of several the last, as protobuf maps are read); kind NONE if there is
 * none.
 */
GRAFT_MUST_CHECK graft_status gft_example_find(const void *data, size_t bytes, const char *where,
                                               graft_string_view key, gft_feature *out,
                                               graft_error *err);
/**
 * Values of a feature, in order: graft_string_view (borrowed), float or int64_t by its kind.
 *
 * @param out   room for `room` values; NULL with room 0 to count
 * @param count [out] how many there are, also beyond `room`
 */
GRAFT_MUST_CHECK graft_status gft_feature_read(const gft_feature *feature, void *out, size_t room,
                                               size_t *count, graft_error *err);
/** "bytes", "float", "int64", "no". */
const char *gft_feature_kind_name(gft_feature_kind kind);

/* ---- writing ---- */

/* Features in the order in which they are put. */
typedef struct gft_example_writer {
    gft_buffer features;
} gft_example_writer;

void gft_example_writer_init(gft_example_writer *writer);
void gft_example_writer_deinit(gft_example_writer *writer);
GRAFT_MUST_CHECK graft_status gft_example_put_bytes(gft_example_writer *writer, const char *key,
                                                    const void *data, size_t bytes,
                                                    graft_error *err);
GRAFT_MUST_CHECK graft_status gft_example_put_int64(gft_example_writer *writer, const char *key,
                                                    const int64_t *values, size_t count,
                                                    graft_error *err);
GRAFT_MUST_CHECK graft_status gft_example_put_float(gft_example_writer *writer, const char *key,
                                                    const float *values, size_t count,
                                                    graft_error *err);
/** Appends the serialized example to `out` and empties the writer. */
GRAFT_MUST_CHECK graft_status gft_example_finish(gft_example_writer *writer, gft_buffer *out,
                                                 graft_error *err);

#endif
