/*
 * What the cores of this machine do at most: peak_meter [SECONDS]. One JSON object for one thread
 * and one for all.
 *
 * Loops over registers with enough independent chains to hide the latency of their instruction:
 * fused multiply-add of float32, multiply-add of int16 pairs, dot products of bytes (VNNI, NEON dot
 * product) and of BF16 where the processor has them; a copy of 64 MB for memory. A multiplication
 * and an addition count as two operations. The best of several short rounds counts: a core that is
 * disturbed can only be slower.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define COPY_BYTES ((size_t)64 << 20)
#define LOOPS 200000
#define MOST_THREADS 1024

static volatile float sink;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Each loop does LOOPS times CHAINS instructions and returns the operations done. */
#define CHAINS 12
#define REPEAT(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11)
/* The compiler must neither join the chains nor drop them. */
#define KEEP(i) __asm__ volatile("" : "+v"(c##i));

#if defined(__x86_64__)
#define DEFINE_LOOP(name, features, type, zero, a_value, b_value, step, operations, as_float)      \
    __attribute__((target(features))) static double name(void) {                                   \
        type a = a_value;                                                                          \
        type b = b_value;                                                                          \
        type c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero;          \
        type c7 = zero, c8 = zero, c9 = zero, c10 = zero, c11 = zero;                              \
        for (int i = 0; i < LOOPS; i++) {                                                          \
            REPEAT(step)                                                                           \
            REPEAT(KEEP)                                                                           \
        }                                                                                          \
        sink = as_float(c0);                                                                       \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        return (double)LOOPS * CHAINS * (operations);                                              \
    }

#define FLOAT_OF_256(c) _mm256_cvtss_f32(c)
#define INT_OF_256(c) (float)_mm256_extract_epi32(c, 0)
#define FLOAT_OF_512(c) _mm512_cvtss_f32(c)
#define INT_OF_512(c) (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(c))

#define FMA_256(i) c##i = _mm256_fmadd_ps(a, b, c##i);
#define FMA_512(i) c##i = _mm512_fmadd_ps(a, b, c##i);
#define DOT_256(i) c##i = _mm256_dpbusd_avx_epi32(c##i, a, b);
#define DOT_512(i) c##i = _mm512_dpbusd_epi32(c##i, a, b);
#define BF16_512(i) c##i = _mm512_dpbf16_ps(c##i, (__m512bh)a, (__m512bh)b);
/* madd has no accumulator: without this its product would be computed once. */
#define RENEW __asm__ volatile("" : "+v"(a));
#define MADD_256(i) RENEW c##i = _mm256_add_epi32(c##i, _mm256_madd_epi16(a, b));
#define MADD_512(i) RENEW c##i = _mm512_add_epi32(c##i, _mm512_madd_epi16(a, b));

DEFINE_LOOP(fma_avx2, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_set1_ps(0.5f),
            _mm256_set1_ps(0.25f), FMA_256, 16, FLOAT_OF_256)
DEFINE_LOOP(fma_avx512, "avx512f", __m512, _mm512_setzero_ps(), _mm512_set1_ps(0.5f),
            _mm512_set1_ps(0.25f), FMA_512, 32, FLOAT_OF_512)
DEFINE_LOOP(madd_avx2, "avx2", __m256i, _mm256_setzero_si256(), _mm256_set1_epi16(3),
            _mm256_set1_epi16(5), MADD_256, 32, INT_OF_256)
DEFINE_LOOP(madd_avx512, "avx512f,avx512bw", __m512i, _mm512_setzero_si512(), _mm512_set1_epi16(3),
            _mm512_set1_epi16(5), MADD_512, 64, INT_OF_512)
DEFINE_LOOP(dot_avxvnni, "avx2,avxvnni", __m256i, _mm256_setzero_si256(), _mm256_set1_epi8(3),
            _mm256_set1_epi8(5), DOT_256, 64, INT_OF_256)
DEFINE_LOOP(dot_avx512, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(), _mm512_set1_epi8(3),
            _mm512_set1_epi8(5), DOT_512, 128, INT_OF_512)
#define BF16_ONES _mm512_castsi512_ps(_mm512_set1_epi16(0x3f00))
DEFINE_LOOP(bf16_avx512, "avx512f,avx512bw,avx512bf16", __m512, _mm512_setzero_ps(), BF16_ONES,
            BF16_ONES, BF16_512, 64, FLOAT_OF_512)
#elif defined(__aarch64__)
#undef KEEP
#define KEEP(i) __asm__ volatile("" : "+w"(c##i));
#define FMA_NEON(i) c##i = vfmaq_f32(c##i, a, b);
static double fma_neon(void) {
    float32x4_t a = vdupq_n_f32(0.5f);
    float32x4_t b = vdupq_n_f32(0.25f);
    float32x4_t c0 = vdupq_n_f32(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
    float32x4_t c8 = c0, c9 = c0, c10 = c0, c11 = c0;
    for (int i = 0; i < LOOPS; i++) {
        REPEAT(FMA_NEON)
        REPEAT(KEEP)
    }
    sink = vgetq_lane_f32(c0, 0);
    return (double)LOOPS * CHAINS * 8;
}
#endif

typedef double (*loop_fn)(void);

typedef struct meter {
    const char *key;
    loop_fn loop; /* NULL: this processor has no such instruction */
} meter;

/* A line of results: float32, int16, bytes, BF16; the widest that the processor has. */
enum { METERS = 4 };

static void choose(meter *m) {
    static const char *const keys[METERS] = {"f32_gflops", "int16_madd_gops", "dot_s8_gops",
                                             "bf16_gflops"};
    for (int i = 0; i < METERS; i++)
        m[i] = (meter){keys[i], NULL};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        m[0].loop = fma_avx2;
        m[1].loop = madd_avx2;
    }
    if (__builtin_cpu_supports("avxvnni"))
        m[2].loop = dot_avxvnni;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
        m[0].loop = fma_avx512;
        m[1].loop = madd_avx512;
    }
    if (__builtin_cpu_supports("avx512vnni"))
        m[2].loop = dot_avx512;
    if (__builtin_cpu_supports("avx512bf16"))
        m[3].loop = bf16_avx512;
#elif defined(__aarch64__)
    m[0].loop = fma_neon;
#endif
}

typedef struct worker {
    pthread_t thread;
    pthread_barrier_t *barrier;
    loop_fn loop; /* NULL: copy memory */
    char *from, *to;
    double seconds, best; /* operations or bytes per second of the best round */
} worker;

static double copy_once(worker *w) {
    memcpy(w->to, w->from, COPY_BYTES);
    sink = (float)w->to[COPY_BYTES / 2];
    return (double)COPY_BYTES;
}

static void *work(void *context) {
    worker *w = context;
    (void)(w->loop ? w->loop() : copy_once(w)); /* clocks go up */
    pthread_barrier_wait(w->barrier);
    double end = now() + w->seconds;
    do {
        double began = now();
        double done = w->loop ? w->loop() : copy_once(w);
        double rate = done / (now() - began);
        w->best = rate > w->best ? rate : w->best;
    } while (now() < end);
    return NULL;
}

/*
 * The sum over threads of each one's best round, in 1e9 a second; 0 when something could not be
 * had.
 */
static double measure(loop_fn loop, int threads, double seconds) {
    worker *workers = gft_calloc((size_t)threads, sizeof *workers);
    pthread_barrier_t barrier;
    double sum = 0;
    int started = 0;
    bool whole = workers != NULL;
    for (int i = 0; whole && i < threads; i++) {
        worker *w = &workers[i];
        *w = (worker){.barrier = &barrier, .loop = loop, .seconds = seconds};
        w->from = loop ? NULL : gft_malloc(COPY_BYTES);
        w->to = loop ? NULL : gft_malloc(COPY_BYTES);
        whole = loop || (w->from && w->to);
        if (whole && !loop)
            memset(w->from, i + 1, COPY_BYTES);
    }
    if (whole && pthread_barrier_init(&barrier, NULL, (unsigned)threads) == 0) {
        while (started < threads &&
               pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
            started++;
        if (started < threads) { /* the others would wait at the barrier for ever */
            fprintf(stderr, "peak_meter: no more threads after %d\n", started);
            _Exit(1);
        }
        for (int i = 0; i < started; i++) {
            pthread_join(workers[i].thread, NULL);
            sum += workers[i].best;
        }
        pthread_barrier_destroy(&barrier);
    }
    for (int i = 0; workers && i < threads; i++) {
        gft_free(workers[i].from);
        gft_free(workers[i].to);
    }
    gft_free(workers);
    return sum * 1e-9;
}

static void line(const meter *m, int threads, double seconds, bool last) {
    printf("{\"threads\": %d", threads);
    for (int i = 0; i < METERS; i++) {
        if (m[i].loop)
            printf(", \"%s\": %.2f", m[i].key, measure(m[i].loop, threads, seconds));
        else
            printf(", \"%s\": null", m[i].key);
    }
    printf(", \"copy_gb_per_s\": %.2f}%s\n", measure(NULL, threads, seconds), last ? "" : ",");
}

int main(int argc, char **argv) {
    meter meters[METERS];
    cpu_set_t set;
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    if (!(seconds > 0 && seconds < 60)) {
        fprintf(stderr, "usage: peak_meter [SECONDS], each measurement's length, below 60\n");
        return 2;
    }
    cores = cores < MOST_THREADS ? cores : MOST_THREADS;
    choose(meters);
    printf("[");
    line(meters, 1, seconds, cores == 1);
    if (cores > 1)
        line(meters, cores, seconds, true);
    printf("]\n");
    return 0;
}
