/*
 * Snappy's raw format (google/snappy, format_description.txt), decoding only: some TensorFlow
 * versions compress the blocks of a checkpoint's index with it.
 */
#ifndef GFT_FORMATS_SNAPPY_H
#define GFT_FORMATS_SNAPPY_H

#include "base/buffer.h"
#include "base/error.h"

/**
 * Decodes `bytes` bytes; replaces the contents of `out`.
 *
 * @return DATA_LOSS if the input is cut, reaches before its own start or does not give the declared
 *         length; RESOURCE_EXHAUSTED if that is more than `out` may hold
 */
GRAFT_MUST_CHECK graft_status gft_snappy_decode(const void *data, size_t bytes, const char *where,
                                                gft_buffer *out, graft_error *err);

#endif
