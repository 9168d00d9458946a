/* Fuzz target: TFRecord framing and compression. The input is read as a file and unpacked as a
 * compressed one, then framed as a record and read back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tfrecord_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const uint8_t *data, size_t size) {
    graft_error err;
    const uint8_t *record = NULL;
    size_t bytes = 0;
    gft_tfrecord_reader r = gft_tfrecord_reader_make(data, size, "fuzz", false);
    while (gft_tfrecord_skip(&r, &record, &bytes, &err) == GRAFT_OK)
        if (record < data || bytes > size || record + bytes > data + size)
            abort();
}

/* At most a megabyte of what the bytes unpack to. */
static void unpack(const uint8_t *data, size_t size) {
    gft_buffer out;
    graft_error err;
    gft_buffer_init(&out, (size_t)1 << 20);
    if (gft_tfrecord_told(data, size) == GFT_TFRECORD_PLAIN && gft_tfrecord_begins(data, size) &&
        size < 12)
        abort();
    if (gft_tfrecord_unpack(data, size, "fuzz", &out, &err) == GRAFT_OK && out.bytes > 0)
        walk(out.data, out.bytes);
    gft_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graft_error err;
    walk(data, size);
    unpack(data, size);
    const uint8_t *record = NULL;
    size_t bytes = 0;
    for (int tolerate = 0; tolerate < 2; tolerate++) {
        gft_tfrecord_reader r = gft_tfrecord_reader_make(data, size, "fuzz", tolerate);
        while (gft_tfrecord_next(&r, &record, &bytes, &err) == GRAFT_OK)
            if (record < data || bytes > size || record + bytes > data + size)
                abort();
    }
    gft_buffer buffer;
    gft_buffer_init(&buffer, size + 16);
    if (gft_tfrecord_append(&buffer, data, size, &err) != GRAFT_OK)
        abort();
    gft_tfrecord_reader r = gft_tfrecord_reader_make(buffer.data, buffer.bytes, "fuzz", false);
    if (gft_tfrecord_next(&r, &record, &bytes, &err) != GRAFT_OK || bytes != size ||
        (size && memcmp(record, data, size) != 0) ||
        gft_tfrecord_next(&r, &record, &bytes, &err) != GRAFT_OUT_OF_RANGE)
        abort();
    gft_buffer_deinit(&buffer);
    return 0;
}
