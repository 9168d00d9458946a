/*
 * CRC-32C: the instruction of SSE4.2 or ARMv8 where the processor has it, otherwise slicing-by-8
 * with tables made on first use. Polynomial 0x1edc6f41, reflected 0x82f63b78; initial value and
 * final xor all ones (RFC 3720 B.4).
 */
#include "base/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
#define CRC_64(crc, word) _mm_crc32_u64(crc, word)
#define CRC_8(crc, byte) _mm_crc32_u8(crc, byte)
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define WITH_INSTRUCTION __attribute__((target("+crc")))
#define CRC_64(crc, word) __crc32cd((uint32_t)(crc), word)
#define CRC_8(crc, byte) __crc32cb(crc, byte)
#define ARM_HAS_CRC32 (1ul << 7) /* HWCAP_CRC32 of Linux */
#endif

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];
#if defined(WITH_INSTRUCTION)
static bool have_instruction;
#endif
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1u ? POLYNOMIAL : 0u);
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int k = 1; k < 8; k++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xffu];
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    have_instruction = __builtin_cpu_supports("sse4.2");
#elif defined(WITH_INSTRUCTION)
    have_instruction = getauxval(AT_HWCAP) & ARM_HAS_CRC32;
#endif
}

static uint32_t extend_by_tables(uint32_t crc, const uint8_t *p, size_t bytes) {
    for (; bytes >= 8; p += 8, bytes -= 8) {
        uint32_t low =
            ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24) ^
            crc;
        crc = table[7][low & 0xffu] ^ table[6][low >> 8 & 0xffu] ^ table[5][low >> 16 & 0xffu] ^
              table[4][low >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
              table[0][p[7]];
    }
    for (; bytes > 0; p++, bytes--)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xffu];
    return crc;
}

#if defined(WITH_INSTRUCTION)
WITH_INSTRUCTION static uint32_t extend_by_instruction(uint32_t crc, const uint8_t *p,
                                                       size_t bytes) {
    uint64_t wide = crc;
    for (; bytes >= 8; p += 8, bytes -= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        wide = CRC_64(wide, word);
    }
    uint32_t narrow = (uint32_t)wide;
    for (; bytes > 0; p++, bytes--)
        narrow = CRC_8(narrow, *p);
    return narrow;
}
#endif

uint32_t gft_crc32c_extend_portable(uint32_t crc, const void *data, size_t bytes) {
    pthread_once(&once, prepare);
    return ~extend_by_tables(~crc, data, bytes);
}

uint32_t gft_crc32c_extend(uint32_t crc, const void *data, size_t bytes) {
    pthread_once(&once, prepare);
#if defined(WITH_INSTRUCTION)
    if (have_instruction)
        return ~extend_by_instruction(~crc, data, bytes);
#endif
    return ~extend_by_tables(~crc, data, bytes);
}

uint32_t gft_crc32c(const void *data, size_t bytes) {
    return gft_crc32c_extend(0, data, bytes);
}
