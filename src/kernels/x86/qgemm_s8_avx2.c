/*
 * 8-bit GEMM for AVX2: 6 x 16 tile of int32 sums by vpmaddwd, two terms of the reduction at a time.
 *
 * vpmaddubsw would take bytes as they are, but its pairs saturate; both ways need one multiply
 * instruction for 16 exact products, so activations are widened to int16 once per block (into the
 * scratch) and weights once per plan.
 */
#include <string.h>

#include "kernels/kernel_table.h"
#include "kernels/x86/qrequant_avx2.h"

#define MR 6
#define NR 16

static inline __m256i widen(const uint8_t *from, __m128i flip) {
    return _mm256_cvtepi8_epi16(
        _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)from), flip));
}

/*
 * n bytes as int16. Reads and writes nothing past the end: the last vector overlaps the one before.
 */
static void widen_run(const uint8_t *from, int16_t *to, int64_t n, uint8_t flip_byte) {
    const __m128i flip = _mm_set1_epi8((char)flip_byte);
    if (n >= 16) {
        for (int64_t i = 0; i + 16 < n; i += 16)
            _mm256_storeu_si256((__m256i *)(void *)(to + i), widen(from + i, flip));
        _mm256_storeu_si256((__m256i *)(void *)(to + n - 16), widen(from + n - 16, flip));
    } else if (n >= 8) {
        __m128i first = _mm_cvtepi8_epi16(
            _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(const void *)from), flip));
        __m128i last = _mm_cvtepi8_epi16(
            _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(const void *)(from + n - 8)), flip));
        _mm_storeu_si128((__m128i *)(void *)to, first);
        _mm_storeu_si128((__m128i *)(void *)(to + n - 8), last);
    } else {
        for (int64_t i = 0; i < n; i++)
            to[i] = (int8_t)(from[i] ^ flip_byte);
    }
}

static void widen_rows(const gft_qgemm_args *g, int64_t padded) {
    int16_t *to = g->scratch;
    for (int64_t i = 0; i < g->rows; i++, to += padded) {
        for (int64_t t = 0; t < g->taps; t++)
            widen_run(g->a[t * g->a_stride + i], to + t * g->depth, g->depth, g->out.flip);
        for (int64_t k = g->taps * g->depth; k < padded; k++)
            to[k] = 0;
    }
}

/* One tile: `count` rows of 16 columns; sums begin with the offsets. */
typedef struct tile {
    const int16_t *a; /* rows, `padded` apart */
    const int16_t *b;
    int64_t padded;
    __m256i offset0, offset1;
    __m256 m0, m1;
    uint8_t *c;
    int64_t c_stride, width;
} tile;

static inline void store_row(const requant_avx2 *r, const tile *t, int64_t i, __m256i s0,
                             __m256i s1) {
    __m128i q = requantise_16(r, s0, s1, t->m0, t->m1);
    uint8_t *c = t->c + i * t->c_stride;
    if (t->width == NR)
        _mm_storeu_si128((__m128i *)(void *)c, q);
    else
        store_some(c, q, t->width);
}

static inline void store_rows(const requant_avx2 *r, const tile *t, int64_t i, __m256i a0, __m256i a1, __m256i b0,
                              __m256i b1) {
    const __m256i q = requantise_32(r, a0, a1, b0, b1, t->m0, t->m1);
    uint8_t *c = t->c + i * t->c_stride;
    if (t->width == NR) {
        _mm_storeu_si128((__m128i *)(void *)c, _mm256_castsi256_si128(q));
        _mm_storeu_si128((__m128i *)(void *)(c + t->c_stride), _mm256_extracti128_si256(q, 1));
    } else {
        store_some(c, _mm256_castsi256_si128(q), t->width);
        store_some(c + t->c_stride, _mm256_extracti128_si256(q, 1), t->width);
    }
}

#define ROW_SUMS(i)                                                                                \
    const int16_t *a##i = t->a + (i)*t->padded;                                                    \
    __m256i s##i##0 = t->offset0;                                                                  \
    __m256i s##i##1 = t->offset1;
#define ROW_STEP(i)                                                                                \
    x = load_pair(a##i + k);                                                                       \
    s##i##0 = _mm256_add_epi32(s##i##0, _mm256_madd_epi16(x, b0));                                 \
    s##i##1 = _mm256_add_epi32(s##i##1, _mm256_madd_epi16(x, b1));
#define STORE_ONE(i) store_row(r, t, i, s##i##0, s##i##1);
#define STORE_TWO(i, j) store_rows(r, t, i, s##i##0, s##i##1, s##j##0, s##j##1);

static inline __m256i load_pair(const int16_t *from) {
    int32_t pair;
    memcpy(&pair, from, sizeof pair);
    return _mm256_set1_epi32(pair);
}

#define DEFINE_TILE(name, EACH, STORE)                                                                    \
    static void name(const requant_avx2 *r, const tile *t) {                                       \
        const int16_t *b = t->b;                                                                   \
        EACH(ROW_SUMS)                                                                             \
        _Pragma("GCC unroll 2") for (int64_t k = 0; k < t->padded; k += 2, b += 2 * NR) {          \
            const __m256i b0 = _mm256_loadu_si256((const __m256i *)(const void *)b);               \
            const __m256i b1 = _mm256_loadu_si256((const __m256i *)(const void *)(b + NR));        \
            __m256i x;                                                                             \
            EACH(ROW_STEP)                                                                         \
        }                                                                                          \
        STORE                                                                                      \
    }

#define EACH_1(X) X(0)
#define EACH_2(X) X(0) X(1)
#define EACH_3(X) EACH_2(X) X(2)
#define EACH_4(X) EACH_3(X) X(3)
#define EACH_5(X) EACH_4(X) X(4)
#define EACH_6(X) EACH_5(X) X(5)
DEFINE_TILE(tile_1, EACH_1, STORE_ONE(0))
DEFINE_TILE(tile_2, EACH_2, STORE_TWO(0, 1))
DEFINE_TILE(tile_3, EACH_3, STORE_TWO(0, 1) STORE_ONE(2))
DEFINE_TILE(tile_4, EACH_4, STORE_TWO(0, 1) STORE_TWO(2, 3))
DEFINE_TILE(tile_5, EACH_5, STORE_TWO(0, 1) STORE_TWO(2, 3) STORE_ONE(4))
DEFINE_TILE(tile_6, EACH_6, STORE_TWO(0, 1) STORE_TWO(2, 3) STORE_TWO(4, 5))
static void (*const tiles[])(const requant_avx2 *, const tile *) = {tile_1, tile_2, tile_3,
                                                                    tile_4, tile_5, tile_6};

static void run(const gft_qgemm_args *g) {
    const requant_avx2 r = requant_avx2_of(&g->out);
    const int64_t padded = (g->taps * g->depth + 1) / 2 * 2;
    widen_rows(g, padded);
    for (int64_t col = 0; col < g->cols; col += NR) {
        tile t = {.padded = padded, .c_stride = g->c_stride};
        __m256i m0;
        __m256i m1;
        t.width = g->cols - col < NR ? g->cols - col : NR;
        t.b = (const int16_t *)(const void *)((const char *)g->b + col / NR * g->b_panel_stride);
        load_some(g->out.offset + col, t.width, &t.offset0, &t.offset1);
        load_some(g->out.multiplier + col, t.width, &m0, &m1);
        t.m0 = _mm256_castsi256_ps(m0);
        t.m1 = _mm256_castsi256_ps(m1);
        for (int64_t i = 0; i < g->rows; i += MR) {
            t.a = (const int16_t *)g->scratch + i * padded;
            t.c = g->c + i * g->c_stride + col;
            tiles[g->rows - i < MR ? g->rows - i - 1 : MR - 1](&r, &t);
        }
    }
}

const struct gft_qgemm_kernels gft_qgemm_s8_avx2 = {MR, NR, 2, 2, 2, 0, run};
