/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) and TensorFlow's masked form, for bundles, TFRecord
 * and event files.
 */
#ifndef GFT_BASE_CRC32C_H
#define GFT_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t gft_crc32c(const void *data, size_t bytes);
/** Continues a crc: gft_crc32c_extend(gft_crc32c(a), b) == gft_crc32c(a||b). */
uint32_t gft_crc32c_extend(uint32_t crc, const void *data, size_t bytes);
/** The same by tables alone, whatever the processor has: the reference the tests compare with. */
uint32_t gft_crc32c_extend_portable(uint32_t crc, const void *data, size_t bytes);
/** ((crc >> 15) | (crc << 17)) + 0xa282ead8: what TensorFlow and LevelDB store. */
static inline uint32_t gft_crc32c_mask(uint32_t crc) {
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

#endif
