/*
 * Memory that ends at a page nobody may touch: a kernel that reads or writes one float too far is stopped there.
 */
#ifndef GFT_TEST_GUARDED_H
#define GFT_TEST_GUARDED_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"
#include "cmocka_all.h"

typedef struct guarded {
    float *p;
    char *map;
    size_t bytes;
} guarded;

/* n floats that end right before a guard page, filled with NaN. */
static inline guarded guarded_new(int64_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t used = (size_t)n * sizeof(float);
    guarded g = {.bytes = (used + page - 1) / page * page + page};
    g.map = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map + g.bytes - page, page, PROT_NONE), 0);
    g.p = (float *)(void *)(g.map + g.bytes - page - used);
    for (int64_t i = 0; i < n; i++)
        g.p[i] = NAN;
    return g;
}

static inline guarded guarded_random(gft_rng *rng, int64_t n) {
    guarded g = guarded_new(n);
    for (int64_t i = 0; i < n; i++)
        g.p[i] = 2.0f * gft_rng_uniform(rng) - 1.0f;
    return g;
}

static inline void guarded_free(guarded *g) { munmap(g->map, g->bytes); }

/* Marks what a kernel must leave alone; a NaN with a payload no arithmetic makes. */
#define UNTOUCHED 0x7fa5a5a5u
static inline void mark_untouched(float *p, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t mark = UNTOUCHED;
        memcpy(p + i, &mark, sizeof mark);
    }
}
static inline bool is_untouched(const float *p) {
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits == UNTOUCHED;
}

/* A sum of `terms` products whose absolute values add up to `magnitude`; NaN and infinity must be matched as such. */
static inline void assert_sum_close(float got, double want, double magnitude, double terms) {
    if (isnan(want) || isinf(want)) {
        if (!(isnan(want) ? isnan((double)got) : (double)got == want))
            fail_msg("%g, expected %g", (double)got, want);
        return;
    }
    double bound = (terms + 3.0) * 6e-8 * magnitude + 1e-37;
    if (!(fabs((double)got - want) <= bound))
        fail_msg("%.9g, expected %.9g within %g", (double)got, want, bound);
}

static inline double clamp_double(double v, float lo, float hi) {
    v = v < (double)lo ? (double)lo : v;
    return v > (double)hi ? (double)hi : v;
}

#endif
