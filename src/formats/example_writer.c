/*
 * Writing tf.Example: each feature is a map entry whose lengths are known beforehand, so that it is
 * written in one go.
 */
#include <string.h>

#include "base/size.h"
#include "formats/example.h"

#define MAX_EXAMPLE_BYTES ((size_t)INT32_MAX) /* protobuf's limit for a message */

enum { TAG_1 = 1 << 3 | 2, TAG_2 = 2 << 3 | 2, TAG_3 = 3 << 3 | 2 }; /* length-delimited fields */

void gft_example_writer_init(gft_example_writer *writer) {
    gft_buffer_init(&writer->features, MAX_EXAMPLE_BYTES);
}

void gft_example_writer_deinit(gft_example_writer *writer) {
    gft_buffer_deinit(&writer->features);
}

static size_t varint(uint64_t value, uint8_t out[10]) {
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

/* Bytes of a length-delimited field with `bytes` of contents, tags being one byte. */
static size_t wrapped(size_t bytes) {
    uint8_t scratch[10];
    return 1 + varint(bytes, scratch) + bytes;
}

static graft_status put_head(gft_buffer *b, uint8_t tag, size_t bytes, graft_error *err) {
    uint8_t head[11] = {tag};
    const size_t n = varint(bytes, head + 1);
    return gft_buffer_append(b, head, n + 1, err);
}

/* All of an entry up to the single field of its list, which has `bytes` of contents. */
static graft_status begin_entry(gft_buffer *b, const char *key, uint8_t list_tag, size_t bytes,
                                graft_error *err) {
    const size_t key_bytes = strlen(key);
    if (bytes > MAX_EXAMPLE_BYTES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "tf.Example: feature '%s' of %zu bytes, at most %zu", key, bytes,
                        MAX_EXAMPLE_BYTES);
    const size_t list = wrapped(bytes);
    const size_t feature = wrapped(list);
    GFT_TRY(put_head(b, TAG_1, wrapped(key_bytes) + wrapped(feature), err));
    GFT_TRY(put_head(b, TAG_1, key_bytes, err));
    GFT_TRY(gft_buffer_append(b, key, key_bytes, err));
    GFT_TRY(put_head(b, TAG_2, feature, err));
    GFT_TRY(put_head(b, list_tag, list, err));
    return put_head(b, TAG_1, bytes, err);
}

graft_status gft_example_put_bytes(gft_example_writer *writer, const char *key, const void *data,
                                   size_t bytes, graft_error *err) {
    GFT_TRY(begin_entry(&writer->features, key, TAG_1, bytes, err));
    return gft_buffer_append(&writer->features, data, bytes, err);
}

graft_status gft_example_put_int64(gft_example_writer *writer, const char *key,
                                   const int64_t *values, size_t count, graft_error *err) {
    uint8_t bits[10];
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += varint((uint64_t)values[i], bits);
    GFT_TRY(begin_entry(&writer->features, key, TAG_3, bytes, err));
    for (size_t i = 0; i < count; i++) {
        const size_t n = varint((uint64_t)values[i], bits);
        GFT_TRY(gft_buffer_append(&writer->features, bits, n, err));
    }
    return GRAFT_OK;
}

graft_status gft_example_put_float(gft_example_writer *writer, const char *key, const float *values,
                                   size_t count, graft_error *err) {
    size_t bytes;
    if (!gft_size_mul(count, sizeof *values, &bytes))
        return gft_fail_memory(err, SIZE_MAX, "a feature");
    GFT_TRY(begin_entry(&writer->features, key, TAG_2, bytes, err));
    return gft_buffer_append(&writer->features, values, bytes, err);
}

graft_status gft_example_finish(gft_example_writer *writer, gft_buffer *out, graft_error *err) {
    GFT_TRY(put_head(out, TAG_1, writer->features.bytes, err));
    GFT_TRY(gft_buffer_append(out, writer->features.data, writer->features.bytes, err));
    gft_buffer_clear(&writer->features);
    return GRAFT_OK;
}
