/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC'11).
 *
 * A draw is a function of (seed, stream, index): resumable, independent of threads, workers and
 * order. Streams name what the numbers are for (GFT_RNG_...), so that two uses of one seed never
 * share numbers.
 */
#ifndef GFT_BASE_RNG_H
#define GFT_BASE_RNG_H

#include <stdint.h>

enum gft_rng_stream {
    GFT_RNG_INIT = 1,    /* weights */
    GFT_RNG_SHUFFLE = 2, /* order of pictures */
    GFT_RNG_DROPOUT = 3,
    GFT_RNG_AUGMENT = 4,
    GFT_RNG_SPLIT = 5, /* train/validation/test */
    GFT_RNG_TEST = 99
};

typedef struct gft_rng {
    uint64_t seed;
    uint64_t stream; /* gft_rng_stream in the low byte; the caller's own number above it */
    uint64_t index;  /* next 32-bit draw */
} gft_rng;

gft_rng gft_rng_make(uint64_t seed, enum gft_rng_stream stream, uint64_t sub);
/** Four words for a key and a counter: the primitive everything else uses. */
void gft_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);
/** Draw number `index` of the generator's stream, without advancing it. */
uint32_t gft_rng_at(const gft_rng *rng, uint64_t index);
uint32_t gft_rng_u32(gft_rng *rng);
float gft_rng_uniform(gft_rng *rng);              /* [0,1), 24 bits */
double gft_rng_normal(gft_rng *rng);              /* Box-Muller, one value per two draws */
uint32_t gft_rng_below(gft_rng *rng, uint32_t n); /* 0..n-1 without bias; n > 0 */
/** Fisher-Yates on indices. */
void gft_rng_shuffle(gft_rng *rng, uint32_t *items, uint32_t count);

#endif
