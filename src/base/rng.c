/*
 * Philox4x32-10 (Salmon et al., SC'11) and the draws made from it. The counter is (index / 4,
 * stream), the key the seed; draw `index` is word index % 4 of that block.
 */
#include "base/rng.h"

#include <math.h>

#include "base/error.h"

#define PHILOX_M0 0xd2511f53u
#define PHILOX_M1 0xcd9e8d57u
#define PHILOX_W0 0x9e3779b9u
#define PHILOX_W1 0xbb67ae85u
#define PHILOX_ROUNDS 10

void gft_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    uint32_t c0 = counter[0];
    uint32_t c1 = counter[1];
    uint32_t c2 = counter[2];
    uint32_t c3 = counter[3];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

gft_rng gft_rng_make(uint64_t seed, enum gft_rng_stream stream, uint64_t sub) {
    return (gft_rng){seed, sub << 8 | (uint64_t)stream, 0};
}

uint32_t gft_rng_at(const gft_rng *rng, uint64_t index) {
    uint64_t block = index / 4;
    const uint32_t key[2] = {(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)rng->stream,
                                 (uint32_t)(rng->stream >> 32)};
    uint32_t words[4];
    gft_philox(key, counter, words);
    return words[index % 4];
}

uint32_t gft_rng_u32(gft_rng *rng) {
    return gft_rng_at(rng, rng->index++);
}

float gft_rng_uniform(gft_rng *rng) {
    return (float)(gft_rng_u32(rng) >> 8) * 0x1p-24f;
}

double gft_rng_normal(gft_rng *rng) {
    const double two_pi = 6.283185307179586476925;
    double u = ((double)gft_rng_u32(rng) + 0.5) * 0x1p-32; /* never 0, so the logarithm is finite */
    double v = (double)gft_rng_u32(rng) * 0x1p-32;
    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}

uint32_t gft_rng_below(gft_rng *rng, uint32_t n) {
    GFT_ASSERT(n > 0);
    /* Lemire's multiply-shift: reject the few low words that would favour some results. */
    uint32_t threshold = (0u - n) % n;
    uint64_t product;
    do {
        product = (uint64_t)gft_rng_u32(rng) * n;
    } while ((uint32_t)product < threshold);
    return (uint32_t)(product >> 32);
}

void gft_rng_shuffle(gft_rng *rng, uint32_t *items, uint32_t count) {
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = gft_rng_below(rng, i);
        uint32_t kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}
