/* Fuzz target: TFRecord framing. The input is read as a file, then framed as a record and read
 * back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tfrecord.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graft_error err;
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
